# What a run shows of itself without a terminal: SIGUSR1, --progress json and always, --stats.
. "$(dirname "$0")/../lib.sh"

# An item is through when there is a file of its name in gates.
mkdir in gates
for name in a b c d; do echo "$name" >"in/$name"; done
wait_at_gate='while [ ! -e "gates/$1" ]; do sleep 0.02; done; cat'

# start ARG...: a run of these items in the background, with these arguments; $pid.
start() {
    rm -rf o gates/*
    lib_command="run $*"
    "$MILLRACE" run in -o o/ -j2 "$@" -x sh -c "$wait_at_gate" sh '{/}' ';' >"$out" 2>"$err" &
    pid=$!
}

# await FILE TEXT: FILE gets TEXT before long.
await() {
    for lib_word in $(seq 600); do
        ! grep -qE -e "$2" "$1" || return 0
        sleep 0.05
    done
    fail "nothing like $2 in ${1##*/}"
}

finish() {
    touch gates/a gates/b gates/c gates/d
    status=0
    wait "$pid" || status=$?
    expect_status 0
}

# SIGUSR1: one line for each, with -q too; commands do not get it.
start -q
touch gates/a
for lib_word in $(seq 600); do [ -e o/a ] && break; sleep 0.05; done
expect_empty "$err"
kill -USR1 "$pid"
await "$err" '^millrace: [0-9]+ of [0-9]+ items \([0-9]+%\); [0-9:]+ so far.*limited by process$'
# Nothing but the commands takes time: that shows, once the start is long enough ago.
line_count=1
while [ $line_count -lt 100 ]; do
    ! tail -n 1 "$err" | grep -qE 'busy: load [0-9]%, process (8.|9.|100)%, store [0-9]%;' || break
    sleep 0.5
    line_count=$((line_count + 1))
    kill -USR1 "$pid"
    for lib_word in $(seq 600); do [ "$(wc -l <"$err")" -lt $line_count ] || break; sleep 0.05; done
    [ "$(wc -l <"$err")" = $line_count ] || fail "expected $line_count lines"
done
[ $line_count -lt 100 ] || fail "the stages are not right"
finish
[ "$(wc -l <"$err")" = $line_count ] || fail "expected $line_count lines at the end"
# It asks whoever is not ready for it yet, too, and is no reason to end.
run_command sh -c 'kill -USR1 $$; exec "$@"' sh env --ignore-signal=USR1 "$MILLRACE" ops
expect_status 138
run_command sh -c 'trap "" USR1; kill -USR1 $$; exec "$@"' sh "$MILLRACE" ops
expect_status 0

# JSON: whole objects, one a line, beside messages; the last one says so.
start --progress json -q
await "$err" '"done":0'
finish
grep -v '^{"event":"progress".*}$' "$err" >rest || :
expect_empty rest
[ "$(grep -c '"is_last":true' "$err")" = 1 ] || fail "expected one last object"
tail -n 1 "$err" >last
for key in '"is_last":true' '"done":4' '"failed":0' '"total":4' '"total_known":true' '"share_done":1' \
    '"in_bytes":8' '"out_bytes":8' '"in_flight":0' '"limited_by":"'; do
    expect_text last "$key"
done
if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import json, sys
for line in open(sys.argv[1]): json.loads(line)' "$err" || fail "not JSON"
fi
for attempt in 1 2 3 4 5; do # on a busy machine it may take the second after which there is another
    rm -rf quick
    run run in --progress json -q -o quick/
    [ "$(wc -l <"$err")" != 1 ] || break
done
[ "$(wc -l <"$err")" = 1 ] || fail "expected one object of a short run"

# More items than the run takes on at once are counted beside it, as it would select them.
mkdir -p more/sub
for i in $(seq 88); do echo "$i" >"more/sub/$i"; done
echo no >more/sub/no.tmp
"$MILLRACE" run more -o m/ -j1 -q --memory 64M --progress json --exclude '*.tmp' -x sh -c 'while [ ! -e gates/all ]; do sleep 0.02; done; cat' \
    ';' >"$out" 2>"$err" &
pid=$!
await "$err" '"done":[0-9],.*"total":89,"total_known":true,.*"share_done":0.*"in_flight":[1-6]?[0-9],'
touch gates/all
status=0
wait "$pid" || status=$?
expect_status 0
tail -n 1 "$err" | grep -q '"done":89,.*"total":89,.*"share_done":1,' || fail "the last object is not right"

# Of a tar nobody knows how many members there are: the bytes of the file tell how far it is, compressed or not, from
# the helper process or not, of several inputs together; of a pipe nothing does.
mkdir many
for i in $(seq 101 188); do echo "$i" >"many/$i"; done
run run many -q -o more.tar
run run many -q -o more.tar.gz
run run many -q -o more.cpio
# stream TOTAL ARG...: 20 of the 88 members of the tar in ARG are through: a share of TOTAL bytes is, and then all.
stream() {
    lib_total=$1
    shift
    rm -rf gates/* m
    lib_command="run $*"
    "$MILLRACE" run "$@" -o m/ -j1 --memory 64M -q --progress json -x sh -c \
        'while [ "$1" -gt 120 ] && [ ! -e gates/all ]; do sleep 0.02; done; cat' sh '{/}' ';' <"$input" >"$out" 2>"$err" &
    pid=$!
}
stream_end() {
    touch gates/all
    status=0
    wait "$pid" || status=$?
    expect_status 0
    tail -n 1 "$err" >last
    expect_text last '"share_done":1,"eta_s":0,'
}
size_of() { wc -c <"$1" | tr -d ' '; }
input=/dev/null
for archive in more.tar more.tar.gz more.cpio; do
    stream "$(size_of $archive)" "$archive" --sort none
    await "$err" "\"done\":2.,.*\"total_known\":false,\"done_bytes\":[1-9][0-9]*,\"total_bytes\":$lib_total,\"share_done\":0\.[123]"
    stream_end
    expect_text last "\"done_bytes\":$lib_total,\"total_bytes\":$lib_total,"
done
input=more.tar
stream "$(size_of more.tar)" - --no-sandbox
await "$err" "\"done\":2.,.*\"total_bytes\":$lib_total,\"share_done\":0\.[123].*\"eta_s\":[0-9]"
stream_end
mkdir big
head -c 300000 /dev/zero >big/1
stream "$((300000 + $(size_of more.tar.gz)))" big more.tar.gz --merge
await "$err" "\"total_known\":false,\"done_bytes\":300[0-9]*,\"total_bytes\":$lib_total,\"share_done\":0\.9"
stream_end
mkfifo pipe
cat more.tar >pipe &
input=pipe
stream 0 -
await "$err" '"total_known":false,"done_bytes":[0-9]*,"total_bytes":null,"share_done":null'
stream_end

# diff shows both of its sides as one.
rm -f gates/all
"$MILLRACE" diff many more.tar -j1 --memory 64M -q --progress json -x sh -c \
    'while [ "$1" -gt 120 ] && [ ! -e gates/all ]; do sleep 0.02; done; cat' sh '{/}' ';' >"$out" 2>"$err" &
pid=$!
await "$err" "\"total_known\":false,\"done_bytes\":[1-9][0-9]*,\"total_bytes\":$((352 + $(size_of more.tar))),\"share_done\":0\.[123]"
touch gates/all
status=0
wait "$pid" || status=$?
expect_status 0

# A line a second where there is no terminal, and no escape sequences.
start --progress always
await "$err" '^millrace: [0-9]+ of [0-9]+ items'
finish
expect_no_text "$err" "$(printf '\033')"

# Nothing by itself.
start
sleep 0.3
expect_empty "$err"
finish

# Every thread has its line, and there is advice.
run run in -R2 -j3 -W1 --stats -o s/
expect_status 0
for name in mr-read-0 mr-read-1 mr-work-0 mr-work-1 mr-work-2 mr-write-0; do expect_text "$err" " $name "; done
expect_no_text "$err" mr-work-3
expect_no_text "$err" mr-write-1
expect_text "$err" 'advice    the run was too short'
run run in -j2 --pool shared --stats -o s2/
expect_text "$err" ' mr-work-1 '
expect_text "$err" '2 threads '
