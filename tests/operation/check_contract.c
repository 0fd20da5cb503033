/* Every registered operation against the contract of millrace/operation.h. */
#include "config.h"
#include "drive.h"
#include "operation/chain.h"
#include "operation/internals.h"
#include "operation/registry.h"
#include "run_chain.h"

Suite *contract_suite(void);

/* Settings that are needed, or that keep the test short; and the codec that makes input for a
 * decoder. */
static const struct row {
    const char *name;
    const char *const pairs[5];
    const char *encoder;
} rows[] = {
    {"charset", {"from", "ISO-8859-1"}, NULL},
    {"recompress", {"to", "gzip", "level", "1"}, "zlib"},
    {"gzip", {"level", "1"}, NULL},
    {"zlib", {"level", "1"}, NULL},
    {"bzip2", {"level", "1"}, NULL},
    {"xz", {"level", "0"}, NULL},
    {"gunzip", {NULL}, "gzip:1"},
    {"unzlib", {NULL}, "zlib:1"},
    {"unzstd", {NULL}, "zstd:1"},
    {"unxz", {NULL}, "xz:0"},
    {"bunzip2", {NULL}, "bzip2:1"},
    {"unlz4", {NULL}, "lz4"},
    {"decompress", {NULL}, "gzip:1"},
};

static const struct row *row_of(const struct mr_operation *operation)
{
    static const struct row none = {NULL, {NULL}, NULL};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, operation->name) == 0)
            return &rows[i];
    }
    return &none;
}

struct subject {
    const struct mr_operation *operation;
    const struct row *row;
    void *config;
};

static struct subject subject_of(size_t index)
{
    struct mr_error err = {0};
    const struct mr_operation *operation = registry_at(index);
    const struct row *row = row_of(operation);
    void *config = drive_config(operation, row->pairs, &err);
    ck_assert_msg(config || !operation->config_create || err.status == MR_OK, "%s: %s",
                  operation->name, err.text);
    return (struct subject){operation, row, config};
}

static void subject_fini(struct subject *subject)
{
    if (subject->config)
        subject->operation->config_destroy(subject->config);
}

static size_t operation_count(void)
{
    size_t count = 0;
    while (registry_at(count))
        count++;
    return count;
}

/* What the operation is fed for content: the content, or that compressed. Frees content. */
static unsigned char *feed_of(const struct subject *subject, unsigned char *content, size_t *bytes)
{
    if (!subject->row->encoder)
        return content;
    struct run run = {0};
    ck_assert_int_eq(run_chain(&run, subject->row->encoder, content, *bytes), MR_DONE);
    free(content);
    *bytes = run.out_bytes;
    return run.out;
}

/* One run with a state of its own, or with *state when given. in_chunk_bytes 0: all at once. */
static enum mr_status run_once(const struct subject *subject, void *state,
                               const unsigned char *content, size_t content_bytes,
                               size_t in_chunk_bytes, size_t room_bytes, struct drive *drive)
{
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry("dir/a.txt", content_bytes);
    bool owns_state = !state;
    if (owns_state)
        ck_assert_ok(subject->operation->state_create(subject->config, &state, &err), err);
    *drive = (struct drive){.operation = subject->operation,
                            .state = state,
                            .in_chunk_bytes = in_chunk_bytes ? in_chunk_bytes : content_bytes + 1,
                            .out_chunk_bytes = room_bytes,
                            .seed = content_bytes};
    enum mr_status status = drive_run(drive, &entry, content, content_bytes);
    if (owns_state && subject->operation->state_destroy)
        subject->operation->state_destroy(state);
    return status;
}

static void check_same(const struct subject *subject, const struct drive *first,
                       enum mr_status first_status, const unsigned char *content,
                       size_t content_bytes, size_t in_chunk_bytes, size_t room_bytes)
{
    struct drive drive;
    enum mr_status status =
        run_once(subject, NULL, content, content_bytes, in_chunk_bytes, room_bytes, &drive);
    bool is_same =
        status == first_status &&
        (status != MR_DONE ||
         (drive.out_bytes == first->out_bytes &&
          (drive.out_bytes == 0 || memcmp(drive.out, first->out, drive.out_bytes) == 0)));
    ck_assert_msg(
        is_same,
        "%s of %zu bytes in chunks of %zu and rooms of %zu: another result (%d %zu, %d %zu: %s)",
        subject->operation->name, content_bytes, in_chunk_bytes, room_bytes, (int)first_status,
        first->out_bytes, (int)status, drive.out_bytes, drive.err.text);
    free(drive.out);
}

/*
 * All ways to cut it give one result when the first call has everything, and one when it has not;
 * what is made in blocks is the same for both. is_small: also byte by byte. Takes content.
 */
static void check_cuts(const struct subject *subject, unsigned char *content, size_t content_bytes,
                       bool is_small)
{
    static const size_t small_rooms[] = {1, 2, 3, 4, 5, 6, 7};
    static const size_t rooms[] = {1021, 65536, 300007};
    static const size_t small_chunks[] = {1, 3, 7, 13};
    static const size_t chunks[] = {4093, 65536, CHAIN_BUFFER_BYTES};
    const struct mr_operation *operation = subject->operation;
    content = feed_of(subject, content, &content_bytes);
    size_t bound = operation->bound ? operation->bound(subject->config, content_bytes) : SIZE_MAX;
    struct drive whole, cut;
    enum mr_status status = run_once(subject, NULL, content, content_bytes, 0,
                                     bound != SIZE_MAX ? bound + 1 : (size_t)4 << 20, &whole);
    if (status == MR_DONE)
        ck_assert_msg(whole.out_bytes <= bound, "%s: %zu bytes became %zu, over the bound of %zu",
                      operation->name, content_bytes, whole.out_bytes, bound);
    for (size_t i = 0; i < 3; i++)
        check_same(subject, &whole, status, content, content_bytes, 0, rooms[i]);
    for (size_t i = 0; is_small && i < 7; i++)
        check_same(subject, &whole, status, content, content_bytes, 0, small_rooms[i]);
    if (operation->internals && operation->internals->blocks && content_bytes > 1)
        check_same(subject, &whole, status, content, content_bytes, content_bytes / 2 + 1, 65536);
    free(whole.out);
    if (content_bytes > 1) {
        size_t half = content_bytes - content_bytes / 2;
        status = run_once(subject, NULL, content, content_bytes, half, 65536, &cut);
        if (status == MR_DONE)
            ck_assert(cut.out_bytes <= bound);
        for (size_t i = 0; i < 3; i++) {
            if (chunks[i] < content_bytes)
                check_same(subject, &cut, status, content, content_bytes, chunks[i], rooms[2 - i]);
        }
        for (size_t i = 0; is_small && i < 4; i++) {
            if (small_chunks[i] < content_bytes)
                check_same(subject, &cut, status, content, content_bytes, small_chunks[i],
                           small_rooms[i]);
        }
        free(cut.out);
    }
    free(content);
}

START_TEST(table_is_complete)
{
    const struct mr_operation *operation = registry_at((size_t)_i);
    ck_assert_uint_eq(operation->struct_bytes, sizeof(struct mr_operation));
    ck_assert_ptr_eq(registry_find(operation->name), operation);
    ck_assert_str_eq(registry_name_at(NULL, (size_t)_i), operation->name);
    ck_assert_ptr_nonnull(operation->summary);
    ck_assert_ptr_nonnull(operation->state_create);
    ck_assert_ptr_nonnull(operation->start);
    ck_assert_ptr_nonnull(operation->process);
    ck_assert_ptr_null(registry_missing_library(operation->name));
    for (const struct mr_setting *row = operation->settings; row && row->key; row++)
        ck_assert(row->values && row->initial && row->summary);
    ck_assert(!operation->settings || (operation->config_set && operation->config_destroy));
}
END_TEST

START_TEST(small_content_in_every_cut)
{
    struct subject subject = subject_of((size_t)_i);
    static const size_t sizes[] = {0, 1, 2, 13, 300, 4096, 9001};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_cuts(&subject, support_text(i + 1, sizes[i]), sizes[i], true);
        check_cuts(&subject, support_noise(i + 1, sizes[i]), sizes[i], true);
    }
    subject_fini(&subject);
}
END_TEST

START_TEST(large_content_in_every_cut)
{
    struct subject subject = subject_of((size_t)_i);
    static const size_t sizes[] = {65535,
                                   65536,
                                   65537,

                                   CHAIN_BUFFER_BYTES,
                                   CHAIN_BUFFER_BYTES + 1,
                                   (size_t)5 << 19};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_cuts(&subject, support_text(i + 1, sizes[i]), sizes[i], false);
    check_cuts(&subject, support_noise(7, 300000), 300000, false);
    subject_fini(&subject);
}
END_TEST

START_TEST(noise_and_foreign_input)
{
    /* What decoders get here is no frame of theirs; what all get must end in the same way for every
     * cut. */
    struct subject subject = subject_of((size_t)_i);
    subject.row = &(const struct row){NULL, {NULL}, NULL};
    check_cuts(&subject, support_noise(3, 5000), 5000, true);
    check_cuts(&subject, support_text(3, 5000), 5000, true);
    check_cuts(&subject, (unsigned char *)strdup("BZh9 is no magic number"), 23, true);
    subject_fini(&subject);
}
END_TEST

/* Starts an item, gives it part of the content and some room, and stops it. */
static void cut_short(const struct subject *subject, void *state, const unsigned char *content,
                      size_t content_bytes)
{
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry("b", content_bytes);
    unsigned char room[100];
    ck_assert_ok(subject->operation->start(state, &entry, &err), err);
    struct mr_io io = {
        .in = content, .in_bytes = content_bytes / 2, .out = room, .out_bytes = sizeof(room)};
    enum mr_status status = subject->operation->process(state, &io, &err);
    ck_assert_int_eq(status, MR_OK);
    if (subject->operation->stop)
        subject->operation->stop(state);
}

START_TEST(state_is_reused)
{
    struct subject subject = subject_of((size_t)_i);
    struct mr_error err = {0};
    void *state;
    ck_assert_ok(subject.operation->state_create(subject.config, &state, &err), err);
    static const size_t sizes[] = {100000, 0, 3, 2100000, 50000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            size_t bytes = sizes[i];
            unsigned char *content = kind == 0 ? support_text(i, bytes) : support_noise(i, bytes);
            content = feed_of(&subject, content, &bytes);
            struct drive fresh, reused;
            enum mr_status status = run_once(&subject, NULL, content, bytes,
                                             bytes > CHAIN_BUFFER_BYTES ? CHAIN_BUFFER_BYTES : 0,
                                             RUN_ROOM_BYTES, &fresh);
            enum mr_status again = run_once(&subject, state, content, bytes,
                                            bytes > CHAIN_BUFFER_BYTES ? CHAIN_BUFFER_BYTES : 0,
                                            RUN_ROOM_BYTES, &reused);
            ck_assert_int_eq(again, status);
            if (status == MR_DONE)
                ck_assert_out(&reused, fresh.out, fresh.out_bytes);
            free(fresh.out);
            free(reused.out);
            if (bytes > 1000)
                cut_short(&subject, state, content, bytes);
            free(content);
        }
    }
    if (subject.operation->state_destroy)
        subject.operation->state_destroy(state);
    subject_fini(&subject);
}
END_TEST

START_TEST(unused_state_goes_away)
{
    struct subject subject = subject_of((size_t)_i);
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry("a", 0);
    void *state;
    ck_assert_ok(subject.operation->state_create(subject.config, &state, &err), err);
    if (subject.operation->state_destroy)
        subject.operation->state_destroy(state);
    ck_assert_ok(subject.operation->state_create(subject.config, &state, &err), err);
    ck_assert_ok(subject.operation->start(state, &entry, &err), err);
    if (subject.operation->stop)
        subject.operation->stop(state);
    if (subject.operation->state_destroy)
        subject.operation->state_destroy(state);
    subject_fini(&subject);
}
END_TEST

Suite *contract_suite(void)
{
    Suite *suite = suite_create("contract");
    TCase *tcase = tcase_create("operations");
    int count = (int)operation_count();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, table_is_complete, 0, count);
    tcase_add_loop_test(tcase, small_content_in_every_cut, 0, count);
    tcase_add_loop_test(tcase, large_content_in_every_cut, 0, count);
    tcase_add_loop_test(tcase, noise_and_foreign_input, 0, count);
    tcase_add_loop_test(tcase, state_is_reused, 0, count);
    tcase_add_loop_test(tcase, unused_state_goes_away, 0, count);
    suite_add_tcase(suite, tcase);
    return suite;
}
