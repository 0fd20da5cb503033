# Two runs on one output or journal: the second is refused, and says whom to wait for. Nothing is left of a lock.
. "$(dirname "$0")/../lib.sh"
mkdir in
for i in $(seq 1 40); do printf '%s\n' "$i" >"in/$i"; done
# slow ARG...: a run that has begun when it is back, and stored one file; the others wait for a file named go.
slow() {
    rm -f begun
    "$MILLRACE" run in -q -j 2 -x sh -c 'case {} in 1) : ;; *) : >begun; while [ ! -e go ]; do sleep 0.05; done ;; esac; cat' \; \
        "$@" 2>"$lib_room/slow" &
    child=$!
    wait_until [ -e begun ]
}
for output in out/ out.tar out.zip; do
    rm -rf journal go
    slow -o $output --journal journal
    run run in -o $output -f
    expect_status 3
    expect_text "$err" "another run (process $child)"
    run run in -o other/ --journal journal --resume
    expect_status 3
    expect_text "$err" "another run (process $child) uses the journal"
    kill -KILL $child
    wait $child 2>/dev/null || :
    : >go
    run run in -q -j 2 -x sh -c 'case {} in 1) : ;; *) : >begun; while [ ! -e go ]; do sleep 0.05; done ;; esac; cat' \; -o $output --journal journal --resume
    expect_status 0
    [ -z "$(find . -name '.*')" ] || [ "$(find . -name '.*' ! -name .)" = '' ] || fail "something was left"
done
expect_same_tree in out
# Single files do not shut others out of their directory.
rm go
slow -o dir/
printf 'a\n' >single
run run single -o dir/single
expect_status 0
kill -KILL $child
