#include "flow/lost.h"

#include <stdlib.h>
#include <string.h>

void lost_add(struct lost *lost, const char *name)
{
    size_t name_bytes = strlen(name) + 1;
    bool has_room = atomic_fetch_add(&lost->count, 1) < LOST_MAX_COUNT;
    struct lost_name *added = has_room ? malloc(sizeof(*added) + name_bytes) : NULL;
    if (!added) {
        atomic_store(&lost->is_full, true);
        return;
    }
    memcpy(added->name, name, name_bytes);
    added->next = atomic_load(&lost->first);
    while (!atomic_compare_exchange_weak(&lost->first, &added->next, added))
        ;
}

bool lost_has(const struct lost *lost, const char *name)
{
    if (atomic_load(&lost->is_full))
        return true;
    for (const struct lost_name *at = atomic_load(&lost->first); at; at = at->next)
        if (strcmp(at->name, name) == 0)
            return true;
    return false;
}

void lost_clear(struct lost *lost)
{
    struct lost_name *at = atomic_load(&lost->first);
    while (at) {
        struct lost_name *next = at->next;
        free(at);
        at = next;
    }
    atomic_store(&lost->first, NULL);
}
