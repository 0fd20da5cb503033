#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKS_FIRST 200 /* after those, one in MARKS_LATER */
#define MARKS_LATER 1000

void support_mark(const char *file, int line)
{
    static atomic_uint count; /* of a test, which runs in a process of its own */
    unsigned number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    if (number < MARKS_FIRST || number % MARKS_LATER == 0)
        _mark_point(file, line);
}

char *support_temp_directory(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/millrace-test-XXXXXX", base ? base : "/tmp") < 0 || !mkdtemp(path))
        ck_abort_msg("cannot make a temporary directory: %s", strerror(errno));
    return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void support_remove(char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

void support_write_file(const char *directory, const char *name, const void *data,
                        size_t size_bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    for (char *slash = strchr(path + strlen(directory) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size_bytes, file) != size_bytes || fclose(file) != 0)
        ck_abort_msg("cannot write %s: %s", path, strerror(errno));
}

char *support_read_file(const char *directory, const char *name, size_t *size_bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        ck_abort_msg("cannot open %s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(size + 1);
    if (!data || fread(data, 1, size, file) != size)
        ck_abort_msg("cannot read %s", path);
    data[size] = '\0';
    fclose(file);
    if (size_bytes)
        *size_bytes = size;
    return data;
}

uint64_t support_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

unsigned char *support_text(uint64_t seed, size_t size_bytes)
{
    static const char *const words[] = {"mill",   "race",  "water", "wheel",  "stone",
                                        "grain",  "flour", "int",   "return", "static",
                                        "struct", "\n",    "  ",    "\t"};
    unsigned char *data = malloc(size_bytes ? size_bytes : 1);
    ck_assert_ptr_nonnull(data);
    for (size_t at = 0; at < size_bytes;) {
        const char *word = words[support_random(&seed) % (sizeof(words) / sizeof(words[0]))];
        for (; *word && at < size_bytes; word++)
            data[at++] = (unsigned char)*word;
        if (at < size_bytes)
            data[at++] = (unsigned char)(' ' + support_random(&seed) % 3 * 7);
    }
    return data;
}

unsigned char *support_noise(uint64_t seed, size_t size_bytes)
{
    unsigned char *data = malloc(size_bytes ? size_bytes : 1);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < size_bytes; i++)
        data[i] = (unsigned char)support_random(&seed);
    return data;
}
