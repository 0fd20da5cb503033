#include "operation/registry.h"

#include <string.h>

#include "config.h"
#include "operation/operations.h"

static const struct mr_operation *const operations[] = {
    &operation_copy,
    &operation_gzip,
    &operation_gunzip,
    &operation_zlib,
    &operation_unzlib,
#if MR_HAVE_ZSTD
    &operation_zstd,
    &operation_unzstd,
#endif
#if MR_HAVE_LZMA
    &operation_xz,
    &operation_unxz,
#endif
#if MR_HAVE_BZIP2
    &operation_bzip2,
    &operation_bunzip2,
#endif
#if MR_HAVE_LZ4
    &operation_lz4,
    &operation_unlz4,
#endif
    &operation_decompress,
    &operation_recompress,
    &operation_lf,
    &operation_crlf,
    &operation_charset,
    &operation_hash,
    NULL,
};

/* What would be there with the library. */
static const struct missing {
    const char *name;
    const char *library;
} missing[] = {
#if !MR_HAVE_ZSTD
    {"zstd", "libzstd"}, {"unzstd", "libzstd"},
#endif
#if !MR_HAVE_LZMA
    {"xz", "liblzma"},   {"unxz", "liblzma"},
#endif
#if !MR_HAVE_BZIP2
    {"bzip2", "libbz2"}, {"bunzip2", "libbz2"},
#endif
#if !MR_HAVE_LZ4
    {"lz4", "liblz4"},   {"unlz4", "liblz4"},
#endif
    {NULL, NULL},
};

const struct mr_operation *registry_at(size_t index)
{
    return index < sizeof(operations) / sizeof(operations[0]) ? operations[index] : NULL;
}

const struct mr_operation *registry_find(const char *name)
{
    for (size_t i = 0; operations[i]; i++) {
        if (strcmp(operations[i]->name, name) == 0)
            return operations[i];
    }
    return NULL;
}

const char *registry_name_at(const void *ctx, size_t index)
{
    (void)ctx;
    const struct mr_operation *operation = registry_at(index);
    return operation ? operation->name : NULL;
}

const char *registry_missing_library(const char *name)
{
    for (const struct missing *row = missing; row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return row->library;
    }
    return NULL;
}
