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
     "status other than 0 fails the item. It is not run by a shell: use -x sh -c '...'.\n"
     "Operations of your own: see `millrace help plugins`.\n"},
    {"plugins", "operations of your own, in C",
     "  -p ./FILE.so[:NAME][:KEY=VALUE,...]\n"
     "\n"
     "A plugin is a shared object that brings operations. Its name is given with a '/'; NAME\n"
     "may be left out where it has one operation. `millrace ops ./FILE.so` shows what it has.\n"
     "\n"
     "The header millrace/operation.h says all that an author needs, with a small plugin to\n"
     "start from; no library is linked. Built with\n"
     "  cc -std=c11 -O2 -fPIC -shared FILE.c -o FILE.so\n"
     "Sources of a larger one: src/examples/plugins/csv_cut.c.\n"
     "\n"
     "A plugin is checked when it is loaded (made for this interface, complete), and what its\n"
     "operations say is checked for each call: counts, statuses, names, promises. A lie fails\n"
     "the item. But its code runs in this process: when it crashes, hangs, ends the process,\n"
     "writes where it must not, takes all memory or changes what belongs to the process, the\n"
     "whole run goes with it. Code that you do not trust runs under --isolate, which never\n"
     "loads it into this process: see `millrace help isolation`.\n"},
    {"isolation", "operations in worker processes",
     "--isolate runs the operations of -p in worker processes (millrace-operate), one for\n"
     "each thread that processes; what comes out is the same. A process that crashes, ends\n"
     "itself, hangs (with --timeout) or takes more memory than its operations say and\n"
     "512 MiB fails the item that it was at, by name and with the reason; --retries and\n"
     "--on-error apply. A new one takes its place. When a process dies at the beginning of an\n"
     "item and had others before, the item is tried once more in a new one: the damage may\n"
     "be an earlier item's.\n"
     "\n"
     "A worker process sees the content and the entry of an item (not its extended\n"
     "attributes) and shares nothing with millrace but the memory for content. What it\n"
     "answers is checked. It has no descriptors of millrace, /dev/null as stdin, stdout and\n"
     "stderr, gains no privileges and leaves no core file. It ends when millrace does.\n"
     "Commands (-x) are processes anyway. Reading, writing and the codecs of archives stay in\n"
     "millrace, and so does what compresses a file over 1 MiB in blocks, where that is the\n"
     "last operation: several threads share in it.\n"
     "\n"
     "It keeps mistakes apart, and is no sandbox: a plugin may still read, write and send\n"
     "what you may.\n"},
    {"failures", "what happens when an item fails",
     "An item that fails is named with the reason; the others go on, and the exit status is\n"
     "1. --on-error stop ends the run instead, --on-error copy stores the input unchanged.\n"
     "\n"
     "--retries N tries an item up to N times more before that, where that may help: when a\n"
     "command or an operation failed, was late, or the system refused something; not when\n"
     "the content is damaged, or refused. It starts again from its unchanged input, after\n"
     "the fixed --retry-delay, and keeps its place in the output. What an archive or a\n"
     "stream gets of it is complete first: a large result waits in a temporary file.\n"
     "\n"
     "--timeout D counts the time that operations work on an item, in each attempt: not what\n"
     "it waits for its turn or a slow output. A command is ended in the middle; built-in\n"
     "operations notice it between two pieces of content (1 MiB), not within one.\n"
     "--timeout P% is measured by the median of the items so far: there is no limit until\n"
     "operations were through with ten.\n"
     "\n"
     "--halt N, --halt P% end the run as --on-error stop does, once N items have failed or\n"
     "more than P% of at least 20: no new items, those in flight end, exit status 3. What is\n"
     "complete in a tree stays; an archive is not made.\n"},
    {"sizes", "how sizes, durations, dates and numbers of threads are written",
     "Sizes      123, 64K, 10M, 2GiB, 1.5G: K, M, G, T are powers of 1024\n"
     "Durations  500ms, 30s, 5m, 2h, 3d, 1w; a bare number is seconds\n"
     "Dates      2026-11-22, '2026-11-22 14:30:05', 2026-11-22T14:30:05Z, @SECONDS; local\n"
     "           time unless it ends in Z\n"
     "Threads    4: four; +1, -1: one more, one less than there are processors; 50%: of the\n"
     "           processors; auto. Processors: those this process may use (affinity mask\n"
     "           and cgroup quota)\n"
     "Memory     a size, or 50%: of the memory limit (cgroup limit or the machine's memory)\n"},
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
