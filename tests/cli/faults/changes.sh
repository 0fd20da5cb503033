# A file that changes while it is read is read once more; one that does not stop changing is refused.
. "$(dirname "$0")/../lib.sh"
mkdir in
head -c 8000000 /dev/urandom >in/once
cp in/once in/always
(
    sleep 0.3
    printf 'the end\n' >>in/once
) &
# The command waits, so that the rest of the file is not read before it has changed.
run run in/once -j 1 --memory 64M -x sh -c 'sleep 1; cat' \; -o out
expect_status 0
expect_same out in/once
[ "$(stat -c %Y.%s out)" = "$(stat -c %Y.%s in/once)" ] || fail "the time is that of the old content"
(
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        sleep 0.2
        printf 'x' >>in/always
    done
) &
writer=$!
run run in/always -j 1 --memory 64M -x sh -c 'sleep 1; cat' \; -o out2
expect_status 1
expect_text "$err" 'changed while it was read'
expect_missing out2
kill $writer 2>/dev/null || :
# Likewise one that shrinks; what was cut off is neither kept nor made up.
(
    sleep 0.3
    truncate -s 6000000 in/once
) &
run run in/once -j 1 --memory 64M -x sh -c 'sleep 1; cat' \; -o out3
expect_status 0
expect_same out3 in/once
(
    for size in 7 6 5 4 3 2 1 0; do
        sleep 0.3
        truncate -s ${size}000000 in/always
    done
) &
run run in/always -j 1 --memory 64M -x sh -c 'sleep 1; cat' \; -o out4
expect_status 1
expect_text "$err" 'changed while it was read'
expect_missing out4
