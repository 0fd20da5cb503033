/*
 * millrace/isolate.h - a step of a pipeline whose work is done by processes instead of threads.
 *
 * What a C function does cannot be moved into another process, and what an operation does can: the
 * step takes a byte buffer, hands it to a worker process that runs operations on it (built-in
 * ones, or a plugin's: millrace/operation.h), and gives the buffer that comes out. A crash, an
 * endless loop (with timeout_ms) or too much memory fails that one value; the process is replaced
 * for the next one. Nothing of a plugin is ever loaded into the calling program.
 *
 *     static const char *const operations[] = {"./resize.so:width=256",
 *                                              "gzip"};
 *     struct mr_isolate_config config = {.struct_bytes = sizeof(config),
 *                                        .operations = operations,
 *                                        .operation_count = 2,
 *                                        .timeout_ms = 5000};
 *     struct mr_isolate *isolate;
 *     mr_isolate_create(&config, &isolate, &err);
 *     struct mr_step steps[] = {{.name = "read", .run = read_file},
 *                               mr_isolate_step(isolate, "resize", 4)};
 *     ...
 *     mr_pipeline_destroy(pipeline);
 *     mr_isolate_destroy(isolate);
 *
 * Processes are started by posix_spawn(): the program may have threads. They are ended by the
 * system when the program ends, however it does. The program must not ignore SIGCHLD or wait for
 * all its children, or how a process ended is lost.
 */
#ifndef MILLRACE_ISOLATE_H
#define MILLRACE_ISOLATE_H

#include "millrace/pipeline.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that travel through a pipeline. */
struct mr_buffer {
    char *name;          /* owned; what operations see as the path of the item; may be NULL */
    unsigned char *data; /* owned, of malloc(); may be NULL when bytes is 0 */
    size_t bytes;
};

/*
 * A buffer with copies of name (may be NULL) and data; data NULL: bytes of zeros, to be filled. The
 * caller's to destroy, or a pipeline's value. MR_OK, MR_E_MEMORY.
 */
MR_API enum mr_status mr_buffer_create(const char *name, const void *data, size_t bytes,
                                       struct mr_buffer **buffer);
/* NULL is a no-op. */
MR_API void mr_buffer_destroy(struct mr_buffer *buffer);

/* Zero-initialise, set struct_bytes, operations and operation_count. Copied by mr_isolate_create().
 */
struct mr_isolate_config {
    size_t struct_bytes;           /* sizeof(struct mr_isolate_config) */
    const char *const *operations; /* in order; each as the tool's -p takes it: "gzip:level=9",
                                      "./plugin.so:name:key=value" */
    unsigned operation_count;      /* at least 1 */
    unsigned idle_count; /* processes that are kept when they have nothing to do, at most; 0: the
                            processors of this process. There are as many as calls at one time */
    int64_t timeout_ms;  /* for one buffer; 0: for ever */
    uint64_t result_bytes_max; /* a larger result fails; 0: 1 GiB */
};

struct mr_isolate;

/*
 * Starts the first process and has it set up the operations. MR_OK (then *isolate is the caller's
 * to destroy); MR_E_USAGE (a NULL, a wrong struct_bytes, an operation or a setting that there is
 * not); MR_E_UNSUPPORTED (the program millrace-operate is not beside the running program, nor in
 * ../libexec/millrace from there or from the library, nor where it was to be installed);
 * MR_E_CHILD, MR_E_TIMEOUT (the process died, or took too long); MR_E_SYSTEM, MR_E_MEMORY. *isolate
 * is NULL after a failure.
 */
MR_API enum mr_status mr_isolate_create(const struct mr_isolate_config *config,
                                        struct mr_isolate **isolate, struct mr_error *err);
/* Ends the processes. After the last call and after the pipelines that use it. NULL is a no-op. */
MR_API void mr_isolate_destroy(struct mr_isolate *isolate);

/*
 * Runs the operations on *in, which is neither changed nor kept, in a process that does nothing
 * else meanwhile. *out is the caller's; it has the name of in. Blocks. MR_OK; what the operations
 * say (MR_E_DATA...); MR_E_CHILD (the process died: the text says how), MR_E_TIMEOUT, MR_E_LIMIT
 * (result_bytes_max), MR_E_MEMORY, MR_E_SYSTEM. *out is NULL after a failure. Any thread.
 */
MR_API enum mr_status mr_isolate_run(struct mr_isolate *isolate, const struct mr_buffer *in,
                                     struct mr_buffer **out, struct mr_error *err);

/*
 * A step that does the same: its values are struct mr_buffer *, before and behind it; it destroys
 * what it is given. worker_count processes work at one time (see struct mr_step). name is not
 * copied. isolate must outlive the pipeline. A cancelled pipeline ends the processes that are at
 * work.
 *
 * Small values (128 KiB at most, and brief ones) that wait for the step are handed to a process up
 * to eight at a time, so that it is not woken for each. It still works on one after the other, and
 * all else is as if it had been given each by itself: one that the process dies of, or that is out
 * of time, fails, and those behind it go to another process.
 */
MR_API struct mr_step mr_isolate_step(struct mr_isolate *isolate, const char *name,
                                      unsigned worker_count);

#ifdef __cplusplus
}
#endif
#endif
