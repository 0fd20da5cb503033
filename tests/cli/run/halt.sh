# --timeout and --halt: what is late fails by name, and a run that fails too often ends, with what is complete.
. "$(dirname "$0")/../lib.sh"

mkdir in
for i in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    echo "$i" >"in/$i"
done

# expect_late DIR NAME...: these are late, by name, and not in DIR, where most of the others are. On a busy machine others may be
# late as well.
expect_late() {
    lib_directory=$1
    shift
    expect_status 1
    for lib_word in "$@"; do
        expect_text "$err" "in/$lib_word: took longer than "
        expect_missing "$lib_directory/$lib_word"
    done
    stored=$(find "$lib_directory" -type f | wc -l)
    [ $((stored + $(grep -c ': took longer than ' "$err"))) = 30 ] || fail "in $lib_directory: $(ls "$lib_directory")"
    [ "$stored" -ge 15 ] || fail "$stored files in $lib_directory"
}

# A command that never ends.
start=$(date +%s)
run run in -q --timeout 1500ms -j4 -o late/ -x sh -c 'case $MILLRACE_PATH in 03 | 17) sleep 600;; esac; cat'
expect_late late 03 17
expect_text "$err" 'in/03: took longer than 1.5 s'
# The limit is known after ten others only; then it ends what began before that, too.
run run in -q --timeout 2000% -j4 -o median/ -x sh -c 'case $MILLRACE_PATH in 01 | 30) sleep 600;; *) sleep 0.1;; esac; cat'
expect_late median 01 30
expect_text "$err" ', 2000% of the median'
# Each attempt has its own time.
run run in/03 -q --timeout 1s --retries 5 -o twice/ -x sh -c '[ -e again ] && exec cat; : >again; sleep 600'
expect_status 0
cmp in/03 twice/03 || fail "twice/03"
# Waiting for a slow output is not work.
for i in 1 2 3 4 5; do # on a busy machine one may be late all the same
    rm -f slow.failed
    { "$MILLRACE" run in -q --timeout 1s -o - -p gzip || : >slow.failed; } | { sleep 2; cat >slow.out; }
    [ -e slow.failed ] || break
done
expect_missing slow.failed
[ "$(($(date +%s) - start))" -lt 300 ] || fail "it took too long"

# A number of failures, and a part of all.
run run in -j1 -R1 -W1 --halt 3 -o halt/ -x sh -c 'case $MILLRACE_PATH in 0[2-9]) exit 1;; esac; cat'
expect_status 3
expect_text "$err" 'items failed (--halt)'
expect_text "$err" 'in/04: exec: '
cmp in/01 halt/01 || fail "halt/01"
run run in -q --halt 3 -o halt.tar -x false
expect_status 3
expect_missing halt.tar
run run in -q --halt 8 -o eight/ -x sh -c 'case $MILLRACE_PATH in 0[3-9]) exit 1;; esac; cat'
expect_status 1
run run in -q --halt 50% -o half/ -x sh -c 'case $MILLRACE_PATH in 0? | 10) exit 1;; esac; cat'
expect_status 1
run run in -q --halt 20% -o fifth/ -x sh -c 'case $MILLRACE_PATH in 0? | 10) exit 1;; esac; cat'
expect_status 3
expect_text "$err" 'items failed (--halt)'
run test in -q --halt 2 -x false
expect_status 3
# After that no command begins: neither by a number, nor with --on-error stop, though many items are in flight.
for way in '--halt 1' '--on-error stop'; do
    rm -rf began.log given_up
    # shellcheck disable=SC2086
    run run in -q -j2 -R1 -W1 $way -o given_up/ -x sh -c 'echo "$MILLRACE_PATH" >>began.log; [ "$MILLRACE_PATH" != 01 ] && sleep 1 && cat'
    expect_status 3
    [ "$(wc -l <began.log)" -le 6 ] || fail "$way: $(wc -l <began.log) commands began"
    [ "$(find given_up -type f | wc -l)" = $(($(wc -l <began.log) - 1)) ] || fail "$way: what had begun did not end"
done

# --in-place: one input after the other, each with a job of its own.
printf 'good\n' | gzip >good.gz
for i in 1 2 3 4; do cp good.gz "good$i.gz"; done
run run in/01 in/02 in/03 in/04 --in-place -q --halt 2 -x sh -c 'case $MILLRACE_PATH in 01) tr 0 9;; *) exit 1;; esac'
expect_status 3
expect_text "$err" 'stopped: 2 of 3 inputs failed (--halt)'
[ "$(cat in/01)" = 91 ] || fail "in/01"
expect_no_text "$err" 'in/04'

# Values.
for bad in 0 0s -1 soon 50% 0% 99% %; do
    run run in -o o/ -x cat \; --timeout "$bad"
    expect_usage '--timeout: '
done
for bad in 0 -1 0% 100% % x; do
    run run in -o o/ -x cat \; --halt "$bad"
    expect_usage '--halt: '
done
for bad in -1 x 1.5 9999999; do
    run run in -o o/ -x cat \; --retries "$bad"
    expect_usage '--retries: '
done
run run in -o o/ -x cat \; --retries 1 --retry-delay never
expect_usage '--retry-delay: '
run run in -o o/ -x cat \; --retry-delay 1s
expect_usage '--retries N'
run run in -o o/ --timeout 1s
expect_usage 'there is no -p and no -x'
run list in --retries 1
expect_usage '--retries is no option of list'
expect_missing o
run help failures
expect_text "$out" '--retries N'
