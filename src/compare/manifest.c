/*
 * The sink takes one item after the other, in the order of the input, so that nothing here needs a
 * lock. A record's key is the name with NUL for '/', which makes the order of bytes that of
 * components; then two NULs, and the number of the item, so that the last one of a name comes last.
 */
#include "compare/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/nameset.h"
#include "base/path.h"
#include "base/sorter.h"
#include "sink/sinks.h"

#define KEY_TAIL_BYTES      ((size_t)10)
#define RECORD_HEAD_BYTES   sizeof(struct manifest_item)
#define NAME_MAX_BYTES      (SORTER_RECORD_MAX_BYTES - RECORD_HEAD_BYTES - KEY_TAIL_BYTES)
#define NAMES_MEMORY_BYTES  ((size_t)4 << 20)
#define FAILURE_MAX_BYTES   ((size_t)8 << 10)
#define SEQUENCE_OF_FAILURE UINT64_MAX /* whatever else was there of that name */

struct mr_writer {
    const struct mr_entry *entry;
    struct digest digest;
    size_t digest_bytes; /* of it that came */
};

/* Contents of files by their names, for hard links to them. */
struct contents {
    struct nameset *numbers; /* from 1; NULL: not wanted */
    uint64_t count;
    int fd; /* struct digest, one after the other */
};

struct read_item {
    char path[SORTER_RECORD_MAX_BYTES];
    struct manifest_item item;
};

struct manifest {
    struct mr_sink sink; /* first */
    struct mr_writer writer;
    unsigned char key[SIPHASH_KEY_BYTES];
    char *nameless;
    struct sorter *sorter;
    uint64_t item_count;
    struct contents contents;

    int failures_fd; /* their names, each with its NUL, written by any thread at the end */
    atomic_bool has_lost_failures;

    struct read_item read[2]; /* what manifest_next() gave last, and what was read ahead */
    unsigned ahead;           /* which one that is */
    bool has_ahead;
};

static enum mr_status file_failed(int reason, struct mr_error *err)
{
    return mr_error_set(err, MR_E_SYSTEM, reason, "cannot use the temporary file for comparing");
}

/* ---- records ---- */

static enum mr_status add_record(struct manifest *manifest, const char *path, uint64_t sequence,
                                 const struct manifest_item *item, struct mr_error *err)
{
    unsigned char key[NAME_MAX_BYTES + KEY_TAIL_BYTES];
    size_t path_bytes = strlen(path);
    if (path_bytes > NAME_MAX_BYTES)
        return mr_error_set(err, MR_E_LIMIT, 0, "the name is too long to be compared");
    for (size_t i = 0; i < path_bytes; i++)
        key[i] = path[i] == '/' ? '\0' : (unsigned char)path[i];
    unsigned char *tail = key + path_bytes;
    *tail++ = '\0';
    *tail++ = '\0';
    for (unsigned i = 0; i < 8; i++)
        *tail++ = (unsigned char)(sequence >> (56 - 8 * i));
    const struct sorter_record record = {.key = key,
                                         .key_bytes = path_bytes + KEY_TAIL_BYTES,
                                         .value = item,
                                         .value_bytes = offsetof(struct manifest_item, target) +
                                                        strlen(item->target) + 1};
    return sorter_add(manifest->sorter, &record, err);
}

static void take_record(const struct sorter_record *record, struct read_item *read)
{
    size_t path_bytes = record->key_bytes - KEY_TAIL_BYTES;
    memcpy(read->path, record->key, path_bytes);
    for (size_t i = 0; i < path_bytes; i++)
        if (read->path[i] == '\0')
            read->path[i] = '/';
    read->path[path_bytes] = '\0';
    memcpy(&read->item, record->value, record->value_bytes);
}

int manifest_compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int x = *a == '/' ? 0 : (unsigned char)*a, y = *b == '/' ? 0 : (unsigned char)*b;
    return x != y ? (x > y) - (x < y) : (*a != '\0') - (*b != '\0');
}

/* ---- hard links ---- */

static enum mr_status contents_add(struct contents *contents, const char *path,
                                   const struct digest *digest, struct mr_error *err)
{
    int64_t at_bytes = (int64_t)(contents->count * sizeof(*digest));
    if (io_pwrite(contents->fd, digest, sizeof(*digest), at_bytes) != 0)
        return file_failed(errno, err);
    return nameset_set_number(contents->numbers, path, ++contents->count, err);
}

static enum mr_status contents_find(struct contents *contents, const char *path,
                                    struct digest *digest, struct mr_error *err)
{
    uint64_t number = 0;
    size_t got_bytes = 0;
    enum mr_status status = nameset_number(contents->numbers, path, &number, err);
    if (status != MR_OK)
        return status;
    char shown[PATH_SHOW_BYTES];
    if (number == 0)
        return mr_error_set(err, MR_E_DATA, 0, "hard link to '%s', which is no earlier file",
                            path_show(shown, sizeof(shown), path));
    int64_t at_bytes = (int64_t)((number - 1) * sizeof(*digest));
    if (io_pread(contents->fd, digest, sizeof(*digest), at_bytes, &got_bytes) != 0)
        return file_failed(errno, err);
    return got_bytes == sizeof(*digest) ? MR_OK : file_failed(EIO, err);
}

/* The content of the file that was stored, into *digest. */
static enum mr_status settle_content(struct manifest *manifest, const struct mr_entry *entry,
                                     struct digest *digest, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    if (!manifest->contents.numbers)
        return MR_OK;
    if (entry->kind == MR_KIND_HARDLINK)
        status =
            contents_find(&manifest->contents, entry->target ? entry->target : "", digest, err);
    return status == MR_OK ? contents_add(&manifest->contents, entry->path, digest, err) : status;
}

/* ---- the sink ---- */

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    struct manifest *manifest = (struct manifest *)sink;
    (void)size_bytes;
    if (entry->kind == MR_KIND_HARDLINK && !manifest->contents.numbers)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is a hard link where none can be");
    manifest->writer = (struct mr_writer){.entry = entry};
    *writer = &manifest->writer;
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    (void)sink;
    if (size_bytes > sizeof(writer->digest) - writer->digest_bytes)
        return mr_error_set(err, MR_E_STEP, 0, "the content is no digest");
    memcpy((char *)&writer->digest + writer->digest_bytes, data, size_bytes);
    writer->digest_bytes += size_bytes;
    return MR_OK;
}

static uint64_t hash_xattrs(const struct manifest *manifest, const struct mr_entry *entry)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct mr_xattr *xattr = &entry->xattrs[i];
        struct siphash state;
        uint64_t hash[2];
        siphash_start(&state, SIPHASH_1_3, manifest->key);
        siphash_add(&state, xattr->name, strlen(xattr->name) + 1);
        siphash_add(&state, xattr->value, xattr->value_bytes);
        siphash_end(&state, hash);
        sum += hash[0];
    }
    return sum;
}

static void describe(const struct manifest *manifest, const struct mr_entry *entry,
                     struct manifest_item *item)
{
    const char *target = entry->kind == MR_KIND_SYMLINK && entry->target ? entry->target : "";
    memset(item, 0, offsetof(struct manifest_item, target)); /* with what lies between members */
    item->kind = entry->kind == MR_KIND_HARDLINK ? MR_KIND_FILE : entry->kind;
    item->has_mode = entry->has_mode && entry->kind != MR_KIND_SYMLINK;
    item->has_mtime = entry->has_mtime;
    item->has_owner = entry->has_owner;
    item->mode = entry->mode;
    item->mtime_s = entry->mtime_s;
    item->mtime_ns = entry->mtime_ns;
    item->uid = entry->uid;
    item->gid = entry->gid;
    item->xattrs = hash_xattrs(manifest, entry);
    snprintf(item->target, sizeof(item->target), "%s", target);
    item->digest.size_bytes = strlen(target);
    siphash_128(manifest->key, target, strlen(target), item->digest.hash);
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct manifest *manifest = (struct manifest *)sink;
    const struct mr_entry *entry = writer->entry;
    struct manifest_item item;
    describe(manifest, entry, &item);
    if (item.kind == MR_KIND_FILE) {
        bool is_whole =
            entry->kind == MR_KIND_HARDLINK || writer->digest_bytes == sizeof(item.digest);
        if (!is_whole)
            return mr_error_set(err, MR_E_STEP, 0, "the content is no digest");
        enum mr_status status = settle_content(manifest, entry, &writer->digest, err);
        if (status != MR_OK)
            return status;
        item.digest = writer->digest;
    }
    bool is_nameless = manifest->nameless && strcmp(entry->path, manifest->nameless) == 0;
    return add_record(manifest, is_nameless ? "" : entry->path, manifest->item_count++, &item, err);
}

static const struct mr_sink_ops sink_ops = {
    .kind = "manifest",
    .begin = sink_begin,
    .write = sink_write,
    .commit = sink_commit,
    .abort = null_sink_abort,
    .finish = null_sink_finish,
};

struct mr_sink *manifest_sink(struct manifest *manifest)
{
    return &manifest->sink;
}

/* ---- failures ---- */

/* One write at the end of the file is one piece, whoever else writes. */
void manifest_note_failure(struct manifest *manifest, const char *path)
{
    size_t bytes = strlen(path) + 1;
    if (bytes > FAILURE_MAX_BYTES || write(manifest->failures_fd, path, bytes) != (ssize_t)bytes)
        atomic_store(&manifest->has_lost_failures, true);
}

/* They become records of their own. Ends the file. */
static enum mr_status add_failures(struct manifest *manifest, struct mr_error *err)
{
    struct manifest_item item = {.is_failed = true};
    char *path = NULL;
    if (atomic_load(&manifest->has_lost_failures))
        return file_failed(EIO, err);
    size_t cap_bytes = 0;
    FILE *file =
        lseek(manifest->failures_fd, 0, SEEK_SET) == 0 ? fdopen(manifest->failures_fd, "r") : NULL;
    if (!file)
        return file_failed(errno, err);
    manifest->failures_fd = -1;
    enum mr_status status = MR_OK;
    while (status == MR_OK && getdelim(&path, &cap_bytes, '\0', file) > 0) {
        bool is_nameless = manifest->nameless && strcmp(path, manifest->nameless) == 0;
        status = add_record(manifest, is_nameless ? "" : path, SEQUENCE_OF_FAILURE, &item, err);
    }
    if (status == MR_OK && ferror(file))
        status = file_failed(errno, err);
    free(path);
    fclose(file);
    return status;
}

/* ---- the manifest ---- */

static enum mr_status init(struct manifest *made, const struct manifest_config *config,
                           struct mr_error *err)
{
    memcpy(made->key, config->key, sizeof(made->key));
    enum mr_status status = sorter_create(config->memory_bytes, &made->sorter, err);
    if (status == MR_OK && config->has_hard_links)
        status = nameset_create(NAMES_MEMORY_BYTES, &made->contents.numbers, err);
    if (status == MR_OK && config->has_hard_links && (made->contents.fd = io_temp_file(err)) < 0)
        status = MR_E_SYSTEM;
    if (status == MR_OK && (made->failures_fd = io_temp_file(err)) < 0)
        status = MR_E_SYSTEM;
    if (status == MR_OK && fcntl(made->failures_fd, F_SETFL, O_APPEND) != 0)
        status = file_failed(errno, err);
    if (status == MR_OK && config->nameless && !(made->nameless = strdup(config->nameless)))
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return status;
}

enum mr_status manifest_create(const struct manifest_config *config, struct manifest **manifest,
                               struct mr_error *err)
{
    *manifest = NULL;
    struct manifest *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->contents.fd = made->failures_fd = -1;
    made->sink = (struct mr_sink){.ops = &sink_ops,
                                  .flags = MR_SINK_SERIAL | MR_SINK_NO_HARD_LINKS,
                                  .label = "the comparison"};
    enum mr_status status = init(made, config, err);
    if (status == MR_OK)
        *manifest = made;
    else
        manifest_destroy(made);
    return status;
}

void manifest_destroy(struct manifest *manifest)
{
    if (!manifest)
        return;
    sorter_destroy(manifest->sorter);
    nameset_destroy(manifest->contents.numbers);
    if (manifest->contents.fd >= 0)
        close(manifest->contents.fd);
    if (manifest->failures_fd >= 0)
        close(manifest->failures_fd);
    free(manifest->nameless);
    free(manifest);
}

/* Reads into the other place than the one that was read ahead so far. */
static enum mr_status read_ahead(struct manifest *manifest, struct mr_error *err)
{
    struct sorter_record record;
    enum mr_status status = sorter_next(manifest->sorter, &record, err);
    manifest->has_ahead = status == MR_OK;
    manifest->ahead = 1 - manifest->ahead;
    if (status == MR_OK)
        take_record(&record, &manifest->read[manifest->ahead]);
    return status == MR_DONE ? MR_OK : status;
}

enum mr_status manifest_sort(struct manifest *manifest, struct mr_error *err)
{
    enum mr_status status = add_failures(manifest, err);
    if (status == MR_OK)
        status = sorter_sort(manifest->sorter, err);
    return status == MR_OK ? read_ahead(manifest, err) : status;
}

enum mr_status manifest_next(struct manifest *manifest, const char **path,
                             const struct manifest_item **item, struct mr_error *err)
{
    const struct read_item *given;
    enum mr_status status;
    if (!manifest->has_ahead)
        return MR_DONE;
    do {
        given = &manifest->read[manifest->ahead];
        status = read_ahead(manifest, err);
    } while (status == MR_OK && manifest->has_ahead &&
             strcmp(given->path, manifest->read[manifest->ahead].path) == 0);
    *path = given->path;
    *item = &given->item;
    return status;
}
