/* The lines of the progress: what is in them, and that they fit whatever the width is. */
#include "cli/layout.h"

#include "support/support.h"

static const struct moment usual = {
    .done_count = 5120,
    .total_count = 12345,
    .is_total_known = true,
    .share = 0.42,
    .eta_s = 83,
    .in_rate = 141.2e6,
    .out_rate = 32.04e6,
    .in_flight_count = 128,
    .memory_used_bytes = 312 << 20,
    .memory_bytes = 1 << 30,
    .busy = {0.35, 1, 0.1},
    .limiting = JOB_PROCESS,
    .elapsed_s = 60,
};

/* Columns of UTF-8 text of narrow characters, without escape sequences. */
static size_t columns_of(const char *text)
{
    size_t columns = 0;
    while (*text) {
        if (*text == '\033') {
            text += strcspn(text, "m") + 1;
            continue;
        }
        columns += ((unsigned char)*text & 0xc0) != 0x80;
        text++;
    }
    return columns;
}

static void draw(const struct moment *moment, size_t columns, unsigned rows, struct layout *layout)
{
    const struct layout_style style = {.columns = columns, .row_count = rows};
    layout_draw(moment, "", &style, layout);
}

START_TEST(two_lines_of_80_columns)
{
    struct layout layout;
    draw(&usual, 80, 24, &layout);
    ck_assert_uint_eq(layout.count, 2);
    ck_assert_str_eq(
        layout.lines[0],
        "#######.........   42%  5,120 of 12,345 items   141 MB/s in, 32.0 out  ETA 1:23");
    ck_assert_str_eq(
        layout.lines[1],
        "load ##...  >process #####  store #....  128 in flight  312.0 MiB of 1.0 GiB");
}
END_TEST

START_TEST(one_line_of_40_columns)
{
    struct layout layout;
    draw(&usual, 40, 24, &layout);
    ck_assert_uint_eq(layout.count, 1);
    ck_assert_str_eq(layout.lines[0], "42%  5,120/12,345  141 MB/s  ETA 1:23");
    draw(&usual, 80, 4, &layout);
    ck_assert_uint_eq(layout.count, 1);
    ck_assert_str_eq(layout.lines[0], "42%  5,120/12,345  141 MB/s  ETA 1:23  >process");
}
END_TEST

START_TEST(wide_terminals_have_words)
{
    struct layout layout;
    draw(&usual, 120, 24, &layout);
    ck_assert_ptr_nonnull(strstr(layout.lines[1], "limited by process"));
    ck_assert_ptr_null(strchr(layout.lines[1], '>'));
}
END_TEST

START_TEST(what_is_not_known_is_left_out)
{
    struct layout layout;
    struct moment moment = usual;
    moment.is_total_known = false;
    moment.share = moment.eta_s = -1;
    draw(&moment, 80, 24, &layout);
    ck_assert_str_eq(layout.lines[0], "5,120 items   141 MB/s in, 32.0 out");
    draw(&moment, 40, 24, &layout);
    ck_assert_str_eq(layout.lines[0], "5,120 items  141 MB/s  >process");
    moment.share = 0.42;
    moment.eta_s = 83;
    draw(&moment, 80, 24, &layout);
    ck_assert_ptr_nonnull(strstr(layout.lines[0], " 42%  5,120 items   141 MB/s in"));
    draw(&moment, 21, 24, &layout);
    ck_assert_str_eq(layout.lines[0], "42%  5,120  ETA 1:23");
}
END_TEST

START_TEST(failures_are_among_the_last_to_go)
{
    struct layout layout;
    struct moment moment = usual;
    moment.failed_count = 3;
    draw(&moment, 25, 24, &layout);
    ck_assert_str_eq(layout.lines[0], "5,120/12,345  3 failed");
}
END_TEST

/* Every width, in every style, with small and with absurd figures. */
START_TEST(never_wider_than_the_terminal)
{
    struct moment huge = {.done_count = UINT64_MAX,
                          .total_count = UINT64_MAX,
                          .failed_count = UINT64_MAX,
                          .share = 1,
                          .eta_s = 1e9,
                          .in_rate = 1e18,
                          .out_rate = 1e18,
                          .in_flight_count = UINT32_MAX,
                          .memory_used_bytes = UINT64_MAX,
                          .memory_bytes = UINT64_MAX,
                          .busy = {1, 1, 1}};
    struct moment none = {.share = 0};
    const struct moment *const moments[] = {&usual, &huge, &none};
    static const char title[] = "round 2 of 6, combination 3 of 8";
    for (size_t columns = 0; columns <= 300; columns++)
        for (unsigned style = 0; style < 4; style++)
            for (unsigned i = 0; i < 3; i++) {
                struct layout layout;
                const struct layout_style how = {.columns = columns,
                                                 .row_count = 24,
                                                 .has_utf8 = style & 1,
                                                 .has_colour = style & 2};
                layout_draw(moments[i], title, &how, &layout);
                ck_assert_uint_ge(layout.count, 1);
                for (unsigned k = 0; k < layout.count; k++) {
                    size_t used = columns_of(layout.lines[k]);
                    ck_assert_msg(used < columns || used == 0, "%zu of %zu columns: %s", used,
                                  columns, layout.lines[k]);
                    ck_assert_uint_lt(strlen(layout.lines[k]), LAYOUT_BYTES - 1);
                }
            }
}
END_TEST

START_TEST(colours_end_where_they_begin)
{
    struct layout layout;
    const struct layout_style style = {
        .columns = 100, .row_count = 24, .has_utf8 = true, .has_colour = true};
    layout_draw(&usual, "", &style, &layout);
    for (unsigned i = 0; i < layout.count; i++) {
        const char *last = strrchr(layout.lines[i], '\033');
        ck_assert_ptr_nonnull(last);
        ck_assert_int_eq(strncmp(last, "\033[0m", 4), 0);
    }
    ck_assert_ptr_nonnull(strstr(layout.lines[1], "█"));
}
END_TEST

START_TEST(the_plain_line_has_everything)
{
    char text[400];
    struct moment moment = usual;
    moment.failed_count = 1;
    layout_plain(&moment, "", text, sizeof(text));
    ck_assert_str_eq(text,
                     "5,120 of 12,345 items (42%), 1 failed; 1:00 so far, ETA 1:23; 141 MB/s in, "
                     "32.0 out; 128 in flight, 312.0 MiB of 1.0 GiB; busy: load 35%, process 100%, "
                     "store 10%; limited by process");
    layout_plain(&moment, "", text, 20);
    ck_assert_uint_lt(strlen(text), 20);
    moment.out_rate = 250e6; /* nothing is padded: the line is not redrawn */
    layout_plain(&moment, "", text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "141 MB/s in, 250 out"));
}
END_TEST

START_TEST(counts_and_times)
{
    char text[32];
    ck_assert_str_eq(layout_count(text, sizeof(text), 0), "0");
    ck_assert_str_eq(layout_count(text, sizeof(text), 999), "999");
    ck_assert_str_eq(layout_count(text, sizeof(text), 1000), "1,000");
    ck_assert_str_eq(layout_count(text, sizeof(text), UINT64_MAX), "18,446,744,073,709,551,615");
    ck_assert_str_eq(layout_time(text, sizeof(text), 0.4), "0:00");
    ck_assert_str_eq(layout_time(text, sizeof(text), 59.6), "1:00");
    ck_assert_str_eq(layout_time(text, sizeof(text), 3723), "1:02:03");
    ck_assert_str_eq(layout_time(text, sizeof(text), 200000), "2d 7h");
}
END_TEST

Suite *layout_suite(void)
{
    Suite *suite = suite_create("layout");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, two_lines_of_80_columns);
    tcase_add_test(tests, one_line_of_40_columns);
    tcase_add_test(tests, wide_terminals_have_words);
    tcase_add_test(tests, what_is_not_known_is_left_out);
    tcase_add_test(tests, failures_are_among_the_last_to_go);
    tcase_add_test(tests, never_wider_than_the_terminal);
    tcase_add_test(tests, colours_end_where_they_begin);
    tcase_add_test(tests, the_plain_line_has_everything);
    tcase_add_test(tests, counts_and_times);
    suite_add_tcase(suite, tests);
    return suite;
}
