# --collide last: of two items with one name the later one stays, however many threads there are.
. "$(dirname "$0")/../lib.sh"

mkdir -p in/d/e
for name in a d/a d/e/a; do printf '%s\n' "$name" >"in/$name"; done
for sizes in -j1 '-R3 -j4 -W3' '--pool shared'; do
    rm -rf out
    # shellcheck disable=SC2086 # several words
    run run in -q -o out/ --flat --collide last $sizes
    expect_status 0
    expect_same out/a in/d/e/a
    [ "$(find out -type f | wc -l)" = 1 ] || fail "more than one file"
done
# What was there before the run is another matter.
run run in -q -o out/ --flat --collide last
expect_status 1
