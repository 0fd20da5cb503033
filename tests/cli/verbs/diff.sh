# diff: what differs between two inputs, whatever they are, in the order of names; 0 equal, 1 not, 3 trouble.
. "$(dirname "$0")/../lib.sh"

make_tree a
cp -a a b
run diff a b
expect_status 0
expect_empty "$out"
expect_text "$err" '10 items in a, 10 in b: no difference'

# A tree and each archive of it; of hard links too.
for archive in a.tar a.tar.gz a.zip a.tar.zst; do
    run run a -q -o $archive
    [ "$status" = 0 ] || continue # this build does not write it
    run diff a $archive
    expect_status 0
    expect_empty "$out"
    run diff $archive a --preserve mode,mtime
    expect_status 0
done
run diff a.tar.gz a.zip -q
expect_status 0
expect_empty "$err"
run diff - a.zip <a.tar.gz
expect_status 0

# Every kind of difference.
echo three >>b/sub/b.txt
printf 'ONE\n' >b/a.txt # and its other name
ln -sfn empty b/link
chmod 640 b/empty
rm b/.hidden
mkdir b/empty.d 'b/new
line'
echo x >'b/new
line/x'
rm 'b/sub/with space'
mkdir 'b/sub/with space'
cat >expected <<'END'
only in a: .hidden
a.txt: content differs
empty: mode 0600, 0640
only in b: empty.d/
link: target a.txt, empty
only in b: new\nline/
only in b: new\nline/x
sub/b.txt: size 12, 18
sub/hard.txt: content differs
sub/with space: type file, directory
END
run diff a b
expect_status 1
expect_same expected "$out"
expect_text "$err" '6 differ, 1 only in a, 3 only in b'
run diff a.tar.gz b
expect_status 1
sed 's/in a:/in a.tar.gz:/' expected >expected.tar
expect_same expected.tar "$out"
run diff -q a b
expect_status 1
expect_empty "$out"
expect_empty "$err"
run diff a b --json
expect_status 1
[ "$(wc -l <"$out")" = 10 ] || fail "not a line for each difference"
expect_line "$out" '{"path":"sub/b.txt","difference":"size","a":12,"b":18}'
expect_line "$out" '{"path":"new\nline/x","difference":"only_in_b","type":"file"}'
expect_line "$out" '{"path":"empty","difference":"mode","a":"0600","b":"0640"}'

# Selection counts for both; so does what is compared besides.
run diff a b --include '*.bin' --include empty --preserve none
expect_status 0
touch -d 2019-01-01T00:00:00Z b/sub/deep/big.bin
run diff a b --include '*.bin' --preserve mtime
expect_status 1
expect_output 'sub/deep/big.bin: mtime '"$(date -r a/sub/deep/big.bin '+%Y-%m-%d %H:%M:%S.%N')"', 2019-01-01 00:00:00.000000000'

# Two files are compared whatever their names; operations come before.
run diff a/a.txt b/a.txt
expect_status 1
expect_output 'a.txt: content differs'
run run a/a.txt -q -p gzip -o other.gz
run diff a/a.txt other.gz -p decompress
expect_status 0

# What cannot be read is trouble, whatever else there is, and no difference.
head -c 300 a.tar.gz >short.tar.gz
run diff a short.tar.gz
expect_status 3
expect_text "$err" 'short.tar.gz'
expect_text "$err" 'not all of it could be read'
cp a.zip bad.zip
size=$(wc -c <bad.zip)
printf 'XXXX' | dd of=bad.zip bs=1 seek=45 conv=notrunc 2>/dev/null
run diff a bad.zip
expect_status 3
expect_text "$out" 'could not be compared'
expect_no_text "$out" 'only in'
mkfifo b/pipe
run diff a b
expect_status 3
expect_text "$err" 'b/pipe'
run diff a missing
expect_status 3
expect_text "$err" 'missing: No such file'
expect_empty "$out"
run diff a
expect_usage 'compares two inputs'
run diff a b c
expect_usage 'compares two inputs'
run diff a b -o x
expect_usage '-o is no option of diff'

# A name that comes twice in an archive: the later one counts. Links to links, and to what came before.
if command -v tar >/dev/null 2>&1; then
    mkdir t
    echo old >t/x
    tar cf twice.tar -C t x
    ln t/x t/y
    tar rf twice.tar -C t x y
    rm t/x
    echo new >t/x
    tar rf twice.tar -C t x
    run diff twice.tar t
    expect_status 0
    expect_empty "$out"
fi
