# --report in three forms, --log-json, and `millrace report`, which shows, converts and merges them, and journals.
. "$(dirname "$0")/../lib.sh"
need python3
is_so() { # is_so FILE EXPRESSION...: with r, the JSON in FILE (*.log: a list of its lines), and by, its items by path
    run_command python3 -c '
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
r = [json.loads(line) for line in text.split("\n") if line] if sys.argv[1].endswith(".log") else json.loads(text)
by = {item["path"]: item for item in r["items"]} if isinstance(r, dict) and isinstance(r["items"], list) else {}
wrong = [expression for expression in sys.argv[2:] if not eval(expression)]
sys.exit("\n".join(wrong) or 0)' "$@"
    [ "$status" = 0 ] || fail "$1: not as it should be: $(head -c 1500 "$1")"
}

make_tree in
run run in -q -R1 -j2 -W1 -x sh -c 'grep -q two && exit 3; echo "$MILLRACE_PATH"' ';' -o out/ --report r.json
expect_status 1
is_so r.json "len(r['items']) == 10 and r['run']['failed'] == 1 and r['run']['stored'] == 9 and r['run']['exit_status'] == 1" \
    "r['run']['is_complete'] and r['run']['elapsed_s'] > 0 and r['run']['process']['threads'] == 2" \
    "r['run']['command'].endswith(\"'grep -q two && exit 3; echo \\\"\$MILLRACE_PATH\\\"' ';' -o out/ --report r.json\")" \
    "by['in/sub/b.txt']['status'] == 'failed' and by['in/sub/b.txt']['stage'] == 'process' and 'status 3' in by['in/sub/b.txt']['reason']" \
    "by['in/a.txt']['output'] == 'a.txt' and by['in/a.txt']['in_bytes'] == 4 and by['in/a.txt']['attempts'] == 1" \
    "all(by['in/a.txt'][key] > 0 for key in ('load_ns', 'process_ns', 'store_ns', 'latency_ns'))" \
    "by['in/sub']['kind'] == 'directory' and by['in/link']['kind'] == 'symlink' and by['in/link']['status'] == 'stored'"

# The same items in every form, and from each form into every other.
run report r.json --report r.csv
expect_status 0
expect_empty "$out"
[ "$(wc -l <r.csv)" = 12 ] || fail 'the CSV has not a head, ten items and a run'
expect_text r.csv 'file,in/sub/b.txt,,sub/b.txt,failed,'
run report r.csv --report again.json
is_so again.json "len(r['items']) == 10 and by['in/sub/b.txt']['stage'] == 'process' and r['run']['failed'] == 1 and r['run']['exit_status'] == 1"
run report again.json --report again.csv
expect_same r.csv again.csv
run report r.json --report r.html
expect_text r.html '<code>'
expect_text r.html 'in/sub/b.txt'
expect_no_text r.html 'http'

run report r.json
expect_status 0
expect_text "$out" '10 items: 9 stored, 1 failed'
expect_text "$out" 'Failures and warnings; 1 in process'
expect_text "$out" 'in/sub/b.txt'
expect_text "$out" '  process  '
run report r.json r.csv --json
cp "$out" both.json
is_so both.json "r['items'] == 20 and r['run']['jobs'] == 2 and r['failed_in']['process'] == 2 and r['reasons'][0]['items'] == 2" \
    "len(r['slowest']) == 10 and r['slowest'][0]['process_ns'] > 0"

# Names of any bytes, members, what stands there, what fails before it is loaded.
mkdir odd
printf x >"odd/$(printf 'a"b,c\\\033[1m\n\377<b>')"
run run odd -q -o odd.zip
run run odd.zip -q -o there/ --report odd.csv
expect_status 0
run run odd.zip -q -o there/ --report odd.json
expect_status 1
is_so odd.json "by['odd.zip']['member_b64'] == 'YSJiLGNcG1sxbQr/PGI+' and by['odd.zip']['status'] == 'failed' and 'there' in by['odd.zip']['reason']"
run report odd.json --report odd2.csv
run report odd2.csv --report odd3.json
is_so odd3.json "by['odd.zip']['member_b64'] == 'YSJiLGNcG1sxbQr/PGI+'"
run report odd.json odd.csv
expect_text "$out" 'a"b,c\\\x1b[1m\n\xff<b>'
run report odd.json --report odd.html
expect_no_text odd.html '<b>x'
expect_no_text odd.html "$(printf '\033')"

# A report of what was stopped says so; one that breaks off shows what it has.
run run in missing -q -o s/ --on-error stop --report stopped.json
expect_status 3
is_so stopped.json "not r['run']['is_complete'] and r['run']['exit_status'] == 3"
run report stopped.json
expect_text "$out" 'stopped before everything was done'
head -c 1200 r.json >torn.json
run report torn.json
expect_status 1
expect_text "$err" 'torn.json, line '
expect_text "$err" 'breaks off'
expect_text "$out" ' items: '
head -n 5 r.csv >torn.csv
run report torn.csv r.json
expect_status 1
expect_text "$out" '14 items: '

# What a killed run leaves is read up to where it breaks off.
mkdir many
for i in 1 2 3 4 5 6 7 8 9; do for k in 1 2 3 4 5 6 7 8 9; do echo "$i$k" >"many/$i$k"; done; done
"$MILLRACE" run many -q -j1 -x sh -c '[ {} != 99 ] || while [ ! -e go ]; do sleep 0.05; done; cat' ';' -o k/ --report killed.json &
pid=$!
has_begun() {
    [ "$(cat killed.json.tmp-* | wc -c)" -ge 2000 ]
}
wait_until has_begun
kill -9 "$pid"
wait "$pid" 2>/dev/null || :
: >go
expect_missing killed.json
run report killed.json.tmp-*
expect_status 1
expect_text "$out" ' stored; '
expect_text "$err" 'breaks off'
rm killed.json.tmp-*

# Journals, of which the last word about an item counts.
echo 'grep -q two && exit 3; cat' >filter.sh
run run in -q -x sh filter.sh ';' -o j/ --journal j.journal
expect_status 1
run report j.journal
expect_status 0
expect_text "$out" '8 items: 7 stored, 1 failed'
# What a journal does not know is not shown as 0: what stages did, and what became of items that are no files.
expect_no_text "$out" 'Stages'
expect_no_text "$out" '     0.000'
expect_text "$out" ' KiB in, 0 B out'
expect_text "$out" 'in/sub/b.txt'
run run in -q -o null: --journal null.journal
run report null.journal
expect_text "$out" '8 items: 8 stored; '
expect_no_text "$out" ' out'
for form in json csv html; do
    run report null.journal --report "null.$form"
    expect_status 0
done
expect_no_text null.json '"out_bytes":0,"load_ns"'
run report null.csv null.json --json
cp "$out" both.json
is_so both.json "len(r['slowest']) == 10 and not any('out_bytes' in item for item in r['slowest'])"
echo cat >filter.sh
run run in -q -x sh filter.sh ';' -o j/ --journal j.journal --resume
expect_status 0
run report j.journal --json
cp "$out" j.json
is_so j.json "r['items'] == r['run']['stored'] == 8 and r['run']['jobs'] == 2 and r['run']['is_complete']"

# Messages as JSON; an item a line with -v.
run run in -v --log-json -x sh -c 'grep -q two && exit 3; cat' ';' -o l/
expect_status 1
cp "$err" messages.log
is_so messages.log "all(line['time'].endswith('Z') and line['level'] in ('error', 'info') for line in r)" \
    "sum(line['event'] == 'item' for line in r) == 10 and sum(line['event'] == 'message' for line in r) >= 2" \
    "[line['path'] for line in r if line['event'] == 'item' and line['level'] == 'error'] == ['in/sub/b.txt']"
run run in -q --log-json -o l/
cp "$err" messages.log
is_so messages.log "len(r) == 7 and all(line['level'] == 'error' and line['status'] == 'failed' for line in r)"
run run --log-json in
cp "$err" messages.log
is_so messages.log "len(r) == 1 and r[0]['event'] == 'message' and r[0]['about'] == 'run'"

# What a failed command wrote to stderr: its end, so much as is read again, whatever is in it; nothing of one that went well.
cat >noisy.py <<'END'
import os, sys
name = os.environ["MILLRACE_PATH"]
if name == "a.txt":
    os.write(2, b'first "line"\n\xff\x1b[1m last\n')
elif name == "empty":
    os.write(2, b"".join(b"line %d \xc3\xb6 \"\n" % i for i in range(100000)))
elif name.startswith("b"):
    os.write(2, b"\x01" * 100000)
sys.exit(name == "a.txt" or name == "empty" or name.startswith("b"))
END
mkdir noisy
for name in a.txt b.txt c.txt empty; do : >"noisy/$name"; done
run run noisy -q -x python3 noisy.py ';' -o n/ --report noisy.json
expect_status 1
for report in noisy.json noisy2.json; do
    is_so "$report" "by['noisy/a.txt']['stderr'] == 'first \"line\"\n\ufffd\x1b[1m last\n' and not 'stderr' in by['noisy/c.txt']" \
        "by['noisy/empty']['stderr'].startswith('line ') and by['noisy/empty']['stderr'].endswith('line 99999 \xf6 \"\n')" \
        "50000 < len(by['noisy/empty']['stderr'].encode()) < 65536 and by['noisy/b.txt']['stderr'] == '\x01' * 10922"
    run report noisy.json --report noisy2.json
    expect_status 0
done
run report noisy2.json --report noisy.html
expect_status 0
run run noisy -q -x python3 noisy.py ';' -o n2/ --log-json
cp "$err" messages.log
is_so messages.log "sorted(len(line['stderr']) for line in r if line['event'] == 'item' and 'noisy' in line['path'])[:2] == [24, 10922]"

# What cannot be.
run run in -q -o x/ --report report.txt
expect_usage "ends in none of .json, .csv and .html"
run report
expect_usage 'no FILE'
run report in/a.txt nowhere.json
expect_status 1
expect_text "$err" 'is no report'
expect_text "$err" 'cannot open nowhere.json'
run bench --generate files=2 --sweep workers=1 --repeat 1 --warm-up 0 --report bench.json
run report bench.json
expect_status 1
expect_text "$err" 'no report of a run'
[ "$(find . -name '*.tmp-*' | wc -l)" = 0 ] || fail 'temporary files were left'

# Nothing that can be read: nothing is shown of it, and no report is made.
run report nosuch.json --report made.html
expect_status 1
expect_text "$err" 'nosuch.json'
expect_empty "$out"
expect_missing made.html

# Figures that no run has: the sanitizers look on.
sed 's/"jobs":1/"jobs":0/; s/"\([a-z]*_ns\)":[0-9]*/"\1":9223372036854775807/g' r.json >odd.json
grep -q '"jobs":0' odd.json || fail 'the report does not say how many runs it is of'
for form in json csv html; do
    run report odd.json r.json --report "odd-sum.$form"
    expect_status 0
    expect_file "odd-sum.$form"
done
run report odd.json
expect_status 0
