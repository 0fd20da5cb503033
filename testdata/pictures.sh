#!/bin/sh
# pictures.sh [DIR]: makes the pictures of the README, progress.png (a run in a terminal) and bench.png (the page of a bench),
# in DIR (default: testdata) with the program in build/. Needs tmux, Python and Chromium. The run works on copies of
# testdata/sample.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
pictures=${1:-$root/testdata}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "pictures.sh: there is no Chromium" >&2; exit 1; }
room=$(mktemp -d "${TMPDIR:-/tmp}/millrace-pictures-XXXXXX")
terminal() { tmux -u -S "$room/tmux" "$@"; }
trap 'terminal kill-server 2>/dev/null || :; rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$room/stations"
for number in $(seq 101 260); do cp -r "$root/testdata/sample" "$room/stations/$number"; done
mkfifo "$room/stations/104/live"
cat >"$room/go" <<END
cd "$room"
PATH="$root/build:\$PATH"
printf '\033[32m$\033[0m millrace run stations -o packed/ -p zstd:level=19\n'
millrace run stations -o packed/ -p zstd:level=19
END
LC_ALL=C.UTF-8 TERM=screen-256color terminal -f /dev/null new-session -d -x 108 -y 12 "sh '$room/go'"
for attempt in $(seq 600); do
    terminal capture-pane -p -e >"$room/screen"
    ! grep -qE ' (4[2-9]|5[0-9])%' "$room/screen" || break
    sleep 0.1
done
grep -q ETA "$room/screen" || { echo "pictures.sh: the run was never half done (attempt $attempt)" >&2; exit 1; }

# The lines with their colours (SGR 1, 3x, 38;5;N, 48;5;N) as a page.
python3 - "$room/screen" >"$room/page.html" <<'END'
import html, re, sys

BASIC = ["#000", "#f07178", "#a3d977", "#ffcb6b", "#82aaff", "#c792ea", "#89ddff", "#d6d9e0"]

def colour(n):
    if n < 8:
        return BASIC[n]
    if n >= 232:
        return "#" + 3 * ("%02x" % (8 + 10 * (n - 232)))
    return "#" + "".join("%02x" % (0 if v == 0 else 55 + 40 * v) for v in ((n - 16) // 36, (n - 16) // 6 % 6, (n - 16) % 6))

def style_after(style, codes):
    codes = [int(code or 0) for code in codes.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code == 1:
            style = {**style, "font-weight": "bold"}
        elif code in (38, 48):
            codes.pop(0)
            style = {**style, "color" if code == 38 else "background": colour(codes.pop(0))}
        elif 30 <= code <= 37:
            style = {**style, "color": BASIC[code - 30]}
        elif code in (39, 49):
            style = {k: v for k, v in style.items() if k != ("color" if code == 39 else "background")}
    return style

text = open(sys.argv[1], encoding="utf-8").read().rstrip("\n")
body, style = "", {}
for part in re.split(r"(\x1b\[[0-9;]*m)", text):
    if part.startswith("\x1b"):
        style = style_after(style, part[2:-1])
    elif part:
        css = ";".join(f"{k}:{v}" for k, v in style.items())
        body += f'<span style="{css}">{html.escape(part)}</span>' if css else html.escape(part)
print(f"""<!doctype html><meta charset=utf-8><title>millrace</title><style>
html {{ background: #14161b; overflow: hidden }}
body {{ margin: 18px 20px; color: #d6d9e0 }}
pre {{ margin: 0; font: 14px/21px 'DejaVu Sans Mono', monospace }}
</style><pre>{body}</pre>""")
END
lines=$(sed -e 's/ *$//' "$room/screen" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' | wc -l)
# shot PAGE WIDTH HEIGHT SCALE PICTURE
shot() {
    "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor="$4" \
        --window-size="$2,$3" --screenshot="$5" "file://$1" >/dev/null 2>&1
    echo "$5"
}
shot "$room/page.html" 950 $((lines * 21 + 36)) 2 "$pictures/progress.png"

"$root/build/millrace" bench "$root/testdata/sample" -p gzip --sweep readers=1,2 workers=1-4 writers=1,2 \
    --report "$room/bench.html" >/dev/null
shot "$room/bench.html" 900 960 1 "$pictures/bench.png"
