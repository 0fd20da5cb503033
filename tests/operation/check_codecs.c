/* Encoders and decoders: round trips, sizes, names of damage, and what decompress and recompress
 * make of it. */
#include <stdio.h>
#include <zlib.h>

#include "codec/block.h"
#include "config.h"
#include "operation/internals.h"
#include "operation/registry.h"
#include "run_chain.h"

Suite *codecs_suite(void);

/* levels: every one of them is tried. frame_count_matters: one frame after the other is one file.
 */
static const struct codec {
    const char *encoder, *decoder, *format;
    int level_min, level_max;
    bool is_single, has_padding;
    size_t padding_unit;
    int is_there;
} codecs[] = {
    {"gzip", "gunzip", "gzip", 0, 12, false, true, 1, 1},
    {"zlib", "unzlib", "zlib", 0, 12, true, false, 0, 1},
    {"zstd", "unzstd", "zstd", 1, 19, false, true, 1, MR_HAVE_ZSTD},
    {"xz", "unxz", "xz", 0, 9, false, true, 4, MR_HAVE_LZMA},
    {"bzip2", "bunzip2", "bzip2", 1, 9, false, true, 1, MR_HAVE_BZIP2},
    {"lz4", "unlz4", "lz4", 1, 12, false, true, 1, MR_HAVE_LZ4},
};

#define CODEC_COUNT ((int)(sizeof(codecs) / sizeof(codecs[0])))

/* Packs content; the caller frees what comes. */
static unsigned char *pack(const char *spec, const void *content, size_t bytes,
                           size_t *packed_bytes)
{
    struct run run = {0};
    ck_assert_int_eq(run_chain(&run, spec, content, bytes), MR_DONE);
    *packed_bytes = run.out_bytes;
    return run.out;
}

static void check_unpacks(const char *decoder, const void *packed, size_t packed_bytes,
                          const void *content, size_t bytes)
{
    /* All at once, by libdeflate where it is there; in two pieces; byte by byte; with too little
     * room at first. */
    const struct run cuts[] = {{.in_chunk_bytes = 0},
                               {.in_chunk_bytes = packed_bytes / 2 + 1},
                               {.in_chunk_bytes = 1, .out_chunk_bytes = 100},
                               {.out_chunk_bytes = bytes / 2 + 1}};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct run run = cuts[i];
        if (i == 2 && packed_bytes > 20000)
            continue;
        enum mr_status status = run_chain(&run, decoder, packed, packed_bytes);
        ck_assert_msg(status == MR_DONE, "%s, cut %zu: %s", decoder, i, run.err.text);
        ck_assert_bytes(&run, content, bytes);
        free(run.out);
    }
}

/* Unpacked, with a remark, all at once and byte by byte. */
static void check_remarked(const char *decoder, const void *packed, size_t packed_bytes,
                           const void *content, size_t bytes)
{
    for (size_t chunk = 0; chunk < 2; chunk++) {
        struct run run = {.in_chunk_bytes = chunk, .out_chunk_bytes = chunk * 1000};
        enum mr_status status = run_chain(&run, decoder, packed, packed_bytes);
        ck_assert_msg(status == MR_DONE, "%s: %s", decoder, run.err.text);
        ck_assert_msg(run.remark && strstr(run.remark, "trailing garbage"), "%s", decoder);
        ck_assert_bytes(&run, content, bytes);
        free(run.out);
    }
}

/* Refused with this text, all at once and byte by byte. */
static void check_refused(const char *decoder, const void *packed, size_t packed_bytes,
                          enum mr_status expected, const char *part)
{
    for (size_t chunk = 0; chunk < 2; chunk++) {
        struct run run = {.in_chunk_bytes = chunk, .out_chunk_bytes = chunk * 1000};
        enum mr_status status = run_chain(&run, decoder, packed, packed_bytes);
        ck_assert_msg(status == expected && strstr(run.err.text, part), "%s: %s (%s), not %s (%s)",
                      decoder, mr_status_text(status), run.err.text, mr_status_text(expected),
                      part);
        free(run.out);
    }
}

START_TEST(every_level_goes_round)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    static const size_t sizes[] = {0, 1, 30000, CHAIN_BUFFER_BYTES + 1000};
    for (int level = codec->level_min; level <= codec->level_max; level++) {
        char spec[64];
        snprintf(spec, sizeof(spec), "%s:%d", codec->encoder, level);
        /* Slow levels get no long content. */
        size_t size_count = level <= 2 ? 4 : 3;
        for (size_t i = 0; i < size_count; i++) {
            unsigned char *content = support_text(i, sizes[i]);
            size_t packed_bytes;
            unsigned char *packed = pack(spec, content, sizes[i], &packed_bytes);
            bool is_stored = level == 0 && codec->level_max == 12;
            if (sizes[i] > 10000 && !is_stored)
                ck_assert_uint_lt(packed_bytes, sizes[i] * 9 / 10);
            check_unpacks(codec->decoder, packed, packed_bytes, content, sizes[i]);
            check_unpacks(codec->is_single ? "unzlib copy" : "decompress", packed, packed_bytes,
                          content, sizes[i]);
            free(packed);
            free(content);
        }
    }
}
END_TEST

/* What blocks give that are compressed apart, as on several threads. */
static void pack_blocks(const struct mr_operation *operation, const void *config,
                        const unsigned char *content, size_t bytes, const struct run *expected)
{
    const struct block_options *options;
    const struct block_codec *codec = operation_blocks(operation, config, &options);
    const size_t block_bytes = codec->block_bytes(options);
    void *summary = calloc(1, codec->summary_bytes + 1);
    size_t made = 0, end_bytes = 0;
    ck_assert_uint_eq(block_bytes % (1 << 20), 0);
    for (size_t at = 0; at < bytes; at += block_bytes) {
        size_t left = bytes - at, part = left < block_bytes ? left : block_bytes;
        struct block block = {.in = content + at,
                              .in_bytes = part,
                              .is_first = at == 0,
                              .is_last = part == left,
                              .out = malloc(codec->bound(options, part))};
        void *state = codec->state_create(options);
        ck_assert_int_eq(codec->compress(state, &block), MR_OK);
        ck_assert(!codec->add || codec->add(summary, &block) == MR_OK);
        ck_assert_uint_le(block.out_bytes, expected->out_bytes - made);
        ck_assert_mem_eq(block.out, expected->out + made, block.out_bytes);
        made += block.out_bytes;
        codec->state_destroy(state);
        free(block.out);
    }
    unsigned char *end = codec->end ? codec->end(summary, &end_bytes) : NULL;
    ck_assert_uint_eq(made + end_bytes, expected->out_bytes);
    if (end)
        ck_assert_mem_eq(end, expected->out + made, end_bytes);
    free(end);
    if (codec->summary_clear)
        codec->summary_clear(summary);
    free(summary);
}

START_TEST(blocks_make_the_same_bytes)
{
    static const char *const levels[] = {"1", "1", "1", "0", "1", "1"};
    const struct codec *codec = &codecs[_i % CODEC_COUNT];
    const struct mr_operation *operation = registry_find(codec->encoder);
    if (!codec->is_there)
        return;
    const size_t bytes = _i < CODEC_COUNT ? ((size_t)9 << 20) + 12345 : (size_t)8 << 20;
    unsigned char *content = support_text(11, bytes);
    unsigned char *noise = support_noise(12, (size_t)2 << 20);
    memcpy(content + ((size_t)3 << 19), noise, (size_t)2 << 20);
    struct mr_error err = {0};
    void *config;
    ck_assert_ok(operation->config_create(&config, &err), err);
    ck_assert_ok(operation->config_set(config, "level", levels[_i % CODEC_COUNT], &err), err);
    char spec[32];
    snprintf(spec, sizeof(spec), "%s:%s", codec->encoder, levels[_i % CODEC_COUNT]);
    struct run run = {.in_chunk_bytes = 999983, .out_chunk_bytes = 70001};
    ck_assert_int_eq(run_chain(&run, spec, content, bytes), MR_DONE);
    pack_blocks(operation, config, content, bytes, &run);
    struct run back = {0};
    ck_assert_int_eq(run_chain(&back, codec->decoder, run.out, run.out_bytes), MR_DONE);
    ck_assert_bytes(&back, content, bytes);
    operation->config_destroy(config);
    free(back.out);
    free(run.out);
    free(noise);
    free(content);
}
END_TEST

START_TEST(gzip_of_many_members)
{
    const size_t bytes = ((size_t)3 << 20) + 5;
    unsigned char *content = support_text(3, bytes);
    size_t packed_bytes, member_bytes;
    unsigned char *packed = pack("gzip:layout=bgzf", content, bytes, &packed_bytes);
    unsigned char *member = pack("gzip:layout=member", content, bytes, &member_bytes);
    ck_assert_mem_eq(packed + 12, "BC", 2);
    ck_assert_uint_eq(member[3], 0);
    check_unpacks("gunzip", packed, packed_bytes, content, bytes);
    free(member);
    free(packed);
    free(content);
}
END_TEST

START_TEST(nothing_but_the_whole_file_will_do)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    unsigned char *content = support_text(5, 700);
    for (size_t bytes = 0; bytes <= 700; bytes += 350) {
        size_t packed_bytes;
        unsigned char *packed = pack(codec->encoder, content, bytes, &packed_bytes);
        for (size_t cut = 1; cut < packed_bytes; cut++)
            check_refused(codec->decoder, packed, cut, MR_E_DATA, "truncated");
        free(packed);
    }
    /* A stream in several pieces too, at the ends where it counts. */
    size_t long_bytes = CHAIN_BUFFER_BYTES + 70000, packed_bytes;
    unsigned char *longer = support_text(6, long_bytes);
    unsigned char *packed = pack(codec->encoder, longer, long_bytes, &packed_bytes);
    for (size_t cut = packed_bytes - 3; cut < packed_bytes; cut++)
        check_refused(codec->decoder, packed, cut, MR_E_DATA, "truncated");
    free(packed);
    free(longer);
    free(content);
}
END_TEST

START_TEST(no_bit_flips_unnoticed)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    unsigned char *content = support_text(9, 400);
    size_t packed_bytes, fine_count = 0;
    unsigned char *packed = pack(codec->encoder, content, 400, &packed_bytes);
    for (size_t bit = 0; bit < packed_bytes * 8; bit++) {
        packed[bit / 8] ^= (unsigned char)(1u << bit % 8);
        for (size_t chunk = 0; chunk < 2; chunk++) {
            struct run run = {.in_chunk_bytes = chunk * 11};
            if (run_chain(&run, codec->decoder, packed, packed_bytes) == MR_DONE) {
                ck_assert_bytes(&run, content, 400);
                fine_count++;
            }
            free(run.out);
        }
        packed[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* Fields of the header that carry no content: at most 10 bytes. */
    ck_assert_uint_le(fine_count, (size_t)2 * 8 * 10);
    free(packed);
    free(content);
}
END_TEST

START_TEST(frames_in_a_row_are_one_file)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    static const size_t sizes[] = {1000, 0, 1, 90000};
    unsigned char *joined = malloc(1 << 20), *content = malloc(1 << 20);
    size_t joined_bytes = 0, content_bytes = 0, first_bytes = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned char *part = support_text(i, sizes[i]);
        size_t packed_bytes;
        unsigned char *packed = pack(codec->encoder, part, sizes[i], &packed_bytes);
        memcpy(joined + joined_bytes, packed, packed_bytes);
        memcpy(content + content_bytes, part, sizes[i]);
        joined_bytes += packed_bytes;
        content_bytes += sizes[i];
        first_bytes = i == 0 ? packed_bytes : first_bytes;
        free(packed);
        free(part);
    }
    if (codec->is_single)
        check_remarked(codec->decoder, joined, joined_bytes, content, sizes[0]);
    else
        check_unpacks(codec->decoder, joined, joined_bytes, content, content_bytes);
    /* The second one is cut short. */
    if (!codec->is_single)
        check_refused(codec->decoder, joined, first_bytes + 1, MR_E_DATA, "truncated");
    free(joined);
    free(content);
}
END_TEST

START_TEST(padding_and_garbage)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    unsigned char *content = support_text(2, 3000);
    size_t packed_bytes;
    unsigned char *packed = pack(codec->encoder, content, 3000, &packed_bytes);
    unsigned char *padded = calloc(1, packed_bytes + 2000);
    memcpy(padded, packed, packed_bytes);
    static const size_t paddings[] = {1, 2, 3, 4, 7, 8, 512, 1001};
    for (size_t i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        bool is_fine = codec->has_padding && paddings[i] % codec->padding_unit == 0;
        if (is_fine)
            check_unpacks(codec->decoder, padded, packed_bytes + paddings[i], content, 3000);
        else if (codec->has_padding)
            check_refused(codec->decoder, padded, packed_bytes + paddings[i], MR_E_DATA,
                          "padding of a wrong size");
        else
            check_remarked(codec->decoder, padded, packed_bytes + paddings[i], content, 3000);
    }
    static const char *const tails[] = {"x", "hello", "a longer text after the end"};
    for (size_t i = 0; i < 3; i++) {
        memcpy(padded + packed_bytes, tails[i], strlen(tails[i]));
        check_remarked(codec->decoder, padded, packed_bytes + strlen(tails[i]), content, 3000);
        memset(padded + packed_bytes, 0, 2000);
        memcpy(padded + packed_bytes + 8, tails[i], strlen(tails[i]));
        check_remarked(codec->decoder, padded, packed_bytes + 8 + strlen(tails[i]), content, 3000);
    }
    free(padded);
    free(packed);
    free(content);
}
END_TEST

START_TEST(foreign_input_is_named)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    char text[64];
    snprintf(text, sizeof(text), "empty input is no %s file", codec->format);
    check_refused(codec->decoder, "", 0, MR_E_DATA, text);
    snprintf(text, sizeof(text), "this is no %s file", codec->format);
    check_refused(codec->decoder, "hello", 5, MR_E_DATA, text);
    check_refused(codec->decoder, "a", 1, MR_E_DATA, text);
    check_refused(codec->decoder, "\0\0\0\0\0\0\0\0", 8, MR_E_DATA, text);
}
END_TEST

START_TEST(recompresses)
{
    const struct codec *codec = &codecs[_i];
    if (!codec->is_there)
        return;
    unsigned char *content = support_text(4, 50000);
    size_t gz_bytes, plain_bytes, packed_bytes, again_bytes;
    unsigned char *gz = pack("gzip:9", content, 50000, &gz_bytes);
    unsigned char *plain = pack(codec->encoder, content, 50000, &plain_bytes);
    char spec[64];
    snprintf(spec, sizeof(spec), "recompress:%s", codec->encoder);
    unsigned char *packed = pack(spec, gz, gz_bytes, &packed_bytes);
    unsigned char *again = pack(spec, content, 50000, &again_bytes);
    ck_assert_uint_eq(packed_bytes, plain_bytes);
    ck_assert_mem_eq(packed, plain, plain_bytes);
    ck_assert_uint_eq(again_bytes, plain_bytes);
    ck_assert_mem_eq(again, plain, plain_bytes);
    free(again);
    free(packed);
    free(plain);
    free(gz);
    free(content);
}
END_TEST

START_TEST(headers_of_gzip_and_zlib)
{
    size_t sizes[] = {0, 10, CHAIN_BUFFER_BYTES, CHAIN_BUFFER_BYTES + 1};
    for (size_t i = 0; i < 4; i++) {
        for (int level = 1; level <= 12; level += level == 2 ? 3 : level == 9 ? 3 : 1) {
            char spec[32];
            unsigned char *content = support_text(i, sizes[i]);
            size_t bytes;
            unsigned char effort = level == 1 ? 4 : level >= 9 ? 2 : 0;
            const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 255};
            if (sizes[i] > 10 && level > 2) {
                free(content);
                continue;
            }
            snprintf(spec, sizeof(spec), "gzip:%d", level);
            unsigned char *packed = pack(spec, content, sizes[i], &bytes);
            ck_assert_mem_eq(packed, header, sizeof(header));
            free(packed);
            snprintf(spec, sizeof(spec), "zlib:%d", level);
            packed = pack(spec, content, sizes[i], &bytes);
            ck_assert_uint_eq(packed[0], 0x78);
            ck_assert_uint_eq((packed[0] * 256u + packed[1]) % 31, 0);
            ck_assert_uint_eq(packed[1] >> 6, level == 1 ? 0 : level < 6 ? 1 : level == 6 ? 2 : 3);
            free(packed);
            free(content);
        }
    }
}
END_TEST

/* The fields that a member may have, with a checksum of the header that is right or wrong. */
START_TEST(gzip_members_with_fields)
{
    unsigned char head[64] = {0x1f,          0x8b, 8,   0x1f, 1,   2,   3, 4,   0, 3,
                              /* extra */ 2, 0,    'x', 'y',  'n', 'a', 0, 'c', 0};
    size_t head_bytes = 19, packed_bytes;
    uLong crc = crc32(0, head, (uInt)head_bytes);
    head[head_bytes++] = (unsigned char)crc;
    head[head_bytes++] = (unsigned char)(crc >> 8);
    unsigned char *packed = pack("gzip", "hello", 5, &packed_bytes);
    memcpy(head + head_bytes, packed + 10, packed_bytes - 10);
    size_t bytes = head_bytes + packed_bytes - 10;
    check_unpacks("gunzip", head, bytes, "hello", 5);
    head[15] = 'b';
    check_refused("gunzip", head, bytes, MR_E_DATA, "damaged");
    head[15] = 'a';
    head[3] |= 0x20;
    check_refused("gunzip", head, bytes, MR_E_DATA, "damaged");
    head[3] = 0x1f;
    head[bytes - 1] ^= 1; /* the length */
    check_refused("gunzip", head, bytes, MR_E_DATA, "length");
    head[bytes - 1] ^= 1;
    head[bytes - 5] ^= 1; /* the CRC */
    check_refused("gunzip", head, bytes, MR_E_DATA, "damaged (incorrect data check)");
    free(packed);
}
END_TEST

START_TEST(decompress_knows_what_it_sees)
{
    static const char *const texts[] = {"",         "h",      "BZh9",      "BZh91AY&SX is no bzip2",
                                        "\x1f\x8b", "(\xb5/", "]\0\0\0\0", "PK\3\4"};
    static const size_t sizes[] = {0, 1, 4, 22, 2, 3, 5, 4};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_unpacks("decompress", texts[i], sizes[i], texts[i], sizes[i]);
    unsigned char *noise = support_noise(2, 3 * CHAIN_BUFFER_BYTES / 2);
    noise[0] = 'a';
    check_unpacks("decompress", noise, 3 * CHAIN_BUFFER_BYTES / 2, noise,
                  3 * CHAIN_BUFFER_BYTES / 2);
    free(noise);
    check_refused("decompress", "\x1f\x8b\x08\0\0\0\0\0", 8, MR_E_DATA, "gzip data is truncated");
    check_refused("decompress", "(\xb5/\xfd", 4, MR_HAVE_ZSTD ? MR_E_DATA : MR_E_UNSUPPORTED,
                  MR_HAVE_ZSTD ? "truncated" : "built without libzstd");
}
END_TEST

/* One state for items of all kinds, in turns and after a damaged one. */
START_TEST(decompress_changes_decoders)
{
    struct mr_error err = {0};
    struct chain *chain = run_chain_create("decompress");
    struct chain_state *state;
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    unsigned char *content = support_text(8, 40000);
    for (int i = 0; i < 6 * CODEC_COUNT; i++) {
        const struct codec *codec = &codecs[i * 5 % CODEC_COUNT];
        if (!codec->is_there || codec->is_single)
            continue;
        size_t bytes;
        unsigned char *packed = pack(codec->encoder, content, 40000, &bytes);
        struct run run = {.out_chunk_bytes = 5000};
        ck_assert_int_eq(run_item(&run, state, packed, bytes - 1), MR_E_DATA);
        free(run.out);
        ck_assert_int_eq(run_item(&run, state, packed, bytes), MR_DONE);
        ck_assert_bytes(&run, content, 40000);
        free(run.out);
        ck_assert_int_eq(run_item(&run, state, content, 40000), MR_DONE);
        ck_assert_bytes(&run, content, 40000);
        free(run.out);
        free(packed);
    }
    free(content);
    chain_state_destroy(state);
    chain_destroy(chain);
}
END_TEST

#if MR_HAVE_LZMA
/* "hello" by `xz --format=lzma`. */
START_TEST(decompress_knows_lzma)
{
    static const unsigned char packed[] = {
        0x5d, 0x00, 0x00, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x34,
        0x19, 0x49, 0xee, 0x8e, 0x68, 0x21, 0xff, 0xff, 0xff, 0xb9, 0xe0, 0x00, 0x00, 'x'};
    size_t bytes = sizeof(packed) - 1;
    check_unpacks("decompress", packed, bytes, "hello", 5);
    check_remarked("decompress", packed, bytes + 1, "hello", 5);
    for (size_t cut = 13; cut < bytes; cut++)
        check_refused("decompress", packed, cut, MR_E_DATA, "lzma data is truncated");
    check_unpacks("decompress", packed, 12, packed, 12);
}
END_TEST

/* The same with lc=1, lp=2, pb=3, which other data may begin with: by its name alone it is LZMA. */
START_TEST(decompress_leaves_odd_lzma_without_its_name)
{
    static const unsigned char packed[] = {
        0x9a, 0x00, 0x00, 0x01, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,
        0x34, 0x19, 0x49, 0x98, 0x6f, 0x83, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x00, 0x00, 0x00};
    check_unpacks("decompress", packed, sizeof(packed), packed, sizeof(packed));
}
END_TEST

/* Two streams with padding between, which the format allows. */
START_TEST(padding_between_streams_of_xz)
{
    unsigned char joined[400] = {0};
    size_t bytes;
    unsigned char *packed = pack("xz", "hello", 5, &bytes);
    memcpy(joined, packed, bytes);
    memcpy(joined + bytes + 8, packed, bytes);
    check_unpacks("unxz", joined, 2 * bytes + 8, "hellohello", 10);
    check_unpacks("unxz", joined, 2 * bytes + 12, "hellohello", 10);
    memmove(joined + bytes + 7, joined + bytes + 8, bytes);
    check_refused("unxz", joined, 2 * bytes + 7, MR_E_DATA, "padding of a wrong size");
    free(packed);
}
END_TEST
#endif

#if MR_HAVE_ZSTD
START_TEST(skippable_frames)
{
    static const char skippable[] = "\x5a\x2a\x4d\x18\x04\0\0\0abcd";
    unsigned char joined[200];
    size_t packed_bytes;
    unsigned char *packed = pack("zstd", "hello", 5, &packed_bytes);
    memcpy(joined, skippable, 12);
    memcpy(joined + 12, packed, packed_bytes);
    memcpy(joined + 12 + packed_bytes, skippable, 12);
    check_unpacks("unzstd", joined, 24 + packed_bytes, "hello", 5);
    check_unpacks("decompress", joined, 24 + packed_bytes, "hello", 5);
    check_unpacks("unzstd", joined, 12, "", 0);
    free(packed);
}
END_TEST

START_TEST(window_of_zstd_is_limited)
{
    /* A header that asks for a window of 1 GiB, then the rest of an ordinary frame. */
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 20 << 3, 0x29,
                                          0,    0,    'h',  'e',  'l',  'l',     'o'};
    check_refused("unzstd", frame, sizeof(frame), MR_E_LIMIT, "128 MiB");
    size_t with_bytes, without_bytes;
    unsigned char *with = pack("zstd", "hello", 5, &with_bytes);
    unsigned char *without = pack("zstd:checksum=no", "hello", 5, &without_bytes);
    ck_assert_uint_eq(with_bytes, without_bytes + 4);
    check_unpacks("unzstd", without, without_bytes, "hello", 5);
    free(with);
    free(without);
}
END_TEST
#endif

#if MR_HAVE_LZ4
START_TEST(legacy_lz4_is_refused)
{
    static const unsigned char frame[] = {0x02, 0x21, 0x4c, 0x18, 6,   0,   0,
                                          0,    0x50, 'h',  'e',  'l', 'l', 'o'};
    check_refused("unlz4", frame, sizeof(frame), MR_E_DATA, "legacy");
    check_refused("decompress", frame, sizeof(frame), MR_E_DATA, "legacy");
}
END_TEST
#endif

Suite *codecs_suite(void)
{
    Suite *suite = suite_create("codecs");
    TCase *tcase = tcase_create("codecs");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, every_level_goes_round, 0, CODEC_COUNT);
    tcase_add_loop_test(tcase, blocks_make_the_same_bytes, 0, 2 * CODEC_COUNT);
    tcase_add_test(tcase, gzip_of_many_members);
    tcase_add_loop_test(tcase, nothing_but_the_whole_file_will_do, 0, CODEC_COUNT);
    tcase_add_loop_test(tcase, no_bit_flips_unnoticed, 0, CODEC_COUNT);
    tcase_add_loop_test(tcase, frames_in_a_row_are_one_file, 0, CODEC_COUNT);
    tcase_add_loop_test(tcase, padding_and_garbage, 0, CODEC_COUNT);
    tcase_add_loop_test(tcase, foreign_input_is_named, 0, CODEC_COUNT);
    tcase_add_loop_test(tcase, recompresses, 0, CODEC_COUNT);
    tcase_add_test(tcase, headers_of_gzip_and_zlib);
    tcase_add_test(tcase, gzip_members_with_fields);
    tcase_add_test(tcase, decompress_knows_what_it_sees);
    tcase_add_test(tcase, decompress_changes_decoders);
#if MR_HAVE_LZMA
    tcase_add_test(tcase, decompress_knows_lzma);
    tcase_add_test(tcase, decompress_leaves_odd_lzma_without_its_name);
    tcase_add_test(tcase, padding_between_streams_of_xz);
#endif
#if MR_HAVE_ZSTD
    tcase_add_test(tcase, skippable_frames);
    tcase_add_test(tcase, window_of_zstd_is_limited);
#endif
#if MR_HAVE_LZ4
    tcase_add_test(tcase, legacy_lz4_is_refused);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
