# Twelve commands that behave badly among 1,000 that do not, several at a time: the good ones are right, the bad ones
# named with the reason, nothing of any is left, and the run ends in time.
. "$(dirname "$0")/../lib.sh"

mkdir in expected
i=0
while [ $i -lt 1000 ]; do
    echo "good item $i" >in/good$i
    echo "GOOD ITEM $i" >expected/good$i
    i=$((i + 1))
done
for name in closes-stdin empty grandchild half; do head -c 3000000 "$MILLRACE" >in/$name; done
echo closed >expected/closes-stdin
: >expected/empty
echo grandchild >expected/grandchild
head -c 1000000 in/half >expected/half
for name in exit3 segv flood large missing; do head -c 3000000 "$MILLRACE" >in/$name; done
limit=
if "$MILLRACE" run --help | grep -q -e --timeout; then
    limit='--timeout 2s'
    for name in never-reads ignores-term stops; do head -c 3000000 "$MILLRACE" >in/$name; done
fi
find in expected -exec touch -d '2020-02-02 02:02:02' {} +

cat >bad.sh <<'END'
case $1 in
good*) exec tr a-z A-Z ;;
never-reads) exec sleep 98765 ;;
closes-stdin) exec <&-; sleep 0.1; echo closed ;;
empty) exit 0 ;;
large) head -c 20000000 /dev/zero; exit 9 ;;
flood) yes flooded | head -c 2000000 >&2; exit 5 ;;
ignores-term) trap '' TERM INT HUP; while :; do sleep 98765; done ;;
grandchild) sleep 98765 & (sleep 98765 | sleep 98765) & echo grandchild ;;
missing) exec /no/such/program ;;
segv) kill -SEGV $$ ;;
exit3) exit 3 ;;
stops) kill -STOP $$ ;;
half) head -c 1000000; exit 0 ;;
esac
END

left_running() { # left_running: are there processes that the commands started?
    grep -lsz 98765 /proc/[0-9]*/cmdline
}

check_reasons() {
    expect_status 1
    expect_text "$err" 'exit3: exec: sh exited with status 3'
    expect_text "$err" 'segv: exec: sh was killed by signal 11 (SEGV)'
    expect_text "$err" 'flood: exec: sh exited with status 5: flooded'
    expect_text "$err" 'large: exec: sh exited with status 9'
    expect_text "$err" 'missing: exec: sh exited with status 127'
    [ -z "$limit" ] || for name in never-reads ignores-term stops; do
        expect_text "$err" "$name: "
        expect_no_text "$err" "$name: exec: sh exited"
    done
    [ "$(grep -c '^millrace: in' "$err")" = "$(ls in | grep -cE 'exit3|segv|flood|large|missing|never|ignores|stops')" ] ||
        fail "not the bad ones alone are named"
    ! left_running || fail "processes are left"
}

before=$(date +%s)
# shellcheck disable=SC2086
run run in -q -o out/ -j3 $limit -x sh bad.sh {}
check_reasons
expect_same_tree expected out
# The same as members, in order; nothing of the failed ones is in the archive.
rm in/good[2-9]* expected/good[2-9]*
"$MILLRACE" run in -q -o in.tar.gz
# shellcheck disable=SC2086
run run in.tar.gz -q -o out.zip -j3 --pool shared $limit -x sh bad.sh {}
check_reasons
run list out.zip
(cd expected && ls | LC_ALL=C sort) >names
expect_same names "$out"
run run out.zip -q -o out2/
expect_same_tree expected out2
[ $(($(date +%s) - before)) -lt 120 ] || fail "took too long"
