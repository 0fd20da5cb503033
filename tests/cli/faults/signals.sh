# A signal ends the run by that signal; nothing half-written stays, also when a command hangs.
. "$(dirname "$0")/../lib.sh"
mkdir many
head -c 20000 /dev/urandom >many/0
for i in $(seq 1 300); do cp many/0 "many/$i"; done

# interrupt SIGNAL ARG...: starts millrace, sends the signal when it has begun, and waits for the end. Its commands say so; without
# one it is ready for signals.
interrupt() {
    lib_command="(SIG$1) $*"
    signal=$1
    shift
    rm -f begun
    "$MILLRACE" "$@" >"$out" 2>"$err" &
    child=$!
    case $* in *begun*) wait_until [ -e begun ] ;; *) wait_until hears_term "$child" ;; esac
    kill -"$signal" "$child" 2>/dev/null || :
    status=0
    wait "$child" || status=$?
}

interrupt TERM run many -q -x sh -c ': >begun; sleep 0.05; cat' \; -o out/
expect_status 143
[ -z "$(find out -name '.*')" ] || fail "a temporary file was left"
for path in out/*; do [ ! -e "$path" ] || expect_same "$path" many/0; done

interrupt TERM run many -q -x sh -c ': >begun; sleep 0.05; cat' \; -o out.tar
expect_status 143
expect_missing out.tar
[ "$(ls -A | tr '\n' ' ')" = 'begun many out ' ] || fail "something was left: $(ls -A)"

# Before the first item: nobody has written to the pipe with the names yet.
mkfifo names
interrupt TERM run -T names -q -o out.tar
expect_status 143
[ "$(ls -A | tr '\n' ' ')" = 'many names out ' ] || fail "something was left: $(ls -A)"
rm names

# Grace for the command that hangs ends with a second signal.
rm -f begun
"$MILLRACE" run many -q -x sh -c ': >begun; exec sleep 1000' \; -o hang/ >"$out" 2>"$err" &
child=$!
wait_until [ -e begun ]
kill -TERM "$child"
sleep 0.3
kill -TERM "$child"
status=0
wait "$child" || status=$?
lib_command='a hanging command and two signals'
expect_status 143
[ -z "$(find hang -type f)" ] || fail "something was stored"
