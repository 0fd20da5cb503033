#include "base/filelock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define PAUSE_NS        10000000
#define TRIES_MAX_COUNT 200 /* pauses together: 2 s */

/* "7: FLOCK  ADVISORY  WRITE 4711 00:1f:815 0 EOF", see proc_locks(5). */
static pid_t find_owner(int fd)
{
    struct stat st;
    FILE *locks = fstat(fd, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    char line[256];
    pid_t owner = 0;
    while (locks && owner == 0 && fgets(line, sizeof(line), locks)) {
        char kind[16];
        int pid;
        unsigned device_major, device_minor;
        unsigned long long inode;
        if (sscanf(line, "%*s %15s %*s %*s %d %x:%x:%llu", kind, &pid, &device_major, &device_minor,
                   &inode) == 5 &&
            strcmp(kind, "FLOCK") == 0 && device_major == major(st.st_dev) &&
            device_minor == minor(st.st_dev) && inode == st.st_ino && pid > 0)
            owner = pid;
    }
    if (locks)
        fclose(locks);
    return owner;
}

static int take(int fd, bool is_shared)
{
    int result;
    do {
        result = flock(fd, (is_shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result;
}

static bool is_gone(pid_t process)
{
    return kill(process, 0) != 0 && errno == ESRCH;
}

/*
 * A process that is killed while it starts another one leaves the lock to that, until it becomes
 * another program: at once, where there is time for it. Nobody has a lock that was let go since it
 * was refused.
 */
int filelock_take(int fd, bool is_shared, pid_t *owner)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_NS};
    bool was_found = true;
    *owner = 0;
    for (int tries = 0; tries < TRIES_MAX_COUNT; tries++) {
        int result = take(fd, is_shared);
        if (result == 0 || errno != EWOULDBLOCK)
            return result;
        *owner = find_owner(fd);
        if (*owner == 0 ? !was_found : !is_gone(*owner))
            break;
        was_found = *owner != 0;
        nanosleep(&pause, NULL);
    }
    errno = EWOULDBLOCK;
    return -1;
}

static struct flock part_of(int64_t offset_bytes, int64_t size_bytes, bool is_shared)
{
    return (struct flock){.l_type = is_shared ? F_RDLCK : F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = offset_bytes,
                          .l_len = size_bytes};
}

int filelock_take_part(int fd, int64_t offset_bytes, int64_t size_bytes, bool is_shared)
{
    struct flock part = part_of(offset_bytes, size_bytes, is_shared);
    int result;
    do {
        result = fcntl(fd, F_OFD_SETLK, &part);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EACCES)
        errno = EWOULDBLOCK;
    return result;
}

bool filelock_find_part(int fd, int64_t offset_bytes, int64_t size_bytes, int64_t *found_bytes)
{
    struct flock part = part_of(offset_bytes, size_bytes, false);
    if (fcntl(fd, F_OFD_GETLK, &part) != 0 || part.l_type == F_UNLCK)
        return false;
    *found_bytes = part.l_start;
    return true;
}
