# What we compress is read by everybody else who is installed; those who are not are named.
# shellcheck disable=SC2016 # the programs of other languages are not for the shell
. "$(dirname "$0")/../lib.sh"

# Content of several blocks: the program, text, noise, and the program again. Content of one; none at all.
mkdir in
{
    head -c 1300000 "$MILLRACE"
    seq 250000
    head -c 900000 /dev/urandom
    head -c 700000 "$MILLRACE"
} >in/several
seq 3000 >in/one
: >in/none

missing=
# reads SUFFIX COMMAND...: COMMAND with a packed file as its last word writes the content.
reads() {
    suffix=$1
    shift
    command -v "$1" >/dev/null 2>&1 || {
        case " $missing " in *" $1 "*) ;; *) missing="$missing $1" ;; esac
        return 0
    }
    for name in several one none; do
        run_command "$@" "packed/$name$suffix"
        expect_status 0
        expect_same "in/$name" "$out"
    done
}

pack() { # pack SPEC
    rm -rf packed
    run run in --no-archives -q -p "$1" -o packed/
    expect_status 0
}

one_member_readers() {
    reads .gz python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(open(sys.argv[1], "rb").read(), 31))'
    reads .gz perl -MIO::Uncompress::Gunzip=gunzip -e 'gunzip $ARGV[0] => "-" or die'
}

gzip_readers() {
    reads .gz gzip -dc
    reads .gz pigz -dc
    reads .gz igzip -dc
    reads .gz libdeflate-gunzip -c
    reads .gz busybox zcat
    reads .gz 7z x -so
    reads .gz bsdcat
    reads .gz python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())'
    reads .gz node -e 'process.stdout.write(require("zlib").gunzipSync(require("fs").readFileSync(process.argv[1])))'
}

for level in 0 1 6 9; do
    pack "gzip:$level"
    gzip_readers
    one_member_readers
done
for level in 1 6; do
    pack "gzip:level=$level,layout=bgzf"
    gzip_readers
    reads .gz bgzip -dc

done
pack zlib
reads .zz python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(open(sys.argv[1], "rb").read()))'
if "$MILLRACE" ops zstd >/dev/null 2>&1; then
    pack zstd:1
    reads .zst zstd -dc
    reads .zst bsdcat
fi
if "$MILLRACE" ops xz >/dev/null 2>&1; then
    pack xz:0
    reads .xz xz -dc
    reads .xz busybox xzcat
    reads .xz 7z x -so
    reads .xz bsdcat
    reads .xz python3 -c 'import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())'
fi
if "$MILLRACE" ops bzip2 >/dev/null 2>&1; then
    pack bzip2:1
    reads .bz2 bzip2 -dc
    reads .bz2 busybox bzcat
    reads .bz2 7z x -so
    reads .bz2 bsdcat
    reads .bz2 python3 -c 'import bz2, sys; sys.stdout.buffer.write(bz2.open(sys.argv[1]).read())'
fi
if "$MILLRACE" ops lz4 >/dev/null 2>&1; then
    pack lz4
    reads .lz4 lz4 -dc
    reads .lz4 bsdcat
fi

# Archives: the same tree comes out of each.
for format in tar.gz tar.gz:layout=bgzf tar.zst tar.xz tar.bz2 tar.lz4; do
    "$MILLRACE" formats | grep -q "^ *${format%%:*} " || continue
    run run in -q -o "made.tar" --to "$format"
    expect_status 0
    command -v bsdtar >/dev/null 2>&1 || break
    rm -rf back
    mkdir back
    run_command bsdtar -xf made.tar -C back
    expect_status 0
    expect_same in/several back/several
    rm made.tar
done
[ -z "$missing" ] || echo "not installed, not asked:$missing"
