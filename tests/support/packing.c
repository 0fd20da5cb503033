#include "support/packing.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "source/sources.h"

struct packing packing;

void packing_set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    packing.directory = support_temp_directory();
}

void packing_tear_down(void)
{
    archives_clear(&packing.made);
    archives_clear(&packing.found);
    support_remove(packing.directory);
}

const char *packing_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", packing.directory, name);
    return path;
}

enum mr_status packing_create(const char *name, const char *format, const char *settings, int level,
                              struct mr_sink **sink)
{
    struct archive_sink_config config = {.format = format, .settings = settings, .level = level};
    return archive_sink_create(strcmp(name, "-") == 0 ? name : packing_path(name), &config, sink,
                               &packing.err);
}

void packing_write(const char *name, const char *format, const char *settings, size_t piece_bytes)
{
    struct mr_sink *sink;
    ck_assert_ok(packing_create(name, format, settings, -1, &sink), packing.err);
    ck_assert_ok(archives_write(sink, &packing.made, piece_bytes, &packing.err), packing.err);
    sink->ops->destroy(sink);
}

enum mr_status packing_read(const char *name, const char *format, size_t piece_bytes)
{
    struct mr_source *source;
    int fd = open(packing_path(name), O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    enum mr_status status = archive_source_create(fd, name, format, NULL, &source, &packing.err);
    if (status != MR_OK)
        return status;
    archives_clear(&packing.found);
    status = archives_read(source, &packing.found, piece_bytes, &packing.err);
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

void packing_add_usual(void)
{
    archives_add(&packing.made, MR_KIND_DIRECTORY, "dir", 0)->mode = 0700;
    archives_add(&packing.made, MR_KIND_FILE, "dir/a name with spaces.txt", 5);
    archives_add(&packing.made, MR_KIND_FILE, "dir/\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8a.txt", 1)
        ->mode = 0600;
    archives_add(&packing.made, MR_KIND_FILE, "dir/empty", 0);
    archives_add(&packing.made, MR_KIND_FILE, "dir/big", 300 << 10)->mode = 0755;
    char name[120];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    archives_add(&packing.made, MR_KIND_FILE, name, 511)->mtime_s = 1;
    archives_add(&packing.made, MR_KIND_FILE, long_path(), 513)->mtime_ns = 123456789;
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_SYMLINK, "link", 0), "dir/big");
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_SYMLINK, "dir/\xc3\xa4", 0),
                        "../nowhere \xc3\xb6");
    archives_add(&packing.made, MR_KIND_FILE, "block", 512);
}

void packing_check_same(size_t i, bool has_ns)
{
    const struct mr_entry *want = &packing.made.items[i].entry;
    const struct archives_item *item = archives_find(&packing.found, want->path);
    ck_assert_msg(item != NULL, "%s is missing", want->path);
    const struct mr_entry *have = &item->entry;
    ck_assert_msg(have->kind == want->kind, "%s has kind %d", want->path, have->kind);
    ck_assert_msg(have->has_mode && have->mode == want->mode, "%s has mode %o", want->path,
                  have->mode);
    bool is_timeless = want->kind == MR_KIND_SYMLINK && !have->has_mtime; /* in SQLite archives */
    ck_assert_msg(is_timeless || (have->has_mtime && have->mtime_s == want->mtime_s),
                  "%s has time %lld", want->path, (long long)have->mtime_s);
    if (has_ns)
        ck_assert_uint_eq(have->mtime_ns, want->mtime_ns);
    if (want->target)
        ck_assert_str_eq(have->target, want->target);
    if (want->kind != MR_KIND_FILE)
        return;
    ck_assert_int_eq(have->size_bytes, want->size_bytes);
    ck_assert_msg(want->size_bytes == 0 ||
                      memcmp(item->data, packing.made.items[i].data, (size_t)want->size_bytes) == 0,
                  "%s has other bytes", want->path);
}

void packing_check_all(bool has_ns)
{
    ck_assert_uint_eq(packing.found.count, packing.made.count);
    for (size_t i = 0; i < packing.made.count; i++)
        packing_check_same(i, has_ns);
}

int packing_count_names(void)
{
    int count = 0;
    DIR *stream = opendir(packing.directory);
    ck_assert_ptr_nonnull(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

const char *packing_losses(struct mr_sink *sink)
{
    static char text[1000];
    text[0] = '\0';
    sink->ops->losses(sink, text, sizeof(text));
    return text;
}

enum mr_status packing_put(struct mr_sink *sink, size_t i)
{
    return archives_put(sink, &packing.made.items[i], (size_t)1 << 30, &packing.err);
}

enum mr_status packing_finish(struct mr_sink *sink)
{
    return sink->ops->finish(sink, NULL, NULL, &packing.err);
}

int packing_count_outputs(void)
{
    int count = 0;
    while (archive_output_at((size_t)count))
        count++;
    return count;
}
