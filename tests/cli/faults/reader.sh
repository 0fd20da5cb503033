# reader: archives are read by a process of its own; what happens when that is missing, ends, stays silent or is not wanted.
. "$(dirname "$0")/../lib.sh"

make_tree in
run run in -q -o a.tar.gz
expect_status 0
run run in -q -o a.cpio
expect_status 0
run run in -q -o a.zip
expect_status 0

# All verbs, with and without.
for sandbox in '' --no-sandbox; do
    rm -rf out copy.tar.gz
    run run a.tar.gz -q $sandbox -o out/
    expect_status 0
    expect_same_tree in out
    run list a.tar.gz $sandbox
    expect_line "$out" sub/b.txt
    run test a.tar.gz -q $sandbox
    expect_status 0
    cp a.tar.gz copy.tar.gz
    run run copy.tar.gz -q $sandbox --in-place -p lf
    expect_status 0
    run test copy.tar.gz -q $sandbox
    expect_status 0
    run run a.tar.gz $sandbox --dry-run -o new/
    expect_text "$out" 'sub/b.txt'
done

# Without the helper program: what is missing, and what helps; zip does not need it.
mkdir bin
cp "$MILLRACE" bin/millrace
run_command bin/millrace run a.tar.gz a.zip -q -o missing/
expect_status 1
expect_text "$err" 'a.tar.gz: the helper program millrace-read is neither beside this program nor at'
expect_text "$err" '--no-sandbox'
expect_missing missing/a.tar
expect_same in/sub/b.txt missing/a/sub/b.txt
rm -rf missing
run_command bin/millrace run a.tar.gz -q --no-sandbox -o missing/
expect_status 0
expect_same_tree in missing

# One that ends: its archive fails as a whole, and the run goes on.
helper() { # helper COMMAND...
    printf '#!/bin/sh\n%s\n' "$*" >bin/millrace-read
    chmod +x bin/millrace-read
    rm -rf ended
    run_command bin/millrace run a.cpio a.zip in -q -o ended/
    expect_status 1
    expect_same in/sub/b.txt ended/a/sub/b.txt
    expect_same_tree in ended/in
}
helper 'kill -SEGV $$'
expect_text "$err" 'a.cpio: the archive cannot be read: its reader was killed by signal 11 (SEGV)'
helper 'exit 1'
expect_text "$err" 'a.cpio: the archive cannot be read: its reader exited with status 1'
[ "$(wc -l <"$err")" -eq 1 ] || fail 'one archive is one failure'

# A name that promises an archive is not broken in silence.
echo text >notes.tar
run run notes.tar -q -o notes/
expect_status 1
expect_text "$err" 'notes.tar: is no archive'
expect_text "$err" '--no-archives'
run run notes.tar -q --no-archives -o notes/
expect_status 0
expect_file notes/notes.tar

# One program is started for all archives of a run.
ln "$(dirname "$MILLRACE")/millrace-read" bin/real 2>/dev/null || cp "$(dirname "$MILLRACE")/millrace-read" bin/real
printf '#!/bin/sh\necho started >>"%s/starts"\nexec "%s/bin/real"\n' "$PWD" "$PWD" >bin/millrace-read
for i in 1 2 3 4 5 6 7 8; do
    cp a.cpio many$i.cpio
done
run_command bin/millrace run many*.cpio -q -o many/
expect_status 0
expect_same in/sub/b.txt many/many8/sub/b.txt
[ "$(wc -l <starts)" -eq 1 ] || fail "the program was started $(wc -l <starts) times"
