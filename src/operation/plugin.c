/* Loads plugins, and checks them as far as that goes. */
#include "operation/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/path.h"

#define ENTRY               "mr_plugin_v1"
#define OPERATION_MAX_COUNT 100
#define SETTING_MAX_COUNT   1000
#define NAME_MAX_BYTES      40
#define LIST_BYTES          160

struct plugin {
    char *path;                      /* owned */
    void *handle;                    /* of dlopen() */
    struct mr_host host;             /* what it was told */
    struct mr_plugin about;          /* a copy: what the plugin does not have is zero or "" */
    struct mr_operation *operations; /* owned: copies, ended by one without a name */
    size_t count;
};

bool plugin_is_spec(const char *spec)
{
    return memchr(spec, '/', strcspn(spec, ":")) != NULL;
}

const struct mr_plugin *plugin_about(const struct plugin *plugin)
{
    return &plugin->about;
}

const char *plugin_path(const struct plugin *plugin)
{
    return plugin->path;
}

const struct mr_operation *plugin_at(const struct plugin *plugin, size_t index)
{
    return index < plugin->count ? &plugin->operations[index] : NULL;
}

void plugin_close(struct plugin *plugin)
{
    if (!plugin)
        return;
    if (plugin->handle)
        dlclose(plugin->handle);
    free(plugin->operations);
    free(plugin->path);
    free(plugin);
}

/* ---- what it must have ---- */

/* A struct that begins with its size, as its author knew it: what is missing is zero. */
static void copy_struct(void *to, size_t to_bytes, const void *from)
{
    size_t bytes;
    memcpy(&bytes, from, sizeof(bytes));
    memset(to, 0, to_bytes);
    memcpy(to, from, bytes < to_bytes ? bytes : to_bytes);
}

static bool is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_+.";
    size_t length = text ? strnlen(text, NAME_MAX_BYTES + 1) : 0;
    return length > 0 && length <= NAME_MAX_BYTES && strspn(text, allowed) == length;
}

static bool has_complete_settings(const struct mr_setting *settings)
{
    for (size_t i = 0; i < SETTING_MAX_COUNT; i++) {
        const struct mr_setting *row = &settings[i];
        if (!row->key)
            return true;
        if (!is_name(row->key) || !row->values || !row->summary)
            return false;
    }
    return false;
}

/* What an operation with a name lacks, or NULL. */
static const char *find_fault(const struct mr_operation *operation)
{
    const unsigned known =
        MR_OPERATION_IDENTITY | MR_OPERATION_NOTES | MR_OPERATION_OUTSIDE | MR_OPERATION_UNPACKS;
    if (!operation->summary)
        return "has no summary";
    if (!operation->process)
        return "has no process()";
    if (operation->flags & ~known)
        return "has flags that this version does not know";
    if (operation->settings && !has_complete_settings(operation->settings))
        return "has a setting without key, values or summary";
    if (operation->settings && operation->settings->key && !operation->config_set)
        return "has settings and no config_set()";
    if ((operation->flags & MR_OPERATION_NOTES) && (!operation->note || !operation->notes_path))
        return "has notes and no note() or notes_path()";
    return NULL;
}

static enum mr_status take_operation(struct plugin *plugin, const struct mr_operation *from,
                                     struct mr_error *err)
{
    struct mr_operation *made = &plugin->operations[plugin->count];
    copy_struct(made, sizeof(*made), from);
    made->struct_bytes = sizeof(*made);
    made->internals = NULL;
    if (!is_name(made->name))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "its operation %zu has no name, or one with other characters than "
                            "letters, digits and -_+.",
                            plugin->count + 1);
    const char *fault = find_fault(made);
    if (fault)
        return mr_error_set(err, MR_E_USAGE, 0, "its operation %s %s", made->name, fault);
    for (size_t i = 0; i < plugin->count; i++)
        if (strcmp(plugin->operations[i].name, made->name) == 0)
            return mr_error_set(err, MR_E_USAGE, 0, "it has two operations %s", made->name);
    plugin->count++;
    return MR_OK;
}

static enum mr_status take_operations(struct plugin *plugin, struct mr_error *err)
{
    const struct mr_operation *const *list = plugin->about.operations;
    size_t count = 0;
    while (list && count <= OPERATION_MAX_COUNT && list[count])
        count++;
    if (count == 0)
        return mr_error_set(err, MR_E_USAGE, 0, "it has no operations");
    if (count > OPERATION_MAX_COUNT)
        return mr_error_set(err, MR_E_USAGE, 0, "its list of operations has no end");
    plugin->operations = calloc(count + 1, sizeof(*plugin->operations));
    if (!plugin->operations)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = take_operation(plugin, list[i], err);
    return status;
}

static enum mr_status take_about(struct plugin *plugin, const struct mr_plugin *from,
                                 struct mr_error *err)
{
    if (!from)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "it does not work with millrace %s",
                            mr_version());
    struct mr_plugin *about = &plugin->about;
    copy_struct(about, sizeof(*about), from);
    if (about->abi_version != MR_PLUGIN_ABI)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "it was made for version %u of the interface; this millrace has %d",
                            about->abi_version, MR_PLUGIN_ABI);
    if (!is_name(about->name))
        return mr_error_set(err, MR_E_USAGE, 0, "it has no name");
    about->version = about->version ? about->version : "";
    about->licence = about->licence ? about->licence : "";
    about->summary = about->summary ? about->summary : "";
    return MR_OK;
}

/* ---- loading ---- */

/* dlerror() begins with the file's name, which the caller puts there anyway. */
static enum mr_status not_loaded(const char *path, struct mr_error *err)
{
    const char *text = dlerror();
    text = text ? text : "cannot be loaded";
    size_t length = strlen(path);
    if (strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        text += length + 2;
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_USAGE, 0, "it cannot be loaded: %s",
                        path_show(shown, sizeof(shown), text));
}

/*
 * Does the file end before what it says is in it? The loader of the system maps it without looking,
 * and the process would die of SIGBUS. What is no ELF file of this machine is left for it to say.
 */
static bool is_cut(int fd, off_t file_bytes)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) part;
    size_t got_bytes;
    if (io_pread(fd, &head, sizeof(head), 0, &got_bytes) != 0 || got_bytes != sizeof(head) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(part))
        return false;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        uint64_t at = (uint64_t)head.e_phoff + (uint64_t)i * sizeof(part), room;
        if (at > INT64_MAX || io_pread(fd, &part, sizeof(part), (int64_t)at, &got_bytes) != 0 ||
            got_bytes != sizeof(part))
            return true;
        room = part.p_offset <= (uint64_t)file_bytes ? (uint64_t)file_bytes - part.p_offset : 0;
        if (part.p_filesz > room)
            return true;
    }
    return false;
}

static enum mr_status check_file(const char *path, struct mr_error *err)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "it cannot be loaded");
    if (!S_ISREG(file.st_mode)) /* a FIFO would be waited for */
        return mr_error_set(err, MR_E_USAGE, 0, "it is not a regular file");
    int fd = io_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "it cannot be loaded");
    bool cut = is_cut(fd, file.st_size);
    close(fd);
    return cut ? mr_error_set(err, MR_E_USAGE, 0, "it cannot be loaded: the file is cut off")
               : MR_OK;
}

static enum mr_status load(struct plugin *plugin, struct mr_error *err)
{
    enum mr_status status = check_file(plugin->path, err);
    if (status != MR_OK)
        return status;
    plugin->handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin->handle)
        return not_loaded(plugin->path, err);
    void *symbol = dlsym(plugin->handle, ENTRY);
    if (!symbol)
        return mr_error_set(err, MR_E_USAGE, 0, "it is no plugin of millrace: no function %s()",
                            ENTRY);
    const struct mr_plugin *(*entry)(const struct mr_host *host);
    memcpy(&entry, &symbol, sizeof(entry)); /* POSIX has it so; C has no cast for it */
    plugin->host = (struct mr_host){.struct_bytes = sizeof(struct mr_host),
                                    .version = mr_version(),
                                    .operation_bytes = sizeof(struct mr_operation),
                                    .io_bytes = sizeof(struct mr_io),
                                    .entry_bytes = sizeof(struct mr_entry)};
    status = take_about(plugin, entry(&plugin->host), err);
    return status == MR_OK ? take_operations(plugin, err) : status;
}

enum mr_status plugin_open(const char *path, struct plugin **plugin, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct plugin *made = calloc(1, sizeof(*made));
    if (made)
        made->path = strdup(path);
    enum mr_status status =
        made && made->path ? load(made, err) : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status == MR_OK) {
        *plugin = made;
        return MR_OK;
    }
    plugin_close(made);
    mr_error_prefix(err, "plugin %s", path_show(shown, sizeof(shown), path));
    return status;
}

/* ---- finding ---- */

static const char *name_at(const void *ctx, size_t index)
{
    const struct mr_operation *operation = plugin_at(ctx, index);
    return operation ? operation->name : NULL;
}

/* "one, two" into out; what does not fit is cut. */
static const char *list_names(const struct plugin *plugin, char *out, size_t cap_bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < plugin->count && at < cap_bytes; i++) {
        int length = snprintf(out + at, cap_bytes - at, "%s%s", i > 0 ? ", " : "",
                              plugin->operations[i].name);
        at += length > 0 ? (size_t)length : 0;
    }
    return out;
}

enum mr_status plugin_find(const struct plugin *plugin, const char *name,
                           const struct mr_operation **operation, struct mr_error *err)
{
    char path[PATH_SHOW_BYTES], names[LIST_BYTES], shown[PATH_SHOW_BYTES];
    path_show(path, 100, plugin->path);
    list_names(plugin, names, sizeof(names));
    if (!name && plugin->count == 1) {
        *operation = &plugin->operations[0];
        return MR_OK;
    }
    if (!name)
        return mr_error_set(err, MR_E_USAGE, 0, "plugin %s: say which operation, %s:NAME (%s)",
                            path, path, names);
    for (size_t i = 0; i < plugin->count; i++) {
        *operation = &plugin->operations[i];
        if (strcmp((*operation)->name, name) == 0)
            return MR_OK;
    }
    const char *nearest = parse_nearest(name, name_at, plugin);
    path_show(shown, 60, name);
    if (nearest)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "plugin %s: there is no operation \"%s\"; did you mean \"%s\"?", path,
                            shown, nearest);
    return mr_error_set(err, MR_E_USAGE, 0, "plugin %s: there is no operation \"%s\" (it has: %s)",
                        path, shown, names);
}

/* Ends the part at text with NUL; what follows its ':', or NULL. */
static char *cut_part(char *text)
{
    char *colon = strchr(text, ':');
    if (colon)
        *colon++ = '\0';
    return colon;
}

enum mr_status plugin_open_spec(char *spec, struct plugin **plugin,
                                const struct mr_operation **operation, char **settings,
                                struct mr_error *err)
{
    char *name = cut_part(spec);
    *settings = NULL;
    if (name && memchr(name, '=', strcspn(name, ":"))) {
        *settings = name;
        name = NULL;
    } else if (name) {
        *settings = cut_part(name);
    }
    enum mr_status status = plugin_open(spec, plugin, err);
    if (status != MR_OK)
        return status;
    status = plugin_find(*plugin, name && *name ? name : NULL, operation, err);
    if (status != MR_OK)
        plugin_close(*plugin);
    return status;
}
