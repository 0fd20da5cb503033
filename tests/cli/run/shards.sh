# --shard: several runs do the work of one, each item once: same tree, same members, whatever their number.
. "$(dirname "$0")/../lib.sh"

make_tree in
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    mkdir -p "in/many/$i"
    echo "$i" >"in/many/$i/file-$i.txt"
done
mkdir in/void
ln in/a.txt in/zz-hard
ln -s nowhere in/dangling
printf 'newline\n' >"in/many/a
b"
printf 'bytes\n' >"in/many/$(printf '\377\376')"
find in/many -exec touch -d '2019-03-04 05:06:07' {} +
tar -cf in.tar -C in . 2>/dev/null
run run in -o in.zip -q
expect_status 0

# members ARCHIVE: what it holds, with contents, sorted.
members() {
    rm -rf members
    mkdir members
    tar -xf "$1" -C members 2>/dev/null
    lib_tree members
    rm -rf members
}

directory_times() { # directory_times TREE: of its directories, which others store in
    (cd "$1" && find . -mindepth 1 -type d -printf '%P %T@\n' | sort)
}

shards() { # shards N WORD...: the N shards of a run at once; I and N are put in for @I and @N
    number=$1
    shift
    pids=
    for i in $(seq "$number"); do
        (
            for word in "$@"; do
                shift
                set -- "$@" "$(printf '%s\n' "$word" | sed "s/@I/$i/g; s/@N/$number/g")"
            done
            exec "$MILLRACE" run "$@" --shard "$i/$number" -q
        ) 2>"$lib_room/err.$i" &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || { cat "$lib_room"/err.* >&2; fail "a shard of $number failed: $*"; }
    done
}

# What is the same for a tree and an archive as inputs: {#} counts the files of all shards.
for input in in in.tar in.zip; do
    run run "$input" -o whole/ -q
    expect_status 0
    run run "$input" -o numbered/ -q -x echo '{#}'
    expect_status 0
    run run "$input" -o whole.tar -q
    expect_status 0
    members whole.tar >"$lib_room/members.whole"
    numbers="1 2 3 7"
    [ "$input" != in.zip ] || numbers=3
    for n in $numbers; do
        # Into one tree, at once; then each into an archive of its own, put together again.
        shards $n "$input" -o "tree-$n/" --report "report-$n-@I.json"
        expect_same_tree whole "tree-$n"
        directory_times whole >"$lib_room/times.whole"
        directory_times "tree-$n" >"$lib_room/times"
        expect_same "$lib_room/times" "$lib_room/times.whole"
        ls -A "tree-$n" >"$out"
        expect_no_text "$out" .millrace
        shards $n "$input" -o "numbered-$n/" -x echo '{#}' ';'
        expect_same_tree numbered "numbered-$n"
        mkdir parts
        shards $n "$input" -o "parts/part-@I.tar"
        for part in parts/*; do tar -tf "$part" 2>/dev/null; done | sort >"$lib_room/parts"
        tar -tf whole.tar 2>/dev/null | sort >"$lib_room/names"
        expect_same "$lib_room/parts" "$lib_room/names"
        rm -rf members
        mkdir members
        # Directories come last: what is put in them changes their times.
        for part in parts/*; do tar -xf "$part" -C members 2>/dev/null; done
        for part in parts/*; do tar -xf "$part" -C members 2>/dev/null; done
        lib_tree members >"$lib_room/members.parts"
        expect_same "$lib_room/members.whole" "$lib_room/members.parts"
        rm -rf members parts

        # Each report says whose it is; together they are the whole.
        expect_text "report-$n-1.json" "\"shard\":1,\"shards\":$n,"
        if [ $n -gt 1 ]; then
            run report "report-$n-"*.json
            expect_status 0
            expect_line "$out" "$n of $n shards, each once, and no name in two of them"
        fi
        rm -rf "tree-$n" "numbered-$n" "report-$n-"*

        # list and --dry-run show the same, test and null: do it.
        for i in $(seq $n); do
            "$MILLRACE" list "$input" --shard "$i/$n"
        done | sort >"$lib_room/parts"
        "$MILLRACE" list "$input" | sort >"$lib_room/names"
        expect_same "$lib_room/parts" "$lib_room/names"
        for i in $(seq $n); do
            "$MILLRACE" run "$input" --dry-run -o whole/ --shard "$i/$n"
        done | sort >"$lib_room/parts"
        "$MILLRACE" run "$input" --dry-run -o whole/ | sort >"$lib_room/names"
        expect_same "$lib_room/parts" "$lib_room/names"
        for i in $(seq $n); do
            run test "$input" --shard "$i/$n" --report test.csv
            expect_status 0
            tail -n 1 test.csv >"$out"
            expect_text "$out" ",$i/$n,exit status 0"
            sed -n 's/^[^,]*,\([^,]*\),.*,stored,.*/\1/p' test.csv
        done | grep -c . >"$lib_room/parts" || :
        run test "$input" --report test.csv
        sed -n 's/^[^,]*,\([^,]*\),.*,stored,.*/\1/p' test.csv | grep -c . >"$lib_room/names"
        expect_same "$lib_room/parts" "$lib_room/names"
    done
    rm -rf whole numbered whole.tar
done

# What is said of the shard, and what a shard says of an item that fails: once.
run run in -o one/ --shard 2/3
expect_status 0
expect_text "$err" 'millrace: shard 2/3: '
rm -rf one
failed=0
for i in 1 2 3; do
    run run in -o null: --shard "$i/3" --include a.txt -x false
    [ "$status" = 0 ] || failed=$((failed + 1))
done
[ $failed = 1 ] || fail "$failed shards told of one failure"
# An input that is not there is told by all.
for i in 1 2; do
    run run in nowhere -o null: --shard "$i/2"
    expect_status 1
    expect_text "$err" nowhere
done

# The names that items would get are the same as without shards: numbers of --collide rename, what is refused.
mkdir -p same/a same/b same/c
for at in a b c; do echo $at >same/$at/x.txt; done
run run same -o flat/ --flat --collide rename -q
shards 3 same -o flat-3/ --flat --collide rename
expect_same_tree flat flat-3
stored=0
for i in 1 2 3; do
    run run same -o flat-error/ --flat --shard "$i/3" -q
    stored=$((stored + $(grep -c 'was stored already by this run' "$err" || :)))
done
[ $stored = 2 ] || fail "$stored of 2 were refused"
expect_same flat/x.txt flat-error/x.txt
# Which one is last is not certain between shards: then it is refused, and nothing is lost in silence.
refused=0
for i in 1 2 3; do
    run run same -o flat-last/ --flat --collide last --shard "$i/3" -q
    refused=$((refused + $(grep -c 'in another shard' "$err" || :)))
done
[ $refused -gt 0 ] || fail 'names in two shards were not refused'
# Sources that go: shards that come later still do what is left, and all of it.
cp -a in going
"$MILLRACE" run in -o unlinked/ --preserve mode,mtime -q
for i in 1 2 3; do
    run run going -o moved/ --shard "$i/3" --remove-source -q
    expect_status 0
done
expect_same_tree unlinked moved
[ -z "$(find going -type f)" ] || fail 'sources are left'
# A name that an archive has twice is in one shard.
mkdir twice
echo one >twice/f
tar -cf twice.tar -C twice f
echo two >twice/f
tar -rf twice.tar -C twice f
shards 3 twice.tar -o last/ --collide last
expect_line last/f two
