# alike.sh - what is said of an item, refused and warned of is the same in worker processes as in threads.
. "$(dirname "$0")/../lib.sh"

mkdir in
for name in one two three four five six; do echo "some $name" >in/$name.txt; done
gzip -c in/one.txt >in/good.gz
{ gzip -c in/two.txt; echo garbage; } >in/trailing.gz
gzip -c in/three.txt | head -c 20 >in/cut.gz
cp in/four.txt in/misnamed.gz
head -c 30000000 /dev/zero | gzip -c >in/bomb.gz
cp in/good.gz in/unnamed

# alike ARG...: the same exit status, the same words for each item, the same output.
alike() {
    rm -rf threads processes
    run run in "$@" -j 2 -o threads/
    alike_status=$status
    grep '^millrace: in/' "$err" | sort >said || :
    run run in "$@" -j 2 --isolate -o processes/
    expect_status "$alike_status"
    grep '^millrace: in/' "$err" | sort >now || :
    cmp -s said now || fail "$*: $(diff said now)"
    expect_same_tree threads processes
}

alike -p gunzip -e gz
expect_text said "trailing.gz: warning:"
expect_text said "bomb.gz: gunzip: unpacks to more than 200 times its size"
expect_text said "cut.gz: gunzip:"
alike -p gunzip -e gz --max-ratio 0 --max-item-size 20M
expect_text said "bomb.gz: gunzip: has more than the 20971520 bytes"
alike -p gunzip -p gzip -e gz --max-ratio 50
expect_text said "bomb.gz: gunzip: unpacks to more than 50 times its size"
alike -p decompress
expect_text said "misnamed.gz: decompress:"
expect_same threads/unnamed in/one.txt
alike -p decompress -p crlf --on-error copy

# Extended attributes that are more than a message between the processes holds.
command -v python3 >/dev/null || exit 0
python3 - <<'END'
import io, tarfile
with tarfile.open("long.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    for name, count in ("few", 1), ("many", 6), ("few-again", 1):
        member = tarfile.TarInfo(name)
        member.size = 6
        member.pax_headers = {"SCHILY.xattr.user.%d" % i: "x" * 60000 for i in range(count)}
        tar.addfile(member, io.BytesIO(b"hello\n"))
END
for way in '' --isolate; do
    # shellcheck disable=SC2086
    run run long.tar --preserve mode,mtime,xattr -p gzip $way -o made$way.tar
    expect_status 0
done
[ "$(wc -c <made--isolate.tar)" -gt 350000 ] || fail "the attributes are not there"
expect_same made.tar made--isolate.tar
