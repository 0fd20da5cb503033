#include "source/pax_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* libarchive takes no more either. */
#define RECORDS_MAX_BYTES ((size_t)1 << 20)

/*
 * What decides which file is made, and where the next header is. Times and owners are left to
 * libarchive, which takes what it can of them: no other file comes of it.
 */
static const struct keyword {
    const char *name;
    bool is_size; /* digits; else a text without a NUL */
} keywords[] = {
    {"path", false},
    {"linkpath", false},
    {"size", true},
    {"GNU.sparse.name", false},
    {"GNU.sparse.size", true},
    {"GNU.sparse.realsize", true},
};

/* ---- records ---- */

static size_t digits_at(const unsigned char *text, size_t size_bytes)
{
    size_t count = 0;
    while (count < size_bytes && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

/* Digits, for less than 2^63. libarchive takes an empty text for 0, and others for nothing said. */
static bool is_size(const unsigned char *text, size_t size_bytes)
{
    enum { DIGITS_MAX = 18 };
    size_t at = 0;
    while (at < size_bytes && text[at] == '0')
        at++;
    return size_bytes > 0 && size_bytes - at <= DIGITS_MAX &&
           digits_at(text + at, size_bytes - at) == size_bytes - at;
}

static const char *check_value(const struct keyword *keyword, const unsigned char *value,
                               size_t size_bytes)
{
    if (keyword->is_size)
        return is_size(value, size_bytes) ? NULL : "a size in its pax header is no number";
    return memchr(value, '\0', size_bytes) ? "a name in its pax header holds a NUL" : NULL;
}

/* "KEYWORD=VALUE" without the newline. */
static const char *check_record(const unsigned char *record, size_t size_bytes, bool is_global)
{
    const unsigned char *equals = memchr(record, '=', size_bytes);
    if (!equals || equals == record || memchr(record, '\0', (size_t)(equals - record)))
        return "a record of its pax header has no keyword";
    size_t name_bytes = (size_t)(equals - record);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const struct keyword *keyword = &keywords[i];
        if (strlen(keyword->name) != name_bytes || memcmp(keyword->name, record, name_bytes) != 0)
            continue;
        if (is_global)
            return "a global pax header says names or sizes, on which readers differ";
        return check_value(keyword, equals + 1, size_bytes - name_bytes - 1);
    }
    return NULL;
}

/* The length of the record at the beginning, which counts its own digits; 0: it makes no sense.
 * *head_bytes: those digits and the space. */
static size_t record_length(const unsigned char *text, size_t size_bytes, size_t *head_bytes)
{
    size_t length = 0, digits = digits_at(text, size_bytes);
    if (digits == 0 || digits > 7 || digits == size_bytes || text[digits] != ' ')
        return 0;
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (size_t)(text[i] - '0');
    *head_bytes = digits + 1;
    bool is_sound = length > *head_bytes + 1 && length <= size_bytes && text[length - 1] == '\n';
    return is_sound ? length : 0;
}

const char *pax_check_records(const unsigned char *records, size_t size_bytes, bool is_global)
{
    const char *problem = NULL;
    for (size_t at = 0; at < size_bytes && !problem;) {
        size_t head = 0, length = record_length(records + at, size_bytes - at, &head);
        if (length == 0)
            return "a record of its pax header has not the length that it claims";
        problem = check_record(records + at + head, length - head - 1, is_global);
        at += length;
    }
    return problem;
}

/* Is there a size that is not 0 in records that were found good? */
static bool hold_size(const unsigned char *records, size_t size_bytes)
{
    static const char keyword[] = "size=";
    size_t head = 0, length;
    bool is_there = false; /* the last one counts */
    for (size_t at = 0; at < size_bytes; at += length) {
        length = record_length(records + at, size_bytes - at, &head);
        const unsigned char *value = records + at + head + sizeof(keyword) - 1;
        const unsigned char *end = records + at + length - 1; /* the newline */
        if (length - head <= sizeof(keyword) ||
            memcmp(records + at + head, keyword, sizeof(keyword) - 1) != 0)
            continue;
        while (value < end && *value == '0')
            value++;
        is_there = value < end;
    }
    return is_there;
}

/* ---- headers ---- */

/* A number in base 256, as GNU tar writes large ones: the first byte is 0x80. SIZE_MAX: too large
 * here, or below zero. */
static size_t read_binary(const unsigned char *field, size_t field_bytes)
{
    size_t value = field[0] & 0x7f;
    for (size_t i = 1; i < field_bytes && value <= RECORDS_MAX_BYTES; i++)
        value = value << 8 | field[i];
    return value <= RECORDS_MAX_BYTES ? value : SIZE_MAX;
}

/* The size in a header, as libarchive reads it: octal digits behind blanks, whatever comes then, or
 * base 256. False: it is none that is taken. */
static bool read_size(const unsigned char *header, size_t *size_bytes)
{
    enum { SIZE_AT = 124, SIZE_BYTES = 12 };
    const unsigned char *field = header + SIZE_AT;
    size_t value = 0, at = 0;
    if (field[0] & 0x80) {
        *size_bytes = read_binary(field, SIZE_BYTES);
        return *size_bytes <= RECORDS_MAX_BYTES;
    }
    while (at < SIZE_BYTES && (field[at] == ' ' || field[at] == '\t'))
        at++;
    for (; at < SIZE_BYTES && field[at] >= '0' && field[at] <= '7'; at++)
        value = value * 8 + (size_t)(field[at] - '0');
    *size_bytes = value;
    return value <= RECORDS_MAX_BYTES;
}

static char type_of(const struct pax_check *check)
{
    enum { TYPE_AT = 156 };
    return (char)check->header[TYPE_AT];
}

/* What follows the header that is there now. Sun's X is what POSIX calls x. */
static void judge_header(struct pax_check *check)
{
    check->part = PAX_NOTHING;
    char type = type_of(check);
    if (check->has_size && type >= '2' && type <= '6' && !check->problem)
        check->problem = "its pax header gives a size to what has no content";
    if (type == '\0' || !strchr("xXgLKAV", type) || !read_size(check->header, &check->left_bytes))
        return;
    if (type == 'V') /* the name of a volume, which libarchive takes to have no content */
        check->left_bytes = 0;
    check->padding_bytes = -check->left_bytes % PAX_BLOCK_BYTES;
    check->records_bytes = 0;
    check->part = strchr("xXg", type) ? PAX_RECORDS : PAX_OTHER;
}

/* The content of that header is over. */
static void end_content(struct pax_check *check)
{
    bool is_global = type_of(check) == 'g';
    if (check->part == PAX_RECORDS && !check->problem)
        check->problem = pax_check_records(check->records, check->records_bytes, is_global);
    if (check->part == PAX_RECORDS && !check->problem && !is_global)
        check->has_size = hold_size(check->records, check->records_bytes);
    check->part = PAX_HEADER;
    check->left_bytes = PAX_BLOCK_BYTES;
}

static bool keep(struct pax_check *check, const unsigned char *data, size_t size_bytes)
{
    size_t need = check->records_bytes + size_bytes;
    if (need > check->records_cap_bytes) {
        unsigned char *grown = realloc(check->records, need);
        if (!grown)
            return false;
        check->records = grown;
        check->records_cap_bytes = need;
    }
    memcpy(check->records + check->records_bytes, data, size_bytes);
    check->records_bytes = need;
    return true;
}

/* Takes the next bytes of the part, at most what is left of it. Returns their number. */
static size_t take_part(struct pax_check *check, const unsigned char *data, size_t size_bytes)
{
    bool is_padding = check->left_bytes == 0;
    size_t *left = is_padding ? &check->padding_bytes : &check->left_bytes;
    size_t taken = size_bytes < *left ? size_bytes : *left;
    if (check->part == PAX_HEADER)
        memcpy(check->header + PAX_BLOCK_BYTES - *left, data, taken);
    bool is_kept = check->part == PAX_RECORDS && !is_padding;
    if (is_kept && !keep(check, data, taken)) {
        check->part = PAX_NOTHING;
        return taken;
    }
    *left -= taken;
    if (check->part == PAX_HEADER && check->left_bytes == 0)
        judge_header(check);
    if (check->part > PAX_HEADER && check->left_bytes == 0 && check->padding_bytes == 0)
        end_content(check);
    return taken;
}

void pax_check_take(struct pax_check *check, int64_t at_bytes, const unsigned char *data,
                    size_t size_bytes)
{
    if (check->part == PAX_NOTHING || at_bytes + (int64_t)size_bytes <= check->at_bytes)
        return;
    if (at_bytes > check->at_bytes) {
        check->part = PAX_NOTHING;
        return;
    }
    size_t at = (size_t)(check->at_bytes - at_bytes);
    while (at < size_bytes && check->part != PAX_NOTHING)
        at += take_part(check, data + at, size_bytes - at);
    check->at_bytes = at_bytes + (int64_t)at;
}

void pax_check_begin(struct pax_check *check, int64_t at_bytes)
{
    check->at_bytes = at_bytes;
    check->has_size = false;
    check->part = PAX_HEADER;
    check->left_bytes = PAX_BLOCK_BYTES;
    check->padding_bytes = 0;
}

void pax_check_fini(struct pax_check *check)
{
    free(check->records);
    *check = (struct pax_check){0};
}
