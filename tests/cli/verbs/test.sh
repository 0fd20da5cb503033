# test: everything is decoded and checked, nothing is written.
. "$(dirname "$0")/../lib.sh"

make_tree in
run run in -q -p gzip -o gz/
run run in -q -o good.tar.gz
cp -a . "$lib_room/before"

run test in gz good.tar.gz
expect_status 0
expect_empty "$out"
expect_text "$err" ' items'
run test -q gz
expect_status 0
expect_empty "$err"

# One bit is enough.
cp gz/sub/deep/big.bin.gz damaged.gz
printf 'X' | dd of=damaged.gz bs=1 seek=30 conv=notrunc 2>/dev/null
run test -q damaged.gz gz
expect_status 1
expect_text "$err" damaged.gz
head -c 100 good.tar.gz >short.tar.gz
run test -q short.tar.gz
expect_status 1
expect_text "$err" short.tar.gz

# A name that comes twice is no damage.
if command -v tar >/dev/null 2>&1; then
    tar cf twice.tar in/a.txt
    tar rf twice.tar in/a.txt
    run test -q twice.tar
    expect_status 0
    expect_empty "$err"
    rm twice.tar
fi

# With operations: those.
run test -q gz -p gunzip
expect_status 0
run test -q in -p gunzip
expect_status 1
run test -q in -x false
expect_status 1
run test nothing
expect_status 1
run test
expect_usage 'no INPUT'
run test in -o x/
expect_usage '-o is no option of test'
rm damaged.gz short.tar.gz
expect_same_tree "$lib_room/before" .

# The checksum of the gzip data around a tar is checked, also where the tar itself ends before it.
mkdir sum
echo 'a line' >sum/a
run run sum -q -o sum.tar.gz
size=$(wc -c <sum.tar.gz)
run test sum.tar.gz -q
expect_status 0
printf 'x' | dd of=sum.tar.gz bs=1 seek=$((size - 6)) conv=notrunc 2>/dev/null
run test sum.tar.gz -q
expect_status 1
expect_text "$err" 'sum.tar.gz: damaged or truncated archive: incorrect data check'
run test - -q <sum.tar.gz
expect_status 1
