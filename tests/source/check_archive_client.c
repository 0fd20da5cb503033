/* Readers of archives that end, stall, or lie; and that a real one is confined. */
#include "source/archive_client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "source/archive_shared.h"
#include "source/archive_wire.h"
#include "source/sources.h"
#include "support/archives.h"
#include "support/packing.h"

Suite *archive_client_suite(void);

#define MEMBER_COUNT 12
#define MEMBER_BYTES 1000000

/* ---- fakes: run in a child in place of the helper ---- */

static struct shared *shared;
static unsigned char *ring;
static uint64_t written;
static int fake_fd; /* of the fake's socket */
static int fake_blocks_fd;
static void (*fake)(void);
static uint64_t seed;

static enum mr_status start_fake(struct helper *helper, const int *fds, unsigned fd_count,
                                 struct mr_error *err)
{
    int sockets[2];
    (void)fd_count;
    (void)err;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        setpgid(0, 0);
        void *memory = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
        close(sockets[0]);
        fake_fd = sockets[1];
        fake_blocks_fd = fds[1];
        if (memory == MAP_FAILED)
            _exit(99);
        shared = memory;
        ring = (unsigned char *)memory + SHARED_RING_AT;
        fake();
        _exit(0);
    }
    setpgid(pid, pid);
    close(sockets[1]);
    helper->pid = pid;
    helper->socket_fd = sockets[0];
    return MR_OK;
}

static void set_head(uint64_t head)
{
    atomic_store(&shared->head, head);
    send(fake_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void put_as(uint32_t kind, const void *data, size_t size_bytes, size_t claimed_bytes)
{
    const struct shared_record record = {kind, (uint32_t)claimed_bytes, 0};
    memcpy(ring + written, &record, sizeof(record));
    if (size_bytes > 0)
        memcpy(ring + written + sizeof(record), data, size_bytes);
    written += sizeof(record) + (size_bytes + 7) / 8 * 8;
    set_head(written);
}

static void put(uint32_t kind, const void *data, size_t size_bytes)
{
    put_as(kind, data, size_bytes, size_bytes);
}

static void put_member(const char *path, int64_t size_bytes)
{
    struct wire wire = {0};
    struct mr_entry entry = {.path = (char *)(uintptr_t)path, .size_bytes = size_bytes};
    wire_write_entry(&wire, &entry);
    put(SHARED_ENTRY, wire.bytes, wire.size_bytes);
}

static void begin_well(void)
{
    put(SHARED_STARTED, NULL, 0);
    put_member("good", 3);
    put(SHARED_BYTES_HERE, "abc", 3);
    put(SHARED_CONTENT_ENDED, NULL, 0);
}

/* ---- the parent ---- */

static struct archive_reading *reading;
static struct mr_error err;
static pid_t helper_pid;

static enum mr_status no_bytes(void *ctx, const void **data, size_t *size_bytes,
                               const char **problem)
{
    (void)ctx;
    (void)data;
    (void)size_bytes;
    (void)problem;
    return MR_DONE;
}

static bool is_never(void *ctx)
{
    (void)ctx;
    return false;
}

static enum mr_status create(void (*run)(void), unsigned stall_ms)
{
    static const struct archive_input input = {
        .read = no_bytes, .is_ready = is_never, .rewind = is_never};
    const struct archive_wanted wanted = {0};
    const struct archive_client_config config = {.stall_ms = stall_ms, .start = start_fake};
    fake = run;
    written = 0;
    return archive_client_create(&input, -1, 0, &wanted, &config, &reading, &err);
}

/* The next member and its content, up to 100 bytes. */
static enum mr_status read_member(char **path, char *content)
{
    struct mr_entry entry = {0};
    struct archive_block block;
    size_t got = 0;
    enum mr_status status = reading->ops->next(reading, &entry, &err);
    *path = entry.path;
    entry.path = NULL;
    mr_entry_clear(&entry);
    if (status != MR_OK)
        return status;
    while ((status = reading->ops->block(reading, &block, &err)) == MR_OK)
        for (size_t i = 0; i < block.data_bytes && got < 99; i++)
            content[got++] = (char)block.data[i];
    content[got] = '\0';
    return status == MR_DONE ? MR_OK : status;
}

/* The whole fails now, once, and says text. */
static void expect_fault(const char *text)
{
    struct mr_entry entry = {0};
    ck_assert_int_eq(reading->ops->next(reading, &entry, &err), MR_E_CHILD);
    ck_assert_ptr_null(entry.path);
    ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
    ck_assert_int_eq(reading->ops->next(reading, &entry, &err), MR_DONE);
    reading->ops->destroy(reading);
}

static void expect_good_member(void)
{
    char *path, content[100];
    ck_assert_ok(read_member(&path, content), err);
    ck_assert_str_eq(path, "good");
    ck_assert_str_eq(content, "abc");
    free(path);
}

/* ---- ends and stalls ---- */

_Static_assert(ARCHIVE_CLIENT_STALL_DEFAULT_MS <= 9000,
               "with what it takes besides, no archive keeps a run waiting for 10 s");

static void exit_at_once(void)
{
    _exit(7);
}

/* Exits with 1 more for each way to change the blocks, and with 4 more when it cannot read them. */
static void change_blocks(void)
{
    const int access[] = {PROT_READ | PROT_WRITE, PROT_READ};
    bool can[2];
    for (int i = 0; i < 2; i++)
        can[i] =
            mmap(NULL, SHARED_BLOCKS_BYTES, access[i], MAP_SHARED, fake_blocks_fd, 0) != MAP_FAILED;
    bool writes = pwrite(fake_blocks_fd, "x", 1, 0) == 1;
    bool cuts = ftruncate(fake_blocks_fd, 0) == 0;
    _exit(10 + can[0] + writes + cuts + (can[1] ? 0 : 4));
}

static void crash_after_one(void)
{
    begin_well();
    put_member("half", 100);
    put(SHARED_BYTES_HERE, "abc", 3);
    raise(SIGKILL);
}

static void stall_at_once(void)
{
    pause();
}

static void stall_after_one(void)
{
    begin_well();
    pause();
}

START_TEST(a_reader_that_ends_at_once_is_named)
{
    ck_assert_int_eq(create(exit_at_once, 0), MR_E_CHILD);
    ck_assert_ptr_nonnull(strstr(err.text, "its reader exited with status 7"));
}
END_TEST

START_TEST(blocks_that_it_is_given_cannot_be_changed)
{
    ck_assert_int_eq(create(change_blocks, 0), MR_E_CHILD);
    ck_assert_msg(strstr(err.text, "its reader exited with status 10") != NULL, "%s", err.text);
}
END_TEST

START_TEST(what_was_whole_before_the_end_stays)
{
    char *path, content[100];
    ck_assert_ok(create(crash_after_one, 0), err);
    expect_good_member();
    ck_assert_int_eq(read_member(&path, content), MR_E_CHILD);
    ck_assert_ptr_nonnull(strstr(err.text, "was killed by signal 9"));
    ck_assert_str_eq(path, "half");
    free(path);
    expect_fault("was killed by signal 9");
}
END_TEST

/* One that begins with a good member, within a time that is the shortest in which it does. Then it
 * makes no progress. */
static void expect_stall(void (*run)(void))
{
    for (unsigned stall_ms = 100;; stall_ms *= 4) {
        char *path = NULL, content[100], text[100];
        if (create(run, stall_ms) == MR_OK) {
            bool is_good = read_member(&path, content) == MR_OK && strcmp(path, "good") == 0;
            free(path);
            if (is_good) {
                snprintf(text, sizeof(text), "made no progress for %u ms", stall_ms);
                expect_fault(text);
                return;
            }
            reading->ops->destroy(reading);
        }
        ck_assert_msg(strstr(err.text, "made no progress for") != NULL, "%s", err.text);
        ck_assert_uint_lt(stall_ms, SUPPORT_HANG_MS);
    }
}

START_TEST(a_reader_that_does_not_get_on_is_killed)
{
    ck_assert_int_eq(create(stall_at_once, 100), MR_E_CHILD);
    ck_assert_ptr_nonnull(strstr(err.text, "its reader made no progress for 100 ms"));
    expect_stall(stall_after_one);
}
END_TEST

/* Reads the same bytes of the file again and again. */
static void read_for_ever(void)
{
    begin_well();
    for (;;) {
        atomic_fetch_add(&shared->read_bytes, 1 << 20);
        usleep(1000);
    }
}

START_TEST(reading_the_same_again_and_again_is_no_progress)
{
    expect_stall(read_for_ever);
}
END_TEST

/* ---- content that is cut off ---- */

static void cut_and_end(void)
{
    const struct mr_error error = {MR_E_DATA, 0, "it is cut off"};
    struct wire wire = {0};
    begin_well();
    put_member("cut", 9);
    wire_write_error(&wire, &error, NULL);
    put(SHARED_CONTENT_CUT, wire.bytes, wire.size_bytes);
    put(SHARED_ENDED, NULL, 0);
}

/* Who reads it is told, and who passes it over is told at the end. */
START_TEST(a_cut_is_told_once)
{
    struct mr_entry entry = {0};
    struct archive_block block;
    ck_assert_ok(create(cut_and_end, 0), err);
    expect_good_member();
    ck_assert_ok(reading->ops->next(reading, &entry, &err), err);
    ck_assert_str_eq(entry.path, "cut");
    mr_entry_clear(&entry);
    if (_i == 0)
        ck_assert_int_eq(reading->ops->block(reading, &block, &err), MR_E_DATA);
    else
        ck_assert_int_eq(reading->ops->next(reading, &entry, &err), MR_E_DATA);
    ck_assert_ptr_null(entry.path);
    ck_assert_str_eq(err.text, "it is cut off");
    ck_assert_int_eq(reading->ops->next(reading, &entry, &err), MR_DONE);
    reading->ops->destroy(reading);
}
END_TEST

/* ---- lies ---- */

static void give_what_it_has_not(void)
{
    const struct shared_there there = {SHARED_BLOCK_COUNT, 0, 3, 0};
    put(SHARED_STARTED, NULL, 0);
    put_member("good", 3);
    put(SHARED_BYTES_THERE, &there, sizeof(there));
    put(SHARED_CONTENT_ENDED, NULL, 0);
    put(SHARED_ENDED, NULL, 0);
}

/* It may be filled just then: whoever reads it twice could read two things. */
START_TEST(a_block_that_the_helper_has_not_is_copied)
{
    struct mr_entry entry = {0};
    struct archive_block block;
    const unsigned char *data;
    ck_assert_ok(create(give_what_it_has_not, 0), err);
    ck_assert_ok(reading->ops->next(reading, &entry, &err), err);
    ck_assert_int_eq(reading->ops->lend(reading, 3, &data, &err), MR_AGAIN);
    ck_assert_ok(reading->ops->block(reading, &block, &err), err);
    ck_assert_uint_eq(block.data_bytes, 3);
    ck_assert_int_eq(reading->ops->block(reading, &block, &err), MR_DONE);
    mr_entry_clear(&entry);
    reading->ops->destroy(reading);
}
END_TEST

static void lie_there(uint32_t block, uint32_t offset_bytes, uint32_t size_bytes)
{
    const struct shared_there there = {block, offset_bytes, size_bytes, 0};
    put_member("bad", 1 << 20);
    put(SHARED_BYTES_THERE, &there, sizeof(there));
}

static void lie(int which)
{
    static const int64_t minus = -1, big = INT64_MAX;
    static const unsigned char noise[64] = {1, 2, 3};
    switch (which) {
    case 0:
        lie_there(SHARED_ALL_COUNT, 0, 1);
        break;
    case 1:
        lie_there(0, SHARED_BLOCK_BYTES, 1);
        break;
    case 2:
        lie_there(0, UINT32_MAX, 2);
        break;
    case 3:
        lie_there(SHARED_ALL_COUNT - 1, 1, SHARED_BLOCK_BYTES);
        break;
    case 4:
        put_member("bad", 9);
        put(SHARED_HOLE, &minus, 8);
        break;
    case 5:
        put_member("bad", 9);
        put(SHARED_HOLE, &big, 8);
        break;
    case 6:
        put_member("bad", -1);
        put(SHARED_HOLE, &big, 8);
        put(SHARED_HOLE, &big, 8);
        break;
    case 7:
        put_member("bad", 2);
        put(SHARED_BYTES_HERE, "abc", 3);
        break;
    case 8:
        put_member("bad", 2);
        put(SHARED_CONTENT_ENDED, NULL, 0);
        break;
    case 9:
        put_member("bad", -2);
        break;
    case 10:
        put(SHARED_ENTRY, noise, sizeof(noise));
        break;
    case 11:
        put(SHARED_FAILED, noise, sizeof(noise));
        break;
    case 12: /* one block there may be, which says that there is no input */
        put(SHARED_RELEASE, NULL, 0);
        put(SHARED_RELEASE, NULL, 0);
        break;
    case 13:
        put(SHARED_STARTED, NULL, 0);
        break;
    case 14:
        put(999, NULL, 0);
        break;
    case 15:
        put_as(SHARED_ENTRY, noise, 8, UINT32_MAX);
        break;
    case 16:
        put_as(SHARED_ENTRY, noise, 8, 4096);
        break;
    case 17:
        set_head(written + SHARED_RING_BYTES + 8);
        break;
    case 18:
        set_head(written + 3);
        break;
    case 19:
        set_head(written - 8);
        break;
    case 20:
        put(SHARED_BYTES_HERE, "abc", 3);
        break;
    default:
        put_member("bad", 2);
        put_member("next", 2);
        break;
    }
}
#define LIE_COUNT 22

static void tell_lie(void)
{
    begin_well();
    if (seed >= 17 && seed <= 19) /* about what was read already */
        while (atomic_load(&shared->tail) < written)
            usleep(100);
    lie((int)seed);
    pause();
}

START_TEST(what_makes_no_sense_is_refused)
{
    char *path = NULL, content[100];
    seed = (uint64_t)_i;
    ck_assert_ok(create(tell_lie, SUPPORT_HANG_MS), err);
    expect_good_member();
    /* It shows with the member that it is about, or before there is one. */
    enum mr_status status = read_member(&path, content);
    ck_assert_int_eq(status, MR_E_CHILD);
    ck_assert_msg(strstr(err.text, "makes no sense") != NULL, "%s", err.text);
    if (path)
        expect_fault("makes no sense");
    else
        reading->ops->destroy(reading);
    free(path);
}
END_TEST

/* Records of every kind with all kinds of content, most of them damaged. */
static void babble(void)
{
    unsigned char bytes[256];
    begin_well();
    for (int i = 0; i < 200; i++) {
        struct wire wire = {0};
        struct mr_entry entry = {.path = (char *)(uintptr_t) "name",
                                 .uname = (char *)(uintptr_t) "u",
                                 .size_bytes = (int64_t)(support_random(&seed) % 50)};
        size_t size = support_random(&seed) % sizeof(bytes);
        for (size_t at = 0; at < sizeof(bytes); at++)
            bytes[at] = (unsigned char)support_random(&seed);
        uint32_t kind = (uint32_t)(support_random(&seed) % 13);
        if (kind == SHARED_ENTRY && support_random(&seed) % 4 != 0) {
            wire_write_entry(&wire, &entry);
            if (support_random(&seed) % 2)
                wire.bytes[support_random(&seed) % wire.size_bytes] = bytes[0];
            put(kind, wire.bytes, wire.size_bytes);
            wire_fini(&wire);
        } else {
            put_as(kind, bytes, size, support_random(&seed) % 9 ? size : support_random(&seed));
        }
    }
    atomic_store(&shared->turn, (uint32_t)support_random(&seed) % 2);
}

START_TEST(babble_does_no_harm)
{
    for (uint64_t i = 0; i < 40; i++) {
        seed = i;
        ck_assert_ok(create(babble, SUPPORT_HANG_MS), err);
        expect_good_member();
        enum mr_status status = MR_OK;
        for (int count = 0; status != MR_DONE; count++) {
            char *path, content[100];
            ck_assert_int_lt(count, 300);
            status = read_member(&path, content);
            free(path);
        }
        reading->ops->destroy(reading);
    }
}
END_TEST

/* ---- the real one ---- */

static enum mr_status start_real(struct helper *helper, const int *fds, unsigned fd_count,
                                 struct mr_error *problem)
{
    struct archive_server server;
    archive_server_init(&server);
    enum mr_status status = archive_server_start(&server, helper, fds, fd_count, problem);
    archive_server_fini(&server);
    helper_pid = helper->pid;
    return status;
}

static int open_tar(const char *format)
{
    for (int i = 0; i < MEMBER_COUNT; i++) {
        char name[20];
        snprintf(name, sizeof(name), "member %d", i);
        archives_add(&packing.made, MR_KIND_FILE, name, MEMBER_BYTES);
    }
    packing_write("archive", format, NULL, 100000);
    int fd = open(packing_path("archive"), O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static enum mr_status open_within(int fd, unsigned stall_ms, struct mr_source **source)
{
    const struct archive_options options = {.client = {.stall_ms = stall_ms, .start = start_real}};
    return archive_source_create_within(fd, "label", NULL, &options, NULL, source, &err);
}

static struct mr_source *open_real(const char *format)
{
    struct mr_source *source;
    ck_assert_ok(open_within(open_tar(format), 0, &source), err);
    return source;
}

/* Reads members until one fails; how many were whole. *status: how the next member ended. */
static int read_whole(struct mr_source *source, enum mr_status *status, struct mr_entry *entry)
{
    static char content[MEMBER_BYTES + 1];
    for (int count = 0;; count++) {
        struct mr_reader *reader;
        size_t got = 0;
        mr_entry_clear(entry);
        *status = source->ops->next(source, entry, &err);
        if (*status != MR_OK)
            return count;
        ck_assert_ok(source->ops->open(source, entry, &reader, &err), err);
        *status = source->ops->read(source, reader, content, MEMBER_BYTES + 1, &got, &err);
        if (*status != MR_OK)
            return count;
        ck_assert_uint_eq(got, MEMBER_BYTES);
    }
}

/* Reads the first byte of the first member. */
static enum mr_status begin_reading(struct mr_source *source)
{
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    char byte[1];
    size_t got;
    enum mr_status status = source->ops->next(source, &entry, &err);
    if (status == MR_OK)
        status = source->ops->open(source, &entry, &reader, &err);
    if (status == MR_OK)
        status = source->ops->read(source, reader, byte, 1, &got, &err);
    mr_entry_clear(&entry);
    return status;
}

/* One that began in stall_ms, or in as many as it takes on a machine with much else to do. */
static struct mr_source *open_begun(const char *format, unsigned *stall_ms)
{
    struct mr_source *source;
    for (int fd = open_tar(format);; fd = open(packing_path("archive"), O_RDONLY | O_CLOEXEC)) {
        if (open_within(fd, *stall_ms, &source) == MR_OK) {
            if (begin_reading(source) == MR_OK)
                return source;
            source->ops->destroy(source);
        }
        ck_assert_msg(strstr(err.text, "made no progress for") != NULL, "%s", err.text);
        ck_assert_uint_lt(*stall_ms, SUPPORT_HANG_MS);
        *stall_ms *= 4;
    }
}

/* Deals the helper a signal after its first member. */
static void check_struck(const char *format, int number, unsigned stall_ms)
{
    struct mr_source *source = open_begun(format, &stall_ms);
    struct mr_entry entry = {0};
    char text[100];
    if (number == SIGSTOP)
        snprintf(text, sizeof(text), "its reader made no progress for %u ms", stall_ms);
    else
        snprintf(text, sizeof(text), "its reader was killed by signal %d", number);
    ck_assert_int_eq(kill(helper_pid, number), 0);
    enum mr_status status;
    ck_assert_int_lt(read_whole(source, &status, &entry), MEMBER_COUNT - 1);
    if (entry.path) {
        ck_assert_int_eq(status, MR_E_CHILD);
        mr_entry_clear(&entry);
        status = source->ops->next(source, &entry, &err);
    }
    ck_assert_int_eq(status, MR_E_CHILD);
    ck_assert_ptr_null(entry.path);
    ck_assert_msg(strstr(err.text, text) && strstr(err.text, "label"), "%s", err.text);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
    ck_assert_int_eq(kill(helper_pid, 0), -1);
}

static const char *const formats[] = {"tar", "tar.gz"};

START_TEST(a_real_one_may_be_killed)
{
    check_struck(formats[_i], SIGKILL, SUPPORT_HANG_MS);
}
END_TEST

START_TEST(a_real_one_may_be_stopped)
{
    check_struck(formats[_i], SIGSTOP, 300);
}
END_TEST

START_TEST(leaving_it_leaves_no_process)
{
    struct mr_source *source = open_real(formats[_i]);
    source->ops->destroy(source);
    ck_assert_int_eq(kill(helper_pid, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}
END_TEST

static void check_descriptors(unsigned count)
{
    char path[64];
    unsigned found = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)helper_pid);
    DIR *fds = opendir(path);
    ck_assert_ptr_nonnull(fds);
    for (const struct dirent *entry; (entry = readdir(fds)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        ck_assert_int_lt(atoi(entry->d_name), (int)count);
        found++;
    }
    closedir(fds);
    ck_assert_uint_eq(found, count);
}

static bool has_line(const char *line)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)helper_pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[got] = '\0';
    return strstr(text, line) != NULL;
}

START_TEST(a_real_one_is_confined)
{
    struct mr_source *source = open_real(formats[_i]);
    check_descriptors(_i == 0 ? SHARED_FILE_FD + 1 : SHARED_FILE_FD);
    ck_assert(has_line("NoNewPrivs:\t1"));
#if !MR_SANITIZED && (defined(__x86_64__) || defined(__aarch64__))
    ck_assert(has_line("Seccomp:\t2"));
#endif
    source->ops->destroy(source);
}
END_TEST

/* Members that nobody reads are passed over, large ones and small ones. */
START_TEST(members_may_be_passed_over)
{
    struct mr_source *source = open_real(formats[_i]);
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    char bytes[2];
    size_t got;
    for (int i = 0; i < MEMBER_COUNT; i++) {
        ck_assert_ok(source->ops->next(source, &entry, &err), err);
        if (i % 3 > 0) {
            ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
            ck_assert_ok(source->ops->read(source, reader, bytes, (size_t)i % 3, &got, &err), err);
            ck_assert_int_eq((unsigned char)bytes[0], packing.made.items[i].data[0]);
        }
        mr_entry_clear(&entry);
    }
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
}
END_TEST

static enum mr_status start_missing(struct helper *helper, const int *fds, unsigned fd_count,
                                    struct mr_error *problem)
{
    return helper_start(helper, "no-such-role", fds, fd_count, problem);
}

START_TEST(a_missing_one_is_told_with_what_helps)
{
    struct mr_source *source;
    struct archive_rest rest;
    const struct archive_options options = {.client.start = start_missing};
    ck_assert_int_eq(archive_source_create_within(open_tar("tar"), "label", NULL, &options, &rest,
                                                  &source, &err),
                     MR_E_CHILD);
    ck_assert_int_eq(rest.fd, -1);
    ck_assert_ptr_nonnull(strstr(err.text, "millrace-no-such-role"));
    ck_assert_ptr_nonnull(strstr(err.text, "--no-sandbox"));
}
END_TEST

START_TEST(both_ways_give_the_same)
{
    for (int i = 0; i < 2; i++) {
        struct mr_source *source;
        const struct archive_options options = {.is_in_process = i == 0};
        int fd =
            i == 0 ? open_tar(formats[_i]) : open(packing_path("archive"), O_RDONLY | O_CLOEXEC);
        ck_assert_ok(archive_source_create_within(fd, "label", NULL, &options, NULL, &source, &err),
                     err);
        archives_clear(&packing.found);
        ck_assert_ok(archives_read(source, &packing.found, 12345, &err), err);
        source->ops->destroy(source);
        packing_check_all(false);
    }
}
END_TEST

Suite *archive_client_suite(void)
{
    Suite *suite = suite_create("archive_client");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_reader_that_ends_at_once_is_named);
    tcase_add_test(cases, blocks_that_it_is_given_cannot_be_changed);
    tcase_add_test(cases, a_block_that_the_helper_has_not_is_copied);
    tcase_add_test(cases, what_was_whole_before_the_end_stays);
    tcase_add_test(cases, a_reader_that_does_not_get_on_is_killed);
    tcase_add_test(cases, reading_the_same_again_and_again_is_no_progress);
    tcase_add_loop_test(cases, a_cut_is_told_once, 0, 2);
    tcase_add_loop_test(cases, what_makes_no_sense_is_refused, 0, LIE_COUNT);
    tcase_add_test(cases, babble_does_no_harm);
    tcase_add_loop_test(cases, a_real_one_may_be_killed, 0, 2);
    tcase_add_loop_test(cases, a_real_one_may_be_stopped, 0, 2);
    tcase_add_loop_test(cases, leaving_it_leaves_no_process, 0, 2);
    tcase_add_loop_test(cases, a_real_one_is_confined, 0, 2);
    tcase_add_loop_test(cases, members_may_be_passed_over, 0, 2);
    tcase_add_test(cases, a_missing_one_is_told_with_what_helps);
    tcase_add_loop_test(cases, both_ways_give_the_same, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
