# The same bytes whatever the numbers of threads, the pool mode and the memory: archives byte for byte, trees file by file.
. "$(dirname "$0")/../lib.sh"

# Sizes around a chunk and a window, zeros and code, many small ones, links.
mkdir -p in/many in/deep/er
make_tree in/tree
i=0
while [ $i -lt 40 ]; do
    printf '%0*d\n' $((i * 37 + 1)) "$i" >"in/many/$i.txt"
    i=$((i + 1))
done
head -c 1048576 /dev/zero >in/deep/exactly
{ head -c 100000 "$MILLRACE"; yes 0123456789 | head -c 2000000; } | head -c 1048577 >in/deep/over
head -c 150000 "$MILLRACE" >in/deep/er/large
ln in/deep/over in/many/zz-hard
find in -exec touch -h -d '2020-02-02 02:02:02' {} +
run run in -q -o in.tar.gz
run run in -q -o in.zip

# same OUTPUT ARG...: one thread each, then every other setting, makes the same OUTPUT.
same() {
    case $1 in */) tree=${1%/} ;; *) tree= ;; esac
    name=$1
    shift
    rm -rf "first.$name" "other.$name"
    run run "$@" -q --pool shared -j1 --memory 16M -o "first.$name"
    expect_status 0
    expect_empty "$err"
    for setting in "-R auto -j8 -W auto --memory 64M" "-R1 -j3 -W1 --memory 1M" "--pool shared -j5 --memory 2M"; do
        rm -rf "other.$name"
        # shellcheck disable=SC2086
        run run "$@" -q $setting -o "other.$name"
        expect_status 0
        expect_empty "$err"
        if [ -n "$tree" ]; then
            expect_same_tree "first.$tree" "other.$tree"
        else
            expect_same "first.$name" "other.$name"
        fi
    done
    rm -rf "first.$name" "other.$name"
}
for format in tar tar.gz tar.zst zip cpio; do
    same "a.$format" in
done
same b.zip in -p gzip:level=1
same c.tar.lz4 in -p zlib:level=1 -p unzlib
same c.tar in --include 'many/*' -x tr 0-9 a-j ';'
same d/ in -p gzip:level=1
same d/ in.tar.gz
same d.tar in.tar.gz -p gzip -p gunzip
same e/ in.zip -p zlib
same e.zip in.zip --include '*.txt' -p gzip
# Slow formats: little of it. xz at its usual level does not fit the memory, and says so.
for format in tar.bz2 7z; do
    same "a.$format" in --exclude deep
done
if "$MILLRACE" ops xz >/dev/null 2>&1; then
    same a.tar.xz in --exclude deep --level 0
    run run in -q --memory 16M -o refused.tar.xz
    expect_status 3
    expect_text "$err" "MiB of memory at this level, and 16 MiB are allowed"
    expect_missing refused.tar.xz
    run run in -q --memory 16M -o refused/ -p xz
    expect_status 3
    expect_text "$err" "xz needs"
fi

# From a pipe.
lib_command='run - <in.tar.gz'
"$MILLRACE" run - -q -p gzip:level=1 -R1 -j1 -W1 -o - --to tar <in.tar.gz >"$out"
cp "$out" first.tar
run list first.tar
expect_line "$out" deep/er/large.gz
for setting in "-R4 -j8 -W3" "--pool shared -j5 --memory 1M"; do
    # shellcheck disable=SC2086
    "$MILLRACE" run - -q -p gzip:level=1 $setting -o "pipe.tar" <in.tar.gz
    expect_same first.tar pipe.tar
    rm pipe.tar
done
