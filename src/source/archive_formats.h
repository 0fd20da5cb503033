/* archive_formats.h - which archives are read: the whitelist for libarchive, and a look at the
 * first bytes before it is asked. */
#ifndef MR_SOURCE_ARCHIVE_FORMATS_H
#define MR_SOURCE_ARCHIVE_FORMATS_H

#include <archive.h>

#include "source/sources.h"

/* What --from asked for; rows of the tables in archive_formats.c. */
struct archive_choice {
    const struct archive_row *format; /* NULL: any */
    const struct archive_row *filter; /* NULL: any */
};

/* "tar", "tar.gz", "tgz"; NULL is any. MR_OK or MR_E_USAGE. */
enum mr_status archive_formats_parse(const char *text, struct archive_choice *choice,
                                     struct mr_error *err);

/*
 * Tells a new read handle what it may recognise; takes_filters: also behind compression, as many
 * layers as libarchive takes off. False when libarchive refuses (out of memory).
 */
bool archive_formats_support(struct archive *archive, const struct archive_choice *choice,
                             bool takes_filters);
/* The same for the filters alone. */
bool archive_formats_support_filters(struct archive *archive, const struct archive_choice *choice);

enum archive_guess {
    ARCHIVE_GUESS_NONE,   /* no archive */
    ARCHIVE_GUESS_WEAK,   /* few bytes that could be chance: an archive if its first header makes
                             sense */
    ARCHIVE_GUESS_MAYBE,  /* compressed, or tar: libarchive decides */
    ARCHIVE_GUESS_CERTAIN /* what begins like this is an archive, or a damaged one */
};
/* How much of an input the guess looks at, at most. */
#define ARCHIVE_HEAD_BYTES ((size_t)33 << 10)

/*
 * Judges the first bytes of an input (all of it when it is shorter). *begins_at_end: the format is
 * read from its end, so it needs an input that can seek.
 */
enum archive_guess archive_formats_guess(const unsigned char *head, size_t head_bytes,
                                         bool *begins_at_end);

/* May the first bytes be those of a tar archive? */
bool archive_formats_may_be_tar(const unsigned char *head, size_t head_bytes);

/* True when data, the whole input without its compression, is exactly an archive that was made of
 * nothing. */
bool archive_formats_is_empty(const unsigned char *data, size_t size_bytes);

/* True when the name of a file says that it is an archive ("a.tar.gz", "a.zip"; not "a.gz"). */
bool archive_formats_is_named(const char *name);

/* May the archive be wrapped in the filter of that name ("gz")? */
bool archive_formats_takes(const struct archive_choice *choice, const char *filter);
/* True when the format is one that archive_formats_guess() would say begins at its end. */
bool archive_formats_begins_at_end(const struct archive_choice *choice);

/* Is an input to be read as an SQLite archive, that begins like this or was asked for? */
bool archive_formats_may_be_sqlar(const struct archive_choice *choice, const unsigned char *head,
                                  size_t head_bytes);
/* May an input be zip, that begins like this or was asked for like this, with nothing around it? */
bool archive_formats_may_be_zip(const struct archive_choice *choice, const unsigned char *head,
                                size_t head_bytes);

#endif
