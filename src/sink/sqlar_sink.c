#include "sink/sqlar_sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "codec/inflate.h"
#include "sink/archive_items.h"
#include "sink/sqlar_table.h"

#define DEFAULT_TABLE  "sqlar"
#define GATHERED_BYTES ((int64_t)1 << 20) /* larger data is written in pieces */
#define PIECE_BYTES    ((size_t)64 << 10) /* of what is unpacked */
#define ROW_BYTES      64                 /* of a row besides name and data, at most */

/* The item that is being written; there is one at a time. */
struct mr_writer {
    const struct mr_entry *entry;
    struct sqlar_row row; /* data_bytes: what is to come */
    bool replaces;
    bool is_in_table;      /* in pieces: between begin and end of the table */
    bool is_unpacked;      /* what write() brings did not get smaller, and stands there plain */
    int64_t written_bytes; /* of data_bytes */
};

struct sqlar_sink {
    struct mr_sink sink;
    struct mr_sink_encoding encoding;
    char *path;                    /* owned; as it was given */
    struct archive_target *target; /* of a new one; else NULL */
    struct sqlar_table *table;
    struct mr_writer writer;
    unsigned char *gathered; /* owned; room for GATHERED_BYTES */
    unsigned char *piece;    /* owned; with unpacker */
    struct inflater *unpacker;
    struct archive_losses losses;
    enum existing existing;
    bool appends, is_resumed;
    bool is_broken; /* a batch or a part of it is lost: nothing can follow */
};

static struct sqlar_sink *sqlar_of(struct mr_sink *sink)
{
    return (struct sqlar_sink *)sink;
}

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Puts the name of the output before what the table says. */
static enum mr_status of_output(const struct sqlar_sink *sqlar, enum mr_status status,
                                struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (mr_status_is_error(status) && status != MR_E_MEMORY)
        mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), sqlar->sink.label));
    return status;
}

/* ---- an item's row ---- */

static int64_t mode_of(const struct mr_entry *entry)
{
    uint32_t type = S_IFREG, mode = 0644;
    if (entry->kind == MR_KIND_DIRECTORY) {
        type = S_IFDIR;
        mode = 0755;
    } else if (entry->kind == MR_KIND_SYMLINK) {
        type = S_IFLNK;
        mode = 0777;
    }
    return type | (entry->has_mode ? entry->mode & 07777 : mode);
}

/* Is what comes a stream that is no smaller than its content? The table tells streams by their
 * size alone. */
static bool must_unpack(const struct mr_entry *entry, int64_t stored_bytes)
{
    return entry->encoding.method == MR_METHOD_ZLIB && stored_bytes >= entry->size_bytes;
}

/* Of content that will have stored_bytes. */
static void set_content(struct mr_writer *writer, int64_t stored_bytes)
{
    const struct mr_entry *entry = writer->entry;
    struct sqlar_row *row = &writer->row;
    switch (entry->kind) {
    case MR_KIND_FILE:
        writer->is_unpacked = must_unpack(entry, stored_bytes);
        row->kind = SQLAR_BLOB;
        row->size_bytes = entry->size_bytes;
        row->data_bytes = writer->is_unpacked ? entry->size_bytes : stored_bytes;
        break;
    case MR_KIND_SYMLINK:
        /*
         * The documentation has -1 for the size, and a time. sqlite3 -Ax before 3.46 breaks off at
         * the one, and gives the other to what the link leads to; all versions know a link by its
         * mode, and set no time below 0.
         */
        row->kind = SQLAR_TEXT;
        row->mtime_s = -1;
        row->data = entry->target;
        row->size_bytes = row->data_bytes = (int64_t)strlen(entry->target);
        break;
    default:
        row->kind = SQLAR_NULL;
    }
}

/* What has no content of its own needs none of this. */
static enum mr_status check_file(const struct sqlar_sink *sqlar, const struct mr_entry *entry,
                                 int64_t stored_bytes, struct mr_error *err)
{
    if (!entry->has_encoding || entry->size_bytes < 0 || stored_bytes < 0)
        return mr_error_set(err, MR_E_USAGE, 0, "an SQLite archive needs the sizes of a file");
    int64_t bytes_max =
        sqlar_table_row_bytes_max(sqlar->table) - ROW_BYTES - (int64_t)strlen(entry->path);
    if (entry->size_bytes > bytes_max || stored_bytes > bytes_max)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "is too large: SQLite holds at most %lld bytes in one piece",
                            (long long)bytes_max);
    return MR_OK;
}

static void count_losses(struct sqlar_sink *sqlar, const struct mr_entry *entry)
{
    sqlar->losses.xattr_count += entry->xattr_count > 0;
    sqlar->losses.owner_count += entry->has_owner;
    bool is_link = entry->kind == MR_KIND_SYMLINK;
    sqlar->losses.fraction_count += entry->has_mtime && entry->mtime_ns > 0 && !is_link;
    if (entry->has_mtime && is_link && sqlar->losses.other_count++ == 0)
        snprintf(sqlar->losses.other_text, sizeof(sqlar->losses.other_text),
                 "the times of symbolic links");
}

/* ---- names that are there ---- */

static enum mr_status refuse_name(const struct mr_entry *entry, const char *why,
                                  struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_EXISTS, 0, "'%s' is in the archive already%s",
                        path_show(shown, sizeof(shown), entry->path), why);
}

/* Was it put there by the run that was stopped? Then it may be put there again. */
static bool is_own(const struct sqlar_sink *sqlar, const struct sqlar_row *there,
                   const struct sqlar_row *row)
{
    return sqlar->is_resumed && there->mode == row->mode && there->mtime_s == row->mtime_s &&
           there->size_bytes == row->size_bytes;
}

/* May the item take the place of what is there? MR_OK, MR_SKIPPED, MR_E_EXISTS. */
static enum mr_status settle_replacing(const struct sqlar_sink *sqlar,
                                       const struct mr_writer *writer,
                                       const struct sqlar_row *there, struct mr_error *err)
{
    const struct mr_entry *entry = writer->entry;
    bool is_directory = entry->kind == MR_KIND_DIRECTORY, was_directory = S_ISDIR(there->mode);
    if (entry->replaces_earlier || is_own(sqlar, there, &writer->row))
        return MR_OK;
    if (sqlar->existing == EXISTING_SKIP)
        return MR_SKIPPED;
    if (is_directory != was_directory)
        return refuse_name(entry, is_directory ? " and is no directory" : " as a directory", err);
    if (is_directory || sqlar->existing == EXISTING_OVERWRITE)
        return MR_OK;
    if (sqlar->existing == EXISTING_UPDATE)
        return there->mtime_s < writer->row.mtime_s ? MR_OK : MR_SKIPPED;
    return refuse_name(entry, " (-f replaces it, -n skips it)", err);
}

static enum mr_status settle_name(struct sqlar_sink *sqlar, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct sqlar_row there;
    if (!sqlar->appends && !writer->entry->replaces_earlier)
        return MR_OK;
    enum mr_status status = sqlar_table_find(sqlar->table, writer->row.name, &there, err);
    if (status != MR_OK)
        return status == MR_DONE ? MR_OK : of_output(sqlar, status, err);
    writer->replaces = true;
    return settle_replacing(sqlar, writer, &there, err);
}

/* ---- the calls of a sink ---- */

/* Makes ready for the item's content. */
static enum mr_status prepare(struct sqlar_sink *sqlar, struct mr_writer *writer,
                              struct mr_error *err)
{
    if (writer->is_unpacked && !sqlar->unpacker) {
        sqlar->unpacker = inflate_create(INFLATE_ZLIB);
        sqlar->piece = malloc(PIECE_BYTES);
        if (!sqlar->unpacker || !sqlar->piece)
            return no_memory(err);
    } else if (writer->is_unpacked) {
        inflate_reset(sqlar->unpacker);
    }
    if (writer->row.data_bytes <= GATHERED_BYTES || writer->row.kind != SQLAR_BLOB)
        return MR_OK;
    enum mr_status status = sqlar_table_begin(sqlar->table, &writer->row, writer->replaces, err);
    writer->is_in_table = status == MR_OK;
    return of_output(sqlar, status, err);
}

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    struct sqlar_sink *sqlar = sqlar_of(sink);
    if (sqlar->is_broken) /* EIO ends a run */
        return mr_error_set(err, MR_E_SYSTEM, EIO, "the database takes nothing after an error");
    enum mr_status status = archive_items_check(entry, "sqlar", false, err);
    if (status == MR_OK && entry->kind == MR_KIND_FILE)
        status = check_file(sqlar, entry, size_bytes, err);
    if (status != MR_OK)
        return status;
    sqlar->writer = (struct mr_writer){
        .entry = entry,
        .row = {.name = entry->path,
                .mode = mode_of(entry),
                .mtime_s = entry->has_mtime ? entry->mtime_s : 0},
    };
    set_content(&sqlar->writer, size_bytes);
    status = settle_name(sqlar, &sqlar->writer, err);
    if (status == MR_OK)
        status = prepare(sqlar, &sqlar->writer, err);
    if (status == MR_OK)
        *writer = &sqlar->writer;
    return status;
}

/* More of the data as it is to stand in the table. */
static enum mr_status put(struct sqlar_sink *sqlar, const void *data, size_t size_bytes,
                          struct mr_error *err)
{
    struct mr_writer *writer = &sqlar->writer;
    if (size_bytes > (uint64_t)(writer->row.data_bytes - writer->written_bytes))
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "its content is longer than the %lld bytes it should have",
                            (long long)writer->row.data_bytes);
    enum mr_status status = MR_OK;
    if (writer->is_in_table)
        status = of_output(sqlar, sqlar_table_write(sqlar->table, data, size_bytes, err), err);
    else
        memcpy(sqlar->gathered + writer->written_bytes, data, size_bytes);
    writer->written_bytes += (int64_t)size_bytes;
    return status;
}

static enum mr_status unpack(struct sqlar_sink *sqlar, const void *data, size_t size_bytes,
                             struct mr_error *err)
{
    struct mr_io io = {.in = data, .in_bytes = size_bytes};
    const char *problem = NULL;
    enum mr_status status = MR_OK;
    do {
        io.out = sqlar->piece;
        io.out_bytes = PIECE_BYTES;
        status = inflate_step(sqlar->unpacker, &io, &problem);
        if (mr_status_is_error(status))
            return mr_error_set(err, status, 0, "%s", problem);
        enum mr_status put_status = put(sqlar, sqlar->piece, PIECE_BYTES - io.out_bytes, err);
        if (put_status != MR_OK)
            return put_status;
    } while (status == MR_OK && (io.in_bytes > 0 || io.out_bytes == 0));
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    return (writer->is_unpacked ? unpack : put)(sqlar_of(sink), data, size_bytes, err);
}

static void sink_abort(struct mr_sink *sink, struct mr_writer *writer)
{
    if (writer->is_in_table)
        sqlar_table_drop(sqlar_of(sink)->table);
    writer->is_in_table = false;
}

/* A database that was damaged before may take rows that it does not give back. */
static enum mr_status look_again(struct sqlar_sink *sqlar, const struct sqlar_row *row,
                                 struct mr_error *err)
{
    struct sqlar_row found;
    enum mr_status status = sqlar_table_find(sqlar->table, row->name, &found, err);
    if (mr_status_is_error(status))
        return status;
    if (status == MR_OK && found.mode == row->mode && found.size_bytes == row->size_bytes)
        return MR_OK;
    return mr_error_set(err, MR_E_DATA, 0,
                        "it is damaged: what was put into it is not found there");
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct sqlar_sink *sqlar = sqlar_of(sink);
    struct sqlar_row *row = &writer->row;
    if (row->kind == SQLAR_BLOB && writer->written_bytes != row->data_bytes) {
        sink_abort(sink, writer);
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "its content has %lld bytes and not %lld as it should",
                            (long long)writer->written_bytes, (long long)row->data_bytes);
    }
    enum mr_status status;
    if (writer->is_in_table) {
        status = sqlar_table_end(sqlar->table, err);
    } else {
        if (row->kind == SQLAR_BLOB)
            row->data = sqlar->gathered;
        status = sqlar_table_put(sqlar->table, row, writer->replaces, err);
    }
    if (status == MR_OK && sqlar->appends)
        status = look_again(sqlar, row, err);
    if (status == MR_OK)
        count_losses(sqlar, writer->entry);
    sqlar->is_broken = mr_status_is_error(status) && status != MR_E_EXISTS;
    return of_output(sqlar, status, err);
}

static enum mr_status sink_finish(struct mr_sink *sink,
                                  void (*on_problem)(void *ctx, const char *path,
                                                     const struct mr_error *problem),
                                  void *ctx, struct mr_error *err)
{
    struct sqlar_sink *sqlar = sqlar_of(sink);
    (void)on_problem;
    (void)ctx;
    if (sqlar->is_broken)
        return archive_items_not_complete(sink->label, err);
    enum mr_status status = of_output(sqlar, sqlar_table_finish(sqlar->table, err), err);
    return status == MR_OK && sqlar->target ? archive_target_commit(sqlar->target, err) : status;
}

static void sink_abandon(struct mr_sink *sink)
{
    if (sqlar_of(sink)->target)
        archive_target_abandon(sqlar_of(sink)->target);
}

static void sink_destroy(struct mr_sink *sink)
{
    struct sqlar_sink *sqlar = sqlar_of(sink);
    sqlar_table_destroy(sqlar->table);
    archive_target_destroy(sqlar->target);
    inflate_destroy(sqlar->unpacker);
    free(sqlar->piece);
    free(sqlar->gathered);
    free(sqlar->path);
    free(sqlar);
}

static void sink_losses(struct mr_sink *sink, char *text, size_t cap_bytes)
{
    archive_losses_tell(&sqlar_of(sink)->losses, text, cap_bytes);
}

static uint64_t sink_output_bytes(struct mr_sink *sink)
{
    return sqlar_table_bytes(sqlar_of(sink)->table);
}

static const struct mr_sink_ops ops = {
    .kind = "archive",
    .begin = sink_begin,
    .write = sink_write,
    .commit = sink_commit,
    .abort = sink_abort,
    .finish = sink_finish,
    .destroy = sink_destroy,
    .abandon = sink_abandon,
    .losses = sink_losses,
    .output_bytes = sink_output_bytes,
};

/* ---- create ---- */

static enum mr_status open_table(struct sqlar_sink *sqlar, const char *path, const char *name,
                                 struct mr_error *err)
{
    const struct sqlar_table_config config = {
        .path = path, .name = name ? name : DEFAULT_TABLE, .is_new = sqlar->target != NULL};
    enum mr_status status = sqlar_table_create(&config, &sqlar->table, err);
    if (status == MR_E_UNSUPPORTED)
        mr_error_prefix(err, "cannot put items into its table %s", config.name);
    return of_output(sqlar, status, err);
}

/* SQLite reads what it wrote, so it has to be a file. */
static enum mr_status create_new(struct sqlar_sink *sqlar, const char *path,
                                 const struct sqlar_sink_config *config, struct mr_error *err)
{
    struct stat about;
    char shown[PATH_SHOW_BYTES], opened[40];
    enum mr_status status = archive_target_create(path, &config->target, &sqlar->target, err);
    if (status != MR_OK)
        return status;
    sqlar->sink.label = archive_target_label(sqlar->target);
    int fd = archive_target_fd(sqlar->target);
    path_show(shown, sizeof(shown), sqlar->sink.label);
    if (fstat(fd, &about) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot look at %s", shown);
    if (strcmp(path, "-") == 0 || !S_ISREG(about.st_mode))
        return mr_error_set(err, MR_E_USAGE, 0, "%s: an SQLite archive can only be a file", shown);
    snprintf(opened, sizeof(opened), "/proc/self/fd/%d", fd);
    return open_table(sqlar, opened, config->table, err);
}

static enum mr_status start(struct sqlar_sink *sqlar, const char *path,
                            const struct sqlar_sink_config *config, struct mr_error *err)
{
    if (!sqlar->gathered || !sqlar->path)
        return no_memory(err);
    sqlar->sink.label = sqlar->path;
    sqlar->appends = config->appends && access(path, F_OK) == 0;
    return sqlar->appends ? open_table(sqlar, path, config->table, err)
                          : create_new(sqlar, path, config, err);
}

enum mr_status sqlar_sink_create(const char *path, const struct sqlar_sink_config *config,
                                 struct mr_sink **sink, struct mr_error *err)
{
    struct sqlar_sink *sqlar = calloc(1, sizeof(*sqlar));
    if (!sqlar)
        return no_memory(err);
    sqlar->encoding = config->encoding;
    sqlar->existing = config->existing;
    sqlar->is_resumed = config->target.is_resumed;
    sqlar->path = strdup(path);
    sqlar->gathered = malloc((size_t)GATHERED_BYTES);
    sqlar->sink = (struct mr_sink){
        .ops = &ops,
        .flags = MR_SINK_SERIAL | MR_SINK_NO_HARD_LINKS,
        .encoding = &sqlar->encoding,
    };
    enum mr_status status = start(sqlar, path, config, err);
    if (status == MR_OK)
        *sink = &sqlar->sink;
    else
        sink_destroy(&sqlar->sink);
    return status;
}
