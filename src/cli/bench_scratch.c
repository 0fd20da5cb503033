#include "cli/bench_scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define DIRECTORIES_OPEN 32

enum mr_status bench_scratch_check(const struct options *options, struct mr_error *err)
{
    struct output output;
    if (!options->output)
        return MR_OK;
    enum mr_status status = output_choose(&output, options, err);
    if (status == MR_OK && (output.kind == OUTPUT_STREAM || strcmp(options->output, "-") == 0))
        status = mr_error_set(err, MR_E_USAGE, 0,
                              "-o: a bench writes to a tree, a file, an archive or null:");
    output_fini(&output);
    return status;
}

/* The directory that the scratch is made in: the caller's to free. */
static char *place_for(const char *output)
{
    struct stat about;
    if (stat(output, &about) == 0 && S_ISDIR(about.st_mode))
        return strdup(output);
    size_t length = strlen(output);
    while (length > 1 && output[length - 1] == '/')
        length--;
    while (length > 0 && output[length - 1] != '/')
        length--;
    return length > 0 ? strndup(output, length) : strdup(".");
}

/* In it, an output of the same kind and, for the sake of its suffix, name. */
static char *name_output(const char *directory, const char *output, enum output_kind kind)
{
    char *path = NULL;
    int length = kind == OUTPUT_TREE ? asprintf(&path, "%s/tree/", directory)
                                     : asprintf(&path, "%s/%s", directory, path_base(output));
    return length < 0 ? NULL : path;
}

enum mr_status bench_scratch_make(struct bench_scratch *scratch, const struct options *options,
                                  struct mr_error *err)
{
    struct options changed = *options;
    *scratch = (struct bench_scratch){0};
    enum mr_status status = output_choose(&scratch->output, options, err);
    if (status != MR_OK || scratch->output.kind == OUTPUT_NULL)
        return status;
    char shown[PATH_SHOW_BYTES];
    char *place = place_for(options->output), *directory = NULL;
    if (!place || asprintf(&directory, "%s/.millrace-bench-XXXXXX", place) < 0)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    else if (!mkdtemp(directory))
        status = mr_error_set(err, MR_E_SYSTEM, errno, "-o: cannot make a directory in %s",
                              path_show(shown, sizeof(shown), place));
    free(place);
    if (status != MR_OK) {
        free(directory);
        return status;
    }
    scratch->directory = directory;
    scratch->path = name_output(directory, options->output, scratch->output.kind);
    if (!scratch->path)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    output_fini(&scratch->output);
    changed.output = scratch->path;
    return output_choose(&scratch->output, &changed, err);
}

/* A directory of the sample may be one that nobody may write to. */
static int open_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)walk;
    if (type == FTW_D || type == FTW_DNR)
        chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

void bench_scratch_remove(struct bench_scratch *scratch)
{
    if (scratch->directory) {
        nftw(scratch->directory, open_one, DIRECTORIES_OPEN, FTW_PHYS);
        nftw(scratch->directory, remove_one, DIRECTORIES_OPEN, FTW_DEPTH | FTW_PHYS);
    }
    free(scratch->directory);
    free(scratch->path);
    output_fini(&scratch->output);
    *scratch = (struct bench_scratch){0};
}
