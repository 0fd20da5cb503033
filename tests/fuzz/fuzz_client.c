/*
 * client: what a reader of archives in a helper process may write into the memory that it shares
 * with us, once it is somebody else's.
 *
 * Reading ends; every member is one that a source may give; content is not more than was declared.
 * The helper here has written everything before it is listened to, and is gone.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "source/archive_client.h"
#include "source/archive_shared.h"
#include "source/archive_wire.h"

static struct fuzz_input input; /* what the helper writes */

/* ---- the helper ---- */

/* A record of a member that is as it should be, so that what follows is reached. */
static void put_member(struct fuzz_bytes *ring, int64_t size_bytes)
{
    static char path[] = "member";
    struct mr_entry entry = {.path = path, .size_bytes = size_bytes};
    struct wire wire = {0};
    fuzz_require(wire_write_entry(&wire, &entry));
    struct shared_record record = {SHARED_ENTRY, (uint32_t)wire.size_bytes, 0};
    fuzz_bytes_add(ring, &record, sizeof(record));
    fuzz_bytes_add(ring, wire.bytes, wire.size_bytes);
    wire_fini(&wire);
}

static void put_record(struct fuzz_bytes *ring)
{
    static const unsigned char zeros[8];
    unsigned kind = fuzz_take_byte(&input);
    if (kind == UINT8_MAX) {
        put_member(ring, (int64_t)fuzz_take_byte(&input) - 1);
    } else {
        size_t size_bytes = fuzz_take_byte(&input);
        if (size_bytes > input.left_bytes)
            size_bytes = input.left_bytes;
        struct shared_record record = {kind, (uint32_t)size_bytes, 0};
        fuzz_bytes_add(ring, &record, sizeof(record));
        fuzz_bytes_add(ring, input.bytes, size_bytes);
        input.bytes += size_bytes;
        input.left_bytes -= size_bytes;
    }
    fuzz_bytes_add(ring, zeros, (8 - ring->size_bytes % 8) % 8);
}

/* Bytes of the ring: records, or anything at all. */
static struct fuzz_bytes make_ring(bool is_raw)
{
    struct fuzz_bytes ring = {0};
    if (is_raw)
        fuzz_bytes_add(&ring, input.bytes, input.left_bytes);
    while (!is_raw && input.left_bytes > 0)
        put_record(&ring);
    if (ring.size_bytes > SHARED_RING_BYTES)
        ring.size_bytes = SHARED_RING_BYTES;
    return ring;
}

static void write_all(struct shared *shared)
{
    unsigned flags = fuzz_take_byte(&input);
    atomic_store(&shared->helper_sleeps, flags & 3);
    atomic_store(&shared->turn, flags >> 2 & 1);
    atomic_store(&shared->taken, flags >> 3 & 1);
    struct fuzz_bytes ring = make_ring((flags & 16) != 0);
    if (ring.size_bytes > 0)
        memcpy((unsigned char *)shared + SHARED_RING_AT, ring.bytes, ring.size_bytes);
    uint64_t wrong = (flags & 32) ? fuzz_take_byte(&input) : 0;
    atomic_store(&shared->head, ring.size_bytes + wrong);
    fuzz_bytes_fini(&ring);
}

static enum mr_status start_helper(struct helper *helper, const int *fds, unsigned fd_count,
                                   struct mr_error *err)
{
    int sockets[2];
    (void)fd_count;
    (void)err;
    fuzz_require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
    void *memory = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    fuzz_require(memory != MAP_FAILED);
    write_all(memory);
    munmap(memory, SHARED_BYTES);
    close(sockets[1]);
    helper->socket_fd = sockets[0];
    return MR_OK;
}

/* ---- the archive that it is given ---- */

static unsigned read_count;

static enum mr_status read_input(void *ctx, const void **data, size_t *size_bytes,
                                 const char **problem)
{
    (void)ctx;
    (void)problem;
    *data = "bytes of an archive";
    *size_bytes = 19;
    return read_count++ < 20 ? MR_OK : MR_DONE;
}

static bool is_ready(void *ctx)
{
    (void)ctx;
    return read_count % 2 == 0;
}

static bool rewind_input(void *ctx)
{
    (void)ctx;
    read_count = 0;
    return true;
}

/* ---- what is made of it ---- */

static bool is_failure(enum mr_status status, const struct mr_error *err)
{
    return mr_status_is_error(status) && err->text[0] != '\0';
}

static void read_content(struct archive_reading *reading, const struct mr_entry *entry)
{
    struct archive_block block;
    struct mr_error err = {0};
    uint64_t sum = 0, got = 0, data_bytes = 0;
    enum mr_status status;
    while ((status = reading->ops->block(reading, &block, &err)) == MR_OK) {
        fuzz_require(block.zero_bytes >= 0);
        got += (uint64_t)block.zero_bytes + block.data_bytes;
        data_bytes += block.data_bytes;
        for (size_t i = 0; i < block.data_bytes; i++)
            sum += block.data[i];
        if (entry->size_bytes != MR_SIZE_UNKNOWN)
            fuzz_require(got <= (uint64_t)entry->size_bytes);
    }
    fuzz_require(sum <= 255 * data_bytes); /* all of them could be read */
    fuzz_require(status == MR_DONE || is_failure(status, &err));
    if (status == MR_DONE && got > 0 && entry->size_bytes != MR_SIZE_UNKNOWN)
        fuzz_require(got == (uint64_t)entry->size_bytes);
}

static void check_entry(const struct mr_entry *entry)
{
    bool is_link = entry->kind == MR_KIND_SYMLINK || entry->kind == MR_KIND_HARDLINK;
    fuzz_require(entry->path && entry->kind <= MR_KIND_OTHER && entry->mode <= 07777);
    fuzz_require(!entry->target || is_link);
    fuzz_require(entry->target || !is_link || entry->is_encrypted);
    struct wire wire = {0};
    struct mr_entry again = {0};
    fuzz_require(wire_write_entry(&wire, entry));
    unsigned char *bytes = fuzz_copy(wire.bytes, wire.size_bytes);
    fuzz_require(wire_read_entry(bytes, wire.size_bytes, &again));
    fuzz_require(strcmp(again.path, entry->path) == 0 && again.xattr_count == entry->xattr_count);
    free(bytes);
    wire_fini(&wire);
    mr_entry_clear(&again);
}

static void read_members(struct archive_reading *reading, bool reads_content)
{
    struct mr_error err = {0};
    enum mr_status status = MR_OK;
    for (unsigned count = 0; status != MR_DONE; count++) {
        struct mr_entry entry = {0};
        fuzz_require(count < 500000);
        status = reading->ops->next(reading, &entry, &err);
        bool is_remark = status == MR_SKIPPED && err.text[0] != '\0' && !entry.path;
        fuzz_require(status == MR_OK || status == MR_DONE || is_remark || is_failure(status, &err));
        if (status == MR_OK)
            check_entry(&entry);
        if (status == MR_OK && reads_content)
            read_content(reading, &entry);
        mr_entry_clear(&entry);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const struct archive_input archive = {
        .read = read_input, .is_ready = is_ready, .rewind = rewind_input};
    static const struct archive_client_config config = {.start = start_helper};
    input = (struct fuzz_input){data, size_bytes};
    read_count = 0;
    unsigned flags = fuzz_take_byte(&input);
    const struct archive_wanted wanted = {.is_names_only = (flags & 2) != 0};
    struct archive_reading *reading;
    struct mr_error err = {0};
    enum mr_status status =
        archive_client_create(&archive, -1, 0, &wanted, &config, &reading, &err);
    fuzz_require(status == MR_OK || is_failure(status, &err));
    if (status != MR_OK)
        return 0;
    read_members(reading, (flags & 1) != 0);
    reading->ops->destroy(reading);
    return 0;
}
