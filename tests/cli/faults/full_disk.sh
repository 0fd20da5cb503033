# A full disk ends the run with status 3; what is complete stays, nothing half-written has a final name.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
mkdir small in
mount -t tmpfs -o size=1m tmpfs small 2>/dev/null || skip "tmpfs cannot be mounted"
trap 'umount small 2>/dev/null || umount "$lib_room/here/small"; lib_remove' EXIT
for name in a b c d e f; do head -c 400000 /dev/urandom >"in/$name"; done

run run in -o small/out/
expect_status 3
expect_text "$err" 'No space left on device'
for path in small/out/*; do expect_same "$path" "in/${path##*/}"; done
[ -z "$(find small -name '.*')" ] || fail "a temporary file was left"
rm -rf small/out

for name in out.tar out.zip out.tar.gz; do
    run run in -o "small/$name"
    expect_status 3
    expect_text "$err" 'No space left on device'
    [ -z "$(ls -A small)" ] || fail "something was left of $name"
done

# Once there is room again the run goes on.
run run in -o small/out/ --journal journal
expect_status 3
mount -o remount,size=8m small
run run in -o small/out/ --journal journal --resume -q
expect_status 0
for path in in/*; do expect_same "$path" "small/out/${path##*/}"; done

# A journal that finds no room ends the run before outputs run ahead of it.
rm -rf small/out journal
mkdir names
for i in $(seq 1 2000); do : >"names/$i"; done
head -c 8000000 /dev/zero >small/filler || :
head -c 1000000 /dev/zero >>small/filler2 2>/dev/null || :
truncate -s -65536 small/filler2
run run names -o out/ --journal small/journal
expect_status 3
expect_text "$err" 'cannot write the journal small/journal: No space left on device'
[ "$(ls out | wc -l)" -lt 1000 ] || fail "outputs ran ahead of the journal"
rm small/filler2
run run names -o out/ --journal small/journal --resume -q
expect_status 0
expect_same_tree names out

[ -e /dev/full ] || skip "there is no /dev/full"
lib_command='run in -o - --to tar >/dev/full'
status=0
"$MILLRACE" run in -o - --to tar >/dev/full 2>"$err" || status=$?
expect_status 3
expect_text "$err" 'No space left on device'
expect_no_text "$err" 'nothing is left for it'
