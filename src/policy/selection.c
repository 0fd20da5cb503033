#include "policy/selection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/path.h"
#include "policy/glob.h"

struct pattern {
    char *archive;        /* what is before "!/", for the archive's name; NULL: for all items */
    char *glob;           /* without '/' at the beginning or the end */
    bool is_base;         /* for the last component only */
    bool is_archive_base; /* archive is for the last component of its name */
    bool is_directory;    /* ended in '/' */
};

struct pattern_list {
    struct pattern *patterns;
    size_t count;
};

struct size_range {
    uint64_t min_bytes, max_bytes;
};

struct selection {
    struct pattern_list includes, excludes;
    char **extensions; /* without the dot */
    size_t extension_count;
    struct size_range size; /* what all -S have in common; min > max when that is nothing */
    bool has_size;
    struct timespec newer_than;
    bool has_newer_than;
    bool no_hidden;
    unsigned max_depth; /* 0: none */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static void clear_patterns(struct pattern_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->patterns[i].archive);
        free(list->patterns[i].glob);
    }
    free(list->patterns);
}

enum mr_status selection_create(struct selection **selection, struct mr_error *err)
{
    *selection = calloc(1, sizeof(**selection));
    if (!*selection)
        return no_memory(err);
    (*selection)->size.max_bytes = UINT64_MAX;
    return MR_OK;
}

void selection_destroy(struct selection *selection)
{
    if (!selection)
        return;
    clear_patterns(&selection->includes);
    clear_patterns(&selection->excludes);
    for (size_t i = 0; i < selection->extension_count; i++)
        free(selection->extensions[i]);
    free(selection->extensions);
    free(selection);
}

/* The last "!/" that no backslash stands before, or NULL. */
static const char *find_member_mark(const char *glob)
{
    const char *mark = NULL;
    for (const char *at = glob; *at; at++) {
        if (at[0] == '\\' && at[1])
            at++;
        else if (at[0] == '!' && at[1] == '/')
            mark = at;
    }
    return mark;
}

/* Skips "./" and "/" at the beginning. */
static const char *skip_root(const char *path)
{
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path += path[0] == '/' ? 1 : 2;
    return path;
}

/* The length of path without '/' at its end. */
static size_t trimmed_bytes(const char *path)
{
    size_t bytes = strlen(path);
    while (bytes > 0 && path[bytes - 1] == '/')
        bytes--;
    return bytes;
}

/* Takes the pattern apart. MR_E_USAGE, MR_E_MEMORY; what it holds is freed by the caller in any
 * case. */
static enum mr_status read_pattern(struct pattern *pattern, const char *text, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (text[0] == '!')
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "wrong pattern '%s': there is no negation ('\\!' stands for the character)",
            path_show(shown, sizeof(shown), text));
    const char *mark = find_member_mark(text);
    const char *inner = mark ? mark + 2 : text;
    const char *glob = skip_root(inner);
    size_t glob_bytes = trimmed_bytes(glob);
    if (mark) {
        pattern->archive = strndup(text, (size_t)(mark - text));
        if (!pattern->archive)
            return no_memory(err);
        pattern->is_archive_base = !strchr(pattern->archive, '/');
    }
    pattern->glob = strndup(glob, glob_bytes);
    if (!pattern->glob)
        return no_memory(err);
    if (glob_bytes == 0)
        return mr_error_set(err, MR_E_USAGE, 0, "wrong pattern '%s': it is empty",
                            path_show(shown, sizeof(shown), text));
    pattern->is_directory = glob[glob_bytes] == '/';
    /* A "/" or "./" at the beginning says: from the root on. */
    pattern->is_base = !mark && glob == inner && !strchr(pattern->glob, '/');
    enum mr_status status = glob_check(pattern->glob, err);
    if (status == MR_OK && pattern->archive)
        status = glob_check(pattern->archive, err);
    return status;
}

static enum mr_status add_pattern(struct pattern_list *list, const char *text, struct mr_error *err)
{
    struct pattern *more = realloc(list->patterns, (list->count + 1) * sizeof(*more));
    if (!more)
        return no_memory(err);
    list->patterns = more;
    struct pattern pattern = {0};
    enum mr_status status = read_pattern(&pattern, text, err);
    if (status != MR_OK) {
        free(pattern.archive);
        free(pattern.glob);
        return status;
    }
    list->patterns[list->count++] = pattern;
    return MR_OK;
}

enum mr_status selection_include(struct selection *selection, const char *glob,
                                 struct mr_error *err)
{
    return add_pattern(&selection->includes, glob, err);
}

enum mr_status selection_exclude(struct selection *selection, const char *glob,
                                 struct mr_error *err)
{
    return add_pattern(&selection->excludes, glob, err);
}

/* Cuts the line's end, and blanks before it that no backslash keeps. */
static void trim_line(char *line)
{
    size_t bytes = strlen(line);
    while (bytes > 0 && (line[bytes - 1] == '\n' || line[bytes - 1] == '\r'))
        bytes--;
    while (bytes > 0 && line[bytes - 1] == ' ' && !(bytes > 1 && line[bytes - 2] == '\\'))
        bytes--;
    line[bytes] = '\0';
}

static enum mr_status read_excludes(struct selection *selection, FILE *stream, const char *shown,
                                    struct mr_error *err)
{
    char *line = NULL;
    size_t cap_bytes = 0;
    enum mr_status status = MR_OK;
    ssize_t got;
    for (unsigned long number = 1; status == MR_OK; number++) {
        errno = 0;
        got = getline(&line, &cap_bytes, stream);
        if (got < 0)
            break;
        if (strlen(line) != (size_t)got) {
            status = mr_error_set(err, MR_E_USAGE, 0, "%s:%lu: not a text file", shown, number);
            break;
        }
        trim_line(line);
        if (!*line || *line == '#')
            continue;
        status = selection_exclude(selection, line, err);
        if (status != MR_OK)
            mr_error_prefix(err, "%s:%lu", shown, number);
    }
    if (status == MR_OK && !feof(stream))
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the patterns in %s", shown);
    free(line);
    return status;
}

enum mr_status selection_exclude_from(struct selection *selection, const char *file,
                                      struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), file);
    FILE *stream = fopen(file, "re");
    if (!stream)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot open the list of patterns %s", shown);
    enum mr_status status = read_excludes(selection, stream, shown, err);
    fclose(stream); /* only read: nothing can get lost */
    return status;
}

static enum mr_status add_extension(struct selection *selection, const char *text, size_t bytes,
                                    struct mr_error *err)
{
    char **more = realloc(selection->extensions, (selection->extension_count + 1) * sizeof(*more));
    if (!more)
        return no_memory(err);
    selection->extensions = more;
    char *copy = strndup(text, bytes);
    if (!copy)
        return no_memory(err);
    selection->extensions[selection->extension_count++] = copy;
    return MR_OK;
}

enum mr_status selection_extensions(struct selection *selection, const char *list,
                                    struct mr_error *err)
{
    for (const char *at = list;;) {
        size_t dot = *at == '.';
        size_t bytes = strcspn(at, ",");
        if (bytes == dot || memchr(at, '/', bytes)) {
            char shown[PATH_SHOW_BYTES];
            return mr_error_set(err, MR_E_USAGE, 0,
                                "'%s' is not a list of extensions (example: c,h,tar.gz)",
                                path_show(shown, sizeof(shown), list));
        }
        enum mr_status status = add_extension(selection, at + dot, bytes - dot, err);
        if (status != MR_OK || at[bytes] == '\0')
            return status;
        at += bytes + 1;
    }
}

enum mr_status selection_size(struct selection *selection, const char *text, struct mr_error *err)
{
    uint64_t bytes;
    bool has_sign = text[0] == '+' || text[0] == '-';
    enum mr_status status = parse_size(text + has_sign, &bytes, err);
    if (status != MR_OK)
        return status;
    struct size_range *size = &selection->size;
    if (text[0] != '-' && bytes > size->min_bytes)
        size->min_bytes = bytes;
    if (text[0] != '+' && bytes < size->max_bytes)
        size->max_bytes = bytes;
    selection->has_size = true;
    return MR_OK;
}

static bool is_later(int64_t a_s, int64_t a_ns, const struct timespec *b)
{
    return a_s > b->tv_sec || (a_s == b->tv_sec && a_ns > b->tv_nsec);
}

static void need_newer_than(struct selection *selection, struct timespec when)
{
    if (!selection->has_newer_than || is_later(when.tv_sec, when.tv_nsec, &selection->newer_than))
        selection->newer_than = when;
    selection->has_newer_than = true;
}

enum mr_status selection_newer_than(struct selection *selection, const char *file_or_date,
                                    struct mr_error *err)
{
    struct timespec when;
    struct stat st;
    if (parse_date(file_or_date, &when, NULL) != MR_OK) {
        if (stat(file_or_date, &st) != 0) {
            char shown[PATH_SHOW_BYTES];
            int reason = errno;
            path_show(shown, sizeof(shown), file_or_date);
            if (reason != ENOENT)
                return mr_error_set(err, MR_E_SYSTEM, reason, "cannot get the time of %s", shown);
            return mr_error_set(
                err, MR_E_USAGE, 0,
                "'%s' is neither a file nor a date (examples: 2026-11-22, '2026-11-22 14:30:05')",
                shown);
        }
        when = st.st_mtim;
    }
    need_newer_than(selection, when);
    return MR_OK;
}

enum mr_status selection_changed_within(struct selection *selection, const char *duration,
                                        struct mr_error *err)
{
    int64_t ns;
    struct timespec when;
    enum mr_status status = parse_duration(duration, &ns, err);
    if (status != MR_OK)
        return status;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_sec -= ns / 1000000000;
    when.tv_nsec -= ns % 1000000000 + 1; /* exactly that old is within: newer than 1 ns before */
    if (when.tv_nsec < 0) {
        when.tv_nsec += 1000000000;
        when.tv_sec--;
    }
    need_newer_than(selection, when);
    return MR_OK;
}

void selection_max_depth(struct selection *selection, unsigned depth)
{
    selection->max_depth = depth;
}

void selection_no_hidden(struct selection *selection)
{
    selection->no_hidden = true;
}

static bool has_file_condition(const struct selection *selection)
{
    return selection->includes.count > 0 || selection->extension_count > 0 || selection->has_size ||
           selection->has_newer_than;
}

bool selection_is_empty(const struct selection *selection)
{
    return !has_file_condition(selection) && selection->excludes.count == 0 &&
           !selection->no_hidden && selection->max_depth == 0;
}

/* The name of an item, as the patterns see it. */
struct subject {
    const char *path;  /* without "./" at the beginning */
    size_t path_bytes; /* without '/' at the end */
    const char *label; /* of the archive, or NULL */
    bool is_directory;
};

static struct subject make_subject(const char *path, const char *label, bool is_directory)
{
    path = skip_root(path);
    if (strcmp(path, ".") == 0)
        path++;
    return (struct subject){path, trimmed_bytes(path), label, is_directory};
}

/* Is it the pattern that matches the first path_bytes of the subject's path? */
static bool matches_part(const struct pattern *pattern, const struct subject *subject,
                         size_t path_bytes)
{
    if (!pattern->is_base)
        return glob_match(pattern->glob, subject->path, path_bytes);
    const char *slash = memrchr(subject->path, '/', path_bytes);
    const char *base = slash ? slash + 1 : subject->path;
    return glob_match(pattern->glob, base, path_bytes - (size_t)(base - subject->path));
}

static bool matches(const struct pattern *pattern, const struct subject *subject, bool with_parents)
{
    if (pattern->archive) {
        if (!subject->label)
            return false;
        const char *label = pattern->is_archive_base ? path_base(subject->label) : subject->label;
        if (!glob_match(pattern->archive, label, strlen(label)))
            return false;
    }
    if ((!pattern->is_directory || subject->is_directory) &&
        matches_part(pattern, subject, subject->path_bytes))
        return true;
    for (size_t i = 0; with_parents && i < subject->path_bytes; i++) {
        if (subject->path[i] == '/' && matches_part(pattern, subject, i))
            return true;
    }
    return false;
}

static bool is_excluded(const struct selection *selection, const struct subject *subject)
{
    for (size_t i = 0; i < selection->excludes.count; i++) {
        if (matches(&selection->excludes.patterns[i], subject, true))
            return true;
    }
    return false;
}

static bool is_included(const struct selection *selection, const struct subject *subject)
{
    for (size_t i = 0; i < selection->includes.count; i++) {
        const struct pattern *pattern = &selection->includes.patterns[i];
        if (matches(pattern, subject, pattern->is_directory))
            return true;
    }
    return selection->includes.count == 0;
}

static bool has_extension(const struct selection *selection, const struct subject *subject)
{
    const char *slash = memrchr(subject->path, '/', subject->path_bytes);
    const char *base = slash ? slash + 1 : subject->path;
    size_t base_bytes = subject->path_bytes - (size_t)(base - subject->path);
    for (size_t i = 0; i < selection->extension_count; i++) {
        const char *extension = selection->extensions[i];
        size_t bytes = strlen(extension);
        if (base_bytes > bytes + 1 && base[base_bytes - bytes - 1] == '.' &&
            strncasecmp(base + base_bytes - bytes, extension, bytes) == 0)
            return true;
    }
    return selection->extension_count == 0;
}

/* The components of the subject's path; *has_hidden: one of them begins with '.'. */
static size_t count_components(const struct subject *subject, bool *has_hidden)
{
    size_t count = 0;
    *has_hidden = false;
    for (size_t i = 0; i < subject->path_bytes;) {
        const char *component = subject->path + i;
        size_t bytes = 0;
        while (i + bytes < subject->path_bytes && component[bytes] != '/')
            bytes++;
        if (bytes > 0 && !(bytes == 1 && component[0] == '.')) {
            count++;
            if (component[0] == '.')
                *has_hidden = true;
        }
        i += bytes + 1;
    }
    return count;
}

/* What holds for all kinds of items. *depth_count: their components. */
static bool passes_place(const struct selection *selection, const struct subject *subject,
                         size_t *depth_count)
{
    bool has_hidden;
    *depth_count = count_components(subject, &has_hidden);
    return !(selection->no_hidden && has_hidden) &&
           !(selection->max_depth > 0 && *depth_count > selection->max_depth) &&
           !is_excluded(selection, subject);
}

static bool passes_size(const struct selection *selection, const struct mr_entry *entry)
{
    if (!selection->has_size)
        return true;
    return entry->kind == MR_KIND_FILE && entry->size_bytes >= 0 &&
           (uint64_t)entry->size_bytes >= selection->size.min_bytes &&
           (uint64_t)entry->size_bytes <= selection->size.max_bytes;
}

static bool passes_time(const struct selection *selection, const struct mr_entry *entry)
{
    return !selection->has_newer_than ||
           (entry->has_mtime && is_later(entry->mtime_s, entry->mtime_ns, &selection->newer_than));
}

bool selection_accepts(const struct selection *selection, const struct mr_entry *entry,
                       const char *label)
{
    struct subject subject = make_subject(entry->path, label, entry->kind == MR_KIND_DIRECTORY);
    if (!passes_place(selection, &subject, &(size_t){0}))
        return false;
    if (subject.is_directory)
        return !has_file_condition(selection);
    return is_included(selection, &subject) && has_extension(selection, &subject) &&
           passes_size(selection, entry) && passes_time(selection, entry);
}

bool selection_descends(const struct selection *selection, const char *path)
{
    struct subject subject = make_subject(path, NULL, true);
    size_t depth_count;
    return passes_place(selection, &subject, &depth_count) &&
           (selection->max_depth == 0 || depth_count < selection->max_depth);
}

bool selection_leaves_out(const struct selection *selection, const char *path)
{
    struct subject subject = make_subject(path, NULL, false);
    return !passes_place(selection, &subject, &(size_t){0});
}
