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
     "For -x see `millrace help commands`, for operations of your own `millrace help plugins`.\n"},
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
     "whole run goes with it. Do not load what you do not trust.\n"},
    {"commands", "how -x COMMAND [ARG]... [;] runs a command for each item",
     "One process for each item, -j at a time. There is no shell (-x sh -c '...' is one), so\n"
     "names arrive as they are, whatever is in them.\n"
     "\n"
     "filter  stdin is the content, stdout the result: millrace run logs -x jq -c . -o out/\n"
     "file    {in} is a file with the content, {out} one that the command makes:\n"
     "          millrace run a.zip -o b.zip --extension webp -e png -x cwebp {in} -o {out}\n"
     "        Where one of them is missing, stdin or stdout stands in for it. File mode is\n"
     "        meant where {in} or {out} occurs; they end in the extensions of the item and of\n"
     "        its output name. {in} leads to the open input file itself, which the command\n"
     "        must not change, or to a copy of a member. For a program that must have plain\n"
     "        files: --tmpdir DIR, where members and results are kept then (else /tmp)\n"
     "\n"
     "In arguments  {} name of the item, {.} without its extension, {/} last component, {/.}\n"
     "              without its extension, {//} directory, {#} number of the item in the run,\n"
     "              {%} number of the running command (1 to -j), {threads} its share of the\n"
     "              processors; {{ and }} are { and }\n"
     "Environment   MILLRACE_PATH, _SIZE (bytes; empty: not known), _MTIME (seconds since\n"
     "              1970), _SEQ as {#}, _WORKER as {%}\n"
     "\n"
     "An exit status other than 0 (--ok-status LIST: than these) or a signal fails the item;\n"
     "an empty result is a result, and input that is not read is no failure. The last line of\n"
     "stderr is in the message; -v shows its last 64 KiB. What a command leaves running in its\n"
     "process group is killed. Nothing of millrace is open in it but stdin, stdout, stderr.\n"},
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
     "(a shell shows 128 + its number), half a second later at most.\n"},
    {"resume", "how a run goes on where it was stopped",
     "  millrace run INPUT... -o OUTPUT --journal FILE            the first time\n"
     "  millrace run INPUT... -o OUTPUT --journal FILE --resume   to go on, as often as needed\n"
     "\n"
     "Each item is written down in FILE when its output has its name. --resume leaves out what\n"
     "was stored, as long as the source is the same (path, size, time, mode, inode; of members\n"
     "also the archive) and the output still has the size and time that it was given. What\n"
     "changed or is missing is done again; outputs of the earlier run are then replaced without\n"
     "-f, also one that was stored in the moment of the kill, when the same bytes come out\n"
     "again. What somebody else put there is not touched. Left-over temporary files are\n"
     "removed. --retry-failed does only what failed before. Without an earlier journal --resume\n"
     "begins a new one, so the second line serves the first time, too.\n"
     "\n"
     "Work, inputs, output, names, selection and metadata must be given as before; numbers of\n"
     "threads, memory, policies for failures and for what exists may change. An archive is\n"
     "made under a temporary name, so a run that was stopped begins it again; one that was\n"
     "finished is left as it is. A journal with a torn end is fine, one that is damaged in the\n"
     "middle is refused. One run at a time may use a journal, or write to a tree or archive.\n"
     "\n"
     "  --fsync none   outputs reach the disk when the system likes (default). After a crash of\n"
     "                 the system --resume reads outputs back and compares their CRC-32\n"
     "  --fsync file   the content of a file is on the disk before it gets its name\n"
     "  --fsync all    its name and the directories made for it, too, before it is written down\n"},
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
