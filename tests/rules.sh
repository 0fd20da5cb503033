#!/bin/sh
# rules.sh [TREE]: the rules that hold the source tree together. Prints each violation as PLACE: RULE; status 1 if any.
# rules.sh --self-test: breaks each rule in a small tree of its own and checks that it is noticed.
# shellcheck disable=SC2016 # the samples of the self-test are evaluated later
set -u
LC_ALL=C
export LC_ALL

# Prints FILE:LINE:CODE for C files, without comments and without what string and character literals hold.
code_of() {
    awk '
    FNR == 1 { in_comment = 0 }
    {
        text = $0; code = ""
        while (length(text) > 0) {
            if (in_comment) {
                end = index(text, "*/")
                if (end == 0) { text = ""; break }
                text = substr(text, end + 2); in_comment = 0
            } else if (match(text, /^"([^"\\]|\\.)*"/) && code !~ /^[ \t]*#[ \t]*include[ \t]*$/) {
                code = code "\"\""; text = substr(text, RLENGTH + 1)
            } else if (match(text, /^\047([^\047\\]|\\.)+\047/)) {
                code = code "0"; text = substr(text, RLENGTH + 1)
            } else if (substr(text, 1, 2) == "/*") {
                in_comment = 1; text = substr(text, 3)
            } else if (substr(text, 1, 2) == "//") {
                text = ""
            } else {
                code = code substr(text, 1, 1); text = substr(text, 2)
            }
        }
        if (code ~ /[^ \t]/) print FILENAME ":" FNR ":" code
    }' "$@" /dev/null
}

# find_code DIRECTORY...: code_of() for the C files below those directories that exist.
find_code() {
    for directory in "$@"; do
        [ -d "$directory" ] || continue
        find "$directory" -name '*.[ch]' | sort
    done | while IFS= read -r file; do code_of "$file"; done
}

library_rooms() { # every room of src but those of programs
    for room in src/*/; do
        room=${room%/}
        case $room in src/cli | src/examples | src/helper) ;; *) printf '%s\n' "$room" ;; esac
    done
}

rule_top_level() {
    for entry in *; do
        case $entry in
        CMakeLists.txt | README.md | include | src | testdata | tests | build*) ;;
        *) echo "$entry: does not belong at the top: move it into src, include, tests or testdata" ;;
        esac
    done
    for entry in CMakeLists.txt README.md include src testdata tests; do
        [ -e "$entry" ] || echo "$entry: is missing at the top"
    done
}

rule_build_files() {
    { git ls-files 2>/dev/null || :; } | grep -E '^build[^/]*/|(^|/)(CMakeCache\.txt|CMakeFiles/|Testing/)|\.(o|a|so|so\.[0-9.]+)$' |
        sed 's/$/: a build product is committed/'
}

rule_threads() {
    # shellcheck disable=SC2046
    find_code include src | grep -E '[^a-zA-Z0-9_](pthread_|thrd_|mtx_|cnd_|sem_(init|wait|post))|<(pthread|threads|semaphore)\.h>' |
        grep -v '^src/engine/' | sed 's/$/   <- threads and locks live in src\/engine/'
}

# Includes run one way. A room may include itself, the public headers and the rooms listed for it.
rule_includes() {
    find_code include src | awk -F: '
    BEGIN {
        allowed["base"] = ""; allowed["codec"] = "base"; allowed["engine"] = "base"; allowed["observe"] = "base policy flow"
        allowed["policy"] = "base"
        allowed["source"] = allowed["sink"] = allowed["operation"] = "base codec"
        allowed["flow"] = "engine base codec policy operation source sink"
        allowed["bench"] = "base engine flow source sink operation policy"
        allowed["compare"] = "base operation sink"
        allowed["cli"] = "base engine flow source sink operation policy observe bench compare"
        allowed["helper"] = "base codec engine policy source sink operation flow"
        allowed["examples"] = ""; allowed["public"] = ""
        for (room in allowed) rooms[room] = 1
    }
    {
        file = $1; line = $2; code = substr($0, length($1) + length($2) + 3)
        if (code !~ /^[ \t]*#[ \t]*include[ \t]*["<]/) next
        is_quoted = code ~ /include[ \t]*"/
        name = code; sub(/^[^"<]*["<]/, "", name); sub(/[">].*/, "", name)
        split(file, parts, "/"); room = parts[1] == "include" ? "public" : parts[2]
        target = name; if (!sub(/\/.*/, "", target)) target = ""
        if (!is_quoted && target != "millrace" && !(target in rooms)) next
        where = file ":" line ": includes " name ": "
        if (target == "millrace") next
        if (target == "" && name == "config.h" && room != "public" && room != "examples") next
        if (target == "") { print where "write room/file.h"; next }
        if (!(target in rooms)) { print where "unknown room"; next }
        if (!(room in rooms)) { print file ": the room " room " is not in the table of tests/rules.sh"; next }
        if (target == room && room != "examples") next
        if (index(" " allowed[room] " ", " " target " ") == 0)
            print where "src/" room " may use " (allowed[room] == "" ? "only the public headers" : allowed[room] " and the public headers")
    }'
}

rule_length() {
    for directory in include src; do
        [ -d "$directory" ] || continue
        find "$directory" -name '*.[ch]'
    done | sort | while IFS= read -r file; do
        count=$(wc -l <"$file")
        [ "$count" -le 500 ] || echo "$file: $((count)) lines; 500 are allowed: split it by what it does"
    done
}

# What clang-format leaves is a literal or a name that is too long.
rule_width() {
    for directory in include src tests; do
        [ -d "$directory" ] || continue
        find "$directory" -name '*.[ch]'
    done | sort | while IFS= read -r file; do
        awk 'length > 100 { print FILENAME ":" FNR ": " length " columns; 100 are allowed" }' "$file"
    done
}

# Library code does not print, end the program, or change what belongs to the whole process. abort() serves the lock wrappers.
rule_output() {
    # shellcheck disable=SC2046
    find_code include $(library_rooms) | awk -F: '
    {
        code = substr($0, length($1) + length($2) + 3)
        if (code ~ /(^|[^a-zA-Z0-9_])(v?printf|puts|putchar|perror|psignal|exit|_exit|_Exit|quick_exit)[ \t]*\(/ ||
            code ~ /(^|[^a-zA-Z0-9_])(stdout|stderr)([^a-zA-Z0-9_]|$)/ || code ~ /<err\.h>/)
            print $1 ":" $2 ": prints or exits; only src/cli, src/helper and src/examples may"
        if (code ~ /(^|[^a-zA-Z0-9_>.])abort[ \t]*\(/ && $1 !~ /^src\/engine\/thread\.[ch]$/)
            print $1 ":" $2 ": abort(); use assert() for broken invariants, an error for the rest"
        if (code ~ /(^|[^a-zA-Z0-9_])(setlocale|umask|chdir|fchdir|setenv|putenv)[ \t]*\(/)
            print $1 ":" $2 ": changes what belongs to the whole process"
    }'
}

rule_markers() {
    grep -rnwE "TO""DO|FIX""ME" CMakeLists.txt README.md include src tests testdata 2>/dev/null |
        grep -v '^Binary' | sed 's/$/   <- finish it or write an issue/'
}

# Every exported function has a comment above its declaration or above the block of declarations that it stands in, and
# every function of a public header is exported.
rule_public_comments() {
    for header in include/millrace/*.h; do
        [ -e "$header" ] || continue
        awk '
        /^[ \t]*$/ { has_comment = 0 }
        /\*\/[ \t]*$/ { has_comment = 1 }
        /^MR_API/ && !has_comment { print FILENAME ":" FNR ": a public function without a comment above" }
        /^[a-z][a-z_ ]*[ *]mr_[a-z0-9_]+\(/ && !/^(static|typedef)/ { print FILENAME ":" FNR ": a public function without MR_API" }
        ' "$header"
    done
}

rule_unique_names() {
    find src -name '*.[ch]' | awk -F/ '
    $NF in seen { print $0 ": has the name of " seen[$NF] }
    { if (!($NF in seen)) seen[$NF] = $0 }'
}

threat_ids() { # the numbers that the specification gives
    for last in N11 L9 B10 A10 I12 P12 J7; do
        seq -f "${last%%[0-9]*}%g" "${last#?}"
    done
}

# Every threat names a test that is there, or says why not.
rule_threats() {
    [ -f tests/threats.txt ] || return 0
    threat_ids | while read -r id; do
        grep -q "^$id " tests/threats.txt || echo "tests/threats.txt: $id is missing"
    done
    grep -v '^#' tests/threats.txt | while read -r id test reason; do
        [ -n "$reason" ] || echo "tests/threats.txt: $id says nothing"
        [ "$test" = - ] || [ -f "$test" ] || echo "tests/threats.txt: $id names $test, which is not there"
    done
}

rules="top_level build_files threads includes length width output markers public_comments unique_names threats"

check_tree() { # check_tree TREE
    cd "$1" || return 2
    found=0
    for rule in $rules; do
        violations=$("rule_$rule")
        [ -n "$violations" ] || continue
        printf '%s\n' "$violations" | sed "s/^/[$rule] /"
        found=1
    done
    return "$found"
}

# A tree in which every rule holds.
make_clean_tree() {
    mkdir -p "$1/include/millrace" "$1/src/base" "$1/src/engine" "$1/src/cli" "$1/tests" "$1/testdata" "$1/build-x"
    touch "$1/CMakeLists.txt" "$1/README.md" "$1/build-x/a.o"
    printf '/* Adds. */\nMR_API int mr_add(int a);\nMR_API int mr_sub(int a);\n' >"$1/include/millrace/add.h"
    printf '#include "base/add.h"\n#include <stdio.h>\n/* printf( stderr pthread_create( */\n// exit(1)\nint x; char *s = "exit(1)"; char c = 0x27;\nint f(void) { return snprintf(s, 1, "stderr"); }\n' >"$1/src/base/add.c"
    printf '#include "millrace/add.h"\n' >"$1/src/base/add.h"
    printf '#include <pthread.h>\n#include "base/add.h"\npthread_t t; void g(void) { abort(); }\n' >"$1/src/engine/thread.c"
    printf '#include "engine/line.h"\nint main(void) { printf("x"); fputs("y", stderr); exit(1); }\n' >"$1/src/cli/main.c"
}

# expect RULE COMMAND: a clean tree in which COMMAND was run (as $t) breaks RULE and nothing else.
expect() {
    t=$work/tree
    rm -rf "$t"
    make_clean_tree "$t"
    eval "$2"
    output=$(check_tree "$t")
    status=$?
    total=$((total + 1))
    if [ "$1" = none ]; then
        [ "$status" -eq 0 ] && return
        echo "FAIL: a clean tree is refused ($2): $output"
    else
        others=$(printf '%s\n' "$output" | grep -v "^\[$1\]")
        [ "$status" -ne 0 ] && [ -z "$others" ] && return
        echo "FAIL: $1 did not notice, or not alone: $2"
        printf '%s\n' "$output"
    fi
    wrong=$((wrong + 1))
}

self_test() {
    work=$(mktemp -d) || exit 2
    trap 'rm -rf "$work"' EXIT
    total=0 wrong=0
    GIT_CEILING_DIRECTORIES=$work
    export GIT_CEILING_DIRECTORIES
    c='>>"$t/src/base/add.c"'
    expect none ':'
    expect top_level 'touch "$t/notes.txt"'
    expect top_level 'mkdir "$t/docs"'
    expect top_level 'rm "$t/README.md"'
    if command -v git >/dev/null 2>&1; then
        expect none 'git -C "$t" init -q; git -C "$t" add CMakeLists.txt'
        expect build_files 'git -C "$t" init -q; git -C "$t" add -f build-x/a.o'
    fi
    expect threads "echo 'int r = pthread_mutex_lock(0);' $c"
    expect threads "echo '#include <pthread.h>' $c"
    expect threads "echo '#include <threads.h>' >>\"\$t/include/millrace/add.h\""
    expect threads "echo 'int r = mtx_lock(0);' $c"
    expect includes "echo '#include \"engine/line.h\"' $c"
    expect includes "echo '#include \"line.h\"' $c"
    expect includes "echo '#include \"../engine/line.h\"' $c"
    expect includes "echo '#include <engine/line.h>' $c"
    expect includes "echo '#include \"flow/job.h\"' >>\"\$t/src/engine/thread.c\""
    for room in source sink operation policy; do
        expect none "mkdir \"\$t/src/$room\"; echo '#include \"base/add.h\"' >\"\$t/src/$room/a.c\""
        expect includes "mkdir \"\$t/src/$room\"; echo '#include \"flow/job.h\"' >\"\$t/src/$room/a.c\""
        expect includes "mkdir \"\$t/src/$room\"; echo '#include \"engine/line.h\"' >\"\$t/src/$room/a.c\""
    done
    expect includes 'mkdir "$t/src/operation"; echo "#include \"source/sources.h\"" >"$t/src/operation/a.c"'
    expect none 'mkdir "$t/src/flow"; echo "#include \"source/sources.h\"" >"$t/src/flow/a.c"'
    expect includes 'mkdir "$t/src/flow"; echo "#include \"cli/options.h\"" >"$t/src/flow/a.c"'
    expect includes 'mkdir "$t/src/examples"; echo "#include \"base/path.h\"" >"$t/src/examples/a.c"'
    expect includes 'echo "#include \"base/path.h\"" >>"$t/include/millrace/add.h"'
    expect none 'mkdir "$t/src/helper"; printf "#include \"flow/job.h\"\nint main(void) { exit(1); }\n" >"$t/src/helper/a.c"'
    expect includes 'mkdir "$t/src/helper"; echo "#include \"cli/options.h\"" >"$t/src/helper/a.c"'
    expect includes 'mkdir "$t/src/flow"; echo "#include \"helper/begin.h\"" >"$t/src/flow/a.c"'
    expect includes 'mkdir "$t/src/attic"; echo "#include \"base/path.h\"" >"$t/src/attic/a.c"'
    expect length 'yes "int y;" | head -n 501 >"$t/src/base/long.c"'
    expect none 'yes "int y;" | head -n 500 >"$t/src/base/long.c"'
    expect width 'printf "/* %0100d */\n" 0 >"$t/src/base/wide.c"'
    expect none 'printf "/* %094d */\n" 0 >"$t/src/base/wide.c"'
    expect output "echo 'void h(void) { exit(1); }' $c"
    expect output "echo 'void h(void) { _exit (1); }' $c"
    expect output "echo 'void h(void) { printf(\"a\"); }' $c"
    expect output "echo 'void h(void) { fprintf(stderr, \"a\"); }' $c"
    expect output "echo 'void h(void) { perror(\"a\"); /* why */ }' $c"
    expect output "echo 'void h(void) { abort(); }' $c"
    expect none "echo 'void h(struct s *s) { s->abort(s); s->call.abort(s); }' $c"
    expect output "echo 'void h(void) { umask(0); }' $c"
    expect output "echo '#include <err.h>' $c"
    expect markers "echo '/* TO''DO: later */' $c"
    expect markers "echo '# FIX''ME' >>\"\$t/CMakeLists.txt\""
    expect public_comments 'printf "\nMR_API int mr_mul(int a);\n" >>"$t/include/millrace/add.h"'
    expect public_comments 'printf "\n/* Divides. */\nint mr_div(int a);\n" >>"$t/include/millrace/add.h"'
    expect none 'threat_ids | sed "s/$/ - why/" >"$t/tests/threats.txt"'
    expect threats 'threat_ids | sed "s/$/ - why/;3d" >"$t/tests/threats.txt"'
    expect threats '{ threat_ids | sed "s/$/ - why/"; echo "X1 tests/none.sh why"; } >"$t/tests/threats.txt"'
    expect threats '{ threat_ids | sed "s/$/ - why/"; echo "X1 -"; } >"$t/tests/threats.txt"'
    expect unique_names 'cp "$t/src/base/add.h" "$t/src/engine/add.h"'
    echo "rules.sh: $((total - wrong)) of $total samples were judged right"
    [ "$wrong" -eq 0 ]
}

case ${1:-} in
--self-test) self_test ;;
-*) echo "usage: rules.sh [TREE | --self-test]" >&2; exit 2 ;;
*) check_tree "${1:-$(dirname -- "$0")/..}" ;;
esac
