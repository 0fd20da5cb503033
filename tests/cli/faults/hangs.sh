# What holds the tests themselves: one that hangs fails, and says where, whatever it waits for.
. "$(dirname "$0")/../lib.sh"
mkfifo pipe
for waits in 'run list pipe' ': <pipe' 'sleep 1000 & wait' '"$MILLRACE" list pipe & wait_end $!'; do
    printf '. "%s/tests/cli/lib.sh"\nmkfifo pipe\nrun formats\n%s\n' "$MR_SOURCE" "$waits" >test.sh
    before=$(date +%s)
    run_command env MR_TEST_LIMIT_S=2 sh test.sh
    [ "$status" = 1 ] || [ "$status" = 137 ] || fail "status $status"
    [ $(($(date +%s) - before)) -lt 60 ] || fail "it took too long"
    expect_text "$err" 'FAILED: it does not end'
done
