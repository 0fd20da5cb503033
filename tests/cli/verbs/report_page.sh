# The page of a report in a browser: the table is sorted by the column whose head is pressed, and hostile names stay text.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../browser.sh"

make_tree in
mkdir in/odd
printf '%0300d' 0 >"in/odd/$(printf '<img src=x onerror=alert(1)>"\377')"
printf x >"in/odd/$(printf 'long%0240d' 0)"
run run in -q -R1 -j2 -W1 -x sh -c 'grep -q two && { echo "<script>no</script>" >&2; exit 3; }; cat' ';' -o out/ --report page.html
expect_status 1
expect_missing page.html.tmp
look page.html '
const heads = [...document.querySelectorAll("th button")], size = heads.find(head => head.textContent == "bytes in")
const sizes = () => [...size.closest("table").tBodies[0].rows].map(row => +row.cells[heads.indexOf(size)].dataset.v)
const isSorted = (numbers, sign) => numbers.every((number, i) => i == 0 || sign * (number - numbers[i - 1]) >= 0)
size.click()
const fell = isSorted(sizes(), -1)
size.click()
const isRight = fell && isSorted(sizes(), 1) && sizes().length == 13 && !document.images.length'
