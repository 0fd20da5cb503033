#include "config.h"
#include "drive.h"
#include "operation/operations.h"

Suite *hash_suite(void);

static struct drive make_drive(void **config, const char *algo, const char *list)
{
    struct mr_error err = {0};
    *config = drive_config(&operation_hash,
                           (const char *[]){"algo", algo, list ? "list" : NULL, list, NULL}, &err);
    ck_assert_msg(*config != NULL, "%s", err.text);
    struct drive drive = {.operation = &operation_hash};
    ck_assert_ok(operation_hash.state_create(*config, &drive.state, &err), err);
    return drive;
}

static void end_drive(struct drive *drive, void *config)
{
    drive->operation->state_destroy(drive->state);
    drive->operation->config_destroy(config);
}

/* Known digests: of nothing, of "abc", of 1,000,000 times "a". */
static const struct {
    const char *algo;
    bool is_built_in;
    const char *empty, *abc, *million;
} known[] = {
    {"crc32", true, "00000000", "352441c2", "dc25bfbc"},
    {"sha256", MR_HAVE_CRYPTO, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    {"xxh3", MR_HAVE_XXHASH, "2d06800538d394c2", "78af5f94892f3950", NULL},
};

static void check_digest(struct drive *drive, const char *content, size_t bytes,
                         const char *expected)
{
    struct mr_entry entry = drive_entry("dir/a b.txt", bytes);
    static const size_t sizes[] = {1, 13, 4096, 1 << 21};
    for (size_t i = bytes > 1000 ? 1 : 0; i < 4; i++) {
        drive->in_chunk_bytes = sizes[i];
        drive->out_chunk_bytes = sizes[3 - i];
        ck_assert_int_eq(drive_run(drive, &entry, content, bytes), MR_DONE);
        char line[200];
        snprintf(line, sizeof(line), "%s  dir/a b.txt\n", expected);
        ck_assert_msg(drive->out_bytes == strlen(line) &&
                          memcmp(drive->out, line, drive->out_bytes) == 0,
                      "%.*s", (int)drive->out_bytes, (const char *)drive->out);
        ck_assert_ptr_null(operation_hash.note(drive->state));
        free(drive->out);
    }
}

START_TEST(gives_known_digests)
{
    if (!known[_i].is_built_in)
        return;
    char *million = malloc(1000000);
    ck_assert_ptr_nonnull(million);
    memset(million, 'a', 1000000);
    void *config;
    struct drive drive = make_drive(&config, known[_i].algo, NULL);
    ck_assert_ptr_null(operation_hash.notes_path(config));
    check_digest(&drive, "", 0, known[_i].empty);
    check_digest(&drive, "abc", 3, known[_i].abc);
    if (known[_i].million)
        check_digest(&drive, million, 1000000, known[_i].million);
    check_digest(&drive, "", 0, known[_i].empty); /* nothing stays from the item before */
    char *name = strdup("dir/a");
    char expected[32];
    snprintf(expected, sizeof(expected), "dir/a.%s", known[_i].algo);
    ck_assert_int_eq(operation_hash.rename(config, &name), MR_OK);
    ck_assert_str_eq(name, expected);
    free(name);
    end_drive(&drive, config);
    free(million);
}
END_TEST

/* With a list the content goes through, the name stays and the line is a note. */
START_TEST(writes_a_list)
{
    if (!known[_i].is_built_in)
        return;
    void *config;
    struct drive drive = make_drive(&config, known[_i].algo, "sums");
    ck_assert_str_eq(operation_hash.notes_path(config), "sums");
    unsigned char *content = support_noise(5, 30000);
    static const size_t sizes[] = {0, 1, 3, 30000};
    for (size_t i = 0; i < 4; i++) {
        size_t bytes = sizes[i];
        const void *in = bytes == 3 ? (const void *)"abc" : content;
        struct mr_entry entry = drive_entry("x", bytes);
        ck_assert_int_eq(drive_run(&drive, &entry, in, bytes), MR_DONE);
        ck_assert_out(&drive, in, bytes);
        ck_assert_uint_le(drive.out_bytes, operation_hash.bound(config, bytes));
        free(drive.out);
        const char *note = operation_hash.note(drive.state);
        ck_assert_ptr_nonnull(note);
        ck_assert_ptr_nonnull(strstr(note, "  x\n"));
        const char *digest = bytes == 0 ? known[_i].empty : bytes == 3 ? known[_i].abc : "";
        ck_assert(strncmp(note, digest, strlen(digest)) == 0);
    }
    char *name = strdup("dir/a");
    ck_assert_int_eq(operation_hash.rename(config, &name), MR_OK);
    ck_assert_str_eq(name, "dir/a");
    free(name);
    free(content);
    end_drive(&drive, config);
}
END_TEST

/* As sha256sum writes names, so that it can check the lists. */
START_TEST(escapes_names)
{
    static const char *const names[][2] = {
        {"a\\b", "\\00000000  a\\\\b\n"},       {"a\nb", "\\00000000  a\\nb\n"},
        {"a\rb", "\\00000000  a\\rb\n"},        {"\n\\\n", "\\00000000  \\n\\\\\\n\n"},
        {"a\tb \xff", "00000000  a\tb \xff\n"}, {"-rf", "00000000  -rf\n"},
    };
    void *config;
    struct drive drive = make_drive(&config, "crc32", NULL);
    for (size_t i = 0; i < 6; i++) {
        struct mr_entry entry = drive_entry(names[i][0], 0);
        ck_assert_int_eq(drive_run(&drive, &entry, "", 0), MR_DONE);
        ck_assert_out(&drive, names[i][1], strlen(names[i][1]));
        free(drive.out);
    }
    /* The longest name there can be, all of it escaped, stays within the bound. */
    char name[4096];
    memset(name, '\\', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct mr_entry entry = drive_entry(name, 0);
    ck_assert_int_eq(drive_run(&drive, &entry, "", 0), MR_DONE);
    ck_assert_uint_eq(drive.out_bytes, 1 + 8 + 2 + 2 * 4095 + 1);
    ck_assert_uint_le(drive.out_bytes, operation_hash.bound(config, 0));
    free(drive.out);
    end_drive(&drive, config);
}
END_TEST

START_TEST(refuses_wrong_settings)
{
    static const char *const wrong[][3] = {
        {"algo", "md5", NULL}, {"algo", "", NULL}, {"list", "", NULL}, {"lists", "x", NULL}};
    for (size_t i = 0; i < 4; i++) {
        struct mr_error err = {0};
        ck_assert_ptr_null(drive_config(&operation_hash, wrong[i], &err));
        ck_assert_int_eq(err.status, MR_E_USAGE);
    }
    for (size_t i = 0; i < 3; i++) {
        struct mr_error err = {0};
        void *config =
            drive_config(&operation_hash, (const char *[]){"algo", known[i].algo, NULL}, &err);
        ck_assert((config != NULL) == known[i].is_built_in);
        if (config)
            operation_hash.config_destroy(config);
    }
}
END_TEST

Suite *hash_suite(void)
{
    Suite *suite = suite_create("hash");
    TCase *tcase = tcase_create("hash");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, gives_known_digests, 0, 3);
    tcase_add_loop_test(tcase, writes_a_list, 0, 3);
    tcase_add_test(tcase, escapes_names);
    tcase_add_test(tcase, refuses_wrong_settings);
    suite_add_tcase(suite, tcase);
    return suite;
}
