#include "support/output.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

char *output_base;

void output_set_up(void)
{
    output_base = support_temp_directory();
}

void output_tear_down(void)
{
    support_remove(output_base);
}

const char *output_at(const char *name)
{
    static char paths[4][4400];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", output_base, name);
    return path;
}

struct mr_sink *output_open(enum existing existing, bool is_untrusted)
{
    const struct directory_sink_config config = {.existing = existing,
                                                 .preserve = PRESERVE_DEFAULT | PRESERVE_XATTR,
                                                 .is_untrusted = is_untrusted};
    struct mr_error err = {0};
    struct mr_sink *sink = NULL;
    ck_assert_ok(directory_sink_create(output_at("out"), &config, &sink, &err), err);
    return sink;
}

struct mr_entry output_file(const char *path)
{
    return (struct mr_entry){
        .path = (char *)(uintptr_t)path, .kind = MR_KIND_FILE, .link_count = 1};
}

struct mr_entry output_directory(const char *path, unsigned mode, int64_t mtime_s)
{
    return (struct mr_entry){.path = (char *)(uintptr_t)path,
                             .kind = MR_KIND_DIRECTORY,
                             .mode = mode,
                             .has_mode = true,
                             .mtime_s = mtime_s,
                             .has_mtime = true};
}

struct mr_entry output_link(const char *path, enum mr_kind kind, const char *target)
{
    return (struct mr_entry){
        .path = (char *)(uintptr_t)path, .kind = kind, .target = (char *)(uintptr_t)target};
}

enum mr_status output_put(struct mr_sink *sink, const struct mr_entry *entry, const char *content,
                          struct mr_error *err)
{
    *err = (struct mr_error){0};
    enum mr_status status = sink->ops->wants(sink, entry, err);
    struct mr_writer *writer = NULL;
    if (status == MR_OK)
        status =
            sink->ops->begin(sink, entry, content ? (int64_t)strlen(content) : 0, &writer, err);
    if (status != MR_OK)
        return status;
    if (content && *content)
        status = sink->ops->write(sink, writer, content, strlen(content), err);
    if (status == MR_OK)
        return sink->ops->commit(sink, writer, err);
    sink->ops->abort(sink, writer);
    return status;
}

enum mr_status output_put_file(struct mr_sink *sink, const char *path, const char *content)
{
    struct mr_entry entry = output_file(path);
    struct mr_error err;
    enum mr_status status = output_put(sink, &entry, content, &err);
    if (mr_status_is_error(status))
        ck_assert_str_ne(err.text, "");
    return status;
}

static void see(void *ctx, const char *path, const struct mr_error *problem)
{
    struct output_problems *seen = ctx;
    seen->count++;
    seen->last = problem->status;
    size_t used = strlen(seen->paths);
    snprintf(seen->paths + used, sizeof(seen->paths) - used, "%s ", path);
    used = strlen(seen->texts);
    snprintf(seen->texts + used, sizeof(seen->texts) - used, "%s\n", problem->text);
}

struct output_problems output_end(struct mr_sink *sink)
{
    struct output_problems seen = {0};
    struct mr_error err = {0};
    ck_assert_ok(sink->ops->finish(sink, see, &seen, &err), err);
    sink->ops->destroy(sink);
    return seen;
}

void ck_assert_output(const char *name, const char *content)
{
    char *data = support_read_file(output_base, name, NULL);
    ck_assert_str_eq(data, content);
    free(data);
}

unsigned output_count(const char *name)
{
    DIR *directory = opendir(output_at(name));
    ck_assert_ptr_nonnull(directory);
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

struct stat output_stat(const char *name)
{
    struct stat st;
    ck_assert_msg(lstat(output_at(name), &st) == 0, "%s: %s", name, strerror(errno));
    return st;
}

bool output_has(const char *name)
{
    struct stat st;
    return lstat(output_at(name), &st) == 0;
}
