/*
 * The file job between a made-up source and a made-up sink: this file defines inputs_*() itself, so
 * that the job runs on items whose content, failures and order the test decides. Random
 * configurations of threads, pools, budgets, orders and failures; every item must end once, with
 * the right bytes, in order where there is one, within the budget.
 */
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/runqueue.h"
#include "codec/block.h"
#include "flow/item.h"
#include "operation/internals.h"
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
    unsigned slow_us; /* that each read waits, as a network does */
    bool is_deflated; /* its members are given as raw deflate */
    unsigned bad_crc_percent;
};

struct mr_reader {
    unsigned index;
    unsigned char *deflated; /* NULL: the content itself */
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

/* Content is a part of these bytes again and again: which part, the item says. */
#define PERIOD_BYTES ((size_t)1 << 16)

static const unsigned char *period_of(unsigned index)
{
    static unsigned char bytes[PERIOD_BYTES + 256];
    if (bytes[1] == 0) /* the first call is the test's, when nothing else runs */
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)(i * 7 + (i >> 8));
    return bytes + index % 256;
}

/* How much of the content lies in one piece from offset on, cap_bytes at most; *piece is there. */
static size_t piece_of(unsigned index, size_t offset_bytes, size_t cap_bytes,
                       const unsigned char **piece)
{
    size_t at = offset_bytes % PERIOD_BYTES, left_bytes = PERIOD_BYTES - at;
    *piece = period_of(index) + at;
    return cap_bytes < left_bytes ? cap_bytes : left_bytes;
}

static void copy_content(unsigned index, size_t offset_bytes, unsigned char *to, size_t size_bytes)
{
    const unsigned char *piece;
    for (size_t got = 0, done = 0; done < size_bytes; done += got) {
        got = piece_of(index, offset_bytes + done, size_bytes - done, &piece);
        memcpy(to + done, piece, got);
    }
}

static bool is_content(unsigned index, size_t offset_bytes, const unsigned char *data,
                       size_t size_bytes)
{
    const unsigned char *piece;
    for (size_t got = 0, done = 0; done < size_bytes; done += got) {
        got = piece_of(index, offset_bytes + done, size_bytes - done, &piece);
        if (memcmp(data + done, piece, got) != 0)
            return false;
    }
    return true;
}

static unsigned char *content_of(const struct inputs *inputs, unsigned index)
{
    size_t size_bytes = size_of(inputs, index);
    unsigned char *data = malloc(size_bytes + 1);
    ck_assert_ptr_nonnull(data);
    copy_content(index, 0, data, size_bytes);
    return data;
}

/* Raw deflate of data; *bytes becomes its size. */
static unsigned char *deflate_of(const unsigned char *data, size_t *bytes)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (uInt)*bytes};
    ck_assert_int_eq(deflateInit2(&stream, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong cap = deflateBound(&stream, *bytes) + 16;
    unsigned char *out = malloc(cap);
    stream.next_out = out;
    stream.avail_out = (uInt)cap;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *bytes = stream.total_out;
    deflateEnd(&stream);
    return out;
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
    if (inputs->is_deflated) {
        size_t bytes = size_of(inputs, index);
        unsigned char *plain = content_of(inputs, index), *packed = deflate_of(plain, &bytes);
        entry->has_encoding = true;
        entry->encoding = (struct mr_encoding){
            .method = MR_METHOD_DEFLATE,
            .has_crc = true,
            .crc = (uint32_t)crc32_z(0, plain, size_of(inputs, index)),
            .stored_bytes = (int64_t)bytes,
        };
        entry->encoding.crc += hash_of(inputs->seed, index, 7) % 100 < inputs->bad_crc_percent;
        free(plain);
        free(packed);
    }
    return MR_OK;
}

void input_release(struct input *input)
{
    if (input)
        atomic_fetch_sub(&input->refs, 1);
}

bool input_advances(const struct input *input)
{
    (void)input;
    return false;
}

uint64_t input_advance(struct input *input)
{
    (void)input;
    return 0;
}

uint64_t inputs_passed(const struct inputs *inputs)
{
    (void)inputs;
    return 0;
}

void inputs_decode(struct inputs *inputs, struct mr_pool *pool, const struct decode_watch *watch)
{
    (void)inputs;
    (void)pool;
    (void)watch;
}

void inputs_leave(struct inputs *inputs)
{
    (void)inputs;
}

bool inputs_may_collide(const struct inputs *inputs)
{
    return inputs->seed % 2;
}

uint64_t inputs_memory_bytes(const struct inputs *inputs)
{
    return inputs->seed % 2 ? 1000 : 0;
}

void input_place(const struct input *input, const char *path, struct input_place *place)
{
    (void)input;
    *place = (struct input_place){.label = "", .joint = "", .path = path};
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
    (*reader)->index = index_of(entry);
    (*reader)->size_bytes = size_of(inputs, index_of(entry));
    if (inputs->is_deflated) {
        unsigned char *plain = content_of(inputs, index_of(entry));
        (*reader)->deflated = deflate_of(plain, &(*reader)->size_bytes);
        free(plain);
    }
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
    const struct inputs *inputs = (struct inputs *)source;
    if (inputs->slow_us > 0)
        usleep(inputs->slow_us);
    size_t left_bytes = reader->size_bytes - reader->at_bytes;
    *got_bytes = left_bytes < cap_bytes ? left_bytes : cap_bytes;
    if (reader->deflated)
        memcpy(buffer, reader->deflated + reader->at_bytes, *got_bytes);
    else
        copy_content(reader->index, reader->at_bytes, buffer, *got_bytes);
    reader->at_bytes += *got_bytes;
    if (reader->at_bytes >= reader->fail_at_bytes)
        return mr_error_set(err, MR_E_SYSTEM, 5, "cannot read");
    return MR_OK;
}

static enum mr_status source_close(struct mr_source *source, struct mr_reader *reader,
                                   struct mr_error *err)
{
    struct inputs *inputs = (struct inputs *)source;
    (void)err;
    if (!reader)
        return MR_OK;
    free(reader->deflated);
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
    size_t expected_bytes, at_bytes;
    int64_t declared_bytes;
    const struct mr_entry *entry;
    unsigned char *stored; /* of a sink with an encoding */
    bool fails;
};

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
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
        /* What can be taken back may come again. */
        ck_assert_int_ge((int)index, fake->last_index + ((sink->flags & MR_SINK_FINAL) != 0));
        fake->last_index = (int)index;
    }
    atomic_fetch_add(&fake->open_writers, 1);
    *writer = calloc(1, sizeof(**writer));
    (*writer)->index = index;
    (*writer)->declared_bytes = size_bytes;
    (*writer)->entry = entry;
    if (sink->encoding) {
        ck_assert(entry->has_encoding);
        ck_assert(size_bytes >= 0 || entry->size_bytes >= 0);
        ck_assert(size_bytes < 0 || entry->encoding.has_crc);
    } else {
        ck_assert(!entry->has_encoding);
    }
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
    if (sink->encoding) {
        writer->stored = realloc(writer->stored, writer->at_bytes + size_bytes);
        memcpy(writer->stored + writer->at_bytes, data, size_bytes);
    } else if (fake->checks_content) {
        ck_assert_uint_le(writer->at_bytes + size_bytes, writer->expected_bytes);
        ck_assert(is_content(writer->index, writer->at_bytes, data, size_bytes));
    }
    writer->at_bytes += size_bytes;
    return MR_OK;
}

static void free_writer(struct fake_sink *fake, struct mr_writer *writer)
{
    free(writer->stored);
    free(writer);
    atomic_fetch_sub(&fake->open_writers, 1);
}

/* What a sink with an encoding was given must be what its entry says, and hold the content. */
static void check_stored(const struct fake_sink *fake, const struct mr_writer *writer)
{
    const struct mr_entry *entry = writer->entry;
    ck_assert(entry->has_encoding && entry->encoding.has_crc);
    ck_assert_int_eq(entry->encoding.stored_bytes, (int64_t)writer->at_bytes);
    size_t plain_bytes = (size_t)entry->size_bytes;
    unsigned char *plain = malloc(plain_bytes + 1);
    if (entry->encoding.method == MR_METHOD_PLAIN) {
        ck_assert_uint_eq(plain_bytes, writer->at_bytes);
        memcpy(plain, writer->at_bytes ? writer->stored : plain, writer->at_bytes);
    } else {
        z_stream stream = {.next_in = writer->stored,
                           .avail_in = (uInt)writer->at_bytes,
                           .next_out = plain,
                           .avail_out = (uInt)plain_bytes + 1};
        ck_assert_int_eq(inflateInit2(&stream, -15), Z_OK);
        ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
        ck_assert_uint_eq(stream.avail_in, 0);
        ck_assert_uint_eq(stream.total_out, plain_bytes);
        inflateEnd(&stream);
    }
    ck_assert_uint_eq(crc32_z(0, plain, plain_bytes), entry->encoding.crc);
    if (fake->checks_content) {
        ck_assert_uint_eq(plain_bytes, writer->expected_bytes);
        ck_assert(is_content(writer->index, 0, plain, plain_bytes));
    }
    free(plain);
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct fake_sink *fake = (struct fake_sink *)sink;
    (void)err;
    if (sink->encoding)
        check_stored(fake, writer);
    else if (fake->checks_content)
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

/* ---- operations: one that fails on some items, or at times, or repeats every byte, or takes its
 * time ---- */

enum breaks { BREAKS_NOT, BREAKS_AT_START, BREAKS_FIRST, BREAKS_LAST };

struct op_state {
    bool fails;
    unsigned repeats_left;
    unsigned index;
    enum breaks breaks;
};

static atomic_uint op_seed, op_fail_percent, op_repeats, op_ends_early;
/* The operation breaks off in the first attempts of an item: none to op_flaky_max of them. */
static atomic_uint op_flaky_max, op_attempts[400];
/* Items below op_slow_count take so long; op_waits: until they are told to end. Others take
 * op_usual_us. */
static atomic_uint op_slow_count, op_slow_us, op_waits, op_usual_us;
static atomic_bool op_spins; /* it needs the processor for all of op_usual_us */

/* Attempts of an item that break off. */
static unsigned breaks_of(unsigned index)
{
    return (unsigned)(hash_of(op_seed, index, 8) % (op_flaky_max + 1));
}

static enum mr_status break_off(const struct op_state *op, struct mr_error *err)
{
    static const enum mr_status reasons[] = {MR_E_CHILD,   MR_E_STEP,   MR_E_TIMEOUT,
                                             MR_E_CHANGED, MR_E_MEMORY, MR_E_SYSTEM};
    enum mr_status status = reasons[hash_of(op_seed, op->index, 9) % 6];
    return mr_error_set(err, status, status == MR_E_SYSTEM ? 5 : 0, "op breaks off");
}

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
    op->index = index_of(entry);
    unsigned attempt = atomic_fetch_add(&op_attempts[op->index], 1);
    op->breaks = BREAKS_NOT;
    if (attempt < breaks_of(op->index))
        op->breaks = (enum breaks)(BREAKS_AT_START + hash_of(op_seed, op->index, 10 + attempt) % 3);
    return op->breaks == BREAKS_AT_START ? break_off(op, err) : MR_OK;
}

/* As an operation does that has a child. */
static enum mr_status wait_to_be_told(const struct mr_io *io, struct mr_error *err)
{
    for (;;) {
        if (io->is_cancelled(io->cancel_ctx))
            return mr_error_set(err, MR_CANCELLED, 0, "cancelled");
        if (io->deadline_ns != 0 && clock_now_ns() > io->deadline_ns)
            return mr_error_set(err, MR_E_TIMEOUT, 0, "it was told to end");
        usleep(1000);
    }
}

static enum mr_status op_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct op_state *op = state;
    bool is_slow = op->index < op_slow_count;
    if (is_slow && op_waits)
        return wait_to_be_told(io, err);
    unsigned sleep_us = is_slow ? op_slow_us : op_usual_us;
    int64_t end_ns = clock_now_ns() + INT64_C(1000) * sleep_us;
    while (op_spins && clock_now_ns() < end_ns)
        ;
    if (sleep_us > 0 && !op_spins)
        usleep(sleep_us);
    if (is_slow && io->in_bytes > 1) { /* more calls are to follow */
        *io->out++ = *io->in++;
        io->in_bytes--;
        io->out_bytes--;
        return MR_OK;
    }
    if (op->breaks == BREAKS_FIRST)
        return break_off(op, err);
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
    if (op->breaks == BREAKS_LAST)
        return break_off(op, err);
    return op->fails ? mr_error_set(err, MR_E_DATA, 0, "op fails") : MR_DONE;
}

static const struct mr_operation operation_odd = {.struct_bytes = sizeof(struct mr_operation),
                                                  .name = "odd",
                                                  .summary = "fails at times",
                                                  .state_create = op_create,
                                                  .start = op_start,
                                                  .process = op_process,
                                                  .state_destroy = free};

/* ---- the same as if it worked outside of this process: counts the items that are in it ---- */

struct outside_state {
    struct op_state op; /* first */
    bool is_inside;
};

static atomic_int outside_count, outside_most;

static enum mr_status outside_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    (void)err;
    *state = calloc(1, sizeof(struct outside_state));
    return MR_OK;
}

static void outside_stop(void *state)
{
    struct outside_state *outside = state;
    if (outside->is_inside)
        atomic_fetch_sub(&outside_count, 1);
    outside->is_inside = false;
}

static enum mr_status outside_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct outside_state *outside = state;
    int count = atomic_fetch_add(&outside_count, 1) + 1, most = atomic_load(&outside_most);
    while (count > most && !atomic_compare_exchange_weak(&outside_most, &most, count))
        continue;
    outside->is_inside = true;
    enum mr_status status = op_start(state, entry, err);
    if (status != MR_OK)
        outside_stop(state);
    return status;
}

static enum mr_status outside_process(void *state, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = op_process(state, io, err);
    if (status != MR_OK)
        outside_stop(state);
    return status;
}

static const struct mr_operation operation_outside = {.struct_bytes = sizeof(struct mr_operation),
                                                      .name = "outside",
                                                      .summary = "fails at times",
                                                      .flags = MR_OPERATION_OUTSIDE,
                                                      .state_create = outside_create,
                                                      .start = outside_start,
                                                      .process = outside_process,
                                                      .stop = outside_stop,
                                                      .state_destroy = free};

/* ---- a codec that leaves blocks as they are and counts them; its stream ends with their number
 * ---- */

struct counts {
    unsigned blocks, bytes;
};

static size_t count_block_bytes(const struct block_options *options)
{
    return (size_t)options->level << 20;
}

static size_t count_bound(const struct block_options *options, size_t in_bytes)
{
    (void)options;
    return in_bytes > 0 ? in_bytes : 1;
}

static size_t count_state_bytes(const struct block_options *options)
{
    (void)options;
    return 1000;
}

static void *count_state_create(const struct block_options *options)
{
    (void)options;
    return malloc(1);
}

static atomic_uint codec_fail_percent;

static enum mr_status count_compress(void *state, struct block *block)
{
    (void)state;
    if (block->in_bytes > 0)
        memcpy(block->out, block->in, block->in_bytes);
    block->out_bytes = block->in_bytes;
    bool fails =
        block->in_bytes > 0 && block->in[block->in_bytes / 2] * 100u / 256 < codec_fail_percent;
    return fails ? MR_E_MEMORY : MR_OK;
}

static enum mr_status count_add(void *summary, const struct block *block)
{
    struct counts *counts = summary;
    ck_assert_int_eq(block->is_first, counts->blocks == 0);
    counts->blocks++;
    counts->bytes += (unsigned)block->in_bytes;
    return MR_OK;
}

static atomic_uint codec_ends; /* bytes behind the last block */

static unsigned char *count_end(void *summary, size_t *bytes)
{
    (void)summary;
    *bytes = codec_ends;
    return *bytes > 0 ? calloc(1, *bytes) : NULL;
}

static const struct block_codec codec_count = {
    .name = "count",
    .block_bytes = count_block_bytes,
    .bound = count_bound,
    .state_bytes = count_state_bytes,
    .state_create = count_state_create,
    .state_destroy = free,
    .compress = count_compress,
    .summary_bytes = sizeof(struct counts),
    .add = count_add,
    .end = count_end,
};

static const struct block_codec *count_blocks(const void *config,
                                              const struct block_options **options)
{
    static const struct block_options one = {.level = 1}, two = {.level = 2};
    *options = config ? &two : &one;
    return &codec_count;
}

static enum mr_status count_process(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    size_t bytes = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    if (bytes > 0)
        memcpy(io->out, io->in, bytes);
    io->in += bytes;
    io->in_bytes -= bytes;
    io->out += bytes;
    io->out_bytes -= bytes;
    return io->in_bytes == 0 && io->is_last ? MR_DONE : MR_OK;
}

static enum mr_status count_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)state;
    (void)entry;
    (void)err;
    return MR_OK;
}

static const struct mr_operation_internals count_internals = {.blocks = count_blocks};
static const struct mr_operation operation_count = {.struct_bytes = sizeof(struct mr_operation),
                                                    .name = "count",
                                                    .summary = "works in blocks",
                                                    .state_create = op_create,
                                                    .start = count_start,
                                                    .process = count_process,
                                                    .state_destroy = free,
                                                    .internals = &count_internals};

/* ---- one that is told of several small items before, and makes more of some than it promised ----
 */

struct told_ahead {
    unsigned index;
    bool is_begun, has_filled;
};

static atomic_uint ahead_count; /* items that it was told of */

static enum mr_status ahead_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    (void)err;
    *state = calloc(1, sizeof(struct told_ahead));
    return MR_OK;
}

/* As large as the room that there is for it. */
static size_t ahead_bound(const void *config, size_t in_bytes)
{
    (void)config;
    size_t bytes = 4096;
    while (bytes < in_bytes)
        bytes *= 2;
    return in_bytes <= 65536 ? bytes : SIZE_MAX;
}

static enum mr_status ahead_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)err;
    *(struct told_ahead *)state = (struct told_ahead){.index = index_of(entry)};
    return MR_OK;
}

static enum mr_status ahead_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct told_ahead *told = state;
    if (io->in_bytes > 0 && io->in_bytes <= 65536 && (!told->is_begun || told->has_filled))
        ck_assert_msg(io->in[0] == *period_of(told->index), "the state is another item's");
    told->is_begun = true;
    if (told->index % 3 == 0 && !told->has_filled) {
        memset(io->out, 0, io->out_bytes);
        mr_io_advance(io, 0, io->out_bytes);
        told->has_filled = true;
        return MR_OK;
    }
    if (!told->has_filled)
        return count_process(state, io, err);
    mr_io_advance(io, io->in_bytes, 0);
    return io->is_last ? MR_DONE : MR_OK;
}

static bool ahead_goes(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes <= 65536;
}

static void ahead_is_told(void *state, const struct operation_ahead *items, unsigned count)
{
    (void)state;
    (void)items;
    atomic_fetch_add(&ahead_count, count);
}

static const struct mr_operation_internals ahead_internals = {.goes_ahead = ahead_goes,
                                                              .ahead = ahead_is_told};
static const struct mr_operation operation_ahead = {.struct_bytes = sizeof(struct mr_operation),
                                                    .name = "ahead",
                                                    .summary = "fills its room",
                                                    .bound = ahead_bound,
                                                    .state_create = ahead_create,
                                                    .start = ahead_start,
                                                    .process = ahead_process,
                                                    .state_destroy = free,
                                                    .internals = &ahead_internals};

/* ---- runs ---- */

struct told {
    atomic_uint outcomes[4];
    atomic_uint copied, late;
    unsigned retry_count;
    const char *late_text; /* how the text of an item that took too long begins */
    bool checks_attempts;
};

/* An item has as many attempts as it needs, and no more than are allowed. */
static void check_attempts(const struct told *told, const struct job_item *item)
{
    unsigned breaks = breaks_of(index_of(item->entry));
    if (item->outcome == JOB_STORED && !item->error)
        ck_assert_uint_eq(item->attempt_count, breaks + 1);
    else if (item->outcome != JOB_CANCELLED)
        ck_assert_uint_eq(item->attempt_count, told->retry_count + 1);
    ck_assert_uint_le(item->attempt_count, told->retry_count + 1);
}

static void item_ended(void *ctx, const struct job_item *item)
{
    struct told *told = ctx;
    atomic_fetch_add(&told->outcomes[item->outcome], 1);
    if (item->outcome == JOB_FAILED)
        ck_assert(item->error && mr_status_is_error(item->error->status));
    if (item->outcome == JOB_STORED && item->error)
        atomic_fetch_add(&told->copied, 1);
    if (told->checks_attempts && item->entry)
        check_attempts(told, item);
    if (told->late_text && item->error && item->error->status == MR_E_TIMEOUT) {
        atomic_fetch_add(&told->late, 1);
        ck_assert_msg(strncmp(item->error->text, told->late_text, strlen(told->late_text)) == 0,
                      "%s", item->error->text);
    }
}

struct setting {
    uint64_t seed;
    unsigned items, source_flags, sink_flags, repeats;
    unsigned load_fail, entry_fail, op_fail, sink_fail, skip, ends_early;
    unsigned bad_crc, codec_fail, codec_ends;
    bool has_chain, hides_size, lies, stops, is_unordered, has_blocks, is_deflated, keeps_deflated;
    enum job_on_error on_error;
    struct job_policy policy;
    uint64_t memory_bytes;
    unsigned flaky, slow_count, late_count, slow_us, usual_us, workers, read_us;
    enum { SIZES_ANY, SIZES_AUTO_SHARED, SIZES_AUTO_SPLIT } sizes;
    bool waits, spins, goes_ahead;
    const char *late_text;
};

/* Sizes that may follow the run: as it is, here and there, or all. */
static void choose_sizes(const struct setting *setting, uint64_t *random, struct job_config *config)
{
    config->reader_count = 1 + (unsigned)(support_random(random) % 3);
    config->worker_count = setting->workers + 1 + (unsigned)(support_random(random) % 4);
    config->writer_count = 1 + (unsigned)(support_random(random) % 3);
    config->pools = support_random(random) % 2 ? JOB_POOLS_SPLIT : JOB_POOLS_SHARED;
    config->reader_max = support_random(random) % 2 ? 5 : 0;
    config->worker_max = support_random(random) % 2 ? 5 : 0;
    if (setting->sizes == SIZES_ANY)
        return;
    config->pools = setting->sizes == SIZES_AUTO_SHARED ? JOB_POOLS_SHARED : JOB_POOLS_SPLIT;
    config->reader_count = config->worker_count = config->writer_count = thread_processor_count();
    config->reader_max = config->worker_max = config->writer_max = config->reader_count + 30;
}

/* Pools that may have another size get many, at any time. */
static bool wait_while_sizes_change(struct job *job, const struct setting *setting,
                                    uint64_t *random)
{
    const struct job_config *config = &job->config;
    const unsigned maxima[JOB_STAGES] = {config->reader_max, config->worker_max, 0};
    int64_t end_ns = deadline_from_ms(60000);
    bool is_done = false;
    while (!is_done && clock_now_ns() < end_ns) {
        is_done = job_wait(job, setting->sizes == SIZES_ANY ? (int64_t)(support_random(random) % 2)
                                                            : 1000);
        for (unsigned s = 0; s < JOB_STAGES && setting->sizes == SIZES_ANY; s++) {
            unsigned max = config->pools == JOB_POOLS_SHARED ? config->worker_max : maxima[s];
            if (max > 4)
                ck_assert_int_eq(
                    pool_resize(job->pools[s], 1 + (unsigned)(support_random(random) % max), NULL),
                    MR_OK);
        }
    }
    return is_done;
}

static struct job_figures run_job(const struct setting *setting)
{
    uint64_t random = setting->seed;
    period_of(0);
    struct inputs inputs = {
        .source = {.ops = &source_ops, .flags = setting->source_flags, .label = "fake"},
        .item_count = setting->items,
        .seed = setting->seed,
        .fail_percent = setting->load_fail,
        .bad_entry_percent = setting->entry_fail,
        .size_max = 5 << 20,
        .is_size_hidden = setting->hides_size,
        .lies_about_size = setting->lies,
        .slow_us = setting->read_us,
        .is_deflated = setting->is_deflated,
        .bad_crc_percent = setting->bad_crc,
    };
    const struct mr_sink_encoding encoding = {
        .method = MR_METHOD_DEFLATE, .level = 1, .recodes = setting->seed % 3 == 0};
    inputs.input.source = &inputs.source;
    inputs.input.prefix = (char *)"";
    struct fake_sink sink = {
        .sink = {.ops = &sink_ops,
                 .flags = setting->sink_flags,
                 .label = "fake",
                 .encoding = setting->keeps_deflated ? &encoding : NULL},
        .inputs = &inputs,
        .fail_percent = setting->sink_fail,
        .skip_percent = setting->skip,
        .last_index = -1,
        .checks_order = (setting->sink_flags & MR_SINK_SERIAL) && !setting->is_unordered,
        .checks_content =
            setting->repeats <= 1 && setting->ends_early == 0 && setting->codec_ends == 0,
    };
    struct mr_error error = {0};
    struct chain *chain = NULL;
    struct told told = {
        .retry_count = setting->policy.retry_count,
        .late_text = setting->late_text,
        .checks_attempts = setting->flaky > 0 && !setting->stops,
    };
    ck_assert_ok(chain_create(&chain, &error), error);
    atomic_store(&op_seed, (unsigned)setting->seed);
    atomic_store(&op_fail_percent, setting->op_fail);
    atomic_store(&op_repeats, setting->repeats);
    atomic_store(&op_ends_early, setting->ends_early);
    atomic_store(&op_flaky_max, setting->flaky);
    for (unsigned i = 0; i < 400; i++)
        atomic_store(&op_attempts[i], 0);
    atomic_store(&op_slow_count, setting->slow_count);
    atomic_store(&op_slow_us, setting->slow_us);
    atomic_store(&op_usual_us, setting->usual_us);
    atomic_store(&op_waits, setting->waits);
    atomic_store(&op_spins, setting->spins);
    if (setting->has_chain)
        ck_assert_ok(chain_add_operation(chain,
                                         setting->seed % 2 ? &operation_outside : &operation_odd,
                                         NULL, &error),
                     error);
    if (setting->goes_ahead)
        ck_assert_ok(chain_add_operation(chain, &operation_ahead, NULL, &error), error);
    atomic_store(&outside_most, 0);
    atomic_store(&codec_fail_percent, setting->codec_fail);
    atomic_store(&codec_ends, setting->codec_ends);
    static char larger_blocks;
    if (setting->has_blocks)
        ck_assert_ok(chain_add_operation(chain, &operation_count,
                                         support_random(&random) % 2 ? &larger_blocks : NULL,
                                         &error),
                     error);
    struct job_config config = {
        .inputs = &inputs,
        .chain = chain,
        .sink = &sink.sink,
        .memory_bytes = setting->memory_bytes ? setting->memory_bytes
                                              : (uint64_t)1 << (16 + support_random(&random) % 10),
        .is_unordered = setting->is_unordered,
        .is_isolated = setting->goes_ahead,
        .on_error = setting->on_error,
        .policy = setting->policy,
        .observer = {.item_ended = item_ended, .ctx = &told},
    };
    choose_sizes(setting, &random, &config);
    struct job *job = NULL;
    ck_assert_ok(job_create(&config, &job, &error), error);
    job_start(job);
    if (setting->stops) {
        usleep((useconds_t)(support_random(&random) % 3000));
        job_stop(job, support_random(&random) % 2);
    }
    ck_assert_msg(wait_while_sizes_change(job, setting, &random), "stuck: seed %llu",
                  (unsigned long long)setting->seed);
    struct job_figures figures;
    job_figures(job, &figures);
    enum mr_status status = job_finish(job, &error);
    job_destroy(job);
    chain_destroy(chain);
    ck_assert_int_eq(outside_count, 0);
    ck_assert_int_le(outside_most, (int)config.worker_count);

    unsigned told_sum = told.outcomes[0] + told.outcomes[1] + told.outcomes[2] + told.outcomes[3];
    ck_assert_uint_eq(told_sum, figures.found_count);
    /* On a busy machine others may be late as well. */
    ck_assert_uint_ge(told.late, setting->late_count);
    if (setting->late_text)
        ck_assert_uint_ge(figures.stored_count, setting->items / 2);
    ck_assert_uint_eq(figures.stored_count, sink.committed);
    ck_assert_uint_eq(figures.memory_used_bytes, 0);
    ck_assert_int_eq(atomic_load(&inputs.open_readers), 0);
    ck_assert_int_eq(atomic_load(&sink.open_writers), 0);
    ck_assert_uint_eq(atomic_load(&inputs.input.refs), 0);
    if (setting->stops)
        return figures;
    bool is_halting = setting->policy.halt_count + setting->policy.halt_percent > 0;
    bool may_give_up =
        (setting->sink_flags & MR_SINK_FINAL) || setting->on_error == JOB_STOP || is_halting;
    unsigned failures = setting->load_fail + setting->entry_fail + setting->op_fail +
                        setting->sink_fail + setting->bad_crc + setting->codec_fail +
                        setting->slow_count;
    failures += setting->flaky > setting->policy.retry_count;
    if (!may_give_up) {
        ck_assert_uint_eq(figures.found_count, setting->items);
        ck_assert_int_eq(status, MR_OK);
        ck_assert_uint_eq(figures.cancelled_count, 0);
        /* What the sink skips while its load fails may have failed before. */
        ck_assert_uint_le(figures.skipped_count, sink.skipped);
        if (failures == 0)
            ck_assert_uint_eq(figures.skipped_count, sink.skipped);
    }
    if (failures + setting->skip == 0 && !setting->lies)
        ck_assert_uint_eq(figures.stored_count, setting->items);
    return figures;
}

/* All seeds would take minutes where a sanitizer looks: every third there, in tests that are done
 * for several kinds of jobs another third for each kind. */
#define SEED_STEP (MR_SANITIZED ? 3 : 1)

static uint64_t first_seed(int kind, unsigned seed_count)
{
    return MR_SANITIZED ? 1 + (unsigned)kind % (seed_count < 3 ? seed_count : 3) : 1;
}

START_TEST(everything_arrives)
{
    for (uint64_t seed = first_seed(_i, 12); seed <= 12; seed += SEED_STEP) {
        struct setting setting = {.seed = seed * 8 + (uint64_t)_i, .items = 60, .repeats = 1};
        setting.has_chain = _i & 1;
        setting.source_flags =
            _i & 2 ? MR_SOURCE_SERIAL | MR_SOURCE_CONTAINER : MR_SOURCE_REOPENABLE;
        setting.sink_flags = _i & 4 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.hides_size = seed % 3 == 0;
        setting.is_unordered = seed % 4 == 0;
        run_job(&setting);
    }
}
END_TEST

START_TEST(failures_hurt_nobody_else)
{
    for (uint64_t seed = first_seed(_i, 24); seed <= 24; seed += SEED_STEP) {
        struct setting setting = {
            .seed = seed * 8 + (uint64_t)_i + 1000, .items = 60, .repeats = 1};
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
        struct setting setting = {
            .seed = 77 + flags, .items = 80, .repeats = 1, .has_chain = true, .op_fail = 40};
        setting.source_flags = flags & 1 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
        setting.sink_flags = flags & 2 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.on_error = JOB_COPY;
        /* run_job() checks content and that nothing fails: with failures of the operation alone,
         * all is stored. */
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
        struct setting setting = {
            .seed = seed + 700, .items = 40, .repeats = 1, .has_chain = true, .ends_early = 1};
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
    for (uint64_t seed = 1; seed <= 40; seed += SEED_STEP) {
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

START_TEST(large_content_is_worked_on_in_blocks)
{
    for (uint64_t seed = first_seed(_i, 2); seed <= 2; seed += SEED_STEP) {
        struct setting setting = {
            .seed = seed * 8 + (uint64_t)_i + 2000, .items = 24, .repeats = 1};
        setting.has_blocks = true;
        setting.has_chain = _i & 1;
        setting.source_flags =
            _i & 2 ? MR_SOURCE_SERIAL | MR_SOURCE_CONTAINER : MR_SOURCE_REOPENABLE;
        setting.sink_flags = _i & 4 ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.hides_size = seed % 3 == 0;
        setting.codec_ends = seed % 4 == 1 ? 8 : seed % 4 == 2 ? 3 << 20 : 0;
        run_job(&setting);
        setting.codec_ends = 0;
        setting.codec_fail = seed & 1 ? 20 : 0;
        setting.op_fail = seed & 2 ? 20 : 0;
        setting.load_fail = seed & 4 ? 20 : 0;
        setting.sink_fail = seed & 8 ? 20 : 0;
        setting.on_error = seed & 1 ? JOB_SKIP : JOB_COPY;
        run_job(&setting);
        setting.stops = true;
        run_job(&setting);
    }
}
END_TEST

START_TEST(encoded_content_is_decoded_and_encoded)
{
    for (uint64_t seed = first_seed(_i, 2); seed <= 2; seed += SEED_STEP) {
        struct setting setting = {
            .seed = seed * 8 + (uint64_t)_i + 3000, .items = 24, .repeats = 1};
        setting.has_chain = _i & 1;
        setting.is_deflated = _i & 2;
        setting.keeps_deflated = _i & 4;
        setting.source_flags = setting.is_deflated ? MR_SOURCE_CONTAINER | MR_SOURCE_REOPENABLE
                               : seed & 1          ? MR_SOURCE_SERIAL
                                                   : MR_SOURCE_REOPENABLE;
        setting.sink_flags = setting.keeps_deflated ? MR_SINK_SERIAL
                             : seed & 2             ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE
                                                    : 0;
        setting.hides_size = !setting.is_deflated && seed % 3 == 0;
        run_job(&setting);
        setting.bad_crc = setting.is_deflated ? 20 : 0;
        setting.op_fail = seed & 2 ? 20 : 0;
        setting.load_fail = seed & 4 ? 20 : 0;
        setting.on_error = seed & 1 ? JOB_SKIP : JOB_COPY;
        run_job(&setting);
    }
}
END_TEST

/* Source and sink by the bits of kind: 4 of each. */
static void set_kinds(struct setting *setting, unsigned kind)
{
    static const unsigned sinks[] = {0, MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE | MR_SINK_FINAL,
                                     MR_SINK_SERIAL | MR_SINK_FINAL, MR_SINK_SERIAL};
    setting->source_flags = kind & 1 ? MR_SOURCE_SERIAL : MR_SOURCE_REOPENABLE;
    setting->source_flags |= kind & 2 ? MR_SOURCE_CONTAINER : 0;
    setting->sink_flags = sinks[kind >> 2 & 3];
    setting->has_chain = true;
}

START_TEST(what_breaks_off_is_tried_again)
{
    for (uint64_t seed = first_seed(_i, 3); seed <= 3; seed += SEED_STEP) {
        struct setting setting = {.seed = seed * 16 + (uint64_t)_i + 4000,
                                  .items = 16,
                                  .repeats = 1,
                                  .flaky = 3,
                                  .policy = {.retry_count = 3}};
        set_kinds(&setting, (unsigned)_i);
        setting.keeps_deflated = setting.sink_flags == MR_SINK_SERIAL;
        setting.has_blocks = seed == 2 && !setting.keeps_deflated;
        setting.is_deflated = seed == 3 && _i & 2;
        setting.hides_size = seed == 1 && !setting.keeps_deflated;
        setting.is_unordered = seed == 2;
        struct job_figures figures = run_job(&setting);
        ck_assert_uint_gt(figures.retried_count, 0);
        /* A wait between them changes nothing, nor does a copy that is not needed. */
        setting.policy.retry_delay_ns = 300000;
        setting.on_error = JOB_COPY;
        ck_assert_uint_eq(run_job(&setting).copied_count, 0);
    }
}
END_TEST

START_TEST(what_breaks_off_too_often_fails)
{
    for (uint64_t seed = 1; seed <= 1; seed++) {
        struct setting setting = {.seed = seed * 16 + (uint64_t)_i + 5000,
                                  .items = 24,
                                  .repeats = 1,
                                  .flaky = 3,
                                  .policy = {.retry_count = 1}};
        set_kinds(&setting, (unsigned)_i);
        unsigned broken = 0;
        atomic_store(&op_seed, (unsigned)setting.seed);
        atomic_store(&op_flaky_max, setting.flaky);
        for (unsigned i = 0; i < setting.items; i++)
            broken += breaks_of(i) > 1;
        struct job_figures figures = run_job(&setting);
        ck_assert_uint_eq(figures.failed_count, broken);
        ck_assert_uint_eq(figures.stored_count, setting.items - broken);
        setting.on_error = JOB_COPY;
        figures = run_job(&setting);
        ck_assert_uint_eq(figures.copied_count, broken);
        ck_assert_uint_eq(figures.stored_count, setting.items);
    }
}
END_TEST

START_TEST(damaged_content_is_not_tried_again)
{
    struct setting setting = {.seed = 6000 + (uint64_t)_i,
                              .items = 24,
                              .repeats = 1,
                              .op_fail = 40,
                              .policy = {.retry_count = 5}};
    set_kinds(&setting, (unsigned)_i);
    struct job_figures figures = run_job(&setting);
    ck_assert_uint_gt(figures.failed_count, 0);
    ck_assert_uint_eq(figures.retried_count, 0);
    ck_assert_uint_eq(figures.stored_count, setting.items - figures.failed_count);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_tried_again)
{
    struct setting setting = {.seed = 6100, .items = 24, .repeats = 1, .load_fail = 30};
    set_kinds(&setting, 0);
    ck_assert_uint_eq(run_job(&setting).retried_count, 0);
    setting.policy.retry_count = 2; /* it cannot be read then, either */
    struct job_figures figures = run_job(&setting);
    ck_assert_uint_gt(figures.failed_count, 0);
    ck_assert_uint_eq(figures.retried_count, figures.failed_count);
}
END_TEST

START_TEST(stopping_ends_the_wait_for_another_attempt)
{
    for (uint64_t seed = 1; seed <= 32; seed++) {
        struct setting setting = {
            .seed = seed + 7000,
            .items = 100,
            .repeats = 1,
            .flaky = 2,
            .stops = true,
            .policy = {.retry_count = 2, .retry_delay_ns = seed % 2 ? INT64_MAX : 1000000}};
        set_kinds(&setting, (unsigned)seed);
        setting.on_error = seed & 16 ? JOB_SKIP : JOB_COPY;
        run_job(&setting); /* that waits for at most a minute */
    }
}
END_TEST

START_TEST(what_takes_too_long_fails)
{
    struct setting setting = {.seed = 7100 + (uint64_t)_i,
                              .items = 30,
                              .repeats = 1,
                              .slow_count = 2,
                              .slow_us = 600000,
                              .late_text = "took longer than 500 ms",
                              .policy = {.timeout_ns = 500000000}};
    set_kinds(&setting, (unsigned)_i);
    const struct inputs sizes = {.seed = setting.seed, .size_max = 5 << 20};
    for (unsigned i = 0; i < setting.slow_count; i++) /* one call is not interrupted */
        setting.late_count += size_of(&sizes, i) > 1;
    run_job(&setting);
    setting.waits = true;
    setting.late_count = setting.slow_count;
    run_job(&setting);
    setting.policy = (struct job_policy){.timeout_percent = 20000};
    setting.usual_us = 3000;
    setting.workers = 2; /* so that something goes on beside what waits */
    setting.memory_bytes = (uint64_t)256 << 20;
    setting.late_text = "took longer than ";
    run_job(&setting);
}
END_TEST

/* Items enough for some tenths of a second. */
static struct setting on_two_processors(void)
{
    cpu_set_t all, some;
    CPU_ZERO(&some);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&some) < 2; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &some);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(some), &some), 0);
    return (struct setting){.seed = 6, .items = 200, .memory_bytes = (uint64_t)64 << 20};
}

/*
 * The first attempt of the job with more threads is enough: whether they are kept depends on what
 * else the machine does. Where that wants the processors all the time there is none; so each run
 * that saw none is followed by one whose reads wait longer, beside which that counts for less.
 */
START_TEST(a_slow_source_gets_more_threads)
{
    if (runqueue_waited_ns() < 0)
        return;
    struct setting setting = on_two_processors();
    setting.sizes = _i % 2 ? SIZES_AUTO_SPLIT : SIZES_AUTO_SHARED;
    setting.read_us = 10000;
    struct job_figures figures = run_job(&setting);
    const struct job_stage_figures *load = &figures.stages[JOB_LOAD];
    for (int runs = 1; runs < 4 && load->thread_most <= thread_processor_count(); runs++) {
        setting.read_us *= 4;
        setting.items /= 2;
        figures = run_job(&setting);
    }
    ck_assert_uint_gt(load->thread_most, thread_processor_count());
    ck_assert_uint_le(load->thread_most, thread_processor_count() + 30);
    if (figures.is_shared)
        ck_assert_uint_eq(figures.stages[JOB_STORE].thread_most, load->thread_most);
    /* Threads that came later were not there all the time. */
    ck_assert(load->thread_s < load->thread_most * figures.elapsed_s + 0.1);
}
END_TEST

/* Where others have the processors, one attempt may be made, as a wait counts when it is over; and
 * no further one, as then there are more threads than processors that want one. What others do may
 * make that attempt look good, but not each time. */
START_TEST(full_processors_get_no_more_threads)
{
    struct setting setting = on_two_processors();
    setting.has_chain = true;
    setting.usual_us = 6000;
    setting.spins = true;
    setting.sizes = SIZES_AUTO_SHARED;
    unsigned most = UINT_MAX;
    for (int runs = 0; runs < 4 && most > 2 * thread_processor_count(); runs++)
        most = run_job(&setting).stages[JOB_PROCESS].thread_most;
    ck_assert_uint_le(most, 2 * thread_processor_count());
}
END_TEST

/* Small items share a run of PROCESS and a state; one that is not through in that run keeps it. */
START_TEST(what_is_done_together_may_take_more_runs)
{
    atomic_store(&ahead_count, 0);
    for (uint64_t seed = 1; seed <= 24; seed += SEED_STEP) {
        struct setting setting = {.seed = seed + 9000, .items = 200, .repeats = 2};
        setting.source_flags = MR_SOURCE_REOPENABLE;
        setting.sink_flags = _i ? MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE : 0;
        setting.goes_ahead = true;
        setting.memory_bytes = 64 << 20;
        setting.workers = 2;
        run_job(&setting);
    }
    ck_assert_uint_gt(ahead_count, 0);
}
END_TEST

START_TEST(too_many_failures_end_the_run)
{
    for (unsigned kind = 0; kind < 16; kind += 3) {
        struct setting setting = {.seed = 8000 + kind,
                                  .items = 150,
                                  .repeats = 1,
                                  .flaky = 1,
                                  .policy = {.halt_count = 3}};
        set_kinds(&setting, kind);
        struct job_figures figures = run_job(&setting);
        ck_assert_uint_ge(figures.failed_count, 3);
        ck_assert_uint_lt(figures.found_count, 150);
        setting.policy = (struct job_policy){.halt_percent = 30};
        figures = run_job(&setting);
        ck_assert_uint_ge(figures.failed_count + figures.stored_count, 20);
        ck_assert_uint_lt(figures.found_count, 150);
        setting.policy = (struct job_policy){.halt_percent = 90, .halt_count = 149};
        ck_assert_uint_eq(run_job(&setting).found_count, 150);
    }
    const struct job_policy policy = {.halt_percent = 50};
    ck_assert(!job_policy_halts(&policy, 19, 0));
    ck_assert(job_policy_halts(&policy, 19, 1));
    ck_assert(!job_policy_halts(&policy, 10, 10));
    ck_assert(job_policy_halts(&policy, 11, 10));
    ck_assert(!job_policy_halts(&(struct job_policy){0}, 1000, 0));
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
    tcase_add_loop_test(tcase, large_content_is_worked_on_in_blocks, 0, 8);
    tcase_add_loop_test(tcase, encoded_content_is_decoded_and_encoded, 0, 8);
    tcase_add_loop_test(tcase, what_breaks_off_is_tried_again, 0, 16);
    tcase_add_loop_test(tcase, what_breaks_off_too_often_fails, 0, 16);
    tcase_add_loop_test(tcase, damaged_content_is_not_tried_again, 0, 16);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_tried_again);
    tcase_add_test(tcase, stopping_ends_the_wait_for_another_attempt);
    tcase_add_loop_test(tcase, what_takes_too_long_fails, 0, 4);
    tcase_add_loop_test(tcase, a_slow_source_gets_more_threads, 0, 2);
    tcase_add_test(tcase, full_processors_get_no_more_threads);
    tcase_add_loop_test(tcase, what_is_done_together_may_take_more_runs, 0, 2);
    tcase_add_test(tcase, too_many_failures_end_the_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
