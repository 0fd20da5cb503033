#include "source/archive_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/archive_pipe.h"
#include "source/archive_wire.h"

struct archive_client {
    struct archive_reading reading;
    struct archive_pipe pipe;
    bool is_names_only;
    bool is_over;           /* the last record was read */
    uint64_t member_count;  /* entries so far */
    bool is_content;        /* content of the last of them may come */
    bool is_wanted;         /* it was asked for */
    int64_t size_bytes;     /* of the content as declared, or MR_SIZE_UNKNOWN */
    int64_t position_bytes; /* of the content, given so far */
    uint64_t left_bytes;    /* of a record with bytes, still to be given */
    bool has_first;         /* a block that could not be lent waits to be given */
    struct archive_block first;
    struct mr_error fault; /* why it is over before its end; status MR_OK: it is not */
    struct mr_error cut;   /* of content that was passed over: the archive ends there, or says so */
    bool is_fault_told;    /* as an error about the archive as a whole */
    unsigned char *record; /* SHARED_RECORD_MAX_BYTES, for entries and errors */
};

/* Nothing follows, because of client->fault. */
static enum mr_status end(struct archive_client *client, struct mr_error *err)
{
    client->is_over = true;
    client->left_bytes = 0;
    if (err)
        *err = client->fault;
    return client->fault.status;
}

/* Memory ran out; the rest of the archive is lost. */
static enum mr_status out_of_memory(struct archive_client *client, struct mr_error *err)
{
    archive_pipe_end(&client->pipe);
    mr_error_set(&client->fault, MR_E_MEMORY, 0, "out of memory");
    return end(client, err);
}

/* The helper broke the rules; it is not listened to any more. */
static enum mr_status senseless(struct archive_client *client, struct mr_error *err)
{
    archive_pipe_end(&client->pipe);
    mr_error_set(&client->fault, MR_E_CHILD, 0,
                 "the archive cannot be read: its reader says what makes no sense");
    return end(client, err);
}

static enum mr_status take_record(struct archive_client *client, struct shared_record *record,
                                  struct mr_error *err)
{
    enum mr_status status = archive_pipe_next(&client->pipe, record, &client->fault);
    if (status == MR_E_DATA)
        return senseless(client, err);
    if (status == MR_OK && record->used_bytes > client->reading.used_bytes)
        client->reading.used_bytes = record->used_bytes;
    return status == MR_OK ? MR_OK : end(client, err);
}

/* ---- members ---- */

static enum mr_status take_entry(struct archive_client *client, const struct shared_record *record,
                                 struct mr_entry *entry, struct mr_error *err)
{
    archive_pipe_copy(&client->pipe, client->record, record->size_bytes);
    if (!wire_read_entry(client->record, record->size_bytes, entry))
        return errno == ENOMEM ? out_of_memory(client, err) : senseless(client, err);
    client->member_count++;
    client->is_content =
        entry->kind == MR_KIND_FILE && !entry->is_encrypted && !client->is_names_only;
    client->is_wanted = false;
    client->size_bytes = entry->size_bytes;
    client->position_bytes = 0;
    return MR_OK;
}

/* An error that the helper reports. */
static enum mr_status take_error(struct archive_client *client, const struct shared_record *record,
                                 struct mr_entry *entry, struct mr_error *err)
{
    struct mr_error error;
    archive_pipe_copy(&client->pipe, client->record, record->size_bytes);
    if (!wire_read_error(client->record, record->size_bytes, &error, entry))
        return errno == ENOMEM ? out_of_memory(client, err) : senseless(client, err);
    if (err)
        *err = error;
    return error.status;
}

static enum mr_status fail_content(struct archive_client *client,
                                   const struct shared_record *record, struct mr_error *err)
{
    struct mr_entry none = {0};
    client->is_content = false;
    enum mr_status status = take_error(client, record, &none, err);
    mr_entry_clear(&none);
    return status;
}

static enum mr_status take_remark(struct archive_client *client, const struct shared_record *record,
                                  struct mr_error *err)
{
    enum mr_status status = fail_content(client, record, err);
    if (client->is_over)
        return status;
    if (err)
        err->status = MR_SKIPPED;
    return MR_SKIPPED;
}

/* What is left of the last member's content is not wanted. */
static void pass_over(struct archive_client *client)
{
    client->left_bytes = 0;
    client->has_first = false;
    if (client->is_content)
        archive_pipe_skip(&client->pipe, client->member_count);
}

static enum mr_status next_record(struct archive_client *client, struct mr_entry *entry,
                                  struct mr_error *err)
{
    for (;;) {
        struct shared_record record;
        enum mr_status status = take_record(client, &record, err);
        if (status != MR_OK)
            return status;
        switch (record.kind) {
        case SHARED_BYTES_HERE:
        case SHARED_BYTES_THERE:
        case SHARED_HOLE:
            if (!client->is_content)
                return senseless(client, err);
            continue;
        case SHARED_CONTENT_ENDED:
        case SHARED_CONTENT_FAILED:
            client->is_content = false;
            continue;
        case SHARED_CONTENT_CUT:
            fail_content(client, &record, &client->cut);
            if (client->is_over)
                return client->fault.status;
            continue;
        case SHARED_ENTRY:
            return take_entry(client, &record, entry, err);
        case SHARED_FAILED:
            client->is_content = false;
            client->cut.status = MR_OK;
            return take_error(client, &record, entry, err);
        case SHARED_REMARKED:
            return take_remark(client, &record, err);
        case SHARED_ENDED:
            client->is_over = true;
            client->is_content = false;
            client->fault = client->cut;
            archive_pipe_end(&client->pipe);
            return MR_DONE;
        default:
            return senseless(client, err);
        }
    }
}

static enum mr_status reading_next(struct archive_reading *reading, struct mr_entry *entry,
                                   struct mr_error *err)
{
    struct archive_client *client = (struct archive_client *)reading;
    if (!client->is_over) {
        pass_over(client);
        enum mr_status status = next_record(client, entry, err);
        if (!client->is_over)
            return status;
        mr_entry_clear(entry); /* nothing more is known than that the archive as a whole failed */
    }
    if (client->fault.status == MR_OK || client->is_fault_told)
        return MR_DONE;
    client->is_fault_told = true;
    return end(client, err);
}

/* ---- content ---- */

/* size_bytes of content follow. False when that is more than there can be. */
static bool advance(struct archive_client *client, uint64_t size_bytes)
{
    int64_t end;
    if (size_bytes > INT64_MAX ||
        __builtin_add_overflow(client->position_bytes, (int64_t)size_bytes, &end) ||
        (client->size_bytes != MR_SIZE_UNKNOWN && end > client->size_bytes))
        return false;
    client->position_bytes = end;
    return true;
}

static enum mr_status take_hole(struct archive_client *client, const struct shared_record *record,
                                struct archive_block *block, struct mr_error *err)
{
    int64_t zero_bytes;
    if (record->size_bytes != sizeof(zero_bytes))
        return senseless(client, err);
    archive_pipe_copy(&client->pipe, &zero_bytes, sizeof(zero_bytes));
    if (zero_bytes < 0 || !advance(client, (uint64_t)zero_bytes))
        return senseless(client, err);
    block->zero_bytes = zero_bytes;
    return MR_OK;
}

static enum mr_status take_there(struct archive_client *client, const struct shared_record *record,
                                 struct archive_block *block, struct mr_error *err)
{
    struct shared_there there;
    if (record->size_bytes != sizeof(there))
        return senseless(client, err);
    archive_pipe_copy(&client->pipe, &there, sizeof(there));
    if (there.block >= SHARED_ALL_COUNT || there.offset_bytes > SHARED_BLOCK_BYTES ||
        there.size_bytes > SHARED_BLOCK_BYTES - there.offset_bytes ||
        !advance(client, there.size_bytes))
        return senseless(client, err);
    block->data = archive_pipe_block(&client->pipe, there.block) + there.offset_bytes;
    block->data_bytes = there.size_bytes;
    return MR_OK;
}

static enum mr_status end_content(struct archive_client *client, struct mr_error *err)
{
    client->is_content = false;
    bool is_whole =
        client->size_bytes == MR_SIZE_UNKNOWN || client->position_bytes == client->size_bytes;
    return is_whole ? MR_DONE : senseless(client, err);
}

static enum mr_status next_block(struct archive_client *client, struct archive_block *block,
                                 struct mr_error *err)
{
    struct shared_record record;
    enum mr_status status = take_record(client, &record, err);
    if (status != MR_OK)
        return status;
    switch (record.kind) {
    case SHARED_BYTES_HERE:
        client->left_bytes = record.size_bytes;
        return advance(client, record.size_bytes) ? MR_OK : senseless(client, err);
    case SHARED_BYTES_THERE:
        return take_there(client, &record, block, err);
    case SHARED_HOLE:
        return take_hole(client, &record, block, err);
    case SHARED_CONTENT_ENDED:
        return end_content(client, err);
    case SHARED_CONTENT_FAILED:
    case SHARED_CONTENT_CUT:
        return fail_content(client, &record, err);
    default:
        return senseless(client, err);
    }
}

static enum mr_status reading_block(struct archive_reading *reading, struct archive_block *block,
                                    struct mr_error *err)
{
    struct archive_client *client = (struct archive_client *)reading;
    *block = (struct archive_block){0};
    if (client->has_first) {
        client->has_first = false;
        *block = client->first;
        return MR_OK;
    }
    if (!client->is_content)
        return MR_DONE;
    if (client->is_over) {
        client->is_content = false;
        return end(client, err);
    }
    if (!client->is_wanted) {
        client->is_wanted = true;
        archive_pipe_want(&client->pipe, client->member_count);
    }
    enum mr_status status = MR_OK;
    if (client->left_bytes == 0)
        status = next_block(client, block, err);
    if (status == MR_OK && client->left_bytes > 0) {
        block->data_bytes = archive_pipe_here(&client->pipe, client->left_bytes, &block->data);
        client->left_bytes -= block->data_bytes;
    }
    return status;
}

static void reading_end_loan(struct archive_reading *reading, const unsigned char *data)
{
    archive_pipe_end_loan(&((struct archive_client *)reading)->pipe, data);
}

static enum mr_status reading_lend(struct archive_reading *reading, size_t size_bytes,
                                   const unsigned char **data, struct mr_error *err)
{
    struct archive_client *client = (struct archive_client *)reading;
    struct archive_block block;
    enum mr_status status = reading_block(reading, &block, err);
    if (status != MR_OK)
        return status == MR_DONE ? MR_AGAIN : status;
    if (block.data_bytes != size_bytes || !archive_pipe_lend(&client->pipe, block.data)) {
        client->first = block;
        client->has_first = true;
        return MR_AGAIN;
    }
    *data = block.data;
    status = reading_block(reading, &block, err);
    if (status == MR_DONE)
        return MR_OK;
    reading_end_loan(reading, *data);
    return status == MR_OK ? senseless(client, err) : status;
}

/* ---- the beginning and the end ---- */

static void reading_destroy(struct archive_reading *reading)
{
    struct archive_client *client = (struct archive_client *)reading;
    archive_pipe_fini(&client->pipe);
    free(client->record);
    free(client);
}

static const struct archive_reading_ops ops = {
    .next = reading_next,
    .block = reading_block,
    .lend = reading_lend,
    .end_loan = reading_end_loan,
    .destroy = reading_destroy,
};

/* What the helper says first. */
static enum mr_status take_start(struct archive_client *client, struct mr_error *err)
{
    struct shared_record record;
    enum mr_status status = take_record(client, &record, err);
    if (status != MR_OK)
        return status;
    switch (record.kind) {
    case SHARED_STARTED:
        archive_pipe_go(&client->pipe);
        return MR_OK;
    case SHARED_REFUSED:
        return fail_content(client, &record, err);
    default:
        return senseless(client, err);
    }
}

enum mr_status archive_client_create(const struct archive_input *input, int fd, int64_t start_bytes,
                                     const struct archive_wanted *wanted,
                                     const struct archive_client_config *config,
                                     struct archive_reading **reading, struct mr_error *err)
{
    struct archive_client *made = calloc(1, sizeof(*made));
    if (made)
        made->record = malloc(SHARED_RECORD_MAX_BYTES);
    if (!made || !made->record) {
        free(made);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    made->reading.ops = &ops;
    made->is_names_only = wanted->is_names_only;
    enum mr_status status =
        archive_pipe_init(&made->pipe, input, fd, start_bytes, wanted, config, err);
    if (status == MR_OK)
        status = take_start(made, err);
    if (status != MR_OK) {
        reading_destroy(&made->reading);
        return status;
    }
    *reading = &made->reading;
    return MR_OK;
}
