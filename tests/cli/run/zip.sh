# Zip as OUTPUT: methods and levels, the mimetype of EPUB and ODF, no time zone in what is reproducible.
. "$(dirname "$0")/../lib.sh"

mkdir -p in/META-INF in/a
printf application/epub+zip >in/mimetype
printf '<container/>' >in/META-INF/container.xml
cat "$MR_SOURCE"/tests/cli/run/*.sh >in/a/scripts
seq 1 2000 >in/z
find in -exec touch -h -d '2020-02-02 02:02:02' {} +

# first_is NAME ZIP: the first member, by the local header that the file begins with.
first_is() {
    [ "$(tail -c +31 "$2" | head -c "${#1}")" = "$1" ] || fail "$2 does not begin with $1"
}

run run in -q -o a.epub --to zip
expect_status 0
first_is mimetypeapplication/epub+zipPK a.epub
run run in -q --sort none -o b.zip
first_is mimetypeapplication/epub+zipPK b.zip
run run in -q -p gzip -o c.zip # has another name now
expect_status 0
run list c.zip
expect_line "$out" mimetype.gz
# Nor is it deflated when it is copied, as an operation failed that changes its name.
mkdir large # enough of it to become smaller
yes application/epub+zip | tr -d '\n' | head -c 2000 >large/mimetype
run run large -q -p gunzip -p gzip --on-error copy -o copied.zip
expect_text "$err" 'large/mimetype: copied as it is'
first_is mimetypeapplication/epub+zipapplication/epub+zip copied.zip
run run in -q -o d.tar
run list d.tar
[ "$(head -n 1 "$out")" = META-INF/ ] || fail "a tar needs no mimetype first"
# From an archive that has it elsewhere it stays there, but is plain.
run run d.tar -q -o e.zip
first_is META-INF/ e.zip

# Methods and levels: each is read back, and they differ as they should.
methods="method=store method=deflate"
"$MILLRACE" ops zstd >/dev/null 2>&1 && methods="$methods method=zstd"
for method in $methods; do
    rm -rf back m.zip
    run run in -q --to "zip:$method" -o m.zip
    expect_status 0
    run run m.zip -q -o back/
    expect_status 0
    expect_same_tree in back
done
for level in 0 1 6 12; do
    run run in -q --level "$level" -o "l$level.zip"
    expect_status 0
    rm -rf back
    run run "l$level.zip" -q -o back/
    expect_same_tree in back
done
size() { wc -c <"$1"; }
[ "$(size l0.zip)" -gt "$(cat in/*/* in/mimetype in/z | wc -c)" ] || fail "level 0 is not stored"
[ "$(size l12.zip)" -lt "$(size l1.zip)" ] || fail "level 12 is not smaller than level 1"
run run in -q --to zip:method=store --level 5 -o no.zip
expect_usage 'zip:method=store has no compression levels'
run run in -q --level 13 -o no.zip
expect_usage 'zip has the compression levels 0 to 12, not 13'
expect_missing no.zip

# The local time is in an archive, but not when it has to be reproducible.
TZ=UTC0
run run in -q --reproducible -o r1.zip
TZ=XYZ-5
run run in -q --reproducible -o r2.zip
expect_same r1.zip r2.zip
TZ=UTC0
run run in -q --mtime '2020-02-02T02:02:02Z' -o t1.zip
TZ=XYZ-5
run run in -q --mtime '2020-02-02T02:02:02Z' -o t2.zip
cmp -s t1.zip t2.zip && fail "the time in t2.zip is not local"
TZ=UTC

# To a pipe as to a file.
"$MILLRACE" run in -q --to zip -o - | cat >piped.zip
expect_same a.epub piped.zip

# What turns out to have another size than it had when it was opened is left out, and spoils nothing that comes after it.
if [ -r /proc/version ] && ! [ -s /proc/version ]; then
    mkdir growing
    ln -s /proc/version growing/a
    cp in/z growing/z
    for method in $methods; do
        run run growing -L -q --to "zip:$method" -o grown.zip -f
        expect_status 1
        expect_text "$err" 'growing/a: has '
        expect_text "$err" ' bytes where 0 were announced'
        run list grown.zip
        expect_line "$out" z
    done
fi
