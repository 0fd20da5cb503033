/*
 * faulty - a plugin that is not as it must be. FAULT says which fault it has: CMakeLists.txt makes
 * a module of this file for each.
 */
#include <millrace/operation.h>
#include <string.h>

#define NO_SYMBOL         1
#define WRONG_VERSION     2
#define NO_PLUGIN         3
#define NO_PLUGIN_NAME    4
#define NO_OPERATIONS     5
#define NO_PROCESS        6
#define NO_OPERATION_NAME 7
#define NO_SUMMARY        8
#define UNKNOWN_FLAG      9
#define NO_CONFIG_SET     10
#define HALF_SETTING      11
#define NO_NOTE           12
#define TWICE             13
#define ENDLESS           14
#define UNDEFINED_SYMBOL  15

#if FAULT == UNDEFINED_SYMBOL
extern void not_defined_anywhere(void);
#endif

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    io->in += io->in_bytes;
    io->in_bytes = 0;
#if FAULT == UNDEFINED_SYMBOL
    not_defined_anywhere();
#endif
    return io->is_last ? MR_DONE : MR_OK;
}

static const struct mr_setting settings[] = {
    {"key", FAULT == HALF_SETTING ? NULL : "1-9", NULL, "a setting"}, {NULL, NULL, NULL, NULL}};

static const struct mr_operation operation = {
    .struct_bytes = sizeof(operation),
    .name = FAULT == NO_OPERATION_NAME ? "two words" : "faulty",
    .summary = FAULT == NO_SUMMARY ? NULL : "cannot be used",
    .flags = FAULT == UNKNOWN_FLAG ? 1u << 20
             : FAULT == NO_NOTE    ? MR_OPERATION_NOTES
                                   : 0,
    .settings = FAULT == NO_CONFIG_SET || FAULT == HALF_SETTING ? settings : NULL,
    .process = FAULT == NO_PROCESS ? NULL : process,
};

#if FAULT == ENDLESS
static const struct mr_operation *operations[5000];
#else
static const struct mr_operation *const operations[] = {FAULT == NO_OPERATIONS ? NULL : &operation,
                                                        FAULT == TWICE ? &operation : NULL, NULL};
#endif

static const struct mr_plugin plugin = {.struct_bytes = sizeof(plugin),
                                        .abi_version = FAULT == WRONG_VERSION ? MR_PLUGIN_ABI + 1
                                                                              : MR_PLUGIN_ABI,
                                        .name = FAULT == NO_PLUGIN_NAME ? "" : "faulty",
                                        .operations = operations};

#if FAULT == NO_SYMBOL
MR_API const struct mr_plugin *mr_plugin_v0(const struct mr_host *host);
#define mr_plugin_v1 mr_plugin_v0
#endif

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
#if FAULT == ENDLESS
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        operations[i] = &operation;
#endif
    return FAULT == NO_PLUGIN ? NULL : &plugin;
}
