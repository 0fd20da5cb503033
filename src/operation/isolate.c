#include "operation/isolate.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "operation/chain_links.h"
#include "operation/internals.h"
#include "operation/registry.h"
#include "operation/worker.h"

/* What a worker process takes besides the states of its operations, and what is kept here for it.
 */
#define PROCESS_BYTES (((size_t)3 << 20) + WINDOW_BYTES)
#define NAMES_BYTES   80 /* of the operations, for messages */

struct isolate_config {
    char **specs; /* owned */
    unsigned count;
    char names[NAMES_BYTES];
    struct chain
        *chain; /* owned; borrows the operations where this process knows them. NULL: see about */
    struct about *about;
};

/* An operation that is known by what a worker process says of it. */
struct about {
    struct mr_operation operation; /* the table entry of the operation as others see it */
    char *name, *notes_path;       /* owned; notes_path NULL: none */
    size_t state_bytes;
    struct worker worker; /* asked about names, by who has set is_asked */
    atomic_flag is_asked;
};

struct isolate_state {
    const struct isolate_config *config;
    const struct mr_entry *entry;
    bool has_begun;       /* the process knows of the item */
    unsigned begun_count; /* items that the process was given */
    const struct mr_entry *ahead[WINDOW_SMALL_COUNT]; /* that it was handed over together */
    unsigned ahead_at;                                /* of them: the next one */
    struct worker worker;
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

/* ---- state ---- */

/* The library's own operations have no threads. */
static bool is_all_own(const struct isolate_config *config)
{
    for (unsigned i = 0; i < config->count; i++)
        if (plugin_is_spec(config->specs[i]))
            return false;
    return true;
}

/* Names the operations in an error that is about their process. */
static enum mr_status name_problem(const struct isolate_config *config, enum mr_status status,
                                   struct mr_error *err)
{
    if (status == MR_E_CHILD || status == MR_E_TIMEOUT)
        mr_error_prefix(err, "%s", config->names);
    return status;
}

static enum mr_status start_process(struct isolate_state *state, struct mr_error *err)
{
    const struct isolate_config *config = state->config;
    state->begun_count = 0;
    return worker_start(&state->worker, (const char *const *)config->specs, config->count, err);
}

static void state_destroy(void *object)
{
    struct isolate_state *state = object;
    worker_fini(&state->worker);
    free(state);
}

static enum mr_status state_create(const void *config, void **object, struct mr_error *err)
{
    struct isolate_state *state = calloc(1, sizeof(*state));
    if (!state)
        return no_memory(err);
    state->config = config;
    worker_init(&state->worker);
    state->worker.stays_close = is_all_own(config);
    enum mr_status status = start_process(state, err);
    if (status != MR_OK) {
        state_destroy(state);
        return name_problem(config, status, err);
    }
    *object = state;
    return MR_OK;
}

/* The process hears of the item together with its first content: one message for a small one. */
static enum mr_status start(void *object, const struct mr_entry *entry, struct mr_error *err)
{
    struct isolate_state *state = object;
    (void)err;
    state->entry = entry;
    state->has_begun = false;
    return MR_OK;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Content, and room for what comes of it, in the request's place. */
static void put_content(struct worker *worker, const unsigned char *in, size_t in_bytes,
                        size_t room_bytes)
{
    const struct window_place *place = worker_place(worker);
    in_bytes = smaller(in_bytes, place->area_bytes);
    if (in_bytes > 0)
        memcpy(place->in, in, in_bytes);
    worker->request.in_bytes = in_bytes;
    worker->request.room_bytes = smaller(room_bytes, place->area_bytes);
}

/* What the answer says of the content. */
static void take_content(struct worker *worker, struct mr_io *io)
{
    const struct wire_answer *answer = &worker->answer;
    size_t used_bytes = answer->used_bytes, made_bytes = answer->made_bytes;
    if (made_bytes > 0)
        memcpy(io->out, window_room(worker_place(worker), worker->request.room_bytes), made_bytes);
    mr_io_advance(io, used_bytes, made_bytes);
}

/* One request for content, and what comes of it. */
static enum mr_status work(struct isolate_state *state, struct mr_io *io, struct mr_error *err)
{
    struct worker *worker = &state->worker;
    struct wire_request *request = worker_request(worker, WIRE_PROCESS);
    put_content(worker, io->in, io->in_bytes, io->out_bytes);
    request->is_last = io->is_last && request->in_bytes == io->in_bytes;
    request->deadline_ns = io->deadline_ns;
    enum mr_status status = state->has_begun ? MR_OK : worker_add_entry(worker, state->entry, err);
    if (status == MR_OK)
        status = worker_ask(worker, io, err);
    if (status == MR_OK || status == MR_DONE)
        take_content(worker, io);
    return status;
}

static enum mr_status work_in_process(struct isolate_state *state, struct mr_io *io,
                                      struct mr_error *err)
{
    worker_drop_next(&state->worker);
    enum mr_status status = worker_is_there(&state->worker) ? MR_OK : start_process(state, err);
    if (status != MR_OK)
        return status;
    if (!state->has_begun)
        state->begun_count++;
    return work(state, io, err);
}

static bool is_damage(const struct isolate_state *state, enum mr_status status)
{
    return (status == MR_E_CHILD || status == MR_E_MEMORY) && !state->has_begun &&
           state->begun_count > 1;
}

/* ---- several items together ---- */

static bool goes_ahead(const void *object, size_t in_bytes, size_t room_bytes)
{
    (void)object;
    return in_bytes <= WINDOW_SMALL_AREA_BYTES && room_bytes <= WINDOW_SMALL_AREA_BYTES;
}

static void ahead(void *object, const struct operation_ahead *items, unsigned count)
{
    struct isolate_state *state = object;
    struct worker *worker = &state->worker;
    worker_drop_next(worker);
    if (!worker_is_there(worker) && start_process(state, NULL) != MR_OK)
        return;
    for (unsigned i = 0; i < count && i < WINDOW_SMALL_COUNT; i++) {
        const struct operation_ahead *item = &items[i];
        worker_request_together(worker)->is_last = true;
        put_content(worker, item->in, item->in_bytes, item->room_bytes);
        if (worker_add_entry(worker, item->entry, NULL) != MR_OK)
            break;
        worker_keep(worker);
        state->ahead[i] = item->entry;
    }
    state->ahead_at = 0;
    if (worker_has_next(worker))
        worker_hand_over(worker);
}

/* Has the process begun with the item already? */
static bool is_ahead(struct isolate_state *state)
{
    return worker_has_next(&state->worker) && !state->has_begun &&
           state->ahead[state->ahead_at] == state->entry;
}

/* Of the time of this call, what the item itself took counts. */
static void excuse(const struct worker *worker, struct mr_io *io, int64_t begin_ns)
{
    int64_t took_ns = worker->answer.took_ns;
    if (io->excused_ns && took_ns >= 0)
        *io->excused_ns += clock_now_ns() - begin_ns - took_ns;
}

/*
 * The item that the process has begun with: what has become of it. MR_AGAIN: nothing; it is to be
 * done by itself, from its beginning.
 */
static enum mr_status finish_ahead(struct isolate_state *state, struct mr_io *io,
                                   struct mr_error *err)
{
    struct worker *worker = &state->worker;
    int64_t begin_ns = clock_now_ns();
    state->ahead_at++;
    state->begun_count++;
    enum mr_status status = worker_ask_next(worker, io, err);
    if (mr_status_is_error(status) || status == MR_CANCELLED)
        return status;
    if (status != MR_DONE || worker->request.room_bytes > io->out_bytes) {
        worker_drop(worker);
        return MR_AGAIN;
    }
    excuse(worker, io, begin_ns);
    take_content(worker, io);
    return status;
}

/* ---- process ---- */

static enum mr_status process(void *object, struct mr_io *io, struct mr_error *err)
{
    struct isolate_state *state = object;
    enum mr_status status = MR_AGAIN;
    if (is_ahead(state))
        status = finish_ahead(state, io, err);
    if (status == MR_AGAIN)
        status = work_in_process(state, io, err);
    if (is_damage(state, status))
        status = work_in_process(state, io, err);
    state->has_begun = true;
    return name_problem(state->config, status, err);
}

static const char *note(void *object)
{
    const struct isolate_state *state = object;
    const char *text = worker_text(&state->worker, 0);
    return text[0] ? text : NULL;
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

static const struct mr_operation_internals internals = {
    .blocks = blocks, .goes_ahead = goes_ahead, .ahead = ahead};

/* Without a name: what the operations in the process say bears theirs. */
static const struct mr_operation operation_isolate = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "",
    .summary = "operations in a worker process",
    .flags = MR_OPERATION_NOTES | MR_OPERATION_OUTSIDE,
    .config_destroy = config_destroy,
    .bound = bound,
    .state_bytes = state_bytes,
    .state_create = state_create,
    .start = start,
    .process = process,
    .note = note,
    .notes_path = notes_path,
    .state_destroy = state_destroy,
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

/* What the process says of its first operation. */
static enum mr_status learn(struct isolate_config *config, struct mr_error *err)
{
    struct about *about = config->about;
    atomic_flag_clear(&about->is_asked);
    enum mr_status status =
        worker_start(&about->worker, (const char *const *)config->specs, config->count, err);
    if (status != MR_OK)
        return name_problem(config, status, err);
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
    about->operation.rename = rename_item;
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
    char shown[NAMES_BYTES];
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
