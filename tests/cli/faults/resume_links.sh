# A run that goes on stores a file again whose other names are there already: they become names of the new one.
. "$(dirname "$0")/../lib.sh"
mkdir -p in/sub
printf 'one\n' >in/a
printf 'two\n' >in/b
ln in/a in/sub/hard
run run in -q -o out/ --journal journal
expect_status 0
rm out/a
run run in -q -o out/ --journal journal --resume
expect_status 0
expect_same_tree in out
[ "$(stat -c %i out/a)" = "$(stat -c %i out/sub/hard)" ] || fail 'the hard link was broken'

# So they do when its content changed.
printf 'another one\n' >in/a
run run in -q -o out/ --journal journal --resume
expect_status 0
expect_same_tree in out
[ "$(stat -c %i out/a)" = "$(stat -c %i out/sub/hard)" ] || fail 'the hard link was broken'

# What somebody else put there stays.
rm out/a out/sub/hard
printf 'another\n' >out/sub/hard
run run in -q -o out/ --journal journal --resume
expect_status 1
expect_text "$err" 'exists already'
[ "$(cat out/sub/hard)" = another ] || fail 'it was replaced'
