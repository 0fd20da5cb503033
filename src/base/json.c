#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/path.h"

static inline void put(struct json *json, const char *bytes, size_t count)
{
    if (json->out) {
        fwrite_unlocked(bytes, 1, count, json->out);
    } else if (count <= (size_t)(json->end - json->at)) {
        memcpy(json->at, bytes, count);
        json->at += count;
    } else {
        json->is_cut = true;
        json->at = json->end; /* nothing that is shorter comes behind the gap */
    }
}

static inline void put_text(struct json *json, const char *text)
{
    put(json, text, strlen(text));
}

void json_open(struct json *json, FILE *out)
{
    *json = (struct json){.out = out};
    put(json, "{", 1);
}

void json_open_memory(struct json *json, char *at, char *end)
{
    *json = (struct json){.at = at, .end = end};
    put(json, "{", 1);
}

void json_close(struct json *json)
{
    put(json, "}\n", 2);
}

static void write_key(struct json *json, const char *key, const char *suffix)
{
    if (json->count++ > 0)
        put(json, ",", 1);
    put(json, "\"", 1);
    put_text(json, key);
    put_text(json, suffix);
    put(json, "\":", 2);
}

/* Bytes of the UTF-8 character at text, 0 when there is none: no overlong forms, surrogates, or
 * values over U+10FFFF. */
static size_t character_length(const unsigned char *text)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (text[0] < forms[i].first_min || text[0] > forms[i].first_max)
            continue;
        for (size_t k = 1; k < forms[i].length; k++) {
            unsigned char min = k == 1 ? forms[i].second_min : 0x80;
            unsigned char max = k == 1 ? forms[i].second_max : 0xbf;
            if (text[k] < min || text[k] > max)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

/* Nothing to be escaped, nor to be looked at twice. */
static size_t plain_length(const unsigned char *text)
{
    size_t length = 0;
    while (text[length] >= 0x20 && text[length] < 0x7f && text[length] != '"' &&
           text[length] != '\\')
        length++;
    return length;
}

static void write_escape(struct json *json, unsigned char byte)
{
    char escape[8];
    if (byte == '"' || byte == '\\')
        snprintf(escape, sizeof(escape), "\\%c", byte);
    else if (byte == '\n')
        snprintf(escape, sizeof(escape), "\\n");
    else
        snprintf(escape, sizeof(escape), "\\u%04x", byte);
    put_text(json, escape);
}

/* Most names are plain: true then, and nothing else of them needs to be asked. */
static bool write_string(struct json *json, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t plain_bytes = plain_length(at);
    put(json, "\"", 1);
    put(json, text, plain_bytes);
    at += plain_bytes;
    bool is_plain = *at == '\0';
    while (*at) {
        size_t length = plain_length(at);
        if (length == 0)
            length = character_length(at);
        if (length == 0)
            put_text(json, "\\ufffd");
        else if (length == 1 && plain_length(at) == 0)
            write_escape(json, *at);
        else
            put(json, (const char *)at, length);
        at += length ? length : 1;
    }
    put(json, "\"", 1);
    return is_plain;
}

static void write_base64(struct json *json, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    put(json, "\"", 1);
    for (; left > 0; at += 3) {
        size_t count = left < 3 ? left : 3;
        uint32_t bits = (uint32_t)at[0] << 16;
        if (count > 1)
            bits |= (uint32_t)at[1] << 8;
        if (count > 2)
            bits |= at[2];
        for (size_t i = 0; i < 4; i++)
            put(json, i <= count ? &digits[bits >> (18 - 6 * i) & 63] : "=", 1);
        left -= count;
    }
    put(json, "\"", 1);
}

void json_text(struct json *json, const char *key, const char *text)
{
    write_key(json, key, "");
    if (write_string(json, text) || path_is_utf8(text))
        return;
    write_key(json, key, "_b64");
    write_base64(json, text);
}

/* What the character at at is written as, in bytes; *length is its own. */
static size_t written_bytes(const unsigned char *at, size_t *length)
{
    *length = character_length(at);
    if (*length == 1 && (*at == '"' || *at == '\\' || *at == '\n'))
        return 2;
    if (*length == 0 || *at < 0x20 || *at == 0x7f) {
        *length = 1;
        return 6;
    }
    return *length;
}

void json_text_end(struct json *json, const char *key, const char *text, size_t max_bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t all_bytes = 0, length;
    for (const unsigned char *next = at; *next; next += length)
        all_bytes += written_bytes(next, &length);
    while (all_bytes > max_bytes) {
        all_bytes -= written_bytes(at, &length);
        at += length;
    }
    const char *begin = (const char *)at, *line = strchr(begin, '\n');
    if (begin > text && begin[-1] != '\n' && line && line[1])
        begin = line + 1;
    write_key(json, key, "");
    write_string(json, begin);
}

static void write_decimal(struct json *json, uint64_t number, bool is_negative)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    if (is_negative)
        *--at = '-';
    put(json, at, (size_t)(digits + sizeof(digits) - at));
}

void json_number(struct json *json, const char *key, int64_t number)
{
    bool is_negative = number < 0;
    write_key(json, key, "");
    write_decimal(json, is_negative ? 0 - (uint64_t)number : (uint64_t)number, is_negative);
}

void json_unsigned(struct json *json, const char *key, uint64_t number)
{
    write_key(json, key, "");
    write_decimal(json, number, false);
}

void json_bool(struct json *json, const char *key, bool value)
{
    write_key(json, key, "");
    put_text(json, value ? "true" : "false");
}

void json_real(struct json *json, const char *key, double number)
{
    char text[40];
    write_key(json, key, "");
    snprintf(text, sizeof(text), "%.9g", number);
    put_text(json, isfinite(number) ? text : "null");
}

void json_object(struct json *json, const char *key)
{
    write_key(json, key, "");
    put(json, "{", 1);
    json->count = 0;
}

void json_object_end(struct json *json)
{
    put(json, "}", 1);
    json->count = 1; /* what it stands in has a member now */
}

void json_array(struct json *json, const char *key)
{
    write_key(json, key, "");
    put(json, "[", 1);
    json->count = 0;
}

void json_array_end(struct json *json)
{
    put(json, "]", 1);
    json->count = 1;
}

void json_element(struct json *json)
{
    if (json->count++ > 0)
        put(json, ",", 1);
    put(json, "{", 1);
    json->count = 0;
}
