#include "source/archive_reader.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/locale.h"
#include "base/path.h"
#include "source/archive_feed.h"
#include "source/archive_member.h"

#define TAR_BLOCK_BYTES       512
#define CPIO_END_MAX_BYTES    128       /* a header, TRAILER!!! and padding */
#define DAMAGE_SKIP_MAX_COUNT (1 << 20) /* unreadable headers in a row that are passed over */
#define FAILED_MAX_COUNT      65536     /* unreadable members in a row; then it is given up */
#define TAIL_MAX_BYTES        ((size_t)64 << 20) /* plain bytes behind the end of an archive */

struct archive_reader {
    struct archive_reading reading;
    struct archive_feed feed;
    locale_t utf8;
    struct archive *archive;
    struct archive_entry *member; /* libarchive's; the last one */
    struct archive_links links;
    uint64_t member_count;
    int64_t end_bytes;     /* of tar and cpio: where the last member ends */
    unsigned failed_count; /* members in a row that failed */
    int first_status;      /* of the first header, which was read to recognise the archive */
    bool has_first;
    bool is_ended;
    bool is_damaged;        /* ended before its end */
    bool is_content;        /* the last entry was given with content that is not at its end */
    int64_t size_bytes;     /* of the last entry as declared, or MR_SIZE_UNKNOWN */
    int64_t position_bytes; /* of the content, given so far */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* ---- errors ---- */

/* What libarchive says went wrong, in our words. */
static enum mr_status describe(const struct archive_reader *reader, struct mr_error *err)
{
    if (reader->feed.status == MR_E_SYSTEM)
        return mr_error_set(err, MR_E_SYSTEM, reader->feed.sys_errno, "cannot read");
    if (archive_errno(reader->archive) == ENOMEM)
        return no_memory(err);
    const char *reason = archive_error_string(reader->archive);
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), reason && *reason ? reason : "it ends too early");
    if (strncasecmp(shown, "unsupported", 11) == 0 || strcasestr(shown, "not supported"))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "cannot be read: %s", shown);
    if (strcasestr(shown, "passphrase") || strcasestr(shown, "encrypt"))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is encrypted, which is not supported");
    return mr_error_set(err, MR_E_DATA, 0, "damaged or truncated archive: %s", shown);
}

/* Ends the archive after damage. Held links are names whose content is gone. */
static enum mr_status give_up(struct archive_reader *reader, struct mr_error *err)
{
    reader->is_ended = reader->is_damaged = true;
    return describe(reader, err);
}

/* ---- members ---- */

/* ARCHIVE_FORMAT_TAR and so on. */
static bool is_of_format(const struct archive_reader *reader, int format)
{
    return (archive_format(reader->archive) & ARCHIVE_FORMAT_BASE_MASK) == format;
}

static bool is_tar(const struct archive_reader *reader)
{
    return is_of_format(reader, ARCHIVE_FORMAT_TAR);
}

static bool is_cpio(const struct archive_reader *reader)
{
    return is_of_format(reader, ARCHIVE_FORMAT_CPIO);
}

static int read_header(struct archive_reader *reader)
{
    if (reader->has_first) {
        reader->has_first = false;
        return reader->first_status;
    }
    /* After the padding of the last member: the mark of the end stands behind it. */
    if (is_tar(reader) || is_cpio(reader)) {
        int status = archive_read_data_skip(reader->archive);
        if (status < ARCHIVE_WARN)
            return status;
        reader->end_bytes = archive_filter_bytes(reader->archive, 0);
        if (archive_filter_count(reader->archive) == 1)
            archive_feed_look(&reader->feed, reader->end_bytes);
    }
    return archive_read_next_header(reader->archive, &reader->member);
}

/* A tar that ends without its mark may have been cut off between two members. */
static bool lacks_end(const struct archive_reader *reader)
{
    return is_tar(reader) && reader->member_count > 0 &&
           archive_filter_bytes(reader->archive, 0) - reader->end_bytes < TAR_BLOCK_BYTES;
}

/* Behind a header of cpio that it cannot read libarchive looks for the next one, and does not say
 * so when that is the end. */
static bool passes_over(const struct archive_reader *reader)
{
    return is_cpio(reader) &&
           archive_filter_bytes(reader->archive, 0) - reader->end_bytes > CPIO_END_MAX_BYTES;
}

/* Passes over runs of unreadable headers after the first, which libarchive tries block by block. */
static int read_header_after_damage(struct archive_reader *reader)
{
    int status = ARCHIVE_RETRY;
    for (int i = 0; status == ARCHIVE_RETRY && i < DAMAGE_SKIP_MAX_COUNT; i++)
        status = archive_read_next_header(reader->archive, &reader->member);
    return status == ARCHIVE_RETRY ? ARCHIVE_FATAL : status;
}

/* The archive is at its end: what is held is given out, as it should be or as lost. */
static enum mr_status next_after_end(struct archive_reader *reader, struct mr_entry *entry,
                                     struct mr_error *err)
{
    if (!archive_links_pop(&reader->links, true, entry))
        return MR_DONE;
    if (reader->is_damaged)
        return mr_error_set(err, MR_E_DATA, 0,
                            "its content is missing: the archive is damaged or truncated");
    return MR_OK;
}

/* Can it be told where the archive ends in what it is read from, that there may be more? */
static bool ends_somewhere(const struct archive_reader *reader)
{
    return (is_tar(reader) || is_cpio(reader)) && archive_filter_count(reader->archive) == 1;
}

/* Was something other than padding read that stands behind the end? */
static bool has_more(const struct archive_reader *reader)
{
    return ends_somewhere(reader) &&
           reader->feed.zeros_at_bytes > archive_filter_bytes(reader->archive, 0);
}

static enum mr_status say_more(struct mr_error *err)
{
    return mr_error_set(err, MR_SKIPPED, 0, "something follows its end, and was left out");
}

/*
 * After the last member: reads what is left of compressed data around the archive, whose checksum
 * comes at its end; and of others, whether something is left. MR_SKIPPED: that is so.
 */
static enum mr_status finish(struct archive_reader *reader, struct mr_error *err)
{
    const void *data;
    const char *problem = NULL;
    size_t tail_bytes = 0, got = 0;
    bool is_decoded = reader->feed.input.is_decoded;
    enum mr_status status = is_decoded || ends_somewhere(reader) ? MR_OK : MR_DONE;
    while (status == MR_OK && tail_bytes <= TAIL_MAX_BYTES && (is_decoded || !has_more(reader))) {
        status = archive_feed_read(&reader->feed, &data, &got, &problem);
        tail_bytes += got;
    }
    switch (status) {
    case MR_DONE:
        if (problem && *problem)
            return mr_error_set(err, MR_E_DATA, 0, "%s", problem);
        return has_more(reader) ? say_more(err) : MR_OK;
    case MR_OK:
        if (!is_decoded)
            return say_more(err);
        return mr_error_set(err, MR_E_DATA, 0, "more than 64 MiB follow the end of the archive");
    case MR_E_SYSTEM:
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    case MR_E_DATA:
        return mr_error_set(err, MR_E_DATA, 0, "damaged or truncated archive: %s", problem);
    default:
        return mr_error_set(err, status, 0, "%s", problem);
    }
}

/*
 * What libarchive only warns of is damage that it passed over. Names whose characters it could not
 * translate are given as they are; access control lists are not used.
 */
static bool is_harmless(const char *warning)
{
    return !warning || strcasestr(warning, "convert") || strcasestr(warning, "acl");
}

/* Turns the member whose header was just read, with this result, into *entry. MR_AGAIN: it is held
 * back or no item. */
static enum mr_status take_member(struct archive_reader *reader, int result, struct mr_entry *entry,
                                  struct mr_error *err)
{
    int format = archive_format(reader->archive);
    reader->member_count++;
    enum mr_status status =
        archive_member_read(reader->member, format, reader->member_count, entry, err);
    if (status == MR_OK && result == ARCHIVE_WARN &&
        !is_harmless(archive_error_string(reader->archive)))
        /* Of cpio: where a header should be was none, and libarchive went on with the next bytes
         * that look like one. From there on it is guesswork, which content may have made up. */
        status = is_cpio(reader) ? give_up(reader, err) : describe(reader, err);
    if (status != MR_OK)
        return status;
    reader->is_content = entry->kind == MR_KIND_FILE;
    reader->size_bytes = entry->size_bytes;
    if (archive_member_is_top(entry)) {
        mr_entry_clear(entry);
        return MR_AGAIN;
    }
    if (!is_cpio(reader))
        return MR_OK;
    if (archive_links_hold(&reader->links, reader->member, entry))
        return MR_AGAIN;
    if (entry->kind == MR_KIND_FILE && archive_entry_nlink(reader->member) > 1 &&
        !archive_links_resolve(&reader->links, reader->member, entry))
        return no_memory(err);
    return MR_OK;
}

/* The member just read has a pax header that readers may take differently: from there on nothing is
 * believed. */
static enum mr_status refuse_pax(struct archive_reader *reader, int result, struct mr_entry *entry,
                                 struct mr_error *err)
{
    struct mr_error ignored;
    reader->member_count++;
    if (result >= ARCHIVE_WARN)
        archive_member_read(reader->member, archive_format(reader->archive), reader->member_count,
                            entry, &ignored);
    reader->is_ended = reader->is_damaged = true;
    return mr_error_set(err, MR_E_DATA, 0, "damaged archive: %s", reader->feed.pax.problem);
}

static enum mr_status next_member(struct archive_reader *reader, struct mr_entry *entry,
                                  struct mr_error *err)
{
    for (;;) {
        int result = read_header(reader);
        if (result == ARCHIVE_EOF) {
            reader->is_ended = true;
            enum mr_status status = finish(reader, err);
            if (!mr_status_is_error(status) && passes_over(reader))
                return mr_error_set(err, MR_E_DATA, 0,
                                    "damaged archive: what stands before its end is no member");
            if (!mr_status_is_error(status) && lacks_end(reader))
                return mr_error_set(err, MR_E_DATA, 0,
                                    "truncated archive: the mark of its end is missing");
            return status == MR_OK ? next_after_end(reader, entry, err) : status;
        }
        if (is_tar(reader) && reader->feed.pax.problem)
            return refuse_pax(reader, result, entry, err);
        bool is_failed = result == ARCHIVE_FAILED;
        reader->failed_count = is_failed ? reader->failed_count + 1 : 0;
        if (result == ARCHIVE_FATAL || reader->failed_count > FAILED_MAX_COUNT)
            return give_up(reader, err);
        if (result == ARCHIVE_RETRY) {
            enum mr_status status = describe(reader, err);
            reader->first_status = read_header_after_damage(reader);
            reader->has_first = true;
            return status;
        }
        if (is_failed) { /* this member alone */
            enum mr_status status = describe(reader, err);
            struct mr_error ignored;
            reader->member_count++;
            archive_member_read(reader->member, archive_format(reader->archive),
                                reader->member_count, entry, &ignored);
            return status;
        }
        enum mr_status status = take_member(reader, result, entry, err);
        if (status != MR_AGAIN)
            return status;
    }
}

static void note_used(struct archive_reader *reader)
{
    uint64_t used = archive_feed_used(&reader->feed, reader->archive);
    if (used > reader->reading.used_bytes)
        reader->reading.used_bytes = used;
}

static enum mr_status reading_next(struct archive_reading *reading, struct mr_entry *entry,
                                   struct mr_error *err)
{
    struct archive_reader *reader = (struct archive_reader *)reading;
    reader->is_content = false;
    reader->position_bytes = 0;
    if (archive_links_pop(&reader->links, false, entry))
        return MR_OK;
    if (reader->is_ended)
        return next_after_end(reader, entry, err);
    locale_t before = locale_enter(reader->utf8);
    enum mr_status status = next_member(reader, entry, err);
    note_used(reader);
    locale_leave(before);
    return status;
}

/* ---- content ---- */

/* No more blocks: what is missing at the end is a hole, or missing. end_bytes: where libarchive
 * says the content ends. */
static enum mr_status end_content(struct archive_reader *reader, int64_t end_bytes,
                                  struct archive_block *block, struct mr_error *err)
{
    reader->is_content = false;
    if (reader->size_bytes == MR_SIZE_UNKNOWN)
        return MR_DONE;
    bool is_sparse = archive_entry_sparse_count(reader->member) > 0;
    int64_t end = is_sparse || end_bytes > reader->size_bytes ? reader->size_bytes : end_bytes;
    if (end > reader->position_bytes)
        block->zero_bytes = end - reader->position_bytes;
    reader->position_bytes += block->zero_bytes;
    if (reader->position_bytes != reader->size_bytes)
        return mr_error_set(
            err, MR_E_DATA, 0,
            "damaged archive: holds %lld bytes of the %lld that its header declares",
            (long long)reader->position_bytes, (long long)reader->size_bytes);
    return block->zero_bytes > 0 ? MR_OK : MR_DONE;
}

/* Checks where libarchive says that a block lies. */
static enum mr_status place_block(struct archive_reader *reader, int64_t offset_bytes,
                                  struct archive_block *block, struct mr_error *err)
{
    int64_t end;
    if (offset_bytes < reader->position_bytes ||
        __builtin_add_overflow(offset_bytes, (int64_t)block->data_bytes, &end))
        return mr_error_set(err, MR_E_DATA, 0, "damaged archive: the parts of its content overlap");
    if (reader->size_bytes != MR_SIZE_UNKNOWN && end > reader->size_bytes)
        return mr_error_set(
            err, MR_E_DATA, 0,
            "damaged archive: holds more than the %lld bytes that its header declares",
            (long long)reader->size_bytes);
    block->zero_bytes = offset_bytes - reader->position_bytes;
    reader->position_bytes = end;
    return MR_OK;
}

static enum mr_status next_block(struct archive_reader *reader, struct archive_block *block,
                                 struct mr_error *err)
{
    const void *data = NULL;
    la_int64_t offset = 0;
    int result = archive_read_data_block(reader->archive, &data, &block->data_bytes, &offset);
    if (result == ARCHIVE_EOF) {
        block->data_bytes = 0;
        return end_content(reader, offset, block, err);
    }
    block->data = data;
    /* Also after ARCHIVE_WARN: a checksum that is wrong. */
    enum mr_status status =
        result == ARCHIVE_OK ? place_block(reader, offset, block, err) : describe(reader, err);
    if (status != MR_OK)
        reader->is_content = false;
    return status;
}

static enum mr_status reading_block(struct archive_reading *reading, struct archive_block *block,
                                    struct mr_error *err)
{
    struct archive_reader *reader = (struct archive_reader *)reading;
    *block = (struct archive_block){0};
    if (!reader->is_content)
        return MR_DONE;
    locale_t before = locale_enter(reader->utf8);
    enum mr_status status = next_block(reader, block, err);
    note_used(reader);
    locale_leave(before);
    return status;
}

bool archive_reader_is_flat(const struct archive_reading *reading)
{
    const struct archive_reader *reader = (const struct archive_reader *)reading;
    return is_tar(reader) || is_cpio(reader) || is_of_format(reader, ARCHIVE_FORMAT_AR);
}

/* ---- the beginning and the end ---- */

static void free_archive(struct archive_reader *reader)
{
    if (!reader->archive)
        return;
    locale_t before = locale_enter(reader->utf8);
    archive_read_free(reader->archive);
    locale_leave(before);
    reader->archive = NULL;
}

static void reading_destroy(struct archive_reading *reading)
{
    struct archive_reader *reader = (struct archive_reader *)reading;
    free_archive(reader);
    pax_check_fini(&reader->feed.pax);
    archive_links_fini(&reader->links);
    locale_destroy(reader->utf8);
    free(reader);
}

static const struct archive_reading_ops ops = {
    .next = reading_next, .block = reading_block, .destroy = reading_destroy};

/*
 * No member was found. An archive that was made of nothing is fine (MR_OK). What is compressed and
 * damaged may have been one. All else is no archive.
 */
static enum mr_status judge_empty(struct archive_reader *reader,
                                  const struct archive_wanted *wanted, struct mr_error *err)
{
    free_archive(reader);
    reader->has_first = false;
    reader->is_ended = true;
    if (!reader->feed.input.rewind(reader->feed.input.ctx))
        return mr_error_set(err, MR_E_DATA, 0, "damaged archive: nothing can be read");
    switch (archive_feed_probe(&reader->feed)) {
    case ARCHIVE_PROBE_EMPTY:
        return MR_OK;
    case ARCHIVE_PROBE_DAMAGED:
        if (wanted->is_claimed)
            return mr_error_set(
                err, MR_E_DATA, 0,
                "damaged or truncated: it is compressed, but cannot be decompressed");
        break;
    case ARCHIVE_PROBE_OTHER:
        break;
    }
    return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is no archive of a known format");
}

/* Opens the handle and reads the first header. MR_E_UNSUPPORTED: libarchive knows no such format,
 * or it holds nothing. */
static enum mr_status recognise(struct archive_reader *reader, const struct archive_wanted *wanted,
                                struct mr_error *err)
{
    struct archive_choice choice;
    enum mr_status status = archive_formats_parse(wanted->format, &choice, err);
    if (status != MR_OK)
        return status;
    reader->archive = archive_read_new();
    /* One layer of compression is taken off, not two: what is behind the second may take for ever.
     */
    bool takes_filters = !reader->feed.input.is_decoded;
    if (!reader->archive || !archive_formats_support(reader->archive, &choice, takes_filters))
        return no_memory(err);
    archive_feed_look(&reader->feed, 0);
    if (archive_feed_open(&reader->feed, reader->archive) < ARCHIVE_WARN) {
        if (reader->feed.status == MR_E_SYSTEM || archive_errno(reader->archive) == ENOMEM)
            return describe(reader, err);
        return judge_empty(reader, wanted, err);
    }
    reader->first_status = archive_read_next_header(reader->archive, &reader->member);
    reader->has_first = true;
    archive_feed_begin(&reader->feed, reader->archive); /* to recognise it may take any reading */
    if (archive_filter_count(reader->archive) != 1)     /* what was looked at is compressed */
        reader->feed.pax.problem = NULL;
    bool is_chance = wanted->is_weak && reader->first_status < ARCHIVE_WARN;
    return reader->first_status == ARCHIVE_EOF || is_chance ? judge_empty(reader, wanted, err)
                                                            : MR_OK;
}

enum mr_status archive_reader_create(const struct archive_input *input,
                                     const struct archive_wanted *wanted,
                                     struct archive_reading **reading, struct mr_error *err)
{
    struct archive_reader *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->reading.ops = &ops;
    made->feed.input = *input;
    archive_links_init(&made->links);
    enum mr_status status = locale_create(&made->utf8, err);
    if (status == MR_OK) {
        locale_t before = locale_enter(made->utf8);
        status = recognise(made, wanted, err);
        locale_leave(before);
    }
    if (status != MR_OK) {
        reading_destroy(&made->reading);
        return status;
    }
    *reading = &made->reading;
    return MR_OK;
}
