#include "flow/links.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_COUNT 4096

struct link {
    struct link *next;
    uint64_t device, inode, left_count; /* names still to come */
    char output[];
};

struct links {
    struct link *buckets[BUCKET_COUNT];
    unsigned count;
    struct link *finished; /* met for the last time; kept until the next call */
};

enum mr_status links_create(struct links **links)
{
    *links = calloc(1, sizeof(**links));
    return *links ? MR_OK : MR_E_MEMORY;
}

void links_destroy(struct links *links)
{
    if (!links)
        return;
    for (unsigned b = 0; b < BUCKET_COUNT; b++) {
        while (links->buckets[b]) {
            struct link *link = links->buckets[b];
            links->buckets[b] = link->next;
            free(link);
        }
    }
    free(links->finished);
    free(links);
}

static struct link **bucket_of(struct links *links, const struct mr_entry *entry)
{
    uint64_t hash = (entry->inode ^ (entry->device << 32)) * 0x9e3779b97f4a7c15u;
    return &links->buckets[hash >> 52];
}

const char *links_find(struct links *links, const struct mr_entry *entry)
{
    free(links->finished);
    links->finished = NULL;
    for (struct link **at = bucket_of(links, entry); *at; at = &(*at)->next) {
        struct link *link = *at;
        if (link->device != entry->device || link->inode != entry->inode)
            continue;
        if (--link->left_count == 0) {
            *at = link->next;
            links->finished = link;
            links->count--;
        }
        return link->output;
    }
    return NULL;
}

enum mr_status links_remember(struct links *links, const struct mr_entry *entry, const char *output)
{
    if (links->count >= LINKS_MAX_COUNT)
        return MR_OK;
    size_t output_bytes = strlen(output) + 1;
    struct link *link = malloc(sizeof(*link) + output_bytes);
    if (!link)
        return MR_E_MEMORY;
    struct link **bucket = bucket_of(links, entry);
    link->device = entry->device;
    link->inode = entry->inode;
    link->left_count = entry->link_count - 1;
    memcpy(link->output, output, output_bytes);
    link->next = *bucket;
    *bucket = link;
    links->count++;
    return MR_OK;
}
