#include "codec/inflate.h"
#include "codec/unwrap_formats.h"

static bool begins_file(const unsigned char *head)
{
    return head[0] == 0x1f && head[1] == 0x8b && head[2] == 8;
}

/* One byte decides, as in gzip: what goes on otherwise is damaged. */
static bool begins(const unsigned char *head, size_t count)
{
    (void)count;
    return head[0] == 0x1f;
}

static void *create(const struct unwrap_options *options)
{
    (void)options;
    return inflate_create(INFLATE_GZIP);
}

static void destroy(void *state)
{
    inflate_destroy(state);
}

static enum mr_status start(void *state)
{
    inflate_reset(state);
    return MR_OK;
}

static enum mr_status step(void *state, struct mr_io *io, const char **problem)
{
    return inflate_step(state, io, problem);
}

const struct unwrap_format unwrap_gzip = {
    .name = "gz",
    .truncated = "truncated gzip data",
    .head_bytes = 1,
    .begins_file = begins_file,
    .begins = begins,
    .create = create,
    .destroy = destroy,
    .start = start,
    .step = step,
};
