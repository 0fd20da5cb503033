# A tree into every format and back: names, bytes, modes, times and links are what they were, as far as the format can.
. "$(dirname "$0")/../lib.sh"

make_tree in
mkdir -p in/nothing in/private "in/$(printf 'odd\nname')"
printf 'x' >"in/private/one"
printf 'caf\303\251\n' >"in/caf$(printf '\303\251')"
printf 'l\n' >"in/$(printf '%0150d' 7)"
: >"in/-n"
printf 'e\n' >'in/100% [a]*?".txt'
printf '#!/bin/sh\n' >in/tool
head -c 1048577 "$MILLRACE" >in/private/large
chmod 755 in/tool
chmod 700 in/private
chmod 444 in/private/one
find in -exec touch -h -d '2020-02-02 02:02:02' {} +
touch -d '1999-12-31 23:59:58' in/private/one
touch -d '2037-01-01 00:00:00' in/nothing

# As after a format without hard links, and with the links as they are.
cp -a in single
cp --remove-destination in/a.txt single/sub/hard.txt
touch -d '2020-02-02 02:02:02' single/sub/hard.txt single/sub

for format in tar tar.gz tar.zst tar.xz tar.bz2 tar.lz4; do
    run run in -q -o "a.$format"
    expect_status 0
    expect_empty "$err"
    run run "a.$format" -q -o "back.$format/"
    expect_status 0
    expect_empty "$err"
    expect_same_tree in "back.$format"
    rm -rf "back.$format"
done
for format in zip 7z cpio; do
    run run in -q -o "a.$format"
    expect_status 0
    run run "a.$format" -q -o "back.$format/"
    expect_status 0
    expect_same_tree single "back.$format"
    rm -rf "back.$format"
done

# Parts of a second, in a tar.
touch -d '2020-02-02 02:02:02.123456789' in/tool in/nothing
run run in -q -o fine.tar
run run fine.tar -q -o fine/
expect_same_tree in fine


# A backslash is a character like any other.
mkdir slash
: >'slash/x\y.txt'
run run slash -q -o slash.tar
run run slash.tar -q -o slashed/
expect_same_tree slash slashed

# From one archive into another, and what others make of it.
run run a.tar.xz -q -o b.tar.zst
expect_status 0
run run b.tar.zst -q -o d.tar
expect_status 0
touch -d '2020-02-02 02:02:02' in/tool
touch -d '2037-01-01 00:00:00' in/nothing
run run d.tar -q -o d/
expect_same_tree in d
run run a.zip -q -o b.7z
expect_status 0
run run b.7z -q -o c.cpio
expect_status 0
run run c.cpio -q -o e.tar
expect_status 0
run run e.tar -q -o e/
expect_same_tree single e

if command -v tar >/dev/null 2>&1; then
    mkdir t
    run_command tar -C t -xf a.tar
    expect_status 0
    expect_same_tree in t
    tar -C in -cf theirs.tar .
    run run theirs.tar -q -o theirs/
    expect_status 0
    expect_same_tree in theirs
fi
if command -v unzip >/dev/null 2>&1; then
    run_command unzip -tq a.zip
    expect_status 0
fi
if command -v bsdtar >/dev/null 2>&1; then
    for format in tar.gz tar.zst cpio zip 7z; do
        run_command env LC_ALL=C.UTF-8 bsdtar -tf "a.$format"
        expect_status 0
        expect_text "$out" private/large
    done
fi
