/*
 * options: the words of a command line, by the table of options, and what they configure.
 *
 * What is wrong is said, with a text; what is right gives the same when it is read again. No word
 * is opened as a file: options that name one to be read are left out.
 */
#include "cli/arguments.h"
#include "cli/setup.h"
#include "cli/sizes.h"
#include "fuzz/fuzz.h"

#define WORDS_MAX 24

static const unsigned verbs[] = {VERB_RUN,     VERB_LIST, VERB_TEST, VERB_BENCH,
                                 VERB_FORMATS, VERB_OPS,  VERB_HELP};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static bool is_failure(enum mr_status status, const struct mr_error *err)
{
    return (status == MR_E_USAGE || status == MR_E_UNSUPPORTED) && err->text[0] != '\0';
}

/* Words that would read files, load code or start programs. */
static bool reaches_out(const struct options *options)
{
    static const char *const names[] = {"exclude-from", "newer-than", "process", "exec"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (options_were_given(options, names[i]))
            return true;
    return false;
}

static void configure(const struct options *options)
{
    struct setup setup;
    struct mr_error err = {0};
    enum mr_status status = setup_init(&setup, options, &err);
    fuzz_require(status == MR_OK || is_failure(status, &err));
    if (status == MR_OK) {
        struct job_config config;
        setup_job(&setup, options, &config);
        sizes_choose(options, &config);
        fuzz_require(sizes_memory(options) > 0 && sizes_threads_each(options) > 0);
    }
    setup_fini(&setup);
}

/* The options that were used are told in the order in which they were given. */
static void check(const struct options *options, const char *const *words, int word_count)
{
    fuzz_require(options->name_count + options->said_count <= 8192);
    for (size_t i = 0; i < options->name_count; i++) {
        bool is_word = false;
        for (int k = 0; k < word_count; k++)
            is_word = is_word || options->names[i] == words[k];
        fuzz_require(is_word);
    }
    for (size_t i = 0; i < options->said_count; i++)
        fuzz_require(options->said[i].option->verbs & options->verb);
    for (size_t i = 0; i < options->given_count; i++)
        fuzz_require(options->given[i].value || options->given[i].command);
}

static void parse(unsigned verb, const char *const *words, int word_count)
{
    struct options options, again;
    struct mr_error err = {0};
    options_init(&options, verb);
    options_init(&again, verb);
    enum mr_status status = arguments_parse(&options, "run", word_count, words, &err);
    fuzz_require(status == MR_OK || (status == MR_E_USAGE && err.text[0]));
    fuzz_require(arguments_parse(&again, "run", word_count, words, NULL) == status);
    fuzz_require(options.name_count == again.name_count);
    fuzz_require(options.said_count == again.said_count);
    if (status == MR_OK) {
        check(&options, words, word_count);
        if (!reaches_out(&options))
            configure(&options);
    }
    options_fini(&options);
    options_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fuzz_input input = {data, size_bytes};
    unsigned verb = verbs[fuzz_take_byte(&input) % VERB_COUNT];
    char *words[WORDS_MAX];
    int count = 0;
    while (input.left_bytes > 0 && count < WORDS_MAX)
        words[count++] = fuzz_take_word(&input);
    parse(verb, (const char *const *)words, count);
    while (count > 0)
        free(words[--count]);
    return 0;
}
