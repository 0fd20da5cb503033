/* exec_modes.h - the operations that exec_create() chooses from. The configuration of the first two
 * is struct exec_config; exec_server_create() makes that of the third. */
#ifndef MR_OPERATION_EXEC_MODES_H
#define MR_OPERATION_EXEC_MODES_H

#include "operation/internals.h"

extern const struct mr_operation operation_exec_filter, operation_exec_file;

/*
 * The table entry of a mode: its summary, what destroys its configuration, and the functions of the
 * file that it stands in, which have these names in all of them.
 */
#define EXEC_OPERATION(text, destroy)                                                              \
    {                                                                                              \
        .struct_bytes = sizeof(struct mr_operation), .name = "exec", .summary = (text),            \
        .flags = MR_OPERATION_OUTSIDE, .config_destroy = (destroy), .state_bytes = state_bytes,    \
        .state_create = state_create, .start = start, .process = process, .stop = stop,            \
        .state_destroy = state_destroy, .internals = &internals                                    \
    }

#endif
