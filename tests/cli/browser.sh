# browser.sh - pages in headless Chromium, for tests that say what to look at: sourced after lib.sh.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "there is no Chromium"

# look PAGE SCRIPT: nothing of the page is wider than the window, at 1280 and 500 pixels (a window of Chromium is not narrower)
# and, by a frame, at 400; no message is on its console; and SCRIPT, which may act on the page, leaves `isRight` true.
look() {
    cat "$1" - >measured.html <<END
<script>
$2
document.title = "WIDTH " + (document.documentElement.scrollWidth <= innerWidth ? "fits" : "overflows") + (isRight ? "" : " wrong")
if (innerWidth < 450) parent.postMessage(document.title, "*")
</script>
END
    cat >frame.html <<'END'
<!doctype html><title>waiting</title><script>onmessage = e => document.title = e.data</script>
<iframe src="measured.html" style="width:400px;height:900px;border:0"></iframe>
END
    look_at measured.html 1280
    look_at measured.html 500
    look_at frame.html 1000
}

# look_at PAGE WIDTH: a page that puts what it found into its title.
look_at() {
    run_command timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" \
        --window-size="$2,1000" --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$PWD/$1"
    expect_status 0
    expect_text "$out" '<title>WIDTH fits</title>'
    expect_no_text "$err" ':CONSOLE'
}
