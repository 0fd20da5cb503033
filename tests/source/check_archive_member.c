/* Archives whose members are odd: late links, holes, encryption, names and headers that are
 * damaged. */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#include "source/archive_member.h"
#include "source/sources.h"
#include "support/archives.h"

Suite *archive_member_suite(void);

#define CAP_BYTES ((size_t)1 << 20)

static struct archives_list found;
static struct mr_error err;
static unsigned char bytes[CAP_BYTES];
static size_t used;

static void tear_down(void)
{
    archives_clear(&found);
}

static enum mr_status read_found(void)
{
    struct mr_source *source;
    ck_assert_ok(
        archive_source_create(archives_file(bytes, used), "label", NULL, NULL, &source, &err), err);
    enum mr_status status = archives_read(source, &found, 1000, &err);
    source->ops->destroy(source);
    return status;
}

static void add_padded(const void *data, size_t size)
{
    memcpy(bytes + used, data, size);
    used += size;
    while (used % 4)
        bytes[used++] = 0;
}

/* A member of a newc cpio. */
static void add_newc(const char *name, unsigned inode, unsigned links, const char *content)
{
    char header[200];
    int length = snprintf(header, sizeof(header),
                          "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s", inode,
                          0100644, 0, 0, links, 1700000000, (unsigned)strlen(content), 0, 0, 0, 0,
                          (unsigned)strlen(name) + 1, 0, name);
    add_padded(header, (size_t)length + 1);
    add_padded(content, strlen(content));
}

static void check_item(size_t i, const char *path, enum mr_kind kind, const char *what)
{
    ck_assert_uint_gt(found.count, i);
    const struct archives_item *item = &found.items[i];
    ck_assert_str_eq(item->entry.path, path);
    ck_assert_int_eq(item->entry.kind, kind);
    if (kind == MR_KIND_HARDLINK) {
        ck_assert_str_eq(item->entry.target, what);
        return;
    }
    ck_assert_int_eq(item->entry.size_bytes, (int64_t)strlen(what));
    ck_assert(strlen(what) == 0 || memcmp(item->data, what, strlen(what)) == 0);
}

START_TEST(cpio_links_wait_for_their_content)
{
    add_newc("a1", 7, 3, "");
    add_newc("e1", 8, 2, "");
    add_newc("other", 9, 1, "text");
    add_newc("a2", 7, 3, "");
    add_newc("a3", 7, 3, "content");
    add_newc("e2", 8, 2, "");
    add_newc("b1", 10, 2, "first has it");
    add_newc("b2", 10, 2, "");
    add_newc("TRAILER!!!", 0, 1, "");
    ck_assert_ok(read_found(), err);
    ck_assert_uint_eq(found.count, 8);
    check_item(0, "other", MR_KIND_FILE, "text");
    check_item(1, "a3", MR_KIND_FILE, "content");
    check_item(2, "a1", MR_KIND_HARDLINK, "a3");
    check_item(3, "a2", MR_KIND_HARDLINK, "a3");
    check_item(4, "b1", MR_KIND_FILE, "first has it");
    check_item(5, "b2", MR_KIND_HARDLINK, "b1");
    check_item(6, "e1", MR_KIND_FILE, ""); /* never had content */
    check_item(7, "e2", MR_KIND_HARDLINK, "e1");
}
END_TEST

START_TEST(cpio_links_without_their_content_fail)
{
    add_newc("other", 9, 1, "text");
    add_newc("a1", 7, 2, "");
    add_newc("a2", 7, 2, "content");
    used -= 20; /* in the middle of the last header */
    struct mr_source *source;
    struct mr_entry entry = {0};
    ck_assert_ok(
        archive_source_create(archives_file(bytes, used), "label", NULL, NULL, &source, &err), err);
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    mr_entry_clear(&entry);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_DATA);
    ck_assert_ptr_null(entry.path);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_DATA);
    ck_assert_str_eq(entry.path, "a1");
    mr_entry_clear(&entry);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
}
END_TEST

START_TEST(many_cpio_links_are_held_in_bounds)
{
    for (unsigned i = 0; i < 4100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        add_newc(name, 5, 5000, "");
    }
    add_newc("last", 5, 5000, "content");
    add_newc("TRAILER!!!", 0, 1, "");
    ck_assert_ok(read_found(), err);
    ck_assert_uint_eq(found.count, 4101); /* each comes once */
    for (size_t i = 0; i < found.count; i++)
        for (size_t k = i + 1; k < found.count && k < i + 50; k++)
            ck_assert_str_ne(found.items[i].entry.path, found.items[k].entry.path);
}
END_TEST

/* A member by libarchive. prepare changes the entry, may be NULL. */
static void add_member(struct archive *archive, const char *name, size_t size,
                       void (*prepare)(struct archive_entry *entry))
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    if (prepare)
        prepare(entry);
    ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
    unsigned char *text = support_text(1, size);
    ck_assert_int_eq(archive_write_data(archive, text, size), (la_ssize_t)size);
    free(text);
    archive_entry_free(entry);
}

static struct archive *begin(int (*set_format)(struct archive *archive), const char *options)
{
    struct archive *archive = archive_write_new();
    set_format(archive);
    ck_assert_int_eq(archive_write_set_options(archive, options), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_write_set_passphrase(archive, "secret");
    ck_assert_int_eq(archive_write_open_memory(archive, bytes, CAP_BYTES, &used), ARCHIVE_OK);
    return archive;
}

static void end(struct archive *archive)
{
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static void make_sparse(struct archive_entry *entry)
{
    archive_entry_sparse_add_entry(entry, 100000, 5000);
    archive_entry_sparse_add_entry(entry, 200000, 100);
}

START_TEST(holes_are_zeros)
{
    struct archive *archive = begin(archive_write_set_format_pax, "");
    add_member(archive, "sparse", 300000, make_sparse);
    add_member(archive, "next", 10, NULL);
    end(archive);
    ck_assert_uint_lt(used, 20000);
    ck_assert_ok(read_found(), err);
    ck_assert_uint_eq(found.count, 2);
    ck_assert_int_eq(found.items[0].entry.size_bytes, 300000);
    unsigned char *text = support_text(1, 300000);
    for (size_t i = 0; i < 300000; i++) {
        bool is_data = (i >= 100000 && i < 105000) || (i >= 200000 && i < 200100);
        ck_assert_uint_eq(found.items[0].data[i], is_data ? text[i] : 0);
    }
    free(text);
}
END_TEST

START_TEST(encrypted_members_fail_alone)
{
    struct archive *archive = begin(archive_write_set_format_zip,
                                    _i ? "zip:encryption=aes256" : "zip:encryption=zipcrypt");
    add_member(archive, "a", 100, NULL);
    add_member(archive, "b", 100, NULL);
    end(archive);
    struct mr_source *source;
    struct mr_reader *reader;
    ck_assert_ok(
        archive_source_create(archives_file(bytes, used), "label", NULL, NULL, &source, &err), err);
    for (int i = 0; i < 2; i++) {
        struct mr_entry entry = {0};
        ck_assert_ok(source->ops->next(source, &entry, &err), err);
        ck_assert(entry.is_encrypted);
        ck_assert_int_eq(source->ops->open(source, &entry, &reader, &err), MR_E_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "encrypted"));
        mr_entry_clear(&entry);
    }
    struct mr_entry entry = {0};
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
}
END_TEST

/* A zip of three stored members, the second named name. */
static void make_zip(const char *name, void (*prepare)(struct archive_entry *entry))
{
    struct archive *archive = begin(archive_write_set_format_zip, "zip:compression=store");
    add_member(archive, "first", 100, NULL);
    add_member(archive, name, 100, prepare);
    add_member(archive, "last", 100, NULL);
    end(archive);
}

START_TEST(a_wrong_checksum_fails_one_member)
{
    make_zip("second", NULL);
    unsigned char *text = support_text(1, 100);
    unsigned char *first = memmem(bytes, used, text, 100);
    unsigned char *second = memmem(first + 1, used - (size_t)(first + 1 - bytes), text, 100);
    free(text);
    second[50] ^= 1;
    ck_assert_int_eq(read_found(), MR_E_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "its checksum is wrong"));
    ck_assert_uint_eq(found.count, 2);
    ck_assert_str_eq(found.items[0].entry.path, "first");
    ck_assert_str_eq(found.items[1].entry.path, "last");
}
END_TEST

START_TEST(a_name_in_a_wrong_character_set_fails_one_member)
{
    make_zip("sec\xff\xfe", NULL); /* the process runs in the C locale: no flag */
    for (size_t i = 0; i + 10 < used; i++) {
        if (memcmp(bytes + i, "PK\003\004", 4) == 0)
            bytes[i + 7] |= 8; /* now the flag says UTF-8 */
        if (memcmp(bytes + i, "PK\001\002", 4) == 0)
            bytes[i + 9] |= 8;
    }
    struct mr_source *source;
    ck_assert_ok(
        archive_source_create(archives_file(bytes, used), "label", NULL, NULL, &source, &err), err);
    struct mr_entry entry = {0};
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    mr_entry_clear(&entry);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_DATA);
    ck_assert_str_eq(entry.path, "(member 2)");
    mr_entry_clear(&entry);
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_str_eq(entry.path, "last");
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

/* libarchive refuses such sizes of most formats by itself. */
START_TEST(a_size_below_zero_fails_one_member)
{
    struct archive_entry *member = archive_entry_new();
    struct mr_entry entry = {0};
    archive_entry_set_pathname(member, "name");
    archive_entry_set_filetype(member, AE_IFREG);
    archive_entry_set_size(member, -5);
    ck_assert_int_eq(archive_member_read(member, ARCHIVE_FORMAT_TAR, 1, &entry, &err), MR_E_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "its size is negative"));
    ck_assert_str_eq(entry.path, "name");
    mr_entry_clear(&entry);
    archive_entry_free(member);
}
END_TEST

START_TEST(attributes_of_a_pipe_do_not_hide_a_file)
{
    make_zip("second", NULL);
    for (size_t i = 0, nth = 0; i + 46 < used; i++)
        if (memcmp(bytes + i, "PK\001\002", 4) == 0 && ++nth == 2)
            bytes[i + 41] = 0x11; /* the upper half of the mode: a FIFO */
    ck_assert_ok(read_found(), err);
    ck_assert_uint_eq(found.count, 3);
    ck_assert_int_eq(found.items[1].entry.kind, MR_KIND_FILE);
    ck_assert_int_eq(found.items[1].entry.size_bytes, 100);
}
END_TEST

START_TEST(a_damaged_tar_header_is_told_once)
{
    struct archive *archive = begin(archive_write_set_format_ustar, "");
    add_member(archive, "first", 100, NULL);
    add_member(archive, "second", 5000, NULL);
    add_member(archive, "last", 100, NULL);
    end(archive);
    bytes[1024] ^= 1; /* the name of the second: its checksum is wrong now */
    struct mr_source *source;
    ck_assert_ok(
        archive_source_create(archives_file(bytes, used), "label", NULL, NULL, &source, &err), err);
    static const enum mr_status want[] = {MR_OK, MR_E_DATA, MR_OK, MR_DONE, MR_DONE};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        struct mr_entry entry = {0};
        ck_assert_int_eq(source->ops->next(source, &entry, &err), want[i]);
        if (i == 2)
            ck_assert_str_eq(entry.path, "last");
        mr_entry_clear(&entry);
    }
    source->ops->destroy(source);
}
END_TEST

static void make_device(struct archive_entry *entry)
{
    archive_entry_set_filetype(entry, AE_IFCHR);
    archive_entry_set_size(entry, 0);
}

START_TEST(what_else_an_archive_says_comes_as_it_is)
{
    struct archive *archive = begin(archive_write_set_format_ustar, "");
    add_member(archive, "/absolute", 10, NULL);
    add_member(archive, "../up", 10, NULL);
    add_member(archive, "a//b/./c", 10, NULL);
    add_member(archive, "device", 0, make_device);
    end(archive);
    ck_assert_ok(read_found(), err);
    ck_assert_uint_eq(found.count, 4);
    ck_assert_str_eq(found.items[0].entry.path, "/absolute");
    ck_assert_str_eq(found.items[1].entry.path, "../up");
    ck_assert_str_eq(found.items[2].entry.path, "a//b/./c");
    ck_assert_int_eq(found.items[3].entry.kind, MR_KIND_OTHER);
}
END_TEST

Suite *archive_member_suite(void)
{
    Suite *suite = suite_create("archive_member");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, NULL, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, cpio_links_wait_for_their_content);
    tcase_add_test(cases, cpio_links_without_their_content_fail);
    tcase_add_test(cases, many_cpio_links_are_held_in_bounds);
    tcase_add_test(cases, holes_are_zeros);
    tcase_add_loop_test(cases, encrypted_members_fail_alone, 0, 2);
    tcase_add_test(cases, a_wrong_checksum_fails_one_member);
    tcase_add_test(cases, a_name_in_a_wrong_character_set_fails_one_member);
    tcase_add_test(cases, a_size_below_zero_fails_one_member);
    tcase_add_test(cases, attributes_of_a_pipe_do_not_hide_a_file);
    tcase_add_test(cases, a_damaged_tar_header_is_told_once);
    tcase_add_test(cases, what_else_an_archive_says_comes_as_it_is);
    suite_add_tcase(suite, cases);
    return suite;
}
