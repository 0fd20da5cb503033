/* The inflater against zlib: every wrapping, good and damaged data, input and room of every size.
 */
#include "codec/inflate.h"

#include <stdio.h>
#include <zlib.h>

#include "support/support.h"

#define TAIL_BYTES 40 /* of noise behind the member: none of it may be used */

static const int window_bits[] = {
    [INFLATE_RAW] = -15, [INFLATE_ZLIB] = 15, [INFLATE_GZIP] = 15 + 16};

struct packed {
    unsigned char *bytes; /* with the tail */
    size_t size_bytes;    /* without it */
};

static struct packed pack(enum inflate_wrap wrap, const void *data, size_t bytes, int level,
                          int strategy, gz_header *header)
{
    size_t cap = bytes + bytes / 8 + 4096;
    unsigned char *noise = support_noise(3, TAIL_BYTES);
    struct packed packed = {malloc(cap + TAIL_BYTES), 0};
    z_stream zlib = {.next_in = (unsigned char *)data,
                     .avail_in = (uInt)bytes,
                     .next_out = packed.bytes,
                     .avail_out = (uInt)cap};
    ck_assert_int_eq(deflateInit2(&zlib, level, Z_DEFLATED, window_bits[wrap], 8, strategy), Z_OK);
    if (header)
        ck_assert_int_eq(deflateSetHeader(&zlib, header), Z_OK);
    ck_assert_int_eq(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    packed.size_bytes = cap - zlib.avail_out;
    deflateEnd(&zlib);
    memcpy(packed.bytes + packed.size_bytes, noise, TAIL_BYTES);
    free(noise);
    return packed;
}

/* What came of a member. */
struct outcome {
    enum mr_status status; /* MR_OK: it did not end */
    unsigned char *bytes;  /* until the next one */
    size_t size_bytes, used_bytes;
    const char *problem;
};

/* Cheap when it holds: an assertion of Check is a system call. */
#define must(what) ((what) ? (void)0 : ck_abort_msg("not so: %s", #what))

/* Feeds and drains in pieces of at most the two sizes; 0 is a random size each time. */
static struct outcome unpack(struct inflater *inflater, const unsigned char *data, size_t bytes,
                             size_t cap, size_t in_piece, size_t out_piece)
{
    static unsigned char room[400000];
    struct outcome outcome = {.bytes = room};
    must(cap <= sizeof(room));
    uint64_t state = in_piece * 31 + out_piece + bytes;
    inflate_reset(inflater);
    while (outcome.status == MR_OK) {
        size_t in = in_piece ? in_piece : support_random(&state) % 3000;
        size_t out = out_piece ? out_piece : support_random(&state) % 70000;
        size_t in_left = bytes - outcome.used_bytes, out_left = cap - outcome.size_bytes;
        in = in < in_left ? in : in_left;
        out = out < out_left ? out : out_left;
        struct mr_io io = {.in = data + outcome.used_bytes,
                           .in_bytes = in,
                           .out = outcome.bytes + outcome.size_bytes,
                           .out_bytes = out};
        outcome.status = inflate_step(inflater, &io, &outcome.problem);
        must(io.in_bytes <= in && io.out_bytes <= out);
        must(io.in == data + outcome.used_bytes + (in - io.in_bytes));
        must(outcome.status != MR_OK || io.in_bytes == 0 || io.out_bytes == 0);
        outcome.used_bytes += in - io.in_bytes;
        outcome.size_bytes += out - io.out_bytes;
        bool is_fed = outcome.used_bytes == bytes && io.in_bytes == 0;
        if (outcome.status == MR_OK && is_fed && (io.out_bytes > 0 || out_left == 0))
            break;
        must(out_left > 0 || outcome.status != MR_OK);
    }
    return outcome;
}

static const size_t sizes[] = {0, 1, 2, 100, 32768, 65536, 65537, 300000};
static const struct {
    int level, strategy;
} ways[] = {{0, Z_DEFAULT_STRATEGY},
            {1, Z_DEFAULT_STRATEGY},
            {6, Z_DEFAULT_STRATEGY},
            {9, Z_DEFAULT_STRATEGY},
            {6, Z_FIXED},
            {6, Z_HUFFMAN_ONLY},
            {6, Z_RLE}};

/* Text, noise and zeros in turn, so that blocks of all types come. */
static unsigned char *mixture(size_t bytes)
{
    unsigned char *data = support_text(bytes, bytes + 1), *noise = support_noise(bytes, bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        if (i / 20000 % 3 == 1)
            data[i] = noise[i];
        else if (i / 20000 % 3 == 2)
            data[i] = 0;
    free(noise);
    return data;
}

START_TEST(good_data_in_pieces_of_every_size)
{
    static const size_t pieces[][2] = {
        {SIZE_MAX, SIZE_MAX}, {1, SIZE_MAX}, {SIZE_MAX, 1}, {1, 1},    {7, 13},
        {4096, 32768},        {0, 0},        {0, SIZE_MAX}, {3, 70000}};
    enum inflate_wrap wrap = (enum inflate_wrap)(_i / 8);
    size_t bytes = sizes[_i % 8];
    unsigned char *data = mixture(bytes);
    struct inflater *inflater = inflate_create(wrap);
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
        struct packed packed = pack(wrap, data, bytes, ways[way].level, ways[way].strategy, NULL);
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            /* ISA-L moves its whole window for each, slowly under a sanitizer. */
            bool is_tiny = pieces[i][1] < 100 || (MR_SANITIZED && pieces[i][0] < 100);
            if (is_tiny && bytes > (MR_SANITIZED ? 200 : 2000))
                continue;
            struct outcome outcome = unpack(inflater, packed.bytes, packed.size_bytes + TAIL_BYTES,
                                            bytes + 10, pieces[i][0], pieces[i][1]);
            ck_assert_msg(outcome.status == MR_DONE, "way %zu, pieces %zu: %s", way, i,
                          outcome.problem);
            ck_assert_uint_eq(outcome.size_bytes, bytes);
            ck_assert_uint_eq(outcome.used_bytes, packed.size_bytes);
            ck_assert(memcmp(outcome.bytes, data, bytes) == 0);
        }
        free(packed.bytes);
    }
    inflate_destroy(inflater);
    free(data);
}
END_TEST

START_TEST(every_part_of_a_gzip_header)
{
    unsigned char extra[300], *data = mixture(50000);
    memset(extra, 'e', sizeof(extra));
    struct inflater *inflater = inflate_create(INFLATE_GZIP);
    for (unsigned parts = 0; parts < 32; parts++) {
        gz_header header = {.text = 1, .os = 3, .hcrc = parts & 1};
        header.extra = parts & 2 ? extra : NULL;
        header.extra_len = parts & 4 ? 300 : 0;
        header.name = parts & 8 ? (unsigned char *)"a name" : NULL;
        header.comment = parts & 16 ? (unsigned char *)"" : NULL;
        struct packed packed = pack(INFLATE_GZIP, data, 50000, 6, Z_DEFAULT_STRATEGY, &header);
        static const size_t pieces[] = {1, 2, 9, 0, SIZE_MAX};
        for (size_t i = 0; i < 5; i++) {
            struct outcome outcome = unpack(inflater, packed.bytes, packed.size_bytes + TAIL_BYTES,
                                            60000, pieces[i], SIZE_MAX);
            ck_assert_msg(outcome.status == MR_DONE, "parts %u: %s", parts, outcome.problem);
            ck_assert_uint_eq(outcome.used_bytes, packed.size_bytes);
            ck_assert_uint_eq(outcome.size_bytes, 50000);
        }
        free(packed.bytes);
    }
    inflate_destroy(inflater);
    free(data);
}
END_TEST

START_TEST(no_cut_is_taken_for_the_end)
{
    enum inflate_wrap wrap = (enum inflate_wrap)_i;
    unsigned char *data = mixture(70000);
    struct inflater *inflater = inflate_create(wrap);
    struct packed packed = pack(wrap, data, 70000, 6, Z_DEFAULT_STRATEGY, NULL);
    for (size_t cut = 0; cut < packed.size_bytes; cut += cut < 64 ? 1 : 97 * SUPPORT_STEP) {
        struct outcome outcome = unpack(inflater, packed.bytes, cut, 70010, 0, 0);
        ck_assert_int_eq(outcome.status, MR_OK);
        ck_assert(memcmp(outcome.bytes, data, outcome.size_bytes) == 0);
    }
    for (size_t cut = packed.size_bytes - 20; cut < packed.size_bytes; cut++) {
        struct outcome outcome = unpack(inflater, packed.bytes, cut, 70010, 1, SIZE_MAX);
        ck_assert_int_eq(outcome.status, MR_OK);
    }
    free(packed.bytes);
    inflate_destroy(inflater);
    free(data);
}
END_TEST

/* What zlib says: does the member end well within cap bytes, and what is in it? */
static bool ends_in_zlib(enum inflate_wrap wrap, const unsigned char *data, size_t bytes,
                         unsigned char *out, size_t cap, size_t *made)
{
    z_stream zlib = {.next_in = (unsigned char *)data,
                     .avail_in = (uInt)bytes,
                     .next_out = out,
                     .avail_out = (uInt)cap};
    must(inflateInit2(&zlib, window_bits[wrap]) == Z_OK);
    bool is_ended = inflate(&zlib, Z_FINISH) == Z_STREAM_END;
    *made = cap - zlib.avail_out;
    inflateEnd(&zlib);
    return is_ended;
}

/* Only in wrapped data, whose check values leave no doubt, must both come to the same. */
START_TEST(damage_is_judged_as_zlib_does)
{
    enum { BYTES = 3000, CAP = 100000 };
    enum inflate_wrap wrap = (enum inflate_wrap)(_i / 3);
    static const int levels[] = {0, 1, 9};
    unsigned char *data = support_text(5, BYTES), *expected = malloc(CAP);
    gz_header header = {.hcrc = 1, .name = (unsigned char *)"n", .extra = data, .extra_len = 3};
    bool is_gzip = wrap == INFLATE_GZIP;
    struct packed packed =
        pack(wrap, data, BYTES, levels[_i % 3], Z_DEFAULT_STRATEGY, is_gzip ? &header : NULL);
    struct inflater *inflater = inflate_create(wrap);
    for (size_t bit = 0; bit < packed.size_bytes * 8; bit += SUPPORT_STEP) {
        packed.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        size_t made;
        bool is_good = ends_in_zlib(wrap, packed.bytes, packed.size_bytes, expected, CAP, &made);
        struct outcome outcome =
            unpack(inflater, packed.bytes, packed.size_bytes, CAP, bit % 2 ? 0 : SIZE_MAX, 0);
        if (wrap != INFLATE_RAW)
            must(is_good == (outcome.status == MR_DONE));
        if (outcome.status != MR_OK && outcome.status != MR_DONE)
            must(outcome.problem);
        if (is_good && outcome.status == MR_DONE) {
            ck_assert_uint_eq(made, outcome.size_bytes);
            ck_assert(memcmp(expected, outcome.bytes, made) == 0);
        }
        packed.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    inflate_destroy(inflater);
    free(packed.bytes);
    free(expected);
    free(data);
}
END_TEST

START_TEST(noise_does_no_harm)
{
    struct inflater *inflater = inflate_create(INFLATE_RAW);
    uint64_t state = (uint64_t)_i;
    for (unsigned i = 0; i < 1000; i += SUPPORT_STEP) {
        size_t bytes = support_random(&state) % 2000;
        unsigned char *noise = support_noise(support_random(&state), bytes + 1);
        unpack(inflater, noise, bytes, 100000, i % 2 ? 0 : SIZE_MAX, 0);
        free(noise);
    }
    inflate_destroy(inflater);
}
END_TEST

START_TEST(a_preset_dictionary_is_not_there)
{
    static const unsigned char data[] = {0x78, 0xbb, 1, 2, 3, 4, 5, 6};
    struct inflater *inflater = inflate_create(INFLATE_ZLIB);
    struct outcome outcome = unpack(inflater, data, sizeof(data), 100, SIZE_MAX, SIZE_MAX);
    ck_assert_int_eq(outcome.status, MR_E_UNSUPPORTED);
    inflate_destroy(inflater);
}
END_TEST

Suite *inflate_suite(void)
{
    Suite *suite = suite_create("inflate");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, good_data_in_pieces_of_every_size, 0, 24);
    tcase_add_test(cases, every_part_of_a_gzip_header);
    tcase_add_loop_test(cases, no_cut_is_taken_for_the_end, 0, 3);
    tcase_add_loop_test(cases, damage_is_judged_as_zlib_does, 0, 9);
    tcase_add_loop_test(cases, noise_does_no_harm, 0, 3);
    tcase_add_test(cases, a_preset_dictionary_is_not_there);
    suite_add_tcase(suite, cases);
    return suite;
}
