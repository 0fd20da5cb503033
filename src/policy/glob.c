#include "policy/glob.h"

#include <stdint.h>
#include <string.h>

#include "base/path.h"

static bool is_between(uint32_t code, char from, char to)
{
    return code >= (unsigned char)from && code <= (unsigned char)to;
}

/* The classes are ASCII's, whatever the locale is. */
static bool is_in_class(uint32_t code, const char *name, size_t length, bool *is_known)
{
    static const char *const names[] = {"alpha", "digit", "alnum",  "upper",
                                        "lower", "space", "xdigit", "punct"};
    bool upper = is_between(code, 'A', 'Z');
    bool lower = is_between(code, 'a', 'z');
    bool digit = is_between(code, '0', '9');
    const bool is_in[] = {upper || lower,
                          digit,
                          upper || lower || digit,
                          upper,
                          lower,
                          code == ' ' || (code >= 9 && code <= 13),
                          digit || is_between(code, 'A', 'F') || is_between(code, 'a', 'f'),
                          is_between(code, '!', '~') && !upper && !lower && !digit};
    *is_known = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return is_in[i];
    }
    *is_known = false;
    return false;
}

/* One character inside brackets, perhaps behind a backslash. False at the end of the pattern. */
static bool read_member(const char **at, uint32_t *code)
{
    if (**at == '\\')
        (*at)++;
    if (!**at)
        return false;
    *at += path_character(*at, code);
    return true;
}

/* at: behind the '['. Returns what is behind the ']', or NULL when the pattern is wrong; *is_in:
 * code is meant. */
static const char *read_bracket(const char *at, uint32_t code, bool *is_in)
{
    bool is_negated = *at == '!' || *at == '^';
    bool found = false;
    at += is_negated;
    for (bool is_first = true; is_first || *at != ']'; is_first = false) {
        if (at[0] == '[' && at[1] == ':') {
            const char *end = strstr(at + 2, ":]");
            bool is_known = false;
            if (end && is_in_class(code, at + 2, (size_t)(end - at - 2), &is_known))
                found = true;
            if (!is_known)
                return NULL;
            at = end + 2;
            continue;
        }
        uint32_t from;
        if (!read_member(&at, &from))
            return NULL;
        uint32_t to = from;
        if (at[0] == '-' && at[1] != ']' && at[1] != '\0') {
            at++;
            if (!read_member(&at, &to))
                return NULL;
        }
        if (code >= from && code <= to)
            found = true;
    }
    *is_in = found != is_negated;
    return at + 1;
}

enum mr_status glob_check(const char *pattern, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    const char *reason = NULL;
    for (const char *at = pattern; *at && !reason;) {
        if (*at == '[') {
            bool is_in;
            at = read_bracket(at + 1, 'a', &is_in);
            if (!at)
                reason = "its '[' has no ']' or an unknown class ('\\[' stands for the character)";
        } else if (*at == '\\' && at[1] == '\0') {
            reason = "nothing follows its last '\\'";
        } else {
            at += *at == '\\' ? 2 : 1;
        }
        if (!at)
            break;
    }
    if (!reason)
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0, "wrong pattern '%s': %s",
                        path_show(shown, sizeof(shown), pattern), reason);
}

/* Matches one character of text (not at its end) and moves both. False when it is another one. */
static bool match_one(const char **pattern, const char **text)
{
    const char *at = *pattern;
    uint32_t code;
    if (*at == '?' || *at == '[') {
        size_t length = path_character(*text, &code);
        bool is_in = true;
        at = *at == '?' ? at + 1 : read_bracket(at + 1, code, &is_in);
        if (!at || !is_in || code == '/')
            return false;
        *pattern = at;
        *text += length;
        return true;
    }
    if (*at == '\\' && at[1])
        at++;
    if (*at != **text || !*at)
        return false;
    *pattern = at + 1;
    (*text)++;
    return true;
}

/* A place to come back to: the pattern behind a star, and the text that the star does not yet
 * cover. */
struct star {
    const char *pattern; /* NULL: none */
    const char *text;
};

/* Lets a "*" cover one character more. */
static bool extend_star(struct star *star, const char *end)
{
    uint32_t code;
    if (!star->pattern || star->text == end || *star->text == '/')
        return false;
    star->text += path_character(star->text, &code);
    return true;
}

/* Lets a "**" cover one character more, or one component more. */
static bool extend_deep(struct star *deep, bool by_component, const char *end)
{
    uint32_t code;
    if (!deep->pattern || deep->text == end)
        return false;
    if (by_component) {
        const char *slash = memchr(deep->text, '/', (size_t)(end - deep->text));
        deep->text = slash ? slash + 1 : end;
        return slash != NULL;
    }
    deep->text += path_character(deep->text, &code);
    return true;
}

/*
 * Only the last star of each kind is ever come back to: what an earlier one could cover in
 * addition, a later one of the same or of the deeper kind can cover as well. So the work is at most
 * |text|^2 * |pattern|, and |text| * |pattern| without "**".
 */
bool glob_match(const char *pattern, const char *text, size_t text_bytes)
{
    const char *end = text + text_bytes;
    const char *at = pattern;
    struct star star = {0};
    struct star deep = {0};
    bool by_component = false;
    for (;;) {
        if (at[0] == '*' && at[1] == '*') {
            bool is_start = at == pattern || at[-1] == '/';
            at += strspn(at, "*");
            by_component = is_start && *at == '/';
            at += by_component;
            deep = (struct star){at, text};
            star.pattern = NULL;
        } else if (at[0] == '*') {
            star = (struct star){++at, text};
        } else if (text == end && !*at) {
            return true;
        } else if (text != end && match_one(&at, &text)) {
            continue;
        } else if (extend_star(&star, end)) {
            at = star.pattern;
            text = star.text;
        } else if (extend_deep(&deep, by_component, end)) {
            star.pattern = NULL;
            at = deep.pattern;
            text = deep.text;
        } else {
            return false;
        }
    }
}
