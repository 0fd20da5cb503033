/* sqlar_source.c - an SQLite archive, whose members are read by many threads at once and decoded by
 * whoever takes them. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "source/archive_member.h"
#include "source/sources.h"
#include "source/sqlar_rows.h"

#define DEFAULT_TABLE "sqlar"
#define IDLE_MAX      16                  /* readers that are kept for the next member */
#define READER_KIB    128                 /* pages of each */
#define MEMORY_BYTES  ((uint64_t)6 << 20) /* of the walk, and of usual numbers of readers */

/* A connection, for one member after the other. */
struct mr_reader {
    sqlite3 *database;  /* owned */
    sqlite3_blob *blob; /* owned; of the last member; NULL: none yet */
    int at_bytes, stored_bytes;
};

struct sqlar_source {
    struct mr_source source;
    char *label;                 /* owned */
    char *table;                 /* owned */
    char shown[PATH_SHOW_BYTES]; /* label for messages */
    int fd;                      /* owned */
    struct sqlar_file file;
    struct stat about;                          /* of fd when it was opened */
    _Atomic(struct mr_reader *) idle[IDLE_MAX]; /* NULL: a free place */
    struct sqlar_rows rows;                     /* next() alone */
    bool is_ended;                              /* likewise */
};

static struct sqlar_source *sqlar_of(struct mr_source *base)
{
    return (struct sqlar_source *)base;
}

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status source_next(struct mr_source *base, struct mr_entry *entry,
                                  struct mr_error *err)
{
    struct sqlar_source *source = sqlar_of(base);
    while (!source->is_ended) {
        enum mr_status status = sqlar_rows_next(&source->rows, entry, err);
        bool is_input = status != MR_OK && !entry->path;
        source->is_ended = is_input;
        if (is_input && status != MR_DONE)
            mr_error_prefix(err, "%s", source->shown);
        if (status != MR_OK || !archive_member_is_top(entry))
            return status;
        mr_entry_clear(entry);
    }
    return MR_DONE;
}

/* ---- readers ---- */

static void reader_destroy(struct mr_reader *reader)
{
    if (!reader)
        return;
    sqlite3_blob_close(reader->blob);
    sqlite3_close(reader->database);
    free(reader);
}

static enum mr_status reader_create(const struct sqlar_source *source, struct mr_reader **reader,
                                    struct mr_error *err)
{
    struct mr_reader *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    enum mr_status status = sqlar_file_open(&source->file, READER_KIB, &made->database, err);
    if (status == MR_OK)
        *reader = made;
    else
        free(made);
    return status;
}

static struct mr_reader *take_idle(struct sqlar_source *source)
{
    for (unsigned i = 0; i < IDLE_MAX; i++) {
        struct mr_reader *reader = atomic_exchange(&source->idle[i], NULL);
        if (reader)
            return reader;
    }
    return NULL;
}

static void put_idle(struct sqlar_source *source, struct mr_reader *reader)
{
    for (unsigned i = 0; i < IDLE_MAX; i++) {
        struct mr_reader *none = NULL;
        if (atomic_compare_exchange_strong(&source->idle[i], &none, reader))
            return;
    }
    reader_destroy(reader);
}

/* Brings the reader to the member's content. */
static enum mr_status seek(const struct sqlar_source *source, struct mr_reader *reader,
                           const struct mr_entry *entry, struct mr_error *err)
{
    sqlite3_int64 rowid = (sqlite3_int64)entry->place;
    int code = reader->blob ? sqlite3_blob_reopen(reader->blob, rowid)
                            : sqlite3_blob_open(reader->database, "main", source->table, "data",
                                                rowid, 0, &reader->blob);
    if (code != SQLITE_OK)
        return sqlar_file_fail(reader->database, code, err);
    if (sqlite3_blob_bytes(reader->blob) != reader->stored_bytes)
        return mr_error_set(err, MR_E_CHANGED, 0, "the archive has changed meanwhile");
    return MR_OK;
}

static enum mr_status source_open(struct mr_source *base, const struct mr_entry *entry,
                                  struct mr_reader **reader, struct mr_error *err)
{
    struct sqlar_source *source = sqlar_of(base);
    struct mr_reader *taken = take_idle(source);
    enum mr_status status = taken ? MR_OK : reader_create(source, &taken, err);
    if (status != MR_OK)
        return status;
    taken->at_bytes = 0;
    taken->stored_bytes = (int)entry->encoding.stored_bytes; /* SQLite's own limit is below 2^31 */
    if (taken->stored_bytes > 0)                             /* else there may be NULL */
        status = seek(source, taken, entry, err);
    if (status == MR_OK)
        *reader = taken;
    else
        reader_destroy(taken);
    return status;
}

static enum mr_status source_read(struct mr_source *base, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    size_t left_bytes = (size_t)(reader->stored_bytes - reader->at_bytes);
    size_t want_bytes = left_bytes < cap_bytes ? left_bytes : cap_bytes;
    (void)base;
    *got_bytes = 0;
    if (want_bytes == 0)
        return MR_OK;
    int code = sqlite3_blob_read(reader->blob, buffer, (int)want_bytes, reader->at_bytes);
    if (code != SQLITE_OK)
        return sqlar_file_fail(reader->database, code, err);
    reader->at_bytes += (int)want_bytes;
    *got_bytes = want_bytes;
    return MR_OK;
}

static int64_t source_open_size(struct mr_source *base, struct mr_reader *reader)
{
    (void)base;
    return reader->stored_bytes;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Plain content has no checksum: what was read is worth something when the file is what it was. */
static enum mr_status source_close(struct mr_source *base, struct mr_reader *reader,
                                   struct mr_error *err)
{
    struct sqlar_source *source = sqlar_of(base);
    struct stat now;
    if (!reader)
        return MR_OK;
    put_idle(source, reader);
    if (fstat(source->fd, &now) == 0 && now.st_size == source->about.st_size &&
        is_same_time(&now.st_mtim, &source->about.st_mtim))
        return MR_OK;
    return mr_error_set(err, MR_E_CHANGED, 0, "the archive changed while it was read");
}

static uint64_t source_input_bytes(struct mr_source *base)
{
    return (uint64_t)sqlar_of(base)->file.size_bytes;
}

/* What is not the descriptor's. */
static void free_source(struct sqlar_source *source)
{
    for (unsigned i = 0; i < IDLE_MAX; i++)
        reader_destroy(source->idle[i]);
    sqlar_rows_end(&source->rows);
    free(source->table);
    free(source->label);
    free(source);
}

static void source_destroy(struct mr_source *base)
{
    struct sqlar_source *source = sqlar_of(base);
    int fd = source->fd;
    free_source(source);
    close(fd);
}

static const struct mr_source_ops ops = {
    .kind = "archive",
    .next = source_next,
    .open = source_open,
    .read = source_read,
    .open_size = source_open_size,
    .close = source_close,
    .input_bytes = source_input_bytes,
    .destroy = source_destroy,
};

/* ---- create ---- */

/* Is there a file of the archive's name with this behind it, that begins with such bytes? */
static bool has_beside(const struct sqlar_source *source, const char *suffix,
                       const unsigned char *magic, size_t magic_bytes)
{
    unsigned char head[16];
    char *name = NULL;
    size_t got = 0;
    if (asprintf(&name, "%s%s", source->label, suffix) < 0)
        return false;
    int fd = io_open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    free(name);
    if (fd < 0)
        return false;
    bool is_there = io_read(fd, head, magic_bytes, &got) == 0 && got == magic_bytes &&
                    (magic[0] == 0 || memcmp(head, magic, magic_bytes) == 0);
    close(fd);
    return is_there;
}

/*
 * What lies beside a database may be needed to read it: a journal of changes that were not
 * completed, or a log of those that are not in it yet (https://sqlite.org/fileformat2.html,
 * sections 3 and 4).
 */
static enum mr_status check_beside(const struct sqlar_source *source, struct mr_error *err)
{
    static const unsigned char journal[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    static const unsigned char any[1] = {0};
    struct stat named;
    bool is_named = stat(source->label, &named) == 0 && named.st_ino == source->about.st_ino &&
                    named.st_dev == source->about.st_dev;
    if (!is_named || (!has_beside(source, "-journal", journal, sizeof(journal)) &&
                      !has_beside(source, "-wal", any, sizeof(any))))
        return MR_OK;
    return mr_error_set(err, MR_E_CHANGED, 0,
                        "another program is writing to it, or was killed while it did (then "
                        "`sqlite3 FILE .schema` puts it right)");
}

static enum mr_status start(struct sqlar_source *source, struct mr_error *err)
{
    off_t start_bytes = lseek(source->fd, 0, SEEK_CUR);
    if (!source->label || !source->table)
        return no_memory(err);
    if (start_bytes < 0 || fstat(source->fd, &source->about) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    source->file = (struct sqlar_file){.fd = source->fd,
                                       .start_bytes = start_bytes,
                                       .size_bytes = source->about.st_size > start_bytes
                                                         ? source->about.st_size - start_bytes
                                                         : 0};
    /* First of all, as any other database is no archive, whatever its state. */
    enum mr_status status = sqlar_rows_begin(&source->rows, &source->file, source->table, err);
    if (status == MR_OK)
        status = check_beside(source, err);
    return status == MR_OK ? sqlar_file_check(&source->file, err) : status;
}

enum mr_status sqlar_source_create(int fd, const char *label, const char *table,
                                   struct mr_source **source, struct mr_error *err)
{
    struct sqlar_source *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->fd = fd;
    made->label = strdup(label);
    made->table = strdup(table ? table : DEFAULT_TABLE);
    path_show(made->shown, sizeof(made->shown), label);
    enum mr_status status = start(made, err);
    if (status != MR_OK) {
        mr_error_prefix(err, "%s", made->shown);
        free_source(made);
        return status;
    }
    made->source = (struct mr_source){.ops = &ops,
                                      .flags = MR_SOURCE_CONTAINER | MR_SOURCE_REOPENABLE,
                                      .label = made->label,
                                      .memory_bytes = MEMORY_BYTES};
    *source = &made->source;
    return MR_OK;
}
