#include "operation/warden.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "operation/warden_list.h"

struct warden {
    struct warden_list *list; /* shared with the process */
    int list_fd;
    atomic_flag is_started; /* by who sets it */
    struct helper helper;
};

struct warden *warden_create(void)
{
    struct warden *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    helper_init(&made->helper);
    atomic_flag_clear(&made->is_started);
    made->list = MAP_FAILED;
    made->list_fd = memfd_create("millrace-warden", MFD_CLOEXEC);
    if (made->list_fd >= 0 && io_truncate(made->list_fd, sizeof(*made->list)) == 0)
        made->list =
            mmap(NULL, sizeof(*made->list), PROT_READ | PROT_WRITE, MAP_SHARED, made->list_fd, 0);
    if (made->list != MAP_FAILED)
        return made;
    spawn_close_fd(&made->list_fd);
    free(made);
    return NULL;
}

void warden_destroy(struct warden *warden)
{
    if (!warden)
        return;
    helper_stop(&warden->helper);
    munmap(warden->list, sizeof(*warden->list));
    spawn_close_fd(&warden->list_fd);
    free(warden);
}

void warden_note(struct warden *warden, unsigned slot, pid_t group)
{
    if (!warden || slot == 0)
        return;
    atomic_store_explicit(&warden->list->groups[slot - 1], group, memory_order_relaxed);
    if (group > 0 && !atomic_flag_test_and_set(&warden->is_started))
        helper_start(&warden->helper, "warden", &warden->list_fd, 1, NULL);
}
