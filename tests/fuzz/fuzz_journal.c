/*
 * journal: what an earlier run left behind, whole, torn or damaged.
 *
 * A record that is decoded is encoded to the same bytes; what was read up to *end_bytes reads the
 * same alone; an item that is found is of the name that was asked for.
 */
#include <unistd.h>
#include <zlib.h>

#include "fuzz/fuzz.h"
#include "policy/journal.h"

#define BOOT_ID     "b"
#define PATH        "journal"
#define MAGIC_BYTES (sizeof(JOURNAL_MAGIC) - 1)

static void put32(unsigned char *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

/* A record whose frame is right, of what follows it. */
static void frame(struct fuzz_bytes *file, const void *data, size_t size_bytes)
{
    unsigned char head[JOURNAL_FRAME_BYTES] = {0xd7, 'M', 'R', 'J'};
    put32(head + 4, (uint32_t)size_bytes);
    uint32_t crc = (uint32_t)crc32(crc32(0, head + 4, 4), data, (uInt)size_bytes);
    put32(head + 8, crc);
    fuzz_bytes_add(file, head, sizeof(head));
    fuzz_bytes_add(file, data, size_bytes);
}

/* A journal of records whose sizes come before them: only what is in them can be wrong. */
static struct fuzz_bytes make_file(struct fuzz_input *input)
{
    struct fuzz_bytes file = {0};
    fuzz_bytes_add(&file, JOURNAL_MAGIC, MAGIC_BYTES);
    while (input->left_bytes > 0) {
        size_t size_bytes = fuzz_take_byte(input);
        size_t part = size_bytes < input->left_bytes ? size_bytes : input->left_bytes;
        frame(&file, input->bytes, part);
        input->bytes += part;
        input->left_bytes -= part;
    }
    return file;
}

/* Goes through the records on its own, and asks for each item. */
static void look_up_items(struct journal_past *past, const struct fuzz_bytes *file)
{
    for (size_t at = MAGIC_BYTES; at + JOURNAL_FRAME_BYTES <= file->size_bytes;) {
        struct journal_record record;
        size_t size_bytes = journal_frame_size(file->bytes + at);
        if (size_bytes == 0 || size_bytes > file->size_bytes - at)
            break;
        unsigned char *bytes = fuzz_copy(file->bytes + at, size_bytes), *again = NULL;
        size_t again_bytes;
        if (journal_decode(bytes, size_bytes, &record)) {
            fuzz_require(journal_encode(&record, &again, &again_bytes) == MR_OK);
            fuzz_require(again_bytes == size_bytes && memcmp(again, bytes, size_bytes) == 0);
            free(again);
            struct journal_item item;
            bool is_unsure;
            if (past && record.type == JOURNAL_ITEM &&
                journal_past_find(past, record.item.output, &item, &is_unsure, NULL) == MR_OK)
                fuzz_require(strcmp(item.output, record.item.output) == 0);
        }
        free(bytes);
        at += size_bytes;
    }
}

/* *past, which may be NULL, is the caller's. */
static enum mr_status read_past(int fd, struct journal_past **past, int64_t *end_bytes)
{
    struct mr_error err = {0};
    enum mr_status status = journal_past_read(fd, PATH, BOOT_ID, past, end_bytes, &err);
    fuzz_require(status == MR_OK || (status == MR_E_DATA && err.text[0] != '\0'));
    fuzz_require(status == MR_OK || !*past);
    return status;
}

static void check_file(const struct fuzz_bytes *file)
{
    struct journal_past *past, *again;
    int64_t end_bytes, again_bytes;
    int fd = fuzz_file(file->bytes, file->size_bytes);
    enum mr_status status = read_past(fd, &past, &end_bytes);
    fuzz_require(end_bytes >= 0 && (size_t)end_bytes <= file->size_bytes);
    look_up_items(past, file);
    if (status == MR_OK && past) {
        fuzz_require(ftruncate(fd, end_bytes) == 0);
        fuzz_require(read_past(fd, &again, &again_bytes) == MR_OK && again);
        fuzz_require(again_bytes == end_bytes);
        fuzz_require(journal_past_is_empty(past) == journal_past_is_empty(again));
        fuzz_require(journal_past_is_complete(past) == journal_past_is_complete(again));
        for (size_t i = 0; journal_past_field_at(past, i); i++)
            fuzz_require(strcmp(journal_past_field_at(past, i), journal_past_field_at(again, i)) ==
                         0);
        journal_past_destroy(again);
    }
    journal_past_destroy(past);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    struct fuzz_bytes file = {0};
    if (fuzz_take_byte(&input) % 2 == 0)
        file = make_file(&input);
    else
        fuzz_bytes_add(&file, input.bytes, input.left_bytes);
    if (file.size_bytes > 0)
        check_file(&file);
    fuzz_bytes_fini(&file);
    return 0;
}
