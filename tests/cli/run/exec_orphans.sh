# exec_orphans.sh - a run that is killed leaves no command behind that runs on, however much that wants to: nothing of it tells
# such a command, as it neither reads nor writes.
. "$(dirname "$0")/../lib.sh"

mkdir in
for name in one two three; do echo $name >in/$name; done

# Processes of this test can be told by what stands in their environment.
MILLRACE_TEST_MARK=orphans-$$
export MILLRACE_TEST_MARK
left_running() {
    for environment in /proc/[0-9]*/environ; do
        process=${environment%/environ}
        [ "${process#/proc/}" != $$ ] || continue
        grep -q -a -x -z "MILLRACE_TEST_MARK=orphans-$$" "$environment" 2>/dev/null || continue
        ! grep -q '^State:.*[ZX] ' "$process/status" 2>/dev/null || continue
        tr '\000' ' ' <"$process/cmdline" 2>/dev/null && echo || :
    done | grep '9876[4]' || :
}

# have_begun N: N commands say so.
have_begun() {
    [ "$(ls started | wc -l)" -ge "$1" ]
}

# orphans ARG...: one run of the commands, killed.
orphans() {
    rm -rf started out
    mkdir started
    "$MILLRACE" run in -q -j 2 -o out/ "$@" 2>"$err" &
    program=$!
    wait_until have_begun 2
    kill -KILL $program
    wait $program 2>/dev/null && fail "it was not killed" || :
    tries=0
    while [ -n "$(left_running)" ]; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || fail "$*: left running: $(left_running)"
        sleep 0.05
    done
}

orphans -x sh -c ': >started/{#}; exec sleep 98764'
orphans -x sh -c 'trap "" TERM HUP INT; : >started/{#}; while :; do sleep 98764; done'
orphans -x sh -c ': >started/{#}; sleep 98764 & kill -STOP $$'
orphans --exec-mode file --tmpdir . -x sh -c ': >started/{#}; sleep 98764; : {in} {out}'
orphans --exec-mode server -x sh -c ': >started/$$; sleep 98764 & exec sleep 98764'

# A run that ends leaves nothing either.
run run in -q -o good/ -x cat
expect_status 0
[ -z "$(left_running)" ] || fail "left running: $(left_running)"
