/* Blocks of deflate in all wrappings: what they make is read by zlib, is right at every level,
 * depends on the content alone, and noise is stored. */
#include "codec/block.h"

#include <zlib.h>

#include "config.h"
#include "support/support.h"

Suite *block_deflate_suite(void);

struct stream {
    unsigned char *bytes;
    size_t count;
    uint32_t crc;
};

static void append(struct stream *stream, const void *bytes, size_t count)
{
    stream->bytes = realloc(stream->bytes, stream->count + count + 1);
    memcpy(stream->bytes + stream->count, bytes, count);
    stream->count += count;
}

/* All blocks with a state that may be used already. The room is as large as the bound says. */
static struct stream pack(const struct block_codec *codec, int level, const unsigned char *in,
                          size_t in_bytes, void *state)
{
    const struct block_options options = {.level = level};
    const size_t block_bytes = codec->block_bytes(&options);
    void *own = state ? NULL : codec->state_create(&options);
    void *summary = calloc(1, codec->summary_bytes);
    struct stream stream = {NULL, 0, 0};
    size_t at = 0, bound = 0;
    do {
        size_t part = in_bytes - at < block_bytes ? in_bytes - at : block_bytes;
        size_t room = codec->bound(&options, part);
        struct block block = {.in = in + at,
                              .in_bytes = part,
                              .is_first = at == 0,
                              .is_last = at + part == in_bytes,
                              .out = malloc(room)};
        ck_assert_int_eq(codec->compress(own ? own : state, &block), MR_OK);
        ck_assert_uint_le(block.out_bytes, room);
        ck_assert_int_eq(codec->add(summary, &block), MR_OK);
        append(&stream, block.out, block.out_bytes);
        free(block.out);
        at += part;
        bound += room;
    } while (at < in_bytes);
    if (codec->end) {
        size_t count;
        unsigned char *end = codec->end(summary, &count);
        append(&stream, end, count);
        free(end);
    }
    ck_assert_uint_le(stream.count, bound);
    stream.crc = codec->crc ? codec->crc(summary) : 0;
    free(summary);
    codec->state_destroy(own);
    return stream;
}

/* With several members all of them are read. */
static void check_plain(const struct stream *stream, int window_bits, const unsigned char *in,
                        size_t in_bytes)
{
    unsigned char *plain = malloc(in_bytes + 1);
    z_stream inflater = {.next_in = stream->bytes,
                         .avail_in = (uInt)stream->count,
                         .next_out = plain,
                         .avail_out = (uInt)in_bytes + 1};
    ck_assert_int_eq(inflateInit2(&inflater, window_bits), Z_OK);
    int code = Z_STREAM_END;
    while (code == Z_STREAM_END && inflater.avail_in > 0) {
        ck_assert_int_eq(inflateReset(&inflater), Z_OK);
        code = inflate(&inflater, Z_FINISH);
    }
    ck_assert_int_eq(code, Z_STREAM_END);
    ck_assert_uint_eq(inflater.avail_in, 0);
    ck_assert_uint_eq(in_bytes + 1 - inflater.avail_out, in_bytes);
    ck_assert(in_bytes == 0 || memcmp(plain, in, in_bytes) == 0);
    inflateEnd(&inflater);
    free(plain);
}

static const struct {
    const struct block_codec *(*codec)(void);
    int window_bits;
} kinds[] = {
    {block_codec_deflate, -15},
    {block_codec_gzip, 31},
    {block_codec_zlib, 15},
    {block_codec_bgzf, 31},
};
#define KIND_COUNT 4

START_TEST(every_level_and_size)
{
    static const size_t sizes[] = {0,     1,      2,      300,     4095,
                                   65280, 130561, 270000, 1 << 20, (5 << 19) + 77};
    const struct block_codec *codec = kinds[_i].codec();
    const size_t most = (5 << 19) + 77;
    unsigned char *text = support_text(1, most), *noise = support_noise(2, most);
    unsigned char *mixed = support_text(3, most);
    for (size_t at = 50000; at + 200000 < most; at += 300000)
        memcpy(mixed + at, noise + at, 170000);
    const unsigned char *const contents[] = {text, noise, mixed};
    for (int level = 0; level <= 12; level += MR_SANITIZED ? 6 : level < 7 ? 1 : 3) {
        const struct block_options options = {.level = level};
        void *state = codec->state_create(&options);
        ck_assert_uint_gt(codec->state_bytes(&options), 0);
        /* Levels between others of one engine work alike where there are several blocks. */
        bool is_between = level == 2 || level == 4 || level == 5;
        size_t size_count = sizeof(sizes) / sizeof(sizes[0]) - (is_between ? 2 : level > 9);
        for (size_t i = 0; i < size_count; i++) {
            for (size_t k = 0; k < 3; k++) {
                struct stream fresh = pack(codec, level, contents[k], sizes[i], NULL);
                struct stream used = pack(codec, level, contents[k], sizes[i], state);
                check_plain(&fresh, kinds[_i].window_bits, contents[k], sizes[i]);
                ck_assert_uint_eq(used.count, fresh.count);
                ck_assert_mem_eq(used.bytes, fresh.bytes, fresh.count);
                if (codec->crc)
                    ck_assert_uint_eq(fresh.crc, crc32(0, contents[k], (uInt)sizes[i]));
                if (level > 0 && k == 0 && sizes[i] > 300)
                    ck_assert_uint_lt(fresh.count, sizes[i] * 2 / 3);
                free(fresh.bytes);
                free(used.bytes);
            }
        }
        codec->state_destroy(state);
    }
    free(text);
    free(noise);
    free(mixed);
}
END_TEST

START_TEST(short_content_gets_short)
{
    unsigned char content[100];
    memset(content, 'a', sizeof(content));
    for (int level = 1; level <= 12; level++) {
        struct stream stream = pack(block_codec_deflate(), level, content, sizeof(content), NULL);
        ck_assert_uint_le(stream.count, 20);
        free(stream.bytes);
    }
}
END_TEST

/* Noise is stored at every level; noise that is not quite noise is not. */
START_TEST(only_noise_is_stored)
{
    static const size_t sizes[] = {30000, 65536, 200000, 1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = sizes[i], stored_bytes = bytes + 5 * (bytes / 65535 + 1);
        unsigned char *noise = support_noise(i, bytes), *content = malloc(bytes);
        struct stream stream = pack(block_codec_deflate(), 6, noise, bytes, NULL);
        ck_assert_uint_ge(stream.count, bytes);
        ck_assert_uint_le(stream.count, stored_bytes + 20);
        free(stream.bytes);
        /* A copy 20,000 bytes on of every 40,000. */
        memcpy(content, noise, bytes);
        for (size_t at = 0; at + 30000 <= bytes; at += 40000)
            memcpy(content + at + 20000, content + at, 2000);
        stream = pack(block_codec_deflate(), 6, content, bytes, NULL);
        ck_assert_uint_lt(stream.count, bytes - bytes / 40000 * 1800);
        free(stream.bytes);
        /* Some zeros. */
        memcpy(content, noise, bytes);
        memset(content + bytes / 3, 0, bytes / 300);
        stream = pack(block_codec_deflate(), 6, content, bytes, NULL);
        ck_assert_uint_lt(stream.count, bytes);
        free(stream.bytes);
        /* Seven bits of eight. */
        for (size_t k = 0; k < bytes; k++)
            content[k] = noise[k] & 0x7f;
        stream = pack(block_codec_deflate(), 6, content, bytes, NULL);
        ck_assert_uint_lt(stream.count, bytes * 9 / 10);
        free(stream.bytes);
        /* Noise and text in turns: the text shrinks. */
        unsigned char *text = support_text(i, bytes);
        memcpy(content, noise, bytes);
        memcpy(content + bytes / 2, text, bytes - bytes / 2);
        stream = pack(block_codec_deflate(), 6, content, bytes, NULL);
        ck_assert_uint_lt(stream.count, bytes * 85 / 100);
        free(stream.bytes);
        free(text);
        free(noise);
        free(content);
    }
}
END_TEST

/* SAM specification, section 4.1: the size of each member leads to the next, the last one is the
 * mark of the end. */
START_TEST(members_of_bgzf)
{
    static const size_t sizes[] = {0, 1, 65280, 65281, (1 << 20) + 1};
    static const unsigned char head[] = {0x1f, 0x8b, 8, 4}, extra[] = {6, 0, 'B', 'C', 2, 0};
    static const unsigned char mark[] = {0x1f, 0x8b, 8,  4, 0, 0, 0, 0, 0, 255, 6, 0, 'B', 'C',
                                         2,    0,    27, 0, 3, 0, 0, 0, 0, 0,   0, 0, 0,   0};
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = sizes[i / 2], at = 0, content_bytes = 0;
        unsigned char *content = i % 2 ? support_noise(1, bytes) : support_text(1, bytes);
        struct stream stream = pack(block_codec_bgzf(), i % 3 ? 6 : 1, content, bytes, NULL);
        while (at < stream.count) {
            const unsigned char *member = stream.bytes + at;
            ck_assert_uint_ge(stream.count - at, 28);
            ck_assert_mem_eq(member, head, sizeof(head));
            ck_assert_mem_eq(member + 10, extra, sizeof(extra));
            size_t member_bytes = (size_t)(member[16] | member[17] << 8) + 1;
            ck_assert_uint_le(member_bytes, stream.count - at);
            const unsigned char *size = member + member_bytes - 4;
            size_t plain = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16;
            ck_assert_uint_le(plain, 65280);
            ck_assert_int_eq(plain == 0, at + member_bytes == stream.count);
            content_bytes += plain;
            at += member_bytes;
        }
        ck_assert_uint_eq(content_bytes, bytes);
        ck_assert_mem_eq(stream.bytes + stream.count - 28, mark, 28);
        free(stream.bytes);
        free(content);
    }
}
END_TEST

/* The address of the state, which is another one in each run, is not to be seen in what is made. */
START_TEST(states_make_the_same_anywhere)
{
    static const char text[] = "/*\n * Copyright\n * somebody\n *\n * All rights\n */\n#if 0\n";
    enum { STATE_COUNT = 3000, GAP_BYTES = 64 << 10 };
    const struct block_options options = {.level = 1};
    const struct block_codec *codec = block_codec_deflate();
    unsigned char content[400];
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (unsigned char)text[i % (sizeof(text) - 1)];
    struct stream first = pack(codec, 1, content, sizeof(content), NULL);
    void *gaps[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++) {
        gaps[i] = malloc(GAP_BYTES); /* where the last state was; not touched: takes no memory */
        void *state = codec->state_create(&options);
        struct stream other = pack(codec, 1, content, sizeof(content), state);
        ck_assert_uint_eq(other.count, first.count);
        ck_assert_mem_eq(other.bytes, first.bytes, first.count);
        free(other.bytes);
        codec->state_destroy(state);
    }
    for (int i = 0; i < STATE_COUNT; i++)
        free(gaps[i]);
    free(first.bytes);
}
END_TEST

/* What a content begins with stands in it behind every byte that there is, or behind all but one.
 */
START_TEST(beginnings_come_again)
{
    for (int missing = -1; missing < 256; missing++) {
        unsigned char content[256 * 8];
        size_t at = 3;
        memcpy(content, "abc", at);
        for (int i = 0; i < 256; i++) {
            if (i != missing)
                content[at++] = (unsigned char)i;
            memcpy(content + at, &"abcdefg"[i % 3], 5);
            memcpy(content + at, "abc", 3);
            at += 5;
        }
        for (int level = 1; level <= 2; level++) {
            struct stream stream = pack(block_codec_deflate(), level, content, at, NULL);
            check_plain(&stream, -15, content, at);
            ck_assert_uint_lt(stream.count, at);
            free(stream.bytes);
        }
    }
}
END_TEST

Suite *block_deflate_suite(void)
{
    Suite *suite = suite_create("block_deflate");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 250);
    tcase_add_loop_test(tcase, every_level_and_size, 0, KIND_COUNT);
    tcase_add_test(tcase, short_content_gets_short);
    tcase_add_test(tcase, states_make_the_same_anywhere);
    tcase_add_test(tcase, beginnings_come_again);
    tcase_add_test(tcase, only_noise_is_stored);
    tcase_add_test(tcase, members_of_bgzf);
    suite_add_tcase(suite, tcase);
    return suite;
}
