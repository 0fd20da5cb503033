/*
 * A block is cut into runs that are dense and runs that are not. Dense ones are stored. Of the
 * others each becomes deflate blocks of their own; nothing is lost by that, since what lies between
 * two of them is longer than deflate reaches back.
 *
 * libdeflate makes complete streams only. They are opened at their end: the bit that says "final"
 * is cleared in the header of the stream's last deflate block, and an empty stored block leads on
 * to a byte boundary.
 */
#include "codec/deflater.h"

#include <stdlib.h>
#include <string.h>

#include "codec/deflate_engine.h"
#include "codec/dense.h"

#define STORED_MAX_BYTES  ((size_t)65535)
#define STORED_HEAD_BYTES ((size_t)5)
#define SLACK_BYTES       ((size_t)16) /* libdeflate wants a little more room than it uses */

struct deflater {
    int level;
    struct deflate_engine *engine; /* NULL at level 0 */
    struct dense dense;
};

void deflater_destroy(struct deflater *deflater)
{
    if (!deflater)
        return;
    deflate_engine_destroy(deflater->engine);
    free(deflater);
}

struct deflater *deflater_create(int level)
{
    struct deflater *deflater = malloc(sizeof(*deflater));
    if (!deflater)
        return NULL;
    deflater->level = level;
    deflater->engine = level > 0 ? deflate_engine_create(level) : NULL;
    if (level > 0 && !deflater->engine) {
        deflater_destroy(deflater);
        return NULL;
    }
    return deflater;
}

int deflater_level(const struct deflater *deflater)
{
    return deflater->level;
}

size_t deflater_bytes(int level)
{
    return sizeof(struct deflater) + (level > 0 ? deflate_engine_bytes(level) : 0);
}

static size_t stored_bytes(size_t in_bytes)
{
    size_t count = in_bytes > 0 ? (in_bytes + STORED_MAX_BYTES - 1) / STORED_MAX_BYTES : 1;
    return in_bytes + count * STORED_HEAD_BYTES;
}

/* A run that does not become smaller is stored, so that each costs as many stored blocks as it
 * needs; all but the last are of DENSE_PIECE_BYTES at least. */
size_t deflater_bound(size_t in_bytes)
{
    size_t run_count = in_bytes / DENSE_PIECE_BYTES + 1;
    return in_bytes + 2 * run_count * STORED_HEAD_BYTES + SLACK_BYTES;
}

/* Stored blocks, also an empty one. They begin at a byte. */
static size_t store(const unsigned char *in, size_t in_bytes, bool is_last, unsigned char *out)
{
    size_t at = 0;
    do {
        size_t part = in_bytes < STORED_MAX_BYTES ? in_bytes : STORED_MAX_BYTES;
        out[at++] = is_last && part == in_bytes;
        out[at++] = (unsigned char)part;
        out[at++] = (unsigned char)(part >> 8);
        out[at++] = (unsigned char)~part;
        out[at++] = (unsigned char)(~part >> 8);
        if (part > 0)
            memcpy(out + at, in, part);
        at += part;
        in += part;
        in_bytes -= part;
    } while (in_bytes > 0);
    return at;
}

enum mr_status deflater_run(struct deflater *deflater, const unsigned char *in, size_t in_bytes,
                            bool is_last, unsigned char *out, size_t *out_bytes)
{
    static const unsigned char nothing[1];
    size_t at = 0;
    *out_bytes = 0;
    if (!in)
        in = nothing;
    do {
        bool is_dense = true, is_final;
        size_t run = in_bytes;
        if (deflater->level > 0)
            run = dense_run(&deflater->dense, in, in_bytes, &is_dense);
        is_final = is_last && run == in_bytes;
        size_t made = 0, most = stored_bytes(run);
        enum mr_status status = MR_OK;
        if (deflater->level > 0 && !is_dense)
            status = deflate_engine_run(deflater->engine, in, run, is_final, out + at,
                                        most + SLACK_BYTES, &made);
        if (status != MR_OK)
            return status;
        at += made > 0 && made <= most ? made : store(in, run, is_final, out + at);
        in += run;
        in_bytes -= run;
    } while (in_bytes > 0);
    *out_bytes = at;
    return MR_OK;
}
