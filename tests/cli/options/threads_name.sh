# --threads-name, which is the default, and --no-threads-name: what top -H sees.
. "$(dirname "$0")/../lib.sh"
[ -r /proc/self/comm ] || skip 'there is no /proc'

mkdir in
echo x >in/a
gzip -c in/a >a.gz
tar -czf in.tar.gz in

# as_wanted COMMAND...: the threads of the run, all of which are there, have the names that COMMAND asks for: each names itself.
as_wanted() {
    cat /proc/$pid/task/*/comm | sort >threads
    [ "$(wc -l <threads)" -ge 5 ] && "$@"
}

all_named() {
    for name in "$program" mr-read-0 mr-work-0 mr-work-1 mr-write-0; do grep -qx "$name" threads || return 1; done
}

# names COMMAND WORD...: those of a run that waits in its operation, with these words.
names() {
    wanted=$1
    shift
    rm -f go
    "$MILLRACE" run "$@" -q -R1 -j2 -W1 -o null: -x sh -c 'while [ ! -e "$1" ]; do sleep 0.05; done; cat' sh "$PWD/go" &
    pid=$!
    wait_until as_wanted "$wanted"
    : >go
    wait_end $pid
    expect_status 0
}

program=$(basename "$MILLRACE" | cut -c 1-15)
for input in in in.tar.gz; do
    for option in '' --threads-name '--no-threads-name --threads-name'; do
        # shellcheck disable=SC2086 # words
        names all_named "$input" $option
    done
    for option in --no-threads-name '--threads-name --no-threads-name'; do
        # shellcheck disable=SC2086 # words
        names true "$input" $option
        expect_line threads "$program"
        expect_no_text threads mr-
    done
done
