# Closed standard descriptors, a closed reader, few descriptors.
. "$(dirname "$0")/../lib.sh"
make_tree in

run_command sh -c '"$MILLRACE" run in -q -o out/ <&- >&- 2>&-'
expect_status 0
expect_same_tree in out
run_command sh -c '"$MILLRACE" run in -o - --to tar >&-'
expect_status 3
expect_text "$err" 'cannot write stdout'
run_command sh -c '"$MILLRACE" list in >&-'
expect_status 3
run_command sh -c '"$MILLRACE" run - -o x.tar <&-'
[ "$status" != 0 ] || fail "a closed stdin was taken for an empty one"
expect_missing x.tar

head -c 3000000 /dev/urandom >big
run_command sh -c '{ env --default-signal=PIPE "$MILLRACE" run in big -o - --to tar; echo $? >status; } | head -c 10 >first'
[ "$(cat status)" = 3 ] || fail "a closed reader gave status $(cat status)"
expect_text "$err" 'Broken pipe'
# Threads of a run block the signal as well; what the main thread writes needs it ignored.
mkfifo closed
run_command sh -c 'exec 5<>closed 6>closed 5<&-; env --default-signal=PIPE "$MILLRACE" list in >&6; echo $? >status'
[ "$(cat status)" = 3 ] || fail "a closed reader of list gave status $(cat status)"

# Deeper than there are descriptors: those of the directories on the way are given up and opened again.
mkdir deep
(cd deep && for i in $(seq 60); do mkdir d && cd d && echo "$i" >f; done)
run_command sh -c 'ulimit -n 32 && exec "$MILLRACE" run deep -q -o deep2/'
case $(cat "$err") in *Sanitizer*) fail "a sanitizer reported" ;; esac
expect_status 0
[ "$(find deep2 -type f | wc -l)" = 60 ] || fail "files are missing"
