# Directories and files become links that lead out, and are themselves again, while a run reads or writes them: nothing
# outside is changed, and nothing outside is read. For $RACE_SECONDS (2); a minute:
#
#   MILLRACE=build/millrace MR_BUILD=build RACE_SECONDS=60 sh tests/cli/faults/races.sh
case ${MR_BUILD:-.} in /*) ;; *) MR_BUILD=$PWD/$MR_BUILD ;; esac
case ${MILLRACE:-/} in /*) ;; *) MILLRACE=$PWD/$MILLRACE ;; esac
. "$(dirname "$0")/../lib.sh"
swap=$MR_BUILD/race/swap
[ -x "$swap" ] || skip 'this build has no race/swap'

# What lies outside has the names of what lies inside, and lines that no run may read or write.
for top in tree outside; do
    text=public
    [ $top = tree ] || text=SECRET
    for directory in $top/a/sub $top/b/sub $top/c/sub $top/d; do
        mkdir -p $directory
        for name in 0 1 2 3 4 5 6 7 8 9; do printf '%s\r\n' $text >$directory/$name; done
    done
done
find tree outside -exec touch -d '2020-02-02 02:02:02' {} +
"$MILLRACE" run tree -q -o tree.tar
"$MILLRACE" run tree -q -o tree.zip

look_outside() {
    find outside -printf '%p %y %m %s %n %T@ %C@\n' | sort
    find outside -type f -print0 | sort -z | xargs -0 cat | cksum
}
look_outside >outside.before

# begin_race DIRECTORY: its parts are exchanged for links to their likes outside.
begin_race() {
    mkdir spare
    pairs=
    for part in a b/sub c/sub d/0 d/1 d/2; do
        link=spare/$(echo $part | tr / _)
        ln -s "$PWD/outside/$part" "$link"
        pairs="$pairs $1/$part $link"
    done
    # shellcheck disable=SC2086
    "$swap" $pairs >count &
    racer=$!
    trap 'kill $racer 2>/dev/null; lib_remove' EXIT
}

end_race() {
    kill $racer
    wait $racer || :
    trap lib_remove EXIT
    swap_count=$((swap_count + $(cat count)))
    rm -rf spare
}

is_as_before() {
    look_outside >outside.now
    cmp -s outside.before outside.now
}

# race DIRECTORY OUTPUT ARG...: a run while DIRECTORY changes. It may refuse what it finds, and must not read what lies outside.
race() {
    raced=$1 made=$2
    shift 2
    cp -a tree in
    cp -a tree out
    begin_race "$raced"
    run run "$@"
    end_race
    round_count=$((round_count + 1))
    [ "$status" -lt 4 ] || fail "it ended with status $status"
    is_as_before || {
        diff outside.before outside.now >&2
        fail 'what lies outside has changed'
    }
    ! grep -raF SECRET "$made" >&2 || fail "$made holds what lies outside"
    rm -rf in out made made.tar
}

swap_count=0 round_count=0
# A program that trusts names goes astray: then the race is one.
cp -a tree out
begin_race out
tries=0
while is_as_before && [ $tries -lt 1000 ]; do
    for part in a b/sub c/sub; do printf 'astray\n' >"out/$part/0"; done
    tries=$((tries + 1))
done
end_race
[ $tries -lt 1000 ] || fail 'nothing ever went astray: this is no race'
rm -rf out outside/a/0 outside/b/sub/0 outside/c/sub/0
look_outside >outside.before

ends=$(($(date +%s) + ${RACE_SECONDS:-2}))
while [ $round_count -lt 6 ] || [ "$(date +%s)" -lt $ends ]; do
    race out out tree.tar -q -f -o out/
    race out out tree.zip -q -f --fsync file -o out/
    race in made in -q -o made/
    race in made.tar in -q -o made.tar
    race in in in -q --in-place -p lf
    race in made in -q --remove-source -o made/
done
echo "$swap_count exchanges during $round_count runs, nothing went astray"
