# The progress on a terminal that is resized while it is drawn: no broken lines, messages whole and above it, and nothing
# of it left at the end.
. "$(dirname "$0")/../lib.sh"
need tmux

screen() { tmux -u -S "$lib_room/tmux" "$@"; }
trap 'screen kill-server 2>/dev/null || :; lib_remove' EXIT

# An item is through when there is a file of its name in gates; one with bad in its name fails then. One reader: the commands
# come in the order of the items.
mkdir in gates
for i in 1 2 3 4 5 6 7 8 9; do echo "$i" >"in/$i"; done
for i in 1 2 3; do echo "$i" >"in/${i}bad"; done
cat >gate <<'END'
while [ ! -e "gates/$1" ]; do sleep 0.02; done
case $1 in *bad) echo "this one did not go through, and the reason is longer than 40 columns" >&2; exit 1 ;; esac
cat
END
# The screen is full, as it is in use: tmux pushes lines of one that is not off its top where others get longer.
cat >go <<END
seq -f 'before %g' 30
echo \$\$ >pid
"$MILLRACE" run in -o out/ -R1 -j1 --color never --memory 64M -x sh gate '{/}' \;
echo "ended with \$?"
exec sleep 1000
END

# look: the screen and what scrolled off it, as text in ASCII, without empty lines and what was there before; lines that
# wrapped are whole again. Where a line that had wrapped is drawn anew as two, tmux may go on to take these for one.
look() {
    screen capture-pane -p -J -S - -t here |
        sed -e 's/█/#/g; s/▏/#/g; s/▎/#/g; s/▍/#/g; s/▌/#/g; s/▋/#/g; s/▊/#/g; s/▉/#/g; s/░/./g; s/▸/>/g; s/ *$//; s/\([^ ]\)  *\(>\{0,1\}load [#.]\{5\} \)/\1\n\2/' -e '/^before /d; /^$/d' >screen
}

counts='[0-9]+ of [0-9]+\+? items(  [0-9]+ failed)?(  +[0-9.]+ [kM]B/s in, +[0-9.]+ out)?(  ETA [0-9:]+)?'
long="^([#.]{6,20}  )?( *[0-9]+%  )?$counts\$"
stages='^>?load [#.]{5}  >?process [#.]{5}  >?store [#.]{5}(  limited by [a-z]+)?(  [0-9]+ in flight)?(  [0-9.]+ [KM]?i?B of 64.0 MiB)?$'
short='^([0-9]+%  )?[0-9]+/[0-9]+\+?(  [0-9]+ failed)?(  [0-9.]+ [kM]B/s)?(  ETA [0-9:]+)?(  >[a-z]+)?$'
message='^millrace: .*(not go through, and the reason is longer than 40 columns|so far.*limited by process)$'

# is_right PATTERN...: the screen is messages, and below them one line for each PATTERN.
is_right() {
    head -n "-$#" screen | grep -vqE -e "$message" && return 1
    tail -n "$#" screen >tail
    for lib_word in "$@"; do
        head -n 1 tail | grep -qE -e "$lib_word" || return 1
        sed -i 1d tail
    done
}

# expect_screen COLUMNS MESSAGES PATTERN...: in a terminal of that width, the screen becomes right.
expect_screen() {
    lib_command="a screen of $1 columns with $2 messages"
    screen resize-window -t here -x "$1" -y 24
    messages=$2
    shift 2
    for lib_try in $(seq 300); do
        look
        if is_right "$@" && [ "$(grep -cE -e "$message" screen)" = "$messages" ]; then return; fi
        sleep 0.1
    done
    cat screen >&2
    fail "the screen is not right"
}

LC_ALL=C.UTF-8 screen -f /dev/null new-session -d -s here -x 80 -y 24 "sh go"
expect_screen 80 0 "$long" "$stages"
touch gates/1 gates/1bad
expect_screen 80 1 "$long" "$stages"
grep -q '#' screen || fail "no bar"
grep -qE '1 failed' screen || fail "the failure is not counted"
expect_screen 40 1 "$short"
touch gates/2 gates/2bad
expect_screen 40 2 "$short"
expect_screen 100 2 "$long" "$stages"
expect_screen 20 2 "$short"
expect_screen 60 2 "$long" "$stages"
pkill -USR1 -P "$(cat pid)" millrace || fail "no program to ask"
expect_screen 80 3 "$long" "$stages"
# Again and again, as by a mouse.
for columns in 79 78 75 70 66 61 59 50 44 41 40 43 55 64 72 90 110 37 80; do
    screen resize-window -t here -x $columns -y 24
    [ $((columns % 2)) = 0 ] || sleep 0.05
done
expect_screen 80 3 "$long" "$stages"
touch gates/3 gates/3bad
expect_screen 80 4 "$long" "$stages"

for i in 4 5 6 7 8 9; do touch "gates/$i"; done
for lib_try in $(seq 300); do
    look
    ! grep -q '^ended with 1$' screen || break
    sleep 0.1
done
[ "$(tail -n 1 screen)" = 'ended with 1' ] || fail "it did not end: $(cat screen)"
! grep -E -e "$long|$stages|$short" screen || fail "something of the progress is left"
grep -v '^millrace: ' screen >rest || :
expect_output_rest=$(cat rest)
[ "$expect_output_rest" = 'ended with 1' ] || fail "there is something else: $expect_output_rest"
[ "$(grep -cE -e "$message" screen)" = 4 ] || fail "messages are missing"
