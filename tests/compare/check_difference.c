/* The room as a whole: items through the sink of a manifest, two of them compared. */
#include "compare/difference.h"

#include <stdio.h>

#include "support/support.h"

Suite *difference_suite(void);

static const unsigned char key[SIPHASH_KEY_BYTES] = {1, 2, 3};

static struct manifest *create(bool has_hard_links, const char *nameless)
{
    const struct manifest_config config = {
        .has_hard_links = has_hard_links, .nameless = nameless, .key = key};
    struct manifest *manifest;
    struct mr_error err = {0};
    ck_assert_ok(manifest_create(&config, &manifest, &err), err);
    return manifest;
}

static enum mr_status put(struct manifest *manifest, const struct mr_entry *entry,
                          const void *content, size_t content_bytes, struct mr_error *err)
{
    struct mr_sink *sink = manifest_sink(manifest);
    struct mr_writer *writer;
    enum mr_status status = sink->ops->begin(sink, entry, MR_SIZE_UNKNOWN, &writer, err);
    if (status == MR_OK && content_bytes > 0)
        status = sink->ops->write(sink, writer, content, content_bytes, err);
    return status == MR_OK ? sink->ops->commit(sink, writer, err) : status;
}

static struct mr_entry entry_of(enum mr_kind kind, const char *path, const char *target)
{
    return (struct mr_entry){.kind = kind,
                             .path = (char *)(uintptr_t)path,
                             .target = (char *)(uintptr_t)target,
                             .mode = 0644,
                             .has_mode = true};
}

static void put_entry(struct manifest *manifest, const struct mr_entry *entry)
{
    struct mr_error err = {0};
    ck_assert_ok(put(manifest, entry, NULL, 0, &err), err);
}

/* A file whose content is of that size and hash. */
static void put_file(struct manifest *manifest, const char *path, uint64_t size, uint64_t hash)
{
    const struct mr_entry entry = entry_of(MR_KIND_FILE, path, NULL);
    const struct digest digest = {size, {hash, hash}};
    struct mr_error err = {0};
    ck_assert_ok(put(manifest, &entry, &digest, sizeof(digest), &err), err);
}

static void put_other(struct manifest *manifest, enum mr_kind kind, const char *path,
                      const char *target)
{
    const struct mr_entry entry = entry_of(kind, path, target);
    put_entry(manifest, &entry);
}

static void write_down(void *ctx, const struct difference *difference)
{
    static const char *const words[DIFFERENCE_KINDS] = {
        [DIFFERENCE_ONLY_A] = "a",        [DIFFERENCE_ONLY_B] = "b",
        [DIFFERENCE_TYPE] = "type",       [DIFFERENCE_SIZE] = "size",
        [DIFFERENCE_CONTENT] = "content", [DIFFERENCE_TARGET] = "target",
        [DIFFERENCE_MODE] = "mode",       [DIFFERENCE_MTIME] = "mtime",
        [DIFFERENCE_OWNER] = "owner",     [DIFFERENCE_XATTRS] = "xattrs",
        [DIFFERENCE_UNREAD] = "unread"};
    char *text = ctx;
    size_t used = strlen(text);
    ck_assert((difference->a == NULL) == (difference->kind == DIFFERENCE_ONLY_B));
    ck_assert((difference->b == NULL) == (difference->kind == DIFFERENCE_ONLY_A));
    snprintf(text + used, 1000 - used, "%s:%s ", difference->path, words[difference->kind]);
}

/* Compares them, and ends both. */
static struct difference_counts compare(struct manifest *a, struct manifest *b,
                                        const char *expected)
{
    char text[1000] = "";
    struct difference_counts counts;
    struct mr_error err = {0};
    ck_assert_ok(manifest_sort(a, &err), err);
    ck_assert_ok(manifest_sort(b, &err), err);
    ck_assert_ok(difference_find(a, b, write_down, text, &counts, &err), err);
    ck_assert_str_eq(text, expected);
    manifest_destroy(a);
    manifest_destroy(b);
    return counts;
}

START_TEST(finds_each_difference)
{
    struct manifest *a = create(false, NULL), *b = create(false, NULL);
    put_file(a, "same", 5, 1);
    put_file(b, "same", 5, 1);
    put_file(a, "size", 5, 1);
    put_file(b, "size", 6, 2);
    put_file(a, "content", 5, 1);
    put_file(b, "content", 5, 2);
    put_file(a, "type", 5, 1);
    put_other(b, MR_KIND_SYMLINK, "type", "same");
    put_other(a, MR_KIND_SYMLINK, "link", "same");
    put_other(b, MR_KIND_SYMLINK, "link", "size");
    put_file(a, "x", 1, 1);
    put_file(b, "y", 1, 1);
    struct difference_counts counts =
        compare(a, b, "content:content link:target size:size type:type x:a y:b ");
    ck_assert_uint_eq(counts.a, 6);
    ck_assert_uint_eq(counts.b, 6);
    ck_assert_uint_eq(counts.differing, 4);
    ck_assert_uint_eq(counts.only_a, 1);
    ck_assert_uint_eq(counts.only_b, 1);
    ck_assert_uint_eq(counts.unread, 0);
}
END_TEST

START_TEST(compares_the_metadata_that_both_have)
{
    struct manifest *a = create(false, NULL), *b = create(false, NULL);
    struct mr_xattr one[] = {{(char *)(uintptr_t) "user.a", (char *)(uintptr_t) "1", 1},
                             {(char *)(uintptr_t) "user.b", NULL, 0}};
    struct mr_xattr turned[] = {one[1], one[0]};
    struct mr_entry entry = entry_of(MR_KIND_DIRECTORY, "all", NULL);
    entry.has_mtime = entry.has_owner = true;
    entry.mtime_s = 100;
    entry.mtime_ns = 5;
    entry.xattrs = one;
    entry.xattr_count = 2;
    put_entry(a, &entry);
    entry.path = (char *)(uintptr_t) "same";
    put_entry(a, &entry);
    entry.mtime_ns = 0; /* a whole second: no more was known */
    entry.xattrs = turned;
    put_entry(b, &entry);
    entry.path = (char *)(uintptr_t) "all";
    entry.mtime_ns = 6;
    entry.gid = 7;
    entry.mode = 0600;
    entry.xattr_count = 1;
    put_entry(b, &entry);
    entry = entry_of(MR_KIND_DIRECTORY, "none", NULL);
    put_entry(a, &entry);
    entry.has_mode = false;
    entry.mode = 0;
    entry.has_mtime = entry.has_owner = true;
    entry.uid = 1;
    put_entry(b, &entry);
    put_other(a, MR_KIND_SYMLINK, "symlink", "x"); /* which have no modes */
    entry = entry_of(MR_KIND_SYMLINK, "symlink", "x");
    entry.mode = 0777;
    put_entry(b, &entry);
    struct difference_counts counts = compare(a, b, "all:mode all:mtime all:owner all:xattrs ");
    ck_assert_uint_eq(counts.differing, 1);
}
END_TEST

START_TEST(does_without_directories)
{
    struct manifest *a = create(false, NULL), *b = create(false, NULL);
    put_other(a, MR_KIND_DIRECTORY, "dir", NULL);
    put_other(a, MR_KIND_DIRECTORY, "dir/sub", NULL);
    put_file(a, "dir/sub/x", 1, 1);
    put_other(a, MR_KIND_DIRECTORY, "empty", NULL);
    put_file(b, "dir-1", 1, 1); /* '-' is less than '/' */
    put_file(b, "dir/sub/x", 1, 1);
    put_file(b, "emptyx", 1, 1);
    struct difference_counts counts = compare(a, b, "dir-1:b empty:a emptyx:b ");
    ck_assert_uint_eq(counts.only_a, 1);
    ck_assert_uint_eq(counts.only_b, 2);
}
END_TEST

START_TEST(takes_the_last_of_a_name)
{
    struct manifest *a = create(true, NULL), *b = create(true, NULL);
    for (uint64_t i = 0; i < 300; i++)
        put_file(a, "x", 1, i);
    put_file(b, "x", 1, 299);
    put_file(b, "y", 1, 7);
    put_file(b, "y", 1, 1);
    put_file(a, "y", 1, 1);
    struct difference_counts counts = compare(a, b, "");
    ck_assert_uint_eq(counts.a, 2);
}
END_TEST

START_TEST(takes_hard_links_for_files)
{
    struct manifest *a = create(true, NULL), *b = create(false, NULL);
    struct mr_error err = {0};
    put_file(a, "one", 3, 33);
    put_other(a, MR_KIND_HARDLINK, "two", "one");
    put_other(a, MR_KIND_HARDLINK, "three", "two");
    put_file(a, "one", 4, 44); /* the links stay what they were */
    put_other(a, MR_KIND_HARDLINK, "four", "one");
    const struct mr_entry nowhere = entry_of(MR_KIND_HARDLINK, "five", "none");
    ck_assert_int_eq(put(a, &nowhere, NULL, 0, &err), MR_E_DATA);
    ck_assert_int_eq(put(b, &nowhere, NULL, 0, &err), MR_E_UNSUPPORTED);
    put_file(b, "four", 4, 44);
    put_file(b, "one", 4, 44);
    put_file(b, "three", 3, 33);
    put_file(b, "two", 3, 34);
    compare(a, b, "two:content ");
}
END_TEST

START_TEST(knows_what_could_not_be_read)
{
    struct manifest *a = create(false, NULL), *b = create(false, NULL);
    put_file(a, "bad", 1, 1);
    put_file(b, "bad", 1, 1);
    put_file(b, "worse", 1, 1);
    manifest_note_failure(a, "bad");
    manifest_note_failure(a, "worse");
    manifest_note_failure(a, "worst");
    struct difference_counts counts = compare(a, b, "bad:unread worse:unread worst:a ");
    ck_assert_uint_eq(counts.unread, 3);
    ck_assert_uint_eq(counts.differing, 0);
}
END_TEST

START_TEST(takes_no_other_content_than_digests)
{
    struct manifest *manifest = create(false, NULL);
    const struct mr_entry entry = entry_of(MR_KIND_FILE, "x", NULL);
    static const char bytes[sizeof(struct digest) + 1];
    struct mr_error err = {0};
    ck_assert_int_eq(put(manifest, &entry, bytes, sizeof(bytes), &err), MR_E_STEP);
    ck_assert_int_eq(put(manifest, &entry, bytes, sizeof(bytes) - 2, &err), MR_E_STEP);
    manifest_destroy(manifest);
    manifest_destroy(NULL);
}
END_TEST

START_TEST(compares_single_files_whatever_their_names)
{
    struct manifest *a = create(false, "one"), *b = create(false, "two");
    put_file(a, "one", 1, 1);
    put_file(b, "two", 1, 2);
    compare(a, b, ":content ");
}
END_TEST

/* The digest of content that comes in pieces, with so much room for what comes out. */
static struct digest digest_of(const char *content, size_t piece_bytes, size_t room_bytes)
{
    struct chain *chain;
    struct chain_state *state;
    struct mr_error err = {0};
    struct mr_entry entry = entry_of(MR_KIND_FILE, "x", NULL);
    ck_assert_ok(chain_create(&chain, &err), err);
    ck_assert_ok(digest_add_to(chain, key, &err), err);
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    ck_assert_ok(chain_start(state, &entry, &err), err);
    struct digest digest;
    unsigned char *at = (unsigned char *)&digest, *end = at + sizeof(digest);
    size_t left = strlen(content);
    enum mr_status status = MR_OK;
    while (status == MR_OK) {
        size_t bytes = left < piece_bytes ? left : piece_bytes;
        struct mr_io io = {.in = (const unsigned char *)content,
                           .in_bytes = bytes,
                           .is_last = bytes == left,
                           .out = at,
                           .out_bytes =
                               room_bytes < (size_t)(end - at) ? room_bytes : (size_t)(end - at)};
        status = chain_process(state, &io, &err);
        left -= bytes - io.in_bytes;
        content += bytes - io.in_bytes;
        at = io.out;
    }
    ck_assert_int_eq(status, MR_DONE);
    ck_assert(at == end);
    chain_state_destroy(state);
    chain_destroy(chain);
    return digest;
}

START_TEST(digests_content_however_it_is_cut)
{
    static const char content[] = "what is compared is the content, not how it came";
    struct digest whole = digest_of(content, sizeof(content), sizeof(whole));
    ck_assert_uint_eq(whole.size_bytes, strlen(content));
    for (size_t piece = 1; piece < 20; piece++) {
        struct digest cut = digest_of(content, piece, 1 + piece % 5);
        ck_assert(memcmp(&cut, &whole, sizeof(cut)) == 0);
    }
    struct digest empty = digest_of("", 1, 1), other = digest_of("x", 1, 1);
    ck_assert_uint_eq(empty.size_bytes, 0);
    ck_assert(empty.hash[0] != other.hash[0] && empty.hash[1] != other.hash[1]);
}
END_TEST

Suite *difference_suite(void)
{
    Suite *suite = suite_create("difference");
    TCase *tests = tcase_create("difference");
    tcase_add_test(tests, finds_each_difference);
    tcase_add_test(tests, compares_the_metadata_that_both_have);
    tcase_add_test(tests, does_without_directories);
    tcase_add_test(tests, takes_the_last_of_a_name);
    tcase_add_test(tests, takes_hard_links_for_files);
    tcase_add_test(tests, knows_what_could_not_be_read);
    tcase_add_test(tests, takes_no_other_content_than_digests);
    tcase_add_test(tests, compares_single_files_whatever_their_names);
    tcase_add_test(tests, digests_content_however_it_is_cut);
    suite_add_tcase(suite, tests);
    return suite;
}
