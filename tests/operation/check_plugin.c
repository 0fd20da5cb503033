/* plugin.h: what is loaded, what is refused, and what a chain does with operations that break the
 * rules. */
#include "operation/plugin.h"

#include <sys/stat.h>
#include <unistd.h>

#include "run_chain.h"

Suite *plugin_suite(void);

#define SIZES MR_PLUGINS "/sizes.so"
#define LIAR  MR_PLUGINS "/liar.so"

START_TEST(refuses_incomplete_plugins)
{
    static const struct {
        const char *fault;
        enum mr_status status;
        const char *text;
    } rows[] = {
        {"no_symbol", MR_E_USAGE, "no function mr_plugin_v1()"},
        {"wrong_version", MR_E_UNSUPPORTED,
         "made for version 2 of the interface; this millrace has 1"},
        {"no_plugin", MR_E_UNSUPPORTED, "does not work with millrace"},
        {"no_plugin_name", MR_E_USAGE, "it has no name"},
        {"no_operations", MR_E_USAGE, "it has no operations"},
        {"no_process", MR_E_USAGE, "faulty has no process()"},
        {"no_operation_name", MR_E_USAGE, "operation 1 has no name, or one with other characters"},
        {"no_summary", MR_E_USAGE, "faulty has no summary"},
        {"unknown_flag", MR_E_USAGE, "faulty has flags that this version does not know"},
        {"no_config_set", MR_E_USAGE, "faulty has settings and no config_set()"},
        {"half_setting", MR_E_USAGE, "faulty has a setting without key, values or summary"},
        {"no_note", MR_E_USAGE, "faulty has notes and no note()"},
        {"twice", MR_E_USAGE, "two operations faulty"},
        {"endless", MR_E_USAGE, "list of operations has no end"},
        {"undefined_symbol", MR_E_USAGE, "undefined symbol: not_defined_anywhere"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[500];
        struct plugin *plugin = NULL;
        struct mr_error err = {0};
        snprintf(path, sizeof(path), MR_PLUGINS "/faulty_%s.so", rows[i].fault);
        ck_assert_int_eq(plugin_open(path, &plugin, &err), rows[i].status);
        ck_assert_ptr_null(plugin);
        ck_assert_int_eq(err.status, rows[i].status);
        ck_assert_msg(strstr(err.text, rows[i].text) && strstr(err.text, path) &&
                          !strchr(err.text, '\n'),
                      "%s: %s", rows[i].fault, err.text);
    }
}
END_TEST

START_TEST(refuses_other_files)
{
    char *room = support_temp_directory(), path[4096];
    support_write_file(room, "text.so", "no ELF file", 11);
    support_write_file(room, "empty.so", "", 0);
    size_t bytes;
    char *whole = support_read_file(MR_PLUGINS, "sizes.so", &bytes);
    support_write_file(room, "cut.so", whole, bytes / 3);
    support_write_file(room, "head.so", whole, 100);
    free(whole);
    static const struct {
        const char *name;
        enum mr_status status;
        const char *text;
    } rows[] = {{"text.so", MR_E_USAGE, "cannot be loaded: "},
                {"empty.so", MR_E_USAGE, "cannot be loaded: file too short"},
                {"cut.so", MR_E_USAGE, "cannot be loaded: the file is cut off"},
                {"head.so", MR_E_USAGE, "cannot be loaded: the file is cut off"},
                {"", MR_E_USAGE, "not a regular file"},
                {"fifo", MR_E_USAGE, "not a regular file"},
                {"nothing", MR_E_SYSTEM, "No such file"},
                {"text.so/x", MR_E_SYSTEM, "Not a directory"}};
    snprintf(path, sizeof(path), "%s/fifo", room);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plugin *plugin;
        struct mr_error err = {0};
        snprintf(path, sizeof(path), "%s/%s", room, rows[i].name);
        ck_assert_int_eq(plugin_open(path, &plugin, &err), rows[i].status);
        ck_assert_msg(strstr(err.text, rows[i].text), "%s: %s", path, err.text);
    }
    support_remove(room);
}
END_TEST

/* A struct that is shorter than the host's is filled up, a longer one cut. */
START_TEST(takes_other_sizes)
{
    struct plugin *plugin;
    struct mr_error err = {0};
    ck_assert_ok(plugin_open(SIZES, &plugin, &err), err);
    const struct mr_plugin *about = plugin_about(plugin);
    ck_assert_str_eq(about->name, "sizes");
    ck_assert_str_eq(about->version, "2");
    ck_assert_str_eq(about->licence, "0BSD");
    ck_assert_str_eq(plugin_path(plugin), SIZES);
    static const char *const names[] = {"older", "newer", "greedy"};
    for (size_t i = 0; i < 3; i++) {
        const struct mr_operation *operation = plugin_at(plugin, i);
        ck_assert_str_eq(operation->name, names[i]);
        ck_assert_uint_eq(operation->struct_bytes, sizeof(*operation));
        ck_assert_ptr_nonnull((void *)(uintptr_t)operation->process);
        ck_assert(!operation->stop && !operation->state_destroy && !operation->internals);
    }
    ck_assert_ptr_null(plugin_at(plugin, 3));
    plugin_close(plugin);
    plugin_close(NULL);
    ck_assert_ok(plugin_open(LIAR, &plugin, &err), err); /* says no more of itself than its name */
    ck_assert_str_eq(plugin_about(plugin)->version, "");
    ck_assert_str_eq(plugin_about(plugin)->licence, "");
    ck_assert_str_eq(plugin_about(plugin)->summary, "");
    plugin_close(plugin);
}
END_TEST

START_TEST(runs_operations)
{
    static const char *const specs[] = {SIZES ":older", SIZES ":newer", SIZES ":greedy",
                                        SIZES ":newer copy " SIZES ":older " SIZES
                                              ":older gzip gunzip"};
    size_t sizes[] = {0, 1, 70000, 3 * CHAIN_BUFFER_BYTES + 7};
    for (size_t i = 0; i < 4; i++) {
        unsigned char *content = support_text(i, sizes[i]), *flipped = support_text(i, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            flipped[k] ^= 0x20;
        for (size_t k = 0; k < 4; k++) {
            struct run run = {.in_chunk_bytes = 5001, .out_chunk_bytes = 777};
            ck_assert_int_eq(run_chain(&run, specs[k], content, sizes[i]), MR_DONE);
            ck_assert_bytes(&run, flipped, sizes[i]);
            free(run.out);
        }
        free(content);
        free(flipped);
    }
}
END_TEST

START_TEST(finds_operations)
{
    static const struct {
        const char *spec, *text;
    } wrong[] = {
        {SIZES, "say which operation"},
        {SIZES, "(older, newer, greedy)"},
        {SIZES ":", "say which operation"},
        {SIZES ":key=1", "say which operation"},
        {SIZES ":newr", "did you mean \"newer\"?"},
        {SIZES ":qqqqqqqq", "there is no operation \"qqqqqqqq\" (it has: older, newer, greedy)"},
        {SIZES ":a\nb", "\"a\\nb\""},
        {SIZES ":newer:1", "newer has no settings"},
        {SIZES ":newer:key=1", "newer has no settings"},
        {LIAR ":refuses", "refuses: ..."},
        {"sizes.so", "a plugin is given with its path: ./sizes.so"},
        {"./sizes.so:newer", "No such file"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct mr_error err = {0};
        struct chain *chain;
        ck_assert_ok(chain_create(&chain, &err), err);
        ck_assert(mr_status_is_error(chain_add(chain, wrong[i].spec, &err)));
        ck_assert_msg(strstr(err.text, wrong[i].text), "%s: %s", wrong[i].spec, err.text);
        ck_assert_uint_eq(chain_count(chain), 0);
        chain_destroy(chain);
    }
    ck_assert(plugin_is_spec("./a.so:x") && plugin_is_spec("/a") && plugin_is_spec("a/b:c=d"));
    ck_assert(!plugin_is_spec("hash:list=/tmp/x") && !plugin_is_spec("a.so") &&
              !plugin_is_spec(""));
}
END_TEST

/* What it fails with, and that the chain goes on with the next item. */
START_TEST(fails_items_of_liars)
{
    static const struct {
        const char *name;
        enum mr_status status;
        const char *text;
    } rows[] = {
        {"grows-input", MR_E_STEP, "used or made more than there was (plugin "},
        {"grows-room", MR_E_STEP, "used or made more than there was"},
        {"moves-apart", MR_E_STEP, "used or made more than there was"},
        {"unknown-status", MR_E_STEP, "gave status 4711"},
        {"skipped", MR_E_STEP, "gave status 6"},
        {"open-text", MR_E_DATA, "open-text: ...yyyy"},
        {"no-text", MR_E_DATA, "no-text: damaged input"},
        {"stands-still", MR_E_STEP, "does not go on"},
        {"identity", MR_E_STEP, "promised to leave the content as it is"},
        {"bound", MR_E_STEP, "more than its bound() promised"},
    };
    static const char *const around[][2] = {
        {"", ""}, {"copy ", ""}, {"", " copy"}, {"copy ", " copy"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < 4; k++) {
            char specs[700];
            struct run run = {0};
            snprintf(specs, sizeof(specs), "%s" LIAR ":%s%s", around[k][0], rows[i].name,
                     around[k][1]);
            struct chain *chain = run_chain_create(specs);
            struct chain_state *state;
            ck_assert_ok(chain_state_create(chain, &state, &run.err), run.err);
            for (int again = 0; again < 2; again++) {
                ck_assert_int_eq(run_item(&run, state, "0123456789", 10), rows[i].status);
                ck_assert_msg(strstr(run.err.text, rows[i].text), "%s: %s", specs, run.err.text);
                ck_assert_ptr_nonnull(memchr(run.err.text, '\0', sizeof(run.err.text)));
                ck_assert_msg(!strpbrk(run.err.text, "\n\033"), "%s", run.err.text);
                free(run.out);
            }
            chain_state_destroy(state);
            chain_destroy(chain);
        }
    }
}
END_TEST

/* A promise that costs much is none; what is made is the same. */
START_TEST(takes_no_huge_promises)
{
    unsigned char *content = support_noise(1, 100000);
    struct chain *chain = run_chain_create(LIAR ":huge-bound copy");
    ck_assert_uint_eq(chain_bound(chain, NULL, 10), SIZE_MAX);
    ck_assert_uint_le(chain_state_bytes(chain), 4 * CHAIN_BUFFER_BYTES);
    chain_destroy(chain);
    struct run run = {0};
    ck_assert_int_eq(run_chain(&run, LIAR ":huge-bound copy", content, 100000), MR_DONE);
    ck_assert_bytes(&run, content, 100000);
    free(run.out);
    free(content);
}
END_TEST

START_TEST(checks_names)
{
    static const struct {
        const char *name;
        enum mr_status status;
        const char *path;
    } rows[] = {{"honest", MR_OK, "a/b"},
                {"rename-out", MR_E_UNSAFE, NULL},
                {"rename-nothing", MR_E_UNSAFE, NULL},
                {"rename-untidy", MR_OK, "new/name"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char specs[600];
        snprintf(specs, sizeof(specs), LIAR ":%s", rows[i].name);
        struct chain *chain = run_chain_create(specs);
        char *path = strdup("a/b");
        ck_assert_int_eq(chain_rename(chain, &path), rows[i].status);
        if (rows[i].path)
            ck_assert_str_eq(path, rows[i].path);
        free(path);
        chain_destroy(chain);
    }
}
END_TEST

/* A chain that borrows does not close what it borrowed, and one plugin can be open several times.
 */
START_TEST(stays_open_as_long_as_it_is_used)
{
    struct mr_error err = {0};
    struct chain *chain = run_chain_create(SIZES ":older " SIZES ":newer"), *borrower;
    struct plugin *plugin;
    ck_assert_ok(plugin_open(SIZES, &plugin, &err), err);
    plugin_close(plugin);
    ck_assert_ok(chain_create(&borrower, &err), err);
    ck_assert_ok(chain_borrow(borrower, chain, 0, 2, &err), err);
    chain_destroy(borrower);
    struct chain_state *state;
    struct run run = {0};
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    ck_assert_int_eq(run_item(&run, state, "aBc", 3), MR_DONE);
    ck_assert_bytes(&run, "aBc", 3);
    free(run.out);
    chain_state_destroy(state);
    chain_destroy(chain);
}
END_TEST

/* ---- the example ---- */

#define CUT MR_PLUGINS "/csv_cut.so:"

static const struct {
    const char *settings, *content, *expected;
    enum mr_status status;
} cuts[] = {
    {"columns=1", "a,b\nc,d\n", "a\nc\n", MR_DONE},
    {"csv-cut:2", "a,b\nc,d\n", "b\nd\n", MR_DONE},
    {":2", "a,b\nc,d", "b\nd", MR_DONE},
    {"columns=2-", "a,b,c\r\nd,e,f\r\n", "b,c\r\ne,f\r\n", MR_DONE},
    {"columns=1", "a,b\r\nd,e\r\n", "a\r\nd\r\n", MR_DONE},
    {"columns=3+1-1", "1,2,3,4\n", "1,3\n", MR_DONE},
    {"columns=3", "1,2\n\n,,x\n", "\n\nx\n", MR_DONE},
    {"columns=2+3", "\"a,\"\"\n,\",\"b\nb\",\"\"\n", "\"b\nb\",\"\"\n", MR_DONE},
    {"columns=1+2", "\"x\"\"\",y\"z,q\n", "\"x\"\"\",y\"z\n", MR_DONE},
    {"columns=1", "a\rb,c\r", "a\rb", MR_DONE},
    {"columns=2", "a\rb,c\r", "c\r", MR_DONE},
    {"columns=2,drop=yes", "a,b,c\nd,e,f\n", "a,c\nd,f\n", MR_DONE},
    {"columns=2,separator=tab", "a\tb,\tc\n", "b,\n", MR_DONE},
    {"columns=2,separator=;", "a;b;c\n", "b\n", MR_DONE},
    {"columns=mail", "name,mail,x\nA,a@b,1\n", "mail\na@b\n", MR_DONE},
    {"columns=mail+x,drop=yes", "name,\"mail\",x\nA,a@b,1\n", "name\nA\n", MR_DONE},
    {"columns=na\"me", "x,\"na\"\"me\"\n1,2\n", "\"na\"\"me\"\n2\n", MR_DONE},
    {"columns=name+3", "\xEF\xBB\xBFname,b,c", "\xEF\xBB\xBFname,c", MR_DONE},
    {"columns=name", "", "", MR_DONE},
    {"columns=1", "", "", MR_DONE},
    {"columns=nome", "name,b\n1,2\n", "there is no column \"nome\"", MR_E_DATA},
    {"columns=1", "a\n\"b", "ends within a quoted field", MR_E_DATA},
    {"columns=1", "a\n\"b\nc\"d", "line 3: text behind", MR_E_DATA},
};

/* The same bytes, however the content and the room are cut up. */
START_TEST(cuts_columns)
{
    static const size_t pieces[] = {0, 1, 2, 3, 7};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        for (size_t k = 0; k < 25; k++) {
            char spec[600];
            struct run run = {.in_chunk_bytes = pieces[k / 5], .out_chunk_bytes = pieces[k % 5]};
            snprintf(spec, sizeof(spec), CUT "%s", cuts[i].settings);
            ck_assert_int_eq(run_chain(&run, spec, cuts[i].content, strlen(cuts[i].content)),
                             cuts[i].status);
            if (cuts[i].status == MR_DONE)
                ck_assert_msg(run.out_bytes == strlen(cuts[i].expected) &&
                                  (run.out_bytes == 0 ||
                                   memcmp(run.out, cuts[i].expected, run.out_bytes) == 0),
                              "row %zu, pieces %zu: %.*s", i, k, (int)run.out_bytes,
                              (const char *)run.out);
            else
                ck_assert_msg(strstr(run.err.text, cuts[i].expected), "row %zu: %s", i,
                              run.err.text);
            free(run.out);
        }
    }
}
END_TEST

START_TEST(refuses_wrong_columns)
{
    static const char *const wrong[][2] = {{"drop=yes", "say which columns"},
                                           {"columns=", "a column is missing"},
                                           {"columns=1+", "a column is missing"},
                                           {"columns=0", "counted from 1"},
                                           {"columns=3-2", "upwards"},
                                           {"columns=1,drop=maybe", "drop: must be yes or no"},
                                           {"columns=1,separator=::", "one character"},
                                           {"columns=1,separator=\"", "not a quote"},
                                           {"colums=1", "did you mean \"columns\""}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char spec[600];
        struct mr_error err = {0};
        struct chain *chain;
        snprintf(spec, sizeof(spec), CUT "%s", wrong[i][0]);
        ck_assert_ok(chain_create(&chain, &err), err);
        ck_assert_int_eq(chain_add(chain, spec, &err), MR_E_USAGE);
        ck_assert_msg(strstr(err.text, wrong[i][1]), "%s: %s", wrong[i][0], err.text);
        chain_destroy(chain);
    }
}
END_TEST

Suite *plugin_suite(void)
{
    Suite *suite = suite_create("plugin");
    TCase *tcase = tcase_create("plugin");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, refuses_incomplete_plugins);
    tcase_add_test(tcase, refuses_other_files);
    tcase_add_test(tcase, takes_other_sizes);
    tcase_add_test(tcase, runs_operations);
    tcase_add_test(tcase, finds_operations);
    tcase_add_test(tcase, fails_items_of_liars);
    tcase_add_test(tcase, takes_no_huge_promises);
    tcase_add_test(tcase, checks_names);
    tcase_add_test(tcase, stays_open_as_long_as_it_is_used);
    tcase_add_test(tcase, cuts_columns);
    tcase_add_test(tcase, refuses_wrong_columns);
    return suite;
}
