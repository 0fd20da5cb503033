# A few calls of the system fail in each scenario of tests/torture.sh, which says what must hold then.
. "$(dirname "$0")/../lib.sh"
[ -e "$MR_BUILD/faults/faults.so" ] || skip 'this build has no faults.so'
# The thread sanitizer's own calls begin before ours can be found.
! ldd "$MILLRACE" | grep -q libtsan || skip 'not with the thread sanitizer'
TMPDIR=$PWD
export TMPDIR
run_command sh "$MR_SOURCE/tests/torture.sh" --shallow 1
expect_status 0
# Is a fault noticed at all? Temporary files stay when they cannot be removed, and this one is removed by nobody else.
expect_text "$out" '0 faults found'
