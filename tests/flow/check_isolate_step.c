/* A program with a pipeline of its own and worker processes: the public headers alone. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "millrace/isolate.h"
#include "support/support.h"

#define EVIL MR_PLUGINS "/evil.so:"

Suite *isolate_step_suite(void);

static struct mr_isolate *make(const char *first, const char *second, int64_t timeout_ms)
{
    const char *const operations[] = {first, second};
    const struct mr_isolate_config config = {.struct_bytes = sizeof(config),
                                             .operations = operations,
                                             .operation_count = second ? 2 : 1,
                                             .timeout_ms = timeout_ms};
    struct mr_isolate *isolate;
    struct mr_error err = {0};
    ck_assert_ok(mr_isolate_create(&config, &isolate, &err), err);
    return isolate;
}

static struct mr_buffer *buffer(const char *name, const char *text)
{
    struct mr_buffer *made;
    ck_assert_int_eq(mr_buffer_create(name, text, strlen(text), &made), MR_OK);
    return made;
}

static size_t count_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(fds);
    size_t count = 0;
    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

static void check_nothing_left(size_t fd_count)
{
    ck_assert_uint_eq(count_fds(), fd_count);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* ---- one call ---- */

START_TEST(runs)
{
    static const size_t sizes[] = {0, 1, 5000, 3000000};
    size_t fd_count = count_fds();
    struct mr_isolate *there = make("gzip:1", NULL, 0), *back = make("gunzip", "copy", 60000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *content = support_text(i + 1, sizes[i]);
        struct mr_buffer *in, *packed, *out;
        struct mr_error err = {0};
        ck_assert_int_eq(mr_buffer_create("a name", content, sizes[i], &in), MR_OK);
        ck_assert_ok(mr_isolate_run(there, in, &packed, &err), err);
        ck_assert_str_eq(packed->name, "a name");
        ck_assert(packed->bytes != in->bytes);
        ck_assert_ok(mr_isolate_run(back, packed, &out, &err), err);
        ck_assert_uint_eq(out->bytes, sizes[i]);
        ck_assert(sizes[i] == 0 || memcmp(out->data, content, sizes[i]) == 0);
        mr_buffer_destroy(in);
        mr_buffer_destroy(packed);
        mr_buffer_destroy(out);
        free(content);
    }
    mr_isolate_destroy(there);
    mr_isolate_destroy(back);
    check_nothing_left(fd_count);
}
END_TEST

START_TEST(fails)
{
    struct mr_isolate *isolate = make("gunzip", NULL, 0);
    struct mr_buffer *in = buffer(NULL, "no gzip data"), *out = in;
    struct mr_error err = {0};
    ck_assert_int_eq(mr_isolate_run(isolate, in, &out, &err), MR_E_DATA);
    ck_assert_ptr_null(out);
    ck_assert_str_eq(err.text, "gunzip: this is no gzip file");
    ck_assert_int_eq(mr_isolate_run(isolate, NULL, &out, &err), MR_E_USAGE);
    ck_assert_int_eq(mr_isolate_run(NULL, in, &out, &err), MR_E_USAGE);
    mr_buffer_destroy(in);
    mr_isolate_destroy(isolate);
}
END_TEST

/* A result as large as is allowed, and one byte more. */
START_TEST(limits_results)
{
    static const char *const operations[] = {"gunzip"};
    struct mr_isolate *gzip = make("gzip", NULL, 0), *isolate;
    struct mr_error err = {0};
    for (size_t over = 0; over < 2; over++) {
        const size_t bytes = 2500000 + over;
        const struct mr_isolate_config config = {.struct_bytes = sizeof(config),
                                                 .operations = operations,
                                                 .operation_count = 1,
                                                 .result_bytes_max = 2500000};
        struct mr_buffer *in, *packed, *out;
        ck_assert_int_eq(mr_buffer_create(NULL, NULL, bytes, &in), MR_OK);
        ck_assert_ok(mr_isolate_run(gzip, in, &packed, &err), err);
        ck_assert_ok(mr_isolate_create(&config, &isolate, &err), err);
        enum mr_status status = mr_isolate_run(isolate, packed, &out, &err);
        ck_assert_int_eq(status, over ? MR_E_LIMIT : MR_OK);
        ck_assert_uint_eq(out ? out->bytes : 0, over ? 0 : bytes);
        mr_buffer_destroy(in);
        mr_buffer_destroy(packed);
        mr_buffer_destroy(out);
        mr_isolate_destroy(isolate);
    }
    ck_assert_str_eq(err.text, "the result is larger than 2500000 bytes");
    mr_isolate_destroy(gzip);
}
END_TEST

START_TEST(refuses_wrong_use)
{
    static const char *const good[] = {"gzip"}, *const bad[] = {"gzipp"}, *const none[] = {NULL};
    const struct mr_isolate_config configs[] = {
        {.struct_bytes = sizeof(configs[0]), .operations = bad, .operation_count = 1},
        {.struct_bytes = sizeof(configs[0]), .operations = none, .operation_count = 1},
        {.struct_bytes = sizeof(configs[0]), .operations = good},
        {.struct_bytes = sizeof(configs[0]),
         .operations = good,
         .operation_count = 1,
         .timeout_ms = -1},
        {.struct_bytes = 1, .operations = good, .operation_count = 1},
    };
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        struct mr_isolate *isolate;
        struct mr_error err = {0};
        ck_assert_int_eq(mr_isolate_create(&configs[i], &isolate, &err), MR_E_USAGE);
        ck_assert_ptr_null(isolate);
        ck_assert_str_ne(err.text, "");
    }
    ck_assert_int_eq(mr_isolate_create(NULL, NULL, NULL), MR_E_USAGE);
    mr_isolate_destroy(NULL);
    mr_buffer_destroy(NULL);
}
END_TEST

/* ---- steps ---- */

/* Makes a buffer of a number. */
static enum mr_status name_it(struct mr_step_call *call, void *value, void *user,
                              struct mr_error *err)
{
    char name[40];
    const int *number = value;
    (void)user;
    (void)err;
    snprintf(name, sizeof(name), "%d%s", *number, *number % 100 == 50 ? "bad" : "");
    return mr_emit(call, buffer(name, name));
}

static void drop_buffer(void *value, void *user)
{
    (void)user;
    mr_buffer_destroy(value);
}

struct tally {
    unsigned good, bad, late; /* late: out of time although good, on a busy machine */
    const char *text;         /* of those that fail */
    int next;
};

static void take(const struct mr_result *result, void *ctx)
{
    struct tally *tally = ctx;
    char expected[40];
    int number = tally->next++;
    snprintf(expected, sizeof(expected), "%d", number);
    if (result->status != MR_OK) {
        bool is_late = number % 100 != 50;
        ck_assert_msg(strstr(result->error.text, is_late ? "out of time" : tally->text), "%s",
                      result->error.text);
        ck_assert_str_eq(result->step, "evil");
        tally->late += is_late;
        tally->bad += !is_late;
        return;
    }
    struct mr_buffer *out = result->value;
    ck_assert_str_eq(out->name, expected);
    ck_assert_uint_eq(out->bytes, strlen(expected));
    ck_assert_int_eq(memcmp(out->data, expected, out->bytes), 0);
    mr_buffer_destroy(out);
    tally->good++;
}

#define COUNT 500

/* Values through a thread's step, a process's step that misbehaves for some, and one behind it; in
 * order. */
static void run_evil(const char *spec, const char *text, enum mr_pipeline_pools pools,
                     int64_t timeout_ms)
{
    size_t fd_count = count_fds();
    static int numbers[COUNT];
    void *values[COUNT];
    for (int i = 0; i < COUNT; i++) {
        numbers[i] = i;
        values[i] = &numbers[i];
    }
    struct mr_isolate *evil = make(spec, NULL, timeout_ms), *good = make("gzip", "gunzip", 0);
    const struct mr_step steps[] = {
        {.name = "name", .run = name_it, .worker_count = 2},
        mr_isolate_step(evil, "evil", 2),
        mr_isolate_step(good, "good", 2),
    };
    const struct mr_pipeline_config config = {.struct_bytes = sizeof(config),
                                              .steps = steps,
                                              .step_count = 3,
                                              .pools = pools,
                                              .thread_count = 3,
                                              .in_flight_count = 20,
                                              .is_ordered = true,
                                              .drop_result = drop_buffer};
    struct mr_pipeline *pipeline;
    struct mr_error err = {0};
    struct tally tally = {.text = text};
    ck_assert_ok(mr_pipeline_create(&config, &pipeline, &err), err);
    ck_assert_ok(mr_pipeline_map(pipeline, values, COUNT, 0, take, &tally, NULL, &err), err);
    mr_pipeline_destroy(pipeline);
    mr_isolate_destroy(evil);
    mr_isolate_destroy(good);
    ck_assert_uint_eq(tally.bad, text ? COUNT / 100 : 0);
    ck_assert_uint_eq(tally.good, COUNT - tally.bad - tally.late);
    ck_assert_uint_le(tally.late, timeout_ms > 0 ? COUNT / 2 : 0);
    check_nothing_left(fd_count);
}

START_TEST(survives_in_a_pipeline)
{
    run_evil(EVIL "abort", "abort: the worker process was killed by signal 6 (ABRT)", MR_POOL_EACH,
             0);
    run_evil(EVIL "exit", "exit: the worker process exited with status 0", MR_POOL_SHARED, 0);
    run_evil(EVIL "loop", "loop: out of time", MR_POOL_EACH, 300);
}
END_TEST

/* ---- several values together ---- */

#define MANY 2000

/* Small ones, and some that are too large to be handed over with others. */
static size_t size_of(size_t number)
{
    static const size_t sizes[] = {10, 0, 1, 3000, 10, 100};
    return number % 100 == 99 ? 200000 : sizes[number % (sizeof(sizes) / sizeof(sizes[0]))];
}

struct content {
    size_t next;
    unsigned char *bytes; /* of any of them */
};

static void check_content(const struct mr_result *result, void *ctx)
{
    struct content *content = ctx;
    size_t number = content->next++;
    ck_assert_ok(result->status, result->error);
    struct mr_buffer *out = result->value;
    ck_assert_int_eq(atol(out->name), (long)number);
    ck_assert_uint_eq(out->bytes, size_of(number));
    ck_assert(out->bytes == 0 || memcmp(out->data, content->bytes + number, out->bytes) == 0);
    mr_buffer_destroy(out);
}

/* How often processes waited. */
static long wait_count(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_nvcsw;
}

/* A process is not woken for each value. Where the machine has no time for this one, values take
 * long, and go by themselves: then once more. */
START_TEST(hands_several_over)
{
    static void *values[MANY];
    struct content content = {.bytes = support_text(5, MANY + 200000)};
    long least_count = MANY;
    for (int i = 0; i < 10 && least_count >= MANY / 2; i++) {
        struct mr_isolate *isolate = make("crlf", "lf", 0);
        const struct mr_step step = mr_isolate_step(isolate, "there and back", 1);
        const struct mr_pipeline_config config = {.struct_bytes = sizeof(config),
                                                  .steps = &step,
                                                  .step_count = 1,
                                                  .in_flight_count = 200,
                                                  .is_ordered = true};
        struct mr_pipeline *pipeline;
        struct mr_error err = {0};
        long before_count = wait_count();
        for (size_t v = 0; v < MANY; v++) {
            struct mr_buffer *in;
            char name[40];
            snprintf(name, sizeof(name), "%zu", v);
            ck_assert_int_eq(mr_buffer_create(name, content.bytes + v, size_of(v), &in), MR_OK);
            values[v] = in;
        }
        content.next = 0;
        ck_assert_ok(mr_pipeline_create(&config, &pipeline, &err), err);
        ck_assert_ok(
            mr_pipeline_map(pipeline, values, MANY, 0, check_content, &content, NULL, &err), err);
        ck_assert_uint_eq(content.next, MANY);
        mr_pipeline_destroy(pipeline);
        mr_isolate_destroy(isolate);
        long waited_count = wait_count() - before_count;
        least_count = waited_count < least_count ? waited_count : least_count;
    }
    free(content.bytes);
    ck_assert_int_lt(least_count, MANY / 2);
}
END_TEST

static void check_plain(const struct mr_result *result, void *ctx)
{
    const struct mr_buffer *out = result->value;
    ck_assert_ok(result->status, result->error);
    ck_assert_uint_eq(out->bytes, 5);
    ck_assert_int_eq(memcmp(out->data, "plain", 5), 0);
    mr_buffer_destroy(result->value);
    ++*(unsigned *)ctx;
}

/* The name of a buffer need not say what is in it, whether it goes by itself or with others. */
START_TEST(goes_by_content)
{
    static void *values[MANY];
    unsigned count = 0;
    struct mr_isolate *isolate = make("decompress", NULL, 0);
    const struct mr_step step = mr_isolate_step(isolate, "decompress", 1);
    const struct mr_pipeline_config config = {
        .struct_bytes = sizeof(config), .steps = &step, .step_count = 1};
    struct mr_pipeline *pipeline;
    struct mr_error err = {0};
    for (size_t v = 0; v < MANY; v++)
        values[v] = buffer("a.gz", "plain");
    ck_assert_ok(mr_pipeline_create(&config, &pipeline, &err), err);
    ck_assert_ok(mr_pipeline_map(pipeline, values, MANY, 0, check_plain, &count, NULL, &err), err);
    ck_assert_uint_eq(count, MANY);
    mr_pipeline_destroy(pipeline);
    mr_isolate_destroy(isolate);
}
END_TEST

/* One that never ends, and no time is set: the others come all the same. */
START_TEST(hanging_value_holds_nobody_up)
{
    size_t fd_count = count_fds();
    struct mr_isolate *isolate = make(EVIL "loop", NULL, 0);
    const struct mr_step step = mr_isolate_step(isolate, "loop", 2);
    const struct mr_pipeline_config config = {.struct_bytes = sizeof(config),
                                              .steps = &step,
                                              .step_count = 1,
                                              .drop_result = drop_buffer};
    struct mr_pipeline *pipeline;
    struct mr_result result;
    struct mr_error err = {0};
    ck_assert_ok(mr_pipeline_create(&config, &pipeline, &err), err);
    for (int i = 0; i < MANY; i++)
        ck_assert_ok(mr_pipeline_submit(pipeline, buffer(i == 1500 ? "bad" : "good", "x"), 0, NULL,
                                        -1, &err),
                     err);
    for (int i = 0; i < MANY - 1; i++) {
        ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
        ck_assert_ok(result.status, result.error);
        mr_buffer_destroy(result.value);
    }
    ck_assert_int_eq(mr_pipeline_next(pipeline, 10, &result), MR_TIMEOUT);
    mr_pipeline_destroy(pipeline);
    mr_isolate_destroy(isolate);
    check_nothing_left(fd_count);
}
END_TEST

/* What was handed over and does not come is not worked on for ever. */
START_TEST(ends_what_does_not_come)
{
    static const char *const names[] = {"good", "bad"};
    struct mr_isolate *isolate = make(EVIL "loop", NULL, 0);
    const struct mr_step step = mr_isolate_step(isolate, "loop", 1);
    void *values[2];
    for (int i = 0; i < 2; i++)
        values[i] = buffer(names[i], "x");
    void *batch = step.begin(values, 2, step.user);
    ck_assert_ptr_nonnull(batch);
    size_t fd_count = count_fds();
    step.end(batch, step.user);
    ck_assert_uint_lt(count_fds(), fd_count); /* those of a process */
    struct mr_buffer *out;
    struct mr_error err = {0};
    ck_assert_ok(mr_isolate_run(isolate, values[0], &out, &err), err);
    mr_buffer_destroy(out);
    for (int i = 0; i < 2; i++)
        mr_buffer_destroy(values[i]);
    mr_isolate_destroy(isolate);
}
END_TEST

/* A cancelled pipeline does not wait for a process that never comes back. */
START_TEST(is_cancelled_with_its_pipeline)
{
    size_t fd_count = count_fds();
    struct mr_isolate *isolate = make(EVIL "loop", NULL, 0);
    const struct mr_step step = mr_isolate_step(isolate, "loop", 1);
    const struct mr_pipeline_config config = {.struct_bytes = sizeof(config),
                                              .steps = &step,
                                              .step_count = 1,
                                              .drop_result = drop_buffer};
    struct mr_pipeline *pipeline;
    struct mr_result result;
    struct mr_error err = {0};
    ck_assert_ok(mr_pipeline_create(&config, &pipeline, &err), err);
    for (int i = 0; i < 3; i++)
        ck_assert_ok(mr_pipeline_submit(pipeline, buffer("bad", "x"), 0, NULL, -1, &err), err);
    ck_assert_int_eq(mr_pipeline_next(pipeline, 300, &result), MR_TIMEOUT);
    mr_pipeline_cancel(pipeline);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
        ck_assert_int_eq(result.status, MR_CANCELLED);
    }
    ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_DONE);
    mr_pipeline_destroy(pipeline);
    mr_isolate_destroy(isolate);
    check_nothing_left(fd_count);
}
END_TEST

Suite *isolate_step_suite(void)
{
    Suite *suite = suite_create("isolate_step");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, runs);
    tcase_add_test(tests, fails);
    tcase_add_test(tests, limits_results);
    tcase_add_test(tests, refuses_wrong_use);
    tcase_add_test(tests, survives_in_a_pipeline);
    tcase_add_test(tests, hands_several_over);
    tcase_add_test(tests, goes_by_content);
    tcase_add_test(tests, hanging_value_holds_nobody_up);
    tcase_add_test(tests, ends_what_does_not_come);
    tcase_add_test(tests, is_cancelled_with_its_pipeline);
    suite_add_tcase(suite, tests);
    return suite;
}
