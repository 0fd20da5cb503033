# Members of a zip that share bytes are refused from the directory alone, before anything is decoded.
. "$(dirname "$0")/../lib.sh"
need python3
nothing_in() {
    [ -z "$(find "$1" ! -type d 2>/dev/null)" ] || fail "something is in $1: $(find "$1")"
}

python3 - <<'P'
import struct, zlib

def local(name, data, crc, plain):
    return struct.pack('<4sHHHHHIIIHH', b'PK\3\4', 20, 0, 8, 0, 33, crc, len(data), plain, len(name), 0) + name

def central(name, stored, crc, plain, at):
    return struct.pack('<4sHHHHHHIIIHHHHHII', b'PK\1\2', 20, 20, 0, 8, 0, 33, crc, stored, plain, len(name),
                       0, 0, 0, 0, 0, at) + name

def end(count, size, at):
    return struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, count, count, size, at, 0)

plain = bytes(8 << 20)
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
kernel = packer.compress(plain) + packer.flush()
crc = zlib.crc32(plain)
# As David Fifield describes them: all headers lead to one kernel; and each member quotes the header behind it.
data = local(b'0000', kernel, crc, len(plain)) + kernel
directory = b''.join(central(b'0000', len(kernel), crc, len(plain), 0) for i in range(5000))
open('shared.zip', 'wb').write(data + directory + end(5000, len(directory), len(data)))

names = [b'%04d' % i for i in range(200)]
body, spans, tail_crc, tail_plain = kernel, [], plain, kernel
content = plain
files = local(names[-1], kernel, crc, len(plain)) + kernel
heads = [(len(kernel), crc, len(plain))]
for name in reversed(names[:-1]):
    header = files[:34]
    quote = struct.pack('<BHH', 0, len(header), len(header) ^ 0xffff)
    content = header + content
    stored = quote + files
    heads.append((len(stored), zlib.crc32(content), len(content)))
    files = local(name, stored, heads[-1][1], len(content)) + quote + files
    if len(heads) > 40:
        break
heads.reverse()
count = len(heads)
names = names[-count:]
at, directory = 0, b''
for name, (stored, sum, size) in zip(names, heads):
    directory += central(name, stored, sum, size, at)
    at += 34 + 5
open('quoted.zip', 'wb').write(files + directory + end(count, len(directory), len(files)))
P
for archive in shared quoted; do
    reason='another member has the same place'
    [ $archive = shared ] || reason='its data reaches into another member'
    start=$(date +%s)
    run run $archive.zip -q -o out/
    expect_status 1
    expect_text "$err" "damaged or truncated archive: $reason"
    run run $archive.zip -q --lenient-zip -o out/
    expect_status 1
    nothing_in out
    # Nothing is decoded: 40 GB in two runs would take minutes.
    [ $(($(date +%s) - start)) -lt 60 ] || fail "it took too long"
done
