#include "base/json_read.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "support/support.h"

Suite *json_read_suite(void);

static int file_of(const char *text, size_t size_bytes)
{
    int fd = memfd_create("json", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_write(fd, text, size_bytes), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* What text holds, in one line: "{a:1 b:[2 'three'] }", and how it ends. */
static enum mr_status read_all(const char *text, char *shown, size_t cap_bytes,
                               struct mr_error *err)
{
    struct json_reader *reader;
    struct json_value value;
    int fd = file_of(text, strlen(text));
    size_t used = 0;
    enum mr_status status;
    ck_assert_ok(json_reader_create(fd, "text", &reader, err), *err);
    shown[0] = err->text[0] = '\0';
    while ((status = json_read(reader, &value, err)) == MR_OK) {
        static const char *const signs[] = {"{", "[", "}", NULL, NULL, NULL, "null"};
        const char *sign = value.kind == JSON_BOOL ? (value.is_true ? "true" : "false")
                           : signs[value.kind]     ? signs[value.kind]
                                                   : value.text;
        int length = snprintf(shown + used, cap_bytes - used, "%s%s%s%s ", value.key,
                              *value.key ? ":" : "", sign, value.kind == JSON_TEXT ? "'" : "");
        ck_assert_int_ge(length, 0);
        used += (size_t)length;
        ck_assert_uint_lt(used, cap_bytes);
        ck_assert_uint_eq(strlen(value.text), value.length);
    }
    struct mr_error again = {0};
    ck_assert_int_eq(json_read(reader, &value, &again), status);
    ck_assert_str_eq(again.text, err->text);
    json_reader_destroy(reader);
    close(fd);
    return status;
}

static void check_good(const char *text, const char *expected)
{
    char shown[400];
    struct mr_error err = {0};
    ck_assert_msg(read_all(text, shown, sizeof(shown), &err) == MR_DONE, "%s: %s", text, err.text);
    ck_assert_str_eq(shown, expected);
}

START_TEST(gives_values_with_their_keys)
{
    check_good("", "");
    check_good(" \t\r\n", "");
    check_good("{}", "{ } ");
    check_good("[ ]", "[ } ");
    check_good("{\"a\":1,\"b\":[true,null,\"x\"],\"c\":{\"d\":false}}",
               "{ a:1 b:[ true null x' } c:{ d:false } } ");
    check_good("\n{ \"a\" : -0.5e+7 , \"\" : [ [ ] , { } ] }\n", "{ a:-0.5e+7 [ [ } { } } } ");
    check_good("{\"n\":1}\n{\"n\":2}\n3 \"four\"", "{ n:1 } { n:2 } 3 four' ");
    check_good("[0,-0,10,1.5,1E5,2e-3,18446744073709551616]",
               "[ 0 -0 10 1.5 1E5 2e-3 18446744073709551616 } ");
}
END_TEST

START_TEST(undoes_escapes)
{
    check_good("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t' ");
    check_good("\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\"",
               "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80' ");
    check_good("{\"k\\u0065y\":\"\"}", "{ key:' } ");
    check_good("\"\\ud800\"", "\xef\xbf\xbd' ");
    check_good("\"\\udc00x\"", "\xef\xbf\xbdx' ");
    check_good("\"\\ud800\\n\"", "\xef\xbf\xbd\n' ");
    check_good("\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                                     "A' ");
    check_good("\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80' ");
    check_good("\"\xff\"", "\xff' ");
}
END_TEST

START_TEST(refuses_what_is_no_json)
{
    static const char *const bad[] = {
        "{",           "[",
        "[1",          "{\"a\"",
        "{\"a\":",     "{\"a\":1",
        "\"x",         "\"\\",
        "[1,]",        "{\"a\":1,}",
        "[1 2]",       "{1:2}",
        "{\"a\" 1}",   "[,1]",
        "]",           "}",
        "[}",          "{]",
        "tru",         "nul",
        "True",        "01",
        "[01]",        "-",
        "[-]",         "1.",
        "[1.e5]",      ".5",
        "1e",          "[1e+]",
        "+1",          "\"\n\"",
        "\"\\x\"",     "\"\\u12\"",
        "\"\\u12g4\"", "\"\\u\"",
        "[1]x",        "truefalse",
        "[truee]",     "NaN",
        "\"a\" \"b",   "'a'",
        "{\"a\":}",    "{\"a\"::1}",
        "[1,,2]",      "\"\\ud800\\u\"",
        "//",          "{\"a\":1 \"b\":2}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char shown[200];
        struct mr_error err = {0};
        ck_assert_msg(read_all(bad[i], shown, sizeof(shown), &err) == MR_E_DATA, "%s", bad[i]);
        ck_assert_msg(strncmp(err.text, "text, line ", 11) == 0, "%s: %s", bad[i], err.text);
    }
}
END_TEST

START_TEST(names_the_line)
{
    char shown[200];
    struct mr_error err = {0};
    ck_assert_int_eq(read_all("{\"a\":\n\n1,\n;}", shown, sizeof(shown), &err), MR_E_DATA);
    ck_assert_str_eq(err.text, "text, line 4: a member without a name");
}
END_TEST

START_TEST(holds_its_limits)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1] = "";
    char shown[400];
    struct mr_error err = {0};
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    ck_assert_int_eq(read_all(text, shown, sizeof(shown), &err), MR_DONE);
    text[JSON_DEPTH_MAX] = '[';
    ck_assert_int_eq(read_all(text, shown, sizeof(shown), &err), MR_E_LIMIT);

    char key[JSON_KEY_MAX_BYTES + 10] = "{\"";
    memset(key + 2, 'k', JSON_KEY_MAX_BYTES);
    strcpy(key + 2 + JSON_KEY_MAX_BYTES, "\":1}");
    ck_assert_int_eq(read_all(key, shown, sizeof(shown), &err), MR_DONE);
    strcpy(key + 2 + JSON_KEY_MAX_BYTES, "k\":1}");
    ck_assert_int_eq(read_all(key, shown, sizeof(shown), &err), MR_E_LIMIT);
}
END_TEST

/* A text of count bytes and what follows it, in documents that begin at every place of the reader's
 * buffer. */
START_TEST(reads_across_its_buffer)
{
    size_t space = 65536;
    for (size_t before = space - 12; before <= space; before++) {
        char *text = malloc(before + 40);
        ck_assert_ptr_nonnull(text);
        memset(text, ' ', before);
        strcpy(text + before, "{\"k\":\"a\\u20acb\",\"n\":-12.5e1}");
        char shown[100];
        struct mr_error err = {0};
        ck_assert_int_eq(read_all(text, shown, sizeof(shown), &err), MR_DONE);
        ck_assert_str_eq(shown, "{ k:a\xe2\x82\xac"
                                "b' n:-12.5e1 } ");
        free(text);
    }
}
END_TEST

START_TEST(takes_texts_up_to_their_limit)
{
    for (size_t more = 0; more < 2; more++) {
        size_t length = JSON_TEXT_MAX_BYTES + more;
        char *text = malloc(length + 2);
        ck_assert_ptr_nonnull(text);
        memset(text, 'x', length + 2);
        text[0] = text[length + 1] = '"';
        int fd = file_of(text, length + 2);
        struct json_reader *reader;
        struct json_value value;
        struct mr_error err = {0};
        ck_assert_ok(json_reader_create(fd, "text", &reader, &err), err);
        ck_assert_int_eq(json_read(reader, &value, &err), more ? MR_E_LIMIT : MR_OK);
        if (!more)
            ck_assert_uint_eq(value.length, length);
        json_reader_destroy(reader);
        close(fd);
        free(text);
    }
}
END_TEST

START_TEST(skips_what_is_not_wanted)
{
    static const char text[] = "{\"a\":{\"x\":[1,{\"y\":2}]},\"b\":[[],[]],\"c\":3}";
    int fd = file_of(text, strlen(text));
    struct json_reader *reader;
    struct json_value value;
    struct mr_error err = {0};
    uint64_t number = 0;
    ck_assert_ok(json_reader_create(fd, "text", &reader, &err), err);
    ck_assert_int_eq(json_read(reader, &value, &err), MR_OK);
    while (json_read(reader, &value, &err) == MR_OK && value.kind != JSON_CLOSE)
        if (!json_to_unsigned(&value, &number))
            ck_assert_int_eq(json_skip(reader, &value, &err), MR_OK);
    ck_assert_uint_eq(number, 3);
    ck_assert_int_eq(json_read(reader, &value, &err), MR_DONE);
    json_reader_destroy(reader);
    close(fd);
}
END_TEST

START_TEST(says_what_cannot_be_read)
{
    struct json_reader *reader;
    struct json_value value;
    struct mr_error err = {0};
    ck_assert_ok(json_reader_create(-1, "nothing", &reader, &err), err);
    ck_assert_int_eq(json_read(reader, &value, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, EBADF);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot read nothing"));
    json_reader_destroy(reader);
}
END_TEST

START_TEST(makes_numbers)
{
    struct json_value value = {.kind = JSON_NUMBER, .text = "18446744073709551615"};
    uint64_t number = 7;
    double real = 7;
    ck_assert(json_to_unsigned(&value, &number));
    ck_assert(number == UINT64_MAX);
    static const char *const others[] = {"18446744073709551616", "-1", "1.0", "1e3"};
    for (size_t i = 0; i < 4; i++) {
        value.text = others[i];
        ck_assert(!json_to_unsigned(&value, &number));
    }
    ck_assert(number == UINT64_MAX);
    value.text = "-12.5e1";
    ck_assert(json_to_real(&value, &real));
    ck_assert(real == -125);
    value.text = "1e999";
    ck_assert(!json_to_real(&value, &real));
    value.kind = JSON_TEXT;
    value.text = "1";
    ck_assert(!json_to_real(&value, &real) && !json_to_unsigned(&value, &number));
}
END_TEST

static bool decodes(const char *text, const char *expected, size_t expected_bytes)
{
    struct json_value value = {.kind = JSON_TEXT, .text = text, .length = strlen(text)};
    char bytes[6];
    size_t count = 0;
    return json_to_bytes(&value, bytes, sizeof(bytes), &count) && count == expected_bytes &&
           memcmp(bytes, expected, count) == 0;
}

START_TEST(makes_bytes)
{
    ck_assert(decodes("", "", 0));
    ck_assert(decodes("Zg==", "f", 1));
    ck_assert(decodes("Zm8=", "fo", 2));
    ck_assert(decodes("Zm9v", "foo", 3));
    ck_assert(decodes("/wCA+2Jh", "\xff\0\x80\xfb\x62\x61", 6));
    static const char *const bad[] = {"Zg", "Zg=", "====", "Zm9vZm9vZm9v", "Zm 9", "Z===", "=m9v"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct json_value value = {.kind = JSON_TEXT, .text = bad[i], .length = strlen(bad[i])};
        char bytes[6];
        size_t count;
        ck_assert_msg(!json_to_bytes(&value, bytes, sizeof(bytes), &count), "%s", bad[i]);
    }
}
END_TEST

Suite *json_read_suite(void)
{
    Suite *suite = suite_create("json_read");
    TCase *tests = tcase_create("json_read");
    tcase_add_test(tests, gives_values_with_their_keys);
    tcase_add_test(tests, undoes_escapes);
    tcase_add_test(tests, refuses_what_is_no_json);
    tcase_add_test(tests, names_the_line);
    tcase_add_test(tests, holds_its_limits);
    tcase_add_test(tests, reads_across_its_buffer);
    tcase_add_test(tests, takes_texts_up_to_their_limit);
    tcase_add_test(tests, skips_what_is_not_wanted);
    tcase_add_test(tests, says_what_cannot_be_read);
    tcase_add_test(tests, makes_numbers);
    tcase_add_test(tests, makes_bytes);
    suite_add_tcase(suite, tests);
    return suite;
}
