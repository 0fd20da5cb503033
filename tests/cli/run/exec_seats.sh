# -j counts running commands, also those of large items that other work comes in between of; {%} is different for each.
. "$(dirname "$0")/../lib.sh"

mkdir in
for i in 1 2 3 4 5 6 7 8 9; do
    { echo $i; head -c 2500000 "$MILLRACE"; } >in/$i
done
find in -type f | sort | xargs cat >all
for output in tree/ a.tar 'a.zip --unordered' -; do
    for how in '-j2 -R3' '-j3 --pool shared' '-j1 --memory 4M'; do
        rm -rf tree slots running
        mkdir running
        # shellcheck disable=SC2086
        run run in -q -f -o $output $how -x sh -c 'mkdir running/{%} && cat && rmdir running/{%} && echo {%} >>slots'
        expect_status 0
        case $output in
        tree/) expect_same_tree in tree ;;
        -) expect_same all "$out" ;;
        esac
        limit=${how#-j}
        [ "$(sort -n slots | tail -n 1)" -le "${limit%% *}" ] || fail "more than $limit commands at once: $(sort slots | uniq -c)"
        [ "$(wc -l <slots)" = 9 ] || fail "not all were run"
    done
done

# An item that is left out, as it is done already, keeps nobody from running where items have turns.
rm -rf in out
mkdir in
for i in 1 2 3 4 5 6; do echo $i >in/$i; done
run run in -q -o out/ --collide last -j1 --journal journal -x cat
expect_status 0
rm out/3 out/6
run_command timeout 60 "$MILLRACE" run in -q -o out/ --collide last -j1 --journal journal --resume -x cat
expect_status 0
expect_same_tree in out
