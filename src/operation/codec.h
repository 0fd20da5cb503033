/*
 * codec.h - what the codecs share. Encoders and decoders each have one driver, which is their
 * process(), start() and stop(). What a format compresses with is a codec in blocks
 * (codec/block.h); to be decoded it gives a few calls, and the driver is the first member of its
 * state.
 */
#ifndef MR_OPERATION_CODEC_H
#define MR_OPERATION_CODEC_H

#include "codec/block.h"
#include "operation/internals.h"

/* The settings of all encoders; a format uses what it has. */
struct codec_config {
    const struct block_codec *codec;
    struct block_options options;
    /* What it makes for a container (zip); content of one block is kept plain there when it does
     * not get smaller. PLAIN: it is for none. */
    enum mr_method method;
};

/* level: the default. */
enum mr_status codec_config_create(const struct block_codec *codec, int level, void **config,
                                   struct mr_error *err);
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
/* Does the name say that the content is compressed? */
bool codec_suffix_is_there(const char *path);
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
 * Encoders; config is a struct codec_config. The content is compressed block by block, as if it
 * were done on several threads: what comes out depends on the content alone.
 */
size_t codec_bound(const void *config, size_t in_bytes);
/* With the buffers that content of several blocks needs. */
size_t codec_state_bytes(const void *config);
const struct block_codec *codec_blocks(const void *config, const struct block_options **options);
enum mr_status codec_encoder_create(const void *config, void **state, struct mr_error *err);
void codec_encoder_destroy(void *state);
enum mr_status codec_encode_start(void *state, const struct mr_entry *entry, struct mr_error *err);
enum mr_status codec_encode_process(void *state, struct mr_io *io, struct mr_error *err);
void codec_encode_stop(void *state);
/* As mr_operation_internals.encoding, with a config for a container. */
const struct mr_encoding *codec_encoding(void *state, int64_t *plain_bytes);
extern const struct mr_operation_internals codec_internals; /* blocks alone */

/* The part of a struct mr_operation that all encoders have in common; .internals = &codec_internals
 * with it, but for those that encode for a container. */
#define CODEC_ENCODER                                                                              \
    .struct_bytes = sizeof(struct mr_operation), .config_destroy = codec_config_destroy,           \
    .bound = codec_bound, .state_bytes = codec_state_bytes, .state_create = codec_encoder_create,  \
    .start = codec_encode_start, .process = codec_encode_process, .stop = codec_encode_stop,       \
    .state_destroy = codec_encoder_destroy

/*
 * Decoders of files that hold one frame (member, stream) after the other. The driver finds the
 * beginnings and the end: it tells a file of another kind, a truncated one, padding and trailing
 * garbage apart.
 */
#define CODEC_HEAD_BYTES 6

struct codec_decoder;

struct codec_decoder_calls {
    const char *format;         /* "gzip", for messages */
    size_t head_bytes;          /* at most CODEC_HEAD_BYTES */
    size_t padding_unit;        /* zeros may follow the last frame, in multiples of this; 0: none */
    bool is_single;             /* a file is one frame */
    bool goes_on_after_padding; /* a frame may follow padding */
    /* True when head may begin a frame; count may be less than head_bytes in a short file. */
    bool (*match)(const unsigned char *head, size_t count);
    /* Why a file that does not match is refused, or NULL for the usual text. May be NULL. */
    const char *(*refusal)(const unsigned char *head, size_t count);
    bool allows_tail; /* the format lets other data follow */
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
    unsigned char head[CODEC_HEAD_BYTES]; /* of a frame: gathered, then fed to the library */
    size_t head_count, head_at;
    bool is_fresh;        /* no process() call yet */
    uint64_t frame_count; /* complete ones */
    uint64_t padding_bytes;
};

void codec_decoder_init(struct codec_decoder *decoder, const struct codec_decoder_calls *calls);
/* A zeroed state of state_bytes that begins with a decoder. MR_OK, MR_E_MEMORY. */
enum mr_status codec_decoder_create(const struct codec_decoder_calls *calls, size_t state_bytes,
                                    void **state, struct mr_error *err);
/* For struct mr_operation; state is a struct codec_decoder. */
enum mr_status codec_decode_start(void *state, const struct mr_entry *entry, struct mr_error *err);
enum mr_status codec_decode_process(void *state, struct mr_io *io, struct mr_error *err);
void codec_decode_stop(void *state);

/* The part of a struct mr_operation that all decoders have in common. */
#define CODEC_DECODER                                                                              \
    .flags = MR_OPERATION_UNPACKS, .struct_bytes = sizeof(struct mr_operation),                    \
    .start = codec_decode_start, .process = codec_decode_process, .stop = codec_decode_stop

/* "the FORMAT data is damaged (detail)". Returns MR_E_DATA. */
enum mr_status codec_damaged(const struct codec_decoder *decoder, const char *detail,
                             struct mr_error *err);

#endif
