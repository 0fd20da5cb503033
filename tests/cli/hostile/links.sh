# Links in archives that lead out, and what is written through them: nothing outside is made, changed, or linked to; what stood in the output stays.
. "$(dirname "$0")/../lib.sh"
need python3

python3 - <<'P'
import io, tarfile, zipfile
def archive(name, members):
    with tarfile.open(name + '.tar', 'w', format=tarfile.PAX_FORMAT) as t:
        for kind, path, what in members:
            i = tarfile.TarInfo(path)
            if kind == 'file':
                i.size = len(what)
                t.addfile(i, io.BytesIO(what))
            else:
                i.type, i.linkname = {'soft': tarfile.SYMTYPE, 'hard': tarfile.LNKTYPE}[kind], what
                t.addfile(i)
    if any(kind == 'hard' for kind, _, _ in members):
        return
    with zipfile.ZipFile(name + '.zip', 'w') as z:
        for kind, path, what in members:
            i = zipfile.ZipInfo(path)
            i.create_system, i.external_attr = 3, (0o120777 if kind == 'soft' else 0o100644) << 16
            z.writestr(i, what)
# A link, and a file through it: relative, absolute, by another link, by a chain that is harmless in parts.
archive('relative', [('soft', 'l', '../outside'), ('file', 'l/new', b'x')])
archive('absolute', [('soft', 'l', '/tmp'), ('file', 'l/millrace-was-here', b'x')])
archive('chain', [('soft', 'a', 'b'), ('soft', 'b', '..'), ('file', 'a/outside/new', b'x'), ('file', 'b/outside/new', b'x')])
archive('deep', [('file', 'd/e/f', b'x'), ('soft', 'd/up', 'e/../../../outside'), ('file', 'd/up/new', b'x')])
archive('together', [('soft', 's', '.'), ('soft', 'x', 's/s/../../outside'), ('file', 'x/new', b'x')])
# Nothing is wrong with these before all is stored.
archive('pair', [('soft', 's', '.'), ('soft', 'x', 's/s/../../outside'), ('file', 'f', b'x')])
archive('later', [('file', 'l/new', b'x'), ('soft', 'l', '../outside')])
# A link within, as the first archive of two: the second must not go through it.
archive('first', [('file', 'd/kept', b'kept\n'), ('soft', 'in', 'd')])
archive('second', [('file', 'in/kept', b'through\n'), ('file', 'in/new', b'through\n')])
# A link that leads out once another one is replaced; and links that climb through real directories, which cannot be.
archive('before', [('file', 'd/x/f', b'f'), ('soft', 'd/d', 'x'), ('soft', 'e', 'd/d/../..'), ('soft', 'd/x/real', '../../d/x/../x/f'),
                   ('soft', 'missing', 'd/../not/there')])
archive('after', [('soft', 'd/d', '.')])
# Hard links: out, to a symbolic link that is stored deeper, to what stood there before; then content under their names.
archive('hard', [('hard', 'h1', '../outside/secret'), ('hard', 'h2', '/etc/passwd'),
                 ('soft', 'd/s', '../../outside/secret'), ('hard', 'h3', 'd/s'), ('file', 'h3', b'x'),
                 ('hard', 'h4', 'old'), ('file', 'h4', b'x'), ('file', 'own', b'own\n'), ('hard', 'h5', 'own')])
P
mkdir outside
printf 'secret\n' >outside/secret
untouched() {
    [ "$(ls -A outside)" = secret ] || fail "outside: $(ls -A outside)"
    [ "$(cat outside/secret)" = secret ] || fail "the file outside was written to"
    [ "$(stat -c %h outside/secret)" = 1 ] || fail "the file outside has another name"
    [ ! -e /tmp/millrace-was-here ] || fail "it was written to /tmp"
    leads_out=$(find "$1" -type l -exec sh -c 'case $(readlink -m "$1") in "$2" | "$2"/*) ;; *) echo "$1";; esac' sh {} "$PWD/$1" \;)
    [ -z "$leads_out" ] || fail "it leads out: $leads_out"
}
for name in relative absolute chain deep together pair later; do
    for kind in tar zip; do
        run run $name.$kind -q -o $name-$kind/
        expect_status 1
        untouched $name-$kind
        run run $name.$kind -q -f -o $name-$kind/
        untouched $name-$kind
    done
done
run run first.tar -q -o two/
expect_status 0
[ "$(readlink two/in)" = d ] || fail "the link is not there"
for force in '' -f; do
    run run second.tar -q $force -o two/
    [ "$(cat two/d/kept)" = kept ] || fail "written through the link"
    expect_missing two/d/new
    untouched two
done
for kind in tar zip; do
    run run before.$kind -q -o replaced-$kind/
    expect_status 1
    expect_text "$err" "e: its '..' leads back out of what is no real directory here"
    [ "$(cat replaced-$kind/d/x/real)" = f ] || fail "a link through real directories is missing"
    [ "$(readlink replaced-$kind/missing)" = d/../not/there ] || fail "a link to what is missing is not there"
    run run after.$kind -q -f -o replaced-$kind/
    expect_status 0
    untouched replaced-$kind
done
mkdir hard
printf 'old\n' >hard/old
run run hard.tar -q -f -o hard/
expect_status 1
untouched hard
[ "$(cat hard/old)" = old ] || fail "what stood there was written to"
[ "$(stat -c %h hard/old)" = 1 ] || fail "what stood there has another name"
for name in h1 h2 d/s; do
    [ ! -e hard/$name ] && [ ! -L hard/$name ] || fail "$name was made"
done
[ hard/own -ef hard/h5 ] || fail "a link to a file of its own is missing"
