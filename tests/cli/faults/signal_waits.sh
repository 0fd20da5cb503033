# A signal ends a run that waits for good, whatever it waits for; two do so soon where one gives time. Nothing half-made is left.
. "$(dirname "$0")/../lib.sh"
# The thread sanitizer holds signals back as long as a call waits.
! ldd "$MILLRACE" | grep -q libtsan || skip 'not with the thread sanitizer'
mkdir in many
for i in 1 2 3; do printf 'line\r\n' >"in/$i"; done
for i in $(seq 200); do echo "$i" >"many/$i"; done
# A pipe that is open, and in which nothing comes; one that nobody opens; and one that takes nothing more.
mkfifo mute lonely full
exec 3<>mute 4<>full
dd if=/dev/zero of=full oflag=nonblock bs=4096 2>/dev/null || :

# start READY ARG...: READY is a command that succeeds when the run may get the signal.
start() {
    ready=$1
    shift
    lib_command="$*"
    "$MILLRACE" "$@" <&3 >"${to:-$out}" 2>"${errors:-$err}" &
    child=$!
    wait_until hears_term $child
    wait_until $ready
}

# The run ends by one signal, or by two of them.
expect_end() {
    for time in $(seq "$1"); do
        [ "$time" = 1 ] || sleep 0.5
        kill -TERM $child 2>/dev/null || :
    done
    before=$(date +%s)
    wait_end $child
    expect_status 143
    [ $(($(date +%s) - before)) -lt 30 ] || fail "it took too long to end"
    left=$(find . -name '.*' ! -name .)
    [ -z "$left" ] || fail "left: $left"
}

is_replaced() {
    ! grep -q "$(printf '\r')" in/1
}

# The next name, after the first of them was done.
start is_replaced run --in-place -q -p lf in/1 -T mute
expect_end 1
printf 'line\r\n' >in/1
start is_replaced run --in-place -q -p lf in/1 -T lonely
expect_end 1
printf 'line\r\n' >in/1
echo in/1 >&3
start is_replaced run --in-place -q -p lf -T -
expect_end 1

# A sample, or a list of what belongs to it.
start true bench -q -
expect_end 2
start true bench -q lonely
expect_end 2
start true bench -q -T lonely
expect_end 2
start true bench -q --stream -T mute
expect_end 2

# A reader of the output, or of the messages.
to=full
start 'sleep 0.5' diff in many
expect_end 2
to='' errors=full
start 'test -d out' run many -v -o out/
expect_end 2
has_temporary() {
    [ -n "$(find . -name '.out.tar*')" ]
}
start has_temporary run many -v -o out.tar
expect_end 2
expect_missing out.tar
errors=''

# One shard of two leaves no file of locks behind.
start 'test -e shards/.millrace-shards' run -q --shard 1/2 -T mute -o shards/
expect_end 2
