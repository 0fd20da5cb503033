/*
 * inputs.h - the inputs of a run, one after the other: opens each when its turn comes, recognises
 * what it is, and gives the entries of all of them with the name that each would have in the
 * output.
 *
 * inputs_next() is called by one thread at a time.
 */
#ifndef MR_SOURCE_INPUTS_H
#define MR_SOURCE_INPUTS_H

#include <stdatomic.h>

#include "source/sources.h"

struct inputs;

/* One opened input, shared by the items that come from it. */
struct input {
    struct mr_source *source;
    bool has_file; /* it is a regular file, which the next four describe as it was opened */
    int64_t size_bytes, mtime_s;
    uint32_t mtime_ns;
    uint64_t inode;
    char *prefix; /* what comes before a member's name in the output: "" or "name" */
    atomic_uint_fast64_t made_bytes; /* that its members came to; for whoever counts them */
    uint64_t used_bytes; /* told by input_advance(); at most one of its calls and inputs_next() is
                            under way */
    atomic_bool is_over; /* set by whoever uses it: that was too much, and nothing more is read */
    atomic_uint refs;    /* one for each item, one for inputs while it is the current one */
};

struct inputs_config {
    const char *const *names; /* as given on the command line; "-" is stdin; copied */
    size_t name_count;
    const char *list_path; /* -T: more names, one a line, read lazily; "-" is stdin; NULL: none */
    bool list_has_nuls;    /* -0 */
    const char *format;    /* --from, or NULL */
    bool no_archives;      /* archives are plain files */
    bool wants_archive;    /* a file that is none is refused: nothing would be done with it */
    bool is_merged;        /* --merge: no prefixes */
    struct walk_config walk;
    struct archive_options archives; /* for the one input that is read; zero: the defaults */
};

/*
 * MR_OK, MR_E_USAGE, MR_E_SYSTEM (the list cannot be opened), MR_E_MEMORY. Inputs themselves are
 * opened later.
 */
enum mr_status inputs_create(const struct inputs_config *config, struct inputs **inputs,
                             struct mr_error *err);
/*
 * The one input is a source that is there already; its names stand as they are, each once. MR_OK:
 * source is the inputs'; MR_E_MEMORY: it stays the caller's.
 */
enum mr_status inputs_create_of(struct mr_source *source, struct inputs **inputs,
                                struct mr_error *err);
/* From the next input on, what is decoded ahead is decoded in pool (see struct decode_limits), and
 * watch (copied) is told what is done there. Either may be NULL. */
void inputs_decode(struct inputs *inputs, struct mr_pool *pool, const struct decode_watch *watch);
/* Ends the input that is being read; its items must have ended. The pool is not used, and nobody is
 * told anything, after it. */
void inputs_leave(struct inputs *inputs);
void inputs_destroy(struct inputs *inputs); /* NULL is a no-op; after all releases */

/*
 * The next entry: MR_OK fills *entry (zeroed by the caller, who clears it) and *input (the caller's
 * to release). MR_DONE: no more. Errors are about entry->path in *input (when both are set; input
 * is the caller's to release all the same), or about an input as a whole (*input NULL; the text
 * names it); the next call goes on. MR_SKIPPED: something to be told of an input. MR_E_LIMIT as a
 * whole: the rest of an input that is_over.
 */
enum mr_status inputs_next(struct inputs *inputs, struct mr_entry *entry, struct input **input,
                           struct mr_error *err);
void input_release(struct input *input); /* NULL is a no-op; any thread */

/*
 * What input, whose items are loaded one after the other, has used up of its bytes since it was
 * asked last; 0 where that is not known (used_bytes of struct mr_source_ops). Called as its read()
 * is.
 */
uint64_t input_advance(struct input *input);
/* Is it known? */
bool input_advances(const struct input *input);
/* What the last inputs_next() used up of such inputs: up to what it gave. */
uint64_t inputs_passed(const struct inputs *inputs);

/*
 * True when two items could get the same output name without any renaming (several inputs,
 * archives).
 */
bool inputs_may_collide(const struct inputs *inputs);

/* Memory that the input which is read may take besides what its items cost: for decoding an archive
 * ahead, in bytes. */
uint64_t inputs_memory_bytes(const struct inputs *inputs);

/* Where something of an input is, as it is: label_bytes of label, joint, path. Texts are the
 * input's and the caller's. */
struct input_place {
    const char *label;
    size_t label_bytes;
    const char *joint; /* "!/": path is the name of a member of the archive label; "/", "" */
    const char *path;  /* "" where label says all */
};
void input_place(const struct input *input, const char *path, struct input_place *place);
/*
 * "label!/path" for a member of an archive, "label/path" for a file below a directory, "path" for a
 * file. Into out, escaped by path_show().
 */
char *input_show(const struct input *input, const char *path, char *out, size_t cap_bytes);

#endif
