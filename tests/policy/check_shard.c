/* Which shard an item falls to: always the same one, exactly one, and with what it belongs to. */
#include "policy/shard.h"

#include <stdio.h>
#include <string.h>

#include "support/support.h"

Suite *shard_suite(void);

/* Made by another implementation of SipHash. */
START_TEST(falls_where_it_always_fell)
{
    static const uint32_t counts[] = {1, 2, 3, 7, 1000, 1000000};
    static const struct {
        const char *name;
        uint32_t shards[6];
    } vectors[] = {
        {"", {1, 1, 3, 7, 665, 611665}},
        {"a", {1, 2, 3, 2, 1000, 760000}},
        {"a.txt", {1, 1, 3, 2, 243, 259243}},
        {"dir/a.txt", {1, 2, 3, 6, 602, 326602}},
        {"\xc3\xbc"
         "berblick.md",
         {1, 2, 2, 5, 754, 206754}},
        {"docs/guide.md", {1, 1, 1, 5, 447, 267447}},
        {"\xff\xfe/x", {1, 1, 1, 2, 583, 967583}},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
            ck_assert_uint_eq(shard_of(vectors[i].name, counts[c]), vectors[i].shards[c]);
}
END_TEST

START_TEST(spreads_names_evenly)
{
    unsigned in_each[8] = {0};
    for (unsigned i = 0; i < 8000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "data/file-%05u.bin", i);
        in_each[shard_of(name, 8) - 1]++;
    }
    for (unsigned s = 0; s < 8; s++)
        ck_assert_msg(in_each[s] > 850 && in_each[s] < 1150, "shard %u: %u", s, in_each[s]);
}
END_TEST

START_TEST(reads_what_is_a_shard)
{
    static const char *const bad[] = {"",      "1",     "/",    "1/",   "/3",
                                      "a/3",   "1/b",   "-1/3", "1/0",  "0/0",
                                      "1/3/4", "1.5/3", "1/ 3", "+1/3", "1/1000001"};
    static const char *const outside[] = {"0/3", "4/3", "18446744073709551615/3"};
    struct shard_choice choice = {0};
    struct mr_error err = {0};
    ck_assert_ok(shard_parse("1/1", &choice, &err), err);
    ck_assert_ok(shard_parse("3/7", &choice, &err), err);
    ck_assert_uint_eq(choice.index, 3);
    ck_assert_uint_eq(choice.count, 7);
    ck_assert_ok(shard_parse("1000000/1000000", &choice, &err), err);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(shard_parse(bad[i], &choice, &err), MR_E_USAGE);
        ck_assert_msg(strstr(err.text, "is no shard: write I/N") != NULL, "%s", err.text);
    }
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        ck_assert_int_eq(shard_parse(outside[i], &choice, &err), MR_E_USAGE);
        ck_assert_msg(strstr(err.text, "I counts from 1: 1/3 to 3/3") != NULL, "%s", err.text);
    }
    ck_assert_uint_eq(choice.count, 1000000); /* failures leave it alone */
}
END_TEST

/* The shard that takes each of the entries, of count; each must fall to exactly one. */
static bool follows_files = true;

static void place_all(const char *prefix, const struct mr_entry *entries, size_t entry_count,
                      uint32_t count, uint32_t *shards)
{
    memset(shards, 0, entry_count * sizeof(*shards));
    for (uint32_t index = 1; index <= count; index++) {
        const struct shard_choice choice = {.index = index, .count = count};
        struct shard *shard = NULL;
        struct mr_error err = {0};
        ck_assert_ok(shard_create(&choice, follows_files, &shard, &err), err);
        for (size_t i = 0; i < entry_count; i++) {
            bool is_taken = false;
            ck_assert_ok(shard_takes(shard, prefix, &entries[i], &is_taken, &err), err);
            ck_assert_msg(!is_taken || shards[i] == 0, "%s falls to two", entries[i].path);
            if (is_taken)
                shards[i] = index;
        }
        shard_destroy(shard);
    }
    for (size_t i = 0; i < entry_count; i++)
        ck_assert_msg(shards[i] > 0, "%s falls to none", entries[i].path);
}

START_TEST(goes_by_the_plain_name_below_its_prefix)
{
    char plain[] = "dir/a.txt", odd[] = "./dir//a.txt", directory[] = "dir/", bad[] = "../x";
    const struct mr_entry entries[] = {{.path = plain, .kind = MR_KIND_FILE, .link_count = 1},
                                       {.path = odd, .kind = MR_KIND_FILE, .link_count = 1},
                                       {.path = directory, .kind = MR_KIND_DIRECTORY},
                                       {.path = bad, .kind = MR_KIND_FILE, .link_count = 1}};
    uint32_t shards[4];
    place_all("", entries, 4, 7, shards);
    ck_assert_uint_eq(shards[0], shard_of("dir/a.txt", 7));
    ck_assert_uint_eq(shards[1], shards[0]);
    ck_assert_uint_eq(shards[2], shard_of("dir", 7));
    ck_assert_uint_eq(shards[3], shard_of("../x", 7)); /* what is refused is told by one, too */
    place_all("site", entries, 4, 7, shards);
    ck_assert_uint_eq(shards[0], shard_of("site/dir/a.txt", 7));
}
END_TEST

START_TEST(keeps_the_names_of_a_file_together)
{
    char names[20][8];
    struct mr_entry entries[20] = {{0}};
    uint32_t shards[20];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "n%02u", i);
        entries[i] = (struct mr_entry){.path = names[i],
                                       .kind = MR_KIND_FILE,
                                       .device = 5,
                                       .inode = 100 + i % 2,
                                       .link_count = 10};
    }
    place_all("", entries, 20, 3, shards);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_uint_eq(shards[i], shard_of(names[i % 2], 3));
    follows_files = false; /* as others may be gone already */
    place_all("", entries, 20, 3, shards);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_uint_eq(shards[i], shard_of(names[i], 3));
    follows_files = true;
}
END_TEST

START_TEST(keeps_links_of_archives_with_their_file)
{
    char a[] = "a", b[] = "b", c[] = "c", d[] = "d", dotted[] = "./c";
    const struct mr_entry entries[] = {
        {.path = a, .kind = MR_KIND_FILE, .link_count = 1},
        {.path = b, .kind = MR_KIND_HARDLINK, .target = a},
        {.path = c, .kind = MR_KIND_HARDLINK, .target = b},
        {.path = d, .kind = MR_KIND_HARDLINK, .target = dotted},
        {.path = b, .kind = MR_KIND_FILE, .link_count = 1}, /* in the place of the link */
        {.path = c, .kind = MR_KIND_HARDLINK, .target = d},
    };
    uint32_t shards[6];
    for (uint32_t count = 1; count < 40; count++) {
        place_all("in", entries, 6, count, shards);
        for (unsigned i = 0; i < 6; i++)
            ck_assert_uint_eq(shards[i], shard_of("in/a", count));
    }
}
END_TEST

Suite *shard_suite(void)
{
    Suite *suite = suite_create("shard");
    TCase *tests = tcase_create("shard");
    tcase_add_test(tests, falls_where_it_always_fell);
    tcase_add_test(tests, spreads_names_evenly);
    tcase_add_test(tests, reads_what_is_a_shard);
    tcase_add_test(tests, goes_by_the_plain_name_below_its_prefix);
    tcase_add_test(tests, keeps_the_names_of_a_file_together);
    tcase_add_test(tests, keeps_links_of_archives_with_their_file);
    suite_add_tcase(suite, tests);
    return suite;
}
