# -x in file mode: {in} and {out} from a tree, an archive and a single file, and what is left in the directory for them.
. "$(dirname "$0")/../lib.sh"

make_tree in
rm in/link in/sub/hard.txt
printf 'odd\n' >"in/-rf"
printf 'odd\n' >"in/\$(touch x) 'a\".b c"
printf 'odd\n' >"$(printf 'in/new\nline.x')"
printf 'odd\n' >"$(printf 'in/bad\377utf.x')"
head -c 3000000 "$MILLRACE" >in/large.bin
find in -exec touch -h -d '2020-02-02 02:02:02' {} +
"$MILLRACE" run in -q -o in.zip
"$MILLRACE" run in -q -o in.tar.gz
mkdir tmp

for from in in in.zip in.tar.gz; do
    for how in -j1 '--tmpdir tmp -j4' '--exec-mode file --memory 1M --pool shared -j3'; do
        rm -rf out
        # shellcheck disable=SC2086
        run run $from -q -o out/ $how -x cp {in} {out}
        expect_status 0
        expect_same_tree in out
        [ -z "$(ls -A tmp)" ] || fail "left: $(ls -A tmp)"
    done
    # Names reach the command as they are; {in} or {out} alone. Order is kept in an archive.
    rm -rf out
    run run $from -q -o out/ --tmpdir tmp -x sh -c 'printf "%s\n" "$1" "$MILLRACE_PATH"; cat "$2"' sh {} {in}
    expect_status 0
    printf -- '-rf\n-rf\nodd\n' | cmp - out/-rf || fail "out/-rf"
    name=$(printf 'bad\377utf.x')
    printf '%s\n%s\nodd\n' "$name" "$name" | cmp - "out/$name" || fail "name that is not UTF-8"
    name=$(printf 'new\nline.x')
    printf '%s\n%s\nodd\n' "$name" "$name" | cmp - "out/$name" || fail "name with a newline"
    expect_missing x
    run run $from -q -f -o copy.tar -x dd status=none of={out}
    expect_status 0
    rm -rf out
    run run copy.tar -q -o out/
    expect_same_tree in out
done
[ -z "$(ls -A tmp)" ] || fail "left: $(ls -A tmp)"

# The extension of {out} is that of the output name, but for what later operations add.
mkdir names
echo x >names/a.png
for case in '--extension webp' '--suffix .webp' '-s /png/webp/'; do
    rm -rf out
    # shellcheck disable=SC2086
    run run names -q -o out/ $case -x sh -c 'echo "${1##*/} ${2##*/}" >"$2"' sh {in} {out}
    expect_status 0
    [ "$(cat out/*)" = 'in.png out.webp' ] || fail "$case: $(cat out/*)"
done
run run names/a.png -q -o one.jpg -x sh -c 'echo "${1##*/}" >"$1"' sh {out}
[ "$(cat one.jpg)" = out.jpg ] || fail "$(cat one.jpg)"
run run names -q -o out/ -x sh -c 'echo "${1##*/}" >"$1"' sh {out} \; -p gzip
expect_status 0
[ "$(gzip -dc out/a.png.gz)" = out.png ] || fail "with -p gzip behind it"

# The number of the item depends on the order of the input alone, not on threads.
for size in -j1 -j4; do
    rm -rf out
    run run in -q -o out/ $size -x echo {#} {threads}
    expect_status 0
    find out -type f -print0 | sort -z | xargs -0 cat | sed 's/ .*//' >numbers.$size
done
expect_same numbers.-j1 numbers.-j4
sort -n numbers.-j1 | uniq >sorted
seq 1 "$(wc -l <sorted)" | cmp - sorted || fail "numbers: $(cat sorted)"

# Failures say what was missing; a changed input is noticed although nobody has read it.
run run names -q -o out2/ -x true {out}
expect_status 1
expect_text "$err" 'names/a.png: exec: true ended well, but made no file {out}'
run run names -q -o out2/ -x sh -c 'cp "$1" "$2"; echo y >>names/a.png' sh {in} {out}
expect_status 1
expect_text "$err" 'names/a.png: changed while it was read'
run run names -q -o out2/ --on-error copy -x false {in}
expect_same names/a.png out2/a.png

# Options.
run run names -o out3/ --exec-mode filter -x cat {in}
expect_usage '{in} is a file, which only file mode has'
run run names -o out3/ --exec-mode other -x cat
expect_usage 'filter|file'
run run names -o out3/ --tmpdir tmp
expect_usage '--tmpdir is for commands, and there is no -x'
run run names -o out3/ --ok-status 0-1
expect_usage '--ok-status is for commands'
run run names -o out3/ --ok-status 0- -x cat
expect_usage 'is no list of exit statuses'
run run names -o out3/ --tmpdir /nowhere -x cp {in} {out}
expect_text "$err" 'cannot use /nowhere for temporary files'
run run names -o out3/ --tmpdir /dev/null -x cp {in} {out}
expect_text "$err" 'cannot use /dev/null for temporary files: Not a directory'
run run names -o null: --ok-status 1 -x true
expect_status 1
expect_text "$err" 'true exited with status 0, which is none of --ok-status'
expect_missing out3
run help commands
expect_text "$out" '{out} one that the command makes'

# After a signal nothing is left, and no command runs on: where the processors are free for the 0.3 s which that may take. What is
# left all the same goes with the next run.
for attempt in 1 2 3 4 5 6; do
    "$MILLRACE" run in -q -o out4/ --tmpdir tmp -j2 -x sh -c 'echo x >"$2"; sleep 1000 & wait' sh {in} {out} 2>"$err" &
    pid=$!
    i=0
    while [ "$(find tmp -name 'out*' | wc -l)" -lt 2 ] && [ $i -lt 1200 ]; do sleep 0.05; i=$((i + 1)); done
    kill -TERM $pid
    sleep 0.2
    kill -TERM $pid 2>/dev/null || :
    code=0
    wait $pid || code=$?
    [ "$code" = 143 ] || fail "ended with $code"
    rm -rf out4
    [ -n "$(ls -A tmp)" ] || break
done
[ -z "$(ls -A tmp)" ] || fail "left after a signal: $(find tmp)"
