# --portable-names: what Windows cannot have, and names that a file system which folds case takes for one, are refused; else they are literal names.
. "$(dirname "$0")/../lib.sh"
need python3

python3 - <<'P'
import io, tarfile
with tarfile.open('odd.tar', 'w', format=tarfile.PAX_FORMAT) as t:
    for name in ('Read', 'READ', 'dir/one', 'DIR', 'dir/NUL', 'C:\\x', 'a:b', 'dot.', '\u00e4', '\u00c4', 'good'):
        i = tarfile.TarInfo(name)
        i.size = 1
        t.addfile(i, io.BytesIO(b'x'))
P
run run odd.tar -q -o literal/
expect_status 0
[ "$(find literal -type f | wc -l)" = 11 ] || fail "not all: $(find literal)"
run run odd.tar -q --portable-names -o portable/
expect_status 1
[ "$(cd portable && find . -type f | sort | tr '\n' ' ')" = "$(printf './Read ./dir/one ./good ./\303\244 ')" ] ||
    fail "not those: $(find portable -type f)"
expect_text "$err" "'READ' was stored already"
expect_text "$err" "'DIR' was stored already by this run as a directory"
expect_text "$err" "refused the name 'dir/NUL' (--portable-names): a part of it is the name of a device"
# Of trees, too: two names of one directory.
run run literal -q --portable-names -o tree/
expect_status 1
[ "$(find tree -type f | wc -l)" = 4 ] || fail "not those: $(find tree -type f)"
