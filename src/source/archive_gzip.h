/*
 * archive_gzip.h - the plain bytes of gzip data (RFC 1952) that lies around an archive, with every
 * member's CRC and length checked: libarchive's own gzip filter does not look at them.
 */
#ifndef MR_SOURCE_ARCHIVE_GZIP_H
#define MR_SOURCE_ARCHIVE_GZIP_H

#include <sys/types.h>

#include "millrace/status.h"

struct archive_gzip;

/* pull(ctx, &data) gives the next bytes of the input: their number, 0 at its end, -1 when it cannot
 * read. MR_OK, MR_E_MEMORY. */
enum mr_status archive_gzip_create(ssize_t (*pull)(void *ctx, const void **data), void *ctx,
                                   struct archive_gzip **gzip);
void archive_gzip_destroy(struct archive_gzip *gzip); /* NULL is a no-op */
/*
 * The next plain bytes, valid until the next call: their number; 0 at the end of the last member;
 * -1 with *problem when the data is damaged or cut off, or with NULL there when pull failed.
 */
ssize_t archive_gzip_read(struct archive_gzip *gzip, const void **data, const char **problem);

#endif
