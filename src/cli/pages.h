/* pages.h - what other programs read about millrace: the manual page and the completions of shells,
 * made from the tables of verbs, options, operations and formats. `millrace help NAME` writes one.
 */
#ifndef MR_CLI_PAGES_H
#define MR_CLI_PAGES_H

#include <stdio.h>

struct page {
    const char *name; /* "man", "bash" */
    const char *summary;
    void (*write)(FILE *out);
};

/* The index-th page, NULL after the last. */
const struct page *page_at(size_t index);
/* NULL when there is none of that name. */
const struct page *page_find(const char *name);

void manual_write(FILE *out); /* millrace(1), in the macros of man(7) */
void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

#endif
