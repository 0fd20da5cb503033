/*
 * exec_file.c - file mode: {in} is a real file with the content, {out} one that the command makes.
 *
 * Both are names in a private directory: in.EXT and out.EXT, with the extensions that the item has
 * and its result is to have, as many programs go by them.
 *
 * {in} is a symbolic link to /proc/PID/fd/N, a descriptor of ours: of the very file of a directory
 * that was found and opened (nothing is copied, and nobody can put another one in its place), or of
 * a sealed memory file with a small content that came as bytes. Larger content, and all content
 * when --tmpdir was given or there is no /proc, is a file of its own there. {out} does not exist
 * before; when the command has ended it must be a regular file, and is the result: its name is
 * removed before it is read. stdout then belongs to stderr; without {out} it is the result. stdin
 * is empty, or without {in} the content.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "operation/chain.h"
#include "operation/exec_modes.h"
#include "operation/exec_run.h"
#include "operation/scratch.h"

#define EXTENSION_MAX_BYTES 64 /* a longer one is none */

enum phase {
    PHASE_GATHERS, /* the content becomes {in} */
    PHASE_RUNS,    /* the command */
    PHASE_GIVES    /* {out} becomes the result */
};

struct exec_file {
    const struct exec_config *config;
    struct exec_run run;
    struct scratch scratch;
    const struct mr_entry *entry;
    enum phase phase;
    int source_fd;  /* the caller's: {in} is this file; -1: the content comes as bytes */
    int in_fd;      /* ours: what {in} is made of; -1: none yet */
    int out_fd;     /* {out} while it is read; -1: not yet */
    char *in, *out; /* paths; owned; NULL: not used */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Content in memory: no more than what is in one buffer. */
static bool keeps_in_memory(const struct exec_config *config)
{
    return config->has_proc && !config->wants_files;
}

static size_t state_bytes(const void *config)
{
    const struct exec_config *exec = config;
    size_t content_bytes = (exec->uses & EXEC_USES_IN) && keeps_in_memory(exec)
                               ? CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES
                               : 0;
    return sizeof(struct exec_file) + content_bytes;
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct exec_file *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->config = config;
    made->source_fd = made->in_fd = made->out_fd = -1;
    exec_run_init(&made->run, config);
    scratch_init(&made->scratch);
    *state = made;
    return MR_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void stop(void *state)
{
    struct exec_file *file = state;
    exec_run_stop(&file->run);
    close_fd(&file->in_fd);
    close_fd(&file->out_fd);
    file->source_fd = -1;
    free(file->in);
    free(file->out);
    file->in = file->out = NULL;
    scratch_clear(&file->scratch);
}

static void state_destroy(void *state)
{
    struct exec_file *file = state;
    if (!file)
        return;
    stop(file);
    scratch_close(&file->scratch);
    free(file);
}

/* "in" and ".png" as a path in the private directory; the caller's to free. NULL: out of memory. */
static char *name_file(const struct exec_file *file, const char *base, const char *extension,
                       size_t length)
{
    char name[8 + EXTENSION_MAX_BYTES];
    if (length > EXTENSION_MAX_BYTES)
        length = 0;
    snprintf(name, sizeof(name), "%s%.*s", base, (int)length, extension);
    return scratch_path(&file->scratch, name);
}

/* The extension that the result will have: that of its name without what the operations that follow
 * add to it. */
static const char *result_extension(const struct exec_file *file, size_t *length)
{
    const struct mr_entry *entry = file->entry;
    const char *name = path_base(entry->output_path ? entry->output_path : entry->path);
    const char *later = file->config->later_suffix;
    size_t name_length = strlen(name), later_length = strlen(later);
    if (later_length < name_length && strcmp(name + name_length - later_length, later) == 0)
        name_length -= later_length;
    const char *dot = memrchr(name, '.', name_length);
    *length = dot && dot != name ? (size_t)(name + name_length - dot) : 0;
    return *length > 0 ? dot : "";
}

static enum mr_status run_command(struct exec_file *file, struct mr_error *err)
{
    const struct exec_target target = {
        .entry = file->entry,
        .in = file->in,
        .out = file->out,
        .flags = (file->in ? CHILD_NO_STDIN : 0U) | (file->out ? CHILD_STDOUT_BESIDE : 0U),
    };
    enum mr_status status = exec_run_start(&file->run, &target, err);
    if (status == MR_OK)
        file->phase = PHASE_RUNS;
    return status;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct exec_file *file = state;
    const struct exec_config *config = file->config;
    stop(file);
    file->entry = entry;
    file->phase = PHASE_GATHERS;
    enum mr_status status = scratch_open(&file->scratch, config->tmpdir, err);
    if (status != MR_OK)
        return status;
    size_t length;
    if (config->uses & EXEC_USES_OUT) {
        const char *extension = result_extension(file, &length);
        file->out = name_file(file, "out", extension, length);
        if (!file->out)
            return no_memory(err);
    }
    if (!(config->uses & EXEC_USES_IN))
        return run_command(file, err);
    const char *extension = exec_words_extension(entry->path);
    file->in = name_file(file, "in", extension, strlen(extension));
    return file->in ? MR_OK : no_memory(err);
}

static char *details(void *state)
{
    const struct exec_file *file = state;
    return child_tail(&file->run.child, 0);
}

static bool takes_file(const void *config)
{
    const struct exec_config *exec = config;
    return (exec->uses & EXEC_USES_IN) && exec->has_proc;
}

static void give_file(void *state, int fd)
{
    struct exec_file *file = state;
    file->source_fd = fd;
}

static enum mr_status cannot(const char *what, struct mr_error *err)
{
    return mr_error_set(err, MR_E_SYSTEM, errno, "cannot %s the command's temporary file", what);
}

/* Opens what {in} will be made of. is_all: the first bytes are all that there are. */
static enum mr_status begin_input(struct exec_file *file, bool is_all, struct mr_error *err)
{
    if (is_all && keeps_in_memory(file->config)) {
        file->in_fd = memfd_create("millrace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (file->in_fd >= 0)
            return MR_OK;
    }
    file->in_fd = io_open(file->in, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return file->in_fd >= 0 ? MR_OK : cannot("make", err);
}

/* Lets {in} lead to a descriptor of ours, which stays open while the command runs. */
static enum mr_status link_input(const struct exec_file *file, int fd, struct mr_error *err)
{
    char target[64];
    snprintf(target, sizeof(target), "/proc/%ld/fd/%d", (long)getpid(), fd);
    return symlink(target, file->in) == 0 ? MR_OK : cannot("make", err);
}

/* All content is in in_fd. A memory file is sealed: nobody changes it any more. */
static enum mr_status finish_input(struct exec_file *file, struct mr_error *err)
{
    bool is_memory = fcntl(file->in_fd, F_ADD_SEALS,
                           F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
    if (is_memory)
        return link_input(file, file->in_fd, err);
    int fd = file->in_fd;
    file->in_fd = -1;
    return close(fd) == 0 ? MR_OK : cannot("write", err);
}

/* MR_OK with phase still PHASE_GATHERS: more is to come. */
static enum mr_status gather(struct exec_file *file, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    if (file->source_fd >= 0) {
        status = link_input(file, file->source_fd, err);
        return status == MR_OK ? run_command(file, err) : status;
    }
    if (file->in_fd < 0)
        status = begin_input(file, io->is_last, err);
    if (status != MR_OK)
        return status;
    if (io->in_bytes > 0 && io_write(file->in_fd, io->in, io->in_bytes) != 0)
        return cannot("write", err);
    io->in += io->in_bytes;
    io->in_bytes = 0;
    if (!io->is_last)
        return MR_OK;
    status = finish_input(file, err);
    return status == MR_OK ? run_command(file, err) : status;
}

/* The command has ended well. */
static enum mr_status take_result(struct exec_file *file, struct mr_error *err)
{
    char command[PATH_SHOW_BYTES / 2];
    path_show(command, sizeof(command), file->config->argv[0]);
    file->out_fd = io_open(file->out, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (file->out_fd < 0 && errno == ENOENT)
        return mr_error_set(err, MR_E_CHILD, 0, "%s ended well, but made no file {out}", command);
    int failure = errno;
    struct stat about;
    bool is_known =
        file->out_fd >= 0 ? fstat(file->out_fd, &about) == 0 : lstat(file->out, &about) == 0;
    if (is_known && !S_ISREG(about.st_mode))
        return mr_error_set(err, MR_E_CHILD, 0, "what %s made as {out} is no regular file",
                            command);
    if (is_known && file->out_fd >= 0) {
        file->phase = PHASE_GIVES;
        scratch_clear(&file->scratch); /* what is open is still there */
        return MR_OK;
    }
    return mr_error_set(err, MR_E_SYSTEM, failure, "cannot read what %s made as {out}", command);
}

static enum mr_status give(struct exec_file *file, struct mr_io *io, struct mr_error *err)
{
    size_t got_bytes, room_bytes = io->out_bytes;
    if (io_read(file->out_fd, io->out, room_bytes, &got_bytes) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the command's result");
    io->out += got_bytes;
    io->out_bytes -= got_bytes;
    return got_bytes < room_bytes ? MR_DONE : MR_OK;
}

static enum mr_status go_on(struct exec_file *file, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    if (file->phase == PHASE_GATHERS) {
        status = gather(file, io, err);
        if (status != MR_OK || file->phase == PHASE_GATHERS)
            return status;
    }
    if (file->phase == PHASE_RUNS) {
        status = exec_run_pump(&file->run, io, err);
        if (status != MR_DONE || !file->out)
            return status;
        status = take_result(file, err);
        if (status != MR_OK)
            return status;
    }
    return give(file, io, err);
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = go_on(state, io, err);
    if (status != MR_OK)
        stop(state);
    return status;
}

static const struct mr_operation_internals internals = {
    .takes_file = takes_file, .give_file = give_file, .details = details};

const struct mr_operation operation_exec_file = EXEC_OPERATION(
    "a command: {in} is a file with the content, {out} one for the result", exec_config_destroy);
