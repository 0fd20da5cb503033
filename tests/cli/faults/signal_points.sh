# A small run gets SIGTERM just before one call of the system after the other: it ends by it, or had ended already, what has its
# final name is complete, and no temporary file is left. $SIGNAL_STEP says at each how many-th (default 31; 1 is the full sweep,
# which takes some minutes).
. "$(dirname "$0")/../lib.sh"
need_faults
step=${SIGNAL_STEP:-31}
TMPDIR=$PWD
export TMPDIR
mkdir -p in/a/b old/a/b
for i in 1 2 3 4 5; do printf 'content %s\r\n' "$i" >"in/a/$i"; done
head -c 700000 /dev/urandom >in/a/b/big
ln -s 1 in/a/soft
ln in/a/2 in/a/hard
for path in a/1 a/3 a/b/big; do echo old >"old/$path"; done
"$MILLRACE" run in -q -o in.tar.gz
"$MILLRACE" run in -q -o in.zip

# By the signal, or all was done before.
expect_ended() {
    case $status in
    0 | $((128 + signal))) ;;
    *) fail "status $status" ;;
    esac
    left=$(find . -name '.*millrace-*' -o -name '*.tmp-*')
    [ -z "$left" ] || fail "a temporary file was left: $left"
}

expect_whole() {
    if [ -d wanted ]; then
        for path in $(cd wanted && find . -type f); do
            [ ! -e "out/$path" ] || { [ -n "$before" ] && cmp -s "$before/$path" "out/$path"; } ||
                expect_same "wanted/$path" "out/$path"
        done
        [ "$status" != 0 ] || expect_same_tree wanted out
    elif [ -e "$output" ] || [ "$status" = 0 ]; then
        expect_same wanted "$output"
    fi
}

clear() {
    rm -rf "$output" report.json trace.json
    [ -z "$before" ] || cp -a "$before" out
}

# run_signalled SIGNAL BEFORE OUTPUT ARG...: what is in BEFORE, if anything, was there.
run_signalled() {
    signal=$1 before=$2 output=$3 number=$((1 + point_count % step))
    shift 3
    clear
    run run -q -j 1 "$@"
    expect_status 0
    mv "${output%/}" wanted
    clear
    while signal_at "$signal" $number run -q -j 1 "$@" --report report.json --trace trace.json; do
        point_count=$((point_count + 1))
        expect_ended
        expect_whole
        clear
        [ $number -lt $each_until ] || number=$((number + step - 1))
        number=$((number + 1))
    done
    expect_status 0
    rm -rf wanted
    clear
}

point_count=0 each_until=10 # the first calls are those before signals are caught
run_signalled 15 '' out/ in -o out/
each_until=0
run_signalled 15 old out/ in -f -o out/ --fsync all
run_signalled 2 '' out.zip in -o out.zip
run_signalled 15 '' out.tar.gz in -p gzip -o out.tar.gz
run_signalled 15 '' out/ in.tar.gz -o out/
run_signalled 15 '' out.zip in.zip -p lf -o out.zip
run_signalled 15 in out out --in-place -p lf
run_signalled 15 '' out/ in -x cat \; -o out/
run_signalled 15 '' out/ in --isolate -p gzip -o out/
[ "$point_count" -gt 20 ] || fail "only $point_count points"
echo "$point_count points"

# Nobody writes names: opening the pipe waits for ever unless a signal ends it, also one that comes just before.
: >list
signal=15 number=1 opening=0
while signal_at 15 $number run -T list -q -o out.tar; do
    case $point in "open "*) opening=$number ;; esac
    number=$((number + 1))
    rm -f out.tar
done
[ "$opening" -gt 3 ] || fail "the list is opened by call $opening"
rm -f list out.tar
mkfifo list
for number in $((opening - 3)) $((opening - 2)) $((opening - 1)) "$opening"; do
    signal_at 15 "$number" run -T list -q -o out.tar || fail "no signal"
    expect_status 143
    expect_ended
    expect_missing out.tar
done
