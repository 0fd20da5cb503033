# A call that does not return cannot hold up the end: after the grace time, or a second signal, the run ends by its signal all the
# same, and removes what has a temporary name.
. "$(dirname "$0")/../lib.sh"
mkdir out
printf 'old\n' >out/file
mkfifo pipe

has_temporary() {
    [ -n "$(find . -name '.millrace-*' -o -name '.out.tar*')" ]
}
# hang ARG...: a run that reads from a pipe which gives something and then nothing more.
hang() {
    lib_command=$*
    "$MILLRACE" run - -q "$@" <pipe >"$out" 2>"$err" &
    child=$!
    exec 9>pipe
    head -c 5000000 /dev/urandom >&9
    wait_until has_temporary
}
# expect_end: waits for its end, after a signal, while the pipe stays open: a hang is the end of the test.
expect_end() {
    status=0
    wait "$child" || status=$?
    exec 9>&-
    expect_status 143
}
hang -f -o out/file
kill -TERM $child
sleep 0.2
kill -TERM $child
expect_end
[ -z "$(find out -name '.millrace-*')" ] || fail 'a temporary file was left'
expect_line out/file old

hang --no-archives --to tar -o out.tar
kill -TERM $child
expect_end
[ -z "$(find . -name '.out.tar*')" ] || fail 'a temporary file was left'
expect_missing out.tar
