# What we compress, read in ways that need more than a command line: a JVM, a stream of Node, a browser's; and archives by
# other tars. Beside run/readers.sh; who is not installed is named.
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

gzip_readers() { # gzip_readers FILE
    reader node "$1" 'node -e "require(\"fs\").createReadStream(process.argv[1]).pipe(require(\"zlib\").createGunzip()).pipe(process.stdout)" "$1"'
    reader java "$1" 'java Gunzip.java "$1"'
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
server.timeout = 200
print(server.server_address[1], flush=True)
server.handle_request()
PYTHON
    server=$!
    wait_until [ -s port ]
    run_command curl -s --noproxy '*' --compressed --max-time 100 "http://127.0.0.1:$(cat port)/"
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    [ "$status" = 0 ] && cmp -s "$plain" "$out" || fail "curl --compressed does not read $1"
}

for level in 1 6; do
    run run in -q -o "gz$level/" -p "gzip:level=$level"
    expect_status 0
    for name in empty small large; do
        plain=in/$name
        gzip_readers "gz$level/$name.gz"
    done
    plain=in/large
    curl_reader "gz$level/large.gz"
done
run run in -q -o bgzf/ -p gzip:layout=bgzf
expect_status 0
for name in empty small large; do
    plain=in/$name
    gzip_readers "bgzf/$name.gz"
done

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
