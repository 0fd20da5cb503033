/* One item from a descriptor, with or without bytes that were read before. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "source/sources.h"
#include "support/archives.h"

Suite *stream_source_suite(void);

static struct mr_error err;
static struct archives_list found;

static void tear_down(void)
{
    archives_clear(&found);
}

static struct mr_source *create(int fd, const void *head, size_t head_bytes)
{
    struct mr_source *source;
    ck_assert_ok(stream_source_create(fd, "name", head, head_bytes, &source, &err), err);
    ck_assert_str_eq(source->label, "name");
    ck_assert_uint_eq(source->flags, MR_SOURCE_SERIAL);
    return source;
}

START_TEST(head_and_rest_are_one_content)
{
    static const size_t sizes[] = {0, 1, 999, 1000, 1001, 100000};
    unsigned char *text = support_text(1, 100000);
    for (size_t i = 0; i < 6; i++)
        for (size_t head = 0; head <= 1001 && head <= sizes[i]; head += head < 2 ? 1 : 333)
            for (int is_pipe = 0; is_pipe < 2; is_pipe++) {
                const unsigned char *rest = text + head;
                size_t rest_bytes = sizes[i] - head;
                int fd =
                    is_pipe ? archives_pipe(rest, rest_bytes) : archives_file(rest, rest_bytes);
                struct mr_source *source = create(fd, text, head);
                archives_clear(&found);
                ck_assert_ok(archives_read(source, &found, 1000, &err), err);
                ck_assert_uint_eq(found.count, 1);
                ck_assert_str_eq(found.items[0].entry.path, "name");
                ck_assert_int_eq(found.items[0].entry.kind, MR_KIND_FILE);
                ck_assert_int_eq(found.items[0].entry.size_bytes, (int64_t)sizes[i]);
                ck_assert_int_eq(found.items[0].entry.has_mtime, !is_pipe);
                ck_assert(sizes[i] == 0 || memcmp(found.items[0].data, text, sizes[i]) == 0);
                source->ops->destroy(source);
                ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
            }
    free(text);
}
END_TEST

START_TEST(a_file_says_its_size_and_a_pipe_does_not)
{
    struct mr_entry entry = {0};
    int fd = archives_file("0123456789", 10);
    ck_assert_int_eq(lseek(fd, 4, SEEK_SET), 4);
    struct mr_source *source = create(fd, "abc", 3);
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_int_eq(entry.size_bytes, 9);
    mr_entry_clear(&entry);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
    source = create(archives_pipe("0123456789", 10), NULL, 0);
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_int_eq(entry.size_bytes, MR_SIZE_UNKNOWN);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(it_is_read_once)
{
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    struct mr_source *source = create(archives_pipe("0123456789", 10), NULL, 0);
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
    ck_assert_ok(source->ops->close(source, reader, &err), err);
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &err), MR_E_USAGE);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(a_read_error_is_told)
{
    struct mr_source *source = create(open("/tmp", O_RDONLY | O_CLOEXEC), NULL, 0);
    ck_assert_int_eq(archives_read(source, &found, 10, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, EISDIR);
    source->ops->destroy(source);
}
END_TEST

Suite *stream_source_suite(void)
{
    Suite *suite = suite_create("stream_source");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, NULL, tear_down);
    tcase_add_test(cases, head_and_rest_are_one_content);
    tcase_add_test(cases, a_file_says_its_size_and_a_pipe_does_not);
    tcase_add_test(cases, it_is_read_once);
    tcase_add_test(cases, a_read_error_is_told);
    suite_add_tcase(suite, cases);
    return suite;
}
