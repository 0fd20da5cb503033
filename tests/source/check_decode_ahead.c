/*
 * Decoding ahead: members, padding, damage at every bit, ends at every byte, input in pieces of
 * every size; and the same on the reader's thread, on another one, in pieces on several, and in a
 * pool that has other work, or is held by it.
 */
#include "source/decode_ahead.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <pthread.h>
#include <zlib.h>

#include "codec/pieces.h"
#include "config.h"
#include "engine/pool_support.h"
#include "support/support.h"

#if MR_HAVE_LZMA
#include <lzma.h>
#endif
#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

struct input {
    const unsigned char *data;
    size_t bytes, at, piece_bytes;
    bool fails_at_end;
};

static ssize_t pull(void *ctx, const void **data)
{
    struct input *input = ctx;
    size_t left = input->bytes - input->at;
    size_t got = left < input->piece_bytes ? left : input->piece_bytes;
    if (got == 0 && input->fails_at_end) {
        errno = EIO;
        return -1;
    }
    *data = input->data + input->at;
    input->at += got;
    return (ssize_t)got;
}

static ssize_t read_at(void *ctx, void *buffer, size_t size_bytes, int64_t offset_bytes)
{
    const struct input *input = ctx;
    size_t at = (size_t)offset_bytes < input->bytes ? (size_t)offset_bytes : input->bytes;
    size_t got = size_bytes < input->bytes - at ? size_bytes : input->bytes - at;
    memcpy(buffer, input->data + at, got);
    return (ssize_t)got;
}

static void seek_to(void *ctx, int64_t offset_bytes)
{
    ((struct input *)ctx)->at = (size_t)offset_bytes;
}

/* Who decodes: the reader, threads of its own, or a given pool of one or three threads, or of one
 * that does something else all the time. A pool is taken with an input that can seek. */
enum way {
    BY_READER,
    BY_THREAD,
    IN_PIECES,
    BY_POOL_OF_1,
    BY_POOL_OF_3,
    BY_HELD_POOL,
    PIECES_IN_POOL_OF_1,
    PIECES_IN_POOL_OF_3,
    PIECES_IN_HELD_POOL,
    WAY_COUNT
};

static const struct {
    bool can_seek;
    unsigned thread_count; /* 1: no pieces */
    unsigned pool_thread_count;
    bool is_held;
} ways[WAY_COUNT] = {
    [BY_READER] = {false, 2, 0, false},          [BY_THREAD] = {false, 2, 0, false},
    [IN_PIECES] = {true, 2, 0, false},           [BY_POOL_OF_1] = {true, 1, 1, false},
    [BY_POOL_OF_3] = {true, 1, 3, false},        [BY_HELD_POOL] = {true, 1, 1, true},
    [PIECES_IN_POOL_OF_1] = {true, 2, 1, false}, [PIECES_IN_POOL_OF_3] = {true, 2, 3, false},
    [PIECES_IN_HELD_POOL] = {true, 2, 1, true},
};

/* A pool that decodes, and what holds its thread. */
struct worker {
    struct mr_pool *pool; /* NULL: none is given */
    struct gate gate;
};

static void worker_start(struct worker *worker, enum way way)
{
    const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                          .name = "work",
                                          .thread_count = ways[way].pool_thread_count};
    *worker = (struct worker){0};
    if (config.thread_count == 0)
        return;
    ck_assert_int_eq(mr_pool_create(&config, &worker->pool, NULL), MR_OK);
    if (!ways[way].is_held)
        return;
    ck_assert_int_eq(mr_pool_submit(worker->pool, wait_at_gate, &worker->gate, NULL, NULL), MR_OK);
    await_arrivals(&worker->gate, 1);
}

/* Once nobody decodes any more: nothing is left but what holds it. */
static void worker_end(struct worker *worker)
{
    if (!worker->pool)
        return;
    atomic_store(&worker->gate.is_open, true);
    ck_assert_int_eq(mr_pool_drain(worker->pool, SUPPORT_HANG_MS), MR_OK);
    mr_pool_destroy(worker->pool);
}

/* What came of an input. */
struct outcome {
    enum mr_status status;
    unsigned char *bytes; /* the caller's to free */
    size_t size_bytes;
    const char *problem;
};

/* Of memory, pieces get 2 MiB each. */
static struct decode_limits limits_for(const struct unwrap_format *format, enum way way,
                                       const struct worker *worker)
{
    uint64_t decoders_bytes = format ? 4 * pieces_decoder_bytes(format) : 0;
    return (struct decode_limits){.memory_bytes = ((uint64_t)40 << 20) + decoders_bytes,
                                  .thread_count = ways[way].thread_count,
                                  .pool = worker->pool};
}

static struct decode_input input_of(struct input *source, enum way way)
{
    return (struct decode_input){
        .ctx = source, .pull = pull, .pread = ways[way].can_seek ? read_at : NULL, .seek = seek_to};
}

/* Got bytes more, which are size_bytes now, took the input further, and their first half did so
 * less. Returns how far. */
static uint64_t check_used(const struct decode_ahead *ahead, size_t size_bytes, size_t got,
                           uint64_t before, const struct input *given)
{
    uint64_t used = decode_ahead_used(ahead, size_bytes);
    uint64_t half = decode_ahead_used(ahead, size_bytes - got / 2);
    if (used < before || used > given->bytes || half < before || half > used)
        ck_abort_msg("%zu bytes took it from %llu by %llu to %llu of %zu", size_bytes,
                     (unsigned long long)before, (unsigned long long)half, (unsigned long long)used,
                     given->bytes);
    return used;
}

static struct outcome read_all(const struct input *given, enum way way)
{
    uint64_t used = 0;
    struct input source = *given;
    const struct decode_input input = input_of(&source, way);
    struct worker worker;
    struct outcome outcome = {0};
    struct decode_ahead *ahead;
    const void *data;
    size_t got, cap = 0;
    const struct unwrap_format *format = unwrap_recognise(given->data, given->bytes);
    if (!format)
        ck_abort_msg("not recognised");
    worker_start(&worker, way);
    const struct decode_limits limits = limits_for(format, way, &worker);
    if (decode_ahead_create(format, &input, &limits, &ahead) != MR_OK)
        ck_abort_msg("out of memory");
    if (way != BY_READER)
        decode_ahead_start(ahead);
    while ((outcome.status = decode_ahead_read(ahead, &data, &got, &outcome.problem)) == MR_OK) {
        if (outcome.size_bytes + got > cap) {
            cap = 2 * (outcome.size_bytes + got);
            outcome.bytes = realloc(outcome.bytes, cap);
        }
        memcpy(outcome.bytes + outcome.size_bytes, data, got);
        outcome.size_bytes += got;
        used = check_used(ahead, outcome.size_bytes, got, used, given);
    }
    if (decode_ahead_read(ahead, &data, &got, &outcome.problem) != outcome.status || got != 0)
        ck_abort_msg("the end does not stay");
    int sys_errno = errno;
    decode_ahead_destroy(ahead);
    worker_end(&worker);
    errno = sys_errno;
    return outcome;
}

/* A file in memory that is being made. */
struct made {
    unsigned char *bytes;
    size_t size_bytes;
};

static unsigned char *room(struct made *made, size_t more_bytes)
{
    made->bytes = realloc(made->bytes, made->size_bytes + more_bytes);
    return made->bytes + made->size_bytes;
}

/* Appends a member of data. is_block: with the BC field of bgzf. */
static void add_gzip(struct made *made, const unsigned char *data, size_t bytes, bool is_block)
{
    unsigned char extra[] = {'B', 'C', 2, 0, 0, 0};
    gz_header header = {.os = 255, .extra = extra, .extra_len = sizeof(extra)};
    size_t cap = bytes + bytes / 8 + 1000;
    unsigned char *out = room(made, cap);
    z_stream zlib = {.next_in = (unsigned char *)data,
                     .avail_in = (uInt)bytes,
                     .next_out = out,
                     .avail_out = (uInt)cap};
    ck_assert_int_eq(deflateInit2(&zlib, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    if (is_block)
        ck_assert_int_eq(deflateSetHeader(&zlib, &header), Z_OK);
    ck_assert_int_eq(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    size_t size = cap - zlib.avail_out;
    deflateEnd(&zlib);
    if (is_block) {
        out[16] = (unsigned char)(size - 1);
        out[17] = (unsigned char)((size - 1) >> 8);
    }
    made->size_bytes += size;
}

/* Appends data behind a filter of libarchive. */
static void add_filtered(struct made *made, int filter, const void *data, size_t bytes)
{
    size_t cap = bytes + (1 << 16), size = 0;
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    archive_write_add_filter(archive, filter);
    archive_write_set_bytes_in_last_block(archive, 1);
    ck_assert_int_eq(archive_write_open_memory(archive, room(made, cap), cap, &size), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_data(archive, data, bytes), (la_ssize_t)bytes);
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    archive_entry_free(entry);
    made->size_bytes += size;
}

#if MR_HAVE_ZSTD
static void add_zstd(struct made *made, const void *data, size_t bytes)
{
    size_t cap = ZSTD_compressBound(bytes);
    made->size_bytes += ZSTD_compress(room(made, cap), cap, data, bytes, 1);
}
#endif

#if MR_HAVE_LZMA
static void add_xz(struct made *made, const void *data, size_t bytes)
{
    size_t cap = lzma_stream_buffer_bound(bytes), size = 0;
    ck_assert_int_eq(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, data, bytes,
                                             room(made, cap), &size, cap),
                     LZMA_OK);
    made->size_bytes += size;
}
#endif

/* Half noise, so that enough is left of it. */
static unsigned char *mixture(size_t bytes)
{
    unsigned char *data = support_text(bytes, bytes), *noise = support_noise(bytes, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (i / 3000 % 2)
            data[i] = noise[i];
    free(noise);
    return data;
}

/* A decoder may copy its whole window at each call: so the smaller the pieces, the fewer. */
START_TEST(members_and_padding_in_pieces_of_every_size)
{
    static const size_t sizes[][2] = {
        {1, 6000}, {7, 60000}, {4096, 900000}, {1000000, 900000}}; /* of pieces, of the text */
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = sizes[i][1];
        unsigned char *text = support_text(7, bytes);
        struct made made = {0};
        add_gzip(&made, text, bytes / 3, false);
        add_gzip(&made, text + bytes / 3, 0, false);
        add_gzip(&made, text + bytes / 3, bytes - bytes / 3, false);
        memset(room(&made, 700), 0, 700);
        struct input input = {made.bytes, made.size_bytes + 700, 0, sizes[i][0], false};
        struct outcome outcome = read_all(&input, (enum way)_i);
        ck_assert_int_eq(outcome.status, MR_DONE);
        ck_assert_uint_eq(outcome.size_bytes, bytes);
        ck_assert(memcmp(outcome.bytes, text, bytes) == 0);
        free(outcome.bytes);
        free(text);
        free(made.bytes);
    }
}
END_TEST

/* Of many cases most are decoded by the reader, the others in turn in each of the other ways. */
static enum way some_way(size_t number)
{
    return number % 2 == 0 ? (enum way)(number / 2 % WAY_COUNT) : BY_READER;
}

static const int filters[] = {
    ARCHIVE_FILTER_GZIP,
#if MR_HAVE_BZIP2
    ARCHIVE_FILTER_BZIP2,
#endif
#if MR_HAVE_LZMA
    ARCHIVE_FILTER_XZ,
#endif
#if MR_HAVE_ZSTD
    ARCHIVE_FILTER_ZSTD,
#endif
#if MR_HAVE_LZ4
    ARCHIVE_FILTER_LZ4,
#endif
};
#define FILTER_COUNT ((int)(sizeof(filters) / sizeof(filters[0])))

/* The next cut, which does not step over either of these two. */
static size_t next_cut(size_t cut, size_t first, size_t last)
{
    size_t next = cut + SUPPORT_STEP;
    if (cut < first && next > first)
        return first;
    return cut < last && next > last ? last : next;
}

/* Of two frames, the first cut is one between them: that is an end, and so is none. */
START_TEST(every_end_is_noticed)
{
    unsigned char *text = support_text(8, 3000);
    struct made made = {0};
    add_filtered(&made, filters[_i], text, 2000);
    size_t first = made.size_bytes;
    add_filtered(&made, filters[_i], text + 2000, 1000);
    size_t last = made.size_bytes;
    for (size_t cut = 10; cut <= last; cut = next_cut(cut, first, last)) {
        struct input input = {made.bytes, cut, 0, 64, false};
        struct outcome outcome = read_all(&input, some_way(cut / 8));
        bool is_end = cut == first || cut == made.size_bytes;
        ck_assert_msg(outcome.status == (is_end ? MR_DONE : MR_E_DATA), "cut to %zu of %zu: %s",
                      cut, made.size_bytes, outcome.problem);
        if (is_end)
            ck_assert_uint_eq(outcome.size_bytes, cut == first ? 2000 : 3000);
        ck_assert(outcome.size_bytes == 0 || memcmp(outcome.bytes, text, outcome.size_bytes) == 0);
        free(outcome.bytes);
    }
    /* What follows and is no frame is told, but for zeros. */
    for (size_t zero_count = 0; zero_count <= 1000; zero_count += 100) {
        memset(room(&made, 1000), 'x', 1000);
        memset(made.bytes + made.size_bytes, 0, zero_count);
        struct input input = {made.bytes, made.size_bytes + 1000, 0, 64, false};
        struct outcome outcome = read_all(&input, some_way(zero_count / 50));
        ck_assert_int_eq(outcome.status, MR_DONE);
        ck_assert_uint_eq(outcome.size_bytes, 3000);
        ck_assert_int_eq(outcome.problem != NULL, zero_count < 1000);
        free(outcome.bytes);
    }
    free(text);
    free(made.bytes);
}
END_TEST

START_TEST(every_flipped_bit_is_noticed_or_does_not_matter)
{
    unsigned char *text = support_text(9, 2000);
    struct made made = {0};
    add_gzip(&made, text, 2000, false);
    for (size_t bit = 24; bit < made.size_bytes * 8; bit += SUPPORT_STEP) {
        made.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        struct input input = {made.bytes, made.size_bytes, 0, SIZE_MAX, false};
        struct outcome outcome = read_all(&input, BY_READER);
        made.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        bool is_same = outcome.size_bytes == 2000 && memcmp(outcome.bytes, text, 2000) == 0;
        if (outcome.status == MR_DONE ? !is_same : !outcome.problem)
            ck_abort_msg("bit %zu", bit);
        free(outcome.bytes);
    }
    free(text);
    free(made.bytes);
}
END_TEST

START_TEST(a_failed_read_is_no_damage)
{
    unsigned char *text = support_text(10, 3000);
    struct made made = {0};
    add_gzip(&made, text, 3000, false);
    struct input input = {made.bytes, made.size_bytes / 2, 0, 100, true};
    for (int way = BY_READER; way < WAY_COUNT; way++) {
        struct outcome outcome = read_all(&input, (enum way)way);
        ck_assert_int_eq(outcome.status, MR_E_SYSTEM);
        ck_assert_int_eq(errno, EIO);
        free(outcome.bytes);
    }
    free(made.bytes);
    free(text);
}
END_TEST

/* With a given pool in one of the ways, the next one each time. */
static void check_same(const struct made *made, size_t size_bytes, const char *what, size_t at)
{
    struct input input = {made->bytes, size_bytes, 0, 100000, false};
    static size_t turn;
    struct outcome serial = read_all(&input, BY_READER);
    int pool_way = BY_POOL_OF_1 + (int)((at + turn++) % (WAY_COUNT - BY_POOL_OF_1));
    for (int way = BY_THREAD; way < WAY_COUNT; way++) {
        if (way >= BY_POOL_OF_1 && way != pool_way)
            continue;
        struct outcome other = read_all(&input, (enum way)way);
        const char *a = serial.problem ? serial.problem : "",
                   *b = other.problem ? other.problem : "";
        if (serial.status != other.status || strcmp(a, b) != 0)
            ck_abort_msg("%s at %zu, way %d: \"%s\" is not \"%s\"", what, at, way, b, a);
        if (serial.size_bytes != other.size_bytes ||
            (other.size_bytes > 0 && memcmp(serial.bytes, other.bytes, other.size_bytes) != 0))
            ck_abort_msg("%s at %zu, way %d: other bytes", what, at, way);
        free(other.bytes);
    }
    free(serial.bytes);
}

static void add_member(struct made *made, const void *data, size_t bytes)
{
    add_gzip(made, data, bytes, false);
}

static void add_bgzf(struct made *made, const void *data, size_t bytes)
{
    add_gzip(made, data, bytes, true);
}

/* Files of several frames: those that can be cut, and those that only look like it. */
static const struct kind {
    void (*add)(struct made *made, const void *data, size_t bytes);
    size_t most, in_all; /* bytes of a frame, of the file */
    bool is_too_large;   /* its frames are, for pieces */
} kinds[] = {
    {add_bgzf, 65000, 6000000, false},  {add_member, 2200000, 6000000, false},
    {add_bgzf, 100, 1000000, false},    {add_member, 5000000, 6000000, true},
#if MR_HAVE_ZSTD
    {add_zstd, 700000, 6000000, false}, {add_zstd, 1500000, 6000000, false},
#endif
#if MR_HAVE_LZMA
    {add_xz, 700000, 2500000, false},   {add_xz, 20000, 1000000, false},
    {add_xz, 2500000, 3000000, false}, /* some of them are */
#endif
};
#define KIND_COUNT ((int)(sizeof(kinds) / sizeof(kinds[0])))

static struct made make_frames(const struct kind *kind, const unsigned char *data, size_t bytes)
{
    struct made made = {0};
    uint64_t state = 5;
    for (size_t at = 0, piece = 0; at < bytes; at += piece) {
        piece = 1 + support_random(&state) % kind->most;
        piece = piece < bytes - at ? piece : bytes - at;
        kind->add(&made, data + at, piece);
    }
    return made;
}

START_TEST(all_ways_give_the_same)
{
    size_t bytes = kinds[_i].in_all;
    unsigned char *data = mixture(bytes);
    struct made made = make_frames(&kinds[_i], data, bytes);
    struct input input = {made.bytes, made.size_bytes, 0, 100000, false};
    for (int way = BY_READER; way < WAY_COUNT; way++) {
        struct outcome outcome = read_all(&input, (enum way)way);
        ck_assert_int_eq(outcome.status, MR_DONE);
        ck_assert_uint_eq(outcome.size_bytes, bytes);
        ck_assert(memcmp(outcome.bytes, data, bytes) == 0);
        free(outcome.bytes);
    }
    uint64_t state = (uint64_t)_i;
    for (unsigned i = 0; i < (MR_SANITIZED ? 1 : 3); i++) {
        size_t cut = 10 + support_random(&state) % (made.size_bytes - 10);
        check_same(&made, cut, "cut", cut);
        size_t at = 10 + support_random(&state) % (made.size_bytes - 10);
        made.bytes[at] ^= (unsigned char)(1u << i % 8);
        check_same(&made, made.size_bytes, "flip", at);
        made.bytes[at] ^= (unsigned char)(1u << i % 8);
    }
    free(made.bytes);
    free(data);
}
END_TEST

START_TEST(every_thousandth_cut_gives_the_same)
{
    unsigned char *data = mixture(200000);
    struct made made = make_frames(&kinds[_i], data, 200000);
    for (size_t cut = 1000; cut < made.size_bytes; cut += 1000 * SUPPORT_STEP)
        check_same(&made, cut, "cut", cut);
    free(made.bytes);
    free(data);
}
END_TEST

/* A member that holds what looks like the header of another, just where one is looked for. */
START_TEST(a_false_header_is_no_member)
{
    static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    unsigned char *data = support_noise(3, 3000000); /* stored as it is */
    for (size_t at = 0; at + 10 < 3000000; at += 3001)
        memcpy(data + at, header, sizeof(header));
    struct made made = {0};
    add_gzip(&made, data, 100000, false);
    add_gzip(&made, data + 100000, 2000000, false);
    add_gzip(&made, data + 2100000, 900000, false);
    struct input input = {made.bytes, made.size_bytes, 0, 100000, false};
    for (int way = IN_PIECES; way < WAY_COUNT; way++) {
        struct outcome outcome = read_all(&input, (enum way)way);
        ck_assert_int_eq(outcome.status, MR_DONE);
        ck_assert_uint_eq(outcome.size_bytes, 3000000);
        ck_assert(memcmp(outcome.bytes, data, 3000000) == 0);
        free(outcome.bytes);
    }
    free(made.bytes);
    free(data);
}
END_TEST

#if MR_HAVE_LZMA
/* Some ends and some flipped bits of every part, with padding between streams. */
START_TEST(damage_of_small_streams_shows_in_pieces_too)
{
    unsigned char *text = support_text(9, 3000);
    struct made made = {0};
    for (size_t at = 0; at < 3000; at += 1000) {
        add_xz(&made, text + at, at == 1000 ? 0 : 1000);
        memset(room(&made, at / 250), 0, at / 250);
        made.size_bytes += at / 250;
    }
    for (size_t cut = 12; cut <= made.size_bytes; cut += 9 * SUPPORT_STEP)
        check_same(&made, cut, "cut", cut);
    for (size_t bit = 48; bit < made.size_bytes * 8; bit += 43 * SUPPORT_STEP) {
        made.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        check_same(&made, made.size_bytes, "flip", bit);
        made.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    free(made.bytes);
    free(text);
}
END_TEST

/* A stream that holds others, uncompressed: their ends are not its own. */
START_TEST(a_false_end_is_no_end_of_a_stream)
{
    unsigned char *text = support_text(9, 3000), *noise = support_noise(3, 200000);
    struct made inner = {0}, made = {0};
    for (int i = 0; i < 40; i++) {
        add_xz(&inner, text, 3000);
        memcpy(room(&inner, 4001), noise + 4001 * i, 4001);
        inner.size_bytes += 4001;
    }
    for (int i = 0; i < 3; i++)
        add_xz(&made, inner.bytes, inner.size_bytes);
    check_same(&made, made.size_bytes, "whole", 0);
    struct input input = {made.bytes, made.size_bytes, 0, 100000, false};
    struct outcome outcome = read_all(&input, IN_PIECES);
    ck_assert_int_eq(outcome.status, MR_DONE);
    ck_assert_uint_eq(outcome.size_bytes, 3 * inner.size_bytes);
    free(outcome.bytes);
    free(made.bytes);
    free(inner.bytes);
    free(noise);
    free(text);
}
END_TEST
#endif

/* Reads a few times, from the second time on ahead, and leaves it. True when pieces were read. What
 * it was given goes at once: nothing may look at it later. */
static bool leave_after(const struct made *made, enum way way, unsigned reads)
{
    struct input *source = malloc(sizeof(*source));
    *source = (struct input){made->bytes, made->size_bytes, 0, 100000, false};
    const struct decode_input input = input_of(source, way);
    const struct unwrap_format *format = unwrap_recognise(made->bytes, made->size_bytes);
    struct worker worker;
    struct decode_ahead *ahead;
    const void *bytes;
    const char *problem;
    size_t got;
    bool is_in_pieces = false;
    worker_start(&worker, way);
    const struct decode_limits limits = limits_for(format, way, &worker);
    ck_assert_int_eq(decode_ahead_create(format, &input, &limits, &ahead), MR_OK);
    enum mr_status status = MR_OK;
    for (unsigned i = 0; i < reads && status == MR_OK; i++) {
        if (i == 1)
            decode_ahead_start(ahead);
        status = decode_ahead_read(ahead, &bytes, &got, &problem);
        is_in_pieces = is_in_pieces || got > DECODE_BLOCK_BYTES;
    }
    ck_assert(!mr_status_is_error(status));
    decode_ahead_destroy(ahead);
    free(source);
    worker_end(&worker);
    return is_in_pieces;
}

START_TEST(it_can_be_left_at_any_time)
{
    size_t bytes_in_all = kinds[_i].in_all;
    unsigned char *data = mixture(bytes_in_all);
    struct made made = make_frames(&kinds[_i], data, bytes_in_all);
    bool has_large_pieces = !kinds[_i].is_too_large && bytes_in_all > DECODE_BLOCK_BYTES;
    for (int way = IN_PIECES; way < WAY_COUNT; way++) {
        bool is_in_pieces = false;
        for (unsigned reads = 0; reads < 12; reads += way == IN_PIECES ? 1 : 5)
            is_in_pieces = leave_after(&made, (enum way)way, reads) || is_in_pieces;
        ck_assert_msg(is_in_pieces == (has_large_pieces && ways[way].thread_count > 1), "way %d",
                      way);
    }
    free(made.bytes);
    free(data);
}
END_TEST

/* An input at which everybody but its own thread waits until it is stopped. */
struct stuck_input {
    struct input input;
    pthread_t own;
    atomic_bool is_stopped;
    atomic_int waiting_count;
};

static ssize_t pull_stuck(void *ctx, const void **data)
{
    struct stuck_input *stuck = ctx;
    if (pthread_equal(pthread_self(), stuck->own))
        return pull(&stuck->input, data);
    atomic_fetch_add(&stuck->waiting_count, 1);
    while (!atomic_load(&stuck->is_stopped))
        sleep_us(50);
    atomic_fetch_sub(&stuck->waiting_count, 1);
    errno = ECANCELED;
    return -1;
}

static ssize_t read_stuck_at(void *ctx, void *buffer, size_t size_bytes, int64_t offset_bytes)
{
    return read_at(&((struct stuck_input *)ctx)->input, buffer, size_bytes, offset_bytes);
}

static void seek_stuck_to(void *ctx, int64_t offset_bytes)
{
    seek_to(&((struct stuck_input *)ctx)->input, offset_bytes);
}

static void stop_stuck(void *ctx)
{
    atomic_store(&((struct stuck_input *)ctx)->is_stopped, true);
}

/* The reader has the first block, and somebody waits for the input of the next one. */
START_TEST(leaving_ends_a_wait_for_the_input)
{
    static const enum way some[] = {BY_THREAD, BY_POOL_OF_1, BY_POOL_OF_3, PIECES_IN_POOL_OF_1};
    size_t bytes = 3 << 20;
    unsigned char *data = mixture(bytes);
    struct made made = {0};
    add_gzip(&made, data, bytes, false);
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        struct stuck_input stuck = {.input = {made.bytes, made.size_bytes, 0, 1000, false},
                                    .own = pthread_self()};
        struct decode_input input = input_of(&stuck.input, some[i]);
        const struct unwrap_format *format = unwrap_recognise(made.bytes, made.size_bytes);
        struct worker worker;
        struct decode_ahead *ahead;
        const void *block;
        const char *problem;
        size_t got;
        input.ctx = &stuck;
        input.pull = pull_stuck;
        input.pread = input.pread ? read_stuck_at : NULL;
        input.seek = seek_stuck_to;
        input.stop = stop_stuck;
        worker_start(&worker, some[i]);
        const struct decode_limits limits = limits_for(format, some[i], &worker);
        ck_assert_int_eq(decode_ahead_create(format, &input, &limits, &ahead), MR_OK);
        ck_assert_int_eq(decode_ahead_read(ahead, &block, &got, &problem), MR_OK);
        decode_ahead_start(ahead);
        while (atomic_load(&stuck.waiting_count) == 0)
            sleep_us(50);
        decode_ahead_destroy(ahead);
        ck_assert(atomic_load(&stuck.is_stopped));
        ck_assert_int_eq(atomic_load(&stuck.waiting_count), 0);
        worker_end(&worker);
    }
    free(made.bytes);
    free(data);
}
END_TEST

/* Nobody of the pool comes to it: the reader decodes, and has no block before it asks for it. */
START_TEST(a_held_pool_is_not_waited_for)
{
    static const enum way held[] = {BY_HELD_POOL, PIECES_IN_HELD_POOL};
    size_t bytes = 4 << 20, at = 0, got = 0;
    unsigned char *data = mixture(bytes);
    struct made made = {0};
    for (size_t i = 0; i < 4; i++)
        add_gzip(&made, data + i * (bytes / 4), bytes / 4, false);
    struct input source = {made.bytes, made.size_bytes, 0, 100000, false};
    const struct decode_input input = input_of(&source, held[_i]);
    const struct unwrap_format *format = unwrap_recognise(made.bytes, made.size_bytes);
    struct worker worker;
    struct decode_ahead *ahead;
    const void *block;
    const char *problem;
    enum mr_status status;
    worker_start(&worker, held[_i]);
    const struct decode_limits limits = limits_for(format, held[_i], &worker);
    ck_assert_int_eq(decode_ahead_create(format, &input, &limits, &ahead), MR_OK);
    decode_ahead_start(ahead);
    while ((status = decode_ahead_read(ahead, &block, &got, &problem)) == MR_OK) {
        ck_assert(!decode_ahead_is_ready(ahead));
        ck_assert(memcmp(block, data + at, got) == 0);
        at += got;
    }
    ck_assert_int_eq(status, MR_DONE);
    ck_assert_uint_eq(at, bytes);
    ck_assert(!atomic_load(&worker.gate.is_open));
    decode_ahead_destroy(ahead);
    worker_end(&worker);
    free(made.bytes);
    free(data);
}
END_TEST

/* As a reader does that is a few blocks behind. */
START_TEST(what_was_used_up_is_known_of_the_last_blocks)
{
    struct made made = {0};
    size_t bytes = 5 << 20;
    unsigned char *data = malloc(bytes);
    uint32_t random = 1;
    for (size_t i = 0; i < bytes; i++) { /* the second half takes far more room */
        random = random * 1664525u + 1013904223u;
        data[i] = (unsigned char)(i < bytes / 2 ? 'x' : random >> 24);
    }
    add_gzip(&made, data, bytes, false);
    struct input source = {made.bytes, made.size_bytes, 0, made.size_bytes, false};
    const struct decode_input input = {.ctx = &source, .pull = pull};
    const struct decode_limits limits = {0};
    struct decode_ahead *ahead;
    const void *block;
    const char *problem;
    size_t got, plain = 0;
    ck_assert_int_eq(
        decode_ahead_create(unwrap_recognise(made.bytes, made.size_bytes), &input, &limits, &ahead),
        MR_OK);
    ck_assert_uint_eq(decode_ahead_used(ahead, 1000), 0);
    while (decode_ahead_read(ahead, &block, &got, &problem) == MR_OK)
        plain += got;
    ck_assert_uint_eq(plain, bytes);
    uint64_t end = decode_ahead_used(ahead, bytes),
             middle = decode_ahead_used(ahead, bytes * 3 / 4);
    ck_assert_msg(end > made.size_bytes * 9 / 10 && end <= made.size_bytes, "%llu of %zu",
                  (unsigned long long)end, made.size_bytes);
    ck_assert_msg(middle > end * 4 / 10 && middle < end * 6 / 10, "%llu of %llu",
                  (unsigned long long)middle, (unsigned long long)end);
    ck_assert_uint_eq(decode_ahead_used(ahead, bytes + 1), end);
    decode_ahead_destroy(ahead);
    free(made.bytes);
    free(data);
}
END_TEST

START_TEST(little_memory_means_few_buffers)
{
    const struct unwrap_format *format = unwrap_recognise((const unsigned char *)"\x1f\x8b\x08", 3);
    struct decode_limits limits = {.memory_bytes = 1 << 20, .thread_count = 4};
    ck_assert_uint_eq(decode_ahead_memory(format, true, &limits), 1 << 20);
    limits.memory_bytes = 1;
    ck_assert_uint_eq(decode_ahead_memory(format, true, &limits), 2 * DECODE_BLOCK_BYTES);
    limits.memory_bytes = (uint64_t)64 << 20;
    ck_assert_uint_eq(decode_ahead_memory(format, true, &limits), (uint64_t)64 << 20);
    ck_assert_uint_eq(decode_ahead_memory(format, false, &limits), 12 * DECODE_BLOCK_BYTES);
}
END_TEST

Suite *decode_ahead_suite(void)
{
    Suite *suite = suite_create("decode_ahead");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, members_and_padding_in_pieces_of_every_size, 0, WAY_COUNT);
    tcase_add_loop_test(cases, every_end_is_noticed, 0, FILTER_COUNT);
    tcase_add_test(cases, every_flipped_bit_is_noticed_or_does_not_matter);
    tcase_add_test(cases, a_failed_read_is_no_damage);
    tcase_add_loop_test(cases, all_ways_give_the_same, 0, KIND_COUNT);
    tcase_add_loop_test(cases, every_thousandth_cut_gives_the_same, 0, KIND_COUNT);
#if MR_HAVE_LZMA
    tcase_add_test(cases, damage_of_small_streams_shows_in_pieces_too);
    tcase_add_test(cases, a_false_end_is_no_end_of_a_stream);
#endif
    tcase_add_test(cases, a_false_header_is_no_member);
    tcase_add_loop_test(cases, it_can_be_left_at_any_time, 0, KIND_COUNT);
    tcase_add_test(cases, leaving_ends_a_wait_for_the_input);
    tcase_add_loop_test(cases, a_held_pool_is_not_waited_for, 0, 2);
    suite_add_tcase(suite, cases);
    cases = tcase_create("used");
    tcase_add_test(cases, what_was_used_up_is_known_of_the_last_blocks);
    tcase_add_test(cases, little_memory_means_few_buffers);
    suite_add_tcase(suite, cases);
    return suite;
}
