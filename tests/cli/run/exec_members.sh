# A command on every member of a compressed archive, into another one: right, in order, names, modes and times kept.
# And content that grows a lot takes no memory that grows with it.
. "$(dirname "$0")/../lib.sh"

count=${MR_MEMBERS:-300}
mkdir in expected
i=0
while [ $i -lt "$count" ]; do
    echo "member $i" >"in/m$i"
    echo "MEMBER $i" >"expected/m$i"
    i=$((i + 1))
done
printf 'odd\n' >"in/-rf"
printf 'ODD\n' >"expected/-rf"
printf 'odd\n' >"in/\$(touch x) 'a\".b"
printf 'ODD\n' >"expected/\$(touch x) 'a\".b"
for tree in in expected; do
    chmod 600 $tree/m1
    chmod 755 $tree/m2
    chmod 444 $tree/m3
    find $tree -exec touch -d '2020-02-02 02:02:02' {} +
    touch -d '1999-12-31 23:59:58' $tree/m2
done
# In an order that is not that of the names.
(cd in && ls | sort -r | tar -czf ../in.tar.gz -T - --verbatim-files-from 2>/dev/null) || (cd in && tar -czf ../in.tar.gz -- *)
"$MILLRACE" list in.tar.gz >names
for how in -j1 '-j4 -R2 -W2' '--pool shared -j3 --memory 2M'; do
    # shellcheck disable=SC2086
    run run in.tar.gz -q -f -o out.zip $how -x tr a-z A-Z
    expect_status 0
    run list out.zip
    expect_same names "$out"
    rm -rf out
    run run out.zip -q -o out/
    expect_same_tree expected out
done
# Members that are not selected stay as they are, in their places.
run run in.tar.gz -q -o some.zip --include 'm1*' -x tr a-z A-Z
run list some.zip
expect_same names "$out"
run run some.zip -q -o some/
expect_same expected/m1 some/m1
expect_same in/m2 some/m2

# 1 MB becomes 100 MB: seen by the command itself, before and after. Through a pipe, and as a file; into an archive too.
head -c 1000000 "$MILLRACE" >small
peak='sed -n "s/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p" /proc/$PPID/status'
filter="cat >/dev/null; $peak >before; head -c 100000000 /dev/zero; $peak >after"
file="$peak >before; head -c 100000000 /dev/zero >{out}; $peak >after"
check_growth() { # check_growth OUTPUT SCRIPT
    run run small -q --memory 8M -o "$1" --tmpdir . -x sh -c "$2"
    expect_status 0
    [ $(($(cat after) - $(cat before))) -lt 16000 ] || fail "from $(cat before) to $(cat after) KiB"
}
check_growth null: "$filter"
check_growth null: "$file"
check_growth a.tar "$filter"
