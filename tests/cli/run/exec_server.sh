# -x with --exec-mode server: the same results as filter mode, bad workers among good ones, the worker of the help, git-lfs.
. "$(dirname "$0")/../lib.sh"

worker=$MR_BUILD/tests/filter_worker
[ -x "$worker" ] || skip "the tests' worker is not built"

make_tree in
rm in/link in/sub/hard.txt
printf 'odd\n' >"in/-rf"
printf 'odd\n' >"in/\$(touch x) 'a\".b c"
printf 'odd\n' >"$(printf 'in/new\nline.x')"
printf 'odd\n' >"$(printf 'in/bad\377utf.x')"
head -c 3000000 "$MILLRACE" >in/large.bin
for i in 1 2 3 4 5 6 7 8 9; do seq $i $((i * 500)) | sed 's/$/ abc/' >in/$i.txt; done
find in -exec touch -h -d '2020-02-02 02:02:02' {} +
run run in -q -o expected.tar -x tr a-z A-Z
expect_status 0
mkdir expected
run run expected.tar -q -o expected/
expect_status 0

# The same bytes whatever the threads, from a tree and an archive, to a tree and an archive.
"$MILLRACE" run in -q -o in.zip
for from in in in.zip; do
    for how in -j1 '-j4 --pool shared' '-R3 -j2 -W3 --memory 1M'; do
        # shellcheck disable=SC2086
        run run $from -q -f -o out.tar $how --exec-mode server -x "$worker"
        expect_status 0
        [ $from != in ] || expect_same expected.tar out.tar
        rm -rf out
        # shellcheck disable=SC2086
        run run $from -q -o out/ $how --exec-mode server -x "$worker"
        expect_status 0
        expect_same_tree expected out
    done
done
expect_missing x

# In a chain, behind and before other operations.
run run in -q -o chain/ -p gzip --exec-mode server -x "$worker" \; -p copy
expect_status 0
run run in -q -o twice.tar --exec-mode server -x "$worker" \; -x "$worker"
expect_status 0
expect_same expected.tar twice.tar

# One process for each worker: not for each item, nor for each kind of member (stored, deflated).
mkdir starts
for from in in in.zip; do
    for to in 'out.tar -j2' 'out.zip -R3 -j2' 'null: -j2 --pool shared'; do
        rm -f starts/*
        # shellcheck disable=SC2016,SC2086
        run run $from -q -f -o $to --exec-mode server -x sh -c 'echo >>starts/$$; exec "$0"' "$worker"
        expect_status 0
        count=$(find starts -type f | wc -l)
        [ "$count" -le 2 ] || fail "$count processes for 2 workers"
    done
done

# Bad items among good ones: these are right, those are named with the reason.
mkdir mixed
i=0
while [ $i -lt 200 ]; do
    echo "some text $i" >mixed/$i.txt
    i=$((i + 1))
done
for word in die segv bad error late-error delayed half nothing; do echo "text" >mixed/100.$word.txt; done
run run mixed -o out-mixed/ --exec-mode server -x "$worker"
expect_status 1
[ "$(find out-mixed -type f | wc -l)" = 200 ] || fail "$(find out-mixed -type f | wc -l) of 200 good items"
[ "$(cat out-mixed/150.txt)" = "SOME TEXT 150" ] || fail "150.txt"
expect_text "$err" "100.die.txt: exec: $worker exited with status 3 before it had answered: out of ideas"
expect_text "$err" "100.segv.txt: exec: $worker was killed by signal 11 (SEGV) before it had answered"
expect_text "$err" "100.bad.txt: exec: $worker broke the protocol: "
expect_text "$err" "100.error.txt: exec: $worker refused the item (status=error): not this one"

# -v: what it said during that item, not before.
mkdir noisy
echo x >noisy/1.flood.txt
echo x >noisy/2.error.txt
run run noisy -v -o out-noisy/ -j1 --exec-mode server -x "$worker"
expect_status 1
expect_line "$err" 'millrace: noisy/2.error.txt: | not this one'
[ "$(grep -c ': | ' "$err")" = 1 ] || fail "more than what the item is about"

# What aborts, and what is no filter process.
mkdir aborts
echo x >aborts/1.abort.txt
echo x >aborts/2.txt
run run aborts -o out-aborts/ -R1 -j1 --exec-mode server -x "$worker"
expect_status 1
expect_text "$err" "1.abort.txt: exec: $worker refused the item, and wants no others (status=abort)"
expect_text "$err" "2.txt: exec: $worker wants no more items"
run run mixed -o out-cat/ --exec-mode server -x cat
expect_status 1
expect_text "$err" "cat is no filter process: it said \"git-filter-client\" instead of git-filter-server"
expect_text "$err" "cat is not started again: 3 times in a row it did not get through its greeting"

# --retries and --timeout: a hang and a crash cost their item, and a start that takes longer than an item may costs none.
mkdir hangs
i=0
while [ $i -lt 60 ]; do
    echo "some text $i" >hangs/$i.txt
    i=$((i + 1))
done
echo x >hangs/20.mute.txt
echo x >hangs/21.die.txt
run run hangs -o out-hangs/ -j1 --timeout 1000000% --retries 1 --exec-mode server -x "$worker" slow
expect_status 1
expect_text "$err" 'hangs/20.mute.txt: took longer than'
expect_text "$err" 'hangs/21.die.txt: exec: '
expect_text "$err" 'out of ideas (2 attempts)'
[ "$(find out-hangs -type f | wc -l)" = 60 ] || fail "$(find out-hangs -type f | wc -l) of 60 good items"

# smudge.
mkdir plain
echo abc >plain/a.smudged.txt
run run plain -q -o out-plain/ --server-command smudge --exec-mode server -x "$worker"
expect_status 0
expect_same plain/a.smudged.txt out-plain/a.smudged.txt

# Usage.
run run in -o o/ --exec-mode server -x "$worker" {}
expect_usage '-x: {} is of one item, and in server mode the command is started for many'
run run in -o o/ --exec-mode server -x "$worker" x{out}
expect_usage '{out} is of one item'
run run in -o o/ --server-command smudge -x cat
expect_usage '--server-command is for --exec-mode server'
run run in -o o/ --exec-mode server --ok-status 1 -x cat
expect_usage '--ok-status has no meaning with --exec-mode server'
run run in -o o/ --exec-mode server --tmpdir . -x cat
expect_usage '--tmpdir has no meaning with --exec-mode server'
run run in -o o/ --server-command clean
expect_usage '--server-command is for commands, and there is no -x'
run run in -o o/ --exec-mode serve -x cat
expect_usage 'serve'
expect_missing o

# The worker of the help, as it stands there.
if command -v python3 >/dev/null 2>&1; then
    "$MILLRACE" help servers | sed -n 's/^    //p' >worker.py
    run run in -q -f -o python.tar -j2 --exec-mode server -x python3 worker.py
    expect_status 0
    expect_no_text "$err" Traceback
    mkdir text
    cp in/*.txt text
    run run text -q -o text-filter.tar -x tr a-z A-Z
    run run text -q -o text-python.tar --exec-mode server -x python3 worker.py
    expect_status 0
    expect_same text-filter.tar text-python.tar
fi
