#!/bin/sh
# torture.sh: one call of the program after the other fails, in small scenarios, and whatever fails: the exit status is 0 to 3,
# nothing hangs, what has its final name is complete and right (0: all of it), no temporary file is left, the input is as it was,
# and a message names the reason.
#
#   sh tests/torture.sh --full [SCENARIO...]           every call, once and from then on: more than 10,000 runs, about half an hour
#   sh tests/torture.sh --shallow SEED [SCENARIO...]   a few calls of each kind, chosen by SEED
#   sh tests/torture.sh --at KIND MODE N SCENARIO      one run, with what it says
#   sh tests/torture.sh --list                         the scenarios
#
# Kinds of calls (but "any", which is for signals), and modes, are those of tests/support/faults/faults.c, which also says what
# "once" and "from" are. Prints each fault that was found and at the end a line of figures; status 1 if there was any. Under a
# sanitizer: the same with $MILLRACE of such a build (a report of it is a fault, memory that leaks included).
#
# $MILLRACE: the program (default: build/millrace). $MR_BUILD: where it was built, with faults/faults.so (default: the program's
# directory). $KINDS: only these kinds. $FAULT_FROM=all: calls of libraries fail too. The directory is $TMPDIR or /tmp.
set -u
LC_ALL=C
TZ=UTC
export LC_ALL TZ
umask 022

scenarios='tree_gzip tree_zip tree_sqlar metadata zip_tree targz_tarzst hash_null in_place exec_cat journal stdin_stdout isolate isolated_helper reading_helper'
all_kinds='alloc io space files start map remove interrupt again short'
limit_s=120 # a busy machine and a sanitizer take 20
room=

usage() {
    sed -n '/^#   sh /s/^# *//p' "$0" >&2
    exit 2
}

depth=full seed=0 at_kind='' at_mode='' at_number=''
case ${1:-} in
--full) shift ;;
--shallow)
    [ $# -ge 2 ] || usage
    depth=shallow seed=$2
    shift 2
    ;;
--at)
    [ $# = 5 ] || usage
    depth=one at_kind=$2 at_mode=$3 at_number=$4
    shift 4
    ;;
--list)
    echo "$scenarios"
    exit 0
    ;;
*) usage ;;
esac
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $scenarios

millrace=${MILLRACE:-$(dirname -- "$0")/../build/millrace}
case $millrace in /*) ;; *) millrace=$PWD/$millrace ;; esac
shim=${MR_BUILD:-$(dirname "$millrace")}/faults/faults.so
case $shim in /*) ;; *) shim=$PWD/$shim ;; esac
for file in "$millrace" "$shim"; do
    [ -e "$file" ] || { echo "torture.sh: $file is not there" >&2; exit 2; }
done
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0:exitcode=99"
export ASAN_OPTIONS

room=$(mktemp -d "${TMPDIR:-/tmp}/millrace-torture-XXXXXX")
trap 'cd /; rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM
cd "$room" || exit 2
mkdir tmp
TMPDIR=$room/tmp
export TMPDIR

# ---- the scenarios: start() with $scenario; what comes out is $output, of the shape $shape ----

make_inputs() {
    mkdir -p in/sub/deep
    printf 'one\r\n' >in/a.txt
    : >in/empty
    head -c 150000 "$millrace" >in/sub/deep/big
    printf 'two\r\nlines\r\n' >in/sub/b.txt
    ln -s a.txt in/link
    ln in/a.txt in/sub/hard
    # Where there are such attributes.
    python3 -c 'import os; [os.setxattr(path, "user.note", b"noted") for path in ("in/a.txt", "in/sub")]' 2>/dev/null
    touch -h -d '2020-02-02 02:02:02' in/a.txt in/empty in/sub/deep/big in/sub/b.txt in/link in/sub/deep in/sub in
    "$millrace" run in -q -o in.zip && "$millrace" run in -q -o in.tar.gz && "$millrace" run in -q -o in.tar || exit 2
}

describe() {
    program=millrace shape=tree output=out
    case $1 in
    tree_zip) shape=file output=out.zip ;;
    tree_sqlar)
        shape=file output=out.sqlar
        "$millrace" formats | grep -q sqlar || output=out.zip
        ;;
    targz_tarzst)
        shape=file output=out.tar.zst
        "$millrace" ops zstd >/dev/null 2>&1 || output=out.tar.gz
        ;;
    hash_null) shape=list output=list ;;
    in_place) shape=replaced ;;
    stdin_stdout) shape=stream output=stdout ;;
    isolated_helper) program='millrace-operate' ;;
    reading_helper) program='millrace-read' ;;
    esac
}

words() {
    case $1 in
    tree_gzip) echo 'run in -q -j 2 -p gzip -o out/' ;;
    tree_zip) echo 'run in -q -j 2 -o out.zip' ;;
    tree_sqlar) echo "run in -q -j 2 -o $output" ;;
    metadata) echo 'run in -q -j 2 --preserve mode,mtime,owner,xattr,links -o out/' ;;
    zip_tree) echo 'run in.zip -q -j 2 -o out/' ;;
    targz_tarzst) echo "run in.tar.gz -q -j 2 -o $output" ;;
    hash_null) echo 'run in -q -j 2 -p hash:crc32,list=list -o null:' ;;
    in_place) echo 'run out --in-place -q -j 2 -p lf' ;;
    exec_cat) echo 'run in -q -j 2 -x cat ; -o out/' ;;
    journal) echo 'run in -q -j 2 --journal journal --fsync all -o out/' ;;
    stdin_stdout) echo 'run - -q -j 2 -o - --to tar' ;;
    isolate | isolated_helper) echo 'run in -q -j 2 --isolate -p gzip -o out/' ;;
    reading_helper) echo 'run in.tar.gz -q -j 2 -o out/' ;;
    *)
        echo "torture.sh: no scenario $1 (see --list)" >&2
        exit 2
        ;;
    esac
}

start() {
    # shellcheck disable=SC2086
    timeout -s KILL $limit_s "$millrace" $run_words <in.tar >stdout 2>err
    status=$?
}

start_failing() { # KIND MODE N
    printf '%-63s\n' none >report
    LD_PRELOAD=$shim FAULT_REPORT=$room/report FAULT_PROGRAM=$program FAULT_CALLS=$1 FAULT_MODE=$2 FAULT_AT=$3
    export LD_PRELOAD FAULT_REPORT FAULT_PROGRAM FAULT_CALLS FAULT_MODE FAULT_AT
    start
    unset LD_PRELOAD FAULT_REPORT
    read -r failed_call failed_place <report
}

clear_outputs() {
    rm -rf "$output" journal
    [ $shape != replaced ] || cp -a in out
}

# ---- what must hold ----

violation() {
    violation_count=$((violation_count + 1))
    echo "$scenario: $kind $mode $number ($failed_call $failed_place): $*"
    if [ -s err ]; then head -n 3 err | sed 's/^/    /'; fi
}

reason_of() {
    case $1 in
    alloc | map) echo 'memory' ;;
    io) echo 'Input/output error' ;;
    space) echo 'No space left' ;;
    files) echo 'Too many open files' ;;
    start) echo 'temporarily unavailable' ;;
    remove) echo 'Permission denied' ;;
    esac
}

check_status() {
    case $status in
    0) ;;
    1 | 2 | 3)
        case $kind in interrupt | again | short) violation "ended with status $status" ;; esac
        [ -s err ] || violation 'no message'
        # Of a helper the program knows no more than that it ended.
        reason=
        [ $program != millrace ] || reason=$(reason_of "$kind")
        # Which is what the C library says of a thread that it finds no memory for.
        [ -z "${FAULT_FROM:-}" ] || case $(cat err) in *"cannot start the thread"*) return ;; esac
        while IFS= read -r line; do
            case $line in *"$reason"*) return ;; esac
        done <err
        violation "no message says '$reason'"
        ;;
    137) violation "hung for $limit_s s" ;;
    *) violation "ended with status $status" ;;
    esac
}

# An archive that is not as wanted is complete but for the items that failed.
check_part() {
    [ "$status" = 1 ] || violation "status $status, but what is named $output is not right"
    rm -rf part whole
    mkdir part whole
    "$millrace" run wanted -q -o whole/
    "$millrace" run "$output" -q -o part/ 2>err.part ||
        violation "what is named $output cannot be read: $(head -n 1 err.part)"
    diff -rq --no-dereference whole part | grep -v '^Only in whole' >wrong && violation "in $output: $(head -n 1 wrong)"
}

check_output() {
    [ "$status" != 0 ] || [ -e "$output" ] || violation "status 0 without $output"
    case $shape in
    stream) [ $status != 0 ] || cmp -s wanted stdout || violation 'status 0, but the output is not right' ;;
    file) [ ! -e "$output" ] || cmp -s wanted "$output" || check_part ;;
    list)
        [ ! -e list ] || cmp -s wanted list || {
            [ "$status" = 1 ] || violation 'what is named list is not right'
            # A name of a file that was left out may be the first one then.
            ! grep -vxFf wanted list | grep -v ' sub/hard$' >wrong || violation "list holds what is wrong: $(head -n 1 wrong)"
        }
        ;;
    tree)
        [ -d out ] || mkdir out
        if ! diff -rq --no-dereference wanted out >differences; then
            [ "$status" != 0 ] || violation "status 0, but: $(head -n 1 differences)"
            ! grep -v '^Only in wanted' differences >wrong || violation "$(head -n 1 wrong)"
        fi
        ;;
    replaced)
        diff -rq --no-dereference wanted out >differences || {
            [ "$status" != 0 ] || violation "status 0, but: $(head -n 1 differences)"
            ! grep -v '^Files' differences >wrong || violation "$(head -n 1 wrong)"
            sed -n 's/^Files wanted\/\(.*\) and .*/\1/p' differences >changed
            while IFS= read -r name; do
                cmp -s "in/$name" "out/$name" || violation "out/$name is neither as before nor right"
            done <changed
        }
        ;;
    esac
}

check_leftovers() {
    [ "$kind" != remove ] || return 0
    for file in tmp/* tmp/.[!.]* .[!.]*; do
        [ ! -e "$file" ] || { violation "left: $file" && rm -rf "$file"; }
    done
}

# Whatever happened, a run that goes on makes all that is missing.
check_resume() {
    # shellcheck disable=SC2086
    timeout -s KILL $limit_s "$millrace" $run_words --resume >stdout 2>err
    status=$?
    [ $status = 0 ] || violation "--resume ended with status $status"
    diff -rq --no-dereference wanted out >differences || violation "after --resume: $(head -n 1 differences)"
}

try() { # KIND MODE N
    kind=$1 mode=$2 number=$3
    clear_outputs
    start_failing "$@"
    run_count=$((run_count + 1))
    [ "$failed_call" != none ] || missed_count=$((missed_count + 1))
    [ $depth != one ] || { echo "status $status, $failed_call $failed_place"; cat err; }
    check_status
    case $(grep -m 1 -E 'Sanitizer|runtime error:' err) in ?*) violation 'a sanitizer reported' ;; esac
    check_output
    check_leftovers
    [ "$scenario" != journal ] || check_resume
}

# ---- the sweep ----

look_at_inputs() {
    tar cf - --sort=name in in.zip in.tar.gz in.tar | cksum
}

# Which of 1 to $1: all, or three that SEED chooses, and the last.
numbers() {
    if [ $depth = full ]; then
        seq "$1"
    else
        awk -v most="$1" -v seed="$seed$kind_number" 'BEGIN {
            srand(seed)
            for (i = 0; i < 2; i++) print 1 + int(rand() * most)
        }' | sort -nu
    fi
}

modes_of() {
    case $1 in
    interrupt) echo third ;;
    again) echo once ;;
    short) echo from ;;
    *) echo 'once from' ;;
    esac
}

sweep_kind() { # KIND COUNT
    [ "$2" -gt 0 ] || return 0
    case $1 in
    interrupt) chosen='1 2 3' ;;
    short) chosen=1 ;;
    *) chosen=$(numbers "$2") ;;
    esac
    for sweep_mode in $(modes_of "$1"); do
        for sweep_number in $chosen; do
            [ $depth = full ] || [ $((sweep_number % 2)) = 0 ] || [ "$sweep_mode" != from ] || [ "$1" = short ] || continue
            try "$1" "$sweep_mode" "$sweep_number"
        done
    done
}

sweep() {
    scenario=$1
    describe "$1"
    run_words=$(words "$1") || exit 2
    rm -rf out "$output" wanted
    clear_outputs
    start
    [ $status = 0 ] || { echo "torture.sh: $1: the run without faults failed" >&2; cat err >&2; exit 2; }
    mv "$output" wanted
    before=$(look_at_inputs)
    if [ $depth = one ]; then
        try "$at_kind" "$at_mode" "$at_number"
    else
        clear_outputs
        start_failing none once 0
        counts=$(od -An -v -td8 -w8 -j72 -N80 report) || { echo "torture.sh: $1: no call was counted" >&2; cat err >&2; exit 2; }
        kind_number=0
        for one_kind in $all_kinds; do
            kind_number=$((kind_number + 1))
            count=$(echo "$counts" | sed -n "${kind_number}p")
            case " ${KINDS:-$all_kinds} " in *" $one_kind "*) sweep_kind "$one_kind" "$count" ;; esac
        done
    fi
    [ "$(look_at_inputs)" = "$before" ] || violation 'the input has changed'
    clear_outputs
}

violation_count=0 run_count=0 missed_count=0
kind=none mode=none number=0 failed_call=none failed_place=
make_inputs
for name in "$@"; do sweep "$name"; done
echo "torture.sh: $run_count runs, in $missed_count of them nothing failed; $violation_count faults found"
[ $violation_count = 0 ]
