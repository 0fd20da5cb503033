/* The walker against zlib's inflate, which reports the ends of deflate blocks when asked to. */
#include "codec/deflate_walk.h"

#include <zlib.h>

#include "config.h"
#include "support/support.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

Suite *deflate_walk_suite(void);

#define CONTENT_BYTES ((size_t)300000)

enum verdict { FOUND, DAMAGED, TOO_FAR }; /* TOO_FAR: a distance, which the walker does not check */

static enum verdict ask_zlib(const unsigned char *stream, size_t bytes, uint64_t *begin_bit,
                             uint64_t *end_bit)
{
    static unsigned char scratch[65536];
    z_stream inflater = {.next_in = (unsigned char *)(uintptr_t)stream, .avail_in = (uInt)bytes};
    enum verdict verdict = DAMAGED;
    ck_assert_int_eq(inflateInit2(&inflater, -15), Z_OK);
    *begin_bit = *end_bit = 0;
    for (;;) {
        inflater.next_out = scratch;
        inflater.avail_out = sizeof(scratch);
        int code = inflate(&inflater, Z_BLOCK);
        if (code == Z_DATA_ERROR && inflater.msg && strstr(inflater.msg, "too far back"))
            verdict = TOO_FAR;
        if (code != Z_OK && code != Z_STREAM_END)
            break;
        bool is_at_end = (inflater.data_type & 128) != 0, is_last = (inflater.data_type & 64) != 0;
        if (is_at_end) {
            *begin_bit = *end_bit;
            *end_bit = (uint64_t)inflater.total_in * 8 - (uint64_t)(inflater.data_type & 7);
        }
        if (is_at_end && is_last) {
            verdict = FOUND;
            break;
        }
    }
    inflateEnd(&inflater);
    return verdict;
}

/* From memory of its own size, so that reading past it is noticed. */
static bool walk(const unsigned char *stream, size_t bytes, uint64_t *begin_bit, uint64_t *end_bit)
{
    static struct deflate_walk tables;
    unsigned char *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, stream, bytes);
    bool is_found = deflate_walk_last(&tables, copy, bytes, begin_bit, end_bit);
    free(copy);
    return is_found;
}

/* Returns whether zlib takes it. */
static bool compare(const unsigned char *stream, size_t bytes)
{
    uint64_t begin = 0, end = 0, zlib_begin, zlib_end;
    enum verdict verdict = ask_zlib(stream, bytes, &zlib_begin, &zlib_end);
    bool is_found = walk(stream, bytes, &begin, &end);
    if (verdict == TOO_FAR)
        return false;
    ck_assert_int_eq(is_found, verdict == FOUND);
    if (is_found) {
        ck_assert_uint_eq(begin, zlib_begin);
        ck_assert_uint_eq(end, zlib_end);
    }
    return is_found;
}

static size_t zlib_pack(unsigned char *out, size_t cap, const unsigned char *in, size_t bytes,
                        int level, int strategy, int memory)
{
    z_stream deflater = {.next_in = (unsigned char *)(uintptr_t)in,
                         .avail_in = (uInt)bytes,
                         .next_out = out,
                         .avail_out = (uInt)cap};
    ck_assert_int_eq(deflateInit2(&deflater, level, Z_DEFLATED, -15, memory, strategy), Z_OK);
    ck_assert_int_eq(deflate(&deflater, Z_FINISH), Z_STREAM_END);
    size_t made = deflater.total_out;
    deflateEnd(&deflater);
    return made;
}

/* Text, noise, zeros, and all of them in turns. */
static unsigned char *content_of(int kind, size_t bytes)
{
    unsigned char *content = kind == 1 ? support_noise(7, bytes) : support_text(8, bytes);
    if (kind == 2)
        memset(content, 0, bytes);
    unsigned char *noise = support_noise(9, bytes);
    for (size_t at = 0; kind == 3 && at + 20000 < bytes; at += 50000) {
        memcpy(content + at, noise + at, 10000);
        memset(content + at + 10000, 0, 5000);
    }
    free(noise);
    return content;
}

static const size_t sizes[] = {0, 1, 2, 5, 40, 300, 9000, 70000, CONTENT_BYTES};
#define SIZE_COUNT (sizeof(sizes) / sizeof(sizes[0]))

START_TEST(streams_of_zlib)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE};
    unsigned char *out = malloc(2 * CONTENT_BYTES);
    unsigned char *content = content_of(_i, CONTENT_BYTES);
    for (int level = 0; level <= 9; level++) {
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            for (size_t k = 0; k < 4; k++) {
                size_t bytes = zlib_pack(out, 2 * CONTENT_BYTES, content, sizes[i], level,
                                         strategies[k], k % 2 ? 1 : 8);
                ck_assert(compare(out, bytes));
            }
        }
    }
    free(content);
    free(out);
}
END_TEST

#if MR_HAVE_LIBDEFLATE
START_TEST(streams_of_libdeflate)
{
    unsigned char *out = malloc(2 * CONTENT_BYTES);
    unsigned char *content = content_of(_i, CONTENT_BYTES);
    for (int level = 0; level <= 12; level++) {
        struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            size_t bytes =
                libdeflate_deflate_compress(compressor, content, sizes[i], out, 2 * CONTENT_BYTES);
            ck_assert_uint_gt(bytes, 0);
            ck_assert(compare(out, bytes));
        }
        libdeflate_free_compressor(compressor);
    }
    free(content);
    free(out);
}
END_TEST
#endif

START_TEST(what_follows_is_not_looked_at)
{
    unsigned char *out = malloc(60000);
    unsigned char *text = support_text(3, 20000), *noise = support_noise(4, 100);
    size_t bytes = zlib_pack(out, 50000, text, 20000, 6, Z_DEFAULT_STRATEGY, 8);
    for (size_t more = 0; more <= 40; more++) {
        memcpy(out + bytes, noise, more);
        ck_assert(compare(out, bytes + more));
    }
    free(noise);
    free(text);
    free(out);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
    unsigned char *out = malloc(20000);
    unsigned char *content = content_of(_i, 4000);
    for (int level = 0; level <= 6; level += 3) {
        size_t bytes = zlib_pack(out, 20000, content, 4000, level, Z_DEFAULT_STRATEGY, 1);
        for (size_t cut = 0; cut < bytes; cut++)
            ck_assert(!compare(out, cut));
    }
    free(content);
    free(out);
}
END_TEST

START_TEST(damage_is_seen_as_zlib_sees_it)
{
    uint64_t seed = (uint64_t)_i + 1;
    unsigned char *out = malloc(20000), *copy = malloc(20000);
    unsigned char *content = content_of(_i % 4, 6000);
    int taken = 0;
    for (int level = 0; level <= 9; level += 3) {
        size_t bytes = zlib_pack(out, 20000, content, 6000, level,
                                 level == 3 ? Z_FIXED : Z_DEFAULT_STRATEGY, 1);
        for (int round = 0; round < 1500; round += SUPPORT_STEP) {
            memcpy(copy, out, bytes);
            size_t reach = round % 2 ? bytes : bytes < 100 ? bytes : 100; /* headers above all */
            for (int k = 0; k <= round % 3; k++)
                copy[support_random(&seed) % reach] ^=
                    (unsigned char)(1 << support_random(&seed) % 8);
            taken += compare(copy, bytes);
        }
    }
    ck_assert_int_gt(taken, 0);
    free(content);
    free(copy);
    free(out);
}
END_TEST

/* Streams that are long enough to be walked in several places at once. */
START_TEST(damage_and_cuts_of_long_streams)
{
    uint64_t seed = (uint64_t)_i + 1;
    unsigned char *out = malloc(2 * CONTENT_BYTES), *copy = malloc(2 * CONTENT_BYTES);
    unsigned char *content = content_of(_i % 4, CONTENT_BYTES);
    int taken = 0;
    for (int memory = 1; memory <= 9; memory += 4) { /* short blocks and long ones */
        size_t bytes = zlib_pack(out, 2 * CONTENT_BYTES, content, CONTENT_BYTES, 6,
                                 memory == 5 ? Z_FIXED : Z_DEFAULT_STRATEGY, memory);
        for (int round = 0; round < 60; round += SUPPORT_STEP) {
            memcpy(copy, out, bytes);
            copy[support_random(&seed) % bytes] ^= (unsigned char)(1 << support_random(&seed) % 8);
            taken += compare(copy, bytes);
            ck_assert(!compare(out, support_random(&seed) % bytes));
        }
    }
    ck_assert(taken > 0 || _i % 4 != 0); /* of text a literal became another one */
    free(content);
    free(copy);
    free(out);
}
END_TEST

START_TEST(noise_is_seen_as_zlib_sees_it)
{
    int taken = 0;
    for (uint64_t seed = 0; seed < 20000; seed += SUPPORT_STEP) {
        unsigned char *noise = support_noise(seed, 200);
        noise[0] = (unsigned char)((noise[0] & ~7u) | 1u | (seed % 4) << 1);
        if (seed % 2) /* few lengths of codes, so that some are complete */
            noise[1] &= 0x1f, noise[2] = 0;
        taken += compare(noise, 200);
        free(noise);
    }
    ck_assert_int_gt(taken, 0);
}
END_TEST

Suite *deflate_walk_suite(void)
{
    Suite *suite = suite_create("deflate_walk");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, streams_of_zlib, 0, 4);
#if MR_HAVE_LIBDEFLATE
    tcase_add_loop_test(tcase, streams_of_libdeflate, 0, 4);
#endif
    tcase_add_test(tcase, what_follows_is_not_looked_at);
    tcase_add_loop_test(tcase, every_cut_is_noticed, 0, 4);
    tcase_add_loop_test(tcase, damage_is_seen_as_zlib_sees_it, 0, 8);
    tcase_add_loop_test(tcase, damage_and_cuts_of_long_streams, 0, 8);
    tcase_add_test(tcase, noise_is_seen_as_zlib_sees_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
