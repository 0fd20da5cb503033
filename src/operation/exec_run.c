#include "operation/exec_run.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"

#define CANCEL_INTERVAL_MS 100
/* How long stdout may be silent when the command has ended and something it started holds the pipe.
 */
#define SILENCE_NS INT64_C(1000000000)
/* Between SIGTERM and SIGKILL: for a command that is late, and for one whose item is not wanted any
 * more, which somebody may wait for. */
#define GRACE_NS           INT64_C(500000000)
#define GRACE_DROPPED_NS   INT64_C(100000000)
#define NS_PER_MS          INT64_C(1000000)
#define STDERR_BURST_COUNT 8 /* reads of stderr before stdin and stdout have their turn again */

void exec_run_init(struct exec_run *run, const struct exec_config *config)
{
    run->config = config;
    run->slot = 0;
    child_init(&run->child);
}

void exec_run_stop(struct exec_run *run)
{
    child_stop(&run->child);
    warden_note(run->config->warden, run->slot, 0);
    if (run->slot > 0)
        exec_slots_give(run->config->slots, run->slot);
    run->slot = 0;
}

enum mr_status exec_run_start(struct exec_run *run, const struct exec_target *target,
                              struct mr_error *err)
{
    const struct exec_config *config = run->config;
    exec_run_stop(run);
    run->slot = exec_slots_take(config->slots);
    if (run->slot == 0)
        return mr_error_set(err, MR_E_LIMIT, 0, "more than %d commands at once", EXEC_SLOTS_MAX);
    char sequence[24], slot[16];
    snprintf(sequence, sizeof(sequence), "%llu", (unsigned long long)target->entry->sequence);
    snprintf(slot, sizeof(slot), "%u", run->slot);
    const struct exec_words words = {.path = target->entry->path,
                                     .sequence = sequence,
                                     .slot = slot,
                                     .threads = config->threads,
                                     .in = target->in,
                                     .out = target->out};
    struct exec_start start;
    enum mr_status status = exec_start_init(&start, config, target->entry, &words, err);
    if (status == MR_OK) {
        status = child_spawn(&run->child, start.argv, start.environment, target->flags, err);
        exec_start_fini(&start);
    }
    if (status == MR_OK)
        warden_note(config->warden, run->slot, run->child.pid);
    else
        exec_run_stop(run);
    return status;
}

/* Gives the child what it takes now; what it does not want is dropped. *has_moved is set when it
 * took something. */
static enum mr_status feed(struct child *child, struct mr_io *io, bool *has_moved,
                           struct mr_error *err)
{
    while (io->in_bytes > 0) {
        size_t used_bytes;
        enum mr_status status = child_write(child, io->in, io->in_bytes, &used_bytes, err);
        if (status == MR_AGAIN)
            return MR_OK;
        if (status == MR_DONE)
            used_bytes = io->in_bytes;
        else if (status != MR_OK)
            return status;
        else
            *has_moved = true;
        io->in += used_bytes;
        io->in_bytes -= used_bytes;
    }
    if (io->is_last)
        child_close_stdin(child);
    return MR_OK;
}

static enum mr_status drain_stderr(struct child *child, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    for (int i = 0; status == MR_OK && i < STDERR_BURST_COUNT; i++)
        status = child_read_stderr(child, err);
    return mr_status_is_error(status) ? status : MR_OK;
}

/* Takes what stdout and stderr have now, as far as there is room. */
static enum mr_status drain(struct child *child, struct mr_io *io, bool *has_moved,
                            struct mr_error *err)
{
    enum mr_status status = MR_OK;
    while (status == MR_OK && io->out_bytes > 0) {
        size_t got_bytes;
        status = child_read(child, io->out, io->out_bytes, &got_bytes, err);
        io->out += got_bytes;
        io->out_bytes -= got_bytes;
        *has_moved = *has_moved || got_bytes > 0;
    }
    return mr_status_is_error(status) ? status : drain_stderr(child, err);
}

/* Fills err with what happened to the command, and the last line that it wrote to stderr. */
static enum mr_status fail(const struct exec_run *run, enum mr_status status, const char *what,
                           struct mr_error *err)
{
    char command[PATH_SHOW_BYTES / 2], line[PATH_SHOW_BYTES], shown[PATH_SHOW_BYTES];
    path_show(command, sizeof(command), run->config->argv[0]);
    path_show(shown, sizeof(shown), child_last_line(&run->child, line, sizeof(line)));
    return mr_error_set(err, status, 0, "%s %s%s%s", command, what, shown[0] ? ": " : "", shown);
}

/* The end of the command as the end of the item. */
static enum mr_status finish(struct exec_run *run, struct mr_error *err)
{
    const struct child *child = &run->child;
    exec_run_stop(run);
    char what[SPAWN_END_BYTES];
    if (child->end.kind == SPAWN_EXITED && exec_config_is_ok(run->config, child->end.number))
        return MR_DONE;
    spawn_end_text(&child->end, what, sizeof(what));
    if (child->end.kind == SPAWN_EXITED && child->end.number == 0) /* as if it had not failed */
        return fail(run, MR_E_CHILD, "exited with status 0, which is none of --ok-status", err);
    return fail(run, MR_E_CHILD, what, err);
}

/* In ms, rounded up, for child_poll(). */
static int ms_until(int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - clock_now_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* It is asked to go, then killed. */
static void end_early(struct exec_run *run, int64_t grace_ns)
{
    struct child *child = &run->child;
    child_terminate(child);
    child_await(child, clock_now_ns() + grace_ns);
    exec_run_stop(run);
}

/* How long child_poll() may wait: while the child lives, as long as nobody needs to be asked
 * whether the item is still wanted. In ms. */
static int poll_ms(const struct child *child, const struct mr_io *io, int64_t silent_since_ns)
{
    int wait_ms = child->has_ended ? ms_until(silent_since_ns + SILENCE_NS) : CANCEL_INTERVAL_MS;
    int left_ms = io->deadline_ns != 0 ? ms_until(io->deadline_ns) : wait_ms;
    return left_ms < wait_ms ? left_ms : wait_ms;
}

/*
 * What ends the item before all has been read. MR_OK: nothing. A command that has ended in time,
 * and all that it wrote has been taken, is not late because something that it started holds the
 * pipes.
 */
static enum mr_status check_limits(struct exec_run *run, const struct mr_io *io,
                                   struct mr_error *err)
{
    if (io->is_cancelled && io->is_cancelled(io->cancel_ctx)) {
        end_early(run, GRACE_DROPPED_NS);
        return mr_error_set(err, MR_CANCELLED, 0, "stopped");
    }
    if (io->deadline_ns == 0 || clock_now_ns() < io->deadline_ns)
        return MR_OK;
    if (io->out_bytes > 0 && run->child.has_ended)
        return finish(run, err);
    end_early(run, GRACE_NS);
    return fail(run, MR_E_TIMEOUT, "was ended", err);
}

enum mr_status exec_run_pump(struct exec_run *run, struct mr_io *io, struct mr_error *err)
{
    struct child *child = &run->child;
    int64_t silent_since_ns = clock_now_ns();
    enum mr_status status = MR_OK;
    while (status == MR_OK) {
        bool has_moved = false;
        status = feed(child, io, &has_moved, err);
        if (status == MR_OK)
            status = drain(child, io, &has_moved, err);
        if (status != MR_OK)
            break;
        if (child->out_fd < 0 && child->err_fd < 0 && child_check_end(child))
            return finish(run, err);
        status = check_limits(run, io, err);
        if (status != MR_OK)
            break;
        if (io->out_bytes == 0 || (io->in_bytes == 0 && !io->is_last))
            return MR_OK;
        if (has_moved || !child->has_ended)
            silent_since_ns = clock_now_ns();
        if (child->has_ended && ms_until(silent_since_ns + SILENCE_NS) == 0)
            return finish(run, err);
        status = child_poll(child, io->in_bytes > 0, poll_ms(child, io, silent_since_ns), err);
        if (status == MR_TIMEOUT)
            status = MR_OK;
        if (!child->has_ended && child_check_end(child))
            silent_since_ns = clock_now_ns();
    }
    exec_run_stop(run);
    return status;
}
