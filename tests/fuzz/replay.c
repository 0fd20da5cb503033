/* replay.c - in place of libFuzzer: gives a target every file of a directory, and each of them cut
 * in half. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "fuzz/fuzz.h"

static void *read_file(const char *path, size_t *size_bytes)
{
    FILE *file = fopen(path, "rb");
    struct fuzz_bytes bytes = {0};
    char part[4096];
    size_t got;
    while (file && (got = fread(part, 1, sizeof(part), file)) > 0)
        fuzz_bytes_add(&bytes, part, got);
    if (!file || ferror(file)) {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
        exit(1);
    }
    fclose(file);
    *size_bytes = bytes.size_bytes;
    void *whole = fuzz_copy(bytes.bytes, bytes.size_bytes);
    fuzz_bytes_fini(&bytes);
    return whole;
}

static void replay(const char *path)
{
    size_t size_bytes;
    void *data = read_file(path, &size_bytes);
    LLVMFuzzerTestOneInput(data, size_bytes);
    void *half = fuzz_copy(data, size_bytes / 2);
    LLVMFuzzerTestOneInput(half, size_bytes / 2);
    free(half);
    free(data);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    DIR *directory = opendir(argv[1]);
    unsigned count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        fprintf(stderr, "%s\n", path); /* so that a crash says where */
        replay(path);
        count++;
    }
    if (directory)
        closedir(directory);
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
