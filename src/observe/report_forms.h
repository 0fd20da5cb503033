/* report_forms.h - the forms that a report has, and one written anew of what others hold. */
#ifndef MR_OBSERVE_REPORT_FORMS_H
#define MR_OBSERVE_REPORT_FORMS_H

#include <stdio.h>

#include "observe/record.h"
#include "observe/tally.h"

enum report_form { REPORT_JSON, REPORT_CSV, REPORT_HTML };

/* What the suffix of path asks for. MR_OK, MR_E_USAGE: none of them. */
enum mr_status report_form_of(const char *path, enum report_form *form, struct mr_error *err);

/* One form of a report, on its way into out. */
struct report_writer {
    enum report_form form;
    FILE *out;
    uint64_t item_count;
};

/* The items come between begin and end, in any number. */
void report_write_begin(struct report_writer *writer, enum report_form form, FILE *out);
void report_write_item(struct report_writer *writer, const struct record *record);
/* tally has seen all items. */
void report_write_end(struct report_writer *writer, const struct record_run *run,
                      const struct tally *tally);

/* Writes the report that fd holds, from its beginning, in another form than JSON. name is for
 * messages. Statuses of report_read(); that all is written is the caller's to ask out. */
enum mr_status report_copy(int fd, const char *name, enum report_form form, FILE *out,
                           struct mr_error *err);

/* ---- report_csv.c: RFC 4180, a row for each item, and one of kind "run" at the end ---- */

#define REPORT_CSV_HEAD                                                                            \
    "kind,path,member,output,status,in_bytes,out_bytes,load_ns,process_ns,store_ns,latency_ns,"    \
    "attempts,stage,reason"

void report_csv_item(FILE *out, const struct record *record);
void report_csv_run(FILE *out, const struct record_run *run);

/* ---- report_page.c: one self-contained page ---- */

void report_page_write(FILE *out, const struct record_run *run, const struct tally *tally);

#endif
