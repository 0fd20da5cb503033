# evil.sh - eleven operations that misbehave for some items: those are named with the reason, all others are as in threads, and nothing
# is left behind. What each does: tests/support/plugins/evil.c.
. "$(dirname "$0")/../lib.sh"

evil=$MR_BUILD/plugins/evil.so
[ -f "$evil" ] || skip "there are no plugins in this build"
sanitized=
! grep -q -a __asan_init "$MILLRACE" || sanitized=1
! grep -q -a __tsan_init "$MILLRACE" || sanitized=1

mkdir in
i=0
while [ $i -lt 1000 ]; do
    echo "good $i" >"in/f$i"
    i=$((i + 1))
done
run run in -o good.tar
expect_status 0
for i in 100 300 500 700 900; do
    echo "bad $i" >"in/f${i}bad"
done
run run in -o in.tar
expect_status 0

# Processes of this test can be told by what stands in their environment.
MILLRACE_TEST_MARK=evil-$$
export MILLRACE_TEST_MARK
left_behind() {
    for environment in /proc/[0-9]*/environ; do
        process=${environment%/environ}
        [ "${process#/proc/}" != $$ ] || continue
        if grep -q -a -x -z "MILLRACE_TEST_MARK=evil-$$" "$environment" 2>/dev/null; then
            tr '\000' ' ' <"$process/cmdline"
        fi
    done | grep -v '^grep' | grep millrace-operate || :
}

# evil OP TEXT: OP fails all bad items with TEXT, and no good one.
limit=60s
evil() {
    ulimit -n 100
    run run in.tar -p "$evil:$1" --isolate --timeout $limit -j 2 -f -o out.tar
    expect_status 1
    [ "$(grep -c "bad: .*$2" "$err")" = 5 ] || fail "$1: expected five times: $2"
    expect_same good.tar out.tar
    [ -z "$(left_behind)" ] || fail "$1: left behind: $(left_behind)"
}

evil abort "abort: the worker process was killed by signal 6 (ABRT)"
evil exit "exit: the worker process exited with status 0"
limit=500ms
evil loop "loop: out of time"
limit=60s
evil flood "made more than its bound() promised"
evil babble "gave status 24301, which it must not"
evil change "change: the worker process exited with status 68"
if [ -z "$sanitized" ]; then
    evil segv "segv: the worker process was killed by signal 11 (SEGV)"
    evil overflow "overflow: the worker process was killed by signal 11 (SEGV)"
    evil eat "there are no 100 GB"
    evil hoard "there are no 100 GB"

    # A thread that is left behind strikes while other items are at work: they are done again in another process, and it is
    # gone with its own.
    MILLRACE_TEST_STRAY=$PWD/struck
    export MILLRACE_TEST_STRAY
    run run in.tar -p "$evil:stray" --isolate -j 2 -o stray.tar
    expect_status 0
    expect_same in.tar stray.tar
    [ -s struck ] || fail "stray: no thread has struck"
    [ -z "$(left_behind)" ] || fail "stray: left behind: $(left_behind)"
fi

# What fails can be stored as it is.
run run in.tar -p "$evil:abort" --isolate --on-error copy -o copied.tar
expect_status 0
expect_same in.tar copied.tar
