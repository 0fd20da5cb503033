/*
 * codec.h - what the codecs share. An encoder and a decoder each have one driver, which is their
 * process(), start() and stop(); a format gives the driver a few calls. The driver is the first
 * member of the format's state.
 */
#ifndef MR_OPERATION_CODEC_H
#define MR_OPERATION_CODEC_H

#include "millrace/operation.h"

#define CODEC_UNKNOWN_BYTES SIZE_MAX /* the content is not all here, its size is not known */

/* The settings of all encoders; a format uses what it has. */
struct codec_config {
    int level;
    bool is_extreme;   /* xz */
    bool has_checksum; /* zstd */
};

enum mr_status codec_config_create(void **config, int level, struct mr_error *err);
void codec_config_destroy(void *config);
/* MR_OK, or MR_E_USAGE with what is allowed. */
enum mr_status codec_level_set(const char *value, int min, int max, int *level,
                               struct mr_error *err);
enum mr_status codec_flag_set(const char *value, bool *flag, struct mr_error *err); /* yes, no */

/* The plain sum, SIZE_MAX when it does not fit: for bounds. */
size_t codec_sum(size_t a, size_t b);

/* Moves io past what was used and made; the input may be NULL when there is none. */
void codec_advance(struct mr_io *io, size_t used_bytes, size_t made_bytes);

/* Names. suffix: ".gz". Of *path, only the last component is looked at. MR_OK, MR_E_MEMORY. */
enum mr_status codec_suffix_add(char **path, const char *suffix);
/* Takes the suffix of a format away, or swaps a short one (.tgz to .tar). format NULL: of any. */
enum mr_status codec_suffix_remove(char **path, const char *format);

/* Output that had no room yet. */
struct codec_spill {
    unsigned char *bytes; /* owned */
    size_t cap_bytes, count, at;
};

/* Room for so many bytes after what is there; NULL when out of memory. Add what was used to count.
 */
unsigned char *codec_spill_room(struct codec_spill *spill, size_t bytes);
/* MR_OK or MR_E_MEMORY. */
enum mr_status codec_spill_put(struct codec_spill *spill, const void *bytes, size_t count,
                               struct mr_error *err);
/* Moves what fits into the room of io. True when nothing is left. */
bool codec_spill_drain(struct codec_spill *spill, struct mr_io *io);

/*
 * Encoders. What they make depends on the content and on whether the first process() call has all
 * of it (at most CHAIN_BUFFER_BYTES, with is_last): never on how the rest is cut, nor on the room.
 */
struct codec_encoder;

struct codec_encoder_calls {
    /* Room for whole(), as in struct mr_operation. */
    size_t (*bound)(const void *config, size_t in_bytes);
    /* All the content at once, into room for the bound. *out_bytes: what was made. NULL: begin()
     * and step() do it. */
    enum mr_status (*whole)(struct codec_encoder *encoder, const struct mr_io *io,
                            unsigned char *out, size_t cap_bytes, size_t *out_bytes,
                            struct mr_error *err);
    /* A stream begins: resets the library. content_bytes: its size, or CODEC_UNKNOWN_BYTES. */
    enum mr_status (*begin)(struct codec_encoder *encoder, size_t content_bytes,
                            struct mr_error *err);
    /*
     * MR_OK: the input is used up or the room is full, or there is something in the spill. MR_DONE:
     * ended, the spill may hold the rest.
     */
    enum mr_status (*step)(struct codec_encoder *encoder, struct mr_io *io, struct mr_error *err);
    /* After an item that was cut short. NULL: begin() can deal with it. */
    void (*abandon)(struct codec_encoder *encoder);
};

enum codec_encoder_phase { CODEC_ENCODE_FRESH, CODEC_ENCODE_STREAM, CODEC_ENCODE_ENDED };

struct codec_encoder {
    const struct codec_encoder_calls *calls;
    const struct codec_config *config;
    enum codec_encoder_phase phase;
    struct codec_spill spill;
};

void codec_encoder_init(struct codec_encoder *encoder, const struct codec_encoder_calls *calls,
                        const struct codec_config *config);
void codec_encoder_fini(struct codec_encoder *encoder);
/* For struct mr_operation; state is a struct codec_encoder. */
enum mr_status codec_encode_start(void *state, const struct mr_entry *entry, struct mr_error *err);
enum mr_status codec_encode_process(void *state, struct mr_io *io, struct mr_error *err);
void codec_encode_stop(void *state);

/*
 * Decoders of files that hold one frame (member, stream) after the other. The driver finds the
 * beginnings and the end: it tells a file of another kind, a truncated one, padding and trailing
 * garbage apart.
 */
#define CODEC_HEAD_BYTES 6

struct codec_decoder;

struct codec_decoder_calls {
    const char *format; /* "gzip", for messages */
    size_t head_bytes;  /* at most CODEC_HEAD_BYTES */
    size_t
        padding_unit; /* zero bytes after the last frame are fine in multiples of this; 0: never */
    bool is_single;   /* a file is one frame */
    bool goes_on_after_padding; /* a frame may follow padding */
    /* True when head may begin a frame; count may be less than head_bytes in a short file. */
    bool (*match)(const unsigned char *head, size_t count);
    /* Why a file that does not match is refused, or NULL for the usual text. May be NULL. */
    const char *(*refusal)(const unsigned char *head, size_t count);
    /* Decodes complete frames from the whole content at once, as many as fit into the room, and
     * advances io past each. NULL: none. */
    uint64_t (*whole)(struct codec_decoder *decoder, struct mr_io *io);
    /* A frame begins: resets the library. */
    enum mr_status (*begin)(struct codec_decoder *decoder, struct mr_error *err);
    /* MR_OK: the input is used up or the room is full. MR_DONE: the frame ended. */
    enum mr_status (*step)(struct codec_decoder *decoder, struct mr_io *io, struct mr_error *err);
    /* After an item, also one that was cut short: gives back what is too much to keep. NULL:
     * nothing. */
    void (*rest)(struct codec_decoder *decoder);
};

enum codec_decoder_phase { CODEC_DECODE_HEAD, CODEC_DECODE_FRAME, CODEC_DECODE_PADDING };

struct codec_decoder {
    const struct codec_decoder_calls *calls;
    enum codec_decoder_phase phase;
    unsigned char
        head[CODEC_HEAD_BYTES]; /* gathered at the start of a frame, then fed to the library */
    size_t head_count, head_at;
    bool is_fresh;        /* no process() call yet */
    uint64_t frame_count; /* complete ones */
    uint64_t padding_bytes;
};

void codec_decoder_init(struct codec_decoder *decoder, const struct codec_decoder_calls *calls);
/* For struct mr_operation; state is a struct codec_decoder. */
enum mr_status codec_decode_start(void *state, const struct mr_entry *entry, struct mr_error *err);
enum mr_status codec_decode_process(void *state, struct mr_io *io, struct mr_error *err);
void codec_decode_stop(void *state);
/* "the FORMAT data is damaged (detail)". Returns MR_E_DATA. */
enum mr_status codec_damaged(const struct codec_decoder *decoder, const char *detail,
                             struct mr_error *err);

#endif
