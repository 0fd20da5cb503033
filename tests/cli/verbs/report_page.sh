# The page of a report in a browser: no message on its console, nothing wider than the window, at 1280 and 500 pixels and,
# by a frame, at 400; the table is sorted by the column whose head is pressed, and hostile names stay text.
. "$(dirname "$0")/../lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "there is no Chromium"

make_tree in
mkdir in/odd
printf '%0300d' 0 >"in/odd/$(printf '<img src=x onerror=alert(1)>"\377')"
printf x >"in/odd/$(printf 'long%0240d' 0)"
run run in -q -R1 -j2 -W1 -x sh -c 'grep -q two && { echo "<script>no</script>" >&2; exit 3; }; cat' ';' -o out/ --report page.html
expect_status 1
expect_missing page.html.tmp
cat page.html - >measured.html <<'END'
<script>
const heads = [...document.querySelectorAll("th button")], size = heads.find(head => head.textContent == "bytes in")
const sizes = () => [...size.closest("table").tBodies[0].rows].map(row => +row.cells[heads.indexOf(size)].dataset.v)
const isSorted = (numbers, sign) => numbers.every((number, i) => i == 0 || sign * (number - numbers[i - 1]) >= 0)
size.click()
const fell = isSorted(sizes(), -1)
size.click()
const isRight = fell && isSorted(sizes(), 1) && sizes().length == 13 && !document.images.length
document.title = "WIDTH " + (document.documentElement.scrollWidth <= innerWidth ? "fits" : "overflows") + (isRight ? "" : " wrong")
if (innerWidth < 450) parent.postMessage(document.title, "*")
</script>
END
cat >frame.html <<'END'
<!doctype html><title>waiting</title><script>onmessage = e => document.title = e.data</script>
<iframe src="measured.html" style="width:400px;height:900px;border:0"></iframe>
END
look() { # look PAGE WIDTH
    run_command timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" \
        --window-size="$2,1000" --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$PWD/$1"
    expect_status 0
    expect_text "$out" '<title>WIDTH fits</title>'
    expect_no_text "$err" ':CONSOLE'
}
look measured.html 1280
look measured.html 500
look frame.html 1000
