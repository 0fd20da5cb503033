/*
 * plugin.h - operations out of a shared object: what millrace/operation.h says of plugins, from the
 * host's side.
 *
 * A plugin is code in this process: loading it runs it. What is checked is that it was made for
 * this interface and that its tables are complete, so that a mistake is an error with a name. Not
 * thread-safe for one path at a time; the operations of an open plugin may be used by any number of
 * threads.
 */
#ifndef MR_OPERATION_PLUGIN_H
#define MR_OPERATION_PLUGIN_H

#include "millrace/operation.h"

struct plugin;

/* Is the operation SPEC ("NAME[:SETTINGS]") one of a plugin? Its name has a '/' then, so that no
 * library path is ever searched. */
bool plugin_is_spec(const char *spec);

/*
 * Loads the shared object at path (with a '/'; RTLD_NOW, RTLD_LOCAL). *plugin: the caller's to
 * close. MR_OK, MR_E_MEMORY, MR_E_SYSTEM (no such file), MR_E_UNSUPPORTED (made for another
 * version), MR_E_USAGE (not a plugin, or not a complete one). The text names the file.
 */
enum mr_status plugin_open(const char *path, struct plugin **plugin, struct mr_error *err);
/* After the last use of an operation, its configurations and states. NULL is a no-op. */
void plugin_close(struct plugin *plugin);

/* What it says of itself; texts that it does not give are "". path: as given. Valid until
 * plugin_close(). */
const struct mr_plugin *plugin_about(const struct plugin *plugin);
const char *plugin_path(const struct plugin *plugin);
/* The index-th operation, a copy in this build's layout; NULL after the last. Valid until
 * plugin_close(). */
const struct mr_operation *plugin_at(const struct plugin *plugin, size_t index);

/*
 * The operation called name, or, with NULL, the only one. MR_OK, MR_E_USAGE (no such operation, or
 * not one alone: the text lists them).
 */
enum mr_status plugin_find(const struct plugin *plugin, const char *name,
                           const struct mr_operation **operation, struct mr_error *err);

/*
 * Opens what SPEC names, "PATH[:NAME][:SETTINGS]", and finds its operation. Cuts spec up; *settings
 * points into it, or is NULL. A part with '=' before the next ':' is not a NAME; an empty NAME is
 * the only operation. As plugin_open() and plugin_find(); *plugin is the caller's to close on
 * MR_OK.
 */
enum mr_status plugin_open_spec(char *spec, struct plugin **plugin,
                                const struct mr_operation **operation, char **settings,
                                struct mr_error *err);

#endif
