/*
 * exec_server.c - server mode: a resident process for each worker, given item after item by git's
 * protocol for filter processes (talk.h).
 *
 * A state takes an idle process for each item, or starts one, and gives it back. It is replaced
 * when it has ended, broke the protocol, or was in the middle of an item that was cut short. One
 * that has ended between two items, as it may, costs no item.
 */
#include "operation/exec_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/path.h"
#include "operation/exec_modes.h"
#include "operation/resident.h"
#include "operation/talk.h"

#define CANCEL_INTERVAL_MS 100
#define NS_PER_MS          INT64_C(1000000)
#define RECEIVE_BYTES      ((size_t)1 << 16)
#define RECEIVE_COUNT      16 /* reads before it is asked whether the item is still wanted */

struct server_config {
    struct resident_group *group; /* owned */
    const char *command;          /* "clean" or "smudge" */
};

/* A process, and how far the talk with it is. */
struct server {
    struct resident resident; /* first */
    struct talk talk;
    unsigned char received[RECEIVE_BYTES]; /* [received_at, received_count) is not taken yet */
    size_t received_at, received_count;
    int64_t greeted_ns;           /* by the clock; 0: not yet */
    int64_t start_allowance_ns;   /* what the start of the process may add to the item's time */
    uint64_t stderr_mark;         /* what the process had written to stderr when the item began */
    bool is_reused, has_answered; /* the process: other items before; some of this item */
    bool was_leaving;             /* it ended, most likely not because of the item */
};

struct server_state {
    const struct server_config *config;
    struct server *server; /* owned; may be NULL */
    bool is_open;          /* it is in the middle of an item */
    const char *pathname;  /* of the item */
};

/* The process is of no more use. */
static void dismiss(struct server *server)
{
    resident_dismiss(&server->resident);
    server->received_at = server->received_count = 0;
}

/* Between two items: has it ended, or spoken without being asked? Nothing of the next item may meet
 * what was meant for the last. */
static bool is_out_of_step(struct server *server)
{
    struct child *child = &server->resident.child;
    if (server->received_at < server->received_count)
        return true;
    if (child_poll(child, false, 0, NULL) == MR_TIMEOUT)
        return false;
    resident_drain_stderr(&server->resident);
    size_t got_bytes;
    return child_check_end(child) ||
           child_read(child, server->received, RECEIVE_BYTES, &got_bytes, NULL) != MR_AGAIN;
}

/* "COMMAND what: the last line that it wrote to stderr during the item". */
static enum mr_status fail(const struct server *server, enum mr_status status, const char *what,
                           struct mr_error *err)
{
    const struct child *child = &server->resident.child;
    char command[PATH_SHOW_BYTES / 2], line[PATH_SHOW_BYTES], shown[PATH_SHOW_BYTES] = "";
    path_show(command, sizeof(command), resident_group_exec(server->resident.group)->argv[0]);
    if (child->tail_written_bytes > server->stderr_mark)
        path_show(shown, sizeof(shown), child_last_line(child, line, sizeof(line)));
    return mr_error_set(err, status, 0, "%s %s%s%s", command, what, shown[0] ? ": " : "", shown);
}

/* It is gone, or has closed a pipe: why, and what that means. */
static enum mr_status lose(struct server *server, struct mr_error *err)
{
    struct resident *resident = &server->resident;
    char end[SPAWN_END_BYTES], what[PATH_SHOW_BYTES];
    const char *closed = resident->child.in_fd < 0 ? "closed its stdin" : "closed its stdout";
    bool is_greeted = talk_is_greeted(&server->talk);
    bool has_ended = resident_await(resident);
    server->was_leaving = server->is_reused && !server->has_answered;
    snprintf(what, sizeof(what), "%s before it had %s",
             has_ended ? spawn_end_text(&resident->child.end, end, sizeof(end)) : closed,
             is_greeted ? "answered" : "greeted as a filter process");
    if (!is_greeted)
        resident_note_start(resident, false);
    dismiss(server);
    return fail(server, MR_E_CHILD, what, err);
}

/* It said what it may not say: wrong. */
static enum mr_status refuse(struct server *server, const struct mr_error *wrong,
                             struct mr_error *err)
{
    char what[MR_ERROR_TEXT_BYTES];
    bool is_greeted = talk_is_greeted(&server->talk);
    snprintf(what, sizeof(what), "%s: %.*s",
             is_greeted ? "broke the protocol" : "is no filter process", PATH_SHOW_BYTES,
             wrong->text);
    if (!is_greeted)
        resident_note_start(&server->resident, false);
    dismiss(server);
    return fail(server, MR_E_CHILD, what, err);
}

/* The answer as the end of the item. */
static enum mr_status finish(struct server *server, struct mr_error *err)
{
    bool is_over = server->talk.answer == TALK_ANSWER_ABORT;
    if (server->talk.answer == TALK_ANSWER_SUCCESS)
        return MR_DONE;
    resident_drain_stderr(&server->resident);
    if (is_over)
        resident_group_end(server->resident.group);
    if (!talk_is_sent(&server->talk))
        dismiss(server);
    return fail(server, MR_E_CHILD,
                is_over ? "refused the item, and wants no others (status=abort)"
                        : "refused the item (status=error)",
                err);
}

/* ---- an item ---- */

/* MR_OK: it takes no more now; MR_DONE: it will not take any more; else an error. */
static enum mr_status send_now(struct server *server, struct mr_io *io, struct mr_error *err)
{
    struct talk *talk = &server->talk;
    while (talk_fill(talk, &io->in, &io->in_bytes, io->is_last)) {
        size_t used_bytes;
        enum mr_status status = child_write(&server->resident.child, talk->send + talk->send_at,
                                            talk->send_count - talk->send_at, &used_bytes, err);
        if (status != MR_OK)
            return status == MR_AGAIN ? MR_OK : status;
        talk->send_at += used_bytes;
    }
    return MR_OK;
}

/* Takes what was received. MR_OK, MR_DONE and MR_E_CHILD as talk_take(). */
static enum mr_status take(struct server *server, struct mr_io *io, struct mr_error *wrong)
{
    struct talk *talk = &server->talk;
    if (talk->phase == TALK_ANSWERED)
        return mr_error_set(wrong, MR_E_CHILD, 0, "it went on behind its answer");
    bool was_greeted = talk_is_greeted(talk);
    const unsigned char *bytes = server->received + server->received_at;
    size_t count = server->received_count - server->received_at;
    enum mr_status status = talk_take(talk, &bytes, &count, &io->out, &io->out_bytes, wrong);
    server->received_at = server->received_count - count;
    if (!was_greeted && talk_is_greeted(talk)) {
        server->start_allowance_ns = resident_note_start(&server->resident, true);
        server->greeted_ns = clock_now_ns();
    }
    return status;
}

/* MR_OK: the answer is complete, the room is full, or there may be more; MR_AGAIN: there is no more
 * now; MR_DONE: there will be no more; MR_E_CHILD with *wrong; MR_E_SYSTEM with *wrong. */
static enum mr_status receive_now(struct server *server, struct mr_io *io, struct mr_error *wrong)
{
    const struct talk *talk = &server->talk;
    int read_count = 0;
    while (talk->phase != TALK_ANSWERED || !talk_is_sent(talk)) {
        if (server->received_at == server->received_count) {
            if (read_count++ == RECEIVE_COUNT)
                break;
            server->received_at = server->received_count = 0;
            enum mr_status status = child_read(&server->resident.child, server->received,
                                               RECEIVE_BYTES, &server->received_count, wrong);
            if (status != MR_OK)
                return status;
            server->has_answered = true;
        }
        enum mr_status status = take(server, io, wrong);
        if (mr_status_is_error(status))
            return status;
        if (status == MR_OK && server->received_at < server->received_count)
            break;
    }
    return MR_OK;
}

/* When the item must be through; INT64_MAX: there is no limit. That a process was started for it
 * does not count: else a limit that suits items could be too short for every start after the first
 * ones, which have shown how long one takes. */
static int64_t deadline_of(const struct server *server, const struct mr_io *io)
{
    int64_t deadline_ns;
    if (io->deadline_ns == 0 ||
        __builtin_add_overflow(io->deadline_ns, server->start_allowance_ns, &deadline_ns))
        return INT64_MAX;
    return deadline_ns;
}

/* How long to wait for the process, in ms: until it must be asked whether the item is wanted. */
static int poll_ms(int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - clock_now_ns();
    if (left_ns >= CANCEL_INTERVAL_MS * NS_PER_MS)
        return CANCEL_INTERVAL_MS;
    return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* What ends the item, and the process with it. MR_OK: nothing. */
static enum mr_status check_limits(struct server *server, const struct mr_io *io,
                                   struct mr_error *err)
{
    bool is_cancelled = io->is_cancelled && io->is_cancelled(io->cancel_ctx);
    if (!is_cancelled && clock_now_ns() < deadline_of(server, io))
        return MR_OK;
    if (!is_cancelled && !talk_is_greeted(&server->talk))
        resident_note_start(&server->resident, false);
    dismiss(server);
    if (is_cancelled)
        return mr_error_set(err, MR_CANCELLED, 0, "stopped");
    return fail(server, MR_E_TIMEOUT, "was ended", err);
}

/* Waits until something can go on. */
static enum mr_status await(struct server *server, const struct mr_io *io, struct mr_error *err)
{
    struct child *child = &server->resident.child;
    bool writes = server->talk.send_at < server->talk.send_count;
    enum mr_status status = child_poll(child, writes, poll_ms(deadline_of(server, io)), err);
    if (mr_status_is_error(status)) {
        dismiss(server);
        return status;
    }
    resident_drain_stderr(&server->resident);
    return MR_OK;
}

/* What the state of the talk and of the pipes means. MR_OK: the item goes on. */
static enum mr_status judge(struct server *server, enum mr_status sent, enum mr_status received,
                            bool had_ended, struct mr_error *err)
{
    const struct talk *talk = &server->talk;
    bool is_deaf = sent == MR_DONE, is_mute = received == MR_DONE;
    if (talk->phase == TALK_ANSWERED &&
        (talk_is_sent(talk) || (talk->answer != TALK_ANSWER_SUCCESS && (is_deaf || is_mute))))
        return finish(server, err);
    if (is_mute || (received == MR_AGAIN && (is_deaf || had_ended)))
        return lose(server, err);
    return MR_OK;
}

/* Goes on with the item as far as process() may. */
static enum mr_status serve(struct server *server, struct mr_io *io, struct mr_error *err)
{
    bool has_ended = false;
    enum mr_status status = MR_OK;
    while (status == MR_OK) {
        struct mr_error wrong = {0};
        enum talk_phase phase = server->talk.phase;
        enum mr_status received = MR_OK, sent = send_now(server, io, err);
        if (!mr_status_is_error(sent))
            received = receive_now(server, io, &wrong);
        if (received == MR_E_CHILD)
            return refuse(server, &wrong, err);
        if (mr_status_is_error(sent) || mr_status_is_error(received)) {
            dismiss(server);
            if (err && !mr_status_is_error(sent))
                *err = wrong;
            return mr_status_is_error(sent) ? sent : received;
        }
        status = judge(server, sent, received, has_ended, err);
        if (status != MR_OK || io->out_bytes == 0 || (io->in_bytes == 0 && !io->is_last))
            break;
        /* A step of the greeting has made something to be sent. */
        if (phase < TALK_IDLE && server->talk.phase != phase)
            continue;
        status = check_limits(server, io, err);
        if (status == MR_OK)
            status = await(server, io, err);
        /* What it wrote before its end is read before the end counts. */
        has_ended = status == MR_OK && child_check_end(&server->resident.child);
    }
    return status;
}

/* The process is free for another item, unless this one is not through. */
static void give_back(struct server_state *state)
{
    if (!state->server || state->server->resident.child.pid == 0)
        return;
    if (state->is_open) {
        dismiss(state->server);
    } else {
        resident_put(&state->server->resident);
        state->server = NULL;
    }
}

/* The first of an item. */
static enum mr_status begin(struct server_state *state, struct mr_error *err)
{
    struct server *server = state->server;
    server->start_allowance_ns = 0;
    server->is_reused = server->resident.child.pid != 0;
    server->has_answered = server->was_leaving = false;
    if (!server->is_reused) {
        server->greeted_ns = 0;
        enum mr_status status = resident_start(&server->resident, err);
        if (status != MR_OK)
            return status;
        talk_begin(&server->talk, state->config->command);
        server->start_allowance_ns = 2 * resident_group_start_ns(state->config->group);
    }
    server->stderr_mark = server->resident.child.tail_written_bytes;
    return talk_ask(&server->talk, state->pathname, err);
}

/* Goes on with the item, or begins it, in the process that is there or a new one. */
static enum mr_status work(struct server_state *state, struct mr_io *io, struct mr_error *err)
{
    struct server *server = state->server;
    bool starts = server->resident.child.pid == 0 || server->greeted_ns == 0;
    int64_t begin_ns = starts ? clock_now_ns() : 0, unused_ns = 0;
    int64_t *excused_ns = io->excused_ns ? io->excused_ns : &unused_ns;
    enum mr_status status = state->is_open ? MR_OK : begin(state, err);
    int64_t allowed_ns = starts ? server->start_allowance_ns : 0;
    server->start_allowance_ns = allowed_ns;
    *excused_ns += allowed_ns;
    if (status == MR_OK)
        status = serve(server, io, err);
    if (starts)
        *excused_ns += (server->greeted_ns > 0 ? server->greeted_ns : clock_now_ns()) - begin_ns;
    *excused_ns -= allowed_ns;
    return status;
}

/*
 * Returns when the input is used up, the room is full or the item is through: never because nothing
 * happens to be there yet, so that the result is the same for every timing. The process may answer
 * when it has read everything, or while it reads.
 */
static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct server_state *server_state = state;
    const unsigned char *in = io->in;
    size_t in_bytes = io->in_bytes;
    bool begins = !server_state->is_open;
    enum mr_status status = work(server_state, io, err);
    if (begins && status == MR_E_CHILD && server_state->server->was_leaving) {
        io->in = in;
        io->in_bytes = in_bytes;
        status = work(server_state, io, err);
    }
    server_state->is_open = status == MR_OK;
    if (status == MR_DONE)
        give_back(server_state);
    return status;
}

/* What the process wrote to stderr during the item. */
static char *details(void *state)
{
    const struct server *server = ((const struct server_state *)state)->server;
    return server ? child_tail(&server->resident.child, server->stderr_mark) : NULL;
}

static void stop(void *state)
{
    struct server_state *server_state = state;
    give_back(server_state);
    server_state->is_open = false;
}

/* Puts a server that is not in the middle of an item into the state. MR_OK or MR_E_MEMORY. */
static enum mr_status find_server(struct server_state *state, struct mr_error *err)
{
    struct resident *idle = resident_take(state->config->group);
    if (idle) {
        free(state->server);
        state->server = (struct server *)idle;
        if (is_out_of_step(state->server))
            dismiss(state->server);
        return MR_OK;
    }
    if (state->server)
        return MR_OK;
    state->server = malloc(sizeof(*state->server));
    if (!state->server)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    resident_init(&state->server->resident, state->config->group);
    state->server->stderr_mark = 0;
    state->server->greeted_ns = 0;
    state->server->received_at = state->server->received_count = 0;
    return MR_OK;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct server_state *server_state = state;
    struct resident_group *group = server_state->config->group;
    char shown[PATH_SHOW_BYTES];
    stop(state);
    if (server_state->server) /* nothing of an earlier item */
        server_state->server->stderr_mark = server_state->server->resident.child.tail_written_bytes;
    if (resident_group_is_over(group))
        return mr_error_set(err, MR_E_CHILD, 0,
                            "%s wants no more items: it has refused one with status=abort",
                            path_show(shown, sizeof(shown), resident_group_exec(group)->argv[0]));
    enum mr_status status = find_server(server_state, err);
    server_state->pathname = entry->path;
    return status;
}

/* ---- states and the configuration ---- */

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct server_state) + sizeof(struct server);
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct server_state *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->config = config;
    *state = made;
    return MR_OK;
}

static void state_destroy(void *state)
{
    struct server_state *server_state = state;
    if (!server_state)
        return;
    stop(state);
    free(server_state->server);
    free(server_state);
}

static void config_destroy(void *config)
{
    struct server_config *server_config = config;
    if (!server_config)
        return;
    resident_group_destroy(server_config->group);
    free(server_config);
}

static const struct mr_operation_internals internals = {.details = details};

static const struct mr_operation operation_exec_server =
    EXEC_OPERATION("a resident command that speaks git's filter protocol", config_destroy);

/* It is started for no one item: nothing of an item can be in its arguments. */
static enum mr_status check_argument(const char *argument, struct mr_error *err)
{
    size_t length;
    const char *found = exec_words_find(argument, ~(unsigned)EXEC_USES_WORKER, &length);
    if (!found)
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "%.*s is of one item, and in server mode the command is started for "
                        "many; {%.*s} stands for these characters themselves",
                        (int)length, found, (int)length, found);
}

enum mr_status exec_server_create(const char *const *argv, const struct exec_options *options,
                                  const struct mr_operation **operation, void **config,
                                  struct mr_error *err)
{
    for (size_t i = 1; argv[i]; i++) {
        enum mr_status status = check_argument(argv[i], err);
        if (status != MR_OK)
            return status;
    }
    struct server_config *made = calloc(1, sizeof(*made));
    struct exec_config *exec = NULL;
    enum mr_status status = made ? exec_config_create(argv, options, &exec, err)
                                 : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status == MR_OK)
        status = resident_group_create(exec, &made->group, err);
    if (status != MR_OK) {
        exec_config_destroy(exec);
        free(made);
        return status;
    }
    made->command = options->smudges ? "smudge" : "clean";
    *operation = &operation_exec_server;
    *config = made;
    return MR_OK;
}
