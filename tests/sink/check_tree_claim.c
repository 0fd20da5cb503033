/* A tree that one run has to itself, and that another one goes on with after that was killed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/tree.h"
#include "support/output.h"

Suite *tree_claim_suite(void);

static struct mr_sink *open_sink(const struct directory_sink_config *config)
{
    struct mr_error err = {0};
    struct mr_sink *sink = NULL;
    ck_assert_ok(directory_sink_create(output_at("out"), config, &sink, &err), err);
    return sink;
}

static struct mr_sink *open_resumed(enum existing existing)
{
    const struct directory_sink_config config = {.existing = existing,
                                                 .preserve = PRESERVE_DEFAULT,
                                                 .is_exclusive = true,
                                                 .is_resumed = true};
    return open_sink(&config);
}

START_TEST(test_one_at_a_time)
{
    const struct directory_sink_config config = {.is_exclusive = true}, shared = {0};
    struct mr_sink *first = open_sink(&config), *second = NULL;
    struct mr_error err = {0};
    char number[32];
    snprintf(number, sizeof(number), "process %d", (int)getpid());
    ck_assert_int_eq(directory_sink_create(output_at("out"), &config, &second, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "another run"));
    ck_assert_ptr_nonnull(strstr(err.text, number));
    second = open_sink(&shared); /* which does not ask */
    second->ops->destroy(second);
    ck_assert_int_eq(output_put_file(first, "a", "text"), MR_OK);
    output_end(first);
    ck_assert_uint_eq(output_count("out"), 1); /* nothing is left of the lock */
    first = open_sink(&config);
    first->ops->destroy(first);
}
END_TEST

/* The lock of a process that is killed is gone, and so are its files once somebody goes on. */
START_TEST(test_after_a_kill)
{
    const struct directory_sink_config config = {.existing = EXISTING_OVERWRITE,
                                                 .is_exclusive = true};
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct mr_sink *sink = open_sink(&config);
        struct mr_entry entry = output_file("a/b/c");
        struct mr_writer *writer;
        struct mr_error err;
        ((struct tree *)sink)->names_nameless = false;
        sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &err);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_uint_eq(output_count("out/a/b"), 1);
    support_write_file(output_base, "out/a/.millrace-notes", "mine", 4);
    support_write_file(output_base, "outside/.millrace-0123456789abcdef", "x", 1);
    ck_assert_int_eq(symlink("../outside", output_at("out/link")), 0);
    struct mr_sink *sink = open_sink(&config);
    sink->ops->destroy(sink);
    ck_assert_uint_eq(output_count("out/a/b"), 1); /* only who goes on removes it */
    sink = open_resumed(EXISTING_REFUSE);
    sink->ops->destroy(sink);
    ck_assert_uint_eq(output_count("out/a/b"), 0);
    ck_assert(output_has("out/a/.millrace-notes"));
    ck_assert(output_has("outside/.millrace-0123456789abcdef"));
}
END_TEST

/* What stands in a file's place: nothing, the run's own by the journal, the same bytes, others. */
START_TEST(test_own_outputs)
{
    for (enum existing existing = EXISTING_REFUSE; existing <= EXISTING_UPDATE; existing++) {
        struct mr_error err = {0};
        struct mr_stored known;
        struct mr_entry entry = output_file("known"), other = output_file("other");
        support_write_file(output_base, "out/known", "old", 3);
        support_write_file(output_base, "out/other", "old", 3);
        support_write_file(output_base, "out/same", "text", 4);
        struct mr_sink *sink = open_resumed(existing);
        ck_assert_ok(sink->ops->find(sink, &entry, true, &known, &err), err);
        ck_assert_int_eq(known.size_bytes, 3);
        ck_assert_uint_eq(known.crc, 1063113957u); /* of "old" */
        entry.replaces = other.replaces = &known;
        other.mtime_s = 1;
        known.mtime_s -= 7; /* changed meanwhile */
        bool refuses = existing == EXISTING_REFUSE;
        if (refuses)
            ck_assert_int_eq(output_put(sink, &other, "text", &err), MR_E_EXISTS);
        known.mtime_s += 7;
        ck_assert_ok(output_put(sink, &entry, "text", &err), err);
        if (refuses) {
            ck_assert_int_eq(output_put_file(sink, "same", "text"), MR_OK);
            ck_assert_int_eq(output_put_file(sink, "same", "tex"), MR_E_EXISTS);
            ck_assert_int_eq(output_put_file(sink, "same", "texd"), MR_E_EXISTS);
            ck_assert_output("out/other", "old");
        }
        output_end(sink);
        ck_assert_output("out/known", "text");
        ck_assert_output("out/same", "text");
        ck_assert_uint_eq(output_count("out"), 3);
    }
}
END_TEST

START_TEST(test_finds_files_only)
{
    struct mr_error err = {0};
    struct mr_stored found;
    struct mr_sink *sink = open_resumed(EXISTING_REFUSE);
    struct mr_entry missing = output_file("none/file"), directory = output_file("dir"),
                    link = output_file("link"), through = output_file("link/file");
    support_write_file(output_base, "out/dir/file", "x", 1);
    ck_assert_int_eq(symlink("dir", output_at("out/link")), 0);
    ck_assert_int_eq(sink->ops->find(sink, &missing, false, &found, &err), MR_DONE);
    ck_assert_int_eq(sink->ops->find(sink, &directory, false, &found, &err), MR_DONE);
    ck_assert_int_eq(sink->ops->find(sink, &link, true, &found, &err), MR_DONE);
    ck_assert_int_eq(sink->ops->find(sink, &through, true, &found, &err), MR_DONE);
    sink->ops->destroy(sink);
}
END_TEST

/*
 * Links that are there as they would be made are no problem, others are; but a file with the same
 * content, or one that is known, may be a name of the file before, and becomes one of this.
 */
START_TEST(test_links)
{
    struct mr_sink *sink = open_resumed(EXISTING_REFUSE);
    const struct mr_entry links[] = {output_link("soft", MR_KIND_SYMLINK, "file"),
                                     output_link("soft2", MR_KIND_SYMLINK, "file"),
                                     output_link("soft3", MR_KIND_SYMLINK, "file"),
                                     output_link("hard", MR_KIND_HARDLINK, "file"),
                                     output_link("hard2", MR_KIND_HARDLINK, "file"),
                                     output_link("hard3", MR_KIND_HARDLINK, "file"),
                                     output_link("hard4", MR_KIND_HARDLINK, "file")};
    struct mr_stored known = {.size_bytes = 5, .mtime_s = 1000000000};
    struct mr_entry known_link = output_link("hard5", MR_KIND_HARDLINK, "file");
    struct mr_error err = {0};
    ck_assert_int_eq(output_put_file(sink, "file", "text"), MR_OK);
    ck_assert_int_eq(symlink("file", output_at("out/soft")), 0);
    ck_assert_int_eq(symlink("filE", output_at("out/soft2")), 0);
    ck_assert_int_eq(symlink("files", output_at("out/soft3")), 0);
    ck_assert_int_eq(link(output_at("out/file"), output_at("out/hard")), 0);
    support_write_file(output_base, "out/hard2", "text", 4);
    support_write_file(output_base, "out/hard3", "texd", 4);
    support_write_file(output_base, "out/hard4", "texts", 5);
    support_write_file(output_base, "out/hard5", "texts", 5);
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    ck_assert_int_eq(utimensat(AT_FDCWD, output_at("out/hard5"), times, 0), 0);
    known_link.replaces = &known;
    ck_assert_ok(output_put(sink, &known_link, NULL, &err), err);
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        ck_assert_ok(output_put(sink, &links[i], NULL, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_str_eq(seen.paths, "hard3 hard4 soft2 soft3 ");
    ck_assert_output("out/hard2", "text");
    ck_assert_output("out/hard3", "texd");
    ck_assert_output("out/hard4", "texts");
    ck_assert_output("out/hard5", "text");
    ck_assert_uint_eq(output_count("out"), 9);
}
END_TEST

/* The process ends in the middle of calls: what has a name goes. */
START_TEST(test_abandon)
{
    struct mr_sink *sink = open_resumed(EXISTING_REFUSE);
    struct mr_error err = {0};
    struct mr_writer *writers[3];
    const struct mr_entry entries[3] = {output_file("a"), output_file("d/b"), output_file("c")};
    ((struct tree *)sink)->names_nameless = false;
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ok(sink->ops->begin(sink, &entries[i], MR_SIZE_UNKNOWN, &writers[i], &err), err);
    ck_assert_ok(sink->ops->commit(sink, writers[1], &err), err);
    ck_assert_uint_eq(output_count("out"), 3);
    sink->ops->abandon(sink);
    ck_assert_uint_eq(output_count("out"), 1);
    ck_assert_uint_eq(output_count("out/d"), 1);
    _exit(0); /* nothing but the end may follow */
}
END_TEST

Suite *tree_claim_suite(void)
{
    Suite *suite = suite_create("tree_claim");
    TCase *tests = tcase_create("tree_claim");
    tcase_add_checked_fixture(tests, output_set_up, output_tear_down);
    tcase_add_test(tests, test_one_at_a_time);
    tcase_add_test(tests, test_after_a_kill);
    tcase_add_test(tests, test_own_outputs);
    tcase_add_test(tests, test_finds_files_only);
    tcase_add_test(tests, test_links);
    suite_add_tcase(suite, tests);
    TCase *ends = tcase_create("ends");
    tcase_add_checked_fixture(ends, output_set_up, output_tear_down);
    tcase_add_exit_test(ends, test_abandon, 0);
    suite_add_tcase(suite, ends);
    return suite;
}
