# A small run is killed at one call of the system after the other, and goes on: $KILL_STEP says at each how many-th (default 31;
# 1 is the full sweep, a few minutes).
. "$(dirname "$0")/../lib.sh"
need strace
strace -o /dev/null true 2>/dev/null || skip 'strace may not trace here'
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" # which cannot be done while it is traced
step=${KILL_STEP:-31}
mkdir -p in/a/b
for i in 1 2 3 4 5; do printf 'content %s\n' "$i" >"in/a/$i"; done
head -c 700000 /dev/urandom >in/a/b/big
ln -s 1 in/a/soft
ln in/a/2 in/a/hard
chmod 750 in/a/b

for words in '-o out/' '-f -o out/ --fsync all' '-o out.zip' '-p gzip -o out.tar.gz'; do
    # shellcheck disable=SC2086
    "$MILLRACE" run in -q -j 1 $words
    mv out* wanted
    point=1
    while :; do
        status=0
        lib_command="killed at call $point: run in $words"
        # shellcheck disable=SC2086
        strace -f -o /dev/null -e inject=all:signal=KILL:when=$point "$MILLRACE" run in -q -j 1 $words \
            --journal journal >"$out" 2>"$err" || status=$?
        if [ -d wanted ]; then
            for path in $(cd wanted && find . -type f); do
                [ ! -e "out/$path" ] || expect_same "wanted/$path" "out/$path"
            done
        elif [ -e out.* ]; then
            expect_same wanted out.*
        fi
        [ "$status" != 0 ] || break
        # shellcheck disable=SC2086
        run run in -q -j 1 $words --journal journal --resume
        expect_status 0
        if [ -d wanted ]; then expect_same_tree wanted out; else expect_same wanted out.*; fi
        [ -z "$(find . -name '.*millrace-*')" ] || fail "a temporary file was left"
        rm -rf out out.* journal
        point=$((point + step))
    done
    [ "$point" -gt 40 ] || fail "the run ended after $point calls"
    rm -rf wanted out out.* journal
done
