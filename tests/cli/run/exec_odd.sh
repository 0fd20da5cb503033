# exec_odd.sh - commands and worker processes in odd surroundings, and commands that cannot be run: what they get is what is
# documented, and what is wrong is said.
. "$(dirname "$0")/../lib.sh"
need python3

mkdir in
echo one >in/one
: >in/empty

# Signals are as a program expects them, whatever this one was started with.
cat >ignores.py <<'END'
import os, signal, sys
for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execvp(sys.argv[1], sys.argv[1:])
END
run_command python3 ignores.py "$MILLRACE" run in -o signals/ -x grep -E 'Sig(Blk|Ign)' /proc/self/status
expect_status 0
# The C library keeps its two internal ones, 32 and 33, ignored in what it starts.
[ "$(tr -d '\t' <signals/one | sed 's/000000018/000000000/' | tr '\n' ' ')" = "SigBlk:0000000000000000 SigIgn:0000000000000000 " ] ||
    fail "signals: $(cat signals/one)"
run_command python3 ignores.py "$MILLRACE" run in -q --isolate -p gzip -o isolated/
expect_status 0
run_command python3 ignores.py "$MILLRACE" run in -o dies/ -x sh -c 'kill -SEGV $$'
expect_status 1
expect_text "$err" "one: exec: sh was killed by signal 11 (SEGV)"

# Descriptors: three, whatever this program was left with, and whatever it lacks.
descriptors="ls /proc/self/fd | tr '\\n' ' '"
run_command sh -c "exec 7</dev/null 9>>other; exec \"\$MILLRACE\" run in -o fds/ -x sh -c \"$descriptors\"" # 3 is that of ls
expect_status 0
[ "$(cat fds/one)" = "0 1 2 3 " ] || fail "descriptors: $(cat fds/one)"
for way in '-x cat' '--isolate -p copy'; do
    # shellcheck disable=SC2086
    (exec <&- >&- 2>&-; exec "$MILLRACE" run in -f -o closed/ $way) || fail "$way: fails without descriptors"
    expect_same in/one closed/one
done

# What a process hands down.
run_command sh -c 'umask 027; ulimit -n 500; exec nice -n 3 "$MILLRACE" run in -o down/ -x sh -c "umask; nice; ulimit -n; pwd"'
expect_status 0
printf '0027\n3\n500\n%s\n' "$PWD" >expected
expect_same expected down/one

# odd NAME TEXT: as a command, ./NAME is refused or fails with TEXT.
odd() {
    rm -rf odd
    run run in/one -o odd/ -x "./$1"
    [ "$status" = 1 ] || [ "$status" = 2 ] || fail "$1: status $status"
    expect_text "$err" "$2"
}
mkdir directory
ln -s nowhere dangling
echo cat >plain
printf '#!/bin/sh\r\ncat\r\n' >dos
printf '#!/bin/cat\n' >locked
chmod +x plain dos
odd nothing "there is no program './nothing'"
odd dangling "there is no program './dangling'"
odd directory "'./directory' is no program: it is no file"
odd locked "'./locked' is no program: it cannot be executed (chmod +x)"
odd plain "one: exec: cannot run ./plain: it is no program, or a script without #! and an interpreter"
odd dos "one: exec: cannot run ./dos: the interpreter that its first line names is not there"

# Arguments that become longer than the system takes: said of each item, and the others are done.
name=$(printf '%0200d' 0)
mkdir -p "in/$name/$name/$name/$name"
echo deep >"in/$name/$name/$name/$name/deep"
words=
i=0
while [ $i -lt 200 ]; do
    words="$words{}"
    i=$((i + 1))
done
run run in -o long/ -x sh -c cat "$words"
expect_status 1
expect_text "$err" "deep: exec: cannot run sh: Argument list too long"
expect_same in/one long/one
