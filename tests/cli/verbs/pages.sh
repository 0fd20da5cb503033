# The manual and the completions that the tool writes: every option is in them, and their readers take them.
. "$(dirname "$0")/../lib.sh"

run help man
expect_status 0
cp "$out" man.1
expect_line man.1 '.SH "EXIT STATUS"'
for shell in bash zsh fish; do
    run help $shell
    expect_status 0
    cp "$out" completion.$shell
done
for verb in run list test diff bench report; do
    run $verb --help
    expect_status 0
    # "  -p, --process OP..." or "      --from FORMAT"; in the manual every - is \-.
    sed -n 's/^  \(-., \|    \)--\([a-z-]*\).*/\2/p' "$out" >options
    [ "$(wc -l <options)" -ge 4 ] || fail "no options seen in $verb --help"
    while read -r option; do
        expect_text man.1 "\\-\\-$(printf '%s' "$option" | sed 's/-/\\-/g')"
        expect_text completion.bash "--$option"
        grep -q -- "'\*--$option=\{0,1\}\[" completion.zsh || fail "--$option of $verb is not completed by zsh"
        expect_text completion.fish "_from $verb' -l $option"
    done <options
done
if command -v mandoc >/dev/null; then
    mandoc -Tlint man.1 | grep -v 'STYLE: input text line longer than 80 bytes' >lint || :
    expect_empty lint
fi

cat >try.bash <<'END'
set -u
. ./completion.bash
try() { # try WORDS...: what the last word may become
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _millrace
    echo "${COMPREPLY[*]}"
}
mkdir -p here/sub
touch here/file
try millrace r
try millrace run --pres
try millrace run --on-error s
try millrace run -p gunz
try millrace run -C here/
try millrace run here/f
try millrace help exit
try millrace help he
try millrace run --on-error = s
try millrace run --on-error =
try millrace bench --compare here/f
try millrace run -p here/f
END
need bash
run_command bash try.bash
expect_status 0
expect_output 'run report' --preserve 'skip stop' gunzip here/sub here/file exit help \
    'skip stop' 'skip stop copy' here/file here/file

! command -v zsh >/dev/null || zsh -n completion.zsh || fail "zsh does not take its completions"
if command -v fish >/dev/null; then
    run_command env HOME="$PWD" fish -c 'source completion.fish; complete -C "millrace run --on-error s"
        complete -C "millrace run -p here/f"; complete -C "millrace bench --compare=here/f"'
    expect_text "$out" skip
    expect_text "$out" here/file
    expect_text "$out" --compare=here/file
fi
