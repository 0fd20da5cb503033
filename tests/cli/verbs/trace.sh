# --trace: events that nest, a row for each thread, items that begin and end; a file that is complete or not there.
. "$(dirname "$0")/../lib.sh"
need python3
schema() { # schema FILE CHECK
    run_command python3 "$MR_SOURCE/tests/cli/verbs/trace_schema.py" "$@"
    expect_status 0
}

make_tree in
run run in -q -R2 -j2 -W2 -p gzip -o out/ --trace trace.json
expect_status 0
schema trace.json "count['load'] >= 6 and count['process'] >= 6 and count['store'] >= 10 and count['b'] == count['e'] == 10
    and count['feed'] >= 1 and count['bytes in flight'] == count['waiting for a thread'] >= 1"
schema trace.json "set(threads) <= {'read', 'work', 'write'} and threads['read'] >= 1"
grep -q '"path":"sub/with space","outcome":"stored","in_bytes":4,' trace.json || fail 'the item of a path is not as it should be'

# Blocks of one large file, and of a compressed archive, are told; one pool has one kind of thread.
head -c 3000000 /dev/zero >large
run run large -q -j2 --pool shared -p gzip -o large.gz --trace large.json
expect_status 0
schema large.json "count['encode'] >= 2 and count['b'] == 1 and set(threads) == {'work'}"
run run large -q -j2 -o large.tar.gz --trace tar.json
expect_status 0
schema tar.json "count['block'] >= 2"

# So is what is decoded of compressed archives ahead of their reader, one after the other and in pieces: by threads of
# its own where each stage has a pool, and by those of the pool where one does all. The reader decodes what nobody has begun,
# on a busy machine all of it: then another run must show the others.
seen() { # seen CHECK ARGUMENT...
    check=$1
    shift
    for i in 1 2 3 4 5 6 7 8 9 10; do
        run run "$@" -q -o null: --trace seen.json
        expect_status 0
        run_command python3 "$MR_SOURCE/tests/cli/verbs/trace_schema.py" seen.json "$check"
        [ "$status" != 0 ] || return 0
    done
    expect_status 0
}
seq 600000 >numbers
run run numbers -q -o numbers.tar.gz
run run numbers -q -o blocks.tar.gz --to tar.gz:layout=bgzf
seen "count['decode'] >= 2 and threads['decode'] == 1 and threads['piece'] == 0" numbers.tar.gz -j2
seen "count['decode'] >= 2 and threads['decode'] <= 1 and 1 <= threads['piece'] <= 2" blocks.tar.gz -j2
for archive in numbers blocks; do
    run run $archive.tar.gz -q -j1 --pool shared -o null: --trace shared.json
    expect_status 0
    schema shared.json "count['decode'] >= 2 and set(threads) == {'work'} and threads['work'] == 1"
    seen "count['decode'] >= 2 and set(threads) == {'work'} and 2 <= threads['work'] <= 3" $archive.tar.gz -j3 --pool shared
done
# For a pipe one may have to wait, which no thread of the pool does: its decoder is a thread of its own.
run_command sh -c 'cat numbers.tar.gz | "$MILLRACE" run - -q -j2 --pool shared -o null: --trace pipe.json'
expect_status 0
schema pipe.json "count['decode'] >= 2 and set(threads) <= {'work', 'decode'} and threads['decode'] <= 1"
# One input after the other has a thread of its own of that name; a run that is ended takes them with it.
seen "threads['decode'] == 2" numbers.tar.gz numbers.tar.gz --merge --collide rename --pool split
seen "threads['decode'] == 0 and count['decode'] >= 4" numbers.tar.gz numbers.tar.gz --merge --collide rename --pool shared
for pool in split shared; do
    run run numbers.tar.gz -q -o null: --max-total-size 1M --pool $pool --trace ended.json
    expect_status 3
    schema ended.json "count['decode'] >= 1 and threads['decode'] <= 1"
done

# What fails and what is left out ends as well; names may hold anything.
mkdir odd
printf x >"odd/$(printf 'a"b\\\033[1m\n\377')"
printf x >odd/plain
mkdir -p there/odd
run run odd -q -x sh -c 'exit 3' ';' -o there/ --trace odd.json
expect_status 1
schema odd.json "count['b'] == 2 and sum('failed' == e.get('args', {}).get('outcome') for e in trace['traceEvents']) == 2"
run run odd -q -n -o there/ --trace odd.json
run run odd -q -n -o there/ --trace odd.json
expect_status 0
schema odd.json "sum('skipped' == e.get('args', {}).get('outcome') for e in trace['traceEvents']) == 2"

# The traces of an archive, and of several inputs in their place.
run run in -q -o in.tar
run test in.tar -q --trace test.json
expect_status 0
schema test.json "count['b'] == 10"
cp in.tar again.tar
run run in.tar again.tar -q --in-place -p lf --trace place.json
expect_status 0
grep -c '"ph":"M"' place.json >"$out"
[ "$(cat "$out")" -ge 2 ] || fail 'only one of two jobs left a trace'

# It is no part of the input that it lies in, and never half there.
run run . -q -o "$lib_room/copy/" --trace here.json
expect_status 0
[ "$(find "$lib_room/copy" -name 'here.json*' | wc -l)" = 0 ] || fail 'the trace was taken as an input'
run run in -q -o a/ --trace missing/trace.json
expect_status 3
expect_text "$err" '--trace: cannot write missing/trace.json'
expect_missing a
run run in -q -o a/ --trace /dev/null
expect_usage 'is there and is no file'
run run in -q -o a.tar --trace a.tar
expect_usage 'a file that another option has'
run run in --dry-run -o b/ --trace dry.json
expect_status 0
expect_missing dry.json
[ "$(find . -name '*.tmp-*' | wc -l)" = 0 ] || fail 'temporary files were left'
