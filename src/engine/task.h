/*
 * task.h - the inside of mr_pool that the line builds on: work that is posted without allocating or
 * failing.
 *
 * A task is embedded in what it works on. Posting hands it to the pool, which runs it once on one
 * of its threads; it may be posted again from within its run. A pool made by pool_create_manual()
 * has no threads: its owner picks which posted task runs next. That is the serial twin for tests of
 * schedules.
 */
#ifndef MR_ENGINE_TASK_H
#define MR_ENGINE_TASK_H

#include <stdint.h>

#include "millrace/pool.h"

struct task {
    struct task *next; /* the pool's while posted, else free for the owner */
    void (*run)(struct task *task);
};

struct task_list {
    struct task *first, *last;
    unsigned count;
};

void task_list_push(struct task_list *list, struct task *task);
struct task *task_list_pop(struct task_list *list);
/* Moves all of more behind what is in list; more is empty afterwards. */
void task_list_join(struct task_list *list, struct task_list *more);
/* Takes off the task behind before; NULL: the first one. */
void task_list_remove(struct task_list *list, struct task *before);

/*
 * Posts every task of the list, which is empty afterwards; wakes as many sleeping threads as there
 * are tasks. Never blocks. The pool must not be shut down before the last post (asserted); the
 * caller's last touch of the pool is over when mr_pool_shutdown() returns.
 */
void pool_post(struct mr_pool *pool, struct task_list *list);
void pool_post_one(struct mr_pool *pool, struct task *task);
/* Likewise one task, which runs before all that are posted already. */
void pool_post_first(struct mr_pool *pool, struct task *task);

/*
 * Within the run of task, which was posted: takes other posted ones off, the oldest first, for
 * which goes_with(task, other) is true, onto list; the caller runs them as well. At most max_count,
 * and no more than one thread's part of all that are posted. goes_with is called with the pool's
 * lock held.
 */
void pool_take_more(struct mr_pool *pool, const struct task *task,
                    bool (*goes_with)(const struct task *task, const struct task *other),
                    unsigned max_count, struct task_list *list);

/*
 * What the pool's idle time is counted as is asked when a thread goes to sleep: true = blocked,
 * false = starved. Set before the first post; NULL (the default): always starved. is_blocked is
 * called with the pool's lock held: it may take a leaf lock (the line's), must not post, and is not
 * called any more once this function has set another or NULL.
 */
void pool_set_idle_reason(struct mr_pool *pool, bool (*is_blocked)(void *ctx), void *ctx);

/*
 * Called on a thread of the pool after each submitted function that it ran: when that began and
 * ended on clock_now_ns()'s clock. With no lock held. Set before the first post; NULL (the
 * default): nobody asks.
 */
void pool_set_ran(struct mr_pool *pool, void (*ran)(void *ctx, int64_t start_ns, int64_t end_ns),
                  void *ctx);
/* Tasks and functions that wait for a thread. */
unsigned pool_queued_count(struct mr_pool *pool);

#define POOL_DOZE_NS 1000000

/*
 * A thread that has nothing to do dozes first: after POOL_DOZE_NS it calls watch(), and goes on
 * dozing as long as that returns true; else it sleeps until it is woken. When the last one that
 * dozes gets a task, one that sleeps dozes instead. Without watch (the default) threads sleep at
 * once. Set before the first post; called with no lock held, it may post.
 */
void pool_set_watch(struct mr_pool *pool, bool (*watch)(void *ctx), void *ctx);
/*
 * Does a thread of the pool sleep, and none doze? Then pool_nudge() wakes one, which finds nothing
 * to do, dozes and watches. To be asked after watch() would return true: then no thread that goes
 * to sleep at the same time misses it.
 */
bool pool_needs_watch(const struct mr_pool *pool);
void pool_nudge(struct mr_pool *pool);

/*
 * A pool of config->thread_count threads that may be resized later, up to thread_max of them; what
 * mr_pool_create() says, but config is not checked. mr_pool_create() makes pools of a fixed size.
 */
enum mr_status pool_create_sized(const struct mr_pool_config *config, unsigned thread_max,
                                 struct mr_pool **pool, struct mr_error *err);
/*
 * From now on thread_count threads take tasks (1 .. thread_max); never interrupts a task. Threads
 * are started when they are first needed; those that are too many park when their task is over.
 * MR_OK, MR_E_MEMORY or MR_E_SYSTEM (a thread could not be started: the size stays), MR_CLOSED (the
 * pool ends). Any thread.
 */
enum mr_status pool_resize(struct mr_pool *pool, unsigned thread_count, struct mr_error *err);
/* The threads that take tasks now. */
unsigned pool_thread_count(const struct mr_pool *pool);

struct pool_times {
    int64_t busy_ns, starved_ns,
        blocked_ns; /* summed over the threads since creation, without the time that they were
                       parked; sleeping threads up to now */
};
void pool_times(struct mr_pool *pool, struct pool_times *times);
/* Those of one thread, until_ns on clock_now_ns()'s clock (0: up to now). Zeros when the pool has
 * no such thread. */
void pool_worker_times(struct mr_pool *pool, unsigned index, int64_t until_ns,
                       struct pool_times *times);

/* The pool whose thread is calling, or NULL. */
struct mr_pool *pool_current(void);

const char *pool_name(const struct mr_pool *pool);

/*
 * A pool without threads for one thread; thread_count is what pool_thread_count() says. Destroying
 * it runs what is left. Functions may be submitted, too. MR_OK, MR_E_MEMORY.
 */
enum mr_status pool_create_manual(const char *name, unsigned thread_count, struct mr_pool **pool);
unsigned pool_manual_count(const struct mr_pool *pool);
/* Takes the index-th task (0 = the next one) off and runs it. */
void pool_manual_run(struct mr_pool *pool, unsigned index);

#endif
