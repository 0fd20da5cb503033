#!/bin/sh
# fuzz.sh [SECONDS [TARGET...]]: lets libFuzzer look for inputs that break the targets of tests/fuzz, each for that long
# (60 s), two at a time (JOBS=2), from the seeds in testdata/fuzz and what earlier runs found worth keeping. Prints for each
# target its seconds, executions, coverage (edges), and what was found. Status 1 when something was.
#
#   sh tests/fuzz.sh 900         every target for a quarter of an hour
#
# $BUILD_DIR (build-fuzz) is built with clang-14 (CC), AddressSanitizer and UBSan; it keeps corpus/TARGET, and found/TARGET-*:
# inputs that crash, leak, hang for 10 s, take 2 GB, or break what the target says must hold. Mend what one shows, and put
# it into testdata/fuzz/TARGET/found-WHAT: the test fuzz/TARGET takes everything there once, in every build.
#
# How long each has run so far, on two processors that others used, too; nothing is open:
#
#   inflate    900 s  2,677,562 executions      journal    900 s    652,948 executions
#   unwrap     900 s    123,186                 talk       900 s    317,215
#   client     900 s    126,517                 options    900 s    161,023
#   zip        900 s  1,380,634                 patterns   900 s    562,202
#   archive    ARCHIVE
set -eu

seconds=${1:-60}
[ $# -eq 0 ] || shift
here=$(cd "$(dirname -- "$0")/.." && pwd)
build=${BUILD_DIR:-$here/build-fuzz}
mkdir -p "$build/corpus" "$build/found"
build=$(cd "$build" && pwd)

make() {
    cmake -S "$here" -B "$build" -DMR_FUZZ=ON -DMR_TESTS=OFF -DMR_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug \
        -DCMAKE_C_COMPILER="${CC:-clang-14}" &&
        cmake --build "$build" -j "${JOBS:-2}" --target fuzz
}
make >"$build/make.log" 2>&1 || {
    tail -n 20 "$build/make.log" >&2
    exit 2
}

[ $# -gt 0 ] || set -- $(cd "$here/testdata/fuzz" && ls -d -- */ | tr -d /)
for target; do
    [ -x "$build/tests/fuzz/fuzz_$target" ] || {
        echo "fuzz.sh: there is no target $target" >&2
        exit 2
    }
done

# One target, as a program of its own for xargs.
# shellcheck disable=SC2016
one='
build=$1 seeds=$2 seconds=$3 target=$4
log=$build/found/$target.log
mkdir -p "$build/corpus/$target"
status=0
"$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$build/found/$target-" "$build/corpus/$target" "$seeds/$target" >"$log" 2>&1 || status=$?
awk -v target="$target" -v status="$status" "
    / cov: / { for (i = 1; i < NF; i++) if (\$i == \"cov:\") edges = \$(i + 1); count = substr(\$1, 2) }
    /^Done / { count = \$2; took = \$5 }
    /Test unit written to/ { found = found \" \" \$NF }
    END {
        what = status == 0 ? \"nothing found\" : \"FOUND\" found
        printf \"%-9s %5s s %10d executions %6d edges  %s\n\", target, took, count, edges, what
    }" "$log"
exit "$status"'
printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -I TARGET sh -c "$one" fuzz.sh "$build" "$here/testdata/fuzz" "$seconds" TARGET
