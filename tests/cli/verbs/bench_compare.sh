# `millrace bench --compare`: what changed since an earlier report, in all its forms.
. "$(dirname "$0")/../lib.sh"

sample='--generate files=20,size=1K..4K --repeat 5 --warm-up 0'
run bench $sample --sweep workers=1,2 --report old.json
expect_status 0
run bench $sample --sweep workers=2,3 --compare old.json --report new.json
expect_status 0
expect_text "$out" 'against old.json'
expect_text "$out" ' j3 W'
expect_text "$out" 'not there then'
expect_text "$out" 'only there then'
expect_no_text "$out" 'not the same'

# A report of an earlier bench with other figures: so much slower, and faster, that no load of the machine matters.
for factor in 0.0001 10000; do
    awk -v factor=$factor '{
        while (match($0, /"in_bytes_per_s":[0-9.e+]+/)) {
            value = substr($0, RSTART + 17, RLENGTH - 17)
            printf "%s\"in_bytes_per_s\":%.0f", substr($0, 1, RSTART - 1), value * factor
            $0 = substr($0, RSTART + RLENGTH)
        }
        print
    }' old.json >old-$factor.json
done
run bench $sample --sweep workers=2 --compare old-0.0001.json
expect_text "$out" ' faster'
run bench $sample --sweep workers=2 --compare old-10000.json --report new.html
expect_text "$out" ' slower'
expect_text new.html '<td class=slower>slower<td>'
run bench $sample --sweep workers=2 --repeat 4 --compare old-0.0001.json
expect_text "$out" 'too few rounds to tell'

# What is not the same is said.
run bench $sample -p crlf --sweep workers=2 --repeat 1 --compare old.json
expect_text "$out" 'not the same: other operations then: no operation'
run bench --generate files=21,size=1K..4K --sweep workers=2 --repeat 1 --compare old.json
expect_text "$out" 'not the same: another sample then: 20 items'

if command -v python3 >/dev/null; then
    cat >look.py <<'END'
import json
c = json.load(open("new.json"))["changes"]
assert c["against"] == "old.json" and c["remarks"] == [], c
assert [x["workers"] for x in c["combinations"]] == [2, 3], c
assert c["combinations"][0]["verdict"] in ("same", "faster", "slower"), c
assert c["combinations"][0]["ratio"] > 0 and 0 < c["combinations"][0]["chance"] <= 1, c
assert c["combinations"][1]["verdict"] == "none", c
assert [x["workers"] for x in c["only_then"]] == [1], c
END
    run_command python3 look.py
    expect_status 0
fi

echo '{"kind":"run"}' >other.json
run bench $sample --compare other.json
expect_status 3
expect_text "$err" 'other.json: is no report of millrace bench'
run bench $sample --compare nothing.json
expect_status 3
