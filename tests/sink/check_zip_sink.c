/* The ZIP sink, driven as a job drives it, and read back by libarchive or byte by byte. */
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "config.h"
#include "sink/zip_sink.h"
#include "support/packing.h"

Suite *zip_sink_suite(void);

static struct mr_sink *create(const char *name, enum mr_method method)
{
    const struct zip_sink_config config = {.encoding = {.method = method, .level = 6}};
    const char *path = *name == '/' || strcmp(name, "-") == 0 ? name : packing_path(name);
    struct mr_sink *sink;
    ck_assert_ok(zip_sink_create(path, &config, &sink, &packing.err), packing.err);
    return sink;
}

/* made into a file. */
static void pack(const char *name, enum mr_method method, size_t piece_bytes)
{
    struct mr_sink *sink = create(name, method);
    ck_assert_ok(archives_write(sink, &packing.made, piece_bytes, &packing.err), packing.err);
    sink->ops->destroy(sink);
}

static unsigned char *read_bytes(const char *name, size_t *size_bytes)
{
    return (unsigned char *)support_read_file(packing.directory, name, size_bytes);
}

static unsigned number(const unsigned char *at, size_t bytes)
{
    unsigned value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static void ck_assert_same_files(const char *one, const char *other)
{
    size_t one_bytes, other_bytes;
    unsigned char *first = read_bytes(one, &one_bytes);
    unsigned char *second = read_bytes(other, &other_bytes);
    ck_assert_uint_eq(one_bytes, other_bytes);
    ck_assert_mem_eq(first, second, one_bytes);
    free(first);
    free(second);
}

START_TEST(everything_comes_back)
{
    static const enum mr_method methods[] = {MR_METHOD_PLAIN, MR_METHOD_DEFLATE, MR_METHOD_ZSTD};
    if (methods[_i] == MR_METHOD_ZSTD && !MR_HAVE_ZSTD)
        return;
    packing_add_usual();
    /* Several buffers, even when it is deflated. libarchive 3.6 cannot read so much of zstd. */
    if (methods[_i] != MR_METHOD_ZSTD)
        archives_add(&packing.made, MR_KIND_FILE, "large", 3 << 20);
    pack("archive", methods[_i], 4096);
    ck_assert_ok(packing_read("archive", "zip", 100000), packing.err);
    packing_check_all(false);
    for (size_t i = 1; i <= 1000000; i *= 1000) {
        pack("again", methods[_i], 999 + i);
        ck_assert_same_files("archive", "again");
        unlink(packing_path("again"));
    }
}
END_TEST

START_TEST(the_flags_are_those_of_a_stream)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    ck_assert_uint_eq(sink->flags, MR_SINK_SERIAL | MR_SINK_FINAL | MR_SINK_NO_HARD_LINKS);
    ck_assert_int_eq(sink->encoding->method, MR_METHOD_DEFLATE);
    ck_assert_int_eq(sink->encoding->level, 6);
    ck_assert(!sink->encoding->recodes);
    ck_assert_str_eq(sink->label, packing_path("archive"));
    ck_assert_int_eq(packing_count_names(), 1);
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 0);
}
END_TEST

START_TEST(an_archive_of_nothing_is_its_end_alone)
{
    size_t bytes;
    pack("archive", MR_METHOD_DEFLATE, 1);
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(bytes, 22);
    ck_assert_mem_eq(found, "PK\5\6\0\0\0\0", 8);
    free(found);
}
END_TEST

START_TEST(directories_alone_are_an_archive)
{
    archives_add(&packing.made, MR_KIND_DIRECTORY, "a", 0)->mode = 01777;
    archives_add(&packing.made, MR_KIND_DIRECTORY, "a/b", 0)->has_mode = false;
    pack("archive", MR_METHOD_DEFLATE, 1);
    ck_assert_ok(packing_read("archive", "zip", 1), packing.err);
    packing_check_all(false);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(number(found + 8, 2), 0);
    ck_assert_uint_eq(number(found + 26, 2), 2);
    ck_assert_mem_eq(found + 30, "a/", 2);
    free(found);
}
END_TEST

START_TEST(names_are_marked_when_they_are_utf8)
{
    static const struct {
        const char *name;
        unsigned flags;
    } cases[] = {{"plain", 0}, {"utf\xc3\xa4", 0x800}, {"latin\xe4", 0}, {"mixed\xe4\xc3\xa4", 0}};
    archives_add(&packing.made, MR_KIND_FILE, cases[_i].name, 10);
    pack("archive", MR_METHOD_DEFLATE, 10);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(number(found + 6, 2), cases[_i].flags);
    ck_assert_mem_eq(found + 30, cases[_i].name, strlen(cases[_i].name));
    free(found);
    ck_assert_ok(packing_read("archive", "zip", 10), packing.err);
    packing_check_all(false);
}
END_TEST

START_TEST(long_names_are_kept_or_refused)
{
    static const enum mr_kind kinds[] = {MR_KIND_FILE, MR_KIND_DIRECTORY};
    size_t max_bytes = _i == 0 ? 65535 : 65534;
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    char *name = calloc(1, max_bytes + 2);
    memset(name, 'n', max_bytes + 1);
    archives_add(&packing.made, kinds[_i], name, 0);
    ck_assert_int_eq(packing_put(sink, 0), MR_E_UNSUPPORTED);
    packing.made.items[0].entry.path[max_bytes] = '\0';
    ck_assert_ok(packing_put(sink, 0), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(number(found + 26, 2), 65535);
    free(found);
    free(name);
}
END_TEST

/* What is looked for at a fixed place. */
START_TEST(mimetype_is_plain_and_has_no_extra_fields)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "mimetype", 20000);
    entry->has_owner = true;
    archives_add(&packing.made, MR_KIND_FILE, "a/mimetype", 20000);
    archives_add(&packing.made, MR_KIND_FILE, "mimetypes", 20000);
    const struct archives_item *items = packing.made.items;
    ck_assert(sink->ops->keeps_plain(sink, &items[0].entry));
    ck_assert(!sink->ops->keeps_plain(sink, &items[1].entry));
    ck_assert(!sink->ops->keeps_plain(sink, &items[2].entry));
    struct mr_entry directory = {.path = "mimetype", .kind = MR_KIND_DIRECTORY};
    ck_assert(!sink->ops->keeps_plain(sink, &directory));
    for (size_t i = 0; i < 3; i++)
        ck_assert_ok(packing_put(sink, i), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(number(found + 8, 2), 0);
    ck_assert_uint_eq(number(found + 28, 2), 0);
    ck_assert_mem_eq(found + 30, "mimetype", 8);
    ck_assert_mem_eq(found + 38, items[0].data, 20000);
    ck_assert_uint_eq(number(found + 20038 + 8, 2), 8);
    ck_assert_uint_eq(number(found + 20038 + 28, 2), 9);
    free(found);
}
END_TEST

/* An item whose CRC, and perhaps sizes, are told with its end. */
static enum mr_status put_late(struct mr_sink *sink, size_t i, bool knows_plain, bool knows_stored)
{
    struct mr_entry entry;
    struct mr_writer *writer;
    unsigned char *stored = archives_encode(&packing.made.items[i], MR_METHOD_DEFLATE, &entry);
    const struct mr_entry late = entry;
    int64_t stored_bytes = entry.encoding.stored_bytes;
    entry.encoding.has_crc = false;
    entry.encoding.crc = 0;
    if (!knows_plain)
        entry.size_bytes = MR_SIZE_UNKNOWN;
    if (!knows_stored)
        entry.encoding.stored_bytes = MR_SIZE_UNKNOWN;
    enum mr_status status =
        sink->ops->begin(sink, &entry, entry.encoding.stored_bytes, &writer, &packing.err);
    if (status == MR_OK)
        status = sink->ops->write(sink, writer, stored, (size_t)stored_bytes, &packing.err);
    entry = late;
    if (status == MR_OK)
        status = sink->ops->commit(sink, writer, &packing.err);
    free(stored);
    return status;
}

START_TEST(what_is_not_known_at_first_comes_behind)
{
    archives_add(&packing.made, MR_KIND_FILE, "a", 5000);
    archives_add(&packing.made, MR_KIND_FILE, "b", 3 << 20);
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ok(put_late(sink, i, _i & 1, _i & 2), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(number(found + 4, 2), _i & 1 ? 20 : 45);
    ck_assert_uint_eq(number(found + 6, 2), 8);
    ck_assert_uint_eq(number(found + 14, 4), 0);
    ck_assert_uint_eq(number(found + 28, 2), _i & 1 ? 9 : 9 + 20);
    ck_assert_ok(packing_read("archive", "zip", 100000), packing.err);
    packing_check_all(false);
    free(found);
}
END_TEST

/* The end of a stream is found in what is deflated alone, so nothing else can come without its
 * size. */
START_TEST(what_cannot_be_written_is_refused)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_writer *writer;
    struct mr_entry entry = {.path = "a", .kind = MR_KIND_FILE, .size_bytes = 10};
    const struct mr_encoding known = {.has_crc = true, .stored_bytes = 10};
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 10, &writer, &packing.err), MR_E_USAGE);
    entry.has_encoding = true;
    for (enum mr_method method = MR_METHOD_PLAIN; method <= MR_METHOD_ZSTD; method++) {
        enum mr_status expected = method == MR_METHOD_DEFLATE ? MR_OK : MR_E_USAGE;
        entry.encoding = known;
        entry.encoding.method = method;
        ck_assert_int_eq(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &packing.err),
                         expected);
        if (expected == MR_OK)
            sink->ops->abort(sink, writer);
        entry.encoding.has_crc = false;
        ck_assert_int_eq(sink->ops->begin(sink, &entry, 10, &writer, &packing.err), expected);
        if (expected == MR_OK)
            sink->ops->abort(sink, writer);
    }
    entry.encoding = known;
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 9, &writer, &packing.err), MR_E_USAGE);
    entry.kind = MR_KIND_OTHER;
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 0, &writer, &packing.err), MR_E_UNSUPPORTED);
    entry.kind = MR_KIND_SYMLINK;
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 0, &writer, &packing.err), MR_E_USAGE);
    entry.kind = MR_KIND_HARDLINK;
    entry.target = "b";
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 0, &writer, &packing.err), MR_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "hard link, which zip output cannot hold"));
    ck_assert_ok(packing_finish(sink), packing.err); /* and nothing of it is in the archive */
    ck_assert_uint_eq(sink->ops->output_bytes(sink), 22);
    sink->ops->destroy(sink);
}
END_TEST

/* Sizes that come too late have to fit into what the header has announced. */
START_TEST(a_stream_that_does_not_end_as_it_should_breaks_the_archive)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_writer *writer;
    struct mr_entry entry = {.path = "a", .kind = MR_KIND_FILE, .size_bytes = 10};
    entry.has_encoding = true;
    entry.encoding = (struct mr_encoding){MR_METHOD_DEFLATE, false, 0, MR_SIZE_UNKNOWN};
    ck_assert_ok(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &packing.err),
                 packing.err);
    ck_assert_ok(sink->ops->write(sink, writer, "0123456789", 10, &packing.err), packing.err);
    static const struct {
        int64_t size_bytes, stored_bytes;
        bool has_crc;
        enum mr_status status;
    } cases[] = {
        {10, 10, false, MR_E_USAGE},
        {MR_SIZE_UNKNOWN, 10, true, MR_E_USAGE},
        {10, 9, true, MR_E_CHANGED},
        {INT64_C(5) << 30, 10, true, MR_E_CHANGED},
    };
    entry.encoding.has_crc = cases[_i].has_crc;
    entry.encoding.stored_bytes = cases[_i].stored_bytes;
    entry.size_bytes = cases[_i].size_bytes;
    ck_assert_int_eq(sink->ops->commit(sink, writer, &packing.err), cases[_i].status);
    ck_assert_int_eq(packing_finish(sink), MR_E_DATA);
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 0);
}
END_TEST

/* The content is not there, the records are. */
START_TEST(huge_sizes_have_zip64_records)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_writer *writer;
    struct mr_entry entry = {.path = "a", .kind = MR_KIND_FILE, .has_encoding = true};
    entry.size_bytes = INT64_C(6) << 30;
    entry.encoding = (struct mr_encoding){MR_METHOD_DEFLATE, true, 7, 10};
    ck_assert_ok(sink->ops->begin(sink, &entry, 10, &writer, &packing.err), packing.err);
    ck_assert_ok(sink->ops->write(sink, writer, "0123456789", 10, &packing.err), packing.err);
    ck_assert_ok(sink->ops->commit(sink, writer, &packing.err), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    /* The local header with both sizes, the central record with the one that is too large. */
    ck_assert_uint_eq(bytes, 30 + 1 + 20 + 10 + 46 + 1 + 12 + 22);
    ck_assert_uint_eq(number(found + 18, 4), 0xffffffff);
    ck_assert_uint_eq(number(found + 22, 4), 0xffffffff);
    ck_assert_uint_eq(number(found + 61 + 20, 4), 10);
    ck_assert_uint_eq(number(found + 61 + 24, 4), 0xffffffff);
    ck_assert_uint_eq(number(found + 61 + 47, 4), 8 << 16 | 1);
    free(found);
}
END_TEST

START_TEST(a_pipe_gets_the_same_bytes)
{
    int ends[2], saved = dup(STDOUT_FILENO);
    packing_add_usual();
    archives_add(&packing.made, MR_KIND_FILE, "large", 3 << 20);
    pack("archive", MR_METHOD_DEFLATE, 100000);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[1]);
        execlp("sh", "sh", "-c", "cat >\"$0\"", packing_path("piped"), (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    ck_assert_int_ge(dup2(ends[1], STDOUT_FILENO), 0);
    close(ends[1]);
    pack("-", MR_METHOD_DEFLATE, 100000);
    ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_same_files("archive", "piped");
}
END_TEST

/* Before its header is written an item leaves nothing behind. */
START_TEST(an_item_that_is_cut_short_breaks_the_archive)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_writer *writer;
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    archives_add(&packing.made, MR_KIND_FILE, "b", 10);
    struct mr_entry *entry = &packing.made.items[0].entry;
    entry->has_encoding = true;
    entry->encoding = (struct mr_encoding){MR_METHOD_PLAIN, true, 7, 10};
    ck_assert_ok(packing_put(sink, 1), packing.err);
    ck_assert_ok(sink->ops->begin(sink, entry, 10, &writer, &packing.err), packing.err);
    ck_assert_int_eq(sink->ops->write(sink, writer, "0123456789+", 11, &packing.err), MR_E_CHANGED);
    sink->ops->abort(sink, writer);
    ck_assert_ok(sink->ops->begin(sink, entry, 10, &writer, &packing.err), packing.err);
    ck_assert_int_eq(sink->ops->commit(sink, writer, &packing.err), MR_E_CHANGED);
    ck_assert_ok(packing_put(sink, 1), packing.err);
    ck_assert_ok(sink->ops->begin(sink, entry, 10, &writer, &packing.err), packing.err);
    ck_assert_ok(sink->ops->write(sink, writer, "01234", 5, &packing.err), packing.err);
    if (_i == 0)
        ck_assert_int_eq(sink->ops->commit(sink, writer, &packing.err), MR_E_CHANGED);
    else
        sink->ops->abort(sink, writer);
    ck_assert_int_eq(packing_put(sink, 1), MR_E_DATA);
    ck_assert_int_eq(packing_finish(sink), MR_E_DATA);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "not complete"));
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 0);
}
END_TEST

START_TEST(a_write_that_fails_is_told_and_ends_everything)
{
    struct mr_sink *sink = create("/dev/full", MR_METHOD_PLAIN);
    archives_add(&packing.made, MR_KIND_FILE, "small", 1000);
    archives_add(&packing.made, MR_KIND_FILE, "large", 1 << 20);
    ck_assert_ok(packing_put(sink, 0), packing.err); /* in memory still */
    if (_i == 0)
        ck_assert_int_eq(packing_put(sink, 1), MR_E_SYSTEM);
    else
        ck_assert_int_eq(packing_finish(sink), MR_E_SYSTEM);
    ck_assert_int_eq(packing.err.sys_errno, 28 /* ENOSPC */);
    ck_assert_str_eq(packing.err.text, "cannot write /dev/full: No space left on device");
    ck_assert_int_eq(packing_put(sink, 0), MR_E_SYSTEM);
    ck_assert_int_eq(packing_finish(sink), MR_E_SYSTEM);
    ck_assert_uint_eq(sink->ops->output_bytes(sink), 0);
    sink->ops->destroy(sink);
}
END_TEST

/* Room in the directory is made before the header is written. */
START_TEST(an_item_without_room_in_the_directory_leaves_the_archive_whole)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    char *name = calloc(1, 60001);
    memset(name, 'n', 60000);
    archives_add(&packing.made, MR_KIND_FILE, name, 0);
    io_set_temp_directory("/nowhere at all");
    enum mr_status status;
    size_t count = 0;
    while ((status = packing_put(sink, 0)) == MR_OK && count < 1000)
        count++;
    ck_assert_int_eq(status, MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "/nowhere at all"));
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", "zip", 10), packing.err);
    ck_assert_uint_eq(packing.found.count, count);
    free(name);
}
END_TEST

/* More than 65535 members, and more of a directory than is kept in memory. */
START_TEST(many_members_are_kept)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_entry entry = {.kind = MR_KIND_FILE, .has_encoding = true};
    entry.encoding.has_crc = true;
    char name[32];
    for (unsigned i = 0; i < 70000; i++) {
        struct mr_writer *writer;
        snprintf(name, sizeof(name), "a directory/file %u", i);
        entry.path = name;
        ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &packing.err), packing.err);
        ck_assert_ok(sink->ops->commit(sink, writer, &packing.err), packing.err);
    }
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", "zip", 1), packing.err);
    ck_assert_uint_eq(packing.found.count, 70000);
    for (unsigned i = 0; i < 70000; i += 17) {
        snprintf(name, sizeof(name), "a directory/file %u", i);
        ck_assert_str_eq(packing.found.items[i].entry.path, name);
    }
}
END_TEST

/* An item with everything that can be lost. */
static void add_rich(int64_t mtime_s)
{
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "rich", 10);
    entry->mtime_s = mtime_s;
    entry->mtime_ns = 123456789;
    entry->has_owner = true;
    entry->uid = 1234;
    entry->gid = 4000000000;
    entry->uname = strdup("anna");
    entry->xattrs = calloc(1, sizeof(*entry->xattrs));
    entry->xattr_count = 1;
    entry->xattrs[0] = (struct mr_xattr){strdup("user.note"), strdup("hello"), 5};
}

START_TEST(what_is_lost_is_told)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    add_rich(1700000000);
    add_rich(INT64_C(1) << 31);
    ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
    ck_assert_str_eq(packing_losses(sink), "extended attributes of 2 items\nthe owner of 2 items\n"
                                           "fractions of a second of the time of 1 item\n"
                                           "the time (out of the format's range) of 1 item\n");
    sink->ops->destroy(sink);
}
END_TEST

START_TEST(owners_are_kept_as_numbers)
{
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    entry->has_owner = true;
    entry->uid = 1234;
    entry->gid = 4000000000;
    entry = archives_add(&packing.made, MR_KIND_FILE, "b", 10);
    entry->has_owner = true;
    entry->uid = UINT64_C(1) << 32;
    ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
    ck_assert_str_eq(packing_losses(sink), "the owner of 1 item\n");
    sink->ops->destroy(sink);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    const unsigned char *owner = found + 30 + 1 + 9;
    ck_assert_uint_eq(number(found + 28, 2), 9 + 15);
    ck_assert_uint_eq(number(owner, 2), 0x7875);
    ck_assert_uint_eq(number(owner + 6, 4), 1234);
    ck_assert_uint_eq(number(owner + 11, 4), 4000000000);
    free(found);
}
END_TEST

/* The seconds are exact from 1901 to 2038; after it the time is that of DOS, or none. */
START_TEST(times_are_kept_in_their_range)
{
    static const struct {
        int64_t seconds;
        bool has_field;
    } cases[] = {
        {INT32_MIN, true}, {(int64_t)INT32_MIN - 1, false},
        {INT32_MAX, true}, {(int64_t)INT32_MAX + 1, false},
        {-1, true},
    };
    archives_add(&packing.made, MR_KIND_FILE, "a", 0)->mtime_s = cases[_i].seconds;
    struct mr_sink *sink = create("archive", MR_METHOD_DEFLATE);
    ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
    ck_assert_int_eq(strstr(packing_losses(sink), "range") != NULL, !cases[_i].has_field);
    sink->ops->destroy(sink);
    size_t bytes;
    unsigned char *found = read_bytes("archive", &bytes);
    ck_assert_uint_eq(number(found + 28, 2), cases[_i].has_field ? 9 : 0);
    if (cases[_i].has_field)
        ck_assert_int_eq((int32_t)number(found + 30 + 1 + 5, 4), cases[_i].seconds);
    free(found);
}
END_TEST

START_TEST(reproducible_archives_know_no_owner_and_no_time_zone)
{
    static const char *const zones[] = {"UTC0", "XYZ-5"};
    static const char *const names[][2] = {{"local", "local 5"}, {"same", "same 5"}};
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    entry->has_owner = true;
    entry->uid = 5;
    for (int is_reproducible = 0; is_reproducible < 2; is_reproducible++) {
        for (int zone = 0; zone < 2; zone++) {
            const struct zip_sink_config config = {.encoding.method = MR_METHOD_DEFLATE,
                                                   .is_reproducible = is_reproducible};
            struct mr_sink *sink;
            setenv("TZ", zones[zone], 1);
            tzset();
            ck_assert_ok(zip_sink_create(packing_path(names[is_reproducible][zone]), &config, &sink,
                                         &packing.err),
                         packing.err);
            ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
            sink->ops->destroy(sink);
        }
    }
    ck_assert_same_files("same", "same 5");
    size_t bytes;
    unsigned char *same = read_bytes("same", &bytes), *local = read_bytes("local", &bytes);
    unsigned char *other = read_bytes("local 5", &bytes);
    ck_assert_uint_eq(number(same + 28, 2), 9);
    ck_assert_uint_eq(number(local + 28, 2), 9 + 15);
    ck_assert_mem_eq(same + 10, local + 10, 4);
    ck_assert_mem_ne(other + 10, local + 10, 4);
    free(same);
    free(local);
    free(other);
}
END_TEST

START_TEST(the_output_has_as_many_bytes_as_it_says)
{
    struct mr_sink *sink = create("archive", MR_METHOD_PLAIN);
    packing_add_usual();
    ck_assert_ok(archives_write(sink, &packing.made, 1 << 20, &packing.err), packing.err);
    size_t bytes;
    free(read_bytes("archive", &bytes));
    ck_assert_uint_eq(sink->ops->output_bytes(sink), bytes);
    sink->ops->destroy(sink);
}
END_TEST

Suite *zip_sink_suite(void)
{
    Suite *suite = suite_create("zip_sink");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, everything_comes_back, 0, 3);
    tcase_add_test(cases, the_flags_are_those_of_a_stream);
    tcase_add_test(cases, an_archive_of_nothing_is_its_end_alone);
    tcase_add_test(cases, directories_alone_are_an_archive);
    tcase_add_loop_test(cases, names_are_marked_when_they_are_utf8, 0, 4);
    tcase_add_loop_test(cases, long_names_are_kept_or_refused, 0, 2);
    tcase_add_test(cases, mimetype_is_plain_and_has_no_extra_fields);
    tcase_add_loop_test(cases, what_is_not_known_at_first_comes_behind, 0, 4);
    tcase_add_test(cases, what_cannot_be_written_is_refused);
    tcase_add_loop_test(cases, a_stream_that_does_not_end_as_it_should_breaks_the_archive, 0, 4);
    tcase_add_test(cases, huge_sizes_have_zip64_records);
    tcase_add_test(cases, a_pipe_gets_the_same_bytes);
    tcase_add_loop_test(cases, an_item_that_is_cut_short_breaks_the_archive, 0, 2);
    tcase_add_loop_test(cases, a_write_that_fails_is_told_and_ends_everything, 0, 2);
    tcase_add_test(cases, an_item_without_room_in_the_directory_leaves_the_archive_whole);
    tcase_add_test(cases, many_members_are_kept);
    tcase_add_test(cases, what_is_lost_is_told);
    tcase_add_test(cases, owners_are_kept_as_numbers);
    tcase_add_loop_test(cases, times_are_kept_in_their_range, 0, 5);
    tcase_add_test(cases, reproducible_archives_know_no_owner_and_no_time_zone);
    tcase_add_test(cases, the_output_has_as_many_bytes_as_it_says);
    suite_add_tcase(suite, cases);
    return suite;
}
