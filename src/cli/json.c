#include "cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/path.h"

void json_open(struct json *json, FILE *out)
{
    json->out = out;
    json->count = 0;
    fputc('{', out);
}

void json_close(struct json *json)
{
    fputs("}\n", json->out);
}

static void write_key(struct json *json, const char *key, const char *suffix)
{
    fprintf(json->out, "%s\"%s%s\":", json->count++ ? "," : "", key, suffix);
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

static void write_string(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', out);
    while (*at) {
        size_t length = character_length(at);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at == '\n')
            fputs("\\n", out);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(out, "\\u%04x", *at);
        else
            fwrite(at, 1, length, out);
        at += length ? length : 1;
    }
    fputc('"', out);
}

static void write_base64(FILE *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    fputc('"', out);
    for (; left > 0; at += 3) {
        size_t count = left < 3 ? left : 3;
        uint32_t bits = (uint32_t)at[0] << 16;
        if (count > 1)
            bits |= (uint32_t)at[1] << 8;
        if (count > 2)
            bits |= at[2];
        for (size_t i = 0; i < 4; i++)
            fputc(i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=', out);
        left -= count;
    }
    fputc('"', out);
}

void json_text(struct json *json, const char *key, const char *text)
{
    write_key(json, key, "");
    write_string(json->out, text);
    if (path_is_utf8(text))
        return;
    write_key(json, key, "_b64");
    write_base64(json->out, text);
}

void json_number(struct json *json, const char *key, int64_t number)
{
    write_key(json, key, "");
    fprintf(json->out, "%" PRId64, number);
}

void json_unsigned(struct json *json, const char *key, uint64_t number)
{
    write_key(json, key, "");
    fprintf(json->out, "%" PRIu64, number);
}

void json_bool(struct json *json, const char *key, bool value)
{
    write_key(json, key, "");
    fputs(value ? "true" : "false", json->out);
}

void json_real(struct json *json, const char *key, double number)
{
    write_key(json, key, "");
    if (isfinite(number))
        fprintf(json->out, "%.9g", number);
    else
        fputs("null", json->out);
}

void json_object(struct json *json, const char *key)
{
    write_key(json, key, "");
    fputc('{', json->out);
    json->count = 0;
}

void json_object_end(struct json *json)
{
    fputc('}', json->out);
    json->count = 1; /* what it stands in has a member now */
}

void json_array(struct json *json, const char *key)
{
    write_key(json, key, "");
    fputc('[', json->out);
    json->count = 0;
}

void json_array_end(struct json *json)
{
    fputc(']', json->out);
    json->count = 1;
}

void json_element(struct json *json)
{
    fputs(json->count++ ? ",{" : "{", json->out);
    json->count = 0;
}
