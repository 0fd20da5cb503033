/*
 * archive_pipe.h - the parent's end of the memory that is shared with a reader of archives
 * (archive_shared.h): hands bytes to the helper, takes its records, watches over it.
 *
 * Used by one thread at a time; everything happens in calls of archive_pipe_next().
 */
#ifndef MR_SOURCE_ARCHIVE_PIPE_H
#define MR_SOURCE_ARCHIVE_PIPE_H

#include "source/archive_client.h"
#include "source/archive_shared.h"

struct archive_pipe {
    struct helper helper;
    bool is_dead; /* the helper has ended */
    struct shared *shared;
    unsigned char *ring, *blocks;
    uint64_t tail;       /* of the ring, as it was written */
    uint64_t head;       /* of the ring, as it was last read */
    uint64_t at;         /* in the record that is being read */
    uint64_t record_end; /* of that record */
    /* Input: */
    struct archive_input input;
    bool is_file;                         /* the helper reads it itself */
    bool is_going;                        /* it is an archive: input may be read ahead */
    bool is_placed;                       /* it may lie in the memory */
    bool can_lend;                        /* the helper cannot change blocks */
    bool is_input_over;                   /* the end of the input, or its error, was handed over */
    uint64_t filled, released;            /* blocks */
    const void *kept[SHARED_BLOCK_COUNT]; /* of those, from released on: to be let go; or NULL */
    /* What was lent of the blocks behind those, by any thread; and which of them the helper has
     * released meanwhile. */
    atomic_uint loan_counts[SHARED_HOME_COUNT];
    const void *lent[SHARED_HOME_COUNT];
    uint32_t turn;              /* rewinds so far */
    const unsigned char *unfed; /* of input, what did not fit into a block */
    size_t unfed_bytes;
    /* The watch: */
    unsigned stall_ms;
    uint64_t seen_head, seen_taken, seen_read, read_at_head;
    int64_t seen_ns; /* when the helper last got on */
};

/* As archive_client_create(). After a failure only archive_pipe_fini() is left. */
enum mr_status archive_pipe_init(struct archive_pipe *pipe, const struct archive_input *input,
                                 int fd, int64_t start_bytes, const struct archive_wanted *wanted,
                                 const struct archive_client_config *config, struct mr_error *err);
/* Kills the helper. Of a zeroed pipe it does nothing. */
void archive_pipe_fini(struct archive_pipe *pipe);
/* Kills the helper; what blocks hold stays until archive_pipe_fini(). */
void archive_pipe_end(struct archive_pipe *pipe);

/* Input may be read ahead from now on. */
void archive_pipe_go(struct archive_pipe *pipe);

/*
 * Waits for the next record; what is left of the last one, and blocks that it referred to, are not
 * used any more. MR_OK; MR_E_DATA: there is no sense in what the helper wrote; MR_E_CHILD: it has
 * ended, or did not get on, and *err says that.
 */
enum mr_status archive_pipe_next(struct archive_pipe *pipe, struct shared_record *record,
                                 struct mr_error *err);
/* Copies the next size_bytes of the record, which has that many left. */
void archive_pipe_copy(struct archive_pipe *pipe, void *to, size_t size_bytes);
/* The next bytes of the record where they are, at most max_bytes, which it has left. Returns their
 * number. */
size_t archive_pipe_here(struct archive_pipe *pipe, uint64_t max_bytes, const unsigned char **data);
const unsigned char *archive_pipe_block(const struct archive_pipe *pipe, uint32_t index);

/*
 * data, of a block that the last record referred to, stays valid until archive_pipe_end_loan(),
 * which any thread may call. False: it does not lie where it cannot change.
 */
bool archive_pipe_lend(struct archive_pipe *pipe, const unsigned char *data);
void archive_pipe_end_loan(struct archive_pipe *pipe, const unsigned char *data);

/* Tells the helper that the content of a member is wanted, or that what is left of it is not. */
void archive_pipe_want(struct archive_pipe *pipe, uint64_t member);
void archive_pipe_skip(struct archive_pipe *pipe, uint64_t member);

#endif
