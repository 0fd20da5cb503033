# The page of `millrace bench` in a browser.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../browser.sh"

run bench --generate files=20 -p gzip --sweep readers=1,2 workers=1-2 memory=64M,1G --repeat 1 --warm-up 0 --report page.html
expect_status 0
look page.html 'const isRight = document.querySelectorAll("svg").length > 0'
