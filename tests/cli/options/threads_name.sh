# --threads-name, which is the default, and --no-threads-name: what top -H sees.
. "$(dirname "$0")/../lib.sh"
[ -r /proc/self/comm ] || skip 'there is no /proc'

mkdir in
echo x >in/a
gzip -c in/a >a.gz
tar -czf in.tar.gz in

# names WORD...: the names of the threads of a run that waits in its operation.
names() {
    rm -f go
    "$MILLRACE" run "$@" -q -R1 -j2 -W1 -o null: -x sh -c 'while [ ! -e "$1" ]; do sleep 0.05; done; cat' sh "$PWD/go" &
    pid=$!
    tries=0
    until [ "$(cat /proc/$pid/task/*/comm 2>/dev/null | wc -l)" -ge 5 ] || [ $tries = 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    sleep 0.1 # a thread names itself
    cat /proc/$pid/task/*/comm | sort >threads
    : >go
    wait $pid
}

program=$(basename "$MILLRACE" | cut -c 1-15)
for input in in in.tar.gz; do
    for option in '' --threads-name '--no-threads-name --threads-name'; do
        # shellcheck disable=SC2086 # words
        names "$input" $option
        for name in "$program" mr-read-0 mr-work-0 mr-work-1 mr-write-0; do expect_line threads "$name"; done
    done
    for option in --no-threads-name '--threads-name --no-threads-name'; do
        # shellcheck disable=SC2086 # words
        names "$input" $option
        expect_line threads "$program"
        expect_no_text threads mr-
    done
done
