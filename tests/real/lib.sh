# lib.sh: what the points of tests/real.sh share. Sourced there; expects $work, $root, $millrace.
# shellcheck shell=sh disable=SC2154

passed=0
failed=0
failed_names=

say() { printf '%s\n' "$*"; }
pass() { passed=$((passed + 1)); printf 'PASS  %s\n' "$*"; }
fail() {
    failed=$((failed + 1))
    failed_names="$failed_names ${1%%:*}"
    printf 'FAIL  %s\n' "$*"
    [ ! -s "$work/stderr" ] || head -n 5 "$work/stderr" | sed 's/^/      stderr: /'
}

# expect TEXT COMMAND...: PASS or FAIL of one check, by the command's status.
expect() {
    text=$1
    shift
    if "$@"; then pass "$text"; else fail "$text"; fi
}

# measure COMMAND...: runs it (standard error into $work/stderr); sets status, wall, user, sys (seconds), rss (KiB).
# rss is the largest of the process and the children that it waited for.
measure() {
    /usr/bin/time -o "$work/time" -f '%e %U %S %M' "$@" 2>"$work/stderr"
    status=$?
    tail -n 1 "$work/time" >"$work/figures"
    read -r wall user sys rss <"$work/figures"
}

# ran POINT COMMAND...: measure(), and FAIL unless the status is 0.
ran() {
    ran_name=$1
    shift
    measure "$@"
    [ "$status" -eq 0 ] && return 0
    fail "$ran_name: status $status: $*"
    return 1
}

figures() { printf '%s s wall, %s s cpu, %d MiB peak' "$wall" "$(calc "$user + $sys" %.1f)" "$((rss / 1024))"; }
calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }
holds() { awk "BEGIN { exit !($1) }"; } # holds "1.9 >= 2"
size_of() { stat -c %s -- "$1"; }
mib() { calc "$1 / 1048576" %.0f; }
file_count() { find "$1" -type f | wc -l; }
median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# manifest TREE: type, mode, time, links, size, target and name of everything below TREE, and a digest of each file; sorted.
manifest() {
    (
        cd "$1" || exit 1
        find . -mindepth 1 \( -type d -printf '%y %m %T@ - - %P\n' -o -type l -printf '%y - %T@ - - %P -> %l\n' \
            -o -printf '%y %m %T@ %n %s %P\n' \) | sort
        find . -type f -print0 | sort -z | xargs -0 -r -n 256 sha256sum
    )
}

# same_tree POINT A B: whether two trees are equal in everything that manifest() lists; says where not.
same_tree() {
    manifest "$2" >"$work/manifest.a" || return 1
    manifest "$3" >"$work/manifest.b" || return 1
    cmp -s "$work/manifest.a" "$work/manifest.b" && return 0
    say "      $1: $2 (<) and $3 (>) differ in $(diff "$work/manifest.a" "$work/manifest.b" | grep -c '^[<>]') lines; the first:"
    diff "$work/manifest.a" "$work/manifest.b" | grep '^[<>]' | head -n 6 | sed 's/^/      /'
    return 1
}

# part_of TREE WHOLE: every file of TREE has the content of the file of that name in WHOLE, nothing else is in TREE.
# (How an output that stopped early has to look.)
part_of() {
    (cd "$1" && find . -type f) >"$work/names"
    while IFS= read -r name; do
        cmp -s "$1/$name" "$2/$name" || { say "      $1/$name is not a whole file of the input"; return 1; }
    done <"$work/names"
}

# names_it NAME: a line on standard error names NAME.
names_it() {
    grep -qF -- "$1" "$work/stderr" || { say "      standard error does not name $1"; return 1; }
}

# is_one_of VALUE ALLOWED...
is_one_of() {
    value=$1
    shift
    case " $* " in *" $value "*) return 0 ;; esac
    return 1
}

# need_tree: $work/tree, made by bsdtar, the reference for everything.
need_tree() {
    [ ! -d "$work/tree" ] || return 0
    say "unpacking $source with bsdtar"
    mkdir "$work/tree.new"
    bsdtar -xpf "$source" -C "$work/tree.new" || exit 1
    mv "$work/tree.new" "$work/tree"
}

# need_many COUNT: $work/many-COUNT, files of 1 KB, a thousand in each directory.
need_many() {
    [ ! -d "$work/many-$1" ] || return 0
    say "making $1 files of 1 KB"
    mkdir "$work/many-$1"
    python3 "$root/tests/real/many.py" "$work/many-$1" "$1" || exit 1
}
