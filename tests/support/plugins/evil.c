/*
 * evil - eleven operations that pass content through, and misbehave for items whose name holds
 * "bad". They are what worker processes must survive; in threads they take the program with them,
 * as the manual says.
 */
#include <locale.h>
#include <millrace/operation.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct state {
    bool is_bad;
    bool was_bad; /* this item has misbehaved already */
};

static enum mr_status create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct state));
    return *state ? MR_OK : mr_operation_fail(err, MR_E_MEMORY, "out of memory");
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct state *evil = state;
    (void)err;
    evil->is_bad = strstr(entry->path, "bad") != NULL;
    evil->was_bad = false;
    return MR_OK;
}

static enum mr_status pass(struct mr_io *io)
{
    size_t count = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    memcpy(io->out, io->in, count);
    mr_io_advance(io, count, count);
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

/* True once for each bad item. */
static bool turns_bad(void *state)
{
    struct state *evil = state;
    bool turns = evil->is_bad && !evil->was_bad;
    evil->was_bad = evil->is_bad;
    return turns;
}

/* 1: SIGSEGV */
static enum mr_status crash(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)err;
    if (turns_bad(state))
        raise(SIGSEGV);
    return pass(io);
}

/* 2 */
static enum mr_status give_up(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)err;
    if (turns_bad(state))
        abort();
    return pass(io);
}

/* 3: as if all were well */
static enum mr_status leave(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)err;
    if (turns_bad(state))
        exit(0);
    return pass(io);
}

/* 4 */
static enum mr_status hang(void *state, struct mr_io *io, struct mr_error *err)
{
    volatile unsigned long turns = 0;
    (void)err;
    if (turns_bad(state))
        for (;;)
            turns++;
    return pass(io);
}

/* 5: beyond its own memory and beyond the room, until something gives */
static enum mr_status overflow(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)err;
    if (turns_bad(state)) {
        volatile unsigned char *own = malloc(100);
        volatile unsigned char *room = io->out;
        for (size_t i = 0; own && i < 100000; i++)
            own[i] = 0xA5;
        for (size_t i = 0; i < io->out_bytes + ((size_t)256 << 20); i++)
            room[i] = 0x5A;
    }
    return pass(io);
}

/* Takes 100 GB, and uses it. */
static enum mr_status take(int kind, struct mr_error *err)
{
    size_t bytes = (size_t)100 << 30;
    unsigned char *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return mr_operation_fail(err, MR_E_MEMORY, "there are no 100 GB");
    for (size_t at = 0; at < bytes; at += 4096)
        ((volatile unsigned char *)memory)[at] = 1;
    return MR_OK;
}

/* 6: memory of its own */
static enum mr_status eat(void *state, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = turns_bad(state) ? take(MAP_PRIVATE, err) : MR_OK;
    return status == MR_OK ? pass(io) : status;
}

/* 11: memory that could be shared, which is counted elsewhere */
static enum mr_status hoard(void *state, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = turns_bad(state) ? take(MAP_SHARED, err) : MR_OK;
    return status == MR_OK ? pass(io) : status;
}

/* 7: a thread that outlives the call, and then writes where it must not; before that it leaves its
 * mark in a file */
static void *stray(void *arg)
{
    const char *mark = getenv("MILLRACE_TEST_STRAY");
    usleep(2000);
    FILE *file = mark ? fopen(mark, "a") : NULL;
    if (file) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
    }
    *(volatile int *)arg = 1;
    return NULL;
}

static enum mr_status start_thread(void *state, struct mr_io *io, struct mr_error *err)
{
    pthread_t thread;
    (void)err;
    if (turns_bad(state) && pthread_create(&thread, NULL, stray, (void *)(uintptr_t)8) == 0)
        pthread_detach(thread);
    return pass(io);
}

/* 8: what belongs to the whole process */
static enum mr_status change(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)err;
    if (turns_bad(state)) {
        if (chdir("/") != 0 || !setlocale(LC_ALL, "C.UTF-8"))
            abort();
        for (int number = 1; number < 32; number++)
            if (number != SIGKILL && number != SIGSTOP)
                signal(number, SIG_IGN);
        setenv("PATH", "/nowhere", 1);
        for (int fd = 0; fd < 64; fd++)
            close(fd);
    }
    return pass(io);
}

/* 9: more output than bound() says, without an end */
static size_t small_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes;
}

static enum mr_status flood(void *state, struct mr_io *io, struct mr_error *err)
{
    struct state *evil = state;
    (void)err;
    if (!evil->is_bad)
        return pass(io);
    memset(io->out, 'x', io->out_bytes);
    mr_io_advance(io, 0, io->out_bytes);
    return MR_OK;
}

/* 10: nothing of what it gives back is true */
static enum mr_status babble(void *state, struct mr_io *io, struct mr_error *err)
{
    if (!turns_bad(state))
        return pass(io);
    memset(err, 0x9B, sizeof(*err));
    io->in = (const unsigned char *)(uintptr_t)0xdeadbeef;
    io->in_bytes = SIZE_MAX / 3;
    io->out = (unsigned char *)(uintptr_t)0xfeedface;
    io->out_bytes = SIZE_MAX / 2;
    io->is_last = !io->is_last;
    return (enum mr_status)0x5eed;
}

#define EVIL(title, text, function)                                                                \
    {                                                                                              \
        .struct_bytes = sizeof(struct mr_operation), .name = (title), .summary = (text),           \
        .bound = small_bound, .state_create = create, .start = start, .process = (function),       \
        .state_destroy = free                                                                      \
    }

static const struct mr_operation all[] = {
    EVIL("segv", "dies of SIGSEGV", crash),
    EVIL("abort", "calls abort()", give_up),
    EVIL("exit", "calls exit(0)", leave),
    EVIL("loop", "never comes back", hang),
    EVIL("overflow", "writes beyond its memory and its room", overflow),
    EVIL("eat", "takes 100 GB", eat),
    EVIL("stray", "leaves a thread behind that crashes", start_thread),
    EVIL("change", "changes the directory, the locale, signals, the environment and descriptors",
         change),
    EVIL("flood", "makes more than it promised, without an end", flood),
    EVIL("babble", "gives back garbage", babble),
    EVIL("hoard", "takes 100 GB of shared memory", hoard),
};

static const struct mr_operation *const operations[] = {&all[0], &all[1], &all[2],  &all[3],
                                                        &all[4], &all[5], &all[6],  &all[7],
                                                        &all[8], &all[9], &all[10], NULL};

static const struct mr_plugin plugin = {.struct_bytes = sizeof(plugin),
                                        .abi_version = MR_PLUGIN_ABI,
                                        .name = "evil",
                                        .version = "1.0",
                                        .licence = "MIT",
                                        .summary = "operations that misbehave for items called bad",
                                        .operations = operations};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
    return &plugin;
}
