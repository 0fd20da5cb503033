/* The driver of the decoders. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "operation/codec.h"

void codec_decoder_init(struct codec_decoder *decoder, const struct codec_decoder_calls *calls)
{
    *decoder = (struct codec_decoder){.calls = calls};
}

enum mr_status codec_decoder_create(const struct codec_decoder_calls *calls, size_t state_bytes,
                                    void **state, struct mr_error *err)
{
    struct codec_decoder *decoder = calloc(1, state_bytes);
    if (!decoder)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_decoder_init(decoder, calls);
    *state = decoder;
    return MR_OK;
}

enum mr_status codec_decode_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)entry;
    (void)err;
    struct codec_decoder *decoder = state;
    codec_decoder_init(decoder, decoder->calls);
    decoder->is_fresh = true;
    return MR_OK;
}

void codec_decode_stop(void *state)
{
    struct codec_decoder *decoder = state;
    if (decoder->calls->rest)
        decoder->calls->rest(decoder);
}

enum mr_status codec_damaged(const struct codec_decoder *decoder, const char *detail,
                             struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "the %s data is damaged%s%s%s", decoder->calls->format,
                        detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
}

static enum mr_status truncated(const struct codec_decoder *decoder, struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "the %s data is truncated: its end is missing",
                        decoder->calls->format);
}

/* What is there is whole, and what follows it is left out. MR_DONE. */
static enum mr_status leave_tail(const struct codec_decoder *decoder, struct mr_io *io)
{
    if (!decoder->calls->allows_tail)
        io->remark = "trailing garbage after the end of the compressed data was left out";
    return MR_DONE;
}

static enum mr_status no_frame(const struct codec_decoder *decoder, struct mr_io *io,
                               struct mr_error *err)
{
    const struct codec_decoder_calls *calls = decoder->calls;
    if (decoder->frame_count > 0)
        return leave_tail(decoder, io);
    const char *refusal =
        calls->refusal ? calls->refusal(decoder->head, decoder->head_count) : NULL;
    if (refusal)
        return mr_error_set(err, MR_E_DATA, 0, "%s", refusal);
    return mr_error_set(err, MR_E_DATA, 0, "this is no %s file", calls->format);
}

/*
 * The bytes at the start of a frame, or the end. MR_OK: see the phase; in CODEC_DECODE_HEAD there
 * is more input to come. MR_DONE: that was all.
 */
static enum mr_status find_frame(struct codec_decoder *decoder, struct mr_io *io,
                                 struct mr_error *err)
{
    const struct codec_decoder_calls *calls = decoder->calls;
    bool may_begin = decoder->head_count == 0 && !(decoder->frame_count > 0 && calls->is_single);
    if (may_begin && io->in_bytes >= calls->head_bytes && calls->match(io->in, calls->head_bytes)) {
        decoder->head_at = 0; /* it is left where it is: the library gets all of it at once */
        decoder->phase = CODEC_DECODE_FRAME;
        return calls->begin(decoder, err);
    }
    size_t missing = calls->head_bytes - decoder->head_count;
    size_t taken = missing < io->in_bytes ? missing : io->in_bytes;
    if (taken > 0) {
        memcpy(decoder->head + decoder->head_count, io->in, taken);
        decoder->head_count += taken;
        io->in += taken;
        io->in_bytes -= taken;
    }
    if (decoder->head_count < calls->head_bytes && !io->is_last)
        return MR_OK;
    if (decoder->head_count == 0 && decoder->frame_count > 0)
        return MR_DONE;
    if (decoder->head_count == 0)
        return mr_error_set(err, MR_E_DATA, 0, "empty input is no %s file", calls->format);
    if (decoder->frame_count > 0 && calls->padding_unit > 0 && decoder->head[0] == 0) {
        decoder->phase = CODEC_DECODE_PADDING;
        return MR_OK;
    }
    if ((decoder->frame_count > 0 && calls->is_single) ||
        !calls->match(decoder->head, decoder->head_count))
        return no_frame(decoder, io, err);
    decoder->head_at = 0;
    decoder->phase = CODEC_DECODE_FRAME;
    return calls->begin(decoder, err);
}

/* One call of the library, with what is left of the head first. *progress: it used or made
 * something. */
static enum mr_status step(struct codec_decoder *decoder, struct mr_io *io, bool *progress,
                           struct mr_error *err)
{
    if (decoder->head_at == decoder->head_count) {
        size_t in_before = io->in_bytes, out_before = io->out_bytes;
        enum mr_status status = decoder->calls->step(decoder, io, err);
        *progress = in_before != io->in_bytes || out_before != io->out_bytes;
        return status;
    }
    struct mr_io head = {.in = decoder->head + decoder->head_at,
                         .in_bytes = decoder->head_count - decoder->head_at,
                         .is_last = io->is_last && io->in_bytes == 0,
                         .out = io->out,
                         .out_bytes = io->out_bytes};
    enum mr_status status = decoder->calls->step(decoder, &head, err);
    size_t head_at = decoder->head_count - head.in_bytes;
    *progress = head_at != decoder->head_at || head.out_bytes != io->out_bytes;
    decoder->head_at = head_at;
    io->out = head.out;
    io->out_bytes = head.out_bytes;
    return status;
}

/* MR_OK: see the phase; in CODEC_DECODE_FRAME it waits for input or room. */
static enum mr_status decode_frame(struct codec_decoder *decoder, struct mr_io *io,
                                   struct mr_error *err)
{
    while (io->out_bytes > 0) {
        bool progress = false;
        enum mr_status status = step(decoder, io, &progress, err);
        if (status == MR_DONE) {
            decoder->frame_count++;
            decoder->head_count -= decoder->head_at;
            memmove(decoder->head, decoder->head + decoder->head_at, decoder->head_count);
            decoder->phase = CODEC_DECODE_HEAD;
            return MR_OK;
        }
        if (status != MR_OK)
            return status;
        bool is_fed = decoder->head_at == decoder->head_count && io->in_bytes == 0;
        if (is_fed && io->out_bytes > 0)
            return io->is_last ? truncated(decoder, err) : MR_OK;
        if (!progress)
            return codec_damaged(decoder, NULL, err);
    }
    return MR_OK;
}

/* MR_OK: see the phase; in CODEC_DECODE_PADDING there is more input to come. MR_DONE: that was all.
 */
static enum mr_status skip_padding(struct codec_decoder *decoder, struct mr_io *io,
                                   struct mr_error *err)
{
    size_t zero_count = 0;
    while (zero_count < decoder->head_count && decoder->head[zero_count] == 0)
        zero_count++;
    decoder->head_count -= zero_count;
    memmove(decoder->head, decoder->head + zero_count, decoder->head_count);
    decoder->padding_bytes += zero_count;
    if (decoder->head_count == 0) {
        for (; io->in_bytes > 0 && *io->in == 0; io->in++, io->in_bytes--)
            decoder->padding_bytes++;
    }
    bool is_end = decoder->head_count == 0 && io->in_bytes == 0;
    if (is_end && !io->is_last)
        return MR_OK;
    bool is_even = decoder->padding_bytes % decoder->calls->padding_unit == 0;
    if (!is_even)
        return codec_damaged(decoder, "padding of a wrong size", err);
    if (!is_end && !decoder->calls->goes_on_after_padding)
        return leave_tail(decoder, io);
    decoder->padding_bytes = 0;
    decoder->phase = CODEC_DECODE_HEAD;
    return is_end ? MR_DONE : MR_OK;
}

static enum mr_status decode(struct codec_decoder *decoder, struct mr_io *io, struct mr_error *err)
{
    if (decoder->is_fresh && io->is_last && io->in_bytes > 0 && decoder->calls->whole)
        decoder->frame_count = decoder->calls->whole(decoder, io);
    decoder->is_fresh = false;
    for (;;) {
        enum codec_decoder_phase phase = decoder->phase;
        enum mr_status status;
        if (phase == CODEC_DECODE_HEAD)
            status = find_frame(decoder, io, err);
        else if (phase == CODEC_DECODE_FRAME)
            status = decode_frame(decoder, io, err);
        else
            status = skip_padding(decoder, io, err);
        if (status != MR_OK || decoder->phase == phase)
            return status;
    }
}

enum mr_status codec_decode_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct codec_decoder *decoder = state;
    enum mr_status status = decode(decoder, io, err);
    if (status != MR_OK && decoder->calls->rest)
        decoder->calls->rest(decoder);
    return status;
}
