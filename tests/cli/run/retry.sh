# What fails at times is tried again: a command that fails the first times that it sees an item, from each kind of source into each
# kind of output; and what is said about it.
. "$(dirname "$0")/../lib.sh"

mkdir in count
for name in a b; do echo "$name" >"in/$name.txt"; done
head -c 3000000 "$MILLRACE" | tr -d '\000' >in/large.txt
tar -cf in.tar -C in a.txt b.txt large.txt
(cd in && run run . -q -o ../in.zip && expect_status 0)

# Fails as often as its first argument says, after it has read its input and written half of it.
cat >flaky <<'END'
seen=$PWD/count/$(basename "$MILLRACE_PATH")
echo x >>"$seen"
if [ "$(wc -l <"$seen")" -le "$1" ]; then
    head -c 1500000
    cat >/dev/null
    exit 9
fi
exec cat
END
again() {
    rm -rf count out out.* files
    mkdir count
}
# expect_content DIR: it is as the input, after three attempts for each file.
expect_content() {
    for name in a b large; do
        cmp "in/$name.txt" "$1/$name.txt" || fail "$1/$name.txt"
        [ "$(wc -l <"count/$name.txt")" = 3 ] || fail "attempts of $name"
    done
}
for case in 'in -R1 -j1 -W1 --memory 1M' 'in.tar -R2 -j3 -W2' 'in.zip --pool shared -j3 --retry-delay 10ms' '- -j2 --retry-delay 50ms'; do
    for output in out/ out.zip out.tar; do
        again
        # shellcheck disable=SC2086
        run run $case --retries 2 -o $output -x sh "$PWD/flaky" 2 <in.tar
        expect_status 0
        expect_text "$err" 'millrace: 3 retried'
        expect_no_text "$err" 'exited'
        files=out
        [ $output = out/ ] || { run run $output -q -o files/ && files=files; }
        expect_content $files
    done
    again
    # shellcheck disable=SC2086
    run run $case --retries 2 -o - -x sh "$PWD/flaky" 2 <in.tar
    expect_status 0
    cat in/a.txt in/b.txt in/large.txt | cmp - "$out" || fail "stdout of $case"

    # Too often: named with the number of attempts, and what --on-error says is done.
    again
    # shellcheck disable=SC2086
    run run $case -q --retries 1 -o out/ -x sh "$PWD/flaky" 2 <in.tar
    expect_status 1
    [ "$(grep -c 'exec: sh exited with status 9.*(2 attempts)$' "$err")" = 3 ] || fail "messages"
    [ -z "$(find out -type f 2>/dev/null)" ] || fail "there is something in out"
    again
    # shellcheck disable=SC2086
    run run $case -q --retries 1 --on-error copy -o out.tar -x sh "$PWD/flaky" 2 <in.tar
    expect_status 0
    run run out.tar -q -o files/
    diff -r in files || fail "copies from $case"
done

# Nobody waits for a turn in a way that keeps the item whose turn it is from being worked on again.
mkdir many
for i in 1 2 3 4 5 6 7 8 9; do head -c 1500000 in/large.txt >many/$i.txt; done
for output in 'out.tar' 'out/ --collide last' 'out.zip --unordered'; do
    again
    # shellcheck disable=SC2086
    run run many -j2 --memory 2M --retries 1 --retry-delay 50ms -o $output -x sh "$PWD/flaky" 1
    expect_status 0
    expect_text "$err" 'millrace: 9 retried'
done

# One that was good the second time is named by -v alone.
again
run run in -v --retries 5 -o out/ -e txt -x sh "$PWD/flaky" 1
expect_status 0
expect_line "$err" 'millrace: in/a.txt -> out/a.txt (2 attempts)'

# Damaged content stays damaged, and a command that cannot be run will not be run.
printf 'no gzip' >bad.gz
run run bad.gz -q --retries 3 --retry-delay 1h -o out/ -p gunzip
expect_status 1
expect_no_text "$err" attempts
printf '#!/no/such/interpreter\n' >broken
chmod 755 broken
run run bad.gz -q --retries 3 --retry-delay 1h -o out/ -x ./broken
expect_status 1
expect_no_text "$err" attempts

# The wait for another attempt ends with the run.
printf 'one\n' >one
"$MILLRACE" run one -q --retries 1 --retry-delay 1h -o waits/ -x sh -c ': >tried; exit 1' 2>waits.err &
pid=$!
wait_until [ -e tried ]
sleep 0.3
kill -TERM $pid
code=0
wait $pid || code=$?
[ $code = 143 ] || fail "status $code after SIGTERM"
expect_text waits.err 'one: exec: sh exited with status 1'
