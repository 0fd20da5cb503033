#include "observe/report_forms.h"

#include <string.h>

#include "base/path.h"
#include "observe/report_read.h"

enum mr_status report_form_of(const char *path, enum report_form *form, struct mr_error *err)
{
    static const char *const suffixes[] = {
        [REPORT_JSON] = ".json", [REPORT_CSV] = ".csv", [REPORT_HTML] = ".html"};
    size_t length = strlen(path);
    char shown[PATH_SHOW_BYTES];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t suffix_length = strlen(suffixes[i]);
        if (length <= suffix_length || strcmp(path + length - suffix_length, suffixes[i]) != 0)
            continue;
        *form = (enum report_form)i;
        return MR_OK;
    }
    return mr_error_set(err, MR_E_USAGE, 0,
                        "--report: '%s' ends in none of .json, .csv and .html, which say what is "
                        "to be written",
                        path_show(shown, sizeof(shown), path));
}

static void begin_json(FILE *out)
{
    struct json json;
    json_open(&json, out);
    json_text(&json, "millrace", mr_version());
    json_text(&json, "kind", "run");
    json_array(&json, "items");
    fputc('\n', out);
}

static void end_json(FILE *out, const struct record_run *run)
{
    struct json json;
    fputs("],\"run\":", out);
    json_open(&json, out);
    record_run_write(&json, run);
    json_object_end(&json);
    fputs("}\n", out);
}

void report_write_begin(struct report_writer *writer, enum report_form form, FILE *out)
{
    *writer = (struct report_writer){.form = form, .out = out};
    if (form == REPORT_JSON)
        begin_json(out);
    else if (form == REPORT_CSV)
        fputs(REPORT_CSV_HEAD "\n", out);
}

void report_write_item(struct report_writer *writer, const struct record *record)
{
    if (writer->form == REPORT_CSV)
        report_csv_item(writer->out, record);
    if (writer->form != REPORT_JSON)
        return;
    struct json json;
    if (writer->item_count++ > 0)
        fputc(',', writer->out);
    json_open(&json, writer->out);
    record_write(&json, record);
    json_close(&json);
}

void report_write_end(struct report_writer *writer, const struct record_run *run,
                      const struct tally *tally)
{
    if (writer->form == REPORT_JSON)
        end_json(writer->out, run);
    else if (writer->form == REPORT_CSV)
        report_csv_run(writer->out, run);
    else
        report_page_write(writer->out, run, tally);
}

/* ---- one form made of another ---- */

struct copy {
    struct report_writer writer;
    struct tally *tally; /* NULL: the form needs none */
};

static enum mr_status copy_item(void *ctx, const struct record *record, struct mr_error *err)
{
    struct copy *copy = ctx;
    report_write_item(&copy->writer, record);
    return copy->tally ? tally_item(copy->tally, record, err) : MR_OK;
}

static enum mr_status copy_run(void *ctx, const struct record_run *run, struct mr_error *err)
{
    struct copy *copy = ctx;
    (void)err;
    if (copy->tally)
        tally_sort(copy->tally);
    report_write_end(&copy->writer, run, copy->tally);
    return MR_OK;
}

enum mr_status report_copy(int fd, const char *name, enum report_form form, FILE *out,
                           struct mr_error *err)
{
    struct copy copy = {.tally = NULL};
    const struct report_visitor visitor = {.item = copy_item, .run = copy_run, .ctx = &copy};
    enum mr_status status =
        form == REPORT_HTML ? tally_create(TALLY_KEPT_MAX, &copy.tally, err) : MR_OK;
    if (status != MR_OK)
        return status;
    report_write_begin(&copy.writer, form, out);
    status = report_read(fd, name, &visitor, err);
    tally_destroy(copy.tally);
    return status;
}
