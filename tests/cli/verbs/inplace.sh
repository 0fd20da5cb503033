# --in-place: files, trees and archives are replaced by their result, or stay as they are.
. "$(dirname "$0")/../lib.sh"

make_tree in
cp -a in before

# A tree: contents change, the rest does not.
run run in --in-place -p lf -q
expect_status 0
printf 'two\nlines\n' | cmp - in/sub/b.txt || fail "b.txt was not changed"
expect_same in/a.txt before/a.txt
[ "$(readlink in/link)" = a.txt ] || fail "the link changed"
[ "$(stat -c %a in/sub/deep)" = 750 ] || fail "a directory's mode changed"
[ "$(stat -c %Y in/sub/b.txt)" = "$(stat -c %Y before/sub/b.txt)" ] || fail "the mtime changed"
[ "$(stat -c %i in/a.txt)" = "$(stat -c %i in/sub/hard.txt)" ] || fail "the hard link was broken"

# A name that is found when the other one has long been replaced.
mkdir -p far/z
for name in a $(seq 400); do printf 'x\r\n' >"far/$name.txt"; done
ln far/a.txt far/z/hard.txt
run run far --in-place -p lf -q -R1 -j1 -W1 --memory 64K
expect_status 0
[ "$(stat -c %i far/a.txt)" = "$(stat -c %i far/z/hard.txt)" ] || fail "the late hard link was broken"
rm -rf far
[ "$(find in | wc -l)" = "$(find before | wc -l)" ] || fail "something was added or is missing"

# A file, also through a link, which stays one.
printf 'x\r\n' >file
chmod 640 file
ln -s file way
run run way --in-place -p lf -q
expect_status 0
[ -L way ] || fail "the link was replaced"
printf 'x\n' | cmp - file || fail "the file was not changed"
[ "$(stat -c %a file)" = 640 ] || fail "the mode changed"

# Names that would change.
run run in --in-place -p gzip
expect_usage 'change the names of files'
gzip -c in/a.txt >in/a.txt.gz
run run in --in-place -p gunzip -e gz -q
expect_status 1
expect_text "$err" "its name would change to 'a.txt'"
rm in/a.txt.gz

# Archives.
run run before -q -o a.tar.gz
chmod 600 a.tar.gz
run run a.tar.gz --in-place -q -p lf
expect_status 0
[ "$(stat -c %a a.tar.gz)" = 600 ] || fail "the archive's mode changed"
run run a.tar.gz -q -o unpacked/
printf 'two\nlines\n' | cmp - unpacked/sub/b.txt || fail "the member was not changed"
run run a.tar.gz --in-place -q --exclude '*.bin'
expect_status 0
run list a.tar.gz
expect_text "$out" sub/b.txt
expect_no_text "$out" big.bin

# A failing member leaves the archive as it was.
cp -p a.tar.gz same
run run a.tar.gz --in-place -p gunzip
expect_status 1
expect_text "$err" 'left as it was'
expect_same a.tar.gz same
[ "$(find . -maxdepth 1 | wc -l)" = 8 ] || fail "something was left behind: $(ls -a)"

# Nor is anything taken out of an input that its reader leaves out.
run run before -q -o tail.tar
echo signature >>tail.tar
run run before -q -o tail.zip
echo signature >>tail.zip
gzip -c before/a.txt >file
echo signature >>file
for input in tail.tar tail.zip file; do
    cp $input same
    case $input in file) set -- -p recompress:to=gzip ;; *) set -- ;; esac
    run run $input --in-place -q "$@"
    expect_status 1
    expect_same $input same
done
rm tail.tar tail.zip

# What somebody else, or another run, makes of an archive meanwhile is not lost either.
for kind in tar zip; do
    printf 'x\n' >member
    run run member -q -o slow.$kind
    rm -f go begun
    "$MILLRACE" run slow.$kind --in-place -q -x sh -c ': >begun; while [ ! -e go ]; do sleep 0.05; done; cat; echo slow' \
        2>"$lib_room/slow" &
    child=$!
    wait_until [ -e begun ]
    run run slow.$kind --in-place -q -x sh -c 'cat; echo quick'
    expect_status 0
    : >go
    slow=0
    wait $child || slow=$?
    [ $slow = 1 ] || fail "the slow run ended with $slow"
    expect_text "$lib_room/slow" 'it has changed meanwhile'
    run run slow.$kind -q -o -
    expect_output x quick
done
rm -f go begun member slow.*

# Several inputs; one is missing.
printf 'y\r\n' >file
run run nothing file a.tar.gz --in-place -q -p lf
expect_status 1
expect_text "$err" 'nothing: No such file'
printf 'y\n' | cmp - file || fail "the other file was not done"
printf 'z\r\n' >file
printf 'file\n' >list
run run -T list --in-place -q -p lf
expect_status 0
printf 'z\n' | cmp - file || fail "the file of the list was not done"

# What makes no sense.
run run in --in-place -o out/ -p lf
expect_usage 'leave out -o'
run run in --in-place
expect_status 1
expect_text "$err" 'changes nothing'
run run - --in-place -p lf
expect_usage 'cannot replace stdin'
run run in --in-place -p lf --flat
expect_usage 'names stay as they are'
run run in --in-place -p lf -n
expect_usage 'contradict'
cp a.tar.gz odd.name
run run odd.name --in-place -q
expect_status 1
expect_text "$err" 'add --to FORMAT'
run run odd.name --in-place -q --to tar.xz
expect_status 0
run list --from tar.xz odd.name
expect_status 0
