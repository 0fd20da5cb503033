# The Debian packages of `cpack -G DEB`: lintian has no error to report; one is installed into a root of its own, run
# and removed.
. "$(dirname "$0")/../lib.sh"
need cpack dpkg dpkg-deb dpkg-shlibdeps
case $(sed -n 's/^MR_SANITIZE:STRING=//p' "$MR_BUILD/CMakeCache.txt") in
?*) skip "nobody packages a sanitized build" ;;
esac

run_command cpack -G DEB --config "$MR_BUILD/CPackConfig.cmake" -B "$PWD/packages"
expect_status 0
grep -qF "set(CPACK_PACKAGE_DIRECTORY \"$MR_BUILD\")" "$MR_BUILD/CPackConfig.cmake" ||
    fail "without -B packages are left where cpack is called, not in the build directory"
for package in millrace libmillrace0 libmillrace-dev; do
    set -- packages/"${package}"_*.deb
    [ -s "$1" ] || fail "no package $package"
done
if command -v lintian >/dev/null; then
    run_command lintian --allow-root --fail-on error packages/*.deb
    expect_status 0
else
    echo "lintian is not installed: not asked" >&2
fi

[ "$(id -u)" = 0 ] || skip "not root: nothing was installed"
mkdir -p root/var/lib/dpkg/updates root/var/lib/dpkg/info
: >root/var/lib/dpkg/status
PATH=$PATH:/usr/sbin:/sbin # dpkg wants ldconfig and start-stop-daemon there
run_command dpkg --root="$PWD/root" --force-depends -i packages/millrace_*.deb
expect_status 0
run_command root/usr/bin/millrace help exit
expect_status 0
run_command dpkg --root="$PWD/root" --force-depends -r millrace
expect_status 0
expect_missing root/usr/bin/millrace
