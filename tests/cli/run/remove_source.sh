# --remove-source: a file goes when its output is there, and only then.
. "$(dirname "$0")/../lib.sh"

make_tree in
cp -R in copy
run run in -q -o out/ -p gzip --remove-source
expect_status 0
[ -z "$(find in -type f)" ] || fail "files are left: $(find in -type f | head -n 3)"
[ -n "$(find in -type l)" ] || fail "links are gone"
(cd copy && find . -type f) | while IFS= read -r name; do
    gzip -dc "out/$name.gz" | cmp -s - "copy/$name" || fail "out/$name.gz is not copy/$name"
done

# What is not stored stays: refused, failed, not selected, skipped.
mkdir src dst
echo 1 >src/there
echo 2 >src/bad.gz
echo 3 >src/other.txt
echo old >dst/there
run run src -q -o dst/ -p gunzip --exclude '*.txt' --remove-source
expect_status 1
expect_line src/there 1
expect_line src/bad.gz 2
expect_line src/other.txt 3
expect_line dst/there old
run run src -q -o dst/ -n --include there --remove-source
expect_status 0
expect_line src/there 1

# Nor what holds more than came of it.
{ echo 4 | gzip; echo signature; } >src/more.gz
cp src/more.gz more
run run src -q -o dst/ -p gunzip --include 'more*' --remove-source
expect_status 1
expect_text "$err" 'so its input is kept'
expect_same more src/more.gz
rm src/more.gz

# One named file; a link to a file stays what it is.
run run src/other.txt -q -o one.txt --remove-source
expect_status 0
expect_missing src/other.txt
expect_line one.txt 3

# Nothing is removed in a rehearsal, and where nothing can be read back.
run run src -o never/ --dry-run --remove-source
expect_status 0
expect_file src/there
for to in a.zip null: a.tar; do
    run run src -o $to --remove-source
    expect_usage '--remove-source needs a tree or a file as OUTPUT'
done
run run src --in-place -p crlf --remove-source
expect_usage 'contradict'
expect_file src/there

# An archive cannot be taken apart: its members are stored, it stays, and the status tells.
run run copy -q -o copy.tar
run run copy.tar -q -o members/ --remove-source
expect_status 1
expect_text "$err" 'its source cannot be removed'
expect_file copy.tar
