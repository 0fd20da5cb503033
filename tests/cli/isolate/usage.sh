# usage.sh - the processor time of processes that still run when the figures are shown is in them: of worker processes and of
# commands that stay. --stats and --report say the same.
. "$(dirname "$0")/../lib.sh"
need python3

mkdir in
i=0
while [ $i -lt 60 ]; do
    tail -c +$((i * 1000 + 1)) "$MILLRACE" | head -c 60000 >in/$i # too small for blocks
    i=$((i + 1))
done

# expect_usage LEAST: --stats says that much or more, in seconds, and what the report says.
expect_usage() {
    stats=$(sed -n 's/.*cpu  *\([0-9.]*\) s,.*/\1/p' "$err")
    report=$(sed -n 's/.*"cpu_s": *\([0-9.]*\).*/\1/p' report.json | tail -n 1)
    awk "BEGIN { exit !($stats >= $1 && $stats >= $report * 0.7 && $stats <= $report * 1.05 + 0.05) }" ||
        fail "--stats says $stats s, the report $report s, and at least $1 s were used"
}

run run in -p gzip:level=9 -j 2 -o threads/ --stats
expect_status 0
used=$(sed -n 's/.*cpu  *\([0-9.]*\) s,.*/\1/p' "$err")
run run in -p gzip:level=9 -j 2 --isolate -o processes/ --stats --report report.json
expect_status 0
expect_usage "$(awk "BEGIN { print $used / 2 }")"

# One that takes half a second of its processor before it answers at all.
cat >filter.py <<'END'
import sys, time
while time.process_time() < 0.5:
    pass
get, put = sys.stdin.buffer, sys.stdout.buffer
def packet():
    head = get.read(4)
    if not head:
        sys.exit(0)
    return get.read(int(head, 16) - 4) if int(head, 16) else None
def packets():
    found = []
    while (data := packet()) is not None:
        found.append(data)
    return found
def send(*lines):
    for line in lines:
        put.write(b"%04x" % (len(line) + 4) + line)
    put.write(b"0000")
    put.flush()
packets(), send(b"git-filter-server\n", b"version=2\n")
packets(), send(b"capability=clean\n")
while True:
    packets()
    content = packets()
    send(b"status=success\n")
    send(*content)
    send()
END
run run in -j 1 -o served/ --stats --report report.json --exec-mode server -x python3 filter.py
expect_status 0
expect_usage 0.5
