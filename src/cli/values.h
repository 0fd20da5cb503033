/* values.h - options whose value needs more than a field: the OPTION_CALL rows of the table. */
#ifndef MR_CLI_VALUES_H
#define MR_CLI_VALUES_H

#include "cli/options.h"

/* Each: MR_OK, or MR_E_USAGE with a text that says what is allowed. */
enum mr_status values_readers(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_workers(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_writers(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_memory(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_repeat(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_shard(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_warm_up(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_table(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_level(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_ok_status(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_preserve(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_max_item_size(struct options *options, const char *value,
                                    struct mr_error *err);
enum mr_status values_max_total_size(struct options *options, const char *value,
                                     struct mr_error *err);
enum mr_status values_max_ratio(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_max_items(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_mtime(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_retries(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_retry_delay(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_timeout(struct options *options, const char *value, struct mr_error *err);
enum mr_status values_halt(struct options *options, const char *value, struct mr_error *err);

/* The index of value among "a|b|c", or MR_E_USAGE naming them all. */
enum mr_status values_choice(const char *choices, const char *value, int *index,
                             struct mr_error *err);

/* With --reproducible: takes SOURCE_DATE_EPOCH's text (NULL: not set) as a clamping --mtime, unless
 * --mtime was given. */
enum mr_status values_source_date(struct options *options, const char *text, struct mr_error *err);

#endif
