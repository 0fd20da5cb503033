#include "observe/trace.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "observe/draft.h"
#include "observe/lanes.h"

#define OPTION      "--trace"
#define SPILL_BYTES ((size_t)48 * 1024) /* a call of the kernel for some 500 events */
#define HEAD_BYTES  400
#define SAMPLE_NS   1000000 /* between two samples of the counters */
#define NAME_BYTES  16      /* of a thread, by prctl(2) */

struct trace {
    struct draft draft;
    struct lanes *lanes;
    int64_t start_ns;
    atomic_int_fast64_t sample_ns; /* when the counters are due again */
};

/* ---- events ---- */

#define ADD(at, literal) add(at, literal, sizeof(literal) - 1)

static char *add(char *at, const char *bytes, size_t count)
{
    memcpy(at, bytes, count);
    return at + count;
}

/* Two digits at a time: half of the events is numbers. */
static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

static char *add_decimal(char *at, uint64_t number)
{
    char digits[20];
    char *first = digits + sizeof(digits);
    for (; number >= 100; number /= 100)
        memcpy(first -= 2, &pairs[number % 100 * 2], 2);
    if (number >= 10)
        memcpy(first -= 2, &pairs[number * 2], 2);
    else
        *--first = (char)('0' + number);
    return add(at, first, (size_t)(digits + sizeof(digits) - first));
}

/* In microseconds with three decimals. */
static char *add_time(char *at, int64_t ns)
{
    uint64_t positive_ns = ns > 0 ? (uint64_t)ns : 0;
    unsigned rest = (unsigned)(positive_ns % 1000);
    at = add_decimal(at, positive_ns / 1000);
    *at++ = '.';
    *at++ = (char)('0' + rest / 100);
    return add(at, &pairs[rest % 100 * 2], 2);
}

/* What all events have: the kind (10 bytes), process and thread, time. */
static char *begin(const struct trace *trace, const struct lane *lane, char *at, const char *kind,
                   int64_t when_ns)
{
    at = add(at, kind, 10);
    at = add(at, lane->tag, lane->tag_bytes);
    return add_time(at, when_ns - trace->start_ns);
}

/* A lane begins: what all its events have is put together, and its thread is named. */
static void name_thread(void *ctx, struct lane *lane)
{
    const struct trace *trace = ctx;
    char name[NAME_BYTES] = "";
    prctl(PR_GET_NAME, name);
    int length = snprintf(lane->tag, sizeof(lane->tag),
                          ",\"pid\":%d,\"tid\":%d,\"ts\":", (int)getpid(), lane->thread_id);
    lane->tag_bytes = (size_t)length;
    char *line = lane_room(lane);
    char *at = begin(trace, lane, line, ",{\"ph\":\"M\"", trace->start_ns);
    at = ADD(at, ",\"name\":\"thread_name\",\"args\":");
    struct json json;
    json_open_memory(&json, at, line + LANE_LINE_BYTES);
    json_text(&json, "name", name);
    json_object_end(&json);
    at = ADD(json.at, "}\n");
    lane_put(lane, (size_t)(at - line));
}

static void put_counter(const struct trace *trace, struct lane *lane, int64_t now_ns,
                        const char *name, const char *const *keys, const uint64_t *values,
                        unsigned count)
{
    char *line = lane_room(lane);
    char *at = begin(trace, lane, line, ",{\"ph\":\"C\"", now_ns);
    at = ADD(at, ",\"name\":\"");
    at = add(at, name, strlen(name));
    at = ADD(at, "\",\"args\":");
    struct json json;
    json_open_memory(&json, at, line + LANE_LINE_BYTES);
    for (unsigned i = 0; i < count; i++)
        json_unsigned(&json, keys[i], values[i]);
    json_object_end(&json);
    at = ADD(json.at, "}\n");
    lane_put(lane, (size_t)(at - line));
}

static void sample(struct trace *trace, struct lane *lane, struct job *job, int64_t now_ns)
{
    static const char *const bytes[] = {"bytes"}, *const items[] = {"items"},
                             *const stages[] = {"load", "process", "store"};
    int64_t due_ns = atomic_load_explicit(&trace->sample_ns, memory_order_relaxed);
    if (now_ns < due_ns ||
        !atomic_compare_exchange_strong(&trace->sample_ns, &due_ns, now_ns + SAMPLE_NS))
        return;
    struct job_levels levels;
    job_levels(job, &levels);
    uint64_t in_flight = levels.in_flight_count, queued[JOB_STAGES];
    for (unsigned s = 0; s < JOB_STAGES; s++)
        queued[s] = levels.queued_counts[s];
    put_counter(trace, lane, now_ns, "bytes in flight", bytes, &levels.memory_used_bytes, 1);
    put_counter(trace, lane, now_ns, "items in flight", items, &in_flight, 1);
    put_counter(trace, lane, now_ns, "waiting for a thread", stages, queued, JOB_STAGES);
}

void trace_ran(struct trace *trace, struct job *job, const struct job_run *run)
{
    static const char *const names[JOB_WORKS] = {
        [JOB_WORK_LOAD] = "load",    [JOB_WORK_PROCESS] = "process", [JOB_WORK_ENCODE] = "encode",
        [JOB_WORK_STORE] = "store",  [JOB_WORK_FEED] = "feed",       [JOB_WORK_BLOCK] = "block",
        [JOB_WORK_DECODE] = "decode"};
    struct lane *lane = lanes_mine(trace->lanes);
    if (!lane)
        return;
    char *line = lane_room(lane);
    char *at = begin(trace, lane, line, ",{\"ph\":\"X\"", run->start_ns);
    at = ADD(at, ",\"dur\":");
    at = add_time(at, run->end_ns - run->start_ns);
    at = ADD(at, ",\"name\":\"");
    at = add(at, names[run->work], strlen(names[run->work]));
    *at++ = '"';
    if (run->number > 0) {
        at = ADD(at, ",\"args\":{\"item\":");
        at = add_decimal(at, run->number);
        *at++ = '}';
    }
    at = ADD(at, "}\n");
    lane_put(lane, (size_t)(at - line));
    sample(trace, lane, job, run->end_ns);
}

static char *add_id(char *at, uint64_t number)
{
    at = ADD(at, ",\"cat\":\"item\",\"name\":\"item\",\"id\":\"");
    at = add_decimal(at, number);
    return ADD(at, "\"");
}

void trace_item(struct trace *trace, const struct job_item *item)
{
    static const char *const outcomes[] = {[JOB_STORED] = "stored",
                                           [JOB_SKIPPED] = "skipped",
                                           [JOB_FAILED] = "failed",
                                           [JOB_CANCELLED] = "cancelled"};
    struct lane *lane = item->number > 0 ? lanes_mine(trace->lanes) : NULL;
    if (!lane)
        return;
    int64_t now_ns = clock_now_ns();
    struct json json;
    char *line = lane_room(lane);
    char *end = line + LANE_LINE_BYTES - HEAD_BYTES; /* the second event has so much */
    char *at = begin(trace, lane, line, ",{\"ph\":\"b\"", now_ns - item->in_flight_ns);
    at = ADD(add_id(at, item->number), ",\"args\":");
    json_open_memory(&json, at, end);
    json_text(&json, "path", item->entry->path);
    at = ADD(json.at, ",\"outcome\":\"");
    at = add(at, outcomes[item->outcome], strlen(outcomes[item->outcome]));
    at = add_decimal(ADD(at, "\",\"in_bytes\":"), item->in_bytes);
    at = add_decimal(ADD(at, ",\"out_bytes\":"), item->out_bytes);
    at = begin(trace, lane, ADD(at, "}}\n"), ",{\"ph\":\"e\"", now_ns);
    at = ADD(add_id(at, item->number), "}\n");
    lane_put(lane, (size_t)(at - line));
}

/* ---- the file ---- */

static void destroy(struct trace *trace)
{
    draft_drop(&trace->draft);
    lanes_destroy(trace->lanes);
    free(trace);
}

static enum mr_status write_head(const struct trace *trace, int64_t *end_bytes)
{
    char head[HEAD_BYTES];
    int length = snprintf(head, sizeof(head),
                          "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"millrace\":\"%s\"},"
                          "\"traceEvents\":[\n",
                          mr_version());
    *end_bytes = length;
    return io_pwrite(trace->draft.fd, head, (size_t)length, 0) == 0 ? MR_OK : MR_E_SYSTEM;
}

bool trace_file(const struct trace *trace, uint64_t *device, uint64_t *inode)
{
    return draft_file(&trace->draft, device, inode);
}

enum mr_status trace_create(const char *path, struct trace **trace, struct mr_error *err)
{
    int64_t end_bytes = 0;
    struct trace *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->start_ns = clock_now_ns();
    enum mr_status status = draft_open(&made->draft, path, OPTION, err);
    if (status == MR_OK && write_head(made, &end_bytes) != MR_OK)
        status = mr_error_set(err, MR_E_SYSTEM, errno, OPTION);
    if (status == MR_OK && lanes_create(made->draft.fd, end_bytes, SPILL_BYTES, name_thread, made,
                                        &made->lanes) != MR_OK)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status != MR_OK) {
        destroy(made);
        return status;
    }
    *trace = made;
    return MR_OK;
}

enum mr_status trace_keep(struct trace *trace, struct mr_error *err)
{
    static const char tail[] = "]}\n";
    int64_t end_bytes;
    enum mr_status status = lanes_end(trace->lanes, &end_bytes, err);
    if (status == MR_OK && io_pwrite(trace->draft.fd, tail, sizeof(tail) - 1, end_bytes) != 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot be written");
    if (status != MR_OK)
        mr_error_prefix(err, OPTION);
    else
        status = draft_keep(&trace->draft, OPTION, err);
    destroy(trace);
    return status;
}

void trace_drop(struct trace *trace)
{
    if (trace)
        destroy(trace);
}
