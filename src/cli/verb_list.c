/* verb_list.c - `millrace list`: what `run` would see, by walking the inputs without a job. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "cli/run.h"

#define NAME_BYTES 4400

struct listing {
    const struct cli *cli;
    bool is_escaped;  /* for a terminal */
    bool is_prefixed; /* several inputs: each name tells whose it is */
    bool has_failed;
};

static const char kind_letters[] = {[MR_KIND_FILE] = '-',
                                    [MR_KIND_DIRECTORY] = 'd',
                                    [MR_KIND_SYMLINK] = 'l',
                                    [MR_KIND_HARDLINK] = 'h',
                                    [MR_KIND_OTHER] = '?'};
static const char *const kind_names[] = {[MR_KIND_FILE] = "file",
                                         [MR_KIND_DIRECTORY] = "directory",
                                         [MR_KIND_SYMLINK] = "symlink",
                                         [MR_KIND_HARDLINK] = "hardlink",
                                         [MR_KIND_OTHER] = "other"};

static void show_name(const struct listing *listing, const char *name)
{
    char shown[NAME_BYTES];
    fputs(listing->is_escaped ? path_show(shown, sizeof(shown), name) : name, stdout);
}

static void show_mode(const struct mr_entry *entry)
{
    char mode[] = "----------";
    static const char letters[] = "rwxrwxrwx";
    mode[0] = kind_letters[entry->kind];
    for (int i = 0; i < 9; i++)
        mode[i + 1] = !entry->has_mode ? '?' : entry->mode & (0400u >> i) ? letters[i] : '-';
    static const char special[][3] = {{'s', 'S'}, {'s', 'S'}, {'t', 'T'}};
    for (int i = 0; i < 3 && entry->has_mode; i++)
        if (entry->mode & (04000u >> i))
            mode[3 * i + 3] = special[i][mode[3 * i + 3] == '-'];
    fputs(mode, stdout);
}

static void show_columns(const struct mr_entry *entry)
{
    char when[32] = "-";
    time_t seconds = (time_t)entry->mtime_s;
    struct tm parts;
    show_mode(entry);
    if (entry->kind == MR_KIND_FILE && entry->size_bytes >= 0)
        printf(" %12" PRId64, entry->size_bytes);
    else
        printf(" %12s", "-");
    if (entry->has_mtime && localtime_r(&seconds, &parts))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &parts);
    printf(" %19s ", when);
}

static void show_json(const struct mr_entry *entry, const char *name, const char *input)
{
    struct json json;
    char mode[8];
    json_open(&json, stdout);
    json_text(&json, "path", name);
    json_text(&json, "input", input);
    json_text(&json, "type", kind_names[entry->kind]);
    if (entry->kind == MR_KIND_FILE && entry->size_bytes >= 0)
        json_number(&json, "size", entry->size_bytes);
    if (entry->has_mode) {
        snprintf(mode, sizeof(mode), "%04o", entry->mode & 07777u);
        json_text(&json, "mode", mode);
    }
    if (entry->has_mtime) {
        json_number(&json, "mtime", entry->mtime_s);
        json_unsigned(&json, "mtime_ns", entry->mtime_ns);
    }
    if (entry->has_owner) {
        json_unsigned(&json, "uid", entry->uid);
        json_unsigned(&json, "gid", entry->gid);
    }
    if (entry->target)
        json_text(&json, "target", entry->target);
    if (entry->is_encrypted)
        json_bool(&json, "encrypted", true);
    json_close(&json);
}

static void show_entry(const struct listing *listing, const struct mr_entry *entry,
                       const char *name, const char *input)
{
    const struct options *options = listing->cli->options;
    if (options->is_json) {
        show_json(entry, name, input);
        return;
    }
    if (options->is_long)
        show_columns(entry);
    show_name(listing, name);
    if (entry->kind == MR_KIND_DIRECTORY)
        fputc('/', stdout);
    if (options->is_long && entry->target) {
        fputs(entry->kind == MR_KIND_SYMLINK ? " -> " : " link to ", stdout);
        show_name(listing, entry->target);
    }
    fputc('\n', stdout);
}

/* The name as `list` shows it, unescaped: the caller's to free. */
static char *make_name(const struct listing *listing, const struct mr_entry *entry,
                       const struct input *input)
{
    const char *label = input->source->label;
    bool is_member = (input->source->flags & MR_SOURCE_CONTAINER) != 0;
    char *name = NULL;
    if (!listing->is_prefixed)
        return strdup(entry->path);
    if (is_member)
        return asprintf(&name, "%s!/%s", label, entry->path) < 0 ? NULL : name;
    if (strcmp(input->source->ops->kind, "directory") == 0)
        return asprintf(&name, "%s%s%s", label, label[strlen(label) - 1] == '/' ? "" : "/",
                        entry->path) < 0
                   ? NULL
                   : name;
    return strdup(label);
}

/* Is it one that `run` would take? */
static enum mr_status takes(const struct setup *setup, const struct mr_entry *entry,
                            const struct input *input, bool *is_taken, struct mr_error *err)
{
    bool is_member = (input->source->flags & MR_SOURCE_CONTAINER) != 0;
    *is_taken = setup_selects(setup, entry, is_member ? input->source->label : NULL);
    if (!*is_taken || !setup->shard)
        return MR_OK;
    return shard_takes(setup->shard, input->prefix, entry, is_taken, err);
}

static bool list_entry(struct listing *listing, const struct setup *setup,
                       const struct mr_entry *entry, const struct input *input)
{
    const char *label = input->source->label;
    struct mr_error err = {0};
    bool is_taken = false;
    if (takes(setup, entry, input, &is_taken, &err) != MR_OK) {
        message_error(listing->cli->message, NULL, "%s", err.text);
        return false;
    }
    if (!is_taken)
        return true;
    char *name = make_name(listing, entry, input);
    if (!name)
        return false;
    size_t length = strlen(name); /* archives say "dir/" */
    while (length > 1 && name[length - 1] == '/')
        name[--length] = '\0';
    show_entry(listing, entry, name, label);
    free(name);
    return !ferror(stdout);
}

static void report(struct listing *listing, const struct setup *setup, const struct mr_entry *entry,
                   const struct input *input, const struct mr_error *err, enum mr_status status)
{
    bool is_taken = true;
    if (setup->shard && input && entry->path &&
        shard_takes(setup->shard, input->prefix, entry, &is_taken, NULL) == MR_OK && !is_taken)
        return; /* another shard tells */
    char shown[NAME_BYTES];
    const char *text = err->text[0] ? err->text : mr_status_text(status);
    listing->has_failed = true;
    if (input && entry->path)
        message_error(listing->cli->message, input_show(input, entry->path, shown, PATH_SHOW_BYTES),
                      "%s", text);
    else
        message_error(listing->cli->message, NULL, "%s", text);
}

static int list_all(struct listing *listing, const struct setup *setup, struct inputs *inputs)
{
    for (;;) {
        struct mr_entry entry = {0};
        struct mr_error err = {0};
        struct input *input = NULL;
        bool goes_on = true;
        enum mr_status status = inputs_next(inputs, &entry, &input, &err);
        if (status == MR_OK)
            goes_on = list_entry(listing, setup, &entry, input);
        else if (status == MR_E_MEMORY)
            goes_on = false;
        if (status == MR_SKIPPED)
            message_error(listing->cli->message, NULL, "warning: %s", err.text);
        else if (status != MR_OK && status != MR_DONE)
            report(listing, setup, &entry, input, &err, status);
        mr_entry_clear(&entry);
        input_release(input);
        if (!goes_on)
            return EXIT_STOPPED;
        if (status == MR_DONE)
            return listing->has_failed ? EXIT_SOME_FAILED : EXIT_DONE;
    }
}

int verb_list(const struct cli *cli)
{
    const struct options *options = cli->options;
    struct listing listing = {
        .cli = cli,
        .is_escaped = isatty(STDOUT_FILENO),
        .is_prefixed = options->name_count > 1 || options->list_path,
    };
    struct setup_inputs wanted = {.names = options->names,
                                  .name_count = options->name_count,
                                  .list_path = options->list_path,
                                  .table = options->table};
    struct setup setup = {0};
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    enum mr_status status = run_check_inputs(options, &err);
    if (status == MR_OK && options->is_long && options->is_json)
        status = mr_error_set(&err, MR_E_USAGE, 0, "-l and --json contradict each other");
    if (status == MR_OK)
        status = setup_init(&setup, options, &err);
    if (status == MR_OK)
        status = setup_make_inputs(&setup, options, &wanted, &inputs, &err);
    int result =
        status == MR_OK ? list_all(&listing, &setup, inputs) : run_refuse(cli, status, &err);
    inputs_destroy(inputs);
    setup_fini(&setup);
    return verb_end_stdout(cli, result);
}
