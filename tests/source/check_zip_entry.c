/* What a central header says of a member: its name, kind, mode, time and owner. */
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "support/unzipping.h"

Suite *zip_entry_suite(void);

/* Reads the zip with that one member; the entry, or NULL when it is refused. */
static const struct mr_entry *read_one(const struct zips_member *member)
{
    zips_clear(&unzipping.zip);
    zips_begin(&unzipping.zip, 0);
    zips_add(&unzipping.zip, member);
    zips_end(&unzipping.zip, false, NULL);
    if (unzipping_read() != MR_OK)
        return NULL;
    ck_assert_uint_eq(unzipping.found.count, 1);
    return &unzipping.found.items[0].entry;
}

static void check_name(const struct zips_member *member, const char *path)
{
    const struct mr_entry *entry = read_one(member);
    ck_assert_msg(entry != NULL, "%s: %s", path, unzipping.err.text);
    ck_assert_str_eq(entry->path, path);
}

START_TEST(names_are_bytes)
{
    check_name(&(struct zips_member){.name = "a/b c"}, "a/b c");
    check_name(&(struct zips_member){.name = "\xfc\xff/\x01"}, "\xfc\xff/\x01");
    check_name(&(struct zips_member){.name = "\303\274", .flags = 1 << 11}, "\303\274");
    char name[60001];
    memset(name, 'x', 60000);
    name[60000] = '\0';
    check_name(&(struct zips_member){.name = name}, name);
    check_name(&(struct zips_member){.name = name, .is_zip64 = true}, name);
}
END_TEST

START_TEST(names_that_cannot_be_had_are_refused)
{
    static const struct {
        struct zips_member member;
        const char *path, *text;
    } cases[] = {
        {{.name = "a\0b", .name_bytes = 3}, "(member 1)", "NUL"},
        {{.name = ""}, "(member 1)", "name is missing"},
        {{.name = "\xfc", .flags = 1 << 11}, "(member 1)", "character set"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_source *source;
        struct mr_entry entry = {0};
        zips_clear(&unzipping.zip);
        zips_begin(&unzipping.zip, 0);
        zips_add(&unzipping.zip, &cases[i].member);
        zips_add_text(&unzipping.zip, "last", ZIPS_STORE, "x");
        zips_end(&unzipping.zip, false, NULL);
        ck_assert_ok(unzipping_open(&source), unzipping.err);
        ck_assert_int_eq(source->ops->next(source, &entry, &unzipping.err), MR_E_DATA);
        ck_assert_str_eq(entry.path, cases[i].path);
        ck_assert_ptr_nonnull(strstr(unzipping.err.text, cases[i].text));
        ck_assert_ptr_null(strstr(unzipping.err.text, "label"));
        mr_entry_clear(&entry);
        ck_assert_ok(source->ops->next(source, &entry, &unzipping.err), unzipping.err);
        ck_assert_str_eq(entry.path, "last");
        mr_entry_clear(&entry);
        source->ops->destroy(source);
    }
}
END_TEST

START_TEST(backslashes_separate_on_dos_only)
{
    check_name(&(struct zips_member){.name = "a\\b\\c"}, "a/b/c");
    check_name(&(struct zips_member){.name = "a\\b", .host = 10}, "a/b");
    check_name(&(struct zips_member){.name = "a\\b/c"}, "a\\b/c");
    check_name(&(struct zips_member){.name = "a\\b", .host = ZIPS_UNIX}, "a\\b");
    check_name(&(struct zips_member){.name = "..\\b", .host = ZIPS_UNIX}, "..\\b");
}
END_TEST

/* A field of that id with up to 100 bytes behind whatever else stands in extra. */
static size_t add_field(unsigned char *extra, size_t used, unsigned id, const void *data,
                        size_t bytes)
{
    zips_put16(extra + used, id);
    zips_put16(extra + used + 2, (unsigned)bytes);
    memcpy(extra + used + 4, data, bytes);
    return used + 4 + bytes;
}

START_TEST(the_unicode_path_counts_when_it_belongs_to_the_name)
{
    unsigned char extra[200], field[20] = {1};
    memcpy(field + 5, "\303\274", 2);
    zips_put32(field + 1, (uint32_t)crc32(0, (const Bytef *)"\x81", 1));
    size_t bytes = add_field(extra, 0, 0x1234, "other", 5);
    bytes = add_field(extra, bytes, 0x7075, field, 7);
    struct zips_member member = {.name = "\x81", .extra = extra, .extra_bytes = bytes};
    check_name(&member, "\303\274");
    member.flags = 1 << 11;
    member.name = "u";
    check_name(&member, "u");
    member.flags = 0;
    check_name(&member, "u"); /* its CRC is another name's */
    member.name = "\x81";
    extra[9 + 4] = 2; /* a version that is not known */
    check_name(&member, "\x81");
    extra[9 + 4] = 1;
    extra[bytes++] = 0;
    extra[bytes++] = 0;
    extra[bytes++] = 0; /* some writers align data like this */
    member.extra_bytes = bytes;
    check_name(&member, "\303\274");
    member.extra_bytes = bytes - 4;
    ck_assert_ptr_null(read_one(&member));
    ck_assert_ptr_nonnull(
        strstr(unzipping.err.text,
               "label: damaged or truncated archive: the extra fields of a header are cut"));
}
END_TEST

START_TEST(kinds)
{
    static const struct {
        const char *name;
        unsigned host;
        uint32_t mode, dos;
        const char *data;
        enum mr_kind kind;
    } cases[] = {
        {"a", ZIPS_UNIX, 0100644, 0, "x", MR_KIND_FILE},
        {"a", ZIPS_UNIX, 0644, 0, "x", MR_KIND_FILE},
        {"a", ZIPS_UNIX, 0, 0, "x", MR_KIND_FILE},
        {"a/", ZIPS_UNIX, 0, 0, "", MR_KIND_DIRECTORY},
        {"a/", ZIPS_DOS, 0, 0, "", MR_KIND_DIRECTORY},
        {"a", ZIPS_DOS, 0, 0x10, "", MR_KIND_DIRECTORY},
        {"a", ZIPS_DOS, 0, 0x10, "x", MR_KIND_FILE},
        {"a", ZIPS_UNIX, 040755, 0, "", MR_KIND_DIRECTORY},
        {"a", 19, 040755, 0, "", MR_KIND_DIRECTORY},
        {"a", ZIPS_DOS, 040755, 0, "", MR_KIND_FILE}, /* these bits mean nothing there */
        {"a/", ZIPS_UNIX, 0100644, 0, "", MR_KIND_DIRECTORY},
        {"a/", ZIPS_UNIX, 0100644, 0, "x", MR_KIND_FILE},
        {"a", ZIPS_UNIX, 0100644, 0x10, "", MR_KIND_FILE},
        {"a", ZIPS_UNIX, 0120777, 0, "../x", MR_KIND_SYMLINK},
        {"a", ZIPS_DOS, 0120777, 0, "../x", MR_KIND_FILE},
        {"a", ZIPS_UNIX, 0010644, 0, "x", MR_KIND_FILE}, /* a FIFO with content */
        {"a", ZIPS_UNIX, 0060644, 0, "", MR_KIND_FILE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mr_entry *entry =
            read_one(&(struct zips_member){.name = cases[i].name,
                                           .host = cases[i].host,
                                           .attributes = cases[i].mode << 16 | cases[i].dos,
                                           .data = cases[i].data,
                                           .data_bytes = strlen(cases[i].data)});
        ck_assert_msg(entry != NULL, "case %zu: %s", i, unzipping.err.text);
        ck_assert_msg(entry->kind == cases[i].kind, "case %zu", i);
        bool has_mode = cases[i].mode != 0 && cases[i].host != ZIPS_DOS;
        ck_assert_msg(entry->has_mode == has_mode, "case %zu", i);
        ck_assert_uint_eq(entry->mode, has_mode ? cases[i].mode & 07777 : 0);
        ck_assert_int_eq(entry->has_encoding, cases[i].kind == MR_KIND_FILE);
        if (cases[i].kind == MR_KIND_SYMLINK)
            ck_assert_str_eq(entry->target, cases[i].data);
    }
}
END_TEST

static void check_time(uint32_t dos_time, const void *extra, size_t extra_bytes, int64_t seconds,
                       uint32_t ns)
{
    const struct mr_entry *entry = read_one(&(struct zips_member){
        .name = "a", .dos_time = dos_time, .extra = extra, .extra_bytes = extra_bytes});
    ck_assert_msg(entry != NULL, "%s", unzipping.err.text);
    ck_assert(entry->has_mtime);
    ck_assert_int_eq(entry->mtime_s, seconds);
    ck_assert_uint_eq(entry->mtime_ns, ns);
}

#define DOS_TIME 0x58a638e4u /* 2024-05-06 07:07:08 */

START_TEST(times)
{
    setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
    tzset();
    check_time(DOS_TIME, NULL, 0, 1714993628, 0);    /* 11:07:08 UTC */
    check_time(0x58263904u, NULL, 0, 1704542888, 0); /* 2024-01-06 07:08:08, in winter */
    for (uint32_t hour = 0; hour < 48; hour++) {     /* around both changes of 2024, 10th and 3rd */
        uint32_t day = hour / 24, time = (hour % 24) << 11 | 30 << 5;
        bool is_gap = day == 0 && hour == 2, is_twice = day == 1 && hour == 25;
        uint32_t date = day == 0 ? 44 << 9 | 3 << 5 | 10 : 44 << 9 | 11 << 5 | 3;
        struct tm tm = {.tm_year = 124,
                        .tm_mon = day == 0 ? 2 : 10,
                        .tm_mday = day == 0 ? 10 : 3,
                        .tm_hour = (int)hour % 24,
                        .tm_min = 30,
                        .tm_isdst = -1};
        if (!is_gap && !is_twice)
            check_time(date << 16 | time, NULL, 0, mktime(&tm), 0);
    }
    static const uint32_t wrong[] = {0, 0x58063800, 0x59e63800, 0x58a6c000, 0x58a63f80, 0x58a6001e};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct mr_entry *entry =
            read_one(&(struct zips_member){.name = "a", .dos_time = wrong[i]});
        ck_assert_ptr_nonnull(entry);
        ck_assert_msg(!entry->has_mtime, "case %zu", i);
    }
    unsigned char extra[300], ut[9] = {1}, ntfs[32] = {0}, old[8];
    zips_put32(ut + 1, (uint32_t)-86400);
    size_t bytes = add_field(extra, 0, 0x5455, ut, 5);
    check_time(DOS_TIME, extra, bytes, -86400, 0);
    ut[0] = 2; /* no time of modification */
    bytes = add_field(extra, 0, 0x5455, ut, 5);
    check_time(DOS_TIME, extra, bytes, 1714993628, 0);
    zips_put32(old, 1);
    zips_put32(old + 4, 1600000000);
    bytes = add_field(extra, 0, 0x5855, old, 8);
    check_time(DOS_TIME, extra, bytes, 1600000000, 0);
    zips_put16(ntfs + 4, 1);
    zips_put16(ntfs + 6, 24);
    zips_put64(ntfs + 8, (1700000000u + 11644473600u) * 10000000u + 1234567u);
    bytes = add_field(extra, bytes, 0x000a, ntfs, 32);
    check_time(DOS_TIME, extra, bytes, 1700000000, 123456700);
    ut[0] = 1;
    bytes = add_field(extra, bytes, 0x5455, ut, 5);
    check_time(DOS_TIME, extra, bytes, -86400, 0);
}
END_TEST

START_TEST(owners)
{
    unsigned char extra[100];
    struct zips_member member = {.name = "a", .extra = extra};
    member.extra_bytes =
        add_field(extra, 0, 0x7875, "\001\004\350\003\0\0\004\144\0\0\0", 11); /* 1000, 100 */
    const struct mr_entry *entry = read_one(&member);
    ck_assert(entry && entry->has_owner);
    ck_assert_uint_eq(entry->uid, 1000);
    ck_assert_uint_eq(entry->gid, 100);
    static const struct {
        const char *data;
        size_t bytes;
    } wrong[] = {
        {"\002\001\001\001\001", 5}, {"\001", 1},     {"\001\004\350\003\0\0", 6},
        {"\001\001\001\002\001", 5}, {"\001\0\0", 3}, {"\001\011\1\1\1\1\1\1\1\1\1\1\1", 13}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        member.extra_bytes = add_field(extra, 0, 0x7875, wrong[i].data, wrong[i].bytes);
        entry = read_one(&member);
        ck_assert_msg(entry && !entry->has_owner, "case %zu", i);
    }
}
END_TEST

START_TEST(encrypted_members_have_no_encoding)
{
    static const struct {
        unsigned flags, method;
    } cases[] = {{1, 0}, {1 | 1 << 6, 8}, {1 << 6, 8}, {1, 99}, {1 << 13, 8}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_source *source;
        struct mr_reader *reader;
        struct mr_entry entry = {0};
        zips_clear(&unzipping.zip);
        zips_begin(&unzipping.zip, 0);
        zips_add(&unzipping.zip, &(struct zips_member){.name = "a",
                                                       .flags = cases[i].flags,
                                                       .method = cases[i].method,
                                                       .data = "secret",
                                                       .data_bytes = 6});
        zips_end(&unzipping.zip, false, NULL);
        ck_assert_ok(unzipping_open(&source), unzipping.err);
        ck_assert_ok(source->ops->next(source, &entry, &unzipping.err), unzipping.err);
        ck_assert(entry.is_encrypted && !entry.has_encoding);
        ck_assert_int_eq(source->ops->open(source, &entry, &reader, &unzipping.err),
                         MR_E_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(unzipping.err.text, "encrypted"));
        mr_entry_clear(&entry);
        source->ops->destroy(source);
    }
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused)
{
    zips_add_text(&unzipping.zip, "a", _i ? ZIPS_DEFLATE : ZIPS_STORE, "content");
    zips_add_text(&unzipping.zip, "b", ZIPS_STORE, "more");
    zips_end(&unzipping.zip, false, NULL);
    zips_put32(unzipping.zip.data + unzipping.zip.directory_at + 24, 0x7fffffff);
    zips_put32(unzipping.zip.data + unzipping.zip.local_at[0] + 22, 0x7fffffff);
    unzipping_refused(MR_E_DATA, "sizes do not go together");
    ck_assert_uint_eq(unzipping.found.count, 1);
    unzipping_check_text(0, "b", "more");
}
END_TEST

Suite *zip_entry_suite(void)
{
    Suite *suite = suite_create("zip_entry");
    TCase *tcase = tcase_create("zip_entry");
    tcase_add_checked_fixture(tcase, unzipping_set_up, unzipping_tear_down);
    tcase_add_test(tcase, names_are_bytes);
    tcase_add_test(tcase, names_that_cannot_be_had_are_refused);
    tcase_add_test(tcase, backslashes_separate_on_dos_only);
    tcase_add_test(tcase, the_unicode_path_counts_when_it_belongs_to_the_name);
    tcase_add_test(tcase, kinds);
    tcase_add_test(tcase, times);
    tcase_add_test(tcase, owners);
    tcase_add_test(tcase, encrypted_members_have_no_encoding);
    tcase_add_loop_test(tcase, sizes_that_cannot_be_are_refused, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
