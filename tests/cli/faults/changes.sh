# A file that changes while it is read is read once more; one that does not stop changing is refused.
. "$(dirname "$0")/../lib.sh"
mkdir in
head -c 8000000 /dev/urandom >in/once
cp in/once in/always
# The command changes it at its first start, and takes nothing before, so that the rest of the file is not read yet.
run run in/once -j 1 --memory 64M -x sh -c '[ -e changed ] || printf "the end\n" >>in/once; : >changed; cat' \; -o out
expect_status 0
expect_same out in/once
[ "$(stat -c %Y.%s out)" = "$(stat -c %Y.%s in/once)" ] || fail "the time is that of the old content"
run run in/always -j 1 --memory 64M -x sh -c 'printf x >>in/always; cat' \; -o out2
expect_status 1
expect_text "$err" 'changed while it was read'
expect_missing out2
# Likewise one that shrinks; what was cut off is neither kept nor made up.
rm changed
run run in/once -j 1 --memory 64M -x sh -c '[ -e changed ] || truncate -s 6000000 in/once; : >changed; cat' \; -o out3
expect_status 0
expect_same out3 in/once
run run in/always -j 1 --memory 64M -x sh -c 'truncate -s -1000000 in/always; cat' \; -o out4
expect_status 1
expect_text "$err" 'changed while it was read'
expect_missing out4
