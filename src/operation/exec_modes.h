/* exec_modes.h - the operations that exec_create() chooses from. Their configuration is struct
 * exec_config. */
#ifndef MR_OPERATION_EXEC_MODES_H
#define MR_OPERATION_EXEC_MODES_H

#include "millrace/operation.h"

extern const struct mr_operation operation_exec_filter, operation_exec_file;

#endif
