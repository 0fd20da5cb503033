#!/bin/sh
# demo.sh: installs what is missing, builds millrace into build/, and shows its main job on testdata/sample.
# Outputs: build/demo, made afresh each time. Exit status: 0 when every result is what it has to be.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
sh testdata/setup.sh

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
log=build/demo-build.log
mkdir -p build
echo "Building into $root/build"
{ cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo && cmake --build build -j "$jobs" --target product; } >"$log" 2>&1 || {
    grep -E -A 8 'error:|undefined reference|CMake Error' "$log" | head -n 40 || tail -n 40 "$log"
    echo "demo.sh: the build failed (all of it: $log)" >&2
    exit 1
}

# A language does not matter, but names in UTF-8 do to unzip.
LC_ALL=C.UTF-8
export LC_ALL
sample=testdata/sample
out=build/demo
millrace=build/millrace
rm -rf "$out"
mkdir "$out"
checks=0

# show COMMAND [ARG]...: prints the command as it can be typed, then runs it.
show() {
    line='$'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=,@%+-]*) line="$line '$word'" ;;
        *) line="$line $word" ;;
        esac
    done
    printf '\n%s\n' "$line"
    "$@" || wrong "exit status $? of: $*"
}

wrong() {
    echo "demo.sh: WRONG: $*" >&2
    exit 1
}

right() { checks=$((checks + 1)); }

# each_file COMMAND: runs COMMAND with the name of each regular file of the sample, relative to it.
each_file() {
    (cd "$sample" && find . -type f | sort) | sed 's,^\./,,' >"$out/.names"
    while IFS= read -r name; do "$1" "$name"; done <"$out/.names"
}

echo
echo "1. A directory to a directory of .gz"
show $millrace run $sample -o $out/gz/ -p gzip:level=6
is_same_gz() {
    gzip -dc "$out/gz/$1.gz" | cmp -s - "$sample/$1" || wrong "$out/gz/$1.gz is not $sample/$1"
    right
}
each_file is_same_gz
[ "$(find $out/gz -type f | wc -l)" -eq "$(find $sample -type f | wc -l)" ] || wrong "$out/gz has other files too"

echo
echo "2. An archive to another kind of archive, with a change to each member"
show $millrace run $sample -o $out/sample.tar.gz
show $millrace run $out/sample.tar.gz -o $out/upper.zip -x tr a-z A-Z
mkdir "$out/.unzipped"
unzip -q "$out/upper.zip" -d "$out/.unzipped" || wrong "unzip does not like $out/upper.zip"
is_upper() {
    # shellcheck disable=SC2018,SC2019 # bytes, as the command above
    tr a-z A-Z <"$sample/$1" | cmp -s - "$out/.unzipped/$1" || wrong "$1 in $out/upper.zip is not what tr makes of it"
    right
}
each_file is_upper
[ "$(find $out/.unzipped -type f | wc -l)" -eq "$(find $sample -type f | wc -l)" ] || wrong "$out/upper.zip has other files too"

echo
echo "3. A list of digests"
printf '\n$ %s\n' "$millrace run $sample -p hash -o - > $out/digests.txt"
$millrace run $sample -p hash -o - >"$out/digests.txt" || wrong "exit status $? of: millrace run -p hash"
head -n 3 "$out/digests.txt"
echo "..."
is_listed() {
    grep -qF -- "$1" "$out/digests.txt" || wrong "$1 is not in $out/digests.txt"
    right
}
each_file is_listed
if head -n 1 "$out/digests.txt" | grep -qE '^[0-9a-f]{64}  '; then
    (cd "$sample" && sha256sum --quiet -c) <"$out/digests.txt" || wrong "sha256sum does not agree with $out/digests.txt"
fi

echo
echo "4. How fast, in which sizes: a table, and a page with plots"
show $millrace bench $sample -p gzip --sweep pool=shared,split workers=1,2 --repeat 3 --report $out/bench.html
grep -q '</html>' "$out/bench.html" || wrong "$out/bench.html is not complete"
right

rm -rf "$out/.names" "$out/.unzipped"
cat <<TEXT

All $checks results were checked with gzip, tr, unzip and sha256sum, and are right. The outputs:
  $root/$out/gz/            each file of the sample as .gz
  $root/$out/sample.tar.gz  the sample, packed
  $root/$out/upper.zip      the same with every letter a-z made upper case
  $root/$out/digests.txt    a digest for each file
  $root/$out/bench.html     what the bench measured: open it in a browser
Try also: $millrace help
TEXT
