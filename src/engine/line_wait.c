/* line_wait.c - waiting for the line's end, and waking what sleeps meanwhile. */
#include "base/clock.h"
#include "engine/line_private.h"

void line_sleep(struct line_item *item, int64_t wake_ns)
{
    struct line *line = item->line;
    lock_take(&line->lock);
    item->wake_ns = wake_ns;
    struct line_item **link = &line->sleepers;
    while (*link && (*link)->wake_ns <= wake_ns)
        link = &(*link)->next_sleeper;
    item->next_sleeper = *link;
    *link = item;
    if (line->sleepers == item)
        condition_broadcast(&line->changed);
    lock_give(&line->lock);
}

/* Takes the first item that is to be woken now off the list; NULL: there is none. Line lock held.
 */
static struct line_item *take_due_locked(struct line *line)
{
    struct line_item *first = line->sleepers;
    if (!first || (!line->is_closed && first->wake_ns > clock_now_ns()))
        return NULL;
    line->sleepers = first->next_sleeper;
    return first;
}

bool line_wait(struct line *line, int64_t deadline_ns)
{
    bool is_over = false;
    lock_take(&line->lock);
    while (!line->is_done) {
        struct line_item *due = take_due_locked(line);
        if (due) {
            /* It stays in flight until it is woken. */
            lock_give(&line->lock);
            if (line_wake_once(due))
                line_leave(due);
            lock_take(&line->lock);
            continue;
        }
        if (is_over)
            break;
        const struct line_item *next = line->sleepers;
        int64_t until_ns = next && next->wake_ns < deadline_ns ? next->wake_ns : deadline_ns;
        is_over =
            !condition_wait_until(&line->changed, &line->lock, until_ns) && until_ns == deadline_ns;
    }
    bool is_done = line->is_done;
    lock_give(&line->lock);
    return is_done;
}
