/* null_sink.c - takes everything and keeps nothing. Nothing in it changes, so any number of writers
 * may use it at once. */
#include <stdlib.h>

#include "sink/sinks.h"

struct mr_writer {
    char unused;
};

struct null_sink {
    struct mr_sink sink;
    struct mr_writer writer; /* what every writer is; never read or written */
};

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    (void)entry;
    (void)size_bytes;
    (void)err;
    *writer = &((struct null_sink *)sink)->writer;
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    (void)sink;
    (void)writer;
    (void)data;
    (void)size_bytes;
    (void)err;
    return MR_OK;
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer,
                                  struct mr_error *err)
{
    (void)sink;
    (void)writer;
    (void)err;
    return MR_OK;
}

void null_sink_abort(struct mr_sink *sink, struct mr_writer *writer)
{
    (void)sink;
    (void)writer;
}

enum mr_status null_sink_finish(struct mr_sink *sink,
                                void (*on_problem)(void *ctx, const char *path,
                                                   const struct mr_error *problem),
                                void *ctx, struct mr_error *err)
{
    (void)sink;
    (void)on_problem;
    (void)ctx;
    (void)err;
    return MR_OK;
}

static void sink_destroy(struct mr_sink *sink)
{
    free(sink);
}

static const struct mr_sink_ops ops = {
    .kind = "null",
    .begin = sink_begin,
    .write = sink_write,
    .commit = sink_commit,
    .abort = null_sink_abort,
    .finish = null_sink_finish,
    .destroy = sink_destroy,
};

enum mr_status null_sink_create(struct mr_sink **sink, struct mr_error *err)
{
    struct null_sink *made = malloc(sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    *made = (struct null_sink){.sink = {.ops = &ops, .label = "null:"}};
    *sink = &made->sink;
    return MR_OK;
}
