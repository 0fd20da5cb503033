#include "fuzz/fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

_Noreturn void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

unsigned fuzz_take_byte(struct fuzz_input *input)
{
    if (input->left_bytes == 0)
        return 0;
    input->left_bytes--;
    return *input->bytes++;
}

char *fuzz_take_text(struct fuzz_input *input, size_t size_bytes)
{
    if (size_bytes > input->left_bytes)
        size_bytes = input->left_bytes;
    char *text = malloc(size_bytes + 1);
    fuzz_require(text);
    if (size_bytes > 0)
        memcpy(text, input->bytes, size_bytes);
    text[size_bytes] = '\0';
    input->bytes += size_bytes;
    input->left_bytes -= size_bytes;
    return text;
}

char *fuzz_take_word(struct fuzz_input *input)
{
    const uint8_t *end = input->left_bytes ? memchr(input->bytes, '\0', input->left_bytes) : NULL;
    char *word = fuzz_take_text(input, end ? (size_t)(end - input->bytes) : input->left_bytes);
    if (end)
        fuzz_take_byte(input);
    return word;
}

void *fuzz_copy(const void *data, size_t size_bytes)
{
    void *copy = malloc(size_bytes > 0 ? size_bytes : 1);
    fuzz_require(copy);
    if (size_bytes > 0)
        memcpy(copy, data, size_bytes);
    return copy;
}

int fuzz_file(const void *data, size_t size_bytes)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_require(fd >= 0);
    fuzz_require(pwrite(fd, data, size_bytes, 0) == (ssize_t)size_bytes);
    return fd;
}

void fuzz_bytes_add(struct fuzz_bytes *bytes, const void *data, size_t size_bytes)
{
    if (bytes->cap_bytes - bytes->size_bytes < size_bytes) {
        bytes->cap_bytes = 2 * bytes->cap_bytes + size_bytes;
        bytes->bytes = realloc(bytes->bytes, bytes->cap_bytes);
        fuzz_require(bytes->bytes);
    }
    if (size_bytes > 0)
        memcpy(bytes->bytes + bytes->size_bytes, data, size_bytes);
    bytes->size_bytes += size_bytes;
}

bool fuzz_bytes_equal(const struct fuzz_bytes *one, const struct fuzz_bytes *other)
{
    return one->size_bytes == other->size_bytes &&
           (one->size_bytes == 0 || memcmp(one->bytes, other->bytes, one->size_bytes) == 0);
}

void fuzz_bytes_fini(struct fuzz_bytes *bytes)
{
    free(bytes->bytes);
    *bytes = (struct fuzz_bytes){0};
}
