/* Local headers that say something else than the directory, members that overlap, targets of links.
 */
#include <limits.h>
#include <zlib.h>

#include "config.h"
#include "source/zip_bytes.h"
#include "support/unzipping.h"

Suite *zip_member_suite(void);

static struct zips *const zip = &unzipping.zip;

#define TEXT "some text, some text, some text, some text"

/* Three members, of which the second is the one to be damaged. */
static void add_three(bool is_streamed, bool is_zip64)
{
    zips_add_text(zip, "first", ZIPS_STORE, TEXT);
    zips_add(zip, &(struct zips_member){.name = "second",
                                        .data = TEXT,
                                        .data_bytes = strlen(TEXT),
                                        .method = ZIPS_DEFLATE,
                                        .is_streamed = is_streamed,
                                        .is_zip64 = is_zip64});
    zips_add_text(zip, "last", ZIPS_DEFLATE, TEXT);
}

static void make(bool is_streamed, bool is_zip64)
{
    add_three(is_streamed, is_zip64);
    zips_end(zip, false, NULL);
}

/* The second fails, the others are well. */
static void check_fails_alone(enum mr_status status, const char *text)
{
    unzipping_refused(status, text);
    ck_assert_ptr_null(strstr(unzipping.err.text, "label"));
    ck_assert_uint_eq(unzipping.found.count, 2);
    unzipping_check_text(0, "first", TEXT);
    unzipping_check_text(1, "last", TEXT);
}

#define FAILS MR_E_CHANGED /* alone: it is not to be found */

static const struct {
    size_t at, width;
    uint32_t value;
    enum mr_status lenient;
    const char *text;
} damages[] = {
    {0, 4, 0x04034b51, FAILS,
     "second: damaged or truncated archive: its local header is not where"},
    {6, 2, 1, MR_OK, "another encoding"},
    {6, 2, 8, MR_OK, "other flags"},
    {6, 2, 1 << 11, MR_OK, "other flags"},
    {8, 2, 0, MR_OK, "another encoding"},
    {14, 4, 0, MR_OK, "another CRC"},
    {14, 4, 1, MR_OK, "another CRC"},
    {18, 4, 0, MR_OK, "other sizes"},
    {18, 4, 1, MR_OK, "other sizes"},
    {22, 4, 0, MR_OK, "other sizes"},
    {22, 4, 43, MR_OK, "other sizes"},
    {26, 2, 5, MR_E_DATA, "another name"},
    {26, 2, 7, MR_E_DATA, "another name"},
    {28, 2, 1, MR_E_DATA, "reaches into another member"},
    {28, 2, 5, MR_E_DATA, "extra fields of its local header are cut"},
    {28, 2, 0xffff, FAILS, "reaches into the directory"},
    {30, 1, 'S', MR_OK, "another name"},
};
#define DAMAGE_COUNT ((int)(sizeof(damages) / sizeof(damages[0])))

/* Then readers differ on what the archive holds. */
START_TEST(a_local_header_that_says_something_else_is_refused)
{
    make(false, false);
    unsigned char *at = zip->data + zip->local_at[1] + damages[_i].at;
    for (size_t i = 0; i < damages[_i].width; i++)
        at[i] = (unsigned char)(damages[_i].value >> (8 * i));
    unzipping_refused(MR_E_DATA, damages[_i].text);
    ck_assert_ptr_nonnull(strstr(unzipping.err.text, "label: second: "));
    ck_assert_uint_eq(unzipping.found.count, 0);
    unzipping.is_lenient = true;
    ck_assert_int_eq(unzipping_read(), damages[_i].lenient);
}
END_TEST

static const unsigned char unicode_path[] = {0x75, 0x70, 8, 0, 1, 0, 0, 0, 0, 'w', 'h', 'y'};
static const unsigned char no_numbers[] = {1, 0, 0, 0, 1, 0, 0, 0};

/* Makes the field one that was made for the name "second". */
static void make_field(unsigned char field[sizeof(unicode_path)])
{
    memcpy(field, unicode_path, sizeof(unicode_path));
    zips_put32(field + 5, (uint32_t)crc32(0, (const unsigned char *)"second", 6));
}

/* A member whose local header has these extra fields, and the directory those. */
static void make_with_fields(const void *local, size_t local_bytes, const void *central,
                             size_t central_bytes)
{
    char data[100];
    memcpy(data, local, local_bytes);
    memcpy(data + local_bytes, TEXT, strlen(TEXT));
    zips_add(zip, &(struct zips_member){.name = "second",
                                        .data = data,
                                        .data_bytes = local_bytes + strlen(TEXT),
                                        .extra = central,
                                        .extra_bytes = central_bytes});
    zips_end(zip, false, NULL);
    /* The beginning of the content becomes the fields. */
    unsigned char *headers[] = {zip->data + zip->local_at[0] + 14,
                                zip->data + zip->directory_at + zip->central_at[0] + 16};
    for (unsigned i = 0; i < 2; i++) {
        zips_put32(headers[i], (uint32_t)crc32(0, (const unsigned char *)TEXT, strlen(TEXT)));
        zips_put32(headers[i] + 4, (uint32_t)strlen(TEXT));
        zips_put32(headers[i] + 8, (uint32_t)strlen(TEXT));
    }
    zips_put16(zip->data + zip->local_at[0] + 28, (unsigned)local_bytes);
}

/* Some readers take the name of the one, some that of the other. */
START_TEST(another_unicode_path_is_refused)
{
    unsigned char local[sizeof(unicode_path)], central[sizeof(unicode_path)];
    make_field(local);
    make_field(central);
    central[sizeof(central) - 1] ^= (unsigned char)(_i & 1);
    make_with_fields(local, sizeof(local), central, _i < 2 ? sizeof(central) : 0);
    if (_i > 0) {
        unzipping_doubted("another Unicode path", MR_OK);
        return;
    }
    ck_assert_ok(unzipping_read(), unzipping.err);
    unzipping_check_text(0, "why", TEXT);
}
END_TEST

START_TEST(two_zip64_fields_are_refused)
{
    size_t bytes = sizeof(no_numbers);
    make_with_fields(no_numbers, _i == 0 ? bytes : bytes / 2, no_numbers,
                     _i == 1 ? bytes : bytes / 2);
    if (_i < 2)
        unzipping_doubted("it has two zip64 fields", MR_OK);
    else
        ck_assert_ok(unzipping_read(), unzipping.err);
}
END_TEST

START_TEST(sizes_may_stand_behind_the_data_or_in_zip64)
{
    make(_i & 1, _i & 2);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 3);
    unzipping_check_text(1, "second", TEXT);
    if (_i == 2) {
        zips_put64(zip->data + zip->local_at[1] + 30 + 6 + 4 + 8, 5);
        unzipping_doubted("other sizes", MR_OK);
        zips_put64(zip->data + zip->local_at[1] + 30 + 6 + 4 + 8, 10);
    }
    zips_put32(zip->data + zip->local_at[1] + 14, 77);
    unzipping_doubted("another CRC", MR_OK);
}
END_TEST

/* The numbers of the zip64 field of the second: plain, stored, place. */
START_TEST(numbers_of_64_bits_do_not_overflow)
{
    static const uint64_t values[] = {INT64_MAX, UINT64_MAX, (uint64_t)INT64_MAX + 1, 1u << 31};
    make(false, true);
    unsigned char *field = zip->data + zip->directory_at + zip->central_at[1] + 46 + 6 + 4;
    for (size_t place = 0; place < 3; place++)
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            uint64_t before = zip_get64(field + 8 * place);
            zips_put64(field + 8 * place, values[i]);
            ck_assert_int_eq(unzipping_read(), MR_E_DATA);
            zips_put64(field + 8 * place, before);
        }
    ck_assert_ok(unzipping_read(), unzipping.err);
    zips_put16(field - 2, 16); /* the place is cut off: of the whole directory nothing is certain */
    unzipping_refused(MR_E_DATA, "label: damaged or truncated archive: the zip64 field");
}
END_TEST

static void set_place(size_t member, size_t place)
{
    zips_put32(zip->data + zip->directory_at + zip->central_at[member] + 42, (uint32_t)place);
}

START_TEST(a_place_outside_fails_one_member)
{
    make(false, false);
    size_t places[] = {zip->directory_at, zip->end_at, 0xfffffffe};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        set_place(1, places[i]);
        unzipping.is_lenient = false;
        unzipping_refused(MR_E_DATA, "belong to no member");
        unzipping.is_lenient = true;
        check_fails_alone(MR_E_CHANGED, "not where the directory");
    }
}
END_TEST

/* As in a bomb: all headers of the directory lead to the same bytes. */
START_TEST(members_in_one_place_are_refused)
{
    for (int i = 0; i < 3; i++)
        zips_add_text(zip, "same", ZIPS_DEFLATE, TEXT);
    zips_end(zip, false, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 3);
    set_place(1, 0);
    set_place(2, zip->local_at[_i]); /* in order, or not */
    unzipping_refused(MR_E_DATA, "another member has the same place");
    ck_assert_uint_eq(unzipping.found.count, 0);
    unzipping.is_lenient = true;
    unzipping_refused(MR_E_DATA, "another member has the same place");
}
END_TEST

/* A bomb as David Fifield describes it: a local header quoted by a stored block of the member
 * before. */
START_TEST(members_within_members_are_refused)
{
    struct zips inner = {0};
    zips_begin(&inner, 0);
    zips_add_text(&inner, "second", ZIPS_STORE, TEXT);
    zips_add(zip,
             &(struct zips_member){.name = "first", .data = inner.data, .data_bytes = inner.bytes});
    zips_clear(&inner);
    zips_add_text(zip, "second", ZIPS_STORE, TEXT);
    zips_add_text(zip, "last", ZIPS_STORE, TEXT);
    if (_i == 1) { /* the directory is out of order too */
        zips_add_text(zip, "other", ZIPS_STORE, TEXT);
        zips_end(zip, false, NULL);
        set_place(1, zip->data_at[0]);
        set_place(3, zip->local_at[2]);
        set_place(2, zip->local_at[3]);
        zip->data[zip->local_at[2] + 30] = 'x';
        unzipping_refused(MR_E_DATA, "its data reaches into another member");
        return;
    }
    zips_end(zip, false, NULL);
    set_place(1, zip->data_at[0]);
    unzipping_refused(MR_E_DATA, "its data reaches into another member");
    ck_assert_uint_eq(unzipping.found.count, 0);
    unzipping.is_lenient = true;
    unzipping_refused(MR_E_DATA, "its data reaches into another member");
}
END_TEST

START_TEST(members_may_lie_in_any_order)
{
    static const char *const names[] = {"aa", "bb", "cc", "dd", "ee"};
    for (size_t i = 0; i < 5; i++)
        zips_add_text(zip, names[i], ZIPS_DEFLATE, names[i]);
    zips_end(zip, _i, NULL);
    for (size_t i = 0; i < 5; i++) { /* the i-th header of the directory is the one of 4 - i */
        unsigned char *at = zip->data + zip->directory_at + zip->central_at[i];
        zips_put32(at + 16, zip_get32(zip->data + zip->local_at[4 - i] + 14));
        memcpy(at + 46, names[4 - i], 2);
        set_place(i, zip->local_at[4 - i]);
    }
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 5);
    for (size_t i = 0; i < 5; i++)
        unzipping_check_text(i, names[4 - i], names[4 - i]);
}
END_TEST

/* Bytes that belong to nobody may be another archive for another reader. */
START_TEST(gaps_are_refused)
{
    static const unsigned char zeros[4097];
    zips_add_text(zip, "first", ZIPS_STORE, TEXT);
    if (_i == 0)
        zips_append(zip, "nobody's", 8);
    zips_add_text(zip, "last", ZIPS_STORE, TEXT);
    if (_i == 1)
        zips_append(zip, "nobody's", 8);
    if (_i == 2)
        zips_append(zip, zeros, sizeof(zeros));
    zips_end(zip, false, NULL);
    unzipping_doubted(
        _i == 2 ? "bytes that belong to no member" : "8 bytes that belong to no member", MR_OK);
    ck_assert_uint_eq(unzipping.found.count, 2);
}
END_TEST

/* What Android puts before the directory and the members is known, and a mark of a single part
 * before all of it. */
START_TEST(known_gaps_are_fine)
{
    static const unsigned char zeros[100];
    unsigned char frame[8 + 100 + 24] = {0}, padding[30 + 102] = {'P', 'K', 3, 4};
    if (_i == 0)
        zips_append(zip, "PK00", 4);
    padding[28] = 102;
    if (_i == 3)
        zips_append(zip, padding, sizeof(padding));
    zips_add_text(zip, "first", ZIPS_STORE, TEXT);
    zips_put64(frame, 100 + 24);
    zips_put64(frame + 8 + 100, 100 + 24);
    memcpy(frame + 8 + 100 + 8, "APK Sig Block 42", 16);
    zips_append(zip, frame, _i == 1 ? sizeof(frame) : 0);
    zips_append(zip, zeros, _i == 2 ? sizeof(zeros) : 0);
    zips_end(zip, false, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    unzipping_check_text(0, "first", TEXT);
    if (_i == 1) {
        zip->data[zip->directory_at - 16] ^= 1;
        unzipping_doubted("belong to no member", MR_OK);
    }
    if (_i == 3) {
        zip->data[22] = 1; /* content */
        unzipping_doubted("not all of it belongs to its members", MR_OK);
    }
}
END_TEST

/* The descriptor behind the data: signature, CRC, stored, plain. */
START_TEST(a_descriptor_that_says_something_else_is_refused)
{
    make(true, _i & 1);
    unsigned char *descriptor = zip->data + zip->local_at[2] - 16;
    descriptor[_i / 2 * 4] ^= 1;
    unzipping_doubted("its descriptor says something else", MR_OK);
    descriptor[_i / 2 * 4] ^= 1;
    unzipping.is_lenient = false;
    ck_assert_ok(unzipping_read(), unzipping.err);
}
END_TEST

static void add_link(const char *name, unsigned method, const char *target, size_t target_bytes)
{
    zips_add(zip, &(struct zips_member){.name = name,
                                        .data = target,
                                        .data_bytes = target_bytes,
                                        .method = method,
                                        .host = ZIPS_UNIX,
                                        .attributes = 0120777u << 16});
}

START_TEST(targets_of_links)
{
    char *longest = calloc(1, PATH_MAX + 1);
    memset(longest, 'x', PATH_MAX);
    add_link("stored", ZIPS_STORE, "../a target", 11);
    add_link("packed", MR_HAVE_ZSTD ? ZIPS_ZSTD : ZIPS_DEFLATE, "another", 7);
    add_link("longest", ZIPS_DEFLATE, longest, PATH_MAX - 1);
    zips_end(zip, false, NULL);
    ck_assert_ok(unzipping_read(), unzipping.err);
    ck_assert_uint_eq(unzipping.found.count, 3);
    ck_assert_str_eq(unzipping.found.items[0].entry.target, "../a target");
    ck_assert_str_eq(unzipping.found.items[1].entry.target, "another");
    ck_assert_uint_eq(strlen(unzipping.found.items[2].entry.target), PATH_MAX - 1);
    zips_clear(zip);
    zips_begin(zip, 0);
    add_link("too long", ZIPS_DEFLATE, longest, PATH_MAX);
    zips_end(zip, false, NULL);
    unzipping_refused(MR_E_DATA, "too long");
    free(longest);
}
END_TEST

START_TEST(targets_that_are_damaged_fail_one_member)
{
    zips_add_text(zip, "first", ZIPS_STORE, TEXT);
    add_link("second", _i == 1 ? ZIPS_DEFLATE : ZIPS_STORE, _i == 2 ? "a\0b" : "a/b", 3);
    zips_add_text(zip, "last", ZIPS_STORE, TEXT);
    zips_end(zip, false, NULL);
    if (_i < 2)
        zip->data[zip->data_at[1] + 1] ^= 1;
    check_fails_alone(MR_E_DATA, "target of this symbolic link cannot be read");
}
END_TEST

Suite *zip_member_suite(void)
{
    Suite *suite = suite_create("zip_member");
    TCase *tcase = tcase_create("zip_member");
    tcase_add_checked_fixture(tcase, unzipping_set_up, unzipping_tear_down);
    tcase_add_loop_test(tcase, a_local_header_that_says_something_else_is_refused, 0, DAMAGE_COUNT);
    tcase_add_loop_test(tcase, another_unicode_path_is_refused, 0, 3);
    tcase_add_loop_test(tcase, two_zip64_fields_are_refused, 0, 3);
    tcase_add_loop_test(tcase, sizes_may_stand_behind_the_data_or_in_zip64, 0, 4);
    tcase_add_test(tcase, numbers_of_64_bits_do_not_overflow);
    tcase_add_test(tcase, a_place_outside_fails_one_member);
    tcase_add_loop_test(tcase, members_in_one_place_are_refused, 0, 2);
    tcase_add_loop_test(tcase, members_within_members_are_refused, 0, 2);
    tcase_add_loop_test(tcase, members_may_lie_in_any_order, 0, 2);
    tcase_add_loop_test(tcase, gaps_are_refused, 0, 3);
    tcase_add_loop_test(tcase, known_gaps_are_fine, 0, 4);
    tcase_add_loop_test(tcase, a_descriptor_that_says_something_else_is_refused, 0, 8);
    tcase_add_test(tcase, targets_of_links);
    tcase_add_loop_test(tcase, targets_that_are_damaged_fail_one_member, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
