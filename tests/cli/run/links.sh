# Hard and symbolic links: kept where they can be, refused where they lead out.
. "$(dirname "$0")/../lib.sh"

inode() { stat -c %i "$1"; }
linked() { [ "$(inode "$1")" = "$(inode "$2")" ] || fail "$1 and $2 are no hard links"; }
apart() { [ "$(inode "$1")" != "$(inode "$2")" ] || fail "$1 and $2 are hard links"; }
points() { [ "$(readlink "$1")" = "$2" ] || fail "$1 points to $(readlink "$1"), not $2"; }

mkdir -p in/a in/z outside
printf 'shared\n' >in/m
ln in/m in/a/first
ln in/m in/z/last
: >in/empty
ln in/empty in/z/empty
ln -s ../m in/a/up
ln -s a in/way
ln -s nowhere in/dangling
printf 'secret\n' >outside/s

# Directory to directory, through a tar, and through a pipe of one.
run run in -q -o out/
expect_status 0
linked out/m out/a/first
linked out/m out/z/last
linked out/empty out/z/empty
points out/a/up ../m
points out/way a
points out/dangling nowhere
expect_same_tree in out
run run in -q -o a.tar.gz
run run a.tar.gz -q -o back/
linked back/m back/z/last
run list -l a.tar.gz
expect_text "$out" 'dangling -> nowhere'
lib_command='run - <a.tar.gz'
"$MILLRACE" run - -q -o piped/ <a.tar.gz
linked piped/m piped/z/last
expect_same in/m piped/a/first

# What an operation makes of a file, its links are too.
run run in -q -p gzip -o gz/
expect_status 0
linked gz/m.gz gz/a/first.gz
linked gz/m.gz gz/z/last.gz
gzip -dc <gz/z/last.gz | cmp - in/m || fail "gz/z/last.gz is not m"
run run in -q -p gzip -o gz.tar
run run gz.tar -q -o gzback/
linked gzback/m.gz gzback/z/last.gz

# Links in a part of the tree, without the file that is met first.
run run in -q --exclude a -o part/
expect_status 0
expect_same in/m part/z/last
linked part/m part/z/last
run run in -q --include last -o one/
expect_status 0
expect_same in/m one/z/last
run run in -q --include 'm' --include last --preserve mode,mtime -o copies/
expect_status 0
apart copies/m copies/z/last
expect_same copies/m copies/z/last

# No hard links in a zip: the content, each time.
run run in -q -o a.zip
expect_status 0
run run a.zip -q -o unzipped/
expect_status 0
expect_same unzipped/z/last in/m
points unzipped/a/up ../m

# Followed links, also one that leads back.
run run in/way -q -o followed/
expect_status 0
expect_same followed/first in/m
ln -s ../outside in/out
run run in -q -L --exclude dangling -o deref/
expect_status 0
[ -f deref/out/s ] && [ ! -L deref/out ] || fail "deref/out is not followed"
expect_same deref/a/up in/m
ln -s .. in/a/loop
run run in -L --exclude dangling -o loop/
expect_status 1
expect_text "$err" in/a/loop
expect_same loop/a/first in/m
run run in -q -L --exclude dangling --exclude loop -o noloop/
expect_status 0
expect_same noloop/a/first in/m
rm in/a/loop

# A link that is named as the input stands for what it leads to; in a list it is a link.
ln -s in/m given
run run given -q -p gzip -o given.gz
expect_status 0
[ -f given.gz ] && [ ! -L given.gz ] || fail "given.gz is a link"
gzip -dc given.gz | cmp - in/m || fail "given.gz is not m"
run run given -q -o -
expect_same "$out" in/m
printf 'given\n' >list
run run -T list -q -o listed/
expect_status 0
points listed/given in/m

# Links of one's own tree stay as they are; an archive's are refused where they lead out, by -P not.
run run in -q -o own/
expect_status 0
points own/out ../outside
run run in -q -o own.tar
run run own.tar -q -o theirs/
expect_status 1
expect_text "$err" 'own.tar!/out: the link leads out of the output directory, to ../outside (-P allows it)'
expect_missing theirs/out
points theirs/a/up ../m
run run own.tar -q -P -o unsafe/
expect_status 0
points unsafe/out ../outside
ln -sf "$PWD/outside" in/out
run run in -q -f -o own.tar
run run own.tar -q -o absolute/
expect_status 1
expect_missing absolute/out

# Nothing is written through a link that is there already.
mkdir -p trap
ln -s ../outside trap/a
run run a.tar.gz -q -o trap/
expect_status 1
expect_missing outside/first
expect_missing outside/up
points trap/dangling nowhere
