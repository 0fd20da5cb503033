/* Archives from pipes that are open and give nothing: members come as soon as they are there, and
 * whoever leaves does not wait. From files, what is decoded ahead is lent. */
#include <archive.h>
#include <archive_entry.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "source/sources.h"
#include "support/packing.h"

enum { MEMBER_BYTES = 100000, MEMBER_COUNT = 28 };

static pid_t writer;

/* A tar of noise behind the filter. The caller's to free. */
static char *make_tar(int filter, size_t *size_bytes)
{
    size_t cap = MEMBER_COUNT * (MEMBER_BYTES + 1024) * 2;
    char *bytes = malloc(cap);
    struct archive *archive = archive_write_new();
    archive_write_set_format_ustar(archive);
    archive_write_add_filter(archive, filter);
    archive_write_set_filter_option(archive, "lz4", "block-size", "4"); /* 64 KiB, not 4 MiB */
    ck_assert_int_eq(archive_write_open_memory(archive, bytes, cap, size_bytes), ARCHIVE_OK);
    for (int i = 0; i < MEMBER_COUNT; i++) {
        struct archive_entry *entry = archive_entry_new();
        unsigned char *noise = support_noise((uint64_t)i + 1, MEMBER_BYTES);
        char name[20];
        snprintf(name, sizeof(name), "m%d", i);
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, MEMBER_BYTES);
        noise[0] = (unsigned char)i;
        ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_data(archive, noise, MEMBER_BYTES), MEMBER_BYTES);
        archive_entry_free(entry);
        free(noise);
    }
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    return bytes;
}

/* A pipe that gives data and stays open. */
static int open_pipe(const void *data, size_t size_bytes)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    writer = fork();
    ck_assert_int_ge(writer, 0);
    if (writer == 0) {
        close(ends[0]);
        io_write(ends[1], data, size_bytes);
        for (;;)
            pause();
    }
    close(ends[1]);
    return ends[0];
}

/* Reads count members, which must be there. */
static void read_members(struct mr_source *source, int count)
{
    static char content[MEMBER_BYTES + 1];
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    size_t got;
    for (int i = 0; i < count; i++) {
        ck_assert_ok(source->ops->next(source, &entry, &packing.err), packing.err);
        ck_assert_ok(source->ops->open(source, &entry, &reader, &packing.err), packing.err);
        ck_assert_ok(source->ops->read(source, reader, content, MEMBER_BYTES, &got, &packing.err),
                     packing.err);
        ck_assert_uint_eq(got, MEMBER_BYTES);
        ck_assert_int_eq(content[0], i);
        ck_assert_ok(source->ops->close(source, reader, &packing.err), packing.err);
        mr_entry_clear(&entry);
    }
}

static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_XZ,
                              ARCHIVE_FILTER_LZ4, ARCHIVE_FILTER_BZIP2};

START_TEST(what_is_there_comes_and_leaving_takes_no_time)
{
    size_t size;
    char *data = make_tar(filters[_i], &size);
    struct mr_source *source;
    int fd = open_pipe(data, size / 2);
    ck_assert_ok(archive_source_create(fd, "label", NULL, NULL, &source, &packing.err),
                 packing.err);
    read_members(source, 8); /* a block of bzip2 is not whole before its last byte */
    source->ops->destroy(source);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    free(data);
}
END_TEST

START_TEST(a_file_can_be_left_anywhere)
{
    size_t size;
    char *data = make_tar(filters[_i], &size);
    for (int count = 0; count < MEMBER_COUNT; count += 13) {
        struct mr_source *source;
        ck_assert_ok(archive_source_create(archives_file(data, size), "label", NULL, NULL, &source,
                                           &packing.err),
                     packing.err);
        read_members(source, count);
        source->ops->destroy(source);
    }
    free(data);
}
END_TEST

/* What was lent of one source. */
struct loans {
    struct mr_source *source;
    const unsigned char *data[MEMBER_COUNT];
};

static void *give_all_back(void *arg)
{
    struct loans *loans = arg;
    for (int i = 0; i < MEMBER_COUNT; i++)
        if (loans->data[i])
            loans->source->ops->give_back(loans->source, loans->data[i]);
    return NULL;
}

static void check_member(const unsigned char *data, int i)
{
    unsigned char *noise = support_noise((uint64_t)i + 1, MEMBER_BYTES);
    ck_assert_int_eq(data[0], i);
    ck_assert(memcmp(data + 1, noise + 1, MEMBER_BYTES - 1) == 0);
    free(noise);
}

/* The next member, i, as it is lent or else as it is read. */
static void take_member(struct loans *loans, int i)
{
    static unsigned char content[MEMBER_BYTES];
    struct mr_source *source = loans->source;
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    const void *data = NULL;
    size_t got = 0;
    ck_assert_ok(source->ops->next(source, &entry, &packing.err), packing.err);
    ck_assert_ok(source->ops->open(source, &entry, &reader, &packing.err), packing.err);
    enum mr_status status = source->ops->borrow(source, reader, MEMBER_BYTES, &data, &packing.err);
    if (status == MR_AGAIN) {
        ck_assert_ok(source->ops->read(source, reader, content, MEMBER_BYTES, &got, &packing.err),
                     packing.err);
        check_member(content, i);
    } else {
        ck_assert_ok(status, packing.err);
        loans->data[i] = data;
    }
    ck_assert_ok(source->ops->close(source, reader, &packing.err), packing.err);
    mr_entry_clear(&entry);
}

/* All loans are kept until the end, more than there is room for, and end on another thread. */
START_TEST(what_is_lent_stays_as_it_is)
{
    size_t size;
    int count = 0;
    struct loans loans = {0};
    char *data = make_tar(filters[_i], &size);
    ck_assert_ok(archive_source_create(archives_file(data, size), "label", NULL, NULL,
                                       &loans.source, &packing.err),
                 packing.err);
    for (int i = 0; i < MEMBER_COUNT; i++)
        take_member(&loans, i);
    for (int i = 0; i < MEMBER_COUNT; i++) {
        if (!loans.data[i])
            continue;
        check_member(loans.data[i], i);
        count++;
    }
    /* What the helper decodes it cannot lend. */
    ck_assert_int_eq(count > 0, unwrap_recognise((const unsigned char *)data, size) != NULL);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, give_all_back, &loans), 0);
    pthread_join(thread, NULL);
    loans.source->ops->destroy(loans.source);
    free(data);
}
END_TEST

Suite *archive_ahead_suite(void)
{
    enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };
    Suite *suite = suite_create("archive_ahead");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, what_is_there_comes_and_leaving_takes_no_time, 0, FILTERS);
    tcase_add_loop_test(cases, a_file_can_be_left_anywhere, 0, FILTERS);
    tcase_add_loop_test(cases, what_is_lent_stays_as_it_is, 0, FILTERS);
    suite_add_tcase(suite, cases);
    return suite;
}
