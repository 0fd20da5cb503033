/* verb_ops.c - `millrace ops`, `formats` and `help`: what this build can do, on stdout. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"
#include "cli/help.h"
#include "cli/verbs.h"
#include "operation/plugin.h"
#include "operation/registry.h"
#include "sink/sinks.h"
#include "source/sources.h"

#define COLUMN 14

int verb_end_stdout(const struct cli *cli, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE)
        message_error(cli->message, "stdout", "%s", strerrordesc_np(errno));
    return EXIT_STOPPED;
}

static void show_row(const char *name, const char *summary)
{
    int used = printf("  %-*s", COLUMN - 2, name);
    if (used > COLUMN)
        printf("\n%*s", COLUMN, "");
    help_wrap(stdout, COLUMN, summary);
}

static int wrong_word(const struct cli *cli, const char *verb, const char *kind, const char *word,
                      const char *nearest)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), word);
    if (nearest)
        message_error(cli->message, verb, "no %s '%s'; did you mean %s? (millrace %s lists all)",
                      kind, shown, nearest, verb);
    else
        message_error(cli->message, verb, "no %s '%s' (millrace %s lists all)", kind, shown, verb);
    return EXIT_USAGE;
}

/* What a plugin says of itself, and its operations. */
static int show_plugin(const struct cli *cli, const char *path)
{
    struct mr_error err = {0};
    struct plugin *plugin;
    enum mr_status status = plugin_open(path, &plugin, &err);
    if (status != MR_OK) {
        message_error(cli->message, "ops", "%s", err.text);
        return status == MR_E_MEMORY ? EXIT_STOPPED : EXIT_USAGE;
    }
    const struct mr_plugin *about = plugin_about(plugin);
    char shown[PATH_SHOW_BYTES];
    printf("%s: plugin %s%s%s", path_show(shown, sizeof(shown), path), about->name,
           *about->version ? " " : "", about->version);
    printf("%s%s%s%s\n", *about->licence ? ", licence " : "", about->licence,
           *about->summary ? ", " : "", about->summary);
    const struct mr_operation *operation;
    for (size_t i = 0; (operation = plugin_at(plugin, i)); i++) {
        putchar('\n');
        help_operation(stdout, path, operation);
    }
    plugin_close(plugin);
    return EXIT_DONE;
}

int verb_ops(const struct cli *cli)
{
    const struct options *options = cli->options;
    for (size_t i = 0; i < options->name_count; i++) {
        if (plugin_is_spec(options->names[i])) {
            if (i > 0)
                putchar('\n');
            int status = show_plugin(cli, options->names[i]);
            if (status != EXIT_DONE)
                return status;
            continue;
        }
        const struct mr_operation *operation = registry_find(options->names[i]);
        if (!operation)
            return wrong_word(cli, "ops", "operation", options->names[i],
                              parse_nearest(options->names[i], registry_name_at, NULL));
        if (i > 0)
            putchar('\n');
        help_operation(stdout, NULL, operation);
    }
    if (options->name_count == 0) {
        const struct mr_operation *operation;
        for (size_t i = 0; (operation = registry_at(i)); i++)
            show_row(operation->name, operation->summary);
        printf("\nSettings of one: millrace ops NAME; of a plugin: millrace ops ./FILE.so.\n"
               "Commands: -x, see millrace help operations.\n");
    }
    return verb_end_stdout(cli, EXIT_DONE);
}

static void show_inputs(bool is_filter)
{
    const struct archive_format *input;
    for (size_t i = 0; (input = archive_format_at(i)); i++)
        if (input->is_filter == is_filter)
            show_row(input->name, input->summary);
}

int verb_formats(const struct cli *cli)
{
    if (cli->options->name_count > 0) {
        message_error(cli->message, "formats", "takes no arguments");
        return EXIT_USAGE;
    }
    printf("Read (recognised by content; --from forces one):\n");
    show_inputs(false);
    printf("\nRead also when wrapped in (--from tar.gz names both):\n");
    show_inputs(true);
    printf("\nWritten (by the suffix of OUTPUT; --to forces one):\n");
    const struct archive_output *output;
    for (size_t i = 0; (output = archive_output_at(i)); i++) {
        char text[400];
        char levels[80] = "";
        if (output->level_max > output->level_min)
            snprintf(levels, sizeof(levels), "; --level %d to %d (default %d)", output->level_min,
                     output->level_max, output->level_default);
        char suffixes[100], settings[120];
        snprintf(suffixes, sizeof(suffixes), "%s", output->suffixes);
        for (char *bar = suffixes; (bar = strchr(bar, '|')); bar++)
            *bar = ' ';
        archive_output_settings(output, settings, sizeof(settings));
        snprintf(text, sizeof(text), "%s (%s)%s%s%s", output->summary, suffixes, levels,
                 *settings ? "; " : "", settings);
        show_row(output->name, text);
    }
    return verb_end_stdout(cli, EXIT_DONE);
}

int verb_help(const struct cli *cli)
{
    const struct options *options = cli->options;
    if (options->name_count == 0)
        help_overview(stdout);
    for (size_t i = 0; i < options->name_count; i++) {
        if (i > 0)
            putchar('\n');
        if (!help_topic(stdout, options->names[i]))
            return wrong_word(cli, "help", "topic", options->names[i],
                              parse_nearest(options->names[i], help_topic_at, NULL));
    }
    return verb_end_stdout(cli, EXIT_DONE);
}
