# Shards that write to one tree: each once, no other run beside them; and what they leave to go on with.
. "$(dirname "$0")/../lib.sh"

mkdir in
for i in 1 2 3 4 5 6 7 8 9; do echo $i >in/f$i; done

# One shard waits inside its items; meanwhile others come.
"$MILLRACE" run in -o out/ --shard 1/3 -q -x sh -c ': >"$2"; while [ ! -e "$1" ]; do sleep 0.05; done; cat' sh "$PWD/go" "$PWD/begun" \; &
first=$!
wait_until [ -e begun ]
expect_file out/.millrace-shards
run run in -o out/ --shard 1/3
expect_status 3
expect_text "$err" 'another run does the shard 1/3 of out/'
run run in -o out/ --shard 1/4
expect_status 3
expect_text "$err" 'other runs write to out/, and share the work in 3'
run run in -o out/
expect_status 3
expect_text "$err" 'writes to out/'
run run in -o out/ --shard 2/3 -q
expect_status 0
expect_file out/.millrace-shards
# A run that goes on removes what it left itself, and nothing of those that are at work.
: >out/.millrace-0123456789abcdef-1-3
: >out/.millrace-0123456789abcdef-3-3
"$MILLRACE" run in -o out/ --shard 3/3 --journal j3 -q --include nothing
run run in -o out/ --shard 3/3 --journal j3 --resume -q --include nothing
expect_status 0
expect_missing out/.millrace-0123456789abcdef-3-3
expect_file out/.millrace-0123456789abcdef-1-3
rm out/.millrace-0123456789abcdef-1-3
: >go
wait $first || fail 'the first shard failed'
expect_missing out/.millrace-shards
run run in -o out/ --shard 3/3 -q
expect_status 0
expect_same_tree in out
# Another run does not meet a lock file that a kill has left; no archive may bring one.
: >out/.millrace-shards
run run in -o out/ -f -q
expect_status 0
run run in -o out/ -f --shard 1/2 -q
expect_status 0
expect_missing out/.millrace-shards

# The journal is of one shard, and goes on with it.
run run in -o more/ --shard 1/2 --journal j -q
expect_status 0
run run in -o more/ --shard 2/2 --journal j --resume
expect_usage "the journal j is of another run: --shard was '1/2' and is '2/2'"
run run in -o more/ --journal j --resume
expect_usage "--shard was '1/2' and is not given"
rm "more/$(ls more | head -n 1)"
run run in -o more/ --shard 1/2 --journal j --resume
expect_status 0
expect_text "$err" 'shard 1/2: 1 item (1 file)'
run run in -o more/ --shard 2/2 --journal j2 -q
run report j j2
expect_status 0
expect_text "$out" '2 of 2 shards, each once'
# auto comes out as what it was told.
JOB_COMPLETION_INDEX=0 run run in -o more/ --shard auto/2 --journal j --resume
expect_status 0

# What several reports lack.
for i in 1 2 3 4 5; do "$MILLRACE" run in -o null: --shard $i/5 --report r$i.json -q; done
"$MILLRACE" run in -o null: --shard 1/2 --report other.json -q
run report r1.json r4.json
expect_status 1
expect_text "$out" '2 of 5 shards'
expect_line "$err" 'millrace: no report of shard 2-3, 5 of 5'
run report r1.json r2.json r3.json r4.json r5.json r2.json --json
expect_status 1
expect_line "$err" 'millrace: more than one report of shard 2 of 5'
expect_text "$err" 'in more than one report, like '
expect_text "$out" '"doubled_count":1,"doubled":"2"'
run report r1.json r2.json r3.json r4.json r5.json other.json
expect_status 1
expect_text "$err" '1 report is of no shard, or of another number of shards than 5'
run report r1.json r2.json r3.json r4.json r5.json --report all.csv
expect_status 0
run report r1.json
expect_status 0
expect_text "$out" 'shard 1/5, '

# What contradicts.
run run in --in-place -p copy --shard 1/2
expect_usage '--shard and --in-place contradict each other'
run run in -o x/ --sort none --shard 1/2
expect_usage '--shard and --sort none contradict each other'
for bad in 0/3 4/3 3 x 1/0 1/ /2 ''; do
    run list in --shard "$bad"
    expect_usage "--shard: '$bad'"
done
run list in --shard auto
expect_usage 'none of SLURM_ARRAY_TASK_ID, SLURM_PROCID'
run diff in in --shard 1/2
expect_usage '--shard is no option of diff'
