# ends.sh - worker processes end with the program that started them, however that ends.
. "$(dirname "$0")/../lib.sh"

evil=$MR_BUILD/plugins/evil.so
[ -f "$evil" ] || skip "there are no plugins in this build"
mkdir in
for i in 1 2 3 4; do echo "content" >in/bad$i; done

# The worker processes of the program, when there are as many as there should be.
find_workers() {
    workers=
    tries=0
    while [ "$(echo $workers | wc -w)" -lt 3 ]; do # one more was asked what the plugin has
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || fail "there are no worker processes: $workers"
        sleep 0.05
        workers=$(cat /proc/"$program"/task/*/children)
    done
}

# expect_gone: they and the program are gone before long.
expect_gone() {
    for worker in $workers; do
        tries=0
        while [ -e "/proc/$worker" ] && ! grep -q '^State:.*[ZX] ' "/proc/$worker/status" 2>/dev/null; do
            tries=$((tries + 1))
            [ $tries -lt 1200 ] || fail "process $worker is left behind"
            sleep 0.05
        done
    done
}

for signal in KILL TERM; do
    rm -rf out
    "$MILLRACE" run in -p "$evil:loop" --isolate -j 2 -o out/ 2>"$err" &
    program=$!
    find_workers
    kill -$signal $program
    [ $signal = KILL ] || kill -$signal $program # at once
    wait $program 2>/dev/null && fail "it went on after SIG$signal" || :
    expect_gone
done
