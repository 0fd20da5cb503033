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

# Attributes that grant rights come from no archive, whatever is to be kept; from a tree they do, and with -P.
python3 - <<'P'
import io, os, sys, tarfile
capability = bytes([1, 0, 0, 2, 0x20]) + bytes(15)  # cap_net_raw, in force
os.mkdir('trusted')
open('trusted/f', 'wb').close()
try:
    os.setxattr('trusted/f', 'user.note', b'kept')
    os.setxattr('trusted/f', 'security.capability', capability)
except OSError:
    sys.exit(0)
with tarfile.open('rights.tar', 'w', format=tarfile.PAX_FORMAT) as t:
    f = tarfile.TarInfo('f')
    f.pax_headers = {'SCHILY.xattr.user.note': 'kept', 'SCHILY.xattr.security.capability': capability.decode('latin1'),
                     'SCHILY.xattr.trusted.note': 'x'}
    t.addfile(f)
P
[ -e rights.tar ] || exit 0 # no such attributes here, or no right to set them
attributes() {
    is=$(python3 -c 'import os, sys; print(*sorted(os.listxattr(sys.argv[1])))' "$1")
    [ "$is" = "$2" ] || fail "$1: attributes '$is', not '$2'"
}
run run rights.tar --preserve all -o rights/
expect_status 0
expect_text "$err" "could not hold extended attributes of 1 items"
attributes rights/f user.note
run run rights.tar -q --preserve all -P -o given/
expect_status 0
attributes given/f "security.capability trusted.note user.note"
run run trusted -q --preserve all -o trusted-out/
expect_status 0
attributes trusted-out/f "security.capability user.note"
