# stderr: quiet, colours, escaped names, the status line, closed descriptors, signals.
. "$(dirname "$0")/../lib.sh"

make_tree in
: >"in/$(printf 'evil\033[31m\nname')"

run run in -v -o a/
expect_status 0
expect_text "$err" 'evil\x1b[31m\nname'
expect_no_text "$err" "$(printf '\033')"
expect_text "$err" 'memory '
run run in -q -o b/
expect_empty "$err"
run run in --stats -j2 -o c/
expect_text "$err" 'load '
expect_text "$err" 'starved'
run run in -o a/ --color always
expect_status 1
expect_text "$err" "$(printf '\033[1;31mmillrace:\033[0m ')"
NO_COLOR=1 run run in -o a/ --color always
expect_text "$err" "$(printf '\033[1;31m')"

# Closed descriptors do not become files of the run.
status=0
lib_command='run <&- >&- 2>&-'
"$MILLRACE" run in -o d/ <&- >&- 2>&- || status=$?
expect_status 0
expect_same_tree in d
status=0
"$MILLRACE" run in -q -o - --to tar >&- 2>"$err" <&- || status=$?
expect_status 3

# A closed reader is an error of the run, told in one line, not a signal.
yes 0123456789 | head -c 3000000 >big
# Those that tests are run by may ignore the signal, which is handed on.
{ status=0; env --default-signal=PIPE "$MILLRACE" run big big -q -o - 2>"$err" || status=$?; echo "$status" >"$lib_room/status"; } | true
[ "$(cat "$lib_room/status")" = 3 ] || fail "status $(cat "$lib_room/status") after a closed reader"
expect_text "$err" 'Broken pipe'

# Signals end the run in order, and millrace by that signal; nothing half-written stays.
mkdir many
for i in 1 2 3 4 5 6 7 8 9; do for k in 1 2 3 4 5; do echo "$i$k" >"many/$i$k"; done; done
# stop_run SIGNAL COUNT: starts a run whose commands do not end, but for the first, and sends it the signal COUNT times.
stop_run() {
    lib_command="run, then $2 x SIG$1"
    rm -rf s begun
    # A shell starts background jobs with SIGINT ignored: env puts it back.
    env --default-signal=INT,HUP,TERM "$MILLRACE" run many -q -j2 \
        -x sh -c 'case {} in 11) ;; *) : >begun; sleep 1000 ;; esac; cat' ';' -o s/ >"$out" 2>"$err" &
    pid=$!
    wait_until [ -e begun ]
    kill -s "$1" "$pid"
    wait_until grep -q 'stopping: ' "$err"
    [ "$2" = 1 ] || kill -s "$1" "$pid"
    status=0
    wait "$pid" || status=$?
    expect_text "$err" 'stopping: '
    [ "$(find s -type f | wc -l)" -lt 45 ] || fail "the run was not stopped"
    [ "$(find s -type f ! -name '[1-9][1-5]' | wc -l)" = 0 ] || fail "temporary files were left"
    [ "$(find s -type f ! -size 3c | wc -l)" = 0 ] || fail "a file is not complete"
}
stop_run INT 2
expect_status 130
expect_text "$err" 'stopping now'
stop_run HUP 2
expect_status 129
stop_run TERM 1
expect_status 143
expect_text "$err" 'stopping now'

# On a terminal there is a status line, and it is gone at the end; stdout is refused as output.
if command -v script >/dev/null 2>&1; then
    TERM=xterm script -qec "'$MILLRACE' run in -j1 -x sh -c 'sleep 0.3; cat' ';' -o t/" /dev/null >"$out" 2>&1 </dev/null || :
    expect_text "$out" 'in flight'
    expect_text "$out" "$(printf '\r\033[K')"
    TERM=xterm script -qec "'$MILLRACE' run in -o -" /dev/null >"$out" 2>&1 </dev/null || :
    expect_text "$out" 'refused on a terminal'
fi
run run in --progress never -q -o u/
expect_empty "$err"
