/*
 * patterns: the little languages of option values: globs, substitutions, sizes, counts, durations,
 * dates, lists to sweep, operations with their settings.
 *
 * What is wrong is said, with a text. Globs match what fnmatch(3) matches, where both know the
 * pattern. A name that comes out is one that went in well. What is shown of a value is read back.
 */
#include <fnmatch.h>

#include "base/parse.h"
#include "base/path.h"
#include "bench/sweep.h"
#include "fuzz/fuzz.h"
#include "operation/chain.h"
#include "operation/exec_words.h"
#include "policy/glob.h"
#include "policy/naming.h"
#include "policy/selection.h"

static void check_status(enum mr_status status, const struct mr_error *err)
{
    fuzz_require(status == MR_OK || (mr_status_is_error(status) && err->text[0]));
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text > 127)
            return false;
    return true;
}

static void match(const char *pattern, const char *text)
{
    struct mr_error err = {0};
    enum mr_status status = glob_check(pattern, &err);
    check_status(status, &err);
    if (status != MR_OK)
        return;
    bool is_match = glob_match(pattern, text, strlen(text));
    bool is_plain = is_ascii(pattern) && is_ascii(text) && !strstr(pattern, "**") &&
                    !strchr(pattern, '[') && !strstr(pattern, "\\/");
    if (is_plain)
        fuzz_require(is_match == (fnmatch(pattern, text, FNM_PATHNAME) == 0));
}

static void rename_by(const char *expression, const char *text)
{
    struct naming *naming;
    struct mr_error err = {0};
    char *name = NULL, *again = NULL;
    if (path_clean(text, &name, &err) != MR_OK)
        return;
    fuzz_require(naming_create(&naming, &err) == MR_OK);
    enum mr_status status = naming_substitute(naming, expression, &err);
    check_status(status, &err);
    if (status == MR_OK)
        status = naming_map(naming, &name, true, &err);
    fuzz_require(status == MR_OK || status == MR_SKIPPED || err.text[0]);
    if (status == MR_OK)
        fuzz_require(path_clean(name, &again, &err) == MR_OK && strcmp(again, name) == 0);
    free(again);
    free(name);
    naming_destroy(naming);
}

static void select_by(const char *value, const char *path)
{
    static enum mr_status (*const setters[])(struct selection * selection, const char *value,
                                             struct mr_error *err) = {
        selection_include, selection_exclude, selection_extensions, selection_size,
        selection_changed_within};
    struct mr_entry entry = {.path = (char *)(uintptr_t)path, .size_bytes = 1000};
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
        struct selection *selection;
        struct mr_error err = {0};
        fuzz_require(selection_create(&selection, &err) == MR_OK);
        enum mr_status status = setters[i](selection, value, &err);
        check_status(status, &err);
        if (status == MR_OK) {
            fuzz_require(!selection_is_empty(selection));
            bool is_taken = selection_accepts(selection, &entry, NULL);
            fuzz_require(is_taken == selection_accepts(selection, &entry, NULL));
            selection_accepts(selection, &entry, "outer.zip");
            selection_descends(selection, path);
        }
        selection_destroy(selection);
    }
}

static void measure(const char *text)
{
    char shown[32];
    struct mr_error err = {0};
    uint64_t number, again;
    int64_t ns;
    struct timespec when;
    enum mr_status status = parse_size(text, &number, &err);
    check_status(status, &err);
    if (status == MR_OK) {
        parse_show_size(shown, sizeof(shown), number);
        char *blank = strchr(shown, ' ');
        memmove(blank, blank + 1, strlen(blank));
        fuzz_require(parse_size(shown, &again, &err) == MR_OK);
        uint64_t difference = number < again ? again - number : number - again;
        fuzz_require(difference <= number / 16);
    }
    status = parse_count(text, 3, 1000, &number, &err);
    check_status(status, &err);
    fuzz_require(status != MR_OK || (number >= 3 && number <= 1000));
    status = parse_duration(text, &ns, &err);
    check_status(status, &err);
    if (status == MR_OK)
        parse_show_duration(shown, sizeof(shown), ns);
    status = parse_date(text, &when, &err);
    check_status(status, &err);
    fuzz_require(status != MR_OK || (when.tv_nsec >= 0 && when.tv_nsec < 1000000000));
}

static void sweep(const char *one, const char *other)
{
    struct sweep made = {0};
    struct sweep_point defaults = {0}, *points = NULL;
    struct mr_error err = {0};
    size_t count = 0;
    enum mr_status status = sweep_add(&made, one, &err);
    check_status(status, &err);
    if (status == MR_OK)
        check_status(sweep_add(&made, other, &err), &err);
    status = sweep_points(&made, &defaults, &points, &count, &err);
    check_status(status, &err);
    fuzz_require(status != MR_OK || (count > 0 && count <= SWEEP_POINTS_MAX));
    free(points);
}

/* A chain of one operation, unless the word is the path of a plugin. */
static void add_operation(const char *spec)
{
    struct chain *chain;
    struct mr_error err = {0};
    if (strchr(spec, '/'))
        return;
    fuzz_require(chain_create(&chain, &err) == MR_OK);
    enum mr_status status = chain_add(chain, spec, &err);
    check_status(status, &err);
    fuzz_require(chain_count(chain) == (status == MR_OK ? 1u : 0u));
    chain_destroy(chain);
}

static void expand(const char *argument, const char *path)
{
    const struct exec_words words = {
        .path = path, .sequence = "1", .slot = "2", .threads = "3", .in = "in", .out = "out"};
    unsigned uses = exec_words_uses(argument);
    char *expanded = exec_words_expand(argument, &words);
    fuzz_require(expanded);
    if (uses == 0 && !strstr(argument, "{{"))
        fuzz_require(strcmp(expanded, argument) == 0);
    free(expanded);
    fuzz_require(strlen(exec_words_extension(path)) <= strlen(path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    unsigned choice = fuzz_take_byte(&input) % 7;
    char *one = fuzz_take_word(&input), *other = fuzz_take_word(&input);
    switch (choice) {
    case 0:
        match(one, other);
        break;
    case 1:
        rename_by(one, other);
        break;
    case 2:
        select_by(one, other);
        break;
    case 3:
        measure(one);
        break;
    case 4:
        sweep(one, other);
        break;
    case 5:
        add_operation(one);
        break;
    default:
        expand(one, other);
        break;
    }
    free(one);
    free(other);
    return 0;
}
