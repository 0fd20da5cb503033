/* archive_source.c - an archive in any format of the whitelist, one member after the other. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "source/archive_bytes.h"
#include "source/archive_client.h"
#include "source/archive_formats.h"
#include "source/archive_probe.h"
#include "source/archive_reader.h"
#include "source/sources.h"

#define HOLE_BYTES      128 /* of a hole count as one that is stored */
#define HOLES_MAX_BYTES ((uint64_t)256 << 20)

/* The member that is being read; there is one at a time. */
struct mr_reader {
    bool is_open;
    bool is_ended;              /* no more blocks */
    struct archive_block block; /* what is left of it */
};

struct archive_source {
    struct mr_source source;
    char *label;                 /* owned */
    char shown[PATH_SHOW_BYTES]; /* label for messages */
    struct archive_bytes *bytes;
    struct archive_reading *reading; /* NULL: it was not begun */
    struct mr_reader reader;
    uint64_t hole_bytes;   /* given out so far */
    uint64_t used_bytes;   /* of the input, as it was last told */
    bool is_content;       /* the last entry was given with content in the archive */
    struct mr_source *own; /* our own reader, which takes the place of all this; owned until then */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status source_next(struct mr_source *base, struct mr_entry *entry,
                                  struct mr_error *err)
{
    struct archive_source *source = (struct archive_source *)base;
    memset(&source->reader, 0, sizeof(source->reader));
    enum mr_status status = source->reading->ops->next(source->reading, entry, err);
    source->is_content = status == MR_OK && entry->kind == MR_KIND_FILE;
    if (status != MR_OK && status != MR_DONE && !entry->path)
        mr_error_prefix(err, "%s", source->shown);
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
    source->reader.is_ended = !source->is_content;
    *reader = &source->reader;
    return MR_OK;
}

/* Hands out what is there, up to cap_bytes. */
static size_t hand_out(struct archive_block *block, unsigned char *to, size_t cap_bytes)
{
    size_t given = 0;
    if (block->zero_bytes > 0) {
        given = (uint64_t)block->zero_bytes < cap_bytes ? (size_t)block->zero_bytes : cap_bytes;
        memset(to, 0, given);
        block->zero_bytes -= (int64_t)given;
    } else if (block->data_bytes > 0) {
        given = block->data_bytes < cap_bytes ? block->data_bytes : cap_bytes;
        memcpy(to, block->data, given);
        block->data += given;
        block->data_bytes -= given;
    }
    return given;
}

static enum mr_status source_read(struct mr_source *base, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    struct archive_source *source = (struct archive_source *)base;
    unsigned char *to = buffer;
    size_t got = 0;
    enum mr_status status = MR_OK;
    while (got < cap_bytes && status == MR_OK) {
        size_t given = hand_out(&reader->block, to + got, cap_bytes - got);
        got += given;
        if (given > 0)
            continue;
        if (reader->is_ended)
            break;
        status = source->reading->ops->block(source->reading, &reader->block, err);
        reader->is_ended = status != MR_OK;
        source->hole_bytes += status == MR_OK ? (uint64_t)reader->block.zero_bytes : 0;
    }
    *got_bytes = got;
    return status == MR_DONE ? MR_OK : status;
}

static enum mr_status source_borrow(struct mr_source *base, struct mr_reader *reader,
                                    size_t size_bytes, const void **data, struct mr_error *err)
{
    struct archive_source *source = (struct archive_source *)base;
    const unsigned char *lent = NULL;
    if (reader->is_ended || !source->reading->ops->lend)
        return MR_AGAIN;
    enum mr_status status = source->reading->ops->lend(source->reading, size_bytes, &lent, err);
    reader->is_ended = status != MR_AGAIN;
    *data = lent;
    return status;
}

static void source_give_back(struct mr_source *base, const void *data)
{
    struct archive_source *source = (struct archive_source *)base;
    source->reading->ops->end_loan(source->reading, data);
}

/* Sparse files are usual, and have more holes than content: a hole stands for some bytes, up to a
 * size. */
static uint64_t source_input_bytes(struct mr_source *base)
{
    const struct archive_source *source = (const struct archive_source *)base;
    uint64_t holes = source->hole_bytes < HOLES_MAX_BYTES ? source->hole_bytes : HOLES_MAX_BYTES;
    return archive_bytes_stored(source->bytes) + holes / HOLE_BYTES;
}

static uint64_t source_used_bytes(struct mr_source *base)
{
    struct archive_source *source = (struct archive_source *)base;
    uint64_t used = archive_bytes_used(source->bytes, source->reading->used_bytes);
    if (used > source->used_bytes) /* within a block it is a guess, and not always the same one */
        source->used_bytes = used;
    return source->used_bytes;
}

static enum mr_status source_close(struct mr_source *base, struct mr_reader *reader,
                                   struct mr_error *err)
{
    (void)base;
    (void)reader; /* part of the source; next() makes it ready again */
    (void)err;
    return MR_OK;
}

static void end_reading(struct archive_source *source)
{
    if (source->reading)
        source->reading->ops->destroy(source->reading);
    source->reading = NULL;
}

static void source_destroy(struct mr_source *base)
{
    struct archive_source *source = (struct archive_source *)base;
    end_reading(source);
    archive_bytes_destroy(source->bytes);
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
    .used_bytes = source_used_bytes,
    .borrow = source_borrow,
    .give_back = source_give_back,
    .destroy = source_destroy,
};

static enum mr_status no_archive(const struct archive_source *source, struct mr_error *err)
{
    return mr_error_set(err, MR_E_UNSUPPORTED, 0, "%s: is no archive of a known format",
                        source->shown);
}

/*
 * What lies below the compression begins like this. Only of an input that can seek are so many
 * bytes there at once that this can be told.
 */
static enum archive_guess guess_below(struct archive_source *source, bool *is_tar)
{
    const unsigned char *data = NULL;
    size_t size_bytes = 0;
    int64_t start_bytes;
    bool is_all, begins_at_end;
    *is_tar = false;
    bool is_there = archive_bytes_can_seek(source->bytes);
    if (is_there && archive_bytes_file(source->bytes, &start_bytes) >= 0)
        is_there = archive_bytes_head(source->bytes, ARCHIVE_HEAD_BYTES, &data, &size_bytes,
                                      &is_all, NULL) == MR_OK;
    else if (is_there)
        is_there = archive_bytes_peek(source->bytes, &data, &size_bytes);
    if (!is_there)
        return ARCHIVE_GUESS_MAYBE;
    enum archive_guess guess = archive_formats_guess(data, size_bytes, &begins_at_end);
    *is_tar = guess == ARCHIVE_GUESS_MAYBE && archive_formats_may_be_tar(data, size_bytes);
    return guess;
}

/* Lets libarchive look. MR_E_UNSUPPORTED: there is no archive. */
static enum mr_status recognise(struct archive_source *source, const char *format,
                                const struct archive_choice *choice, enum archive_guess guess,
                                const struct archive_options *options, struct mr_error *err)
{
    struct archive_input input;
    bool is_named = archive_formats_is_named(source->label);
    struct archive_wanted wanted = {
        .format = format,
        .is_weak = guess == ARCHIVE_GUESS_WEAK && !format && !is_named,
        .is_claimed = is_named || !archive_bytes_can_seek(source->bytes),
        .is_names_only = options->is_names_only,
    };
    enum mr_status status = archive_bytes_unwrap(source->bytes, choice, err);
    if (status != MR_OK)
        return status;
    if (guess_below(source, &wanted.is_tar) == ARCHIVE_GUESS_NONE && !format)
        return no_archive(source, err);
    archive_bytes_input(source->bytes, &input);
    int64_t start_bytes;
    int fd = archive_bytes_file(source->bytes, &start_bytes);
    if (options->is_in_process)
        status = archive_reader_create(&input, &wanted, &source->reading, err);
    else
        status = archive_client_create(&input, fd, start_bytes, &wanted, &options->client,
                                       &source->reading, err);
    if (status != MR_OK)
        mr_error_prefix(err, "%s", source->shown);
    return status;
}

/* Looks at the first bytes and lets the readers look. MR_E_UNSUPPORTED: there is no archive. */
static enum mr_status look(struct archive_source *source, const char *format,
                           const struct archive_options *options, enum archive_guess *guess,
                           struct mr_error *err)
{
    const unsigned char *head;
    size_t head_bytes;
    bool is_all, begins_at_end;
    struct archive_choice choice;
    enum mr_status status = archive_formats_parse(format, &choice, err);
    if (status != MR_OK)
        return status;
    status =
        archive_bytes_head(source->bytes, ARCHIVE_HEAD_BYTES, &head, &head_bytes, &is_all, err);
    if (status != MR_OK) {
        mr_error_prefix(err, "%s", source->shown);
        return status;
    }
    *guess = archive_formats_guess(head, head_bytes, &begins_at_end);
    if (head_bytes == 0 && archive_formats_is_named(source->label))
        return mr_error_set(err, MR_E_DATA, 0, "%s: is empty, without even the end of an archive",
                            source->shown);
    if (!choice.format && *guess == ARCHIVE_GUESS_NONE)
        return no_archive(source, err);
    bool is_database = archive_formats_may_be_sqlar(&choice, head, head_bytes);
    if (begins_at_end || archive_formats_begins_at_end(&choice)) {
        status = archive_bytes_spool(source->bytes, err);
        if (status == MR_OK)
            status = archive_probe(source->bytes, &choice, source->label, options->table,
                                   &source->own, err);
        if (status != MR_E_UNSUPPORTED)
            return status;
    }
    if (is_database)
        return no_archive(source, err);
    return recognise(source, format, &choice, *guess, options, err);
}

/* Finds out whether there is an archive. */
static enum mr_status start(struct archive_source *source, const char *format,
                            const struct archive_options *options, struct mr_error *err)
{
    enum archive_guess guess = ARCHIVE_GUESS_NONE;
    enum mr_status status = look(source, format, options, &guess, err);
    if (status == MR_E_UNSUPPORTED && format)
        return mr_error_set(err, MR_E_DATA, 0,
                            "%s: is damaged, truncated, or no archive in the format %s",
                            source->shown, format);
    if (status == MR_E_UNSUPPORTED && archive_bytes_can_seek(source->bytes) &&
        archive_formats_is_named(source->label))
        return mr_error_set(err, MR_E_DATA, 0,
                            "%s: is no archive, or a damaged one, although its name says so "
                            "(--no-archives takes it as a plain file)",
                            source->shown);
    if (status == MR_E_UNSUPPORTED && guess == ARCHIVE_GUESS_CERTAIN)
        return mr_error_set(err, MR_E_DATA, 0,
                            "%s: damaged or truncated archive: it begins like "
                            "one, but nothing can be read",
                            source->shown);
    if (status == MR_E_UNSUPPORTED && archive_formats_is_named(source->label))
        return mr_error_set(err, MR_E_DATA, 0,
                            "%s: is named like an archive, and is damaged or none that can be read "
                            "(--no-archives takes it as a plain file)",
                            source->shown);
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
    path_show(made->shown, sizeof(made->shown), label);
    enum mr_status status = archive_bytes_create(fd, limits, &made->bytes, err);
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
                                            const struct archive_options *options,
                                            struct archive_rest *rest, struct mr_source **source,
                                            struct mr_error *err)
{
    static const struct archive_options defaults = {0};
    struct archive_source *made = NULL;
    if (!options)
        options = &defaults;
    if (rest)
        *rest = (struct archive_rest){-1, NULL, 0};
    enum mr_status status = make(fd, label, &options->limits, &made, err);
    if (status != MR_OK)
        return status;
    status = start(made, format, options, err);
    if (status == MR_OK) {
        archive_bytes_forget(made->bytes);
        made->source.memory_bytes = archive_bytes_memory(made->bytes);
        if (!options->is_in_process)
            made->source.memory_bytes += ARCHIVE_CLIENT_MEMORY_BYTES;
        *source = made->own ? made->own : &made->source;
    }
    if (status == MR_OK && !made->own)
        return MR_OK;
    if (status == MR_E_UNSUPPORTED && rest) {
        end_reading(made);
        if (!archive_bytes_take(made->bytes, &rest->fd, &rest->head, &rest->head_bytes))
            status = mr_error_set(err, MR_E_DATA, 0, "%s: damaged archive: nothing can be read",
                                  made->shown);
    }
    source_destroy(&made->source);
    return status;
}
