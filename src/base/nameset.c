/*
 * An open-addressing table of 128-bit hashes with linear probing. A slot's place is given by the
 * top bits of its hash, so the table is nearly sorted: when it grows, old and new are walked from
 * front to back, which a file is good at.
 *
 * In memory it is an array. In a file it is the same array, seen through one block of it that is
 * read, changed and written back.
 */
#include "base/nameset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/siphash.h"

#define MEMORY_MIN_BYTES ((size_t)64 << 10)
#define FIRST_BITS       10 /* log2 of the slots of a new table */
#define BLOCK_SLOTS      256u
#define NO_BLOCK         UINT64_MAX

struct slot {
    uint64_t hash[2]; /* both 0: empty. Where names have numbers, the second is the number */
};

struct table {
    bool has_numbers;
    unsigned bits; /* 2^bits slots */
    uint64_t used_count;
    struct slot *slots;  /* in memory: all of them; else NULL */
    int fd;              /* the file, else -1 */
    uint64_t block;      /* which block of the file is in buffer, or NO_BLOCK */
    bool is_dirty;       /* buffer has changed since it was read */
    struct slot *buffer; /* BLOCK_SLOTS of them, for a file */
};

struct nameset {
    unsigned char key[SIPHASH_KEY_BYTES];
    size_t memory_bytes;
    struct table table;
};

static void table_fini(struct table *table)
{
    free(table->slots);
    free(table->buffer);
    if (table->fd >= 0)
        close(table->fd);
    *table = (struct table){.fd = -1, .block = NO_BLOCK};
}

static enum mr_status file_failed(int reason, struct mr_error *err)
{
    return mr_error_set(err, MR_E_SYSTEM, reason,
                        "cannot use the temporary file for the names seen so far");
}

/* On failure nothing is held. */
static enum mr_status table_init(struct table *table, unsigned bits, bool in_memory,
                                 struct mr_error *err)
{
    *table = (struct table){.bits = bits, .fd = -1, .block = NO_BLOCK};
    if (in_memory) {
        table->slots = calloc((size_t)1 << bits, sizeof(struct slot));
        return table->slots ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    table->buffer = malloc(BLOCK_SLOTS * sizeof(struct slot));
    if (!table->buffer)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    table->fd = io_temp_file(err);
    if (table->fd >= 0 && io_truncate(table->fd, (off_t)(sizeof(struct slot) << bits)) == 0)
        return MR_OK;
    enum mr_status status = table->fd < 0 ? MR_E_SYSTEM : file_failed(errno, err);
    table_fini(table);
    return status;
}

static enum mr_status table_flush(struct table *table, struct mr_error *err)
{
    size_t block_bytes = BLOCK_SLOTS * sizeof(struct slot);
    if (!table->is_dirty)
        return MR_OK;
    if (io_pwrite(table->fd, table->buffer, block_bytes, (int64_t)(table->block * block_bytes)) !=
        0)
        return file_failed(errno, err);
    table->is_dirty = false;
    return MR_OK;
}

/* *slot is valid until the next call. Who changes it sets is_dirty. */
static enum mr_status table_slot(struct table *table, uint64_t index, struct slot **slot,
                                 struct mr_error *err)
{
    if (table->slots) {
        *slot = &table->slots[index];
        return MR_OK;
    }
    uint64_t block = index / BLOCK_SLOTS;
    if (block != table->block) {
        size_t block_bytes = BLOCK_SLOTS * sizeof(struct slot);
        size_t got_bytes;
        enum mr_status status = table_flush(table, err);
        if (status != MR_OK)
            return status;
        table->block = NO_BLOCK;
        if (io_pread(table->fd, table->buffer, block_bytes, (int64_t)(block * block_bytes),
                     &got_bytes) != 0)
            return file_failed(errno, err);
        if (got_bytes != block_bytes)
            return file_failed(EIO, err);
        table->block = block;
    }
    *slot = &table->buffer[index % BLOCK_SLOTS];
    return MR_OK;
}

static bool is_empty(const struct slot *slot)
{
    return slot->hash[0] == 0 && slot->hash[1] == 0;
}

static bool is_same(const struct table *table, const struct slot *a, const struct slot *b)
{
    return a->hash[0] == b->hash[0] && (table->has_numbers || a->hash[1] == b->hash[1]);
}

/* *slot: the one that holds hash, or the empty one where it belongs. The table is never full. */
static enum mr_status table_find(struct table *table, const struct slot *hash, struct slot **slot,
                                 struct mr_error *err)
{
    uint64_t mask = ((uint64_t)1 << table->bits) - 1;
    uint64_t index = hash->hash[0] >> (64 - table->bits);
    for (;; index = (index + 1) & mask) {
        enum mr_status status = table_slot(table, index, slot, err);
        if (status != MR_OK || is_empty(*slot) || is_same(table, *slot, hash))
            return status;
    }
}

static void table_put(struct table *table, struct slot *slot, const struct slot *hash)
{
    *slot = *hash;
    table->is_dirty = table->fd >= 0;
    table->used_count++;
}

static enum mr_status table_move(struct table *to, struct table *from, struct mr_error *err)
{
    for (uint64_t i = 0; i < (uint64_t)1 << from->bits; i++) {
        struct slot *old;
        struct slot *place;
        enum mr_status status = table_slot(from, i, &old, err);
        if (status != MR_OK)
            return status;
        if (is_empty(old))
            continue;
        status = table_find(to, old, &place, err);
        if (status != MR_OK)
            return status;
        table_put(to, place, old);
    }
    return MR_OK;
}

/* Keeps at least a quarter of the slots empty. On failure the table is as it was. */
static enum mr_status make_room(struct nameset *set, struct mr_error *err)
{
    struct table *table = &set->table;
    uint64_t slot_count = (uint64_t)1 << table->bits;
    if (table->used_count < slot_count / 4 * 3)
        return MR_OK;
    /* While it grows, both the old and the new table are there. */
    bool in_memory = table->slots && 3 * slot_count * sizeof(struct slot) <= set->memory_bytes;
    struct table larger;
    enum mr_status status = table_init(&larger, table->bits + 1, in_memory, err);
    if (status != MR_OK)
        return status;
    larger.has_numbers = table->has_numbers;
    status = table_move(&larger, table, err);
    if (status != MR_OK) {
        table_fini(&larger);
        return status;
    }
    table_fini(table);
    *table = larger;
    return MR_OK;
}

enum mr_status nameset_create(size_t memory_bytes, struct nameset **set, struct mr_error *err)
{
    *set = NULL;
    struct nameset *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->memory_bytes = memory_bytes < MEMORY_MIN_BYTES ? MEMORY_MIN_BYTES : memory_bytes;
    made->table.fd = -1;
    enum mr_status status = siphash_make_key(made->key, err);
    if (status == MR_OK)
        status = table_init(&made->table, FIRST_BITS, true, err);
    if (status != MR_OK) {
        nameset_destroy(made);
        return status;
    }
    *set = made;
    return MR_OK;
}

void nameset_destroy(struct nameset *set)
{
    if (!set)
        return;
    table_fini(&set->table);
    free(set);
}

static enum mr_status look_up(struct nameset *set, const char *name, struct slot *hash,
                              struct slot **slot, struct mr_error *err)
{
    siphash_128(set->key, name, strlen(name), hash->hash);
    if (is_empty(hash))
        hash->hash[1] = 1; /* all zero means empty */
    return table_find(&set->table, hash, slot, err);
}

enum mr_status nameset_add(struct nameset *set, const char *name, bool *was_there,
                           struct mr_error *err)
{
    struct slot hash;
    struct slot *slot;
    *was_there = false;
    enum mr_status status = make_room(set, err);
    if (status == MR_OK)
        status = look_up(set, name, &hash, &slot, err);
    if (status != MR_OK)
        return status;
    *was_there = !is_empty(slot);
    if (!*was_there)
        table_put(&set->table, slot, &hash);
    return MR_OK;
}

enum mr_status nameset_has(struct nameset *set, const char *name, bool *is_there,
                           struct mr_error *err)
{
    struct slot hash;
    struct slot *slot;
    *is_there = false;
    enum mr_status status = look_up(set, name, &hash, &slot, err);
    if (status == MR_OK)
        *is_there = !is_empty(slot);
    return status;
}

enum mr_status nameset_set_number(struct nameset *set, const char *name, uint64_t number,
                                  struct mr_error *err)
{
    struct slot hash;
    struct slot *slot;
    set->table.has_numbers = true;
    enum mr_status status = make_room(set, err);
    if (status == MR_OK)
        status = look_up(set, name, &hash, &slot, err);
    if (status != MR_OK)
        return status;
    hash.hash[1] = number;
    if (is_empty(slot)) {
        table_put(&set->table, slot, &hash);
    } else {
        slot->hash[1] = number;
        set->table.is_dirty = set->table.fd >= 0;
    }
    return MR_OK;
}

enum mr_status nameset_number(struct nameset *set, const char *name, uint64_t *number,
                              struct mr_error *err)
{
    struct slot hash;
    struct slot *slot;
    *number = 0;
    set->table.has_numbers = true;
    enum mr_status status = look_up(set, name, &hash, &slot, err);
    if (status == MR_OK && !is_empty(slot))
        *number = slot->hash[1];
    return status;
}
