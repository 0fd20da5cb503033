#include "compare/difference.h"

#include <string.h>

/* The item of one side that is next. */
struct cursor {
    struct manifest *manifest;
    const char *path; /* NULL: there is none any more */
    const struct manifest_item *item;
};

struct search {
    struct cursor a, b;
    void (*found)(void *ctx, const struct difference *difference);
    void *ctx;
    struct difference_counts *counts;
};

static enum mr_status advance(struct cursor *cursor, uint64_t *count, struct mr_error *err)
{
    enum mr_status status = manifest_next(cursor->manifest, &cursor->path, &cursor->item, err);
    *count += status == MR_OK;
    if (status != MR_OK)
        cursor->path = NULL;
    return status == MR_DONE ? MR_OK : status;
}

static void tell(const struct search *search, enum difference_kind kind, const char *path,
                 const struct manifest_item *a, const struct manifest_item *b)
{
    const struct difference difference = {kind, path, a, b};
    search->found(search->ctx, &difference);
}

/* ---- both sides have it ---- */

static bool has_same_hash(const struct manifest_item *a, const struct manifest_item *b)
{
    return a->digest.hash[0] == b->digest.hash[0] && a->digest.hash[1] == b->digest.hash[1];
}

static bool has_same_mtime(const struct manifest_item *a, const struct manifest_item *b)
{
    return a->mtime_s == b->mtime_s &&
           (a->mtime_ns == b->mtime_ns || a->mtime_ns == 0 || b->mtime_ns == 0);
}

/* Is it so, of two items of one type? */
static bool differs_in(enum difference_kind kind, const struct manifest_item *a,
                       const struct manifest_item *b)
{
    switch (kind) {
    case DIFFERENCE_SIZE:
        return a->kind == MR_KIND_FILE && a->digest.size_bytes != b->digest.size_bytes;
    case DIFFERENCE_CONTENT:
        return a->kind == MR_KIND_FILE && a->digest.size_bytes == b->digest.size_bytes &&
               !has_same_hash(a, b);
    case DIFFERENCE_TARGET:
        return a->kind == MR_KIND_SYMLINK && !has_same_hash(a, b);
    case DIFFERENCE_MODE:
        return a->has_mode && b->has_mode && a->mode != b->mode;
    case DIFFERENCE_MTIME:
        return a->has_mtime && b->has_mtime && !has_same_mtime(a, b);
    case DIFFERENCE_OWNER:
        return a->has_owner && b->has_owner && (a->uid != b->uid || a->gid != b->gid);
    case DIFFERENCE_XATTRS:
        return a->xattrs != b->xattrs;
    default:
        return false;
    }
}

static void compare_items(const struct search *search)
{
    const struct manifest_item *a = search->a.item, *b = search->b.item;
    const char *path = search->a.path;
    if (a->is_failed || b->is_failed) {
        search->counts->unread++;
        tell(search, DIFFERENCE_UNREAD, path, a, b);
        return;
    }
    bool is_different = a->kind != b->kind;
    if (is_different)
        tell(search, DIFFERENCE_TYPE, path, a, b);
    for (enum difference_kind kind = DIFFERENCE_SIZE;
         a->kind == b->kind && kind < DIFFERENCE_UNREAD; kind++) {
        if (!differs_in(kind, a, b))
            continue;
        is_different = true;
        tell(search, kind, path, a, b);
    }
    search->counts->differing += is_different;
}

/* ---- one side has it ---- */

/* A directory that the other side has too, as what it holds next lies below it. */
static bool is_implied(const struct cursor *here, const struct cursor *there)
{
    size_t length = strlen(here->path);
    return here->item->kind == MR_KIND_DIRECTORY && there->path &&
           strncmp(there->path, here->path, length) == 0 && there->path[length] == '/';
}

static void tell_alone(const struct search *search, bool is_in_a)
{
    const struct cursor *here = is_in_a ? &search->a : &search->b;
    const struct cursor *there = is_in_a ? &search->b : &search->a;
    if (is_implied(here, there))
        return;
    search->counts->unread += here->item->is_failed;
    if (is_in_a)
        search->counts->only_a++;
    else
        search->counts->only_b++;
    tell(search, is_in_a ? DIFFERENCE_ONLY_A : DIFFERENCE_ONLY_B, here->path,
         is_in_a ? here->item : NULL, is_in_a ? NULL : here->item);
}

enum mr_status difference_find(struct manifest *a, struct manifest *b,
                               void (*found)(void *ctx, const struct difference *difference),
                               void *ctx, struct difference_counts *counts, struct mr_error *err)
{
    struct search search = {
        .a = {.manifest = a}, .b = {.manifest = b}, .found = found, .ctx = ctx, .counts = counts};
    *counts = (struct difference_counts){0};
    enum mr_status status = advance(&search.a, &counts->a, err);
    if (status == MR_OK)
        status = advance(&search.b, &counts->b, err);
    while (status == MR_OK && (search.a.path || search.b.path)) {
        int order = !search.a.path   ? 1
                    : !search.b.path ? -1
                                     : manifest_compare(search.a.path, search.b.path);
        if (order == 0)
            compare_items(&search);
        else
            tell_alone(&search, order < 0);
        if (order <= 0)
            status = advance(&search.a, &counts->a, err);
        if (status == MR_OK && order >= 0)
            status = advance(&search.b, &counts->b, err);
    }
    return status;
}
