/*
 * drive.h - runs one operation over content in chunks and rooms of chosen sizes and holds it to its
 * contract: it makes progress, stays in its room, and does not end before it was told of the last
 * input (unless it may drop the rest).
 */
#ifndef MR_TESTS_DRIVE_H
#define MR_TESTS_DRIVE_H

#include <stdio.h>

#include "millrace/operation.h"
#include "support/support.h"

/* As ck_assert(), but free of charge when it holds: that one writes to its runner every time. */
#define drive_require(condition)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("process() broke its contract: %s", #condition);                          \
    } while (0)

struct drive {
    const struct mr_operation *operation;
    void *state;
    size_t in_chunk_bytes, out_chunk_bytes; /* 0: a random number for each call */
    uint64_t seed;
    bool drops_input;    /* MR_DONE may come early */
    bool drops_output;   /* it is counted alone */
    int64_t deadline_ns; /* as in struct mr_io */
    const char *remark;  /* that came with MR_DONE */
    /* Results. */
    struct mr_error err;
    unsigned char *out; /* the caller's to free */
    size_t out_bytes;
    size_t used_bytes; /* of the input */
};

/* Makes a configuration from "key", "value", ..., NULL; NULL when that fails, with the text in
 * *err. */
static inline void *drive_config(const struct mr_operation *operation, const char *const *pairs,
                                 struct mr_error *err)
{
    void *config = NULL;
    enum mr_status status =
        operation->config_create ? operation->config_create(&config, err) : MR_OK;
    for (; status == MR_OK && *pairs; pairs += 2)
        status = operation->config_set(config, pairs[0], pairs[1], err);
    if (status == MR_OK && operation->config_check)
        status = operation->config_check(config, err);
    if (status == MR_OK)
        return config;
    ck_assert(mr_status_is_error(status));
    ck_assert_int_eq(err->status, status);
    ck_assert_str_ne(err->text, "");
    if (config)
        operation->config_destroy(config);
    return NULL;
}

static inline size_t drive_size(struct drive *drive, size_t fixed_bytes, size_t low)
{
    if (fixed_bytes > 0)
        return fixed_bytes;
    return low + (size_t)(support_random(&drive->seed) % 40);
}

/* Returns MR_DONE or the error. */
static inline enum mr_status drive_run(struct drive *drive, const struct mr_entry *entry,
                                       const void *content, size_t content_bytes)
{
    unsigned char *chunk = NULL; /* of its own size, so that reading past it is noticed */
    size_t chunk_begin = 0;
    size_t given_bytes = 0, cap_bytes = 0, idle_count = 0;
    drive->out = NULL;
    drive->out_bytes = drive->used_bytes = 0;
    memset(&drive->err, 0, sizeof(drive->err));
    enum mr_status status = drive->operation->start(drive->state, entry, &drive->err);
    while (status == MR_OK) {
        if (given_bytes == drive->used_bytes) {
            size_t left_bytes = content_bytes - given_bytes;
            size_t next_bytes = drive_size(drive, drive->in_chunk_bytes, 0);
            if (next_bytes > left_bytes)
                next_bytes = left_bytes;
            free(chunk);
            chunk = next_bytes > 0 ? malloc(next_bytes) : NULL;
            drive_require(next_bytes == 0 || chunk);
            if (next_bytes > 0)
                memcpy(chunk, (const unsigned char *)content + given_bytes, next_bytes);
            chunk_begin = given_bytes;
            given_bytes += next_bytes;
        }
        size_t room_bytes = drive_size(drive, drive->out_chunk_bytes, 1);
        size_t kept_bytes = drive->drops_output ? 0 : drive->out_bytes;
        if (kept_bytes + room_bytes + 1 > cap_bytes) {
            cap_bytes = 2 * cap_bytes + room_bytes + 1;
            drive->out = realloc(drive->out, cap_bytes);
            ck_assert_ptr_nonnull(drive->out);
        }
        unsigned char *room = drive->out + kept_bytes;
        room[room_bytes] = 0xa5;
        struct mr_io io = {.in = chunk ? chunk + (drive->used_bytes - chunk_begin) : NULL,
                           .in_bytes = given_bytes - drive->used_bytes,
                           .is_last = given_bytes == content_bytes,
                           .out = room,
                           .out_bytes = room_bytes,
                           .deadline_ns = drive->deadline_ns};
        const struct mr_io before = io;
        status = drive->operation->process(drive->state, &io, &drive->err);
        drive_require(io.in_bytes <= before.in_bytes);
        drive_require(io.out_bytes <= before.out_bytes);
        drive_require(before.in_bytes == io.in_bytes
                          ? io.in == before.in
                          : io.in == before.in + (before.in_bytes - io.in_bytes));
        drive_require(io.out == before.out + (before.out_bytes - io.out_bytes));
        drive_require(room[room_bytes] == 0xa5);
        bool is_idle = io.in_bytes == before.in_bytes && io.out_bytes == before.out_bytes;
        if (status == MR_OK && (before.in_bytes > 0 || before.is_last)) {
            idle_count = is_idle ? idle_count + 1 : 0;
            drive_require(idle_count < 2);
        }
        drive->used_bytes += before.in_bytes - io.in_bytes;
        drive->out_bytes += before.out_bytes - io.out_bytes;
        drive->remark = io.remark;
        if (status == MR_DONE && !drive->drops_input && !io.remark) {
            drive_require(before.is_last);
            drive_require(io.in_bytes == 0);
        }
    }
    free(chunk);
    if (status != MR_DONE) {
        ck_assert(mr_status_is_error(status));
        ck_assert_int_eq(drive->err.status, status);
        if (drive->operation->stop)
            drive->operation->stop(drive->state);
    }
    return status;
}

/* An entry for start(); nothing in it is owned. */
static inline struct mr_entry drive_entry(const char *path, size_t size_bytes)
{
    return (struct mr_entry){.path = (char *)(uintptr_t)path,
                             .size_bytes = (int64_t)size_bytes,
                             .sequence = 7,
                             .has_mtime = true,
                             .mtime_s = 1700000000};
}

#define ck_assert_out(drive, expected, expected_bytes)                                             \
    do {                                                                                           \
        ck_assert_uint_eq((drive)->out_bytes, (expected_bytes));                                   \
        ck_assert((expected_bytes) == 0 ||                                                         \
                  memcmp((drive)->out, (expected), (expected_bytes)) == 0);                        \
    } while (0)

#endif
