#include "cli/arguments.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"
#include "cli/values.h"

/* Where the parser is. */
struct words {
    const char *const *words;
    size_t count, next; /* next: the word to be read next */
    const char *verb_name;
};

/* How the user wrote the option, for messages: "--sort" or "-j". */
struct spelling {
    char text[64];
};

static struct spelling spell(const struct option *option, char letter)
{
    struct spelling spelling = {{0}};
    size_t at = 0;
    spelling.text[at++] = '-';
    if (letter) {
        spelling.text[at] = letter;
        return spelling;
    }
    spelling.text[at++] = '-';
    size_t length = strnlen(option->name, sizeof(spelling.text) - at - 1);
    memcpy(spelling.text + at, option->name, length);
    return spelling;
}

struct name_list {
    unsigned verbs;
};

/* For parse_nearest(): the long names of a verb. */
static const char *name_at(const void *ctx, size_t index)
{
    const struct name_list *list = ctx;
    const struct option *option;
    for (size_t i = 0; (option = options_at(i)); i++)
        if ((option->verbs & list->verbs) && index-- == 0)
            return option->name;
    return NULL;
}

static enum mr_status unknown_long(const struct options *options, const struct words *words,
                                   const char *name, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), name);
    if (options_by_name(name, VERBS_ALL))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--%s is no option of %s (millrace %s --help lists all)", shown,
                            words->verb_name, words->verb_name);
    struct name_list list = {.verbs = options->verb};
    const char *nearest = parse_nearest(name, name_at, &list);
    if (nearest)
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "unknown option --%s; did you mean --%s? (millrace %s --help lists all)", shown,
            nearest, words->verb_name);
    return mr_error_set(err, MR_E_USAGE, 0, "unknown option --%s (millrace %s --help lists all)",
                        shown, words->verb_name);
}

static enum mr_status unknown_letter(const struct words *words, const char *letter,
                                     struct mr_error *err)
{
    char one[2] = {*letter, '\0'};
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), one);
    if ((unsigned char)*letter < 128 && options_by_letter(*letter, VERBS_ALL))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "-%s is no option of %s (millrace %s --help lists all)", shown,
                            words->verb_name, words->verb_name);
    return mr_error_set(err, MR_E_USAGE, 0, "unknown option -%s (millrace %s --help lists all)",
                        shown, words->verb_name);
}

/* The words of a command, from first (may be NULL) to a ";" or the end. */
static enum mr_status take_command(struct words *words, const char *first, const char ***command,
                                   struct mr_error *err)
{
    const char **taken = calloc(words->count - words->next + 2, sizeof(*taken));
    if (!taken)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    size_t count = 0;
    if (first)
        taken[count++] = first;
    while (words->next < words->count) {
        const char *word = words->words[words->next++];
        if (strcmp(word, ";") == 0)
            break;
        taken[count++] = word;
    }
    if (count == 0 || taken[0][0] == '\0') {
        free(taken);
        return mr_error_set(err, MR_E_USAGE, 0, "no command follows");
    }
    *command = taken;
    return MR_OK;
}

static enum mr_status keep_for_later(struct options *options, const struct option *option,
                                     const char *value, struct words *words, struct mr_error *err)
{
    struct given given = {.option = option, .value = value};
    if (option->kind == OPTION_EXEC) {
        enum mr_status status = take_command(words, value, &given.command, err);
        if (status != MR_OK)
            return status;
    }
    options->given[options->given_count++] = given; /* room for every word was made */
    return MR_OK;
}

static enum mr_status remember(struct options *options, const struct option *option,
                               const char *value, struct mr_error *err)
{
    struct said *grown = realloc(options->said, (options->said_count + 1) * sizeof(*grown));
    if (!grown)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    options->said = grown;
    grown[options->said_count++] = (struct said){.option = option, .value = value};
    return MR_OK;
}

static enum mr_status apply(struct options *options, const struct option *option, const char *value,
                            struct words *words, struct mr_error *err)
{
    char *field = (char *)options + option->offset;
    uint64_t count = 0;
    enum mr_status status = MR_OK;
    switch (option->kind) {
    case OPTION_TRUE:
        *(bool *)field = true;
        break;
    case OPTION_CONST:
        *(int *)field = option->constant;
        break;
    case OPTION_CHOICE:
        return values_choice(option->argument, value, (int *)field, err);
    case OPTION_TEXT:
        *(const char **)field = value;
        break;
    case OPTION_COUNT:
        status = parse_count(value, 0, INT_MAX, &count, err);
        if (status == MR_OK)
            *(unsigned *)field = (unsigned)count;
        break;
    case OPTION_CALL:
        return option->parse(options, value, err);
    case OPTION_LATER:
    case OPTION_EXEC:
        return keep_for_later(options, option, value, words, err);
    }
    return status;
}

/* value: what was attached to the option, or NULL; then the next word is taken when one is needed.
 */
static enum mr_status take_option(struct options *options, const struct option *option, char letter,
                                  const char *value, struct words *words, struct mr_error *err)
{
    struct spelling spelling = spell(option, letter);
    if (option->argument && !value && option->kind != OPTION_EXEC) {
        if (words->next == words->count)
            return mr_error_set(err, MR_E_USAGE, 0, "%s needs a value: %s %s", spelling.text,
                                spelling.text, option->argument);
        value = words->words[words->next++];
    }
    enum mr_status status = apply(options, option, value, words, err);
    if (status == MR_OK)
        status = remember(options, option, value, err);
    if (status != MR_OK)
        mr_error_prefix(err, "%s", spelling.text);
    return status;
}

static enum mr_status take_long(struct options *options, const char *word, struct words *words,
                                struct mr_error *err)
{
    const char *equals = strchr(word, '=');
    char *name = equals ? strndup(word, (size_t)(equals - word)) : strdup(word);
    if (!name)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    const struct option *option = options_by_name(name, options->verb);
    enum mr_status status;
    if (!option)
        status = unknown_long(options, words, name, err);
    else if (equals && !option->argument)
        status = mr_error_set(err, MR_E_USAGE, 0, "--%s takes no value", option->name);
    else
        status = take_option(options, option, 0, equals ? equals + 1 : NULL, words, err);
    free(name);
    return status;
}

/* One word of letters: "-vj4", "-j", "-fq". */
static enum mr_status take_letters(struct options *options, const char *letters,
                                   struct words *words, struct mr_error *err)
{
    for (; *letters && !options->wants_help; letters++) {
        const struct option *option = options_by_letter(*letters, options->verb);
        if (!option)
            return unknown_letter(words, letters, err);
        const char *value = option->argument && letters[1] ? letters + 1 : NULL;
        enum mr_status status = take_option(options, option, *letters, value, words, err);
        if (status != MR_OK || value)
            return status;
        if (option->argument)
            break;
    }
    return MR_OK;
}

enum mr_status arguments_parse(struct options *options, const char *verb_name, int word_count,
                               const char *const *words, struct mr_error *err)
{
    struct words at = {.words = words, .count = (size_t)word_count, .verb_name = verb_name};
    /* A word can give several letters, but each row that is kept for later takes a value: a word of
     * its own or the rest of one. */
    options->names = calloc(at.count + 1, sizeof(*options->names));
    options->given = calloc(at.count + 1, sizeof(*options->given));
    if (!options->names || !options->given)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    bool is_ended = false;
    enum mr_status status = MR_OK;
    while (status == MR_OK && at.next < at.count && !options->wants_help) {
        const char *word = at.words[at.next++];
        if (is_ended || word[0] != '-' || word[1] == '\0')
            options->names[options->name_count++] = word;
        else if (strcmp(word, "--") == 0)
            is_ended = true;
        else if (word[1] == '-')
            status = take_long(options, word + 2, &at, err);
        else
            status = take_letters(options, word + 1, &at, err);
    }
    return status;
}
