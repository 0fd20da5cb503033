# --fsync: the order of a commit, as the system sees it; and an output that could not be brought to the disk is made again
# from its source, in another file.
. "$(dirname "$0")/../lib.sh"
need strace
strace -o /dev/null true 2>/dev/null || skip 'strace may not trace here'
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # which cannot be done while it is traced
mkdir -p in/new
printf 'text\n' >in/new/file

# whole_calls FILE: what strace wrote, with calls that others came between in one piece, where they ended.
whole_calls() {
    awk '/ <unfinished \.\.\.>$/ { sub(/ <unfinished \.\.\.>$/, ""); begun[$1] = $0; next }
         / resumed>/ { rest = $0; sub(/^.* resumed>/, "", rest); print begun[$1] rest; next }
         { print }' "$1"
}

# trace ARG...: runs with ARG; in $calls is what concerns one file: what was brought to the disk, named and written down.
calls=$lib_room/calls
trace() {
    rm -rf out journal
    lib_command="(strace) $*"
    status=0
    strace -f -y -e trace=fsync,fdatasync,syncfs,linkat,renameat,renameat2,write,pwrite64 -o "$lib_room/trace" \
        "$MILLRACE" run in -q -j 1 --journal journal "$@" >"$out" 2>"$err" || status=$?
    expect_status 0
    whole_calls "$lib_room/trace" | sed -n -e 's/.* fsync(.*out\/new\/\(#\|\.millrace\).*= 0$/file/p' -e 's/.* fsync(.*out\/new>.*= 0$/directory/p' \
        -e 's/.* fsync(.*out>.*= 0$/root/p' -e 's/.* \(linkat\|renameat2\?\)(.*"file".*= 0$/name/p' \
        -e 's/.* write([0-9]*<[^>]*journal>, ".*MRJ.*/record/p' -e 's/.* syncfs(.*/all/p' \
        -e 's/.* fdatasync(.*journal>.*/journal/p' | sed -n '/file\|name/,$p' | tr '\n' ' ' >"$calls"
}
# The records behind the file's are of the archive as a whole, or of the end of the run.
expect_calls() { [ "$(cat "$calls")" = "$1" ] || fail "expected '$1', got '$(cat "$calls")'"; }
trace -o out/
expect_calls 'name record record '
trace -o out/ --fsync file
expect_calls 'file name record record journal '
trace -o out/ --fsync all
expect_calls 'file name directory root record all record journal '
# inject WHEN ARG...: the calls of fsync that WHEN says fail; strace counts them for each thread, so one thread writes.
inject() {
    rm -rf out journal out.zip
    lib_command="(fsync fails: $*)"
    when=$1
    shift
    status=0
    strace -f -y -e trace=fsync,openat -e inject=fsync:error=EIO:when="$when" -o "$lib_room/trace" \
        "$MILLRACE" run in -j 1 -W 1 --fsync file "$@" >"$out" 2>"$err" || status=$?
}
inject 1 -o out/ --journal journal
expect_status 0
expect_same in/new/file out/new/file
[ "$(grep -c 'fsync(.*out/new' "$lib_room/trace")" = 2 ] || fail 'the file was not made again'
[ "$(grep -c 'openat(.*out/new>.*O_TMPFILE\|openat(.*out/new>.*millrace-' "$lib_room/trace")" = 2 ] ||
    fail 'the same file was brought to the disk again'
inject 1+ -o out/ --journal journal
expect_status 3
expect_text "$err" 'cannot bring to the disk'
[ -z "$(find out -type f)" ] || fail 'something was stored'
run run in -o out/ --journal journal --resume -q
expect_status 0
expect_same in/new/file out/new/file
inject 1 -o out.zip
expect_status 3
expect_missing out.zip
[ -z "$(find . -name '.out*')" ] || fail 'a temporary file was left'
