/*
 * warden_main.c - millrace-warden: waits until the process that started it has ended, and ends the
 * commands that this one has left running. operation/warden.h
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#include "helper/begin.h"
#include "operation/warden_list.h"

enum { EXIT_NO_LIST = 66 };

#define GRACE_NS 500000000L /* between SIGTERM and SIGKILL */

static void await_the_end(void)
{
    struct pollfd leash = {.fd = HELPER_LEASH_FD, .events = POLLIN};
    while (poll(&leash, 1, -1) < 0 && errno == EINTR)
        continue;
}

/* True when there was any. */
static bool signal_all(struct warden_list *list, int number)
{
    bool is_any = false;
    for (unsigned i = 0; i < EXEC_SLOTS_MAX; i++) {
        int group = atomic_load_explicit(&list->groups[i], memory_order_relaxed);
        if (group > 1 && kill(-group, number) == 0)
            is_any = true;
    }
    return is_any;
}

int main(void)
{
    const struct timespec grace = {.tv_nsec = GRACE_NS};
    begin_unleashed();
    struct warden_list *list = mmap(NULL, sizeof(*list), PROT_READ, MAP_SHARED, WARDEN_LIST_FD, 0);
    if (list == MAP_FAILED)
        return EXIT_NO_LIST;
    await_the_end();
    if (signal_all(list, SIGTERM)) {
        signal_all(list, SIGCONT);
        nanosleep(&grace, NULL);
        signal_all(list, SIGKILL);
    }
    return 0;
}
