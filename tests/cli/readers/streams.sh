# What we compress, read by everybody else who is installed; those who are not are named. One file that is larger than
# a block, one that is not, one that is empty; archives likewise.
. "$(dirname "$0")/../lib.sh"

missing=
# reader NAME FILE COMMAND: COMMAND, a shell command that reads FILE and writes its content, gives what is in $plain.
reader() {
    if ! command -v "$1" >/dev/null 2>&1; then
        case " $missing " in *" $1 "*) ;; *) missing="$missing $1" ;; esac
        return 0
    fi
    run_command sh -c "$3" sh "$2"
    [ "$status" = 0 ] && cmp -s "$plain" "$out" || fail "$1 does not read $2 as it should: $3"
}

# Everybody who reads gzip; "several": those too that must be told of several members.
gzip_readers() { # gzip_readers FILE one|several
    for name in gzip pigz igzip libdeflate-gunzip; do
        reader "$name" "$1" "$name -dc <\"\$1\""
    done
    cp "$1" bgzip.gz
    reader bgzip bgzip.gz 'bgzip -dc "$1"'
    reader busybox "$1" 'busybox zcat <"$1"'
    reader 7z "$1" '7z x -so -tgzip "$1"'
    reader bsdcat "$1" 'bsdcat "$1"'
    reader python3 "$1" 'python3 -c "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())" "$1"'
    reader node "$1" 'node -e "process.stdout.write(require(\"zlib\").gunzipSync(require(\"fs\").readFileSync(process.argv[1])))" "$1"'
    reader node "$1" 'node -e "require(\"fs\").createReadStream(process.argv[1]).pipe(require(\"zlib\").createGunzip()).pipe(process.stdout)" "$1"'
    reader java "$1" 'java Gunzip.java "$1"'
    [ "$2" = one ] || return 0
    # These stop after the first member without a word, or refuse a second one.
    reader python3 "$1" 'python3 -c "import zlib, sys; sys.stdout.buffer.write(zlib.decompress(open(sys.argv[1], \"rb\").read(), 31))" "$1"'
    reader perl "$1" 'perl -MIO::Uncompress::Gunzip=gunzip -e "gunzip \$ARGV[0] => \"-\" or die" "$1"'
}

cat >Gunzip.java <<'JAVA'
import java.io.FileInputStream;
import java.util.zip.GZIPInputStream;

public class Gunzip {
    public static void main(String[] names) throws Exception {
        try (GZIPInputStream in = new GZIPInputStream(new FileInputStream(names[0]))) {
            in.transferTo(System.out);
            System.out.flush();
        }
    }
}
JAVA

mkdir in
: >in/empty
seq 1 5000 >in/small
{ seq 1 200000; head -c 1200000 "$MILLRACE"; seq 1 150000; head -c 70000 /dev/urandom; } >in/large

# A browser's way: Content-Encoding, for which several members are none.
curl_reader() { # curl_reader FILE
    command -v curl >/dev/null 2>&1 || { missing="$missing curl"; return 0; }
    command -v python3 >/dev/null 2>&1 || return 0
    rm -f port
    python3 - "$1" >port 2>/dev/null <<'PYTHON' &
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = open(sys.argv[1], "rb").read()
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.timeout = 30
print(server.server_address[1], flush=True)
server.handle_request()
PYTHON
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s port ] && break
        sleep 0.2
    done
    run_command curl -s --noproxy '*' --compressed --max-time 20 "http://127.0.0.1:$(cat port)/"
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    [ "$status" = 0 ] && cmp -s "$plain" "$out" || fail "curl --compressed does not read $1"
}

for level in 1 6; do
    run run in -q -o "gz$level/" -p "gzip:level=$level"
    expect_status 0
    for name in empty small large; do
        plain=in/$name
        gzip_readers "gz$level/$name.gz" one
    done
    plain=in/large
    curl_reader "gz$level/large.gz"
done
run run in -q -o bgzf/ -p gzip:layout=bgzf
expect_status 0
for name in empty small large; do
    plain=in/$name
    gzip_readers "bgzf/$name.gz" several
done

# check OP SUFFIX NAME COMMAND...: each file through OP, and back through each COMMAND.
check() {
    operation=$1 suffix=$2
    shift 2
    "$MILLRACE" ops "$operation" >/dev/null 2>&1 || return 0
    run run in -q -o "$operation/" -p "$operation"
    expect_status 0
    while [ $# -gt 0 ]; do
        for name in empty small large; do
            plain=in/$name
            reader "$1" "$operation/$name$suffix" "$2"
        done
        shift 2
    done
}
check zstd .zst zstd 'zstd -dcq "$1"' bsdcat 'bsdcat "$1"' 7z '7z x -so -tzstd "$1" 2>/dev/null || zstd -dcq "$1"'
check xz .xz xz 'xz -dc "$1"' bsdcat 'bsdcat "$1"' 7z '7z x -so -txz "$1"' busybox 'busybox xz -dc <"$1"' \
    python3 'python3 -c "import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())" "$1"'
check bzip2 .bz2 bzip2 'bzip2 -dc "$1"' bsdcat 'bsdcat "$1"' 7z '7z x -so -tbzip2 "$1"' busybox 'busybox bzip2 -dc <"$1"' \
    python3 'python3 -c "import bz2, sys; sys.stdout.buffer.write(bz2.open(sys.argv[1]).read())" "$1"'

# Archives: the same by GNU tar, bsdtar and busybox.
for kind in tar.gz tar.gz:layout=bgzf tar.zst tar.xz tar.bz2; do
    rm -rf a.tar
    run run in -q -o a.tar --to "$kind"
    expect_status 0
    case $kind in
    tar.gz*) letter=z ;;
    tar.xz) letter=J ;;
    tar.bz2) letter=j ;;
    *) letter= ;;
    esac
    for tar in "tar -x$letter" 'bsdtar -x' "busybox tar -x$letter"; do
        command -v "${tar%% *}" >/dev/null 2>&1 || { missing="$missing ${tar%% *}"; continue; }
        case $tar$kind in
        'tar -x'*tar.zst) tar='tar --zstd -x' ;;
        busybox*tar.zst) continue ;; # does not know it
        esac
        rm -rf unpacked && mkdir unpacked
        run_command sh -c "cd unpacked && ${tar}f ../a.tar"
        [ "$status" = 0 ] && diff -r in unpacked >/dev/null || fail "$tar does not read $kind"
    done
done
[ -z "$missing" ] || echo "not installed:$missing"
