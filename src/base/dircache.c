#include "base/dircache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"

#define SLOT_MAX_COUNT    128
#define GUESS_COUNT       64 /* a power of two */
#define DESCRIPTORS_SHARE 8 /* that part of the descriptors may be kept */

/* States of a slot. Who brings it to FILLING has it alone. */
#define EMPTY   0u
#define FILLING 1u
#define READY   2u /* and one HOLDER for everybody who holds it */
#define HOLDER  4u

struct dirslot {
    atomic_uint state;
    atomic_bool was_used; /* since the hand went over it */
    atomic_bool is_new;
    /* Const while the slot is READY. */
    int fd;
    bool is_plain;
    long fs_type;
    char *path;
    size_t path_bytes;
};

struct dircache {
    const struct below *root;
    unsigned flags;
    struct dirhold root_hold;
    atomic_bool is_shut;
    atomic_uint hand; /* the slot that is looked at next when one is needed */
    unsigned slot_count;
    /* Of the paths in slots: a hint that spares looking closer; 0: not to be found. Together, for
       one look over all of them. */
    atomic_uint hashes[SLOT_MAX_COUNT];
    /* Where the last one with such a hash was found: looked at first, as files come directory by
       directory. */
    atomic_uchar guesses[GUESS_COUNT];
    struct dirslot slots[];
};

static unsigned choose_slot_count(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur / DESCRIPTORS_SHARE >= SLOT_MAX_COUNT)
        return SLOT_MAX_COUNT;
    return limit.rlim_cur < DESCRIPTORS_SHARE ? 1 : (unsigned)limit.rlim_cur / DESCRIPTORS_SHARE;
}

/* Has the directory no default ACL? One that cannot be asked counts as having one. */
static bool is_plain(int fd)
{
    char name[sizeof("/proc/self/fd/") + 12];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd); /* O_PATH has no fgetxattr() */
    return getxattr(name, "system.posix_acl_default", NULL, 0) < 0 &&
           (errno == ENODATA || errno == ENOTSUP);
}

/* Finds out what files that are made in the directory will be like. */
static void look_at(const struct dircache *cache, struct dirhold *hold)
{
    struct statfs about;
    if (!(cache->flags & DIRCACHE_OUTPUT))
        return;
    hold->is_plain = is_plain(hold->fd);
    hold->fs_type = fstatfs(hold->fd, &about) == 0 ? (long)about.f_type : 0;
}

struct dircache *dircache_create(const struct below *root, unsigned flags)
{
    unsigned slot_count = choose_slot_count();
    struct dircache *cache = calloc(1, sizeof(*cache) + slot_count * sizeof(cache->slots[0]));
    if (!cache)
        return NULL;
    cache->root = root;
    cache->flags = flags;
    cache->root_hold = (struct dirhold){.fd = root->fd, .is_new = (flags & DIRCACHE_NEW_ROOT) != 0};
    look_at(cache, &cache->root_hold);
    cache->slot_count = slot_count;
    return cache;
}

_Static_assert(SLOT_MAX_COUNT <= UCHAR_MAX + 1, "a guess is the number of a slot");

static void set_hash(struct dircache *cache, const struct dirslot *slot, unsigned hash)
{
    atomic_store_explicit(&cache->hashes[slot - cache->slots], hash, memory_order_relaxed);
}

/* Of a slot that the caller has alone. */
static void empty_slot(struct dircache *cache, struct dirslot *slot)
{
    set_hash(cache, slot, 0);
    close(slot->fd);
    free(slot->path);
}

void dircache_destroy(struct dircache *cache)
{
    if (!cache)
        return;
    for (unsigned i = 0; i < cache->slot_count; i++)
        if (atomic_load(&cache->slots[i].state) != EMPTY)
            empty_slot(cache, &cache->slots[i]);
    free(cache);
}

/* FNV-1a, never 0. */
static unsigned hash_of(const char *path, size_t bytes)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)path[i]) * 16777619u;
    return hash | 1;
}

static bool try_hold(struct dirslot *slot)
{
    unsigned state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    while (state >= READY)
        if (atomic_compare_exchange_weak_explicit(&slot->state, &state, state + HOLDER,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

static void let_slot_go(struct dirslot *slot)
{
    atomic_fetch_sub_explicit(&slot->state, HOLDER, memory_order_release);
}

/* Holds the slot when it keeps the path of so many bytes. */
static bool try_path(struct dircache *cache, unsigned i, unsigned hash, const char *path,
                     size_t bytes)
{
    struct dirslot *slot = &cache->slots[i];
    if (atomic_load_explicit(&cache->hashes[i], memory_order_relaxed) != hash || !try_hold(slot))
        return false;
    if (slot->path_bytes == bytes && memcmp(slot->path, path, bytes) == 0)
        return true;
    let_slot_go(slot);
    return false;
}

/* Holds a slot that keeps the path of so many bytes. NULL: none. */
static struct dirslot *find(struct dircache *cache, const char *path, size_t bytes)
{
    unsigned hash = hash_of(path, bytes);
    atomic_uchar *guess = &cache->guesses[hash / 2 % GUESS_COUNT];
    unsigned guessed = atomic_load_explicit(guess, memory_order_relaxed);
    if (try_path(cache, guessed, hash, path, bytes))
        return &cache->slots[guessed];
    for (unsigned i = 0; i < cache->slot_count; i++)
        if (try_path(cache, i, hash, path, bytes)) {
            atomic_store_explicit(guess, (unsigned char)i, memory_order_relaxed);
            return &cache->slots[i];
        }
    return NULL;
}

/* A slot of the caller's alone, in FILLING; NULL when all are held. */
static struct dirslot *claim(struct dircache *cache)
{
    for (unsigned i = 0; i < 2 * cache->slot_count; i++) {
        unsigned at = atomic_fetch_add_explicit(&cache->hand, 1, memory_order_relaxed);
        struct dirslot *slot = &cache->slots[at % cache->slot_count];
        unsigned state = EMPTY;
        if (atomic_compare_exchange_strong_explicit(&slot->state, &state, FILLING,
                                                    memory_order_acquire, memory_order_relaxed))
            return slot;
        if (state != READY ||
            atomic_exchange_explicit(&slot->was_used, false, memory_order_relaxed))
            continue;
        if (atomic_compare_exchange_strong_explicit(&slot->state, &state, FILLING,
                                                    memory_order_acquire, memory_order_relaxed)) {
            empty_slot(cache, slot);
            return slot;
        }
    }
    return NULL;
}

/* Holds what slot keeps. */
static void take_slot(struct dirslot *slot, struct dirhold *hold)
{
    if (!atomic_load_explicit(&slot->was_used, memory_order_relaxed))
        atomic_store_explicit(&slot->was_used, true, memory_order_relaxed);
    *hold = (struct dirhold){.fd = slot->fd,
                             .is_new = atomic_load_explicit(&slot->is_new, memory_order_relaxed),
                             .is_plain = slot->is_plain,
                             .fs_type = slot->fs_type,
                             .slot = slot};
}

/* Keeps the directory that hold is about, when there is a place for it. */
static void keep(struct dircache *cache, const char *path, size_t bytes, struct dirhold *hold)
{
    if (atomic_load_explicit(&cache->is_shut, memory_order_relaxed))
        return;
    char *copy = strndup(path, bytes);
    struct dirslot *slot = copy ? claim(cache) : NULL;
    if (!slot) {
        free(copy);
        return;
    }
    slot->fd = hold->fd;
    atomic_store_explicit(&slot->is_new, hold->is_new, memory_order_relaxed);
    slot->is_plain = hold->is_plain;
    slot->fs_type = hold->fs_type;
    slot->path = copy;
    slot->path_bytes = bytes;
    atomic_store_explicit(&slot->was_used, true, memory_order_relaxed);
    set_hash(cache, slot, hash_of(path, bytes));
    atomic_store_explicit(&slot->state, READY + HOLDER, memory_order_release);
    hold->slot = slot;
    hold->is_own = false;
}

/* How much of path names the directory that it lies in, without the slash. */
static size_t parent_bytes(const char *path)
{
    size_t bytes = (size_t)(path_base(path) - path);
    return bytes > 0 ? bytes - 1 : 0;
}

/* True when the directory is the root or kept. */
static bool hold_known(struct dircache *cache, const char *path, size_t bytes, struct dirhold *hold)
{
    if (bytes == 0 && *path != '/') {
        *hold = cache->root_hold;
        return true;
    }
    struct dirslot *slot = find(cache, path, bytes);
    if (!slot)
        return false;
    take_slot(slot, hold);
    return true;
}

/*
 * Holds the directory that was opened now, and looked at, which takes a while. When another thread
 * was faster, its descriptor serves as well, and is new also when only one of the two knows that.
 */
static void hold_opened(struct dircache *cache, const char *path, size_t bytes,
                        struct dirhold *hold)
{
    struct dirslot *slot = find(cache, path, bytes);
    if (slot) {
        close(hold->fd);
        if (hold->is_new)
            atomic_store_explicit(&slot->is_new, true, memory_order_relaxed);
        take_slot(slot, hold);
        return;
    }
    hold->is_own = true;
    keep(cache, path, bytes, hold);
}

int dircache_hold_parent(struct dircache *cache, const char *path, struct dirhold *hold)
{
    size_t bytes = parent_bytes(path);
    if (hold_known(cache, path, bytes, hold))
        return 0;
    *hold = (struct dirhold){.fd = below_open_parent(cache->root, path)};
    if (hold->fd < 0)
        return -1;
    look_at(cache, hold);
    hold_opened(cache, path, bytes, hold);
    return 0;
}

int dircache_make_parent(struct dircache *cache, const char *path, struct dirhold *hold)
{
    if (dircache_hold_parent(cache, path, hold) == 0)
        return 0;
    if (errno != ENOENT)
        return -1;
    *hold = (struct dirhold){.fd = below_make_parent(cache->root, path), .is_new = true};
    if (hold->fd < 0)
        return -1;
    look_at(cache, hold);
    hold_opened(cache, path, parent_bytes(path), hold);
    return 0;
}

int dircache_open(struct dircache *cache, const char *path, int flags)
{
    struct dirhold parent;
    if (!hold_known(cache, path, parent_bytes(path), &parent)) {
        if (atomic_load_explicit(&cache->is_shut, memory_order_relaxed))
            return below_open(cache->root, path, flags, 0);
        if (dircache_hold_parent(cache, path, &parent) != 0)
            return -1;
    }
    int fd = io_openat(parent.fd, path_base(path), flags | O_NOFOLLOW | O_CLOEXEC, 0);
    int fault = errno;
    dircache_let_go(&parent);
    errno = fault;
    return fd;
}

void dircache_let_go(struct dirhold *hold)
{
    if (hold->fd >= 0 && hold->is_own)
        close(hold->fd);
    else if (hold->fd >= 0 && hold->slot)
        let_slot_go(hold->slot);
    hold->fd = -1;
}

void dircache_add_made(struct dircache *cache, const char *path, const struct dirhold *parent)
{
    struct dirhold hold = {.fd = below_open(cache->root, path, O_PATH | O_DIRECTORY, 0),
                           .is_new = true,
                           .is_plain = parent->is_plain,
                           .fs_type = parent->fs_type};
    if (hold.fd < 0)
        return; /* whoever needs it will be told why */
    if (!hold.is_plain)
        look_at(cache, &hold);
    hold_opened(cache, path, strlen(path), &hold);
    dircache_let_go(&hold);
}

void dircache_forget_parent(struct dircache *cache, const char *path)
{
    size_t bytes = parent_bytes(path);
    struct dirslot *slot;
    while ((slot = find(cache, path, bytes)) != NULL) {
        set_hash(cache, slot, 0);
        atomic_store_explicit(&slot->was_used, false, memory_order_relaxed);
        let_slot_go(slot);
    }
}

void dircache_shut(struct dircache *cache)
{
    atomic_store(&cache->is_shut, true);
    for (unsigned i = 0; i < cache->slot_count; i++) {
        struct dirslot *slot = &cache->slots[i];
        unsigned state = READY;
        if (!atomic_compare_exchange_strong_explicit(&slot->state, &state, FILLING,
                                                     memory_order_acquire, memory_order_relaxed))
            continue;
        empty_slot(cache, slot);
        atomic_store_explicit(&slot->state, EMPTY, memory_order_release);
    }
}
