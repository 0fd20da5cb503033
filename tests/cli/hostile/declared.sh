# What headers declare and is not so: sizes of up to 64 bits make nobody allocate or wait, and content under the attributes of a FIFO is a file.
. "$(dirname "$0")/../lib.sh"
need python3

python3 - <<'P'
import struct, tarfile, zipfile
def block(name, size):
    i = tarfile.TarInfo(name)
    header = bytearray(i.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = size
    header[148:156] = b' ' * 8
    header[148:156] = b'%06o\0 ' % sum(header)
    return bytes(header)
good = block('good', b'00000000005\0') + b'good\n' + b'\0' * 507
sizes = {'large': b'\x80' + (1 << 62).to_bytes(11, 'big'), 'most': b'\x80' + ((1 << 63) - 1).to_bytes(11, 'big'),
         'over': b'\x80' + (1 << 63).to_bytes(11, 'big'), 'negative': b'\xff' * 12, 'octal': b'77777777777\0'}
for name, size in sizes.items():
    with open(name + '.tar', 'wb') as f:
        f.write(good + block('bad', size) + b'x' * 512 + b'\0' * 1024)
with open('cpio.cpio', 'wb') as f:
    f.write(b'070701' + b''.join(b'%08x' % n for n in (1, 0o100644, 0, 0, 1, 0, 0xffffffff, 0, 0, 0, 0, 4, 0)) + b'bad\0' + b'\0' * 2 + b'x' * 100)
    f.write(b'\0' * 2)
with zipfile.ZipFile('z.zip', 'w') as z:
    z.writestr('good', 'good\n')
    z.writestr('bad', 'x' * 100)
data = open('z.zip', 'rb').read()
for name, size in ('zip32', 0xfffffffe), ('zip64', 0xffffffff):
    changed = bytearray(data)
    for magic, at in (b'PK\3\4', 18), (b'PK\1\2', 20):
        entry = changed.rindex(magic)
        changed[entry + at:entry + at + 8] = struct.pack('<II', size, size)
    open(name + '.zip', 'wb').write(changed)
with zipfile.ZipFile('fifo.zip', 'w') as z:
    i = zipfile.ZipInfo('-')
    i.create_system, i.external_attr = 3, 0o010600 << 16
    z.writestr(i, 'from a pipe\n')
with zipfile.ZipFile('directory.zip', 'w') as z:
    z.writestr('good', 'good')
    z.writestr('empty/', '')
    z.writestr('full/', 'what a directory cannot hold')
P
# Memory for programs and their threads, and for nothing that is declared. Sanitizers map terabytes.
limit=3000000
! ldd "$MILLRACE" | grep -q 'lib[at]san' || limit=unlimited
for archive in large.tar most.tar over.tar negative.tar octal.tar cpio.cpio zip32.zip zip64.zip; do
    run_command sh -c 'ulimit -v "$3"; exec timeout 100 "$1" run "$2" -q -j 2 --memory 64M -o "out-$2/"' sh "$MILLRACE" $archive $limit
    expect_status 1
    expect_missing out-$archive/bad
    [ -s "$err" ] || fail "no word"
done
for archive in large most over octal; do
    [ "$(cat out-$archive.tar/good)" = good ] || fail "$archive: what came before it is missing"
done
run run fifo.zip -q -o fifo/
expect_status 0
[ -f fifo/- ] || fail "no file"
[ "$(cat fifo/-)" = 'from a pipe' ] || fail "not its content"
# Content that has no place to go is not dropped without a word.
run run directory.zip -q -o directory/
expect_status 1
expect_text "$err" "full/: damaged archive: a directory that holds content"
[ -d directory/empty ] && [ "$(cat directory/good)" = good ] || fail "what is fine is missing"
expect_missing directory/full
