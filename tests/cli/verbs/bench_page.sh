# The page of `millrace bench` in a browser: no message on its console, nothing wider than the window, at 1280 and 500
# pixels (a window of Chromium is not narrower) and, by a frame, at 400.
. "$(dirname "$0")/../lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "there is no Chromium"

run bench --generate files=20 -p gzip --sweep readers=1,2 workers=1-2 memory=64M,1G --repeat 1 --warm-up 0 --report page.html
expect_status 0
cat page.html - >measured.html <<'END'
<script>document.title = "WIDTH " + (document.documentElement.scrollWidth <= innerWidth ? "fits" : "overflows")
if (innerWidth < 450) parent.postMessage(document.title, "*")</script>
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
