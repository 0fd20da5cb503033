/* exec_server.h - makes the exec operation of server mode. */
#ifndef MR_OPERATION_EXEC_SERVER_H
#define MR_OPERATION_EXEC_SERVER_H

#include "operation/exec.h"

/* As exec_create(), for options->mode EXEC_SERVER. argv[0] is known to hold no placeholder. */
enum mr_status exec_server_create(const char *const *argv, const struct exec_options *options,
                                  const struct mr_operation **operation, void **config,
                                  struct mr_error *err);

#endif
