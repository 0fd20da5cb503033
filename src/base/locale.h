/*
 * locale.h - a UTF-8 character set for one thread and one moment.
 *
 * libarchive translates names by the calling thread's LC_CTYPE. A library must not call
 * setlocale(), so calls into it stand between locale_enter() and locale_leave(), which change the
 * calling thread alone.
 */
#ifndef MR_BASE_LOCALE_H
#define MR_BASE_LOCALE_H

#include <locale.h>

#include "millrace/status.h"

/* A locale with the character set UTF-8, for locale_enter() in any thread. MR_OK, MR_E_SYSTEM
 * (there is none), MR_E_MEMORY. */
enum mr_status locale_create(locale_t *utf8, struct mr_error *err);
void locale_destroy(locale_t locale); /* (locale_t)0 is a no-op; no thread may be in it */

/* Puts the calling thread into locale. Returns what locale_leave() must be given, in the same
 * thread. */
locale_t locale_enter(locale_t locale);
void locale_leave(locale_t before);

#endif
