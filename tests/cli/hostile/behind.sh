# What follows the end of an archive is left out, and that is told, whatever stands around the archive and whoever
# reads it. Padding is not worth a word.
. "$(dirname "$0")/../lib.sh"

echo one >one
echo two >two
"$MILLRACE" run one -q -o one.tar
"$MILLRACE" run two -q -o two.tar
"$MILLRACE" run one -q -o one.cpio
"$MILLRACE" run two -q -o two.cpio
head -c "$(($(wc -c <one.tar) - 1024))" one.tar >member # without the two blocks of its end
head -c 512 /dev/zero >zeros

cat one.tar two.tar >tars
cat one.cpio two.cpio >cpios
cat member zeros two.tar >lone # one block of zeros is an end too
{ cat one.tar; echo signature; } >signed
{ cat one.tar; head -c 400000 /dev/zero; echo far; } >far

told() { # NAME ARG...: of the input of that name
    name=$1
    shift
    rm -rf out
    run "$@" -q -o out/
    expect_status 0
    expect_output
    expect_line "$err" "millrace: warning: $name: something follows its end, and was left out"
    expect_same one out/one
    expect_missing out/two
}
for archive in tars cpios lone signed far; do
    told "$archive" run "$archive"
    told "$archive" run "$archive" --no-sandbox
    told stdin run - <"$archive"
    for codec in gzip zstd xz; do
        "$MILLRACE" ops $codec >/dev/null 2>&1 || continue
        rm -f packed
        "$MILLRACE" run "$archive" --no-archives -q -p "$codec" -o - >packed
        told packed run packed
        told packed run packed --no-sandbox
    done
    run list "$archive"
    expect_status 0
    expect_output one
    expect_line "$err" "millrace: warning: $archive: something follows its end, and was left out"
done

cat one.tar zeros >padded
head -c 3000000 /dev/zero | cat one.cpio - >padded.cpio
for archive in one.tar padded padded.cpio one.cpio; do
    run run "$archive" -q -o null:
    expect_status 0
    expect_empty "$err"
    run run - -q -o null: <"$archive"
    expect_status 0
    expect_empty "$err"
done

# What follows the compressed data around an archive, and is no more of it, may be what is left of it: that is told and
# counts. Zeros are padding.
for codec in gzip zstd xz bzip2 lz4; do
    "$MILLRACE" ops $codec >/dev/null 2>&1 || continue
    rm -f packed
    "$MILLRACE" run one.tar --no-archives -q -p "$codec" -o - >packed
    { cat packed; echo garbage; } >tail
    { cat packed; head -c 70000 /dev/zero; } >padding
    { cat padding; echo garbage; } >late
    for box in '' --no-sandbox; do
        for archive in tail late; do
            rm -rf out
            run run $archive $box -q -o out/
            expect_status 1
            expect_line "$err" "millrace: $archive: something else follows its compressed data, and was left out"
            expect_same one out/one
        done
        run run padding $box -q -o null:
        expect_status 0
        expect_empty "$err"
    done
    run run - -q -o null: <tail
    expect_status 1
    cp tail kept
    run run tail --to tar --in-place -q
    expect_status 1
    expect_same kept tail
done

# A plain file is one also from a pipe, with what follows it.
{ gzip -c one; echo garbage; } | run run - -q -p gunzip -o -
expect_status 1
expect_output one
expect_text "$err" 'trailing garbage'
