#include "base/siphash.h"

#include <stdio.h>

#include "support/support.h"

Suite *siphash_suite(void);

/* key 00 01 .. 0f, message 00 01 .. (length - 1), as any other implementation of SipHash-2-4-128
 * gives it */
static void check_length(size_t length, const char *expected)
{
    unsigned char key[SIPHASH_KEY_BYTES];
    unsigned char message[64];
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (unsigned char)i;
    for (unsigned i = 0; i < sizeof(message); i++)
        message[i] = (unsigned char)i;
    uint64_t hash[2];
    siphash_128(key, message, length, hash);
    char text[33] = "";
    for (unsigned i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(hash[i / 8] >> (8 * (i % 8)) & 0xff));
    ck_assert_str_eq(text, expected);
}

START_TEST(gives_the_known_values)
{
    check_length(0, "a3817f04ba25a8e66df67214c7550293");
    check_length(1, "da87c1d86b99af44347659119b22fc45");
    check_length(7, "a1f1ebbed8dbc153c0b84aa61ff08239");
    check_length(8, "3b62a9ba6258f5610f83e264f31497b4");
    check_length(9, "264499060ad9baabc47f8b02bb6d71ed");
    check_length(15, "5493e99933b0a8117e08ec0f97cfc3d9");
    check_length(16, "6ee2a4ca67b054bbfd3315bf85230577");
    check_length(63, "5150d1772f50834a503e069a973fbd7c");
}
END_TEST

static void hash_parts(enum siphash_kind kind, const unsigned char *message, const size_t parts[3],
                       uint64_t hash[2])
{
    static const unsigned char key[SIPHASH_KEY_BYTES] = {7};
    struct siphash state;
    siphash_start(&state, kind, key);
    for (unsigned i = 0; i < 3; message += parts[i++])
        siphash_add(&state, message, parts[i]);
    siphash_end(&state, hash);
}

/* What was asked for in one call is what comes in three, wherever it is cut. */
START_TEST(parts_give_what_the_whole_gives)
{
    unsigned char message[40];
    for (unsigned i = 0; i < sizeof(message); i++)
        message[i] = (unsigned char)(3 * i + 1);
    for (enum siphash_kind kind = SIPHASH_2_4; kind <= SIPHASH_1_3; kind++) {
        uint64_t whole[2], parts[2];
        hash_parts(kind, message, (const size_t[3]){sizeof(message), 0, 0}, whole);
        for (size_t first = 0; first <= sizeof(message); first++) {
            for (size_t second = 0; first + second <= sizeof(message); second++) {
                hash_parts(kind, message,
                           (const size_t[3]){first, second, sizeof(message) - first - second},
                           parts);
                ck_assert(whole[0] == parts[0] && whole[1] == parts[1]);
            }
        }
    }
}
END_TEST

START_TEST(depends_on_the_key)
{
    unsigned char key[SIPHASH_KEY_BYTES] = {0};
    uint64_t one[2], other[2];
    siphash_128(key, "name", 4, one);
    for (unsigned i = 0; i < sizeof(key); i++) {
        key[i] ^= 0x80;
        siphash_128(key, "name", 4, other);
        ck_assert(one[0] != other[0] && one[1] != other[1]);
        key[i] ^= 0x80;
    }
}
END_TEST

/* Who makes names cannot know it. */
START_TEST(each_key_is_another)
{
    unsigned char keys[2][SIPHASH_KEY_BYTES] = {{0}};
    struct mr_error err = {0};
    for (unsigned i = 0; i < 2; i++)
        ck_assert_ok(siphash_make_key(keys[i], &err), err);
    ck_assert_int_ne(memcmp(keys[0], keys[1], SIPHASH_KEY_BYTES), 0);
}
END_TEST

Suite *siphash_suite(void)
{
    Suite *suite = suite_create("siphash");
    TCase *tests = tcase_create("siphash");
    tcase_add_test(tests, gives_the_known_values);
    tcase_add_test(tests, parts_give_what_the_whole_gives);
    tcase_add_test(tests, depends_on_the_key);
    tcase_add_test(tests, each_key_is_another);
    suite_add_tcase(suite, tests);
    return suite;
}
