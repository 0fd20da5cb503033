# An output that is an input, or lies in one, is refused before anything is written, whatever names lead there.
. "$(dirname "$0")/../lib.sh"

make_tree in
cp -a in before
mkdir other
ln -s in alias
ln -s ../in/sub other/up

run run in -o in
expect_usage "OUTPUT 'in' is the input 'in'"
run run in -o ./alias/
expect_usage "is the input 'in'"
run run alias/ -o in/
expect_usage 'is the input'
run run in -o in/new/
expect_usage 'lies in the input'
run run in -o in/sub/deep/er/
expect_usage 'lies in the input'
run run in -o alias/x/y/
expect_usage 'lies in the input'
run run in -o other/up/x/
expect_usage 'lies in the input'
run run in -o other/up/deep/../x/
expect_usage 'lies in the input'
run run in -o in/a.zip
expect_usage 'lies in the input'
run run in other -o other/a.tar
expect_usage "lies in the input 'other'"
run run in/sub -o in/
expect_usage "the input 'in/sub' lies in OUTPUT 'in/'"
run run . -o ./
expect_usage 'is the input'
run run . -o new.tar.gz
expect_usage 'lies in the input'
run run in/a.txt -p gzip -o in/a.txt
[ "$status" = 2 ] || fail "the input as output was accepted"
expect_text "$err" 'is the input'
ln in/a.txt hard
run run in/a.txt -o hard
expect_usage 'is the input'
rm hard
run run in -q -o good.tar
expect_status 0
cp good.tar good.before
run run good.tar -f -o good.tar
expect_usage 'use --in-place'
ln -s good.tar link.tar
run run good.tar -f -o link.tar
expect_usage 'use --in-place'
lib_command='run in/a.txt -o - >>in/a.txt'
status=0
"$MILLRACE" run in/a.txt -o - >>in/a.txt 2>"$err" || status=$?
expect_status 2
expect_text "$err" 'stdout is the input'

# Files of a tree that are inputs are not replaced by -f either.
run run in/a.txt -p lf -f -q -o in/
expect_status 1
expect_text "$err" 'would replace an input'
run run in/a.txt in/empty --merge -f -q -o alias/
expect_status 1

# A neighbour with a name that only begins the same is no matter.
run run in -q -o in2/
expect_status 0
expect_same_tree in in2
# An archive is unpacked where it lies.
run run good.tar -q -o ./
expect_status 0
expect_same a.txt in/a.txt

expect_same good.tar good.before
expect_same_tree before in
