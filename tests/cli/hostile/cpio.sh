# A cpio whose headers are not where they should be: what comes before the damage is kept, and nothing is made of what lies behind it.
. "$(dirname "$0")/../lib.sh"

# NAME OCTAL-SIZE OF THE NAME (with its NUL): a member in the odc format that holds five bytes.
member() {
    printf '070707%06o%06o%06o%06o%06o%06o%06o%011o%s%011o%s\0hello' 1 "$inode" 0100644 0 0 1 0 0 "$2" 5 "$1"
    inode=$((inode + 1))
}
end() {
    printf '070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011oTRAILER!!!\0' 0 0 0 0 0 1 0 0 11 0
}
inode=1
{ member one 000004; member two 000004; member three 000006; end; } >good.cpio
{ member one 000004; member two _____1; member three 000006; end; } >bad.cpio
{ member one _____1; member two 000004; member three 000006; end; } >none.cpio

run run good.cpio -q -o good/
expect_status 0
printf hello >hello
expect_same hello good/three
run run bad.cpio -q -o bad/
expect_status 1
expect_text "$err" 'damaged or truncated archive'
expect_same hello bad/one
expect_missing bad/three
run run none.cpio -q -o none/
expect_status 1
expect_text "$err" 'damaged or truncated archive'
expect_missing none/two
expect_missing none/three
