# Names that are odd, long, not UTF-8, or refused; patterns that must not be taken for more than they are.
. "$(dirname "$0")/../lib.sh"

mkdir -p "in/ lead" 'in/$(touch pwned)' in/-rf
printf '1\n' >"in/ lead/trail "
printf '2\n' >"in/$(printf 'new\nline.txt')"
printf '3\n' >"in/$(printf 'latin\374.txt')"
printf '4\n' >'in/$(touch pwned)/`id`;#&|.txt'
printf '5\n' >in/-rf/--version
printf '6\n' >"in/$(printf '%0250d.txt' 1)"
printf '7\n' >'in/a!'
find in -exec touch -h -d '2020-02-02 02:02:02' {} +
for format in tar.gz cpio zip; do
    run run in -q -o "a.$format"
    expect_status 0
    expect_empty "$err"
    run run "a.$format" -q -o "back.$format/"
    expect_status 0
    expect_same_tree in "back.$format"
done
run run in -q -p gzip -x cat ';' -p gunzip -o same/
expect_status 0
expect_same_tree in same
expect_missing pwned

# A suffix that makes a name too long is an error of that one item.
run run in -q -p gzip -o gz/
expect_status 1
expect_text "$err" 'File name too long'
[ "$(wc -l <"$err")" = 1 ] || fail "more than one error"
expect_file "gz/$(printf 'new\nline.txt').gz"
[ "$(find gz -type f -printf . | wc -c)" = 6 ] || fail "not all the others are there"

# A relative name that begins with '-', and what ends the options.
printf 'dash\n' >-dash
run run -q -p copy -o dash/ -- -dash
expect_status 0
expect_same dash/-dash ./-dash
run run ./-dash -q -p copy -o dash2/
expect_status 0

# Renaming.
mkdir -p r/logs/old
printf 'x\n' >r/logs/old/a.log
run run r -q -s '/^logs/journal/' -p gzip -o r1/
expect_file r1/journal/old/a.log.gz
run run r -q -s '|^\(.*\)/\([^/]*\)$|\2.\1|' -o r2/
[ "$status" != 3 ] || fail "stopped"
run run r -q -s '|(.*)/([^/]*)$|\2|' -o r3/
expect_status 0
expect_file r3/a.log
run run r -q -s '/LOG/txt/ig' -o r4/
expect_file r4/txts/old/a.txt
run run r -q -s '/.*/..\/escape/' -o r5/
expect_status 1
expect_text "$err" "it has a '..' in it"
expect_missing escape
run run r -q -s ',.*,/tmp/millrace-absolute,' -o r6/
expect_status 1
expect_text "$err" 'it is absolute'
expect_missing /tmp/millrace-absolute
run run r -q --strip-components 9 -o r7/
expect_status 0
run run r -q -p gunzip -e gz -o r8/
expect_status 0

# Codecs add and take suffixes.
printf 'x\n' >one.txt
run run one.txt -q -p gzip -p gunzip -o s/
expect_file s/one.txt
run run one.txt -q -p gzip -p zlib -o s/
expect_file s/one.txt.gz.zz
run run s/one.txt.gz.zz -q -p unzlib -p gunzip -f -o s2/
expect_same s2/one.txt one.txt
run run one.txt -q -p gzip -o s4/
run run s/one.txt.gz.zz -q -p decompress -o s3/
expect_status 0
expect_same s3/one.txt.gz s4/one.txt.gz
tar czf t.tgz one.txt
run run t.tgz -q --no-archives -p gunzip -o s4/
expect_status 0
expect_file s4/t.tar
run run one.txt -q -p gzip --suffix .Z -o s5/
expect_file s5/one.txt.Z
run run one.txt -q -p recompress:to=zlib -o s6/
expect_file s6/one.txt.zz
