/*
 * charset.c - the operation charset: from one character encoding to another, by iconv.
 *
 * Two small buffers in the state make it independent of how the content is cut: carry holds the
 * incomplete character at the end of a chunk, spill holds output when the room left could be too
 * small for the next character.
 */
#include <errno.h>
#include <iconv.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/operation.h"
#include "operation/operations.h"

#define CARRY_BYTES 64 /* more than any character or escape sequence takes */
/* More than any character becomes, also transliterated into 4-byte units. */
#define SPILL_BYTES   256
#define NAME_BYTES    64 /* of an encoding */
#define NO_DESCRIPTOR ((iconv_t)-1)

struct charset_config {
    char from[NAME_BYTES]; /* empty: not set yet */
    char to[NAME_BYTES];
    bool transliterates;
    locale_t locale; /* whose transliteration table is used: always the same one, whatever the
                        program has set */
};

struct charset_state {
    const struct charset_config *config;
    iconv_t descriptor;
    uint64_t offset_bytes; /* of the content that is converted */
    bool is_reset;         /* the final shift sequence is in spill, or out already */
    unsigned char carry[CARRY_BYTES];
    size_t carry_bytes;
    unsigned char spill[SPILL_BYTES];
    size_t spill_bytes, spill_used_bytes;
};

static const struct mr_setting settings[] = {
    {"from", "NAME", "none, must be given", "the encoding of the input (iconv -l lists the names)"},
    {"to", "NAME", "UTF-8", "the encoding of the output"},
    {"translit", "yes|no", "no", "write what the output cannot hold with similar characters, or ?"},
    {NULL, NULL, NULL, NULL},
};

static void config_destroy(void *config)
{
    struct charset_config *charset = config;
    if (!charset)
        return;
    if (charset->locale)
        freelocale(charset->locale);
    free(charset);
}

static enum mr_status config_create(void **config, struct mr_error *err)
{
    struct charset_config *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    memcpy(made->to, "UTF-8", sizeof("UTF-8"));
    *config = made;
    return MR_OK;
}

/* Names go into an iconv string, where '/' begins a suffix, and into messages. */
static enum mr_status set_name(char name[NAME_BYTES], const char *value, struct mr_error *err)
{
    size_t length = strlen(value);
    bool is_plain = length > 0 && length < NAME_BYTES;
    for (size_t i = 0; is_plain && i < length; i++)
        is_plain = value[i] > ' ' && value[i] < 0x7f && value[i] != '/';
    if (!is_plain)
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "must be the name of a character encoding, such as UTF-8 or ISO-8859-1");
    memcpy(name, value, length + 1);
    return MR_OK;
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct charset_config *charset = config;
    if (strcmp(key, "from") == 0)
        return set_name(charset->from, value, err);
    if (strcmp(key, "to") == 0)
        return set_name(charset->to, value, err);
    if (strcmp(key, "translit") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "unknown setting; there are from, to and translit");
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "must be yes or no");
    charset->transliterates = value[0] == 'y';
    return MR_OK;
}

static iconv_t open_descriptor(const struct charset_config *charset)
{
    char to[NAME_BYTES + sizeof("//TRANSLIT")];
    snprintf(to, sizeof(to), "%s%s", charset->to, charset->transliterates ? "//TRANSLIT" : "");
    return iconv_open(to, charset->from);
}

static enum mr_status open_failed(const struct charset_config *charset, struct mr_error *err)
{
    if (errno == EINVAL)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "no conversion from %s to %s; iconv -l lists the names of encodings",
                            charset->from, charset->to);
    return mr_error_set(err, MR_E_SYSTEM, errno, "cannot convert from %s to %s", charset->from,
                        charset->to);
}

static enum mr_status config_check(void *config, struct mr_error *err)
{
    struct charset_config *charset = config;
    if (!charset->from[0])
        return mr_error_set(err, MR_E_USAGE, 0,
                            "from=NAME is missing: the character encoding of the input");
    iconv_t descriptor = open_descriptor(charset);
    if (descriptor == NO_DESCRIPTOR)
        return open_failed(charset, err);
    iconv_close(descriptor);
    if (charset->transliterates && !charset->locale) {
        charset->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (!charset->locale)
            return mr_error_set(err, MR_E_UNSUPPORTED, errno,
                                "translit=yes needs the locale C.UTF-8");
    }
    return MR_OK;
}

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct charset_state) +
           (64U << 10); /* what iconv allocates for a pair of steps */
}

static void state_destroy(void *state)
{
    struct charset_state *charset = state;
    if (!charset)
        return;
    if (charset->descriptor != NO_DESCRIPTOR)
        iconv_close(charset->descriptor);
    free(charset);
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct charset_state *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->config = config;
    made->descriptor = open_descriptor(config);
    if (made->descriptor == NO_DESCRIPTOR) {
        enum mr_status status = open_failed(config, err);
        free(made);
        return status;
    }
    *state = made;
    return MR_OK;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct charset_state *charset = state;
    (void)entry;
    (void)err;
    iconv(charset->descriptor, NULL, NULL, NULL, NULL);
    charset->offset_bytes = 0;
    charset->is_reset = false;
    charset->carry_bytes = charset->spill_bytes = charset->spill_used_bytes = 0;
    return MR_OK;
}

/*
 * One iconv() call from in to out, or to spill when out has less than SPILL_BYTES left. Returns 0
 * or the errno; *used_bytes of the input are converted.
 */
static int convert(struct charset_state *charset, const unsigned char *in, size_t in_bytes,
                   struct mr_io *io, size_t *used_bytes)
{
    bool spills = io->out_bytes < SPILL_BYTES;
    char *to = spills ? (char *)charset->spill : (char *)io->out;
    size_t room_bytes = spills ? SPILL_BYTES : io->out_bytes;
    size_t left_bytes = room_bytes;
    char *from = (char *)(uintptr_t)in; /* iconv() does not write to it */
    size_t from_bytes = in_bytes;
    locale_t before = charset->config->locale ? uselocale(charset->config->locale) : (locale_t)0;
    /* Without input: the final shift sequence. */
    size_t result =
        iconv(charset->descriptor, in ? &from : NULL, in ? &from_bytes : NULL, &to, &left_bytes);
    int failure = result == (size_t)-1 ? errno : 0;
    if (before)
        uselocale(before);

    *used_bytes = in_bytes - from_bytes;
    charset->offset_bytes += *used_bytes;
    size_t made_bytes = room_bytes - left_bytes;
    if (spills) {
        charset->spill_bytes = made_bytes;
        charset->spill_used_bytes = 0;
    } else {
        io->out += made_bytes;
        io->out_bytes -= made_bytes;
    }
    return failure;
}

/* False when the room is full first. */
static bool empty_spill(struct charset_state *charset, struct mr_io *io)
{
    size_t bytes = charset->spill_bytes - charset->spill_used_bytes;
    if (bytes > io->out_bytes)
        bytes = io->out_bytes;
    if (bytes > 0)
        memcpy(io->out, charset->spill + charset->spill_used_bytes, bytes);
    charset->spill_used_bytes += bytes;
    io->out += bytes;
    io->out_bytes -= bytes;
    return charset->spill_used_bytes == charset->spill_bytes;
}

static enum mr_status bad_character(const struct charset_state *charset, struct mr_error *err)
{
    const struct charset_config *config = charset->config;
    if (config->transliterates)
        return mr_error_set(err, MR_E_DATA, 0, "at byte %llu: not valid %s",
                            (unsigned long long)charset->offset_bytes, config->from);
    return mr_error_set(err, MR_E_DATA, 0,
                        "at byte %llu: not valid %s, or a character that %s does not have "
                        "(translit=yes replaces those)",
                        (unsigned long long)charset->offset_bytes, config->from, config->to);
}

/* Goes on with the character whose beginning is in carry, completed from the input. */
static enum mr_status convert_carry(struct charset_state *charset, struct mr_io *io,
                                    struct mr_error *err)
{
    size_t held_bytes = charset->carry_bytes;
    size_t more_bytes = CARRY_BYTES - held_bytes;
    if (more_bytes > io->in_bytes)
        more_bytes = io->in_bytes;
    memcpy(charset->carry + held_bytes, io->in, more_bytes);
    size_t used_bytes;
    int failure = convert(charset, charset->carry, held_bytes + more_bytes, io, &used_bytes);
    if (failure == EILSEQ)
        return bad_character(charset, err);
    if (used_bytes >= held_bytes) {
        io->in += used_bytes - held_bytes;
        io->in_bytes -= used_bytes - held_bytes;
        charset->carry_bytes = 0;
        return MR_OK;
    }
    if (failure == EINVAL) { /* still not complete: all that is there is kept */
        if (more_bytes < io->in_bytes)
            return bad_character(charset, err);
        io->in += more_bytes;
        io->in_bytes -= more_bytes;
        held_bytes += more_bytes;
    }
    charset->carry_bytes = held_bytes - used_bytes;
    memmove(charset->carry, charset->carry + used_bytes, charset->carry_bytes);
    return MR_OK;
}

static enum mr_status convert_input(struct charset_state *charset, struct mr_io *io,
                                    struct mr_error *err)
{
    if (charset->carry_bytes > 0)
        return convert_carry(charset, io, err);
    size_t used_bytes;
    int failure = convert(charset, io->in, io->in_bytes, io, &used_bytes);
    io->in += used_bytes;
    io->in_bytes -= used_bytes;
    if (failure == EILSEQ || (failure == EINVAL && io->in_bytes > CARRY_BYTES))
        return bad_character(charset, err);
    if (failure == EINVAL) {
        memcpy(charset->carry, io->in, io->in_bytes);
        charset->carry_bytes = io->in_bytes;
        io->in += io->in_bytes;
        io->in_bytes = 0;
    }
    return MR_OK;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct charset_state *charset = state;
    while (empty_spill(charset, io)) {
        if (charset->is_reset)
            return MR_DONE;
        if (io->in_bytes > 0) {
            if (io->out_bytes == 0)
                return MR_OK;
            enum mr_status status = convert_input(charset, io, err);
            if (status != MR_OK)
                return status;
            continue;
        }
        if (!io->is_last)
            return MR_OK;
        if (charset->carry_bytes > 0)
            return mr_error_set(err, MR_E_DATA, 0,
                                "at byte %llu: ends in the middle of a character",
                                (unsigned long long)charset->offset_bytes);
        size_t used_bytes;
        if (convert(charset, NULL, 0, io, &used_bytes) != 0)
            return mr_error_set(err, MR_E_DATA, 0, "cannot end the output as %s wants it",
                                charset->config->to);
        charset->is_reset = true;
    }
    return MR_OK;
}

const struct mr_operation operation_charset = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "charset",
    .summary = "from one character encoding to another",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_check = config_check,
    .config_destroy = config_destroy,
    .state_bytes = state_bytes,
    .state_create = state_create,
    .start = start,
    .process = process,
    .state_destroy = state_destroy,
};
