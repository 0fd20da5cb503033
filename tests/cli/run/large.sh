# One large item, many chunks long, through every codec, into a tar without a known size, and in little memory.
. "$(dirname "$0")/../lib.sh"
for operation in zstd lz4 xz bzip2; do need_operation $operation; done

# 40 MB that compress well and are no repetition of each other.
mkdir in
seq 5300000 | head -c 40000003 >in/large
touch -d '2020-02-02 02:02:02' in/large

run run in -q --memory 4M -p gzip:level=1 -p gunzip -p zstd:level=1 -p unzstd -p lz4 -p unlz4 -o out/
expect_status 0
expect_same in/large out/large
head -c 6000003 in/large >part
run run part -q --memory 1M -p xz:level=0 -p unxz -p bzip2:level=1 -p bunzip2 -p zlib:level=1 -p unzlib -o out2/
expect_status 0
expect_same part out2/part

# Into a tar the size has to be known first: what is not is set aside.
run run in -q --memory 4M -p zstd:level=1 -o a.tar
expect_status 0
run list -l a.tar
expect_text "$out" large.zst
run run a.tar -q -p unzstd -o back/
expect_status 0
expect_same_tree in back
lib_command='run - --to tar <large'
"$MILLRACE" run - -q --memory 4M -o - --to tar <in/large | "$MILLRACE" run - -q -p gzip:level=1 -p gunzip -o - >"$out"
expect_same in/large "$out"

# The memory that the run used: the budget and something for the program, not the size of the item.
run run in -v --memory 4M -p gzip:level=1 -o null:
expect_status 0
expect_text "$err" '38.1 MiB in'

# Holes are content.
truncate -s 30000000 holes
printf end >>holes
run run holes -q -p zstd:level=1 -o holes.zst
expect_status 0
run run holes.zst -q -p unzstd --max-ratio 0 -o -
expect_same holes "$out"
rm -f "$out" holes.zst

# What does not fit is an error of that item, and nothing is left of it.
if [ -w /dev/full ]; then
    run_command sh -c '"$1" run in/large -q -p zstd:level=1 -o - >/dev/full' sh "$MILLRACE"
    expect_status 3
    expect_text "$err" 'No space left on device'
fi
run_command sh -c 'ulimit -f 2048; exec "$1" run in -q -o limited/' sh "$MILLRACE"
expect_status 1
expect_text "$err" 'File too large'
[ "$(find limited -type f 2>/dev/null | wc -l)" = 0 ] || fail "a part was left"
