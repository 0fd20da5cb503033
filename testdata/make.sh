#!/bin/sh
# make.sh [samples] [good] [bad]: makes the generated files of testdata again. README.md says what each is for.
# Only needed when something is added: the files are committed. Wants python3, GNU tar, zip, 7z, bsdtar, bgzip, xz, zstd, lz4, bzip2.
set -eu
export LC_ALL=C.UTF-8 TZ=UTC
cd -- "$(dirname -- "$0")"
here=$PWD

# --- sample: readings, logs, a picture, noise. The other files of sample/ are written by hand.

# readings YEAR-MONTH DAYS SEED: a month's weather, four times a day.
readings() {
    awk -v month="$1" -v days="$2" -v seed="$3" '
    BEGIN {
        srand(seed); pi = atan2(0, -1)
        print "time,temperature_c,humidity_pct,pressure_hpa,wind_m_s,rain_mm,level_mm"
        season = -10 * cos(2 * pi * (substr(month, 6) - 0.5) / 12); pressure = 1013; level = 400 + 20 * season
        for (day = 1; day <= days; day++) for (hour = 0; hour < 24; hour += 6) {
            pressure += 4 * (rand() - 0.5); rain = rand() < 0.2 ? 3 * rand() : 0; level += 30 * rain - 8
            temperature = 10 + season - 5 * cos(2 * pi * hour / 24) + 3 * (rand() - 0.5)
            is_gap = rand() < 0.01
            printf "%s-%02dT%02d:00Z,%s,%d,%.1f,%.1f,%.1f,%d\n", month, day, hour, is_gap ? "" : sprintf("%.1f", temperature),
                60 + 35 * rand(), pressure, 9 * rand() * rand(), rain, level
        }
    }'
}

# collector_log DAY LINES SEED
collector_log() {
    awk -v day="$1" -v lines="$2" -v seed="$3" '
    BEGIN {
        srand(seed); split("reading stored|port 3 answered late|retry on port 5|file closed|clock adjusted by 0.02 s|level below the sill", text, "|")
        for (i = 0; i < lines; i++) {
            s = int(i * 86400 / lines); n = rand() < 0.8 ? 1 : int(2 + 5 * rand())
            printf "%sT%02d:%02d:%02dZ %-5s collector[%d]: %s\n", day, s / 3600, s / 60 % 60, s % 60, n == 1 ? "info" : "warn", 400 + seed, text[n]
        }
    }'
}

access_log() {
    awk 'BEGIN {
        srand(7); split("/index.html /style.css /app.js /img/mill.svg /data/readings-2024-12.csv /about.html /feed.xml", page, " ")
        for (i = 0; i < 300; i++)
            printf "192.0.2.%d - - [31/Dec/2024:%02d:%02d:%02d +0000] \"GET %s HTTP/1.1\" %d %d\n", 1 + 200 * rand(), i / 13, i % 60, 60 * rand(),
                page[1 + int(7 * rand())], rand() < 0.95 ? 200 : 404, 200 + 9000 * rand()
    }'
}

samples() {
    month=1
    for days in 31 29 31 30 31 30 31 31 30 31 30 31; do
        name=$(printf '2024-%02d' "$month")
        readings "$name" "$days" "$month" >"sample/data/readings-$name.csv"
        month=$((month + 1))
    done
    collector_log 2024-12-31 400 31 >sample/logs/collector.log
    collector_log 2024-12-30 300 30 >sample/logs/collector.log.1
    for day in 01 02 03 04 05 06; do collector_log "2024-06-$day" 40 "$day" >"sample/logs/2024/06-$day.log"; done
    access_log >sample/logs/access.log
    head -c 16384 /dev/zero >sample/misc/zeros.bin
    python3 - <<'PY'
import random, struct, zlib
generator = random.Random(1)
open("sample/misc/noise.bin", "wb").write(generator.randbytes(8192))
open("sample/misc/table.bin", "wb").write(b"".join(struct.pack("<IHhf", i, i * i & 0xFFFF, 3 - i, i / 7) for i in range(400)))
# A picture of 64 x 64 points: rings in the water.
rows = b"".join(b"\0" + bytes(c for x in range(64) for c in (40, 110 + ((x - 32) ** 2 + (y - 32) ** 2) // 24 % 60, 150)) for y in range(64))
def part(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
open("sample/site/img/rings.png", "wb").write(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)) +
    part(b"IDAT", zlib.compress(rows, 9)) + part(b"IEND", b""))
PY
}

# --- good: one small tree in every container.

make_tree() { # make_tree DIRECTORY
    mkdir -p "$1/tree/docs" "$1/tree/empty-directory" "$1/tree/bin"
    cp sample/README.md sample/docs/guide.md "sample/docs/release notes.txt" sample/docs/überblick.md sample/docs/visitors.txt "$1/tree/docs"
    cp sample/scripts/rotate.sh "$1/tree/bin"
    cp sample/misc/a-file-whose-name-* "$1/tree"
    head -c 1500 sample/misc/noise.bin >"$1/tree/noise.bin"
    : >"$1/tree/empty"
    ln "$1/tree/docs/guide.md" "$1/tree/hard-link.md"
    ln -s docs/guide.md "$1/tree/soft-link.md"
    chmod -R u=rwX,go=rX "$1/tree"
    chmod 755 "$1/tree/bin/rotate.sh"
    chmod 600 "$1/tree/noise.bin"
    find "$1/tree" -exec touch -h -d '2024-05-06 07:08:09.5' {} +
}

in_order() { (cd "$1" && find tree | sort); }
tar_of() { tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --format="$2" -cf "$3" tree; }

good() {
    rm -f good-* good.*
    make_tree "$work"
    (cd "$work/tree" && find . -type f | sort | xargs -d '\n' sha256sum) | sed 's,  \./,  ,' >tree.sha256
    tar_of "$work" posix "$work/pax.tar"
    tar_of "$work" gnu "$work/gnu.tar"
    tar_of "$work" ustar "$work/ustar.tar" 2>/dev/null || tar -C "$work" --exclude='a-file-whose-name-*' --sort=name --owner=0 --group=0 --format=ustar -cf "$work/ustar.tar" tree
    cp "$work/ustar.tar" good-ustar.tar
    gzip -9nc "$work/pax.tar" >good-pax.tar.gz
    gzip -9nc "$work/gnu.tar" >good-gnu.tgz
    bzip2 -9c "$work/pax.tar" >good-pax.tar.bz2
    xz -9c "$work/pax.tar" >good-pax.tar.xz
    xz -c --block-size=4096 "$work/pax.tar" >good-blocks.tar.xz
    zstd -q -19 -c "$work/pax.tar" >good-pax.tar.zst
    lz4 -q -9 -c "$work/pax.tar" >good-pax.tar.lz4
    # Made of several gzip members: some readers stop after the first, silently.
    { head -c 5000 "$work/pax.tar" | gzip -9n; tail -c +5001 "$work/pax.tar" | gzip -9n; } >good-members.tar.gz
    bgzip -c "$work/pax.tar" >good-bgzf.tar.gz
    (cd "$work" && rm -f a.zip && in_order . | zip -q -X -y -9 a.zip -@)
    mv "$work/a.zip" good.zip
    (cd "$work" && rm -f a.zip && in_order . | zip -q -X -y -0 - -@) >good-streamed.zip
    (cd "$work" && 7z a -bd -mx=9 -mtm=on -snl a.7z tree >/dev/null)
    mv "$work/a.7z" good.7z
    (cd "$work" && in_order . | bsdtar --format newc --uid 0 --gid 0 -n -T - -cf -) | gzip -9n >good-newc.cpio.gz
    (cd "$work" && in_order . | bsdtar --format odc --uid 0 --gid 0 -n -T - -cf -) | gzip -9n >good-odc.cpio.gz
    head -c 1024 /dev/zero >good-empty.tar
    # A zip of no members: the end record alone.
    printf 'PK\005\006\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >good-empty.zip
    # Plain files that are compressed on their own, not archives.
    gzip -9nc sample/docs/guide.md >good-file.md.gz
    { gzip -9nc sample/docs/guide.md; gzip -9nc sample/docs/faq.md; } >good-members.md.gz
    bgzip -c sample/docs/guide.md >good-bgzf.md.gz
    gzip -nc </dev/null >good-empty-content.gz
    xz -9c sample/docs/guide.md >good-file.md.xz
    zstd -q -c sample/docs/guide.md >good-file.md.zst
}

# --- bad: what has to be refused or reported, and must never harm.

bad() {
    rm -f bad-*
    [ -d "$work/tree" ] || make_tree "$work"
    tar_of "$work" posix "$work/bad.tar"
    # Cut after more than libarchive decodes at once, so that the first members can still be read.
    tar --sort=name --owner=0 --group=0 --mtime='2024-05-06 07:08:09' -cf - sample/data sample/logs | gzip -9n | head -c 20000 >bad-truncated.tar.gz
    xz -9c "$work/bad.tar" | head -c 2500 >bad-truncated.tar.xz
    head -c 6000 "$work/bad.tar" >bad-truncated.tar
    size=$(wc -c <good.zip)
    head -c $((size / 2)) good.zip >bad-truncated.zip
    gzip -9nc sample/docs/guide.md | head -c 300 >bad-truncated.gz
    { gzip -9nc sample/docs/guide.md; printf 'this is not a gzip member'; } >bad-trailing.gz
    gzip -9nc sample/docs/guide.md | python3 -c 'import sys; b = bytearray(sys.stdin.buffer.read()); b[-6] ^= 1; sys.stdout.buffer.write(b)' >bad-crc.gz
    : >bad-nothing.zip
    : >bad-nothing.gz
    : >bad-nothing.tar.gz
    printf 'This is a text that somebody called a zip.\n' >bad-text.zip
    printf 'This is a text that somebody called a gz.\n' >bad-text.gz
    (cd "$work/tree/docs" && rm -f ../../e.zip && zip -q -X -P secret ../../e.zip guide.md visitors.txt)
    mv "$work/e.zip" bad-encrypted.zip
    python3 - <<'PY'
import io, struct, tarfile, warnings, zipfile
warnings.simplefilter("ignore")
WHEN = 1714979289

def tar(name, *members):
    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as archive:
        for member, kind, value in members:
            info = tarfile.TarInfo(member)
            info.mtime, info.type, info.mode = WHEN, kind, 0o755 if kind == tarfile.DIRTYPE else 0o644
            if kind == tarfile.REGTYPE:
                info.size = len(value)
                archive.addfile(info, io.BytesIO(value))
            else:
                info.linkname = value
                archive.addfile(info)

FILE, SOFT, HARD, DIRECTORY = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
good = ("good.txt", FILE, b"a good member\n")
tar("bad-dotdot.tar", good, ("../escaped.txt", FILE, b"outside\n"), ("a/../../escaped.txt", FILE, b"outside\n"), ("last.txt", FILE, b"a good member\n"))
tar("bad-absolute.tar", good, ("/tmp/millrace-escaped.txt", FILE, b"outside\n"), ("last.txt", FILE, b"a good member\n"))
tar("bad-symlink.tar", good, ("way", SOFT, "../outside"), ("way/escaped.txt", FILE, b"outside\n"), ("last.txt", FILE, b"a good member\n"))
tar("bad-symlink-absolute.tar", good, ("way", SOFT, "/tmp"), ("way/millrace-escaped.txt", FILE, b"outside\n"))
tar("bad-hardlink.tar", good, ("way", HARD, "../outside.txt"), ("way2", HARD, "/etc/passwd"))
tar("bad-duplicate.tar", ("twice.txt", FILE, b"first\n"), good, ("twice.txt", FILE, b"second\n"), ("./twice.txt", FILE, b"third\n"))
tar("bad-file-and-directory.tar", ("name", FILE, b"a file\n"), ("name/inner.txt", FILE, b"below a file\n"), good)
tar("bad-device.tar", good, ("null", tarfile.CHRTYPE, ""), ("pipe", tarfile.FIFOTYPE, ""), ("last.txt", FILE, b"a good member\n"))

def zip_of(name, *members):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, value in members:
            archive.writestr(zipfile.ZipInfo(member, (2024, 5, 6, 7, 8, 8)), value, zipfile.ZIP_DEFLATED)

zip_of("bad-dotdot.zip", ("good.txt", b"a good member\n"), ("../escaped.txt", b"outside\n"), ("..\\escaped.txt", b"outside\n"), ("last.txt", b"a good member\n"))
zip_of("bad-duplicate.zip", ("twice.txt", b"first\n"), ("good.txt", b"a good member\n"), ("twice.txt", b"second\n"))
zip_of("bad-crc.zip", ("good.txt", b"a good member\n"), ("damaged.txt", b"the checksum of this member is wrong\n" * 8), ("last.txt", b"a good member\n"))
data = bytearray(open("bad-crc.zip", "rb").read())
with zipfile.ZipFile("bad-crc.zip") as archive:
    info = archive.getinfo("damaged.txt")
right, wrong = struct.pack("<I", info.CRC), struct.pack("<I", info.CRC ^ 0x01010101)
assert data.count(right) == 2  # the member's own header and the central directory
open("bad-crc.zip", "wb").write(data.replace(right, wrong))
PY
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- samples good bad
for part in "$@"; do
    case $part in
    samples | good | bad) "$part" ;;
    *) echo "usage: make.sh [samples] [good] [bad]" >&2; exit 2 ;;
    esac
done
echo "$here: $(find sample | wc -l) entries in sample, $(find . -maxdepth 1 -name 'good-*' -o -maxdepth 1 -name 'bad-*' | wc -l) archives"
