#include "source/zip_directory.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"

#define PIECE_BYTES        ((size_t)64 << 10)
#define UNSORTED_MAX_COUNT ((uint64_t)1 << 24)
#define HEADER_BYTES       ((size_t)46)
#define HEADER_MAX_BYTES   (HEADER_BYTES + 3 * (size_t)UINT16_MAX)
#define EXTRA_HEAD_BYTES   ((size_t)4)

const unsigned char *zip_extra_find(const unsigned char *extra, size_t extra_bytes, unsigned id,
                                    size_t *size_bytes)
{
    while (extra_bytes >= EXTRA_HEAD_BYTES) {
        size_t size = zip_get16(extra + 2);
        if (size > extra_bytes - EXTRA_HEAD_BYTES)
            return NULL;
        if (zip_get16(extra) == id) {
            *size_bytes = size;
            return extra + EXTRA_HEAD_BYTES;
        }
        extra += EXTRA_HEAD_BYTES + size;
        extra_bytes -= EXTRA_HEAD_BYTES + size;
    }
    return NULL;
}

unsigned zip_extra_count(const unsigned char *extra, size_t extra_bytes, unsigned id)
{
    unsigned count = 0;
    size_t size = 0;
    const unsigned char *end = extra + extra_bytes;
    while ((extra = zip_extra_find(extra, (size_t)(end - extra), id, &size)) != NULL) {
        extra += size;
        count++;
    }
    return count;
}

bool zip_extra_is_whole(const unsigned char *extra, size_t extra_bytes)
{
    while (extra_bytes >= EXTRA_HEAD_BYTES) {
        size_t size = EXTRA_HEAD_BYTES + zip_get16(extra + 2);
        if (size > extra_bytes)
            return false;
        extra += size;
        extra_bytes -= size;
    }
    return true;
}

bool zip_header_is_encrypted(const struct zip_header *header)
{
    return (header->flags & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED)) != 0 ||
           header->method == ZIP_METHOD_AES;
}

bool zip_header_is_decoded(const struct zip_header *header)
{
    if (header->flags & ZIP_FLAG_PATCH)
        return false;
    return header->method == ZIP_METHOD_STORE || header->method == ZIP_METHOD_DEFLATE ||
           (MR_HAVE_ZSTD && header->method == ZIP_METHOD_ZSTD);
}

/* bzip2, LZMA, xz, PPMd and zstd: APPNOTE.TXT 4.4.5. */
static bool is_for_others(const struct zip_header *header)
{
    static const unsigned methods[] = {12, 14, 95, 98, ZIP_METHOD_ZSTD};
    if (zip_header_is_decoded(header) || zip_header_is_encrypted(header))
        return false;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (header->method == methods[i])
            return true;
    return false;
}

void zip_walk_begin(struct zip_walk *walk, const struct zip_directory *directory, int64_t at_bytes,
                    void *buffer, size_t cap_bytes)
{
    *walk = (struct zip_walk){
        .directory = directory, .next_bytes = at_bytes, .buffer = buffer, .cap_bytes = cap_bytes};
}

void zip_walk_end(struct zip_walk *walk)
{
    if (walk->is_owned)
        free(walk->buffer);
}

/* Makes room for want_bytes from used_bytes on. */
static enum mr_status make_room(struct zip_walk *walk, size_t want_bytes, struct mr_error *err)
{
    size_t left = walk->filled_bytes - walk->used_bytes;
    if (want_bytes > walk->cap_bytes) {
        unsigned char *larger = malloc(HEADER_MAX_BYTES);
        if (!larger)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        memcpy(larger, walk->buffer + walk->used_bytes, left);
        zip_walk_end(walk);
        walk->buffer = larger;
        walk->cap_bytes = HEADER_MAX_BYTES;
        walk->is_owned = true;
    } else {
        memmove(walk->buffer, walk->buffer + walk->used_bytes, left);
    }
    walk->used_bytes = 0;
    walk->filled_bytes = left;
    return MR_OK;
}

/* Has want_bytes of the directory in the buffer, at used_bytes. */
static enum mr_status need(struct zip_walk *walk, size_t want_bytes, struct mr_error *err)
{
    size_t left = walk->filled_bytes - walk->used_bytes;
    if (left >= want_bytes)
        return MR_OK;
    int64_t end = walk->directory->end.directory_end_bytes;
    if ((uint64_t)(end - walk->next_bytes) < want_bytes - left)
        return zip_damaged(err, "the last header of its directory is cut");
    enum mr_status status = make_room(walk, want_bytes, err);
    if (status != MR_OK)
        return status;
    size_t room = walk->cap_bytes - walk->filled_bytes;
    if ((uint64_t)(end - walk->next_bytes) < room)
        room = (size_t)(end - walk->next_bytes);
    status = zip_bytes_read(&walk->directory->bytes, walk->next_bytes,
                            walk->buffer + walk->filled_bytes, room, err);
    if (status != MR_OK)
        return status;
    walk->filled_bytes += room;
    walk->next_bytes += (int64_t)room;
    return MR_OK;
}

/* The next of the numbers that the zip64 field has room for. False: it is cut. */
static bool take64(const unsigned char **at, size_t *left_bytes, uint64_t *value)
{
    if (*left_bytes < 8)
        return false;
    *value = zip_get64(*at);
    *at += 8;
    *left_bytes -= 8;
    return true;
}

/* The numbers that have 64 bits, in the order of their zip64 field (APPNOTE.TXT 4.5.3). */
static enum mr_status read_sizes(const unsigned char *at, int64_t shift_bytes,
                                 struct zip_header *header, struct mr_error *err)
{
    uint64_t plain = zip_get32(at + 24), stored = zip_get32(at + 20), local = zip_get32(at + 42);
    size_t left = 0;
    const unsigned char *extra =
        zip_extra_find(header->extra, header->extra_bytes, ZIP_EXTRA_ZIP64, &left);
    if (extra && ((plain == UINT32_MAX && !take64(&extra, &left, &plain)) ||
                  (stored == UINT32_MAX && !take64(&extra, &left, &stored)) ||
                  (local == UINT32_MAX && !take64(&extra, &left, &local))))
        return zip_damaged(err, "the zip64 field of a header is cut");
    if (plain > INT64_MAX || stored > INT64_MAX || local > INT64_MAX ||
        __builtin_add_overflow((int64_t)local, shift_bytes, &header->local_at_bytes))
        return zip_damaged(err, "a header declares more than there can be");
    header->plain_bytes = (int64_t)plain;
    header->stored_bytes = (int64_t)stored;
    return MR_OK;
}

enum mr_status zip_walk_next(struct zip_walk *walk, struct zip_header *header, struct mr_error *err)
{
    size_t left = walk->filled_bytes - walk->used_bytes;
    if (left == 0 && walk->next_bytes >= walk->directory->end.directory_end_bytes)
        return MR_DONE;
    enum mr_status status = need(walk, HEADER_BYTES, err);
    if (status != MR_OK)
        return status;
    const unsigned char *at = walk->buffer + walk->used_bytes;
    if (memcmp(at, "PK\001\002", 4) != 0)
        return zip_damaged(err, "its directory holds something else between the headers");
    size_t name_bytes = zip_get16(at + 28), extra_bytes = zip_get16(at + 30);
    size_t whole = HEADER_BYTES + name_bytes + extra_bytes + zip_get16(at + 32);
    status = need(walk, whole, err);
    if (status != MR_OK)
        return status;
    at = walk->buffer + walk->used_bytes;
    unsigned disk = zip_get16(at + 34);
    *header = (struct zip_header){
        .at_bytes = walk->next_bytes - (int64_t)(walk->filled_bytes - walk->used_bytes),
        .crc = zip_get32(at + 16),
        .attributes = zip_get32(at + 38),
        .dos_time = zip_get32(at + 12),
        .flags = zip_get16(at + 8),
        .method = zip_get16(at + 10),
        .host = at[5],
        .name = at + HEADER_BYTES,
        .extra = at + HEADER_BYTES + name_bytes,
        .name_bytes = name_bytes,
        .extra_bytes = extra_bytes,
    };
    walk->used_bytes += whole;
    if (disk != 0 && disk != UINT16_MAX)
        return zip_damaged(err, "a member lies in another part of it");
    if (!zip_extra_is_whole(header->extra, header->extra_bytes))
        return zip_damaged(err, "the extra fields of a header are cut");
    return read_sizes(at, walk->directory->end.shift_bytes, header, err);
}

/* Goes through all headers. With local_at their places are kept there, entry_count of them at most.
 */
static enum mr_status scan(struct zip_directory *directory, void *buffer, int64_t *local_at,
                           struct mr_error *err)
{
    struct zip_walk walk;
    struct zip_header header;
    uint64_t count = 0;
    int64_t last = -1;
    bool is_ascending = true;
    enum mr_status status;
    zip_walk_begin(&walk, directory, directory->end.directory_at_bytes, buffer, PIECE_BYTES);
    while ((status = zip_walk_next(&walk, &header, err)) == MR_OK) {
        directory->is_for_others = directory->is_for_others || is_for_others(&header);
        if (local_at && count < directory->entry_count)
            local_at[count] = header.local_at_bytes;
        is_ascending = is_ascending && header.local_at_bytes > last;
        last = header.local_at_bytes;
        count++;
    }
    zip_walk_end(&walk);
    if (status != MR_DONE)
        return status;
    uint64_t claimed = directory->end.entry_count;
    bool is_right =
        directory->end.is_count_short ? (count & UINT16_MAX) == claimed : count == claimed;
    if (!is_right || (local_at && count != directory->entry_count))
        return zip_damaged(err, "its directory holds %llu members, its end record says %llu",
                           (unsigned long long)count, (unsigned long long)claimed);
    directory->entry_count = count;
    directory->is_ascending = is_ascending;
    return MR_OK;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static enum mr_status sort(struct zip_directory *directory, void *buffer, struct mr_error *err)
{
    if (directory->entry_count > UNSORTED_MAX_COUNT)
        return mr_error_set(err, MR_E_LIMIT, 0,
                            "has more than %llu members that are not in their order",
                            (unsigned long long)UNSORTED_MAX_COUNT);
    int64_t *local_at = calloc((size_t)directory->entry_count, sizeof(*local_at));
    if (!local_at)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = scan(directory, buffer, local_at, err);
    if (status != MR_OK) {
        free(local_at);
        return status;
    }
    qsort(local_at, (size_t)directory->entry_count, sizeof(*local_at), compare);
    directory->is_ascending = false;
    directory->local_at = local_at;
    return MR_OK;
}

enum mr_status zip_directory_init(struct zip_directory *directory, const struct zip_bytes *bytes,
                                  struct mr_error *err)
{
    *directory = (struct zip_directory){.bytes = *bytes};
    enum mr_status status = zip_end_find(bytes, &directory->end, err);
    if (status != MR_OK)
        return status;
    void *buffer = malloc(PIECE_BYTES);
    if (!buffer)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    status = scan(directory, buffer, NULL, err);
    if (status == MR_OK && !directory->is_ascending)
        status = sort(directory, buffer, err);
    free(buffer);
    return status;
}

void zip_directory_fini(struct zip_directory *directory)
{
    free(directory->local_at);
    directory->local_at = NULL;
}

int64_t zip_directory_next_place(const struct zip_directory *directory, int64_t at_bytes,
                                 int64_t end_bytes, bool *is_shared)
{
    uint64_t low = 0, high = directory->entry_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (directory->local_at[middle] <= at_bytes)
            low = middle + 1;
        else
            high = middle;
    }
    *is_shared = low >= 2 && directory->local_at[low - 2] == at_bytes;
    return low < directory->entry_count && directory->local_at[low] < end_bytes
               ? directory->local_at[low]
               : end_bytes;
}
