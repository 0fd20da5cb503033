# SQLite databases that are made to harm, or damaged.
. "$(dirname "$0")/../lib.sh"
"$MILLRACE" formats | grep -q '^ *sqlar ' || skip "this build has no SQLite"
need sqlite3

columns='name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB'
make() { # DATABASE SQL...
    rm -f "$1"
    sqlite3 "$1" "CREATE TABLE sqlar($columns); $2"
}
refused() { # DATABASE TEXT: what it holds is refused, with TEXT, and what is good beside it is kept
    rm -rf out
    run run "$1" -q -o out/
    [ "$status" = 1 ] || [ "$status" = 3 ] || fail "$1: status $status"
    expect_text "$err" "$2"
}

# Names and links.
make names.sqlar "INSERT INTO sqlar VALUES('../up',33188,0,1,x'41'),('/tmp/abs',33188,0,1,x'41'),('good',33188,0,1,x'41'),
    ('a/../../b',33188,0,1,x'41'),('link',41471,0,-1,'/etc/passwd'),('link/x',33188,0,1,x'41')"
refused names.sqlar '..'
expect_file out/good
expect_missing up
expect_missing b
for name in "x'6100'" "x'41'" NULL "''" "CAST(x'610062' AS TEXT)"; do
    make name.sqlar "INSERT INTO sqlar VALUES($name,33188,0,1,x'41'),('good',33188,0,1,x'41')"
    refused name.sqlar 'name'
    expect_file out/good
done

# Sizes.
for sizes in "1000000000,x'789c030000000001'" "-7,x'41'" "0,x'41'" "5,NULL" "'x',x'41'" "9223372036854775807,x'789c'" "NULL,NULL"; do
    make sizes.sqlar "INSERT INTO sqlar VALUES('bad',33188,0,$sizes),('good',33188,0,1,x'41')"
    refused sizes.sqlar 'sqlar!/bad'
    expect_file out/good
    expect_missing out/bad
done
make text.sqlar "INSERT INTO sqlar VALUES('bad',33188,0,4,'text')"
refused text.sqlar 'not a BLOB'
make short.sqlar "INSERT INTO sqlar VALUES('bad',33188,0,20,x'789c4b4c4a0600024d0127')" # has 3 bytes
refused short.sqlar '3 bytes where its header declares 20'
make sum.sqlar "INSERT INTO sqlar VALUES('bad',33188,0,20,x'789c4b4c4a0600024d0128')"
refused sum.sqlar 'bad'
make fifo.sqlar "INSERT INTO sqlar VALUES('bad',4516,0,0,NULL)"
refused fifo.sqlar 'FIFO'

# Tables that are none.
rm -f view.sqlar
sqlite3 view.sqlar "CREATE VIEW sqlar AS SELECT 'a' AS name,33188 AS mode,0 AS mtime,1 AS sz,x'41' AS data"
refused view.sqlar 'it is a view'
rm -f virtual.sqlar
if sqlite3 virtual.sqlar "CREATE VIRTUAL TABLE sqlar USING fts5(name,mode,mtime,sz,data)" 2>/dev/null; then
    refused virtual.sqlar 'virtual'
fi
for table in 'name TEXT, mode, mtime, sz, data' 'name INTEGER PRIMARY KEY, mode, mtime, sz, data' \
    "$columns, rowid" 'name TEXT PRIMARY KEY, mode, mtime, sz, data BLOB AS (zeroblob(sz))' \
    'name TEXT, mode, mtime, sz, data, PRIMARY KEY(name, mode)' 'name TEXT PRIMARY KEY, mode, mtime, sz'; do
    rm -f table.sqlar
    sqlite3 table.sqlar "CREATE TABLE sqlar($table)"
    refused table.sqlar 'its table is not one of an SQLite archive'
done
rm -f rowid.sqlar
sqlite3 rowid.sqlar "CREATE TABLE sqlar($columns) WITHOUT ROWID; INSERT INTO sqlar VALUES('a',33188,0,1,x'41')"
refused rowid.sqlar 'rowid.sqlar'

# Names that the index has lost, or has alone: no row goes missing without a word.
make index.sqlar "INSERT INTO sqlar VALUES('a',33188,0,1,x'41'),('b',33188,0,1,x'41'); CREATE TABLE other($columns);
    PRAGMA writable_schema=ON;
    UPDATE sqlite_schema SET rootpage=(SELECT rootpage FROM sqlite_schema WHERE name='sqlite_autoindex_other_1')
        WHERE name='sqlite_autoindex_sqlar_1'; DELETE FROM sqlite_schema WHERE tbl_name='other'"
refused index.sqlar 'its index and its rows do not go together'

# A log or a journal beside it.
make beside.sqlar "INSERT INTO sqlar VALUES('a',33188,0,1,x'41')"
echo log >beside.sqlar-wal
refused beside.sqlar 'another program is writing to it'
mv beside.sqlar-wal beside.sqlar-journal
run test beside.sqlar # an old one, without its header
expect_status 0
printf '\331\325\005\371\040\241\143\327' >beside.sqlar-journal
refused beside.sqlar 'another program is writing to it'

# Cut off anywhere: never a success. One bit changed: a fault is told, or all is as it was.
seq 1 3000 >numbers
for i in 1 2 3 4 5 6 7 8 9; do cp numbers "n$i"; done
sqlite3 whole.sqlar -Ac n1 n2 n3 n4 n5 n6 n7 n8 n9
run test whole.sqlar
expect_status 0
size=$(wc -c <whole.sqlar)
at=1
while [ "$at" -lt "$size" ]; do
    head -c "$at" whole.sqlar >cut.sqlar
    run test cut.sqlar
    [ "$status" = 1 ] || [ "$status" = 3 ] || fail "cut at $at: status $status"
    at=$((at + 1511))
done
at=40
while [ "$at" -lt "$size" ]; do
    head -c "$at" whole.sqlar >bit.sqlar
    tail -c "+$((at + 1))" whole.sqlar | head -c 1 | tr '\000-\377' '\001-\377\000' >>bit.sqlar
    tail -c "+$((at + 2))" whole.sqlar >>bit.sqlar
    rm -rf out
    run run bit.sqlar -q -o out/
    case $status in
    0) for i in 1 2 3 4 5 6 7 8 9; do expect_same numbers "out/n$i"; done ;;
    1 | 3) ;;
    *) fail "byte $at: status $status" ;;
    esac
    at=$((at + 1801))
done

# --append: what the database has for the case that a row is put in is not run, and no row is taken for stored that is not.
echo new >new
appended() { # DATABASE: new is put into it, and nothing else happens
    run run new -q -o "$1" --append
    expect_status 0
    [ "$(sqlite3 "$1" 'SELECT name FROM sqlar ORDER BY name')" = "new
old" ] || fail "$1: has $(sqlite3 "$1" 'SELECT name FROM sqlar')"
    rm -rf out
    "$MILLRACE" run "$1" -q -o out/
    expect_same new out/new
}
old="INSERT INTO sqlar VALUES('old',33188,0,1,x'41')"
make triggers.sqlar "$old; CREATE TRIGGER after_it AFTER INSERT ON sqlar BEGIN DELETE FROM sqlar WHERE name='old';
    UPDATE sqlar SET data=x'42', sz=1; END"
appended triggers.sqlar
make ignore.sqlar "$old; CREATE TRIGGER before_it BEFORE INSERT ON sqlar BEGIN SELECT RAISE(IGNORE); END"
appended ignore.sqlar
columns='name TEXT PRIMARY KEY ON CONFLICT IGNORE, mode INT, mtime INT, sz INT, data BLOB'
make conflict.sqlar "$old"
appended conflict.sqlar
columns='name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB'
not_appended() { # DATABASE
    sqlite3 "$1" .dump >before.sql
    run run new -q -o "$1" --append
    expect_status 3
    expect_text "$err" "$2"
    sqlite3 "$1" .dump >after.sql
    expect_same before.sql after.sql
}
rm -f into.sqlar
sqlite3 into.sqlar "CREATE TABLE kept(name, mode, mtime, sz, data); CREATE VIEW sqlar AS SELECT * FROM kept;
    CREATE TRIGGER instead INSTEAD OF INSERT ON sqlar BEGIN INSERT INTO kept VALUES('evil', 0, 0, 0, NULL); END"
not_appended into.sqlar 'its table is not one of an SQLite archive'
for table in "$columns, more AS (upper(name))" "$columns, UNIQUE(mode) ON CONFLICT REPLACE" "$columns, UNIQUE(mode)" \
    'name TEXT, mode INT, mtime INT, sz INT, data BLOB'; do
    rm -f table.sqlar
    sqlite3 table.sqlar "CREATE TABLE sqlar($table)"
    not_appended table.sqlar 'its table is not one of an SQLite archive'
done
sqlite3 rowid.sqlar "DELETE FROM sqlar"
not_appended rowid.sqlar 'rowid'

# A journal beside the database that names another file, which SQLite would remove: page 1 of one, as it is.
make hot.sqlar "$old"
echo precious >victim
victim=$PWD/victim
big() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"; }
sum_of() { od -An -v -tu1 | tr -s ' ' '\n' | awk '{ sum += $1 } END { printf "%.0f", sum }'; }
magic='\331\325\005\371\040\241\143\327'
page_sum=$(head -c 4096 hot.sqlar | od -An -v -tu1 -w1 | awk '(NR - 1) % 200 == 96 && NR > 1 { sum += $1 } END { print sum }')
{
    printf "$magic"
    big 1 # record
    big 0 # added to its sum
    big $(($(wc -c <hot.sqlar) / 4096))
    big 512 # bytes of a sector, which this header fills
    big 4096
    head -c 484 /dev/zero
    big 1
    head -c 4096 hot.sqlar
    big "$page_sum"
    big 262145 # the page that is never used
    printf %s "$victim"
    big "$(printf %s "$victim" | wc -c)"
    big "$(printf %s "$victim" | sum_of)"
    printf "$magic"
} >hot.sqlar-journal
run run new -q -o hot.sqlar --append
expect_status 3
expect_text "$err" 'a change to several databases'
expect_file victim
appended hot.sqlar

# Adding to a database whose pages are damaged: what ends with status 0 is there.
mkdir many more
head -c 60000 "$MILLRACE" >noise
for i in $(seq 60); do dd if=noise of=many/$i bs=1000 skip=$((i - 1)) count=1 status=none; done
echo 1 >more/n1
echo 2 >more/n2
run run many -q -o many.sqlar
expect_status 0
page_bytes=$(sqlite3 many.sqlar 'PRAGMA page_size')
failed=0
for page in $(seq 2 $(($(wc -c <many.sqlar) / page_bytes))); do
    cp many.sqlar damaged.sqlar
    # Where the cells of the page are.
    dd if=/dev/zero of=damaged.sqlar bs=1 seek=$(((page - 1) * page_bytes + 8)) count=100 conv=notrunc status=none
    run run more -q -o damaged.sqlar --append
    if [ "$status" = 0 ]; then
        found=$(sqlite3 damaged.sqlar "SELECT count(*) FROM sqlar WHERE name IN ('n1','n2') AND sz=2")
        [ "$found" = 2 ] || fail "page $page: $found of 2 are there"
    else
        failed=$((failed + 1))
    fi
done
[ $failed -gt 0 ] || fail 'no page was damaged'
