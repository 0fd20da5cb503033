/* decompress: what the first bytes say the content is, decides which decoder gets it; other content
 * goes through. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#if MR_HAVE_LZMA
#include <lzma.h>
#endif
#include "operation/codec.h"
#include "operation/operations.h"

#define SNIFF_BYTES 13 /* the header of .lzma, which has no magic number */

static bool is_gzip(const unsigned char *head)
{
    return head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3] < 0x20;
}

/* Skippable frames belong to lz4 as well, but files that begin with one come from pzstd. */
static bool is_zstd(const unsigned char *head)
{
    bool is_skippable = (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0;
    return is_skippable || memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0;
}

static bool is_xz(const unsigned char *head)
{
    return memcmp(head,
                  "\xfd"
                  "7zXZ\0",
                  6) == 0;
}

/* The magic number and the mark of the first block, or of the end: "BZh9" alone may begin a text.
 */
static bool is_bzip2(const unsigned char *head)
{
    return memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9' &&
           (memcmp(head + 4, "1AY&SY", 6) == 0 ||
            memcmp(head + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

static bool is_lz4(const unsigned char *head)
{
    return memcmp(head, "\x04\x22\x4d\x18", 4) == 0 || memcmp(head, "\x02\x21\x4c\x18", 4) == 0;
}

/* Properties that can be (lc + lp <= 4), a dictionary of 2^n or 2^n + 2^(n-1) bytes, and a size
 * that is unknown or below 256 GiB: as xz takes them. */
static bool is_any_lzma(const unsigned char *head)
{
    unsigned lc = head[0] % 9, lp = head[0] / 9 % 5, pb = head[0] / 45;
    if (pb > 4 || lc + lp > 4)
        return false;
    uint32_t dictionary = (uint32_t)head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 |
                          (uint32_t)head[4] << 24;
    uint32_t lowest = dictionary & (~dictionary + 1);
    bool is_power =
        dictionary != 0 && (dictionary == lowest || dictionary == lowest + 2 * (uint64_t)lowest);
    uint64_t size = 0;
    for (unsigned i = 0; i < 8; i++)
        size |= (uint64_t)head[5 + i] << (8 * i);
    return is_power && dictionary >= 4096 && (size == UINT64_MAX || size < (uint64_t)1 << 38);
}

/* With the properties that nearly all have. */
static bool is_lzma(const unsigned char *head)
{
    return head[0] == 0x5d && is_any_lzma(head);
}

static bool is_lzip(const unsigned char *head)
{
    return memcmp(head, "LZIP", 4) == 0 && head[4] <= 1;
}

static bool is_compress(const unsigned char *head)
{
    return head[0] == 0x1f && head[1] == 0x9d;
}

#if MR_HAVE_LZMA && LZMA_VERSION >= UINT32_C(50040002)
#define LZIP_DECODER (&operation_unlzip)
#else
#define LZIP_DECODER NULL
#endif

/* Two bytes that are often there by chance. */
static bool is_zlib(const unsigned char *head)
{
    return (head[0] & 15) == 8 && head[0] >> 4 <= 7 && (head[0] * 256 + head[1]) % 31 == 0;
}

static const struct format {
    const char *name;
    const char *library;
    const struct mr_operation *decoder; /* NULL: this build was made without the library */
    size_t head_bytes;
    bool (*match)(const unsigned char *head);
    bool is_weak; /* often there by chance: only where the name says so too */
} formats[] = {
    {"gzip", "zlib", &operation_gunzip, 4, is_gzip, false},
    {"compress", "", &operation_uncompress, 2, is_compress, false},
    {"lzip", "liblzma 5.4", LZIP_DECODER, 5, is_lzip, false},
#if MR_HAVE_ZSTD
    {"zstd", "libzstd", &operation_unzstd, 4, is_zstd, false},
#else
    {"zstd", "libzstd", NULL, 4, is_zstd, false},
#endif
#if MR_HAVE_LZMA
    {"xz", "liblzma", &operation_unxz, 6, is_xz, false},
    {"lzma", "liblzma", &operation_unlzma, 13, is_lzma, false},
    {"lzma", "liblzma", &operation_unlzma, 13, is_any_lzma, true},
#else
    {"xz", "liblzma", NULL, 6, is_xz, false},
    {"lzma", "liblzma", NULL, 13, is_lzma, false},
    {"lzma", "liblzma", NULL, 13, is_any_lzma, true},
#endif
#if MR_HAVE_BZIP2
    {"bzip2", "libbz2", &operation_bunzip2, 10, is_bzip2, false},
#else
    {"bzip2", "libbz2", NULL, 10, is_bzip2, false},
#endif
#if MR_HAVE_LZ4
    {"lz4", "liblz4", &operation_unlz4, 4, is_lz4, false},
#else
    {"lz4", "liblz4", NULL, 4, is_lz4, false},
#endif
    {"zlib", "zlib", &operation_unzlib, 2, is_zlib, true},
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

struct decompressor {
    const struct mr_entry *entry;      /* of the current item */
    const struct mr_operation *chosen; /* for it; NULL: not known yet */
    bool is_claimed;                   /* by the name of the item: it is compressed */
    unsigned char head[SNIFF_BYTES];   /* when the first input is shorter than what must be seen */
    size_t head_count, head_at;
    /* The decoder of the last compressed item; one of another kind takes its place. */
    const struct mr_operation *held;
    void *held_state; /* owned */
};

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct decompressor));
    return *state ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static void drop_held(struct decompressor *decompressor)
{
    if (decompressor->held)
        decompressor->held->state_destroy(decompressor->held_state);
    decompressor->held = NULL;
    decompressor->held_state = NULL;
}

static void state_destroy(void *state)
{
    drop_held(state);
    free(state);
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)err;
    struct decompressor *decompressor = state;
    decompressor->entry = entry;
    decompressor->chosen = NULL;
    decompressor->head_count = decompressor->head_at = 0;
    return MR_OK;
}

/* operation_copy has no state; what else is chosen has the one that is held. */
static void *state_of_chosen(const struct decompressor *decompressor)
{
    return decompressor->chosen == decompressor->held ? decompressor->held_state : NULL;
}

static void stop(void *state)
{
    struct decompressor *decompressor = state;
    if (decompressor->chosen && decompressor->chosen->stop)
        decompressor->chosen->stop(state_of_chosen(decompressor));
    decompressor->chosen = NULL;
}

static enum mr_status hold(struct decompressor *decompressor, const struct mr_operation *decoder,
                           struct mr_error *err)
{
    if (decompressor->held == decoder)
        return MR_OK;
    drop_held(decompressor);
    enum mr_status status = decoder->state_create(NULL, &decompressor->held_state, err);
    if (status == MR_OK)
        decompressor->held = decoder;
    return status;
}

static enum mr_status choose(struct decompressor *decompressor, const unsigned char *head,
                             size_t count, struct mr_error *err)
{
    const struct format *format = formats, *end = formats + FORMAT_COUNT;
    while (format < end && !(count >= format->head_bytes && format->match(head) &&
                             (decompressor->is_claimed || !format->is_weak)))
        format++;
    if (format == end) {
        decompressor->chosen = &operation_copy;
        return decompressor->is_claimed
                   ? mr_error_set(err, MR_E_DATA, 0,
                                  "is damaged, or none of what its name says: nothing that could "
                                  "be unpacked")
                   : MR_OK;
    }
    if (!format->decoder)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "this is %s data, and this build has no %s (built without %s)",
                            format->name, format->name, format->library);
    enum mr_status status = hold(decompressor, format->decoder, err);
    if (status == MR_OK)
        status = format->decoder->start(decompressor->held_state, decompressor->entry, err);
    if (status == MR_OK)
        decompressor->chosen = format->decoder;
    return status;
}

/* Looks at the input where it is if there is enough of it, else gathers. MR_OK with nothing chosen:
 * more is needed. */
static enum mr_status sniff(struct decompressor *decompressor, struct mr_io *io,
                            struct mr_error *err)
{
    if (decompressor->head_count == 0 && (io->is_last || io->in_bytes >= SNIFF_BYTES))
        return choose(decompressor, io->in, io->in_bytes, err);
    while (decompressor->head_count < SNIFF_BYTES && io->in_bytes > 0) {
        decompressor->head[decompressor->head_count++] = *io->in++;
        io->in_bytes--;
    }
    if (decompressor->head_count < SNIFF_BYTES && !io->is_last)
        return MR_OK;
    return choose(decompressor, decompressor->head, decompressor->head_count, err);
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct decompressor *decompressor = state;
    if (!decompressor->chosen) {
        const char *path = decompressor->entry->path;
        decompressor->is_claimed = io->is_as_named && path && codec_suffix_is_there(path);
        enum mr_status status = sniff(decompressor, io, err);
        if (status != MR_OK || !decompressor->chosen)
            return status;
    }
    while (decompressor->head_at < decompressor->head_count) {
        struct mr_io head = {.in = decompressor->head + decompressor->head_at,
                             .in_bytes = decompressor->head_count - decompressor->head_at,
                             .is_last = io->is_last && io->in_bytes == 0,
                             .out = io->out,
                             .out_bytes = io->out_bytes};
        enum mr_status status =
            decompressor->chosen->process(state_of_chosen(decompressor), &head, err);
        decompressor->head_at = decompressor->head_count - head.in_bytes;
        io->out = head.out;
        io->out_bytes = head.out_bytes;
        io->remark = head.remark;
        if (status != MR_OK || io->out_bytes == 0)
            return status;
    }
    if (io->in_bytes == 0 && !io->is_last)
        return MR_OK;
    return decompressor->chosen->process(state_of_chosen(decompressor), io, err);
}

/* Of the largest decoder: there is one at a time. */
static size_t state_bytes(const void *config)
{
    (void)config;
    size_t most = 0;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        size_t bytes = formats[i].decoder ? formats[i].decoder->state_bytes(NULL) : 0;
        most = bytes > most ? bytes : most;
    }
    return sizeof(struct decompressor) + most;
}

static enum mr_status rename_unpacked(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, NULL);
}

const struct mr_operation operation_decompress = {
    .struct_bytes = sizeof(struct mr_operation),
    .flags = MR_OPERATION_UNPACKS,
    .name = "decompress",
    .summary = "unpacks gzip, zstd, xz, lzma, lzip, bzip2, lz4 and compress by their first bytes; "
               "other content stays as it is, unless its name says that it is compressed",
    .state_bytes = state_bytes,
    .rename = rename_unpacked,
    .state_create = state_create,
    .start = start,
    .process = process,
    .stop = stop,
    .state_destroy = state_destroy,
};
