/* Where a zip archive ends and its directory is: end records, zip64, and what stands before and
 * behind. */
#include <stdio.h>

#include "support/unzipping.h"

Suite *zip_end_suite(void);

static struct zips *const zip = &unzipping.zip;

static void add_two(void)
{
    zips_add_text(zip, "first", ZIPS_DEFLATE, "the first, the first, the first");
    zips_add_text(zip, "second", ZIPS_STORE, "the second");
}

static void check_two(void)
{
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 2);
    unzipping_check_text(0, "first", "the first, the first, the first");
    unzipping_check_text(1, "second", "the second");
}

/* Begins anew, with both members and the end. */
static void make(size_t prefix_bytes, bool is_zip64, const char *comment)
{
    zips_clear(zip);
    zips_begin(zip, prefix_bytes);
    add_two();
    zips_end(zip, is_zip64, comment);
}

START_TEST(what_stands_around_does_not_matter)
{
    unzipping.is_lenient = true;
    char *comment = calloc(1, 65536);
    memset(comment, 'c', 65535);
    for (int is_zip64 = 0; is_zip64 < 2; is_zip64++)
        for (size_t prefix = 0; prefix < 3; prefix++) {
            make(prefix * 70000, is_zip64, NULL);
            check_two();
            make(prefix * 70000, is_zip64, "a comment with PK\005\006 in it, and some more text");
            check_two();
            make(prefix * 70000, is_zip64, comment);
            check_two();
        }
    free(comment);
}
END_TEST

START_TEST(offsets_that_count_what_stands_before_are_right)
{
    zips_append(zip, "#!/bin/sh\n", 10); /* as zip -A leaves an archive that extracts itself */
    add_two();
    zips_end(zip, _i, NULL);
    unzipping_doubted("not all of it belongs to its members", MR_OK);
    check_two();
}
END_TEST

START_TEST(a_tail_that_belongs_to_no_archive_is_passed_over)
{
    unsigned char *noise = support_noise(1, 3000);
    make(0, _i, "comment");
    zips_append(zip, noise, 3000);
    unzipping_doubted("something follows its end", MR_OK);
    check_two();
    zip->bytes -= 3000 - 21; /* too few for an archive */
    unzipping.is_lenient = false;
    check_two();
    zip->bytes++;
    unzipping_doubted("something follows its end", MR_OK);
    unzipping.is_lenient = true;
    make(10, _i, NULL);
    zips_append(zip, noise, 3000);
    check_two();
    free(noise);
}
END_TEST

START_TEST(nothing_is_an_archive_of_nothing)
{
    zips_end(zip, _i, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 0);
}
END_TEST

START_TEST(without_an_end_record_it_is_for_others)
{
    make(0, _i, NULL);
    zip->bytes = zip->end_at;
    unzipping_refused(MR_E_UNSUPPORTED, "no end record");
    zip->bytes = 10;
    unzipping_refused(MR_E_UNSUPPORTED, "no end record");
    zip->bytes = 0;
    unzipping_refused(MR_E_UNSUPPORTED, "no end record");
}
END_TEST

START_TEST(another_archive_before_it_is_not_passed_over)
{
    struct zips whole = {0};
    make(0, false, NULL);
    zips_append(&whole, zip->data, zip->bytes);
    zips_append(&whole, zip->data, zip->bytes);
    zips_clear(zip);
    *zip = whole;
    unzipping_refused(MR_E_DATA, "another archive stands before it");
    zips_clear(zip);
    zips_begin(zip, 0);
    zips_end(zip, true, NULL); /* nothing, but for zip64 records that the end does not lead to */
    memset(zip->data + zip->locator_at, 0, 4);
    memset(zip->data + zip->end_at + 8, 0, 12);
    unzipping_refused(MR_E_DATA, "another archive stands before it");
}
END_TEST

START_TEST(a_member_that_is_an_archive_is_not_mixed_up)
{
    struct zips inner = {0};
    make(0, false, NULL);
    zips_append(&inner, zip->data, zip->bytes);
    zips_clear(zip);
    zips_begin(zip, 0);
    add_two();
    zips_add(zip, &(struct zips_member){
                      .name = "inner.zip", .data = inner.data, .data_bytes = inner.bytes});
    zips_end(zip, false, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 3);
    ck_assert_str_eq(unzipping.found.items[2].entry.path, "inner.zip");
    ck_assert_mem_eq(unzipping.found.items[2].data, inner.data, inner.bytes);
    zips_clear(&inner);
    zip->bytes = zip->directory_at; /* truncated: it must not look like the inner one */
    unzipping_refused(MR_E_DATA, "its own end is missing");
    zip->bytes += 5;
    unzipping_refused(MR_E_DATA, "its own end is missing");
}
END_TEST

enum where { END, END64, LOCATOR, CENTRAL };

/* Changes of one number of width bytes, and what is said then. */
static const struct {
    enum where where;
    size_t at, width;
    uint64_t value;
    const char *text;
} damages[] = {
    {END, 4, 2, 1, "several parts"},
    {END, 6, 2, 1, "several parts"},
    {END, 8, 2, 1, "several parts"},
    {END, 8, 4, 0x00010001, "its directory holds 2 members, its end record says 1"},
    {END, 8, 4, 0x00030003, "its directory holds 2 members, its end record says 3"},
    {END, 12, 4, 0xfffffffe, "larger than what stands before"},
    {END, 12, 4, 0x7fffffff, "larger than what stands before"},
    {END, 12, 4, 107, "not where its end record says"},
    {END, 12, 4, 0, "not where its end record says"},
    {END, 16, 4, 0xfffffffe, "not where its end record says"},
    {END, 16, 4, 0x7fffffff, "not where its end record says"},
    {END, 16, 4, 1, "another archive stands before it"},
    {CENTRAL, 0, 4, 0x02014b51, "not where its end record says"},
    {CENTRAL, 28, 2, 0xffff, "is cut"},
    {CENTRAL, 30, 2, 30000, "is cut"},
    {CENTRAL, 32, 2, 1, "something else between the headers"},
    {CENTRAL, 34, 2, 1, "in another part"},
    {CENTRAL, 51, 4, 0, "something else between the headers"},
    {END64, 4, 8, 45, "zip64 end records do not fit"},
    {END64, 4, 8, UINT64_MAX, "zip64 end records do not fit"},
    {END64, 16, 4, 1, "several parts"},
    {END64, 20, 4, 1, "several parts"},
    {END64, 24, 8, 1, "several parts"},
    {END64, 32, 8, UINT64_MAX, "several parts"},
    {END64, 40, 8, UINT64_MAX, "larger than what stands before"},
    {END64, 40, 8, INT64_MAX, "larger than what stands before"},
    {END64, 48, 8, UINT64_MAX, "not where its end record says"},
    {END64, 48, 8, INT64_MAX, "not where its end record says"},
    {LOCATOR, 0, 4, 0x07064b51, "larger than what stands before"},
    {LOCATOR, 4, 4, 1, "several parts"},
    {LOCATOR, 8, 8, UINT64_MAX, "zip64 end records do not fit"},
    {LOCATOR, 8, 8, INT64_MAX, "zip64 end records do not fit"},
    {LOCATOR, 8, 8, 1, "zip64 end record is not where its locator says"},
    {LOCATOR, 16, 4, 2, "several parts"},
};
#define DAMAGE_COUNT ((int)(sizeof(damages) / sizeof(damages[0])))

START_TEST(damage_of_the_end_is_told)
{
    bool is_zip64 = damages[_i].where == END64 || damages[_i].where == LOCATOR;
    make(0, is_zip64, NULL);
    size_t places[] = {zip->end_at, zip->end64_at, zip->locator_at, zip->directory_at};
    unsigned char *at = zip->data + places[damages[_i].where] + damages[_i].at;
    for (size_t i = 0; i < damages[_i].width; i++)
        at[i] = (unsigned char)(damages[_i].value >> (8 * i));
    unzipping_refused(MR_E_DATA, damages[_i].text);
    ck_assert_uint_eq(unzipping.found.count, 0);
}
END_TEST

START_TEST(zip64_records_that_are_not_needed_must_agree)
{
    make(0, true, NULL);
    zips_put16(zip->data + zip->end_at + 8, 2);
    zips_put16(zip->data + zip->end_at + 10, 2);
    check_two();
    zips_put16(zip->data + zip->end_at + 10, 1);
    unzipping_refused(MR_E_DATA, "zip64 end records do not fit");
}
END_TEST

START_TEST(what_looks_like_zip64_by_chance_is_passed_over)
{
    add_two();
    zips_add(zip, &(struct zips_member){.name = "PK\006\007 0123456789abcde", .name_bytes = 20});
    zips_end(zip, false, NULL);
    unzipping_doubted("zip64 end records do not fit", MR_OK);
    ck_assert_uint_eq(unzipping.found.count, 3);
}
END_TEST

START_TEST(what_stands_before_is_refused)
{
    make(10, _i, NULL);
    unzipping_doubted("something stands before it", MR_OK);
    check_two();
}
END_TEST

START_TEST(a_comment_that_is_cut_is_told)
{
    make(0, _i, "a comment");
    zip->bytes -= 3;
    unzipping_refused(MR_E_DATA, "its comment is cut");
    unzipping.is_lenient = true;
    unzipping_refused(MR_E_DATA, "its comment is cut");
}
END_TEST

/* Readers would take different archives out of it. */
START_TEST(a_comment_with_an_end_record_is_refused)
{
    for (size_t behind = 0; behind < 20; behind += 19) { /* what follows that record */
        make(0, false, "a comment that is long enough for one more");
        unsigned char *inner = zip->data + zip->bytes - behind - 22;
        memset(inner, 0, 22 + behind);
        memcpy(inner, "PK\005\006", 4);
        unzipping_refused(MR_E_DATA, "its comment holds another end record");
    }
}
END_TEST

START_TEST(two_zip64_end_records_are_refused)
{
    for (int has_two = 0; has_two < 2; has_two++) {
        struct zips whole = {0};
        unsigned char longer[56] = {0};
        make(0, true, NULL);
        if (has_two)
            memcpy(longer, zip->data + zip->end64_at, sizeof(longer));
        zips_put16(zip->data + zip->end64_at + 4, 44 + sizeof(longer)); /* its size */
        zips_append(&whole, zip->data, zip->locator_at);
        zips_append(&whole, longer, sizeof(longer));
        zips_append(&whole, zip->data + zip->locator_at, zip->bytes - zip->locator_at);
        zips_clear(zip);
        *zip = whole;
        unzipping.is_lenient = false;
        if (has_two)
            unzipping_refused(MR_E_DATA, "it has two zip64 end records");
        else
            unzipping_doubted("zip64 end record is longer than known", MR_OK);
    }
}
END_TEST

START_TEST(a_count_of_16_bits_may_wrap)
{
    char name[20];
    for (int i = 0; i < 65536 + 3; i++) {
        snprintf(name, sizeof(name), "%d", i);
        zips_add(zip, &(struct zips_member){.name = name});
    }
    zips_end(zip, _i, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 65536 + 3);
}
END_TEST

Suite *zip_end_suite(void)
{
    Suite *suite = suite_create("zip_end");
    TCase *tcase = tcase_create("zip_end");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, unzipping_set_up, unzipping_tear_down);
    tcase_add_test(tcase, what_stands_around_does_not_matter);
    tcase_add_loop_test(tcase, offsets_that_count_what_stands_before_are_right, 0, 2);
    tcase_add_loop_test(tcase, a_tail_that_belongs_to_no_archive_is_passed_over, 0, 2);
    tcase_add_loop_test(tcase, nothing_is_an_archive_of_nothing, 0, 2);
    tcase_add_loop_test(tcase, without_an_end_record_it_is_for_others, 0, 2);
    tcase_add_test(tcase, another_archive_before_it_is_not_passed_over);
    tcase_add_test(tcase, a_member_that_is_an_archive_is_not_mixed_up);
    tcase_add_loop_test(tcase, damage_of_the_end_is_told, 0, DAMAGE_COUNT);
    tcase_add_test(tcase, zip64_records_that_are_not_needed_must_agree);
    tcase_add_test(tcase, what_looks_like_zip64_by_chance_is_passed_over);
    tcase_add_loop_test(tcase, what_stands_before_is_refused, 0, 2);
    tcase_add_loop_test(tcase, a_comment_that_is_cut_is_told, 0, 2);
    tcase_add_test(tcase, a_comment_with_an_end_record_is_refused);
    tcase_add_test(tcase, two_zip64_end_records_are_refused);
    tcase_add_loop_test(tcase, a_count_of_16_bits_may_wrap, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
