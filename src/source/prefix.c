#include "source/prefix.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/path.h"

static const char *const filter_suffixes[] = {".gz", ".zst", ".xz", ".bz2", ".lz4", ".lzma",
                                              ".lz", ".Z",   ".br", ".lzo", ".bgz"};
static const char *const archive_suffixes[] = {
    ".tar", ".tgz",  ".tzst", ".txz",  ".tbz2",  ".tbz", ".tb2",   ".tlz", ".taz", ".zip",  ".jar",
    ".war", ".apk",  ".cpio", ".7z",   ".iso",   ".rar", ".xar",   ".pkg", ".ar",  ".a",    ".deb",
    ".cab", ".lha",  ".lzh",  ".warc", ".mtree", ".pax", ".sqlar", ".rpm", ".whl", ".epub", ".docx",
    ".odt", ".xlsx", ".ods",  ".pptx", ".odp",   ".crx", ".crate", ".gem"};

/* name without trailing slashes, a copy. */
static char *copy_trimmed(const char *name)
{
    size_t length = strlen(name);
    while (length > 1 && name[length - 1] == '/')
        length--;
    return strndup(name, length);
}

char *prefix_base(const char *path)
{
    char *trimmed = copy_trimmed(path);
    if (!trimmed)
        return NULL;
    const char *base = path_base(trimmed);
    char real[PATH_MAX];
    if ((*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) &&
        realpath(path, real))
        base = path_base(real);
    char *copy = strdup(base);
    free(trimmed);
    return copy;
}

char *prefix_relative(const char *path)
{
    char *clean = NULL;
    switch (path_clean(path + strspn(path, "/"), &clean, NULL)) {
    case MR_OK:
        return clean;
    case MR_E_MEMORY:
        return NULL;
    default:
        return prefix_base(path);
    }
}

static void cut(char *name, const char *const *suffixes, size_t count)
{
    size_t length = strlen(name), base_bytes = strlen(path_base(name));
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(suffixes[i]);
        if (base_bytes > bytes && strcasecmp(name + length - bytes, suffixes[i]) == 0) {
            name[length - bytes] = '\0';
            return;
        }
    }
}

void prefix_cut_suffixes(char *name)
{
    cut(name, filter_suffixes, sizeof(filter_suffixes) / sizeof(filter_suffixes[0]));
    cut(name, archive_suffixes, sizeof(archive_suffixes) / sizeof(archive_suffixes[0]));
}
