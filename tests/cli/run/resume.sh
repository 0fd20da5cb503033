# --journal, --resume and --retry-failed: what was done is left out, what changed or is gone is done again, what is
# somebody else's is not touched.
. "$(dirname "$0")/../lib.sh"
make_tree in
cp "$MILLRACE" in/more.bin
for i in 1 2 3 4 5 6 7 8; do printf 'file %s\n' "$i" >"in/sub/$i"; done
count=15 # files that are not links
go() { run run in -p gzip -o out/ --journal journal "$@"; }
run run in -p gzip -o wanted/ -q
expect_status 0

# The first time, and again: nothing is left to be done.
go -q
expect_status 0
expect_same_tree out wanted
go --resume
expect_status 0
expect_text "$err" "$count left out"
expect_text "$err" '(0 files)'
expect_same_tree out wanted

# Another run must not use the same journal, and says what differs.
go -q
expect_usage 'journal is there already: add --resume'
run run in -p gzip:level=9 -o out/ --journal journal --resume
expect_usage "operations was '-p gzip' and is '-p gzip:level=9'"
run run in -p gzip -o out/ --journal journal --resume --preserve none
expect_usage '--preserve was not given and is'
run run in -p gzip -o other/ --journal journal --resume
expect_usage "--output was 'out/' and is 'other/'"
expect_missing other
# What changes no result may change.
go --resume -q -j 3 --memory 100M -v
expect_status 0

# A changed source, a new one, outputs that are gone.
printf 'changed\n' >in/sub/1
touch -d '2022-02-02' in/sub/2
chmod 700 in/sub/3
printf 'new\n' >in/sub/new
rm out/sub/4.gz out/empty.gz
rm -r wanted
run run in -p gzip -o wanted/ -q
go --resume -v
expect_status 0
expect_text "$err" "$((count - 5)) left out"
expect_text "$err" '(6 files)'
expect_same_tree out wanted

# What somebody else made of an output is kept, and the item refused.
printf 'mine\n' >out/sub/5.gz
go --resume
expect_status 1
expect_text "$err" 'out/sub/5.gz exists already'
expect_line out/sub/5.gz mine
rm out/sub/5.gz

# Stored, but killed before it was written down: the same bytes are taken for the run's own, others are not.
cp -p journal kept
go --resume -q
expect_status 0
expect_same_tree out wanted
cp kept journal
chmod 600 out/sub/5.gz
go --resume -q
expect_status 0
expect_same_tree out wanted

# Left-over temporary files go, what is only named like them does not.
: >out/.millrace-0123456789abcdef
: >out/sub/deep/.millrace-0123456789abcdef
: >out/.millrace-notes
go --resume -q
expect_status 0
expect_missing out/.millrace-0123456789abcdef
expect_missing out/sub/deep/.millrace-0123456789abcdef
expect_file out/.millrace-notes
rm out/.millrace-notes

# A torn end is dropped; damage is not.
head -c -7 journal >torn && cat torn >journal
go --resume -q
expect_status 0
expect_same_tree out wanted
printf 'X' | dd of=journal bs=1 seek=600 conv=notrunc status=none
go --resume
expect_status 3
expect_text "$err" 'is damaged at byte'
expect_text "$err" 'start again without --resume'

# Only what failed.
rm -rf out journal
fail_some() { run run in -x sh -c 'if [ -e bad ] && grep -q "^file [23]"; then exit 1; fi; echo' \; -o out/ --journal journal "$@"; }
: >bad
fail_some -q
expect_status 1
rm bad out/sub/7
printf 'more\n' >in/sub/late
fail_some --retry-failed
expect_status 0
expect_text "$err" '(2 files)'
expect_file out/sub/2
expect_missing out/sub/7
expect_missing out/sub/late
fail_some --resume
expect_status 0
expect_text "$err" '(2 files)'
expect_file out/sub/7
expect_file out/sub/late

# Archives: members are known by their archive; what is made as a whole is finished or begun again.
run run in -o in.zip -q
run run in.zip -o unzipped.wanted/ -q
run run in.zip -o unzipped/ --journal j2 -q
run run in.zip -o unzipped/ --journal j2 --resume
expect_status 0
expect_text "$err" '(0 files)'
expect_same_tree unzipped.wanted unzipped
touch in.zip
run run in.zip -o unzipped/ --journal j2 --resume
expect_status 0
expect_no_text "$err" 'left out'
expect_same_tree unzipped.wanted unzipped
run run in -o a.tar --journal j3 -q
run run in -o a.tar --journal j3 --resume
expect_status 0
expect_text "$err" 'was finished by an earlier run'
cp -p a.tar b.tar
printf 'x' >>a.tar
run run in -o a.tar --journal j3 --resume
expect_status 3
expect_text "$err" 'exists already'
rm a.tar
run run in -o a.tar --journal j3 --resume -q
expect_status 0
expect_same a.tar b.tar

# Where it makes no sense.
run run in -o - --resume --journal j4
expect_usage 'needs an OUTPUT that stays'
run run in -o out2/ --resume
expect_usage '--resume needs --journal FILE'
run run in -o out2.zip --retry-failed --journal j4
expect_usage 'an archive is made as a whole'
run run in -p gzip --in-place --journal j4
expect_usage 'contradict each other'
run run in -o out2/ -p hash:list=sums --journal j4 --resume
expect_usage 'the list would lack what is left out'
run run in -o out2/ --journal in --resume
expect_status 3
expect_missing j4
run run in -o out2/ --journal in/a.txt --resume
expect_status 3
expect_text "$err" 'is no journal'
# The journal is no input, and the plan needs none.
run run in -o out2/ --journal in/j4 -q
expect_status 0
expect_missing out2/j4
run run in -o out3/ --journal j5 --dry-run
expect_status 0
expect_missing j5
run help resume
expect_status 0
expect_text "$out" '--retry-failed'
