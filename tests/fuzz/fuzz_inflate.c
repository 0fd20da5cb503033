/*
 * inflate: the decoder of deflate data in its three wrappings, and the walker through it.
 *
 * How the input is cut up makes no difference; what zlib takes as whole is taken for the same; the
 * walker finds the same end. (ISA-L also takes Huffman codes that leave codewords unused, which
 * zlib refuses; checksums tell whether they meant anything.)
 */
#include <zlib.h>

#include "codec/deflate_walk.h"
#include "codec/inflate.h"
#include "fuzz/fuzz.h"

#define OUT_MAX_BYTES ((size_t)1 << 20)

struct result {
    enum mr_status status; /* MR_OK: more input was needed, or OUT_MAX_BYTES were made */
    struct fuzz_bytes made;
    size_t used_bytes;
};

/* Decodes in pieces and rooms of these sizes. */
static struct result decode(enum inflate_wrap wrap, const uint8_t *data, size_t size_bytes,
                            size_t piece_bytes, size_t room_bytes)
{
    struct result result = {0};
    struct inflater *inflater = inflate_create(wrap);
    fuzz_require(inflater);
    unsigned char *room = malloc(room_bytes);
    fuzz_require(room);
    while (result.status == MR_OK && result.made.size_bytes < OUT_MAX_BYTES) {
        size_t left = size_bytes - result.used_bytes;
        size_t given = left < piece_bytes ? left : piece_bytes;
        unsigned char *piece = fuzz_copy(data + result.used_bytes, given);
        struct mr_io io = {.in = piece, .in_bytes = given, .out = room, .out_bytes = room_bytes};
        const char *problem = NULL;
        result.status = inflate_step(inflater, &io, &problem);
        size_t used = given - io.in_bytes, made = room_bytes - io.out_bytes;
        fuzz_require(io.in == piece + used && io.out == room + made);
        fuzz_require(!mr_status_is_error(result.status) || problem);
        fuzz_bytes_add(&result.made, room, made);
        result.used_bytes += used;
        free(piece);
        if (result.status == MR_OK && io.out_bytes > 0) {
            fuzz_require(io.in_bytes == 0); /* all of it is used when there is room left */
            if (given == left)
                break;
        }
    }
    free(room);
    inflate_destroy(inflater);
    return result;
}

static struct result decode_by_zlib(enum inflate_wrap wrap, const uint8_t *data, size_t size_bytes)
{
    static const int windows[] = {[INFLATE_RAW] = -15, [INFLATE_ZLIB] = 15, [INFLATE_GZIP] = 31};
    static unsigned char room[65536];
    struct result result = {0};
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (uInt)size_bytes};
    fuzz_require(inflateInit2(&stream, windows[wrap]) == Z_OK);
    int code = Z_OK;
    while (code == Z_OK && result.made.size_bytes < OUT_MAX_BYTES) {
        stream.next_out = room;
        stream.avail_out = sizeof(room);
        code = inflate(&stream, Z_NO_FLUSH);
        fuzz_bytes_add(&result.made, room, sizeof(room) - stream.avail_out);
    }
    result.used_bytes = size_bytes - stream.avail_in;
    result.status = code == Z_STREAM_END                  ? MR_DONE
                    : code == Z_OK || code == Z_BUF_ERROR ? MR_OK
                                                          : MR_E_DATA;
    inflateEnd(&stream);
    return result;
}

static void compare(const struct result *one, const struct result *other)
{
    fuzz_require(one->status == MR_DONE && other->status == MR_DONE);
    fuzz_require(one->used_bytes == other->used_bytes);
    fuzz_require(fuzz_bytes_equal(&one->made, &other->made));
}

/* The walker steps over content that zlib decodes, to the same byte. */
static void walk(const uint8_t *data, size_t size_bytes, const struct result *result)
{
    static struct deflate_walk walk;
    uint64_t begin_bit, end_bit;
    uint8_t *copy = fuzz_copy(data, size_bytes);
    bool is_found = deflate_walk_last(&walk, copy, size_bytes, &begin_bit, &end_bit);
    free(copy);
    if (is_found)
        fuzz_require(begin_bit < end_bit && end_bit <= 8 * (uint64_t)size_bytes);
    if (result->status == MR_DONE)
        fuzz_require(is_found && (end_bit + 7) / 8 == result->used_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    enum inflate_wrap wrap = fuzz_take_byte(&input) % 3;
    size_t piece_bytes = 1 + fuzz_take_byte(&input), room_bytes = 1 + fuzz_take_byte(&input);
    struct result whole = decode(wrap, input.bytes, input.left_bytes, SIZE_MAX, 65536);
    struct result parts = decode(wrap, input.bytes, input.left_bytes, piece_bytes, room_bytes);
    struct result other = decode_by_zlib(wrap, input.bytes, input.left_bytes);
    bool is_short = whole.made.size_bytes < OUT_MAX_BYTES && parts.made.size_bytes < OUT_MAX_BYTES;
    if (is_short) {
        if (whole.status == MR_DONE || parts.status == MR_DONE)
            compare(&whole, &parts);
        if (other.status == MR_DONE)
            compare(&other, &whole);
    }
    if (wrap == INFLATE_RAW && is_short)
        walk(input.bytes, input.left_bytes, &other);
    fuzz_bytes_fini(&whole.made);
    fuzz_bytes_fini(&parts.made);
    fuzz_bytes_fini(&other.made);
    return 0;
}
