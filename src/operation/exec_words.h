/*
 * exec_words.h - the placeholders in the arguments of a command.
 *
 *   {}         the item's name           {.}  without its extension
 *   {/}        its last component        {/.} without its extension
 *   {//}       the directory of the name, "." when it has none
 *   {#}        the item's number in the run, from 1
 *   {%}        the number of the running command, from 1: no two at a time have the same
 *   {threads}  each running command's share of the processors
 *   {in} {out} real files that hold the content, and are to hold the result
 *   {{ }}      the characters { and }; "}}" only after a "{{" of the same argument
 *
 * All other braces stay, so that programs for jq or awk can be given as they are. There is no
 * shell: what is put in is passed as it is, also when it begins with '-'.
 */
#ifndef MR_OPERATION_EXEC_WORDS_H
#define MR_OPERATION_EXEC_WORDS_H

#include "millrace/status.h"

/* What placeholders an argument may hold. */
enum exec_use {
    EXEC_USES_ITEM = 1,   /* {} {.} {/} {//} {/.} {#} */
    EXEC_USES_WORKER = 2, /* {%} {threads} */
    EXEC_USES_IN = 4,
    EXEC_USES_OUT = 8
};

/* What they stand for. in and out may be NULL where no argument uses them. */
struct exec_words {
    const char *path, *sequence, *slot, *threads, *in, *out;
};

/* The enum exec_use bits of what argument holds. */
unsigned exec_words_uses(const char *argument);
/* The first placeholder of these uses in argument, and its length; NULL when there is none. */
const char *exec_words_find(const char *argument, unsigned uses, size_t *length);
/* argument with its placeholders replaced; the caller's to free. NULL when out of memory. */
char *exec_words_expand(const char *argument, const struct exec_words *words);

/* ".png": the extension of the last component of name with its dot, "" when it has none; a dot that
 * begins the component begins no extension. Points into name. */
const char *exec_words_extension(const char *name);

#endif
