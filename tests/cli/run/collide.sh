# Two items with one name, and a name that is a file and a directory, into trees and archives.
. "$(dirname "$0")/../lib.sh"

mkdir -p in/a in/b in/c
for at in a b c; do printf '%s\n' $at >in/$at/same; done
printf 'a\n' >in/a/only

# into OUTPUT ARG...: runs, and unpacks what was made to got/.
into() {
    rm -rf got "$1"
    to=$1
    shift
    run run in --flat -q "$@" -o "$to"
    cp "$err" "$lib_room/first"
    first=$status
    case $to in */) mv "$to" got ;; *) run run "$to" -q -o got/ ;; esac
    status=$first
    cp "$lib_room/first" "$err"
}
for to in tree/ a.tar.gz a.zip; do
    into $to
    expect_status 1
    [ "$(wc -l <"$err")" = 2 ] || fail "not two errors"
    expect_text "$err" 'in/b/same: '
    expect_text "$err" 'in/c/same: '
    expect_text "$err" '--collide'
    expect_line got/same a
    into $to --collide rename
    expect_status 0
    expect_line got/same a
    expect_line got/same~2 b
    expect_line got/same~3 c
    expect_line got/only a
    rm -rf got "$to"
done
into tree/ --collide last
expect_status 0
expect_line got/same c

# Of different inputs; a file where others have a directory.
mkdir -p one two
printf '1\n' >one/x
mkdir two/x
printf '2\n' >two/x/y
for i in 1 2 3 4 5; do
    run run one two --merge -q -o m/
    expect_status 1
    [ "$(wc -l <"$err")" = 2 ] || fail "not an error for x and one for x/y"
    expect_text "$err" "'x' was stored already by this run and is no directory"
    expect_line m/x 1
    rm -r m
    run run two one --merge -q -o m.tar
    expect_status 1
    expect_text "$err" "'x' was stored already by this run as a directory"
    rm m.tar
done
run run one one -q -o same/
expect_status 1
run run one one -q --collide rename -o renamed/
expect_status 0

# Directories are no collision.
mkdir -p left/d right/d
: >left/d/l
: >right/d/r
run run left right --merge -q -o both/
expect_status 0
expect_file both/d/l
expect_file both/d/r
run run left right --merge -q -o both.tar
expect_status 0
run list both.tar
expect_output d/ d/l d/r
# Three times the same in an archive of others.
run run "$MR_SOURCE/testdata/bad-duplicate.tar" -q --collide rename -o dup/
expect_status 0
expect_file dup/twice~3.txt
