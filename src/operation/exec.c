/*
 * exec.c - the exec operation in filter mode (-x COMMAND ARG...): the content goes to the command's
 * stdin, its stdout is the result. It is an ordinary streaming operation: process() waits for
 * nothing but its own child.
 *
 * There is no shell. The placeholders {} {.} {/} {//} {/.} in an argument become the item's name or
 * a part of it; "{{" stands for '{', and
 * "}}" for '}' where a "{{" came before it in the argument. All other braces are left as they are,
 * so that programs for jq or awk can be given as they are. A name that begins with '-' is passed as
 * it is.
 *
 * The command may end without having read its input; that is no failure when its exit status is 0.
 * What it leaves running in its process group is killed when it has ended. SIGPIPE: see
 * child_write(); no disposition of the process is relied on or changed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "millrace/operation.h"
#include "operation/child.h"
#include "operation/registry.h"

/* How long stdout may be silent when the command has ended and something it started holds the pipe.
 */
#define CANCEL_INTERVAL_MS 100
#define SILENCE_NS          INT64_C(1000000000)
#define NS_PER_MS           INT64_C(1000000)
#define STDERR_BURST_COUNT  8 /* reads of stderr before stdin and stdout have their turn again */
#define ITEM_VARIABLE_COUNT 3

struct exec_config {
    char **argv; /* as given; ends with NULL */
    size_t argument_count;
    char **environment; /* the program's at the time of creation, without the variables of the item;
                           not ended by NULL */
    size_t environment_count;
};

struct exec_state {
    const struct exec_config *config;
    struct child child;
};

static const char *const item_variables[ITEM_VARIABLE_COUNT] = {"MILLRACE_PATH", "MILLRACE_SIZE",
                                                                "MILLRACE_MTIME"};

enum piece {
    PIECE_BYTE, /* stands for itself */
    PIECE_OPEN,
    PIECE_CLOSE,
    PIECE_PATH,
    PIECE_PATH_STEM,
    PIECE_BASE,
    PIECE_BASE_STEM,
    PIECE_DIRECTORY,
    PIECE_LATER /* has a meaning that filter mode cannot give it */
};

static const struct {
    const char *text;
    enum piece piece;
} placeholders[] = {
    {"{}", PIECE_PATH},         {"{.}", PIECE_PATH_STEM},  {"{/}", PIECE_BASE},
    {"{//}", PIECE_DIRECTORY},  {"{/.}", PIECE_BASE_STEM}, {"{in}", PIECE_LATER},
    {"{out}", PIECE_LATER},     {"{#}", PIECE_LATER},      {"{%}", PIECE_LATER},
    {"{threads}", PIECE_LATER},
};

/* What is at the beginning of text, and its length. open_count: of "{{" that no "}}" has closed. */
static enum piece next_piece(const char *text, size_t open_count, size_t *length)
{
    *length = 2;
    if (strncmp(text, "{{", 2) == 0)
        return PIECE_OPEN;
    if (open_count > 0 && strncmp(text, "}}", 2) == 0)
        return PIECE_CLOSE;
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++) {
        *length = strlen(placeholders[i].text);
        if (strncmp(text, placeholders[i].text, *length) == 0)
            return placeholders[i].piece;
    }
    *length = 1;
    return PIECE_BYTE;
}

/* The length of name without the extension of its last component; a dot that begins the component
 * is no extension's. */
static size_t stem_length(const char *name)
{
    const char *base = path_base(name);
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? (size_t)(dot - name) : strlen(name);
}

/* The part of path that piece stands for. */
static const char *piece_of_path(enum piece piece, const char *path, size_t *length)
{
    const char *base = path_base(path);
    switch (piece) {
    case PIECE_PATH_STEM:
        *length = stem_length(path);
        return path;
    case PIECE_BASE:
        *length = strlen(base);
        return base;
    case PIECE_BASE_STEM:
        *length = stem_length(base);
        return base;
    case PIECE_DIRECTORY:
        if (base == path) {
            *length = 1;
            return ".";
        }
        *length = base - path > 1 ? (size_t)(base - path) - 1 : 1; /* "/" stays "/" */
        return path;
    default:
        *length = strlen(path);
        return path;
    }
}

/* Puts argument with its placeholders replaced into out, which may be NULL. Returns the length. */
static size_t expand_into(char *out, const char *argument, const char *path)
{
    size_t total = 0, open_count = 0;
    while (*argument) {
        size_t length, piece_length = 1;
        const char *bytes = argument;
        enum piece piece = next_piece(argument, open_count, &length);
        if (piece == PIECE_OPEN)
            open_count++;
        else if (piece == PIECE_CLOSE)
            open_count--;
        else if (piece != PIECE_BYTE)
            bytes = piece_of_path(piece, path, &piece_length);
        if (out)
            memcpy(out + total, bytes, piece_length);
        total += piece_length;
        argument += length;
    }
    return total;
}

/* The caller's to free; NULL when out of memory. */
static char *expand(const char *argument, const char *path)
{
    size_t length = expand_into(NULL, argument, path);
    char *out = malloc(length + 1);
    if (!out)
        return NULL;
    expand_into(out, argument, path);
    out[length] = '\0';
    return out;
}

static enum mr_status check_argument(const char *argument, bool is_command, struct mr_error *err)
{
    size_t open_count = 0, length;
    for (; *argument; argument += length) {
        enum piece piece = next_piece(argument, open_count, &length);
        if (piece == PIECE_OPEN)
            open_count++;
        else if (piece == PIECE_CLOSE)
            open_count--;
        else if (piece == PIECE_LATER)
            return mr_error_set(err, MR_E_USAGE, 0,
                                "-x: %.*s needs a mode that is not there yet, only filter mode is; "
                                "{%.*s} stands for these characters themselves",
                                (int)length, argument, (int)length, argument);
        else if (piece != PIECE_BYTE && is_command)
            return mr_error_set(err, MR_E_USAGE, 0,
                                "-x: %.*s cannot be a part of the command's name, only of its "
                                "arguments: an item's name must not choose the program",
                                (int)length, argument);
    }
    return MR_OK;
}

static void free_strings(char **strings, size_t count)
{
    for (size_t i = 0; strings && i < count; i++)
        free(strings[i]);
    free(strings);
}

static void config_destroy(void *config)
{
    struct exec_config *exec = config;
    if (!exec)
        return;
    free_strings(exec->argv, exec->argument_count);
    free_strings(exec->environment, exec->environment_count);
    free(exec);
}

static bool is_item_variable(const char *variable)
{
    for (size_t i = 0; i < ITEM_VARIABLE_COUNT; i++) {
        size_t length = strlen(item_variables[i]);
        if (strncmp(variable, item_variables[i], length) == 0 && variable[length] == '=')
            return true;
    }
    return false;
}

/* A copy, so that no thread reads the program's own environment while somebody changes it. */
static bool copy_environment(struct exec_config *exec)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    exec->environment = calloc(count + 1, sizeof(*exec->environment));
    if (!exec->environment)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (is_item_variable(environ[i]))
            continue;
        char *copy = strdup(environ[i]);
        if (!copy)
            return false;
        exec->environment[exec->environment_count++] = copy;
    }
    return true;
}

static bool copy_arguments(struct exec_config *exec, const char *const *argv)
{
    size_t count = 0;
    while (argv[count])
        count++;
    exec->argv = calloc(count + 1, sizeof(*exec->argv));
    if (!exec->argv)
        return false;
    for (; exec->argument_count < count; exec->argument_count++) {
        exec->argv[exec->argument_count] = strdup(argv[exec->argument_count]);
        if (!exec->argv[exec->argument_count])
            return false;
    }
    return true;
}

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct exec_state);
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct exec_state *made = malloc(sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->config = config;
    child_init(&made->child);
    *state = made;
    return MR_OK;
}

static void stop(void *state)
{
    struct exec_state *exec = state;
    child_stop(&exec->child);
}

static void state_destroy(void *state)
{
    if (!state)
        return;
    stop(state);
    free(state);
}

/* The arguments for an item; the caller's to free with free_strings(). NULL when out of memory. */
static char **make_arguments(const struct exec_config *config, const struct mr_entry *entry)
{
    char **argv = calloc(config->argument_count + 1, sizeof(*argv));
    for (size_t i = 0; argv && i < config->argument_count; i++) {
        argv[i] = expand(config->argv[i], entry->path);
        if (!argv[i]) {
            free_strings(argv, i);
            return NULL;
        }
    }
    return argv;
}

/* Fills variables (the caller frees them, also on failure). False when out of memory. */
static bool make_variables(char *variables[ITEM_VARIABLE_COUNT], const struct mr_entry *entry)
{
    char size[24] = "", mtime[24] = "";
    if (entry->size_bytes >= 0)
        snprintf(size, sizeof(size), "%lld", (long long)entry->size_bytes);
    if (entry->has_mtime)
        snprintf(mtime, sizeof(mtime), "%lld", (long long)entry->mtime_s);
    const char *const values[ITEM_VARIABLE_COUNT] = {entry->path, size, mtime};
    for (size_t i = 0; i < ITEM_VARIABLE_COUNT; i++) {
        size_t cap_bytes = strlen(item_variables[i]) + 1 + strlen(values[i]) + 1;
        variables[i] = malloc(cap_bytes);
        if (!variables[i])
            return false;
        snprintf(variables[i], cap_bytes, "%s=%s", item_variables[i], values[i]);
    }
    return true;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct exec_state *exec = state;
    const struct exec_config *config = exec->config;
    child_stop(&exec->child);

    size_t kept_count = config->environment_count;
    char *variables[ITEM_VARIABLE_COUNT] = {NULL};
    char **argv = make_arguments(config, entry);
    char **environment = calloc(kept_count + ITEM_VARIABLE_COUNT + 1, sizeof(*environment));
    enum mr_status status;
    if (argv && environment && make_variables(variables, entry)) {
        if (kept_count > 0)
            memcpy(environment, config->environment, kept_count * sizeof(*environment));
        memcpy(environment + kept_count, variables, sizeof(variables));
        status = child_spawn(&exec->child, argv, environment, err);
    } else {
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < ITEM_VARIABLE_COUNT; i++)
        free(variables[i]);
    free(environment);
    free_strings(argv, config->argument_count);
    return status;
}

/* Gives the child what it takes now; what it does not want is dropped. *has_moved is set when it
 * took something. */
static enum mr_status feed(struct child *child, struct mr_io *io, bool *has_moved,
                           struct mr_error *err)
{
    while (io->in_bytes > 0) {
        size_t used_bytes;
        enum mr_status status = child_write(child, io->in, io->in_bytes, &used_bytes, err);
        if (status == MR_AGAIN)
            return MR_OK;
        if (status == MR_DONE)
            used_bytes = io->in_bytes;
        else if (status != MR_OK)
            return status;
        else
            *has_moved = true;
        io->in += used_bytes;
        io->in_bytes -= used_bytes;
    }
    if (io->is_last)
        child_close_stdin(child);
    return MR_OK;
}

/* Takes what stdout and stderr have now, as far as there is room. */
static enum mr_status drain(struct child *child, struct mr_io *io, bool *has_moved,
                            struct mr_error *err)
{
    enum mr_status status = MR_OK;
    while (status == MR_OK && io->out_bytes > 0) {
        size_t got_bytes;
        status = child_read(child, io->out, io->out_bytes, &got_bytes, err);
        io->out += got_bytes;
        io->out_bytes -= got_bytes;
        *has_moved = *has_moved || got_bytes > 0;
    }
    if (mr_status_is_error(status))
        return status;
    status = MR_OK;
    for (int i = 0; status == MR_OK && i < STDERR_BURST_COUNT; i++)
        status = child_read_stderr(child, err);
    return mr_status_is_error(status) ? status : MR_OK;
}

/* The end of the child as the end of the item. */
static enum mr_status finish(struct exec_state *exec, struct mr_error *err)
{
    struct child *child = &exec->child;
    child_stop(child);
    if (child->end.kind == SPAWN_EXITED && child->end.number == 0)
        return MR_DONE;
    char command[PATH_SHOW_BYTES / 2], line[PATH_SHOW_BYTES], shown[PATH_SHOW_BYTES];
    path_show(command, sizeof(command), exec->config->argv[0]);
    path_show(shown, sizeof(shown), child_last_line(child, line, sizeof(line)));
    const char *colon = shown[0] ? ": " : "";
    if (child->end.kind == SPAWN_LOST)
        return mr_error_set(err, MR_E_CHILD, 0,
                            "the exit status of %s is lost: this program ignores SIGCHLD or waits "
                            "for all its children",
                            command);
    if (child->end.kind == SPAWN_EXITED)
        return mr_error_set(err, MR_E_CHILD, 0, "%s exited with status %d%s%s", command,
                            child->end.number, colon, shown);
    const char *name = sigabbrev_np(child->end.number);
    return mr_error_set(err, MR_E_CHILD, 0, "%s was killed by signal %d (%s)%s%s", command,
                        child->end.number, name ? name : "unknown", colon, shown);
}

/* In ms, for child_poll(); 0: the silence has lasted. While the child lives, as often as it is
 * asked whether the item is still wanted. */
static int silence_left_ms(const struct child *child, int64_t silent_since_ns)
{
    if (!child->has_ended)
        return CANCEL_INTERVAL_MS;
    int64_t left_ns = silent_since_ns + SILENCE_NS - clock_now_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/*
 * Returns when the input is used up, the room is full or the child has ended: never because nothing
 * happens to be there yet, so that the result is the same for every timing.
 */
static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct exec_state *exec = state;
    struct child *child = &exec->child;
    int64_t silent_since_ns = clock_now_ns();
    enum mr_status status = MR_OK;
    while (status == MR_OK) {
        bool has_moved = false;
        status = feed(child, io, &has_moved, err);
        if (status == MR_OK)
            status = drain(child, io, &has_moved, err);
        if (status != MR_OK)
            break;
        if (child->out_fd < 0 && child->err_fd < 0 && child_check_end(child))
            return finish(exec, err);
        if (io->out_bytes == 0 || (io->in_bytes == 0 && !io->is_last))
            return MR_OK;
        if (io->is_cancelled && io->is_cancelled(io->cancel_ctx)) {
            status = mr_error_set(err, MR_CANCELLED, 0, "stopped");
            break;
        }
        if (has_moved || !child->has_ended)
            silent_since_ns = clock_now_ns();
        int timeout_ms = silence_left_ms(child, silent_since_ns);
        if (timeout_ms == 0)
            return finish(exec, err);
        status = child_poll(child, io->in_bytes > 0, timeout_ms, err);
        if (status == MR_TIMEOUT)
            status = MR_OK;
        if (!child->has_ended && child_check_end(child))
            silent_since_ns = clock_now_ns();
    }
    child_stop(child);
    return status;
}

static const struct mr_operation operation_exec = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "exec",
    .summary = "a command: stdin is the content, stdout the result",
    .config_destroy = config_destroy,
    .state_bytes = state_bytes,
    .state_create = state_create,
    .start = start,
    .process = process,
    .stop = stop,
    .state_destroy = state_destroy,
};

enum mr_status exec_filter_create(const char *const *argv, const struct mr_operation **operation,
                                  void **config, struct mr_error *err)
{
    if (!argv || !argv[0] || !argv[0][0])
        return mr_error_set(err, MR_E_USAGE, 0, "-x: the command is missing");
    for (size_t i = 0; argv[i]; i++) {
        enum mr_status status = check_argument(argv[i], i == 0, err);
        if (status != MR_OK)
            return status;
    }
    struct exec_config *made = calloc(1, sizeof(*made));
    if (!made || !copy_arguments(made, argv) || !copy_environment(made)) {
        config_destroy(made);
        return mr_error_set(err, MR_E_MEMORY, 0, "-x: out of memory");
    }
    *operation = &operation_exec;
    *config = made;
    return MR_OK;
}
