#include "operation/isolate.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "operation/chain_links.h"
#include "operation/internals.h"
#include "operation/isolate_state.h"
#include "operation/registry.h"
#include "operation/worker.h"

/* What a worker process takes besides the states of its operations, and what is kept here for it.
 */
#define PROCESS_BYTES (((size_t)3 << 20) + WINDOW_BYTES)

/* An operation that is known by what a worker process says of it. */
struct about {
    struct mr_operation operation; /* the table entry of the operation as others see it */
    char *name, *notes_path;       /* owned; notes_path NULL: none */
    size_t state_bytes;
    size_t bounds[WIRE_BOUNDS]; /* as in an answer; SIZE_MAX: none */
    struct worker worker;       /* asked about names, by who has set is_asked */
    atomic_flag is_asked;
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* ---- config ---- */

static void config_destroy(void *object)
{
    struct isolate_config *config = object;
    if (!config)
        return;
    for (unsigned i = 0; i < config->count; i++)
        free(config->specs[i]);
    free(config->specs);
    chain_destroy(config->chain);
    if (config->about) {
        worker_fini(&config->about->worker);
        free(config->about->name);
        free(config->about->notes_path);
        free(config->about);
    }
    free(config);
}

static bool add_spec(struct isolate_config *config, const char *spec)
{
    char **specs = realloc(config->specs, (config->count + 1) * sizeof(*specs));
    if (!specs)
        return false;
    config->specs = specs;
    specs[config->count] = strdup(spec);
    if (!specs[config->count])
        return false;
    config->count++;
    return true;
}

static void add_name(struct isolate_config *config, const char *name)
{
    size_t at = strlen(config->names);
    snprintf(config->names + at, sizeof(config->names) - at, "%s%s", at > 0 ? ", " : "", name);
}

static size_t bound(const void *object, size_t in_bytes)
{
    const struct isolate_config *config = object;
    return config->chain ? chain_bound(config->chain, NULL, in_bytes) : SIZE_MAX;
}

static size_t state_bytes(const void *object)
{
    const struct isolate_config *config = object;
    return PROCESS_BYTES +
           (config->chain ? chain_state_bytes(config->chain) : config->about->state_bytes);
}

static const char *notes_path(const void *object)
{
    const struct isolate_config *config = object;
    return config->chain ? chain_notes_path(config->chain) : config->about->notes_path;
}

/* Those of the last operation: they are the library's own, and several threads make them at once.
 */
static const struct block_codec *blocks(const void *object, const struct block_options **options)
{
    const struct isolate_config *config = object;
    if (!config->chain)
        return NULL;
    const struct chain_link *last = &config->chain->links[config->chain->count - 1];
    return operation_blocks(last->operation, last->config, options);
}

static size_t bound_entry(const void *object, const struct mr_entry *entry, size_t in_bytes)
{
    const struct isolate_config *config = object;
    return config->chain ? chain_bound(config->chain, entry, in_bytes) : SIZE_MAX;
}

static const struct mr_operation_internals internals = {.bound_entry = bound_entry,
                                                        .blocks = blocks,
                                                        .goes_ahead = isolate_state_goes_ahead,
                                                        .ahead = isolate_state_ahead};

/* Without a name: what the operations in the process say bears theirs. */
static const struct mr_operation operation_isolate = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "",
    .summary = "operations in a worker process",
    .flags = MR_OPERATION_NOTES | MR_OPERATION_OUTSIDE,
    .config_destroy = config_destroy,
    .bound = bound,
    .state_bytes = state_bytes,
    .state_create = isolate_state_create,
    .start = isolate_state_start,
    .process = isolate_state_process,
    .note = isolate_state_note,
    .notes_path = notes_path,
    .state_destroy = isolate_state_destroy,
    .internals = &internals,
};

/* ---- operations that this process does not know ---- */

static enum mr_status ask_name(const struct isolate_config *config, struct worker *worker,
                               const char *path, char **name)
{
    enum mr_status status = MR_OK;
    if (!worker_is_there(worker))
        status = worker_start(worker, (const char *const *)config->specs, config->count, NULL);
    if (status != MR_OK)
        return status;
    worker_request(worker, WIRE_RENAME);
    status = worker_add_text(worker, path, NULL);
    if (status == MR_OK)
        status = worker_ask(worker, NULL, NULL);
    /* As if an archive had said it. */
    return status == MR_OK ? path_clean(worker_text(worker, 0), name, NULL) : status;
}

/* One thread at a time asks the process that is kept for that. Hardly ever another one comes
 * meanwhile: it has one of its own. */
static enum mr_status rename_item(const void *object, char **path)
{
    const struct isolate_config *config = object;
    struct about *about = config->about;
    char *name = NULL;
    enum mr_status status;
    if (!atomic_flag_test_and_set_explicit(&about->is_asked, memory_order_acquire)) {
        status = ask_name(config, &about->worker, *path, &name);
        atomic_flag_clear_explicit(&about->is_asked, memory_order_release);
    } else {
        struct worker another;
        worker_init(&another);
        status = ask_name(config, &another, *path, &name);
        worker_fini(&another);
    }
    if (status != MR_OK)
        return status;
    free(*path);
    *path = name;
    return MR_OK;
}

/*
 * What the operation promises for the next larger of some sizes: only room is measured by it, and
 * where that is too little the item takes longer. That its promises are kept is seen to where it
 * works.
 */
static size_t about_bound(const void *object, const struct mr_entry *entry, size_t in_bytes)
{
    const struct isolate_config *config = object;
    (void)entry;
    for (unsigned i = 0; i < WIRE_BOUNDS; i++)
        if (in_bytes <= WIRE_BOUND_BYTES(i))
            return config->about->bounds[i];
    return SIZE_MAX;
}

static const struct mr_operation_internals about_internals = {.bound_entry = about_bound};

/* What the process says of its first operation. */
static enum mr_status learn(struct isolate_config *config, struct mr_error *err)
{
    struct about *about = config->about;
    atomic_flag_clear(&about->is_asked);
    enum mr_status status =
        worker_start(&about->worker, (const char *const *)config->specs, config->count, err);
    if (status != MR_OK)
        return isolate_name_problem(config, status, err);
    const char *path = worker_text(&about->worker, 1);
    const struct wire_answer *answer = &about->worker.answer;
    about->name = strdup(worker_text(&about->worker, 0));
    about->notes_path = path[0] ? strdup(path) : NULL;
    if (!about->name || (path[0] && !about->notes_path))
        return no_memory(err);
    about->state_bytes =
        answer->state_bytes < SIZE_MAX / 4 ? (size_t)answer->state_bytes : SIZE_MAX / 4;
    about->operation = operation_isolate;
    about->operation.name = about->name;
    about->operation.flags |= answer->flags & (MR_OPERATION_IDENTITY | MR_OPERATION_UNPACKS);
    about->operation.bound = NULL;
    about->operation.rename = answer->renames ? rename_item : NULL;
    about->operation.internals = &about_internals;
    for (unsigned i = 0; i < WIRE_BOUNDS; i++)
        about->bounds[i] =
            answer->bounds[i] <= CHAIN_BUFFER_BYTES ? (size_t)answer->bounds[i] : SIZE_MAX;
    return MR_OK;
}

static enum mr_status add_unknown(struct chain *chain, const char *spec, struct mr_error *err)
{
    struct isolate_config *config = calloc(1, sizeof(*config));
    if (!config)
        return no_memory(err);
    config->about = calloc(1, sizeof(*config->about));
    if (config->about)
        worker_init(&config->about->worker);
    enum mr_status status = config->about && add_spec(config, spec) ? MR_OK : no_memory(err);
    char shown[ISOLATE_NAMES_BYTES];
    add_name(config, path_show(shown, sizeof(shown), spec));
    if (status == MR_OK)
        status = learn(config, err);
    if (status == MR_OK)
        status = chain_add_operation(chain, &config->about->operation, config, err);
    if (status != MR_OK) {
        config_destroy(config);
        return status;
    }
    return chain_keep_spec(chain, spec, err);
}

enum mr_status isolate_add(struct chain *chain, const char *spec, struct mr_error *err)
{
    return plugin_is_spec(spec) ? add_unknown(chain, spec, err) : chain_add(chain, spec, err);
}

/* ---- runs of operations ---- */

static enum mr_status add_run(struct chain *chain, const struct chain *other, unsigned first,
                              unsigned count, struct mr_error *err)
{
    struct isolate_config *config = calloc(1, sizeof(*config));
    if (!config)
        return no_memory(err);
    enum mr_status status = chain_create(&config->chain, err);
    if (status == MR_OK)
        status = chain_borrow(config->chain, other, first, count, err);
    for (unsigned i = 0; i < count && status == MR_OK; i++) {
        const struct chain_link *link = &other->links[first + i];
        add_name(config, link->operation->name);
        if (!add_spec(config, link->spec))
            status = no_memory(err);
    }
    if (status == MR_OK)
        status = chain_add_operation(chain, &operation_isolate, config, err);
    if (status != MR_OK)
        config_destroy(config);
    return status;
}

enum mr_status isolate_borrow(struct chain *chain, const struct chain *other, unsigned first,
                              unsigned count, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    unsigned end = first + count;
    while (first < end && status == MR_OK) {
        unsigned next = first;
        while (next < end && other->links[next].spec)
            next++;
        if (next > first) {
            status = add_run(chain, other, first, next - first, err);
        } else {
            next++;
            status = chain_borrow(chain, other, first, 1, err);
        }
        first = next;
    }
    return status;
}

enum mr_status isolate_borrow_before(struct chain *chain, const struct chain *other,
                                     struct mr_error *err)
{
    const struct chain_link *last = &other->links[other->count - 1];
    enum mr_status status = chain_borrow(chain, other, 0, other->count - 1, err);
    if (status != MR_OK || last->operation != &operation_isolate)
        return status;
    const struct isolate_config *config = last->config;
    return config->count > 1 ? add_run(chain, config->chain, 0, config->count - 1, err) : MR_OK;
}
