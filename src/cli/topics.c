#include "cli/topics.h"

#include <string.h>

static const struct topic topics[] = {
    {"inputs", "what INPUT may be, and the names that its items get",
     "INPUT is a directory, a file, an archive or - (stdin: an archive or a plain stream).\n"
     "Archives are recognised by their content, not by their name; a file that is only\n"
     "compressed (x.log.gz that holds no tar) is a plain file. --from FORMAT forces a\n"
     "format, --no-archives takes archives as plain files. -T FILE reads more names from\n"
     "a list (-0: with NUL at their ends). A symbolic link that is an INPUT is followed;\n"
     "in a list or a tree it is a link (-L follows those too).\n"
     "\n"
     "Names in the output:\n"
     "  one directory   relative to it: `run site -o out/` makes out/index.html\n"
     "  one archive     the names of its members\n"
     "  one file        its own name\n"
     "  several inputs  each below its own base name (archives without their suffix);\n"
     "                  --merge puts all into one tree\n"
     "  a list (-T)     with the directories that the list gives them\n"
     "\n"
     "In messages and filters the member dir/a.txt of outer.zip is outer.zip!/dir/a.txt.\n"},
    {"outputs", "what OUTPUT may be",
     "  -o DIR/       a tree, also where DIR is a directory that exists\n"
     "  -o a.tar.zst  an archive, where the suffix is known: see `millrace formats`\n"
     "  --to FORMAT   an archive of this format, whatever its name\n"
     "  -o FILE       the result, where the only input is one file or stdin (which is then\n"
     "                taken as a plain stream)\n"
     "  -o -          stdout: the contents one after the other, or the archive of --to;\n"
     "                not to a terminal\n"
     "  -o null:      nowhere: only counted\n"
     "  --in-place    no -o: each INPUT is replaced by its result\n"
     "\n"
     "What is there already is not touched, but reported; see `millrace help existing`.\n"
     "A file appears under its name when it is complete, or not at all. An output that is\n"
     "an input or lies in one is refused.\n"},
    {"operations", "chains of operations",
     "Each -p OP and -x COMMAND is applied in the order given, to the content of every\n"
     "file that is selected:\n"
     "  millrace run logs -p gunzip -x grep ERROR \\; -p gzip:level=9 -o errors/\n"
     "Without any, content goes through unchanged: `run dir -o a.zip` packs,\n"
     "`run a.zip -o dir/` unpacks, `run a.tar.xz -o a.tar.zst` converts.\n"
     "Operations that compress add their suffix to the name, those that decompress take it\n"
     "away; --suffix and --extension override that.\n"
     "\n"
     "`millrace ops` lists the operations, `millrace ops NAME` shows the settings of one.\n"
     "A command gets the content as stdin, and what it writes to stdout is the result; a\n"
     "status other than 0 fails the item. It is not run by a shell: use -x sh -c '...'.\n"},
    {"sandbox", "how archives are read",
     "zip archives, and the compression around others (gzip, zstd, xz, bzip2, lz4), are read by\n"
     "millrace itself. All else is libarchive's, which hostile input can make loop for ever,\n"
     "crash, or end its process. So it runs in a process of its own, millrace-read, one for\n"
     "each archive, which can do nothing but read that archive and hand over what is in it:\n"
     "no files, no network, no programs (no_new_privs, Landlock, seccomp; as far as the\n"
     "kernel has them), at most 128 MiB of memory.\n"
     "If it ends before its time, or makes no progress for 10 seconds, that archive fails.\n"
     "What was complete stays, and the run goes on (status 1).\n"
     "\n"
     "--no-sandbox reads archives within millrace: for a place where no process can be\n"
     "started, or an archive that needs more memory. Only for archives that you trust.\n"},
    {"sizes", "how sizes, durations, dates and numbers of threads are written",
     "Sizes      123, 64K, 10M, 2GiB, 1.5G: K, M, G, T are powers of 1024\n"
     "Durations  500ms, 30s, 5m, 2h, 3d, 1w; a bare number is seconds\n"
     "Dates      2026-11-22, '2026-11-22 14:30:05', 2026-11-22T14:30:05Z, @SECONDS; local\n"
     "           time unless it ends in Z\n"
     "Threads    4: four; +1, -1: one more, one less than there are processors; 50%: of the\n"
     "           processors; auto. Processors: those this process may use (affinity mask\n"
     "           and cgroup quota)\n"
     "Memory     a size, or 50%: of the memory limit (cgroup limit or the machine's memory)\n"},
    {"limits", "how much may come of an input, and what archives may not do",
     "What an archive says of itself is a claim; limits count the bytes that come.\n"
     "  --max-item-size SIZE   any       an item is refused (exit 1)\n"
     "  --max-ratio N          200       from 10 MiB on: a member, what gunzip and the like\n"
     "                                   unpack (refused, exit 1), an archive as a whole\n"
     "                                   (nothing more is read of it, exit 1); 0: any\n"
     "  --max-total-size SIZE  any       the run ends (exit 3)\n"
     "  --max-items N          any       the run ends (exit 3)\n"
     "  --max-depth N          any       what is deeper is left out\n"
     "  names of members       always    at most 128 parts of 255 bytes, 4095 bytes in all\n"
     "  memory of a decoder    always    128 MiB for a zstd window or an xz dictionary\n"
     "The holes of sparse members count as content, at 1/128 up to 256 MiB.\n"
     "-P is about links that lead out of the output, and changes none of this.\n"
     "\n"
     "Names with '..' and links out of the output are refused, names that begin with '/'\n"
     "too (--absolute-names strip). zip archives that readers take for different things are\n"
     "refused as a whole; --lenient-zip reads them with a warning. What is damaged is\n"
     "refused, what was whole before it is kept. Garbage behind compressed data is left\n"
     "out with a warning, and the exit status is 1.\n"},
    {"exit", "exit statuses",
     "0  all done\n"
     "1  some items failed or were refused; the rest is complete\n"
     "2  the command line is wrong; nothing was done\n"
     "3  stopped by an error or a limit\n"
     "After SIGINT, SIGTERM or SIGHUP what is in flight has 5 seconds to end, or until a\n"
     "second signal; what is not complete then is removed, and millrace ends by that signal\n"
     "(a shell shows 128 + its number). A third signal ends it at once.\n"},
};

const struct topic *topics_at(size_t index)
{
    return index < sizeof(topics) / sizeof(topics[0]) ? &topics[index] : NULL;
}

const struct topic *topics_find(const char *name)
{
    const struct topic *topic;
    for (size_t i = 0; (topic = topics_at(i)); i++)
        if (strcmp(topic->name, name) == 0)
            return topic;
    return NULL;
}
