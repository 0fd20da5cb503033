#include "cli/pages.h"

#include <string.h>

static const struct page pages[] = {
    {"man", "the manual page: `millrace help man | man -l -`", manual_write},
    {"bash", "completions for bash: `source <(millrace help bash)`", completion_bash},
    {"zsh", "completions for zsh: a file _millrace in a directory of $fpath", completion_zsh},
    {"fish", "completions for fish: `millrace help fish | source`", completion_fish},
};

const struct page *page_at(size_t index)
{
    return index < sizeof(pages) / sizeof(pages[0]) ? &pages[index] : NULL;
}

const struct page *page_find(const char *name)
{
    const struct page *page;
    for (size_t i = 0; (page = page_at(i)); i++)
        if (strcmp(page->name, name) == 0)
            return page;
    return NULL;
}
