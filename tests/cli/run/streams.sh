# Pipes in and out, the order on them, a closed reader, a full device.
. "$(dirname "$0")/../lib.sh"

mkdir -p in/d
for i in 1 2 3 4 5 6 7 8 9; do printf 'file %s\n' $i >in/d/$i; done
head -c 1500000 "$MILLRACE" >in/e
find in -exec touch -d '2020-02-02 02:02:02' {} +
tar -C in --sort=name -cf in.tar .
gzip -1 -c in.tar >in.tar.gz

# through COMMAND...: in a shell, with $m for the program.
m=$MILLRACE
export m
through() {
    run_command sh -c "$1"
    expect_status 0
}
through 'cat in.tar.gz | "$m" run - -q -o - --to tar.gz --level 1 | "$m" run - -q -o back/'
[ ! -s "$err" ] || fail "messages"
expect_same_tree in back
through 'cat in.tar | "$m" run - -q -p gzip:level=1 -o - --to zip >a.zip'
run run a.zip -q -p gunzip -o unzipped/
expect_status 0
expect_same in/e unzipped/e
through 'cat a.zip | "$m" run - -q -p gunzip -o fromzip/'
expect_same in/d/5 fromzip/d/5

# Contents alone, in order.
through '"$m" run in -q -j7 -o -'
cat in/d/? in/e | cmp - "$out" || fail "not the contents in order"
through 'cat in/e | "$m" run - -q -p gzip -o - | gzip -dc'
expect_same in/e "$out"
through 'cat in/e | gzip | "$m" run - -q -p decompress -o -'
expect_same in/e "$out"
through ': | "$m" run - -q -o -'
expect_empty "$out"
through 'printf x | "$m" run - -q -x tr x y'" ';' -o -"
printf y | cmp - "$out" || fail "not y"
through '"$m" run in/d -q --unordered -x cat '"';' -o - | sort >sorted"
cat in/d/? | sort | cmp - sorted || fail "not the same lines"

# A stream among other inputs has a name of its own.
through 'printf s | "$m" run - in/d/1 -q -o several/'
expect_file several/stdin
expect_same several/1 in/d/1

# A pipe with a name, and a process substitution's.
mkfifo fifo
cat in.tar.gz >fifo &
writer=$!
run run fifo -q -o named/
expect_status 0
[ -f named/fifo ] || expect_same in/e named/e
wait_end $writer

# Nobody reads, nothing fits.
run_command sh -c '"$m" run in in in -q -o - --to tar 2>err | true; cat err'
expect_text "$out" 'Broken pipe'
if [ -w /dev/full ]; then
    for to in '' '--to tar' '--to zip'; do
        # shellcheck disable=SC2086
        run_command sh -c '"$m" run in -q -o - '"$to"' >/dev/full'
        expect_status 3
        expect_text "$err" 'No space left on device'
        [ "$(wc -l <"$err")" = 1 ] || fail "not one message"
    done
    run_command sh -c '"$m" list in >/dev/full'
    [ "$status" != 0 ] || fail "list to a full device"
fi

# A stream that ends too early.
run_command sh -c 'head -c $(($(wc -c <in.tar.gz) / 2)) in.tar.gz | "$m" run - -q -o cut/'
expect_status 1
expect_text "$err" 'truncated'
expect_same in/d/9 cut/d/9
expect_missing cut/e
