#include "base/path.h"

#include <stdlib.h>
#include <string.h>

static enum mr_status refuse(const char *name, const char *reason, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_UNSAFE, 0, "refused the name '%s': %s",
                        path_show(shown, sizeof(shown), name), reason);
}

static bool is_dot(const char *component, size_t length)
{
    return length == 1 && component[0] == '.';
}

static bool is_dot_dot(const char *component, size_t length)
{
    return length == 2 && component[0] == '.' && component[1] == '.';
}

enum mr_status path_clean(const char *name, char **clean, struct mr_error *err)
{
    *clean = NULL;
    if (name[0] == '/')
        return refuse(name, "it is absolute", err);
    char *out = malloc(strlen(name) + 1);
    if (!out)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    size_t used = 0;
    size_t count = 0;
    const char *reason = NULL;
    for (const char *at = name; *at && !reason;) {
        size_t length = strcspn(at, "/");
        if (is_dot_dot(at, length)) {
            reason = "it has a '..' in it";
        } else if (length > PATH_NAME_MAX_BYTES) {
            reason = "a part of it is longer than 255 bytes";
        } else if (length > 0 && !is_dot(at, length)) {
            if (used > 0)
                out[used++] = '/';
            memcpy(out + used, at, length);
            used += length;
            if (++count > PATH_DEPTH_MAX_COUNT)
                reason = "it is more than 256 directories deep";
            else if (used > PATH_TOTAL_MAX_BYTES)
                reason = "it is longer than 4095 bytes";
        }
        at += length;
        at += *at == '/';
    }
    if (!reason && used == 0)
        reason = "it is empty";
    if (reason) {
        free(out);
        return refuse(name, reason, err);
    }
    out[used] = '\0';
    *clean = out;
    return MR_OK;
}

bool path_climbs_by_backslash(const char *name)
{
    static const char separators[] = "/\\";
    bool is_behind = false; /* a backslash stands before this component */
    for (const char *at = name; *at;) {
        size_t length = strcspn(at, separators);
        if (is_dot_dot(at, length) && (is_behind || at[length] == '\\'))
            return true;
        at += length;
        is_behind = *at == '\\';
        at += *at != '\0';
    }
    return false;
}

bool path_link_stays_inside(const char *link_path, const char *target)
{
    if (target[0] == '/' || target[0] == '\0')
        return false;
    size_t depth = 0; /* directories between the root and where the target has led so far */
    for (const char *at = link_path; *at;) {
        size_t length = strcspn(at, "/");
        at += length;
        if (*at == '/' && at[1] != '\0' && length > 0)
            depth++;
        at += *at == '/';
    }
    for (const char *at = target; *at;) {
        size_t length = strcspn(at, "/");
        if (is_dot_dot(at, length)) {
            if (depth == 0)
                return false;
            depth--;
        } else if (length > 0 && !is_dot(at, length)) {
            depth++;
        }
        at += length;
        at += *at == '/';
    }
    return true;
}

char *path_join(const char *a, const char *b)
{
    if (!*a)
        return strdup(b);
    size_t a_bytes = strlen(a);
    size_t b_bytes = strlen(b);
    char *joined = malloc(a_bytes + b_bytes + 2);
    if (!joined)
        return NULL;
    memcpy(joined, a, a_bytes);
    joined[a_bytes] = '/';
    memcpy(joined + a_bytes + 1, b, b_bytes + 1);
    return joined;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The bytes of the UTF-8 character at text and its code, or 0 when there is none (also overlong
 * forms and surrogates). */
static size_t utf8_read(const char *text, uint32_t *code)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x80) {
        *code = at[0];
        return 1;
    }
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    uint32_t value = at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) /* also the NUL at the end */
            return 0;
        value = value << 6 | (at[i] & 0x3fu);
    }
    if ((length == 3 && value < 0x800) || (length == 4 && value < 0x10000) || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code = value;
    return length;
}

bool path_is_utf8(const char *text)
{
    while (*text) {
        uint32_t code;
        size_t length = utf8_read(text, &code);
        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

size_t path_character(const char *text, uint32_t *code)
{
    size_t length = utf8_read(text, code);
    if (length > 0)
        return length;
    *code = 0x110000u + (unsigned char)text[0];
    return 1;
}

/* Characters that move the cursor or turn the direction of what follows: shown as bytes. */
static bool is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

#define UNIT_BYTES 17 /* four bytes as \xNN, and NUL */

/* Writes the character (or bad byte) at name for people. Returns how many bytes of name it was;
 * *shown_bytes its length in unit. */
static size_t show_unit(const char *name, char unit[UNIT_BYTES], size_t *shown_bytes)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    static const char digits[] = "0123456789abcdef";
    uint32_t code = 0;
    size_t length = utf8_read(name, &code);
    size_t used = 0;
    if (length == 1 && (code == '\\' || (code >= 7 && code <= 13))) {
        unit[used++] = '\\';
        unit[used++] = code == '\\' ? '\\' : letters[code - 7];
    } else if (length > 0 && !is_harmful(code)) {
        memcpy(unit, name, length);
        used = length;
    } else {
        length = length ? length : 1;
        for (size_t i = 0; i < length; i++) {
            unsigned char byte = (unsigned char)name[i];
            unit[used++] = '\\';
            unit[used++] = 'x';
            unit[used++] = digits[byte >> 4];
            unit[used++] = digits[byte & 15];
        }
    }
    unit[used] = '\0';
    *shown_bytes = used;
    return length;
}

static size_t shown_length(const char *name)
{
    char unit[UNIT_BYTES];
    size_t total = 0;
    while (*name) {
        size_t shown_bytes;
        name += show_unit(name, unit, &shown_bytes);
        total += shown_bytes;
    }
    return total;
}

char *path_show(char *out, size_t cap_bytes, const char *name)
{
    if (cap_bytes == 0)
        return out;
    if (!name)
        name = "";
    char unit[UNIT_BYTES];
    size_t shown_bytes;
    size_t left = shown_length(name); /* of what is still to be shown */
    size_t used = 0;
    if (left >= cap_bytes) {
        size_t room = cap_bytes - 1;
        while (used < 3 && used < room)
            out[used++] = '.';
        while (left > room - used) {
            name += show_unit(name, unit, &shown_bytes);
            left -= shown_bytes;
        }
    }
    while (*name) {
        name += show_unit(name, unit, &shown_bytes);
        memcpy(out + used, unit, shown_bytes);
        used += shown_bytes;
    }
    out[used] = '\0';
    return out;
}
