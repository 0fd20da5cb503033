#include "operation/exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "operation/exec_config.h"
#include "operation/exec_modes.h"
#include "operation/exec_server.h"

/* A number of 1 to 3 digits, 0 to 255; *text moves behind it. */
static bool read_status(const char **text, unsigned *number)
{
    size_t length = strspn(*text, "0123456789");
    if (length == 0 || length > 3)
        return false;
    *number = (unsigned)strtoul(*text, NULL, 10);
    *text += length;
    return *number <= 255;
}

/* "N" or "N-M", N <= M. */
static bool read_range(const char **text, struct exec_statuses *statuses)
{
    unsigned first, last;
    if (!read_status(text, &first))
        return false;
    last = first;
    if (**text == '-') {
        ++*text;
        if (!read_status(text, &last) || last < first)
            return false;
    }
    for (unsigned i = first; i <= last; i++)
        statuses->bits[i / 64] |= UINT64_C(1) << i % 64;
    return true;
}

enum mr_status exec_statuses_parse(const char *text, struct exec_statuses *statuses,
                                   struct mr_error *err)
{
    struct exec_statuses read = {{0}};
    const char *at = text;
    bool is_good = read_range(&at, &read);
    while (is_good && *at == ',') {
        at++;
        is_good = read_range(&at, &read);
    }
    char shown[PATH_SHOW_BYTES];
    if (!is_good || *at)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "'%s' is no list of exit statuses, 0 to 255, like 0,1,3-5",
                            path_show(shown, sizeof(shown), text));
    *statuses = read;
    return MR_OK;
}

/* No item's name may choose the program. */
static enum mr_status check_command(const char *command, struct mr_error *err)
{
    size_t length;
    const char *found = exec_words_find(command, ~0U, &length);
    if (!found)
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "%.*s cannot be a part of the command's name, only of its arguments: "
                        "an item's name must not choose the program",
                        (int)length, found);
}

static enum mr_status check_argument(const char *argument, enum exec_mode mode,
                                     struct mr_error *err)
{
    size_t length;
    const char *found = exec_words_find(argument, EXEC_USES_IN | EXEC_USES_OUT, &length);
    if (!found || mode == EXEC_FILE || mode == EXEC_AUTO)
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "%.*s is a file, which only file mode has; {%.*s} stands for these "
                        "characters themselves",
                        (int)length, found, (int)length, found);
}

enum mr_status exec_create(const char *const *argv, const struct exec_options *options,
                           const struct mr_operation **operation, void **config,
                           struct mr_error *err)
{
    static const struct exec_options defaults = {.mode = EXEC_AUTO};
    if (!argv || !argv[0] || !argv[0][0])
        return mr_error_set(err, MR_E_USAGE, 0, "the command is missing");
    options = options ? options : &defaults;
    enum mr_status status = check_command(argv[0], err);
    if (status == MR_OK && options->mode == EXEC_SERVER)
        return exec_server_create(argv, options, operation, config, err);
    for (size_t i = 1; status == MR_OK && argv[i]; i++)
        status = check_argument(argv[i], options->mode, err);
    struct exec_config *made = NULL;
    if (status == MR_OK)
        status = exec_config_create(argv, options, &made, err);
    if (status != MR_OK)
        return status;
    /* Without a file, file mode is what filter mode is. */
    bool has_files = (made->uses & (EXEC_USES_IN | EXEC_USES_OUT)) != 0;
    *operation = has_files ? &operation_exec_file : &operation_exec_filter;
    *config = made;
    return MR_OK;
}
