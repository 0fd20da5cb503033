# Names in archives: refused, taken as they are, or mended when asked for; never outside.
. "$(dirname "$0")/../lib.sh"
need python3
nothing_in() {
    [ -z "$(find "$1" ! -type d 2>/dev/null)" ] || fail "something is in $1: $(find "$1")"
}

python3 - <<'P'
import io, tarfile
def add(t, name, content=b'x'):
    i = tarfile.TarInfo(name)
    i.size = len(content)
    t.addfile(i, io.BytesIO(content))
bad = ['..', '../x', 'a/../../x', 'a/..', './../x', '/', '/x', '//x', '', '.', './', 'a/' + 'n' * 256, 'd/' * 128 + 'x',
       '..\\x', 'a\\..\\x', 'a/..\\x', 'a\\../x']
with tarfile.open('bad.tar', 'w', format=tarfile.PAX_FORMAT) as t:
    for name in bad:
        add(t, name)
    add(t, 'd/.millrace-1234')
    add(t, 'good')
# Every name of three parts.
parts = ['a', '.', '..', '']
with tarfile.open('parts.tar', 'w', format=tarfile.PAX_FORMAT) as t:
    for a in parts:
        for b in parts:
            for c in parts:
                add(t, a + '/' + b + '/' + c)
# Names of bytes, each of which can be kept.
with tarfile.open('bytes.tar', 'w', format=tarfile.GNU_FORMAT, encoding='latin-1') as t:
    for byte in range(1, 256):
        if byte != ord('/'):
            add(t, 'n' + chr(byte))
with tarfile.open('absolute.tar', 'w') as t:
    add(t, '/x/y')
    add(t, '//z')
    i = tarfile.TarInfo('h')
    i.type, i.linkname = tarfile.LNKTYPE, '/x/y'
    t.addfile(i)
P
python3 - <<'P'
import io, tarfile
with tarfile.open('special.tar', 'w') as t:
    for name, kind in ('c', tarfile.CHRTYPE), ('b', tarfile.BLKTYPE), ('f', tarfile.FIFOTYPE):
        i = tarfile.TarInfo(name)
        i.type = kind
        t.addfile(i)
    i = tarfile.TarInfo('s')
    i.size, i.mode = 1, 0o6755
    t.addfile(i, io.BytesIO(b'x'))
P
mkdir room
cd room
run run ../bad.tar -q -o out/
expect_status 1
[ "$(find out -type f | wc -l)" = 1 ] || fail "more than one file: $(find out)"
expect_file out/good
[ "$(ls -A .)" = out ] || fail "something outside: $(ls -A .)"
[ "$(wc -l <"$err")" -ge 15 ] || fail "not all were told"
# Each by the rule for its name, not by what would stop it on its way to the disk; an archive, which has no such way, is the same.
told() { [ "$(grep -cF -e "$2" "$err")" = "$1" ] || fail "not $1 times: $2"; }
all_told() {
    told 5 "it has a '..' in it"
    told 4 "it has a '..' between backslashes"
    told 3 'it is absolute'
    told 2 'it is empty'
}
all_told
run run ../bad.tar -q -o ../bad.zip
expect_status 1
all_told
run list ../bad.zip
expect_output good
rm ../bad.zip

run run ../parts.tar -q --collide last -o parts/
expect_status 1
[ "$(find parts -name '..?*' | wc -l)" = 0 ] || fail "odd names"
[ "$(ls -A . | wc -l)" = 2 ] || fail "something outside: $(ls -A .)"

run run ../bytes.tar -q -o bytes/
expect_status 0
[ "$(ls -A bytes | wc -l)" -ge 1 ] || fail "no files"
[ "$(find bytes -type f -printf x | wc -c)" = 254 ] || fail "not all names: $(find bytes -type f -printf x | wc -c)"
run run ../bytes.tar -q -o bytes/
expect_status 1
[ "$(wc -l <"$err")" = 254 ] || fail "not a line for each name that exists already"
if grep -q "$(printf '[\001-\010\013-\037]')" "$err"; then fail "control characters in messages"; fi

run run ../absolute.tar -q -o absolute/
expect_status 1
nothing_in absolute
run run ../absolute.tar -q --absolute-names strip -o absolute/
expect_status 0
expect_text "$err" "took the '/' off"
expect_same absolute/x/y absolute/z
[ absolute/x/y -ef absolute/h ] || fail "the link leads elsewhere"

# What is no file is not made, and no file runs as somebody else.
run run ../special.tar -q -o special/
expect_status 1
[ "$(ls -A special)" = s ] || fail "more than a file: $(ls -lA special)"
[ "$(grep -c 'is a device, FIFO or socket' "$err")" = 3 ] || fail "not all were told"
run run ../special.tar -q -o null:
expect_status 1
[ "$(stat -c %a special/s)" = 755 ] || fail "mode $(stat -c %a special/s)"
