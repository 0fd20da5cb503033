#include "operation/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

#define TICK_MS 100 /* between looks whether the item is still wanted, and its time not over */

void worker_init(struct worker *worker)
{
    *worker = (struct worker){.bell_fd = -1, .answer_fd = -1, .cpu = -1};
    helper_init(&worker->helper);
}

static void end_process(struct worker *worker)
{
    helper_stop(&worker->helper);
    window_unmap(&worker->window);
    spawn_close_fd(&worker->bell_fd);
    spawn_close_fd(&worker->answer_fd);
    worker->together_count = worker->together_at = 0;
}

void worker_drop(struct worker *worker)
{
    end_process(worker);
}

void worker_drop_next(struct worker *worker)
{
    if (worker_has_next(worker))
        end_process(worker);
}

void worker_fini(struct worker *worker)
{
    end_process(worker);
    free(worker->texts);
    worker->texts = NULL;
}

bool worker_is_there(const struct worker *worker)
{
    return worker->helper.pid > 0;
}

/* ---- messages ---- */

const struct window_place *worker_place(const struct worker *worker)
{
    return &worker->window.places[worker->place];
}

static struct wire_message *message_of(const struct worker *worker)
{
    return (struct wire_message *)worker_place(worker)->message;
}

static size_t texts_cap(const struct worker *worker)
{
    return worker_place(worker)->message_bytes - sizeof(struct wire_message);
}

static struct wire_request *begin_request(struct worker *worker, unsigned place,
                                          enum wire_kind kind)
{
    worker->place = place;
    worker->request = (struct wire_request){.kind = kind, .number = ++worker->number};
    return &worker->request;
}

struct wire_request *worker_request(struct worker *worker, enum wire_kind kind)
{
    return begin_request(worker, 0, kind);
}

enum mr_status worker_add_text(struct worker *worker, const char *text, struct mr_error *err)
{
    size_t at = worker->request.texts_bytes, bytes = strlen(text) + 1;
    if (bytes > texts_cap(worker) - at)
        return mr_error_set(err, MR_E_LIMIT, 0, "the text is too long for a worker process");
    memcpy(message_of(worker)->texts + at, text, bytes);
    worker->request.texts_bytes = (uint32_t)(at + bytes);
    return MR_OK;
}

bool worker_add_entry(struct worker *worker, const struct mr_entry *entry)
{
    return wire_entry_bytes(entry) <= texts_cap(worker) &&
           wire_put_entry(&worker->request, message_of(worker)->texts, texts_cap(worker), entry);
}

const char *worker_text(const struct worker *worker, unsigned index)
{
    size_t at = 0, bytes = worker->answer.texts_bytes;
    while (index-- > 0 && at < bytes)
        at += strlen(worker->texts + at) + 1;
    return at < bytes ? worker->texts + at : "";
}

/* ---- ends of a process ---- */

static enum mr_status talks_nonsense(struct worker *worker, struct mr_error *err)
{
    end_process(worker);
    return mr_error_set(err, MR_E_CHILD, 0,
                        "the worker process answered what makes no sense, and was ended");
}

static enum mr_status is_lost(struct worker *worker, struct mr_error *err)
{
    char text[100];
    end_process(worker);
    return mr_error_set(err, MR_E_CHILD, 0, "the worker process %s",
                        spawn_end_text(&worker->helper.end, text, sizeof(text)));
}

/* ---- a request and its answer ---- */

static bool ring(int fd)
{
    const uint64_t once = 1;
    ssize_t put;
    do
        put = write(fd, &once, sizeof(once));
    while (put < 0 && errno == EINTR);
    return put == (ssize_t)sizeof(once);
}

/*
 * This thread will wait until the process is through, so that its processor is free for it. The
 * system would rather wake an idle one, which takes longer than many an item.
 */
static void stay_close(struct worker *worker)
{
    int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE || cpu == worker->cpu)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(worker->helper.pid, sizeof(set), &set) == 0)
        worker->cpu = cpu;
}

/* While there is no answer. MR_AGAIN: wait on. */
static enum mr_status check_patience(struct worker *worker, const struct mr_io *limits,
                                     int64_t deadline_ns, struct mr_error *err)
{
    if (limits && limits->is_cancelled && limits->is_cancelled(limits->cancel_ctx)) {
        end_process(worker);
        return mr_error_set(err, MR_CANCELLED, 0, "stopped");
    }
    if (deadline_ns > 0 && clock_now_ns() >= deadline_ns) {
        end_process(worker);
        return mr_error_set(err, MR_E_TIMEOUT, 0, "out of time; its worker process was killed");
    }
    return helper_has_ended(&worker->helper) ? is_lost(worker, err) : MR_AGAIN;
}

/* Is the answer to the request there? */
static bool has_answer(const struct worker *worker)
{
    if (worker->is_rung || worker->place == 0)
        return worker->is_rung;
    /* Not the last one, for which it has yet to ring. */
    const struct wire_message *large =
        (const struct wire_message *)worker->window.places[0].message;
    return worker->together_at < worker->together_count &&
           atomic_load_explicit(&large->done_count, memory_order_acquire) >= worker->together_at;
}

/*
 * Has the bell rung? Then worker->is_rung. Not by read(): the process could have emptied it
 * meanwhile, and made it a blocking one. MR_OK, or MR_E_SYSTEM: it cannot be heard, now or ever.
 */
static enum mr_status listen_for(struct worker *worker, struct mr_error *err)
{
    uint64_t count;
    struct iovec room = {&count, sizeof(count)};
    ssize_t got = preadv2(worker->answer_fd, &room, 1, -1, RWF_NOWAIT);
    if (got > 0)
        worker->is_rung = true;
    if (got >= 0 || errno == EAGAIN || errno == EINTR)
        return MR_OK;
    int fault = errno;
    end_process(worker);
    return mr_error_set(err, MR_E_SYSTEM, fault, "cannot hear the worker process");
}

/* Waits for the bell, or until the answer is there without it. */
static enum mr_status wait_for_answer(struct worker *worker, const struct mr_io *limits,
                                      struct mr_error *err)
{
    int64_t deadline_ns = limits ? limits->deadline_ns : clock_now_ns() + WORKER_PATIENCE_NS;
    struct pollfd fds[2] = {{.fd = worker->answer_fd, .events = POLLIN},
                            {.fd = worker->helper.pidfd, .events = POLLIN}};
    while (!has_answer(worker)) {
        bool has_news = poll(fds, 2, TICK_MS) > 0 && fds[0].revents;
        enum mr_status status = has_news ? listen_for(worker, err) : MR_OK;
        if (status != MR_OK || has_answer(worker))
            return status;
        status = check_patience(worker, limits, deadline_ns, err);
        if (status != MR_AGAIN)
            return status;
    }
    return MR_OK;
}

/* What is shown of the answer is one line whatever the process makes of it: an error, or the remark
 * behind a note. */
static void make_lines(struct worker *worker)
{
    char *text = worker->texts, *end = text + worker->answer.texts_bytes;
    bool is_error = mr_status_is_error((enum mr_status)worker->answer.status);
    if (!is_error && worker->request.kind != WIRE_PROCESS)
        return;
    if (!is_error && text < end)
        text += strlen(text) + 1;
    for (; text < end; text++)
        if (((unsigned char)*text < ' ' && *text != '\0') || *text == '\x7f')
            *text = '?';
}

/* Takes a copy of the answer, which nobody changes any more, and checks it. */
static bool take_answer(struct worker *worker)
{
    const struct wire_request *request = &worker->request;
    struct wire_answer *answer = &worker->answer;
    memcpy(answer, &message_of(worker)->answer, sizeof(*answer));
    uint32_t texts_bytes = answer->texts_bytes;
    answer->texts_bytes = 0;
    if (texts_bytes > texts_cap(worker))
        return false;
    memcpy(worker->texts, message_of(worker)->texts, texts_bytes);
    if (texts_bytes > 0 && worker->texts[texts_bytes - 1] != '\0')
        return false;
    answer->texts_bytes = texts_bytes;
    make_lines(worker);
    enum mr_status status = (enum mr_status)answer->status;
    bool is_known = status == MR_OK || status == MR_DONE || status == MR_CANCELLED ||
                    (status >= MR_E_MEMORY && status <= MR_E_STEP);
    return is_known && answer->number == request->number &&
           answer->used_bytes <= request->in_bytes && answer->made_bytes <= request->room_bytes;
}

/* The error of an answer. */
static enum mr_status take_error(struct worker *worker, struct mr_error *err)
{
    const struct wire_answer *answer = &worker->answer;
    enum mr_status status = (enum mr_status)answer->status;
    const char *text = worker_text(worker, 0);
    mr_error_set(err, status, 0, "%s", text[0] ? text : mr_status_text(status));
    if (err)
        err->sys_errno = answer->sys_errno;
    /* Out of memory for what came before, or an operation that went beyond what it was given. */
    if (status == MR_E_MEMORY || status == MR_E_STEP)
        end_process(worker);
    return status;
}

static void put_down(struct worker *worker)
{
    memcpy(&message_of(worker)->request, &worker->request, sizeof(worker->request));
}

/* Sends what was put down. False, with errno: it cannot be woken. */
static bool send(struct worker *worker)
{
    worker->is_rung = false;
    if (worker->stays_close)
        stay_close(worker);
    return ring(worker->bell_fd);
}

/* Waits for the answer to the request, and takes it. */
static enum mr_status receive(struct worker *worker, const struct mr_io *limits,
                              struct mr_error *err)
{
    enum mr_status status = wait_for_answer(worker, limits, err);
    if (status != MR_OK)
        return status;
    if (!take_answer(worker))
        return talks_nonsense(worker, err);
    status = (enum mr_status)worker->answer.status;
    return mr_status_is_error(status) ? take_error(worker, err) : status;
}

enum mr_status worker_ask(struct worker *worker, const struct mr_io *limits, struct mr_error *err)
{
    put_down(worker);
    if (send(worker))
        return receive(worker, limits, err);
    int fault = errno;
    end_process(worker);
    return mr_error_set(err, MR_E_SYSTEM, fault, "the worker process cannot be woken");
}

/* ---- the beginning of an item ---- */

static enum mr_status send_texts(struct worker *worker, const char *texts, size_t bytes,
                                 const struct mr_io *limits, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    for (size_t at = 0; at < bytes && status == MR_OK;) {
        struct wire_request *request = worker_request(worker, WIRE_TEXTS);
        const struct window_place *place = worker_place(worker);
        size_t part_bytes = bytes - at < place->area_bytes ? bytes - at : place->area_bytes;
        memcpy(place->in, texts + at, part_bytes);
        request->in_bytes = part_bytes;
        at += part_bytes;
        status = worker_ask(worker, limits, err);
    }
    return status;
}

/* A WIRE_PROCESS with the entry, whose texts were sent before. */
static enum mr_status request_long_entry(struct worker *worker, const struct mr_entry *entry,
                                         const struct mr_io *limits, struct mr_error *err)
{
    size_t bytes = wire_entry_bytes(entry);
    if (bytes == SIZE_MAX)
        return mr_error_set(err, MR_E_LIMIT, 0,
                            "its extended attributes are too long for a worker process");
    char *texts = malloc(bytes);
    if (!texts)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    struct wire_request begin = {0};
    wire_put_entry(&begin, texts, bytes, entry);
    enum mr_status status = send_texts(worker, texts, bytes, limits, err);
    free(texts);
    if (status != MR_OK)
        return status;
    begin.texts_bytes = 0;
    begin.kind = WIRE_PROCESS;
    begin.number = worker_request(worker, WIRE_PROCESS)->number;
    worker->request = begin;
    return MR_OK;
}

enum mr_status worker_request_entry(struct worker *worker, const struct mr_entry *entry,
                                    const struct mr_io *limits, struct mr_error *err)
{
    worker_request(worker, WIRE_PROCESS);
    return worker_add_entry(worker, entry) ? MR_OK : request_long_entry(worker, entry, limits, err);
}

/* ---- several requests together ---- */

struct wire_request *worker_request_together(struct worker *worker)
{
    assert(worker->together_count < WINDOW_SMALL_COUNT && worker->together_at == 0);
    return begin_request(worker, 1 + worker->together_count, WIRE_PROCESS);
}

void worker_keep(struct worker *worker)
{
    put_down(worker);
    worker->together[worker->together_count++] = worker->request;
}

bool worker_hand_over(struct worker *worker)
{
    worker_request(worker, WIRE_TOGETHER)->together_count = worker->together_count;
    atomic_store_explicit(&message_of(worker)->done_count, 0, memory_order_relaxed);
    put_down(worker);
    if (send(worker))
        return true;
    end_process(worker);
    return false;
}

bool worker_has_next(const struct worker *worker)
{
    return worker->together_at < worker->together_count;
}

/* There is more of the item that was asked for: the process has left the others, and rings. */
static enum mr_status end_together(struct worker *worker, const struct mr_io *limits,
                                   struct mr_error *err)
{
    worker->together_count = worker->together_at;
    return wait_for_answer(worker, limits, err);
}

enum mr_status worker_ask_next(struct worker *worker, const struct mr_io *limits,
                               struct mr_error *err)
{
    assert(worker_has_next(worker));
    worker->request = worker->together[worker->together_at++];
    worker->place = worker->together_at;
    enum mr_status status = receive(worker, limits, err);
    if (status == MR_OK)
        status = end_together(worker, limits, err);
    if (worker->together_at == worker->together_count)
        worker->together_count = worker->together_at = 0;
    return status;
}

/* ---- the beginning ---- */

/* Returns 0 or the error number. */
static int open_window(struct worker *worker, int *fd)
{
    *fd = window_open();
    worker->bell_fd = eventfd(0, EFD_CLOEXEC);
    worker->answer_fd = eventfd(0, EFD_CLOEXEC);
    if (*fd < 0 || worker->bell_fd < 0 || worker->answer_fd < 0 ||
        window_map(&worker->window, *fd, false) != 0)
        return errno;
    return 0;
}

static enum mr_status start_process(struct worker *worker, struct mr_error *err)
{
    int fd, failure = open_window(worker, &fd);
    enum mr_status status = MR_OK;
    if (failure != 0)
        status = mr_error_set(err, MR_E_SYSTEM, failure,
                              "cannot make shared memory for a worker process");
    const int fds[WIRE_FDS] = {fd, worker->bell_fd, worker->answer_fd};
    if (status == MR_OK)
        status = helper_start(&worker->helper, "operate", fds, WIRE_FDS, err);
    spawn_close_fd(&fd);
    spawn_close_fd(&worker->helper.socket_fd); /* the window does for everything */
    return status;
}

static enum mr_status set_up(struct worker *worker, const char *const *specs, unsigned spec_count,
                             struct mr_error *err)
{
    worker_request(worker, WIRE_SETUP)->entry_bytes = sizeof(struct mr_entry);
    enum mr_status status = worker_add_text(worker, WIRE_VERSION, err);
    for (unsigned i = 0; i < spec_count && status == MR_OK; i++)
        status = worker_add_text(worker, specs[i], err);
    return status == MR_OK ? worker_ask(worker, NULL, err) : status;
}

enum mr_status worker_start(struct worker *worker, const char *const *specs, unsigned spec_count,
                            struct mr_error *err)
{
    if (!worker->texts)
        worker->texts = malloc(WIRE_TEXTS_BYTES);
    if (!worker->texts)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    end_process(worker);
    worker->cpu = -1;
    enum mr_status status = start_process(worker, err);
    if (status == MR_OK)
        status = set_up(worker, specs, spec_count, err);
    if (status != MR_OK)
        end_process(worker);
    return status;
}
