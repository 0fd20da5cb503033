#include "bench/sample.h"

#include <stdlib.h>
#include <string.h>

#include "support/support.h"

Suite *sample_suite(void);

START_TEST(generates_the_same_for_the_same_spec)
{
    struct sample a = {0}, b = {0}, c = {0};
    ck_assert_int_eq(sample_generate(&a, "files=20,size=10..5K,kind=mixed,seed=3", NULL), MR_OK);
    ck_assert_int_eq(sample_generate(&b, "seed=3,kind=mixed,size=10..5K,files=20", NULL), MR_OK);
    ck_assert_int_eq(sample_generate(&c, "files=20,size=10..5K,kind=mixed,seed=4", NULL), MR_OK);
    ck_assert_uint_eq(a.count, 20);
    ck_assert_uint_eq(a.bytes, b.bytes);
    bool differs = false;
    for (size_t i = 0; i < a.count; i++) {
        ck_assert_uint_ge(a.items[i].bytes, 10);
        ck_assert_uint_le(a.items[i].bytes, 5120);
        ck_assert_str_eq(a.items[i].path, b.items[i].path);
        ck_assert_uint_eq(a.items[i].bytes, b.items[i].bytes);
        ck_assert_mem_eq(a.items[i].data, b.items[i].data, a.items[i].bytes);
        differs = differs || a.items[i].bytes != c.items[i].bytes;
    }
    ck_assert(differs);
    sample_fini(&a);
    sample_fini(&b);
    sample_fini(&c);
}
END_TEST

START_TEST(generates_empty_files_too)
{
    struct sample sample = {0};
    ck_assert_int_eq(sample_generate(&sample, "files=3,size=0", NULL), MR_OK);
    ck_assert_uint_eq(sample.count, 3);
    ck_assert_uint_eq(sample.bytes, 0);
    sample_fini(&sample);
}
END_TEST

START_TEST(refuses_wrong_specs)
{
    static const char *const wrong[] = {"files",  "files=0",   "file=1", "size=5..4",
                                        "size=x", "kind=loud", "seed=0", "files=1;size=2"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sample sample = {0};
        struct mr_error err = {0};
        ck_assert_msg(sample_generate(&sample, wrong[i], &err) == MR_E_USAGE, "%s", wrong[i]);
        ck_assert_msg(err.text[0], "%s", wrong[i]);
        sample_fini(&sample);
    }
}
END_TEST

START_TEST(keeps_its_limit)
{
    struct sample sample = {.limit_bytes = 10000};
    struct mr_error err = {0};
    ck_assert_int_eq(sample_generate(&sample, "files=4,size=4K", &err), MR_E_LIMIT);
    ck_assert_uint_le(sample.bytes, 10000);
    sample_fini(&sample);
}
END_TEST

/* What goes into the sink comes out of the source, as often as is asked for. */
START_TEST(gives_what_it_got)
{
    struct sample sample = {0};
    struct mr_sink *sink;
    struct mr_writer *writer;
    ck_assert_int_eq(sample_sink_create(&sample, &sink, NULL), MR_OK);
    struct mr_entry entry = {.path = (char[]){"a/b"}, .size_bytes = 6};
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 6, &writer, NULL), MR_OK);
    ck_assert_int_eq(sink->ops->write(sink, writer, "mill", 4, NULL), MR_OK);
    ck_assert_int_eq(sink->ops->write(sink, writer, "it", 2, NULL), MR_OK);
    ck_assert_int_eq(sink->ops->commit(sink, writer, NULL), MR_OK);
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 6, &writer, NULL), MR_OK);
    ck_assert_int_eq(sink->ops->write(sink, writer, "gone", 4, NULL), MR_OK);
    sink->ops->abort(sink, writer);
    entry.kind = MR_KIND_DIRECTORY;
    ck_assert_int_eq(sink->ops->begin(sink, &entry, 0, &writer, NULL), MR_OK);
    ck_assert_int_eq(sink->ops->commit(sink, writer, NULL), MR_OK);
    sink->ops->destroy(sink);
    ck_assert_uint_eq(sample.count, 1);

    struct mr_source *source;
    struct mr_reader *reader;
    ck_assert_int_eq(sample_source_create(&sample, 2, &source, NULL), MR_OK);
    static const char *const names[] = {"0/a/b", "1/a/b"};
    for (int pass = 0; pass < 2; pass++) {
        struct mr_entry got = {0};
        char text[8];
        size_t bytes;
        ck_assert_int_eq(source->ops->next(source, &got, NULL), MR_OK);
        ck_assert_str_eq(got.path, names[pass]);
        ck_assert_int_eq(source->ops->open(source, &got, &reader, NULL), MR_OK);
        ck_assert_int_eq(source->ops->read(source, reader, text, 5, &bytes, NULL), MR_OK);
        ck_assert_uint_eq(bytes, 5);
        ck_assert_mem_eq(text, "milli", 5);
        ck_assert_int_eq(source->ops->read(source, reader, text, 5, &bytes, NULL), MR_OK);
        ck_assert_uint_eq(bytes, 1);
        ck_assert_int_eq(source->ops->close(source, reader, NULL), MR_OK);
        mr_entry_clear(&got);
    }
    struct mr_entry none = {0};
    ck_assert_int_eq(source->ops->next(source, &none, NULL), MR_DONE);
    source->ops->destroy(source);
    sample_fini(&sample);
}
END_TEST

Suite *sample_suite(void)
{
    Suite *suite = suite_create("sample");
    TCase *tcase = tcase_create("sample");
    tcase_add_test(tcase, generates_the_same_for_the_same_spec);
    tcase_add_test(tcase, generates_empty_files_too);
    tcase_add_test(tcase, refuses_wrong_specs);
    tcase_add_test(tcase, keeps_its_limit);
    tcase_add_test(tcase, gives_what_it_got);
    suite_add_tcase(suite, tcase);
    return suite;
}
