/* Streams compressed in blocks: what comes out is read by the codec's own library, and is the same
 * however it was made. */
#include "sink/blocks.h"

#include <errno.h>
#include <stdatomic.h>
#include <zlib.h>

#include "config.h"
#include "support/support.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

Suite *blocks_suite(void);

struct output {
    unsigned char *bytes;
    size_t count, cap, fail_at;
};

static int collect(void *ctx, const void *data, size_t bytes)
{
    struct output *output = ctx;
    if (output->count + bytes > output->fail_at)
        return ENOSPC;
    if (output->count + bytes > output->cap) {
        output->cap = 2 * (output->count + bytes);
        output->bytes = realloc(output->bytes, output->cap);
        ck_assert_ptr_nonnull(output->bytes);
    }
    memcpy(output->bytes + output->count, data, bytes);
    output->count += bytes;
    return 0;
}

static struct mr_pool *make_pool(unsigned thread_count)
{
    const struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "work", .thread_count = thread_count};
    struct mr_pool *pool = NULL;
    if (thread_count > 0)
        ck_assert_int_eq(mr_pool_create(&config, &pool, NULL), MR_OK);
    return pool;
}

/* thread_count 0: no pool. The stream is written in pieces of piece_bytes. */
static struct output pack(const struct block_codec *codec, int level, const unsigned char *in,
                          size_t in_bytes, size_t piece_bytes, unsigned thread_count,
                          uint64_t memory_bytes)
{
    struct output output = {.fail_at = SIZE_MAX};
    struct blocks *blocks = NULL;
    struct mr_pool *pool = make_pool(thread_count);
    int sys_errno = 0;
    const struct block_options options = {.level = level, .has_checksum = true};
    ck_assert_int_eq(blocks_create(codec, &options, collect, &output, &blocks), MR_OK);
    if (pool)
        ck_assert_uint_gt(blocks_use_pool(blocks, pool, thread_count, memory_bytes), 0);
    for (size_t at = 0; at < in_bytes; at += piece_bytes) {
        size_t bytes = in_bytes - at < piece_bytes ? in_bytes - at : piece_bytes;
        ck_assert_int_eq(blocks_write(blocks, in + at, bytes, &sys_errno), MR_OK);
    }
    ck_assert_int_eq(blocks_finish(blocks, &sys_errno), MR_OK);
    blocks_destroy(blocks);
    mr_pool_destroy(pool);
    return output;
}

/* One member: zlib stops at its end, which must be the end of the output. */
static void check_gzip(const struct output *output, const unsigned char *in, size_t in_bytes)
{
    unsigned char *plain = malloc(in_bytes + 1);
    z_stream inflater = {.next_in = output->bytes,
                         .avail_in = (uInt)output->count,
                         .next_out = plain,
                         .avail_out = (uInt)in_bytes + 1};
    ck_assert_int_eq(inflateInit2(&inflater, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&inflater, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(inflater.avail_in, 0);
    ck_assert_uint_eq(inflater.total_out, in_bytes);
    ck_assert(in_bytes == 0 || memcmp(plain, in, in_bytes) == 0);
    inflateEnd(&inflater);
    free(plain);
}

#if MR_HAVE_ZSTD
static uint32_t u32_at(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* All frames and the seek table: its sizes must lead from frame to frame. */
static void check_zstd(const struct output *output, const unsigned char *in, size_t in_bytes)
{
    unsigned char *plain = malloc(in_bytes + 1);
    ck_assert_uint_eq(ZSTD_decompress(plain, in_bytes + 1, output->bytes, output->count), in_bytes);
    ck_assert(in_bytes == 0 || memcmp(plain, in, in_bytes) == 0);
    if (ZSTD_findFrameCompressedSize(output->bytes, output->count) == output->count) {
        ck_assert_uint_eq(ZSTD_getFrameContentSize(output->bytes, output->count), in_bytes);
        free(plain);
        return; /* one frame needs no table */
    }
    const unsigned char *foot = output->bytes + output->count - 9;
    ck_assert_uint_eq(u32_at(foot + 5), 0x8F92EAB1u);
    uint32_t frame_count = u32_at(foot);
    const unsigned char *entry = foot - 8 * (size_t)frame_count;
    ck_assert_uint_eq(u32_at(entry - 8), 0x184D2A5Eu);
    ck_assert_uint_eq(u32_at(entry - 4), 8 * frame_count + 9);
    size_t at = 0, plain_at = 0;
    for (uint32_t i = 0; i < frame_count; i++, entry += 8) {
        size_t size = u32_at(entry), plain_size = u32_at(entry + 4);
        ck_assert_uint_eq(ZSTD_findFrameCompressedSize(output->bytes + at, output->count - at),
                          size);
        ck_assert_uint_eq(ZSTD_getFrameContentSize(output->bytes + at, size), plain_size);
        at += size;
        plain_at += plain_size;
    }
    ck_assert_uint_eq(plain_at, in_bytes);
    ck_assert_ptr_eq(output->bytes + at, foot - 8 * (size_t)frame_count - 8);
    free(plain);
}
#endif

typedef void (*check_fn)(const struct output *output, const unsigned char *in, size_t in_bytes);

static void check_content(const struct block_codec *codec, int level, check_fn check,
                          const unsigned char *in, size_t in_bytes)
{
    struct output alone = pack(codec, level, in, in_bytes, 70001, 0, 0);
    check(&alone, in, in_bytes);
    static const struct {
        unsigned threads;
        size_t piece_bytes;
        uint64_t memory_bytes;
    } ways[] = {{3, 999983, 1u << 30}, {2, 65536, 1}, {4, (size_t)1 << 24, 20u << 20}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct output other = pack(codec, level, in, in_bytes, ways[i].piece_bytes, ways[i].threads,
                                   ways[i].memory_bytes);
        ck_assert_uint_eq(other.count, alone.count);
        ck_assert_int_eq(memcmp(other.bytes, alone.bytes, alone.count), 0);
        free(other.bytes);
    }
    free(alone.bytes);
}

static void check_codec(const struct block_codec *codec, int level, check_fn check)
{
    const struct block_options options = {.level = level, .has_checksum = true};
    const size_t block = codec->block_bytes(&options);
    const size_t sizes[] = {0, 1, 100, block - 1, block, block + 1, 2 * block, 2 * block + 12345};
    unsigned char *text = support_text(1, 3 * block), *noise = support_noise(2, 3 * block);
    unsigned char *zeros = calloc(3, block);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_content(codec, level, check, text, sizes[i]);
    check_content(codec, level, check, noise, 2 * block + 777);
    check_content(codec, level, check, zeros, 2 * block + 777);
    memcpy(text + block / 2, noise, block); /* deflate blocks of all kinds in one stream */
    memcpy(text + block * 2, zeros, block / 2);
    check_content(codec, level, check, text, 3 * block);
    free(text);
    free(noise);
    free(zeros);
}

START_TEST(gzip_is_one_member_and_the_same_for_all_threads)
{
    static const int levels[] = {1, 6};
    check_codec(block_codec_gzip(), levels[_i], check_gzip);
}
END_TEST

#if MR_HAVE_ZSTD
START_TEST(zstd_has_frames_and_a_table_and_is_the_same_for_all_threads)
{
    static const int levels[] = {1, 3};
    check_codec(block_codec_zstd(), levels[_i], check_zstd);
}
END_TEST
#endif

START_TEST(a_failed_write_is_told)
{
    const struct block_codec *codec = block_codec_gzip();
    unsigned char *noise = support_noise(3, 4 * codec->block_bytes(NULL));
    for (unsigned threads = 0; threads < 3; threads++) {
        struct output output = {.fail_at = codec->block_bytes(NULL) + 5000};
        struct blocks *blocks = NULL;
        struct mr_pool *pool = make_pool(threads);
        int sys_errno = 0;
        ck_assert_int_eq(blocks_create(codec, &(const struct block_options){.level = 6}, collect,
                                       &output, &blocks),
                         MR_OK);
        if (pool)
            blocks_use_pool(blocks, pool, threads, UINT64_MAX);
        enum mr_status status =
            blocks_write(blocks, noise, 4 * codec->block_bytes(NULL), &sys_errno);
        if (status == MR_OK)
            status = blocks_finish(blocks, &sys_errno);
        ck_assert_int_eq(status, MR_E_SYSTEM);
        ck_assert_int_eq(sys_errno, ENOSPC);
        blocks_destroy(blocks);
        mr_pool_destroy(pool);
        free(output.bytes);
    }
    free(noise);
}
END_TEST

START_TEST(it_may_be_given_up_in_the_middle)
{
    const struct block_codec *codec = block_codec_gzip();
    unsigned char *text = support_text(4, 4 * codec->block_bytes(NULL));
    for (unsigned i = 0; i < 20; i++) {
        struct output output = {.fail_at = SIZE_MAX};
        struct blocks *blocks = NULL;
        struct mr_pool *pool = make_pool(2);
        int sys_errno = 0;
        ck_assert_int_eq(blocks_create(codec, &(const struct block_options){.level = 1}, collect,
                                       &output, &blocks),
                         MR_OK);
        blocks_use_pool(blocks, pool, 2, UINT64_MAX);
        ck_assert_int_eq(
            blocks_write(blocks, text, (i % 4 + 1) * codec->block_bytes(NULL), &sys_errno), MR_OK);
        blocks_destroy(blocks);
        mr_pool_destroy(pool);
        free(output.bytes);
    }
    free(text);
}
END_TEST

/* The places in memory that blocks were compressed from and into. */
enum { PLACES_MAX = 64 };
static _Atomic(const unsigned char *) places[2][PLACES_MAX];

static void note_place(unsigned which, const unsigned char *place)
{
    for (size_t i = 0; i < PLACES_MAX; i++) {
        const unsigned char *there = NULL;
        if (atomic_compare_exchange_strong(&places[which][i], &there, place) || there == place)
            return;
    }
    ck_abort_msg("more than %d places", PLACES_MAX);
}

static unsigned forget_places(unsigned which)
{
    unsigned count = 0;
    for (size_t i = 0; i < PLACES_MAX; i++)
        count += atomic_exchange(&places[which][i], NULL) != NULL;
    return count;
}

static enum mr_status compress_and_note(void *state, struct block *block)
{
    note_place(0, block->in);
    note_place(1, block->out);
    return block_codec_gzip()->compress(state, block);
}

/* Room that was written is used again, before more is made than there are places in the window. */
START_TEST(room_is_used_again)
{
    struct block_codec noting = *block_codec_gzip();
    noting.compress = compress_and_note;
    const struct block_options options = {.level = 1, .has_checksum = true};
    const size_t block_bytes = noting.block_bytes(&options), bytes = 25 * block_bytes + 1000;
    unsigned char *text = support_text(5, bytes);
    struct output alone = pack(&noting, 1, text, bytes, bytes, 0, 0);
    check_gzip(&alone, text, bytes);
    ck_assert_uint_eq(forget_places(0), 1);
    ck_assert_uint_eq(forget_places(1), 1);
    for (unsigned threads = 1; threads <= 8; threads += MR_SANITIZED ? 3 : 1) {
        struct output other = pack(&noting, 1, text, bytes, 99999, threads, UINT64_MAX);
        unsigned window = 2 * threads + 1;
        ck_assert_uint_eq(other.count, alone.count);
        ck_assert_int_eq(memcmp(other.bytes, alone.bytes, alone.count), 0);
        ck_assert_uint_le(forget_places(0), window);
        ck_assert_uint_le(forget_places(1), window);
        free(other.bytes);
    }
    free(alone.bytes);
    free(text);
}
END_TEST

/* When all is compressed before more comes there is one block in the pool and one that is filled:
 * room for those is enough, however large the window. */
START_TEST(room_is_made_when_none_is_idle)
{
    struct block_codec noting = *block_codec_gzip();
    noting.compress = compress_and_note;
    const struct block_options options = {.level = 1};
    const size_t block_bytes = noting.block_bytes(&options);
    unsigned char *text = support_text(6, block_bytes);
    struct output output = {.fail_at = SIZE_MAX};
    struct mr_pool *pool = make_pool(4);
    struct blocks *blocks;
    int sys_errno;
    ck_assert_int_eq(blocks_create(&noting, &options, collect, &output, &blocks), MR_OK);
    blocks_use_pool(blocks, pool, 4, UINT64_MAX);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(blocks_write(blocks, text, block_bytes, &sys_errno), MR_OK);
        ck_assert_int_eq(mr_pool_drain(pool, SUPPORT_HANG_MS), MR_OK);
    }
    ck_assert_int_eq(blocks_finish(blocks, &sys_errno), MR_OK);
    ck_assert_uint_le(forget_places(0), 3);
    ck_assert_uint_le(forget_places(1), 3);
    blocks_destroy(blocks);
    mr_pool_destroy(pool);
    free(output.bytes);
    free(text);
}
END_TEST

/* With the least there is one block and no pool; with more there is never more than was allowed. */
START_TEST(memory_is_kept_to)
{
    const struct block_codec *codec = block_codec_gzip();
    const struct block_options options = {.level = 6};
    struct output output = {.fail_at = SIZE_MAX};
    struct mr_pool *pool = make_pool(2);
    const uint64_t each = codec->block_bytes(&options) + codec->bound(&options, 1 << 20),
                   state = codec->state_bytes(&options);
    for (uint64_t memory = 1u << 20; memory <= 64u << 20; memory += 300000) {
        struct blocks *blocks = NULL;
        ck_assert_int_eq(blocks_create(codec, &options, collect, &output, &blocks), MR_OK);
        uint64_t least = blocks_least_bytes(blocks);
        uint64_t used = blocks_use_pool(blocks, pool, 2, memory);
        ck_assert_uint_eq(least, each + state);
        ck_assert_uint_le(used, memory > least ? memory : least);
        ck_assert_uint_eq(used >= 2 * (each + state), memory >= 2 * (each + state));
        if (memory > 5 * (each + state)) /* two blocks for each thread, and one that is filled */
            ck_assert_uint_eq(used, 5 * (each + state));
        blocks_destroy(blocks);
    }
    mr_pool_destroy(pool);
}
END_TEST

Suite *blocks_suite(void)
{
    Suite *suite = suite_create("blocks");
    TCase *tcase = tcase_create("streams");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, gzip_is_one_member_and_the_same_for_all_threads, 0, 2);
#if MR_HAVE_ZSTD
    tcase_add_loop_test(tcase, zstd_has_frames_and_a_table_and_is_the_same_for_all_threads, 0, 2);
#endif
    tcase_add_test(tcase, a_failed_write_is_told);
    tcase_add_test(tcase, it_may_be_given_up_in_the_middle);
    tcase_add_test(tcase, room_is_used_again);
    tcase_add_test(tcase, room_is_made_when_none_is_idle);
    tcase_add_test(tcase, memory_is_kept_to);
    suite_add_tcase(suite, tcase);
    return suite;
}
