#include "source/archive_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

/* What a process with libarchive has of its own, besides what it is allowed for an archive. */
#define HELPER_BASE_BYTES ((uint64_t)32 << 20)
/*
 * Reading the file is getting on, up to so much without a record: some formats read it back and
 * forth before they find what they look for, but not for ever.
 */
#define READ_TIMES      ((uint64_t)16)
#define READ_MORE_BYTES ((uint64_t)64 << 20)

/* Blocks that the helper still has when it gets more: several at once, so that it is woken rarely.
 */
#define FEED_AT_COUNT 2

/* ---- words in the memory ---- */

/* Wakes the helper if it sleeps for this. */
static void wake_helper(struct archive_pipe *pipe, enum shared_wait what)
{
    if (atomic_load(&pipe->shared->helper_sleeps) == what &&
        atomic_exchange(&pipe->shared->helper_sleeps, 0))
        io_send(pipe->helper.socket_fd, "", 1, MSG_DONTWAIT);
}

static void set_tail(struct archive_pipe *pipe, uint64_t tail)
{
    pipe->tail = tail;
    atomic_store(&pipe->shared->tail, tail);
    if (tail >= atomic_load(&pipe->shared->wake_tail))
        wake_helper(pipe, SHARED_FOR_TAIL);
}

void archive_pipe_want(struct archive_pipe *pipe, uint64_t member)
{
    atomic_store(&pipe->shared->wanted, member);
    wake_helper(pipe, SHARED_FOR_DECISION);
}

void archive_pipe_skip(struct archive_pipe *pipe, uint64_t member)
{
    atomic_store(&pipe->shared->skipped, member);
    wake_helper(pipe, SHARED_FOR_DECISION);
}

static unsigned char *homes(const struct archive_pipe *pipe)
{
    return pipe->blocks + SHARED_BLOCK_COUNT * SHARED_BLOCK_BYTES;
}

void archive_pipe_go(struct archive_pipe *pipe)
{
    pipe->is_going = true;
    pipe->is_placed = !pipe->is_file && pipe->input.place;
    if (pipe->is_placed)
        pipe->input.place(pipe->input.ctx, homes(pipe), SHARED_HOME_COUNT);
}

/* ---- input ---- */

static bool has_room(const struct archive_pipe *pipe)
{
    return !pipe->is_file && pipe->filled - pipe->released < SHARED_BLOCK_COUNT;
}

/*
 * Is a block to be filled before there are more records? Where reading may have to wait for others,
 * only when the helper has nothing left to do: what it gives must not wait behind that.
 */
static bool is_feeding(const struct archive_pipe *pipe)
{
    const struct shared *shared = pipe->shared;
    if (!has_room(pipe))
        return false;
    if (atomic_load(&shared->turn) != pipe->turn)
        return true;
    if (pipe->is_input_over)
        return false;
    if (pipe->is_going && !pipe->input.may_wait)
        return true;
    return atomic_load(&shared->helper_sleeps) == SHARED_FOR_INPUT &&
           atomic_load(&shared->taken) == pipe->filled;
}

/* Is there input already that the helper will want later? */
static bool is_feeding_ahead(struct archive_pipe *pipe)
{
    return has_room(pipe) && pipe->is_going && !pipe->is_input_over &&
           (pipe->unfed_bytes > 0 || pipe->input.is_ready(pipe->input.ctx));
}

/* Which of the homes data lies in; SHARED_HOME_COUNT: none. */
static size_t home_of(const struct archive_pipe *pipe, const unsigned char *data)
{
    const unsigned char *first = homes(pipe);
    if (data < first || data >= first + SHARED_HOME_COUNT * SHARED_BLOCK_BYTES)
        return SHARED_HOME_COUNT;
    return (size_t)(data - first) / SHARED_BLOCK_BYTES;
}

/* Can what is unfed stay where it is until the helper has released it? */
static bool stays(struct archive_pipe *pipe)
{
    return pipe->is_placed && home_of(pipe, pipe->unfed) < SHARED_HOME_COUNT &&
           pipe->input.keep(pipe->input.ctx, pipe->unfed);
}

/* More input into the block that was chosen, or another one, where it is already. */
static void fill(struct archive_pipe *pipe, struct shared_filled *filled)
{
    const char *problem = NULL;
    const void *data = NULL;
    enum mr_status status = MR_OK;
    if (pipe->unfed_bytes == 0) {
        status = pipe->input.read(pipe->input.ctx, &data, &pipe->unfed_bytes, &problem);
        filled->sys_errno = status == MR_E_SYSTEM ? errno : 0;
        pipe->unfed = data;
    }
    filled->status = status;
    if (status != MR_OK) {
        pipe->is_input_over = true;
        pipe->unfed_bytes = 0;
        snprintf(filled->problem, sizeof(filled->problem), "%s", problem ? problem : "");
        return;
    }
    size_t size_bytes =
        pipe->unfed_bytes < SHARED_BLOCK_BYTES ? pipe->unfed_bytes : SHARED_BLOCK_BYTES;
    if (stays(pipe)) {
        pipe->kept[filled->block] = pipe->unfed;
        filled->block = (uint32_t)((size_t)(pipe->unfed - pipe->blocks) / SHARED_BLOCK_BYTES);
    } else {
        memcpy(pipe->blocks + filled->block * SHARED_BLOCK_BYTES, pipe->unfed, size_bytes);
    }
    filled->size_bytes = (uint32_t)size_bytes;
    pipe->unfed += size_bytes;
    pipe->unfed_bytes -= size_bytes;
}

static void feed(struct archive_pipe *pipe)
{
    size_t index = (size_t)(pipe->filled % SHARED_BLOCK_COUNT);
    uint32_t turn = atomic_load(&pipe->shared->turn);
    struct shared_filled filled = {.block = (uint32_t)index, .turn = turn};
    bool is_there = true;
    if (turn != pipe->turn) {
        pipe->turn = turn;
        pipe->unfed_bytes = 0;
        pipe->is_input_over = false;
        memset(pipe->kept, 0, sizeof(pipe->kept)); /* they are gone with what gave them */
        memset(pipe->lent, 0, sizeof(pipe->lent));
        is_there = pipe->input.rewind(pipe->input.ctx);
    }
    if (is_there) {
        fill(pipe, &filled);
    } else {
        filled.status = MR_CLOSED;
        pipe->is_input_over = true;
    }
    pipe->shared->blocks[index] = filled;
    atomic_store(&pipe->shared->filled, ++pipe->filled);
    wake_helper(pipe, SHARED_FOR_INPUT);
    pipe->seen_ns = clock_now_ns(); /* reading may have taken long */
}

/* The helper has released the oldest block. What was lent of it must be over, too. */
static void take_back(struct archive_pipe *pipe)
{
    const void **kept = &pipe->kept[pipe->released++ % SHARED_BLOCK_COUNT];
    if (*kept)
        pipe->lent[home_of(pipe, *kept)] = *kept;
    *kept = NULL;
    for (size_t i = 0; i < SHARED_HOME_COUNT; i++) {
        if (!pipe->lent[i] || atomic_load_explicit(&pipe->loan_counts[i], memory_order_acquire) > 0)
            continue;
        pipe->input.let_go(pipe->input.ctx, pipe->lent[i]);
        pipe->lent[i] = NULL;
    }
}

/* Was that block given to the helper, and not released? Nobody fills it then, whatever the helper
 * says. */
static bool is_given(const struct archive_pipe *pipe, size_t home)
{
    for (size_t i = 0; i < SHARED_BLOCK_COUNT; i++)
        if (pipe->kept[i] == homes(pipe) + home * SHARED_BLOCK_BYTES)
            return true;
    return false;
}

bool archive_pipe_lend(struct archive_pipe *pipe, const unsigned char *data)
{
    size_t home = home_of(pipe, data);
    if (!pipe->can_lend || home == SHARED_HOME_COUNT || !is_given(pipe, home))
        return false;
    atomic_fetch_add_explicit(&pipe->loan_counts[home], 1, memory_order_relaxed);
    return true;
}

void archive_pipe_end_loan(struct archive_pipe *pipe, const unsigned char *data)
{
    atomic_fetch_sub_explicit(&pipe->loan_counts[home_of(pipe, data)], 1, memory_order_release);
}

/* ---- the watch ---- */

/* Did the helper get on since it was last asked? */
static bool has_got_on(struct archive_pipe *pipe)
{
    const struct shared *shared = pipe->shared;
    uint64_t head = atomic_load(&shared->head), taken = atomic_load(&shared->taken);
    uint64_t read_bytes = atomic_load(&shared->read_bytes);
    bool is_moved = head != pipe->seen_head || taken != pipe->seen_taken;
    if (is_moved)
        pipe->read_at_head = read_bytes;
    uint64_t most = READ_TIMES * (uint64_t)pipe->input.size_bytes + READ_MORE_BYTES;
    bool is_read = read_bytes != pipe->seen_read && read_bytes - pipe->read_at_head <= most;
    pipe->seen_head = head;
    pipe->seen_taken = taken;
    pipe->seen_read = read_bytes;
    return is_moved || is_read;
}

void archive_pipe_end(struct archive_pipe *pipe)
{
    pipe->is_dead = true;
    helper_stop(&pipe->helper);
}

static enum mr_status say_stalled(struct archive_pipe *pipe, struct mr_error *err)
{
    char period[32];
    archive_pipe_end(pipe);
    if (pipe->stall_ms % 1000 == 0)
        snprintf(period, sizeof(period), "%u s", pipe->stall_ms / 1000);
    else
        snprintf(period, sizeof(period), "%u ms", pipe->stall_ms);
    return mr_error_set(err, MR_E_CHILD, 0,
                        "the archive cannot be read: its reader made no progress for %s", period);
}

static enum mr_status say_dead(struct archive_pipe *pipe, struct mr_error *err)
{
    char text[64];
    archive_pipe_end(pipe);
    spawn_end_text(&pipe->helper.end, text, sizeof(text));
    return mr_error_set(err, MR_E_CHILD, 0, "the archive cannot be read: its reader %s", text);
}

/* Sleeps until the helper has something or has ended, or the time is over. */
static enum mr_status sleep_on_helper(struct archive_pipe *pipe, struct mr_error *err)
{
    struct pollfd waits = {.fd = pipe->helper.socket_fd, .events = POLLIN};
    int64_t now_ns = clock_now_ns();
    if (has_got_on(pipe))
        pipe->seen_ns = now_ns;
    int64_t left_ms = pipe->stall_ms - (now_ns - pipe->seen_ns) / 1000000;
    if (left_ms <= 0)
        return say_stalled(pipe, err);
    atomic_store(&pipe->shared->parent_sleeps, 1);
    bool is_late = atomic_load(&pipe->shared->head) != pipe->tail || is_feeding(pipe);
    if (!is_late && poll(&waits, 1, (int)left_ms) > 0) {
        char message[8];
        ssize_t got = io_receive(pipe->helper.socket_fd, message, sizeof(message), MSG_DONTWAIT);
        pipe->is_dead = got == 0 || (got < 0 && errno != EAGAIN);
    }
    atomic_store(&pipe->shared->parent_sleeps, 0);
    return MR_OK;
}

/* ---- records ---- */

/* Waits until something lies in the ring. */
static enum mr_status wait_for_record(struct archive_pipe *pipe, struct mr_error *err)
{
    pipe->seen_ns = clock_now_ns();
    for (;;) {
        bool is_dead = pipe->is_dead; /* what it wrote before that counts */
        pipe->head = atomic_load(&pipe->shared->head);
        if (pipe->head != pipe->tail)
            break;
        if (is_dead)
            return say_dead(pipe, err);
        enum mr_status status = MR_OK;
        if (is_feeding(pipe))
            feed(pipe);
        else
            status = sleep_on_helper(pipe, err);
        if (status != MR_OK)
            return status;
    }
    bool is_sound = pipe->head - pipe->tail <= SHARED_RING_BYTES && pipe->head % 8 == 0;
    return is_sound ? MR_OK : MR_E_DATA;
}

enum mr_status archive_pipe_next(struct archive_pipe *pipe, struct shared_record *record,
                                 struct mr_error *err)
{
    for (;;) {
        if (pipe->record_end != pipe->tail)
            set_tail(pipe, pipe->record_end);
        if (pipe->head == pipe->tail) {
            enum mr_status status = wait_for_record(pipe, err);
            if (status != MR_OK)
                return status;
        }
        pipe->at = pipe->tail;
        archive_pipe_copy(pipe, record, sizeof(*record)); /* fits: all are multiples of 8 */
        uint64_t padded = ((uint64_t)record->size_bytes + 7) / 8 * 8;
        if (record->size_bytes > SHARED_RECORD_MAX_BYTES - sizeof(*record) ||
            padded > pipe->head - pipe->at)
            return MR_E_DATA;
        pipe->record_end = pipe->at + padded;
        if (record->kind != SHARED_RELEASE)
            return MR_OK;
        if (pipe->released == pipe->filled)
            return MR_E_DATA;
        take_back(pipe);
        if (pipe->filled - pipe->released > FEED_AT_COUNT)
            continue;
        while (is_feeding_ahead(pipe))
            feed(pipe);
    }
}

void archive_pipe_copy(struct archive_pipe *pipe, void *to, size_t size_bytes)
{
    size_t done = 0;
    while (done < size_bytes) {
        const unsigned char *data;
        size_t part = archive_pipe_here(pipe, size_bytes - done, &data);
        memcpy((unsigned char *)to + done, data, part);
        done += part;
    }
}

size_t archive_pipe_here(struct archive_pipe *pipe, uint64_t max_bytes, const unsigned char **data)
{
    size_t at = (size_t)(pipe->at % SHARED_RING_BYTES);
    size_t part = SHARED_RING_BYTES - at < max_bytes ? SHARED_RING_BYTES - at : (size_t)max_bytes;
    *data = pipe->ring + at;
    pipe->at += part;
    return part;
}

const unsigned char *archive_pipe_block(const struct archive_pipe *pipe, uint32_t index)
{
    return pipe->blocks + index * SHARED_BLOCK_BYTES;
}

/* ---- the beginning and the end ---- */

/* Memory whose size is sealed, so that using it can never fail. Returns its descriptor; -1 with
 * errno. */
static int make_memory(size_t size_bytes, void **memory)
{
    int fd = memfd_create("millrace-archive", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    *memory = MAP_FAILED;
    if (io_truncate(fd, (off_t)size_bytes) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
        *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*memory == MAP_FAILED) {
        int fault = errno;
        close(fd);
        *memory = NULL;
        errno = fault;
        return -1;
    }
    return fd;
}

/*
 * Both memories, and their descriptors. Blocks that this process fills the helper can only read:
 * what is lent of them does not change. A system that cannot see to that (Linux before 5.1) lends
 * nothing. False with errno.
 */
static bool make_memories(struct archive_pipe *pipe, int fds[2])
{
    void *memory = NULL, *blocks = NULL;
    fds[1] = -1;
    fds[0] = make_memory(SHARED_BYTES, &memory);
    if (fds[0] >= 0)
        fds[1] = make_memory(SHARED_BLOCKS_BYTES, &blocks);
    pipe->shared = memory;
    pipe->blocks = blocks;
    if (fds[1] < 0)
        return false;
    pipe->ring = (unsigned char *)memory + SHARED_RING_AT;
    pipe->can_lend = !pipe->is_file && fcntl(fds[1], F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0;
    return fcntl(fds[0], F_ADD_SEALS, F_SEAL_SEAL) == 0 &&
           fcntl(fds[1], F_ADD_SEALS, F_SEAL_SEAL) == 0;
}

static void describe(struct archive_pipe *pipe, int64_t start_bytes,
                     const struct archive_wanted *wanted,
                     const struct archive_client_config *config)
{
    struct shared *shared = pipe->shared;
    snprintf(shared->format, sizeof(shared->format), "%s", wanted->format ? wanted->format : "");
    shared->is_file = pipe->is_file;
    shared->is_decoded = pipe->input.is_decoded;
    shared->is_weak = wanted->is_weak;
    shared->is_claimed = wanted->is_claimed;
    shared->is_tar = wanted->is_tar;
    shared->is_names_only = wanted->is_names_only;
    shared->start_bytes = start_bytes;
    shared->size_bytes = pipe->input.size_bytes;
    shared->memory_bytes =
        HELPER_BASE_BYTES +
        (config->memory_bytes ? config->memory_bytes : ARCHIVE_CLIENT_HELPER_DEFAULT_BYTES);
    atomic_store(&shared->wake_tail, UINT64_MAX);
}

static enum mr_status start_helper(struct archive_pipe *pipe, const int *fds, unsigned fd_count,
                                   const struct archive_client_config *config, struct mr_error *err)
{
    if (config->start)
        return config->start(&pipe->helper, fds, fd_count, err);
    if (config->server)
        return archive_server_start(config->server, &pipe->helper, fds, fd_count, err);
    struct archive_server own;
    archive_server_init(&own);
    enum mr_status status = archive_server_start(&own, &pipe->helper, fds, fd_count, err);
    archive_server_fini(&own);
    return status;
}

static enum mr_status start(struct archive_pipe *pipe, const int *fds, unsigned fd_count,
                            const struct archive_client_config *config, struct mr_error *err)
{
    enum mr_status status = start_helper(pipe, fds, fd_count, config, err);
    if (status != MR_E_UNSUPPORTED)
        return status;
    struct mr_error missing = {0};
    mr_error_set(&missing, MR_E_CHILD, 0, "%s; --no-sandbox reads archives without it",
                 err ? err->text : "the helper program is missing");
    if (err)
        *err = missing;
    return MR_E_CHILD;
}

enum mr_status archive_pipe_init(struct archive_pipe *pipe, const struct archive_input *input,
                                 int fd, int64_t start_bytes, const struct archive_wanted *wanted,
                                 const struct archive_client_config *config, struct mr_error *err)
{
    memset(pipe, 0, sizeof(*pipe));
    helper_init(&pipe->helper);
    pipe->input = *input;
    pipe->is_file = fd >= 0;
    pipe->stall_ms = config->stall_ms ? config->stall_ms : ARCHIVE_CLIENT_STALL_DEFAULT_MS;
    int fds[3] = {-1, -1, fd};
    enum mr_status status = MR_OK;
    if (!make_memories(pipe, fds))
        status = mr_error_set(err, MR_E_SYSTEM, errno,
                              "cannot make memory to share with the reader of archives");
    if (status == MR_OK) {
        describe(pipe, start_bytes, wanted, config);
        status = start(pipe, fds, pipe->is_file ? 3 : 2, config, err);
    }
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return status;
}

void archive_pipe_fini(struct archive_pipe *pipe)
{
    if (!pipe->shared)
        return;
    archive_pipe_end(pipe);
    if (pipe->is_placed)
        pipe->input.place(pipe->input.ctx, NULL, 0);
    munmap(pipe->shared, SHARED_BYTES);
    if (pipe->blocks)
        munmap(pipe->blocks, SHARED_BLOCKS_BYTES);
    pipe->shared = NULL;
}
