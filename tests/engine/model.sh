#!/bin/sh
# model.sh [LINE_PML]: searches the model of the line over every schedule, and finds that its broken variants are wrong.
#
# Prints a line for each search. Needs spin and cc; without spin the test is skipped (77). Below 1 GB of memory.
# Small configurations by default: some seconds of a processor. All of them, some minutes:
#
#   MR_MODEL=deep sh tests/engine/model.sh
set -u
model=$(realpath -- "${1:-$(dirname -- "$0")/../../src/engine/line.pml}") || exit 1
command -v spin >/dev/null 2>&1 || { echo "skipped: spin is not installed"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

# search NAME EXPECTED SPIN_FLAGS CC_FLAGS PAN_FLAGS: EXPECTED is the number of errors, 0 or 1.
search() {
    rm -f pan* -- *.trail
    # shellcheck disable=SC2086 # lists of flags
    spin $3 -a "$model" >spin.out 2>&1 && cc -w -DMEMLIM=900 -DNOFAIR $4 -o pan pan.c >cc.out 2>&1 || {
        echo "FAIL: $1: the model does not compile"
        cat spin.out cc.out
        failed=1
        return
    }
    ./pan -m100000 $5 >pan.out 2>&1
    errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' pan.out)
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.out)
    seen=$(sed -n 's/^pan:1: \(.*\)/\1/p' pan.out)
    # Only a search that came to its end says that there is no error.
    if [ "$2" -eq 0 ] && { [ "$errors" != 0 ] || grep -Eq 'not completed|max search depth too small|out of memory' pan.out; }; then
        echo "FAIL: $1: an error was found, or not everything was searched: $3"
        cat pan.out
        failed=1
    elif [ "$2" -ne 0 ] && { [ -z "$errors" ] || [ "$errors" = 0 ] || [ -z "$seen" ]; }; then
        echo "FAIL: $1: is wrong, and no error was found: $3"
        cat pan.out
        failed=1
    else
        echo "ok: $1: ${states:-0} states${seen:+, found: $seen}"
    fi
}

holds() { search "$1" 0 "$2" "-O0 -DCOLLAPSE ${3:--DSAFETY}" "-w20 ${4:-}"; }
breaks() { search "$1" 1 "$2" "-O0 -DSAFETY" "-w20"; }

# Each order, stop and kind of source with few threads; two items that are in flight together with all of them.
holds "in order" "-DORDER=IN_ORDER -DSTOPS=0 -DITEMS=2"
holds "free" "-DORDER=FREE -DSTOPS=0 -DITEMS=2 -DREADERS=1"
holds "exclusive" "-DORDER=EXCLUSIVE -DSTOPS=0 -DITEMS=2 -DREADERS=1"
holds "serial source" "-DORDER=IN_ORDER -DSTOPS=0 -DITEMS=2 -DREADERS=1 -DSERIAL=1"
few="-DITEMS=2 -DREADERS=1 -DWORKERS=1 -DLONG=9"
holds "soft stop" "-DORDER=IN_ORDER -DSTOPS=1 $few"
holds "hard stop" "-DORDER=IN_ORDER -DSTOPS=2 -DLARGE=1 $few"

# Items that need a seat to be worked on; one is left out.
holds "seats" "-DORDER=IN_ORDER -DSTOPS=0 -DSEATS=1 -DITEMS=2 -DWORKERS=1"
holds "seats, and an item that does not come" "-DORDER=IN_ORDER -DSTOPS=0 -DSEATS=1 -DITEMS=3 -DREADERS=1 -DWORKERS=1 -DLEFT_OUT=0 -DLONG=1"
# A long item in blocks; another attempt; two items in one run.
holds "blocks" "-DORDER=IN_ORDER -DSTOPS=0 -DENCODE=2 -DLONG_CHUNKS=3 -DITEMS=2 -DREADERS=1"
holds "another attempt, soft stop" "-DORDER=IN_ORDER -DSTOPS=1 -DRETRIES=1 -DITEMS=2 -DREADERS=1 -DWORKERS=1"
holds "together" "-DORDER=IN_ORDER -DSTOPS=0 -DTOGETHER=1 -DITEMS=2 -DREADERS=1 -DWORKERS=1 -DLONG=9"

if [ "${MR_MODEL:-}" = deep ]; then
    # Three items: two that are in flight together, the first one with two chunks, and one that costs more than the budget.
    holds "three in order" "-DORDER=IN_ORDER -DSTOPS=0"
    holds "two free" "-DORDER=FREE -DSTOPS=0 -DITEMS=2"
    holds "two exclusive" "-DORDER=EXCLUSIVE -DSTOPS=0 -DITEMS=2"
    # Two items; what a stop adds is much.
    holds "serial source of two" "-DORDER=IN_ORDER -DSTOPS=0 -DITEMS=2 -DSERIAL=1"
    holds "serial source of three" "-DORDER=IN_ORDER -DSTOPS=0 -DSERIAL=1"
    holds "soft stop of two" "-DORDER=IN_ORDER -DSTOPS=1 -DITEMS=2 -DLONG=9"
    holds "soft stop of three" "-DORDER=IN_ORDER -DSTOPS=1 -DLARGE=1"
    holds "hard stop of one that is large" "-DORDER=IN_ORDER -DSTOPS=2 -DITEMS=2 -DLARGE=1 -DLONG=9"
    holds "hard stop of two in flight" "-DORDER=IN_ORDER -DSTOPS=2 -DITEMS=2 -DLONG=9"
    holds "hard stop, free" "-DORDER=FREE -DSTOPS=2 -DITEMS=2 -DLONG=9"
    one="-DITEMS=2 -DREADERS=1 -DWORKERS=1"
    holds "seats, hard stop" "-DORDER=IN_ORDER -DSTOPS=2 -DSEATS=1 $one"
    holds "seats, free" "-DORDER=FREE -DSTOPS=0 -DSEATS=1 -DITEMS=2 -DREADERS=1"
    holds "seats, exclusive" "-DORDER=EXCLUSIVE -DSTOPS=0 -DSEATS=1 -DITEMS=2 -DREADERS=1"
    holds "seats and another attempt, soft stop" "-DORDER=IN_ORDER -DSTOPS=1 -DSEATS=1 -DRETRIES=1 $one"
    holds "a block that fails" "-DORDER=IN_ORDER -DSTOPS=0 -DENCODE=2 -DLONG_CHUNKS=3 -DFAILS=BLOCK -DITEMS=2 -DREADERS=1"
    holds "blocks, hard stop" "-DORDER=IN_ORDER -DSTOPS=2 -DENCODE=1 -DLONG_CHUNKS=3 $one"
    holds "blocks and another attempt" "-DORDER=IN_ORDER -DSTOPS=0 -DENCODE=1 -DLONG_CHUNKS=3 -DRETRIES=1 -DFAILS=BLOCK $one"
    holds "another attempt, free, soft stop" "-DORDER=FREE -DSTOPS=1 -DRETRIES=1 $one"
    holds "another attempt at once, exclusive" "-DORDER=EXCLUSIVE -DSTOPS=0 -DRETRIES=2 $one"
    holds "together, hard stop" "-DORDER=IN_ORDER -DSTOPS=2 -DTOGETHER=1 -DLONG=9 $one"
    holds "no endless schedule" "-DORDER=IN_ORDER -DSTOPS=0 -DITEMS=2" -DNP -l
fi

breaks "posting wakes nobody" "-DORDER=IN_ORDER -DSTOPS=0 -DDROP_WAKE=1"
breaks "who may sit is not kicked" "-DORDER=IN_ORDER -DSTOPS=0 -DSEATS=1 -DITEMS=2 -DREADERS=1 -DWORKERS=1 -DDROP_WAKE=7"
breaks "what does not come keeps its place in the row" "-DORDER=IN_ORDER -DSTOPS=0 -DSEATS=1 -DLEFT_OUT=0 -DLONG=1 -DREADERS=1 -DWORKERS=1 -DBREAK=4"
breaks "sentinel" "-DSENTINEL"
holds "sentinel, one thread for each step" "-DSENTINEL -DREADERS=1 -DWORKERS=1"
if [ "${MR_MODEL:-}" = deep ]; then
    breaks "a pool that ends wakes nobody" "-DORDER=IN_ORDER -DSTOPS=0 -DDROP_WAKE=2"
    breaks "the end of the line wakes nobody" "-DORDER=IN_ORDER -DSTOPS=0 -DDROP_WAKE=3"
    breaks "room does not wake the feed" "-DORDER=IN_ORDER -DSTOPS=0 -DDROP_WAKE=4"
    breaks "the turn is passed without a kick" "-DORDER=IN_ORDER -DSTOPS=0 -DDROP_WAKE=5"
    breaks "a kick of a busy feed is forgotten" "-DORDER=IN_ORDER -DSTOPS=0 -DITEMS=2 -DSERIAL=1 -DDROP_WAKE=6"
    breaks "out of turn" "-DORDER=IN_ORDER -DSTOPS=0 -DBREAK=1"
    breaks "too large for the budget" "-DORDER=IN_ORDER -DSTOPS=0 -DBREAK=2"
    breaks "seats for whoever asks first" "-DORDER=IN_ORDER -DSTOPS=0 -DSEATS=1 -DITEMS=2 -DWORKERS=1 -DLONG=1 -DBREAK=3"
    breaks "only the last run's results are posted" "-DORDER=IN_ORDER -DSTOPS=0 -DTOGETHER=1 -DLONG=9 $one -DDROP_WAKE=8"
    breaks "sleeping wakes nobody" "-DORDER=IN_ORDER -DSTOPS=0 -DRETRIES=1 $one -DDROP_WAKE=9"
    breaks "dropped while it is worked on" "-DORDER=IN_ORDER -DSTOPS=0 -DENCODE=2 -DLONG_CHUNKS=3 -DFAILS=BLOCK -DITEMS=2 -DREADERS=1 -DBREAK=5"
    breaks "blocks leave as they are made" "-DORDER=IN_ORDER -DSTOPS=0 -DENCODE=2 -DLONG_CHUNKS=3 -DITEMS=2 -DREADERS=1 -DBREAK=6"
fi

exit "$failed"
