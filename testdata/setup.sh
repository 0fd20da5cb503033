#!/bin/sh
# setup.sh: makes sure that what millrace is built and tested with is there. testdata/demo.sh and tests/run.sh call it.
#
# Looks first (programs, pkg-config modules, headers), so a second run needs no network and takes no time. On Debian and
# its relatives the rest is installed by apt-get, with sudo only for an ordinary user. Elsewhere it says what is missing.
# Exit status: 0 ready, 1 something that the build cannot do without is missing.
set -u
export LC_ALL=C

say() { printf 'setup: %s\n' "$*"; }

# What is looked for, and the Debian package that brings it: NEED KIND NAME PACKAGE.
# must: no build without it. want: an optional library. test: a tool that the tests and the demo compare with.
table() {
    cat <<'TABLE'
must tool cc gcc
must header stdio.h libc6-dev
must tool cmake cmake
must tool make make
must tool pkg-config pkg-config
must module zlib zlib1g-dev
must module libarchive libarchive-dev
must module check check
want module libdeflate libdeflate-dev
want module libisal libisal-dev
want module libzstd libzstd-dev
want module liblzma liblzma-dev
want header bzlib.h libbz2-dev
want module liblz4 liblz4-dev
want module libxxhash libxxhash-dev
want module libcrypto libssl-dev
want module sqlite3 libsqlite3-dev
test tool gzip gzip
test tool xz xz-utils
test tool zstd zstd
test tool lz4 lz4
test tool bzip2 bzip2
test tool zip zip
test tool unzip unzip
test tool bsdtar libarchive-tools
test tool sqlite3 sqlite3
test tool git-lfs git-lfs
test tool spin spin
TABLE
}

has() { # has KIND NAME
    case $1 in
    tool) command -v "$2" >/dev/null 2>&1 ;;
    module) pkg-config --exists "$2" 2>/dev/null ;;
    header) printf '#include <%s>\n' "$2" | cc -E - >/dev/null 2>&1 ;;
    esac
}

# The packages of the table's rows with one of the given needs whose thing is not there, in one line.
missing() {
    table | while read -r need kind name package; do
        case " $* " in *" $need "*) has "$kind" "$name" || printf '%s ' "$package" ;; esac
    done
}

# The same, in words for a system without apt-get.
missing_names() {
    table | while read -r need kind name package; do
        case " $* " in *" $need "*) has "$kind" "$name" || printf '%s ' "$name" ;; esac
    done
}

install() { # install PACKAGE...
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    $as_root apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1 && return 0
    # The lists may be absent (a fresh container) or too old: fetch them once, then try again.
    if [ "$is_updated" = no ]; then
        is_updated=yes
        say "fetching the package lists"
        $as_root apt-get update -q >"$log" 2>&1 || say "apt-get update failed, trying all the same"
        $as_root apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1 && return 0
    fi
    return 1
}

lacking=$(missing must want test)
[ -n "$lacking" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo true; then
        as_root=sudo
    elif [ -z "$(missing must)" ]; then
        say "optional packages are missing, going on without: $lacking"
        exit 0
    else
        say "missing, and neither root nor allowed to use sudo: as root run: apt-get install -y --no-install-recommends $lacking" >&2
        exit 1
    fi
    is_updated=no
    log=$(mktemp) || exit 1
    trap 'rm -f "$log"' EXIT
    trap 'exit 1' HUP INT TERM
    say "installing $lacking"
    # shellcheck disable=SC2086 # a list of words
    if ! install $lacking; then
        # One package that this release does not have must not cost the others.
        for package in $lacking; do
            install "$package" || { say "apt-get could not install $package:"; tail -n 3 "$log"; }
        done
    fi
else
    say "no apt-get here: what is missing has to be installed by hand"
fi

lacking=$(missing_names must)
if [ -n "$lacking" ]; then
    say "cannot go on without: $lacking" >&2
    say "needed are a C11 compiler, cmake, make, pkg-config and the headers of zlib, libarchive (3.5 or newer) and check" >&2
    exit 1
fi
lacking=$(missing_names want test)
[ -z "$lacking" ] || say "going on without (less is built or tested): $lacking"
exit 0
