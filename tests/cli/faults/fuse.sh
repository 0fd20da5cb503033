# A file system that gives EIO, at the Nth call or from the Nth on: what has its final name is whole, nothing else is left,
# the reason is told, and what failed once is made again from its source.
. "$(dirname "$0")/../lib.sh"
failing=$MR_BUILD/fuse/failing
[ -x "$failing" ] || skip 'this build has no fuse/failing (it wants libfuse3)'
mkdir disk mounted
leave() {
    ! mountpoint -q "$lib_room/here/mounted" || umount "$lib_room/here/mounted" 2>/dev/null ||
        fusermount3 -u -z "$lib_room/here/mounted"
}
trap 'leave; lib_remove' EXIT
"$failing" disk mounted none 0 2>"$err" || skip "a file system of FUSE cannot be mounted: $(head -n 1 "$err")"
mountpoint -q mounted || skip 'a file system of FUSE cannot be mounted'
leave

mkdir in
head -c 300000 /dev/urandom >in/a
printf 'text\n' >in/b
: >in/c

# with_faults CALL N MODE ARG...: a run while the mounted file system fails.
with_faults() {
    fault="$1 $2 $3"
    "$failing" disk mounted "$1" "$2" "$3"
    shift 3
    run "$@"
    leave
    [ "$status" -lt 4 ] || fail "$fault: it ended with status $status"
    [ "$status" = 0 ] || expect_text "$err" 'Input/output error'
}

expect_whole() {
    for path in disk/out/*; do
        [ ! -e "$path" ] || cmp -s "$path" "in/${path##*/}" || fail "$fault: $path is not whole"
    done
    [ -z "$(find disk -name '.millrace*')" ] || fail "$fault: a temporary file was left"
    [ "$status" != 0 ] || expect_same_tree in disk/out
}

for call in write fsync close; do
    for number in 1 2 3; do
        with_faults $call $number once run in -q -j 1 --fsync file -o mounted/out/
        expect_whole
        rm -rf disk/out
    done
    with_faults $call 1 from run in -q -j 1 --fsync file -o mounted/out/
    expect_whole
    [ "$status" != 0 ] || fail "$call: never possible, and nothing is said"
    rm -rf disk/out
    for name in out.tar.gz out.zip; do
        with_faults $call 1 from run in -q -j 1 --fsync file -o mounted/$name
        [ "$status" != 0 ] || fail "$call: never possible, and $name was made"
        [ -z "$(ls -A disk)" ] || fail "$call: something was left of $name"
    done
done

# The other way round: a source that cannot be read.
cp -a in disk/out
for number in 1 2 3; do
    with_faults read $number once run mounted/out -q -j 1 -o out/
    for path in out/*; do cmp -s "$path" "in/${path##*/}" || fail "$fault: $path is not whole"; done
    [ "$status" != 0 ] || expect_same_tree in out
    rm -rf out
done
with_faults read 1 from run mounted/out -q -j 1 -o out.zip
expect_status 1
