/*
 * Every prefix and every single changed bit of small archives: none is read without an error and
 * yet with missing or other bytes. A part of them each time; all with
 *
 *     MR_SWEEP=all build/tests/check_damage
 *
 * Not protected by their formats, and so not expected: the payload of tar and cpio, headers of
 * cpio, times, modes and kinds in the directory of zip.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "source/sources.h"
#include "support/packing.h"
#include "support/zips.h"

Suite *damage_suite(void);

#define STRIDE          23 /* one of so many is tried */
#define TAR_BLOCK_BYTES 512

static const struct kind {
    const char *name;
    bool is_there;
    bool has_checksums; /* of content */
    bool has_header_sums;
} kinds[] = {
    {"a.zip", true, true, true},
    {"a.tar", true, false, true},
    {"a.tar.gz", true, true, true},
    {"a.tar.zst", MR_HAVE_ZSTD, true, true},
    {"a.tar.xz", MR_HAVE_LZMA, true, true},
    {"a.7z", MR_HAVE_LZMA, true, true},
    {"a.cpio", true, false, false},
};
#define KIND_COUNT ((int)(sizeof(kinds) / sizeof(kinds[0])))

struct tally {
    const struct kind *kind;
    unsigned char *data;
    size_t bytes;
    uint64_t tried, fine; /* fine: read without an error, and right */
};

static void make_zip(struct tally *tally)
{
    struct zips zip = {0};
    zips_begin(&zip, 0);
    for (size_t i = 0; i < packing.made.count; i++) {
        const struct archives_item *item = &packing.made.items[i];
        zips_add(&zip, &(struct zips_member){.name = item->entry.path,
                                             .data = item->data,
                                             .data_bytes = (size_t)item->entry.size_bytes,
                                             .method = i % 2 ? ZIPS_DEFLATE : ZIPS_STORE,
                                             .is_streamed = i == 1,
                                             .host = ZIPS_UNIX,
                                             .attributes = 0100644u << 16});
    }
    zips_end(&zip, false, NULL);
    tally->data = zip.data;
    tally->bytes = zip.bytes;
    zip.data = NULL;
    zips_clear(&zip);
}

static void make(struct tally *tally)
{
    archives_add(&packing.made, MR_KIND_FILE, "first", 60);
    archives_add(&packing.made, MR_KIND_FILE, "dir/second", 700);
    archives_add(&packing.made, MR_KIND_FILE, "last", 1);
    if (strcmp(tally->kind->name, "a.zip") == 0) {
        make_zip(tally);
        return;
    }
    packing_write(tally->kind->name, tally->kind->name + strlen("a."), NULL, 4096);
    tally->data =
        (unsigned char *)support_read_file(packing.directory, tally->kind->name, &tally->bytes);
}

static enum mr_status read_damaged(const struct tally *tally, size_t bytes)
{
    static const struct archive_options options = {.is_in_process = true};
    struct mr_source *source;
    archives_clear(&packing.found);
    int fd = archives_file(tally->data, bytes);
    enum mr_status status = archive_source_create_within(fd, tally->kind->name, NULL, &options,
                                                         NULL, &source, &packing.err);
    if (status != MR_OK) {
        ck_assert_int_ne(status, MR_E_UNSUPPORTED); /* a plain file would be made of it */
        return status;
    }
    status = archives_read(source, &packing.found, 4096, &packing.err);
    source->ops->destroy(source);
    return status;
}

/* Is what was read what was packed? */
static bool is_right(const struct tally *tally)
{
    if (packing.found.count != packing.made.count)
        return false;
    for (size_t i = 0; i < packing.made.count; i++) {
        const struct archives_item *made = &packing.made.items[i];
        const struct archives_item *found = archives_find(&packing.found, made->entry.path);
        size_t bytes = (size_t)made->entry.size_bytes;
        if (!found)
            return false;
        if (found->entry.kind == MR_KIND_SYMLINK) { /* of zip: its target is the content */
            if (strlen(found->entry.target) != bytes ||
                memcmp(found->entry.target, made->data, bytes) != 0)
                return false;
            continue;
        }
        if (found->entry.size_bytes != made->entry.size_bytes ||
            (tally->kind->has_checksums && memcmp(found->data, made->data, bytes) != 0))
            return false;
    }
    return true;
}

static void try_it(struct tally *tally, size_t bytes, const char *what, size_t at)
{
    tally->tried++;
    if (read_damaged(tally, bytes) != MR_OK)
        return;
    ck_assert_msg(is_right(tally), "%s, %s %zu: read without an error, and not right",
                  tally->kind->name, what, at);
    tally->fine++;
}

START_TEST(no_damage_goes_unnoticed)
{
    struct tally tally = {.kind = &kinds[_i]};
    size_t stride = getenv("MR_SWEEP") ? 1 : STRIDE;
    if (!tally.kind->is_there)
        return;
    make(&tally);
    ck_assert_ok(read_damaged(&tally, tally.bytes), packing.err);
    ck_assert(is_right(&tally));
    for (size_t bytes = 0; bytes < tally.bytes; bytes++)
        if (bytes % stride == 0 || bytes % TAR_BLOCK_BYTES == 0) /* between two members of a tar */
            try_it(&tally, bytes, "prefix", bytes);
    uint64_t prefix_fine = tally.fine;
    for (size_t bit = 0; tally.kind->has_header_sums && bit < 8 * tally.bytes; bit += stride) {
        tally.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        try_it(&tally, tally.bytes, "bit", bit);
        tally.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    if (getenv("MR_SWEEP"))
        printf("%s: %zu bytes, %llu tried, %llu read all the same (prefixes: %llu)\n",
               tally.kind->name, tally.bytes, (unsigned long long)tally.tried,
               (unsigned long long)tally.fine, (unsigned long long)prefix_fine);
    free(tally.data);
}
END_TEST

Suite *damage_suite(void)
{
    Suite *suite = suite_create("damage");
    TCase *tcase = tcase_create("damage");
    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, packing_set_up, packing_tear_down);
    tcase_add_loop_test(tcase, no_damage_goes_unnoticed, 0, KIND_COUNT);
    suite_add_tcase(suite, tcase);
    return suite;
}
