/* What is counted of items, archives and the run, and who is refused or ended when it is too much.
 */
#include "flow/amounts.h"

#include "flow/item.h"
#include "support/support.h"

Suite *amounts_suite(void);

#define FREE_BYTES LIMITS_RATIO_FREE_BYTES

static uint64_t stored_bytes; /* what the source says that it was read from */

static uint64_t input_bytes(struct mr_source *source)
{
    (void)source;
    return stored_bytes;
}

static void destroy(struct mr_source *source)
{
    (void)source;
}

static enum mr_status next(struct mr_source *source, struct mr_entry *entry, struct mr_error *err)
{
    (void)source;
    (void)entry;
    (void)err;
    return MR_DONE;
}

static const struct mr_source_ops ops = {
    .kind = "fake", .next = next, .input_bytes = input_bytes, .destroy = destroy};
static struct mr_source source;
static struct inputs *inputs;
static struct input input;
static struct chain *chain;
static struct mr_sink *sink;
static struct job *job;
static struct item items[2];
static struct mr_error err;

/* A job that is never started, and two items of an archive, or of a directory. */
static void make(struct limits limits, unsigned flags)
{
    source = (struct mr_source){.ops = &ops, .flags = flags, .label = "label"};
    input = (struct input){.source = &source};
    ck_assert_ok(inputs_create_of(&source, &inputs, &err), err);
    ck_assert_ok(chain_create(&chain, &err), err);
    ck_assert_ok(null_sink_create(&sink, &err), err);
    const struct job_config config = {.inputs = inputs,
                                      .chain = chain,
                                      .sink = sink,
                                      .reader_count = 1,
                                      .worker_count = 1,
                                      .writer_count = 1,
                                      .memory_bytes = (uint64_t)16 << 20,
                                      .limits = limits};
    ck_assert_ok(job_create(&config, &job, &err), err);
    for (int i = 0; i < 2; i++) {
        memset(&items[i], 0, sizeof(items[i]));
        items[i].job = job;
        items[i].input = &input;
        items[i].entry.kind = MR_KIND_FILE;
    }
}

static void unmake(void)
{
    job_destroy(job);
    sink->ops->destroy(sink);
    chain_destroy(chain);
    inputs_destroy(inputs);
}

/* As LOAD does it. */
static enum mr_status load(int i, uint64_t bytes)
{
    items[i].load.bytes += bytes;
    return amounts_loaded(&items[i], (size_t)bytes, &err);
}

static enum mr_status declare(int i, int64_t plain_bytes, int64_t in_archive_bytes)
{
    items[i].entry.has_encoding = true;
    items[i].entry.size_bytes = plain_bytes;
    items[i].entry.encoding.stored_bytes = in_archive_bytes;
    return amounts_declared(&items[i], &err);
}

START_TEST(an_item_is_refused_alone)
{
    make((struct limits){.item_bytes = 100}, 0);
    ck_assert_int_eq(load(0, 60), MR_OK);
    ck_assert_int_eq(load(1, 60), MR_OK);
    ck_assert_int_eq(load(0, 41), MR_E_LIMIT);
    ck_assert_int_eq(load(1, 40), MR_OK);
    ck_assert(!atomic_load(&job->is_closing));
    unmake();
}
END_TEST

START_TEST(an_archive_is_left_behind_its_ratio)
{
    make((struct limits){.ratio = 10}, MR_SOURCE_CONTAINER);
    stored_bytes = FREE_BYTES / 5;
    ck_assert_int_eq(load(0, FREE_BYTES), MR_OK);
    ck_assert_int_eq(load(1, FREE_BYTES), MR_OK); /* just ten times */
    ck_assert(!atomic_load(&input.is_over));
    stored_bytes -= FREE_BYTES / 10;
    ck_assert_int_eq(load(1, 10), MR_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "the archive"));
    ck_assert(atomic_load(&input.is_over));
    ck_assert(!atomic_load(&job->is_closing)); /* other inputs go on */
    unmake();
}
END_TEST

START_TEST(a_directory_has_no_ratio)
{
    make((struct limits){.ratio = 10}, 0);
    stored_bytes = 0;
    ck_assert_int_eq(load(0, 50 * FREE_BYTES), MR_OK);
    ck_assert(!atomic_load(&input.is_over));
    unmake();
}
END_TEST

START_TEST(what_is_declared_counts_before_it_is_read)
{
    make((struct limits){.item_bytes = 90 * FREE_BYTES, .ratio = 10}, MR_SOURCE_CONTAINER);
    stored_bytes = 20 * FREE_BYTES;
    ck_assert_int_eq(declare(0, 91 * FREE_BYTES, 20 * FREE_BYTES), MR_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "--max-item-size"));
    ck_assert_int_eq(declare(0, 11 * FREE_BYTES, FREE_BYTES), MR_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "--max-ratio"));
    ck_assert(!atomic_load(&input.is_over));
    ck_assert_int_eq(declare(0, 10 * FREE_BYTES, FREE_BYTES), MR_OK);
    ck_assert_int_eq(load(0, FREE_BYTES), MR_OK); /* stored bytes: were counted already */
    ck_assert_uint_eq(atomic_load(&input.made_bytes), 10 * FREE_BYTES);
    /* Both share the same bytes of the archive, which declares more than all of it can be. */
    stored_bytes = FREE_BYTES;
    ck_assert_int_eq(declare(1, 10 * FREE_BYTES, FREE_BYTES), MR_E_LIMIT);
    ck_assert(atomic_load(&input.is_over));
    unmake();
}
END_TEST

START_TEST(the_run_ends_at_its_total)
{
    make((struct limits){.total_bytes = 100}, 0);
    ck_assert_int_eq(load(0, 60), MR_OK);
    ck_assert_int_eq(load(1, 40), MR_OK);
    ck_assert(!atomic_load(&job->is_cancelled));
    ck_assert_int_eq(load(1, 1), MR_CANCELLED);
    ck_assert(atomic_load(&job->is_cancelled));
    ck_assert_int_eq(job->stop_error.status, MR_E_LIMIT);
    unmake();
}
END_TEST

START_TEST(intake_ends_at_the_number_of_items)
{
    make((struct limits){.item_count = 3}, 0);
    ck_assert(amounts_found(job, 3));
    ck_assert(!atomic_load(&job->is_closing));
    ck_assert(!amounts_found(job, 4));
    ck_assert(atomic_load(&job->is_closing));
    ck_assert(!atomic_load(&job->is_cancelled)); /* what is in flight goes on */
    ck_assert_int_eq(job->stop_error.status, MR_E_LIMIT);
    unmake();
}
END_TEST

START_TEST(the_chain_is_told_what_lies_in_the_archive)
{
    make((struct limits){.ratio = 10}, 0);
    items[0].load.size_bytes = 70;
    ck_assert_int_eq(amounts_chain_limits(&items[0]).stored_bytes, 70);
    ck_assert_ptr_eq(amounts_chain_limits(&items[0]).limits, &job->config.limits);
    declare(0, 70, 7);
    ck_assert_int_eq(amounts_chain_limits(&items[0]).stored_bytes, 7);
    unmake();
}
END_TEST

Suite *amounts_suite(void)
{
    Suite *suite = suite_create("amounts");
    TCase *tests = tcase_create("amounts");
    tcase_add_test(tests, an_item_is_refused_alone);
    tcase_add_test(tests, an_archive_is_left_behind_its_ratio);
    tcase_add_test(tests, a_directory_has_no_ratio);
    tcase_add_test(tests, what_is_declared_counts_before_it_is_read);
    tcase_add_test(tests, the_run_ends_at_its_total);
    tcase_add_test(tests, intake_ends_at_the_number_of_items);
    tcase_add_test(tests, the_chain_is_told_what_lies_in_the_archive);
    suite_add_tcase(suite, tests);
    return suite;
}
