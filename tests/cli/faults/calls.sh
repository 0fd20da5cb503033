# Calls of the system that fail: a few in each scenario of tests/torture.sh, which says what must hold then; and some whose
# consequences are known.
. "$(dirname "$0")/../lib.sh"
need_faults
shim=$lib_shim TMPDIR=$PWD
export TMPDIR

# failing CALL N ARG...: runs with ARG; the Nth of these calls fails.
failing() {
    printf '%-63s\n' none >"$lib_room/report"
    FAULT_CALLS=$1 FAULT_AT=$2
    shift 2
    run_command env LD_PRELOAD="$shim" FAULT_REPORT="$lib_room/report" FAULT_CALLS="$FAULT_CALLS" FAULT_AT="$FAULT_AT" \
        "$MILLRACE" "$@"
    expect_text "$lib_room/report" "$FAULT_CALLS 0x"
}

# The file has its name when its directory cannot be brought to the disk: it is made again, and takes its own place.
mkdir -p in/new
printf 'text\n' >in/new/file
failing fsync 2 run in -q -j 1 --fsync all -o out/
expect_status 0
expect_same in/new/file out/new/file
rm -rf out
# A directory that cannot be made is told with its reason.
failing mkdirat 1 run in -q -j 1 -o out/
expect_status 3
expect_text "$err" 'cannot make the directory out/new: Input/output error'
# Nor is an archive that cannot be read taken for a damaged one.
"$MILLRACE" run in -q -o in.zip
for number in 1 2 3 4; do
    failing pread $number run in.zip -q -o null:
    expect_status 1
    expect_text "$err" 'Input/output error'
done

# A worker process whose answers cannot be heard is an error at once, not a wait.
mkdir three
for name in a b c; do printf 'text %s\n' $name >three/$name; done
printf '%-63s\n' none >"$lib_room/report"
run_command env LD_PRELOAD="$shim" FAULT_REPORT="$lib_room/report" FAULT_CALLS=preadv2 FAULT_AT=2 FAULT_MODE=from FAULT_ERRNO=95 \
    timeout 60 "$MILLRACE" run three -q -j 1 --isolate -p gzip -o heard/
expect_text "$lib_room/report" 'preadv2 0x'
expect_status 1
expect_text "$err" 'cannot hear the worker process: Operation not supported'
rm -rf three heard

# A library that ends the program where it finds no memory leaves nothing behind, and ends it with status 3.
FAULT_FROM=all
export FAULT_FROM
for number in $(seq 1 40); do
    printf '%-63s\n' none >"$lib_room/report"
    run_command env LD_PRELOAD="$shim" FAULT_REPORT="$lib_room/report" FAULT_CALLS=realloc FAULT_AT="$number" \
        "$MILLRACE" run in -q -j 1 -o out.tar
    case $status in
    0) [ -e out.tar ] || fail "call $number: out.tar is not there" ;;
    3) expect_missing out.tar ;;
    *) expect_no_text "$err" 'Fatal' ;;
    esac
    [ -z "$(find . -name '.out*')" ] || fail "call $number: a temporary file was left"
    rm -f out.tar
done
unset FAULT_FROM

run_command sh "$MR_SOURCE/tests/torture.sh" --shallow 1
expect_status 0
expect_text "$out" ' 0 faults found'
