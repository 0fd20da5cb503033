# Hard links point at what was stored, under the name that it got, and at nothing else.
. "$(dirname "$0")/../lib.sh"

# A name that was refused or numbered is not what later names of its inode are linked to.
mkdir a b
echo AAAA >a/x
echo BBBB >b/x
ln b/x b/y
run run a b --merge -q -o refused/
expect_status 1
expect_line refused/y BBBB
run run a b --merge -q --collide rename -o numbered/
expect_status 0
expect_line numbered/x~2 BBBB
expect_line numbered/y BBBB
[ numbered/x~2 -ef numbered/y ] || fail "x~2 and y are not linked"

# One inode, two names, of which only one is selected: two different contents.
mkdir c
echo text >c/a.bin
ln c/a.bin c/b.txt
run run c -q -p gzip --include '*.txt' --others copy -o c.out/
expect_status 0
expect_line c.out/a.bin text
[ "$(gzip -dc c.out/b.txt.gz)" = text ] || fail "b.txt.gz is no gzip file"

# The first name fails: a tar must not say that the second is a link to it.
need tar
mkdir d
echo 'no gzip' >d/a.gz
ln d/a.gz d/b.gz
for policy in skip copy; do
    run run d -q -p gunzip --on-error $policy -f -o d.tar
    expect_text "$err" "hard link to 'a', which was not stored"
    [ "$status" != 0 ] || fail "status 0"
    [ ! -e d.tar ] || run_command tar -xf d.tar -C b
    [ ! -e d.tar ] || expect_status 0
done

# The names of an archive's hard links change as the names of their files do.
mkdir e
echo one >e/b.txt
ln e/b.txt e/c.txt
tar -cf e.tar -C e b.txt c.txt
run run e.tar -q -p gzip -o e.out/
expect_status 0
[ "$(gzip -dc e.out/c.txt.gz)" = one ] || fail "c.txt.gz is no gzip file"
expect_missing e.out/c.txt

# Input that breaks off is not copied in place of a result (more than one chunk, from a source that cannot go back).
head -c 3000000 /dev/zero | tr '\0' 'x' >big.gz
tar -cf cut.tar big.gz
head -c 2000000 cut.tar >cut2.tar
for to in cut/ cut.out.tar; do
    run run cut2.tar -q -p gunzip --on-error copy -o "$to"
    [ "$status" != 0 ] || fail "status 0 for a cut archive"
done
expect_missing cut/big.gz
expect_missing cut/big

# What a list names is processed before the next name comes.
mkfifo names
( echo a/x; for i in $(seq 600); do [ ! -e early ] || break; sleep 0.1; done; echo b/y ) >names &
run_command sh -c '"$MILLRACE" run -T names -q -o first/ & pid=$!
    for i in $(seq 500); do sleep 0.1; [ ! -e first/a/x ] || break; done
    [ -e first/a/x ] && echo early; : >early; wait $pid'
expect_status 0
expect_output early
expect_line first/b/y BBBB
