/* warden_list.h - what a run and its warden (operation/warden.h, src/helper/warden_main.c) share.
 */
#ifndef MR_OPERATION_WARDEN_LIST_H
#define MR_OPERATION_WARDEN_LIST_H

#include <stdatomic.h>

#include "base/helper.h"
#include "operation/exec_slots.h"

#define WARDEN_LIST_FD HELPER_FIRST_FD /* of the process: the memory of the list */

struct warden_list {
    atomic_int groups[EXEC_SLOTS_MAX]; /* by slot, from 1; 0: none */
};

#endif
