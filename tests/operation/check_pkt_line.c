#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operation/pkt_line.h"
#include "support/support.h"

Suite *pkt_line_suite(void);

/* What pkt_parse() makes of text: data as it is, '[' and ']' around a packet, '|' for a flush, '!'
 * and the end for what is bad. cut_bytes at a time, from memory of just that size. */
static char *parse(const char *text, size_t text_bytes, size_t cut_bytes, size_t max_bytes)
{
    struct pkt_parser parser = {0};
    char *shown = calloc(3 * text_bytes + 2, 1), *at = shown;
    ck_assert_ptr_nonnull(shown);
    bool is_inside = false, is_bad = false;
    for (size_t begin = 0; begin < text_bytes && !is_bad; begin += cut_bytes) {
        size_t count = text_bytes - begin < cut_bytes ? text_bytes - begin : cut_bytes;
        unsigned char *piece = malloc(count);
        ck_assert_ptr_nonnull(piece);
        memcpy(piece, text + begin, count);
        const unsigned char *bytes = piece;
        struct pkt_part part;
        enum pkt_event event;
        while ((event = pkt_parse(&parser, &bytes, &count, max_bytes, &part)) != PKT_MORE) {
            if (event == PKT_BAD) {
                is_bad = true;
                *at++ = '!';
                break;
            }
            if (event == PKT_FLUSH) {
                *at++ = '|';
                continue;
            }
            ck_assert_uint_le(part.bytes, max_bytes);
            ck_assert(part.bytes > 0 || part.is_end);
            if (!is_inside)
                *at++ = '[';
            memcpy(at, part.data, part.bytes);
            at += part.bytes;
            if (part.is_end)
                *at++ = ']';
            is_inside = !part.is_end;
            ck_assert(pkt_is_inside(&parser) == is_inside);
        }
        ck_assert(is_bad || count == 0);
        ck_assert_ptr_eq(bytes + count,
                         piece + (text_bytes - begin < cut_bytes ? text_bytes - begin : cut_bytes));
        free(piece);
    }
    return shown;
}

static const struct {
    const char *text, *shown;
} samples[] = {
    {"", ""},
    {"0000", "|"},
    {"00000000", "||"},
    {"0004", "[]"},
    {"00040004", "[][]"},
    {"0006a\n", "[a\n]"},
    {"0005a", "[a]"},
    {"000bfoobar\n", "[foobar\n]"},
    {"000Bfoobar\n", "[foobar\n]"},
    {"0008abcd00000005x0000", "[abcd]|[x]|"},
    {"00080000", "[0000]"}, /* data that looks like a flush */
    {"0000000", "|"},       /* cut in a head */
    {"0009ab", "[ab"},      /* cut in data */
    /* Hostile. */
    {"0001", "!"},
    {"0002", "!"},
    {"0003", "!"},
    {"0005a0003bbb", "[a]!"},
    {"fff1", "!"},
    {"ffff", "!"},
    {"FFFF", "!"},
    {"hell", "!"},
    {"Traceback (most recent call last):\n", "!"},
    {"0x05a", "!"},
    {" 005a", "!"},
    {"+005a", "!"},
    {"-001", "!"},
    {"00 5", "!"},
    {"00\n5", "!"},
    {"000:", "!"},
    {"000/", "!"},
    {"000@", "!"},
    {"000g", "!"},
    {"000G", "!"},
    {"000`", "!"},
    {"\xff\xff\xff\xff", "!"},
    {"0005a!", "[a]"},
    {"0005a!!!!0000", "[a]!"},
};

START_TEST(parses_whatever_the_cuts)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        for (size_t cut_bytes = 1; cut_bytes < 40; cut_bytes++)
            for (size_t max_bytes = 1; max_bytes < 8; max_bytes++) {
                char *shown = parse(samples[i].text, strlen(samples[i].text), cut_bytes, max_bytes);
                ck_assert_str_eq(shown, samples[i].shown);
                free(shown);
            }
}
END_TEST

/* A NUL in a head, which no sample can hold. */
START_TEST(refuses_nul)
{
    for (size_t i = 0; i < 4; i++) {
        char text[4] = "0000";
        text[i] = '\0';
        char *shown = parse(text, 4, 4, 4);
        ck_assert_str_eq(shown, "!");
        free(shown);
    }
}
END_TEST

START_TEST(stays_bad)
{
    struct pkt_parser parser = {0};
    struct pkt_part part;
    const unsigned char text[] = "zzzz0000", *bytes = text;
    size_t count = sizeof(text) - 1;
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 1, &part), PKT_BAD);
    ck_assert_int_eq(memcmp(parser.head, "zzzz", 4), 0);
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 1, &part), PKT_BAD);
    ck_assert_int_eq(memcmp(parser.head, "zzzz", 4), 0);
}
END_TEST

/* Without room data waits; heads, flushes and empty packets do not. */
START_TEST(waits_for_room)
{
    struct pkt_parser parser = {0};
    struct pkt_part part;
    const unsigned char text[] = "0000"
                                 "0004"
                                 "0006ab",
                        *bytes = text;
    size_t count = sizeof(text) - 1;
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 0, &part), PKT_FLUSH);
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 0, &part), PKT_DATA);
    ck_assert(part.bytes == 0 && part.is_end);
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 0, &part), PKT_MORE);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 9, &part), PKT_DATA);
    ck_assert(part.bytes == 2 && part.is_end && memcmp(part.data, "ab", 2) == 0);
    ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 9, &part), PKT_MORE);
    ck_assert(!pkt_is_inside(&parser));
}
END_TEST

/* What is written is read again, at every length that matters. */
START_TEST(writes_what_it_reads)
{
    static const size_t sizes[] = {0, 1, 11, 12, 251, 252, 4091, 4092, 65515, PKT_DATA_BYTES_MAX};
    unsigned char *packet = calloc(PKT_HEAD_BYTES + PKT_DATA_BYTES_MAX, 1);
    ck_assert_ptr_nonnull(packet);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        pkt_line_head(packet, sizes[i]);
        char expected[8];
        snprintf(expected, sizeof(expected), "%04zx", sizes[i] + 4);
        ck_assert_int_eq(memcmp(packet, expected, 4), 0);
        struct pkt_parser parser = {0};
        struct pkt_part part;
        const unsigned char *bytes = packet;
        size_t count = PKT_HEAD_BYTES + sizes[i];
        ck_assert_int_eq(pkt_parse(&parser, &bytes, &count, 100000, &part), PKT_DATA);
        ck_assert_uint_eq(part.bytes, sizes[i]);
        ck_assert(part.is_end);
        ck_assert_uint_eq(count, 0);
    }
    pkt_line_flush(packet);
    ck_assert_int_eq(memcmp(packet, "0000", 4), 0);
    free(packet);
}
END_TEST

Suite *pkt_line_suite(void)
{
    Suite *suite = suite_create("pkt_line");
    TCase *cases = tcase_create("pkt_line");
    tcase_add_test(cases, parses_whatever_the_cuts);
    tcase_add_test(cases, refuses_nul);
    tcase_add_test(cases, stays_bad);
    tcase_add_test(cases, waits_for_room);
    tcase_add_test(cases, writes_what_it_reads);
    suite_add_tcase(suite, cases);
    return suite;
}
