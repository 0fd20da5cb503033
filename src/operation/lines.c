/*
 * lines.c - the operations lf (CRLF becomes LF) and crlf (LF becomes CRLF).
 *
 * Only whole pairs are touched: a lone CR stays what it is, a CRLF stays one under crlf. Content
 * with a NUL in its first BINARY_HEAD_BYTES is taken for binary and goes through unchanged (as git
 * decides it), unless binary=convert is set. To decide that for content that comes in small chunks,
 * its head is kept back until it is complete.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/operation.h"
#include "operation/operations.h"

#define BINARY_HEAD_BYTES 8000

struct lines_config {
    bool adds_cr; /* crlf, else lf */
    bool converts_binary;
};

enum lines_mode { MODE_UNDECIDED, MODE_CONVERT, MODE_PASS };

struct lines_state {
    const struct lines_config *config;
    enum lines_mode mode;
    bool after_cr; /* lf: a CR is held back; crlf: the last byte that went out is a CR */
    size_t head_bytes, head_used_bytes;
    unsigned char head[BINARY_HEAD_BYTES];
};

static const struct mr_setting settings[] = {
    {"binary", "skip|convert", "skip",
     "content with a NUL in its first 8000 bytes: left unchanged, or converted all the same"},
    {NULL, NULL, NULL, NULL},
};

static enum mr_status create_config(void **config, bool adds_cr, struct mr_error *err)
{
    struct lines_config *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->adds_cr = adds_cr;
    *config = made;
    return MR_OK;
}

static enum mr_status lf_config_create(void **config, struct mr_error *err)
{
    return create_config(config, false, err);
}

static enum mr_status crlf_config_create(void **config, struct mr_error *err)
{
    return create_config(config, true, err);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct lines_config *lines = config;
    if (strcmp(key, "binary") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "unknown setting; there is binary");
    if (strcmp(value, "skip") != 0 && strcmp(value, "convert") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "must be skip or convert");
    lines->converts_binary = value[0] == 'c';
    return MR_OK;
}

static size_t bound(const void *config, size_t in_bytes)
{
    const struct lines_config *lines = config;
    if (!lines->adds_cr)
        return in_bytes;
    return in_bytes > SIZE_MAX / 2 ? SIZE_MAX : 2 * in_bytes;
}

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct lines_state);
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct lines_state *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->config = config;
    *state = made;
    return MR_OK;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct lines_state *lines = state;
    (void)entry;
    (void)err;
    lines->mode = lines->config->converts_binary ? MODE_CONVERT : MODE_UNDECIDED;
    lines->after_cr = false;
    lines->head_bytes = lines->head_used_bytes = 0;
    return MR_OK;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Copies the next bytes of in to out and advances both. */
static void move_bytes(struct mr_io *io, size_t bytes)
{
    if (bytes == 0)
        return;
    memcpy(io->out, io->in, bytes);
    io->in += bytes;
    io->in_bytes -= bytes;
    io->out += bytes;
    io->out_bytes -= bytes;
}

static void put_byte(struct mr_io *io, unsigned char byte)
{
    *io->out++ = byte;
    io->out_bytes--;
}

/* Until the input is used up (a CR at its end is held back) or the room is full. */
static void remove_cr(struct lines_state *lines, struct mr_io *io)
{
    while (io->in_bytes > 0 && io->out_bytes > 0) {
        if (lines->after_cr) {
            lines->after_cr = false;
            if (io->in[0] != '\n') {
                put_byte(io, '\r');
                continue;
            }
        }
        size_t run_bytes = min_size(io->in_bytes, io->out_bytes);
        const unsigned char *cr = memchr(io->in, '\r', run_bytes);
        move_bytes(io, cr ? (size_t)(cr - io->in) : run_bytes);
        if (cr) {
            io->in++;
            io->in_bytes--;
            lines->after_cr = true;
        }
    }
}

/* Until the input is used up or the room is full. A CR that was put out before its LF makes the
 * pair look like one of the input. */
static void add_cr(struct lines_state *lines, struct mr_io *io)
{
    while (io->in_bytes > 0 && io->out_bytes > 0) {
        if (io->in[0] == '\n' && !lines->after_cr) {
            put_byte(io, '\r');
            lines->after_cr = true;
            continue;
        }
        /* The first byte is fit to go; what follows goes up to the next LF. */
        size_t run_bytes = min_size(io->in_bytes, io->out_bytes);
        const unsigned char *lf = run_bytes > 1 ? memchr(io->in + 1, '\n', run_bytes - 1) : NULL;
        move_bytes(io, lf ? (size_t)(lf - io->in) : run_bytes);
        lines->after_cr = io->in[-1] == '\r';
    }
}

static void convert(struct lines_state *lines, struct mr_io *io)
{
    if (lines->mode == MODE_PASS)
        move_bytes(io, min_size(io->in_bytes, io->out_bytes));
    else if (lines->config->adds_cr)
        add_cr(lines, io);
    else
        remove_cr(lines, io);
}

/* Looks for a NUL; keeps back what comes in small chunks. False: more input is needed first. */
static bool decide(struct lines_state *lines, struct mr_io *io)
{
    size_t look_bytes = min_size(io->in_bytes, BINARY_HEAD_BYTES - lines->head_bytes);
    bool has_nul = look_bytes > 0 && memchr(io->in, '\0', look_bytes);
    if (has_nul || io->is_last || lines->head_bytes + look_bytes == BINARY_HEAD_BYTES) {
        lines->mode = has_nul ? MODE_PASS : MODE_CONVERT;
        return true;
    }
    if (look_bytes > 0)
        memcpy(lines->head + lines->head_bytes, io->in, look_bytes);
    lines->head_bytes += look_bytes;
    io->in += look_bytes;
    io->in_bytes -= look_bytes;
    return false;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct lines_state *lines = state;
    (void)err;
    if (lines->mode == MODE_UNDECIDED && !decide(lines, io))
        return MR_OK;
    if (lines->head_used_bytes < lines->head_bytes) {
        struct mr_io head = {.in = lines->head + lines->head_used_bytes,
                             .in_bytes = lines->head_bytes - lines->head_used_bytes,
                             .out = io->out,
                             .out_bytes = io->out_bytes};
        convert(lines, &head);
        lines->head_used_bytes = lines->head_bytes - head.in_bytes;
        io->out = head.out;
        io->out_bytes = head.out_bytes;
        if (head.in_bytes > 0)
            return MR_OK;
    }
    convert(lines, io);
    if (io->in_bytes > 0 || !io->is_last)
        return MR_OK;
    if (lines->after_cr && !lines->config->adds_cr) { /* held back at the very end */
        if (io->out_bytes == 0)
            return MR_OK;
        put_byte(io, '\r');
        lines->after_cr = false;
    }
    return MR_DONE;
}

const struct mr_operation operation_lf = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "lf",
    .summary = "line ends: CRLF becomes LF",
    .settings = settings,
    .config_create = lf_config_create,
    .config_set = config_set,
    .config_destroy = free,
    .bound = bound,
    .state_bytes = state_bytes,
    .state_create = state_create,
    .start = start,
    .process = process,
    .state_destroy = free,
};

const struct mr_operation operation_crlf = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "crlf",
    .summary = "line ends: LF becomes CRLF",
    .settings = settings,
    .config_create = crlf_config_create,
    .config_set = config_set,
    .config_destroy = free,
    .bound = bound,
    .state_bytes = state_bytes,
    .state_create = state_create,
    .start = start,
    .process = process,
    .state_destroy = free,
};
