# Compressed streams: garbage and padding behind them, damage, names that promise what is not there, decoders that want too much.
. "$(dirname "$0")/../lib.sh"
need gzip

printf 'content\n' >content
gzip -c content >good.gz
{ cat good.gz; printf 'garbage'; } >tail.gz
{ cat good.gz; head -c 1000 /dev/zero; } >padded.gz
head -c -3 good.gz >cut.gz
printf 'no gzip\n' >text.gz
: >empty.gz
for operation in gunzip decompress; do
    run run tail.gz --no-archives -q -p $operation -f -o out/
    expect_status 1
    expect_text "$err" 'warning: trailing garbage'
    expect_same content out/tail
    run run padded.gz --no-archives -q -p $operation -f -o out/
    expect_status 0
    expect_same content out/padded
    for name in cut text empty; do
        run run $name.gz --no-archives -q -p $operation -f -o out/
        expect_status 1
        expect_missing out/$name
    done
done
run run tail.gz --no-archives -q -p gunzip -o out.zip
expect_status 1
run run out.zip -q -o -
expect_same content "$out"

if command -v zstd >/dev/null && "$MILLRACE" ops zstd >/dev/null 2>&1; then
    # A frame of no content whose block is larger than its window: where libzstd takes it when it gets all of it, so do we.
    printf '\50\265\57\375\60\0\25\0\0\0\0' >empty.zst
    run run empty.zst --no-archives -q -p unzstd -o empty/
    if zstd -q -dc empty.zst >/dev/null 2>&1; then
        expect_status 0
        [ -e empty/empty ] && [ ! -s empty/empty ] || fail 'not an empty file'
    else
        expect_status 1
        expect_missing empty/empty
    fi
    head -c 1000 /dev/urandom | zstd -q --ultra -22 --long=31 >long.zst
    run run long.zst --no-archives -q -p unzstd -o out/
    expect_status 1
    expect_text "$err" 'needs a window of more than 128 MiB'
fi
if command -v lzip >/dev/null && "$MILLRACE" ops xz >/dev/null 2>&1; then
    lzip -c content >c.lz
    run run c.lz --no-archives -q -p decompress -o out/
    expect_status 0
    expect_same content out/c
fi
# .Z, in codes of up to 16 bits, as compress makes it; gzip says whether this does.
if command -v python3 >/dev/null; then
    python3 - <<'P'
import random
def pack(data, bits_max):
    out, bits, group, table, free, at = [], 9, 0, {bytes([i]): i for i in range(256)}, 257, data[:1]
    buffer = count = 0
    result = bytearray([0x1f, 0x9d, 0x80 | bits_max])
    def put(code, width):
        nonlocal buffer, count
        buffer |= code << count
        count += width
        while count >= 8:
            result.append(buffer & 255)
            buffer >>= 8
            count -= 8
    for i in range(1, len(data) + 1):
        longer = at + data[i:i + 1]
        if i < len(data) and longer in table:
            at = longer
            continue
        put(table[at], bits)
        group += 1
        if i < len(data):
            # The reader makes this entry one code later, and changes the width then.
            if free < 1 << bits_max:
                table[longer] = free
                free += 1
                if free - 1 == 1 << bits and bits < bits_max:
                    put(0, (8 - group % 8) % 8 * bits)
                    bits, group = bits + 1, 0
            at = data[i:i + 1]
    if count:
        result.append(buffer & 255)
    return bytes(result)
random.seed(1)
words = [bytes(random.choice(b'abcdefgh ') for i in range(random.randrange(2, 9))) for i in range(500)]
text = b''.join(random.choice(words) for i in range(60000))
open('text', 'wb').write(text)
for bits in 12, 14, 16:
    open('text%d.Z' % bits, 'wb').write(pack(text, bits))
P
    for bits in 12 14 16; do
        gzip -dc text$bits.Z | cmp - text || fail "the test's own text$bits.Z is wrong"
        run run text$bits.Z --no-archives -q -p decompress -o -
        expect_status 0
        expect_same text "$out"
    done
fi

# LZMA with other properties than usual has nothing to be known by but its name.
if command -v python3 >/dev/null && python3 -c 'import lzma' 2>/dev/null && "$MILLRACE" ops xz >/dev/null 2>&1; then
    python3 - <<'P'
import io, lzma, tarfile
def pack(data, lc, lp, pb):
    return lzma.compress(data, format=lzma.FORMAT_ALONE, filters=[{'id': lzma.FILTER_LZMA1, 'dict_size': 1 << 16, 'lc': lc, 'lp': lp, 'pb': pb}])
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode='w') as t:
    i = tarfile.TarInfo('member')
    i.size = 5
    t.addfile(i, io.BytesIO(b'hello'))
for name, properties in ('odd', (1, 2, 3)), ('other', (4, 0, 2)):
    open(name + '.lzma', 'wb').write(pack(b'hello', *properties))
    open(name + '.tar.lzma', 'wb').write(pack(tar.getvalue(), *properties))
P
    for name in odd other; do
        run run $name.lzma -q -p decompress -o -
        expect_status 0
        printf hello | cmp -s - "$out" || fail "not what was packed"
        run list $name.tar.lzma
        expect_status 0
        expect_line "$out" member
    done
fi
