# Limits on what a run makes of its inputs: bombs as files, in tar, in zip, on a pipe; nothing is left of what is refused.
. "$(dirname "$0")/../lib.sh"
need python3

# 300 MB of zeros each, and something before and behind in the archives.
head -c 300000000 /dev/zero >zeros
printf 'good\n' >good
gzip -c zeros >zeros.gz
tar --format=gnu -cf - good zeros | gzip >bomb.tar.gz
python3 - <<'P'
import zipfile
with zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    z.write('good')
    z.write('zeros')
    z.write('good', 'behind')
P
rm zeros

nothing_left() {
    [ -z "$(find "$1" -type f ! -name good ! -name behind 2>/dev/null)" ] || fail "left in $1: $(ls -A "$1")"
}
for operation in gunzip decompress recompress:to=gzip; do
    run run zeros.gz --no-archives -q -p "$operation" -o "o-$operation/"
    expect_status 1
    expect_text "$err" 'unpacks to more than 200 times its size'
    nothing_left "o-$operation"
done
run run bomb.tar.gz -q -o tar/
expect_status 1
expect_text "$err" 'bomb.tar.gz!/zeros: the archive: unpacks to more than 200 times its size'
expect_text "$err" 'bomb.tar.gz: the rest of it is not read'
expect_same good tar/good
nothing_left tar
run_command sh -c '"$1" run - -q -o pipe/ <bomb.tar.gz' sh "$MILLRACE"
expect_status 1
expect_text "$err" 'the rest of it is not read'
nothing_left pipe
run run bomb.zip -q -o zip/
expect_status 1
expect_text "$err" 'bomb.zip!/zeros: unpacks to more than 200 times its size'
expect_same good zip/behind
nothing_left zip
run run bomb.zip -q -o out.zip
expect_status 1
run list out.zip
expect_output good behind
run run zeros.gz --no-archives -q -p gunzip -o out2.zip
expect_status 1
expect_missing out2.zip

# Asked for.
run run bomb.zip -q --max-ratio 0 -o null:
expect_status 0
run run bomb.tar.gz -q --max-ratio 2000 -o null:
expect_status 0

# Sizes and numbers.
mkdir in
for i in 1 2 3 4 5 6; do head -c 1000 /dev/zero >in/$i; done
head -c 5000 /dev/zero | gzip >in/7.gz
run run in -q --max-item-size 1000 -o item/
expect_status 0
run run in -q --max-item-size 999 -p decompress -o item2/
expect_status 1
expect_text "$err" 'in/7.gz: decompress: has more than the 999 bytes that --max-item-size allows'
expect_missing item2/1
expect_missing item2/7
run run in -q --max-total-size 5000 -o total/
expect_status 3
expect_text "$err" 'more than the 5000 bytes that --max-total-size allows'
run run in -q -p decompress --max-total-size 10500 -o total2/
expect_status 3
run run in -q -p decompress --max-total-size 11K -o total3/
expect_status 0
run run in -q --max-items 6 -o items/
expect_status 3
expect_text "$err" 'more than the 6 items that --max-items allows'
run run in -q --max-items 7 -o items2/
expect_status 0
run run in -q --max-ratio x -o null:
expect_usage max-ratio

# A sparse member counts with its holes.
if tar --version 2>/dev/null | grep -q GNU; then
    truncate -s 4G sparse
    tar -Scf sparse.tar sparse
    rm sparse
    run run sparse.tar -q -o sparse/
    expect_status 1
    expect_text "$err" 'unpacks to more than 200 times'
    nothing_left sparse
fi
