/* Zip archives as a whole: what other programs made, many members, many threads, and damage
 * anywhere. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "support/unzipping.h"

Suite *zip_source_suite(void);

static struct zips *const zip = &unzipping.zip;

static void add_usual(void)
{
    zips_add(zip,
             &(struct zips_member){.name = "dir/", .host = ZIPS_UNIX, .attributes = 040755u << 16});
    zips_add_text(zip, "dir/deflated", ZIPS_DEFLATE, "some text, some text, some text");
    zips_add_text(zip, "stored", ZIPS_STORE, "stored text");
    zips_add_text(zip, "empty", ZIPS_STORE, "");
    zips_add_text(zip, "empty deflated", ZIPS_DEFLATE, "");
    zips_add(zip, &(struct zips_member){.name = "link",
                                        .host = ZIPS_UNIX,
                                        .attributes = 0120777u << 16,
                                        .data = "stored",
                                        .data_bytes = 6});
    if (MR_HAVE_ZSTD)
        zips_add_text(zip, "zstd", ZIPS_ZSTD, "some text, some text, some text");
}

START_TEST(members_are_given_as_they_stand)
{
    struct mr_source *source;
    struct mr_entry entry = {0};
    zips_add(zip,
             &(struct zips_member){.name = "./", .host = ZIPS_UNIX, .attributes = 040755u << 16});
    add_usual();
    zips_end(zip, false, NULL);
    ck_assert_ok(unzipping_open(&source), unzipping.err);
    ck_assert_uint_eq(source->flags, MR_SOURCE_CONTAINER | MR_SOURCE_REOPENABLE);
    ck_assert_str_eq(source->label, "label");
    static const struct {
        const char *path;
        enum mr_method method;
        int64_t size;
    } files[] = {{"dir/deflated", MR_METHOD_DEFLATE, 31},
                 {"stored", MR_METHOD_PLAIN, 11},
                 {"empty", MR_METHOD_PLAIN, 0},
                 {"empty deflated", MR_METHOD_DEFLATE, 0},
                 {"zstd", MR_METHOD_ZSTD, 31}};
    size_t count = 0, want = MR_HAVE_ZSTD ? 5 : 4;
    while (source->ops->next(source, &entry, &unzipping.err) == MR_OK) {
        if (entry.kind == MR_KIND_FILE) {
            ck_assert_uint_lt(count, want);
            ck_assert_str_eq(entry.path, files[count].path);
            ck_assert(entry.has_encoding && entry.encoding.has_crc && entry.has_mode);
            ck_assert_uint_eq(entry.mode, 0644);
            ck_assert_int_eq(entry.encoding.method, files[count].method);
            ck_assert_int_eq(entry.size_bytes, files[count].size);
            count++;
        }
        mr_entry_clear(&entry);
    }
    ck_assert_uint_eq(count, want);
    ck_assert_int_eq(source->ops->next(source, &entry, &unzipping.err), MR_DONE);
    source->ops->destroy(source);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, want + 2);
    unzipping_check_text(1, "dir/deflated", "some text, some text, some text");
}
END_TEST

/* What other programs made of a tree is what a tar of it holds. */
START_TEST(archives_of_other_programs_hold_the_same_as_a_tar)
{
    static const char *const names[] = {MR_TESTDATA "/good.zip", MR_TESTDATA "/good-streamed.zip"};
    struct archives_list tar = {NULL, 0};
    struct mr_source *source;
    int fd = open(MR_TESTDATA "/good-pax.tar.gz", O_RDONLY | O_CLOEXEC);
    ck_assert_ok(archive_source_create(fd, "tar", NULL, NULL, &source, &unzipping.err),
                 unzipping.err);
    ck_assert_ok(archives_read(source, &tar, 1000, &unzipping.err), unzipping.err);
    source->ops->destroy(source);
    fd = open(names[_i], O_RDONLY | O_CLOEXEC);
    ck_assert_ok(zip_source_create(fd, "zip", false, &source, &unzipping.err), unzipping.err);
    ck_assert_ok(archives_read(source, &unzipping.found, 1000, &unzipping.err), unzipping.err);
    source->ops->destroy(source);
    ck_assert_uint_eq(unzipping.found.count, tar.count);
    for (size_t i = 0; i < tar.count; i++) {
        const struct mr_entry *want = &tar.items[i].entry;
        const struct archives_item *item = archives_find(&unzipping.found, want->path);
        ck_assert_msg(item != NULL, "%s is missing", want->path);
        ck_assert_uint_eq(item->entry.mode, want->mode);
        if (want->kind == MR_KIND_HARDLINK) /* zip has none: a file */
            continue;
        ck_assert_int_eq(item->entry.kind, want->kind);
        ck_assert(want->target ? strcmp(item->entry.target, want->target) == 0
                               : item->entry.target == NULL);
        if (want->kind != MR_KIND_FILE)
            continue;
        ck_assert_int_eq(item->entry.size_bytes, want->size_bytes);
        ck_assert(want->size_bytes == 0 ||
                  memcmp(item->data, tar.items[i].data, (size_t)want->size_bytes) == 0);
    }
    archives_clear(&tar);
}
END_TEST

START_TEST(an_input_may_begin_anywhere_in_its_file)
{
    add_usual();
    zips_end(zip, false, NULL);
    struct zips whole = {0};
    zips_append(&whole, "PK\003\004 and more", 13);
    zips_append(&whole, zip->data, zip->bytes);
    struct mr_source *source;
    int fd = archives_file(whole.data, whole.bytes);
    zips_clear(&whole);
    ck_assert_int_eq(lseek(fd, 13, SEEK_SET), 13);
    ck_assert_ok(zip_source_create(fd, "label", false, &source, &unzipping.err), unzipping.err);
    ck_assert_ok(archives_read(source, &unzipping.found, 1, &unzipping.err), unzipping.err);
    source->ops->destroy(source);
    ck_assert_uint_eq(unzipping.found.count, zip->count);
}
END_TEST

START_TEST(methods_that_are_not_decoded_are_for_others)
{
    static const unsigned methods[] = {12, 14, 95, 98, 1, 6, 9};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        zips_clear(zip);
        zips_begin(zip, 0);
        zips_add_text(zip, "first", ZIPS_DEFLATE, "text");
        zips_add_text(zip, "second", methods[i], "text");
        zips_end(zip, false, NULL);
        unzipping_refused(MR_E_UNSUPPORTED,
                          i < 4 ? "label: a method is not decoded here" : "its method");
        ck_assert_uint_eq(unzipping.found.count, i < 4 ? 0 : 1);
    }
}
END_TEST

static const char *const bad[] = {"bad-dotdot.zip", "bad-duplicate.zip", "bad-crc.zip",
                                  "bad-encrypted.zip"};

START_TEST(bad_archives_of_the_test_data_are_read_as_far_as_they_go)
{
    static const enum mr_status want[] = {MR_OK, MR_OK, MR_E_DATA, MR_E_UNSUPPORTED};
    static const size_t counts[] = {4, 3, 2, 0};
    size_t size;
    zips_clear(zip);
    zip->data = (unsigned char *)support_read_file(MR_TESTDATA, bad[_i], &size);
    zip->bytes = size;
    ck_assert_int_eq(unzipping_read(), want[_i]);
    ck_assert_uint_eq(unzipping.found.count, counts[_i]);
}
END_TEST

START_TEST(an_archive_that_shrinks_meanwhile_is_told)
{
    struct mr_source *source;
    struct mr_reader *reader;
    struct mr_entry entry = {0};
    char buffer[100];
    size_t got;
    zips_add_text(zip, "a", ZIPS_STORE, "some text");
    zips_end(zip, false, NULL);
    int fd = archives_file(zip->data, zip->bytes);
    ck_assert_ok(zip_source_create(fd, "label", false, &source, &unzipping.err), unzipping.err);
    ck_assert_ok(source->ops->next(source, &entry, &unzipping.err), unzipping.err);
    ck_assert_ok(source->ops->open(source, &entry, &reader, &unzipping.err), unzipping.err);
    ck_assert_int_eq(ftruncate(fd, (off_t)zip->data_at[0] + 3), 0);
    ck_assert_int_eq(source->ops->read(source, reader, buffer, 100, &got, &unzipping.err),
                     MR_E_DATA);
    ck_assert_int_eq(source->ops->close(source, reader, &unzipping.err), MR_OK);
    ck_assert_int_eq(ftruncate(fd, 20), 0);
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &unzipping.err), MR_E_CHANGED);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(an_entry_of_another_archive_is_not_opened)
{
    struct mr_source *source;
    struct mr_reader *reader;
    struct mr_entry entry = {0};
    zips_add_text(zip, "a", ZIPS_STORE, "some text");
    zips_end(zip, false, NULL);
    ck_assert_ok(unzipping_open(&source), unzipping.err);
    ck_assert_ok(source->ops->next(source, &entry, &unzipping.err), unzipping.err);
    entry.encoding.stored_bytes++;
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &unzipping.err), MR_E_CHANGED);
    entry.encoding.stored_bytes--;
    entry.place = zip->end_at;
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &unzipping.err), MR_E_CHANGED);
    entry.place = 1;
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &unzipping.err), MR_E_CHANGED);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

#define MANY 100000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* The first two headers of the directory, which are of one size. */
static void swap_first_two(void)
{
    size_t size = zip->central_at[1];
    unsigned char *copy = malloc(size);
    ck_assert(copy && zip->central_at[2] == 2 * size);
    memcpy(copy, zip->directory, size);
    memmove(zip->directory, zip->directory + size, size);
    memcpy(zip->directory + size, copy, size);
    free(copy);
}

/* A walk through very many members keeps none of them: in order, and with 8 bytes each out of
 * order. */
START_TEST(many_members_take_no_memory)
{
    char name[40];
    struct mr_source *source;
    struct rusage before, after;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "a directory/and a file %d", i);
        zips_add(zip, &(struct zips_member){.name = name});
    }
    if (_i) /* out of order */
        swap_first_two();
    zips_end(zip, true, NULL);
    int fd = archives_file(zip->data, zip->bytes);
    getrusage(RUSAGE_SELF, &before);
    ck_assert_ok(zip_source_create(fd, "label", false, &source, &unzipping.err), unzipping.err);
    for (int i = 0; i < MANY; i++) {
        struct mr_entry entry = {0};
        struct mr_reader *reader = NULL;
        ck_assert_ok(source->ops->next(source, &entry, &unzipping.err), unzipping.err);
        ck_assert_ok(source->ops->open(source, &entry, &reader, &unzipping.err), unzipping.err);
        source->ops->close(source, reader, &unzipping.err);
        mr_entry_clear(&entry);
    }
    getrusage(RUSAGE_SELF, &after);
    source->ops->destroy(source);
    if (!IS_SANITIZED) /* what is freed stays there for a while */
        ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, _i ? 4096 : 1024); /* KiB */
}
END_TEST

struct together {
    struct mr_source *source;
    const struct archives_list *want;
    struct mr_entry *entries;
    unsigned first;
    bool is_right;
};

/* Opens and reads every file, in an order of its own. */
static void *read_files(void *ctx)
{
    struct together *together = ctx;
    const struct mr_source_ops *ops = together->source->ops;
    together->is_right = true;
    for (size_t i = 0; i < together->want->count; i++) {
        size_t at = (i * 7 + together->first) % together->want->count;
        const struct mr_entry *entry = &together->entries[at];
        struct mr_reader *reader;
        struct mr_error err;
        unsigned char buffer[400];
        size_t got;
        bool is_well = ops->open(together->source, entry, &reader, &err) == MR_OK &&
                       ops->read(together->source, reader, buffer, 400, &got, &err) == MR_OK &&
                       ops->close(together->source, reader, &err) == MR_OK && got == 300 &&
                       memcmp(buffer, together->want->items[at].data, 300) == 0;
        together->is_right = together->is_right && is_well;
    }
    return NULL;
}

START_TEST(many_threads_read_at_once)
{
    enum { COUNT = 500, THREADS = 4 };
    char name[300];
    struct archives_list want = {NULL, 0};
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "%0*d", i % 200 + 1, i);
        archives_add(&want, MR_KIND_FILE, name, 300);
        zips_add(zip, &(struct zips_member){
                          .name = name, .data = want.items[i].data, .data_bytes = 300});
    }
    if (_i) { /* all are sorted because of two that are not: the first in the archive, the last in
                 the directory */
        zips_add(zip, &(struct zips_member){.name = "00/"});
        size_t size = 46 + 1, last = zip->directory_bytes - 46 - 3;
        unsigned char first[46 + 1];
        memcpy(first, zip->directory, size);
        memmove(zip->directory, zip->directory + size, last - size);
        memcpy(zip->directory + last - size, first, size);
        /* It is read as the last file now. */
        struct archives_item item = want.items[0];
        memmove(want.items, want.items + 1, (COUNT - 1) * sizeof(item));
        want.items[COUNT - 1] = item;
    }
    zips_end(zip, false, NULL);
    struct mr_source *source;
    struct mr_entry *entries = calloc(COUNT, sizeof(*entries));
    ck_assert_ok(unzipping_open(&source), unzipping.err);
    for (int i = 0; i < COUNT; i++)
        ck_assert_ok(source->ops->next(source, &entries[i], &unzipping.err), unzipping.err);
    struct together together[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        together[i] = (struct together){source, &want, entries, i * 77, false};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_files, &together[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(together[i].is_right);
    }
    for (int i = 0; i < COUNT; i++)
        mr_entry_clear(&entries[i]);
    free(entries);
    archives_clear(&want);
    source->ops->destroy(source);
}
END_TEST

/* Whatever is damaged: a status, never a crash, and never other content than there was; but the
 * link, whose content has 6 bytes, may become a file. */
static void check_harmless(const struct archives_list *want)
{
    enum mr_status status = unzipping_read();
    ck_assert(status == MR_OK || status == MR_E_DATA || status == MR_E_UNSUPPORTED);
    if (status != MR_OK)
        ck_assert_int_ne(unzipping.err.text[0], '\0');
    for (size_t i = 0; i < unzipping.found.count; i++) {
        const struct archives_item *item = &unzipping.found.items[i];
        if (item->entry.kind != MR_KIND_FILE || item->entry.size_bytes == 0)
            continue;
        bool is_known = false;
        for (size_t k = 0; k < want->count && !is_known; k++)
            is_known = want->items[k].entry.kind == MR_KIND_FILE &&
                       want->items[k].entry.size_bytes == item->entry.size_bytes &&
                       memcmp(want->items[k].data, item->data, (size_t)item->entry.size_bytes) == 0;
        ck_assert_msg(is_known || item->entry.size_bytes == 6, "other content came out");
    }
}

START_TEST(damage_anywhere_is_harmless)
{
    add_usual();
    zips_end(zip, _i, "comment");
    ck_assert_ok(unzipping_read(), unzipping.err);
    struct archives_list want = unzipping.found;
    unzipping.found = (struct archives_list){NULL, 0};
    for (size_t at = 0; at < zip->bytes; at++) {
        static const unsigned char flips[] = {1, 0x80, 0xff};
        for (size_t i = 0; i < sizeof(flips); i++) {
            zip->data[at] ^= flips[i];
            check_harmless(&want);
            zip->data[at] ^= flips[i];
        }
    }
    size_t whole = zip->bytes;
    for (size_t cut = 0; cut < whole; cut++) {
        zip->bytes = cut;
        ck_assert_int_ne(unzipping_read(), MR_OK);
    }
    archives_clear(&want);
}
END_TEST

/* Several bytes at once, of the directory and the ends alone, where all the numbers are. */
START_TEST(noise_in_the_directory_is_harmless)
{
    uint64_t state = (uint64_t)_i;
    add_usual();
    zips_end(zip, _i & 1, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    struct archives_list want = unzipping.found;
    unzipping.found = (struct archives_list){NULL, 0};
    unsigned char *good = malloc(zip->bytes);
    memcpy(good, zip->data, zip->bytes);
    for (int round = 0; round < 2000; round++) {
        for (uint64_t changes = support_random(&state) % 6 + 1; changes > 0; changes--) {
            size_t at = zip->directory_at +
                        (size_t)(support_random(&state) % (zip->bytes - zip->directory_at));
            zip->data[at] =
                support_random(&state) & 1 ? 0xff : (unsigned char)support_random(&state);
        }
        check_harmless(&want);
        memcpy(zip->data, good, zip->bytes);
    }
    free(good);
    archives_clear(&want);
}
END_TEST

Suite *zip_source_suite(void)
{
    Suite *suite = suite_create("zip_source");
    TCase *tcase = tcase_create("zip_source");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, unzipping_set_up, unzipping_tear_down);
    tcase_add_test(tcase, members_are_given_as_they_stand);
    tcase_add_loop_test(tcase, archives_of_other_programs_hold_the_same_as_a_tar, 0, 2);
    tcase_add_test(tcase, an_input_may_begin_anywhere_in_its_file);
    tcase_add_test(tcase, methods_that_are_not_decoded_are_for_others);
    tcase_add_loop_test(tcase, bad_archives_of_the_test_data_are_read_as_far_as_they_go, 0, 4);
    tcase_add_test(tcase, an_archive_that_shrinks_meanwhile_is_told);
    tcase_add_test(tcase, an_entry_of_another_archive_is_not_opened);
    tcase_add_loop_test(tcase, many_members_take_no_memory, 0, 2);
    tcase_add_loop_test(tcase, many_threads_read_at_once, 0, 2);
    tcase_add_loop_test(tcase, damage_anywhere_is_harmless, 0, 2);
    tcase_add_loop_test(tcase, noise_in_the_directory_is_harmless, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}
