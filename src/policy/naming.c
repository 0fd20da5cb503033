#include "policy/naming.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

#define GROUP_COUNT 10 /* the whole match, and \1 to \9 */

/* No substitution may make more of a name: it is far over what is allowed already. */
#define GROWN_MAX_BYTES ((size_t)1 << 20)

struct substitution {
    regex_t regex;
    char *replacement; /* as typed, checked; separators without their backslash */
    bool is_global;
};

struct naming {
    struct substitution *substitutions;
    size_t substitution_count;
    unsigned strip_count;
    char *suffix;    /* NULL: not given */
    char *extension; /* without the dot; NULL: not given */
    bool is_flat;
    char *fixed; /* NULL: not given */
};

/* A string that grows. text is the owner's to free. */
struct grown {
    char *text;
    size_t used_bytes, cap_bytes;
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status grown_add(struct grown *grown, const char *text, size_t bytes,
                                struct mr_error *err)
{
    if (grown->used_bytes + bytes > GROWN_MAX_BYTES)
        return mr_error_set(err, MR_E_UNSAFE, 0, "the substitution makes too long a name of it");
    if (grown->used_bytes + bytes >= grown->cap_bytes) {
        size_t cap_bytes = 2 * (grown->used_bytes + bytes) + 64;
        char *more = realloc(grown->text, cap_bytes);
        if (!more)
            return no_memory(err);
        grown->text = more;
        grown->cap_bytes = cap_bytes;
    }
    memcpy(grown->text + grown->used_bytes, text, bytes);
    grown->used_bytes += bytes;
    grown->text[grown->used_bytes] = '\0';
    return MR_OK;
}

enum mr_status naming_create(struct naming **naming, struct mr_error *err)
{
    *naming = calloc(1, sizeof(**naming));
    return *naming ? MR_OK : no_memory(err);
}

void naming_destroy(struct naming *naming)
{
    if (!naming)
        return;
    for (size_t i = 0; i < naming->substitution_count; i++) {
        regfree(&naming->substitutions[i].regex);
        free(naming->substitutions[i].replacement);
    }
    free(naming->substitutions);
    free(naming->suffix);
    free(naming->extension);
    free(naming->fixed);
    free(naming);
}

static enum mr_status refuse(const char *expression, const char *reason, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_USAGE, 0, "wrong substitution '%s': %s",
                        path_show(shown, sizeof(shown), expression), reason);
}

/*
 * Copies up to the next separator, which is written with a backslash where it is meant itself; keep
 * says whether it then stays there. *at is moved behind the separator. *part is NULL when there is
 * none, or no memory.
 */
static enum mr_status cut_part(const char **at, char separator, bool keep_backslash, char **part,
                               struct mr_error *err)
{
    *part = malloc(strlen(*at) + 1);
    if (!*part)
        return no_memory(err);
    size_t used = 0;
    const char *from = *at;
    for (; *from && *from != separator; from++) {
        if (from[0] == '\\' && from[1] == separator) {
            if (keep_backslash)
                (*part)[used++] = '\\';
            from++;
        } else if (from[0] == '\\' && from[1]) {
            (*part)[used++] = *from++;
        }
        (*part)[used++] = *from;
    }
    (*part)[used] = '\0';
    if (*from == separator) {
        *at = from + 1;
        return MR_OK;
    }
    free(*part);
    *part = NULL;
    return MR_E_USAGE;
}

static const char *check_replacement(const char *replacement, size_t group_count)
{
    for (const char *at = replacement; *at; at++) {
        if (*at != '\\')
            continue;
        at++;
        if (!*at)
            return "nothing follows the last '\\'";
        if (*at >= '0' && *at <= '9' && (*at == '0' || (size_t)(*at - '0') > group_count))
            return "a \\1 to \\9 in the replacement has no ( ) to stand for";
        if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
            return "only & and \\1 to \\9 mean something in the replacement";
    }
    return NULL;
}

/* Compiles regex and checks what belongs to it. On failure nothing is held but the replacement,
 * which is the caller's. */
static enum mr_status compile(struct substitution *made, const char *expression, const char *regex,
                              const char *flags, struct mr_error *err)
{
    int compile_flags = REG_EXTENDED;
    for (; *flags; flags++) {
        if (*flags == 'g')
            made->is_global = true;
        else if (*flags == 'i')
            compile_flags |= REG_ICASE;
        else
            return refuse(expression, "the flags are g (everywhere) and i (any case)", err);
    }
    if (!*regex)
        return refuse(expression, "the regular expression is empty", err);
    int failed = regcomp(&made->regex, regex, compile_flags);
    if (failed) {
        char reason[100];
        regerror(failed, &made->regex, reason, sizeof(reason));
        return refuse(expression, reason, err);
    }
    const char *reason = check_replacement(made->replacement, made->regex.re_nsub);
    if (reason) {
        regfree(&made->regex);
        return refuse(expression, reason, err);
    }
    return MR_OK;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum mr_status naming_substitute(struct naming *naming, const char *expression,
                                 struct mr_error *err)
{
    const char *at = expression;
    if (at[0] == 's' && at[1] && !is_word(at[1]))
        at++;
    char separator = *at;
    if (!separator || separator == '\\' || is_word(separator))
        return refuse(expression, "it has the form /regex/replacement/flags", err);
    at++;
    struct substitution *more =
        realloc(naming->substitutions, (naming->substitution_count + 1) * sizeof(*more));
    if (!more)
        return no_memory(err);
    naming->substitutions = more;
    /* In the expression a special separator keeps its backslash: it is meant as the character. In
     * the replacement only '&' is special. */
    struct substitution made = {0};
    char *regex = NULL;
    enum mr_status status =
        cut_part(&at, separator, strchr(".[]*^$+?(){}|", separator), &regex, err);
    if (status == MR_OK)
        status = cut_part(&at, separator, separator == '&', &made.replacement, err);
    if (status == MR_OK)
        status = compile(&made, expression, regex, at, err);
    else if (status == MR_E_USAGE)
        refuse(expression, "it has the form /regex/replacement/flags", err);
    free(regex);
    if (status != MR_OK) {
        free(made.replacement);
        return status;
    }
    naming->substitutions[naming->substitution_count++] = made;
    return MR_OK;
}

void naming_strip_components(struct naming *naming, unsigned count)
{
    naming->strip_count = count;
}

static enum mr_status set_ending(char **ending, const char *text, const char *what,
                                 struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (strchr(text, '/'))
        return mr_error_set(err, MR_E_USAGE, 0, "the %s '%s' has a '/' in it", what,
                            path_show(shown, sizeof(shown), text));
    char *copy = strdup(text);
    if (!copy)
        return no_memory(err);
    free(*ending);
    *ending = copy;
    return MR_OK;
}

enum mr_status naming_suffix(struct naming *naming, const char *suffix, struct mr_error *err)
{
    return set_ending(&naming->suffix, suffix, "suffix", err);
}

enum mr_status naming_extension(struct naming *naming, const char *extension, struct mr_error *err)
{
    return set_ending(&naming->extension, extension + (*extension == '.'), "extension", err);
}

void naming_flat(struct naming *naming)
{
    naming->is_flat = true;
}

enum mr_status naming_fixed(struct naming *naming, const char *name, struct mr_error *err)
{
    return set_ending(&naming->fixed, name, "name", err);
}

bool naming_may_collide(const struct naming *naming)
{
    /* Also a suffix: what it is not added to, a directory or a link, may have that name already. */
    return naming->substitution_count > 0 || naming->strip_count > 0 || naming->is_flat ||
           naming->fixed || naming->extension || (naming->suffix && *naming->suffix);
}

bool naming_overrides_suffix(const struct naming *naming)
{
    return naming->suffix || naming->extension;
}

static enum mr_status add_replacement(struct grown *to, const char *replacement, const char *name,
                                      const regmatch_t groups[GROUP_COUNT], struct mr_error *err)
{
    enum mr_status status = MR_OK;
    for (const char *at = replacement; *at && status == MR_OK; at++) {
        int group = -1;
        if (*at == '&')
            group = 0;
        else if (*at == '\\' && *++at >= '1' && *at <= '9')
            group = *at - '0';
        if (group < 0)
            status = grown_add(to, at, 1, err);
        else if (groups[group].rm_so >= 0)
            status = grown_add(to, name + groups[group].rm_so,
                               (size_t)(groups[group].rm_eo - groups[group].rm_so), err);
    }
    return status;
}

/* Puts into *to what the substitution makes of name. */
static enum mr_status substitute(const struct substitution *how, const char *name, struct grown *to,
                                 struct mr_error *err)
{
    size_t name_bytes = strlen(name);
    size_t done = 0;            /* bytes of name that are dealt with */
    size_t last_end = SIZE_MAX; /* where the last match ended */
    enum mr_status status = MR_OK;
    while (status == MR_OK && done <= name_bytes) {
        /* The whole name with a place to start at: so that ^ and \b see what is before it. */
        regmatch_t groups[GROUP_COUNT] = {{.rm_so = (regoff_t)done, .rm_eo = (regoff_t)name_bytes}};
        if (regexec(&how->regex, name, GROUP_COUNT, groups, REG_STARTEND) != 0)
            break;
        size_t start = (size_t)groups[0].rm_so;
        size_t end = (size_t)groups[0].rm_eo;
        status = grown_add(to, name + done, start - done, err);
        done = start;
        /* As sed: nothing is not found right behind something found. */
        if (status == MR_OK && !(start == end && start == last_end))
            status = add_replacement(to, how->replacement, name, groups, err);
        if (!how->is_global) {
            done = end;
            break;
        }
        last_end = end;
        if (start != end) {
            done = end;
        } else if (done < name_bytes && status == MR_OK) {
            status = grown_add(to, name + done++, 1, err);
        } else {
            break;
        }
    }
    if (status == MR_OK)
        status = grown_add(to, name + done, name_bytes - done, err);
    return status;
}

/* Nothing but "." components and no '/' at the beginning: a name that has been taken away. */
static bool is_nothing(const char *name)
{
    if (*name == '/')
        return false;
    for (const char *at = name; *at; at++) {
        if (*at != '/' &&
            !(*at == '.' && (at == name || at[-1] == '/') && (at[1] == '/' || !at[1])))
            return false;
    }
    return true;
}

/* Replaces *name by its clean form. */
static enum mr_status clean_again(char **name, struct mr_error *err)
{
    char *clean;
    if (is_nothing(*name))
        return MR_SKIPPED;
    enum mr_status status = path_clean(*name, &clean, err);
    if (status != MR_OK)
        return status;
    free(*name);
    *name = clean;
    return MR_OK;
}

static enum mr_status apply_substitutions(const struct naming *naming, char **name,
                                          struct mr_error *err)
{
    for (size_t i = 0; i < naming->substitution_count; i++) {
        struct grown to = {0};
        enum mr_status status = substitute(&naming->substitutions[i], *name, &to, err);
        if (status != MR_OK) {
            free(to.text);
            return status;
        }
        free(*name);
        *name = to.text;
    }
    return naming->substitution_count > 0 ? clean_again(name, err) : MR_OK;
}

/* Keeps only what begins at from, a place in *name. */
static void cut_front(char *name, const char *from)
{
    memmove(name, from, strlen(from) + 1);
}

static enum mr_status strip(const struct naming *naming, char *name)
{
    const char *from = name;
    for (unsigned i = 0; i < naming->strip_count; i++) {
        const char *slash = strchr(from, '/');
        if (!slash)
            return MR_SKIPPED;
        from = slash + 1;
    }
    cut_front(name, from);
    return MR_OK;
}

/* Where the extension (its dot) begins, or the end of name. A dot that only dots stand before
 * begins none. */
static size_t extension_at(const char *name)
{
    const char *base = path_base(name);
    const char *start = base + strspn(base, ".");
    const char *dot = strrchr(start, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

static enum mr_status add_endings(const struct naming *naming, char **name, struct mr_error *err)
{
    const char *extension = naming->extension;
    const char *suffix = naming->suffix ? naming->suffix : "";
    if (!extension && !*suffix)
        return MR_OK;
    size_t stem_bytes = extension ? extension_at(*name) : strlen(*name);
    char *made = NULL;
    if (asprintf(&made, "%.*s%s%s%s", (int)stem_bytes, *name, extension && *extension ? "." : "",
                 extension ? extension : "", suffix) < 0)
        return no_memory(err);
    free(*name);
    *name = made;
    return clean_again(name, err);
}

static enum mr_status replace_name(char **name, const char *by, struct mr_error *err)
{
    char *copy = strdup(by);
    if (!copy)
        return no_memory(err);
    free(*name);
    *name = copy;
    return clean_again(name, err);
}

enum mr_status naming_map(const struct naming *naming, char **name, bool is_content,
                          struct mr_error *err)
{
    if (naming->fixed)
        return replace_name(name, naming->fixed, err);
    enum mr_status status = apply_substitutions(naming, name, err);
    if (status == MR_OK)
        status = strip(naming, *name);
    if (status == MR_OK && naming->is_flat)
        cut_front(*name, path_base(*name));
    if (status == MR_OK && is_content)
        status = add_endings(naming, name, err);
    return status;
}

char *naming_numbered(const char *name, unsigned n)
{
    char tag[16];
    size_t tag_bytes = (size_t)snprintf(tag, sizeof(tag), "~%u", n);
    size_t base_at = (size_t)(path_base(name) - name);
    size_t stem_end = extension_at(name);
    const char *extension = name + stem_end;
    size_t base_bytes = stem_end - base_at + tag_bytes + strlen(extension);
    /* A name that gets too long loses the end of its stem, by whole characters. */
    if (base_bytes > PATH_NAME_MAX_BYTES && stem_end - base_at > base_bytes - PATH_NAME_MAX_BYTES) {
        stem_end -= base_bytes - PATH_NAME_MAX_BYTES;
        while (stem_end > base_at + 1 && ((unsigned char)name[stem_end] & 0xc0) == 0x80)
            stem_end--;
    }
    char *made = NULL;
    return asprintf(&made, "%.*s%s%s", (int)stem_end, name, tag, extension) < 0 ? NULL : made;
}
