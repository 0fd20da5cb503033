/* unzipping.h - what the suites of the zip reader share: an archive that is built, and what is read
 * back from it. */
#ifndef MR_TESTS_UNZIPPING_H
#define MR_TESTS_UNZIPPING_H

#include "source/sources.h"
#include "support/archives.h"
#include "support/zips.h"

/* One for each test; its fixture is unzipping_set_up() and unzipping_tear_down(). */
extern struct unzipping {
    struct zips zip; /* begun, with nothing before it */
    struct archives_list found;
    struct mr_error err;
    bool is_lenient; /* false at the beginning of a test */
} unzipping;

void unzipping_set_up(void);
void unzipping_tear_down(void);
/* Opens the bytes of the zip as they are; what is no MR_OK leaves the descriptor to the caller, who
 * checks that. */
enum mr_status unzipping_open(struct mr_source **source);
/* Opens, and reads all into found, which is cleared before: the first status that is not MR_OK. */
enum mr_status unzipping_read(void);
/* The same must give status, and a text with that in it. */
void unzipping_refused(enum mr_status status, const char *text);
/* Refused with that text; with is_lenient status is what reading it gives (MR_OK: all is well). */
void unzipping_doubted(const char *text, enum mr_status status);
/* The i-th of found is that file. */
void unzipping_check_text(size_t i, const char *path, const char *text);

#endif
