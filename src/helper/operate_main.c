/*
 * operate_main.c - millrace-operate: a worker process of the isolate operation. It runs operations
 * on content that it is handed in shared memory; operation/wire.h says how. It is ended by who
 * started it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/helper.h"
#include "helper/begin.h"
#include "operation/chain.h"
#include "operation/window.h"
#include "operation/wire.h"

/* Exit statuses beyond those of begin.h. */
enum { EXIT_ODD_REQUEST = 66, EXIT_NO_WINDOW, EXIT_NO_ANSWER };

/*
 * What the operations may take beyond what they say. Of memory that is private and writable, so
 * also of the program's own data and the stacks of threads; and of address space beyond what the
 * program has mapped with its plugins, for memory that is shared, which nothing else bounds. There
 * more is free: threads reserve far more of it than they use. Sanitizers map terabytes.
 */
#define SPARE_BYTES         ((rlim_t)512 << 20)
#define SPARE_ADDRESS_BYTES ((rlim_t)1536 << 20)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_MEMORY 0
#elif defined(__has_feature)
#define LIMITS_MEMORY (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define LIMITS_MEMORY 1
#endif

static struct window window;
static const struct window_place *place; /* in it: where the request is */
static struct wire_message *message;     /* there */
static struct wire_request request;      /* the one that is answered */
static int64_t begin_ns;                 /* since then */
static struct chain *chain;
static struct chain_state *state;
static struct mr_entry entry; /* of the item; its texts are in entry_texts */
static char *entry_texts;     /* owned, entry_cap_bytes; the first entry_bytes are there */
static size_t entry_bytes, entry_cap_bytes;
static struct mr_xattr *entry_xattrs; /* room for them, owned */

/* ---- messages ---- */

/* Waits for the next request; false when nobody will ring any more. */
static bool receive(void)
{
    uint64_t count;
    ssize_t got;
    while ((got = read(WIRE_BELL_FD, &count, sizeof(count))) < 0 && errno == EINTR)
        continue;
    return got == (ssize_t)sizeof(count);
}

static void take_request(const struct window_place *from)
{
    place = from;
    message = (struct wire_message *)from->message;
    memcpy(&request, &message->request, sizeof(request));
    begin_ns = clock_now_ns();
}

static void ring(void)
{
    const uint64_t once = 1;
    ssize_t put;
    while ((put = write(WIRE_ANSWER_FD, &once, sizeof(once))) < 0 && errno == EINTR)
        continue;
    if (put != (ssize_t)sizeof(once))
        exit(EXIT_NO_ANSWER);
}

/* The text after this one of a request, NULL at its end. NULL: the first. */
static const char *next_text(const char *text)
{
    const char *next = text ? text + strlen(text) + 1 : message->texts;
    return next < message->texts + request.texts_bytes ? next : NULL;
}

static void add_text(struct wire_answer *answer, const char *text)
{
    size_t bytes = strlen(text) + 1;
    if (bytes > place->message_bytes - sizeof(*message) - answer->texts_bytes)
        exit(EXIT_NO_ANSWER);
    memcpy(message->texts + answer->texts_bytes, text, bytes);
    answer->texts_bytes += (uint32_t)bytes;
}

static void put_answer(struct wire_answer *answer, enum mr_status status,
                       const struct mr_error *err)
{
    answer->number = request.number;
    answer->status = (int32_t)status;
    if (mr_status_is_error(status)) {
        answer->sys_errno = err->sys_errno;
        answer->texts_bytes = 0;
        add_text(answer, err->text);
    }
    answer->took_ns = clock_now_ns() - begin_ns;
    memcpy(&message->answer, answer, sizeof(*answer));
}

/* ---- requests ---- */

/* What is mapped now; 0 where the system does not say. */
static rlim_t mapped_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A limit that is there already may be lower: then this one fails. */
static void limit(__rlimit_resource_t resource, rlim_t bytes)
{
    const struct rlimit both = {bytes, bytes};
    setrlimit(resource, &both);
}

static void limit_memory(void)
{
    rlim_t state_bytes = chain_state_bytes(chain), known_bytes = mapped_bytes();
    if (!LIMITS_MEMORY)
        return;
    limit(RLIMIT_DATA, state_bytes + SPARE_BYTES);
    if (known_bytes > 0)
        limit(RLIMIT_AS, known_bytes + state_bytes + SPARE_ADDRESS_BYTES);
}

static void put_bounds(struct wire_answer *answer)
{
    for (unsigned i = 0; i < WIRE_BOUNDS; i++) {
        size_t bound_bytes = chain_bound(chain, NULL, WIRE_BOUND_BYTES(i));
        answer->bounds[i] = bound_bytes < SIZE_MAX ? bound_bytes : UINT64_MAX;
    }
}

static void set_up(void)
{
    struct wire_answer answer = {0};
    struct mr_error err = {0};
    const char *text = next_text(NULL);
    if (chain || !text || strcmp(text, WIRE_VERSION) != 0 ||
        request.entry_bytes != sizeof(struct mr_entry))
        exit(EXIT_ODD_REQUEST);
    enum mr_status status = chain_create(&chain, &err);
    while (status == MR_OK && (text = next_text(text)) != NULL)
        status = chain_add(chain, text, &err);
    if (status == MR_OK) {
        limit_memory();
        status = chain_state_create(chain, &state, &err);
    }
    if (status == MR_OK) {
        const struct mr_operation *first = chain_operation(chain, 0, NULL);
        const char *notes_path = chain_notes_path(chain);
        answer.flags = first->flags;
        answer.state_bytes = chain_state_bytes(chain);
        put_bounds(&answer);
        answer.renames = first->rename != NULL;
        add_text(&answer, first->name);
        add_text(&answer, notes_path ? notes_path : "");
    }
    put_answer(&answer, status, &err);
}

static void rename_item(void)
{
    struct wire_answer answer = {0};
    struct mr_error err = {0};
    const char *text = next_text(NULL);
    char *path = text ? strdup(text) : NULL;
    enum mr_status status = path ? chain_rename(chain, &path) : MR_E_MEMORY;
    if (status == MR_OK)
        add_text(&answer, path);
    free(path);
    put_answer(&answer, status, &err);
}

/* Texts of the next item, which stay until the one after it. */
static enum mr_status add_entry_texts(const void *texts, size_t bytes, struct mr_error *err)
{
    if (entry_bytes == 0)
        chain_stop(state); /* the item before may have been cut short: it had its texts here */
    size_t needed_bytes = entry_bytes + bytes;
    if (needed_bytes > entry_cap_bytes) {
        size_t cap_bytes = needed_bytes > 2 * entry_cap_bytes ? needed_bytes : 2 * entry_cap_bytes;
        char *larger = realloc(entry_texts, cap_bytes);
        if (!larger)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        entry_texts = larger;
        entry_cap_bytes = cap_bytes;
    }
    if (bytes > 0)
        memcpy(entry_texts + entry_bytes, texts, bytes);
    entry_bytes = needed_bytes;
    return MR_OK;
}

static void take_texts(void)
{
    struct wire_answer answer = {0};
    struct mr_error err = {0};
    put_answer(&answer, add_entry_texts(place->in, request.in_bytes, &err), &err);
}

/* What stands in the request, and in those before it. */
static enum mr_status take_entry(struct mr_error *err)
{
    enum mr_status status = add_entry_texts(message->texts, request.texts_bytes, err);
    request.texts_bytes = (uint32_t)entry_bytes;
    entry_bytes = 0;
    if (status == MR_OK && !wire_take_entry(&request, entry_texts, &entry, &entry_xattrs))
        exit(EXIT_ODD_REQUEST);
    return status;
}

static void add_remarks(struct wire_answer *answer, const struct mr_io *io)
{
    const char *note = chain_note(state);
    add_text(answer, note ? note : "");
    add_text(answer, io->remark ? io->remark : "");
}

/* Returns the status that it answers. */
static enum mr_status process(void)
{
    struct wire_answer answer = {0};
    struct mr_error err = {0};
    const struct chain_limits limits = {.limits = &request.limits,
                                        .stored_bytes = request.stored_bytes};
    struct mr_io io = {
        .in = place->in,
        .in_bytes = request.in_bytes,
        .is_last = request.is_last,
        .is_as_named = request.is_as_named,
        .limits = request.has_limits ? &limits : NULL,
        .out = window_room(place, request.room_bytes),
        .out_bytes = request.room_bytes,
        .deadline_ns = request.deadline_ns,
    };
    enum mr_status status = MR_OK;
    if (request.starts)
        status = take_entry(&err);
    if (request.starts && status == MR_OK)
        status = chain_start(state, &entry, &err);
    if (status == MR_OK)
        status = chain_process(state, &io, &err);
    answer.used_bytes = request.in_bytes - io.in_bytes;
    answer.made_bytes = request.room_bytes - io.out_bytes;
    if (status == MR_DONE)
        add_remarks(&answer, &io);
    if (mr_status_is_error(status))
        chain_stop(state);
    put_answer(&answer, status, &err);
    return status;
}

static void process_together(void)
{
    struct wire_message *large = message;
    unsigned count = request.together_count;
    if (count > WINDOW_SMALL_COUNT)
        exit(EXIT_ODD_REQUEST);
    enum mr_status status = MR_DONE;
    for (unsigned i = 0; i < count && status != MR_OK; i++) {
        take_request(&window.places[1 + i]);
        status = process();
        /* Who closed what the process needs is the item that is paid with, not the last one. */
        if (fcntl(WIRE_BELL_FD, F_GETFD) < 0 || fcntl(WIRE_ANSWER_FD, F_GETFD) < 0)
            exit(EXIT_NO_ANSWER);
        atomic_store_explicit(&large->done_count, i + 1, memory_order_release);
    }
}

int main(void)
{
    begin();
    if (window_map(&window, WIRE_WINDOW_FD, true) != 0)
        return EXIT_NO_WINDOW;
    while (receive()) {
        take_request(&window.places[0]);
        uint32_t kind = request.kind;
        if (kind != WIRE_SETUP && !state)
            return EXIT_ODD_REQUEST;
        if (kind == WIRE_SETUP)
            set_up();
        else if (kind == WIRE_RENAME)
            rename_item();
        else if (kind == WIRE_TEXTS)
            take_texts();
        else if (kind == WIRE_PROCESS)
            process();
        else
            process_together();
        ring();
    }
    return 0;
}
