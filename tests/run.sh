#!/bin/sh
# run.sh [CTEST-OPTION]...: installs what is missing, builds, and runs all tests. The last lines are ctest's own.
#
#   sh tests/run.sh -R gzip            only the tests whose names match
#   BUILD_DIR=build-asan CMAKE_ARGS='-DMR_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug' sh tests/run.sh
#
# BUILD_DIR: where to build (default: build, in the source tree). CMAKE_ARGS: more arguments for cmake, split at spaces.
# CTEST_PARALLEL_LEVEL: tests at a time (default: the processors).
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
build=${BUILD_DIR:-build}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

sh testdata/setup.sh

# The arguments are a list of words on purpose.
# shellcheck disable=SC2086
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMR_TESTS=ON ${CMAKE_ARGS:-} >"$build.log" 2>&1 || {
    cat "$build.log"
    echo "run.sh: cmake failed (see above)" >&2
    rm -f "$build.log"
    exit 1
}
mv -f "$build.log" "$build/configure.log"
grep -h 'optional libraries' "$build/configure.log" || true
cmake --build "$build" -j "$jobs" >"$build/build.log" 2>&1 || {
    grep -E -A 8 'error:|warning:|undefined reference' "$build/build.log" || tail -n 60 "$build/build.log"
    echo "run.sh: the build failed (all of it: $build/build.log)" >&2
    exit 1
}
grep -E -A 6 'warning:' "$build/build.log" || true

export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$jobs}"
ctest --test-dir "$build" --output-on-failure "$@"
