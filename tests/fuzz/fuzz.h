/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one function that takes any bytes and must come back: LLVMFuzzerTestOneInput(), which
 * libFuzzer calls with inputs that it makes up (tests/fuzz.sh), and replay.c with those that are
 * kept in testdata/fuzz. What must hold of the result is said with fuzz_require(). One thread.
 */
#ifndef MR_TESTS_FUZZ_H
#define MR_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* Ends the program when condition does not hold. */
#define fuzz_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* An input from which choices are taken, before the rest is what is looked at. */
struct fuzz_input {
    const uint8_t *bytes;
    size_t left_bytes;
};

/* The next byte; 0 when there is none. */
unsigned fuzz_take_byte(struct fuzz_input *input);
/* The next size_bytes, or what is left, as a text: a copy of just that size, so that a sanitizer
 * sees every read beyond it. The caller's to free. */
char *fuzz_take_text(struct fuzz_input *input, size_t size_bytes);
/* What comes before the next NUL, which is taken too, or all that is left. */
char *fuzz_take_word(struct fuzz_input *input);

/* A copy of exactly that size (at least 1). The caller's to free. */
void *fuzz_copy(const void *data, size_t size_bytes);

/* A new descriptor of a file in memory that holds data, at its beginning. The caller's to close. */
int fuzz_file(const void *data, size_t size_bytes);

/* Bytes that grow. Zero-initialised is empty. */
struct fuzz_bytes {
    unsigned char *bytes; /* owned */
    size_t size_bytes, cap_bytes;
};
void fuzz_bytes_add(struct fuzz_bytes *bytes, const void *data, size_t size_bytes);
bool fuzz_bytes_equal(const struct fuzz_bytes *one, const struct fuzz_bytes *other);
void fuzz_bytes_fini(struct fuzz_bytes *bytes);

#endif
