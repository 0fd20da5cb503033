# Files that say they are empty and are not, FIFOs and sockets in a tree, loops of links.
. "$(dirname "$0")/../lib.sh"
[ -r /proc/version ] || skip "there is no /proc"
cat /proc/version >expected

run_command timeout 100 "$MILLRACE" run /proc/version -o -
expect_status 0
expect_same "$out" expected
run_command timeout 100 "$MILLRACE" run /proc/version /proc/filesystems -q -p gzip -o out/
expect_status 0
gzip -dc out/version.gz >plain
expect_same plain expected
run_command timeout 100 "$MILLRACE" run /proc/version -q -p copy -o copy/
expect_status 0
expect_same copy/version expected

mkdir -p tree/sub
mkfifo tree/fifo
echo text >tree/file
ln -s .. tree/sub/up
ln -s self tree/self
run_command timeout 100 "$MILLRACE" run tree -o t.tar
expect_status 1
expect_text "$err" 'tree/fifo: is a device, FIFO or socket'
run_command timeout 100 "$MILLRACE" run tree -L -o t/
expect_status 1
expect_text "$err" 'a loop, which is not followed'
expect_same tree/file t/file
