/* feed_names.c - what an item is called in the output, and what its links lead to. The feed's
 * thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "flow/item.h"
#include "sink/tree.h"

/* ---- names ---- */

/* Does a component begin as the names of temporary files do, which may be swept away? */
static bool is_reserved(const char *path)
{
    size_t prefix_bytes = strlen(TREE_TEMP_PREFIX);
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, TREE_TEMP_PREFIX, prefix_bytes) == 0)
            return true;
    }
    return false;
}

/* What is asked of names in archives alone. *path may lose its beginning. */
static enum mr_status settle_member_name(struct job *job, const struct input *input,
                                         const char **path, struct mr_error *err)
{
    const struct job_observer *observer = &job->config.observer;
    char shown[PATH_SHOW_BYTES], text[PATH_SHOW_BYTES + 80];
    if (path_climbs_by_backslash(*path))
        return mr_error_set(err, MR_E_UNSAFE, 0,
                            "refused the name '%s': it has a '..' between backslashes",
                            path_show(shown, sizeof(shown), *path));
    if (is_reserved(*path))
        return mr_error_set(err, MR_E_UNSAFE, 0,
                            "refused the name '%s': temporary files are called like this",
                            path_show(shown, sizeof(shown), *path));
    if (!job->config.strips_absolute || **path != '/')
        return MR_OK;
    *path += strspn(*path, "/");
    if (!job->has_stripped && observer->remarked) {
        snprintf(text, sizeof(text), "%s: took the '/' off the beginning of names",
                 path_show(shown, sizeof(shown), input->source->label));
        observer->remarked(observer->ctx, text);
    }
    job->has_stripped = true;
    return MR_OK;
}

/* *name becomes the output name of an entry called path. with_chain: the operations run on it. */
static enum mr_status map_name(struct job *job, const struct input *input, const char *path,
                               bool is_content, bool with_chain, char **name, struct mr_error *err)
{
    const struct job_config *config = &job->config;
    char *clean = NULL, *joined;
    enum mr_status status = MR_OK;
    bool is_member = input->source->flags & MR_SOURCE_CONTAINER;
    if (is_member)
        status = settle_member_name(job, input, &path, err);
    if (status == MR_OK)
        status = path_clean(path, &clean, err);
    if (status == MR_OK && is_member)
        status = limits_check_depth(&config->limits, clean, err);
    if (status != MR_OK) {
        free(clean);
        return status;
    }
    joined = path_join(input->prefix, clean);
    free(clean);
    if (!joined)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (config->naming)
        status = naming_map(config->naming, &joined, is_content, err);
    bool overrides = config->naming && naming_overrides_suffix(config->naming);
    if (status == MR_OK && with_chain && !overrides && !config->keeps_names)
        status = chain_rename(config->chain, &joined);
    if (status == MR_OK && config->portable)
        status = portable_check(joined, err);
    if (status == MR_E_UNSAFE && err->status != status)
        mr_error_set(err, status, 0, "the name that an operation gives it is not safe");
    if (status == MR_E_MEMORY && err->status != status)
        mr_error_set(err, status, 0, "out of memory");
    if (status == MR_OK)
        *name = joined;
    else
        free(joined);
    return status;
}

/* ---- links ---- */

/* A hard link of an archive: its target is mapped like the target's own name, and must have been
 * stored by this run. */
static enum mr_status map_hard_link(struct job *job, struct item *item, bool with_chain,
                                    struct mr_error *err)
{
    struct mr_entry *entry = &item->entry;
    char *target = NULL;
    enum mr_status status = map_name(job, item->input, entry->target ? entry->target : "", true,
                                     with_chain, &target, err);
    if (status != MR_OK) {
        mr_error_prefix(err, "hard link target");
        return status;
    }
    bool is_there = true;
    if (job->names)
        status = nameset_has(job->names, target, &is_there, err);
    if (status == MR_OK && !is_there) {
        char shown[PATH_SHOW_BYTES];
        status = mr_error_set(err, MR_E_UNSAFE, 0,
                              "hard link to '%s', which is no earlier file of this archive",
                              path_show(shown, sizeof(shown), entry->target ? entry->target : ""));
    }
    if (status != MR_OK) {
        free(target);
        return status;
    }
    free(item->output.target);
    item->output.target = target;
    return MR_OK;
}

/* Where the names of this file's inode are kept: what the chain makes of it is another file than
 * what it is. NULL: nowhere, as for files with fewer than least_count names. */
static struct links *links_for(struct job *job, const struct item *item, uint64_t least_count)
{
    const struct mr_entry *entry = &item->entry;
    /* A name whose source goes must have content of its own to be read back. */
    bool can = (job->config.preserve & PRESERVE_LINKS) && !job->config.removes_sources &&
               !(job->config.sink->flags & MR_SINK_NO_HARD_LINKS);
    if (!can || entry->kind != MR_KIND_FILE || entry->link_count < least_count || entry->inode == 0)
        return NULL;
    return job->links[item->is_operated];
}

/* A file of a directory whose inode was met already becomes a hard link of what was stored then. */
static enum mr_status find_hard_link(struct job *job, struct item *item, struct mr_error *err)
{
    struct mr_entry *entry = &item->entry;
    /* Where names are replaced, those that were met before are gone by now, perhaps all but this
     * one. */
    struct links *links = links_for(job, item, job->config.keeps_names ? 1 : 2);
    const char *earlier = links ? links_find(links, entry) : NULL;
    if (!earlier)
        return MR_OK;
    entry->kind = MR_KIND_HARDLINK;
    item->output.kind = MR_KIND_HARDLINK;
    item->output.target = strdup(earlier);
    return item->output.target ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

enum mr_status feed_settle_names(struct job *job, struct item *item, bool is_selected,
                                 struct mr_error *err)
{
    struct mr_entry *entry = &item->entry;
    /* A hard link is named as the file that it is a name of. */
    bool is_file = entry->kind == MR_KIND_FILE || entry->kind == MR_KIND_HARDLINK;
    bool is_content = is_file && is_selected;
    bool with_chain = is_content && chain_count(job->config.chain) > 0;
    item->is_operated = with_chain && entry->kind == MR_KIND_FILE;
    item->output = *entry;
    item->output.path = item->output.target = NULL;
    enum mr_status status =
        map_name(job, item->input, entry->path, is_content, with_chain, &item->output.path, err);
    if (status == MR_OK && with_chain && job->config.on_error == JOB_COPY)
        status = map_name(job, item->input, entry->path, is_content, false, &item->copy_path, err);
    if (status != MR_OK)
        return status;
    if (entry->kind == MR_KIND_HARDLINK)
        status = map_hard_link(job, item, with_chain, err);
    else if (entry->kind == MR_KIND_FILE)
        status = find_hard_link(job, item, err);
    if (status == MR_OK && entry->kind == MR_KIND_SYMLINK) {
        item->output.target = strdup(entry->target ? entry->target : "");
        if (!item->output.target)
            status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    if (status == MR_OK)
        status = collide_settle(job, item, err);
    struct links *links = links_for(job, item, 2);
    if (status == MR_OK && links && links_remember(links, entry, item->output.path) != MR_OK)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return status;
}
