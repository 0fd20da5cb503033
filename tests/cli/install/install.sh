# `cmake --install` into an empty prefix: programs outside the tree are built against it, by pkg-config and by CMake,
# with the shared library and with the archive; the manual is where man looks.
. "$(dirname "$0")/../lib.sh"
need cmake pkg-config cc

[ -e "$MR_BUILD/libmillrace.so" ] || fail "the build has no shared library"
case $(sed -n 's/^MR_SANITIZE:STRING=//p' "$MR_BUILD/CMakeCache.txt") in
?*) skip "a sanitized library needs its sanitizer in every program" ;;
esac
run_command cmake --install "$MR_BUILD" --prefix "$PWD/usr"
expect_status 0
# What demo.sh builds can be installed: its target makes all that is installed from a build directory.
if command -v ninja >/dev/null; then
    run_command cmake -S "$MR_SOURCE" -B fresh -G Ninja
    expect_status 0
    run_command ninja -C fresh -t commands product
    expect_status 0
    for file in millrace millrace-read libmillrace.so libmillrace.a pages/man/man1/millrace.1 multi_step plugins/csv_cut.so; do
        expect_text "$out" "$file"
    done
    expect_no_text "$out" check_pool
fi
run_command usr/bin/millrace --version
expect_status 0
for file in share/man/man1/millrace.1* share/man/man3/millrace-pool.3* share/bash-completion/completions/millrace \
    share/zsh/vendor-completions/_millrace share/fish/vendor_completions.d/millrace.fish; do
    [ -s usr/$file ] || fail "usr/$file is missing or empty"
done
for header in "$MR_SOURCE"/include/millrace/*.h; do
    name=${header##*/}
    expect_file "usr/include/millrace/$name"
    [ -s "usr/share/man/man3/millrace-${name%.h}.3.gz" ] || [ -s "usr/share/man/man3/millrace-${name%.h}.3" ] ||
        fail "$name has no page in the manual"
done

# They are readable in 80 columns, the comments as text and not as code.
if command -v mandoc >/dev/null; then
    for page in usr/share/man/man3/*; do
        case $page in
        *.gz) gzip -dc "$page" >page.3 ;;
        *) cp "$page" page.3 ;;
        esac
        mandoc -Tlint page.3 | grep -v 'STYLE: input text line longer than 80 bytes' >lint || :
        expect_empty lint
        mandoc -Tascii -O width=80 page.3 | sed 's/.\x08//g' >shown
        ! grep -nE '.{81}|/\*( |$)|^ *\* ' shown || fail "$page has comments as code, or is wider than 80 columns"
    done
    expect_text shown 'struct mr_error {'
fi

libdir=$(dirname "$(find "$PWD/usr" -name millrace.pc)")
PKG_CONFIG_PATH=$libdir
LD_LIBRARY_PATH=${libdir%/pkgconfig}
export PKG_CONFIG_PATH LD_LIBRARY_PATH
cat >program.c <<'END'
#include <millrace/future.h>
#include <millrace/pool.h>
#include <stdio.h>

static enum mr_status twice(void *arg, void **result, struct mr_error *err)
{
    (void)err;
    *(int *)arg *= 2;
    *result = arg;
    return MR_OK;
}

int main(void)
{
    struct mr_pool *pool;
    struct mr_future *future;
    void *result;
    int number = 21;
    if (mr_pool_create(NULL, &pool, NULL) != MR_OK || mr_pool_submit(pool, twice, &number, &future, NULL) != MR_OK)
        return 1;
    if (mr_future_wait(future, -1, &result, NULL) != MR_OK)
        return 1;
    printf("%d by millrace %s\n", *(int *)result, mr_version());
    mr_future_release(future);
    mr_pool_destroy(pool);
    return 0;
}
END
# shellcheck disable=SC2046
run_command cc program.c -o by-pkg-config $(pkg-config --cflags --libs millrace)
expect_status 0
run_command ./by-pkg-config
expect_status 0
expect_text "$out" '42 by millrace'

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(program C)
find_package(millrace 0.1 REQUIRED)
add_executable(with-shared program.c)
target_link_libraries(with-shared millrace::millrace)
add_executable(with-archive program.c)
target_link_libraries(with-archive millrace::static)
END
run_command cmake -S . -B out -DCMAKE_PREFIX_PATH="$PWD/usr"
expect_status 0
run_command cmake --build out
expect_status 0
for program in with-shared with-archive; do
    run_command out/$program
    expect_status 0
    expect_text "$out" '42 by millrace'
done
# The library finds its helper program from where it lies itself.
cat >isolated.c <<'END'
#include <millrace/isolate.h>
#include <stdio.h>

int main(void)
{
    static const char *const operations[] = {"gzip", "gunzip"};
    struct mr_isolate_config config = {.struct_bytes = sizeof(config), .operations = operations, .operation_count = 2};
    struct mr_isolate *isolate;
    struct mr_buffer *in, *out;
    struct mr_error err = {0};
    if (mr_isolate_create(&config, &isolate, &err) != MR_OK || mr_buffer_create("a", "1234", 4, &in) != MR_OK ||
        mr_isolate_run(isolate, in, &out, &err) != MR_OK) {
        fputs(err.text, stderr);
        return 1;
    }
    printf("%zu bytes by another process\n", out->bytes);
    mr_buffer_destroy(in);
    mr_buffer_destroy(out);
    mr_isolate_destroy(isolate);
    return 0;
}
END
# shellcheck disable=SC2046
run_command cc isolated.c -o isolated $(pkg-config --cflags --libs millrace)
expect_status 0
run_command ./isolated
expect_status 0
expect_text "$out" '4 bytes by another process'
unset LD_LIBRARY_PATH
run_command out/with-archive
expect_status 0
