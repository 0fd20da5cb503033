/* collide.c - no two items get the same name, and no name is a file and a directory. The feed's
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "flow/item.h"

/* Numbers that --collide rename tries. */
#define RENAME_TRIES 10000

#define OWN_MARK "///"

#define KEY_BYTES (2 * PATH_TOTAL_MAX_BYTES + 3)

/* What stands in the set for name with mark behind it. */
static void make_key(const struct job *job, const char *name, const char *mark, char key[KEY_BYTES])
{
    size_t room_bytes = KEY_BYTES - strlen(mark), bytes = strnlen(name, room_bytes - 1);
    if (job->config.portable) {
        portable_fold(job->config.portable, name, key, room_bytes);
        bytes = strlen(key);
    } else {
        memcpy(key, name, bytes);
    }
    strcpy(key + bytes, mark);
}

/* Is name kept in the set with mark behind it? "" marks what is no directory, "/" a directory, "//"
 * one that was an item, OWN_MARK what this shard stores. */
static enum mr_status is_marked(struct job *job, const char *name, const char *mark, bool *is_there,
                                struct mr_error *err)
{
    char key[KEY_BYTES];
    make_key(job, name, mark, key);
    return nameset_has(job->names, key, is_there, err);
}

static enum mr_status mark(struct job *job, const char *name, const char *mark, bool *was_there,
                           struct mr_error *err)
{
    char key[KEY_BYTES];
    make_key(job, name, mark, key);
    return nameset_add(job->names, key, was_there, err);
}

static enum mr_status refuse_name(const char *name, const char *why, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_EXISTS, 0, "'%s' was stored already by this run%s",
                        path_show(shown, sizeof(shown), name), why);
}

/* The directories above path: none may be something else. Those above the last item's name are
 * known to be right. */
static enum mr_status settle_parents(struct job *job, const char *path, struct mr_error *err)
{
    size_t parent_bytes = (size_t)(path_base(path) - path);
    if (parent_bytes == 0 ||
        (job->last_parent && strncmp(job->last_parent, path, parent_bytes) == 0 &&
         job->last_parent[parent_bytes] == '\0'))
        return MR_OK;
    free(job->last_parent);
    job->last_parent = NULL;
    char *parent = strndup(path, parent_bytes); /* with its slash at the end */
    if (!parent)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = MR_OK;
    for (char *slash = strchr(parent, '/'); status == MR_OK && slash;
         slash = strchr(slash + 1, '/')) {
        bool is_file = false, was_there;
        *slash = '\0';
        status = is_marked(job, parent, "", &is_file, err);
        if (status == MR_OK && is_file)
            status = refuse_name(parent, " and is no directory", err);
        if (status == MR_OK)
            status = mark(job, parent, "/", &was_there, err);
        *slash = '/';
    }
    if (status == MR_OK)
        job->last_parent = parent;
    else
        free(parent);
    return status;
}

/* A directory may come again: a tree takes its metadata once more, an archive gets it once. */
static enum mr_status settle_directory(struct job *job, const char *path, struct mr_error *err)
{
    bool is_file = false, was_there = false;
    enum mr_status status = is_marked(job, path, "", &is_file, err);
    if (status == MR_OK && is_file)
        return refuse_name(path, " and is no directory", err);
    if (status == MR_OK)
        status = mark(job, path, "/", &was_there, err);
    if (status == MR_OK)
        status = mark(job, path, "//", &was_there, err);
    bool is_twice = was_there && (job->config.sink->flags & MR_SINK_SERIAL);
    return status == MR_OK && is_twice ? MR_SKIPPED : status;
}

/* Puts a number into item->output.path. */
static enum mr_status rename_numbered(struct job *job, struct item *item, struct mr_error *err)
{
    for (unsigned n = 2; n < RENAME_TRIES; n++) {
        bool was_there = false, is_directory = false;
        char *numbered = naming_numbered(item->output.path, n);
        if (!numbered)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        enum mr_status status = is_marked(job, numbered, "/", &is_directory, err);
        if (status == MR_OK && !is_directory)
            status = mark(job, numbered, "", &was_there, err);
        if (status == MR_OK && !was_there && !is_directory) {
            free(item->output.path);
            item->output.path = numbered;
            return MR_OK;
        }
        free(numbered);
        if (status != MR_OK)
            return status;
    }
    return refuse_name(item->output.path, " under every number", err);
}

/*
 * Items that take the places of others: is it known of each name whether this shard stored it? Two
 * shards would do it in any order. Where nothing is kept, nothing is replaced.
 */
static bool knows_owners(const struct job *job)
{
    const struct job_config *config = &job->config;
    return config->shard && config->collide == JOB_COLLIDE_LAST &&
           (config->is_dry || strcmp(config->sink->ops->kind, "null") != 0);
}

/* The name is one that an earlier item has. */
static enum mr_status replace_earlier(struct job *job, struct item *item, struct mr_error *err)
{
    bool was_of_shard = item->is_of_shard;
    enum mr_status status = MR_OK;
    if (knows_owners(job))
        status = is_marked(job, item->output.path, OWN_MARK, &was_of_shard, err);
    if (status == MR_OK && was_of_shard != item->is_of_shard)
        return refuse_name(item->output.path,
                           " in another shard, so that it is not certain which is last (leave out "
                           "--shard)",
                           err);
    item->output.replaces_earlier = status == MR_OK;
    return status;
}

enum mr_status collide_settle(struct job *job, struct item *item, struct mr_error *err)
{
    if (!job->names)
        return MR_OK;
    const char *path = item->output.path;
    enum mr_status status = settle_parents(job, path, err);
    if (status != MR_OK || item->entry.kind == MR_KIND_DIRECTORY)
        return status == MR_OK ? settle_directory(job, path, err) : status;
    bool was_there = false, is_directory = false;
    status = is_marked(job, path, "/", &is_directory, err);
    if (status == MR_OK && is_directory)
        return refuse_name(path, " as a directory", err);
    if (status == MR_OK)
        status = mark(job, path, "", &was_there, err);
    if (status == MR_OK && !was_there && item->is_of_shard && knows_owners(job))
        status = mark(job, path, OWN_MARK, &was_there, err);
    if (status != MR_OK || !was_there)
        return status;
    if (job->config.collide == JOB_COLLIDE_RENAME)
        return rename_numbered(job, item, err);
    if (job->config.collide == JOB_COLLIDE_ERROR)
        return refuse_name(path, " (--collide rename or last allows it)", err);
    return replace_earlier(job, item, err);
}
