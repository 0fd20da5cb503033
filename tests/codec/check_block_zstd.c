/* Blocks of zstd: what they make is read by libzstd, is what libzstd makes of a small content, and
 * little more than that of a large one. */
#include "codec/block.h"

#include "config.h"
#include "support/support.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

Suite *block_zstd_suite(void);

#if MR_HAVE_ZSTD

/* From this on tables are smaller than libzstd's. */
#define LARGE_MIN_BYTES (((size_t)256 << 10) + 1)
#define BLOCK_BYTES     ((size_t)4 << 20)

/* As a block alone. The caller's to free. */
static unsigned char *pack(void *state, int level, const unsigned char *in, size_t in_bytes,
                           size_t *out_bytes)
{
    const struct block_codec *codec = block_codec_zstd();
    const struct block_options options = {.level = level};
    void *own = state ? NULL : codec->state_create(&options);
    struct block block = {.in = in,
                          .in_bytes = in_bytes,
                          .is_first = true,
                          .is_last = true,
                          .out = malloc(codec->bound(&options, in_bytes))};
    ck_assert_int_eq(codec->compress(own ? own : state, &block), MR_OK);
    codec->state_destroy(own);
    *out_bytes = block.out_bytes;
    return block.out;
}

/* As libzstd does it. */
static unsigned char *pack_plainly(int level, const unsigned char *in, size_t in_bytes,
                                   size_t *out_bytes)
{
    size_t room = ZSTD_compressBound(in_bytes);
    unsigned char *out = malloc(room);
    *out_bytes = ZSTD_compress(out, room, in, in_bytes, level);
    ck_assert(!ZSTD_isError(*out_bytes));
    return out;
}

static void check_plain(const unsigned char *packed, size_t packed_bytes, const unsigned char *in,
                        size_t in_bytes)
{
    unsigned char *plain = malloc(in_bytes + 1);
    ck_assert_uint_eq(ZSTD_getFrameContentSize(packed, packed_bytes), in_bytes);
    ck_assert_uint_eq(ZSTD_decompress(plain, in_bytes + 1, packed, packed_bytes), in_bytes);
    ck_assert(in_bytes == 0 || memcmp(plain, in, in_bytes) == 0);
    free(plain);
}

/* Text, and text with noise and repetitions of what came long before. */
static void make_contents(unsigned char *contents[2])
{
    unsigned char *noise = support_noise(2, BLOCK_BYTES);
    uint64_t random = 3;
    contents[0] = support_text(1, BLOCK_BYTES);
    contents[1] = support_text(4, BLOCK_BYTES);
    for (size_t at = 3000; at + 9000 < BLOCK_BYTES; at += 9000) {
        memcpy(contents[1] + at, noise + at, 2000);
        memcpy(contents[1] + at + 4000, contents[1] + support_random(&random) % at, 1500);
    }
    free(noise);
}

/* In a state that is new, and in one that has had blocks of other sizes. */
static void check_level(int level, const unsigned char *in, void *used_state)
{
    static const size_t sizes[] = {
        0, 1, 300, 100000, LARGE_MIN_BYTES - 1, LARGE_MIN_BYTES, BLOCK_BYTES, 1500000, 20000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t fresh_bytes, used_bytes, plainly_bytes;
        unsigned char *fresh = pack(NULL, level, in, sizes[i], &fresh_bytes);
        unsigned char *used = pack(used_state, level, in, sizes[i], &used_bytes);
        unsigned char *plainly = pack_plainly(level, in, sizes[i], &plainly_bytes);
        check_plain(fresh, fresh_bytes, in, sizes[i]);
        ck_assert_uint_eq(used_bytes, fresh_bytes);
        ck_assert_int_eq(memcmp(used, fresh, fresh_bytes), 0);
        bool is_same = fresh_bytes == plainly_bytes && memcmp(fresh, plainly, fresh_bytes) == 0;
        bool has_smaller_table = sizes[i] >= LARGE_MIN_BYTES && (level == 3 || level == 4);
        ck_assert_msg(is_same || has_smaller_table, "level %d, %zu bytes: %zu and %zu", level,
                      sizes[i], fresh_bytes, plainly_bytes);
        ck_assert_msg(fresh_bytes <= plainly_bytes + plainly_bytes / 100,
                      "level %d, %zu bytes: %zu are more than %zu", level, sizes[i], fresh_bytes,
                      plainly_bytes);
        free(fresh);
        free(used);
        free(plainly);
    }
}

START_TEST(blocks_are_as_good_as_those_of_libzstd)
{
    static const int levels[] = {-5, 1, 2, 3, 4, 5, 9};
    const struct block_options options = {.level = levels[_i]};
    unsigned char *contents[2];
    make_contents(contents);
    void *state = block_codec_zstd()->state_create(&options);
    for (size_t i = 0; i < 2; i++)
        check_level(levels[_i], contents[i], state);
    block_codec_zstd()->state_destroy(state);
    free(contents[0]);
    free(contents[1]);
}
END_TEST

#else

START_TEST(a_build_without_libzstd_has_none)
{
    ck_assert_ptr_null(block_codec_zstd());
}
END_TEST

#endif

Suite *block_zstd_suite(void)
{
    Suite *suite = suite_create("block_zstd");
    TCase *tests = tcase_create("block_zstd");
    tcase_set_timeout(tests, 120);
#if MR_HAVE_ZSTD
    tcase_add_loop_test(tests, blocks_are_as_good_as_those_of_libzstd, 0, 7);
#else
    tcase_add_test(tests, a_build_without_libzstd_has_none);
#endif
    suite_add_tcase(suite, tests);
    return suite;
}
