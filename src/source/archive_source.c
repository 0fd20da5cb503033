/* archive_source.c - an archive in any format of the whitelist, one member after the other. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/locale.h"
#include "base/path.h"
#include "source/archive_bytes.h"
#include "source/archive_formats.h"
#include "source/archive_member.h"
#include "source/archive_probe.h"
#include "source/sources.h"

#define DAMAGE_SKIP_MAX_COUNT (1 << 20) /* unreadable headers in a row that are passed over */
#define FAILED_MAX_COUNT      65536     /* unreadable members in a row; then it is given up */

/* The member that is being read; there is one at a time. */
struct mr_reader {
    bool is_open;
    bool is_ended;              /* no more blocks */
    int64_t size_bytes;         /* as declared, or MR_SIZE_UNKNOWN */
    int64_t position_bytes;     /* of the content, handed out so far */
    int64_t zero_bytes;         /* of a hole, to be handed out before the block */
    const unsigned char *block; /* libarchive's, block_bytes left of it */
    size_t block_bytes;
};

struct archive_source {
    struct mr_source source;
    char *label;                 /* owned */
    char shown[PATH_SHOW_BYTES]; /* label for messages */
    locale_t utf8;
    struct archive_bytes *bytes;
    struct archive *archive;
    struct archive_entry *member; /* libarchive's; the last one */
    struct archive_links links;
    struct mr_reader reader;
    uint64_t member_count;
    unsigned failed_count; /* members in a row that failed */
    int first_status;      /* of the first header, which was read to recognise the archive */
    bool has_first;
    bool is_ended;
    bool is_damaged;       /* ended before its end */
    bool is_content;       /* the last entry was given with content in the archive */
    struct mr_source *zip; /* our own reader, which takes the place of all this; owned until then */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* What libarchive says went wrong, in our words. The text does not name the archive. */
static enum mr_status describe(struct archive_source *source, struct mr_error *err)
{
    int sys_errno = archive_bytes_errno(source->bytes);
    if (sys_errno != 0)
        return mr_error_set(err, MR_E_SYSTEM, sys_errno, "cannot read");
    if (archive_errno(source->archive) == ENOMEM)
        return no_memory(err);
    const char *reason = archive_error_string(source->archive);
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), reason && *reason ? reason : "it ends too early");
    if (strncasecmp(shown, "unsupported", 11) == 0 || strcasestr(shown, "not supported"))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "cannot be read: %s", shown);
    if (strcasestr(shown, "passphrase") || strcasestr(shown, "encrypt"))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is encrypted, which is not supported");
    return mr_error_set(err, MR_E_DATA, 0, "damaged or truncated archive: %s", shown);
}

static enum mr_status describe_whole(struct archive_source *source, struct mr_error *err)
{
    enum mr_status status = describe(source, err);
    mr_error_prefix(err, "%s", source->shown);
    return status;
}

/* Ends the archive after damage. Held links are names whose content is gone. */
static enum mr_status give_up(struct archive_source *source, struct mr_error *err)
{
    source->is_ended = source->is_damaged = true;
    return describe_whole(source, err);
}

static int read_header(struct archive_source *source)
{
    if (source->has_first) {
        source->has_first = false;
        return source->first_status;
    }
    return archive_read_next_header(source->archive, &source->member);
}

/* Passes over runs of unreadable headers after the first, which libarchive tries block by block. */
static int read_header_after_damage(struct archive_source *source)
{
    int status = ARCHIVE_RETRY;
    for (int i = 0; status == ARCHIVE_RETRY && i < DAMAGE_SKIP_MAX_COUNT; i++)
        status = archive_read_next_header(source->archive, &source->member);
    return status == ARCHIVE_RETRY ? ARCHIVE_FATAL : status;
}

/* The archive is at its end: what is held is given out, as it should be or as lost. */
static enum mr_status next_after_end(struct archive_source *source, struct mr_entry *entry,
                                     struct mr_error *err)
{
    if (!archive_links_pop(&source->links, true, entry))
        return MR_DONE;
    if (source->is_damaged)
        return mr_error_set(err, MR_E_DATA, 0,
                            "its content is missing: the archive is damaged or truncated");
    return MR_OK;
}

/* Turns the member whose header was just read into *entry. MR_AGAIN: it is held back or no item. */
static enum mr_status take_member(struct archive_source *source, struct mr_entry *entry,
                                  struct mr_error *err)
{
    int format = archive_format(source->archive);
    source->member_count++;
    enum mr_status status =
        archive_member_read(source->member, format, source->member_count, entry, err);
    if (status != MR_OK)
        return status;
    source->is_content = entry->kind == MR_KIND_FILE;
    if (archive_member_is_top(entry)) {
        mr_entry_clear(entry);
        return MR_AGAIN;
    }
    if ((format & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_CPIO)
        return MR_OK;
    if (archive_links_hold(&source->links, source->member, entry))
        return MR_AGAIN;
    if (entry->kind == MR_KIND_FILE && archive_entry_nlink(source->member) > 1 &&
        !archive_links_resolve(&source->links, source->member, entry))
        return no_memory(err);
    return MR_OK;
}

static enum mr_status next_member(struct archive_source *source, struct mr_entry *entry,
                                  struct mr_error *err)
{
    for (;;) {
        int result = read_header(source);
        if (result == ARCHIVE_EOF) {
            source->is_ended = true;
            enum mr_status status = archive_bytes_finish(source->bytes, err);
            if (status == MR_OK)
                return next_after_end(source, entry, err);
            mr_error_prefix(err, "%s", source->shown);
            return status;
        }
        bool is_failed = result == ARCHIVE_FAILED;
        source->failed_count = is_failed ? source->failed_count + 1 : 0;
        if (result == ARCHIVE_FATAL || source->failed_count > FAILED_MAX_COUNT)
            return give_up(source, err);
        if (result == ARCHIVE_RETRY) {
            enum mr_status status = describe_whole(source, err);
            source->first_status = read_header_after_damage(source);
            source->has_first = true;
            return status;
        }
        if (is_failed) { /* this member alone */
            enum mr_status status = describe(source, err);
            struct mr_error ignored;
            source->member_count++;
            archive_member_read(source->member, archive_format(source->archive),
                                source->member_count, entry, &ignored);
            return status;
        }
        /* ARCHIVE_WARN: a name that could not be translated, a pax key that is not known. What
         * matters is checked in the entry. */
        enum mr_status status = take_member(source, entry, err);
        if (status != MR_AGAIN)
            return status;
    }
}

static enum mr_status source_next(struct mr_source *base, struct mr_entry *entry,
                                  struct mr_error *err)
{
    struct archive_source *source = (struct archive_source *)base;
    memset(&source->reader, 0, sizeof(source->reader));
    source->is_content = false;
    if (archive_links_pop(&source->links, false, entry))
        return MR_OK;
    if (source->is_ended)
        return next_after_end(source, entry, err);
    locale_t before = locale_enter(source->utf8);
    enum mr_status status = next_member(source, entry, err);
    locale_leave(before);
    return status;
}

static enum mr_status source_open(struct mr_source *base, const struct mr_entry *entry,
                                  struct mr_reader **reader, struct mr_error *err)
{
    struct archive_source *source = (struct archive_source *)base;
    if (entry->is_encrypted)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is encrypted, which is not supported");
    if (source->reader.is_open)
        return mr_error_set(err, MR_E_USAGE, 0, "the members of an archive can be read once");
    source->reader.is_open = true;
    source->reader.size_bytes = entry->size_bytes;
    source->reader.is_ended = !source->is_content;
    *reader = &source->reader;
    return MR_OK;
}

/* No more blocks: what is missing at the end is a hole, or missing. end_bytes: where libarchive
 * says the content ends. */
static enum mr_status end_content(struct archive_source *source, int64_t end_bytes,
                                  struct mr_error *err)
{
    struct mr_reader *reader = &source->reader;
    reader->is_ended = true;
    if (reader->size_bytes == MR_SIZE_UNKNOWN)
        return MR_OK;
    bool is_sparse = archive_entry_sparse_count(source->member) > 0;
    int64_t end = is_sparse || end_bytes > reader->size_bytes ? reader->size_bytes : end_bytes;
    if (end > reader->position_bytes)
        reader->zero_bytes = end - reader->position_bytes;
    if (reader->position_bytes + reader->zero_bytes != reader->size_bytes)
        return mr_error_set(
            err, MR_E_DATA, 0,
            "damaged archive: holds %lld bytes of the %lld that its header declares",
            (long long)(reader->position_bytes + reader->zero_bytes),
            (long long)reader->size_bytes);
    return MR_OK;
}

/* Fetches the next block and the hole before it. */
static enum mr_status next_block(struct archive_source *source, struct mr_error *err)
{
    struct mr_reader *reader = &source->reader;
    const void *block = NULL;
    size_t block_bytes = 0;
    la_int64_t offset = 0;
    int result = archive_read_data_block(source->archive, &block, &block_bytes, &offset);
    if (result == ARCHIVE_EOF)
        return end_content(source, offset, err);
    if (result != ARCHIVE_OK) { /* also ARCHIVE_WARN: a checksum that is wrong */
        reader->is_ended = true;
        return describe(source, err);
    }
    int64_t end;
    if (offset < reader->position_bytes ||
        __builtin_add_overflow(offset, (int64_t)block_bytes, &end))
        return mr_error_set(err, MR_E_DATA, 0, "damaged archive: the parts of its content overlap");
    if (reader->size_bytes != MR_SIZE_UNKNOWN && end > reader->size_bytes)
        return mr_error_set(
            err, MR_E_DATA, 0,
            "damaged archive: holds more than the %lld bytes that its header declares",
            (long long)reader->size_bytes);
    reader->zero_bytes = offset - reader->position_bytes;
    reader->block = block;
    reader->block_bytes = block_bytes;
    return MR_OK;
}

/* Hands out what is there, up to cap_bytes. */
static size_t hand_out(struct mr_reader *reader, unsigned char *to, size_t cap_bytes)
{
    size_t given = 0;
    if (reader->zero_bytes > 0) {
        given = (uint64_t)reader->zero_bytes < cap_bytes ? (size_t)reader->zero_bytes : cap_bytes;
        memset(to, 0, given);
        reader->zero_bytes -= (int64_t)given;
    } else if (reader->block_bytes > 0) {
        given = reader->block_bytes < cap_bytes ? reader->block_bytes : cap_bytes;
        memcpy(to, reader->block, given);
        reader->block += given;
        reader->block_bytes -= given;
    }
    reader->position_bytes += (int64_t)given;
    return given;
}

static enum mr_status source_read(struct mr_source *base, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    struct archive_source *source = (struct archive_source *)base;
    unsigned char *to = buffer;
    size_t got = 0;
    enum mr_status status = MR_OK;
    locale_t before = locale_enter(source->utf8);
    while (got < cap_bytes && status == MR_OK) {
        size_t given = hand_out(reader, to + got, cap_bytes - got);
        got += given;
        if (given > 0)
            continue;
        if (reader->is_ended)
            break;
        status = next_block(source, err);
    }
    locale_leave(before);
    *got_bytes = got;
    return status;
}

static uint64_t source_input_bytes(struct mr_source *base)
{
    return archive_bytes_input(((const struct archive_source *)base)->bytes);
}

static enum mr_status source_close(struct mr_source *base, struct mr_reader *reader,
                                   struct mr_error *err)
{
    (void)base;
    (void)reader; /* part of the source; next() makes it ready again */
    (void)err;
    return MR_OK;
}

static void free_archive(struct archive_source *source)
{
    if (!source->archive)
        return;
    locale_t before = locale_enter(source->utf8);
    archive_read_free(source->archive);
    locale_leave(before);
    source->archive = NULL;
}

static void source_destroy(struct mr_source *base)
{
    struct archive_source *source = (struct archive_source *)base;
    free_archive(source);
    archive_links_fini(&source->links);
    archive_bytes_destroy(source->bytes);
    locale_destroy(source->utf8);
    free(source->label);
    free(source);
}

static const struct mr_source_ops ops = {
    .kind = "archive",
    .next = source_next,
    .open = source_open,
    .read = source_read,
    .close = source_close,
    .input_bytes = source_input_bytes,
    .destroy = source_destroy,
};

/*
 * No member was found. An archive that was made of nothing is fine (MR_OK). What is compressed and
 * damaged may have been one: when it should be by its name, or has no name, it is not taken for a
 * plain file. All else is no archive.
 */
static enum mr_status judge_empty(struct archive_source *source, struct mr_error *err)
{
    free_archive(source);
    source->has_first = false;
    source->is_ended = true;
    bool is_claimed =
        !archive_bytes_can_seek(source->bytes) || archive_formats_is_named(source->label);
    switch (archive_probe(source->bytes)) {
    case ARCHIVE_PROBE_EMPTY:
        return MR_OK;
    case ARCHIVE_PROBE_DAMAGED:
        if (is_claimed)
            return mr_error_set(
                err, MR_E_DATA, 0,
                "%s: damaged or truncated: it is compressed, but cannot be decompressed",
                source->shown);
        break;
    case ARCHIVE_PROBE_OTHER:
        break;
    case ARCHIVE_PROBE_GONE:
        return mr_error_set(err, MR_E_DATA, 0, "%s: damaged archive: nothing can be read",
                            source->shown);
    }
    return mr_error_set(err, MR_E_UNSUPPORTED, 0, "%s: is no archive of a known format",
                        source->shown);
}

/* Opens the handle and reads the first header. MR_E_UNSUPPORTED: libarchive knows no such format,
 * or it holds nothing. */
static enum mr_status recognise(struct archive_source *source, const struct archive_choice *choice,
                                bool is_weak, struct mr_error *err)
{
    source->archive = archive_read_new();
    if (!source->archive || !archive_formats_support(source->archive, choice))
        return no_memory(err);
    if (archive_bytes_open(source->bytes, source->archive, choice) < ARCHIVE_WARN) {
        if (archive_bytes_errno(source->bytes) != 0 || archive_errno(source->archive) == ENOMEM)
            return describe_whole(source, err);
        return judge_empty(source, err);
    }
    source->first_status = archive_read_next_header(source->archive, &source->member);
    source->has_first = true;
    bool is_chance = is_weak && !choice->format && source->first_status < ARCHIVE_WARN &&
                     !archive_formats_is_named(source->label);
    return source->first_status == ARCHIVE_EOF || is_chance ? judge_empty(source, err) : MR_OK;
}

/* Looks at the first bytes and lets the readers look. MR_E_UNSUPPORTED: there is no archive. */
static enum mr_status look(struct archive_source *source, const struct archive_choice *choice,
                           enum archive_guess *guess, struct mr_error *err)
{
    const unsigned char *head;
    size_t head_bytes;
    bool is_all, begins_at_end;
    enum mr_status status =
        archive_bytes_head(source->bytes, ARCHIVE_HEAD_BYTES, &head, &head_bytes, &is_all, err);
    if (status != MR_OK) {
        mr_error_prefix(err, "%s", source->shown);
        return status;
    }
    *guess = archive_formats_guess(head, head_bytes, &begins_at_end);
    if (head_bytes == 0 && archive_formats_is_named(source->label))
        return mr_error_set(err, MR_E_DATA, 0, "%s: is empty, without even the end of an archive",
                            source->shown);
    if (!choice->format && *guess == ARCHIVE_GUESS_NONE)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "%s: is no archive of a known format",
                            source->shown);
    if (begins_at_end || archive_formats_begins_at_end(choice)) {
        status = archive_bytes_spool(source->bytes, err);
        if (status == MR_OK)
            status = archive_probe_zip(source->bytes, choice, source->label,
                                       archive_bytes_is_lenient(source->bytes), &source->zip, err);
        if (status != MR_E_UNSUPPORTED)
            return status;
    }
    locale_t before = locale_enter(source->utf8);
    status = recognise(source, choice, *guess == ARCHIVE_GUESS_WEAK, err);
    locale_leave(before);
    return status;
}

/* Finds out whether there is an archive. */
static enum mr_status start(struct archive_source *source, const char *format, struct mr_error *err)
{
    struct archive_choice choice;
    enum archive_guess guess = ARCHIVE_GUESS_NONE;
    enum mr_status status = archive_formats_parse(format, &choice, err);
    if (status == MR_OK)
        status = look(source, &choice, &guess, err);
    if (status == MR_E_UNSUPPORTED && format)
        return mr_error_set(err, MR_E_DATA, 0,
                            "%s: is damaged, truncated, or no archive in the format %s",
                            source->shown, format);
    if (status == MR_E_UNSUPPORTED && guess == ARCHIVE_GUESS_CERTAIN)
        return mr_error_set(err, MR_E_DATA, 0, "%s: damaged or truncated archive: it begins like "
                            "one, but nothing can be read", source->shown);
    return status;
}

static enum mr_status make(int fd, const char *label, const struct decode_limits *limits,
                           struct archive_source **source, struct mr_error *err)
{
    struct archive_source *made = calloc(1, sizeof(*made));
    if (!made) {
        close(fd);
        return no_memory(err);
    }
    made->source = (struct mr_source){.ops = &ops, .flags = MR_SOURCE_SERIAL | MR_SOURCE_CONTAINER};
    archive_links_init(&made->links);
    path_show(made->shown, sizeof(made->shown), label);
    enum mr_status status = archive_bytes_create(fd, limits, &made->bytes, err);
    if (status == MR_OK)
        status = locale_create(&made->utf8, err);
    if (status == MR_OK && !(made->label = strdup(label)))
        status = no_memory(err);
    if (status != MR_OK) {
        source_destroy(&made->source);
        return status;
    }
    made->source.label = made->label;
    *source = made;
    return MR_OK;
}

enum mr_status archive_source_create_within(int fd, const char *label, const char *format,
                                            const struct decode_limits *limits,
                                            struct archive_rest *rest, struct mr_source **source,
                                            struct mr_error *err)
{
    struct archive_source *made = NULL;
    if (rest)
        *rest = (struct archive_rest){-1, NULL, 0};
    enum mr_status status = make(fd, label, limits, &made, err);
    if (status != MR_OK)
        return status;
    status = start(made, format, err);
    if (status == MR_OK) {
        archive_bytes_forget(made->bytes);
        made->source.memory_bytes = archive_bytes_memory(made->bytes);
        *source = made->zip ? made->zip : &made->source;
    }
    if (status == MR_OK && !made->zip)
        return MR_OK;
    if (status == MR_E_UNSUPPORTED && rest) {
        free_archive(made);
        if (!archive_bytes_take(made->bytes, &rest->fd, &rest->head, &rest->head_bytes))
            status = mr_error_set(err, MR_E_DATA, 0, "%s: damaged archive: nothing can be read",
                                  made->shown);
    }
    source_destroy(&made->source);
    return status;
}
