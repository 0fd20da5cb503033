/*
 * zip: our reader of zip archives: end records, directory, headers, members.
 *
 * What is accepted strictly is accepted leniently, with the same members; members read the same a
 * second time, in pieces of any size; all of them together are no larger than the archive.
 */
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "millrace/operation.h"
#include "operation/member.h"
#include "source/sources.h"

#define OUT_MAX_BYTES ((size_t)1 << 20)

/* The stored bytes of a member. MR_OK, or why they cannot be had. */
static enum mr_status read_stored(struct mr_source *source, const struct mr_entry *entry,
                                  size_t piece_bytes, struct fuzz_bytes *stored)
{
    struct mr_error err = {0};
    struct mr_reader *reader;
    enum mr_status status = source->ops->open(source, entry, &reader, &err);
    if (status != MR_OK) {
        fuzz_require(mr_status_is_error(status) && err.text[0]);
        return status;
    }
    unsigned char *piece = malloc(piece_bytes);
    size_t got = piece_bytes;
    fuzz_require(piece);
    while (status == MR_OK && got == piece_bytes) {
        status = source->ops->read(source, reader, piece, piece_bytes, &got, &err);
        if (status == MR_OK)
            fuzz_bytes_add(stored, piece, got);
    }
    free(piece);
    source->ops->close(source, reader, NULL);
    return status;
}

/* Decodes as the compute pool does. Right content is as much as was declared. */
static void decode(const struct mr_entry *entry, const struct fuzz_bytes *stored)
{
    const struct mr_operation *operation = entry->encoding.method == MR_METHOD_PLAIN
                                               ? &operation_member_check
                                               : &operation_member_inflate;
    static unsigned char room[65536];
    struct mr_error err = {0};
    void *state = NULL;
    unsigned char *in = fuzz_copy(stored->bytes, stored->size_bytes);
    struct mr_io io = {.in = in, .in_bytes = stored->size_bytes, .is_last = true};
    uint64_t made = 0;
    if (operation->state_create)
        fuzz_require(operation->state_create(NULL, &state, &err) == MR_OK);
    enum mr_status status = operation->start(state, entry, &err);
    while (status == MR_OK && made < OUT_MAX_BYTES) {
        io.out = room;
        io.out_bytes = sizeof(room);
        status = operation->process(state, &io, &err);
        made += sizeof(room) - io.out_bytes;
    }
    fuzz_require(status <= MR_DONE || (mr_status_is_error(status) && err.text[0]));
    if (status == MR_DONE)
        fuzz_require(made == (uint64_t)entry->size_bytes);
    if (operation->state_destroy)
        operation->state_destroy(state);
    free(in);
}

static void check_entry(const struct mr_entry *entry)
{
    fuzz_require(entry->path && entry->kind <= MR_KIND_OTHER);
    if (entry->kind == MR_KIND_FILE && !entry->is_encrypted) {
        fuzz_require(entry->has_encoding && entry->size_bytes >= 0);
        fuzz_require(entry->encoding.stored_bytes >= 0);
    }
    if (entry->kind == MR_KIND_SYMLINK && !entry->is_encrypted)
        fuzz_require(entry->target);
}

/* Reads a member twice, and decodes it. The size of its content is added. */
static void check_content(struct mr_source *source, const struct mr_entry *entry,
                          size_t piece_bytes, uint64_t *stored_bytes)
{
    struct fuzz_bytes once = {0}, again = {0};
    enum mr_status status = read_stored(source, entry, 65536, &once);
    fuzz_require(read_stored(source, entry, piece_bytes, &again) == status);
    fuzz_require(fuzz_bytes_equal(&once, &again));
    if (status == MR_OK) {
        fuzz_require(once.size_bytes == (uint64_t)entry->encoding.stored_bytes);
        *stored_bytes += once.size_bytes;
        if (entry->encoding.method != MR_METHOD_ZSTD)
            decode(entry, &once);
    }
    fuzz_bytes_fini(&once);
    fuzz_bytes_fini(&again);
}

static void list_entry(struct fuzz_bytes *list, const struct mr_entry *entry)
{
    const int64_t numbers[] = {entry->size_bytes, entry->mtime_s, entry->kind, entry->mode};
    fuzz_bytes_add(list, numbers, sizeof(numbers));
    fuzz_bytes_add(list, entry->path, strlen(entry->path) + 1);
    if (entry->target)
        fuzz_bytes_add(list, entry->target, strlen(entry->target));
}

/* Reads everything; a list of the members without failures. True: it is accepted. */
static bool read_archive(const uint8_t *data, size_t size_bytes, bool is_lenient,
                         size_t piece_bytes, struct fuzz_bytes *list)
{
    struct mr_source *source;
    struct mr_error err = {0};
    int fd = fuzz_file(data, size_bytes);
    enum mr_status status = zip_source_create(fd, "a.zip", is_lenient, &source, &err);
    if (status != MR_OK) {
        fuzz_require(mr_status_is_error(status) && err.text[0]);
        close(fd);
        return false;
    }
    uint64_t stored_bytes = 0;
    for (size_t count = 0; status != MR_DONE; count++) {
        struct mr_entry entry = {0};
        fuzz_require(count <= size_bytes);
        status = source->ops->next(source, &entry, &err);
        if (status == MR_OK) {
            check_entry(&entry);
            list_entry(list, &entry);
            if (entry.kind == MR_KIND_FILE && piece_bytes > 0)
                check_content(source, &entry, piece_bytes, &stored_bytes);
        } else {
            fuzz_require(status == MR_DONE || (err.text[0] && status >= MR_SKIPPED));
        }
        mr_entry_clear(&entry);
    }
    if (!is_lenient)
        fuzz_require(stored_bytes <= size_bytes); /* no byte serves two members */
    source->ops->destroy(source);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    size_t piece_bytes = 1 + fuzz_take_byte(&input);
    struct fuzz_bytes strict = {0}, lenient = {0};
    bool is_strict = read_archive(input.bytes, input.left_bytes, false, piece_bytes, &strict);
    bool is_lenient =
        read_archive(input.bytes, input.left_bytes, true, is_strict ? 0 : piece_bytes, &lenient);
    if (is_strict)
        fuzz_require(is_lenient && fuzz_bytes_equal(&strict, &lenient));
    fuzz_bytes_fini(&strict);
    fuzz_bytes_fini(&lenient);
    return 0;
}
