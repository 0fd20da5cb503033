# Modes of members: less the umask and the set-id bits, as tar does without -p; kept where that is asked for, and where they come from a tree.
. "$(dirname "$0")/../lib.sh"
need python3

python3 - <<'P'
import io, tarfile, zipfile
with tarfile.open('open.tar', 'w') as t:
    d = tarfile.TarInfo('d')
    d.type, d.mode = tarfile.DIRTYPE, 0o2777
    t.addfile(d)
    f = tarfile.TarInfo('d/f')
    f.size, f.mode = 1, 0o6666
    t.addfile(f, io.BytesIO(b'x'))
with zipfile.ZipFile('open.zip', 'w') as z:
    i = zipfile.ZipInfo('d/f')
    i.create_system, i.external_attr = 3, 0o106666 << 16
    z.writestr(i, b'x')
P
mode() { # mode FILE WANTED
    [ "$(stat -c %a "$1")" = "$2" ] || fail "$1: mode $(stat -c %a "$1"), not $2"
}
umask 027
for archive in tar zip; do
    run run open.$archive -q -o masked-$archive/
    expect_status 0
    mode masked-$archive/d/f 640
    run run open.$archive -q --preserve mode -o kept-$archive/
    expect_status 0
    mode kept-$archive/d/f 666
done
mode masked-tar/d 750
mode kept-tar/d 777
mkdir tree
printf x >tree/f
chmod 666 tree/f
run run tree -q -o tree-out/
expect_status 0
mode tree-out/f 666
# Another archive keeps what this one says.
run run open.tar -q -o copy.tar
expect_status 0
run run copy.tar -q --preserve mode -o copied/
expect_status 0
mode copied/d/f 666
