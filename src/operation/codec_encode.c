/* The driver of the encoders. */
#include <stdint.h>
#include <stdlib.h>

#include "operation/chain.h"
#include "operation/codec.h"

void codec_encoder_init(struct codec_encoder *encoder, const struct codec_encoder_calls *calls,
                        const struct codec_config *config)
{
    *encoder = (struct codec_encoder){.calls = calls, .config = config};
}

void codec_encoder_fini(struct codec_encoder *encoder)
{
    free(encoder->spill.bytes);
}

enum mr_status codec_encode_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)entry;
    (void)err;
    struct codec_encoder *encoder = state;
    encoder->phase = CODEC_ENCODE_FRESH;
    encoder->spill.count = encoder->spill.at = 0;
    return MR_OK;
}

void codec_encode_stop(void *state)
{
    struct codec_encoder *encoder = state;
    if (encoder->phase == CODEC_ENCODE_STREAM && encoder->calls->abandon)
        encoder->calls->abandon(encoder);
    encoder->phase = CODEC_ENCODE_ENDED;
}

/*
 * Everything at once. Room that is less than the bound gets the same bytes, by way of the spill: a
 * result must not depend on the room.
 */
static enum mr_status encode_whole(struct codec_encoder *encoder, struct mr_io *io,
                                   struct mr_error *err)
{
    size_t bound = encoder->calls->bound(encoder->config, io->in_bytes);
    bool is_direct = io->out_bytes >= bound;
    unsigned char *out = is_direct ? io->out : codec_spill_room(&encoder->spill, bound);
    if (!out)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    size_t made = 0;
    enum mr_status status = encoder->calls->whole(encoder, io, out, bound, &made, err);
    if (status != MR_OK)
        return status;
    codec_advance(io, io->in_bytes, is_direct ? made : 0);
    if (!is_direct)
        encoder->spill.count += made;
    encoder->phase = CODEC_ENCODE_ENDED;
    return MR_OK;
}

static enum mr_status begin(struct codec_encoder *encoder, struct mr_io *io, struct mr_error *err)
{
    bool is_whole = io->is_last && io->in_bytes <= CHAIN_BUFFER_BYTES;
    if (is_whole && encoder->calls->whole)
        return encode_whole(encoder, io, err);
    size_t content_bytes = is_whole ? io->in_bytes : CODEC_UNKNOWN_BYTES;
    enum mr_status status = encoder->calls->begin(encoder, content_bytes, err);
    if (status == MR_OK)
        encoder->phase = CODEC_ENCODE_STREAM;
    return status;
}

enum mr_status codec_encode_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct codec_encoder *encoder = state;
    for (;;) {
        if (!codec_spill_drain(&encoder->spill, io))
            return MR_OK;
        if (encoder->phase == CODEC_ENCODE_ENDED)
            return MR_DONE;
        enum mr_status status;
        if (encoder->phase == CODEC_ENCODE_FRESH) {
            status = begin(encoder, io, err);
            if (status != MR_OK)
                return status;
            continue;
        }
        if (io->out_bytes == 0)
            return MR_OK;
        status = encoder->calls->step(encoder, io, err);
        if (status == MR_DONE)
            encoder->phase = CODEC_ENCODE_ENDED;
        else if (status != MR_OK || encoder->spill.count == 0)
            return status;
    }
}
