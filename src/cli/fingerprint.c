#include "cli/fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static struct fingerprint_field *find(const struct fingerprint *fingerprint, const char *name)
{
    for (size_t i = 0; i < fingerprint->count; i++)
        if (strcmp(fingerprint->fields[i].name, name) == 0)
            return &fingerprint->fields[i];
    return NULL;
}

const char *fingerprint_value(const struct fingerprint *fingerprint, const char *name)
{
    const struct fingerprint_field *field = find(fingerprint, name);
    return field ? field->value : NULL;
}

/* The field of that name, which is made when there is none. NULL: out of memory. */
static struct fingerprint_field *provide(struct fingerprint *fingerprint, const char *name)
{
    struct fingerprint_field *field = find(fingerprint, name);
    if (field)
        return field;
    struct fingerprint_field *grown =
        realloc(fingerprint->fields, (fingerprint->count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    fingerprint->fields = grown;
    field = &grown[fingerprint->count];
    *field = (struct fingerprint_field){.name = strdup(name), .value = strdup("")};
    if (field->name && field->value) {
        fingerprint->count++;
        return field;
    }
    free(field->name);
    free(field->value);
    return NULL;
}

/* Puts a word behind what the field has. */
static enum mr_status add(struct fingerprint *fingerprint, const char *name, const char *word,
                          struct mr_error *err)
{
    struct fingerprint_field *field = provide(fingerprint, name);
    if (!field)
        return no_memory(err);
    size_t used = strlen(field->value), word_bytes = strlen(word);
    char *grown = realloc(field->value, used + word_bytes + 2);
    if (!grown)
        return no_memory(err);
    field->value = grown;
    if (used > 0)
        grown[used++] = ' ';
    memcpy(grown + used, word, word_bytes + 1);
    return MR_OK;
}

/* Does what the option says make another result of an item? */
static bool counts(const struct option *option)
{
    switch (option->group) {
    case GROUP_WORK:
    case GROUP_INPUTS:
    case GROUP_OUTPUTS:
    case GROUP_SELECT:
    case GROUP_NAMES:
    case GROUP_METADATA:
        return true;
    default:
        return false;
    }
}

/* Operations of both kinds in their order. */
static enum mr_status add_work(struct fingerprint *fingerprint, const struct options *options,
                               struct mr_error *err)
{
    static const char field[] = "operations";
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < options->given_count; i++) {
        const struct given *given = &options->given[i];
        const char letter[] = {'-', given->option->letter, '\0'};
        if (given->option->group != GROUP_WORK)
            continue;
        status = add(fingerprint, field, letter[1] ? letter : given->option->name, err);
        if (status == MR_OK && !given->command)
            status = add(fingerprint, field, given->value, err);
        for (size_t j = 0; status == MR_OK && given->command && given->command[j]; j++)
            status = add(fingerprint, field, given->command[j], err);
        if (status == MR_OK && given->command)
            status = add(fingerprint, field, ";", err);
    }
    return status;
}

/* Of what can be given once, the last one counts. */
static enum mr_status add_options(struct fingerprint *fingerprint, const struct options *options,
                                  struct mr_error *err)
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < options->said_count; i++) {
        const struct said *said = &options->said[i];
        char name[64] = "--";
        bool is_work = said->option->group == GROUP_WORK &&
                       (said->option->kind == OPTION_LATER || said->option->kind == OPTION_EXEC);
        if (!counts(said->option) || is_work)
            continue;
        strncat(name, said->option->name, sizeof(name) - 3);
        struct fingerprint_field *field = find(fingerprint, name);
        if (field && said->option->kind != OPTION_LATER)
            field->value[0] = '\0';
        status = add(fingerprint, name, said->value ? said->value : "given", err);
    }
    return status;
}

/* As it came out, whoever told it. */
static enum mr_status add_shard(struct fingerprint *fingerprint, const struct shard_choice *shard,
                                struct mr_error *err)
{
    char text[32];
    snprintf(text, sizeof(text), "%u/%u", shard->index, shard->count);
    return add(fingerprint, "--shard", text, err);
}

enum mr_status fingerprint_init(struct fingerprint *fingerprint, const struct options *options,
                                struct mr_error *err)
{
    memset(fingerprint, 0, sizeof(*fingerprint));
    char *directory = getcwd(NULL, 0);
    if (!directory)
        return mr_error_set(err, MR_E_SYSTEM, 0, "cannot tell the current directory");
    enum mr_status status = add(fingerprint, "version", mr_version(), err);
    if (status == MR_OK)
        status = add(fingerprint, "directory", directory, err);
    free(directory);
    for (size_t i = 0; status == MR_OK && i < options->name_count; i++)
        status = add(fingerprint, "inputs", options->names[i], err);
    if (status == MR_OK)
        status = add_work(fingerprint, options, err);
    if (status == MR_OK && options->shard.count > 0)
        status = add_shard(fingerprint, &options->shard, err);
    return status == MR_OK ? add_options(fingerprint, options, err) : status;
}

void fingerprint_fini(struct fingerprint *fingerprint)
{
    for (size_t i = 0; i < fingerprint->count; i++) {
        free(fingerprint->fields[i].name);
        free(fingerprint->fields[i].value);
    }
    free(fingerprint->fields);
    memset(fingerprint, 0, sizeof(*fingerprint));
}
