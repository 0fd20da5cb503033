/* The operations of a run and their settings. What runs them: chain_state.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"
#include "operation/chain_links.h"
#include "operation/internals.h"
#include "operation/operations.h"
#include "operation/registry.h"

/* A bound of more than 16 times the content and this is none: a promise must not cost memory that
 * the content does not. */
#define BOUND_SLACK_BYTES ((size_t)1 << 20)

enum mr_status chain_create(struct chain **chain, struct mr_error *err)
{
    *chain = calloc(1, sizeof(**chain));
    return *chain ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static void destroy_config(const struct mr_operation *operation, void *config)
{
    if (config && operation->config_destroy)
        operation->config_destroy(config);
}

void chain_destroy(struct chain *chain)
{
    if (!chain)
        return;
    for (unsigned i = 0; i < chain->count; i++)
        if (!chain->links[i].is_borrowed) {
            destroy_config(chain->links[i].operation, chain->links[i].config);
            plugin_close(chain->links[i].plugin);
            free(chain->links[i].spec);
        }
    free(chain->links);
    free(chain);
}

static const char *setting_at(const void *ctx, size_t index)
{
    const struct mr_setting *settings = ctx;
    return settings ? settings[index].key : NULL;
}

static enum mr_status unknown_operation(const char *name, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), name);
    const char *library = registry_missing_library(name);
    if (library)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "this build has no %s (built without %s)",
                            name, library);
    const char *nearest = parse_nearest(name, registry_name_at, NULL);
    size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".so") == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "there is no operation \"%s\"; a plugin is given with its path: ./%s",
                            shown, shown);
    if (nearest)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "there is no operation \"%s\"; did you mean \"%s\"?", shown, nearest);
    return mr_error_set(err, MR_E_USAGE, 0, "there is no operation \"%s\"", shown);
}

/* "level, checksum" into out; what does not fit is cut. */
static void list_settings(const struct mr_operation *operation, char *out, size_t cap_bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (const struct mr_setting *row = operation->settings; row->key && at < cap_bytes; row++) {
        int length = snprintf(out + at, cap_bytes - at, "%s%s", at > 0 ? ", " : "", row->key);
        at += length > 0 ? (size_t)length : 0;
    }
}

static enum mr_status unknown_setting(const struct mr_operation *operation, const char *key,
                                      struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES], known[100];
    path_show(shown, sizeof(shown), key);
    const char *nearest = parse_nearest(key, setting_at, operation->settings);
    if (nearest)
        return mr_error_set(err, MR_E_USAGE, 0, "%s has no setting \"%s\"; did you mean \"%s\"?",
                            operation->name, shown, nearest);
    list_settings(operation, known, sizeof(known));
    return mr_error_set(err, MR_E_USAGE, 0, "%s has no setting \"%s\" (it has: %s)",
                        operation->name, shown, known);
}

/* Text of a plugin may be anything. */
static bool is_fit_to_show(const char *text)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return path_is_utf8(text);
}

enum mr_status chain_failed(const char *who, enum mr_status status, struct mr_error *err)
{
    bool is_allowed = (status >= MR_E_MEMORY && status <= MR_E_STEP) || status == MR_CANCELLED;
    if (!is_allowed)
        return mr_error_set(err, MR_E_STEP, 0,
                            "%s: the operation gave status %d, which it must not", who,
                            (int)status);
    if (!err)
        return status;
    char shown[MR_ERROR_TEXT_BYTES];
    err->status = status;
    err->text[sizeof(err->text) - 1] = '\0';
    if (!err->text[0])
        snprintf(err->text, sizeof(err->text), "%s", mr_status_text(status));
    if (!is_fit_to_show(err->text))
        snprintf(err->text, sizeof(err->text), "%s", path_show(shown, sizeof(shown), err->text));
    if (who[0])
        mr_error_prefix(err, "%s", who);
    return status;
}

/* text: "KEY=VALUE", or "VALUE" for the first setting where that may stand. It is cut up. */
static enum mr_status set_one(const struct mr_operation *operation, void *config, char *text,
                              bool is_first, struct mr_error *err)
{
    const struct mr_setting *setting = operation->settings;
    if (!setting || !setting->key)
        return mr_error_set(err, MR_E_USAGE, 0, "%s has no settings", operation->name);
    char *value = strchr(text, '=');
    if (value) {
        *value++ = '\0';
        while (setting->key && strcmp(setting->key, text) != 0)
            setting++;
        if (!setting->key)
            return unknown_setting(operation, text, err);
    } else if (is_first && *text) {
        value = text;
    } else {
        char shown[PATH_SHOW_BYTES];
        return mr_error_set(err, MR_E_USAGE, 0, "%s: \"%s\" must be KEY=VALUE", operation->name,
                            path_show(shown, sizeof(shown), text));
    }
    enum mr_status status = operation->config_set(config, setting->key, value, err);
    if (status == MR_OK)
        return MR_OK;
    char who[120];
    snprintf(who, sizeof(who), "%s: %s", operation->name, setting->key);
    return chain_failed(who, status, err);
}

/* Ends the setting at *text with NUL, turning "\," into ",". The start of the next one, or NULL. */
static char *cut_setting(char *text)
{
    char *to = text;
    for (; *text && *text != ','; text++) {
        if (text[0] == '\\' && text[1] == ',')
            text++;
        *to++ = *text;
    }
    char *next = *text ? text + 1 : NULL;
    *to = '\0';
    return next;
}

static enum mr_status set_all(const struct mr_operation *operation, void *config, char *settings,
                              struct mr_error *err)
{
    bool is_first = true;
    while (settings) {
        char *next = cut_setting(settings);
        enum mr_status status = set_one(operation, config, settings, is_first, err);
        if (status != MR_OK)
            return status;
        is_first = false;
        settings = next;
    }
    return MR_OK;
}

static const char *notes_path_of(const struct chain_link *link)
{
    bool has_notes = (link->operation->flags & MR_OPERATION_NOTES) && link->operation->notes_path;
    return has_notes ? link->operation->notes_path(link->config) : NULL;
}

static enum mr_status add_link(struct chain *chain, struct chain_link link, struct mr_error *err)
{
    if (notes_path_of(&link) && chain_notes_path(chain))
        return mr_error_set(err, MR_E_USAGE, 0, "only one operation of a run can write a list");
    struct chain_link *links = realloc(chain->links, (chain->count + 1) * sizeof(*links));
    if (!links)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    links[chain->count] = link;
    chain->links = links;
    chain->count++;
    return MR_OK;
}

static enum mr_status add(struct chain *chain, const struct mr_operation *operation, char *settings,
                          struct plugin *plugin, struct mr_error *err)
{
    void *config = NULL;
    enum mr_status status =
        operation->config_create ? operation->config_create(&config, err) : MR_OK;
    if (status != MR_OK)
        return chain_failed(operation->name, status, err);
    status = set_all(operation, config, settings, err);
    if (status == MR_OK && operation->config_check) {
        status = operation->config_check(config, err);
        if (status != MR_OK)
            status = chain_failed(operation->name, status, err);
    }
    if (status == MR_OK)
        status = add_link(chain, (struct chain_link){operation, config, false, plugin, NULL}, err);
    if (status != MR_OK)
        destroy_config(operation, config);
    return status;
}

/* Adds the operation that spec, which is cut up, names in a plugin. */
static enum mr_status add_from_plugin(struct chain *chain, char *spec, struct mr_error *err)
{
    struct plugin *plugin;
    const struct mr_operation *operation;
    char *settings;
    enum mr_status status = plugin_open_spec(spec, &plugin, &operation, &settings, err);
    if (status != MR_OK)
        return status;
    status = add(chain, operation, settings, plugin, err);
    if (status != MR_OK)
        plugin_close(plugin);
    return status;
}

static enum mr_status add_built_in(struct chain *chain, char *spec, struct mr_error *err)
{
    char *settings = strchr(spec, ':');
    if (settings)
        *settings++ = '\0';
    const struct mr_operation *operation = registry_find(spec);
    return operation ? add(chain, operation, settings, NULL, err) : unknown_operation(spec, err);
}

enum mr_status chain_add(struct chain *chain, const char *spec, struct mr_error *err)
{
    char *copy = strdup(spec);
    if (!copy)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status =
        plugin_is_spec(copy) ? add_from_plugin(chain, copy, err) : add_built_in(chain, copy, err);
    free(copy);
    return status == MR_OK ? chain_keep_spec(chain, spec, err) : status;
}

enum mr_status chain_keep_spec(struct chain *chain, const char *spec, struct mr_error *err)
{
    char **place = &chain->links[chain->count - 1].spec;
    *place = strdup(spec);
    return *place ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

enum mr_status chain_add_operation(struct chain *chain, const struct mr_operation *operation,
                                   void *config, struct mr_error *err)
{
    return add_link(chain, (struct chain_link){operation, config, false, NULL, NULL}, err);
}

enum mr_status chain_borrow(struct chain *chain, const struct chain *other, unsigned first,
                            unsigned count, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    for (unsigned i = first; i < first + count && status == MR_OK; i++) {
        struct chain_link link = other->links[i];
        link.is_borrowed = true;
        status = add_link(chain, link, err);
    }
    return status;
}

const struct mr_operation *chain_operation(const struct chain *chain, unsigned index,
                                           const void **config)
{
    if (config)
        *config = chain->links[index].config;
    return chain->links[index].operation;
}

unsigned chain_count(const struct chain *chain)
{
    return chain->count;
}

bool chain_is_identity(const struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        if (!(chain->links[i].operation->flags & MR_OPERATION_IDENTITY))
            return false;
    }
    return true;
}

size_t chain_promise(const struct mr_operation *operation, const void *config, size_t in_bytes)
{
    size_t bound = operation->bound ? operation->bound(config, in_bytes) : SIZE_MAX;
    size_t largest = in_bytes < SIZE_MAX / 32 ? 16 * in_bytes + BOUND_SLACK_BYTES : SIZE_MAX;
    return bound > largest ? SIZE_MAX : bound;
}

bool chain_is_outside(const struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        if (chain->links[i].operation->flags & MR_OPERATION_OUTSIDE)
            return true;
    }
    return false;
}

size_t chain_link_bound(const struct mr_operation *operation, const void *config,
                        const struct mr_entry *entry, size_t in_bytes)
{
    const struct mr_operation_internals *own = operation->internals;
    if (own && own->bound_entry && entry)
        return own->bound_entry(config, entry, in_bytes);
    return chain_promise(operation, config, in_bytes);
}

size_t chain_bound(const struct chain *chain, const struct mr_entry *entry, size_t in_bytes)
{
    for (unsigned i = 0; i < chain->count && in_bytes != SIZE_MAX; i++) {
        const struct chain_link *link = &chain->links[i];
        in_bytes = chain_link_bound(link->operation, link->config, entry, in_bytes);
    }
    return in_bytes;
}

size_t chain_buffer_bytes(const struct chain_link *link)
{
    size_t bound = chain_promise(link->operation, link->config, CHAIN_BUFFER_BYTES);
    size_t usual = CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES;
    return bound == SIZE_MAX || bound < usual ? usual : bound;
}

size_t chain_state_bytes(const struct chain *chain)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < chain->count; i++) {
        const struct chain_link *link = &chain->links[i];
        if (link->operation->state_bytes)
            bytes += link->operation->state_bytes(link->config);
        /* Behind the last one there is a buffer when the room is less than its bound, which is
         * never so for one alone. */
        bool is_behind_last = i + 1 == chain->count;
        if (!is_behind_last || (i > 0 && link->operation->bound))
            bytes += chain_buffer_bytes(link);
    }
    return bytes;
}

/* A plugin's name is as good as one that an archive gives. */
static enum mr_status clean_name(char **path)
{
    char *clean;
    if (!*path)
        return MR_E_UNSAFE;
    enum mr_status status = path_clean(*path, &clean, NULL);
    if (status != MR_OK)
        return status;
    free(*path);
    *path = clean;
    return MR_OK;
}

enum mr_status chain_rename(const struct chain *chain, char **path)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct chain_link *link = &chain->links[i];
        enum mr_status status =
            link->operation->rename ? link->operation->rename(link->config, path) : MR_OK;
        if (status == MR_OK && link->plugin)
            status = clean_name(path);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

bool chain_takes_file(const struct chain *chain)
{
    const struct chain_link *first = chain->count > 0 ? &chain->links[0] : NULL;
    const struct mr_operation_internals *own = first ? first->operation->internals : NULL;
    return own && own->takes_file && own->takes_file(first->config);
}

bool chain_goes_ahead(const struct chain *chain, size_t in_bytes)
{
    const struct chain_link *only = chain->count == 1 ? &chain->links[0] : NULL;
    const struct mr_operation_internals *own = only ? only->operation->internals : NULL;
    return own && own->goes_ahead && own->goes_ahead(only->config, in_bytes);
}

const char *chain_notes_path(const struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const char *path = notes_path_of(&chain->links[i]);
        if (path)
            return path;
    }
    return NULL;
}
