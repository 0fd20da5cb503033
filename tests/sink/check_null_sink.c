/* Everything is taken. */
#include "sink/sinks.h"
#include "support/archives.h"

Suite *null_sink_suite(void);

START_TEST(everything_is_taken)
{
    struct mr_error err;
    struct archives_list made = {NULL, 0};
    struct mr_sink *sink;
    struct mr_writer *first, *second;
    archives_add(&made, MR_KIND_DIRECTORY, "dir", 0);
    archives_add(&made, MR_KIND_FILE, "a", 3000);
    mr_entry_set_target(archives_add(&made, MR_KIND_HARDLINK, "b", 0), "a");
    ck_assert_ok(null_sink_create(&sink, &err), err);
    ck_assert_uint_eq(sink->flags, 0);
    ck_assert_ptr_nonnull(sink->label);
    /* Two at once, of sizes that are not known. */
    ck_assert_ok(sink->ops->begin(sink, &made.items[1].entry, MR_SIZE_UNKNOWN, &first, &err), err);
    ck_assert_ok(sink->ops->begin(sink, &made.items[1].entry, MR_SIZE_UNKNOWN, &second, &err), err);
    ck_assert_ok(sink->ops->write(sink, second, "x", 1, &err), err);
    ck_assert_ok(sink->ops->commit(sink, second, &err), err);
    sink->ops->abort(sink, first);
    ck_assert_ok(archives_write(sink, &made, 1000, &err), err);
    sink->ops->destroy(sink);
    archives_clear(&made);
}
END_TEST

Suite *null_sink_suite(void)
{
    Suite *suite = suite_create("null_sink");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, everything_is_taken);
    suite_add_tcase(suite, cases);
    return suite;
}
