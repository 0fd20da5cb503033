#!/bin/sh
# kill.sh [POINTS [FILES [SEED]]]: kills runs at random points (SIGKILL, up to five times in a row), lets them go on with
# --resume, and compares what comes out with an uninterrupted run: the same bytes, names, modes and times, no temporary file,
# and no more work done again than was in flight. Half of the points are of a run into a tree (of which every other replaces
# what is there, under temporary names), half of one into a zip. Prints one line of figures; status 1 at the first difference.
#
#   sh tests/kill.sh 1000        the full sweep: 1,000 points of a run of 2,000 files
#
# $MILLRACE: the program (default: build/millrace). The directory is $TMPDIR or /tmp.
set -eu
LC_ALL=C
TZ=UTC
export LC_ALL TZ
umask 022

points=${1:-1000} files=${2:-2000} seed=${3:-1}
millrace=${MILLRACE:-$(dirname -- "$0")/../build/millrace}
case $millrace in /*) ;; *) millrace=$PWD/$millrace ;; esac
threads=2
room=$(mktemp -d "${TMPDIR:-/tmp}/millrace-kill-XXXXXX")
trap 'cd /; rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM
cd "$room"

fail() {
    echo "kill.sh: point $point of $points (seed $seed): $*" >&2
    [ ! -s err ] || head -n 5 err >&2
    exit 1
}

# Files of 0 to 60,000 bytes, some directories deep, a few links; the same for every seed.
make_input() {
    mkdir in
    awk -v count="$files" 'BEGIN {
        srand(7)
        for (i = 0; i < count; i++)
            printf "in/d%d/e%d/f%d %d\n", i % 17, i % 5, i, rand() < 0.05 ? rand() * 60000 : rand() * 6000
    }' >list
    awk '{ print $1 }' list | xargs -n 500 dirname | sort -u | xargs mkdir -p
    head -c 100000 "$millrace" >noise
    awk '{ print "dd if=noise of=" $1 " bs=" $2 + 1 " count=1 status=none" }' list | sh
    ln in/d0/e0/f0 in/hard
    ln -s d0/e0/f0 in/soft
    find in -exec touch -d '2024-05-06 07:08:09.123456789' {} +
}

# Everything about a tree but the times of directories that a kill may leave to the next run.
look_at() {
    (cd "$1" && find . ! -name . \( -type l -printf '%P %y %l\n' -o -printf '%P %y %m %T@ %n\n' \) | sort &&
        find . -type f -print0 | sort -z | xargs -0 -r cat | cksum)
}

# The words of a run into what $kind says.
start() {
    case $kind in
    tree) set -- run in -p gzip:level=1 -o out/ ;;
    replace) set -- run in -f -p gzip:level=1 -o out/ ;;
    zip) set -- run in -o out.zip ;;
    esac
    "$millrace" "$@" --journal journal --resume -q -j $threads >/dev/null 2>err
}

# Files that have their final names. The links are made at the end of each run.
whole_count() {
    find out -type f -name 'f*' 2>/dev/null | wc -l
}

# Records in the journal behind its first $1 bytes.
record_count() {
    tail -c +$(($1 + 1)) journal | grep -aoF "$(printf '\327MRJ')" | wc -l
}

make_input
kind=tree point=0
start || fail "the first run failed"
look_at out >wanted.tree
rm -rf out journal
kind=zip
began=$(date +%s%N)
start || fail "the first run into a zip failed"
ended=$(date +%s%N)
cp -p out.zip wanted.zip
rm -f out.zip journal
whole_ms=$(((ended - began) / 1000000 + 1))

kill_count=0 late_count=0 again_most=0 again_sum=0
# "kill how many times, and at what part of a run" for each point.
awk -v count="$points" -v seed="$seed" 'BEGIN {
    srand(seed)
    for (i = 0; i < count; i++) {
        n = rand() < 0.5 ? 1 : 1 + int(rand() * 5)
        line = n
        for (k = 0; k < n; k++) line = line " " rand()
        print line
    }
}' >plan
while read -r times parts; do
    point=$((point + 1))
    case $((point % 4)) in 1) kind=tree ;; 3) kind=replace ;; *) kind=zip ;; esac
    for part in $parts; do
        start &
        child=$!
        sleep "$(awk -v part="$part" -v ms="$whole_ms" 'BEGIN { print part * ms * 1.1 / 1000 }')"
        # The shell function is a process of its own; the run is its child.
        run=$(cat "/proc/$child/task/$child/children" 2>/dev/null || :)
        if [ -n "${run% }" ] && kill -KILL ${run% } 2>/dev/null; then
            kill_count=$((kill_count + 1))
        else
            late_count=$((late_count + 1))
        fi
        wait "$child" 2>/dev/null || :
        case $kind in
        zip) [ ! -e out.zip ] || cmp -s out.zip wanted.zip || fail "a broken archive has the final name" ;;
        esac
    done
    before=$(whole_count)
    size=$(wc -c 2>/dev/null <journal || echo 0)
    start || fail "going on failed"
    if [ "$kind" = zip ]; then
        cmp -s out.zip wanted.zip || fail "the archive differs"
    else
        look_at out >got
        cmp -s got wanted.tree || {
            diff wanted.tree got | head >&2
            fail "the tree differs"
        }
        # Of the records of this run one is of its begin, one of its end, and two of links.
        [ "$size" -gt 1000 ] || size=0
        header=$([ "$size" -gt 0 ] && echo 0 || echo 6)
        again=$(($(record_count "$size") - 4 - header - (files - before)))
        again_sum=$((again_sum + again))
        [ "$again" -le "$again_most" ] || again_most=$again
        [ "$again" -ge 0 ] && [ "$again" -le $((threads * 2)) ] || fail "$again files were done again"
    fi
    [ -z "$(find . -name '.*millrace-*')" ] || fail "a temporary file was left: $(find . -name '.*millrace-*' | head -n 1)"
    rm -rf out out.zip journal
done <plan
echo "kill.sh: $points points of $files files, $kill_count kills ($late_count came too late): all as uninterrupted," \
    "no temporary file left, done again: at most $again_most files, $again_sum in all"
