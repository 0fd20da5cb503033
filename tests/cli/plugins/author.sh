# What an author has: the installed headers, and no library. C11 and C++17, with all warnings.
. "$(dirname "$0")/../lib.sh"
need cmake cc
cmake --install "$MR_BUILD" --prefix "$PWD/prefix" >install.log 2>&1 || fail "cannot install: $(tail -n 3 install.log)"
expect_file prefix/include/millrace/operation.h
expect_missing prefix/include/millrace/internals.h
cc=${CC:-cc}
flags="-O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fPIC -shared -Iprefix/include"

run_command $cc -std=c11 $flags "$MR_SOURCE/src/examples/plugins/csv_cut.c" -o csv.so
expect_status 0
expect_empty "$err"

# The plugin that the header begins with.
sed -n 's/^ \*     //p' prefix/include/millrace/operation.h | grep -v '^cc \|^millrace ' >flip.c
grep -qF 'mr_plugin_v1' flip.c || fail "the header has no example"
run_command $cc -std=c11 $flags flip.c -o flip.so
expect_status 0

mkdir in
printf 'a,B\nc,D\n' >in/x
if [ -z "$(sed -n 's/^MR_SANITIZE:STRING=//p' "$MR_BUILD/CMakeCache.txt")" ]; then
    run run in -o cut/ -p ./csv.so:columns=2
    expect_status 0
    expect_line cut/x D
    run run in -o flipped/ -p ./flip.so
    expect_status 0
    printf 'A\fb*C\fd*' >expected
    expect_same expected flipped/x
fi

# C++: methods, exceptions inside, and a library of its own.
command -v "${CXX:-g++}" >/dev/null 2>&1 || exit 0
cat >reverse.cpp <<'END'
#include <millrace/operation.h>
#include <algorithm>
#include <new>
#include <string>

namespace {
class Reverse {
    std::string content_;
    std::size_t given_ = 0;
    bool is_turned_ = false;

public:
    void start() { content_.clear(), given_ = 0, is_turned_ = false; }
    mr_status process(mr_io *io)
    {
        content_.append(reinterpret_cast<const char *>(io->in), io->in_bytes);
        mr_io_advance(io, io->in_bytes, 0);
        if (!io->is_last)
            return MR_OK;
        if (!is_turned_)
            std::reverse(content_.begin(), content_.end());
        is_turned_ = true;
        std::size_t count = std::min(content_.size() - given_, io->out_bytes);
        std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(given_), count, io->out);
        given_ += count;
        mr_io_advance(io, 0, count);
        return given_ == content_.size() ? MR_DONE : MR_OK;
    }
};

mr_status create(const void *, void **state, mr_error *err)
{
    *state = new (std::nothrow) Reverse;
    return *state ? MR_OK : mr_operation_fail(err, MR_E_MEMORY, "out of memory");
}
mr_status start(void *state, const mr_entry *, mr_error *) { return static_cast<Reverse *>(state)->start(), MR_OK; }
mr_status process(void *state, mr_io *io, mr_error *err)
{
    try {
        return static_cast<Reverse *>(state)->process(io);
    } catch (const std::exception &problem) {
        return mr_operation_fail(err, MR_E_MEMORY, "%s", problem.what());
    }
}
void destroy(void *state) { delete static_cast<Reverse *>(state); }

const mr_operation *const *operations()
{
    static mr_operation reverse{};
    static const mr_operation *const list[] = {&reverse, nullptr};
    reverse.struct_bytes = sizeof(reverse);
    reverse.name = "reverse";
    reverse.summary = "last byte first";
    reverse.state_create = create;
    reverse.start = start;
    reverse.process = process;
    reverse.state_destroy = destroy;
    return list;
}
}

const mr_plugin *mr_plugin_v1(const mr_host *)
{
    static const mr_plugin plugin{sizeof(mr_plugin), MR_PLUGIN_ABI, "reverse", "1.0", "0BSD", nullptr, operations()};
    return &plugin;
}
END
run_command "${CXX:-g++}" -std=c++17 $flags reverse.cpp -o reverse.so
expect_status 0
expect_empty "$err"
if [ -z "$(sed -n 's/^MR_SANITIZE:STRING=//p' "$MR_BUILD/CMakeCache.txt")" ]; then
    run run in -o reversed/ -p ./reverse.so
    expect_status 0
    printf '\nD,c\nB,a' >expected
    expect_same expected reversed/x
fi
