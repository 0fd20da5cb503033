/*
 * pieces_xz.c - xz of several streams, as `cat a.xz b.xz` makes them.
 *
 * A stream ends with an index of its blocks and a footer that leads to it (The .xz File Format,
 * sections 2.1.2 and 4), so that its end proves its beginning: a cut is no guess.
 */
#include "codec/pieces_formats.h"
#include "config.h"

#if MR_HAVE_LZMA

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MAX_BYTES   ((size_t)64 << 10) /* a piece has few blocks */
#define INDEX_MEMORY      ((uint64_t)8 << 20)
#define ENDS_MAX_COUNT    16 /* that are looked at for the end of one stream, in hostile data */
#define DECODER_MAX_BYTES ((size_t)10 << 20) /* of memory: enough for `xz -6`, the usual */

static const unsigned char magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};

/* The plain bytes of the stream that is all of data, by its index; UINT64_MAX: it is none. */
static uint64_t plain_bytes_of(const unsigned char *data, size_t size_bytes)
{
    lzma_stream_flags footer;
    if (size_bytes < 2 * LZMA_STREAM_HEADER_SIZE ||
        lzma_stream_footer_decode(&footer, data + size_bytes - LZMA_STREAM_HEADER_SIZE) != LZMA_OK)
        return UINT64_MAX;
    size_t before_bytes = size_bytes - LZMA_STREAM_HEADER_SIZE;
    if (footer.backward_size > INDEX_MAX_BYTES || footer.backward_size > before_bytes)
        return UINT64_MAX;
    lzma_index *index = NULL;
    uint64_t memory = INDEX_MEMORY, plain = UINT64_MAX;
    size_t at = before_bytes - (size_t)footer.backward_size;
    if (lzma_index_buffer_decode(&index, &memory, NULL, data, &at, before_bytes) != LZMA_OK)
        return UINT64_MAX;
    if (at == before_bytes && lzma_index_stream_size(index) == size_bytes)
        plain = lzma_index_uncompressed_size(index);
    lzma_index_end(index, NULL);
    return plain;
}

/* Where the next stream may begin, a multiple of 4 from data; size_bytes: nowhere. */
static size_t find_next(const unsigned char *data, size_t size_bytes, size_t at)
{
    while (at < size_bytes) {
        const unsigned char *found = memmem(data + at, size_bytes - at, magic, sizeof(magic));
        if (!found)
            break;
        at = (size_t)(found - data);
        if (at % 4 == 0)
            return at;
        at++;
    }
    return size_bytes;
}

/* Without the padding behind a stream, in fours. */
static size_t without_padding(const unsigned char *data, size_t size_bytes)
{
    static const unsigned char zeros[4];
    while (size_bytes >= 4 && memcmp(data + size_bytes - 4, zeros, 4) == 0)
        size_bytes -= 4;
    return size_bytes;
}

/* The stream at data, with the padding behind it: its size; 0 when it is not all there, or is none.
 */
static size_t stream_bytes(const unsigned char *data, size_t size_bytes, bool is_all,
                           uint64_t *plain_bytes)
{
    size_t next = LZMA_STREAM_HEADER_SIZE;
    if (size_bytes < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
        return 0;
    for (unsigned i = 0; i < ENDS_MAX_COUNT && next < size_bytes; i++) {
        next = find_next(data, size_bytes, next + 1);
        if (next == size_bytes && (!is_all || size_bytes % 4 != 0))
            return 0;
        *plain_bytes = plain_bytes_of(data, without_padding(data, next));
        if (*plain_bytes != UINT64_MAX)
            return next;
    }
    return 0;
}

static enum mr_status cut(const unsigned char *data, size_t size_bytes, bool is_all,
                          size_t out_max_bytes, size_t *in_bytes)
{
    size_t at = 0;
    uint64_t plain = 0;
    while (at < size_bytes && plain < PIECES_PLAIN_BYTES) {
        uint64_t more = 0;
        size_t stream = stream_bytes(data + at, size_bytes - at, is_all, &more);
        if (stream == 0)
            break;
        if (more > out_max_bytes - plain) {
            if (at == 0)
                return MR_DONE;
            break;
        }
        at += stream;
        plain += more;
    }
    *in_bytes = at;
    if (at > 0)
        return MR_OK;
    return is_all ? MR_DONE : MR_AGAIN;
}

static void *create(void)
{
    lzma_stream *made = malloc(sizeof(*made));
    if (made)
        *made = (lzma_stream)LZMA_STREAM_INIT;
    return made;
}

static void destroy(void *decoder)
{
    lzma_end(decoder);
    free(decoder);
}

static enum mr_status decode(void *decoder, const unsigned char *in, size_t in_bytes,
                             size_t out_max_bytes, struct piece_room *room)
{
    lzma_stream *stream = decoder;
    if (lzma_stream_decoder(stream, DECODER_MAX_BYTES, LZMA_CONCATENATED) != LZMA_OK)
        return MR_E_MEMORY;
    stream->next_in = in;
    stream->avail_in = in_bytes;
    for (;;) {
        if (!piece_room_grow(room, room->size_bytes + 1, out_max_bytes))
            return MR_E_LIMIT;
        stream->next_out = room->bytes + room->size_bytes;
        stream->avail_out = room->cap_bytes - room->size_bytes;
        lzma_ret code = lzma_code(stream, LZMA_FINISH);
        room->size_bytes = room->cap_bytes - stream->avail_out;
        if (code == LZMA_STREAM_END)
            return stream->avail_in == 0 ? MR_OK : MR_E_DATA;
        if (code != LZMA_OK)
            return MR_E_DATA; /* whoever decodes it in order says what it is */
    }
}

const struct pieces_format pieces_xz = {
    .format = &unwrap_xz,
    .decoder_bytes = DECODER_MAX_BYTES,
    .cut = cut,
    .create = create,
    .destroy = destroy,
    .decode = decode,
};

#endif
