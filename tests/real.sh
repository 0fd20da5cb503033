#!/bin/sh
# real.sh DIR [POINT]...: what must hold on real input: Debian's linux-source-6.1 (79,000 files, 1.3 GB unpacked).
#
# Needs about 10 GB in DIR (a fresh directory below it is used and removed), about half an hour, and for the first run the
# network. Installs what is missing on Debian. As root it also tries a full disk and an unreadable file of another user.
# Points: unpack tarzst zip gz same memory many stream closed bad full speed. Without any: all of them.
# MILLRACE: the program (default: build/millrace, built when it is not there). KEEP=1 leaves the work directory.
# SOURCE: another .tar.xz with the same top directories, to try this script itself.
# Prints a line PASS or FAIL for each check with its figures, at the end the counts; status 1 after a failure.
set -u
# The C library's own names and sorting; UTF-8 for the tools that translate names.
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
all="unpack tarzst zip gz same memory many stream closed bad full speed"
case ${1:-} in
'' | -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
mkdir -p "$1" || exit 1
work=$(CDPATH='' cd -- "$1" && pwd -P)/millrace-real
shift
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all
for point in "$@"; do
    case " $all " in *" $point "*) ;; *) echo "real.sh: no point $point; there are: $all" >&2; exit 2 ;; esac
done
. "$root/tests/real/lib.sh"

prepare() {
    source=${SOURCE:-/usr/src/linux-source-6.1.tar.xz}
    lacking=
    [ -e "$source" ] || lacking="$lacking linux-source-6.1"
    for pair in bsdtar:libarchive-tools unzip:unzip xz:xz-utils zstd:zstd python3:python3 taskset:util-linux; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || lacking="$lacking ${pair#*:}"
    done
    [ -x /usr/bin/time ] || lacking="$lacking time"
    if [ -n "$lacking" ]; then
        as_root=
        [ "$(id -u)" -eq 0 ] || as_root=sudo
        say "installing$lacking"
        # shellcheck disable=SC2086 # lists of words
        { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $lacking; } \
            >/dev/null || { echo "real.sh: install by hand:$lacking" >&2; exit 1; }
    fi
    if [ -z "${MILLRACE:-}" ]; then
        MILLRACE=$root/build/millrace
        [ -x "$MILLRACE" ] || { sh "$root/testdata/setup.sh" && cmake -S "$root" -B "$root/build" >/dev/null &&
            cmake --build "$root/build" -j "$(nproc)" --target millrace >/dev/null; } || exit 1
    fi
    millrace=$(command -v "$MILLRACE") || { echo "real.sh: no program $MILLRACE" >&2; exit 1; }
    rm -rf "$work"
    mkdir "$work"
    free_kib=$(df -Pk "$work" | awk 'NR == 2 { print $4 }')
    [ "$free_kib" -gt 10000000 ] || { echo "real.sh: $work has $((free_kib / 1024)) MiB free; about 10 GB are needed" >&2; exit 1; }
    cd "$work" || exit 1
    # The two processors that everything is timed on.
    two=
    [ "$(nproc)" -le 2 ] || two="taskset -c $(taskset -pc $$ | sed 's/.*: //' | awk -F'[,-]' '{ print $1 "," $2 }')"
    [ -z "$two" ] || $two true || two=
    say "$("$millrace" --version | head -n 1), $(nproc) processors, $work on $(df -PT . | awk 'NR == 2 { print $2 }')"
}

cleanup() {
    ! mountpoint -q "$work/small" 2>/dev/null || umount "$work/small"
    [ -n "${KEEP:-}" ] || { chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work" "${fast:-$work}"; }
}

point_unpack() {
    need_tree
    ran unpack "$millrace" run "$source" -o ours/ || return
    took=$(figures)
    expect "unpack: tar.xz to a directory equals what bsdtar makes ($(file_count ours) files, $took)" same_tree unpack tree ours
    rm -rf ours
}

point_tarzst() {
    need_tree
    ran tarzst "$millrace" run tree -o t.tar.zst || return
    took="$(mib "$(size_of t.tar.zst)") MiB, $(figures)"
    expect "tarzst: zstd -t likes the archive" zstd -q -t t.tar.zst
    ran tarzst "$millrace" run t.tar.zst -o back/ || return
    expect "tarzst: directory to tar.zst ($took) and back ($(figures)) is the same" same_tree tarzst tree back
    rm -rf back t.tar.zst
}

point_zip() {
    need_tree
    ran zip "$millrace" run "$source" -o t.zip || return
    took="$(mib "$(size_of t.zip)") MiB, $(figures)"
    if unzip -tq t.zip >unzip.log 2>&1; then pass "zip: tar.xz to zip ($took): unzip -t: $(tail -n 1 unzip.log)"
    else fail "zip: unzip -t: $(grep -v OK unzip.log | head -n 3)"; fi
    expect "zip: Python's zipfile reads every member as in the tree" python3 "$root/tests/real/zipcheck.py" t.zip tree
    rm -f t.zip unzip.log
}

point_gz() {
    need_tree
    ran gz "$millrace" run tree -o packed/ -p gzip || return
    took=$(figures)
    # shellcheck disable=SC2317 # called by expect
    gzip_tests() { find packed -type f -print0 | xargs -0 -n 500 gzip -t; }
    expect "gz: directory to a directory of .gz ($took): gzip -t on each" gzip_tests
    expect "gz: each unpacks to the original" python3 "$root/tests/real/gzcheck.py" tree packed
    rm -rf packed
}

# The same bytes whatever the numbers of threads, the pools and the budget.
point_same() {
    need_tree
    for kind in tar.zst tar.gz zip; do
        level=1
        for input in tree "$source"; do
            [ "$input" = tree ] || [ "$kind" = tar.zst ] || continue
            digests='' wrong=''
            for options in '' '-R1 -j1 -W1' '-R4 -j8 -W3' '--pool shared' '--memory 16M'; do
                # shellcheck disable=SC2086 # a list of options
                ran "same" "$millrace" run "$input" -o "same.$kind" --level $level $options || { wrong=yes; break; }
                digest=$(sha256sum <"same.$kind")
                rm -f "same.$kind"
                case $digests in '' | "$digest") ;; *) wrong=yes; fail "same: $kind from ${input##*/}: other bytes with $options" ;; esac
                digests=$digest
            done
            [ -n "$wrong" ] || pass "same: $kind from ${input##*/}: 5 settings, one digest: $(echo "$digests" | cut -c 1-16)"
        done
    done
}

# within POINT LABEL COMMAND...: with --memory 64M the peak resident size is below 64 + 48 MiB.
within() {
    within_name="$1: $2"
    shift 2
    ran "$within_name" "$@" --memory 64M || return
    expect "$within_name: $(figures), below 112 MiB" [ "$rss" -lt $((112 * 1024)) ]
}

point_memory() {
    need_tree
    within memory "tree to .gz" "$millrace" run tree -o packed/ -p gzip:level=1
    rm -rf packed
    within memory "tree to tar.zst" "$millrace" run tree -o m.tar.zst
    rm -f m.tar.zst
    within memory "tar.xz to a directory" "$millrace" run "$source" -o ours/
    rm -rf ours
    truncate -s 10G huge
    within memory "10 GB sparse file to null:" "$millrace" run huge -o null:
    within memory "10 GB sparse file through gzip to null:" "$millrace" run huge -o null: -p gzip:level=1
    rm -f huge
}

point_many() {
    need_many 200000
    need_many 20000
    within many "200,000 files through gzip to null:" "$millrace" run many-200000 -o null: -p gzip
    within many "200,000 files to tar.zst" "$millrace" run many-200000 -o many.tar.zst
    within many "tar.zst to 200,000 files" "$millrace" run many.tar.zst -o many-back/
    rm -rf many-back many.tar.zst
    # A small budget is used up by both numbers of files, so that what is left to differ is what grows with the number.
    for job in 'null: -p gzip' 'many.tar.gz --level 1' 'many-out/'; do
        # shellcheck disable=SC2086 # a list of options
        ran many "$millrace" run many-20000 -o $job --memory 8M || continue
        few=$rss
        rm -rf many.tar.gz many-out
        # shellcheck disable=SC2086
        ran many "$millrace" run many-200000 -o $job --memory 8M || continue
        text="-o $job: peak $few KiB with 20,000 files, $rss KiB with 200,000"
        if [ $((rss - few)) -lt 4096 ]; then pass "many: does not grow: $text"; else fail "many: grows: $text"; fi
        rm -rf many.tar.gz many-out
    done
    rm -rf many-20000 many-200000
}

point_stream() {
    bsdtar -tf "$source" | sort >names.tree
    # shellcheck disable=SC2016 # expanded by the inner shell
    ran stream sh -c 'xz -dc "$1" | /usr/bin/time -o time.inner -f %M "$2" run - -o - --to tar.gz --level 1 --memory 64M | tar tz >names.stream' \
        sh "$source" "$millrace" || return
    sort -o names.stream names.stream
    expect "stream: xz | millrace run - -o - --to tar.gz | tar tz gives the $(wc -l <names.tree) names ($wall s)" cmp -s names.tree names.stream
    inner=$(tail -n 1 time.inner)
    expect "stream: it streams: peak $((inner / 1024)) MiB" [ "$inner" -lt $((112 * 1024)) ]
    # The first members come out while the input is still open.
    mkdir early
    mkfifo early/in
    : >early/out
    "$millrace" run - -o - --to tar <early/in >early/out 2>stderr &
    child=$!
    exec 3>early/in
    xz -dc "$source" 2>/dev/null | timeout 120 head -c 100000000 >&3
    waited=0
    while [ "$(size_of early/out)" -lt 50000000 ] && [ "$waited" -lt 20 ]; do sleep 1; waited=$((waited + 1)); done
    expect "stream: $(mib "$(size_of early/out)") MiB came out of the first 95 before the input's end" [ "$(size_of early/out)" -ge 50000000 ]
    exec 3>&-
    wait "$child"
    rm -rf early names.tree names.stream
}

point_closed() {
    need_tree
    for kind in tar tar.gz zip; do
        { "$millrace" run tree -o - --to $kind -q 2>stderr; echo $? >closed.status; } | head -c 100 >/dev/null
        status=$(cat closed.status)
        text="closed: a reader of --to $kind that leaves: status $status: $(head -n 1 stderr)"
        # shellcheck disable=SC2317 # called by expect
        is_clean() { is_one_of "$status" 1 3 && [ -s stderr ] && [ "$(wc -l <stderr)" -le 4 ]; }
        expect "$text" is_clean
    done
    rm -f closed.status
}

# failed_well POINT NAME: the last run ended with 1 or 3 and says what about.
failed_well() {
    case $status in 1 | 3) ;; *) fail "$1: status $status instead of 1 or 3"; return 1 ;; esac
    names_it "$2" || { fail "$1: nobody would know what is wrong"; return 1; }
    pass "$1: status $status: $(grep -F -- "$2" stderr | head -n 1)"
}

point_bad() {
    rm -rf bad
    mkdir bad
    cp -a "$root/testdata/sample" bad/good
    manifest bad/good >manifest.before
    measure "$millrace" run bad/good bad/nosuch -o bad/missing/
    failed_well "bad: missing input" nosuch
    expect "bad: missing input: the other input is complete" same_tree bad bad/good bad/missing/good

    cp -a bad/good bad/secret
    chmod 000 bad/secret/docs/guide.md
    as_user=
    if [ "$(id -u)" -eq 0 ]; then
        as_user="runuser -u nobody --"
        chown -R nobody bad/secret
        mkdir bad/unreadable
        chown nobody bad/unreadable
        cp "$millrace" bad/millrace # where it was built may be closed to nobody
        chmod 755 bad/millrace
    fi
    if $as_user test -x "$work/bad"; then
        program=$millrace
        [ -z "$as_user" ] || program=$work/bad/millrace
        # shellcheck disable=SC2086 # a list of words
        measure $as_user "$program" run "$work/bad/secret" -o "$work/bad/unreadable/"
        failed_well "bad: unreadable file" guide.md
        expect "bad: unreadable file: the others are there" [ "$(file_count bad/unreadable)" -eq "$(($(file_count bad/good) - 1))" ]
        expect "bad: unreadable file: they are whole" part_of bad/unreadable bad/good
    else
        say "SKIP  bad: unreadable file: nobody cannot reach $work (choose a DIR that everybody may enter)"
    fi

    need_tree
    head -c 5000000 "$source" >bad/cut.tar.xz
    before=$(sha256sum <bad/cut.tar.xz)
    measure "$millrace" run bad/cut.tar.xz -o bad/cut/
    failed_well "bad: truncated archive" cut.tar.xz
    expect "bad: truncated archive: $(file_count bad/cut) files, each whole" part_of bad/cut tree
    measure "$millrace" run bad/cut.tar.xz -o bad/cut.zip
    failed_well "bad: truncated archive to zip" cut.tar.xz
    if [ -e bad/cut.zip ]; then expect "bad: truncated archive to zip: what is there is a zip" unzip -tqq bad/cut.zip
    else pass "bad: truncated archive to zip: no zip is left"; fi
    expect "bad: truncated archive: the input is untouched" [ "$before" = "$(sha256sum <bad/cut.tar.xz)" ]

    mkdir -p bad/taken/docs/guide.md
    measure "$millrace" run bad/good -o bad/taken/ -f
    failed_well "bad: a directory where a file is expected" guide.md
    expect "bad: a directory where a file is expected: it still is one" [ -d bad/taken/docs/guide.md ]
    expect "bad: a directory where a file is expected: the others are there" \
        [ "$(file_count bad/taken)" -eq "$(($(file_count bad/good) - 1))" ]
    measure "$millrace" run -T bad/good -o bad/list/
    case $status in
    1 | 2 | 3) expect "bad: a directory as a list: status $status: $(head -n 1 stderr)" names_it bad/good ;;
    *) fail "bad: a directory as a list: status $status" ;;
    esac
    manifest bad/good >manifest.after
    expect "bad: the input is untouched" cmp -s manifest.before manifest.after
    rm -rf bad
}

point_full() {
    mkdir -p small
    if ! mount -t tmpfs -o size=2m tmpfs small 2>/dev/null; then
        say "SKIP  full: a full disk: mounting a tmpfs needs root"
        return
    fi
    need_tree
    input=tree/linux-source-6.1/fs
    manifest $input >manifest.before
    measure "$millrace" run $input -o small/out/
    expect "full: directory: status $status: $(head -n 1 stderr)" is_one_of "$status" 1 3
    expect "full: directory: says why" grep -qi 'no space' stderr
    expect "full: directory: $(file_count small/out) files, each whole" part_of small/out $input
    rm -rf small/out
    for kind in tar.zst zip; do
        measure "$millrace" run $input -o small/full.$kind
        expect "full: $kind: status $status: $(head -n 1 stderr)" [ "$status" -eq 3 ]
        expect "full: $kind: nothing is left" [ -z "$(ls -A small)" ]
        rm -rf small/* small/.[!.]*
    done
    manifest $input >manifest.after
    expect "full: the input is untouched" cmp -s manifest.before manifest.after
    umount small
    rmdir small
}

point_speed() {
    need_tree
    # Deleting beside it makes ext4 slow for minutes, so both are timed on a tmpfs where there is room.
    fast=$work/fast
    shm_kib=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
    [ "${shm_kib:-0}" -lt 1500000 ] || fast=$(mktemp -d /dev/shm/millrace-real.XXXXXX)
    mkdir -p "$fast/tree"
    for part in fs include kernel lib mm net; do cp -a "tree/linux-source-6.1/$part" "$fast/tree"; done
    find "$fast/tree" -type f -exec cat {} + >/dev/null
    ours='' theirs='' busy=''
    for round in 1 2 3 4 5; do
        # shellcheck disable=SC2086 # $two is a command or nothing
        ran speed $two "$millrace" run "$fast/tree" -o "$fast/out/" -p gzip:level=6 || return
        ours="$ours $wall" busy="$busy $(calc "($user + $sys) / (2 * $wall)")"
        rm -rf "$fast/out"
        cp -a "$fast/tree" "$fast/copy"
        # shellcheck disable=SC2086,SC2016
        ran speed $two sh -c 'cd "$1" && find . -type f -print0 | xargs -0 -P2 -n64 gzip -6' sh "$fast/copy" || return
        theirs="$theirs $wall"
        rm -rf "$fast/copy"
        say "      round $round: millrace${ours##* } s, busy ${busy##* }; xargs gzip ${theirs##* } s" | sed 's/millrace/millrace /'
    done
    # shellcheck disable=SC2086 # lists of numbers
    ours=$(median $ours) theirs=$(median $theirs) busy=$(median $busy)
    expect "speed: $(file_count "$fast/tree") files to .gz, level 6: $ours s, xargs gzip $theirs s: $(calc "$theirs / $ours") times as fast (at least 2)" \
        holds "$theirs / $ours >= 2"
    expect "speed: (user + system) / (2 x wall) is $busy (above 0.9)" holds "$busy > 0.9"
    rm -rf "$fast"
}

prepare
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
for point in "$@"; do
    start=$(date +%s)
    "point_$point"
    say "      ($point: $(($(date +%s) - start)) s)"
done
say "$passed checks passed, $failed failed${failed_names:+:$failed_names}"
[ "$failed" -eq 0 ]
