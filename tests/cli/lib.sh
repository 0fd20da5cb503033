# lib.sh - what the tests of the tool share. A test is tests/cli/<area>/<case>.sh, run by sh, and begins with
#
#     . "$(dirname "$0")/../lib.sh"
#
# After that it is in an empty directory of its own, which is removed at the end (also after a failure or a signal),
# and $MILLRACE is the program under test. The test fails at the first thing that is not as expected, with a message that
# shows what was run and what it wrote; it passes when it reaches its end. Exit status 77 means skipped. A test that hangs fails
# after $MR_TEST_LIMIT_S seconds (default 750: CTest's own limit, which says nothing, is 900), and shows what it waited for.
#
#   run ARG...              runs millrace with these arguments, stdin as it is; keeps $status, and the files
#                           $out (stdout) and $err (stderr), which lie outside the directory
#   run_command WORD...     the same for any command
#   expect_status N         the last run ended with N
#   expect_text FILE TEXT   FILE ($out, $err or any other) holds TEXT, a fixed string
#   expect_no_text FILE TEXT
#   expect_line FILE LINE   FILE holds this whole line
#   expect_output LINE...   stdout of the last run is exactly these lines
#   expect_empty FILE
#   expect_file FILE        it exists;       expect_missing FILE    it does not
#   expect_same A B         two files hold the same bytes
#   expect_same_tree A B    two directories: the same names, kinds, modes, mtimes (of files), link targets and contents
#   expect_usage TEXT       the last run ended with status 2, wrote nothing to stdout and one line with TEXT to stderr
#   wait_until COMMAND...   runs it again and again until it succeeds, for a minute, which is a hang
#   wait_end PID            waits for a child, $status says how it ended; one that takes a minute hangs: it is killed, and the test
#                           fails
#   hears_term PID          whether that process has come to be ready for SIGTERM
#   fail TEXT...            ends the test
#   skip TEXT...            ends the test as skipped
#   need COMMAND...         skips the test unless all these commands are there
#   need_operation OP       skips the test unless this build has that operation
#   need_faults             skips the test unless calls of the program can be caught here
#   signal_at NUMBER N ARG...   runs millrace, which gets this signal just before it calls the system for the Nth time ($FAULT_PROGRAM
#                           with another program: a helper of millrace gets it); false when there are fewer calls. $point says
#                           which it was. A run that takes a minute is a hang, and fails the test
#   make_tree DIR           a small tree: text, empty and binary files, a subdirectory, a hidden file, links, odd names
#
# Under `sh -e` rules nothing is hidden: use run for what may fail.
set -eu
LC_ALL=C
TZ=UTC
export LC_ALL TZ
unset NO_COLOR SOURCE_DATE_EPOCH 2>/dev/null || :
umask 022

[ -n "${MILLRACE:-}" ] || { echo "lib.sh: MILLRACE is not set to the program to test" >&2; exit 1; }
lib_room=$(mktemp -d "${TMPDIR:-/tmp}/millrace-cli-XXXXXX")
out=$lib_room/out
err=$lib_room/err
status=none
lib_command=nothing
mkdir "$lib_room/here"

lib_remove() {
    kill "$lib_watch" 2>/dev/null || :
    cd /
    chmod -R u+rwx "$lib_room" 2>/dev/null || :
    rm -rf "$lib_room"
}
# lib_below PID: the processes that it started, and theirs.
lib_below() {
    for lib_child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
        echo "$lib_child"
        lib_below "$lib_child"
    done
}

lib_watch_over() {
    trap 'kill $lib_sleep; exit' TERM
    sleep "${MR_TEST_LIMIT_S:-750}" >/dev/null 2>&1 &
    lib_sleep=$!
    wait $lib_sleep
    read -r lib_own lib_rest </proc/self/stat
    lib_all=$(lib_below $$)
    echo "FAILED: it does not end" >&2 # the test itself may have sent its stderr elsewhere
    kill -USR1 $$
    for lib_process in $lib_all; do
        [ "$lib_process" != "$lib_own" ] && [ -e "/proc/$lib_process" ] || continue
        echo "hangs: $(tr '\0' ' ' <"/proc/$lib_process/cmdline")" >&2
        kill -KILL "$lib_process" 2>/dev/null || :
    done
    sleep 5 # what is left of the test may hang as well
    kill -KILL $$
    rm -rf "$lib_room"
}
lib_watch_over &
lib_watch=$!
trap 'fail "it was ended"' USR1
trap lib_remove EXIT
trap 'exit 1' HUP INT TERM
cd "$lib_room/here"

fail() {
    echo "FAILED: $*" >&2
    echo "--- last command: $lib_command (status $status)" >&2
    for lib_file in "$out" "$err"; do
        [ ! -s "$lib_file" ] || { echo "--- ${lib_file##*/}:"; head -c 4000 "$lib_file"; } >&2
    done
    exit 1
}

skip() {
    echo "skipped: $*" >&2
    exit 77
}

wait_until() {
    for lib_try in $(seq 1200); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    fail "in vain: $*"
}

lib_has_ended() {
    ! grep -q '^State:.[^ZX]' "/proc/$1/status"
}

wait_end() {
    lib_try=0
    until lib_has_ended "$1" 2>/dev/null; do
        lib_try=$((lib_try + 1))
        [ $lib_try -lt 1200 ] || { kill -KILL "$1" && fail "process $1 does not end"; }
        sleep 0.05
    done
    status=0
    wait "$1" || status=$?
}

# A child of this shell catches it as well, for the moment before it becomes the program.
hears_term() {
    [ "/proc/$1/exe" -ef "$MILLRACE" ] || return 1
    grep -q '^SigCgt:.*[4-7c-f]...$' "/proc/$1/status" # bit 14
}

need() {
    for lib_word in "$@"; do
        command -v "$lib_word" >/dev/null 2>&1 || skip "$lib_word is not installed"
    done
}

need_operation() {
    "$MILLRACE" ops "$1" >/dev/null 2>&1 || skip "this build has no operation $1"
}

need_faults() {
    lib_shim=$MR_BUILD/faults/faults.so
    [ -e "$lib_shim" ] || skip 'this build has no faults.so'
    # The thread sanitizer's own calls begin before ours can be found.
    ! ldd "$MILLRACE" | grep -q libtsan || skip 'not with the thread sanitizer'
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
    export ASAN_OPTIONS
}

signal_at() {
    lib_signal=$1 lib_number=$2
    shift 2
    printf '%-63s\n' none >"$lib_room/report"
    run_command timeout -s KILL 60 env LD_PRELOAD="$lib_shim" FAULT_REPORT="$lib_room/report" FAULT_CALLS=any FAULT_AT="$lib_number" \
        FAULT_SIGNAL="$lib_signal" "$MILLRACE" "$@"
    read -r point <"$lib_room/report"
    lib_command="signal $lib_signal at call $lib_number of ${FAULT_PROGRAM:-millrace} ($point): $*"
    [ "$status" != 137 ] || [ "$lib_signal${FAULT_PROGRAM:-millrace}" = 9millrace ] || fail "it hangs"
    [ "$point" != none ]
}

run_command() {
    lib_command=$*
    status=0
    "$@" >"$out" 2>"$err" || status=$?
}

run() {
    run_command "$MILLRACE" "$@"
    # A sanitizer's report is never what a test expects.
    if grep -qE 'Sanitizer|runtime error:' "$err"; then
        fail "a sanitizer reported"
    fi
}

expect_status() {
    [ "$status" = "$1" ] || fail "expected status $1, got $status"
}

expect_text() {
    grep -qF -e "$2" "$1" || fail "expected in ${1##*/}: $2"
}

expect_no_text() {
    ! grep -qF -e "$2" "$1" || fail "not expected in ${1##*/}: $2"
}

expect_line() {
    grep -qxF -e "$2" "$1" || fail "expected as a line of ${1##*/}: $2"
}

expect_output() {
    printf '%s\n' "$@" >"$lib_room/expected"
    [ $# -gt 0 ] || : >"$lib_room/expected"
    cmp -s "$lib_room/expected" "$out" || {
        diff "$lib_room/expected" "$out" >&2 || :
        fail "stdout is not as expected (< expected, > got)"
    }
}

expect_empty() {
    [ ! -s "$1" ] || fail "expected ${1##*/} to be empty"
}

expect_file() {
    [ -e "$1" ] || [ -L "$1" ] || fail "expected a file: $1"
}

expect_missing() {
    { [ ! -e "$1" ] && [ ! -L "$1" ]; } || fail "not expected: $1"
}

expect_same() {
    cmp -s "$1" "$2" || fail "$1 and $2 differ"
}

lib_tree() {
    (cd "$1" && find . ! -name . \( -type d -printf '%P %y %m\n' -o -type l -printf '%P %y %l\n' -o -printf '%P %y %m %T@ %n\n' \) | sort &&
        find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
}

expect_same_tree() {
    lib_tree "$1" >"$lib_room/tree.a"
    lib_tree "$2" >"$lib_room/tree.b"
    cmp -s "$lib_room/tree.a" "$lib_room/tree.b" || {
        diff "$lib_room/tree.a" "$lib_room/tree.b" >&2 || :
        fail "$1 and $2 differ"
    }
}

expect_usage() {
    expect_status 2
    expect_empty "$out"
    expect_text "$err" "$1"
    [ "$(wc -l <"$err")" = 1 ] || fail "expected one line of error"
}

make_tree() {
    mkdir -p "$1/sub/deep"
    printf 'one\n' >"$1/a.txt"
    printf 'two\r\nlines\r\n' >"$1/sub/b.txt"
    : >"$1/empty"
    printf '.hidden\n' >"$1/.hidden"
    head -c 100000 /dev/zero | tr '\000' 'x' >"$1/sub/deep/big.bin"
    printf 'odd\n' >"$1/sub/with space"
    ln -s a.txt "$1/link"
    ln "$1/a.txt" "$1/sub/hard.txt"
    chmod 750 "$1/sub/deep"
    chmod 600 "$1/empty"
    touch -d '2020-02-02 02:02:02.123456789' "$1/a.txt"
    touch -d '2021-01-01 00:00:00' "$1/sub/b.txt" "$1/sub/deep" "$1/sub"
}
