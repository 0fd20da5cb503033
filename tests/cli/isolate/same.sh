# same.sh - worker processes make what threads make: trees, archives, large files, lists, beside commands, plugins.
. "$(dirname "$0")/../lib.sh"

make_tree tree
yes 'some text that repeats, and a number: 12345' | head -c 3000000 >tree/large.txt
head -c 1500000 "$MILLRACE" >tree/large.bin
chmod 644 tree/large.bin
mkdir -p out

# same OUTPUT ARG...: with and without --isolate, OUTPUT.t and OUTPUT.i
same() {
    same_name=$1
    shift
    for same_way in t i; do
        [ "$same_way" = t ] && same_option= || same_option=--isolate
        same_output=out/$same_way$same_name
        # shellcheck disable=SC2086 # one word or none
        run run "$@" $same_option -o "$same_output"
        expect_status "${same_status:-0}"
        expect_no_text "$err" "worker process"
    done
    case $same_name in
    */) expect_same_tree "out/t$same_name" "out/i$same_name" ;;
    *) expect_same "out/t$same_name" "out/i$same_name" ;;
    esac
}

same a/ tree -p gzip
same b/ tree -p crlf -p gzip:1 -p gunzip
same c.tar.gz tree -p crlf
same d.zip tree -p crlf
same e.zip out/td.zip -p lf -p gzip
same f/ out/td.zip -p gzip
same g.tar.gz out/tc.tar.gz -p gzip --include '*.txt'
same h.zip out/ta -p gunzip
same i/ tree -p crlf -x cat ';' -p lf -p gzip
same j/ tree -p gzip --memory 24M -j 1
same k/ out/td.zip -p decompress
same l/ tree -p crlf --include '*.txt' --others copy
same m/ tree -p gunzip --on-error copy
same_status=1
same n/ tree -p gunzip
same_status=0
[ ! -f "$MR_BUILD/plugins/csv_cut.so" ] || same o/ tree -p "$MR_BUILD/plugins/csv_cut.so:columns=1" -p gzip --include '*.txt'

# In place, where several threads ask for names.
if [ -f "$MR_BUILD/plugins/csv_cut.so" ]; then
    mkdir t i
    for n in 0 1 2 3 4 5 6 7 8 9; do printf 'a,b,%s\n' $n | tee t/$n.txt >i/$n.txt; done
    run run t -p "$MR_BUILD/plugins/csv_cut.so:columns=3" --in-place -R 2 -j 2 -W 2
    expect_status 0
    run run i -p "$MR_BUILD/plugins/csv_cut.so:columns=3" --in-place --isolate -R 2 -j 2 -W 2
    expect_status 0
    expect_same t/7.txt i/7.txt
    expect_line i/7.txt 7
fi

# Lists beside the output, in order.
run run tree -p hash:list=t.list -o null:
expect_status 0
run run tree -p hash:list=i.list --isolate -o null:
expect_status 0
expect_same t.list i.list

# Names are asked for where nothing else is done.
run run tree -p gzip --isolate --dry-run -o o/ --include a.txt
expect_status 0
expect_text "$out" "a.txt.gz"

run test out/td.zip -p gzip --isolate
expect_status 0
