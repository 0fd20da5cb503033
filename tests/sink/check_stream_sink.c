/* Contents, one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sink/sinks.h"
#include "support/archives.h"

Suite *stream_sink_suite(void);

static struct mr_error err;
static struct archives_list made;

static void tear_down(void)
{
    archives_clear(&made);
}

static struct mr_sink *create(int fd)
{
    struct mr_sink *sink;
    ck_assert_ok(stream_sink_create(fd, "out", &sink, &err), err);
    ck_assert_str_eq(sink->label, "out");
    ck_assert_uint_eq(sink->flags, MR_SINK_SERIAL | MR_SINK_FINAL);
    return sink;
}

START_TEST(only_contents_are_written)
{
    archives_add(&made, MR_KIND_DIRECTORY, "dir", 0);
    archives_add(&made, MR_KIND_FILE, "dir/a", 3000);
    archives_add(&made, MR_KIND_FILE, "empty", 0);
    mr_entry_set_target(archives_add(&made, MR_KIND_SYMLINK, "link", 0), "dir/a");
    mr_entry_set_target(archives_add(&made, MR_KIND_HARDLINK, "hard", 0), "dir/a");
    archives_add(&made, MR_KIND_FILE, "b", 1);
    int fd = archives_file("", 0);
    struct mr_sink *sink = create(fd);
    ck_assert_ok(archives_write(sink, &made, 1000, &err), err);
    sink->ops->destroy(sink);
    char out[4000];
    ck_assert_int_eq(pread(fd, out, sizeof(out), 0), 3001); /* not closed */
    ck_assert_mem_eq(out, made.items[1].data, 3000);
    ck_assert_mem_eq(out + 3000, made.items[5].data, 1);
    close(fd);
}
END_TEST

START_TEST(what_was_cut_short_ruins_the_output)
{
    struct mr_writer *writer;
    archives_add(&made, MR_KIND_FILE, "a", 10);
    struct mr_entry *entry = &made.items[0].entry;
    int fd = archives_file("", 0);
    struct mr_sink *sink = create(fd);
    ck_assert_ok(sink->ops->begin(sink, entry, MR_SIZE_UNKNOWN, &writer, &err), err);
    sink->ops->abort(sink, writer); /* nothing was written yet */
    ck_assert_ok(sink->ops->begin(sink, entry, MR_SIZE_UNKNOWN, &writer, &err), err);
    ck_assert_ok(sink->ops->write(sink, writer, "abc", 3, &err), err);
    if (_i == 0)
        sink->ops->abort(sink, writer);
    else
        ck_assert_ok(sink->ops->commit(sink, writer, &err), err);
    enum mr_status want = _i == 0 ? MR_E_DATA : MR_OK;
    ck_assert_int_eq(sink->ops->begin(sink, entry, 10, &writer, &err), want);
    if (want == MR_OK) {
        ck_assert_ok(sink->ops->write(sink, writer, "abc", 3, &err), err);
        ck_assert_int_eq(sink->ops->commit(sink, writer, &err), MR_E_CHANGED);
    }
    ck_assert_int_eq(sink->ops->finish(sink, NULL, NULL, &err), MR_E_DATA);
    sink->ops->destroy(sink);
    close(fd);
}
END_TEST

START_TEST(a_closed_reader_is_an_error)
{
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[0]);
    archives_add(&made, MR_KIND_FILE, "a", 10);
    struct mr_sink *sink = create(ends[1]);
    ck_assert_int_eq(archives_write(sink, &made, 10, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, EPIPE);
    ck_assert_ptr_nonnull(strstr(err.text, "out"));
    sink->ops->destroy(sink);
    close(ends[1]);
}
END_TEST

START_TEST(a_full_device_is_an_error)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    archives_add(&made, MR_KIND_FILE, "a", 10);
    struct mr_sink *sink = create(fd);
    ck_assert_int_eq(archives_write(sink, &made, 10, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOSPC);
    sink->ops->destroy(sink);
    close(fd);
}
END_TEST

Suite *stream_sink_suite(void)
{
    Suite *suite = suite_create("stream_sink");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, NULL, tear_down);
    tcase_add_test(cases, only_contents_are_written);
    tcase_add_loop_test(cases, what_was_cut_short_ruins_the_output, 0, 2);
    tcase_add_test(cases, a_closed_reader_is_an_error);
    tcase_add_test(cases, a_full_device_is_an_error);
    suite_add_tcase(suite, cases);
    return suite;
}
