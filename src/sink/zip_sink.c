#include "sink/zip_sink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/path.h"
#include "sink/archive_items.h"
#include "sink/archive_target.h"
#include "sink/out_buffer.h"
#include "sink/zip_records.h"
#include "sink/zip_tail.h"

/*
 * Sizes have 32 bits below it, even when the content is stored: deflate adds five bytes to a block
 * that it cannot make smaller, and blocks have at least 16 KiB.
 */
#define HUGE_BYTES (INT64_C(0xffffffff) - (INT64_C(16) << 20))

#define ATTRIBUTE_DIRECTORY 0x10 /* of MS-DOS */

/* The item that is being written; there is one at a time. */
struct mr_writer {
    const struct mr_entry *entry;
    int64_t size_bytes; /* what write() is to bring, or MR_SIZE_UNKNOWN */
    int64_t written_bytes;
    bool has_header; /* it is in the archive and must be completed */
};

struct zip_sink {
    struct mr_sink sink;
    struct mr_sink_encoding encoding;
    struct archive_target *target;
    struct out_buffer out;    /* its given_bytes: where the next record will stand */
    struct zip_tail tail;     /* the central directory */
    struct zip_member member; /* what the writer's entry is here; meaningful with has_header */
    struct mr_writer writer;
    struct archive_losses losses;
    uint64_t member_count;
    int64_t dos_seconds; /* the last ones that were made a DOS time */
    uint32_t dos_time;
    bool is_reproducible;
    bool is_broken; /* an item was cut short: nothing can follow it */
};

static struct zip_sink *zip_of(struct mr_sink *sink)
{
    return (struct zip_sink *)sink;
}

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status cannot_write(const struct zip_sink *zip, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_SYSTEM, zip->out.write_errno, "cannot write %s",
                        path_show(shown, sizeof(shown), zip->sink.label));
}

static enum mr_status put(void *ctx, const void *data, size_t size_bytes, struct mr_error *err)
{
    struct zip_sink *zip = ctx;
    return out_buffer_put(&zip->out, data, size_bytes) ? MR_OK : cannot_write(zip, err);
}

/* Makes room for a record. */
static enum mr_status reserve(struct zip_sink *zip, size_t size_bytes, unsigned char **room,
                              struct mr_error *err)
{
    return out_buffer_reserve(&zip->out, size_bytes, room) ? MR_OK : cannot_write(zip, err);
}

/* EPUB and ODF files begin with this member, and it must be found at a fixed place. */
static bool is_mimetype(const struct mr_entry *entry)
{
    return entry->kind == MR_KIND_FILE && strcmp(entry->path, "mimetype") == 0;
}

static bool keeps_plain(struct mr_sink *sink, const struct mr_entry *entry)
{
    (void)sink;
    return is_mimetype(entry);
}

static void set_mtime(struct zip_sink *zip, const struct mr_entry *entry)
{
    struct zip_member *member = &zip->member;
    int64_t seconds = entry->has_mtime ? entry->mtime_s : 0;
    if (zip->dos_time == 0 || seconds != zip->dos_seconds) {
        zip->dos_time = zip_dos_time(seconds, zip->is_reproducible);
        zip->dos_seconds = seconds;
    }
    member->dos_time = zip->dos_time;
    member->has_mtime = entry->has_mtime && seconds >= INT32_MIN && seconds <= INT32_MAX;
    member->mtime_s = member->has_mtime ? (int32_t)seconds : 0;
    if (entry->has_mtime && !member->has_mtime)
        zip->losses.time_count++;
    else if (entry->has_mtime && entry->mtime_ns > 0)
        zip->losses.fraction_count++;
}

static void set_owner(struct zip_sink *zip, const struct mr_entry *entry)
{
    struct zip_member *member = &zip->member;
    if (!entry->has_owner || zip->is_reproducible)
        return;
    member->has_owner = entry->uid <= UINT32_MAX && entry->gid <= UINT32_MAX;
    member->uid = (uint32_t)entry->uid;
    member->gid = (uint32_t)entry->gid;
    if (!member->has_owner || entry->uname || entry->gname)
        zip->losses.owner_count++;
}

static void set_kind(struct zip_member *member, const struct mr_entry *entry)
{
    uint32_t type = S_IFREG, mode = 0644, dos = 0;
    if (entry->kind == MR_KIND_DIRECTORY) {
        type = S_IFDIR;
        mode = 0755;
        dos = ATTRIBUTE_DIRECTORY;
    } else if (entry->kind == MR_KIND_SYMLINK) {
        type = S_IFLNK;
        mode = 0777;
    }
    if (entry->has_mode && entry->kind != MR_KIND_SYMLINK)
        mode = entry->mode & 07777;
    member->attributes = (type | mode) << 16 | dos;
}

static bool is_ascii(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name >= 0x80)
            return false;
    return true;
}

static uint16_t method_number(enum mr_method method)
{
    switch (method) {
    case MR_METHOD_DEFLATE:
        return ZIP_METHOD_DEFLATE;
    case MR_METHOD_ZSTD:
        return ZIP_METHOD_ZSTD;
    case MR_METHOD_ZLIB: /* not asked for */
    case MR_METHOD_PLAIN:
        break;
    }
    return ZIP_METHOD_STORE;
}

/* Is all that the local header says of a file known before its content? */
static bool is_known(const struct mr_entry *entry, int64_t size_bytes)
{
    return size_bytes >= 0 && entry->size_bytes >= 0 && entry->encoding.has_crc;
}

static void set_content(struct zip_member *member, const struct mr_writer *writer)
{
    const struct mr_entry *entry = writer->entry;
    if (entry->kind == MR_KIND_SYMLINK) {
        size_t bytes = strlen(entry->target);
        member->stored_bytes = member->plain_bytes = bytes;
        member->crc = (uint32_t)crc32_z(0, (const Bytef *)entry->target, bytes);
    }
    if (entry->kind != MR_KIND_FILE)
        return;
    member->method = method_number(entry->encoding.method);
    if (is_known(entry, writer->size_bytes)) {
        member->stored_bytes = (uint64_t)writer->size_bytes;
        member->plain_bytes = (uint64_t)entry->size_bytes;
        member->crc = entry->encoding.crc;
        return;
    }
    member->is_streamed = true;
    member->may_be_huge = entry->size_bytes < 0 || entry->size_bytes >= HUGE_BYTES ||
                          writer->size_bytes >= HUGE_BYTES;
}

static bool has_slash(const struct mr_entry *entry, size_t name_bytes)
{
    return entry->kind == MR_KIND_DIRECTORY &&
           (name_bytes == 0 || entry->path[name_bytes - 1] != '/');
}

static void describe(struct zip_sink *zip)
{
    const struct mr_entry *entry = zip->writer.entry;
    size_t name_bytes = strlen(entry->path);
    zip->member = (struct zip_member){
        .name = entry->path,
        .name_bytes = name_bytes,
        .has_slash = has_slash(entry, name_bytes),
        .is_utf8 = !is_ascii(entry->path) && path_is_utf8(entry->path),
        .is_bare = is_mimetype(entry),
        .offset_bytes = zip->out.given_bytes,
    };
    set_kind(&zip->member, entry);
    set_mtime(zip, entry);
    set_owner(zip, entry);
    set_content(&zip->member, &zip->writer);
    if (entry->xattr_count > 0)
        zip->losses.xattr_count++;
}

/*
 * Writes the header of the current item, once. Late, so that an item that fails before its first
 * byte leaves the archive whole. Room in the central directory is made first, for the same reason.
 */
static enum mr_status put_header(struct zip_sink *zip, struct mr_error *err)
{
    if (zip->writer.has_header)
        return MR_OK;
    unsigned char *room;
    size_t name_bytes = strlen(zip->writer.entry->path) + 1;
    enum mr_status status =
        zip_tail_reserve(&zip->tail, ZIP_CENTRAL_MAX_BYTES + name_bytes, &room, err);
    if (status == MR_OK)
        status = reserve(zip, ZIP_LOCAL_MAX_BYTES + name_bytes, &room, err);
    if (status != MR_OK)
        return status;
    describe(zip);
    out_buffer_add(&zip->out, zip_put_local(&zip->member, room));
    zip->writer.has_header = true;
    return MR_OK;
}

/* What has no content of its own needs none of this. */
static enum mr_status check_file(const struct mr_entry *entry, int64_t size_bytes,
                                 struct mr_error *err)
{
    enum mr_method method = entry->encoding.method;
    if (!entry->has_encoding)
        return mr_error_set(err, MR_E_USAGE, 0, "zip needs to know how the content is encoded");
    /* A reader of a stream finds the end of deflated content alone. */
    if (method != MR_METHOD_DEFLATE && !is_known(entry, size_bytes))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "zip needs the sizes and the CRC of what is not deflated");
    if (method == MR_METHOD_PLAIN && size_bytes != entry->size_bytes)
        return mr_error_set(err, MR_E_USAGE, 0, "plain content of %lld bytes cannot have %lld",
                            (long long)entry->size_bytes, (long long)size_bytes);
    return MR_OK;
}

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    struct zip_sink *zip = zip_of(sink);
    if (zip->out.write_errno != 0)
        return cannot_write(zip, err);
    if (zip->is_broken)
        return archive_items_cut_short(err);
    enum mr_status status = archive_items_check(entry, "zip", false, err);
    if (status != MR_OK)
        return status;
    size_t name_bytes = strlen(entry->path);
    if (name_bytes + has_slash(entry, name_bytes) > ZIP_NAME_MAX_BYTES)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "zip holds names of at most %d bytes",
                            ZIP_NAME_MAX_BYTES);
    bool is_file = entry->kind == MR_KIND_FILE;
    if (is_file)
        status = check_file(entry, size_bytes, err);
    if (status != MR_OK)
        return status;
    zip->writer = (struct mr_writer){.entry = entry, .size_bytes = is_file ? size_bytes : 0};
    *writer = &zip->writer;
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    struct zip_sink *zip = zip_of(sink);
    if (writer->size_bytes >= 0 &&
        size_bytes > (uint64_t)(writer->size_bytes - writer->written_bytes))
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "its content is longer than the %lld bytes it should have",
                            (long long)writer->size_bytes);
    enum mr_status status = put_header(zip, err);
    if (status == MR_OK)
        status = put(zip, data, size_bytes, err);
    writer->written_bytes += (int64_t)size_bytes;
    return status;
}

/* Sizes and CRC of a file whose header was written without them. */
static enum mr_status put_descriptor(struct zip_sink *zip, struct mr_error *err)
{
    struct zip_member *member = &zip->member;
    const struct mr_entry *entry = zip->writer.entry;
    if (!entry->encoding.has_crc || entry->size_bytes < 0)
        return mr_error_set(err, MR_E_USAGE, 0, "zip needs the size and the CRC of a file");
    member->crc = entry->encoding.crc;
    member->plain_bytes = (uint64_t)entry->size_bytes;
    member->stored_bytes = (uint64_t)zip->writer.written_bytes;
    if (!member->may_be_huge &&
        (member->plain_bytes >= UINT32_MAX || member->stored_bytes >= UINT32_MAX))
        return mr_error_set(err, MR_E_CHANGED, 0, "its content has grown beyond 4 GiB meanwhile");
    unsigned char *room;
    enum mr_status status = reserve(zip, ZIP_DESCRIPTOR_MAX_BYTES, &room, err);
    if (status == MR_OK)
        out_buffer_add(&zip->out, zip_put_descriptor(member, room));
    return status;
}

static enum mr_status complete(struct zip_sink *zip, struct mr_error *err)
{
    const struct mr_writer *writer = &zip->writer;
    const struct mr_entry *entry = writer->entry;
    int64_t size_bytes = writer->size_bytes;
    if (size_bytes < 0 && entry->encoding.stored_bytes >= 0)
        size_bytes = entry->encoding.stored_bytes;
    if (size_bytes >= 0 && writer->written_bytes != size_bytes)
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "its content has %lld bytes and not %lld as it should",
                            (long long)writer->written_bytes, (long long)size_bytes);
    enum mr_status status = put_header(zip, err);
    if (status == MR_OK && entry->kind == MR_KIND_SYMLINK)
        status = put(zip, entry->target, strlen(entry->target), err);
    if (status == MR_OK && zip->member.is_streamed)
        status = put_descriptor(zip, err);
    unsigned char *room;
    if (status == MR_OK) /* there is room already: see put_header() */
        status = zip_tail_reserve(&zip->tail, ZIP_CENTRAL_MAX_BYTES + zip->member.name_bytes + 1,
                                  &room, err);
    if (status != MR_OK)
        return status;
    zip_tail_add(&zip->tail, zip_put_central(&zip->member, room));
    zip->member_count++;
    return MR_OK;
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct zip_sink *zip = zip_of(sink);
    enum mr_status status = complete(zip, err);
    if (status != MR_OK && writer->has_header)
        zip->is_broken = true;
    return status;
}

static void sink_abort(struct mr_sink *sink, struct mr_writer *writer)
{
    if (writer->has_header)
        zip_of(sink)->is_broken = true;
}

static enum mr_status sink_finish(struct mr_sink *sink,
                                  void (*on_problem)(void *ctx, const char *path,
                                                     const struct mr_error *problem),
                                  void *ctx, struct mr_error *err)
{
    struct zip_sink *zip = zip_of(sink);
    (void)on_problem;
    (void)ctx;
    if (zip->out.write_errno != 0)
        return cannot_write(zip, err);
    if (zip->is_broken)
        return archive_items_not_complete(sink->label, err);
    struct zip_directory directory = {.member_count = zip->member_count,
                                      .offset_bytes = zip->out.given_bytes,
                                      .size_bytes = zip_tail_bytes(&zip->tail)};
    unsigned char *room;
    enum mr_status status = zip_tail_give(&zip->tail, put, zip, err);
    if (status == MR_OK)
        status = reserve(zip, ZIP_END_MAX_BYTES, &room, err);
    if (status == MR_OK) {
        out_buffer_add(&zip->out, zip_put_end(&directory, room));
        if (!out_buffer_flush(&zip->out))
            status = cannot_write(zip, err);
    }
    return status == MR_OK ? archive_target_commit(zip->target, err) : status;
}

static void sink_abandon(struct mr_sink *sink)
{
    archive_target_abandon(zip_of(sink)->target);
}

static void sink_destroy(struct mr_sink *sink)
{
    struct zip_sink *zip = zip_of(sink);
    archive_target_destroy(zip->target);
    zip_tail_fini(&zip->tail);
    out_buffer_fini(&zip->out);
    free(zip);
}

static void sink_losses(struct mr_sink *sink, char *text, size_t cap_bytes)
{
    archive_losses_tell(&zip_of(sink)->losses, text, cap_bytes);
}

static uint64_t sink_output_bytes(struct mr_sink *sink)
{
    return out_buffer_written(&zip_of(sink)->out);
}

static const struct mr_sink_ops ops = {
    .kind = "archive",
    .begin = sink_begin,
    .keeps_plain = keeps_plain,
    .write = sink_write,
    .commit = sink_commit,
    .abort = sink_abort,
    .finish = sink_finish,
    .destroy = sink_destroy,
    .abandon = sink_abandon,
    .losses = sink_losses,
    .output_bytes = sink_output_bytes,
};

enum mr_status zip_sink_create(const char *path, const struct zip_sink_config *config,
                               struct mr_sink **sink, struct mr_error *err)
{
    struct zip_sink *zip = calloc(1, sizeof(*zip));
    if (!zip)
        return no_memory(err);
    zip->encoding = config->encoding;
    zip->is_reproducible = config->is_reproducible;
    zip_tail_init(&zip->tail);
    enum mr_status status = MR_OK;
    if (!out_buffer_init(&zip->out))
        status = no_memory(err);
    if (status == MR_OK)
        status = archive_target_create(path, &config->target, &zip->target, err);
    if (status != MR_OK) {
        sink_destroy(&zip->sink);
        return status;
    }
    zip->out.fd = archive_target_fd(zip->target);
    zip->sink = (struct mr_sink){
        .ops = &ops,
        .flags = MR_SINK_SERIAL | MR_SINK_FINAL | MR_SINK_NO_HARD_LINKS,
        .encoding = &zip->encoding,
        .label = archive_target_label(zip->target),
    };
    *sink = &zip->sink;
    return MR_OK;
}
