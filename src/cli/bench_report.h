/* bench_report.h - what a bench found: for people on stdout, and as a file of JSON, CSV or HTML. */
#ifndef MR_CLI_BENCH_REPORT_H
#define MR_CLI_BENCH_REPORT_H

#include <stdio.h>

#include "base/json.h"
#include "bench/change.h"
#include "bench/sample.h"
#include "bench/trial.h"
#include "cli/options.h"

/* What no arrangement of threads can beat, as bytes of input a second; 0: not measured. */
struct bench_limits {
    double one_thread;  /* the operations alone, on one thread */
    double plain_read;  /* the files of the sample, read by the plainest means */
    double plain_write; /* as many files and bytes as come out, written likewise */
};

/* All pointers are the caller's. */
struct bench_info {
    const struct options *options;
    const struct sample *sample; /* empty with --stream */
    const struct sweep *sweep;
    const struct bench *bench;
    const struct past *past; /* of --compare; NULL: none */
    unsigned processor_count;
    char processor[100]; /* what the system calls them; "": nothing */
    struct bench_limits limits;
};

void bench_info_init(struct bench_info *info, const struct options *options,
                     const struct sample *sample, const struct sweep *sweep,
                     const struct bench *bench);

/* The operations as they were typed, in one line. Returns text. */
char *bench_operations(const struct bench_info *info, char *text, size_t cap_bytes);
/* The lowest of the limits, that of the operations times the processors; *name: of what. 0: none.
 * What is BENCH_LIMIT_DOUBT times as fast shows that it was measured badly. */
#define BENCH_LIMIT_DOUBT 1.1
double bench_limit(const struct bench_info *info, const char **name);
/* What one run took through. */
void bench_sample(const struct bench_info *info, uint64_t *items, uint64_t *bytes);
/* "R1 j2 W1", "shared j2", with what else is swept. Returns text. */
char *bench_label(const struct bench_info *info, const struct sweep_point *point, char *text,
                  size_t cap_bytes);
/* Is the key worth a column? */
bool bench_shows_key(const struct bench_info *info, enum sweep_key key);

/* A table, the best sizes, what bounds them and how far they are from the limit. */
void bench_show(const struct bench_info *info, FILE *out);

/* Can --report be written? MR_OK, MR_E_USAGE (its suffix is none of .json .csv .html). */
enum mr_status bench_report_check(const struct options *options, struct mr_error *err);
/* Writes the file of --report, if there is one, under its name when it is complete. MR_OK,
 * MR_E_SYSTEM. */
enum mr_status bench_report_write(const struct bench_info *info, struct mr_error *err);

/* One self-contained page: see bench_page.c. */
void bench_page_write(const struct bench_info *info, FILE *out);

/* The sizes of a combination as members. */
void bench_report_sizes(struct json *json, const struct bench_info *info,
                        const struct sweep_point *point);

/* What changed since the bench of --compare, if there is one: as text, a member "changes", and a
 * part of the page. */
void bench_changes_show(const struct bench_info *info, FILE *out);
void bench_changes_report(const struct bench_info *info, struct json *json);
void bench_changes_page(const struct bench_info *info, FILE *out);

#endif
