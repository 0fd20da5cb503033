/* archive_sink.c - items into an archive, one after the other: by libarchive, but for the items of
 * a tar that need little (tar_header.h). */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/locale.h"
#include "base/path.h"
#include "sink/archive_header.h"
#include "sink/archive_items.h"
#include "sink/archive_kinds.h"
#include "sink/archive_outputs.h"
#include "sink/out_buffer.h"
#include "sink/tar_header.h"

/* The item that is being written; there is one at a time. */
struct mr_writer {
    const struct mr_entry *entry;
    int64_t size_bytes, written_bytes;
    bool has_header; /* it is in the archive and must be completed */
    bool is_plain;   /* libarchive does not know of it */
};

struct archive_sink {
    struct mr_sink sink;
    const struct archive_output *output;
    const struct archive_ability *ability;
    struct archive_target *target;
    struct blocks *blocks; /* compresses the archive's bytes; NULL: nothing to do */
    struct out_buffer out;
    struct archive *archive;
    struct archive_entry *member; /* reused */
    locale_t utf8;
    struct mr_writer writer;
    struct archive_losses losses;
    int write_errno; /* of the first write that failed */
    int64_t item_count;
    bool is_reproducible;
    bool makes_headers; /* of items that need little; the others are libarchive's */
    bool is_broken;     /* an item was cut short: nothing can follow it */
    bool is_open;       /* for libarchive: between archive_write_open() and the end */
    bool is_discarded;  /* nothing is written any more */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Why libarchive failed. */
static enum mr_status describe(const struct archive_sink *sink, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (sink->write_errno != 0)
        return mr_error_set(err, MR_E_SYSTEM, sink->write_errno, "cannot write %s",
                            path_show(shown, sizeof(shown), sink->sink.label));
    if (archive_errno(sink->archive) == ENOMEM)
        return no_memory(err);
    const char *reason = archive_error_string(sink->archive);
    return mr_error_set(err, MR_E_UNSUPPORTED, 0, "cannot be stored in %s: %s", sink->output->name,
                        path_show(shown, sizeof(shown), reason ? reason : "no reason given"));
}

/* Finished bytes of the archive go to the file. Returns 0 or an errno. */
static int put_away(void *ctx, const void *data, size_t size_bytes)
{
    struct out_buffer *out = &((struct archive_sink *)ctx)->out;
    return out_buffer_put(out, data, size_bytes) && out_buffer_flush(out) ? 0 : out->write_errno;
}

static void note_blocks(struct archive_sink *sink, enum mr_status status, int sys_errno)
{
    if (status != MR_OK)
        sink->write_errno = status == MR_E_SYSTEM ? sys_errno : ENOMEM;
}

/* Takes the next bytes of the archive. After a failure, which write_errno tells, they are dropped.
 */
static void take(struct archive_sink *sink, const void *data, size_t size_bytes)
{
    if (sink->is_discarded || sink->write_errno != 0)
        return;
    int sys_errno = 0;
    if (sink->blocks) {
        enum mr_status status = blocks_write(sink->blocks, data, size_bytes, &sys_errno);
        note_blocks(sink, status, sys_errno);
    } else if (!out_buffer_put(&sink->out, data, size_bytes)) {
        sink->write_errno = sink->out.write_errno;
    }
}

/*
 * Never tells libarchive of a failure: it would not free its filters any more. Who called
 * libarchive looks at write_errno.
 */
static la_ssize_t write_callback(struct archive *archive, void *ctx, const void *data,
                                 size_t size_bytes)
{
    (void)archive;
    take(ctx, data, size_bytes);
    return (la_ssize_t)size_bytes;
}

static void remember_warning(struct archive_sink *sink)
{
    const char *text = archive_error_string(sink->archive);
    /* A name that is not UTF-8 goes into a tar byte for byte. */
    if (!text || strstr(text, "translate") || strstr(text, "convert"))
        return;
    if (sink->losses.other_count++ == 0)
        path_show(sink->losses.other_text, sizeof(sink->losses.other_text), text);
}

/*
 * False when the current item needs a header that only libarchive makes. Most do not; and since
 * libarchive copies the entry with all its strings for each header, that was a seventh of the
 * processor time of packing small files into a plain tar.
 */
static bool put_plain_header(struct archive_sink *sink, bool has_owner)
{
    unsigned char header[TAR_HEADER_MOST_BYTES];
    struct mr_writer *writer = &sink->writer;
    size_t size_bytes = tar_header_make(writer->entry, writer->size_bytes, has_owner, header);
    if (size_bytes == 0)
        return false;
    take(sink, header, size_bytes);
    writer->is_plain = true;
    return true;
}

static enum mr_status put_full_header(struct archive_sink *sink, bool has_owner,
                                      struct mr_error *err)
{
    const struct mr_writer *writer = &sink->writer;
    archive_header_fill(sink->member, writer->entry, writer->size_bytes, has_owner, sink->ability,
                        &sink->losses);
    if (sink->ability->needs_inodes)
        archive_entry_set_ino64(sink->member, ++sink->item_count);
    int result = archive_write_header(sink->archive, sink->member);
    if (result == ARCHIVE_WARN)
        remember_warning(sink);
    if (result == ARCHIVE_FATAL)
        sink->is_broken = true;
    return result < ARCHIVE_WARN ? describe(sink, err) : MR_OK;
}

/* Writes the header of the current item, once. Late, so that an item that fails before its first
 * byte leaves the archive whole. */
static enum mr_status put_header(struct archive_sink *sink, struct mr_error *err)
{
    struct mr_writer *writer = &sink->writer;
    if (writer->has_header)
        return MR_OK;
    bool has_owner = writer->entry->has_owner && !sink->is_reproducible;
    if (!sink->makes_headers || !put_plain_header(sink, has_owner)) {
        enum mr_status status = put_full_header(sink, has_owner, err);
        if (status != MR_OK)
            return status;
    }
    writer->has_header = true;
    return sink->write_errno == 0 ? MR_OK : describe(sink, err);
}

static enum mr_status sink_begin(struct mr_sink *base, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    const char *name = sink->output->name;
    if (sink->is_broken)
        return archive_items_cut_short(err);
    enum mr_status status = archive_items_check(entry, name, sink->ability->has_hardlinks, err);
    if (status != MR_OK)
        return status;
    if (sink->ability->is_utf8_only && !path_is_utf8(entry->path))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "%s holds only names in UTF-8", name);
    if (entry->kind == MR_KIND_FILE && size_bytes < 0)
        return mr_error_set(err, MR_E_USAGE, 0, "an archive needs the size of a file");
    sink->writer =
        (struct mr_writer){entry, entry->kind == MR_KIND_FILE ? size_bytes : 0, 0, false, false};
    *writer = &sink->writer;
    return MR_OK;
}

/* Returns as archive_write_data(). */
static la_ssize_t put_content(struct archive_sink *sink, const void *data, size_t size_bytes)
{
    if (!sink->writer.is_plain)
        return archive_write_data(sink->archive, data, size_bytes);
    take(sink, data, size_bytes);
    return (la_ssize_t)size_bytes;
}

static enum mr_status write_data(struct archive_sink *sink, const unsigned char *data,
                                 size_t size_bytes, struct mr_error *err)
{
    enum mr_status status = put_header(sink, err);
    if (status != MR_OK)
        return status;
    while (size_bytes > 0) {
        la_ssize_t count = put_content(sink, data, size_bytes);
        if (count < 0 || sink->write_errno != 0)
            return describe(sink, err);
        if (count == 0 || (size_t)count > size_bytes)
            return mr_error_set(err, MR_E_UNSUPPORTED, 0, "libarchive does not take its content");
        data += count;
        size_bytes -= (size_t)count;
        sink->writer.written_bytes += count;
    }
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *base, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    if (size_bytes > (uint64_t)(writer->size_bytes - writer->written_bytes))
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "its content is longer than the %lld bytes it should have",
                            (long long)writer->size_bytes);
    locale_t before = locale_enter(sink->utf8);
    enum mr_status status = write_data(sink, data, size_bytes, err);
    locale_leave(before);
    return status;
}

/* Returns as archive_write_finish_entry(). */
static int end_content(struct archive_sink *sink)
{
    static const unsigned char zeros[TAR_BLOCK_BYTES];
    if (!sink->writer.is_plain)
        return archive_write_finish_entry(sink->archive);
    take(sink, zeros, tar_header_padding(sink->writer.size_bytes));
    return ARCHIVE_OK;
}

static enum mr_status complete(struct archive_sink *sink, struct mr_error *err)
{
    struct mr_writer *writer = &sink->writer;
    if (writer->written_bytes != writer->size_bytes)
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "its content has %lld bytes and not %lld as it should",
                            (long long)writer->written_bytes, (long long)writer->size_bytes);
    enum mr_status status = put_header(sink, err);
    if (status != MR_OK)
        return status;
    if (end_content(sink) < ARCHIVE_WARN || sink->write_errno != 0)
        return describe(sink, err);
    return MR_OK;
}

static enum mr_status sink_commit(struct mr_sink *base, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    locale_t before = locale_enter(sink->utf8);
    enum mr_status status = complete(sink, err);
    locale_leave(before);
    if (status != MR_OK && writer->has_header)
        sink->is_broken = true;
    return status;
}

static void sink_abort(struct mr_sink *base, struct mr_writer *writer)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    if (writer->has_header)
        sink->is_broken = true;
}

static enum mr_status sink_finish(struct mr_sink *base,
                                  void (*on_problem)(void *ctx, const char *path,
                                                     const struct mr_error *problem),
                                  void *ctx, struct mr_error *err)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    (void)on_problem;
    (void)ctx;
    if (sink->write_errno != 0)
        return describe(sink, err);
    if (sink->is_broken)
        return archive_items_not_complete(base->label, err);
    locale_t before = locale_enter(sink->utf8);
    int result = archive_write_close(sink->archive);
    sink->is_open = false;
    int sys_errno = 0;
    if (sink->blocks && sink->write_errno == 0) {
        enum mr_status ended = blocks_finish(sink->blocks, &sys_errno);
        note_blocks(sink, ended, sys_errno);
    }
    if (sink->write_errno == 0 && !out_buffer_flush(&sink->out))
        sink->write_errno = sink->out.write_errno;
    enum mr_status status =
        result < ARCHIVE_WARN || sink->write_errno != 0 ? describe(sink, err) : MR_OK;
    locale_leave(before);
    return status == MR_OK ? archive_target_commit(sink->target, err) : status;
}

static void sink_abandon(struct mr_sink *base)
{
    archive_target_abandon(((struct archive_sink *)base)->target);
}

static void sink_destroy(struct mr_sink *base)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    locale_t before = sink->utf8 ? locale_enter(sink->utf8) : (locale_t)0;
    if (sink->is_open) {
        /* Failed, so that an item is not filled up to its size; closed, because nothing else frees
         * the filters. */
        sink->is_discarded = true;
        archive_write_fail(sink->archive);
        archive_write_close(sink->archive);
    }
    archive_write_free(sink->archive);
    blocks_destroy(sink->blocks);
    out_buffer_fini(&sink->out);
    archive_entry_free(sink->member);
    if (sink->utf8)
        locale_leave(before);
    archive_target_destroy(sink->target);
    locale_destroy(sink->utf8);
    free(sink);
}

static void sink_losses(struct mr_sink *base, char *text, size_t cap_bytes)
{
    archive_losses_tell(&((struct archive_sink *)base)->losses, text, cap_bytes);
}

static uint64_t sink_use_pool(struct mr_sink *base, struct mr_pool *pool, unsigned thread_count,
                              uint64_t memory_bytes)
{
    struct archive_sink *sink = (struct archive_sink *)base;
    return sink->blocks ? blocks_use_pool(sink->blocks, pool, thread_count, memory_bytes) : 0;
}

static uint64_t sink_output_bytes(struct mr_sink *base)
{
    return out_buffer_written(&((struct archive_sink *)base)->out);
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
    .use_pool = sink_use_pool,
    .output_bytes = sink_output_bytes,
};

/* Makes the handle and opens it on the target. */
static enum mr_status open_archive(struct archive_sink *sink,
                                   const struct archive_sink_config *config, struct mr_error *err)
{
    sink->archive = archive_write_new();
    sink->member = archive_entry_new();
    if (!sink->archive || !sink->member || !out_buffer_init(&sink->out))
        return no_memory(err);
    const struct block_codec *codec = NULL;
    int level = config->level;
    enum mr_status status = archive_outputs_prepare(sink->archive, sink->output, config->settings,
                                                    &level, &sink->ability, &codec, err);
    if (status != MR_OK)
        return status;
    const struct block_options options = {.level = level, .has_checksum = true};
    if (codec && blocks_create(codec, &options, put_away, sink, &sink->blocks) != MR_OK)
        return no_memory(err);
    /* libarchive hands on whatever it has, at once: nothing that is written beside it overtakes it,
     * and no padding comes behind the end. Only what it compresses itself it must hold back. */
    archive_write_set_bytes_per_block(sink->archive, 0);
    sink->makes_headers =
        sink->ability->has_plain_headers && archive_filter_count(sink->archive) == 0;
    return MR_OK;
}

static enum mr_status start(struct archive_sink *sink, const char *path,
                            const struct archive_sink_config *config, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    sink->output = archive_output_find(config->format);
    if (!sink->output)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "unknown archive format \"%s\" (known: `millrace formats`)",
                            path_show(shown, sizeof(shown), config->format));
    enum mr_status status = locale_create(&sink->utf8, err);
    if (status != MR_OK)
        return status;
    locale_t before = locale_enter(sink->utf8);
    const struct archive_target_config target = archive_target_config_of(config);
    status = open_archive(sink, config, err);
    if (status == MR_OK)
        status = archive_target_create(path, &target, &sink->target, err);
    if (status == MR_OK) {
        sink->out.fd = archive_target_fd(sink->target);
        sink->sink.label = archive_target_label(sink->target);
        sink->is_open =
            archive_write_open(sink->archive, sink, NULL, write_callback, NULL) >= ARCHIVE_WARN;
        if (!sink->is_open)
            status = describe(sink, err);
    }
    locale_leave(before);
    return status;
}

enum mr_status archive_sink_create_stream(const char *path,
                                          const struct archive_sink_config *config,
                                          struct mr_sink **sink, struct mr_error *err)
{
    struct archive_sink *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->sink = (struct mr_sink){
        .ops = &ops,
        .flags = MR_SINK_SERIAL | MR_SINK_NEEDS_SIZE | MR_SINK_FINAL,
        .label = path,
    };
    made->is_reproducible = config->is_reproducible;
    enum mr_status status = start(made, path, config, err);
    if (status == MR_OK && !made->ability->has_hardlinks)
        made->sink.flags |= MR_SINK_NO_HARD_LINKS;
    if (status == MR_OK)
        *sink = &made->sink;
    else
        sink_destroy(&made->sink);
    return status;
}
