/*
 * archive: tar and cpio as read by libarchive, and what our reader makes of what it says.
 *
 * How the bytes of a tar are cut up on their way to libarchive makes no difference, unless there is
 * damage. (Behind a damaged header of cpio, which has no checksum, libarchive looks for the next
 * one in what it has at hand, and may say nothing.) Every member is one that goes through the wire
 * to the parent; content is as much as was declared, or an error.
 */
#include "fuzz/fuzz.h"
#include "source/archive_reader.h"
#include "source/archive_wire.h"

/*
 * libarchive allocates what a header says, and copes when it does not get it. As in the helper
 * process it does not get much. The address sanitizer calls this.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=256";
}

/* What is found in an archive. */
struct listing {
    struct fuzz_bytes bytes;
    bool has_failed; /* in any part */
};

/* The bytes of an archive, piece_bytes at a time. */
struct feed {
    const uint8_t *data;
    size_t size_bytes, at, piece_bytes;
    void *piece; /* owned; the last one */
};

static enum mr_status read_feed(void *ctx, const void **data, size_t *size_bytes,
                                const char **problem)
{
    struct feed *feed = ctx;
    size_t left = feed->size_bytes - feed->at;
    (void)problem;
    free(feed->piece);
    feed->piece = NULL;
    if (left == 0)
        return MR_DONE;
    *size_bytes = left < feed->piece_bytes ? left : feed->piece_bytes;
    *data = feed->piece = fuzz_copy(feed->data + feed->at, *size_bytes);
    feed->at += *size_bytes;
    return MR_OK;
}

static bool is_ready(void *ctx)
{
    (void)ctx;
    return true;
}

static bool rewind_feed(void *ctx)
{
    struct feed *feed = ctx;
    feed->at = 0;
    return true;
}

/* Says the content of a member, and how it ended. */
static void list_content(struct archive_reading *reading, const struct mr_entry *entry,
                         struct listing *list)
{
    struct archive_block block;
    struct mr_error err = {0};
    uint64_t got = 0;
    enum mr_status status;
    while ((status = reading->ops->block(reading, &block, &err)) == MR_OK) {
        fuzz_require(block.zero_bytes >= 0);
        got += (uint64_t)block.zero_bytes + block.data_bytes;
        if (entry->size_bytes != MR_SIZE_UNKNOWN)
            fuzz_require(got <= (uint64_t)entry->size_bytes);
        fuzz_bytes_add(&list->bytes, block.data, block.data_bytes);
    }
    fuzz_require(status == MR_DONE || (mr_status_is_error(status) && err.text[0]));
    if (status == MR_DONE && entry->size_bytes != MR_SIZE_UNKNOWN)
        fuzz_require(got == (uint64_t)entry->size_bytes);
    list->has_failed = list->has_failed || status != MR_DONE;
}

/* Says a member as it goes to the parent, which takes it. */
static void list_entry(const struct mr_entry *entry, struct listing *list)
{
    struct wire wire = {0};
    struct mr_entry again = {0};
    fuzz_require(wire_write_entry(&wire, entry));
    fuzz_require(wire_read_entry(wire.bytes, wire.size_bytes, &again));
    fuzz_bytes_add(&list->bytes, wire.bytes, wire.size_bytes);
    mr_entry_clear(&again);
    wire_fini(&wire);
}

static void list_members(struct archive_reading *reading, bool reads_content, struct listing *list)
{
    struct mr_error err = {0};
    enum mr_status status = MR_OK;
    for (unsigned count = 0; status != MR_DONE; count++) {
        struct mr_entry entry = {0};
        fuzz_require(count < 100000);
        status = reading->ops->next(reading, &entry, &err);
        list->has_failed = list->has_failed || mr_status_is_error(status);
        if (status == MR_OK)
            list_entry(&entry, list);
        else if (status == MR_SKIPPED) /* a remark */
            fuzz_bytes_add(&list->bytes, err.text, strlen(err.text));
        else
            fuzz_require(status == MR_DONE || (mr_status_is_error(status) && err.text[0]));
        if (status == MR_OK && entry.kind == MR_KIND_FILE && reads_content)
            list_content(reading, &entry, list);
        mr_entry_clear(&entry);
    }
}

static struct listing list_archive(const struct fuzz_input *input, const char *format,
                                   bool reads_content, size_t piece_bytes)
{
    struct feed feed = {input->bytes, input->left_bytes, 0, piece_bytes, NULL};
    const struct archive_input archive = {
        .ctx = &feed, .read = read_feed, .is_ready = is_ready, .rewind = rewind_feed};
    const struct archive_wanted wanted = {.format = format, .is_claimed = true};
    struct listing list = {0};
    struct archive_reading *reading;
    struct mr_error err = {0};
    enum mr_status status = archive_reader_create(&archive, &wanted, &reading, &err);
    list.has_failed = status != MR_OK;
    if (status == MR_OK) {
        list_members(reading, reads_content, &list);
        reading->ops->destroy(reading);
    } else {
        fuzz_require(mr_status_is_error(status) && err.text[0]);
    }
    free(feed.piece);
    return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const char *const formats[] = {"tar", "cpio"};
    struct fuzz_input input = {data, size_bytes};
    unsigned flags = fuzz_take_byte(&input);
    size_t piece_bytes = 1 + 4 * fuzz_take_byte(&input);
    const char *format = formats[flags & 1];
    bool reads_content = (flags & 2) != 0;
    struct listing whole = list_archive(&input, format, reads_content, SIZE_MAX);
    struct listing parts = list_archive(&input, format, reads_content, piece_bytes);
    bool is_tar = (flags & 1) == 0;
    fuzz_require(!is_tar || whole.has_failed == parts.has_failed);
    if (is_tar && !whole.has_failed)
        fuzz_require(fuzz_bytes_equal(&whole.bytes, &parts.bytes));
    fuzz_bytes_fini(&whole.bytes);
    fuzz_bytes_fini(&parts.bytes);
    return 0;
}
