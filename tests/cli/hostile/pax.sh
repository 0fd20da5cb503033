# Extended headers of tar that readers take differently: refused by name, and nothing behind them is believed; in every way in.
. "$(dirname "$0")/../lib.sh"
need python3

python3 - <<'P'
import io, tarfile
def header(name, kind, size):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)
def pad(data):
    return data + b'\0' * (-len(data) % 512)
def member(name, data=b'content\n'):
    return header(name, tarfile.REGTYPE, len(data)) + pad(data)
def record(text):
    n = len(text) + 3
    while len(b'%d %s\n' % (n, text)) != n:
        n += 1
    return b'%d %s\n' % (n, text)
def special(kind, records):
    return header('PaxHeader', kind, len(records)) + pad(records)
def write(name, middle):
    with open(name + '.tar', 'wb') as f:
        f.write(member('first') + middle + member('named') + member('last') + b'\0' * 1024)
write('good', special(tarfile.XHDTYPE, record(b'path=renamed')))
write('nul', special(tarfile.XHDTYPE, record(b'path=ren\0amed')))
write('length', special(tarfile.XHDTYPE, b'99 path=renamed\n'))
write('empty', special(tarfile.XHDTYPE, record(b'size=')))
write('sun', special(b'X', record(b'path=ren\0amed')))
write('volume', header('a volume', b'V', 0) + special(tarfile.XHDTYPE, record(b'path=ren\0amed')))
names = bytearray(special(tarfile.XHDTYPE, record(b'path=ren\0amed')))
names[124:136] = b'\x80' + len(record(b'path=ren\0amed')).to_bytes(11, 'big')
names[148:156] = b' ' * 8
names[148:156] = b'%06o\0 ' % sum(names[:512])
write('binary', bytes(names))
inside = member('last')
write('directory', special(tarfile.XHDTYPE, record(b'size=%d' % len(inside))) + header('d/', tarfile.DIRTYPE, 0) + inside)
write('global', special(tarfile.XGLTYPE, record(b'path=all')))
write('comment', special(tarfile.XGLTYPE, record(b'comment=0123456789abcdef')))
# What TARmageddon is: the pax header says a size, the header says none, and the content is a tar of its own.
inner = member('smuggled')
outer = header('carrier', tarfile.REGTYPE, 0)
write('desync', special(tarfile.XHDTYPE, record(b'size=%d' % len(inner))) + outer + inner)
P
for name in nul length empty sun volume binary directory global; do
    for how in "" --no-sandbox; do
        rm -rf out
        run run $name.tar $how -q -o out/
        expect_status 1
        expect_text "$err" "damaged"
        expect_file out/first
        expect_missing out/last
    done
    gzip -c $name.tar >packed
    run run packed -q -o packed-out/ -f
    expect_status 1
    expect_missing packed-out/last
done
run run good.tar -q -o good/
expect_status 0
expect_file good/renamed
expect_missing good/named
run run comment.tar -q -o comment/
expect_status 0
expect_file comment/last
run run desync.tar -q -o desync/
expect_status 0
expect_file desync/carrier
expect_file desync/last
expect_missing desync/smuggled
