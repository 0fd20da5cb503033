# missing.sh - where the helper program is looked for, and what is said when it is not there.
. "$(dirname "$0")/../lib.sh"

mkdir -p in bin libexec/millrace
echo content >in/a
cp "$MILLRACE" bin/millrace
operate=$(dirname "$MILLRACE")/millrace-operate
MILLRACE=$PWD/bin/millrace

run run in -p gzip --isolate -o out/
expect_status 3
expect_text "$err" "the helper program millrace-operate is neither beside this program nor at"
[ "$(wc -l <"$err")" = 1 ] || fail "expected one line of error"
expect_missing out/a.gz
run run in -p gzip -o out/
expect_status 0

# As it is installed.
cp "$operate" libexec/millrace/
run run in -p gzip --isolate -o out2/
expect_status 0
expect_same_tree out out2

# Beside the program.
mv libexec/millrace/millrace-operate bin/
run run in -p gzip --isolate -o out3/
expect_status 0

# One of another build is noticed.
printf '#!/bin/sh\nexit 7\n' >bin/millrace-operate
chmod 755 bin/millrace-operate
run run in -p gzip --isolate -o out4/
expect_status 3
expect_text "$err" "gzip: the worker process exited with status 7"
