#include "bench/past.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json_read.h"
#include "base/path.h"

static enum mr_status no_report(struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "is no report of millrace bench as JSON");
}

/* The next value of what was opened. MR_DONE at its end. */
static enum mr_status next(struct json_reader *reader, struct json_value *value,
                           struct mr_error *err)
{
    enum mr_status status = json_read(reader, value, err);
    if (status == MR_DONE)
        return no_report(err);
    return status == MR_OK && value->kind == JSON_CLOSE ? MR_DONE : status;
}

static bool is_called(const struct json_value *value, const char *key)
{
    return strcmp(value->key, key) == 0;
}

static void take_text(const struct json_value *value, char *text, size_t cap_bytes)
{
    if (value->kind == JSON_TEXT)
        snprintf(text, cap_bytes, "%s", value->text);
}

/* ---- combinations ---- */

static enum mr_status read_round(struct json_reader *reader, struct past_row *row,
                                 struct mr_error *err)
{
    struct json_value value;
    enum mr_status status;
    double *rate = &row->in_rates[row->round_count], *cpu_s = &row->cpu_s[row->round_count];
    while ((status = next(reader, &value, err)) == MR_OK) {
        if (is_called(&value, "in_bytes_per_s"))
            json_to_real(&value, rate);
        else if (is_called(&value, "cpu_s"))
            json_to_real(&value, cpu_s);
        else if ((status = json_skip(reader, &value, err)) != MR_OK)
            break;
    }
    row->round_count += *rate > 0;
    return status == MR_DONE ? MR_OK : status;
}

static enum mr_status read_rounds(struct json_reader *reader, struct past_row *row,
                                  struct mr_error *err)
{
    struct json_value value;
    enum mr_status status;
    while ((status = next(reader, &value, err)) == MR_OK) {
        if (value.kind != JSON_OBJECT || row->round_count == TRIAL_ROUNDS_MAX)
            return no_report(err);
        status = read_round(reader, row, err);
        if (status != MR_OK)
            break;
    }
    return status == MR_DONE ? MR_OK : status;
}

static void take_size(const struct json_value *value, struct sweep_point *point)
{
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++)
        if (is_called(value, sweep_name(key)))
            json_to_unsigned(value, &point->values[key]);
    if (is_called(value, sweep_name(SWEEP_POOL)))
        point->values[SWEEP_POOL] = strcmp(value->text, "shared") == 0;
}

static enum mr_status read_row(struct json_reader *reader, struct past_row *row,
                               struct mr_error *err)
{
    struct json_value value;
    enum mr_status status;
    while ((status = next(reader, &value, err)) == MR_OK) {
        if (value.kind == JSON_ARRAY && is_called(&value, "rounds"))
            status = read_rounds(reader, row, err);
        else if (is_called(&value, "in_bytes"))
            json_to_unsigned(&value, &row->in_bytes);
        else if (value.kind == JSON_OBJECT || value.kind == JSON_ARRAY)
            status = json_skip(reader, &value, err);
        else
            take_size(&value, &row->point);
        if (status != MR_OK)
            break;
    }
    return status == MR_DONE ? MR_OK : status;
}

static enum mr_status add_row(struct past *past, struct past_row **row, struct mr_error *err)
{
    if (past->row_count == SWEEP_POINTS_MAX)
        return mr_error_set(err, MR_E_LIMIT, 0, "has too many combinations");
    if (past->row_count == past->cap_count) {
        size_t cap_count = past->cap_count ? 2 * past->cap_count : 16;
        struct past_row *rows = realloc(past->rows, cap_count * sizeof(*rows));
        if (!rows)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        past->rows = rows;
        past->cap_count = cap_count;
    }
    *row = &past->rows[past->row_count++];
    memset(*row, 0, sizeof(**row));
    return MR_OK;
}

static enum mr_status read_rows(struct json_reader *reader, struct past *past, struct mr_error *err)
{
    struct json_value value;
    enum mr_status status;
    while ((status = next(reader, &value, err)) == MR_OK) {
        struct past_row *row = NULL;
        if (value.kind != JSON_OBJECT)
            return no_report(err);
        status = add_row(past, &row, err);
        if (status == MR_OK)
            status = read_row(reader, row, err);
        if (status != MR_OK)
            break;
    }
    return status == MR_DONE ? MR_OK : status;
}

/* ---- the whole ---- */

static void take_member(const struct json_value *value, struct past *past, bool *is_bench)
{
    if (is_called(value, "kind"))
        *is_bench = strcmp(value->text, "bench") == 0;
    else if (is_called(value, "millrace"))
        take_text(value, past->version, sizeof(past->version));
    else if (is_called(value, "operations"))
        take_text(value, past->operations, sizeof(past->operations));
    else if (is_called(value, "processor"))
        take_text(value, past->processor, sizeof(past->processor));
    else if (is_called(value, "processors"))
        json_to_unsigned(value, &past->processor_count);
    else if (is_called(value, "sample_items"))
        json_to_unsigned(value, &past->sample_items);
    else if (is_called(value, "sample_bytes"))
        json_to_unsigned(value, &past->sample_bytes);
    else if (is_called(value, "is_in_memory"))
        past->is_in_memory = value->is_true;
}

static enum mr_status read_all(struct json_reader *reader, struct past *past, struct mr_error *err)
{
    struct json_value value;
    bool is_bench = false;
    enum mr_status status = json_read(reader, &value, err);
    if (status == MR_DONE || (status == MR_OK && value.kind != JSON_OBJECT))
        return no_report(err);
    while (status == MR_OK && (status = next(reader, &value, err)) == MR_OK) {
        if (value.kind == JSON_ARRAY && is_called(&value, "combinations"))
            status = read_rows(reader, past, err);
        else if (value.kind == JSON_OBJECT || value.kind == JSON_ARRAY)
            status = json_skip(reader, &value, err);
        else
            take_member(&value, past, &is_bench);
    }
    if (status != MR_DONE)
        return status;
    return is_bench ? MR_OK : no_report(err);
}

enum mr_status past_read(const char *path, struct past *past, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct json_reader *reader = NULL;
    *past = (struct past){0};
    path_show(shown, sizeof(shown), path);
    int fd = io_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read %s", shown);
    enum mr_status status = json_reader_create(fd, shown, &reader, err);
    if (status == MR_OK)
        status = read_all(reader, past, err);
    if (status != MR_OK && !strstr(err->text, shown))
        mr_error_prefix(err, "%s", shown);
    json_reader_destroy(reader);
    close(fd);
    return status;
}

void past_fini(struct past *past)
{
    free(past->rows);
    *past = (struct past){0};
}
