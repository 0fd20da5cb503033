/* json_read.c - a pull parser without recursion: which brackets are open is a bit for each. */
#include "base/json_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/path.h"

#define BUFFER_BYTES (64 * 1024)
#define END          (-1)

struct json_reader {
    int fd;
    enum mr_status status; /* no MR_OK: all that is said from now on */
    struct mr_error error;
    uint64_t line_number;
    uint64_t objects; /* bit i: the i-th open bracket is one of an object */
    unsigned depth;   /* brackets that are open */
    bool has_members; /* in the bracket that was opened last: a comma comes before the next */
    size_t at, end;   /* what is left of buffer */
    size_t text_length, key_length;
    char name[PATH_SHOW_BYTES];
    char key[JSON_KEY_MAX_BYTES + 1];
    char text[JSON_TEXT_MAX_BYTES + 1];
    char buffer[BUFFER_BYTES];
};

/* A text that is being put together. */
struct collected {
    char *text;
    size_t *length;
    size_t max_bytes;
};

enum mr_status json_reader_create(int fd, const char *name, struct json_reader **reader,
                                  struct mr_error *err)
{
    struct json_reader *made = malloc(sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->fd = fd;
    made->status = MR_OK;
    made->line_number = 1;
    made->objects = 0;
    made->depth = 0;
    made->has_members = false;
    made->at = made->end = 0;
    path_show(made->name, sizeof(made->name), name);
    *reader = made;
    return MR_OK;
}

void json_reader_destroy(struct json_reader *reader)
{
    free(reader);
}

/* The first reason stays: what follows from it says less. */
static enum mr_status fail(struct json_reader *reader, enum mr_status status, const char *what)
{
    if (reader->status == MR_OK)
        reader->status = mr_error_set(&reader->error, status, 0, "%s, line %llu: %s", reader->name,
                                      (unsigned long long)reader->line_number, what);
    return reader->status;
}

/* ---- bytes ---- */

/* The next byte, which stays there; END after the last, or when it cannot be read. */
static int peek(struct json_reader *reader)
{
    if (reader->at < reader->end)
        return (unsigned char)reader->buffer[reader->at];
    if (reader->status != MR_OK)
        return END;
    reader->at = 0;
    if (io_read(reader->fd, reader->buffer, sizeof(reader->buffer), &reader->end) != 0) {
        reader->end = 0;
        reader->status =
            mr_error_set(&reader->error, MR_E_SYSTEM, errno, "cannot read %s", reader->name);
    }
    return reader->end > 0 ? (unsigned char)reader->buffer[0] : END;
}

/* Takes the byte that peek() has just shown. */
static void take(struct json_reader *reader)
{
    reader->line_number += reader->buffer[reader->at++] == '\n';
}

static bool take_if(struct json_reader *reader, int byte)
{
    if (peek(reader) != byte)
        return false;
    take(reader);
    return true;
}

/* True when there was some. */
static bool skip_space(struct json_reader *reader)
{
    bool has_any = false;
    for (int byte; (byte = peek(reader)) == ' ' || byte == '\n' || byte == '\t' || byte == '\r';) {
        take(reader);
        has_any = true;
    }
    return has_any;
}

static enum mr_status expect(struct json_reader *reader, int byte, const char *what)
{
    if (take_if(reader, byte))
        return MR_OK;
    return fail(reader, MR_E_DATA, peek(reader) == END ? "breaks off" : what);
}

static enum mr_status collect(struct json_reader *reader, const struct collected *into,
                              const char *bytes, size_t count)
{
    if (count > into->max_bytes - *into->length)
        return fail(reader, MR_E_LIMIT, "a text is too long");
    memcpy(into->text + *into->length, bytes, count);
    *into->length += count;
    into->text[*into->length] = '\0';
    return MR_OK;
}

/* ---- texts ---- */

static enum mr_status read_hex(struct json_reader *reader, uint32_t *unit)
{
    *unit = 0;
    for (unsigned i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        int byte = peek(reader);
        const char *digit = byte > 0 ? strchr(digits, byte | 0x20) : NULL;
        if (!digit || byte < '0')
            return fail(reader, MR_E_DATA, "\\u without four digits after it");
        *unit = *unit << 4 | (uint32_t)(digit - digits);
        take(reader);
    }
    return MR_OK;
}

static enum mr_status collect_character(struct json_reader *reader, const struct collected *into,
                                        uint32_t code)
{
    char bytes[4];
    size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(leads[count] | code);
    return collect(reader, into, bytes, count);
}

/* After "\u". A character over U+FFFF is a pair of them. */
static enum mr_status read_unicode(struct json_reader *reader, const struct collected *into)
{
    uint32_t unit, second;
    enum mr_status status = read_hex(reader, &unit);
    while (status == MR_OK && unit >= 0xd800 && unit < 0xdc00) {
        if (!take_if(reader, '\\'))
            return collect_character(reader, into, 0xfffd);
        if (peek(reader) != 'u') {
            status = collect_character(reader, into, 0xfffd);
            return status == MR_OK ? MR_AGAIN : status;
        }
        take(reader);
        status = read_hex(reader, &second);
        if (status == MR_OK && second >= 0xdc00 && second < 0xe000)
            return collect_character(reader, into,
                                     0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00));
        if (status == MR_OK)
            status = collect_character(reader, into, 0xfffd);
        unit = second;
    }
    if (status != MR_OK)
        return status;
    return collect_character(reader, into, unit >= 0xdc00 && unit < 0xe000 ? 0xfffd : unit);
}

/* After a backslash. MR_AGAIN: there was another one. */
static enum mr_status read_escape(struct json_reader *reader, const struct collected *into)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    int byte = peek(reader);
    if (take_if(reader, 'u'))
        return read_unicode(reader, into);
    const char *name = byte > 0 ? strchr(names, byte) : NULL;
    if (!name)
        return fail(reader, MR_E_DATA, "an unknown escape");
    take(reader);
    return collect(reader, into, &bytes[name - names], 1);
}

/* The bytes up to what ends the text, begins an escape, or is not allowed there. */
static enum mr_status read_plain(struct json_reader *reader, const struct collected *into)
{
    size_t start = reader->at;
    while (reader->at < reader->end) {
        unsigned char byte = (unsigned char)reader->buffer[reader->at];
        if (byte == '"' || byte == '\\' || byte < 0x20)
            break;
        reader->at++;
    }
    return collect(reader, into, reader->buffer + start, reader->at - start);
}

/* After its first quote. */
static enum mr_status read_text(struct json_reader *reader, const struct collected *into)
{
    enum mr_status status = MR_OK;
    *into->length = 0;
    into->text[0] = '\0';
    while (status == MR_OK && !take_if(reader, '"')) {
        if (take_if(reader, '\\'))
            do
                status = read_escape(reader, into);
            while (status == MR_AGAIN);
        else if (peek(reader) == END)
            status = fail(reader, MR_E_DATA, "breaks off in a text");
        else if (peek(reader) < 0x20)
            status = fail(reader, MR_E_DATA, "a control character in a text");
        else
            status = read_plain(reader, into);
    }
    return status;
}

/* ---- numbers and words ---- */

static enum mr_status collect_byte(struct json_reader *reader, const struct collected *into)
{
    char byte = (char)peek(reader);
    take(reader);
    return collect(reader, into, &byte, 1);
}

static enum mr_status read_digits(struct json_reader *reader, const struct collected *into)
{
    size_t before = *into->length;
    enum mr_status status = MR_OK;
    int byte;
    while (status == MR_OK && (byte = peek(reader)) >= '0' && byte <= '9')
        status = collect_byte(reader, into);
    if (status == MR_OK && *into->length == before)
        return fail(reader, MR_E_DATA, "a number without digits");
    return status;
}

static enum mr_status read_number(struct json_reader *reader, const struct collected *into)
{
    enum mr_status status = MR_OK;
    *into->length = 0;
    if (peek(reader) == '-')
        status = collect_byte(reader, into);
    if (status == MR_OK)
        status = peek(reader) == '0' ? collect_byte(reader, into) : read_digits(reader, into);
    if (status == MR_OK && peek(reader) == '.') {
        status = collect_byte(reader, into);
        if (status == MR_OK)
            status = read_digits(reader, into);
    }
    if (status == MR_OK && (peek(reader) | 0x20) == 'e') {
        status = collect_byte(reader, into);
        if (status == MR_OK && (peek(reader) == '+' || peek(reader) == '-'))
            status = collect_byte(reader, into);
        if (status == MR_OK)
            status = read_digits(reader, into);
    }
    return status;
}

static enum mr_status read_word(struct json_reader *reader, struct json_value *value)
{
    static const struct {
        const char *text;
        enum json_kind kind;
    } words[] = {{"true", JSON_BOOL}, {"false", JSON_BOOL}, {"null", JSON_NULL}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *text = words[i].text;
        if (peek(reader) != *text)
            continue;
        while (*text && take_if(reader, *text))
            text++;
        if (*text)
            break;
        value->kind = words[i].kind;
        value->is_true = i == 0;
        return MR_OK;
    }
    return fail(reader, MR_E_DATA, "not a value of JSON");
}

/* ---- values ---- */

static bool is_in_object(const struct json_reader *reader)
{
    return reader->depth > 0 && (reader->objects >> (reader->depth - 1) & 1);
}

static enum mr_status open_bracket(struct json_reader *reader, bool is_object)
{
    take(reader);
    if (reader->depth == JSON_DEPTH_MAX)
        return fail(reader, MR_E_LIMIT, "too many objects and arrays in each other");
    uint64_t bit = (uint64_t)1 << reader->depth++;
    reader->objects = is_object ? reader->objects | bit : reader->objects & ~bit;
    reader->has_members = false;
    return MR_OK;
}

static enum mr_status read_key(struct json_reader *reader)
{
    const struct collected key = {reader->key, &reader->key_length, JSON_KEY_MAX_BYTES};
    enum mr_status status = expect(reader, '"', "a member without a name");
    if (status == MR_OK)
        status = read_text(reader, &key);
    skip_space(reader);
    if (status == MR_OK)
        status = expect(reader, ':', "a name without a ':' after it");
    skip_space(reader);
    return status;
}

static enum mr_status read_value(struct json_reader *reader, struct json_value *value)
{
    const struct collected text = {reader->text, &reader->text_length, JSON_TEXT_MAX_BYTES};
    int byte = peek(reader);
    if (byte == '{' || byte == '[') {
        value->kind = byte == '{' ? JSON_OBJECT : JSON_ARRAY;
        return open_bracket(reader, byte == '{');
    }
    reader->has_members = true;
    enum mr_status status;
    if (byte == '"') {
        take(reader);
        value->kind = JSON_TEXT;
        status = read_text(reader, &text);
    } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
        value->kind = JSON_NUMBER;
        status = read_number(reader, &text);
    } else {
        return byte == END ? fail(reader, MR_E_DATA, "breaks off") : read_word(reader, value);
    }
    value->text = reader->text;
    value->length = reader->text_length;
    return status;
}

static enum mr_status read_next(struct json_reader *reader, struct json_value *value)
{
    bool has_space = skip_space(reader);
    if (reader->depth == 0) {
        if (peek(reader) == END && reader->status == MR_OK)
            return reader->status = MR_DONE;
        if (reader->has_members && !has_space)
            return fail(reader, MR_E_DATA, "something after the end");
        reader->has_members = false; /* no comma between documents */
    } else if (take_if(reader, is_in_object(reader) ? '}' : ']')) {
        reader->depth--;
        reader->has_members = true; /* of what it stands in */
        value->kind = JSON_CLOSE;
        return MR_OK;
    }
    enum mr_status status = reader->status;
    if (status == MR_OK && reader->has_members) {
        status = expect(reader, ',', "no ',' between two values");
        skip_space(reader);
    }
    if (status == MR_OK && is_in_object(reader)) {
        status = read_key(reader);
        value->key = reader->key;
    }
    return status == MR_OK ? read_value(reader, value) : status;
}

enum mr_status json_read(struct json_reader *reader, struct json_value *value, struct mr_error *err)
{
    *value = (struct json_value){.kind = JSON_NULL, .key = "", .text = ""};
    enum mr_status status = reader->status == MR_OK ? read_next(reader, value) : reader->status;
    if (mr_status_is_error(status) && err)
        *err = reader->error;
    return status;
}

enum mr_status json_skip(struct json_reader *reader, const struct json_value *value,
                         struct mr_error *err)
{
    if (value->kind != JSON_OBJECT && value->kind != JSON_ARRAY)
        return MR_OK;
    unsigned outside = reader->depth - 1;
    struct json_value passed;
    enum mr_status status = MR_OK;
    while (status == MR_OK && reader->depth > outside)
        status = json_read(reader, &passed, err);
    return status;
}

bool json_to_unsigned(const struct json_value *value, uint64_t *number)
{
    if (value->kind != JSON_NUMBER || value->text[strspn(value->text, "0123456789")] != '\0')
        return false;
    errno = 0;
    unsigned long long found = strtoull(value->text, NULL, 10);
    if (errno != 0)
        return false;
    *number = found;
    return true;
}

bool json_to_real(const struct json_value *value, double *number)
{
    if (value->kind != JSON_NUMBER)
        return false;
    double found = strtod(value->text, NULL);
    if (!isfinite(found))
        return false;
    *number = found;
    return true;
}

bool json_to_bytes(const struct json_value *value, char *bytes, size_t cap_bytes, size_t *count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t made = 0;
    uint32_t bits = 0;
    const char *end = value->text + value->length;
    unsigned pad_count = value->length > 0 && end[-1] == '=' ? 1 + (end[-2] == '=') : 0;
    if (value->kind != JSON_TEXT || value->length % 4 != 0 || value->length / 4 * 3 > cap_bytes)
        return false;
    for (size_t i = 0; i < value->length; i++) {
        bool is_pad = i + pad_count >= value->length;
        const char *digit = value->text[i] ? strchr(digits, value->text[i]) : NULL;
        if (!digit && !is_pad)
            return false;
        bits = bits << 6 | (is_pad ? 0 : (uint32_t)(digit - digits));
        if (i % 4 != 3)
            continue;
        bytes[made++] = (char)(bits >> 16);
        bytes[made++] = (char)(bits >> 8);
        bytes[made++] = (char)bits;
    }
    *count = made - pad_count;
    return true;
}
