# list: names, columns, JSON, several inputs, odd names, and what goes wrong.
. "$(dirname "$0")/../lib.sh"

make_tree in
run list in
expect_status 0
expect_output .hidden a.txt empty link sub/ sub/b.txt sub/deep/ sub/deep/big.bin sub/hard.txt 'sub/with space'
expect_empty "$err"
run list in --no-hidden --exclude sub -l
expect_status 0
expect_line "$out" '-rw-r--r--            4 2020-02-02 02:02:02 a.txt'
expect_line "$out" '-rw-------            0 '"$(date -u -d "@$(stat -c %Y in/empty)" '+%Y-%m-%d %H:%M:%S') empty"
expect_text "$out" 'link -> a.txt'
expect_no_text "$out" hidden
expect_no_text "$out" sub
run list in -e txt
expect_no_text "$out" empty
expect_line "$out" a.txt

run run in -q -o a.tar
run list a.tar
expect_status 0
expect_line "$out" sub/b.txt
expect_line "$out" sub/
run list a.tar in/a.txt in/sub
expect_status 0
expect_line "$out" 'a.tar!/sub/b.txt'
expect_line "$out" in/a.txt
expect_line "$out" in/sub/b.txt
run list --no-archives a.tar
expect_output a.tar
lib_command='list - <a.tar'
"$MILLRACE" list - <a.tar >"$out"
expect_line "$out" sub/b.txt

# JSON is JSON whatever the names are.
mkdir odd
: >"odd/$(printf 'new\nline')"
: >"odd/$(printf 'bad\377utf')"
: >'odd/quo"te\'
run list --json odd in
expect_status 0
expect_text "$out" '"path":"odd/new\nline"'
expect_text "$out" '"path":"odd/bad\ufffdutf","path_b64":"b2RkL2JhZP91dGY="'
expect_text "$out" '"path":"odd/quo\"te\\"'
expect_text "$out" '"path":"in/a.txt","input":"in","type":"file","size":4,"mode":"0644","mtime":1580608922,"mtime_ns":123456789'
expect_text "$out" '"type":"symlink"'
[ "$(wc -l <"$out")" = 13 ] || fail "not one object a line"
if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import json,sys
for line in sys.stdin: json.loads(line)' <"$out" || fail "not JSON"
fi
run list -l --json in
expect_usage 'contradict'

run list nothing in/a.txt
expect_status 1
expect_text "$err" nothing
expect_line "$out" in/a.txt
run list
expect_usage 'no INPUT'
printf 'PK\003\004 no archive at all' >broken.zip
run list broken.zip
[ "$status" != 3 ] && [ "$status" != 2 ] || fail "a damaged archive is no reason to stop"

# A reader that went away is no message, but no success either.
lib_command='list | true'
{ status=0; "$MILLRACE" list in in in 2>"$err" || status=$?; echo "$status" >"$lib_room/status"; } | true
expect_empty "$err"
