#include "source/zip_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "source/zip_member.h"

#define PIECE_BYTES ((size_t)64 << 10)

struct check {
    struct zip_directory *directory;
    struct zip_walk walk;
    int64_t begin_bytes, end_bytes; /* of what the members must fill */
    int64_t filled_bytes;
    /* The member before the one that the walk is at, where they lie in order. */
    struct zip_span span;
    int64_t header_at_bytes;
    bool has_span;
};

static void name_member(const struct zip_header *header, struct mr_error *err)
{
    char name[UINT16_MAX + 1], shown[PATH_SHOW_BYTES];
    memcpy(name, header->name, header->name_bytes);
    name[header->name_bytes] = '\0';
    mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), name));
}

/* The same for a header that the walk has left. */
static void name_member_at(const struct check *check, int64_t at_bytes, struct mr_error *err)
{
    unsigned char piece[1024];
    struct zip_walk walk;
    struct zip_header header;
    zip_walk_begin(&walk, check->directory, at_bytes, piece, sizeof(piece));
    if (err && zip_walk_next(&walk, &header, NULL) == MR_OK)
        name_member(&header, err);
    zip_walk_end(&walk);
}

/* The member of span ends where the next one begins. */
static enum mr_status settle(struct check *check, const struct zip_span *span,
                             int64_t header_at_bytes, int64_t next_bytes, struct mr_error *err)
{
    const struct zip_bytes *bytes = &check->directory->bytes;
    enum mr_status status = next_bytes <= span->local_at_bytes
                                ? zip_damaged(err, "another member has the same place")
                                : zip_member_check_end(bytes, span, next_bytes, err);
    if (status != MR_OK)
        name_member_at(check, header_at_bytes, err);
    check->filled_bytes += next_bytes - span->local_at_bytes;
    return status;
}

static enum mr_status settle_in_order(struct check *check, int64_t next_bytes, struct mr_error *err)
{
    bool has_span = check->has_span;
    check->has_span = false;
    return has_span ? settle(check, &check->span, check->header_at_bytes, next_bytes, err) : MR_OK;
}

static enum mr_status check_member(struct check *check, const struct zip_header *header,
                                   struct mr_error *err)
{
    const struct zip_directory *directory = check->directory;
    struct zip_span span;
    enum mr_status status = MR_OK;
    if (directory->is_ascending)
        status = settle_in_order(check, header->local_at_bytes, err);
    if (status != MR_OK)
        return status;
    status =
        zip_member_check(&directory->bytes, header, directory->end.directory_at_bytes, &span, err);
    if (status != MR_OK) {
        name_member(header, err);
        if (status != MR_E_DATA || !directory->bytes.doubts->accepts)
            return status;
        return zip_remark(&directory->bytes, "a member is damaged"); /* and fails when it is read */
    }
    if (directory->is_ascending) {
        check->span = span;
        check->header_at_bytes = header->at_bytes;
        check->has_span = true;
        return MR_OK;
    }
    bool is_shared = false;
    int64_t next =
        zip_directory_next_place(directory, span.local_at_bytes, check->end_bytes, &is_shared);
    return settle(check, &span, header->at_bytes, is_shared ? span.local_at_bytes : next, err);
}

static enum mr_status check_members(struct check *check, void *piece, struct mr_error *err)
{
    struct zip_header header;
    enum mr_status status;
    zip_walk_begin(&check->walk, check->directory, check->directory->end.directory_at_bytes, piece,
                   PIECE_BYTES);
    while ((status = zip_walk_next(&check->walk, &header, err)) == MR_OK)
        if ((status = check_member(check, &header, err)) != MR_OK)
            break;
    zip_walk_end(&check->walk);
    return status == MR_DONE ? settle_in_order(check, check->end_bytes, err) : status;
}

/*
 * The room of local headers from at_bytes on that are there for their length alone: without a name,
 * content or method. Android's tools align what follows by them.
 */
static int64_t padding_bytes(const struct zip_bytes *bytes, int64_t at_bytes)
{
    enum { HEADER_BYTES = 30, CRC_AT = 14, SIZES_BYTES = 14, EXTRA_AT = 28 };
    static const unsigned char nothing[SIZES_BYTES];
    unsigned char header[HEADER_BYTES];
    int64_t at = at_bytes;
    while (zip_bytes_read(bytes, at, header, HEADER_BYTES, NULL) == MR_OK &&
           memcmp(header, "PK\003\004", 4) == 0 && zip_get32(header + 6) == 0 &&
           memcmp(header + CRC_AT, nothing, SIZES_BYTES) == 0)
        at += HEADER_BYTES + zip_get16(header + EXTRA_AT);
    return at - at_bytes;
}

/*
 * Where the members begin and end: behind the mark of an archive that might have had several parts
 * (APPNOTE.TXT 8.5.5), and before the signatures of an Android package (source.android.com, APK
 * Signature Scheme v2).
 */
static void find_room(struct check *check)
{
    static const char mark[] = "APK Sig Block 42";
    enum { MARK_BYTES = 16, FRAME_BYTES = 24 };
    const struct zip_directory *directory = check->directory;
    unsigned char head[8], frame[FRAME_BYTES];
    int64_t end = directory->end.directory_at_bytes;
    check->begin_bytes = directory->end.shift_bytes;
    check->end_bytes = end;
    if (zip_bytes_read(&directory->bytes, check->begin_bytes, head, sizeof(head), NULL) == MR_OK &&
        memcmp(head, "PK00PK\003\004", sizeof(head)) == 0)
        check->begin_bytes += 4;
    if (zip_bytes_read(&directory->bytes, end - FRAME_BYTES, frame, FRAME_BYTES, NULL) != MR_OK ||
        memcmp(frame + 8, mark, MARK_BYTES) != 0)
        return;
    uint64_t size = zip_get64(frame);
    if (size >= FRAME_BYTES && size <= (uint64_t)end - 8)
        check->end_bytes = end - 8 - (int64_t)size;
}

enum mr_status zip_check(struct zip_directory *directory, struct mr_error *err)
{
    struct check check = {.directory = directory};
    void *piece = malloc(PIECE_BYTES);
    if (!piece)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    find_room(&check);
    enum mr_status status = check_members(&check, piece, err);
    free(piece);
    zip_directory_fini(directory);
    int64_t left_bytes = check.end_bytes - check.begin_bytes - check.filled_bytes;
    if (status == MR_OK && left_bytes != 0 &&
        left_bytes != padding_bytes(&directory->bytes, check.begin_bytes))
        status = zip_doubt(&directory->bytes, err, "not all of it belongs to its members");
    return status;
}
