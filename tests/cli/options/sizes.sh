# Numbers of threads and bytes of memory, as the figures at the end show them.
. "$(dirname "$0")/../lib.sh"

make_tree in
# threads LOAD PROCESS STORE ARG...: what a run with these arguments has.
threads() {
    want="$1 $2 $3"
    shift 3
    run run in --stats -o null: "$@"
    expect_status 0
    got=$(awk '$2 == "load" || $2 == "process" || $2 == "store" { printf "%s ", $3 }' "$err")
    [ "$got" = "$want " ] || fail "threads: expected $want, got $got"
}
threads 2 3 1 -R2 -j3 -W1
threads 1 1 1 -R -1000 -j-1000 -W -4000
run run in --stats -o null: --pool shared -j5
expect_text "$err" '5 threads'
threads 3 1 1 -R3 -j1 -W1 --pool split
run run in -o null: --pool shared -j5
expect_text "$err" 'one pool of 5 threads'
run run in -o null: -j5
expect_text "$err" 'process x5'
expect_text "$err" 'starved'
processors=$(nproc)
if [ "$processors" -le 256 ] && ! grep -q . /sys/fs/cgroup/cpu.max 2>/dev/null; then
    threads $((processors + 2)) "$processors" $((processors * 2)) -R +2 -j auto -W 200%
fi

run run in -o null: --stats --memory 16M
expect_text "$err" 'of 16.0 MiB in flight'
run run in -o null: --stats --memory=1.5G
expect_text "$err" 'of 1.5 GiB in flight'
run run in -o null: --stats --memory=1
expect_status 0
run run in -o null: --stats --memory=1%
expect_status 0
