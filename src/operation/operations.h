/* operations.h - the tables of the built-in operations. Which of them this build has: registry.c.
 */
#ifndef MR_OPERATION_OPERATIONS_H
#define MR_OPERATION_OPERATIONS_H

#include "millrace/operation.h"

extern const struct mr_operation operation_copy;

extern const struct mr_operation operation_gzip, operation_gunzip;
/* Does the config of operation_gzip ask for nothing special? Then any deflate data will do. */
bool gzip_is_default(const void *config);
extern const struct mr_operation operation_zlib, operation_unzlib;
extern const struct mr_operation operation_zstd, operation_unzstd; /* MR_HAVE_ZSTD */
extern const struct mr_operation operation_xz, operation_unxz;     /* MR_HAVE_LZMA */
extern const struct mr_operation operation_unlzma;     /* MR_HAVE_LZMA; only decompress uses it */
extern const struct mr_operation operation_unlzip;     /* likewise, with liblzma 5.4 */
extern const struct mr_operation operation_uncompress; /* only decompress uses it */
extern const struct mr_operation operation_bzip2, operation_bunzip2; /* MR_HAVE_BZIP2 */
extern const struct mr_operation operation_lz4, operation_unlz4;     /* MR_HAVE_LZ4 */
extern const struct mr_operation operation_decompress, operation_recompress;

extern const struct mr_operation operation_lf, operation_crlf;
extern const struct mr_operation operation_charset;
extern const struct mr_operation operation_hash;

#endif
