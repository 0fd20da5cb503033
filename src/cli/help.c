#include "cli/help.h"

#include <string.h>

#include "cli/pages.h"
#include "cli/topics.h"
#include "operation/registry.h"

#define WIDTH         80
#define OPTION_COLUMN 28
#define VERB_COLUMN   12

void help_wrap(FILE *out, size_t column, const char *text)
{
    size_t at = column;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (at > column && at + 1 + length >= WIDTH) {
            fprintf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)length, text);
        at += length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

/* Ends the left column, on a new line when it is too wide for it. */
static void pad_to(FILE *out, size_t used, size_t column)
{
    if (used + 2 > column)
        fprintf(out, "\n%*s", (int)column, "");
    else
        fprintf(out, "%*s", (int)(column - used), "");
}

static void show_option(FILE *out, const struct option *option)
{
    char left[100];
    char letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    int length = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, option->name,
                          option->argument ? " " : "", option->argument ? option->argument : "");
    fputs(left, out);
    pad_to(out, length > 0 ? (size_t)length : 0, OPTION_COLUMN);
    help_wrap(out, OPTION_COLUMN, option->help);
}

/* The rows of a group that are for one of verbs. False when there is none, and then nothing was
 * written. */
static bool show_group(FILE *out, enum option_group group, unsigned verbs)
{
    bool has_title = false;
    const struct option *option;
    for (size_t i = 0; (option = options_at(i)); i++) {
        if (option->group != group || !(option->verbs & verbs))
            continue;
        if (!has_title)
            fprintf(out, "\n%s:\n", options_group_title(group));
        has_title = true;
        show_option(out, option);
    }
    return has_title;
}

static void show_word(FILE *out, const char *word, const char *text)
{
    fprintf(out, "  %s", word);
    pad_to(out, strlen(word) + 2, VERB_COLUMN + 2);
    help_wrap(out, VERB_COLUMN + 2, text);
}

const char *help_short(void)
{
    return "usage: millrace run INPUT... -o OUTPUT [-p OP]...\n"
           "       millrace list | test | diff | bench | report | ops | formats\n"
           "       millrace help [TOPIC] | --version\n"
           "Try: millrace help\n";
}

void help_overview(FILE *out)
{
    fputs("millrace takes files or archives through load, process and store, in parallel.\n\n"
          "usage: millrace VERB [OPTION | ARGUMENT]...\n\nVerbs (each has --help):\n",
          out);
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        show_word(out, verb->name, verb->summary);
    show_word(out, "--version", "the version");
    fputs("\nTopics of `millrace help TOPIC`, besides the verbs and operations:\n", out);
    const struct topic *topic;
    for (size_t i = 0; (topic = topics_at(i)); i++)
        show_word(out, topic->name, topic->summary);
    const struct page *page;
    for (size_t i = 0; (page = page_at(i)); i++)
        show_word(out, page->name, page->summary);
    fputs("  and options: ", out);
    char words[300] = "";
    for (enum option_group group = GROUP_WORK; group < GROUPS_COUNT; group++) {
        strncat(words, group ? ", " : "", sizeof(words) - strlen(words) - 1);
        strncat(words, options_group_word(group), sizeof(words) - strlen(words) - 1);
    }
    help_wrap(out, 15, words);
    fputs("\nExamples:\n"
          "  millrace run site -p gzip -o site-gz/      every file of a tree as .gz\n"
          "  millrace run logs.tar.xz -o logs.tar.zst   another kind of archive\n"
          "  millrace run a.zip -o a/                   unpack\n"
          "  millrace run src -x clang-format \\; -o out/\n",
          out);
}

void help_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, "usage: millrace %s%s", verb->name, *verb->usage ? " " : "\n");
    if (*verb->usage)
        help_wrap(out, strlen("usage: millrace  ") + strlen(verb->name), verb->usage);
    char summary[200];
    snprintf(summary, sizeof(summary), "%s.", verb->summary);
    fputc('\n', out);
    help_wrap(out, 0, summary);
    for (enum option_group group = GROUP_WORK; group < GROUPS_COUNT; group++)
        show_group(out, group, verb->bit);
    if (verb->bit & VERBS_ON_INPUT)
        fputs("\nMore: millrace help inputs, outputs, sizes, exit\n", out);
}

void help_operation(FILE *out, const char *plugin, const struct mr_operation *operation)
{
    const char *path = plugin ? plugin : "", *colon = plugin ? ":" : "";
    fprintf(out, "%s: ", operation->name);
    help_wrap(out, strlen(operation->name) + 2, operation->summary);
    const struct mr_setting *setting = operation->settings;
    if (!setting || !setting->key) {
        fprintf(out, "\n  -p %s%s%s\n\nNo settings.\n", path, colon, operation->name);
        return;
    }
    fprintf(out, "\n  -p %s%s%s[:KEY=VALUE,...]\n\nSettings (a bare value sets %s):\n", path, colon,
            operation->name, setting->key);
    for (; setting->key; setting++) {
        char left[100];
        int length = snprintf(left, sizeof(left), "  %s=%s", setting->key, setting->values);
        fputs(left, out);
        pad_to(out, length > 0 ? (size_t)length : 0, OPTION_COLUMN);
        char right[400];
        snprintf(right, sizeof(right), "%s%s%s%s", setting->summary,
                 setting->initial ? " (default " : "", setting->initial ? setting->initial : "",
                 setting->initial ? ")" : "");
        help_wrap(out, OPTION_COLUMN, right);
    }
}

bool help_topic(FILE *out, const char *topic)
{
    const struct verb *verb = verb_find(topic);
    if (verb) {
        help_verb(out, verb);
        return true;
    }
    const struct topic *text = topics_find(topic); /* with the options of that name behind it */
    if (text)
        fputs(text->text, out);
    const struct page *page = page_find(topic);
    if (page) {
        page->write(out);
        return true;
    }
    for (enum option_group group = GROUP_WORK; group < GROUPS_COUNT; group++)
        if (strcmp(options_group_word(group), topic) == 0)
            return show_group(out, group, VERBS_ALL);
    if (text)
        return true;
    const struct mr_operation *operation = registry_find(topic);
    if (operation)
        help_operation(out, NULL, operation);
    return operation != NULL;
}

const char *help_topic_at(const void *ctx, size_t index)
{
    (void)ctx;
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        if (index-- == 0)
            return verb->name;
    const struct topic *topic;
    for (size_t i = 0; (topic = topics_at(i)); i++)
        if (index-- == 0)
            return topic->name;
    const struct page *page;
    for (size_t i = 0; (page = page_at(i)); i++)
        if (index-- == 0)
            return page->name;
    if (index < GROUPS_COUNT)
        return options_group_word((enum option_group)index);
    const struct mr_operation *operation = registry_at(index - GROUPS_COUNT);
    return operation ? operation->name : NULL;
}
