# What is given to be unpacked and is no archive: refused with a word, not copied; copied when asked for.
. "$(dirname "$0")/../lib.sh"

printf 'very not a zip\nPK\3\4 in the middle of it\n' >text
head -c 3000 /dev/urandom >random
: >nothing
gzip -c text >text.gz
mkdir tree
cp text tree
for name in text random nothing text.gz; do
    run run $name -q -o out/
    expect_status 1
    expect_text "$err" "$name: is no archive, and no operation is given (-p copy copies it"
    expect_missing out/$name
    run_command sh -c '"$1" run - -q -o out/ <"$2"' sh "$MILLRACE" $name
    expect_status 1
    expect_text "$err" 'stdin: is no archive'
    expect_missing out/stdin
done
run run text -q -p copy -o copy/
expect_status 0
expect_same text copy/text
run run text -q --no-archives -o plain/
expect_status 0
expect_same text plain/text
run run text -q -o renamed
expect_status 0
expect_same text renamed
run run text -q -o packed.tar
expect_status 0
run run text random -q -o both/
expect_status 0
expect_same random both/random
printf 'text\n' >list
run run -T list -q -o listed/
expect_status 0
expect_same text listed/text
run run tree -q -o tree-out/
expect_status 0
expect_same text tree-out/text
