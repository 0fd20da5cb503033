# exec_scratch.sh - the private directories of file mode: what a killed run left in --tmpdir goes with the next one; what belongs to
# a run that lives, or only looks alike, stays.
. "$(dirname "$0")/../lib.sh"

mkdir in tmp
echo one >in/a
cat >hold.sh <<'END'
#!/bin/sh
# hold.sh IN OUT MARK: copies once MARK.go is there
cp "$1" "$2.part"
echo $$ >"$3"
while [ ! -e "$3.go" ]; do sleep 0.05; done
mv "$2.part" "$2"
END
chmod 755 hold.sh

# start MARK: a run whose command is at work; its process is $program
start() {
    "$MILLRACE" run in -x "$PWD/hold.sh" '{in}' '{out}' "$PWD/$1" ';' --tmpdir tmp -o "out-$1/" 2>"$err" &
    program=$!
    wait_until [ -s "$1" ]
}

count() {
    find tmp -mindepth 1 -maxdepth 1 -name 'millrace-scratch-*' | wc -l
}

start dead
kill -KILL $program
wait $program 2>/dev/null || :
kill -KILL "$(cat dead)" 2>/dev/null || :
[ "$(count)" = 1 ] || fail "a killed run should leave its directory: $(ls tmp)"
mkdir -p "$(echo tmp/millrace-scratch-*)/sub/dir"

start living
living=$program
[ "$(count)" = 1 ] || fail "that of the killed run is still there: $(ls tmp)"

# Alike, but not such a directory: by mode, name or kind.
mkdir tmp/millrace-scratch-public tmp/millrace-scratch-longer7 tmp/elsewhere
chmod 755 tmp/millrace-scratch-public
chmod 700 tmp/millrace-scratch-longer7 tmp/elsewhere
touch tmp/millrace-scratch-public/a tmp/millrace-scratch-longer7/a tmp/elsewhere/a tmp/millrace-scratch-afile0
ln -s elsewhere tmp/millrace-scratch-alink0
before=$(find tmp | sort)
run run in -x cp '{in}' '{out}' ';' --tmpdir tmp -o out/
expect_status 0
expect_same in/a out/a
[ "$(find tmp | sort)" = "$before" ] || fail "before: $before; now: $(find tmp | sort)"

touch living.go
wait $living || fail "the run that was alive meanwhile failed: $(cat "$err")"
expect_same in/a out-living/a
[ -z "$(find tmp -name 'millrace-scratch-??????' -type d -perm 700)" ] || fail "left: $(ls tmp)"
