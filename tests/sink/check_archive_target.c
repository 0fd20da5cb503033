/* Where an archive goes: beside its final name until it is complete, to stdout, to a device. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "support/packing.h"

Suite *archive_target_suite(void);

START_TEST(an_existing_file_is_kept)
{
    struct mr_sink *sink;
    support_write_file(packing.directory, "archive", "old", 3);
    ck_assert_int_eq(packing_create("archive", "tar", NULL, -1, &sink), MR_E_EXISTS);
    support_write_file(packing.directory, "a/b", "", 0);
    ck_assert_int_eq(packing_create("a", "tar", NULL, -1, &sink), MR_E_SYSTEM);
    ck_assert_int_eq(packing_create("none/archive", "tar", NULL, -1, &sink), MR_E_SYSTEM);
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    ck_assert_ok(packing_create("late", "zip", NULL, -1, &sink), packing.err);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    support_write_file(packing.directory, "late", "mine", 4); /* appears meanwhile */
    ck_assert_int_eq(packing_finish(sink), MR_E_EXISTS);
    sink->ops->destroy(sink);
    char *text = support_read_file(packing.directory, "late", NULL);
    ck_assert_str_eq(text, "mine");
    free(text);
    ck_assert_int_eq(packing_count_names(), 3);
}
END_TEST

START_TEST(an_existing_file_is_replaced_when_asked_for)
{
    support_write_file(packing.directory, "old", "old", 3);
    ck_assert_int_eq(symlink("old", packing_path("link")), 0);
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    struct archive_sink_config config = {.format = "tar", .level = -1, .overwrites = true};
    struct mr_sink *sink;
    ck_assert_ok(archive_sink_create(packing_path("link"), &config, &sink, &packing.err),
                 packing.err);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    char *text = support_read_file(packing.directory, "old", NULL);
    ck_assert_str_eq(text, "old"); /* until the end */
    free(text);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 2);
    ck_assert_ok(packing_read("old", "tar", 10), packing.err);
    packing_check_all(false);
}
END_TEST

START_TEST(nothing_is_left_when_the_run_is_given_up)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    struct mr_sink *sink;
    packing_add_usual();
    ck_assert_ok(packing_create("archive", output->name, NULL, -1, &sink), packing.err);
    ck_assert_ok(packing_put(sink, 4), packing.err);
    ck_assert_int_eq(packing_count_names(), 1);
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 0);
}
END_TEST

START_TEST(stdout_takes_the_same_bytes)
{
    packing_add_usual();
    packing_write("file", "tar.zst", NULL, 100);
    int saved = dup(STDOUT_FILENO);
    int fd = open(packing_path("stdout"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(dup2(fd, STDOUT_FILENO), 0);
    struct mr_sink *sink;
    ck_assert_ok(packing_create("-", "tar.zst", NULL, -1, &sink), packing.err);
    ck_assert_str_eq(sink->label, "stdout");
    enum mr_status status = archives_write(sink, &packing.made, 100, &packing.err);
    sink->ops->destroy(sink);
    ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
    ck_assert_ok(status, packing.err);
    size_t file_bytes, stdout_bytes;
    char *file = support_read_file(packing.directory, "file", &file_bytes);
    char *out = support_read_file(packing.directory, "stdout", &stdout_bytes);
    ck_assert_uint_eq(file_bytes, stdout_bytes);
    ck_assert_mem_eq(file, out, file_bytes);
    free(file);
    free(out);
    close(fd);
}
END_TEST

START_TEST(a_closed_reader_is_an_error)
{
    const char *format = archive_output_at((size_t)_i)->name;
    if (strcmp(format, "sqlar") == 0)
        return; /* which is never written to a pipe */
    int ends[2], saved = dup(STDOUT_FILENO);
    packing_add_usual();
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[0]);
    ck_assert_int_ge(dup2(ends[1], STDOUT_FILENO), 0);
    struct mr_sink *sink;
    ck_assert_ok(packing_create("-", format, NULL, -1, &sink), packing.err);
    enum mr_status status = archives_write(sink, &packing.made, 100000, &packing.err);
    ck_assert_int_eq(packing_finish(sink), MR_E_SYSTEM);
    sink->ops->destroy(sink);
    ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
    ck_assert_int_eq(status, MR_E_SYSTEM);
    ck_assert_int_eq(packing.err.sys_errno, EPIPE);
}
END_TEST

START_TEST(a_full_device_is_an_error)
{
    struct archive_sink_config config = {.format = "zip", .level = -1};
    struct mr_sink *sink;
    packing_add_usual();
    ck_assert_ok(archive_sink_create("/dev/full", &config, &sink, &packing.err), packing.err);
    ck_assert_int_eq(archives_write(sink, &packing.made, 1000, &packing.err), MR_E_SYSTEM);
    ck_assert_int_eq(packing.err.sys_errno, ENOSPC);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "/dev/full"));
    sink->ops->destroy(sink);
}
END_TEST

static enum mr_status create(bool is_resumed, const char *format, struct mr_sink **sink)
{
    const struct archive_sink_config config = {
        .format = format, .level = -1, .is_exclusive = true, .is_resumed = is_resumed};
    return archive_sink_create(packing_path("archive"), &config, sink, &packing.err);
}

/* The second run is refused; what a killed one has left goes when another one goes on. */
START_TEST(one_run_at_a_time)
{
    struct mr_sink *first, *second;
    const char *const formats[] = {"tar", "zip"};
    ck_assert_ok(create(false, formats[_i], &first), packing.err);
    ck_assert_int_eq(create(true, formats[!_i], &second), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "another run (process "));
    ck_assert_int_eq(packing_count_names(), 1);
    /* Of another archive, of nothing, and of a killed run: not locked. */
    support_write_file(packing.directory, ".archive2.millrace-abcdef", "", 0);
    support_write_file(packing.directory, ".archive.millrace-abcdefg", "", 0);
    support_write_file(packing.directory, ".archive.millrace-abcdef", "", 0);
    first->ops->destroy(first);
    ck_assert_ok(create(false, formats[_i], &first), packing.err);
    ck_assert_int_eq(packing_count_names(), 4);
    first->ops->destroy(first);
    ck_assert_ok(create(true, formats[_i], &first), packing.err);
    ck_assert_int_eq(packing_count_names(), 3);
    first->ops->abandon(first);
    ck_assert_int_eq(packing_count_names(), 2);
    first->ops->destroy(first);
}
END_TEST

/* An archive that is there is replaced by the very same only. */
START_TEST(goes_on_after_the_name_was_given)
{
    struct mr_sink *sink;
    packing_add_usual();
    packing_write("archive", "zip", NULL, 1000);
    for (int is_same = 1; is_same >= 0; is_same--) {
        if (!is_same)
            support_write_file(packing.directory, "archive", "mine", 4);
        ck_assert_ok(create(true, "zip", &sink), packing.err);
        enum mr_status status = archives_write(sink, &packing.made, 1000, &packing.err);
        ck_assert_msg(status == (is_same ? MR_OK : MR_E_EXISTS), "%s", packing.err.text);
        sink->ops->destroy(sink);
        ck_assert_int_eq(packing_count_names(), 1);
    }
    char *text = support_read_file(packing.directory, "archive", NULL);
    ck_assert_str_eq(text, "mine");
    free(text);
}
END_TEST

Suite *archive_target_suite(void)
{
    Suite *suite = suite_create("archive_target");
    TCase *cases = tcase_create("all");
    int outputs = packing_count_outputs();
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, an_existing_file_is_kept);
    tcase_add_test(cases, an_existing_file_is_replaced_when_asked_for);
    tcase_add_loop_test(cases, nothing_is_left_when_the_run_is_given_up, 0, outputs);
    tcase_add_loop_test(cases, one_run_at_a_time, 0, 2);
    tcase_add_test(cases, goes_on_after_the_name_was_given);
    tcase_add_test(cases, stdout_takes_the_same_bytes);
    tcase_add_loop_test(cases, a_closed_reader_is_an_error, 0, outputs);
    tcase_add_test(cases, a_full_device_is_an_error);
    suite_add_tcase(suite, cases);
    return suite;
}
