/* Archives as they come: from files and pipes, cut anywhere, odd inside, or no archives at all. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "config.h"
#include "source/sources.h"
#include "support/packing.h"

Suite *archive_source_suite(void);

static const char *label = "label";

/* Opens fd and reads all of it into packing.found. */
static enum mr_status read_all(int fd, const char *format, size_t piece_bytes)
{
    struct mr_source *source;
    archives_clear(&packing.found);
    enum mr_status status = archive_source_create(fd, label, format, NULL, &source, &packing.err);
    if (status != MR_OK)
        return status;
    status = archives_read(source, &packing.found, piece_bytes, &packing.err);
    source->ops->destroy(source);
    return status;
}

/* A small archive of packing.made in the index-th output format. The caller's to free. */
static char *make_archive(int index, const char *settings, size_t *size_bytes)
{
    const char *format = archive_output_at((size_t)index)->name;
    unlink(packing_path("archive"));
    packing_write("archive", format, settings, 1000);
    return support_read_file(packing.directory, "archive", size_bytes);
}

static void add_few(void)
{
    archives_add(&packing.made, MR_KIND_FILE, "first", 700);
    archives_add(&packing.made, MR_KIND_DIRECTORY, "dir", 0);
    archives_add(&packing.made, MR_KIND_FILE, "dir/second", 1);
    archives_add(&packing.made, MR_KIND_FILE, "dir/third", 300);
}

START_TEST(a_pipe_gives_the_same_as_a_file)
{
    size_t size;
    packing_add_usual();
    char *data = make_archive(_i, NULL, &size);
    ck_assert_ok(read_all(archives_file(data, size), NULL, 7777), packing.err);
    packing_check_all(false);
    ck_assert_ok(read_all(archives_pipe(data, size), NULL, 7777), packing.err);
    packing_check_all(false);
    ck_assert_ok(read_all(archives_pipe(data, size), archive_output_at((size_t)_i)->name, 7777),
                 packing.err);
    packing_check_all(false);
    free(data);
}
END_TEST

/*
 * An archive that is cut is an error, or complete but for what follows its last member. Only a
 * plain tar that is cut exactly behind a member looks like a tar without end blocks, which many
 * programs write.
 */
static void check_cut(const char *format, const char *data, size_t size, bool is_pipe)
{
    int fd = is_pipe ? archives_pipe(data, size) : archives_file(data, size);
    enum mr_status status = read_all(fd, NULL, 1000);
    if (status != MR_OK) {
        ck_assert_msg(status == MR_E_DATA || (status == MR_E_UNSUPPORTED && size < 512),
                      "%s cut to %zu bytes: %s: %s", format, size, mr_status_text(status),
                      packing.err.text);
        ck_assert_int_ne(packing.err.text[0], '\0');
        return;
    }
    bool is_border = strcmp(format, "tar") == 0 && size % 512 == 0;
    ck_assert_msg(packing.found.count == packing.made.count || is_border,
                  "%s cut to %zu bytes is well with %zu members", format, size,
                  packing.found.count);
    for (size_t i = 0; i < packing.found.count; i++)
        packing_check_same(i, false);
}

START_TEST(every_cut_is_noticed)
{
    const char *format = archive_output_at((size_t)_i)->name;
    char name[40];
    size_t size;
    add_few();
    char *data = make_archive(_i, NULL, &size);
    snprintf(name, sizeof(name), "a.%s", format);
    label = name;
    for (size_t cut = 0; cut < size; cut += cut < 64 || size - cut < 64 ? 1 : 13)
        check_cut(format, data, cut, false);
    for (size_t cut = 512; cut < size; cut += 512)
        check_cut(format, data, cut, false);
    for (size_t cut = 0; cut < size; cut += 211)
        check_cut(format, data, cut, true);
    free(data);
}
END_TEST

START_TEST(a_cut_is_noticed_when_nothing_is_read)
{
    size_t size;
    add_few();
    char *data = make_archive(0, NULL, &size);
    for (size_t cut = 513; cut < 512 + 700; cut += 100) {
        struct mr_source *source;
        struct mr_entry entry = {0};
        ck_assert_ok(archive_source_create(archives_file(data, cut), "label", NULL, NULL, &source,
                                           &packing.err),
                     packing.err);
        ck_assert_ok(source->ops->next(source, &entry, &packing.err), packing.err);
        mr_entry_clear(&entry);
        ck_assert_int_eq(source->ops->next(source, &entry, &packing.err), MR_E_DATA);
        ck_assert_ptr_null(entry.path);
        ck_assert_ptr_nonnull(strstr(packing.err.text, "label"));
        ck_assert_int_eq(source->ops->next(source, &entry, &packing.err), MR_DONE);
        source->ops->destroy(source);
    }
    free(data);
}
END_TEST

/* data is no archive: refused, and all of it is handed back, from a file and from a pipe. */
static void check_refused(const void *data, size_t size)
{
    for (int is_pipe = 0; is_pipe < 2; is_pipe++) {
        int fd = is_pipe ? archives_pipe(data, size) : archives_file(data, size);
        struct archive_rest rest;
        struct mr_source *source;
        ck_assert_int_eq(archive_source_create(fd, "label", NULL, &rest, &source, &packing.err),
                         MR_E_UNSUPPORTED);
        ck_assert_int_eq(rest.fd, fd);
        ck_assert_int_eq(stream_source_create(rest.fd, "name", rest.head, rest.head_bytes, &source,
                                              &packing.err),
                         MR_OK);
        free(rest.head);
        archives_clear(&packing.found);
        ck_assert_ok(archives_read(source, &packing.found, 5000, &packing.err), packing.err);
        source->ops->destroy(source);
        ck_assert_uint_eq(packing.found.count, 1);
        ck_assert_int_eq(packing.found.items[0].entry.size_bytes, (int64_t)size);
        ck_assert_msg(size == 0 || memcmp(packing.found.items[0].data, data, size) == 0,
                      "other bytes came back");
    }
}

static void check_refused_text(const char *text)
{
    check_refused(text, strlen(text));
}

START_TEST(what_is_no_archive_is_handed_back)
{
    check_refused("", 0);
    check_refused_text("x");
    check_refused_text("#mtree\nfile type=file mode=0644\n");
    check_refused_text("070707 is how this text begins\n");
    check_refused_text("begin 644 file\n#0V%T\n`\nend\n");
    check_refused_text("WARC/ is a format\n");
    check_refused_text("BZh is how bzip2 begins\n");
    unsigned char *noise = support_noise(1, 1 << 20);
    check_refused(noise, 1 << 20);
    unsigned char *text = support_text(1, 300000);
    check_refused(text, 300000);
    unsigned char *zeros = calloc(1, 1 << 20);
    check_refused(zeros, 1 << 20);
    check_refused(zeros, 512);
    check_refused(zeros, 10241);
    free(noise);
    free(text);
    free(zeros);
}
END_TEST

/* size bytes of data behind the filter. The caller's to free. */
static unsigned char *compress(int filter, const void *data, size_t size, size_t *packed_bytes)
{
    size_t cap = size + (1 << 16);
    unsigned char *packed = malloc(cap);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    archive_write_add_filter(archive, filter);
    archive_write_set_bytes_in_last_block(archive, 1);
    ck_assert_int_eq(archive_write_open_memory(archive, packed, cap, packed_bytes), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_data(archive, data, size), (la_ssize_t)size);
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    archive_entry_free(entry);
    return packed;
}

static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,   ARCHIVE_FILTER_XZ,
                              ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_LZIP,    ARCHIVE_FILTER_ZSTD,
                              ARCHIVE_FILTER_LZ4,  ARCHIVE_FILTER_COMPRESS};

START_TEST(what_is_compressed_alone_is_no_archive)
{
    size_t packed_bytes;
    unsigned char *text = support_text(2, 200000);
    unsigned char *packed = compress(filters[_i], text, 200000, &packed_bytes);
    check_refused(packed, packed_bytes);
    free(packed);
    memset(text, 0, 200000); /* not an empty tar */
    packed = compress(filters[_i], text, 200000, &packed_bytes);
    check_refused(packed, packed_bytes);
    free(packed);
    packed = compress(filters[_i], "#mtree\nfile type=file\n", 22, &packed_bytes);
    check_refused(packed, packed_bytes);
    free(packed);
    packed = compress(filters[_i], text, 10240, &packed_bytes); /* this is one */
    ck_assert_ok(read_all(archives_pipe(packed, packed_bytes), NULL, 10), packing.err);
    ck_assert_uint_eq(packing.found.count, 0);
    free(packed);
    free(text);
}
END_TEST

START_TEST(every_filter_is_read)
{
    size_t size, packed_bytes;
    packing_add_usual();
    char *data = make_archive(0, NULL, &size);
    unsigned char *packed = compress(filters[_i], data, size, &packed_bytes);
    ck_assert_ok(read_all(archives_file(packed, packed_bytes), NULL, 1 << 20), packing.err);
    packing_check_all(true);
    ck_assert_ok(read_all(archives_pipe(packed, packed_bytes), NULL, 999), packing.err);
    packing_check_all(true);
    free(packed);
    free(data);
}
END_TEST

/* A name that says archive is not taken for a plain file when it is damaged. */
START_TEST(damage_is_no_plain_file)
{
    static const struct {
        const char *label;
        bool is_refused;
    } cases[] = {{"a.tar.xz", true},
                 {"dir.x/A.TXZ", true},
                 {"a.xz", false},
                 {".txz", false},
                 {"tar", false}};
    size_t packed_bytes;
    struct mr_source *source;
    unsigned char *packed = compress(ARCHIVE_FILTER_XZ, "text", 4, &packed_bytes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum mr_status want = cases[i].is_refused ? MR_E_DATA : MR_E_UNSUPPORTED;
        int fd = archives_file(packed, packed_bytes - 30);
        ck_assert_int_eq(
            archive_source_create(fd, cases[i].label, NULL, NULL, &source, &packing.err), want);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* closed */
    }
    ck_assert_int_eq(read_all(archives_pipe(packed, packed_bytes - 30), NULL, 10), MR_E_DATA);
    ck_assert_int_eq(
        archive_source_create(archives_file("", 0), "a.zip", NULL, NULL, &source, &packing.err),
        MR_E_DATA);
    free(packed);
}
END_TEST

START_TEST(a_format_can_be_forced)
{
    static const struct {
        const char *format;
        enum mr_status status;
    } cases[] = {{"tar", MR_OK},        {"tar.gz", MR_OK},         {"TGZ", MR_OK},
                 {"tar.gzip", MR_OK},   {"zip", MR_E_DATA},        {"7zip", MR_E_DATA},
                 {"tar.xz", MR_E_DATA}, {"cpio", MR_E_DATA},       {"rpm", MR_E_DATA},
                 {"tra", MR_E_USAGE},   {"gz", MR_E_USAGE},        {"", MR_E_USAGE},
                 {"tar.", MR_E_USAGE},  {"tar.gz.xz", MR_E_USAGE}, {"mtree", MR_E_USAGE},
                 {"raw", MR_E_USAGE},   {"tar.uu", MR_E_USAGE}};
    size_t size;
    add_few();
    char *data = make_archive(1, NULL, &size); /* tar.gz */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum mr_status status = read_all(archives_file(data, size), cases[i].format, 1000);
        ck_assert_msg(status == cases[i].status, "%s: %s: %s", cases[i].format,
                      mr_status_text(status), packing.err.text);
    }
    free(data);
    for (size_t i = 0; archive_format_at(i); i++)
        ck_assert(archive_format_at(i)->name && archive_format_at(i)->summary);
}
END_TEST

START_TEST(it_begins_where_the_descriptor_stands)
{
    size_t size;
    add_few();
    char *data = make_archive(_i, NULL, &size);
    char *longer = malloc(size + 1000);
    memset(longer, 'x', 1000);
    memcpy(longer + 1000, data, size);
    int fd = archives_file(longer, size + 1000);
    ck_assert_int_eq(lseek(fd, 1000, SEEK_SET), 1000);
    ck_assert_ok(read_all(fd, NULL, 100), packing.err);
    packing_check_all(false);
    free(longer);
    free(data);
}
END_TEST

START_TEST(members_can_be_left_unread)
{
    size_t size;
    packing_add_usual();
    char *data = make_archive(_i, NULL, &size);
    struct mr_source *source;
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    char buffer[100];
    size_t got, count = 0;
    ck_assert_ok(archive_source_create(archives_file(data, size), "label", NULL, NULL, &source,
                                       &packing.err),
                 packing.err);
    while (source->ops->next(source, &entry, &packing.err) == MR_OK) {
        if (entry.kind == MR_KIND_FILE && ++count % 2 == 0) { /* begun, not ended */
            ck_assert_ok(source->ops->open(source, &entry, &reader, &packing.err), packing.err);
            ck_assert_ok(source->ops->read(source, reader, buffer, 100, &got, &packing.err),
                         packing.err);
            const struct archives_item *item = archives_find(&packing.made, entry.path);
            ck_assert_ptr_nonnull(item);
            if (!entry.has_encoding)
                ck_assert_mem_eq(buffer, item->data, got);
            ck_assert_ok(source->ops->close(source, reader, &packing.err), packing.err);
        }
        mr_entry_clear(&entry);
    }
    ck_assert_uint_eq(count, 7);
    source->ops->destroy(source);
    free(data);
}
END_TEST

START_TEST(a_directory_is_no_archive)
{
    int fd = open(packing.directory, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read_all(fd, NULL, 10), MR_E_SYSTEM);
    ck_assert_int_eq(packing.err.sys_errno, EISDIR);
}
END_TEST

/* Reads it to its end; what it says that it used up never falls. Returns that, before its end. */
static uint64_t check_used(struct mr_source *source, uint64_t size_bytes)
{
    uint64_t before = 0, used = 0, last = 0;
    struct mr_error err = {0};
    for (;;) {
        struct mr_entry entry = {0};
        struct mr_reader *reader = NULL;
        unsigned char buffer[30000];
        size_t got = sizeof(buffer);
        last = used;
        enum mr_status status = source->ops->next(source, &entry, &err);
        bool is_read = status == MR_OK && entry.kind == MR_KIND_FILE && entry.size_bytes % 3 != 0;
        if (is_read)
            ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
        while (is_read && got == sizeof(buffer)) {
            ck_assert_ok(source->ops->read(source, reader, buffer, sizeof(buffer), &got, &err),
                         err);
            used = source->ops->used_bytes(source);
            ck_assert_msg(used >= before && used <= size_bytes, "from %llu to %llu of %llu",
                          (unsigned long long)before, (unsigned long long)used,
                          (unsigned long long)size_bytes);
            before = used;
        }
        mr_entry_clear(&entry);
        if (status == MR_DONE)
            return last;
        ck_assert_int_eq(status, MR_OK);
    }
}

START_TEST(it_tells_how_much_it_used_up)
{
    size_t size;
    bool is_in_process = _i % 2;
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof(name), "file%d", i);
        archives_add(&packing.made, MR_KIND_FILE, name, 40000 + 1000 * i);
    }
    char *data = make_archive(_i / 2, NULL, &size);
    const struct archive_options options = {.is_in_process = is_in_process};
    struct mr_source *source;
    ck_assert_ok(archive_source_create_within(archives_file(data, size), label, NULL, &options,
                                              NULL, &source, &packing.err),
                 packing.err);
    /* What libarchive decodes by itself it takes in pieces that may be larger than this archive. */
    const char *format = archive_output_at((size_t)_i / 2)->name;
    bool is_coarse = (strcmp(format, "tar.bz2") == 0 && !MR_HAVE_BZIP2) ||
                     (strcmp(format, "tar.lz4") == 0 && !MR_HAVE_LZ4);
    if (source->ops->used_bytes) {
        uint64_t used = check_used(source, size);
        ck_assert_msg(is_coarse || used > size * 8 / 10, "%s: %llu of %zu",
                      archive_output_at((size_t)_i / 2)->name, (unsigned long long)used, size);
    } else {
        ck_assert_msg(!(source->flags & MR_SOURCE_SERIAL), "%s",
                      archive_output_at((size_t)_i / 2)->name);
    }
    source->ops->destroy(source);
    free(data);
}
END_TEST

Suite *archive_source_suite(void)
{
    Suite *suite = suite_create("archive_source");
    TCase *cases = tcase_create("all");
    int outputs = packing_count_outputs();
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_pipe_gives_the_same_as_a_file, 0, outputs);
    tcase_add_loop_test(cases, every_cut_is_noticed, 0, outputs);
    tcase_add_test(cases, a_cut_is_noticed_when_nothing_is_read);
    tcase_add_test(cases, what_is_no_archive_is_handed_back);
    tcase_add_loop_test(cases, what_is_compressed_alone_is_no_archive, 0, 8);
    tcase_add_loop_test(cases, every_filter_is_read, 0, 8);
    tcase_add_test(cases, damage_is_no_plain_file);
    tcase_add_test(cases, a_format_can_be_forced);
    tcase_add_loop_test(cases, it_begins_where_the_descriptor_stands, 0, outputs);
    tcase_add_loop_test(cases, members_can_be_left_unread, 0, outputs);
    tcase_add_loop_test(cases, it_tells_how_much_it_used_up, 0, 2 * outputs);
    tcase_add_test(cases, a_directory_is_no_archive);
    suite_add_tcase(suite, cases);
    return suite;
}
