#include "operation/window.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int window_open(void)
{
    int fd = memfd_create("millrace-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)(2 * WINDOW_AREA_BYTES)) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

int window_map(struct window *window, int fd, bool is_worker)
{
    *window = (struct window){0};
    size_t guard_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = 2 * WINDOW_AREA_BYTES + 3 * guard_bytes;
    unsigned char *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return -1;
    *window = (struct window){.base = base, .mapped_bytes = bytes, .in = base + guard_bytes};
    window->out = window->in + WINDOW_AREA_BYTES + guard_bytes;
    int in_access = is_worker ? PROT_READ : PROT_READ | PROT_WRITE;
    if (mmap(window->in, WINDOW_AREA_BYTES, in_access, MAP_SHARED | MAP_FIXED, fd, 0) !=
            MAP_FAILED &&
        mmap(window->out, WINDOW_AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
             (off_t)WINDOW_AREA_BYTES) != MAP_FAILED)
        return 0;
    int failure = errno;
    window_unmap(window);
    errno = failure;
    return -1;
}

void window_unmap(struct window *window)
{
    if (window->base)
        munmap(window->base, window->mapped_bytes);
    *window = (struct window){0};
}

unsigned char *window_room(const struct window *window, size_t room_bytes)
{
    return window->out + (WINDOW_AREA_BYTES - room_bytes);
}
