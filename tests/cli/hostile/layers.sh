# Layers: one compression around an archive is taken off, and no archive in an archive is opened. What lies behind a second one
# may take for ever and come to nothing.
. "$(dirname "$0")/../lib.sh"
need gzip

echo content >file
"$MILLRACE" run file -q -o inner.zip
"$MILLRACE" run file -q -o once.tar.gz
gzip -c once.tar.gz >twice.tar.gz
for box in '' --no-sandbox; do
    run run once.tar.gz $box -q -f -o once/
    expect_status 0
    expect_same file once/file
    run run twice.tar.gz $box -q -o twice/
    expect_status 1
    expect_text "$err" 'is no archive, or a damaged one'
    expect_missing twice/file
    # What takes off one layer more leaves the archive that is below.
    run run twice.tar.gz $box --no-archives -q -p decompress -o -
    expect_status 0
    expect_same once.tar.gz "$out"
done

# A pipe cannot be looked into before.
run run - -q -o piped/ <twice.tar.gz
expect_status 1
expect_missing piped/file

# A million members of nothing behind two layers.
: | gzip -n >empty.gz
for i in 1 2 3 4 5 6 7 8 9 10; do
    cat empty.gz empty.gz empty.gz empty.gz >more
    mv more empty.gz
done
gzip -c empty.gz >deep.tar.gz
run run deep.tar.gz -q -o deep/
expect_status 1
[ -z "$(find deep -type f 2>/dev/null)" ] || fail 'there is a file'

mkdir dir
cp inner.zip once.tar.gz dir
for outer in outer.zip outer.tar.xz outer.tar; do
    run run dir -q -o $outer
    expect_status 0
    run run $outer -q -f -o members/
    expect_status 0
    expect_same inner.zip members/inner.zip
    expect_same once.tar.gz members/once.tar.gz
done
