/*
 * unwrap: what takes the compression off a file in any format, and what cuts such files into pieces
 * that are decoded at once.
 *
 * How the input is cut up makes no difference; a piece, decoded alone, is what stands at its place
 * in the whole.
 */
#include "codec/pieces.h"
#include "fuzz/fuzz.h"

#define OUT_MAX_BYTES ((size_t)1 << 20)

struct result {
    enum mr_status status;
    struct fuzz_bytes made;
    bool is_cut; /* at OUT_MAX_BYTES */
};

/* One call, with a piece and a room of just these sizes. Returns how much was used. */
static size_t step(struct unwrap *unwrap, struct result *result, const uint8_t *data, size_t given,
                   bool is_last, size_t room_bytes)
{
    unsigned char *piece = fuzz_copy(data, given), *room = malloc(room_bytes);
    struct mr_io io = {
        .in = piece, .in_bytes = given, .is_last = is_last, .out = room, .out_bytes = room_bytes};
    const char *problem = NULL;
    fuzz_require(room);
    result->status = unwrap_step(unwrap, &io, &problem);
    size_t used = given - io.in_bytes, made = room_bytes - io.out_bytes;
    fuzz_require(io.in == piece + used && io.out == room + made);
    fuzz_require(!mr_status_is_error(result->status) || problem);
    fuzz_bytes_add(&result->made, room, made);
    free(room);
    free(piece);
    return used;
}

static struct result decode(const struct unwrap_format *format, const uint8_t *data,
                            size_t size_bytes, size_t piece_bytes, size_t room_bytes)
{
    static const struct unwrap_options options;
    struct result result = {0};
    struct unwrap *unwrap = unwrap_create(format, &options);
    fuzz_require(unwrap);
    size_t used_bytes = 0, idle_count = 0;
    while (result.status == MR_OK && !result.is_cut) {
        size_t left = size_bytes - used_bytes, made_before = result.made.size_bytes;
        size_t given = left < piece_bytes ? left : piece_bytes;
        size_t used = step(unwrap, &result, data + used_bytes, given, given == left, room_bytes);
        used_bytes += used;
        idle_count = used == 0 && result.made.size_bytes == made_before ? idle_count + 1 : 0;
        fuzz_require(idle_count < 3);
        result.is_cut = result.made.size_bytes >= OUT_MAX_BYTES;
    }
    unwrap_destroy(unwrap);
    return result;
}

/* The pieces from the beginning are the beginning of the whole. */
static void check_pieces(const struct unwrap_format *format, const uint8_t *data, size_t size_bytes,
                         const struct result *whole)
{
    struct piece_decoder *decoder = pieces_decoder_create(format);
    struct piece_room room = {0};
    fuzz_require(decoder);
    size_t at = 0, made = 0, in_bytes;
    while (at < size_bytes && pieces_cut(format, data + at, size_bytes - at, true, OUT_MAX_BYTES,
                                         &in_bytes) == MR_OK) {
        fuzz_require(in_bytes > 0 && in_bytes <= size_bytes - at);
        unsigned char *piece = fuzz_copy(data + at, in_bytes);
        enum mr_status status = pieces_decode(decoder, piece, in_bytes, OUT_MAX_BYTES, &room);
        free(piece);
        if (status != MR_OK)
            break;
        fuzz_require(room.size_bytes <= OUT_MAX_BYTES);
        if (room.size_bytes > whole->made.size_bytes - made) {
            fuzz_require(whole->is_cut);
            break;
        }
        if (room.size_bytes > 0)
            fuzz_require(memcmp(room.bytes, whole->made.bytes + made, room.size_bytes) == 0);
        made += room.size_bytes;
        at += in_bytes;
    }
    free(room.bytes);
    pieces_decoder_destroy(decoder);
}

/* Of a zstd frame that it gets whole libzstd takes blocks that are larger than the window, which it
 * refuses in a frame that comes in parts. */
static bool may_differ(const struct unwrap_format *format, const struct result *whole,
                       const struct result *parts)
{
    return strcmp(unwrap_format_name(format), "zstd") == 0 && whole->status == MR_DONE &&
           parts->status == MR_E_DATA;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    size_t piece_bytes = 1 + fuzz_take_byte(&input), room_bytes = 1 + fuzz_take_byte(&input);
    const struct unwrap_format *format =
        input.left_bytes > 0 ? unwrap_recognise(input.bytes, input.left_bytes) : NULL;
    if (!format)
        return 0;
    struct result whole = decode(format, input.bytes, input.left_bytes, SIZE_MAX, 65536);
    struct result parts = decode(format, input.bytes, input.left_bytes, piece_bytes, room_bytes);
    if (!whole.is_cut && !parts.is_cut && !may_differ(format, &whole, &parts)) {
        fuzz_require(whole.status == parts.status);
        if (whole.status == MR_DONE)
            fuzz_require(fuzz_bytes_equal(&whole.made, &parts.made));
    }
    if (pieces_are_possible(format))
        check_pieces(format, input.bytes, input.left_bytes, &whole);
    fuzz_bytes_fini(&whole.made);
    fuzz_bytes_fini(&parts.made);
    return 0;
}
