# The example: columns of files with quoted fields, against another program that reads CSV.
. "$(dirname "$0")/../lib.sh"
plugin=$MR_BUILD/plugins/csv_cut.so
[ -e "$plugin" ] || skip "the plugin is not built"
need python3

cat >make.py <<'END'
import csv, os, random
random.seed(5)
texts = ['', 'plain', 'a,b', 'say "x"', 'two\nlines', '\u00e9\u00e8', 'cr\r\nlf', ',' * 50, 'long' * 3000]
os.mkdir('in'); os.mkdir('expected'); os.mkdir('named')
for number, rows in enumerate([0, 1, 40, 3000]):
    table = [['id', 'first name', 'a,b', 'x"y', 'last']]
    table += [[random.choice(texts) for _ in range(5)] for _ in range(rows)]
    for place, columns in (('in', range(5)), ('expected', (1, 3, 4)), ('named', (0, 2, 4))):
        with open(f'{place}/{number}.csv', 'w', newline='') as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([[row[i] for i in columns] for row in table])
END
python3 make.py

run run in -o out/ -p "$plugin:columns=2+4-"
expect_status 0
expect_same_content() {
    for file in "$1"/*; do expect_same "$file" "$2/${file##*/}"; done
}
expect_same_content expected out
run run in -o dropped/ -p "$plugin:columns=first name+x\"y,drop=yes"
expect_status 0
expect_same_content named dropped

# Out of an archive, as one stream, and behind an operation.
run run in -o in.tar.gz
run run in.tar.gz -o archived.zip --max-ratio 0 -p "$plugin:columns=2+4-"
expect_status 0
run run archived.zip -o archived/ --max-ratio 0
expect_same_content expected archived
run run in/3.csv -o 3.csv.gz --max-ratio 0 -p gzip -p gunzip -p "$plugin:columns=2+4-" -p gzip
expect_status 0
gzip -dc 3.csv.gz >3.csv
expect_same expected/3.csv 3.csv

# What is no CSV fails alone, with the line.
printf 'id,"open\n' >in/bad.csv
run run in -o partly/ -p "$plugin:columns=2+4-"
expect_status 1
expect_text "$err" 'in/bad.csv: csv-cut: the file ends within a quoted field'
expect_missing partly/bad.csv
expect_same expected/3.csv partly/3.csv
