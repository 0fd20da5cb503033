# `millrace bench -o`: writing counts, nothing is left of it, and the limits of reading and writing are measured.
. "$(dirname "$0")/../lib.sh"

make_tree tree
mkdir there tree/locked
echo x >tree/locked/x
chmod 555 tree/locked
cp -a tree before

for output in new/ there there/x.zip x.tar.gz null:; do
    run bench tree --stream --sweep workers=1 --repeat 2 --warm-up 0 -o $output --report r.json
    expect_status 0
    expect_text "$out" 'plain reading of the sample'
    if [ $output = null: ]; then
        expect_no_text "$out" 'plain writing'
        expect_text r.json '"plain_write_bytes_per_s":0'
    else
        expect_text "$out" 'plain writing of as much'
        expect_no_text r.json '"plain_write_bytes_per_s":0'
    fi
    expect_no_text r.json '"plain_read_bytes_per_s":0'
    rm r.json
    [ "$(ls -A | tr '\n' ' ')" = 'before there tree ' ] || fail "something is left here: $(ls -A)"
    [ -z "$(ls -A there)" ] || fail "something is left there: $(ls -A there)"
done
expect_same_tree tree before

# From memory: the operations are a limit, reading is none.
run bench tree -p gzip --sweep workers=1 --repeat 1 -o x.zip --to tar.gz --level 1 --report r.json
expect_status 0
expect_text "$out" 'the operations alone'
expect_text "$out" 'of the lowest limit: '
expect_no_text "$out" 'plain reading'
run bench tree --sweep workers=1 --repeat 1 --report r.html -o x.zip
expect_text r.html 'Lowest limit: plain writing'

run bench tree -o -
expect_usage '-o'
run bench tree -o nowhere/x.zip --repeat 1
expect_status 3
expect_text "$err" 'cannot make a directory in nowhere'
run bench tree -o x.nothing --repeat 1
expect_usage "neither a directory nor a known archive"

# Stopped in the middle: what was being written goes, too.
"$MILLRACE" bench tree -o x.tar --repeat 100 >stopped 2>"$err" &
child=$!
wait_until hears_term $child
sleep 0.5
kill -TERM $child
run_command wait $child
expect_status 143
[ -z "$(find . -name '.millrace*' -o -name 'x.*')" ] || fail "something is left"
