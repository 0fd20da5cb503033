# A call that does not return cannot hold up the end: after the grace time, or a second signal, the run ends by its signal all the
# same, and removes what has a temporary name.
. "$(dirname "$0")/../lib.sh"
mkdir out
printf 'old\n' >out/file
mkfifo pipe

# hang ARG...: a run that reads from a pipe which gives something and then nothing more.
hang() {
    lib_command=$*
    "$MILLRACE" run - -q "$@" <pipe >"$out" 2>"$err" &
    child=$!
    exec 9>pipe
    head -c 5000000 /dev/urandom >&9
    sleep 0.3
}
# ended_within MS: waits for its end, after a signal.
ended_within() {
    began=$(date +%s%N)
    status=0
    wait "$child" || status=$?
    took=$((($(date +%s%N) - began) / 1000000))
    exec 9>&-
    expect_status 143
    [ "$took" -le "$1" ] || fail "it took $took ms"
}
hang -f -o out/file
[ -n "$(find out -name '.millrace-*')" ] || fail 'there is no temporary file to be removed'
kill -TERM $child
sleep 0.2
kill -TERM $child
ended_within 2000
[ -z "$(find out -name '.millrace-*')" ] || fail 'a temporary file was left'
expect_line out/file old

hang --no-archives --to tar -o out.tar
[ -n "$(find . -name '.out.tar*')" ] || fail 'there is no temporary file to be removed'
kill -TERM $child
ended_within 7000
[ -z "$(find . -name '.out.tar*')" ] || fail 'a temporary file was left'
expect_missing out.tar
