/*
 * manifest.h - what an input holds, in the order of names, in bounded memory: the sink of a job
 * whose operations end in that of digest.h writes it, and then it is read from front to back.
 *
 * Of several items of one name the last one counts. Hard links stand as the files that they are
 * names of.
 */
#ifndef MR_COMPARE_MANIFEST_H
#define MR_COMPARE_MANIFEST_H

#include <stdint.h>

#include "compare/digest.h"
#include "millrace/sink.h"

#define MANIFEST_TARGET_BYTES 512

struct manifest;

struct manifest_config {
    size_t memory_bytes;  /* for sorting */
    bool has_hard_links;  /* items may be hard links to earlier ones */
    const char *nameless; /* this name becomes "": the input is one file, whose own name does not
                             matter. NULL: none; copied */
    const unsigned char *key; /* SIPHASH_KEY_BYTES, the same for all that is compared; copied */
};

/* An item; what a source does not tell is zero. */
struct manifest_item {
    enum mr_kind kind; /* never MR_KIND_HARDLINK */
    bool is_failed;    /* it could not be read: nothing but its name is known */
    bool has_mode, has_mtime, has_owner;
    uint32_t mode, mtime_ns;
    int64_t mtime_s;
    uint64_t uid, gid;
    uint64_t xattrs;                    /* a hash of all, in any order; 0: none */
    struct digest digest;               /* of a file's content, or of a link's whole target */
    char target[MANIFEST_TARGET_BYTES]; /* of a symbolic link, for people: perhaps cut */
};

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status manifest_create(const struct manifest_config *config, struct manifest **manifest,
                               struct mr_error *err);
void manifest_destroy(struct manifest *manifest); /* NULL is a no-op; after the job */

/* The sink, the manifest's own: its destroy() is not to be called. */
struct mr_sink *manifest_sink(struct manifest *manifest);
/* The item of that name in the output could not be read. Any thread, while the job runs. What goes
 * wrong with that is told by manifest_sort(). */
void manifest_note_failure(struct manifest *manifest, const char *path);

/* After the job: the front. MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status manifest_sort(struct manifest *manifest, struct mr_error *err);
/*
 * The next item; *path and *item are valid until the next call. A directory comes before all that
 * lies below it. MR_OK, MR_DONE, MR_E_SYSTEM.
 */
enum mr_status manifest_next(struct manifest *manifest, const char **path,
                             const struct manifest_item **item, struct mr_error *err);

/* The order of manifest_next(): components one after the other, each by its bytes. */
int manifest_compare(const char *a, const char *b);

#endif
