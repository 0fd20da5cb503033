/* exec_filter.c - filter mode: the content goes to the command's stdin, its stdout is the result.
 * process() waits for nothing but its own child. */
#include <stdlib.h>

#include "operation/exec_modes.h"
#include "operation/exec_run.h"

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct exec_run);
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct exec_run *made = malloc(sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    exec_run_init(made, config);
    *state = made;
    return MR_OK;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    return exec_run_start(state, &(struct exec_target){.entry = entry}, err);
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    return exec_run_pump(state, io, err);
}

static char *details(void *state)
{
    const struct exec_run *run = state;
    return child_tail(&run->child, 0);
}

static void stop(void *state)
{
    exec_run_stop(state);
}

static void state_destroy(void *state)
{
    if (!state)
        return;
    exec_run_stop(state);
    free(state);
}

static const struct mr_operation_internals internals = {.details = details};

const struct mr_operation operation_exec_filter =
    EXEC_OPERATION("a command: stdin is the content, stdout the result", exec_config_destroy);
