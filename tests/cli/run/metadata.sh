# Modes, times, owners, extended attributes: through trees and archives, with operations too.
. "$(dirname "$0")/../lib.sh"

is() { [ "$(stat -c "$1" "$2")" = "$3" ] || fail "$2: $1 is $(stat -c "$1" "$2"), not $3"; }

mkdir -p in/d/e in/closed
printf 'x\n' >in/d/e/f
printf 'y\n' >in/closed/g
: >in/none
chmod 4755 in/d/e/f
chmod 400 in/closed/g
chmod 500 in/closed
chmod 1777 in/d
ln -s d in/l
for name in d/e/f closed/g none; do touch -d '2001-09-09 01:46:40.987654321' "in/$name"; done
touch -h -d '1970-01-01 00:00:01' in/l
touch -d '2000-01-01' in/d/e in/closed
touch -d '2038-02-01' in/d

for to in tree/ gz/ a.tar a.tar.zst; do
    case $to in gz/) with='-p gzip' suffix=.gz ;; *) with= suffix= ;; esac
    # shellcheck disable=SC2086
    run run in -q $with -o $to
    expect_status 0
    case $to in
    */) made=${to%/} ;;
    *)
        made=un
        rm -rf un
        run run "$to" -q -o un/
        expect_status 0
        ;;
    esac
    is %a "$made/closed/g$suffix" 400
    is %a "$made/closed" 500
    is %.9Y "$made/d/e/f$suffix" 1000000000.987654321
    is %Y "$made/l" 1
    is %Y "$made/d/e" 946684800
    is %Y "$made/d" "$(date -d '2038-02-01' +%s)"
    chmod 700 "$made/closed"
done
# Without the owner nothing runs with another's rights.
run run a.tar -q -o plain/
case $(stat -c %a plain/d/e/f) in 755 | 4755) ;; *) fail "mode $(stat -c %a plain/d/e/f)" ;; esac

# The mode of the process is not touched by the umask, and what has no mode follows it.
run_command sh -c 'umask 077; exec "$1" run in/d -q -o masked/' sh "$MILLRACE"
case $(stat -c %a masked/e/f) in *755) ;; *) fail "the umask changed a mode" ;; esac
run_command sh -c 'umask 077; exec "$1" run in/d -q --preserve none -o masked2/' sh "$MILLRACE"
is %a masked2/e/f 600
is %a masked2/e 700

# Times before 1970 and beyond what an old format can hold.
touch -d '1969-12-31 23:59:50' in/none
run run in/none -q -p copy -o t/
is %Y t/none -10
run run in -q --include none -o old.tar
run run old.tar -q -o old/
is %Y old/none -10

# zip keeps whole seconds and says so, once.
run run in -o a.zip
expect_status 0
[ "$(grep -c 'fractions of a second' "$err")" = 1 ] || fail "not said once"
run run in -q -o b.zip
expect_empty "$err"

# Extended attributes only when asked for.
if command -v setfattr >/dev/null 2>&1 && setfattr -n user.note -v kept in/d/e/f 2>/dev/null; then
    run run in/d -q -o x0/
    [ -z "$(getfattr --only-values -n user.note x0/e/f 2>/dev/null)" ] || fail "attributes were kept"
    run run in/d -q --preserve all -o x1/
    [ "$(getfattr --only-values -n user.note x1/e/f 2>/dev/null)" = kept ] || fail "attributes were lost"
    run run in/d -q --preserve mode,mtime,xattr -o x.tar
    run run x.tar -q --preserve mode,mtime,xattr -o x2/
    [ "$(getfattr --only-values -n user.note x2/e/f 2>/dev/null)" = kept ] || fail "attributes were lost in the tar"
fi
if [ "$(id -u)" = 0 ]; then
    chown 1234:2345 in/d/e/f
    run run in/d -q --preserve mode,owner -o o.tar
    run run o.tar -q --preserve mode,owner -o o1/
    is %u:%g o1/e/f 1234:2345
    run run o.tar -q -o o2/
    is %u o2/e/f 0
fi

# The same archive from trees that differ in owner, mode bits and time only.
cp -r in in2
chmod 640 in2/none
run run in -q --reproducible -o r1.tar.gz
run run in2 -q --reproducible -o r2.tar.gz
expect_same r1.tar.gz r2.tar.gz
