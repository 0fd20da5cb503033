/* stream_sink.c - the contents of all items, one after the other, to a descriptor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/path.h"
#include "sink/sinks.h"

struct mr_writer {
    int64_t size_bytes; /* MR_SIZE_UNKNOWN: as it comes */
    int64_t written_bytes;
};

struct stream_sink {
    struct mr_sink sink;
    int fd;
    char *label; /* owned */
    struct mr_writer writer;
    bool is_broken; /* an item was cut short */
};

static enum mr_status sink_begin(struct mr_sink *base, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    struct stream_sink *sink = (struct stream_sink *)base;
    if (sink->is_broken)
        return mr_error_set(err, MR_E_DATA, 0,
                            "nothing can be added to the stream after an item was cut short");
    sink->writer = (struct mr_writer){entry->kind == MR_KIND_FILE ? size_bytes : 0, 0};
    *writer = &sink->writer;
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *base, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    struct stream_sink *sink = (struct stream_sink *)base;
    char shown[PATH_SHOW_BYTES];
    writer->written_bytes += (int64_t)size_bytes; /* also when it fails: some may be out */
    if (io_write(sink->fd, data, size_bytes) == 0)
        return MR_OK;
    int sys_errno = errno;
    sink->is_broken = true;
    return mr_error_set(err, MR_E_SYSTEM, sys_errno, "cannot write %s",
                        path_show(shown, sizeof(shown), base->label));
}

static enum mr_status sink_commit(struct mr_sink *base, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct stream_sink *sink = (struct stream_sink *)base;
    if (writer->size_bytes == MR_SIZE_UNKNOWN || writer->size_bytes == writer->written_bytes)
        return MR_OK;
    sink->is_broken = writer->written_bytes > 0;
    return mr_error_set(err, MR_E_CHANGED, 0,
                        "its content has %lld bytes and not %lld as it should",
                        (long long)writer->written_bytes, (long long)writer->size_bytes);
}

static void sink_abort(struct mr_sink *base, struct mr_writer *writer)
{
    struct stream_sink *sink = (struct stream_sink *)base;
    if (writer->written_bytes > 0)
        sink->is_broken = true;
}

static enum mr_status sink_finish(struct mr_sink *base,
                                  void (*on_problem)(void *ctx, const char *path,
                                                     const struct mr_error *problem),
                                  void *ctx, struct mr_error *err)
{
    struct stream_sink *sink = (struct stream_sink *)base;
    (void)on_problem;
    (void)ctx;
    char shown[PATH_SHOW_BYTES];
    if (!sink->is_broken)
        return MR_OK;
    return mr_error_set(err, MR_E_DATA, 0,
                        "%s: the output is not complete, because an item failed in the middle",
                        path_show(shown, sizeof(shown), base->label));
}

static void sink_destroy(struct mr_sink *base)
{
    struct stream_sink *sink = (struct stream_sink *)base;
    free(sink->label);
    free(sink);
}

static const struct mr_sink_ops ops = {
    .kind = "stream",
    .begin = sink_begin,
    .write = sink_write,
    .commit = sink_commit,
    .abort = sink_abort,
    .finish = sink_finish,
    .destroy = sink_destroy,
};

enum mr_status stream_sink_create(int fd, const char *label, struct mr_sink **sink,
                                  struct mr_error *err)
{
    struct stream_sink *made = calloc(1, sizeof(*made));
    if (made)
        made->label = strdup(label);
    if (!made || !made->label) {
        free(made);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    made->sink = (struct mr_sink){
        .ops = &ops, .flags = MR_SINK_SERIAL | MR_SINK_FINAL, .label = made->label};
    made->fd = fd;
    *sink = &made->sink;
    return MR_OK;
}
