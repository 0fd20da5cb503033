# What is a wrong command line, and what the message says about it.
. "$(dirname "$0")/../lib.sh"

run
expect_status 2
expect_empty "$out"
expect_text "$err" 'usage: millrace run'

run run --excldue x
expect_usage 'millrace: run: unknown option --excldue; did you mean --exclude? (millrace run --help lists all)'
run run --prog=never x
expect_usage 'did you mean --progress?'
run run --retry 3 x
expect_usage 'did you mean --retries?'
run run -Z x
expect_usage 'run: unknown option -Z (millrace run --help lists all)'
run list --level 3 x
expect_usage 'list: --level is no option of list'
run run -l x
expect_usage 'run: -l is no option of run'
run run x -j
expect_usage '-j needs a value: -j N'
run run x -o o/ --merge=1
expect_usage '--merge takes no value'
for bad in 0 x -x +x 1.5 5000 % 0% ''; do
    run run x -o o/ -j "$bad"
    expect_usage "-j: '$bad' is no number of threads"
done
for bad in '' 12Q 0 0% 101% -1; do
    run run x -o o/ --memory "$bad"
    expect_usage '--memory: '
done
run run x -o o/ --sort nmae
expect_usage "--sort: 'nmae' is none of name|none; did you mean name?"
run run x -o o/ --preserve mode,foo
expect_usage "--preserve: 'mode,foo' is no list"
run run x -o o/ --mtime yesterday-ish
expect_usage '--mtime: '
run run x -o o/ --level -1
expect_usage '--level: '
run run x -o o/ -x
expect_usage '-x: no command follows'
run run x -o o/ -x ';'
expect_usage '-x: no command follows'
SOURCE_DATE_EPOCH=soon run run x -o o/ --reproducible
expect_usage 'SOURCE_DATE_EPOCH: '

# Control characters of the command line do not reach the terminal.
run run "--$(printf 'a\033[31mb')" x
expect_status 2
expect_no_text "$err" "$(printf '\033')"

# The verb.
mkdir dir
run dir -o out/
expect_usage 'did you mean: millrace run dir -o out/'
run rnu dir
expect_usage "unknown verb 'rnu'; did you mean run?"
run frobnicate
expect_usage "'frobnicate' is no verb"
run --frobnicate
expect_usage "'--frobnicate' is no verb"
run list dir -C /nonexistent
expect_usage '/nonexistent: cannot change to this directory'
expect_missing out

# A program that is not there is told once.
mkdir -p items
echo one >items/one
run run items -o out/ -x no-such-program-at-all -v
expect_usage "-x: there is no program 'no-such-program-at-all'"
run run items -o out/ -x ./items -v
expect_usage "-x: './items' is no program: it is no file"
expect_missing out
run run items -o out/ -x '{}/program'
expect_usage "run: -x: {} cannot be a part of the command's name"
