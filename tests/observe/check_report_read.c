#include "observe/report_read.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "observe/report_forms.h"
#include "support/support.h"

Suite *report_read_suite(void);

/* What a visitor is told, one line for each item. */
struct told {
    char text[4000];
    size_t used;
    unsigned item_count, run_count;
    struct record_run run;
    char command[100];
    enum mr_status answer;
};

static enum mr_status tell_item(void *ctx, const struct record *record, struct mr_error *err)
{
    struct told *told = ctx;
    int length =
        snprintf(told->text + told->used, sizeof(told->text) - told->used,
                 "%s|%s|%s|%s|%s|%s|%s|%llu|%llu|%lld|%lld|%lld|%lld|%llu\n", record->kind,
                 record->path, record->member, record->output, record_status_name(record->status),
                 record->stage, record->reason, (unsigned long long)record->in_bytes,
                 (unsigned long long)record->out_bytes, (long long)record->stage_ns[0],
                 (long long)record->stage_ns[1], (long long)record->stage_ns[2],
                 (long long)record->latency_ns, (unsigned long long)record->attempts);
    told->used += (size_t)length;
    ck_assert_uint_lt(told->used, sizeof(told->text));
    told->item_count++;
    return told->answer == MR_OK ? MR_OK : mr_error_set(err, told->answer, 0, "enough");
}

static enum mr_status tell_run(void *ctx, const struct record_run *run, struct mr_error *err)
{
    struct told *told = ctx;
    (void)err;
    told->run = *run;
    snprintf(told->command, sizeof(told->command), "%s", run->command);
    told->run_count++;
    return MR_OK;
}

static enum mr_status read_bytes(const char *bytes, size_t size_bytes, struct told *told,
                                 struct mr_error *err)
{
    const struct report_visitor visitor = {tell_item, tell_run, told};
    int fd = memfd_create("report", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_write(fd, bytes, size_bytes), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    err->text[0] = '\0';
    enum mr_status status = report_read(fd, "file", &visitor, err);
    close(fd);
    return status;
}

static const struct record records[] = {
    {.status = RECORD_STORED,
     .kind = "file",
     .path = "in/a",
     .member = "",
     .output = "a.gz",
     .reason = "",
     .stage = "",
     .in_bytes = 18446744073709551615u,
     .out_bytes = 1,
     .stage_ns = {2, 3, 4},
     .latency_ns = 9223372036854775807,
     .attempts = 1},
    {.status = RECORD_FAILED,
     .kind = "other",
     .path = "x.zip",
     .member = "odd, \"name\"\n\xff",
     .output = "",
     .reason = "it is, \"so\"",
     .stage = "store",
     .attempts = 3},
    {.status = RECORD_COPIED,
     .kind = "file",
     .path = "-",
     .member = "\xc3\xa4",
     .output = "\r",
     .reason = "why",
     .stage = "",
     .attempts = 1},
};
#define RECORD_COUNT (sizeof(records) / sizeof(records[0]))

static const char expected[] =
    "file|in/a||a.gz|stored|||18446744073709551615|1|2|3|4|9223372036854775807|1\n"
    "other|x.zip|odd, \"name\"\n\xff||failed|store|it is, \"so\"|0|0|0|0|0|0|3\n"
    "file|-|\xc3\xa4|\r|copied||why|0|0|0|0|0|0|1\n";

/* The caller's to free. */
static char *write_form(enum report_form form, size_t *size_bytes)
{
    const struct record_run run = {.version = "9.9",
                                   .command = "millrace run a, 'b'",
                                   .started = "2026-01-02T03:04:05Z",
                                   .job_count = 2,
                                   .is_complete = true,
                                   .exit_status = 1,
                                   .elapsed_s = 1.5,
                                   .cpu_s = 2.25,
                                   .counts = {1, 1, 0, 1, 0},
                                   .in_bytes = 100,
                                   .out_bytes = 50,
                                   .stages = {{2, 7, 3, 0.5, 0.25, 0.125}}};
    struct report_writer writer;
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, size_bytes);
    ck_assert_ptr_nonnull(out);
    report_write_begin(&writer, form, out);
    for (size_t i = 0; i < RECORD_COUNT; i++)
        report_write_item(&writer, &records[i]);
    report_write_end(&writer, &run, NULL);
    ck_assert_int_eq(fclose(out), 0);
    return bytes;
}

START_TEST(reads_what_was_written)
{
    enum report_form form = (enum report_form)_i;
    size_t size_bytes;
    char *bytes = write_form(form, &size_bytes);
    struct told told = {.answer = MR_OK};
    struct mr_error err = {0};
    ck_assert_ok(read_bytes(bytes, size_bytes, &told, &err), err);
    ck_assert_str_eq(told.text, expected);
    ck_assert_uint_eq(told.run_count, 1);
    ck_assert_str_eq(told.run.version, "9.9");
    ck_assert_str_eq(told.command, "millrace run a, 'b'");
    ck_assert_str_eq(told.run.started, "2026-01-02T03:04:05Z");
    ck_assert(told.run.is_complete && told.run.job_count == 2 && told.run.exit_status == 1);
    ck_assert(told.run.elapsed_s == 1.5 && told.run.in_bytes == 100 && told.run.out_bytes == 50);
    ck_assert(told.run.stages[0].busy_s == 0.5);
    if (form == REPORT_JSON)
        ck_assert(told.run.stages[0].thread_count == 2 && told.run.stages[0].thread_s == 3 &&
                  told.run.stages[0].blocked_s == 0.125 && told.run.counts[RECORD_COPIED] == 1 &&
                  told.run.cpu_s == 2.25);
    free(bytes);
}
END_TEST

/* Wherever it breaks off: an error, and nothing that was not written. */
START_TEST(tells_what_stands_before_the_cut)
{
    enum report_form form = (enum report_form)_i;
    size_t size_bytes;
    char *bytes = write_form(form, &size_bytes);
    for (size_t cut = 0; cut + 1 < size_bytes; cut += SUPPORT_STEP) {
        struct told told = {.answer = MR_OK};
        struct mr_error err = {0};
        ck_assert_int_eq(read_bytes(bytes, cut, &told, &err), MR_E_DATA);
        ck_assert_msg(strstr(err.text, "file") != NULL, "%s", err.text);
        ck_assert(strncmp(told.text, expected, told.used) == 0);
        ck_assert_uint_eq(told.run_count, 0);
    }
    free(bytes);
}
END_TEST

/* Any byte changed: read or refused, but read to an end. */
START_TEST(stands_damage)
{
    enum report_form form = (enum report_form)_i;
    size_t size_bytes;
    char *bytes = write_form(form, &size_bytes);
    for (size_t at = 0; at < size_bytes; at += SUPPORT_STEP) {
        static const char others[] = {'"', ',', '\n', '\0', '}', '9', '\\'};
        char before = bytes[at];
        for (size_t i = 0; i < sizeof(others); i++) {
            struct told told = {.answer = MR_OK};
            struct mr_error err = {0};
            bytes[at] = others[i];
            enum mr_status status = read_bytes(bytes, size_bytes, &told, &err);
            ck_assert(status == MR_OK || status == MR_E_DATA);
            ck_assert_uint_le(told.item_count, RECORD_COUNT + 1);
        }
        bytes[at] = before;
    }
    free(bytes);
}
END_TEST

START_TEST(ends_when_the_visitor_wants)
{
    size_t size_bytes;
    char *bytes = write_form((enum report_form)_i, &size_bytes);
    struct told told = {.answer = MR_E_LIMIT};
    struct mr_error err = {0};
    ck_assert_int_eq(read_bytes(bytes, size_bytes, &told, &err), MR_E_LIMIT);
    ck_assert_str_eq(err.text, "enough");
    ck_assert_uint_eq(told.item_count, 1);
    free(bytes);
}
END_TEST

START_TEST(refuses_other_files)
{
    static const char *const others[] = {
        "",
        "text\n",
        "{}",
        "[1]",
        "{\"kind\":\"bench\",\"items\":[],\"run\":{}}",
        "{\"kind\":\"run\",\"items\":[1],\"run\":{}}",
        "{\"kind\":\"run\",\"items\":[{\"status\":\"lost\"}],\"run\":{}}",
        "{\"kind\":\"run\",\"items\":[]}",
        "{\"kind\":\"run\",\"run\":{}}",
        REPORT_CSV_HEAD "\n",
        REPORT_CSV_HEAD "\nfile,a\n",
        REPORT_CSV_HEAD "\nfile,a,,,lost,0,0,0,0,0,0,1,,\n",
        REPORT_CSV_HEAD "\nfile,a,,,stored,0,0,0,0,0,99999999999999999999,1,,\n",
        REPORT_CSV_HEAD "\nfile,a,,,stored,0,0,0,0,0,-1,1,,\n",
        REPORT_CSV_HEAD "\nfile,a,,,stored,0,0,0,0,0,0,1,,,\n",
        "millrace-journal-1\n",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct told told = {.answer = MR_OK};
        struct mr_error err = {0};
        enum mr_status status = read_bytes(others[i], strlen(others[i]), &told, &err);
        ck_assert_msg(status == MR_E_DATA, "%zu: %s", i, err.text);
        ck_assert_uint_eq(told.item_count + told.run_count, 0);
    }
}
END_TEST

Suite *report_read_suite(void)
{
    Suite *suite = suite_create("report_read");
    TCase *tests = tcase_create("report_read");
    tcase_add_loop_test(tests, reads_what_was_written, REPORT_JSON, REPORT_HTML);
    tcase_add_loop_test(tests, tells_what_stands_before_the_cut, REPORT_JSON, REPORT_HTML);
    tcase_add_loop_test(tests, stands_damage, REPORT_JSON, REPORT_HTML);
    tcase_add_loop_test(tests, ends_when_the_visitor_wants, REPORT_JSON, REPORT_HTML);
    tcase_add_test(tests, refuses_other_files);
    suite_add_tcase(suite, tests);
    return suite;
}
