/* report_read.h - the items and figures of reports (.json, .csv) and journals, in bounded memory.
 */
#ifndef MR_OBSERVE_REPORT_READ_H
#define MR_OBSERVE_REPORT_READ_H

#include "observe/record.h"

/* Who is told what a report holds. Texts are valid during the call. MR_OK goes on. */
struct report_visitor {
    enum mr_status (*item)(void *ctx, const struct record *record, struct mr_error *err);
    /* After the items; not for one that breaks off. A journal's has times of its items alone. */
    enum mr_status (*run)(void *ctx, const struct record_run *run, struct mr_error *err);
    void *ctx;
};

/*
 * Reads all of fd, which stands at its beginning, can be read twice and stays the caller's; what it
 * is tells its content. name is for messages. MR_OK; MR_E_DATA: neither, or damaged, and then the
 * visitor was told what stands before; MR_E_SYSTEM, MR_E_MEMORY, MR_E_LIMIT, and what the visitor
 * says.
 */
enum mr_status report_read(int fd, const char *name, const struct report_visitor *visitor,
                           struct mr_error *err);

/* ---- the forms, for report_read(): *run is zero but for what a report holds ---- */

enum mr_status report_read_json(int fd, const char *name, const struct report_visitor *visitor,
                                struct mr_error *err);
enum mr_status report_read_csv(int fd, const char *name, const struct report_visitor *visitor,
                               struct mr_error *err);
enum mr_status report_read_journal(int fd, const char *name, const struct report_visitor *visitor,
                                   struct mr_error *err);

#endif
