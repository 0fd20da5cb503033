# After the system was started anew, what was not brought to the disk is read back before it is left out.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip 'only root can make it look as if the system had been started anew'
need unshare
boot_id=/proc/sys/kernel/random/boot_id
printf '00000000-0000-0000-0000-000000000000\n' >other
unshare -m mount --bind other $boot_id 2>/dev/null || skip 'no file can be mounted on another here'
# rebooted WORD...: run as it would be after that.
rebooted() {
    # shellcheck disable=SC2016
    run_command unshare -m sh -c 'mount --bind other '$boot_id' && exec "$@"' sh "$MILLRACE" "$@"
}
mkdir in
for i in 1 2 3 4; do printf 'content %s\n' "$i" >"in/$i"; done

for sync in none file; do
    rm -rf out journal
    run run in -o out/ --journal journal -q --fsync $sync
    expect_status 0
    # The same time, and zeros or nothing, as file systems leave it.
    touch -r out/2 then
    touch -r out/3 then3
    printf '\000\000\000\000\000\000\000\000\000\000' >out/2
    : >out/3
    touch -r then out/2
    touch -r then3 out/3
    rebooted run in -o out/ --journal journal --resume --fsync $sync
    case $sync in
    none)
        expect_status 0
        expect_text "$err" '2 left out'
        expect_same_tree in out
        ;;
    file)
        # All that was on the disk, so this was somebody else.
        expect_status 1
        expect_text "$err" '3 left out'
        expect_text "$err" 'out/3 exists already'
        ;;
    esac
done
