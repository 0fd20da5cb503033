/*
 * The file job between a made-up source and a made-up sink: this file defines inputs_*() itself, so that the job runs on items
 * whose content, failures and order the test decides. Random configurations of threads, pools, budgets, orders and
 * failures; every item must end once, with the right bytes, in order where there is one, within the budget.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "flow/job.h"
#include "support/support.h"

/* ---- the source ---- */

struct inputs {
    struct mr_source source;
    struct input input;
    unsigned item_count, next;
    uint64_t seed;
    unsigned fail_percent, bad_entry_percent;
    int64_t size_max;
    atomic_int open_readers;
    atomic_uint releases;
    bool is_size_hidden, lies_about_size;
};

struct mr_reader {
    unsigned char *data;
    size_t size_bytes, at_bytes, fail_at_bytes;
};

static uint64_t hash_of(uint64_t seed, unsigned index, unsigned what)
{
    uint64_t state = seed ^ ((uint64_t)index << 20) ^ ((uint64_t)what << 52);
    return support_random(&state);
}

static size_t size_of(const struct inputs *inputs, unsigned index)
{
    uint64_t h = hash_of(inputs->seed, index, 1);
    switch (h % 8) {
    case 0:
        return 0;
    case 1:
        return CHAIN_BUFFER_BYTES - 1 + (h >> 8) % 3;
    case 2:
        return (h >> 8) % (size_t)inputs->size_max;
    default:
        return (h >> 8) % 9000;
    }
}

static unsigned char *content_of(const struct inputs *inputs, unsigned index)
{
    size_t size_bytes = size_of(inputs, index);
    unsigned char *data = malloc(size_bytes + 1);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < size_bytes; i++)
        data[i] = (unsigned char)(i * 7 + index + (i >> 8));
    return data;
}

static bool fails_to_load(const struct inputs *inputs, unsigned index)
{
    return hash_of(inputs->seed, index, 2) % 100 < inputs->fail_percent;
}

static unsigned index_of(const struct mr_entry *entry)
{
    return (unsigned)strtoul(strrchr(entry->path, 'f') + 1, NULL, 10);
}

enum mr_status inputs_next(struct inputs *inputs, struct mr_entry *entry, struct input **input,
                           struct mr_error *err)
{
    if (inputs->next == inputs->item_count)
        return MR_DONE;
    unsigned index = inputs->next++;
    char path[64];
    snprintf(path, sizeof(path), "d%u/f%u", index % 3, index);
    entry->path = strdup(path);
    *input = &inputs->input;
    atomic_fetch_add(&inputs->input.refs, 1);
    if (hash_of(inputs->seed, index, 3) % 100 < inputs->bad_entry_percent)
        return mr_error_set(err, MR_E_DATA, 0, "bad entry");
    entry->size_bytes = inputs->is_size_hidden ? MR_SIZE_UNKNOWN : (int64_t)size_of(inputs, index);
    static const int64_t lies[] = {0, 1, 5000, (int64_t)CHAIN_BUFFER_BYTES, (int64_t)9 << 20};
    if (inputs->lies_about_size)
        entry->size_bytes = lies[index % 5];
    entry->link_count = 1;
    return MR_OK;
}

void input_release(struct input *input)
{
    if (input)
        atomic_fetch_sub(&input->refs, 1);
}

bool inputs_may_collide(const struct inputs *inputs)
{
    return inputs->seed % 2;
}

char *input_show(const struct input *input, const char *path, char *out, size_t cap_bytes)
{
    (void)input;
    snprintf(out, cap_bytes, "%s", path);
    return out;
}

static enum mr_status source_open(struct mr_source *source, const struct mr_entry *entry,
                                  struct mr_reader **reader, struct mr_error *err)
{
    struct inputs *inputs = (struct inputs *)source;
    (void)err;
    *reader = calloc(1, sizeof(**reader));
    (*reader)->data = content_of(inputs, index_of(entry));
    (*reader)->size_bytes = size_of(inputs, index_of(entry));
    (*reader)->fail_at_bytes =
        fails_to_load(inputs, index_of(entry)) ? (*reader)->size_bytes / 2 : SIZE_MAX;
    int others = atomic_fetch_add(&inputs->open_readers, 1);
    if (source->flags & MR_SOURCE_SERIAL)
        ck_assert_int_eq(others, 0);
    return MR_OK;
}

static enum mr_status source_read(struct mr_source *source, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    (void)source;
    size_t left_bytes = reader->size_bytes - reader->at_bytes;
    *got_bytes = left_bytes < cap_bytes ? left_bytes : cap_bytes;
    memcpy(buffer, reader->data + reader->at_bytes, *got_bytes);
    reader->at_bytes += *got_bytes;
    if (reader->at_bytes >= reader->fail_at_bytes)
        return mr_error_set(err, MR_E_SYSTEM, 5, "cannot read");
    return MR_OK;
}

static enum mr_status source_close(struct mr_source *source, struct mr_reader *reader, struct mr_error *err)
{
    struct inputs *inputs = (struct inputs *)source;
    (void)err;
    if (!reader)
        return MR_OK;
    free(reader->data);
    free(reader);
    atomic_fetch_sub(&inputs->open_readers, 1);
    return MR_OK;
}

static const struct mr_source_ops source_ops = {
    .kind = "fake", .open = source_open, .read = source_read, .close = source_close};

/* ---- the sink ---- */

struct fake_sink {
    struct mr_sink sink;
    struct inputs *inputs;
    atomic_int open_writers;
    atomic_uint committed, aborted, skipped;
    unsigned fail_percent, skip_percent;
    int last_index;
    bool checks_order, checks_content;
};

struct mr_writer {
    unsigned index;
    unsigned char *expected;
    size_t expected_bytes, at_bytes;
    int64_t declared_bytes;
    bool fails;
};

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry, int64_t size_bytes,
                                 struct mr_writer **writer, struct mr_error *err)
{
    struct fake_sink *fake = (struct fake_sink *)sink;
    unsigned index = index_of(entry);
    (void)err;
    if (hash_of(fake->inputs->seed, index, 4) % 100 < fake->skip_percent) {
        atomic_fetch_add(&fake->skipped, 1);
        return MR_SKIPPED;
    }
    if (sink->flags & MR_SINK_NEEDS_SIZE)
        ck_assert_int_ge(size_bytes, 0);
    if (sink->flags & MR_SINK_SERIAL)
        ck_assert_int_eq(atomic_load(&fake->open_writers), 0);
    if (fake->checks_order) {
        ck_assert_int_gt((int)index, fake->last_index);
        fake->last_index = (int)index;
    }
    atomic_fetch_add(&fake->open_writers, 1);
    *writer = calloc(1, sizeof(**writer));
    (*writer)->index = index;
    (*writer)->declared_bytes = size_bytes;
    (*writer)->expected = content_of(fake->inputs, index);
    (*writer)->expected_bytes = size_of(fake->inputs, index);
    (*writer)->fails = hash_of(fake->inputs->seed, index, 5) % 100 < fake->fail_percent;
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    struct fake_sink *fake = (struct fake_sink *)sink;
    ck_assert_uint_gt(size_bytes, 0);
    if (writer->fails)
        return mr_error_set(err, MR_E_EXISTS, 0, "cannot write");
    if (fake->checks_content) {
        ck_assert_uint_le(writer->at_bytes + size_bytes, writer->expected_bytes);
        ck_assert_int_eq(memcmp(data, writer->expected + writer->at_bytes, size_bytes), 0);
    }
    writer->at_bytes += size_bytes;
    return MR_OK;
}

static void free_writer(struct fake_sink *fake, struct mr_writer *writer)
{
    free(writer->expected);
    free(writer);
    atomic_fetch_sub(&fake->open_writers, 1);
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer, struct mr_error *err)
{
    struct fake_sink *fake = (struct fake_sink *)sink;
    (void)err;
    if (fake->checks_content)
        ck_assert_uint_eq(writer->at_bytes, writer->expected_bytes);
    if (writer->declared_bytes >= 0)
        ck_assert_int_eq(writer->declared_bytes, (int64_t)writer->at_bytes);
    atomic_fetch_add(&fake->committed, 1);
    free_writer(fake, writer);
    return MR_OK;
}

static void sink_abort(struct mr_sink *sink, struct mr_writer *writer)
{
    struct fake_sink *fake = (struct fake_sink *)sink;
    atomic_fetch_add(&fake->aborted, 1);
    free_writer(fake, writer);
}

static enum mr_status sink_finish(struct mr_sink *sink,
                                  void (*on_problem)(void *, const char *, const struct mr_error *),
                                  void *ctx, struct mr_error *err)
{
    (void)sink;
    (void)on_problem;
    (void)ctx;
    (void)err;
    return MR_OK;
}

static const struct mr_sink_ops sink_ops = {.kind = "fake",
                                            .begin = sink_begin,
                                            .write = sink_write,
                                            .commit = sink_commit,
                                            .abort = sink_abort,
                                            .finish = sink_finish};

/* ---- operations: one that fails on some items, one that repeats every byte ---- */

struct op_state {
    bool fails;
    unsigned repeats_left;
};

static atomic_uint op_seed, op_fail_percent, op_repeats, op_ends_early;

static enum mr_status op_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    (void)err;
    *state = calloc(1, sizeof(struct op_state));
    return MR_OK;
}

static enum mr_status op_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct op_state *op = state;
    (void)err;
    op->fails = hash_of(op_seed, index_of(entry), 6) % 100 < op_fail_percent;
    op->repeats_left = op_repeats;
    return MR_OK;
}

static enum mr_status op_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct op_state *op = state;
    while (io->in_bytes > 0 && io->out_bytes > 0) {
        if (op->repeats_left == 0)
            op->repeats_left = op_repeats;
        size_t copy_bytes = op_repeats > 1 ? 1 : io->in_bytes;
        if (copy_bytes > io->out_bytes)
            copy_bytes = io->out_bytes;
        memcpy(io->out, io->in, copy_bytes);
        io->out += copy_bytes;
        io->out_bytes -= copy_bytes;
        if (--op->repeats_left == 0 || op_repeats <= 1) {
            io->in += copy_bytes;
            io->in_bytes -= copy_bytes;
        }
    }
    if (op_ends_early && !io->is_last)
        return MR_DONE;
    if (io->in_bytes > 0 || !io->is_last)
        return MR_OK;
    return op->fails ? mr_error_set(err, MR_E_DATA, 0, "op fails") : MR_DONE;
}

static const struct mr_operation operation_odd = {.struct_bytes = sizeof(struct mr_operation),
                                                  .name = "odd",
                                                  .summary = "fails at times",
                                                  .state_create = op_create,
                                                  .start = op_start,
                                                  .process = op_process,
                                                  .state_destroy = free};

/* ---- runs ---- */

struct told {
    atomic_uint outcomes[4];
    atomic_uint copied;
};

static void item_ended(void *ctx, const struct job_item *item)
{
    struct told *told = ctx;
    atomic_fetch_add(&told->outcomes[item->outcome], 1);
    if (item->outcome == JOB_FAILED)
        ck_assert(item->error && mr_status_is_error(item->error->status));
    if (item->outcome == JOB_STORED && item->error)
        atomic_fetch_add(&told->copied, 1);
}

struct setting {
    uint64_t seed;
    unsigned items, source_flags, sink_flags, repeats;
    unsigned load_fail, entry_fail, op_fail, sink_fail, skip, ends_early;
    bool has_chain, hides_size, lies, stops, is_unordered;
    enum job_on_error on_error;
};

static void run_job(const struct setting *setting)
{
    uint64_t random = setting->seed;
    struct inputs inputs = {
        .source = {.ops = &source_ops, .flags = setting->source_flags, .label = "fake"},
        .item_count = setting->items,
        .seed = setting->seed,
        .fail_percent = setting->load_fail,
        .bad_entry_percent = setting->entry_fail,
        .size_max = 5 << 20,
        .is_size_hidden = setting->hides_size,
        .lies_about_size = setting->lies,
    };
    inputs.input.source = &inputs.source;
    inputs.input.prefix = (char *)"";
    struct fake_sink sink = {
        .sink = {.ops = &sink_ops, .flags = setting->sink_flags, .label = "fake"},
        .inputs = &inputs,
        .fail_percent = setting->sink_fail,
        .skip_percent = setting->skip,
        .last_index = -1,
        .checks_order = (setting->sink_flags & MR_SINK_SERIAL) && !setting->is_unordered,
        .checks_content = setting->repeats <= 1 && setting->ends_early == 0,
    };
    struct mr_error error = {0};
    struct chain *chain = NULL;
    struct told told = {0};
    ck_assert_ok(chain_create(&chain, &error), error);
    atomic_store(&op_seed, (unsigned)setting->seed);
    atomic_store(&op_fail_percent, setting->op_fail);
    atomic_store(&op_repeats, setting->repeats);
    atomic_store(&op_ends_early, setting->ends_early);
    if (setting->has_chain)
        ck_assert_ok(chain_add_operation(chain, &operation_odd, NULL, &error), error);
    const struct job_config config = {
        .inputs = &inputs,
        .chain = chain,
        .sink = &sink.sink,
        .reader_count = 1 + (unsigned)(support_random(&random) % 3),
        .worker_count = 1 + (unsigned)(support_random(&random) % 4),
        .writer_count = 1 + (unsigned)(support_random(&random) % 3),
        .pools = support_random(&random) % 2 ? JOB_POOLS_SPLIT : JOB_POOLS_SHARED,
        .memory_bytes = (uint64_t)1 << (16 + support_random(&random) % 10),
        .is_unordered = setting->is_unordered,
        .on_error = setting->on_error,
        .observer = {.item_ended = item_ended, .ctx = &told},
    };
    struct job *job = NULL;
    ck_assert_ok(job_create(&config, &job, &error), error);
    job_start(job);
    if (setting->stops) {
        usleep((useconds_t)(support_random(&random) % 3000));
        job_stop(job, support_random(&random) % 2);
    }
    ck_assert_msg(job_wait(job, 60000), "stuck: seed %llu", (unsigned long long)setting->seed);
    struct job_figures figures;
    job_figures(job, &figures);
    enum mr_status status = job_finish(job, &error);
    job_destroy(job);
    chain_destroy(chain);

    unsigned told_sum = told.outcomes[0] + told.outcomes[1] + told.outcomes[2] + told.outcomes[3];
    ck_assert_uint_eq(told_sum, figures.found_count);
    ck_assert_uint_eq(figures.stored_count, sink.committed);
    ck_assert_uint_eq(figures.memory_used_bytes, 0);
    ck_assert_int_eq(atomic_load(&inputs.open_readers), 0);
    ck_assert_int_eq(atomic_load(&sink.open_writers), 0);
    ck_assert_uint_eq(atomic_load(&inputs.input.refs), 0);
    if (setting->stops)
        return;
    bool may_give_up = (setting->sink_flags & MR_SINK_FINAL) || setting->on_error == JOB_STOP;
    if (!may_give_up) {
        ck_assert_uint_eq(figures.found_count, setting->items);
        ck_assert_int_eq(status, MR_OK);
        ck_assert_uint_eq(figures.cancelled_count, 0);
        ck_assert_uint_eq(figures.skipped_count, sink.skipped);
    }
    unsigned failures = setting->load_fail + setting->entry_fail + setting->op_fail + setting->sink_fail;
    if (failures + setting->skip == 0 && !setting->lies)
        ck_assert_uint_eq(figures.stored_count, setting->items);
}

START_TEST(everything_arrives)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct setting setting = {.seed = seed * 8 + (uint64_t)_i, .items = 60, .repeats = 1};
        setting.has_chain = _i & 1;
        setting.source_flags = _i & 2 ? MR_SOURCE_SERIAL | MR_SOURCE_CONTAINER : MR_SOURCE_REOPENABLE;
        setting.sink_flags = _i & 4 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.hides_size = seed % 3 == 0;
        setting.is_unordered = seed % 4 == 0;
        run_job(&setting);
    }
}
END_TEST

START_TEST(failures_hurt_nobody_else)
{
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct setting setting = {.seed = seed * 8 + (uint64_t)_i + 1000, .items = 60, .repeats = 1};
        setting.has_chain = _i & 1;
        setting.source_flags = _i & 2 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
        setting.sink_flags = _i & 4 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.load_fail = seed & 1 ? 20 : 0;
        setting.op_fail = seed & 2 ? 20 : 0;
        setting.sink_fail = seed & 4 ? 20 : 0;
        setting.skip = seed & 8 ? 20 : 0;
        setting.entry_fail = seed % 5 == 0 ? 20 : 0;
        setting.hides_size = seed % 3 == 0;
        setting.on_error = seed & 1 ? JOB_SKIP : JOB_COPY;
        run_job(&setting);
    }
}
END_TEST

START_TEST(a_copy_takes_the_place_of_what_failed)
{
    for (unsigned flags = 0; flags < 4; flags++) {
        struct setting setting = {.seed = 77 + flags, .items = 80, .repeats = 1, .has_chain = true, .op_fail = 40};
        setting.source_flags = flags & 1 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
        setting.sink_flags = flags & 2 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.on_error = JOB_COPY;
        /* run_job() checks content and that nothing fails: with failures of the operation alone, all is stored. */
        struct setting plain = setting;
        plain.op_fail = 0;
        run_job(&plain);
        run_job(&setting);
    }
}
END_TEST

START_TEST(outputs_may_be_far_larger)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct setting setting = {.seed = seed + 500, .items = 12, .repeats = 9, .has_chain = true};
        setting.sink_flags = seed & 1 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        run_job(&setting);
    }
}
END_TEST

START_TEST(an_operation_may_end_before_its_input)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct setting setting = {.seed = seed + 700, .items = 40, .repeats = 1, .has_chain = true, .ends_early = 1};
        setting.source_flags = seed & 1 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
        setting.sink_flags = seed & 2 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.on_error = seed & 4 ? JOB_SKIP : JOB_COPY;
        run_job(&setting);
    }
}
END_TEST

START_TEST(sizes_may_be_wrong)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct setting setting = {.seed = seed + 800, .items = 40, .repeats = 1, .lies = true};
        setting.has_chain = seed & 1;
        setting.source_flags = seed & 2 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
        setting.sink_flags = seed & 4 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        run_job(&setting);
    }
}
END_TEST

START_TEST(stopping_ends_at_once_and_counts_everything)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct setting setting = {.seed = seed + 9000, .items = 300, .repeats = 1, .stops = true};
        setting.has_chain = seed & 1;
        setting.source_flags = seed & 2 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
        setting.sink_flags = seed & 4 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.is_unordered = seed & 8;
        setting.on_error = seed % 3 ? JOB_SKIP : JOB_STOP;
        setting.op_fail = seed % 3 ? 0 : 5;
        run_job(&setting);
    }
}
END_TEST

START_TEST(a_final_sink_that_breaks_off_ends_the_run)
{
    struct setting setting = {.seed = 4, .items = 60, .repeats = 1, .sink_fail = 30};
    setting.source_flags = MR_SOURCE_REOPENABLE;
    setting.sink_flags = MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE | MR_SINK_FINAL;
    run_job(&setting);
    setting.sink_fail = 0;
    setting.load_fail = 30; /* large files fail in the middle of being stored */
    for (setting.seed = 5; setting.seed < 12; setting.seed++)
        run_job(&setting);
}
END_TEST

Suite *job_suite(void)
{
    Suite *suite = suite_create("job");
    TCase *tcase = tcase_create("runs");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, everything_arrives, 0, 8);
    tcase_add_loop_test(tcase, failures_hurt_nobody_else, 0, 8);
    tcase_add_test(tcase, a_copy_takes_the_place_of_what_failed);
    tcase_add_test(tcase, outputs_may_be_far_larger);
    tcase_add_test(tcase, an_operation_may_end_before_its_input);
    tcase_add_test(tcase, sizes_may_be_wrong);
    tcase_add_test(tcase, stopping_ends_at_once_and_counts_everything);
    tcase_add_test(tcase, a_final_sink_that_breaks_off_ends_the_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
