#include "cli/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/filelock.h"
#include "base/io.h"
#include "base/path.h"
#include "cli/fingerprint.h"

#define BOOT_ID_BYTES 64
/* The name, among those of the items, of the archive as a whole: no item can have it. */
#define WHOLE_ARCHIVE "."

enum mr_status resume_check(const struct options *options, const struct output *output,
                            const struct chain *chain, struct mr_error *err)
{
    const char *option = options->retries_failed ? "--retry-failed" : "--resume";
    struct stat journal, there;
    if (options->journal &&
        (strcmp(options->journal, options->output) == 0 ||
         (stat(options->journal, &journal) == 0 && stat(options->output, &there) == 0 &&
          journal.st_dev == there.st_dev && journal.st_ino == there.st_ino)))
        return mr_error_set(err, MR_E_USAGE, 0, "--journal: this is OUTPUT: name another file");
    if (!options->resumes && !options->retries_failed)
        return MR_OK;
    if (output->path && strcmp(output->path, "-") == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "%s needs an OUTPUT that stays: what went to stdout cannot be gone on "
                            "with",
                            option);
    if (chain_notes_path(chain))
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "%s and a list that an operation writes contradict each other: the list "
            "would lack what is left out",
            option);
    if (options->retries_failed && output->kind == OUTPUT_ARCHIVE)
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "--retry-failed is for a tree as OUTPUT: an archive is made as a whole");
    return MR_OK;
}

/* Which start of the system this is; "" when nobody knows, which is another one each time. */
static void find_boot_id(char id[BOOT_ID_BYTES])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    id[0] = '\0';
    if (!file)
        return;
    if (fgets(id, BOOT_ID_BYTES, file))
        id[strcspn(id, "\n")] = '\0';
    fclose(file);
}

static enum mr_status open_failed(const char *path, int fault, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_SYSTEM, fault, "cannot open the journal %s",
                        path_show(shown, sizeof(shown), path));
}

static enum mr_status in_use(const char *shown, pid_t owner, struct mr_error *err)
{
    if (owner == 0)
        return mr_error_set(err, MR_E_SYSTEM, 0, "another run uses the journal %s", shown);
    return mr_error_set(err, MR_E_SYSTEM, 0, "another run (process %d) uses the journal %s",
                        (int)owner, shown);
}

/* Opens and locks it: *fd is the caller's also on failure, -1 when there is none. */
static enum mr_status open_file(struct resume *resume, const char *path, int *fd,
                                int64_t *size_bytes, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct stat about;
    pid_t owner;
    path_show(shown, sizeof(shown), path);
    *fd = io_open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (*fd < 0 || fstat(*fd, &about) != 0)
        return open_failed(path, errno, err);
    if (!S_ISREG(about.st_mode))
        return mr_error_set(err, MR_E_USAGE, 0, "--journal: %s is no regular file", shown);
    if (filelock_take(*fd, false, &owner) != 0 && errno == EWOULDBLOCK)
        return in_use(shown, owner, err);
    /* Somebody may have written to it before it was locked. */
    if (fstat(*fd, &about) != 0)
        return open_failed(path, errno, err);
    *size_bytes = about.st_size;
    resume->file = (struct walk_own){.device = about.st_dev, .inode = about.st_ino};
    return MR_OK;
}

static enum mr_status differs(const char *path, const char *name, const char *then, const char *now,
                              struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES], was[PATH_SHOW_BYTES / 2], is[PATH_SHOW_BYTES / 2];
    path_show(shown, sizeof(shown), path);
    path_show(was, sizeof(was), then ? then : "");
    path_show(is, sizeof(is), now ? now : "");
    return mr_error_set(
        err, MR_E_USAGE, 0,
        "the journal %s is of another run: %s was %s%s%s and is %s%s%s; go on as it "
        "was, or use another journal",
        shown, name, then ? "'" : "not given", was, then ? "'" : "", now ? "'" : "not given", is,
        now ? "'" : "");
}

/* Is the run the one that the journal is of? */
static enum mr_status compare(const struct journal_past *past, const struct fingerprint *now,
                              const char *path, struct mr_error *err)
{
    const char *name;
    for (size_t i = 0; (name = journal_past_field_at(past, i)); i++) {
        const char *then = journal_past_field(past, name), *value = fingerprint_value(now, name);
        if (!value || strcmp(then, value) != 0)
            return differs(path, name, then, value, err);
    }
    for (size_t i = 0; i < now->count; i++)
        if (!journal_past_field(past, now->fields[i].name))
            return differs(path, now->fields[i].name, NULL, now->fields[i].value, err);
    return MR_OK;
}

static enum mr_status put_header(struct journal *journal, const struct fingerprint *now,
                                 struct mr_error *err)
{
    const struct journal_record header = {.type = JOURNAL_HEADER,
                                          .field_count = (unsigned)now->count,
                                          .version = mr_version(),
                                          .output_crc_kind = "crc32"};
    enum mr_status status = journal_put(journal, &header, err);
    for (size_t i = 0; status == MR_OK && i < now->count; i++) {
        const struct journal_record field = {
            .type = JOURNAL_FIELD, .name = now->fields[i].name, .value = now->fields[i].value};
        status = journal_put(journal, &field, err);
    }
    return status;
}

static enum mr_status put_session(const struct resume *resume, const char *boot_id,
                                  struct mr_error *err)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct journal_record session = {.type = JOURNAL_SESSION,
                                           .time_s = now.tv_sec,
                                           .time_ns = (uint32_t)now.tv_nsec,
                                           .process = (uint32_t)getpid(),
                                           .is_synced = resume->is_synced,
                                           .boot_id = boot_id};
    return journal_put(resume->journal, &session, err);
}

/* The archive as it stands, for the journal. False when there is none. */
static bool describe_archive(const struct output *output, struct journal_file *file)
{
    struct stat about;
    if (output->kind != OUTPUT_ARCHIVE || stat(output->path, &about) != 0 ||
        !S_ISREG(about.st_mode))
        return false;
    *file = (struct journal_file){.size_bytes = about.st_size,
                                  .mtime_s = about.st_mtim.tv_sec,
                                  .mtime_ns = (uint32_t)about.st_mtim.tv_nsec,
                                  .inode = about.st_ino};
    return true;
}

/* Was the archive finished, and is it still what it was then? */
static enum mr_status look_at_archive(struct resume *resume, const struct output *output,
                                      struct mr_error *err)
{
    struct journal_file now;
    struct journal_item then;
    bool is_unsure;
    if (!journal_past_is_complete(resume->past) || !describe_archive(output, &now))
        return MR_OK;
    enum mr_status status = journal_past_find(resume->past, WHOLE_ARCHIVE, &then, &is_unsure, err);
    if (status == MR_OK)
        resume->is_done = !is_unsure && then.output_file.size_bytes == now.size_bytes &&
                          then.output_file.mtime_s == now.mtime_s &&
                          then.output_file.mtime_ns == now.mtime_ns &&
                          then.output_file.inode == now.inode;
    return status == MR_DONE ? MR_OK : status;
}

/* What an earlier run wrote is read, compared and cut to what is whole. */
static enum mr_status read_past(struct resume *resume, const struct options *options, int fd,
                                const struct fingerprint *now, const char *boot_id,
                                struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    int64_t end_bytes;
    enum mr_status status =
        journal_past_read(fd, options->journal, boot_id, &resume->past, &end_bytes, err);
    bool goes_on = options->resumes || options->retries_failed;
    if (status == MR_OK && resume->past && !goes_on && journal_past_is_empty(resume->past)) {
        journal_past_destroy(resume->past); /* of a run that did not come to anything */
        resume->past = NULL;
        end_bytes = 0;
    }
    if (status == MR_OK && resume->past && !goes_on)
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "--journal: %s is there already: add --resume to go on with it, or name "
            "another file",
            path_show(shown, sizeof(shown), options->journal));
    if (status == MR_OK && resume->past)
        status = compare(resume->past, now, options->journal, err);
    if (status == MR_OK && io_truncate(fd, end_bytes) != 0)
        status = open_failed(options->journal, errno, err);
    return status;
}

static enum mr_status start(struct resume *resume, const struct options *options,
                            const struct output *output, const struct fingerprint *now,
                            struct mr_error *err)
{
    char boot_id[BOOT_ID_BYTES];
    int fd;
    int64_t size_bytes = 0;
    enum mr_status status = open_file(resume, options->journal, &fd, &size_bytes, err);
    find_boot_id(boot_id);
    if (status == MR_OK && size_bytes > 0)
        status = read_past(resume, options, fd, now, boot_id, err);
    if (status == MR_OK && resume->past)
        status = look_at_archive(resume, output, err);
    if (status != MR_OK) {
        if (fd >= 0)
            close(fd);
        return status;
    }
    status = journal_create(fd, options->journal, &resume->journal, err);
    if (status == MR_OK && !resume->past)
        status = put_header(resume->journal, now, err);
    if (status == MR_OK && !resume->is_done)
        status = put_session(resume, boot_id, err);
    return status;
}

enum mr_status resume_open(struct resume *resume, const struct options *options,
                           const struct output *output, struct mr_error *err)
{
    struct fingerprint now;
    if (!options->journal || options->is_dry)
        return MR_OK;
    resume->is_synced = options->sync != SYNC_NONE;
    enum mr_status status = fingerprint_init(&now, options, err);
    if (status == MR_OK)
        status = start(resume, options, output, &now, err);
    fingerprint_fini(&now);
    return status;
}

bool resume_own(const struct resume *resume, struct walk_own *own)
{
    *own = resume->file;
    return resume->journal != NULL;
}

void resume_job(const struct resume *resume, const struct options *options,
                struct job_config *config)
{
    config->journal = resume->journal;
    config->retries_failed = options->retries_failed;
    if (!(config->sink->flags & MR_SINK_SERIAL))
        config->past = resume->past;
}

enum mr_status resume_end(struct resume *resume, const struct output *output, bool is_complete,
                          struct mr_error *err)
{
    struct timespec now;
    enum mr_status status = MR_OK;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!resume->journal)
        return MR_OK;
    struct journal_record record = {.type = JOURNAL_ITEM,
                                    .item = {.status = JOURNAL_STORED,
                                             .has_output = true,
                                             .ended_s = now.tv_sec,
                                             .ended_ns = (uint32_t)now.tv_nsec,
                                             .input = "",
                                             .path = "",
                                             .output = WHOLE_ARCHIVE,
                                             .reason = ""}};
    if (is_complete && describe_archive(output, &record.item.output_file))
        status = journal_put(resume->journal, &record, err);
    const struct journal_record end = {.type = JOURNAL_END,
                                       .time_s = now.tv_sec,
                                       .time_ns = (uint32_t)now.tv_nsec,
                                       .is_complete = is_complete};
    if (status == MR_OK)
        status = journal_put(resume->journal, &end, err);
    return status == MR_OK && resume->is_synced ? journal_sync(resume->journal, err) : status;
}

void resume_close(struct resume *resume)
{
    journal_past_destroy(resume->past);
    journal_destroy(resume->journal);
    memset(resume, 0, sizeof(*resume));
}
