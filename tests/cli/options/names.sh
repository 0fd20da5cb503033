# Every option under Names and Metadata, as --help explains it.
. "$(dirname "$0")/../lib.sh"

mkdir -p in/d/e
printf 'a\n' >in/a.txt
printf 'b\n' >in/d/b.txt
printf 'c\n' >in/d/e/a.txt
chmod 640 in/a.txt
touch -d '2020-02-02 02:02:02' in/a.txt in/d/b.txt
touch -d '2010-01-01 00:00:00' in/d/e/a.txt

# makes NAME... -- ARG...: run with ARG makes these files (directories are not counted).
makes() {
    : >"$lib_room/names"
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>"$lib_room/names"
        shift
    done
    shift
    rm -rf out
    run run in -q -o out/ "$@"
    find out -type f -printf '%P\n' 2>/dev/null | sort >"$lib_room/found"
    cmp -s "$lib_room/names" "$lib_room/found" || {
        diff "$lib_room/names" "$lib_room/found" >&2 || :
        fail "run in $* (< expected)"
    }
}
makes a.txt d/b.txt d/e/a.txt --
makes a.md d/b.md d/e/a.md -- -s '/txt$/md/'
makes a.MD d/b.MD d/e/a.MD -- -s '/txt$/md/' -s ',md,MD,'
makes b.txt e/a.txt -- --strip-components 1
makes a.txt.x d/b.txt.x d/e/a.txt.x -- --suffix .x
makes a.gz d/b.gz d/e/a.gz -- -p gzip --extension gz
makes a.txt.gz d/b.txt.gz d/e/a.txt.gz -- -p gzip
makes a.txt b.txt -- --flat
expect_status 1
expect_text "$err" 'in/d/e/a.txt: '
expect_same out/a.txt in/a.txt
makes a.txt a~2.txt b.txt -- --flat --collide rename
expect_status 0

mkdir -p two/d
printf 'z\n' >two/d/z.txt
rm -rf out
run run in two -q -o out/
expect_status 0
expect_same out/two/d/z.txt two/d/z.txt
expect_same out/in/a.txt in/a.txt
run run in two --merge -q -o merged/
expect_status 0
expect_same merged/d/z.txt two/d/z.txt
expect_same merged/a.txt in/a.txt

# about FORMAT FILE
is() { [ "$(stat -c "$1" "$2")" = "$3" ] || fail "$2: $1 is $(stat -c "$1" "$2"), not $3"; }
makes a.txt d/b.txt d/e/a.txt --
is %a out/a.txt 640
is %Y out/a.txt "$(date -d '2020-02-02 02:02:02' +%s)"
makes a.txt d/b.txt d/e/a.txt -- --preserve none
is %a out/a.txt 644
[ "$(stat -c %Y out/a.txt)" != "$(stat -c %Y in/a.txt)" ] || fail "the time was kept"
makes a.txt d/b.txt d/e/a.txt -- --mtime '2015-05-05T00:00:00Z'
is %Y out/a.txt "$(date -d '2015-05-05T00:00:00Z' +%s)"
is %Y out/d/e/a.txt "$(date -d '2015-05-05T00:00:00Z' +%s)"
makes a.txt d/b.txt d/e/a.txt -- --mtime '2015-05-05T00:00:00Z' --clamp-mtime
is %Y out/a.txt "$(date -d '2015-05-05T00:00:00Z' +%s)"
is %Y out/d/e/a.txt "$(date -d '2010-01-01 00:00:00' +%s)"

run run in -q --reproducible -o one.tar
expect_status 0
run list -l one.tar
expect_line "$out" '-rw-r--r--            2 1970-01-01 00:00:00 a.txt'
cp -r in again
chmod 600 again/d/b.txt
run run again -q --reproducible -j4 -o two.tar
expect_same one.tar two.tar
SOURCE_DATE_EPOCH=1300000000 run run in -q --reproducible -o three.tar
run list -l three.tar
expect_line "$out" '-rw-r--r--            2 2011-03-13 07:06:40 a.txt'
expect_line "$out" '-rw-r--r--            2 2010-01-01 00:00:00 d/e/a.txt'
