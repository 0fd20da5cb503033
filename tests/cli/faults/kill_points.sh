# A small run is killed at one call of the system after the other, and goes on: what has its final name is complete at every one
# of them. So are its helpers, which it outlives. $KILL_STEP says at each how many-th (default 31; 1 is the full sweep, which takes
# some minutes).
. "$(dirname "$0")/../lib.sh"
need_faults
step=${KILL_STEP:-31}
TMPDIR=$PWD
export TMPDIR
mkdir -p in/a/b old/a/b
for i in 1 2 3 4 5; do printf 'content %s\r\n' "$i" >"in/a/$i"; done
head -c 700000 /dev/urandom >in/a/b/big
ln -s 1 in/a/soft
ln in/a/2 in/a/hard
chmod 750 in/a/b
for path in a/1 a/3 a/b/big; do echo old >"old/$path"; done
cp -a in plain # whose links would not be the same two files in two runs
rm plain/a/hard
"$MILLRACE" run in -q -o in.tar.gz
"$MILLRACE" run in -q -o in.zip

# Whatever has its final name holds what it is to hold, or did before.
expect_whole() {
    if [ -d wanted ]; then
        for path in $(cd wanted && find . -type f); do
            [ ! -e "out/$path" ] || { [ -n "$before" ] && cmp -s "$before/$path" "out/$path"; } ||
                expect_same "wanted/$path" "out/$path"
        done
    else
        [ ! -e "$output" ] || expect_same wanted "$output"
    fi
}

# But for what there is to read of a report, which is the user's.
expect_none_left() {
    left=$(find . -name '.*millrace-*')
    [ -z "$left" ] || fail "a temporary file was left: $left"
}

# Of the whole run.
expect_all() {
    if [ -d wanted ]; then expect_same_tree wanted out; else expect_same wanted "$output"; fi
}

clear() {
    rm -rf "$output" journal report.json*
    [ -z "$before" ] || cp -a "$before" out
}

# What is made without a kill.
make_wanted() {
    clear
    run run -q -j 1 "$@"
    expect_status 0
    mv "${output%/}" wanted
    clear
}

# run_killed PROGRAM BEFORE OUTPUT ARG...: the run, in which PROGRAM is killed, goes on afterwards. What is in BEFORE, if anything,
# was there.
run_killed() {
    FAULT_PROGRAM=$1 before=$2 output=$3 number=$((1 + point_count % step))
    shift 3
    make_wanted "$@"
    case $* in *--in-place*) again= ;; *)
        again=--resume
        set -- "$@" --journal journal
        ;;
    esac
    export FAULT_PROGRAM
    # shellcheck disable=SC2086
    while signal_at 9 $number run -q -j 1 "$@" --report report.json; do
        point_count=$((point_count + 1))
        expect_whole
        case $FAULT_PROGRAM$status in
        millrace137) ;;
        millrace-*0) expect_all ;;
        millrace-*[13]) [ -s "$err" ] || fail "status $status, and no message" ;;
        *) fail "status $status" ;;
        esac
        [ "$FAULT_PROGRAM" = millrace ] || expect_none_left
        # Without --resume nobody says that the other run is over: its temporary file is refused until the user has removed it.
        [ -n "$again" ] || find out -name '.millrace-*' -delete
        run run -q -j 1 "$@" --report report.json $again
        expect_status 0
        expect_all
        expect_none_left
        clear
        number=$((number + step))
    done
    expect_status 0
    rm -rf wanted
    clear
}

point_count=0
run_killed millrace '' out/ in -o out/
run_killed millrace old out/ in -f -o out/ --fsync all
run_killed millrace '' out.zip in -o out.zip
run_killed millrace '' out.tar.gz in -p gzip -o out.tar.gz
run_killed millrace '' out/ in.tar.gz -o out/
run_killed millrace '' out.zip in.zip -p lf -o out.zip
run_killed millrace '' out/ in/a/b/big -p gzip -o out/
run_killed millrace plain out out --in-place -p lf
run_killed millrace '' out/ in -x cat \; -o out/
run_killed millrace-read '' out/ in.tar.gz -o out/
run_killed millrace-operate '' out/ in --isolate -p gzip -o out/
run_killed millrace-warden '' out/ in -x cat \; -o out/
[ "$point_count" -gt 20 ] || fail "only $point_count points"
echo "$point_count points"
