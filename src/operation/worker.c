#include "operation/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"

#define TICK_US     100000 /* between looks whether the item is still wanted, and its time not over */
#define FAREWELL_MS 1000   /* from the end of its socket to that of the process */

void worker_init(struct worker *worker)
{
    *worker = (struct worker){0};
    helper_init(&worker->helper);
}

static void end_process(struct worker *worker)
{
    helper_stop(&worker->helper);
    window_unmap(&worker->window);
}

void worker_fini(struct worker *worker)
{
    end_process(worker);
    free(worker->message);
    worker->message = NULL;
}

bool worker_is_there(const struct worker *worker)
{
    return worker->helper.pid > 0;
}

/* ---- messages ---- */

struct wire_request *worker_request(struct worker *worker, enum wire_kind kind)
{
    struct wire_request *request = &worker->message->request;
    *request = (struct wire_request){.kind = kind, .number = ++worker->number};
    return request;
}

enum mr_status worker_add_text(struct worker *worker, const char *text, struct mr_error *err)
{
    struct wire_message *message = worker->message;
    size_t at = message->request.texts_bytes, bytes = strlen(text) + 1;
    if (bytes > WIRE_TEXTS_BYTES - at)
        return mr_error_set(err, MR_E_LIMIT, 0, "a name is too long for a worker process");
    memcpy(message->texts + at, text, bytes);
    message->request.texts_bytes = (uint32_t)(at + bytes);
    return MR_OK;
}

const char *worker_text(const struct worker *worker, unsigned index)
{
    const struct wire_message *message = worker->message;
    size_t at = 0, bytes = message->answer.texts_bytes;
    while (index-- > 0 && at < bytes)
        at += strlen(message->texts + at) + 1;
    return at < bytes ? message->texts + at : "";
}

static struct iovec *message_parts(struct wire_message *message, size_t head_bytes,
                                   size_t texts_bytes, struct iovec parts[2])
{
    parts[0] = (struct iovec){message, head_bytes};
    parts[1] = (struct iovec){message->texts, texts_bytes};
    return parts;
}

/* ---- ends of a process ---- */

static enum mr_status talks_nonsense(struct worker *worker, struct mr_error *err)
{
    end_process(worker);
    return mr_error_set(err, MR_E_CHILD, 0,
                        "the worker process answered what makes no sense, and was ended");
}

/* Its socket has ended, or it is not there any more. */
static enum mr_status is_lost(struct worker *worker, struct mr_error *err)
{
    char text[100];
    bool has_ended = helper_wait(&worker->helper, FAREWELL_MS);
    end_process(worker);
    if (!has_ended)
        return mr_error_set(err, MR_E_CHILD, 0,
                            "the worker process closed its connection, and was ended");
    return mr_error_set(err, MR_E_CHILD, 0, "the worker process %s",
                        spawn_end_text(&worker->helper.end, text, sizeof(text)));
}

/* ---- a request and its answer ---- */

static enum mr_status send_request(struct worker *worker, struct mr_error *err)
{
    struct iovec parts[2];
    struct wire_message *message = worker->message;
    const struct msghdr header = {
        .msg_iov =
            message_parts(message, sizeof(message->request), message->request.texts_bytes, parts),
        .msg_iovlen = message->request.texts_bytes > 0 ? 2 : 1,
    };
    /* A process that leaves messages unread has no use. */
    if (sendmsg(worker->helper.socket_fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return MR_OK;
    return is_lost(worker, err);
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
        return mr_error_set(err, MR_E_TIMEOUT, 0,
                            "took too long, and its worker process was killed");
    }
    /* What it left running may hold the socket. */
    return helper_has_ended(&worker->helper) ? is_lost(worker, err) : MR_AGAIN;
}

static enum mr_status receive(struct worker *worker, const struct mr_io *limits, size_t *got_bytes,
                              struct mr_error *err)
{
    struct iovec parts[2];
    struct msghdr header = {
        .msg_iov = message_parts(worker->message, sizeof(worker->message->answer), WIRE_TEXTS_BYTES,
                                 parts),
        .msg_iovlen = 2,
    };
    int64_t deadline_ns = limits ? limits->deadline_ns : clock_now_ns() + WORKER_PATIENCE_NS;
    for (;;) {
        ssize_t got = recvmsg(worker->helper.socket_fd, &header, 0);
        if (got > 0 && !(header.msg_flags & MSG_TRUNC)) {
            *got_bytes = (size_t)got;
            return MR_OK;
        }
        if (got > 0)
            return talks_nonsense(worker, err);
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return is_lost(worker, err);
        enum mr_status status = check_patience(worker, limits, deadline_ns, err);
        if (status != MR_AGAIN)
            return status;
    }
}

static bool is_sound(const struct wire_message *message, size_t got_bytes, uint64_t number,
                     uint64_t in_bytes, uint64_t room_bytes)
{
    const struct wire_answer *answer = &message->answer;
    if (got_bytes < sizeof(*answer) || answer->texts_bytes != got_bytes - sizeof(*answer))
        return false;
    if (answer->texts_bytes > 0 && message->texts[answer->texts_bytes - 1] != '\0')
        return false;
    enum mr_status status = (enum mr_status)answer->status;
    bool is_known = status == MR_OK || status == MR_DONE || status == MR_CANCELLED ||
                    (status >= MR_E_MEMORY && status <= MR_E_STEP);
    return is_known && answer->number == number && answer->used_bytes <= in_bytes &&
           answer->made_bytes <= room_bytes;
}

/* The error of an answer. Its text is one line whatever the process makes of it. */
static enum mr_status take_error(struct worker *worker, struct mr_error *err)
{
    const struct wire_answer *answer = &worker->message->answer;
    enum mr_status status = (enum mr_status)answer->status;
    const char *text = worker_text(worker, 0);
    mr_error_set(err, status, 0, "%s", text[0] ? text : mr_status_text(status));
    if (err)
        err->sys_errno = answer->sys_errno;
    for (char *at = err ? err->text : NULL; at && *at; at++)
        if ((unsigned char)*at < ' ' || *at == '\x7f')
            *at = '?';
    /* Out of memory for what came before, or an operation that went beyond what it was given. */
    if (status == MR_E_MEMORY || status == MR_E_STEP)
        end_process(worker);
    return status;
}

enum mr_status worker_ask(struct worker *worker, const struct mr_io *limits, struct mr_error *err)
{
    struct wire_message *message = worker->message;
    uint64_t number = message->request.number;
    uint64_t in_bytes = message->request.in_bytes, room_bytes = message->request.room_bytes;
    size_t got_bytes = 0;
    enum mr_status status = send_request(worker, err);
    if (status == MR_OK)
        status = receive(worker, limits, &got_bytes, err);
    if (status != MR_OK)
        return status;
    if (!is_sound(message, got_bytes, number, in_bytes, room_bytes))
        return talks_nonsense(worker, err);
    status = (enum mr_status)message->answer.status;
    return mr_status_is_error(status) ? take_error(worker, err) : status;
}

/* ---- the beginning ---- */

static enum mr_status start_process(struct worker *worker, struct mr_error *err)
{
    static const struct timeval tick = {.tv_usec = TICK_US};
    int fd = window_open();
    if (fd < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno,
                            "cannot make shared memory for a worker process");
    enum mr_status status = MR_OK;
    if (window_map(&worker->window, fd, false) != 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot map the memory of a worker process");
    if (status == MR_OK)
        status = helper_start(&worker->helper, "operate", &fd, 1, err);
    spawn_close_fd(&fd);
    if (status == MR_OK &&
        setsockopt(worker->helper.socket_fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)) != 0)
        status =
            mr_error_set(err, MR_E_SYSTEM, errno, "cannot set up the socket of a worker process");
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
    if (!worker->message)
        worker->message = malloc(sizeof(*worker->message));
    if (!worker->message)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    end_process(worker);
    enum mr_status status = start_process(worker, err);
    if (status == MR_OK)
        status = set_up(worker, specs, spec_count, err);
    if (status != MR_OK)
        end_process(worker);
    return status;
}
