#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/path.h"
#include "source/sqlar_file.h"

#define VFS_NAME     "millrace-descriptor"
#define SECTOR_BYTES 4096

/* What SQLite knows as a file. */
struct opened {
    sqlite3_file file; /* first */
    struct sqlar_file from;
};

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *buffer, int size_bytes, sqlite3_int64 at_bytes)
{
    const struct sqlar_file *from = &((struct opened *)file)->from;
    size_t want = (size_t)size_bytes, got = 0;
    if (at_bytes >= from->size_bytes)
        want = 0;
    else if (from->size_bytes - at_bytes < size_bytes)
        want = (size_t)(from->size_bytes - at_bytes);
    if (io_pread(from->fd, buffer, want, from->start_bytes + at_bytes, &got) != 0)
        return SQLITE_IOERR_READ;
    if (got == (size_t)size_bytes)
        return SQLITE_OK;
    memset((unsigned char *)buffer + got, 0, (size_t)size_bytes - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *data, int size_bytes, sqlite3_int64 at_bytes)
{
    (void)file;
    (void)data;
    (void)size_bytes;
    (void)at_bytes;
    return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size_bytes)
{
    (void)file;
    (void)size_bytes;
    return SQLITE_READONLY;
}

static int file_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size_bytes)
{
    *size_bytes = ((struct opened *)file)->from.size_bytes;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *file, int *is_reserved)
{
    (void)file;
    *is_reserved = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int what, void *about)
{
    (void)file;
    (void)what;
    (void)about;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR_BYTES;
}

/* Then SQLite takes no locks and looks for no journal. */
static int file_device(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
};

/* name: see make_name(). Other files, which would be temporary ones, are not there. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *given_flags)
{
    struct opened *opened = (struct opened *)file;
    long long start_bytes, size_bytes;
    (void)vfs;
    opened->file.pMethods = NULL;
    if (!name || !(flags & SQLITE_OPEN_MAIN_DB) ||
        sscanf(name, "%d %lld %lld", &opened->from.fd, &start_bytes, &size_bytes) != 3)
        return SQLITE_CANTOPEN;
    opened->from.start_bytes = start_bytes;
    opened->from.size_bytes = size_bytes;
    opened->file.pMethods = &file_methods;
    if (given_flags)
        *given_flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    (void)name;
    (void)syncs;
    return SQLITE_READONLY;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *is_there)
{
    (void)vfs;
    (void)name;
    (void)flags;
    *is_there = 0;
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int cap_bytes, char *full)
{
    (void)vfs;
    sqlite3_snprintf(cap_bytes, full, "%s", name);
    return SQLITE_OK;
}

/* Nothing that is read depends on chance or time. */
static int vfs_randomness(sqlite3_vfs *vfs, int size_bytes, char *out)
{
    (void)vfs;
    memset(out, 0, (size_t)size_bytes);
    return size_bytes;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *julian_day)
{
    (void)vfs;
    *julian_day = 2440587.5; /* 1970 */
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int cap_bytes, char *out)
{
    (void)vfs;
    (void)cap_bytes;
    (void)out;
    return errno;
}

/* SQLite's, under its lock, as soon as it is registered. */
static sqlite3_vfs vfs = {
    .iVersion = 1,
    .szOsFile = sizeof(struct opened),
    .mxPathname = 128,
    .zName = VFS_NAME,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_name,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
};

enum mr_status sqlar_file_fail(sqlite3 *database, int code, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), database ? sqlite3_errmsg(database) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    case SQLITE_IOERR:
        if (code != SQLITE_IOERR_SHORT_READ)
            return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
        break;
    default:
        break;
    }
    return mr_error_set(err, MR_E_DATA, 0, "damaged or truncated archive: %s", shown);
}

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

enum mr_status sqlar_file_check(const struct sqlar_file *file, struct mr_error *err)
{
    enum { HEADER_BYTES = 100, PAGE_AT = 16, CHANGES_AT = 24, COUNT_AT = 28, VALID_FOR_AT = 92 };
    unsigned char header[HEADER_BYTES];
    size_t got = 0;
    if (io_pread(file->fd, header, sizeof(header), file->start_bytes, &got) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    int64_t page_bytes = header[PAGE_AT] << 8 | header[PAGE_AT + 1];
    int64_t page_count = get32(header + COUNT_AT);
    if (page_bytes == 1) /* 65,536 has 17 bits */
        page_bytes = 65536;
    bool has_count = page_count > 0 && get32(header + CHANGES_AT) == get32(header + VALID_FOR_AT);
    bool is_whole = got == sizeof(header) && page_bytes >= 512 &&
                    file->size_bytes % page_bytes == 0 &&
                    (!has_count || file->size_bytes / page_bytes == page_count);
    return is_whole ? MR_OK
                    : mr_error_set(err, MR_E_DATA, 0,
                                   "damaged or truncated archive: its size is not what its header "
                                   "says");
}

/* The database is not trusted. */
static int set_up(sqlite3 *database, int cache_kib)
{
    char sql[160];
    sqlite3_extended_result_codes(database, 1);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
    snprintf(sql, sizeof(sql),
             "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
             "PRAGMA query_only=ON; PRAGMA cache_size=-%d",
             cache_kib);
    return sqlite3_exec(database, sql, NULL, NULL, NULL);
}

enum mr_status sqlar_file_open(const struct sqlar_file *file, int cache_kib, sqlite3 **database,
                               struct mr_error *err)
{
    char name[100];
    *database = NULL;
    snprintf(name, sizeof(name), "%d %lld %lld", file->fd, (long long)file->start_bytes,
             (long long)file->size_bytes);
    int code = sqlite3_initialize();
    if (code == SQLITE_OK)
        code = sqlite3_vfs_register(&vfs, 0);
    if (code == SQLITE_OK)
        code =
            sqlite3_open_v2(name, database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, VFS_NAME);
    if (code == SQLITE_OK)
        code = set_up(*database, cache_kib);
    if (code == SQLITE_OK)
        return MR_OK;
    enum mr_status status = sqlar_file_fail(*database, code, err);
    sqlite3_close(*database);
    *database = NULL;
    return status;
}
