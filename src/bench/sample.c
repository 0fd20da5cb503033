#include "bench/sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "sink/sinks.h"

static enum mr_status out_of_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

void sample_fini(struct sample *sample)
{
    for (size_t i = 0; i < sample->count; i++) {
        free(sample->items[i].path);
        free(sample->items[i].data);
    }
    free(sample->items);
    memset(sample, 0, sizeof(*sample));
}

/* Does the sample stay within its limit with so much more? */
static enum mr_status check_room(const struct sample *sample, uint64_t more_bytes,
                                 struct mr_error *err)
{
    char shown[32];
    if (sample->limit_bytes == 0 || more_bytes <= sample->limit_bytes - sample->bytes)
        return MR_OK;
    return mr_error_set(err, MR_E_LIMIT, 0,
                        "the sample is larger than %s, which is what --memory leaves for it: take "
                        "a part of it, or --stream",
                        parse_show_size(shown, sizeof(shown), sample->limit_bytes));
}

enum mr_status sample_add(struct sample *sample, const char *path, unsigned char *data,
                          size_t bytes, struct mr_error *err)
{
    enum mr_status status = check_room(sample, bytes, err);
    if (status != MR_OK)
        return status;
    if (sample->count == sample->cap_count) {
        size_t cap_count = sample->cap_count ? sample->cap_count * 2 : 64;
        struct sample_item *items = realloc(sample->items, cap_count * sizeof(*items));
        if (!items)
            return out_of_memory(err);
        sample->items = items;
        sample->cap_count = cap_count;
    }
    char *copy = strdup(path);
    if (!copy)
        return out_of_memory(err);
    sample->items[sample->count++] =
        (struct sample_item){.path = copy, .data = data, .bytes = bytes};
    sample->bytes += bytes;
    return MR_OK;
}

/* ---- the sink ---- */

struct mr_writer {
    const struct mr_entry *entry;
    unsigned char *data;
    size_t bytes, cap_bytes;
};

struct sample_sink {
    struct mr_sink sink;
    struct sample *sample;
    struct mr_writer writer; /* of the one item that is written */
};

static enum mr_status sink_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                 int64_t size_bytes, struct mr_writer **writer,
                                 struct mr_error *err)
{
    struct sample_sink *self = (struct sample_sink *)sink;
    (void)size_bytes;
    (void)err;
    self->writer = (struct mr_writer){.entry = entry};
    *writer = &self->writer;
    return MR_OK;
}

static enum mr_status sink_write(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    const struct sample_sink *self = (const struct sample_sink *)sink;
    enum mr_status status = check_room(self->sample, writer->bytes + size_bytes, err);
    if (status != MR_OK)
        return status;
    if (size_bytes > writer->cap_bytes - writer->bytes) {
        size_t cap_bytes = writer->cap_bytes * 2;
        if (cap_bytes < writer->bytes + size_bytes)
            cap_bytes = writer->bytes + size_bytes;
        unsigned char *grown = realloc(writer->data, cap_bytes);
        if (!grown)
            return out_of_memory(err);
        writer->data = grown;
        writer->cap_bytes = cap_bytes;
    }
    memcpy(writer->data + writer->bytes, data, size_bytes);
    writer->bytes += size_bytes;
    return MR_OK;
}

static enum mr_status sink_commit(struct mr_sink *sink, struct mr_writer *writer,
                                  struct mr_error *err)
{
    struct sample_sink *self = (struct sample_sink *)sink;
    if (writer->entry->kind != MR_KIND_FILE)
        return MR_OK;
    enum mr_status status =
        sample_add(self->sample, writer->entry->path, writer->data, writer->bytes, err);
    if (status != MR_OK)
        free(writer->data);
    return status;
}

static void sink_abort(struct mr_sink *sink, struct mr_writer *writer)
{
    (void)sink;
    free(writer->data);
}

static void sink_destroy(struct mr_sink *sink)
{
    free(sink);
}

static const struct mr_sink_ops sink_ops = {
    .kind = "sample",
    .begin = sink_begin,
    .write = sink_write,
    .commit = sink_commit,
    .abort = sink_abort,
    .finish = null_sink_finish,
    .destroy = sink_destroy,
};

enum mr_status sample_sink_create(struct sample *sample, struct mr_sink **sink,
                                  struct mr_error *err)
{
    struct sample_sink *made = calloc(1, sizeof(*made));
    if (!made)
        return out_of_memory(err);
    made->sink = (struct mr_sink){.ops = &sink_ops, .flags = MR_SINK_SERIAL, .label = "the sample"};
    made->sample = sample;
    *sink = &made->sink;
    return MR_OK;
}

/* ---- the source ---- */

struct mr_reader {
    const struct sample_item *item;
    size_t at_bytes;
};

struct sample_source {
    struct mr_source source;
    const struct sample *sample;
    uint64_t pass_count, pass; /* pass: the one that next is in, from 0 */
    size_t next;
};

static enum mr_status source_next(struct mr_source *source, struct mr_entry *entry,
                                  struct mr_error *err)
{
    struct sample_source *self = (struct sample_source *)source;
    if (self->next == self->sample->count && self->pass + 1 < self->pass_count) {
        self->pass++;
        self->next = 0;
    }
    if (self->next == self->sample->count)
        return MR_DONE;
    const struct sample_item *item = &self->sample->items[self->next];
    /* A pass is a directory, so that names do not come twice. */
    char *path = NULL;
    if (asprintf(&path, "%" PRIu64 "/%s", self->pass, item->path) < 0)
        return out_of_memory(err);
    entry->path = path;
    entry->kind = MR_KIND_FILE;
    entry->size_bytes = (int64_t)item->bytes;
    entry->link_count = 1;
    entry->place = self->next++;
    return MR_OK;
}

static enum mr_status source_open(struct mr_source *source, const struct mr_entry *entry,
                                  struct mr_reader **reader, struct mr_error *err)
{
    const struct sample_source *self = (const struct sample_source *)source;
    struct mr_reader *made = malloc(sizeof(*made));
    if (!made)
        return out_of_memory(err);
    *made = (struct mr_reader){.item = &self->sample->items[entry->place]};
    *reader = made;
    return MR_OK;
}

static enum mr_status source_read(struct mr_source *source, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    (void)source;
    (void)err;
    size_t left_bytes = reader->item->bytes - reader->at_bytes;
    *got_bytes = left_bytes < cap_bytes ? left_bytes : cap_bytes;
    if (*got_bytes > 0)
        memcpy(buffer, reader->item->data + reader->at_bytes, *got_bytes);
    reader->at_bytes += *got_bytes;
    return MR_OK;
}

static enum mr_status source_close(struct mr_source *source, struct mr_reader *reader,
                                   struct mr_error *err)
{
    (void)source;
    (void)err;
    free(reader);
    return MR_OK;
}

static void source_destroy(struct mr_source *source)
{
    free(source);
}

static const struct mr_source_ops source_ops = {
    .kind = "sample",
    .next = source_next,
    .open = source_open,
    .read = source_read,
    .close = source_close,
    .destroy = source_destroy,
};

enum mr_status sample_source_create(const struct sample *sample, uint64_t pass_count,
                                    struct mr_source **source, struct mr_error *err)
{
    struct sample_source *made = calloc(1, sizeof(*made));
    if (!made)
        return out_of_memory(err);
    made->source = (struct mr_source){
        .ops = &source_ops, .flags = MR_SOURCE_REOPENABLE, .label = "the sample"};
    made->sample = sample;
    made->pass_count = pass_count;
    *source = &made->source;
    return MR_OK;
}
