# -p ./plugin.so: how it is given, what is refused, and that a plugin that lies costs items only.
. "$(dirname "$0")/../lib.sh"
plugins=$MR_BUILD/plugins
[ -e "$plugins/liar.so" ] || skip "the plugins for tests are not built"
cp "$plugins/sizes.so" "$plugins/csv_cut.so" .

mkdir in
printf 'Abc\n' >in/a
head -c 3000000 /dev/zero | tr '\000' 'Q' >in/large
printf 'aBC*' >expected.a
head -c 3000000 /dev/zero | tr '\000' 'q' >expected.large

# In a tree, to an archive and out of one, before and behind other operations.
run run in -o out/ -p ./sizes.so:newer
expect_status 0
expect_same out/a expected.a
expect_same out/large expected.large
run run in -o packed.zip -p "$PWD/sizes.so:older"
expect_status 0
run run packed.zip -o back/ -p ./sizes.so:older
expect_status 0
expect_same in/large back/large
run run in -o coded/ -p ./sizes.so:older -p gzip -p gunzip -p ./sizes.so:newer
expect_status 0
expect_same in/a coded/a
expect_same in/large coded/large

# One operation needs no name.
printf 'a,b\n' >x.csv
run run x.csv -o y.csv -p ./csv_cut.so:columns=2
expect_status 0
expect_line y.csv b

# What is wrong with it is one line, before anything is done.
run run in -o no/ -p ./sizes.so
expect_usage 'plugin ./sizes.so: say which operation, ./sizes.so:NAME (older, newer, greedy)'
run run in -o no/ -p ./sizes.so:newr
expect_usage 'did you mean "newer"?'
run run in -o no/ -p sizes.so:newer
expect_usage 'a plugin is given with its path: ./sizes.so'
run run in -o no/ -p ./csv_cut.so:colums=2
expect_usage 'did you mean "columns"?'
run run in -o no/ -p ./in/a
expect_usage 'plugin ./in/a: it cannot be loaded: file too short'
run run in -o no/ -p "$plugins/faulty_no_symbol.so"
expect_usage 'it is no plugin of millrace: no function mr_plugin_v1()'
run run in -o no/ -p "$plugins/faulty_no_process.so"
expect_usage 'its operation faulty has no process()'
run run in -o no/ -p "$plugins/faulty_wrong_version.so"
[ "$status" = 2 ] || [ "$status" = 3 ] || fail "expected status 2 or 3"
expect_text "$err" 'it was made for version 2 of the interface'
run run in -o no/ -p ./nothing.so
expect_text "$err" 'plugin ./nothing.so: it cannot be loaded: No such file or directory'
expect_missing no

# Lies fail the item, by name; the others go through.
for lie in grows-input grows-room moves-apart unknown-status open-text identity; do
    run run in -o lies/ --include a --others copy -p "$plugins/liar.so:$lie"
    expect_status 1
    expect_text "$err" "in/a: $lie: "
    expect_missing lies/a
    expect_same in/large lies/large
    rm -r lies
done
run run in -o lies/ -p "$plugins/liar.so:rename-out"
expect_status 1
expect_text "$err" 'the name that an operation gives it is not safe'
expect_missing outside
run run in -o lies.tar -p "$plugins/liar.so:bound"
expect_status 1
expect_text "$err" 'in/a: bound: the operation made more than its bound() promised'
run run in -o null: -p "$plugins/liar.so:huge-state"
expect_status 3
expect_text "$err" 'huge-state needs'

# Garbage that comes back is not believed.
cp in/a in/bad
run run in -o evil/ -p "$plugins/evil.so:babble"
expect_status 1
expect_text "$err" 'in/bad: babble: the operation gave status 24301'
expect_text "$err" '1 failed or was refused'
expect_same in/large evil/large
run run in/bad -o null: -p "$plugins/evil.so:flood"
expect_status 1
expect_text "$err" 'more than its bound() promised'

# What it has.
run ops ./sizes.so ./csv_cut.so gzip
expect_status 0
expect_line "$out" './sizes.so: plugin sizes 2, licence 0BSD, of other sizes'
expect_line "$out" '  -p ./sizes.so:newer'
expect_line "$out" '  -p ./csv_cut.so:csv-cut[:KEY=VALUE,...]'
expect_text "$out" '  separator='
expect_text "$out" 'gzip: '
run ops ./nothing.so
expect_usage 'ops: plugin ./nothing.so: it cannot be loaded'
run ops
expect_text "$out" 'millrace ops ./FILE.so'
