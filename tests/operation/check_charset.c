#include "drive.h"
#include "operation/operations.h"

Suite *charset_suite(void);

static struct drive make_drive(void **config, const char *from, const char *to,
                               const char *translit)
{
    struct mr_error err = {0};
    *config = drive_config(
        &operation_charset,
        (const char *[]){"from", from, "to", to, translit ? "translit" : NULL, translit, NULL},
        &err);
    ck_assert_msg(*config != NULL, "%s", err.text);
    struct drive drive = {.operation = &operation_charset};
    ck_assert_ok(operation_charset.state_create(*config, &drive.state, &err), err);
    return drive;
}

static void end_drive(struct drive *drive, void *config)
{
    drive->operation->state_destroy(drive->state);
    drive->operation->config_destroy(config);
}

struct charset_case {
    const char *from, *to, *translit;
    const char *in;
    size_t in_bytes;
    const char *out;
    size_t out_bytes;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct charset_case cases[] = {
    {"UTF-8", "ISO-8859-1", NULL, BYTES(""), BYTES("")},
    {"ISO-8859-1", "UTF-8", NULL, BYTES("x"), BYTES("x")},
    {"ISO-8859-1", "UTF-8", NULL, BYTES("gr\xfc\xdf dich"), BYTES("gr\xc3\xbc\xc3\x9f dich")},
    {"UTF-8", "ISO-8859-1", NULL, BYTES("gr\xc3\xbc\xc3\x9f dich"), BYTES("gr\xfc\xdf dich")},
    {"UTF-8", "ISO-8859-15", NULL, BYTES("\xe2\x82\xac 5"), BYTES("\xa4 5")},
    {"UTF-8", "UTF-16BE", NULL, BYTES("a\xf0\x9f\x98\x80"), BYTES("\0a\xd8\x3d\xde\x00")},
    {"UTF-16BE", "UTF-8", NULL, BYTES("\0a\xd8\x3d\xde\x00"), BYTES("a\xf0\x9f\x98\x80")},
    /* A byte order mark is written at the beginning, of every item, and read. */
    {"UTF-8", "UTF-16", NULL, BYTES("ab"),
     BYTES("\xff\xfe"
           "a\0b\0")},
    {"UTF-16", "UTF-8", NULL, BYTES("\xfe\xff\0a\0b"), BYTES("ab")},
    {"UTF-16", "UTF-8", NULL,
     BYTES("\xff\xfe"
           "a\0b\0"),
     BYTES("ab")},
    /* A stateful encoding: escape sequences, and the one that goes back to ASCII at the very end.
     */
    {"UTF-8", "ISO-2022-JP", NULL, BYTES("a\xe6\x97\xa5\xe6\x9c\xac"), BYTES("a\x1b$BF|K\\\x1b(B")},
    {"ISO-2022-JP", "UTF-8", NULL, BYTES("a\x1b$BF|K\\\x1b(Bb"),
     BYTES("a\xe6\x97\xa5\xe6\x9c\xac"
           "b")},
    {"UTF-8", "ASCII", "yes", BYTES("\xe2\x82\xac \xe2\x80\x9cq\xe2\x80\x9d"), BYTES("EUR \"q\"")},
    /* One character that becomes many, and units of four bytes. */
    {"UTF-8", "UTF-16BE", "yes", BYTES("x"), BYTES("\0x")},
    {"UTF-8", "UTF-32BE", NULL, BYTES("\xef\xb7\xba"), BYTES("\0\0\xfd\xfa")},
};

START_TEST(converts)
{
    const struct charset_case *c = &cases[_i];
    void *config;
    struct drive drive = make_drive(&config, c->from, c->to, c->translit);
    struct mr_entry entry = drive_entry("a.txt", c->in_bytes);
    static const size_t sizes[] = {1, 2, 3, 5, 300, 1 << 16};
    for (size_t i = 0; i < 6; i++) {
        for (size_t o = 0; o < 6; o++) {
            drive.in_chunk_bytes = sizes[i];
            drive.out_chunk_bytes = sizes[o];
            enum mr_status status = drive_run(&drive, &entry, c->in, c->in_bytes);
            ck_assert_msg(status == MR_DONE, "%s", drive.err.text);
            ck_assert_out(&drive, c->out, c->out_bytes);
            free(drive.out);
        }
    }
    end_drive(&drive, config);
}
END_TEST

struct bad_case {
    const char *from, *to;
    const char *in;
    size_t in_bytes;
    const char *where; /* what the text must have in it */
};

static const struct bad_case bad_cases[] = {
    {"UTF-8", "ISO-8859-1",
     BYTES("abc\xff"
           "def"),
     "at byte 3:"},
    {"UTF-8", "ISO-8859-1", BYTES("ab\xe2\x82\xac"), "at byte 2:"},
    {"UTF-8", "ISO-8859-1", BYTES("abcd\xc3"), "at byte 4: ends in the middle"},
    {"UTF-8", "UTF-16LE", BYTES("\xf0\x9f\x98"), "at byte 0: ends in the middle"},
    {"UTF-8", "UTF-16LE",
     BYTES("abcdefgh\xf0\x9f"
           "x"),
     "at byte 8:"},
    {"UTF-16LE", "UTF-8", BYTES("a\0b"), "at byte 2: ends in the middle"},
};

START_TEST(refuses_bad_content)
{
    const struct bad_case *c = &bad_cases[_i];
    void *config;
    struct drive drive = make_drive(&config, c->from, c->to, NULL);
    struct mr_entry entry = drive_entry("a.txt", c->in_bytes);
    for (size_t chunk = 1; chunk < 12; chunk++) {
        drive.in_chunk_bytes = chunk;
        drive.out_chunk_bytes = 1 + chunk * 50;
        ck_assert_int_eq(drive_run(&drive, &entry, c->in, c->in_bytes), MR_E_DATA);
        ck_assert_msg(strstr(drive.err.text, c->where) != NULL, "%s", drive.err.text);
        free(drive.out);
        /* The state is good for the next item. */
        ck_assert_int_eq(drive_run(&drive, &entry, "a\0", 2), MR_DONE);
        free(drive.out);
    }
    end_drive(&drive, config);
}
END_TEST

/* An item that is cut short leaves no shift state, and no half of a character, to the next. */
START_TEST(starts_each_item_anew)
{
    static const struct charset_case pairs[] = {
        /* in: damaged after a shift or a mark; the next item is "a", and out what it becomes */
        {"ISO-2022-JP", "UTF-8", NULL, BYTES("\x1b$BF|\xff"), BYTES("a")},
        {"UTF-8", "ISO-2022-JP", NULL, BYTES("\xe6\x97\xa5\xff"), BYTES("a")},
        {"UTF-8", "UTF-16", NULL, BYTES("ab\xff"),
         BYTES("\xff\xfe"
               "a\0")},
        {"UTF-8", "UTF-16BE", NULL, BYTES("ab\xe6\x97"), BYTES("\0a")},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct charset_case *c = &pairs[i];
        void *config;
        struct drive drive = make_drive(&config, c->from, c->to, NULL);
        drive.in_chunk_bytes = 2;
        drive.out_chunk_bytes = 1;
        struct mr_entry entry = drive_entry("a.txt", 1);
        ck_assert_int_eq(drive_run(&drive, &entry, c->in, c->in_bytes), MR_E_DATA);
        free(drive.out);
        ck_assert_int_eq(drive_run(&drive, &entry, "a", 1), MR_DONE);
        ck_assert_out(&drive, c->out, c->out_bytes);
        free(drive.out);
        end_drive(&drive, config);
    }
}
END_TEST

/* There and back gives the content, whatever the cuts are. */
START_TEST(goes_there_and_back)
{
    static const char *const others[] = {"UTF-16", "UTF-32", "UTF-7", "GB18030", "UTF-16BE"};
    static const char *const parts[] = {
        "a", "\n", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xe6\x97\xa5"};
    const char *other = others[_i];
    uint64_t seed = 11;
    void *there_config, *back_config;
    struct drive there = make_drive(&there_config, "UTF-8", other, NULL);
    struct drive back = make_drive(&back_config, other, "UTF-8", NULL);
    there.seed = 1;
    back.seed = 2;
    for (size_t round = 0; round < 60; round++) {
        char in[4 * 3000 + 1] = "";
        size_t count = (size_t)(support_random(&seed) % 3000), bytes = 0;
        for (size_t i = 0; i < count; i++) {
            const char *part = parts[support_random(&seed) % 6];
            memcpy(in + bytes, part, strlen(part));
            bytes += strlen(part);
        }
        there.out_chunk_bytes = back.out_chunk_bytes = round % 2 ? 700 : 0;
        struct mr_entry entry = drive_entry("a.txt", bytes);
        ck_assert_int_eq(drive_run(&there, &entry, in, bytes), MR_DONE);
        ck_assert_int_eq(drive_run(&back, &entry, there.out, there.out_bytes), MR_DONE);
        ck_assert_out(&back, in, bytes);
        free(there.out);
        free(back.out);
    }
    end_drive(&there, there_config);
    end_drive(&back, back_config);
}
END_TEST

START_TEST(refuses_wrong_settings)
{
    static const char *const wrong[][5] = {
        {NULL},
        {"to", "UTF-8", NULL},
        {"from", "", NULL},
        {"from", "NO-SUCH-CHARSET", NULL},
        {"from", "UTF-8", "to", "NO-SUCH-CHARSET", NULL},
        {"from", "UTF-8//IGNORE", NULL},
        {"from", "UTF-8", "to", "../../x", NULL},
        {"from", "UTF-8\n", NULL},
        {"from", "UTF-8", "translit", "perhaps", NULL},
        {"frm", "UTF-8", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct mr_error err = {0};
        ck_assert_ptr_null(drive_config(&operation_charset, wrong[i], &err));
        ck_assert_int_eq(err.status, MR_E_USAGE);
    }
    char name[200];
    memset(name, 'A', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct mr_error err = {0};
    ck_assert_ptr_null(
        drive_config(&operation_charset, (const char *[]){"from", name, NULL}, &err));
    ck_assert_int_eq(err.status, MR_E_USAGE);
}
END_TEST

Suite *charset_suite(void)
{
    Suite *suite = suite_create("charset");
    TCase *tcase = tcase_create("charset");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, converts, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_loop_test(tcase, refuses_bad_content, 0,
                        (int)(sizeof(bad_cases) / sizeof(bad_cases[0])));
    tcase_add_test(tcase, starts_each_item_anew);
    tcase_add_loop_test(tcase, goes_there_and_back, 0, 5);
    tcase_add_test(tcase, refuses_wrong_settings);
    suite_add_tcase(suite, tcase);
    return suite;
}
