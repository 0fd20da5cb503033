# -T and -0, several inputs, --merge.
. "$(dirname "$0")/../lib.sh"

mkdir -p a/x b/x 'sp ace'
printf '1\n' >a/x/one
printf '2\n' >b/x/two
printf '3\n' >'sp ace/three'
printf '4\n' >four
tar -C a -cf arch.tar.gz x

# A list: empty lines and missing last newlines are no matter; spaces belong to names.
printf 'four\n\nsp ace/three\nb' >list
run run -T list -q -o l1/
expect_status 0
expect_same l1/four four
expect_same 'l1/sp ace/three' 'sp ace/three'
expect_same l1/b/x/two b/x/two
run list -T list
expect_status 0
expect_line "$out" four
expect_line "$out" 'sp ace/three'
tr '\n' '\000' <list >list0
run list -T list0 -0
expect_status 0
expect_line "$out" four
lib_command='find -print0 | run -T - -0'
find a b -type f -print0 | "$MILLRACE" run -T - -0 -q -o l2/
expect_same l2/a/x/one a/x/one
expect_same l2/b/x/two b/x/two
run run -T list a -q -o l3/
expect_status 0
expect_same l3/a/x/one a/x/one
expect_same l3/four four
printf 'missing\nfour\n' >list
run run -T list -q -o l4/
expect_status 1
expect_text "$err" 'missing: No such file'
expect_same l4/four four
: >list
run run -T list -q -o l5/
expect_status 0
run run -T list -T list -q -o l6/
[ "$status" = 0 ] || expect_usage '-T'

# Each under its own name, archives without their suffix; or all in one.
run run a b arch.tar.gz four -q -o s1/
expect_status 0
expect_same s1/a/x/one a/x/one
expect_same s1/arch/x/one a/x/one
expect_same s1/four four
run run a/ b/x ./four -q -o s2/
expect_status 0
expect_same s2/a/x/one a/x/one
expect_file s2/four
run run a b four --merge -q -o s3/
expect_status 0
expect_same s3/x/one a/x/one
expect_same s3/x/two b/x/two
run run a b -q -o s.zip
expect_status 0
run list s.zip
expect_line "$out" a/x/one
run run ../here/a -q -o s4/
expect_status 0
expect_same s4/x/one a/x/one
run run . -q --include 'four' -o ../rel/
expect_status 0
expect_same ../rel/four four
