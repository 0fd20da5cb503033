/* page.h - what the self-contained HTML pages of millrace have in common: their looks, light and
 * dark, from 400 pixels on, without anything from the network. */
#ifndef MR_OBSERVE_PAGE_H
#define MR_OBSERVE_PAGE_H

#include <stdio.h>

/* The page up to its title, which is plain ASCII. */
void page_begin(FILE *out, const char *title);
void page_end(FILE *out);
/* text as content of an element, or as the value of an attribute in double quotes. */
void page_escape(FILE *out, const char *text);
/* A figure with its name, inside <div class=facts>. */
void page_fact(FILE *out, const char *name, const char *value);

/* Of a stage's threads' time, 0..1. */
struct page_parts {
    double busy, starved, blocked;
};
/* A bar of them; name is a plain word. */
void page_parts(FILE *out, const char *name, const struct page_parts *parts);

#endif
