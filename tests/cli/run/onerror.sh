# An item that fails: left out, the end of the run, or stored unchanged; small and large, from a tree and from a stream.
. "$(dirname "$0")/../lib.sh"

mkdir in
printf 'good\n' | gzip >in/a.gz
printf 'bad\n' >in/b.gz
printf 'good\n' | gzip >in/d.gz
# Fails after more than any window.
head -c 3000000 "$MILLRACE" | gzip | head -c -4 >in/c.gz
tar -C in -cf in.tar a.gz b.gz c.gz d.gz

# stops ARG...: with --on-error stop; nothing after the failing item need be there, and nothing false.
check_tree() {
    printf 'good\n' | cmp - "$1/a" || fail "$1/a"
    expect_missing "$1/b"
    expect_missing "$1/c"
    [ "$(find "$1" -type f ! -name a ! -name d | wc -l)" = "$2" ] || fail "more in $1: $(ls -A "$1")"
}
for from in in in.tar -; do
    for size in '-R1 -j1 -W1 --memory 1M' '-R3 -j4 -W2' '--pool shared -j3'; do
        rm -rf skip stop copy skip.tar copy.tar
        # shellcheck disable=SC2086
        {
            run run $from -q -p gunzip -o skip/ $size <in.tar
            expect_status 1
            [ "$(wc -l <"$err")" -le 3 ] || fail "too many messages"
            expect_text "$err" '/b.gz: gunzip: '
            expect_text "$err" '/c.gz: gunzip: '
            check_tree skip 0
            printf 'good\n' | cmp - skip/d || fail "skip/d"

            run run $from -q -p gunzip --on-error stop -o stop/ $size <in.tar
            expect_status 3
            expect_text "$err" '/b.gz: gunzip: '
            [ "$(find stop -type f ! -name a ! -name d 2>/dev/null | wc -l)" = 0 ] || fail "left: $(ls -A stop)"

            run run $from -q -p gunzip --on-error copy -o copy/ $size <in.tar
            expect_same in/b.gz copy/b.gz
            expect_same in/c.gz copy/c.gz
            expect_missing copy/b
            expect_missing copy/c
            expect_status 0

            run run $from -q -p gunzip -o skip.tar $size <in.tar
            expect_status 1
            run run $from -q -p gunzip --on-error stop -o stop.tar $size <in.tar
            expect_status 3
            expect_missing stop.tar
            run run $from -q -p gunzip --on-error copy -o copy.tar $size <in.tar
            expect_status 0
        }
        run list skip.tar
        expect_output a d
        run run copy.tar -q -f -o copy/
        expect_status 0
        expect_same in/c.gz copy/c.gz
        printf 'good\n' | cmp - copy/d || fail "copy/d"
    done
done

# Commands: what they say is shown, how they ended too.
printf 'x\n' >x
run run x -q -o o/ -x sh -c 'echo on stderr >&2; exit 7'
expect_status 1
expect_text "$err" 'on stderr'
expect_text "$err" 7
expect_missing o/x
run run x -q -o o/ -x sh -c 'kill -9 $$'
expect_status 1
expect_text "$err" 'signal'
printf '#!/no/such/interpreter\n' >broken
chmod 755 broken
run run x -q -o o/ -x ./broken
expect_status 1
expect_text "$err" 'cannot run ./broken'
run run x -q -p gzip -o p/ -x false
expect_status 1
expect_missing p/x.gz
# One that does not read its input is no failure.
run run in/c.gz -q -o ok/ -x sh -c 'exec 0<&-; echo done'
expect_status 0
printf 'done\n' | cmp - ok/c.gz || fail "ok/c.gz"

# -v: all that it said on stderr, as far as it is kept; escaped.
run run x -v -o v/ -x sh -c 'printf "first\n\033[1msecond\tline\n\n" >&2; exit 7'
expect_status 1
expect_line "$err" 'millrace: x: exec: sh exited with status 7: \x1b[1msecond\tline'
expect_line "$err" 'millrace: x: | first'
expect_line "$err" 'millrace: x: | \x1b[1msecond\tline'
run run x -v -o v/ -x sh -c 'seq 1 100000 >&2; exit 7'
expect_line "$err" 'millrace: x: | 100000'
expect_no_text "$err" ': | 50000'
[ "$(grep -c ': | ' "$err")" -ge 9000 ] || fail "less than 64 KiB of it"
grep ': | ' "$err" | head -n 1 | grep -q ': | [0-9]\{5\}$' || fail "half a line"
run run x -v -o v/ --on-error copy -p lf -x sh -c 'cp {in} {out}; echo noise; exit 7'
expect_line "$err" 'millrace: x: | noise'
run run x -o v/ -f -x sh -c 'echo first >&2; echo last >&2; exit 7'
expect_no_text "$err" first
