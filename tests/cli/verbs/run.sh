# run: every kind of output, what is there already, and the exit statuses.
. "$(dirname "$0")/../lib.sh"

make_tree in

# Trees.
run run in -o copy/
expect_status 0
expect_empty "$out"
expect_text "$err" ' items'
expect_same_tree in copy
run run in -o copy
expect_status 1
expect_text "$err" 'a.txt'
expect_text "$err" 'exists already'
expect_same_tree in copy
run run in -n -q -o copy
expect_status 0
expect_empty "$err"
run run in -f -q -o copy
expect_status 0
expect_same_tree in copy
touch -d '2001-01-01' copy/a.txt
printf 'newer\n' >copy/sub/b.txt
run run in -u -q -o copy
expect_status 0
expect_same in/a.txt copy/a.txt
expect_line copy/sub/b.txt newer

# Archives and back. Not every kind of tar holds parts of a second.
find in -exec touch -h -d '2020-02-02 02:02:02' {} +
run run in -q -o a.tar.gz
expect_status 0
run run a.tar.gz -q -o back/
expect_status 0
expect_same_tree in back
run run in -q -o a.tar.gz
expect_status 1
expect_text "$err" 'a.tar.gz exists already'
run run in -n -q -o a.tar.gz
expect_status 0
cp a.tar.gz before
run run in -u -o a.tar.gz
expect_usage '-u is for a tree'
expect_same before a.tar.gz
run run in -f -q -o a.tar.gz
expect_status 0
run run in -q -o b.any --to tar.gz
expect_status 0
expect_same a.tar.gz b.any
run run in -o c --to tar.gzz
expect_usage "--to: no archive format 'tar.gzz'; did you mean tar.gz?"
run run in -o c --to tar.zst:level=3
expect_usage 'tar.zst: the level is set by --level N'
run run in -o copy/ --to zip
expect_usage '--to makes an archive, but OUTPUT'

# One file.
run run in/a.txt -q -p gzip -o one.bin
expect_status 0
gzip -dc <one.bin | cmp - in/a.txt || fail "one.bin is not a.txt"
run run in/a.txt -q -p gzip -o one.bin
expect_status 1
run run in/a.txt -q -f -o new/dir/one
expect_status 0
expect_same in/a.txt new/dir/one
run run in -o one
expect_usage "OUTPUT 'one' is neither a directory nor a known archive: write 'one/' for a tree"
run run a.tar.gz -o one
expect_usage "is an archive: write 'one/' for a tree"
run run in/a.txt in/empty -o one
expect_usage 'neither a directory nor a known archive'
expect_missing one
mkfifo pipe
for special in pipe /dev/null; do
    run run in/a.txt -o $special
    expect_usage "OUTPUT '$special' is a device, pipe or socket"
done
run run in/a.txt -f -q -o pipe
expect_usage '-o null: discards'
[ -p pipe ] || fail "the pipe was replaced"

# Streams.
run run in/a.txt in/sub/b.txt -q -o -
expect_status 0
cat in/a.txt in/sub/b.txt | cmp - "$out" || fail "stdout is not both files"
expect_empty "$err"
lib_command='run - <in/a.txt'
"$MILLRACE" run - -q -o - <in/a.txt >"$out"
expect_same "$out" in/a.txt
"$MILLRACE" run - -q -o from.pipe <in/a.txt
expect_same from.pipe in/a.txt
tar cf - in | "$MILLRACE" run - -q -o - --to tar | tar tf - >"$out"
expect_line "$out" in/sub/b.txt
run run in -q -o null:
expect_status 0

# Nothing to do, or not enough said.
run run
expect_usage 'run: no INPUT'
run run in
expect_usage 'run: no OUTPUT'
run run in 'out none/'
expect_usage 'run: no OUTPUT; did you mean -o out none/?'
run run in -o void/ -e nosuch
expect_status 0
expect_line "$err" 'millrace: nothing to do: the inputs are empty, or nothing in them is selected'
run run in -x cat -o out/
expect_usage "end the command with ';'"
run run in '' -o out/
expect_usage 'an INPUT has an empty name'
run run - - -o out/
expect_usage "stdin ('-') can be used only once"
run run in -0 -o out/
expect_usage 'there is no -T'
run run in -o out/ --level 3
expect_usage '--level is for an archive'
run run in -o out/ --clamp-mtime
expect_usage '--clamp-mtime needs --mtime'
run run in --from nonsense -o out/
expect_usage "--from: "
run run in -p gzop -o out/
expect_usage 'no operation "gzop"; did you mean "gzip"'
run run in -p gzip:lvl=3 -o out2/
expect_usage 'gzip has no setting "lvl"'
run run in -s 'a/b' -o out/
expect_usage '-s: '
expect_missing out2

# Inputs that are not there: nothing is made for nothing, the others are done.
run run nothing -o x.zip
expect_status 1
expect_line "$err" 'millrace: nothing: No such file or directory'
expect_missing x.zip
run run nothing in/a.txt -q -o mixed/
expect_status 1
expect_text "$err" nothing
expect_same mixed/a.txt in/a.txt

run run -T nolist -o nolist.d/
expect_status 3
expect_text "$err" '-T: cannot read nolist: No such file'
expect_missing nolist.d

# Where an item fails.
printf 'no gzip\n' >in/bad.gz
run run in -q -p gunzip -e gz -o plain/
expect_status 1
expect_text "$err" 'millrace: in/bad.gz: '
expect_missing plain/bad
run run in -q -p gunzip -e gz --on-error stop -o plain/
expect_status 3
run run in -q -p gunzip -e gz --on-error copy -o plain/
expect_status 0
expect_text "$err" 'copied as it is'
expect_same plain/bad.gz in/bad.gz

head -c 30 a.tar.gz >short.tar.gz
run run short.tar.gz -q -o short.zip
expect_status 1
expect_text "$err" 'not made'
expect_missing short.zip

# Plans.
run run in/sub -p gzip --dry-run -o plan/
expect_status 0
expect_line "$out" 'in/sub/b.txt -> plan/b.txt.gz'
expect_missing plan
run run in/sub -p gzip --dry-run -o plan.zip
expect_line "$out" 'in/sub/b.txt -> plan.zip!/b.txt.gz'
expect_missing plan.zip

# -C, -v, -T.
run run -C in/sub . -v -o ../../there/
expect_status 0
expect_text "$err" 'b.txt -> ../../there/b.txt'
expect_file there/b.txt
printf 'in/a.txt\nin/empty\n' >list
run run -T list -q -o listed/
expect_status 0
expect_same listed/in/a.txt in/a.txt
printf 'in/a.txt\0in/sub/with space\0' | "$MILLRACE" run -T - -0 -q -o listed0/
expect_same 'listed0/in/sub/with space' 'in/sub/with space'
