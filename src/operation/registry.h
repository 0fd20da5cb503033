/* registry.h - every built-in operation in one table. */
#ifndef MR_OPERATION_REGISTRY_H
#define MR_OPERATION_REGISTRY_H

#include "millrace/operation.h"

/* The index-th operation of this build, in the order in which `millrace ops` lists them; NULL after
 * the last. */
const struct mr_operation *registry_at(size_t index);
/* NULL when there is none of that name. */
const struct mr_operation *registry_find(const char *name);
/* For parse_nearest(). ctx is not used. */
const char *registry_name_at(const void *ctx, size_t index);
/* The library that this build was made without, for an operation that is left out of the table for
 * that; else NULL. */
const char *registry_missing_library(const char *name);

#endif
