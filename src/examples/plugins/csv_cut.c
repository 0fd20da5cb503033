/*
 * csv_cut - a plugin: keeps or drops columns of CSV files (RFC 4180), whatever their size, in 4 KiB
 * of memory.
 *
 *     cc -std=c11 -O2 -fPIC -shared csv_cut.c -o csv_cut.so
 *     millrace run orders.zip -p ./csv_cut.so:columns=1+4-6 -o cut/
 *     millrace run people/ -p ./csv_cut.so:columns=email+phone,drop=yes -o public/
 *
 * Columns are numbers, ranges or names of the first line; they stay in their order. A quoted field
 * may hold separators, quotes ("") and line ends, and what is kept is kept byte for byte.
 *
 * What to look at when writing a plugin: input and room may end anywhere, so all that must be
 * remembered is in the state, and what found no room waits there too (`held`). Nothing is printed
 * and nothing is global but constant tables.
 */
#include <ctype.h>
#include <limits.h>
#include <millrace/operation.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX_COUNT 64
#define NAME_MAX_BYTES 1024

/* ---- settings: made once, then only read, by all threads ---- */

struct part {
    unsigned first, last; /* from 1; first is 0 for a name */
    char *name;           /* owned; NULL for numbers */
};

struct config {
    struct part parts[PART_MAX_COUNT];
    unsigned count, name_count;
    char separator;
    bool drops;
};

static const struct mr_setting settings[] = {
    {"columns", "N|N-M|N-|NAME[+...]", NULL,
     "the columns: numbers, ranges, or names of the first line"},
    {"drop", "yes|no", "no", "leave those out and keep all others"},
    {"separator", "CHARACTER|tab", ",", "what stands between fields (a comma is the default)"},
    {NULL, NULL, NULL, NULL}};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    struct config *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
    made->separator = ',';
    *config = made;
    return MR_OK;
}

static void config_destroy(void *config)
{
    struct config *cut = config;
    for (unsigned i = 0; i < cut->count; i++)
        free(cut->parts[i].name);
    free(cut);
}

/* "7", "2-4" or "3-" into *part. False: it is a name. */
static bool read_numbers(const char *text, size_t length, struct part *part)
{
    unsigned long numbers[2] = {0, 0};
    unsigned at = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '-' && at == 0 && i > 0)
            at = 1;
        else if (isdigit((unsigned char)text[i]) && numbers[at] < 100000000)
            numbers[at] = numbers[at] * 10 + (unsigned long)(text[i] - '0');
        else
            return false;
    }
    part->first = (unsigned)numbers[0];
    part->last = at == 0 ? part->first : text[length - 1] == '-' ? UINT_MAX : (unsigned)numbers[1];
    return true;
}

static enum mr_status add_part(struct config *config, const char *text, size_t length,
                               struct mr_error *err)
{
    struct part *part = &config->parts[config->count];
    if (length == 0 || length > NAME_MAX_BYTES)
        return mr_operation_fail(err, MR_E_USAGE,
                                 "a column is missing, or its name is longer than %d bytes",
                                 NAME_MAX_BYTES);
    if (config->count == PART_MAX_COUNT)
        return mr_operation_fail(err, MR_E_USAGE, "more than %d columns or ranges", PART_MAX_COUNT);
    if (!read_numbers(text, length, part)) {
        part->name = calloc(length + 1, 1);
        if (!part->name)
            return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
        memcpy(part->name, text, length);
        config->name_count++;
    } else if (part->first == 0 || part->last < part->first) {
        return mr_operation_fail(err, MR_E_USAGE,
                                 "columns are counted from 1, and ranges go upwards");
    }
    config->count++;
    return MR_OK;
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct config *cut = config;
    if (strcmp(key, "drop") == 0) {
        cut->drops = strcmp(value, "yes") == 0;
        return cut->drops || strcmp(value, "no") == 0
                   ? MR_OK
                   : mr_operation_fail(err, MR_E_USAGE, "must be yes or no");
    }
    if (strcmp(key, "separator") == 0) {
        cut->separator = strcmp(value, "tab") == 0 ? '\t' : value[0];
        if ((strlen(value) == 1 || cut->separator == '\t') && !strchr("\"\r\n", cut->separator))
            return MR_OK;
        return mr_operation_fail(err, MR_E_USAGE, "must be one character (not a quote), or tab");
    }
    for (;;) {
        size_t length = strcspn(value, "+");
        enum mr_status status = add_part(cut, value, length, err);
        if (status != MR_OK || value[length] == '\0')
            return status;
        value += length + 1;
    }
}

static enum mr_status config_check(void *config, struct mr_error *err)
{
    const struct config *cut = config;
    return cut->count > 0 ? MR_OK
                          : mr_operation_fail(err, MR_E_USAGE, "say which columns: columns=1+3");
}

/* ---- one file ---- */

enum where {
    FIELD_START,
    PLAIN,
    QUOTED,
    QUOTE_ENDED
}; /* QUOTE_ENDED: or the first of two quotes */

struct state {
    const struct config *config;
    enum where where;
    unsigned column;    /* of the current field, from 1 */
    unsigned long line; /* from 1, for messages */
    bool is_kept;       /* the current field */
    bool has_kept;      /* an earlier field of this record */
    bool has_cr;        /* a '\r' outside quotes that may belong to a line end */
    bool is_header;     /* names are to be found: fields are collected in `name` */
    bool is_ended;
    unsigned found[PART_MAX_COUNT]; /* column of each name; 0: not met yet */
    char name[NAME_MAX_BYTES + 3];  /* a field of the header, as it stands there */
    size_t name_bytes;
    char held[NAME_MAX_BYTES + 16]; /* what came out and had no room yet */
    size_t held_bytes, held_at;
};

static void hold(struct state *state, char byte)
{
    state->held[state->held_bytes++] = byte;
}

static bool is_wanted(const struct state *state)
{
    const struct config *config = state->config;
    bool is_listed = false;
    for (unsigned i = 0; i < config->count && !is_listed; i++) {
        const struct part *part = &config->parts[i];
        is_listed = part->name ? state->found[i] == state->column
                               : state->column >= part->first && state->column <= part->last;
    }
    return is_listed != config->drops;
}

/* Decides on the current field. */
static void decide(struct state *state)
{
    state->is_kept = is_wanted(state);
    if (!state->is_kept)
        return;
    if (state->has_kept)
        hold(state, state->config->separator);
    state->has_kept = true;
}

static void begin_field(struct state *state)
{
    state->column++;
    state->where = FIELD_START;
    state->name_bytes = 0;
    if (!state->is_header)
        decide(state);
}

/* The text of the collected field, without a byte order mark and without quotes. */
static void unquote(struct state *state, char *text)
{
    const char *from = state->name;
    state->name[state->name_bytes] = '\0';
    if (state->column == 1 && strncmp(from, "\xEF\xBB\xBF", 3) == 0)
        from += 3;
    bool is_quoted = *from == '"';
    for (from += is_quoted; *from; from++) {
        if (is_quoted && *from == '"' && *++from != '"')
            break;
        *text++ = *from;
    }
    *text = '\0';
}

/* In the header, a field can be decided on when all of it is there. */
static void end_field(struct state *state)
{
    char text[NAME_MAX_BYTES + 3];
    if (!state->is_header)
        return;
    unquote(state, text);
    for (unsigned i = 0; i < state->config->count; i++)
        if (state->config->parts[i].name && state->found[i] == 0 &&
            strcmp(state->config->parts[i].name, text) == 0)
            state->found[i] = state->column;
    decide(state);
    for (size_t i = 0; state->is_kept && i < state->name_bytes; i++)
        hold(state, state->name[i]);
}

static enum mr_status end_header(struct state *state, struct mr_error *err)
{
    state->is_header = false;
    for (unsigned i = 0; i < state->config->count; i++)
        if (state->config->parts[i].name && state->found[i] == 0)
            return mr_operation_fail(err, MR_E_DATA, "there is no column \"%s\" in the first line",
                                     state->config->parts[i].name);
    return MR_OK;
}

static enum mr_status end_record(struct state *state, bool has_cr, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    end_field(state);
    if (has_cr)
        hold(state, '\r');
    hold(state, '\n');
    if (state->is_header)
        status = end_header(state, err);
    state->column = 0;
    state->has_kept = false;
    begin_field(state);
    return status;
}

/* A byte of a field. */
static enum mr_status put(struct state *state, char byte, struct mr_error *err)
{
    if (!state->is_header) {
        if (state->is_kept)
            hold(state, byte);
        return MR_OK;
    }
    if (state->name_bytes == NAME_MAX_BYTES)
        return mr_operation_fail(err, MR_E_LIMIT, "line %lu: a column name of more than %d bytes",
                                 state->line, NAME_MAX_BYTES);
    state->name[state->name_bytes++] = byte;
    return MR_OK;
}

static enum mr_status take(struct state *state, char byte, struct mr_error *err)
{
    bool had_cr = state->has_cr;
    state->line += byte == '\n';
    state->has_cr = false;
    if (state->where == QUOTED) {
        state->where = byte == '"' ? QUOTE_ENDED : QUOTED;
        return put(state, byte, err);
    }
    if (byte == '\n')
        return end_record(state, had_cr, err);
    enum mr_status status = had_cr ? put(state, '\r', err) : MR_OK;
    if (status != MR_OK)
        return status;
    if (byte == '\r') {
        state->has_cr = true;
        return MR_OK;
    }
    if (byte == state->config->separator) {
        end_field(state);
        begin_field(state);
        return MR_OK;
    }
    if (state->where == QUOTE_ENDED && byte != '"')
        return mr_operation_fail(err, MR_E_DATA, "line %lu: text behind a closing quote",
                                 state->line);
    if (state->where == FIELD_START || state->where == QUOTE_ENDED)
        state->where = byte == '"' ? QUOTED : PLAIN;
    return put(state, byte, err);
}

/* Most bytes are ordinary ones in the middle of a field: these go, or are skipped, at once. */
static void take_ordinary(struct state *state, struct mr_io *io)
{
    size_t count = 0, most = io->in_bytes;
    if (state->is_header || state->has_cr || (state->where != PLAIN && state->where != QUOTED))
        return;
    if (state->is_kept && most > io->out_bytes)
        most = io->out_bytes;
    for (; count < most; count++) {
        unsigned char byte = io->in[count];
        if (byte == '"' || byte == '\n' || byte == '\r' || (char)byte == state->config->separator)
            break;
    }
    if (state->is_kept)
        memcpy(io->out, io->in, count);
    mr_io_advance(io, count, state->is_kept ? count : 0);
}

static enum mr_status finish(struct state *state, struct mr_error *err)
{
    bool is_empty =
        state->line == 1 && state->column == 1 && state->where == FIELD_START && !state->has_cr;
    state->is_ended = true;
    if (state->where == QUOTED)
        return mr_operation_fail(err, MR_E_DATA, "the file ends within a quoted field");
    enum mr_status status = state->has_cr ? put(state, '\r', err) : MR_OK;
    if (status != MR_OK || !state->is_header || is_empty)
        return status;
    end_field(state);
    return end_header(state, err);
}

/* False when the room is full first. */
static bool empty_held(struct state *state, struct mr_io *io)
{
    size_t count = state->held_bytes - state->held_at;
    if (count > io->out_bytes)
        count = io->out_bytes;
    memcpy(io->out, state->held + state->held_at, count);
    mr_io_advance(io, 0, count);
    state->held_at += count;
    if (state->held_at < state->held_bytes)
        return false;
    state->held_at = state->held_bytes = 0;
    return true;
}

static enum mr_status process(void *opaque, struct mr_io *io, struct mr_error *err)
{
    struct state *state = opaque;
    while (empty_held(state, io)) {
        enum mr_status status;
        if (state->is_ended)
            return MR_DONE;
        take_ordinary(state, io);
        if (io->in_bytes > 0) {
            status = take(state, (char)*io->in, err);
            mr_io_advance(io, 1, 0);
        } else if (io->is_last) {
            status = finish(state, err);
        } else {
            return MR_OK;
        }
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

/* ---- states: one for each file in work, used again for the next ---- */

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct state *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
    made->config = config;
    *state = made;
    return MR_OK;
}

static enum mr_status start(void *opaque, const struct mr_entry *entry, struct mr_error *err)
{
    struct state *state = opaque;
    (void)entry;
    (void)err;
    *state = (struct state){
        .config = state->config, .line = 1, .is_header = state->config->name_count > 0};
    begin_field(state);
    return MR_OK;
}

/* What is kept is never longer than what was there. */
static size_t bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes;
}

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct state);
}

/* ---- what the host sees ---- */

static const struct mr_operation csv_cut = {
    .struct_bytes = sizeof(csv_cut),
    .name = "csv-cut",
    .summary = "keeps or drops columns of CSV files",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_check = config_check,
    .config_destroy = config_destroy,
    .bound = bound,
    .state_bytes = state_bytes,
    .state_create = state_create,
    .start = start,
    .process = process,
    .state_destroy = free,
};

static const struct mr_operation *const operations[] = {&csv_cut, NULL};

static const struct mr_plugin plugin = {.struct_bytes = sizeof(plugin),
                                        .abi_version = MR_PLUGIN_ABI,
                                        .name = "csv-cut",
                                        .version = "1.0",
                                        .licence = "0BSD",
                                        .summary = "columns of CSV files",
                                        .operations = operations};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
    return &plugin;
}
