/*
 * How a file comes to its name: nameless or under a temporary name, in directories that are new,
 * old, removed or swapped meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sink/tree.h"
#include "support/output.h"

Suite *staged_suite(void);

/* With _i = 1 nameless files cannot be used. */
static struct mr_sink *open_sink(enum existing existing, int i)
{
    struct mr_sink *sink = output_open(existing, false);
    struct tree *tree = (struct tree *)sink;
    if (i == 1)
        tree->names_nameless = false;
    return sink;
}

static struct mr_writer *begin(struct mr_sink *sink, const struct mr_entry *entry)
{
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    ck_assert_ok(sink->ops->begin(sink, entry, MR_SIZE_UNKNOWN, &writer, &err), err);
    ck_assert_ok(sink->ops->write(sink, writer, "text", 4, &err), err);
    return writer;
}

/* Nothing is to be seen of a file before it is complete, and nothing is left of one that is not. */
START_TEST(test_out_of_sight)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, _i);
    bool is_nameless = ((struct tree *)sink)->names_nameless;
    struct mr_entry kept = output_file("kept"), dropped = output_file("dropped");
    struct mr_writer *first = begin(sink, &kept), *second = begin(sink, &dropped);
    ck_assert(!output_has("out/kept"));
    ck_assert_uint_eq(output_count("out"), is_nameless ? 0 : 2);
    struct mr_error err = {0};
    ck_assert_ok(sink->ops->commit(sink, first, &err), err);
    sink->ops->abort(sink, second);
    output_end(sink);
    ck_assert_output("out/kept", "text");
    ck_assert_uint_eq(output_count("out"), 1);
    ck_assert_uint_eq(output_stat("out/kept").st_nlink, 1);
}
END_TEST

/* A file that has the next temporary name already is somebody else's, and is not written to. */
START_TEST(test_taken_temporary_name)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, 1);
    struct tree *tree = (struct tree *)sink;
    char name[TREE_TEMP_BYTES], whole[TREE_TEMP_BYTES + 8];
    uint_fast64_t before = atomic_load(&tree->temp_count);
    tree_temp_name(tree, name);
    atomic_store(&tree->temp_count, before);
    snprintf(whole, sizeof(whole), "out/%s", name);
    support_write_file(output_base, whole, "theirs", 6);
    ck_assert_int_eq(output_put_file(sink, "f", "text"), MR_OK);
    output_end(sink);
    ck_assert_output("out/f", "text");
    ck_assert_output(whole, "theirs");
    ck_assert_uint_eq(output_count("out"), 2);
}
END_TEST

/* In a directory of this run nobody looks first; what somebody else put there is kept all the same,
 * unless it is to be replaced. */
START_TEST(test_somebody_was_faster)
{
    static const struct {
        enum existing existing;
        enum mr_status status;
        const char *content;
    } cases[] = {{EXISTING_REFUSE, MR_E_EXISTS, "old"},
                 {EXISTING_SKIP, MR_SKIPPED, "old"},
                 {EXISTING_UPDATE, MR_OK, "text"},
                 {EXISTING_OVERWRITE, MR_OK, "text"}};
    for (unsigned i = 0; i < 4; i++) {
        struct mr_sink *sink = open_sink(cases[i].existing, _i);
        char path[32], whole[40];
        snprintf(path, sizeof(path), "new%u/f", i);
        snprintf(whole, sizeof(whole), "out/new%u/f", i);
        struct mr_entry entry = output_file(path);
        entry.has_mtime = true;
        entry.mtime_s = INT64_C(4000000000); /* newer */
        struct mr_writer *writer = begin(sink, &entry);
        support_write_file(output_base, whole, "old", 3);
        struct mr_error err = {0};
        ck_assert_int_eq(sink->ops->commit(sink, writer, &err), cases[i].status);
        output_end(sink);
        ck_assert_output(whole, cases[i].content);
        snprintf(whole, sizeof(whole), "out/new%u", i);
        ck_assert_uint_eq(output_count(whole), 1);
    }
}
END_TEST

/* A later item takes the place of an earlier one, whatever the policy is. */
START_TEST(test_last_one_wins)
{
    for (enum existing existing = EXISTING_REFUSE; existing <= EXISTING_UPDATE; existing++) {
        struct mr_sink *sink = open_sink(existing, _i);
        char path[32], whole[40];
        snprintf(path, sizeof(path), "new%d/f", (int)existing);
        snprintf(whole, sizeof(whole), "out/new%d/f", (int)existing);
        ck_assert_int_eq(output_put_file(sink, path, "first"), MR_OK);
        struct mr_entry entry = output_file(path);
        entry.replaces_earlier = true;
        struct mr_error err = {0};
        ck_assert_ok(output_put(sink, &entry, "second", &err), err);
        output_end(sink);
        ck_assert_output(whole, "second");
        snprintf(whole, sizeof(whole), "out/new%d", (int)existing);
        ck_assert_uint_eq(output_count(whole), 1);
    }
}
END_TEST

static unsigned mode_of(const char *name)
{
    return output_stat(name).st_mode & 07777;
}

/* Also what the umask or a default ACL would take away, and never more while it is written. */
START_TEST(test_modes)
{
    static const unsigned modes[] = {0644, 0755, 0600, 0400, 0, 0666, 0777, 0444, 04755};
    static const unsigned char acl[] = {2,   0,   0, 0, 1,   0,   7,   0,   255, 255,
                                        255, 255, 4, 0, 0,   0,   255, 255, 255, 255,
                                        32,  0,   0, 0, 255, 255, 255, 255};
    umask(022);
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, _i);
    struct mr_error err = {0};
    ck_assert_int_eq(mkdir(output_at("out/acl"), 0700), 0);
    int got = setxattr(output_at("out/acl"), "system.posix_acl_default", acl, sizeof(acl), 0);
    ck_assert(got == 0 || errno == ENOTSUP);
    for (unsigned i = 0; i < 2 * sizeof(modes) / sizeof(modes[0]); i++) {
        char path[32], whole[40];
        snprintf(path, sizeof(path), "%s/%u", i % 2 ? "acl" : "plain", i);
        snprintf(whole, sizeof(whole), "out/%s", path);
        struct mr_entry entry = output_file(path);
        entry.has_mode = true;
        entry.mode = modes[i / 2];
        struct mr_writer *writer = begin(sink, &entry);
        ck_assert_ok(sink->ops->commit(sink, writer, &err), err);
        ck_assert_msg(mode_of(whole) == (modes[i / 2] & 0777), "%s: %o", whole, mode_of(whole));
    }
    struct mr_entry entry = output_file("plain/default");
    ck_assert_ok(output_put(sink, &entry, "x", &err), err);
    ck_assert_uint_eq(mode_of("out/plain/default"), 0644);
    output_end(sink);
}
END_TEST

/* It was made by this run, and is made anew. */
START_TEST(test_removed_directory)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, _i);
    struct mr_error err = {0};
    struct mr_entry directory = output_directory("d", 0755, 0),
                    inner = output_directory("d/e", 0755, 0);
    ck_assert_ok(output_put(sink, &directory, NULL, &err), err);
    ck_assert_int_eq(output_put_file(sink, "d/f", "x"), MR_OK);
    ck_assert_int_eq(unlink(output_at("out/d/f")), 0);
    ck_assert_int_eq(rmdir(output_at("out/d")), 0);
    ck_assert_int_eq(output_put_file(sink, "d/f", "y"), MR_OK);
    ck_assert_int_eq(unlink(output_at("out/d/f")), 0);
    ck_assert_int_eq(rmdir(output_at("out/d")), 0);
    ck_assert_ok(output_put(sink, &inner, NULL, &err), err);
    ck_assert_int_eq(output_put_file(sink, "d/e/f", "z"), MR_OK);
    struct output_problems seen = output_end(sink);
    ck_assert_msg(seen.count == 0, "%s", seen.texts);
    ck_assert_output("out/d/e/f", "z");
}
END_TEST

#define FILE_COUNT      500
#define DIRECTORY_COUNT 200 /* more than are kept open */

struct storing {
    struct mr_sink *sink;
    unsigned number;
    unsigned failed_count;
};

static atomic_bool is_over;
static atomic_uint swapped_count;

/* Stores every file, however often that fails. */
static void *store(void *ctx)
{
    struct storing *storing = ctx;
    for (unsigned i = 0; i < FILE_COUNT;) {
        char path[48];
        snprintf(path, sizeof(path), "d/e%u/f%u-%u", i % DIRECTORY_COUNT, storing->number, i);
        struct mr_entry entry = output_file(path);
        struct mr_error err;
        enum mr_status status = output_put(storing->sink, &entry, "x", &err);
        if (status == MR_OK) {
            i++;
            continue;
        }
        /* Or moved while its parents were being made, or no link any more when asked what it is. */
        storing->failed_count++;
        usleep(50); /* the link may be gone then */
    }
    return NULL;
}

/* The directory becomes a link to outside and comes back, again and again. */
static void *swap(void *ctx)
{
    const char *out = ctx;
    char d[600], moved[600];
    snprintf(d, sizeof(d), "%s/d", out);
    while (!atomic_load(&is_over)) {
        snprintf(moved, sizeof(moved), "%s/moved%u", out, atomic_load(&swapped_count));
        if (rename(d, moved) != 0)
            continue;
        if (symlink("../outside", d) == 0) {
            usleep(20);
            unlink(d);
        }
        rename(moved, d); /* unless the sink has made it anew meanwhile */
        atomic_fetch_add(&swapped_count, 1);
        usleep(300);
    }
    return NULL;
}

static unsigned count_files(const char *name)
{
    char command[512], line[32] = "";
    snprintf(command, sizeof(command), "find '%s' -type f | wc -l", output_at(name));
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), pipe));
    pclose(pipe);
    return (unsigned)strtoul(line, NULL, 10);
}

START_TEST(test_swapped_by_a_thread)
{
    ck_assert_int_eq(mkdir(output_at("outside"), 0700), 0);
    for (unsigned i = 0; i < DIRECTORY_COUNT; i++) {
        char name[32];
        snprintf(name, sizeof(name), "outside/e%u", i);
        ck_assert_int_eq(mkdir(output_at(name), 0700), 0);
    }
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, _i);
    ck_assert_int_eq(mkdir(output_at("out/d"), 0700), 0);
    atomic_store(&is_over, false);
    char out[512];
    snprintf(out, sizeof(out), "%s", output_at("out"));
    pthread_t swapper, threads[2];
    struct storing storing[2] = {{.sink = sink, .number = 0}, {.sink = sink, .number = 1}};
    ck_assert_int_eq(pthread_create(&swapper, NULL, swap, out), 0);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, store, &storing[i]), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_over, true);
    pthread_join(swapper, NULL);
    output_end(sink);
    ck_assert_uint_gt(swapped_count, 0);
    ck_assert_uint_gt(storing[0].failed_count + storing[1].failed_count, 0);
    ck_assert_uint_eq(count_files("outside"), 0);
    ck_assert_uint_eq(count_files("out"), 2 * FILE_COUNT); /* no temporary file is among them */
}
END_TEST

Suite *staged_suite(void)
{
    Suite *suite = suite_create("staged");
    TCase *tcase = tcase_create("staged");
    tcase_add_checked_fixture(tcase, output_set_up, output_tear_down);
    tcase_add_loop_test(tcase, test_out_of_sight, 0, 2);
    tcase_add_test(tcase, test_taken_temporary_name);
    tcase_add_loop_test(tcase, test_somebody_was_faster, 0, 2);
    tcase_add_loop_test(tcase, test_last_one_wins, 0, 2);
    tcase_add_loop_test(tcase, test_modes, 0, 2);
    tcase_add_loop_test(tcase, test_removed_directory, 0, 2);
    tcase_add_loop_test(tcase, test_swapped_by_a_thread, 0, 2);
    tcase_set_timeout(tcase, 60); /* a busy disk */
    suite_add_tcase(suite, tcase);
    return suite;
}
