/*
 * image - a plugin that makes images smaller and converts them with libvips, without a process for
 * each:
 *
 *     cmake -DMILLRACE_WITH_VIPS=ON ... ; cc -std=c11 -O2 -fPIC -shared image.c -o image.so
 * -Wl,-z,nodelete $(pkg-config --cflags --libs vips) millrace run photos/ -e jpg,png -p
 * ./image.so:width=256,to=webp -o thumbnails/
 *
 * libvips wants all of a file at once, so a state holds one: at most max-input bytes, which the
 * memory budget of the run is told. On top comes what libvips needs to decode: a few lines of a
 * JPEG, all pixels of an interlaced PNG; max-megapixels bounds that. Decoders that libvips calls
 * untrusted are blocked. libvips keeps some threads of its own, whatever it is told, and cannot be
 * unloaded again.
 */
#include <millrace/operation.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#define MIB             ((size_t)1 << 20)
#define PART_BYTES      (MIB / 4)
#define SIDE_MAX_COUNT  65535
#define INPUT_MAX_COUNT 1024 /* MiB */

static const char *const formats[] = {"same", "jpeg", "png", "webp"};
static const char *const suffixes[] = {NULL, ".jpg", ".png", ".webp"};
static const char *const loaders[] = {NULL, "Jpeg", "Png",
                                      "Webp"}; /* in the names of libvips's classes */
#define FORMAT_COUNT 4

struct config {
    unsigned format;        /* of formats */
    unsigned width, height; /* pixels; 0: not given */
    unsigned quality, max_input_mib, max_megapixels;
};

static const struct mr_setting settings[] = {
    {"width", "PIXELS", NULL, "not wider than this; the shape stays, and nothing is made larger"},
    {"height", "PIXELS", NULL, "not higher than this"},
    {"to", "same|jpeg|png|webp", "same", "the format of the result"},
    {"quality", "1-100", "75", "of jpeg and webp"},
    {"max-input", "MIB", "32", "larger files are refused; each item in work may hold as much"},
    {"max-megapixels", "MEGAPIXELS", "200", "images with more pixels are refused"},
    {NULL, NULL, NULL, NULL}};

static enum mr_status fail_as_vips(struct mr_error *err, enum mr_status status)
{
    char text[200];
    snprintf(text, sizeof(text), "%s", vips_error_buffer());
    vips_error_clear();
    text[strcspn(text, "\n")] = '\0';
    return mr_operation_fail(err, status, "%s", *text ? text : "libvips failed");
}

/* A warning would be printed; what is wrong with an image is an error here. */
static void drop_warning(const gchar *domain, GLogLevelFlags level, const gchar *message,
                         gpointer data)
{
    (void)domain;
    (void)level;
    (void)message;
    (void)data;
}

static enum mr_status config_create(void **config, struct mr_error *err)
{
    if (VIPS_INIT("millrace") != 0)
        return fail_as_vips(err, MR_E_UNSUPPORTED);
    vips_concurrency_set(1); /* the workers of millrace are the threads */
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, drop_warning, NULL);
    struct config *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
    *made = (struct config){.quality = 75, .max_input_mib = 32, .max_megapixels = 200};
    *config = made;
    return MR_OK;
}

static enum mr_status set_number(const char *value, unsigned max, unsigned *number,
                                 struct mr_error *err)
{
    char *end;
    unsigned long read = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || read < 1 || read > max)
        return mr_operation_fail(err, MR_E_USAGE, "must be a number from 1 to %u", max);
    *number = (unsigned)read;
    return MR_OK;
}

static enum mr_status config_set(void *opaque, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct config *config = opaque;
    if (strcmp(key, "width") == 0)
        return set_number(value, SIDE_MAX_COUNT, &config->width, err);
    if (strcmp(key, "height") == 0)
        return set_number(value, SIDE_MAX_COUNT, &config->height, err);
    if (strcmp(key, "quality") == 0)
        return set_number(value, 100, &config->quality, err);
    if (strcmp(key, "max-input") == 0)
        return set_number(value, INPUT_MAX_COUNT, &config->max_input_mib, err);
    if (strcmp(key, "max-megapixels") == 0)
        return set_number(value, 4000, &config->max_megapixels, err);
    for (unsigned i = 0; i < FORMAT_COUNT; i++) {
        config->format = i;
        if (strcmp(value, formats[i]) == 0)
            return MR_OK;
    }
    return mr_operation_fail(err, MR_E_USAGE, "must be same, jpeg, png or webp");
}

static enum mr_status config_check(void *opaque, struct mr_error *err)
{
    const struct config *config = opaque;
    if (config->width > 0 || config->height > 0 || config->format > 0)
        return MR_OK;
    return mr_operation_fail(err, MR_E_USAGE, "say what to do: width=256 or to=webp");
}

static size_t state_bytes(const void *config)
{
    return ((const struct config *)config)->max_input_mib * MIB;
}

/* a/b.jpeg becomes a/b.webp. */
static enum mr_status rename_item(const void *opaque, char **path)
{
    const char *suffix = suffixes[((const struct config *)opaque)->format];
    if (!suffix)
        return MR_OK;
    const char *slash = strrchr(*path, '/'), *base = slash ? slash + 1 : *path,
               *dot = strrchr(base, '.');
    size_t stem_bytes = dot && dot > base ? (size_t)(dot - *path) : strlen(*path);
    char *renamed = malloc(stem_bytes + strlen(suffix) + 1);
    if (!renamed)
        return MR_E_MEMORY;
    memcpy(renamed, *path, stem_bytes);
    strcpy(renamed + stem_bytes, suffix);
    free(*path);
    *path = renamed;
    return MR_OK;
}

/* ---- one file ---- */

struct state {
    const struct config *config;
    unsigned char *input; /* owned */
    size_t cap_bytes, input_bytes;
    void *output; /* owned, of libvips */
    size_t output_bytes, given_bytes;
    bool is_made;
};

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct state *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
    made->config = config;
    *state = made;
    return MR_OK;
}

/* Between two items, nothing is held. */
static void stop(void *opaque)
{
    struct state *state = opaque;
    free(state->input);
    g_free(state->output);
    *state = (struct state){.config = state->config};
}

static void state_destroy(void *state)
{
    stop(state);
    free(state);
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)entry;
    (void)err;
    stop(state);
    return MR_OK;
}

static enum mr_status take_input(struct state *state, struct mr_io *io, struct mr_error *err)
{
    size_t most = state->config->max_input_mib * MIB, needed = state->input_bytes + io->in_bytes;
    if (needed > most)
        return mr_operation_fail(err, MR_E_LIMIT, "larger than %u MiB: max-input allows more",
                                 state->config->max_input_mib);
    if (needed > state->cap_bytes) {
        size_t cap_bytes =
            2 * state->cap_bytes > needed ? 2 * state->cap_bytes : needed + PART_BYTES;
        cap_bytes = cap_bytes < most ? cap_bytes : most;
        unsigned char *larger = realloc(state->input, cap_bytes);
        if (!larger)
            return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
        state->input = larger;
        state->cap_bytes = cap_bytes;
    }
    if (io->in_bytes > 0)
        memcpy(state->input + state->input_bytes, io->in, io->in_bytes);
    state->input_bytes = needed;
    mr_io_advance(io, io->in_bytes, 0);
    return MR_OK;
}

/* The format of the result, an index of formats; 0: not one of them. */
static unsigned find_format(const struct state *state, const char *loader)
{
    unsigned format = state->config->format;
    for (unsigned i = 1; i < FORMAT_COUNT && format == 0; i++)
        format = strstr(loader, loaders[i]) ? i : 0;
    return format;
}

/* Only the head is read here: pixels are decoded when they are asked for. */
static enum mr_status check_size(const struct state *state, struct mr_error *err)
{
    VipsImage *image = vips_image_new_from_buffer(state->input, state->input_bytes, "", NULL);
    if (!image)
        return fail_as_vips(err, MR_E_DATA);
    uint64_t pixels =
        (uint64_t)vips_image_get_width(image) * (uint64_t)vips_image_get_height(image);
    g_object_unref(image);
    if (pixels > (uint64_t)state->config->max_megapixels * 1000000)
        return mr_operation_fail(err, MR_E_LIMIT, "%.1f megapixels: max-megapixels allows more",
                                 (double)pixels / 1e6);
    return MR_OK;
}

/* Half an image is none. (vips_thumbnail_buffer() does not look at a fail_on of its own.) */
static VipsImage *open_image(const struct state *state)
{
    const struct config *config = state->config;
    VipsImage *image = NULL;
    if (config->width == 0 && config->height == 0)
        return vips_image_new_from_buffer(state->input, state->input_bytes, "", "fail_on",
                                          VIPS_FAIL_ON_TRUNCATED, "access", VIPS_ACCESS_SEQUENTIAL,
                                          NULL);
    int width = config->width > 0 ? (int)config->width : VIPS_MAX_COORD;
    int height = config->height > 0 ? (int)config->height : VIPS_MAX_COORD;
    if (vips_thumbnail_buffer(state->input, state->input_bytes, &image, width, "height", height,
                              "size", VIPS_SIZE_DOWN, "option_string", "[fail_on=truncated]",
                              NULL) != 0)
        return NULL;
    return image;
}

static enum mr_status make(struct state *state, struct mr_error *err)
{
    const char *loader = vips_foreign_find_load_buffer(state->input, state->input_bytes);
    if (!loader)
        return vips_error_clear(),
               mr_operation_fail(err, MR_E_DATA, "not an image that libvips reads");
    unsigned format = find_format(state, loader);
    if (format == 0)
        return mr_operation_fail(err, MR_E_USAGE,
                                 "cannot write the format that it has: say to=jpeg, png or webp");
    enum mr_status status = check_size(state, err);
    if (status != MR_OK)
        return status;
    VipsImage *image = open_image(state);
    if (!image)
        return fail_as_vips(err, MR_E_DATA);
    char how[40];
    snprintf(how, sizeof(how), strcmp(formats[format], "png") == 0 ? "%s" : "%s[Q=%u]",
             suffixes[format], state->config->quality);
    int failed = vips_image_write_to_buffer(image, how, &state->output, &state->output_bytes, NULL);
    g_object_unref(image);
    state->is_made = true;
    return failed ? fail_as_vips(err, MR_E_DATA) : MR_OK;
}

static enum mr_status process(void *opaque, struct mr_io *io, struct mr_error *err)
{
    struct state *state = opaque;
    enum mr_status status = state->is_made ? MR_OK : take_input(state, io, err);
    if (status != MR_OK || !io->is_last)
        return status;
    if (!state->is_made) {
        status = make(state, err);
        vips_thread_shutdown(); /* what libvips keeps for this thread, which may never see an image
                                   again */
        if (status != MR_OK)
            return status;
    }
    size_t count = state->output_bytes - state->given_bytes;
    if (count > io->out_bytes)
        count = io->out_bytes;
    memcpy(io->out, (const char *)state->output + state->given_bytes, count);
    mr_io_advance(io, 0, count);
    state->given_bytes += count;
    if (state->given_bytes < state->output_bytes)
        return MR_OK;
    stop(state);
    return MR_DONE;
}

static const struct mr_operation image = {
    .struct_bytes = sizeof(image),
    .name = "image",
    .summary = "makes images smaller and converts them, with libvips",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_check = config_check,
    .config_destroy = free,
    .state_bytes = state_bytes,
    .rename = rename_item,
    .state_create = state_create,
    .start = start,
    .process = process,
    .stop = stop,
    .state_destroy = state_destroy,
};

static const struct mr_operation *const operations[] = {&image, NULL};

static const struct mr_plugin plugin = {.struct_bytes = sizeof(plugin),
                                        .abi_version = MR_PLUGIN_ABI,
                                        .name = "image",
                                        .version = "1.0",
                                        .licence = "0BSD",
                                        .summary = "thumbnails and conversions",
                                        .operations = operations};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
    return &plugin;
}
