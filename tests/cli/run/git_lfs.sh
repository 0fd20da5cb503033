# git-lfs as a server, unchanged: the pointers that `git lfs clean` makes, and the contents back.
. "$(dirname "$0")/../lib.sh"

need git git-lfs

make_tree tree
rm tree/link tree/empty
head -c 3000000 "$MILLRACE" >tree/large.bin
i=0
while [ $i -lt 20 ]; do
    echo "some text $i" >tree/$i.txt
    i=$((i + 1))
done
HOME=$PWD
export HOME
git init -q repository
cd repository
run run ../tree -o ../pointers/ -j3 --exec-mode server -x git-lfs filter-process
expect_status 0
find ../tree -type f -printf '%P\n' | while IFS= read -r name; do
    git lfs clean "$name" <"../tree/$name" >../pointer
    cmp -s ../pointer "../pointers/$name" || fail "the pointer of $name"
done
# The empty file has an empty pointer.
: >../empty
run run ../empty -o ../empty-pointer --exec-mode server -x git-lfs filter-process
expect_status 0
[ ! -s ../empty-pointer ] || fail "the pointer of an empty file"

run run ../pointers -o ../back/ -j2 --exec-mode server --server-command smudge -x git-lfs filter-process
expect_status 0
diff -r ../tree ../back || fail "the contents are not what they were"

# It says no, and goes on: a pointer whose content is nowhere.
sed 's/^oid sha256:..../oid sha256:0000/' ../pointers/1.txt >../pointers/1.txt.new
mv ../pointers/1.txt.new ../pointers/1.txt
run run ../pointers -o ../back-again/ -j1 --exec-mode server --server-command smudge -x git-lfs filter-process
expect_status 1
expect_text "$err" "1.txt: exec: git-lfs "
[ "$(find ../back-again -type f | wc -l)" = "$(($(find ../tree -type f | wc -l) - 1))" ] || fail "not all others are back"
