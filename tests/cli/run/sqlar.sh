# SQLite archives as OUTPUT and INPUT, beside the sqlite3 program: what it reads of ours, what we read of its own, tables,
# --append with its policies, and a killed run.
. "$(dirname "$0")/../lib.sh"
"$MILLRACE" formats | grep -q '^ *sqlar ' || skip "this build has no SQLite"
need sqlite3

query() { sqlite3 "$1" "$2"; }
expect_query() { # DATABASE SQL ANSWER
    [ "$(query "$1" "$2")" = "$3" ] || fail "$1: $2 gives '$(query "$1" "$2")', expected '$3'"
}

make_tree in
rm in/sub/hard.txt # an archive without hard links makes a file of it
mkdir in/nothing
ln -s missing in/dangling
head -c 5000 "$MILLRACE" | gzip >in/dense.gz # does not get smaller
head -c 400000 /dev/urandom >in/dense.bin    # nor does this, which has more than one piece
seq 1 400000 >in/numbers
long=$(printf '%0200d' 0)
mkdir -p "in/$long/$long"
echo long >"in/$long/$long/$long"
find in -exec touch -h -d '2020-02-02 02:02:02' {} +

# What sqlite3 unpacks is what was there; and what it packs we read.
run run in -q -o a.sqlar
expect_status 0
expect_query a.sqlar 'PRAGMA integrity_check' ok
expect_query a.sqlar 'PRAGMA journal_mode' delete
expect_query a.sqlar "SELECT count(*) FROM sqlar WHERE length(data)=sz AND name IN ('dense.gz','dense.bin')" 2
expect_query a.sqlar "SELECT length(data)<sz/2 FROM sqlar WHERE name='numbers'" 1
mkdir theirs
(cd theirs && sqlite3 ../a.sqlar -Ax)
find theirs -type l -exec touch -h -d '2020-02-02 02:02:02' {} + # their program gives links no time
expect_same_tree in theirs
run run a.sqlar -q -o ours/
expect_status 0
find ours -type l -exec touch -h -d '2020-02-02 02:02:02' {} +
expect_same_tree in ours
(cd in && sqlite3 ../b.sqlar -Ac .)
run run b.sqlar -q -o back/
expect_status 0
expect_same_tree in back
run test a.sqlar b.sqlar
expect_status 0

# The same bytes with other threads and less memory, by way of zip, and without compression.
run run in -q -R 3 -j 3 -W 2 --memory 16M -o c.sqlar
expect_same a.sqlar c.sqlar
run run a.sqlar -q -o d.zip
run run d.zip -q -o e/
find e -type l -exec touch -h -d '2020-02-02 02:02:02' {} +
expect_same_tree in e
run run in -q --to sqlar:method=store -o stored.db
expect_query stored.db 'SELECT count(*) FROM sqlar WHERE length(data)<>sz' 0
run list a.sqlar --include '*.bin'
expect_output dense.bin sub/deep/big.bin
run run - -q -o piped/ <a.sqlar
expect_status 0
expect_same piped/numbers in/numbers

# Tables.
run run in/a.txt -q -o a.sqlar --append --table 'my "own" table'
expect_status 0
run list a.sqlar --table 'my "own" table'
expect_output a.txt
run list a.sqlar --table other
expect_status 1
expect_text "$err" "a.sqlar: has no table 'other'"
run run in -o x.sqlar --table sqlite_x
expect_usage 'does not begin with sqlite_'
run run in -o x.zip --append
expect_usage '--append is for an SQLite archive'
run run in -o - --to sqlar
expect_usage 'can only be a file'

# A name that is there.
mkdir one
echo 1 >one/f
touch -d '2020-01-01' one/f
run run one -q -o f.sqlar
run run one -o f.sqlar
expect_status 1
expect_text "$err" 'exists already'
echo 22 >one/f
echo new >one/g
touch -d '2019-01-01' one/f
run run one -o f.sqlar --append
expect_status 1
expect_text "$err" "'f' is in the archive already"
expect_query f.sqlar 'SELECT name, sz FROM sqlar ORDER BY name' "f|2
g|4"
run run one -q -o f.sqlar --append -n
expect_status 0
run run one -q -o f.sqlar --append -u
expect_query f.sqlar "SELECT sz FROM sqlar WHERE name='f'" 2
run run one -q -o f.sqlar --append -f
expect_status 0
expect_query f.sqlar "SELECT sz FROM sqlar WHERE name='f'" 3
touch -d '2021-01-01' one/f
echo 333 >one/f
run run one -q -o f.sqlar --append -u
expect_query f.sqlar "SELECT sz FROM sqlar WHERE name='f'" 4
expect_query f.sqlar 'PRAGMA integrity_check' ok
mkdir two two/f
run run two -o f.sqlar --append -f
expect_status 1
expect_text "$err" "'f' is in the archive already and is no directory"

# What is no archive, and what has a write-ahead log.
query app.sqlite 'CREATE TABLE t(x)'
run list app.sqlite
expect_output app.sqlite
echo text >no.sqlite
run run one -o no.sqlite --append
expect_status 3
expect_text "$err" 'file is not a database'
query wal.sqlar 'PRAGMA journal_mode=WAL' >/dev/null
run run one -q -o wal.sqlar --append
expect_status 0
expect_query wal.sqlar 'PRAGMA journal_mode' delete
run run one -o app.sqlite --in-place
expect_status 2

# Killed while it adds: the database is whole, has what was committed, and can be gone on with.
mkdir many
for i in 1 2 3 4 5 6 7 8; do head -c 4000000 /dev/urandom >many/f$i; done
echo old >old
run run old -q -o k.sqlar
for delay in 0.05 0.15 0.3; do
    "$MILLRACE" run many -q -o k.sqlar --append --journal journal --resume -x sh -c 'sleep 0.05; cat' \; 2>/dev/null &
    sleep "$delay"
    kill -9 $! 2>/dev/null || :
    wait $! 2>/dev/null || :
    expect_query k.sqlar 'PRAGMA integrity_check' ok
    expect_query k.sqlar "SELECT count(*) FROM sqlar WHERE name='old'" 1
done
run run many -q -o k.sqlar --append --journal journal --resume -x sh -c 'sleep 0.05; cat' \;
expect_status 0
run run k.sqlar -q -o k/
for i in 1 2 3 4 5 6 7 8; do expect_same many/f$i k/f$i; done
