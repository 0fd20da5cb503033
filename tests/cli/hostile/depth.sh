# How deep a member may lie: 128 levels, or as many as --max-depth says, up to 256; a tree may be as deep as that without being asked.
. "$(dirname "$0")/../lib.sh"
need python3

python3 - <<'P'
import io, tarfile
with tarfile.open('deep.tar', 'w', format=tarfile.PAX_FORMAT) as t:
    for depth in 1, 128, 129, 256, 257:
        i = tarfile.TarInfo('d/' * (depth - 1) + 'f%d' % depth)
        i.size = 1
        t.addfile(i, io.BytesIO(b'x'))
P
found() { # found DIR NAME...
    dir=$1
    shift
    [ "$(find "$dir" -type f -name 'f*' -printf '%f\n' | sort | tr '\n' ' ')" = "$* " ] ||
        fail "in $dir: $(find "$dir" -type f -name 'f*' -printf '%f ')"
}
run run deep.tar -q -o default/
expect_status 1
expect_text "$err" 'is more than 128 directories deep (--max-depth allows up to 256)'
found default f1 f128
run run deep.tar -q --max-depth 200 -o more/
expect_status 0
found more f1 f128 f129
run run deep.tar -q --max-depth 1000 -o most/
expect_status 1
expect_text "$err" 'it is more than 256 directories deep'
found most f1 f128 f129 f256
run run deep.tar -q --max-depth 5 -o less/
expect_status 0
found less f1
run run most -q -o tree/
expect_status 0
found tree f1 f128 f129 f256
