/*
 * What the ZIP sink writes, read by whatever else reads it. Programs that are not installed are
 * named on stderr and left out.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "sink/zip_sink.h"
#include "support/packing.h"

Suite *zip_readers_suite(void);

#define NOT_INSTALLED 77

/* Runs a command in the directory of the test: true when it was there and all is well. */
static bool run(const char *program, const char *command)
{
    char line[4096];
    snprintf(line, sizeof(line),
             "cd '%s' && { command -v %s >/dev/null || exit %d; } && { %s\n} >log 2>&1",
             packing.directory, program, NOT_INSTALLED, command);
    int status = system(line);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_INSTALLED) {
        fprintf(stderr, "zip_readers: %s is not installed\n", program);
        return false;
    }
    size_t log_bytes;
    char *log = support_read_file(packing.directory, "log", &log_bytes);
    ck_assert_msg(WEXITSTATUS(status) == 0, "%s: status %d: %s", command, WEXITSTATUS(status), log);
    free(log);
    return true;
}

static void write_text(const char *name, const char *text)
{
    support_write_file(packing.directory, name, text, strlen(text));
}

/* The archive that all of them read: "a.zip". */
static void make(enum mr_method method, bool has_links)
{
    const struct zip_sink_config config = {.encoding = {.method = method, .level = 6}};
    struct mr_sink *sink;
    archives_add(&packing.made, MR_KIND_FILE, "mimetype", 20);
    packing_add_usual();
    archives_add(&packing.made, MR_KIND_FILE, "large", 3 << 20);
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "owned", 1000);
    entry->has_owner = true;
    entry->uid = getuid();
    entry->gid = getgid();
    ck_assert_ok(zip_sink_create(packing_path("a.zip"), &config, &sink, &packing.err), packing.err);
    for (size_t i = 0; i < packing.made.count; i++)
        if (has_links || packing.made.items[i].entry.kind != MR_KIND_SYMLINK)
            ck_assert_ok(packing_put(sink, i), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
}

/* The i-th of made lies in the directory "out". */
static void check_unpacked(size_t i, bool has_metadata)
{
    const struct archives_item *item = &packing.made.items[i];
    char name[600];
    struct stat st;
    snprintf(name, sizeof(name), "out/%s", item->entry.path);
    ck_assert_msg(lstat(packing_path(name), &st) == 0, "%s is missing", name);
    if (has_metadata && !S_ISLNK(st.st_mode)) {
        ck_assert_msg((st.st_mode & 07777) == item->entry.mode, "%s: %o", name, st.st_mode);
        ck_assert_msg(S_ISDIR(st.st_mode) || item->entry.mtime_s < 2 ||
                          st.st_mtime == item->entry.mtime_s,
                      "%s: time %lld", name, (long long)st.st_mtime);
    }
    if (item->entry.kind == MR_KIND_SYMLINK) {
        char target[100] = "";
        ck_assert_int_gt(readlink(packing_path(name), target, sizeof(target) - 1), 0);
        ck_assert_str_eq(target, item->entry.target);
    }
    if (item->entry.kind != MR_KIND_FILE)
        return;
    size_t bytes;
    char *found = support_read_file(packing.directory, name, &bytes);
    ck_assert_int_eq((int64_t)bytes, item->entry.size_bytes);
    ck_assert_mem_eq(found, item->data, bytes);
    free(found);
}

static const struct {
    const char *program, *command;
    bool keeps_metadata, keeps_links;
} unpackers[] = {
    {"unzip", "unzip -qq a.zip -d out", true, true},
    {"7z", "7z x -bd -oout a.zip", true, false}, /* refuses links that lead out */
    {"bsdtar", "mkdir out && bsdtar -C out -xpf a.zip", true, true},
    /* Modes and links stand at the end of the archive, so a pipe gives neither. */
    {"bsdtar", "mkdir out && cat a.zip | bsdtar -C out -xf -", false, false},
    {"busybox", "mkdir out && cd out && busybox unzip -q ../a.zip", false, false},
    {"jar", "mkdir out && cd out && jar -xf ../a.zip", false, false},
};
#define UNPACKER_COUNT (sizeof(unpackers) / sizeof(unpackers[0]))

START_TEST(others_unpack_it)
{
    bool has_links = unpackers[_i].keeps_links;
    make(MR_METHOD_DEFLATE, has_links);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (!run(unpackers[_i].program, unpackers[_i].command))
        return;
    for (size_t i = 0; i < packing.made.count; i++)
        if (has_links || packing.made.items[i].entry.kind != MR_KIND_SYMLINK)
            check_unpacked(i, unpackers[_i].keeps_metadata);
}
END_TEST

static const char java_program[] =
    "import java.io.*; import java.util.*; import java.util.zip.*;\n"
    "public class Read {\n"
    "    static long drain(InputStream in) throws IOException {\n"
    "        long count = 0; byte[] room = new byte[65536];\n"
    "        for (int got; (got = in.read(room)) >= 0; count += got) {}\n"
    "        return count;\n"
    "    }\n"
    "    public static void main(String[] names) throws IOException {\n"
    "        for (String name : names) {\n"
    "            long streamed = 0, random = 0; int entries = 0;\n"
    "            try (ZipInputStream in = new ZipInputStream(new FileInputStream(name))) {\n"
    "                for (; in.getNextEntry() != null; entries++) streamed += drain(in);\n"
    "            }\n"
    "            try (ZipFile file = new ZipFile(name)) {\n"
    "                for (ZipEntry e : Collections.list(file.entries())) {\n"
    "                    long size = drain(file.getInputStream(e));\n"
    "                    if (size != e.getSize()) throw new IOException(e.getName());\n"
    "                    random += size;\n"
    "                }\n"
    "                if (entries != file.size() || streamed != random)\n"
    "                    throw new IOException(entries + \" \" + streamed + \" \" + random);\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n";

static const char python_program[] =
    "import sys, zipfile\n"
    "for name in sys.argv[1:]:\n"
    "    archive = zipfile.ZipFile(name)\n"
    "    assert archive.testzip() is None\n"
    "    for info in archive.infolist():\n"
    "        assert info.is_dir() == info.filename.endswith('/') == bool(info.external_attr & "
    "0x10)\n"
    "        assert info.create_system == 3 and info.external_attr >> 28 in (4, 8, 10), info\n"
    "        assert info.date_time[:5] == (2023, 11, 14, 22, 13) or info.filename[0] == 'n', "
    "info\n";

/* One item, deflated, that is known only at its end. */
static void make_streamed(const char *name, bool knows_size)
{
    const struct zip_sink_config config = {.encoding.method = MR_METHOD_DEFLATE};
    struct mr_sink *sink;
    struct mr_writer *writer;
    struct mr_entry entry;
    unsigned char *stored = archives_encode(&packing.made.items[1], MR_METHOD_DEFLATE, &entry);
    const struct mr_entry late = entry;
    entry.encoding.has_crc = false;
    entry.encoding.stored_bytes = MR_SIZE_UNKNOWN;
    if (!knows_size)
        entry.size_bytes = MR_SIZE_UNKNOWN;
    ck_assert_ok(zip_sink_create(packing_path(name), &config, &sink, &packing.err), packing.err);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    ck_assert_ok(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &packing.err),
                 packing.err);
    ck_assert_ok(
        sink->ops->write(sink, writer, stored, (size_t)late.encoding.stored_bytes, &packing.err),
        packing.err);
    entry = late;
    ck_assert_ok(sink->ops->commit(sink, writer, &packing.err), packing.err);
    ck_assert_ok(packing_put(sink, 2), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    free(stored);
}

/* An archive of nothing, one of directories alone, and one with more members than 16 bits count. */
static void make_odd(void)
{
    static const unsigned counts[] = {0, 3, 70000};
    struct mr_sink *sink;
    for (size_t i = 0; i < 3; i++) {
        const struct zip_sink_config config = {.encoding.method = MR_METHOD_DEFLATE};
        char name[40];
        struct mr_entry entry = {.path = name, .kind = i == 2 ? MR_KIND_FILE : MR_KIND_DIRECTORY};
        entry.has_encoding = i == 2;
        entry.encoding.has_crc = true;
        entry.has_mtime = true;
        entry.mtime_s = 1700000000;
        snprintf(name, sizeof(name), "%u.zip", counts[i]);
        ck_assert_ok(zip_sink_create(packing_path(name), &config, &sink, &packing.err),
                     packing.err);
        for (unsigned at = 0; at < counts[i]; at++) {
            struct mr_writer *writer;
            snprintf(name, sizeof(name), "%u", at);
            ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &packing.err), packing.err);
            ck_assert_ok(sink->ops->commit(sink, writer, &packing.err), packing.err);
        }
        ck_assert_ok(packing_finish(sink), packing.err);
        sink->ops->destroy(sink);
    }
}

static const struct {
    const char *program, *command;
} testers[] = {
    {"unzip", "for zip in a stored streamed huge 3 70000; do unzip -tqq $zip.zip || exit; done"},
    {"zipinfo", "for zip in a stored streamed huge 3; do"
                " zipinfo -v $zip.zip >found || exit;"
                " ! grep -iE 'warning|error|unknown|caution|extra bytes' found || exit; done"},
    {"7z", "for zip in a stored streamed huge 0 3 70000; do 7z t -bd $zip.zip || exit;"
           " done; ! grep -iE 'warning|error' log"},
    {"bsdtar", "for zip in a stored streamed huge 0 3 70000; do"
               " bsdtar -xOf $zip.zip >/dev/null || exit;"
               " bsdtar -xOf - <$zip.zip >/dev/null || exit; done"},
    {"busybox", "for zip in a stored streamed 3 70000; do busybox unzip -t -q $zip.zip || exit;"
                " done"},
    {"python3", "TZ=UTC python3 Read.py a.zip stored.zip streamed.zip huge.zip 0.zip 3.zip "
                "70000.zip"},
    /* Java's reader of streams does not take the descriptor of zip64 for less than 4 GiB. */
    {"java", "java Read.java a.zip stored.zip streamed.zip 3.zip 70000.zip"},
    {"zip", "for zip in a stored streamed huge 3 70000; do zip -qT $zip.zip || exit; done"},
};
#define TESTER_COUNT (sizeof(testers) / sizeof(testers[0]))

START_TEST(others_find_nothing_wrong)
{
    setenv("TZ", "UTC", 1);
    make(MR_METHOD_PLAIN, true);
    char *from = strdup(packing_path("a.zip"));
    ck_assert_int_eq(rename(from, packing_path("stored.zip")), 0);
    free(from);
    archives_clear(&packing.made);
    make(MR_METHOD_DEFLATE, true);
    archives_clear(&packing.made);
    for (size_t i = 0; i < 3; i++)
        archives_add(&packing.made, MR_KIND_FILE, i == 0 ? "a" : i == 1 ? "b" : "c", 100000);
    make_streamed("streamed.zip", true);
    make_streamed("huge.zip", false);
    make_odd();
    write_text("Read.java", java_program);
    write_text("Read.py", python_program);
    run(testers[_i].program, testers[_i].command);
}
END_TEST

START_TEST(seven_zip_reads_zstd)
{
    if (!MR_HAVE_ZSTD)
        return;
    make(MR_METHOD_ZSTD, false);
    if (!run("7z", "7z i | grep -qi zstd || { echo too old >old; exit 0; }; 7z x -bd -oout a.zip"))
        return;
    if (access(packing_path("old"), F_OK) == 0) {
        fprintf(stderr, "zip_readers: this 7z knows no zstd\n");
        return;
    }
    for (size_t i = 0; i < packing.made.count; i++)
        if (packing.made.items[i].entry.kind != MR_KIND_SYMLINK)
            check_unpacked(i, true);
}
END_TEST

Suite *zip_readers_suite(void)
{
    Suite *suite = suite_create("zip_readers");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, others_unpack_it, 0, (int)UNPACKER_COUNT);
    tcase_add_loop_test(cases, others_find_nothing_wrong, 0, (int)TESTER_COUNT);
    tcase_add_test(cases, seven_zip_reads_zstd);
    suite_add_tcase(suite, cases);
    return suite;
}
