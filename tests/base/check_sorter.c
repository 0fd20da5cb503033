#include "base/sorter.h"

#include <stdio.h>

#include "support/support.h"

Suite *sorter_suite(void);

static struct sorter *create(void)
{
    struct sorter *sorter;
    struct mr_error err = {0};
    ck_assert_ok(sorter_create(0, &sorter, &err), err);
    return sorter;
}

static void add(struct sorter *sorter, const void *key, size_t key_bytes, const void *value,
                size_t value_bytes)
{
    struct mr_error err = {0};
    const struct sorter_record record = {key, value, key_bytes, value_bytes};
    ck_assert_ok(sorter_add(sorter, &record, &err), err);
}

static void add_text(struct sorter *sorter, const char *key)
{
    add(sorter, key, strlen(key), NULL, 0);
}

static void sort(struct sorter *sorter)
{
    struct mr_error err = {0};
    ck_assert_ok(sorter_sort(sorter, &err), err);
}

static bool next(struct sorter *sorter, struct sorter_record *record)
{
    struct mr_error err = {0};
    enum mr_status status = sorter_next(sorter, record, &err);
    ck_assert_msg(status == MR_OK || status == MR_DONE, "%s", err.text);
    return status == MR_OK;
}

static void expect(struct sorter *sorter, const char *key)
{
    struct sorter_record record;
    ck_assert(next(sorter, &record));
    ck_assert_uint_eq(record.key_bytes, strlen(key));
    ck_assert(memcmp(record.key, key, record.key_bytes) == 0);
}

START_TEST(gives_the_order_of_bytes)
{
    struct sorter *sorter = create();
    struct sorter_record record;
    add_text(sorter, "b");
    add_text(sorter, "\xff");
    add_text(sorter, "ab");
    add_text(sorter, "");
    add_text(sorter, "a");
    add(sorter, "a\0z", 3, "v", 1);
    sort(sorter);
    expect(sorter, "");
    expect(sorter, "a");
    ck_assert(next(sorter, &record));
    ck_assert(record.key_bytes == 3 && record.value_bytes == 1 &&
              memcmp(record.value, "v", 1) == 0);
    expect(sorter, "ab");
    expect(sorter, "b");
    expect(sorter, "\xff");
    ck_assert(!next(sorter, &record));
    ck_assert(!next(sorter, &record));
    sorter_destroy(sorter);
    sorter_destroy(NULL);
}
END_TEST

START_TEST(holds_nothing_and_long_records)
{
    struct sorter *sorter = create();
    struct sorter_record record;
    sort(sorter);
    ck_assert(!next(sorter, &record));
    sorter_destroy(sorter);

    static unsigned char bytes[SORTER_RECORD_MAX_BYTES + 1];
    struct mr_error err = {0};
    sorter = create();
    const struct sorter_record too_long = {bytes, bytes, 1, SORTER_RECORD_MAX_BYTES};
    ck_assert_int_eq(sorter_add(sorter, &too_long, &err), MR_E_LIMIT);
    const struct sorter_record wrapping = {bytes, bytes, 2, SIZE_MAX - 1};
    ck_assert_int_eq(sorter_add(sorter, &wrapping, &err), MR_E_LIMIT);
    add(sorter, bytes, SORTER_RECORD_MAX_BYTES, bytes, 0);
    sort(sorter);
    ck_assert(next(sorter, &record));
    ck_assert_uint_eq(record.key_bytes, SORTER_RECORD_MAX_BYTES);
    sorter_destroy(sorter);
}
END_TEST

/* A record for number: its key in big-endian order, behind so many bytes; the value repeats it. */
#define PAD_MAX_BYTES 4000
static void add_number(struct sorter *sorter, uint32_t number, size_t value_bytes)
{
    unsigned char key[4], value[PAD_MAX_BYTES];
    for (unsigned i = 0; i < 4; i++)
        key[i] = (unsigned char)(number >> (24 - 8 * i));
    memset(value, (int)(number % 251), value_bytes);
    add(sorter, key, sizeof(key), value, value_bytes);
}

static bool is_number(const struct sorter_record *record, uint32_t number, size_t value_bytes)
{
    unsigned char value[PAD_MAX_BYTES];
    const unsigned char *key = record->key;
    memset(value, (int)(number % 251), value_bytes);
    return record->key_bytes == 4 && record->value_bytes == value_bytes &&
           ((uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3]) ==
               number &&
           memcmp(record->value, value, value_bytes) == 0;
}

static size_t pad_of(uint32_t number)
{
    return number % 97 == 0 ? PAD_MAX_BYTES : number % 300;
}

/* Numbers in an order that begins anew all the time: (i * step) % count, where both have no common
 * divisor. */
static void sort_and_check(uint32_t count, uint32_t step, size_t (*pad)(uint32_t number))
{
    struct sorter *sorter = create();
    for (uint64_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)(i * step % count);
        add_number(sorter, number, pad(number));
    }
    sort(sorter);
    struct sorter_record record;
    struct mr_error err;
    for (uint32_t i = 0; i < count; i++) /* an assertion for each would take longer than the rest */
        if (sorter_next(sorter, &record, &err) != MR_OK || !is_number(&record, i, pad(i)))
            ck_abort_msg("record %u is not as it was given", i);
    ck_assert(!next(sorter, &record));
    sorter_destroy(sorter);
}

/* Half a megabyte of memory: one run, some, and more than are merged at once. */
START_TEST(merges_what_does_not_fit)
{
    sort_and_check(5000, 4999, pad_of); /* backwards, in memory */
    sort_and_check(20000, 7919, pad_of);
    sort_and_check(20000, 1, pad_of); /* in order */
}
END_TEST

static size_t long_pad(uint32_t number)
{
    (void)number;
    return PAD_MAX_BYTES;
}

START_TEST(joins_many_runs)
{
    sort_and_check(34 * 131 + 1, 7919, long_pad);
}
END_TEST

START_TEST(keeps_equal_keys)
{
    struct sorter *sorter = create();
    struct sorter_record record;
    unsigned count = 0;
    for (unsigned i = 0; i < 3000; i++)
        add(sorter, "same", 4, "0123456789", 10);
    for (unsigned i = 0; i < 3000; i++)
        add_number(sorter, 5, 1000);
    sort(sorter);
    while (next(sorter, &record))
        count++;
    ck_assert_uint_eq(count, 6000);
    sorter_destroy(sorter);
}
END_TEST

Suite *sorter_suite(void)
{
    Suite *suite = suite_create("sorter");
    TCase *tests = tcase_create("sorter");
    tcase_add_test(tests, gives_the_order_of_bytes);
    tcase_add_test(tests, holds_nothing_and_long_records);
    tcase_add_test(tests, merges_what_does_not_fit);
    tcase_add_test(tests, joins_many_runs);
    tcase_add_test(tests, keeps_equal_keys);
    suite_add_tcase(suite, tests);
    return suite;
}
