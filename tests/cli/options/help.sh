# Help and --version: on stdout, status 0, from the tables.
. "$(dirname "$0")/../lib.sh"

run --version
expect_status 0
expect_text "$out" 'millrace '
expect_empty "$err"

for verb in run list test diff ops formats help; do
    run $verb --help
    expect_status 0
    expect_empty "$err"
    expect_text "$out" "usage: millrace $verb"
    mv "$out" "$lib_room/long"
    run help $verb
    expect_same "$out" "$lib_room/long"
    run $verb -h
    expect_same "$out" "$lib_room/long"
done
run list --help
expect_text "$out" '--json'
expect_no_text "$out" '--level'
run run --help
expect_text "$out" '-o, --output OUTPUT'
expect_no_text "$out" '--json'
# Nothing is wider than a terminal.
[ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail "lines over 80 columns"

run help
expect_status 0
for topic in inputs outputs operations isolation sizes reports exit comparing progress stages select names existing gzip; do
    run help $topic
    expect_status 0
    [ -s "$out" ] || fail "no text for $topic"
    [ "$(awk 'length > 88' "$out" | wc -l)" = 0 ] || fail "$topic: long lines"
done
run help stges
expect_status 2
expect_text "$err" 'did you mean stages?'

run ops
expect_status 0
expect_text "$out" 'gzip'
run ops gzip
expect_status 0
expect_text "$out" 'level='
run ops gzop
expect_usage "no operation 'gzop'; did you mean gzip? (millrace ops lists all)"
run formats
expect_status 0
expect_text "$out" 'zip'
expect_text "$out" '.tar.gz'
run formats x
expect_usage 'formats: takes no arguments'

# Help that cannot be written is not done.
if [ -e /dev/full ]; then
    lib_command='help >/dev/full'
    status=0
    "$MILLRACE" help >/dev/full 2>"$err" || status=$?
    expect_status 3
    expect_text "$err" 'stdout: No space left on device'
fi

# 80 columns are enough for all of it, also in the manual, and the short usage names every verb.
for verb in run list test diff bench report ops formats help; do
    run "$verb" --help
    expect_status 0
    [ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail "$verb --help: lines over 80 columns"
    ! grep -n ' $' "$out" || fail "$verb --help: spaces at the end of a line"
    run
    expect_text "$err" "$verb"
done
run help
for topic in $(sed -n '/^Topics/,/and options/s/^  \([a-z]*\)  .*/\1/p' "$out"); do
    run help "$topic"
    expect_status 0
    case $topic in man | bash | zsh | fish) continue ;; esac
    [ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail "help $topic: lines over 80 columns"
done
if command -v mandoc >/dev/null && command -v col >/dev/null; then
    "$MILLRACE" help man | mandoc -O width=80 -Tascii | col -bx >"$out"
    [ "$(awk 'length > 80' "$out" | wc -l)" = 0 ] || fail 'the manual: lines over 80 columns'
fi
