# cpio has no checksum over its headers: a damaged one must not take its member away unseen, wherever the member stands.
. "$(dirname "$0")/../lib.sh"
need bsdtar

mkdir d
for name in a b c; do printf 'content %s\n' $name >d/$name; done
bsdtar -cf good.cpio --format newc d
run list good.cpio
expect_status 0
expect_line "$out" d/c

# Where the headers of newc begin; the last is that of the end.
LC_ALL=C grep -abo 070701 good.cpio | cut -d : -f 1 >places
for place in $(head -n -1 places); do
    cp good.cpio damaged.cpio
    printf '\377' | dd of=damaged.cpio bs=1 seek=$((place + 60)) conv=notrunc status=none
    run run damaged.cpio -q -f -o out/
    expect_status 1
    expect_text "$err" 'damaged'
done

# In the last header, byte after byte: what libarchive finds next may be the end, of which it makes no fault.
place=$(tail -n 2 places | head -n 1)
for part in $(seq 7 12 103) 108 109; do
    cp good.cpio damaged.cpio
    printf '\377' | dd of=damaged.cpio bs=1 seek=$((place + part)) conv=notrunc status=none
    run list damaged.cpio
    expect_status 1
done
