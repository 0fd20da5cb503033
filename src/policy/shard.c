#include "policy/shard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nameset.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/siphash.h"

#define LINKS_MEMORY_BYTES ((size_t)16 << 20)
#define KEY_BYTES          (2 * PATH_TOTAL_MAX_BYTES + 64)

struct shard {
    struct shard_choice choice;
    bool follows_files;
    struct nameset *links; /* see make_key(); NULL: none was met yet */
};

/* ---- which one ---- */

enum mr_status shard_parse_count(const char *text, uint32_t *count, struct mr_error *err)
{
    uint64_t number = 0;
    enum mr_status status = parse_count(text, 1, SHARD_COUNT_MAX, &number, err);
    *count = (uint32_t)number;
    return status;
}

enum mr_status shard_parse(const char *text, struct shard_choice *choice, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    const char *slash = strchr(text, '/');
    uint64_t index = 0;
    uint32_t count = 0;
    path_show(shown, sizeof(shown), text);
    char *first = slash ? strndup(text, (size_t)(slash - text)) : NULL;
    if (slash && !first)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    bool is_number = first && parse_count(first, 0, UINT64_MAX, &index, NULL) == MR_OK;
    free(first);
    if (!is_number || shard_parse_count(slash + 1, &count, NULL) != MR_OK)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "'%s' is no shard: write I/N, the I-th of N (at most %d) parts, as "
                            "1/4 to 4/4",
                            shown, SHARD_COUNT_MAX);
    if (index < 1 || index > count)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "'%s': there is no such shard; I counts from 1: 1/%" PRIu32
                            " to %" PRIu32 "/%" PRIu32,
                            shown, count, count, count);
    *choice = (struct shard_choice){.index = (uint32_t)index, .count = count};
    return MR_OK;
}

uint32_t shard_of(const char *name, uint32_t count)
{
    static const unsigned char key[SIPHASH_KEY_BYTES];
    uint64_t hash[2];
    siphash_128(key, name, strlen(name), hash);
    return (uint32_t)(hash[0] % count) + 1;
}

enum mr_status shard_create(const struct shard_choice *choice, bool follows_files,
                            struct shard **shard, struct mr_error *err)
{
    *shard = calloc(1, sizeof(**shard));
    if (!*shard)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    (*shard)->choice = *choice;
    (*shard)->follows_files = follows_files;
    return MR_OK;
}

void shard_destroy(struct shard *shard)
{
    if (!shard)
        return;
    nameset_destroy(shard->links);
    free(shard);
}

struct shard_choice shard_choice(const struct shard *shard)
{
    return shard->choice;
}

/* ---- what stays together ---- */

/* Files that are known by more than their own name, in the set of links: "met" is each of them,
 * "own" those that fall to this shard. */
static void make_key(char key[KEY_BYTES], const char *mark, const char *what)
{
    snprintf(key, KEY_BYTES, "%s %s", mark, what);
}

static enum mr_status add(struct shard *shard, const char *mark, const char *what,
                          struct mr_error *err)
{
    char key[KEY_BYTES];
    bool was_there;
    make_key(key, mark, what);
    return nameset_add(shard->links, key, &was_there, err);
}

/* Does `what` fall to this shard? is_known: it was noted; else its name decides. */
static enum mr_status look_up(struct shard *shard, const char *what, bool *is_known, bool *is_taken,
                              struct mr_error *err)
{
    char key[KEY_BYTES];
    make_key(key, "met", what);
    enum mr_status status = MR_OK;
    *is_known = false;
    if (shard->links)
        status = nameset_has(shard->links, key, is_known, err);
    if (status != MR_OK || !*is_known)
        return status;
    make_key(key, "own", what);
    return nameset_has(shard->links, key, is_taken, err);
}

static enum mr_status note(struct shard *shard, const char *what, bool is_taken,
                           struct mr_error *err)
{
    enum mr_status status = MR_OK;
    if (!shard->links)
        status = nameset_create(LINKS_MEMORY_BYTES, &shard->links, err);
    if (status == MR_OK)
        status = add(shard, "met", what, err);
    return status == MR_OK && is_taken ? add(shard, "own", what, err) : status;
}

/* The name that decides; the caller's to free. What is refused for its name later has one too. */
static char *make_name(const char *prefix, const char *path)
{
    char *clean = NULL;
    if (path_clean(path, &clean, NULL) != MR_OK)
        clean = strdup(path);
    char *name = clean ? path_join(prefix, clean) : NULL;
    free(clean);
    return name;
}

/* A name of an archive that is a link to an earlier one, which may be a link itself. */
static enum mr_status follow_link(struct shard *shard, const char *prefix, const char *name,
                                  const char *target, bool *is_taken, struct mr_error *err)
{
    bool is_known = false;
    char *first = make_name(prefix, target ? target : "");
    if (!first)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = look_up(shard, first, &is_known, is_taken, err);
    if (status == MR_OK && !is_known)
        *is_taken = shard_of(first, shard->choice.count) == shard->choice.index;
    free(first);
    return status == MR_OK ? note(shard, name, *is_taken, err) : status;
}

/* All names of a file go where the first one went. */
static enum mr_status follow_inode(struct shard *shard, const struct mr_entry *entry,
                                   bool *is_taken, struct mr_error *err)
{
    char inode[64];
    bool is_known = false;
    snprintf(inode, sizeof(inode), "//%" PRIu64 ":%" PRIu64, (uint64_t)entry->device,
             (uint64_t)entry->inode); /* which no name is */
    enum mr_status status = look_up(shard, inode, &is_known, is_taken, err);
    return status == MR_OK && !is_known ? note(shard, inode, *is_taken, err) : status;
}

enum mr_status shard_takes(struct shard *shard, const char *prefix, const struct mr_entry *entry,
                           bool *is_taken, struct mr_error *err)
{
    char *name = make_name(prefix, entry->path);
    bool is_known = false;
    if (!name)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    *is_taken = shard_of(name, shard->choice.count) == shard->choice.index;
    /* An archive may have a link of this name already. */
    enum mr_status status = look_up(shard, name, &is_known, is_taken, err);
    if (status == MR_OK && !is_known && entry->kind == MR_KIND_HARDLINK)
        status = follow_link(shard, prefix, name, entry->target, is_taken, err);
    else if (status == MR_OK && shard->follows_files && entry->kind == MR_KIND_FILE &&
             entry->link_count > 1 && entry->inode != 0)
        status = follow_inode(shard, entry, is_taken, err);
    free(name);
    return status;
}
