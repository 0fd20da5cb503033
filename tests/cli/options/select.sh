# Every option under Select, as --help explains it.
. "$(dirname "$0")/../lib.sh"

mkdir -p in/d/e in/.h other
printf '%s\n' 0123456789 >in/small.txt
head -c 5000 /dev/zero >in/d/large.bin
: >in/d/e/deep.log
: >in/.h/in.hidden
: >in/d/.dot
: >other/there
ln -s ../other in/way
touch -d '2020-01-01' in/small.txt
touch -d '2020-06-01' mark

# sees NAME... -- ARG...: list with ARG shows these names and no others.
sees() {
    : >"$lib_room/names"
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>"$lib_room/names"
        shift
    done
    shift
    run list in "$@"
    expect_status 0
    cmp -s "$lib_room/names" "$out" || {
        diff "$lib_room/names" "$out" >&2 || :
        fail "list in $* (< expected)"
    }
}
sees .h/ .h/in.hidden d/ d/.dot d/e/ d/e/deep.log d/large.bin small.txt way --
sees d/ d/e/ d/e/deep.log d/large.bin small.txt way -- --no-hidden
sees d/ d/e/ d/e/deep.log d/large.bin small.txt way -- --hidden --no-hidden
sees .h/ d/ small.txt way -- --max-depth 1
sees small.txt -- --include '*.txt'
sees d/large.bin small.txt -- --include '*.txt' --include 'd/*.bin'
sees .h/ .h/in.hidden small.txt way -- --exclude d
printf '# no\n*.log\n\n.h\n' >patterns
sees d/ d/.dot d/e/ d/large.bin small.txt way -- -X patterns
sees d/large.bin small.txt -- -e txt,bin
sees d/large.bin -- -S +1K
sees small.txt -- -S -1K -S +1
sees small.txt -- --include '*.txt' --newer-than 2019-12-31
sees -- --include '*.txt' --newer-than mark
sees -- --include '*.txt' --changed-within 2d
sees d/e/deep.log -- --include '*.log' --changed-within 2d
run list in -L --include there
expect_output way/there
run list in --one-file-system --sort none
expect_status 0

run list in -S large
expect_usage '-S: '
run list in --newer-than neither-a-file-nor-a-date
[ "$status" != 0 ] || fail "accepted"
expect_text "$err" '--newer-than: '
run list in -X nofile
[ "$status" != 0 ] || fail "accepted"
expect_text "$err" '-X: '
run list in --max-depth x
expect_usage '--max-depth: '

# What is not selected.
run run in -q --include '*.txt' -p gzip -o a.tar
expect_status 0
run list a.tar
expect_line "$out" small.txt.gz
expect_line "$out" d/large.bin
run run in -q --include '*.txt' -p gzip --others drop -o b.tar
run list b.tar
expect_output small.txt.gz
run run in -q --include '*.txt' -o c.tar
run list c.tar
expect_output small.txt
run run in -q --include '*.txt' -p gzip -o tree/
run list tree
expect_output small.txt.gz
run run in -q --include '*.txt' -p gzip --others copy -o tree2/
run list tree2
expect_line "$out" d/large.bin
expect_line "$out" small.txt.gz
expect_line "$out" .h/in.hidden
