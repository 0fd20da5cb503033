/* The strict look at pax headers: records, and where they are found in an archive. */
#include "source/pax_check.h"

#include <stdio.h>

#include "support/support.h"

Suite *pax_check_suite(void);

static const char *judge(const char *records, size_t size_bytes)
{
    return pax_check_records((const unsigned char *)records, size_bytes, false);
}

#define GOOD(text) ck_assert_ptr_null(judge(text, sizeof(text) - 1))
#define BAD(text, word)                                                                            \
    do {                                                                                           \
        const char *problem_ = judge(text, sizeof(text) - 1);                                      \
        ck_assert_ptr_nonnull(problem_);                                                           \
        ck_assert_ptr_nonnull(strstr(problem_, word));                                             \
    } while (0)

START_TEST(takes_records_as_they_should_be)
{
    GOOD("");
    GOOD("9 path=a\n");
    GOOD("12 path=a=b\n");
    GOOD("12 path=a\nb\n");
    GOOD("20 path=\xc3\xa4 and more\n");
    GOOD("9 path=a\n14 linkpath=b\n11 size=17\n");
    GOOD("12 size=000\n");
    GOOD("33 size=000000000000000000000999\n");
    GOOD("26 SCHILY.xattr.user.x=\0\1\n");
    GOOD("11 mtime=x\n");
    GOOD("8 path=\n");
}
END_TEST

START_TEST(refuses_what_readers_take_differently)
{
    BAD("13 path=a\0bc\n", "NUL");
    BAD("15 linkpath=b\0\n", "NUL");
    BAD("22 GNU.sparse.name=\0x\n", "NUL");
    BAD("8 size=\n", "size");
    BAD("10 size=+1\n", "length"); /* that is one byte more */
    BAD("11 size=+1\n", "size");
    BAD("11 size=-1\n", "size");
    BAD("11 size=0x\n", "size");
    BAD("28 size=9223372036854775808\n", "size");
    BAD("27 GNU.sparse.realsize=1e9\n", "size");
}
END_TEST

START_TEST(refuses_records_that_make_no_sense)
{
    BAD("path=a\n", "length");
    BAD(" 9 path=a\n", "length");
    BAD("9  path=a", "length");
    BAD("9", "length");
    BAD("9 ", "length");
    BAD("0 path=a\n", "length");
    BAD("3 \n", "length");
    BAD("11 path=a\n", "length");
    BAD("8 path=a\n", "length");
    BAD("99999999999999999999 path=a\n", "length");
    BAD("9 path=a\n\0", "length");
    BAD("5 =a\n", "keyword");
    BAD("5 aa\n", "keyword");
    BAD("10 pa\0h=a\n", "keyword");
}
END_TEST

START_TEST(lets_no_global_header_name_members)
{
    static const char path[] = "9 path=a\n", comment[] = "13 comment=a\n";
    const unsigned char *text = (const unsigned char *)path;
    ck_assert_ptr_null(pax_check_records(text, sizeof(path) - 1, false));
    ck_assert_ptr_nonnull(strstr(pax_check_records(text, sizeof(path) - 1, true), "global"));
    ck_assert_ptr_null(
        pax_check_records((const unsigned char *)comment, sizeof(comment) - 1, true));
}
END_TEST

/* ---- where they are found ---- */

enum { ROOM_BYTES = 8192 };

static size_t put_header(unsigned char *room, size_t at, char type, unsigned size_bytes)
{
    room[at + 156] = (unsigned char)type;
    snprintf((char *)room + at + 124, 12, "%011o", size_bytes);
    return at + PAX_BLOCK_BYTES;
}

static size_t put_special(unsigned char *room, size_t at, char type, const char *content)
{
    at = put_header(room, at, type, (unsigned)strlen(content));
    memcpy(room + at, content, strlen(content));
    return at + (strlen(content) + PAX_BLOCK_BYTES - 1) / PAX_BLOCK_BYTES * PAX_BLOCK_BYTES;
}

/* A look at the archive from start_bytes on, given in blocks of block_bytes. */
static const char *look(const unsigned char *room, size_t size_bytes, size_t start_bytes,
                        size_t block_bytes)
{
    struct pax_check check = {0};
    pax_check_begin(&check, (int64_t)start_bytes);
    for (size_t at = 0; at < size_bytes; at += block_bytes) {
        size_t left = size_bytes - at;
        pax_check_take(&check, (int64_t)at, room + at, left < block_bytes ? left : block_bytes);
    }
    const char *problem = check.problem;
    pax_check_fini(&check);
    return problem;
}

START_TEST(finds_the_records_wherever_blocks_end)
{
    static unsigned char room[ROOM_BYTES];
    char records[700];
    memset(records, 'x', sizeof(records));
    memcpy(records, "690 comment=", 12);
    memcpy(records + 689, "\n8 size=\n", 10);
    size_t start = put_header(room, 0, '0', 0);
    size_t at = put_special(room, start, 'L', "a long name");
    at = put_special(room, at, 'g', "13 comment=a\n");
    at = put_special(room, at, 'x', records);
    at = put_header(room, at, '0', 0);
    for (size_t block = 1; block <= at; block++)
        ck_assert_msg(look(room, at, start, block) != NULL, "missed in blocks of %zu", block);
    ck_assert_ptr_null(look(room, at, 0, at)); /* of another member */
}
END_TEST

/* What libarchive passes over, or takes for a size, on its way to a header with records. */
START_TEST(finds_the_records_behind_whatever_stands_before)
{
    static const struct {
        char type;
        char size[13];
    } odd[] = {{'x', "\t00000000010"},
               {'x', "  10 12345 "},
               {'X', "00000000010"},
               {'x', "10"},
               {'x', "\x80\0\0\0\0\0\0\0\0\0\0\010"}};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        static unsigned char room[ROOM_BYTES];
        memset(room, 0, sizeof(room));
        size_t at = put_header(room, 0, 'V', 700); /* without content all the same */
        at = put_special(room, at, 'A', "an access control list");
        memcpy(room + at + PAX_BLOCK_BYTES, "8 size=\n", 8);
        put_header(room, at, odd[i].type, 0);
        memcpy(room + at + 124, odd[i].size, 12);
        at = put_header(room, at + 2 * PAX_BLOCK_BYTES, '0', 0);
        ck_assert_msg(look(room, at, 0, at) != NULL, "missed with size %zu", i);
    }
}
END_TEST

/* Readers differ on where the next header is. */
START_TEST(lets_no_header_give_a_size_to_what_has_no_content)
{
    static const char bare[] = "23456", full[] = "017";
    static unsigned char room[ROOM_BYTES];
    size_t at = put_special(room, 0, 'x', "11 size=10\n9 path=a\n");
    for (const char *type = bare; *type; type++)
        ck_assert_msg(look(room, put_header(room, at, *type, 0), 0, ROOM_BYTES), "%c", *type);
    for (const char *type = full; *type; type++)
        ck_assert_ptr_null(look(room, put_header(room, at, *type, 10), 0, ROOM_BYTES));
    at = put_special(room, 0, 'x', "11 size=10\n11 size=00\n");
    ck_assert_ptr_null(look(room, put_header(room, at, '5', 0), 0, ROOM_BYTES));
}
END_TEST

START_TEST(looks_at_nothing_but_special_headers)
{
    static unsigned char room[ROOM_BYTES];
    size_t at = put_special(room, 0, '0', "8 size=\n");
    at = put_special(room, at, 'x', "8 size=\n");
    ck_assert_ptr_null(look(room, at, 0, at));
}
END_TEST

START_TEST(gives_up_where_bytes_were_missed)
{
    static unsigned char room[ROOM_BYTES];
    size_t end = put_special(room, 0, 'x', "8 size=\n");
    struct pax_check check = {0};
    pax_check_begin(&check, 0);
    pax_check_take(&check, 1, room + 1, end - 1);
    ck_assert_ptr_null(check.problem);
    pax_check_begin(&check, 0);
    pax_check_take(&check, 0, room, end);
    ck_assert_ptr_nonnull(check.problem);
    pax_check_fini(&check);
}
END_TEST

Suite *pax_check_suite(void)
{
    Suite *suite = suite_create("pax_check");
    TCase *tests = tcase_create("pax_check");
    tcase_add_test(tests, takes_records_as_they_should_be);
    tcase_add_test(tests, refuses_what_readers_take_differently);
    tcase_add_test(tests, refuses_records_that_make_no_sense);
    tcase_add_test(tests, lets_no_global_header_name_members);
    tcase_add_test(tests, finds_the_records_wherever_blocks_end);
    tcase_add_test(tests, finds_the_records_behind_whatever_stands_before);
    tcase_add_test(tests, lets_no_header_give_a_size_to_what_has_no_content);
    tcase_add_test(tests, looks_at_nothing_but_special_headers);
    tcase_add_test(tests, gives_up_where_bytes_were_missed);
    suite_add_tcase(suite, tests);
    return suite;
}
