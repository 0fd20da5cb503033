/*
 * completions.c - what shells are told to complete, for each verb: its options, and what their
 * arguments are. What an argument is follows from its name in the table of options.
 */
#include <ctype.h>
#include <string.h>

#include "cli/options.h"
#include "cli/pages.h"
#include "cli/topics.h"
#include "cli/verbs.h"
#include "operation/registry.h"
#include "sink/sinks.h"
#include "source/sources.h"

enum argument {
    ARGUMENT_NONE,  /* the option takes none */
    ARGUMENT_OTHER, /* a number, a date, a pattern: nothing to be completed */
    ARGUMENT_WORDS, /* one of the words in the option's row */
    ARGUMENT_OPERATION,
    ARGUMENT_INPUT_FORMAT,
    ARGUMENT_OUTPUT_FORMAT,
    ARGUMENT_COMMAND,
    ARGUMENT_DIRECTORY,
    ARGUMENT_FILE
};

/* "skip|stop|copy": words in small letters alone. */
static bool are_words(const char *text)
{
    if (!strchr(text, '|'))
        return false;
    for (; *text; text++)
        if (!islower((unsigned char)*text) && !strchr("|-", *text))
            return false;
    return true;
}

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static enum argument argument_of(const struct option *option)
{
    const char *name = option->argument;
    if (!name)
        return ARGUMENT_NONE;
    if (are_words(name))
        return ARGUMENT_WORDS;
    if (begins(name, "OP["))
        return ARGUMENT_OPERATION;
    if (begins(name, "FORMAT"))
        return strcmp(name, "FORMAT") == 0 ? ARGUMENT_INPUT_FORMAT : ARGUMENT_OUTPUT_FORMAT;
    if (begins(name, "COMMAND"))
        return ARGUMENT_COMMAND;
    if (begins(name, "DIR"))
        return ARGUMENT_DIRECTORY;
    return begins(name, "FILE") || begins(name, "OLD") || begins(name, "OUTPUT") ? ARGUMENT_FILE
                                                                                 : ARGUMENT_OTHER;
}

/* Lists, with a separator before each word. */

static void list_words(FILE *out, const char *separator, const char *words)
{
    while (*words) {
        size_t length = strcspn(words, "|");
        fprintf(out, "%s%.*s", separator, (int)length, words);
        words += length + (words[length] == '|');
    }
}

static void list_operations(FILE *out, const char *separator)
{
    const struct mr_operation *operation;
    for (size_t i = 0; (operation = registry_at(i)); i++)
        fprintf(out, "%s%s", separator, operation->name);
}

static void list_input_formats(FILE *out, const char *separator)
{
    const struct archive_format *format;
    for (size_t i = 0; (format = archive_format_at(i)); i++)
        fprintf(out, "%s%s", separator, format->name);
}

static void list_output_formats(FILE *out, const char *separator)
{
    const struct archive_output *format;
    for (size_t i = 0; (format = archive_output_at(i)); i++)
        fprintf(out, "%s%s", separator, format->name);
}

static void list_topics(FILE *out, const char *separator)
{
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        fprintf(out, "%s%s", separator, verb->name);
    const struct topic *topic;
    for (size_t i = 0; (topic = topics_at(i)); i++)
        fprintf(out, "%s%s", separator, topic->name);
    for (enum option_group group = GROUP_WORK; group < GROUPS_COUNT; group++)
        fprintf(out, "%s%s", separator, options_group_word(group));
    const struct page *page;
    for (size_t i = 0; (page = page_at(i)); i++)
        fprintf(out, "%s%s", separator, page->name);
    list_operations(out, separator);
}

/* The words that an argument can be; nothing for kinds that are no words. */
static void list_argument(FILE *out, const struct option *option, const char *separator)
{
    switch (argument_of(option)) {
    case ARGUMENT_WORDS:
        list_words(out, separator, option->argument);
        break;
    case ARGUMENT_OPERATION:
        list_operations(out, separator);
        break;
    case ARGUMENT_INPUT_FORMAT:
        list_input_formats(out, separator);
        break;
    case ARGUMENT_OUTPUT_FORMAT:
        list_output_formats(out, separator);
        break;
    default:
        break;
    }
}

/* Text between single quotes of a shell; what is inside keeps its meaning. */
static void quote(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    }
}

/* ---- bash ---- */

static void bash_reply(FILE *out, const struct option *option)
{
    switch (argument_of(option)) {
    case ARGUMENT_COMMAND:
        fputs("mapfile -t COMPREPLY < <(compgen -c -- \"$word\")", out);
        break;
    case ARGUMENT_DIRECTORY:
        fputs("mapfile -t COMPREPLY < <(compgen -d -- \"$word\")", out);
        break;
    case ARGUMENT_FILE:
        fputs("mapfile -t COMPREPLY < <(compgen -f -- \"$word\")", out);
        break;
    case ARGUMENT_OTHER:
    case ARGUMENT_NONE:
        fputs("COMPREPLY=()", out);
        break;
    default:
        fputs("mapfile -t COMPREPLY < <(compgen -W '", out);
        list_argument(out, option, " ");
        fputs("' -- \"$word\"", out);
        if (argument_of(option) == ARGUMENT_OPERATION) /* ./FILE.so */
            fputs("; [[ $word == */* ]] && compgen -f -- \"$word\"", out);
        fputc(')', out);
    }
}

/* Has the verb arguments that are files? */
static bool takes_files(const struct verb *verb)
{
    return verb->bit != VERB_FORMATS && verb->bit != VERB_HELP;
}

static void bash_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, "    %s)\n        case $before in\n", verb->name);
    const struct option *option;
    for (size_t i = 0; (option = options_at(i)); i++) {
        if (!(option->verbs & verb->bit) || !option->argument)
            continue;
        fprintf(out, "        --%s", option->name);
        if (option->letter)
            fprintf(out, " | -%c", option->letter);
        fputs(") ", out);
        bash_reply(out, option);
        fputs("; return ;;\n", out);
    }
    fputs("        esac\n        words='", out);
    for (size_t i = 0; (option = options_at(i)); i++)
        if (option->verbs & verb->bit)
            fprintf(out, " --%s", option->name);
    if (verb->bit == VERB_OPS)
        list_operations(out, " ");
    if (verb->bit == VERB_HELP)
        list_topics(out, " ");
    fprintf(out, "'\n%s        ;;\n", takes_files(verb) ? "" : "        files=false\n");
}

void completion_bash(FILE *out)
{
    fputs("# bash completion for millrace; made by `millrace help bash`\n"
          "_millrace() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words='' "
          "files=true\n"
          "    if [[ $word == = ]]; then # --option=VALUE is three words\n"
          "        word=''\n"
          "    elif [[ $before == = ]] && ((COMP_CWORD > 1)); then\n"
          "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    fi\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        fprintf(out, "%s ", verb->name);
    fputs("--version' -- \"$word\")\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; (verb = verb_at(i)); i++)
        bash_verb(out, verb);
    fputs("    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    [[ $word == -* ]] || ! $files || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < "
          "<(compgen -f -- "
          "\"$word\")\n"
          "}\n"
          "complete -o filenames -F _millrace millrace\n",
          out);
}

/* ---- zsh ---- */

/* A description between brackets: their own characters are escaped. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            fputc('\\', out);
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    }
}

static void zsh_argument(FILE *out, const struct option *option)
{
    if (!option->argument)
        return;
    fputs(":", out);
    zsh_text(out, option->argument);
    switch (argument_of(option)) {
    case ARGUMENT_COMMAND:
        fputs(":_command_names -e", out);
        break;
    case ARGUMENT_DIRECTORY:
        fputs(":_files -/", out);
        break;
    case ARGUMENT_FILE:
        fputs(":_files", out);
        break;
    case ARGUMENT_OTHER:
    case ARGUMENT_NONE:
        fputs(": ", out);
        break;
    case ARGUMENT_OPERATION: /* or ./FILE.so */
        fputs(":{if [[ $PREFIX == */* ]]; then _files; else compadd -", out);
        list_argument(out, option, " ");
        fputs("; fi}", out);
        break;
    default:
        fputs(":(", out);
        list_argument(out, option, " ");
        fputc(')', out);
    }
}

static void zsh_spec(FILE *out, const char *dashes, const char *name, const struct option *option)
{
    /* A long one takes its argument behind '=' too. */
    fprintf(out, " \\\n            '*%s%s%s[", dashes, name,
            option->argument && dashes[1] ? "=" : "");
    zsh_text(out, option->help);
    fputc(']', out);
    zsh_argument(out, option);
    fputc('\'', out);
}

static void zsh_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, "    %s)\n        _arguments -s", verb->name);
    const struct option *option;
    for (size_t i = 0; (option = options_at(i)); i++) {
        if (!(option->verbs & verb->bit))
            continue;
        zsh_spec(out, "--", option->name, option);
        if (option->letter)
            zsh_spec(out, "-", (const char[]){option->letter, '\0'}, option);
    }
    fputs(" \\\n            '*:", out);
    if (verb->bit == VERB_OPS) {
        fputs("operation:(", out);
        list_operations(out, " ");
        fputs(")'", out);
    } else if (verb->bit == VERB_HELP) {
        fputs("topic:(", out);
        list_topics(out, " ");
        fputs(")'", out);
    } else {
        fputs(takes_files(verb) ? "input:_files'" : ": '", out);
    }
    fputs("\n        ;;\n", out);
}

void completion_zsh(FILE *out)
{
    fputs("#compdef millrace\n# zsh completion for millrace; made by `millrace help zsh`\n"
          "_millrace() {\n    if (( CURRENT == 2 )); then\n        local -a verbs=(",
          out);
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++) {
        fprintf(out, "\n            '%s:", verb->name);
        quote(out, verb->summary);
        fputc('\'', out);
    }
    fputs("\n        )\n        _describe verb verbs\n        return\n    fi\n"
          "    local verb=$words[2]\n"
          "    shift words\n    (( CURRENT-- ))\n    case $verb in\n",
          out);
    for (size_t i = 0; (verb = verb_at(i)); i++)
        zsh_verb(out, verb);
    fputs("    esac\n}\n_millrace \"$@\"\n", out);
}

/* ---- fish ---- */

static void fish_option(FILE *out, const struct verb *verb, const struct option *option)
{
    fprintf(out, "complete -c millrace -n '__fish_seen_subcommand_from %s' -l %s", verb->name,
            option->name);
    if (option->letter)
        fprintf(out, " -s %c", option->letter);
    switch (argument_of(option)) {
    case ARGUMENT_NONE:
        break;
    case ARGUMENT_FILE:
        fputs(" -r -F", out);
        break;
    case ARGUMENT_DIRECTORY:
        fputs(" -x -a '(__fish_complete_directories)'", out);
        break;
    case ARGUMENT_COMMAND:
        fputs(" -x -a '(__fish_complete_command)'", out);
        break;
    case ARGUMENT_OTHER:
        fputs(" -x", out);
        break;
    default:
        fputs(" -x -a '", out);
        list_argument(out, option, " ");
        if (argument_of(option) == ARGUMENT_OPERATION) /* ./FILE.so */
            fputs(" (string match -q \"*/*\" -- (commandline -ct); and __fish_complete_path "
                  "(commandline -ct))",
                  out);
        fputc('\'', out);
    }
    fputs(" -d '", out);
    quote(out, option->help);
    fputs("'\n", out);
}

void completion_fish(FILE *out)
{
    fputs("# fish completion for millrace; made by `millrace help fish`\n", out);
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++) {
        fprintf(out, "complete -c millrace -n __fish_use_subcommand -f -a %s -d '", verb->name);
        quote(out, verb->summary);
        fputs("'\n", out);
        const struct option *option;
        for (size_t o = 0; (option = options_at(o)); o++)
            if (option->verbs & verb->bit)
                fish_option(out, verb, option);
    }
    fputs("complete -c millrace -n '__fish_seen_subcommand_from formats' -f\n"
          "complete -c millrace -n '__fish_seen_subcommand_from ops' -a '",
          out);
    list_operations(out, " ");
    fputs("'\ncomplete -c millrace -n '__fish_seen_subcommand_from help' -f -a '", out);
    list_topics(out, " ");
    fputs("'\n", out);
}
