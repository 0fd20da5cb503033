#include "source/zip_end.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_BYTES = 22,
    COMMENT_MAX_BYTES = 65535,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,      /* without what later versions may add */
    END64_HEAD_BYTES = 12, /* the signature and the size, which counts what follows it */
};

/* What an end record says, with or without zip64. */
struct claim {
    uint64_t disk, directory_disk, entries_here, entries, directory_bytes, directory_offset;
    int64_t moved_bytes; /* the zip64 end record lies so far behind where its locator says */
};

static enum mr_status several_parts(struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0,
                        "is one part of an archive in several parts, which is not supported");
}

static struct claim claim_of_end(const unsigned char *at)
{
    return (struct claim){zip_get16(at + 4),
                          zip_get16(at + 6),
                          zip_get16(at + 8),
                          zip_get16(at + 10),
                          zip_get32(at + 12),
                          zip_get32(at + 16),
                          0};
}

static struct claim claim_of_end64(const unsigned char *at)
{
    return (struct claim){zip_get32(at + 16),
                          zip_get32(at + 20),
                          zip_get64(at + 24),
                          zip_get64(at + 32),
                          zip_get64(at + 40),
                          zip_get64(at + 48),
                          0};
}

/* Does the short record leave something to zip64? */
static bool is_left_to_zip64(const struct claim *claim)
{
    return claim->entries == UINT16_MAX || claim->entries_here == UINT16_MAX ||
           claim->directory_bytes == UINT32_MAX || claim->directory_offset == UINT32_MAX;
}

/* Every field of the short record is that of zip64, or all ones. */
static bool agrees(const struct claim *claim, const struct claim *claim64)
{
    return (claim->entries == UINT16_MAX || claim->entries == claim64->entries) &&
           (claim->entries_here == UINT16_MAX || claim->entries_here == claim64->entries_here) &&
           (claim->directory_bytes == UINT32_MAX ||
            claim->directory_bytes == claim64->directory_bytes) &&
           (claim->directory_offset == UINT32_MAX ||
            claim->directory_offset == claim64->directory_offset);
}

/* Is there a zip64 end record at at_bytes that ends where the locator begins? Then record has it.
 * *status: MR_E_SYSTEM when it cannot be read, else as it was. */
static bool read_end64(const struct zip_bytes *bytes, int64_t at_bytes, int64_t locator_at_bytes,
                       unsigned char *record, enum mr_status *status, struct mr_error *err)
{
    int64_t room = locator_at_bytes - at_bytes;
    if (at_bytes < 0 || room < END64_BYTES)
        return false;
    enum mr_status got = zip_bytes_read(bytes, at_bytes, record, END64_BYTES, err);
    if (got == MR_E_SYSTEM)
        *status = got;
    return got == MR_OK && memcmp(record, "PK\006\006", 4) == 0 &&
           zip_get64(record + 4) == (uint64_t)(room - END64_HEAD_BYTES);
}

/*
 * Looks for the zip64 records before the end record at end_at_bytes: fills *claim and
 * *directory_end_bytes from them. MR_OK also when there are none.
 */
static enum mr_status read_zip64(const struct zip_bytes *bytes, int64_t end_at_bytes,
                                 struct claim *claim, int64_t *directory_end_bytes,
                                 struct mr_error *err)
{
    unsigned char locator[LOCATOR_BYTES], record[END64_BYTES];
    int64_t locator_at = end_at_bytes - LOCATOR_BYTES;
    if (locator_at < 0)
        return MR_OK;
    enum mr_status status = zip_bytes_read(bytes, locator_at, locator, LOCATOR_BYTES, err);
    if (status != MR_OK || memcmp(locator, "PK\006\007", 4) != 0)
        return status == MR_E_SYSTEM ? status : MR_OK;
    uint64_t offset = zip_get64(locator + 8);
    /* Where it says; or right before it, when something stands before the whole archive. */
    int64_t at = offset <= INT64_MAX ? (int64_t)offset : -1, before = locator_at - END64_BYTES;
    bool is_before = at < before && read_end64(bytes, before, locator_at, record, &status, err);
    bool is_found = status == MR_OK && read_end64(bytes, at, locator_at, record, &status, err);
    /* Some readers look at the one place only, some at the other. */
    if (is_found && is_before)
        return zip_damaged(err, "it has two zip64 end records");
    if (!is_found && at >= 0 && is_before) {
        at = before;
        is_found = read_end64(bytes, at, locator_at, record, &status, err);
    }
    if (status != MR_OK)
        return status;
    struct claim claim64 = {0};
    if (is_found)
        claim64 = claim_of_end64(record);
    if (!is_found || !agrees(claim, &claim64)) {
        if (is_left_to_zip64(claim))
            return zip_damaged(err, "its zip64 end records do not fit");
        /* Not needed, it may be chance: the end of a comment in the directory. */
        return zip_doubt(bytes, err, "its zip64 end records do not fit");
    }
    if (locator_at - at != END64_BYTES) {
        status = zip_doubt(bytes, err, "its zip64 end record is longer than known");
        if (status != MR_OK)
            return status;
    }
    if (zip_get32(locator + 4) != 0 || zip_get32(locator + 16) > 1)
        return several_parts(err);
    *claim = claim64;
    claim->moved_bytes = at - (int64_t)offset;
    *directory_end_bytes = at;
    return MR_OK;
}

/* Does the directory begin as one does? And has the archive nothing before it that is an archive
 * too? */
static enum mr_status check_places(const struct zip_bytes *bytes, const struct zip_end *end,
                                   struct mr_error *err)
{
    unsigned char magic[4];
    if (end->entry_count > 0) {
        enum mr_status status = zip_bytes_read(bytes, end->directory_at_bytes, magic, 4, err);
        if (status == MR_E_SYSTEM)
            return status;
        if (status != MR_OK || memcmp(magic, "PK\001\002", 4) != 0)
            return zip_damaged(err, "its directory is not where its end record says");
    }
    if (end->shift_bytes > 0) {
        enum mr_status status = zip_bytes_read(bytes, 0, magic, 4, err);
        if (status != MR_OK)
            return status;
        if (memcmp(magic, "PK", 2) == 0)
            return zip_damaged(err, "another archive stands before it, or its own end is missing");
        return zip_doubt(bytes, err, "something stands before it");
    }
    return MR_OK;
}

/* Works out where the directory is, from the end record at end_at_bytes. */
static enum mr_status judge(const struct zip_bytes *bytes, int64_t end_at_bytes,
                            const unsigned char *record, struct zip_end *end, struct mr_error *err)
{
    struct claim claim = claim_of_end(record);
    int64_t directory_end = end_at_bytes;
    enum mr_status status = read_zip64(bytes, end_at_bytes, &claim, &directory_end, err);
    if (status != MR_OK)
        return status;
    bool is_long = directory_end != end_at_bytes;
    if (claim.disk != claim.directory_disk || claim.entries_here != claim.entries ||
        (claim.disk != 0 && (is_long || claim.disk != UINT16_MAX)))
        return several_parts(err);
    if (claim.directory_bytes > (uint64_t)directory_end)
        return zip_damaged(err, "its directory is larger than what stands before its end record");
    *end = (struct zip_end){
        .directory_at_bytes = directory_end - (int64_t)claim.directory_bytes,
        .directory_end_bytes = directory_end,
        .entry_count = claim.entries,
        .is_count_short = !is_long,
    };
    if (claim.directory_offset > (uint64_t)end->directory_at_bytes)
        return zip_damaged(err, "its directory is not where its end record says");
    end->end_bytes = end_at_bytes + END_BYTES + zip_get16(record + 20);
    end->shift_bytes = end->directory_at_bytes - (int64_t)claim.directory_offset;
    if (is_long && claim.moved_bytes != 0 && claim.moved_bytes != end->shift_bytes) {
        status = zip_doubt(bytes, err, "its zip64 end record is not where its locator says");
        if (status != MR_OK)
            return status;
    }
    return check_places(bytes, end, err);
}

/*
 * Tries the end records in tail, the last tail_bytes of the input, from the back. is_exact: only
 * those whose comment ends the input; else only those behind which something else follows. Returns
 * the status of the first that is well, else of the one tried first, else MR_E_UNSUPPORTED. A
 * comment that holds an end record makes two archives of one, of which each reader takes another.
 */
static enum mr_status search(const struct zip_bytes *bytes, const unsigned char *tail,
                             size_t tail_bytes, bool is_exact, struct zip_end *end,
                             struct mr_error *err)
{
    enum mr_status first = MR_E_UNSUPPORTED;
    bool is_ambiguous = false;
    for (size_t at = tail_bytes - END_BYTES + 1; at-- > 0;) {
        size_t left = tail_bytes - at - END_BYTES;
        if (tail[at] != 'P' || memcmp(tail + at, "PK\005\006", 4) != 0)
            continue;
        size_t comment = zip_get16(tail + at + 20);
        if (is_exact ? comment != left : comment >= left) {
            is_ambiguous = is_ambiguous || (is_exact && comment < left);
            continue;
        }
        struct mr_error problem;
        int64_t end_at = bytes->size_bytes - (int64_t)(tail_bytes - at);
        enum mr_status status = judge(bytes, end_at, tail + at, end, &problem);
        if (status == MR_E_SYSTEM) { /* nothing is known of it */
            if (err)
                *err = problem;
            return status;
        }
        if (status == MR_OK)
            return is_ambiguous ? zip_damaged(err, "its comment holds another end record") : MR_OK;
        is_ambiguous = is_exact;
        if (first == MR_E_UNSUPPORTED) {
            first = status;
            if (err)
                *err = problem;
        }
    }
    return first;
}

/* Is there an end record whose comment would reach beyond the input? */
static bool has_longer_comment(const unsigned char *tail, size_t tail_bytes)
{
    for (size_t at = 0; at + END_BYTES <= tail_bytes; at++)
        if (tail[at] == 'P' && memcmp(tail + at, "PK\005\006", 4) == 0 &&
            zip_get16(tail + at + 20) > tail_bytes - at - END_BYTES)
            return true;
    return false;
}

/* Bytes behind the end. A few can be no archive, whatever reader looks at them. */
static enum mr_status judge_tail(const struct zip_bytes *bytes, const struct zip_end *end,
                                 struct mr_error *err)
{
    if (bytes->size_bytes - end->end_bytes < END_BYTES)
        return zip_remark(bytes, "some bytes follow its end");
    return zip_doubt(bytes, err, "something follows its end");
}

enum mr_status zip_end_find(const struct zip_bytes *bytes, struct zip_end *end,
                            struct mr_error *err)
{
    size_t tail_bytes = END_BYTES + COMMENT_MAX_BYTES;
    if ((uint64_t)bytes->size_bytes < tail_bytes)
        tail_bytes = (size_t)bytes->size_bytes;
    if (tail_bytes < END_BYTES)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "it has no end record");
    unsigned char *tail = malloc(tail_bytes);
    if (!tail)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status =
        zip_bytes_read(bytes, bytes->size_bytes - (int64_t)tail_bytes, tail, tail_bytes, err);
    if (status == MR_OK)
        status = search(bytes, tail, tail_bytes, true, end, err);
    if (status == MR_E_UNSUPPORTED) {
        status = search(bytes, tail, tail_bytes, false, end, err);
        if (status == MR_OK)
            status = judge_tail(bytes, end, err);
        else if (status == MR_E_UNSUPPORTED && has_longer_comment(tail, tail_bytes))
            status = zip_damaged(err, "its comment is cut");
    }
    free(tail);
    if (status == MR_E_UNSUPPORTED)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "it has no end record");
    return status;
}
