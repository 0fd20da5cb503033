#include "cli/overlap.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

/* The real path of something, or of its nearest parent that is there. */
struct place {
    char *real;
    bool exists;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Removes the last component of path; "a" becomes ".", "/" stays. False when there is nothing left
 * to remove. */
static bool cut_last(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
        return false;
    char *slash = strrchr(path, '/');
    if (!slash)
        strcpy(path, ".");
    else
        slash[slash == path] = '\0';
    return true;
}

/* real stays NULL when nothing can be found out (no permission); then opening it will fail too. */
static struct place find_place(const char *path)
{
    struct place place = {.real = realpath(path, NULL), .exists = true};
    if (place.real)
        return place;
    place.exists = false;
    size_t length = strlen(path);
    char *parent = malloc(length + 2);
    if (!parent)
        return place;
    memcpy(parent, path, length + 1);
    while (!place.real && cut_last(parent))
        place.real = realpath(parent, NULL);
    free(parent);
    return place;
}

/* Is what target says real itself, or a directory above it? 0: no; 1: itself; 2: above. */
static int position_above(const char *real, const struct stat *target)
{
    char path[PATH_MAX];
    if (strlen(real) >= sizeof(path))
        return 0;
    strcpy(path, real);
    int position = 1;
    do {
        struct stat about;
        if (stat(path, &about) == 0 && is_same(&about, target))
            return position;
        position = 2;
    } while (cut_last(path));
    return 0;
}

struct comparison {
    const struct output *output;
    struct place place;
    const char *input;
    struct stat about;
    char shown[PATH_SHOW_BYTES];
};

static enum mr_status compare_directory(struct comparison *at, struct mr_error *err)
{
    int position = position_above(at->place.real, &at->about);
    if (position == 1 && at->place.exists && at->output->kind == OUTPUT_TREE)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "OUTPUT '%s' is the input '%s': write to another directory, or use "
                            "--in-place",
                            at->output->shown, at->shown);
    if (position != 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "OUTPUT '%s' lies in the input '%s': write to a place outside of it",
                            at->output->shown, at->shown);
    struct stat output;
    if (at->output->kind != OUTPUT_TREE || !at->place.exists || stat(at->place.real, &output) != 0)
        return MR_OK;
    char *real = realpath(at->input, NULL);
    bool is_inside = real && position_above(real, &output) != 0;
    free(real);
    if (!is_inside)
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "the input '%s' lies in OUTPUT '%s': what is written could be read again; "
                        "write to another directory",
                        at->shown, at->output->shown);
}

static enum mr_status compare(struct comparison *at, struct mr_error *err)
{
    path_show(at->shown, sizeof(at->shown), at->input);
    if (S_ISDIR(at->about.st_mode))
        return compare_directory(at, err);
    struct stat output;
    if (!at->place.exists || stat(at->place.real, &output) != 0 || !is_same(&output, &at->about))
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "OUTPUT '%s' is the input '%s': write to another file, or use --in-place",
                        at->output->shown, at->shown);
}

static enum mr_status compare_stdout(const struct options *options, struct mr_error *err)
{
    struct stat output, input;
    if (fstat(STDOUT_FILENO, &output) != 0 || !S_ISREG(output.st_mode))
        return MR_OK;
    for (size_t i = 0; i < options->name_count; i++) {
        bool is_stdin = strcmp(options->names[i], "-") == 0;
        int got = is_stdin ? fstat(STDIN_FILENO, &input) : stat(options->names[i], &input);
        char shown[PATH_SHOW_BYTES];
        if (got == 0 && is_same(&input, &output))
            return mr_error_set(err, MR_E_USAGE, 0, "stdout is the input '%s'",
                                path_show(shown, sizeof(shown), options->names[i]));
    }
    return MR_OK;
}

enum mr_status overlap_check(const struct output *output, const struct options *options,
                             struct mr_error *err)
{
    if (output->kind == OUTPUT_NULL)
        return MR_OK;
    if (strcmp(output->path, "-") == 0)
        return compare_stdout(options, err);
    struct comparison at = {.output = output};
    at.place = find_place(options->output);
    enum mr_status status = MR_OK;
    for (size_t i = 0; at.place.real && status == MR_OK && i < options->name_count; i++) {
        at.input = options->names[i];
        bool is_stdin = strcmp(at.input, "-") == 0;
        if ((is_stdin ? fstat(STDIN_FILENO, &at.about) : stat(at.input, &at.about)) == 0)
            status = compare(&at, err);
    }
    free(at.place.real);
    return status;
}

bool overlap_own(const struct output *output, struct walk_own *own)
{
    struct stat about;
    bool is_stdout = output->path && strcmp(output->path, "-") == 0;
    if (is_stdout ? fstat(STDOUT_FILENO, &about) != 0 || !S_ISREG(about.st_mode)
                  : output->kind != OUTPUT_TREE || stat(output->path, &about) != 0)
        return false;
    *own = (struct walk_own){.device = (uint64_t)about.st_dev, .inode = (uint64_t)about.st_ino};
    return true;
}
