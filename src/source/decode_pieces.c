#include "source/decode_pieces.h"

#include <stdlib.h>

#include "base/clock.h"

#define PIECE_MAX_COUNT 6

struct piece {
    struct piece_decoder *decoder; /* made when first used */
    const struct unwrap_format *format;
    size_t max_bytes;
    unsigned char *in; /* in_bytes of it are the piece */
    size_t in_cap_bytes, in_bytes;
    struct piece_room room;
    struct decode_watch watch;
    struct mr_future *future; /* NULL: not under way */
};

struct decode_pieces {
    struct decode_input input;
    struct mr_pool *pool; /* NULL: to be made for the first piece */
    bool owns_pool;
    const char *pool_name;
    unsigned thread_count, piece_count;
    struct piece pieces[PIECE_MAX_COUNT]; /* a ring */
    unsigned first, flying_count;
    int64_t offset_bytes; /* behind the last one given */
    int64_t ahead_bytes;  /* offset of the next one to be cut */
    bool is_exhausted;    /* no piece begins there */
};

unsigned decode_pieces_count(unsigned thread_count)
{
    return thread_count + 2 < PIECE_MAX_COUNT ? thread_count + 2 : PIECE_MAX_COUNT;
}

struct decode_pieces *decode_pieces_create(const struct unwrap_format *format,
                                           const struct decode_input *input, unsigned thread_count,
                                           size_t piece_max_bytes, struct mr_pool *pool,
                                           const char *pool_name, const struct decode_watch *watch)
{
    struct decode_pieces *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->input = *input;
    made->thread_count = thread_count;
    made->pool = pool;
    made->pool_name = pool_name;
    made->piece_count = decode_pieces_count(thread_count);
    for (unsigned i = 0; i < PIECE_MAX_COUNT; i++) {
        made->pieces[i].format = format;
        made->pieces[i].max_bytes = piece_max_bytes;
        made->pieces[i].watch = *watch;
    }
    return made;
}

/* Gives up what is under way. */
static void drop(struct decode_pieces *pieces)
{
    for (unsigned i = 0; i < PIECE_MAX_COUNT; i++) {
        struct piece *piece = &pieces->pieces[i];
        if (!piece->future)
            continue;
        mr_future_cancel(piece->future);
        mr_future_wait(piece->future, -1, NULL, NULL);
        mr_future_release(piece->future);
        piece->future = NULL;
    }
    pieces->flying_count = 0;
}

void decode_pieces_destroy(struct decode_pieces *pieces)
{
    if (!pieces)
        return;
    drop(pieces);
    if (pieces->owns_pool)
        mr_pool_destroy(pieces->pool);
    for (unsigned i = 0; i < PIECE_MAX_COUNT; i++) {
        pieces_decoder_destroy(pieces->pieces[i].decoder);
        free(pieces->pieces[i].in);
        free(pieces->pieces[i].room.bytes);
    }
    free(pieces);
}

void decode_pieces_start(struct decode_pieces *pieces, int64_t offset_bytes)
{
    pieces->offset_bytes = pieces->ahead_bytes = offset_bytes;
    pieces->is_exhausted = false;
}

int64_t decode_pieces_offset(const struct decode_pieces *pieces)
{
    return pieces->offset_bytes;
}

/* Reads the piece at ahead_bytes. False when there is none. */
static bool cut(struct decode_pieces *pieces, struct piece *piece)
{
    size_t want = PIECES_READ_BYTES, have = 0;
    for (;;) {
        want = want < piece->max_bytes ? want : piece->max_bytes;
        if (want > piece->in_cap_bytes) {
            unsigned char *grown = realloc(piece->in, want);
            if (!grown)
                return false;
            piece->in = grown;
            piece->in_cap_bytes = want;
        }
        ssize_t got = pieces->input.pread(pieces->input.ctx, piece->in + have, want - have,
                                          pieces->ahead_bytes + (int64_t)have);
        if (got < 0)
            return false; /* whoever reads there in order says so */
        have += (size_t)got;
        enum mr_status status = pieces_cut(piece->format, piece->in, have, have < want,
                                           piece->max_bytes, &piece->in_bytes);
        if (status != MR_AGAIN)
            return status == MR_OK;
        if (want == piece->max_bytes)
            return false;
        want *= 2;
    }
}

static enum mr_status decode(void *arg, void **result, struct mr_error *err)
{
    (void)result;
    struct piece *piece = arg;
    if (!piece->decoder && !(piece->decoder = pieces_decoder_create(piece->format)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    int64_t start_ns = piece->watch.ran ? clock_now_ns() : 0;
    enum mr_status status =
        pieces_decode(piece->decoder, piece->in, piece->in_bytes, piece->max_bytes, &piece->room);
    if (piece->watch.ran)
        piece->watch.ran(piece->watch.ctx, start_ns, clock_now_ns());
    return status;
}

static bool submit(struct decode_pieces *pieces, struct piece *piece)
{
    const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                          .name = pieces->pool_name,
                                          .thread_count = pieces->thread_count};
    if (!pieces->pool) {
        pieces->owns_pool = mr_pool_create(&config, &pieces->pool, NULL) == MR_OK;
        if (!pieces->owns_pool)
            return false;
    }
    return mr_pool_try_submit(pieces->pool, decode, piece, &piece->future, NULL) == MR_OK;
}

/* Puts as many pieces under way as there may be. */
static void launch(struct decode_pieces *pieces)
{
    while (!pieces->is_exhausted && pieces->flying_count < pieces->piece_count) {
        struct piece *piece =
            &pieces->pieces[(pieces->first + pieces->flying_count) % pieces->piece_count];
        if (!cut(pieces, piece) || !submit(pieces, piece)) {
            pieces->is_exhausted = true;
            return;
        }
        pieces->ahead_bytes += (int64_t)piece->in_bytes;
        pieces->flying_count++;
    }
}

/* Waits for the piece, or decodes it when nobody has begun. */
static enum mr_status finish(struct piece *piece)
{
    enum mr_status status = mr_future_cancel(piece->future)
                                ? decode(piece, NULL, NULL)
                                : mr_future_wait(piece->future, -1, NULL, NULL);
    mr_future_release(piece->future);
    piece->future = NULL;
    return status;
}

bool decode_pieces_next(struct decode_pieces *pieces, struct decode_block *block)
{
    launch(pieces);
    if (pieces->flying_count == 0)
        return false;
    struct piece *piece = &pieces->pieces[pieces->first];
    if (finish(piece) != MR_OK) {
        drop(pieces);
        return false;
    }
    pieces->first = (pieces->first + 1) % pieces->piece_count;
    pieces->flying_count--;
    pieces->offset_bytes += (int64_t)piece->in_bytes;
    struct piece_room spare = {.bytes = block->own, .cap_bytes = block->own_bytes};
    block->bytes = block->own = piece->room.bytes;
    block->cap_bytes = block->own_bytes = piece->room.cap_bytes;
    block->size_bytes = piece->room.size_bytes;
    block->end.status = MR_OK;
    block->end.problem = NULL;
    piece->room = spare;
    return true;
}
