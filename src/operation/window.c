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

/* What has been laid out so far. */
struct layout {
    unsigned char *at; /* the next guard */
    off_t offset;      /* of the next area, in the memory */
    size_t guard_bytes;
    int fd;
};

/* Maps the next area behind a guard; NULL with errno. */
static unsigned char *map_area(struct layout *layout, size_t bytes, int access)
{
    unsigned char *area = layout->at + layout->guard_bytes;
    off_t offset = layout->offset;
    layout->at = area + bytes;
    layout->offset += (off_t)bytes;
    if (mmap(area, bytes, access, MAP_SHARED | MAP_FIXED, layout->fd, offset) == MAP_FAILED)
        return NULL;
    return area;
}

static bool map_place(struct layout *layout, struct window_place *place, bool is_large,
                      bool is_worker)
{
    const int both = PROT_READ | PROT_WRITE;
    place->message_bytes = is_large ? WINDOW_MESSAGE_BYTES : WINDOW_SMALL_MESSAGE_BYTES;
    place->area_bytes = is_large ? WINDOW_AREA_BYTES : WINDOW_SMALL_AREA_BYTES;
    place->message = map_area(layout, place->message_bytes, both);
    place->in = map_area(layout, place->area_bytes, is_worker ? PROT_READ : both);
    place->out = map_area(layout, place->area_bytes, both);
    return place->message && place->in && place->out;
}

int window_map(struct window *window, int fd, bool is_worker)
{
    const unsigned place_count = 1 + WINDOW_SMALL_COUNT;
    *window = (struct window){0};
    size_t guard_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = WINDOW_BYTES + (3 * place_count + 1) * guard_bytes;
    unsigned char *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return -1;
    window->base = base;
    window->mapped_bytes = bytes;
    struct layout layout = {.at = base, .guard_bytes = guard_bytes, .fd = fd};
    for (unsigned i = 0; i < place_count; i++) {
        if (map_place(&layout, &window->places[i], i == 0, is_worker))
            continue;
        int failure = errno;
        window_unmap(window);
        errno = failure;
        return -1;
    }
    return 0;
}

void window_unmap(struct window *window)
{
    if (window->base)
        munmap(window->base, window->mapped_bytes);
    *window = (struct window){0};
}

unsigned char *window_room(const struct window_place *place, size_t room_bytes)
{
    return place->out + (place->area_bytes - room_bytes);
}
