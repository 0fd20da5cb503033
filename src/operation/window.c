#include "operation/window.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"

int window_open(void)
{
    int fd = memfd_create("millrace-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (io_truncate(fd, (off_t)WINDOW_BYTES) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

/* Maps the next area, after the guard that *at points to, and moves *at behind it. */
static bool map_area(unsigned char **at, size_t guard_bytes, size_t bytes, int access, int fd,
                     off_t offset)
{
    unsigned char *area = *at + guard_bytes;
    *at = area + bytes;
    return mmap(area, bytes, access, MAP_SHARED | MAP_FIXED, fd, offset) != MAP_FAILED;
}

int window_map(struct window *window, int fd, bool is_worker)
{
    *window = (struct window){0};
    size_t guard_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = WINDOW_BYTES + 4 * guard_bytes;
    unsigned char *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return -1;
    window->base = base;
    window->mapped_bytes = bytes;
    window->message = base + guard_bytes;
    window->in = window->message + WINDOW_MESSAGE_BYTES + guard_bytes;
    window->out = window->in + WINDOW_AREA_BYTES + guard_bytes;
    const int both = PROT_READ | PROT_WRITE;
    unsigned char *at = base;
    if (map_area(&at, guard_bytes, WINDOW_MESSAGE_BYTES, both, fd, 0) &&
        map_area(&at, guard_bytes, WINDOW_AREA_BYTES, is_worker ? PROT_READ : both, fd,
                 (off_t)WINDOW_MESSAGE_BYTES) &&
        map_area(&at, guard_bytes, WINDOW_AREA_BYTES, both, fd,
                 (off_t)(WINDOW_MESSAGE_BYTES + WINDOW_AREA_BYTES)))
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
