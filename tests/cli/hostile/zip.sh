# zip archives that contradict themselves: refused as a whole, read with a warning when asked for, also from a pipe.
. "$(dirname "$0")/../lib.sh"
need python3
nothing_in() {
    [ -z "$(find "$1" ! -type d 2>/dev/null)" ] || fail "something is in $1: $(find "$1")"
}

python3 - <<'P'
import zipfile
with zipfile.ZipFile('good.zip', 'w') as z:
    z.writestr('a', 'first')
    z.writestr('b', 'second')
data = open('good.zip', 'rb').read()
second = data.index(b'PK\3\4', 4)
def write(name, d):
    open(name + '.zip', 'wb').write(d)
write('name', data.replace(b'afirst', b'cfirst', 1))
write('prefix', b'#!/bin/sh\n' + data)
write('suffix', data + b'x' * 50)
write('two', data + data)
write('cut', data[:-30])
write('text', b'this is no archive\n')
P
for archive in name suffix; do
    run run $archive.zip -q -o "$archive/"
    expect_status 1
    expect_text "$err" '(--lenient-zip reads it all the same)'
    nothing_in "$archive"
    run_command sh -c '"$1" run - -q -o pipe/ <"$2"' sh "$MILLRACE" $archive.zip
    expect_status 1
    nothing_in pipe
    run run $archive.zip -q --lenient-zip -o "$archive/"
    expect_status 0
    expect_text "$err" 'warning: '
    expect_file $archive/b
    run list --lenient-zip $archive.zip
    expect_status 0
done
for archive in prefix two cut text; do
    run run $archive.zip -q -o "$archive/"
    expect_status 1
    nothing_in "$archive"
    [ -s "$err" ] || fail "no word"
done
run run text.zip -q --no-archives -o text/
expect_status 0
expect_same text.zip text/text.zip
