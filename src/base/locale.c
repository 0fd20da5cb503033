#include "base/locale.h"

#include <errno.h>

enum mr_status locale_create(locale_t *utf8, struct mr_error *err)
{
    static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *utf8 = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
        if (*utf8)
            return MR_OK;
        if (errno == ENOMEM)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    return mr_error_set(err, MR_E_SYSTEM, errno,
                        "the system has no locale C.UTF-8, which names in archives need");
}

void locale_destroy(locale_t locale)
{
    if (locale)
        freelocale(locale);
}

locale_t locale_enter(locale_t locale)
{
    return uselocale(locale);
}

void locale_leave(locale_t before)
{
    uselocale(before);
}
