/* Archives written by the sink and read back by the source, and what the sink refuses. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/sinks.h"
#include "source/sources.h"
#include "support/archives.h"

Suite *archive_sink_suite(void);

static char *directory;
static struct archives_list made, found;
static struct mr_error err;

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    directory = support_temp_directory();
}

static void tear_down(void)
{
    archives_clear(&made);
    archives_clear(&found);
    support_remove(directory);
}

static const char *path_of(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static enum mr_status create(const char *name, const char *format, const char *settings, int level,
                             struct mr_sink **sink)
{
    struct archive_sink_config config = {.format = format, .settings = settings, .level = level};
    return archive_sink_create(strcmp(name, "-") == 0 ? name : path_of(name), &config, sink, &err);
}

/* Writes made to name. */
static void pack(const char *name, const char *format, const char *settings, size_t piece_bytes)
{
    struct mr_sink *sink;
    ck_assert_ok(create(name, format, settings, -1, &sink), err);
    ck_assert_ok(archives_write(sink, &made, piece_bytes, &err), err);
    sink->ops->destroy(sink);
}

/* Reads name into found. */
static enum mr_status unpack(const char *name, const char *format, size_t piece_bytes)
{
    struct mr_source *source;
    int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    enum mr_status status = archive_source_create(fd, name, format, NULL, &source, &err);
    if (status != MR_OK)
        return status;
    archives_clear(&found);
    status = archives_read(source, &found, piece_bytes, &err);
    source->ops->destroy(source);
    return status;
}

static char *long_path(void)
{
    static char path[401];
    memset(path, 'd', sizeof(path) - 1);
    for (size_t i = 99; i < sizeof(path) - 1; i += 100)
        path[i] = '/';
    path[sizeof(path) - 2] = 'x';
    return path;
}

static void add_usual(void)
{
    archives_add(&made, MR_KIND_DIRECTORY, "dir", 0)->mode = 0700;
    archives_add(&made, MR_KIND_FILE, "dir/a name with spaces.txt", 5);
    archives_add(&made, MR_KIND_FILE, "dir/\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8a.txt", 1)->mode =
        0600;
    archives_add(&made, MR_KIND_FILE, "dir/empty", 0);
    archives_add(&made, MR_KIND_FILE, "dir/big", 300 << 10)->mode = 0755;
    char name[120];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    archives_add(&made, MR_KIND_FILE, name, 511)->mtime_s = 1;
    archives_add(&made, MR_KIND_FILE, long_path(), 513)->mtime_ns = 123456789;
    mr_entry_set_target(archives_add(&made, MR_KIND_SYMLINK, "link", 0), "dir/big");
    mr_entry_set_target(archives_add(&made, MR_KIND_SYMLINK, "dir/\xc3\xa4", 0),
                        "../nowhere \xc3\xb6");
    archives_add(&made, MR_KIND_FILE, "block", 512);
}

static void check_same(size_t i, bool has_ns)
{
    const struct mr_entry *want = &made.items[i].entry;
    const struct archives_item *item = archives_find(&found, want->path);
    ck_assert_msg(item != NULL, "%s is missing", want->path);
    const struct mr_entry *have = &item->entry;
    ck_assert_msg(have->kind == want->kind, "%s has kind %d", want->path, have->kind);
    ck_assert_msg(have->has_mode && have->mode == want->mode, "%s has mode %o", want->path,
                  have->mode);
    ck_assert_msg(have->has_mtime && have->mtime_s == want->mtime_s, "%s has time %lld", want->path,
                  (long long)have->mtime_s);
    if (has_ns)
        ck_assert_uint_eq(have->mtime_ns, want->mtime_ns);
    if (want->target)
        ck_assert_str_eq(have->target, want->target);
    if (want->kind != MR_KIND_FILE)
        return;
    ck_assert_int_eq(have->size_bytes, want->size_bytes);
    ck_assert_msg(want->size_bytes == 0 ||
                      memcmp(item->data, made.items[i].data, (size_t)want->size_bytes) == 0,
                  "%s has other bytes", want->path);
}

static void check_all(bool has_ns)
{
    ck_assert_uint_eq(found.count, made.count);
    for (size_t i = 0; i < made.count; i++)
        check_same(i, has_ns);
}

START_TEST(every_format_gives_back_what_it_got)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    add_usual();
    pack("archive", output->name, NULL, 4096);
    ck_assert_ok(unpack("archive", NULL, 1000), err);
    check_all(output->has_hardlinks); /* the tar family */
    pack("again", output->name, NULL, 100000);
    size_t first_bytes, second_bytes;
    char *first = support_read_file(directory, "archive", &first_bytes);
    char *second = support_read_file(directory, "again", &second_bytes);
    ck_assert_uint_eq(first_bytes, second_bytes);
    ck_assert_mem_eq(first, second, first_bytes);
    free(first);
    free(second);
}
END_TEST

Suite *archive_sink_suite(void)
{
    Suite *suite = suite_create("archive_sink");
    TCase *cases = tcase_create("all");
    int output_count = 0;
    while (archive_output_at((size_t)output_count))
        output_count++;
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, every_format_gives_back_what_it_got, 0, output_count);
    suite_add_tcase(suite, cases);
    return suite;
}
