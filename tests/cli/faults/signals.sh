# A signal ends the run by that signal; nothing half-written stays, also when a command hangs.
. "$(dirname "$0")/../lib.sh"
mkdir many
head -c 20000 /dev/urandom >many/0
for i in $(seq 1 300); do cp many/0 "many/$i"; done

# interrupt SIGNAL ARG...: starts millrace, sends the signal when it has begun, and waits for the end.
interrupt() {
    lib_command="(SIG$1) $*"
    signal=$1
    shift
    "$MILLRACE" "$@" >"$out" 2>"$err" &
    child=$!
    sleep 0.3
    kill -"$signal" "$child" 2>/dev/null || :
    status=0
    wait "$child" || status=$?
}

interrupt TERM run many -q -x sh -c 'sleep 0.05; cat' \; -o out/
expect_status 143
[ -z "$(find out -name '.*')" ] || fail "a temporary file was left"
for path in out/*; do [ ! -e "$path" ] || expect_same "$path" many/0; done

interrupt TERM run many -q -x sh -c 'sleep 0.05; cat' \; -o out.tar
expect_status 143
expect_missing out.tar
[ "$(ls -A | tr '\n' ' ')" = 'many out ' ] || fail "something was left: $(ls -A)"

# Before the first item: nobody has written to the pipe with the names yet.
mkfifo names
interrupt TERM run -T names -q -o out.tar
expect_status 143
[ "$(ls -A | tr '\n' ' ')" = 'many names out ' ] || fail "something was left: $(ls -A)"
rm names

# Grace for the command that hangs ends with a second signal.
"$MILLRACE" run many -q -x sleep 100 \; -o hang/ >"$out" 2>"$err" &
child=$!
sleep 0.3
kill -TERM "$child"
sleep 0.3
kill -TERM "$child"
(sleep 20 && kill -KILL "$child") 2>/dev/null &
watchdog=$!
status=0
wait "$child" || status=$?
kill "$watchdog" 2>/dev/null || :
lib_command='a hanging command and two signals'
expect_status 143
[ -z "$(find hang -type f)" ] || fail "something was stored"
