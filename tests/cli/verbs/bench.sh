# `millrace bench`: every combination is measured, the best is named, reports can be read.
. "$(dirname "$0")/../lib.sh"

make_tree tree
run bench tree -p gzip --sweep readers=1,2 workers=1-2 --repeat 2 --warm-up 0 --report r.json
expect_status 0
expect_empty "$err"
[ "$(grep -c 'split' "$out")" = 4 ] || fail "not four combinations"
[ "$(grep -c 'best$' "$out")" = 1 ] || fail "not one best"
expect_text "$out" 'bound by '
expect_text "$out" 'times '
if command -v python3 >/dev/null; then
    cat >look.py <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
c = r["combinations"]
assert [(x["readers"], x["workers"]) for x in c] == [(1, 1), (1, 2), (2, 1), (2, 2)], c
assert all(len(x["rounds"]) == 2 and x["items"] > 0 and x["in_bytes"] > 0 for x in c)
assert all(x["lowest_in_bytes_per_s"] <= x["median"]["in_bytes_per_s"] <= x["highest_in_bytes_per_s"] for x in c)
assert max(x["median"]["in_bytes_per_s"] for x in c) == c[r["best"]]["median"]["in_bytes_per_s"]
assert r["one_thread_bytes_per_s"] > 0
END
    run_command python3 look.py r.json
    expect_status 0
fi

run bench --generate files=50,size=1K..4K,kind=mixed -p gzip --sweep level=1,6 --repeat 1 --report r.csv
expect_status 0
expect_text "$out" '50 items, '
[ "$(wc -l <r.csv)" = 3 ] || fail "r.csv has not one line for each run"
run bench tree --stream --repeat 1 --pool shared -j 2 --report r.html
expect_status 0
expect_text r.html '</html>'

# Columns stay apart, and the best names the memory where that was tried.
run bench tree --sweep workers=1 pool=split memory=256M,1536K --repeat 1 --report r.html
expect_status 0
[ "$(grep -cE ' split +(256\.0|1\.5) MiB ' "$out")" = 2 ] || fail "the sizes of memory stand in no column"
grep -qE '^best .*-W [0-9]+ --memory (256M|1536K): ' "$out" || fail "the best says no memory"
# Below the curve: in order, and inside.
grep -o '<text[^>]*>[0-9.]* MiB' r.html >labels
[ "$(sed 's/.*>//' labels | tr '\n' ,)" = '1.5 MiB,256.0 MiB,' ] || fail "not the sizes in order: $(cat labels)"
awk -F '[= ]' '$3 > 360 - 24 { exit 1 }' labels || fail "a label leaves the drawing: $(cat labels)"

# Selected files alone; nothing is left beside the report.
run bench tree --include '*.none'
expect_status 2
expect_text "$err" 'the sample has no files'
run bench tree -p gunzip --repeat 1
expect_status 3
expect_text "$err" 'this is no gzip file'
run bench tree --repeat 1 --report nowhere/r.json
expect_status 3
expect_text "$err" 'cannot write nowhere/r.json'
run bench
expect_usage 'no sample'
run bench --generate files=1,kind=txt
expect_usage "bench: --generate: kind: no kind 'txt'; there are text"
run bench tree --generate files=1
expect_usage 'leave out INPUT'
run bench tree --sweep workers=0
expect_usage '--sweep: workers'
run bench tree --sweep level=1
expect_usage 'no -p has a level'
run bench tree --report r.txt
expect_usage 'ends in none of'
[ -z "$(find . -name '*.tmp-*')" ] || fail "temporary files are left"

# Stopped: what there is, and the signal.
"$MILLRACE" bench tree -p gzip --repeat 100 >stopped 2>"$err" &
child=$!
wait_until hears_term $child
is_measuring() {
    kill -USR1 $child
    grep -q 'round [2-9]' "$err"
}
wait_until is_measuring
kill -TERM $child
run_command wait $child
expect_status 143
expect_text stopped 'Stopped '
