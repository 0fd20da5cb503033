#include "drive.h"
#include "operation/operations.h"

Suite *lines_suite(void);

struct line_case {
    const char *in, *lf, *crlf;
};

static const struct line_case cases[] = {
    {"", "", ""},
    {"\n", "\n", "\r\n"},
    {"\r", "\r", "\r"},
    {"x", "x", "x"},
    {"\r\n", "\n", "\r\n"},
    {"\n\r", "\n\r", "\r\n\r"},
    {"\r\r\n", "\r\n", "\r\r\n"},
    {"\r\r", "\r\r", "\r\r"},
    {"\n\n", "\n\n", "\r\n\r\n"},
    {"\r\n\r\n", "\n\n", "\r\n\r\n"},
    {"\r\n\n", "\n\n", "\r\n\r\n"},
    {"a\rb\nc\r\nd", "a\rb\nc\nd", "a\rb\r\nc\r\nd"},
    {"one\r\ntwo\r\n", "one\ntwo\n", "one\r\ntwo\r\n"},
    {"one\ntwo\r", "one\ntwo\r", "one\r\ntwo\r"},
};

static struct drive make_drive(const struct mr_operation *operation, void **config,
                               const char *binary)
{
    struct mr_error err = {0};
    *config =
        drive_config(operation, (const char *[]){binary ? "binary" : NULL, binary, NULL}, &err);
    ck_assert_msg(*config != NULL, "%s", err.text);
    struct drive drive = {.operation = operation};
    ck_assert_ok(operation->state_create(*config, &drive.state, &err), err);
    return drive;
}

static void end_drive(struct drive *drive, void *config)
{
    drive->operation->state_destroy(drive->state);
    drive->operation->config_destroy(config);
}

/* Every cut into chunks and rooms gives the same. */
static void run_all_cuts(struct drive *drive, const char *in, size_t in_bytes, const char *expected,
                         size_t expected_bytes)
{
    struct mr_entry entry = drive_entry("a.txt", in_bytes);
    static const size_t sizes[] = {1, 2, 3, 7, 1 << 20};
    for (size_t i = 0; i < 5; i++) {
        for (size_t o = 0; o < 5; o++) {
            drive->in_chunk_bytes = sizes[i];
            drive->out_chunk_bytes = sizes[o];
            ck_assert_int_eq(drive_run(drive, &entry, in, in_bytes), MR_DONE);
            ck_assert_out(drive, expected, expected_bytes);
            free(drive->out);
        }
    }
}

START_TEST(converts)
{
    const struct line_case *c = &cases[_i];
    static const char *const settings[] = {NULL, "skip", "convert"};
    for (size_t s = 0; s < 3; s++) {
        void *config;
        struct drive drive = make_drive(&operation_lf, &config, settings[s]);
        run_all_cuts(&drive, c->in, strlen(c->in), c->lf, strlen(c->lf));
        end_drive(&drive, config);
        drive = make_drive(&operation_crlf, &config, settings[s]);
        run_all_cuts(&drive, c->in, strlen(c->in), c->crlf, strlen(c->crlf));
        end_drive(&drive, config);
    }
}
END_TEST

START_TEST(leaves_binary_alone)
{
    static const char in[] = "a\r\nb\0\nc\r\n";
    static const char lf[] = "a\nb\0\nc\n", crlf[] = "a\r\nb\0\r\nc\r\n";
    void *config;
    struct drive drive = make_drive(&operation_lf, &config, NULL);
    run_all_cuts(&drive, in, sizeof(in) - 1, in, sizeof(in) - 1);
    end_drive(&drive, config);
    drive = make_drive(&operation_crlf, &config, "skip");
    run_all_cuts(&drive, in, sizeof(in) - 1, in, sizeof(in) - 1);
    end_drive(&drive, config);
    drive = make_drive(&operation_lf, &config, "convert");
    run_all_cuts(&drive, in, sizeof(in) - 1, lf, sizeof(lf) - 1);
    end_drive(&drive, config);
    drive = make_drive(&operation_crlf, &config, "convert");
    run_all_cuts(&drive, in, sizeof(in) - 1, crlf, sizeof(crlf) - 1);
    end_drive(&drive, config);
}
END_TEST

/* A NUL decides up to byte 7999 and no further, however the content is cut. */
START_TEST(looks_at_the_head_only)
{
    enum { BYTES = 9000 };
    char in[BYTES], converted[BYTES];
    for (size_t nul = 7998; nul <= 8001; nul++) {
        memset(in, 'x', BYTES);
        memcpy(in + 10, "\r\n", 2);
        in[nul] = '\0';
        memcpy(converted, in, 10);
        memcpy(converted + 10, in + 11, BYTES - 11);
        void *config;
        struct drive drive = make_drive(&operation_lf, &config, NULL);
        if (nul < 8000)
            run_all_cuts(&drive, in, BYTES, in, BYTES);
        else
            run_all_cuts(&drive, in, BYTES, converted, BYTES - 1);
        end_drive(&drive, config);
    }
}
END_TEST

/* Random content against a plain model; the bound holds; crlf then lf gives what lf alone gives. */
START_TEST(agrees_with_a_model)
{
    uint64_t seed = 7;
    void *lf_config, *crlf_config;
    struct drive lf = make_drive(&operation_lf, &lf_config, NULL);
    struct drive crlf = make_drive(&operation_crlf, &crlf_config, NULL);
    lf.seed = crlf.seed = 3;
    for (size_t round = 0; round < 300; round++) {
        size_t bytes = (size_t)(support_random(&seed) % 20000);
        char *in = malloc(bytes + 1), *expected = malloc(2 * bytes + 1);
        size_t expected_bytes = 0;
        ck_assert(in && expected);
        for (size_t i = 0; i < bytes; i++)
            in[i] = "\r\n\nabcdefg"[support_random(&seed) % 10];
        for (size_t i = 0; i < bytes; i++)
            if (!(in[i] == '\r' && i + 1 < bytes && in[i + 1] == '\n'))
                expected[expected_bytes++] = in[i];
        struct mr_entry entry = drive_entry("a.txt", bytes);
        ck_assert_int_eq(drive_run(&lf, &entry, in, bytes), MR_DONE);
        ck_assert_out(&lf, expected, expected_bytes);
        ck_assert_uint_le(lf.out_bytes, operation_lf.bound(lf_config, bytes));
        free(lf.out);

        expected_bytes = 0;
        for (size_t i = 0; i < bytes; i++) {
            if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
                expected[expected_bytes++] = '\r';
            expected[expected_bytes++] = in[i];
        }
        ck_assert_int_eq(drive_run(&crlf, &entry, in, bytes), MR_DONE);
        ck_assert_out(&crlf, expected, expected_bytes);
        ck_assert_uint_le(crlf.out_bytes, operation_crlf.bound(crlf_config, bytes));
        free(crlf.out);
        free(in);
        free(expected);
    }
    end_drive(&lf, lf_config);
    end_drive(&crlf, crlf_config);
}
END_TEST

START_TEST(refuses_wrong_settings)
{
    static const char *const wrong[][3] = {{"binary", "", NULL},
                                           {"binary", "conv", NULL},
                                           {"binary", "yes", NULL},
                                           {"bin", "skip", NULL}};
    for (size_t i = 0; i < 4; i++) {
        struct mr_error err = {0};
        ck_assert_ptr_null(drive_config(&operation_lf, wrong[i], &err));
        ck_assert_int_eq(err.status, MR_E_USAGE);
        ck_assert_ptr_null(drive_config(&operation_crlf, wrong[i], &err));
    }
}
END_TEST

Suite *lines_suite(void)
{
    Suite *suite = suite_create("lines");
    TCase *tcase = tcase_create("lines");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, converts, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(tcase, leaves_binary_alone);
    tcase_add_test(tcase, looks_at_the_head_only);
    tcase_add_test(tcase, agrees_with_a_model);
    tcase_add_test(tcase, refuses_wrong_settings);
    suite_add_tcase(suite, tcase);
    return suite;
}
