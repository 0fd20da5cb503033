#include "policy/portable.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wctype.h>

#include "base/locale.h"
#include "base/path.h"

#define CODE_MAX 0x10ffffu

struct portable {
    locale_t utf8;
};

enum mr_status portable_create(struct portable **portable, struct mr_error *err)
{
    struct portable *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = locale_create(&made->utf8, err);
    if (status == MR_OK)
        *portable = made;
    else
        free(made);
    return status;
}

void portable_destroy(struct portable *portable)
{
    if (!portable)
        return;
    locale_destroy(portable->utf8);
    free(portable);
}

/* ---- what is no name everywhere ---- */

/* The part before the first dot, without spaces at its end, is the name of a device. */
static bool is_device(const char *part, size_t length)
{
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    size_t stem = 0;
    while (stem < length && part[stem] != '.')
        stem++;
    while (stem > 0 && part[stem - 1] == ' ')
        stem--;
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        if (strlen(devices[i]) == stem && strncasecmp(part, devices[i], stem) == 0)
            return true;
    bool is_port = stem == 4 && part[3] >= '0' && part[3] <= '9';
    return is_port && (strncasecmp(part, "COM", 3) == 0 || strncasecmp(part, "LPT", 3) == 0);
}

static const char *check_character(uint32_t code)
{
    if (code > CODE_MAX)
        return "it is not UTF-8";
    if (code < 0x20 || code == 0x7f)
        return "it has a control character";
    if (code < 0x80 && strchr("<>:\"|?*\\", (int)code))
        return "it has one of < > : \" | ? * \\";
    return code >= 0x300 && code <= 0x36f ? "it has a combining character" : NULL;
}

static const char *check_part(const char *part, size_t length)
{
    if (is_device(part, length))
        return "a part of it is the name of a device";
    if (part[length - 1] == '.' || part[length - 1] == ' ')
        return "a part of it ends with a dot or a space";
    const char *problem = NULL;
    for (size_t at = 0; at < length && !problem;) {
        uint32_t code;
        at += path_character(part + at, &code);
        problem = check_character(code);
    }
    return problem;
}

enum mr_status portable_check(const char *name, struct mr_error *err)
{
    const char *problem = NULL;
    for (const char *at = name; *at && !problem;) {
        size_t length = strcspn(at, "/");
        problem = check_part(at, length);
        at += length + (at[length] == '/');
    }
    if (!problem)
        return MR_OK;
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_UNSAFE, 0, "refused the name '%s' (--portable-names): %s",
                        path_show(shown, sizeof(shown), name), problem);
}

/* ---- names that are one ---- */

/* Writes the character in UTF-8. Returns its length. */
static size_t encode(uint32_t code, char to[4])
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((0xf00u >> length & 0xf0u) | code);
    return length;
}

void portable_fold(const struct portable *portable, const char *name, char *folded,
                   size_t cap_bytes)
{
    size_t used = 0;
    while (*name) {
        uint32_t code;
        char character[4];
        size_t length = path_character(name, &code);
        if (code <= CODE_MAX) {
            /* Up first: some have two lower forms. */
            wint_t upper = towupper_l((wint_t)code, portable->utf8);
            size_t made = encode((uint32_t)towlower_l(upper, portable->utf8), character);
            if (used + made >= cap_bytes)
                break;
            memcpy(folded + used, character, made);
            used += made;
        } else {
            if (used + 1 >= cap_bytes)
                break;
            folded[used++] = *name;
        }
        name += length;
    }
    folded[used] = '\0';
}
