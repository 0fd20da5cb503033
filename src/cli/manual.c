/*
 * manual.c - millrace(1). All that changes with the program comes from its tables; what is written
 * here is what no table has. The macros are those of man(7).
 */
#include <ctype.h>
#include <string.h>

#include "cli/options.h"
#include "cli/pages.h"
#include "cli/topics.h"
#include "cli/verbs.h"
#include "config.h"
#include "operation/registry.h"
#include "sink/sinks.h"
#include "source/sources.h"

/* Text with what roff would take for itself written out. At the start of a line also '.' and '\''.
 */
static void escape(FILE *out, const char *text, bool starts_line)
{
    for (; *text; text++) {
        if (starts_line && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        starts_line = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '~')
            fputs("\\(ti", out);
        else if (*text == '^')
            fputs("\\(ha", out);
        else
            fputc(*text, out);
    }
}

static void line(FILE *out, const char *text)
{
    escape(out, text, true);
    fputc('\n', out);
}

/* In capitals, as titles of manual pages are. */
static void section(FILE *out, const char *macro, const char *title)
{
    fprintf(out, ".%s \"", macro);
    for (; *title; title++)
        fputc(strcmp(macro, "SH") == 0 ? toupper((unsigned char)*title) : *title, out);
    fputs("\"\n", out);
}

/* Text that is laid out already. */
static void literal(FILE *out, const char *text)
{
    fputs(".in 0\n.nf\n", out); /* it takes all 80 columns */
    escape(out, text, true);
    fputs(".fi\n.in\n", out);
}

/* A word in bold and its explanation. */
static void entry(FILE *out, const char *word, const char *text)
{
    fputs(".TP\n\\fB", out);
    escape(out, word, false);
    fputs("\\fR\n", out);
    line(out, text);
}

static void write_verbs(FILE *out)
{
    section(out, "SH", "Verbs");
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++) {
        fprintf(out, ".TP\n\\fBmillrace %s\\fR%s", verb->name, *verb->usage ? " " : "");
        line(out, verb->usage);
        escape(out, verb->summary, true);
        fputs(".\n", out);
    }
}

/* "(run, test)", for options that not all verbs on inputs take. */
static void write_verbs_of(FILE *out, unsigned verbs)
{
    if ((verbs & VERBS_ON_INPUT) == VERBS_ON_INPUT)
        return;
    const char *before = "(";
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++) {
        if (!(verb->bit & verbs))
            continue;
        fprintf(out, "%s%s", before, verb->name);
        before = ", ";
    }
    fputs(")\n", out);
}

static void write_option(FILE *out, const struct option *option)
{
    fputs(".TP\n", out);
    if (option->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", out);
    escape(out, option->name, false);
    fputs("\\fR", out);
    if (option->argument) {
        fputs(" \\fI", out);
        escape(out, option->argument, false);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    line(out, option->help);
    write_verbs_of(out, option->verbs);
}

static void write_options(FILE *out)
{
    section(out, "SH", "Options");
    for (enum option_group group = GROUP_WORK; group < GROUPS_COUNT; group++) {
        section(out, "SS", options_group_title(group));
        const struct option *option;
        for (size_t i = 0; (option = options_at(i)); i++)
            if (option->group == group)
                write_option(out, option);
    }
}

static void write_operations(FILE *out)
{
    section(out, "SH", "Operations");
    line(out, "Those of this build, with the settings that -p NAME:KEY=VALUE,... takes.");
    const struct mr_operation *operation;
    for (size_t i = 0; (operation = registry_at(i)); i++) {
        entry(out, operation->name, operation->summary);
        const struct mr_setting *setting = operation->settings;
        for (; setting && setting->key; setting++) {
            fputs(".br\n", out);
            char text[600];
            snprintf(text, sizeof(text), "%s=%s: %s%s%s%s", setting->key, setting->values,
                     setting->summary, setting->initial ? " (default " : "",
                     setting->initial ? setting->initial : "", setting->initial ? ")" : "");
            line(out, text);
        }
    }
}

static void write_formats(FILE *out)
{
    section(out, "SH", "Formats");
    line(out, "Read:");
    const struct archive_format *input;
    for (size_t i = 0; (input = archive_format_at(i)); i++)
        entry(out, input->name, input->summary);
    fputs(".PP\n", out);
    line(out, "Written:");
    const struct archive_output *output;
    for (size_t i = 0; (output = archive_output_at(i)); i++) {
        char text[400], settings[120];
        archive_output_settings(output, settings, sizeof(settings));
        snprintf(text, sizeof(text), "%s%s%s", output->summary, *settings ? "; " : "", settings);
        entry(out, output->name, text);
    }
}

static void write_topics(FILE *out)
{
    const struct topic *topic;
    for (size_t i = 0; (topic = topics_at(i)); i++) {
        bool is_exit = strcmp(topic->name, "exit") == 0;
        section(out, "SH", is_exit ? "Exit status" : topic->name);
        literal(out, topic->text);
    }
}

void manual_write(FILE *out)
{
    fprintf(out, ".TH MILLRACE 1 \"%s\" \"millrace %s\" \"User Commands\"\n", MR_DATE,
            mr_version());
    section(out, "SH", "Name");
    line(out, "millrace - files and archives through load, process and store, in parallel");
    section(out, "SH", "Synopsis");
    fputs(".B millrace\n\\fIVERB\\fR [\\fIOPTION\\fR | \\fIARGUMENT\\fR]...\n", out);
    section(out, "SH", "Description");
    line(out, "millrace takes directories or archives, does something to every file or member, "
              "several at a time, and stores the results in a directory, an archive or a stream: "
              "in order, in bounded memory, without unpacking anything to disk.");
    write_verbs(out);
    write_options(out);
    write_operations(out);
    write_formats(out);
    write_topics(out);
    section(out, "SH", "Environment");
    entry(out, "SOURCE_DATE_EPOCH", "with --reproducible: no time in an output is later than this");
    entry(out, "SLURM_ARRAY_TASK_ID and the like",
          "with --shard auto alone: which of the items are done, which nothing else in the "
          "environment changes; see SHARDS");
    entry(out, "NO_COLOR", "no colours, where --color does not say otherwise");
    section(out, "SH", "See also");
    line(out, "tar(1), zip(1), xargs(1), gzip(1), zstd(1)");
}
