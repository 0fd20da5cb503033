/* The journal: what is written is read back, and what is damaged is never taken for what was done.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "policy/journal.h"
#include "support/support.h"

Suite *journal_suite(void);

#define ITEM_COUNT 6

static char *directory;

static void set_up(void)
{
    directory = support_temp_directory();
}

static void tear_down(void)
{
    support_remove(directory);
}

static const char *path_of(const char *name)
{
    static char path[4400];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int open_file(const char *name)
{
    int fd = open(path_of(name), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void put(struct journal *journal, const struct journal_record *record)
{
    struct mr_error err = {0};
    ck_assert_ok(journal_put(journal, record, &err), err);
}

static struct journal_record item_record(unsigned i, char name[16])
{
    snprintf(name, 16, "out\n%u", i);
    return (struct journal_record){
        .type = JOURNAL_ITEM,
        .item = {.status = i % 3 == 2 ? JOURNAL_FAILED : JOURNAL_STORED,
                 .has_output = i % 3 != 2,
                 .has_box = i % 2,
                 .has_source_crc = i % 2,
                 .attempts = i + 1,
                 .source = {.size_bytes = INT64_C(1) << 40,
                            .mtime_s = -5,
                            .mtime_ns = 999999999,
                            .mode = 0640,
                            .inode = UINT64_MAX - i},
                 .box = {.size_bytes = i},
                 .output_file = {.size_bytes = 7 * i, .mtime_s = 99, .mtime_ns = i},
                 .source_crc = 0xfffffff0u + i,
                 .output_crc = 0x80000000u + i,
                 .ended_s = 1700000000,
                 .took_ns = 12345,
                 .input = "dir",
                 .path = "a\xff/b",
                 .output = name,
                 .reason = i % 3 == 2 ? "no luck" : ""}};
}

/* A journal of one run with its header, two fields and ITEM_COUNT items. */
static void write_journal(const char *name)
{
    struct mr_error err = {0};
    struct journal *journal;
    ck_assert_ok(journal_create(open_file(name), name, &journal, &err), err);
    put(journal,
        &(struct journal_record){
            .type = JOURNAL_HEADER, .field_count = 2, .version = "1", .output_crc_kind = "crc32"});
    put(journal, &(struct journal_record){.type = JOURNAL_FIELD, .name = "chain", .value = "gzip"});
    put(journal, &(struct journal_record){.type = JOURNAL_FIELD, .name = "output", .value = ""});
    put(journal, &(struct journal_record){.type = JOURNAL_SESSION, .boot_id = "now"});
    for (unsigned i = 0; i < ITEM_COUNT; i++) {
        char output[16];
        struct journal_record record = item_record(i, output);
        put(journal, &record);
    }
    journal_destroy(journal);
}

static enum mr_status read_journal(const char *name, const char *boot_id,
                                   struct journal_past **past, int64_t *end_bytes)
{
    struct mr_error err = {0};
    int fd = open_file(name);
    enum mr_status status = journal_past_read(fd, name, boot_id, past, end_bytes, &err);
    ck_assert(status == MR_OK || (status == MR_E_DATA && err.text[0]));
    if (!*past)
        close(fd); /* else it is left to the end of the process */
    return status;
}

/* How many of the items are there; each of them must be just as it was, and none before it may be
 * missing. */
static unsigned count_items(struct journal_past *past)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ITEM_COUNT; i++) {
        char output[16];
        struct mr_error err = {0};
        struct journal_record wanted = item_record(i, output);
        struct journal_item item;
        bool is_unsure;
        enum mr_status status = journal_past_find(past, output, &item, &is_unsure, &err);
        if (status == MR_DONE)
            continue;
        ck_assert_ok(status, err);
        ck_assert_uint_eq(count, i);
        count++;
        ck_assert_int_eq(item.status, wanted.item.status);
        ck_assert(item.has_output == wanted.item.has_output);
        ck_assert(item.has_box == wanted.item.has_box);
        ck_assert(item.has_source_crc == wanted.item.has_source_crc);
        ck_assert_uint_eq(item.attempts, wanted.item.attempts);
        ck_assert_int_eq(memcmp(&item.source, &wanted.item.source, sizeof(item.source)), 0);
        ck_assert_int_eq(memcmp(&item.box, &wanted.item.box, sizeof(item.box)), 0);
        ck_assert_int_eq(memcmp(&item.output_file, &wanted.item.output_file, sizeof(item.source)),
                         0);
        ck_assert_uint_eq(item.source_crc, wanted.item.source_crc);
        ck_assert_uint_eq(item.output_crc, wanted.item.output_crc);
        ck_assert_int_eq(item.ended_s, wanted.item.ended_s);
        ck_assert_uint_eq(item.took_ns, wanted.item.took_ns);
        ck_assert_str_eq(item.input, "dir");
        ck_assert_str_eq(item.path, "a\xff/b");
        ck_assert_str_eq(item.reason, wanted.item.reason);
    }
    return count;
}

START_TEST(reads_what_was_written)
{
    struct journal_past *past;
    int64_t end_bytes;
    size_t size_bytes;
    write_journal("j");
    free(support_read_file(directory, "j", &size_bytes));
    ck_assert_int_eq(read_journal("j", "now", &past, &end_bytes), MR_OK);
    ck_assert_int_eq(end_bytes, (int64_t)size_bytes);
    ck_assert_uint_eq(count_items(past), ITEM_COUNT);
    ck_assert_str_eq(journal_past_field(past, "chain"), "gzip");
    ck_assert_str_eq(journal_past_field_at(past, 1), "output");
    ck_assert_ptr_null(journal_past_field(past, "level"));
    ck_assert_ptr_null(journal_past_field_at(past, 2));
    ck_assert(!journal_past_is_complete(past));
    journal_past_destroy(past);
}
END_TEST

/* The last word counts; a run that goes on makes the journal incomplete again. */
START_TEST(last_word_counts)
{
    struct journal_past *past;
    struct journal *journal;
    struct mr_error err = {0};
    int64_t end_bytes;
    char output[16];
    write_journal("j");
    ck_assert_ok(journal_create(open_file("j"), "j", &journal, &err), err);
    struct journal_record record = item_record(2, output);
    record.item.status = JOURNAL_STORED;
    put(journal, &record);
    record = item_record(3, output);
    record.item.status = JOURNAL_SKIPPED;
    put(journal, &record);
    put(journal, &(struct journal_record){.type = JOURNAL_END, .is_complete = true});
    ck_assert_int_eq(read_journal("j", "now", &past, &end_bytes), MR_OK);
    ck_assert(journal_past_is_complete(past));
    struct journal_item item;
    bool is_unsure;
    ck_assert_ok(journal_past_find(past, "out\n2", &item, &is_unsure, &err), err);
    ck_assert_int_eq(item.status, JOURNAL_STORED);
    ck_assert(!is_unsure);
    ck_assert_ok(journal_past_find(past, "out\n3", &item, &is_unsure, &err), err);
    ck_assert_int_eq(item.status, JOURNAL_STORED);
    journal_past_destroy(past);
    put(journal, &(struct journal_record){.type = JOURNAL_SESSION, .boot_id = "now"});
    journal_destroy(journal);
    ck_assert_int_eq(read_journal("j", "now", &past, &end_bytes), MR_OK);
    ck_assert(!journal_past_is_complete(past));
    journal_past_destroy(past);
}
END_TEST

/* What was not brought to the disk before the system went down has to be looked at. */
START_TEST(knows_another_boot)
{
    struct journal_past *past;
    struct journal_item item;
    struct mr_error err = {0};
    int64_t end_bytes;
    bool is_unsure;
    write_journal("j");
    ck_assert_int_eq(read_journal("j", "later", &past, &end_bytes), MR_OK);
    ck_assert_ok(journal_past_find(past, "out\n1", &item, &is_unsure, &err), err);
    ck_assert(is_unsure);
    journal_past_destroy(past);
}
END_TEST

/* Cut at each byte: what was whole before is there, the rest is not, and nothing is refused. */
START_TEST(drops_a_torn_end)
{
    size_t size_bytes;
    write_journal("whole");
    char *bytes = support_read_file(directory, "whole", &size_bytes);
    unsigned most = 0;
    for (size_t cut = 0; cut <= size_bytes; cut++) {
        struct journal_past *past;
        int64_t end_bytes;
        unlink(path_of("cut"));
        support_write_file(directory, "cut", bytes, cut);
        ck_assert_int_eq(read_journal("cut", "now", &past, &end_bytes), MR_OK);
        ck_assert_int_le(end_bytes, (int64_t)cut);
        unsigned count = past ? count_items(past) : 0;
        ck_assert_uint_ge(count, most);
        ck_assert_uint_le(count, most + 1);
        most = count;
        journal_past_destroy(past);
    }
    ck_assert_uint_eq(most, ITEM_COUNT);
    free(bytes);
}
END_TEST

/* Each byte of it made another: refused, or taken for a torn end of the last record. */
START_TEST(notices_each_wrong_byte)
{
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    size_t size_bytes;
    write_journal("whole");
    char *bytes = support_read_file(directory, "whole", &size_bytes);
    unsigned refused_count = 0, dropped_count = 0;
    for (size_t i = 0; i < size_bytes * sizeof(flips); i++) {
        struct journal_past *past;
        int64_t end_bytes;
        char *byte = &bytes[i / sizeof(flips)], right = *byte;
        *byte = (char)(right ^ flips[i % sizeof(flips)]);
        unlink(path_of("bad"));
        support_write_file(directory, "bad", bytes, size_bytes);
        *byte = right;
        if (read_journal("bad", "now", &past, &end_bytes) == MR_E_DATA) {
            refused_count++;
            ck_assert_ptr_null(past);
            continue;
        }
        ck_assert_ptr_nonnull(past);
        ck_assert_uint_eq(count_items(past), ITEM_COUNT - 1);
        dropped_count++;
        journal_past_destroy(past);
    }
    ck_assert_uint_eq(refused_count + dropped_count, size_bytes * sizeof(flips));
    ck_assert_uint_gt(refused_count, dropped_count * (ITEM_COUNT - 1));
    free(bytes);
}
END_TEST

/* A page of zeros at the end, as a file system may leave it; zeros in the middle are damage. */
START_TEST(zeros)
{
    struct journal_past *past;
    int64_t end_bytes;
    size_t size_bytes;
    write_journal("j");
    char *bytes = support_read_file(directory, "j", &size_bytes);
    char *longer = calloc(1, size_bytes + 4096);
    memcpy(longer, bytes, size_bytes);
    support_write_file(directory, "end", longer, size_bytes + 4096);
    ck_assert_int_eq(read_journal("end", "now", &past, &end_bytes), MR_OK);
    ck_assert_int_eq(end_bytes, (int64_t)size_bytes);
    ck_assert_uint_eq(count_items(past), ITEM_COUNT);
    journal_past_destroy(past);
    memset(longer + size_bytes / 2, 0, 100);
    support_write_file(directory, "middle", longer, size_bytes);
    ck_assert_int_eq(read_journal("middle", "now", &past, &end_bytes), MR_E_DATA);
    support_write_file(directory, "other", "#!/bin/sh\n", 10);
    ck_assert_int_eq(read_journal("other", "now", &past, &end_bytes), MR_E_DATA);
    free(bytes);
    free(longer);
}
END_TEST

/* A record that finds no room leaves nothing behind, and nothing comes after it. */
START_TEST(full_disk)
{
    struct journal *journal;
    struct mr_error err = {0};
    struct journal_past *past;
    int64_t end_bytes;
    size_t before_bytes, after_bytes;
    char output[16];
    write_journal("j");
    free(support_read_file(directory, "j", &before_bytes));
    ck_assert_ok(journal_create(open_file("j"), "j", &journal, &err), err);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = before_bytes + 20;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct journal_record record = item_record(0, output);
    ck_assert_int_eq(journal_put(journal, &record, &err), MR_E_SYSTEM);
    setrlimit(RLIMIT_FSIZE, &old);
    ck_assert_int_eq(journal_put(journal, &record, &err), MR_E_SYSTEM);
    ck_assert_int_eq(journal_sync(journal, &err), MR_E_SYSTEM);
    journal_destroy(journal);
    free(support_read_file(directory, "j", &after_bytes));
    ck_assert_uint_eq(before_bytes, after_bytes);
    ck_assert_int_eq(read_journal("j", "now", &past, &end_bytes), MR_OK);
    journal_past_destroy(past);
}
END_TEST

enum { THREAD_COUNT = 8, EACH_COUNT = 300 };

struct writer {
    struct journal *journal;
    unsigned number;
    int fd;
};

/* Each record is in the file when the call is back. */
static void *write_many(void *ctx)
{
    const struct writer *writer = ctx;
    for (unsigned i = 0; i < EACH_COUNT; i++) {
        char output[16];
        unsigned number = writer->number * EACH_COUNT + i;
        struct journal_record record = item_record(number, output);
        off_t before = lseek(writer->fd, 0, SEEK_END);
        put(writer->journal, &record);
        size_t size_bytes = (size_t)(lseek(writer->fd, 0, SEEK_END) - before);
        char *found = malloc(size_bytes);
        ck_assert(found && pread(writer->fd, found, size_bytes, before) == (ssize_t)size_bytes);
        ck_assert_ptr_nonnull(memmem(found, size_bytes, output, strlen(output) + 1));
        free(found);
    }
    return NULL;
}

START_TEST(many_writers)
{
    struct journal *journal;
    struct mr_error err = {0};
    struct journal_past *past;
    pthread_t threads[THREAD_COUNT];
    struct writer writers[THREAD_COUNT];
    int64_t end_bytes;
    write_journal("j");
    ck_assert_ok(journal_create(open_file("j"), "j", &journal, &err), err);
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        writers[i] = (struct writer){.journal = journal, .number = i, .fd = open_file("j")};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        close(writers[i].fd);
    }
    journal_destroy(journal);
    ck_assert_int_eq(read_journal("j", "now", &past, &end_bytes), MR_OK);
    for (unsigned i = 0; i < THREAD_COUNT * EACH_COUNT; i++) {
        struct journal_item item;
        char output[16];
        bool is_unsure;
        item_record(i, output);
        ck_assert_ok(journal_past_find(past, output, &item, &is_unsure, &err), err);
        ck_assert_uint_eq(item.attempts, i + 1);
    }
    journal_past_destroy(past);
}
END_TEST

/* Far more items than are held in memory. */
START_TEST(many_items)
{
    enum { MANY = 20000 };
    struct journal *journal;
    struct mr_error err = {0};
    struct journal_past *past;
    int64_t end_bytes;
    char output[16];
    write_journal("j");
    ck_assert_ok(journal_create(open_file("j"), "j", &journal, &err), err);
    for (unsigned i = 0; i < MANY; i++) {
        struct journal_record record = item_record(i, output);
        put(journal, &record);
    }
    journal_destroy(journal);
    ck_assert_int_eq(read_journal("j", "now", &past, &end_bytes), MR_OK);
    for (unsigned i = 0; i < MANY + 100; i++) {
        struct journal_item item;
        bool is_unsure;
        item_record(i, output);
        enum mr_status status = journal_past_find(past, output, &item, &is_unsure, &err);
        ck_assert_int_eq(status, i < MANY ? MR_OK : MR_DONE);
        ck_assert(i >= MANY || item.attempts == i + 1);
    }
    journal_past_destroy(past);
}
END_TEST

Suite *journal_suite(void)
{
    Suite *suite = suite_create("journal");
    TCase *tests = tcase_create("journal");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_what_was_written);
    tcase_add_test(tests, last_word_counts);
    tcase_add_test(tests, knows_another_boot);
    tcase_add_test(tests, drops_a_torn_end);
    tcase_add_test(tests, notices_each_wrong_byte);
    tcase_add_test(tests, zeros);
    tcase_add_test(tests, full_disk);
    tcase_add_test(tests, many_writers);
    tcase_add_test(tests, many_items);
    suite_add_tcase(suite, tests);
    return suite;
}
