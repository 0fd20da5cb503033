/* Headers of tar archives: those that are made here are those that libarchive makes. */
#include <archive.h>

#include "base/locale.h"
#include "sink/archive_header.h"
#include "sink/tar_header.h"
#include "support/packing.h"

Suite *tar_header_suite(void);

/* What libarchive has written. */
static struct {
    unsigned char data[4 << 20];
    size_t bytes;
} written;

static struct archive *archive;
static struct archive_entry *member;
static const struct archive_ability *ability;

static la_ssize_t on_write(struct archive *from, void *ctx, const void *data, size_t size_bytes)
{
    (void)from;
    (void)ctx;
    ck_assert_uint_le(size_bytes, sizeof(written.data) - written.bytes);
    memcpy(written.data + written.bytes, data, size_bytes);
    written.bytes += size_bytes;
    return (la_ssize_t)size_bytes;
}

static void open_archive(void)
{
    const struct block_codec *codec;
    int level = -1;
    archive = archive_write_new();
    member = archive_entry_new();
    ck_assert_ok(archive_outputs_prepare(archive, archive_output_find("tar"), NULL, &level,
                                         &ability, &codec, &packing.err),
                 packing.err);
    archive_write_set_bytes_per_block(archive, 0);
    ck_assert_int_eq(archive_write_open(archive, NULL, NULL, on_write, NULL), ARCHIVE_OK);
    written.bytes = 0;
}

static void close_archive(void)
{
    archive_write_close(archive);
    archive_write_free(archive);
    archive_entry_free(member);
}

static void put_header(const struct mr_entry *entry, int64_t size_bytes, bool has_owner)
{
    struct archive_losses losses = {0};
    archive_header_fill(member, entry, size_bytes, has_owner, ability, &losses);
    ck_assert_int_ge(archive_write_header(archive, member), ARCHIVE_WARN);
}

/* Is the header of such an item made here? Then it is the same. */
static bool is_made(const struct mr_entry *entry, int64_t size_bytes)
{
    unsigned char header[TAR_HEADER_MOST_BYTES];
    memset(header, 'x', sizeof(header));
    size_t bytes = tar_header_make(entry, size_bytes, entry->has_owner, header);
    if (bytes == 0)
        return false;
    open_archive();
    put_header(entry, size_bytes, entry->has_owner);
    ck_assert_msg(bytes == written.bytes && memcmp(header, written.data, bytes) == 0,
                  "%s with time %lld.%09u has another header", entry->path,
                  (long long)entry->mtime_s, (unsigned)entry->mtime_ns);
    archive_write_fail(archive); /* else it would write the content */
    close_archive();
    return true;
}

static struct mr_entry sample(char *path)
{
    return (struct mr_entry){
        .path = path,
        .kind = MR_KIND_FILE,
        .has_mode = true,
        .mode = 0640,
        .has_mtime = true,
        .mtime_s = 1234567890,
    };
}

/* A name of that length with a '/' at every step-th byte. */
static char *name_of(size_t length, size_t step, const char *end)
{
    static char name[400];
    for (size_t i = 0; i < length; i++)
        name[i] = i % step == step - 1 ? '/' : (char)('a' + i % 26);
    name[length] = '\0';
    size_t end_bytes = strlen(end);
    if (end_bytes < length)
        memcpy(name + length - end_bytes, end, end_bytes);
    return name;
}

static void check_name(char *name, bool is_made_whole, bool is_made_with_fraction)
{
    struct mr_entry entry = sample(name);
    ck_assert_int_eq(is_made(&entry, 5), is_made_whole);
    entry.kind = MR_KIND_DIRECTORY;
    ck_assert_int_eq(is_made(&entry, 0), is_made_whole);
    entry.mtime_ns = 123456789;
    ck_assert_int_eq(is_made(&entry, 0), is_made_with_fraction);
    entry.kind = MR_KIND_FILE;
    ck_assert_int_eq(is_made(&entry, 5), is_made_with_fraction);
}

START_TEST(names_of_all_lengths_are_the_same)
{
    static const char *const ends[] = {"", "/", "//", "/.", ".", "/./", "/..", "/x"};
    static const size_t steps[] = {2, 3, 10, 50, 99, 1000};
    size_t length = (size_t)_i;
    for (size_t end = 0; end < sizeof(ends) / sizeof(ends[0]); end++)
        for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
            char *name = name_of(length, steps[step], ends[end]);
            bool ends_simply = name[length - 1] != '/' && name[length - 1] != '.';
            check_name(name, length <= 99, length <= 80 && ends_simply);
        }
    if (length > 2)
        check_name(name_of(length, 10, "\xc3\xa4"), false, false);
    check_name(name_of(length, 10, "\xff"), length == 1, length == 1);
}
END_TEST

START_TEST(targets_of_all_lengths_are_the_same)
{
    struct mr_entry entry = sample("link");
    entry.target = name_of((size_t)_i, 40, "");
    bool fits = _i >= 1 && _i <= 100;
    entry.kind = MR_KIND_SYMLINK;
    ck_assert_int_eq(is_made(&entry, 0), fits);
    entry.mtime_ns = 500000000;
    ck_assert_int_eq(is_made(&entry, 0), fits);
    entry.kind = MR_KIND_HARDLINK;
    ck_assert_int_eq(is_made(&entry, 0), fits);
    entry.has_mode = entry.has_mtime = false;
    ck_assert_int_eq(is_made(&entry, 0), fits);
    entry.target = "\xc3\xa4";
    ck_assert(!is_made(&entry, 0));
}
END_TEST

START_TEST(times_are_the_same)
{
    static const uint32_t fractions[] = {0,         1,         10,        999999999, 100000000,
                                         120000000, 123456789, 123456780, 1000,      900000009};
    static const struct {
        int64_t seconds;
        bool is_made;
    } cases[] = {
        {0, true},
        {1, true},
        {7, true},
        {59, true},
        {1700000000, true},
        {0x7ffffffe, true},
        {0x7fffffff, false},
        {0x80000000, false},
        {077777777777, false},
        {0100000000000, false},
        {INT64_MAX, false},
        {-1, false},
        {INT64_MIN, false},
    };
    static const enum mr_kind kinds[] = {MR_KIND_FILE, MR_KIND_DIRECTORY};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 20; i++) {
        struct mr_entry entry = sample("some/where");
        entry.kind = kinds[i % 2];
        entry.mtime_s = cases[i / 20].seconds;
        entry.mtime_ns = fractions[i / 2 % 10];
        entry.mode = 07777;
        ck_assert_int_eq(is_made(&entry, 0), cases[i / 20].is_made);
        entry.has_mtime = false;
        ck_assert(is_made(&entry, 0));
    }
}
END_TEST

START_TEST(sizes_and_modes_are_the_same)
{
    static const int64_t sizes[] = {0, 1, 511, 512, 513, INT64_C(1) << 32, (INT64_C(1) << 33) - 1};
    struct mr_entry entry = sample("file");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        ck_assert(is_made(&entry, sizes[i]));
    ck_assert(!is_made(&entry, INT64_C(1) << 33));
    ck_assert(!is_made(&entry, INT64_MAX));
    for (uint32_t mode = 0; mode < 020000; mode += 07) {
        entry.mode = mode;
        entry.mtime_ns = mode;
        ck_assert(is_made(&entry, 1));
    }
    entry.has_mode = false;
    ck_assert(is_made(&entry, 1));
}
END_TEST

START_TEST(owners_are_the_same)
{
    static const uint64_t ids[] = {0,       1,       1000,       (1 << 18) - 1, 1 << 18,
                                   2097151, 2097152, UINT32_MAX, UINT64_MAX};
    struct mr_entry entry = sample("a/file");
    entry.has_owner = true;
    for (size_t i = 0; i < 2 * sizeof(ids) / sizeof(ids[0]); i++) {
        entry.uid = i % 2 ? 5 : ids[i / 2];
        entry.gid = i % 2 ? ids[i / 2] : 7;
        entry.mtime_ns = i / 2 % 2 ? 1 : 0;
        ck_assert_int_eq(is_made(&entry, 1), ids[i / 2] < 1 << 18);
    }
    entry.gid = 8;
    for (size_t length = 0; length < 40; length++) {
        entry.uname = entry.gname = NULL;
        *(length % 2 ? &entry.uname : &entry.gname) = name_of(length, 1000, "");
        ck_assert_int_eq(is_made(&entry, 1), length <= 31);
    }
    entry.uname = NULL;
    entry.gname = "\xc3\xa4";
    ck_assert(!is_made(&entry, 1));
    struct mr_xattr xattr = {"user.note", "x", 1};
    entry.gname = "users";
    ck_assert(is_made(&entry, 1));
    entry.xattrs = &xattr;
    entry.xattr_count = 1;
    ck_assert(!is_made(&entry, 1));
}
END_TEST

/* Of items that need little and items that need more, in turns. */
static void add_mixed(void)
{
    packing_add_usual();
    for (size_t i = 1; i < 300; i++) {
        struct mr_entry *entry =
            archives_add(&packing.made, i % 7 ? MR_KIND_FILE : MR_KIND_DIRECTORY,
                         name_of(i, i % 5 ? 30 : 200, i % 11 ? "z" : "\xff"),
                         i % 7 ? (int64_t)(i * 37 % 1500) : 0);
        entry->mtime_ns = i % 3 ? 0 : (uint32_t)i * 1000;
        entry->mtime_s = i % 13 ? (int64_t)i : -(int64_t)i;
        entry->has_owner = i % 2;
        entry->uid = i % 17 ? i : 3000000;
        if (i % 4 == 1)
            entry->uname = strdup(name_of(i % 45, 100, ""));
    }
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_HARDLINK, "hard", 0), "dir/big");
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_HARDLINK, "hard as well", 0),
                        name_of(150, 50, ""));
}

START_TEST(the_archive_is_that_of_libarchive)
{
    add_mixed();
    open_archive();
    for (size_t i = 0; i < packing.made.count; i++) {
        const struct archives_item *item = &packing.made.items[i];
        bool is_file = item->entry.kind == MR_KIND_FILE;
        size_t bytes = is_file ? (size_t)item->entry.size_bytes : 0;
        put_header(&item->entry, (int64_t)bytes, item->entry.has_owner);
        ck_assert_int_eq(archive_write_data(archive, item->data, bytes), (la_ssize_t)bytes);
        ck_assert_int_eq(archive_write_finish_entry(archive), ARCHIVE_OK);
    }
    close_archive();
    packing_write("archive", "tar", NULL, 1000);
    size_t bytes;
    char *data = support_read_file(packing.directory, "archive", &bytes);
    ck_assert_uint_eq(bytes, written.bytes);
    ck_assert_mem_eq(data, written.data, bytes);
    free(data);
}
END_TEST

static locale_t utf8, before;

static void set_up(void)
{
    packing_set_up();
    ck_assert_ok(locale_create(&utf8, &packing.err), packing.err);
    before = locale_enter(utf8);
}

static void tear_down(void)
{
    locale_leave(before);
    locale_destroy(utf8);
    packing_tear_down();
}

Suite *tar_header_suite(void)
{
    Suite *suite = suite_create("tar_header");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, names_of_all_lengths_are_the_same, 1, 261);
    tcase_add_loop_test(cases, targets_of_all_lengths_are_the_same, 0, 130);
    tcase_add_test(cases, times_are_the_same);
    tcase_add_test(cases, sizes_and_modes_are_the_same);
    tcase_add_test(cases, owners_are_the_same);
    tcase_add_test(cases, the_archive_is_that_of_libarchive);
    suite_add_tcase(suite, cases);
    return suite;
}
