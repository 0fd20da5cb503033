/*
 * support.h - what several suites share: temporary directories and files with known content.
 * Every function ends the test (ck_abort) when it cannot do its work.
 */
#ifndef MR_TESTS_SUPPORT_H
#define MR_TESTS_SUPPORT_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "millrace/status.h"

/* The step of loops over every bit or cut: a sanitized build, which is many times as slow, takes a
 * part of them. */
#define SUPPORT_STEP (MR_SANITIZED ? 11 : 1)

/* What ends by itself, and at once, is given so long: a bound that is for hangs alone, as a busy
 * machine may keep a process waiting for seconds. What a test starts to be ended lasts longer. */
#define SUPPORT_HANG_MS INT64_C(40000)

/* A new directory below $TMPDIR or /tmp (the caller's to free); removed by support_remove(). */
char *support_temp_directory(void);
/* Removes a tree. Frees path. */
void support_remove(char *path);
/* Writes a file below directory, making parents. */
void support_write_file(const char *directory, const char *name, const void *data,
                        size_t size_bytes);
/* Reads a whole file: the caller's to free; one NUL more than *size_bytes. */
char *support_read_file(const char *directory, const char *name, size_t *size_bytes);
/* size_bytes of repeatable text-like bytes for seed; compressible. The caller's to free. */
unsigned char *support_text(uint64_t seed, size_t size_bytes);
/* The same, but noise. */
unsigned char *support_noise(uint64_t seed, size_t size_bytes);
/* The next pseudo-random number of a generator (splitmix64); *state is its state. */
uint64_t support_random(uint64_t *state);

/*
 * Check writes to a file at every assertion that holds, to know the last one before a crash: in
 * loops that takes longer than all the rest. Here it does so for the first ones of each test, and
 * then for a few.
 */
void support_mark(const char *file, int line);
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                                   \
    ((expr)                                                                                        \
         ? support_mark(__FILE__, __LINE__)                                                        \
         : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__))

#define ck_assert_ok(call, err)                                                                    \
    do {                                                                                           \
        enum mr_status status_ = (call);                                                           \
        ck_assert_msg(status_ == MR_OK, "%s: %s: %s", #call, mr_status_text(status_), (err).text); \
    } while (0)

#endif
