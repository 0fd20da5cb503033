/*
 * line.pml - a model of the line for Spin: admission, steps, turns, failure and shutdown, over every schedule.
 *
 * tests/engine/model.sh searches it exhaustively, in small configurations or, with MR_MODEL=deep, in all. By hand:
 *   spin -DORDER=IN_ORDER -a line.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan
 *
 * What stands for what (names are those of the code):
 *   worker           worker_main(), sleep_locked(), start_locked(), end_locked() of pool.c; line_run_on() of line.c
 *   owner            job_start(), job_wait(), job_destroy() of flow/job.c; line_wait(); mr_pool_shutdown() of submit.c
 *   stopper          job_stop(), soft, hard, or one after the other, at any time before the job is destroyed
 *   pool_post        pool_post() with the wake-up; a wake-up finds who sleeps at that time, or nobody
 *   claim_all        line_claim_all_locked() with load_claim(), process_claim(), store_claim() of src/flow
 *   settle           load_settle(), process_settle(), store_settle()
 *   run_once         line_run_once(); let_feed_go_on() of load.c; what store_run() makes visible
 *   leave, pass_turn, has_turn, item_unref              line_leave.c; item_unref has item_end() of item.c in it
 *   feed_run, feed_one, feed_sleeps_not, load_here, ... line_feed.c, with feed_next() of flow/feed.c
 *
 * What is taken together: what a thread does under one lock is one step (atomic), also with the line's lock
 * inside an item's, as nothing else is shared there. Two values are read under no lock: is_cancelled may be seen at once
 * or late while it is being set; is_closing is read in a step of its own. A wake-up is part of the post, as the thread
 * that is woken may be slow. Threads of a pool are alike: who sleeps is a number.
 *
 * What is left out: bytes and times; ENCODE, seats, spooling, sleeping items and second attempts; chunks that PROCESS
 * cuts otherwise than they came; admission from outside the feed; submitted functions; watching pools; figures; wake-ups
 * without reason; memory orders (ThreadSanitizer looks at them in the real code). The numbers are small: see below.
 *
 * Checked in every state or at the end: nobody waits for ever (invalid end states); every item that was fed has exactly
 * one outcome, and the right one; each of its chunks was stored, once, or the item was not stored; budget, places, windows
 * and chunks are whole at the end of the item and of the run; the budget is kept, but for an item that is alone; turns;
 * no item is touched after its end, no pool after its own. With -DNP: no schedule goes on for ever.
 *
 * -DDROP_WAKE=1..6 leaves out one wake-up each, -DBREAK=1..2 breaks another rule, -DSENTINEL is another scheme.
 * Each of them must be found to be wrong, which shows that the properties can fail.
 */

#define FREE      0
#define IN_ORDER  1
#define EXCLUSIVE 2

#ifndef ORDER
#define ORDER FREE
#endif
#ifndef ITEMS
#define ITEMS 3
#endif
#ifndef READERS
#define READERS 2
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#define WRITERS 1
#ifndef DROP_WAKE
#define DROP_WAKE 0
#endif
#ifndef BREAK
#define BREAK 0
#endif
#define NONE 255

#ifndef SENTINEL

/* ---- the configuration ---- */

#ifndef BUDGET
#define BUDGET 2
#endif
#ifndef LARGE
#define LARGE 2 /* this item costs more than the budget */
#endif
#ifndef LONG
#define LONG 0 /* this item has two chunks */
#endif
#define COST(i)   ((i) == LARGE -> BUDGET + 1 : 1)
#define CHUNKS(i) ((i) == LONG -> 2 : 1)
#ifndef MAY_FAIL
#define MAY_FAIL(i, step) ((i) == 0 && (step) == PROCESS)
#endif
#ifndef IN_FLIGHT_MAX
#define IN_FLIGHT_MAX 2
#endif
#define WINDOW 1
#define FEED_BATCH_COUNT 2
#ifndef SERIAL
#define SERIAL 0 /* 1: all items are of one serial source */
#endif
#ifndef STOPS
#define STOPS 3 /* the job is stopped: 1 soft, 2 hard, 3 first soft, then hard, 0 not at all */
#endif

/* ---- the line, its items, the pools ---- */

#define LOAD    0
#define PROCESS 1
#define STORE   2
#define STEPS   3
#define BIT(step) (1 << (step))
#define POOL_OF(step) (step)
#define FEED_POOL 0
#define POOLS 3

/* A task: the run of an item's step, or the feed. */
#define RUN(i, step) ((i) * STEPS + (step))
#define FEED_TASK (ITEMS * STEPS)

#define OPEN     0
#define DRAINING 1
#define ENDED    2

chan tasks[POOLS] = [ITEMS + 1] of { byte };
byte phase[POOLS], running_count[POOLS], sleepers[POOLS], woken[POOLS], thread_count[POOLS];
bool first_sleeps[POOLS]; /* of threads that are alike the first one is woken first */

#define FEED_IDLE   0
#define FEED_ACTIVE 1
#define FEED_ENDED  2
byte feed_state;
bool feed_again, feed_wants_room;
byte pending = NONE;
byte next_fed; /* of the source */
bool is_loading_serial;

byte next_seq, in_flight_count, budget_used;
#if ORDER == IN_ORDER
byte turn_seq;
byte ring[IN_FLIGHT_MAX] = NONE;
#endif
#if ORDER == EXCLUSIVE
byte holder = NONE;
chan queue = [ITEMS] of { byte };
#endif
bool is_closed, is_done, waits_for_done;

#define NO      0
#define SETTING 1 /* who reads it may see it, or not yet */
#define YES     2
byte is_cancelled;
bool is_closing;
bool is_stopping = true; /* the stopper may still do something */

/* Also enum item_stop; 0 as an outcome: none. */
#define GOES_ON   0
#define STORED    1
#define FAILED    2
#define CANCELLED 3

typedef item_state {
    bool is_alive; /* admitted, and not freed */
    byte refs;
    byte runs;     /* steps with a run: queued or running */
    byte cleans;   /* steps whose run cleans up */
    bool is_ended, awaits_turn;
    byte stop;
    bool is_loaded, is_processed, is_stored;
    byte in_chunks, in_hands, out_chunks, out_hands;
    byte loaded, processed, taken, written;
    bool has_writer, is_committed
};
item_state item[ITEMS];

/* What is told, and what the sink sees. */
byte outcome[ITEMS];
byte chunk_count;
byte last_stored = NONE;
byte writer_count;

/* ---- pools ---- */

inline wake_all(p) {
#if DROP_WAKE != 2
    woken[p] = woken[p] + sleepers[p];
    sleepers[p] = 0
#else
    skip
#endif
}

/* In an atomic step. */
inline post(p, task) {
    assert(phase[p] != ENDED);
    tasks[p]!task;
#if DROP_WAKE != 1
    if
    :: sleepers[p] > 0 -> sleepers[p]--; woken[p]++
    :: else
    fi
#endif
}

inline pool_post(p, task) {
    atomic { post(p, task) }
}

#define LAST(list) ((list) & BIT(STORE) -> STORE : ((list) & BIT(PROCESS) -> PROCESS : LOAD))

/* The runs of i that became ready, in the order in which they were claimed. */
inline post_runs(i, list) {
    do
    :: list != 0 ->
        atomic {
            post(POOL_OF(LAST(list)), RUN(i, LAST(list)));
            list = list & ~BIT(LAST(list))
        }
    :: else -> break
    od
}

/* ---- claims: the item's lock is held ---- */

inline item_is_stopped(i) {
    if
    :: item[i].stop == GOES_ON && is_cancelled != NO -> item[i].stop = CANCELLED
    :: item[i].stop == GOES_ON && is_cancelled == SETTING -> skip
    :: else
    fi
}

inline has_turn(i, has) {
#if ORDER == IN_ORDER
    has = (i == turn_seq);
    item[i].awaits_turn = !has
#elif ORDER == EXCLUSIVE
    if
    :: holder == i || holder == NONE -> holder = i; has = true
    :: else ->
        has = false;
        if
        :: !item[i].awaits_turn -> item[i].awaits_turn = true; queue!i
        :: else
        fi
    fi
#else
    has = true
#endif
}

inline store_claim(i, list, has) {
    if
    :: item[i].is_stored || item[i].runs & BIT(STORE) -> skip
    :: else ->
        item_is_stopped(i);
        has = false;
        if
        :: item[i].stop != GOES_ON && item[i].is_processed ->
            item[i].cleans = item[i].cleans | BIT(STORE);
            has = true
        :: item[i].stop == GOES_ON && item[i].out_chunks > 0 ->
#if BREAK == 1
            has = true /* out of turn */
#else
            has_turn(i, has)
#endif
        :: else
        fi;
        if
        :: has ->
            item[i].taken = item[i].out_chunks;
            item[i].out_chunks = 0;
            list = list | BIT(STORE);
            has = false
        :: else
        fi
    fi
}

inline process_claim(i, list) {
    if
    :: item[i].is_processed || item[i].runs & BIT(PROCESS) -> skip
    :: else ->
        item_is_stopped(i);
        if
        :: item[i].stop != GOES_ON ->
            item[i].cleans = item[i].cleans | BIT(PROCESS);
            list = list | BIT(PROCESS)
        :: item[i].stop == GOES_ON && item[i].in_chunks > 0 && item[i].out_hands < WINDOW ->
            item[i].out_hands++;
            item[i].in_chunks--;
            chunk_count++;
            list = list | BIT(PROCESS)
        :: else
        fi
    fi
}

inline load_claim(i, list) {
    if
    :: item[i].is_loaded || item[i].runs & BIT(LOAD) -> skip
    :: else ->
        item_is_stopped(i);
        if
        :: item[i].stop != GOES_ON || item[i].is_processed ->
            item[i].cleans = item[i].cleans | BIT(LOAD);
            list = list | BIT(LOAD)
        :: item[i].stop == GOES_ON && !item[i].is_processed && item[i].in_hands < WINDOW ->
            item[i].in_hands++;
            chunk_count++;
            list = list | BIT(LOAD)
        :: else
        fi
    fi
}

/* has is for the time of this alone. */
inline claim_all(i, list, is_through, has) {
    assert(item[i].is_alive);
    is_through = false;
    if
    :: item[i].is_ended -> skip
    :: else ->
        store_claim(i, list, has);
        process_claim(i, list);
        load_claim(i, list);
        item[i].runs = item[i].runs | list;
        if
        :: item[i].runs == 0 && item[i].is_loaded && item[i].is_processed && item[i].is_stored ->
            item[i].is_ended = true;
            is_through = true
        :: else
        fi
    fi
}

/* ---- ends ---- */

/* Line lock held. */
inline becomes_done() {
    if
    :: !is_done && in_flight_count == 0 && feed_state == FEED_ENDED ->
        is_done = true;
        assert(is_closing || next_fed == ITEMS);
#if DROP_WAKE != 3
        waits_for_done = false
#endif
    :: else
    fi
}

#define HAS_ROOM_IN_BUDGET(i) (budget_used <= BUDGET && COST(i) <= BUDGET - budget_used)
#if ORDER == IN_ORDER
#define HAS_TURN_PLACE (next_seq - turn_seq < IN_FLIGHT_MAX)
#else
#define HAS_TURN_PLACE true
#endif
#if BREAK == 2
#define HAS_ROOM(i) (in_flight_count < IN_FLIGHT_MAX && HAS_TURN_PLACE && HAS_ROOM_IN_BUDGET(i)) /* not even alone */
#else
#define HAS_ROOM(i) (in_flight_count == 0 || in_flight_count < IN_FLIGHT_MAX && HAS_TURN_PLACE && HAS_ROOM_IN_BUDGET(i))
#endif

/* The job's end of an item: no lock. */
inline item_end(i) {
    assert(item[i].is_alive && outcome[i] == 0 && item[i].runs == 0 && item[i].is_ended);
    assert(item[i].in_hands == 0 && item[i].in_chunks == 0 && item[i].out_hands == 0 && item[i].out_chunks == 0);
    assert(!item[i].has_writer && !item[i].awaits_turn);
    if
    :: item[i].stop == GOES_ON ->
        assert(item[i].is_committed && item[i].written == CHUNKS(i));
        outcome[i] = STORED
    :: item[i].stop == FAILED -> assert(!item[i].is_committed); outcome[i] = FAILED
    :: item[i].stop == CANCELLED -> assert(!item[i].is_committed && is_cancelled != NO); outcome[i] = CANCELLED
    fi;
    item[i].is_alive = false;
    item[i].is_ended = false;
    item[i].stop = GOES_ON;
    item[i].is_loaded = false;
    item[i].is_processed = false;
    item[i].is_stored = false;
    item[i].cleans = 0;
    item[i].loaded = 0;
    item[i].processed = 0;
    item[i].written = 0;
    item[i].is_committed = false
}

inline item_unref(i, posts) {
    atomic {
        assert(item[i].refs > 0);
        posts = false;
        item[i].refs--;
        if
        :: item[i].refs == 0 ->
            item_end(i);
            assert(in_flight_count > 0 && budget_used >= COST(i));
            in_flight_count--;
            budget_used = budget_used - COST(i);
#if DROP_WAKE != 4
            if
            :: feed_state == FEED_IDLE && feed_wants_room && in_flight_count <= IN_FLIGHT_MAX - IN_FLIGHT_MAX / 4 ->
                /* only then there is a pending one */
                posts = HAS_ROOM(pending)
            :: else
            fi;
            if
            :: posts -> feed_state = FEED_ACTIVE
            :: else
            fi;
#endif
            becomes_done()
        :: else
        fi
    }
    if
    :: posts -> pool_post(FEED_POOL, FEED_TASK); posts = false
    :: else
    fi
}

inline pass_turn(i, next) {
    atomic {
        next = NONE;
#if ORDER == IN_ORDER
        assert(ring[i % IN_FLIGHT_MAX] == i);
        ring[i % IN_FLIGHT_MAX] = NONE;
        if
        :: i == turn_seq ->
            do
            :: turn_seq < next_seq && ring[turn_seq % IN_FLIGHT_MAX] == NONE -> turn_seq++
            :: else -> break
            od;
            if
            :: turn_seq < next_seq && item[ring[turn_seq % IN_FLIGHT_MAX]].awaits_turn -> next = ring[turn_seq % IN_FLIGHT_MAX]
            :: else
            fi
        :: else
        fi;
#elif ORDER == EXCLUSIVE
        if
        :: holder == i && len(queue) > 0 -> queue?next; holder = next
        :: holder == i && len(queue) == 0 -> holder = NONE
        :: holder != i && item[i].awaits_turn -> queue??eval(i)
        :: else
        fi;
#endif
        item[i].awaits_turn = false;
#if DROP_WAKE == 5
        next = NONE;
#endif
        if
        :: next != NONE ->
            item[next].awaits_turn = false;
            item[next].refs++
        :: else
        fi
    }
}

/* i is through. Uses the caller's list, which is empty, and leaves it empty. */
inline leave(i, list) {
    do
    :: i != NONE ->
#if ORDER != FREE
        pass_turn(i, next);
#endif
        item_unref(i, posts);
        i = NONE;
        if
        :: next != NONE ->
            atomic { claim_all(next, list, is_through, has) }
            post_runs(next, list);
            i = (is_through -> next : NONE);
            is_through = false;
            item_unref(next, posts);
            next = NONE
        :: else
        fi
    :: else -> break
    od
}

/* ---- runs ---- */

inline feed_kick() {
    atomic {
        posts = (feed_state == FEED_IDLE);
        if
        :: posts -> feed_state = FEED_ACTIVE
#if DROP_WAKE == 6
        :: else
#else
        :: else -> feed_again = true
#endif
        fi
    }
    if
    :: posts -> pool_post(FEED_POOL, FEED_TASK); posts = false
    :: else
    fi
}

#define CLEANS(i, step) (item[i].cleans & BIT(step))

/* Lets go of what PROCESS has, all of its input included. has_out: room was taken for what comes out. */
inline drop_all(i) {
    item[i].in_hands = item[i].in_hands - item[i].in_chunks;
    chunk_count = chunk_count - item[i].in_chunks;
    item[i].in_chunks = 0;
    item[i].is_processed = true
}

inline load_settle(i) {
    if
    :: CLEANS(i, LOAD) -> item[i].is_loaded = true
    :: else ->
        item[i].loaded++;
        if
        :: true -> skip
        :: MAY_FAIL(i, LOAD) && item[i].stop == GOES_ON -> item[i].stop = FAILED; item[i].is_loaded = true
        fi;
        if
        :: item[i].loaded == CHUNKS(i) -> item[i].is_loaded = true
        :: else
        fi;
        if
        :: item[i].stop == GOES_ON && !item[i].is_processed -> item[i].in_chunks++
        :: else -> item[i].in_hands--; chunk_count--
        fi
    fi
}

inline process_settle(i) {
    if
    :: CLEANS(i, PROCESS) -> drop_all(i)
    :: else ->
        item[i].in_hands--;
        chunk_count--;
        if
        :: true ->
            item[i].processed++;
            if
            :: item[i].stop == GOES_ON -> item[i].out_chunks++
            :: else -> item[i].out_hands--; chunk_count--
            fi;
            if
            :: item[i].processed == CHUNKS(i) -> item[i].is_processed = true
            :: else
            fi
        :: MAY_FAIL(i, PROCESS) ->
            if
            :: item[i].stop == GOES_ON -> item[i].stop = FAILED
            :: else
            fi;
            item[i].out_hands--;
            chunk_count--;
            drop_all(i)
        fi
    fi
}

/* What the sink sees. */
inline store_run(i, fails) {
    if
    :: CLEANS(i, STORE) ->
        writer_count = writer_count - item[i].has_writer;
        item[i].has_writer = false
    :: else ->
        if
        :: !item[i].has_writer -> item[i].has_writer = true; writer_count++
        :: else
        fi;
#if ORDER != FREE
        assert(writer_count == 1); /* nobody else is in the middle of the output */
#endif
#if ORDER == IN_ORDER
        assert(last_stored == NONE || last_stored < i);
#endif
        fails = false;
        if
        :: true -> item[i].written = item[i].written + item[i].taken
        :: MAY_FAIL(i, STORE) -> fails = true
        fi;
        if
        :: !fails && item[i].written == CHUNKS(i) ->
            assert(!item[i].is_committed);
            item[i].is_committed = true;
            last_stored = i
        :: else
        fi;
        if
        :: fails || item[i].is_committed -> item[i].has_writer = false; writer_count--
        :: else
        fi
    fi;
    chunk_count = chunk_count - item[i].taken
}

inline store_settle(i, fails) {
    item[i].out_hands = item[i].out_hands - item[i].taken;
    item[i].taken = 0;
    if
    :: CLEANS(i, STORE) || item[i].is_committed -> item[i].is_stored = true
    :: fails && item[i].stop == GOES_ON -> item[i].stop = FAILED
    :: else
    fi;
    fails = false
}

/* Runs step of i and settles it. goes_on: it is to run once more, here. What else became ready is in list. */
inline run_once(i, step, list) {
#if SERIAL
    if
    :: step == LOAD && (CLEANS(i, LOAD) || item[i].loaded + 1 == CHUNKS(i)) -> is_loading_serial = false; feed_kick()
    :: else
    fi;
#endif
    atomic {
        assert(item[i].is_alive && item[i].runs & BIT(step));
        if
        :: step == LOAD -> load_settle(i)
        :: step == PROCESS -> process_settle(i)
        :: step == STORE -> store_run(i, fails); store_settle(i, fails)
        fi;
        item[i].runs = item[i].runs & ~BIT(step);
        item[i].cleans = item[i].cleans & ~BIT(step);
        claim_all(i, list, is_through, has);
        /* line_take_run() */
        goes_on = (list & BIT(step)) != 0;
        list = list & ~BIT(step)
    }
}

/* ---- the feed ---- */

/* The feed goes to sleep, unless somebody called for it meanwhile. */
inline feed_sleeps_not(wants_room) {
    atomic {
        feeds_on = feed_again;
        if
        :: wants_room && HAS_ROOM(pending) -> feeds_on = true
        :: else
        fi;
        feed_again = false;
        feed_wants_room = wants_room && !feeds_on;
        if
        :: !feeds_on -> feed_state = FEED_IDLE
        :: else
        fi
    }
}

#define FEED_GOES_ON        0
#define FEED_SLEEPS         1
#define FEED_WAITS_FOR_ROOM 2
#define FEED_IS_OVER        3

inline load_here(i, list) {
#if SERIAL
    goes_on = (list & BIT(LOAD)) != 0;
    do
    :: goes_on && is_loading_serial ->
        list = list & ~BIT(LOAD);
        post_runs(i, list);
        run_once(i, LOAD, list);
        if
        :: is_through -> is_through = false; leave(i, list)
        :: else
        fi
    :: else -> break
    od;
    if
    :: goes_on -> list = list | BIT(LOAD); goes_on = false
    :: else
    fi
#else
    skip
#endif
}

/* is_closed comes after is_closing: reading both here makes no difference. */
inline feed_next() {
    if
    :: is_closing || next_fed == ITEMS -> fed = FEED_IS_OVER
    :: else ->
        pending = next_fed;
        next_fed++;
#if SERIAL
        is_loading_serial = true
#endif
    fi
}

inline feed_admits_pending() {
    i = pending;
    if
    :: HAS_ROOM(i) ->
        assert(next_seq == i);
        next_seq++;
        in_flight_count++;
        budget_used = budget_used + COST(i);
        assert(budget_used <= BUDGET || in_flight_count == 1);
        assert(in_flight_count <= IN_FLIGHT_MAX);
#if ORDER == IN_ORDER
        assert(ring[i % IN_FLIGHT_MAX] == NONE);
        ring[i % IN_FLIGHT_MAX] = i;
#endif
        item[i].is_alive = true;
        item[i].refs = 1;
        pending = NONE
    :: else -> fed = FEED_WAITS_FOR_ROOM; i = NONE
    fi
}

inline feed_one() {
    atomic {
        fed = FEED_GOES_ON;
        if
        :: pending != NONE -> skip
        :: pending == NONE && is_closed -> fed = FEED_IS_OVER
#if SERIAL
        :: pending == NONE && !is_closed && is_loading_serial -> fed = FEED_SLEEPS
#endif
        :: else -> feed_next()
        fi
    }
    if
    :: fed == FEED_GOES_ON ->
        atomic { feed_admits_pending() }
        if
        :: i != NONE ->
            atomic { claim_all(i, list, is_through, has); assert(!is_through) }
            load_here(i, list);
            if
            :: i != NONE -> post_runs(i, list); i = NONE
            :: else
            fi
        :: else
        fi
    :: else
    fi
}

inline feed_run() {
    atomic { feed_wants_room = false; batch = 0; feeds_on = true }
    do
    :: feeds_on && batch < FEED_BATCH_COUNT ->
        batch++;
        feed_one();
        if
        :: fed == FEED_GOES_ON -> skip
        :: fed == FEED_IS_OVER ->
            atomic { feed_state = FEED_ENDED; becomes_done() }
            feeds_on = false
        :: else -> feed_sleeps_not((fed == FEED_WAITS_FOR_ROOM))
        fi
    :: else -> break
    od;
    fed = FEED_GOES_ON;
    batch = 0;
    if
    :: feeds_on -> feeds_on = false; pool_post(FEED_POOL, FEED_TASK)
    :: else
    fi
}

/* ---- threads ---- */

proctype worker(byte p; bool is_first) {
    byte task = NONE, i = NONE, next = NONE, list, batch, fed, step;
    bool is_through, has, posts, fails, goes_on, feeds_on;
    goto sleeps;
    do
    ::  atomic {
            running_count[p]--;
            if
            :: running_count[p] == 0 && len(tasks[p]) == 0 && phase[p] != OPEN -> wake_all(p)
            :: else
            fi;
            do
            :: len(tasks[p]) > 0 -> break
            :: len(tasks[p]) == 0 && phase[p] != OPEN && running_count[p] == 0 -> goto over
            :: else ->
                sleepers[p]++;
                first_sleeps[p] = first_sleeps[p] || is_first;
sleeps:         woken[p] > 0 && (is_first || !first_sleeps[p]);
                woken[p]--;
                first_sleeps[p] = first_sleeps[p] && !is_first
            od;
            tasks[p]?task;
            running_count[p]++;
            i = (task == FEED_TASK -> NONE : task / STEPS);
            step = task % STEPS;
            task = NONE
        }
        if
        :: i == NONE -> feed_run()
        :: else ->
            do
            :: i != NONE ->
                run_once(i, step, list);
                post_runs(i, list);
                if
                :: is_through -> is_through = false; leave(i, list)
                :: else ->
                    if
                    :: goes_on -> goes_on = false
                    :: else -> i = NONE
                    fi
                fi
            :: else -> break
            od
        fi
    od;
over:
    thread_count[p]--
}

inline line_close() {
    atomic {
        is_closed = true;
        if
        :: is_cancelled == SETTING -> is_cancelled = YES
        :: else
        fi;
        becomes_done()
    }
    if
    :: is_done -> skip
    :: else -> feed_kick()
    fi
}

/* It always does what STOPS says: as late as when the line is done, which is as if it did nothing. */
proctype stopper() {
    bool posts;
#if STOPS & 1
    is_closing = true;
    line_close();
#endif
#if STOPS & 2
    atomic { is_cancelled = SETTING; is_closing = true }
    line_close();
#endif
    is_stopping = false
}

inline pool_shutdown(p) {
    atomic {
        phase[p] = DRAINING;
        if
        :: running_count[p] == 0 && len(tasks[p]) == 0 -> wake_all(p)
        :: else
        fi
    }
    thread_count[p] == 0;
    phase[p] = ENDED
}

inline check_end() {
    assert(in_flight_count == 0 && budget_used == 0 && pending == NONE && chunk_count == 0 && writer_count == 0);
    assert(next_seq == next_fed);
    i = 0;
    do
    :: i < ITEMS ->
        assert((outcome[i] != 0) == (i < next_fed));
        i++
    :: else -> break
    od
}

/* Threads begin asleep: they go to sleep often enough, and there is less to search. */
inline start(p, count) {
    run worker(p, true);
    first_sleeps[p] = true;
    i = 1;
    do
    :: i < count -> run worker(p, false); i++
    :: else -> break
    od;
    sleepers[p] = count;
    thread_count[p] = count;
    i = 0
}

init {
    byte i;
    bool posts;
    atomic {
        start(0, READERS);
        start(1, WORKERS);
        start(2, WRITERS);
        if
        :: STOPS -> run stopper()
        :: else -> is_stopping = false
        fi
    }
    feed_kick();
    atomic {
        do
        :: is_done -> break
        :: else -> waits_for_done = true; !waits_for_done
        od
    }
    !is_stopping;
    pool_shutdown(0);
    pool_shutdown(1);
    pool_shutdown(2);
    atomic { check_end() }
}

#endif

#ifdef SENTINEL

/*
 * The scheme that the line is not: a step's threads take from a queue, and the end of the work is a message in it. Who
 * finds it leaves it there for the other threads of the step, tells the next step, and ends. A thread that is quick tells it
 * before a slower one has handed over its last result, which nobody takes any more. With one thread for each step it works.
 */
#define END ITEMS
#define LOAD    0
#define PROCESS 1
#define STORE   2
#define STEPS   3

chan queue[STEPS] = [ITEMS + READERS + WORKERS + 1] of { byte };
byte stored_count, thread_count = READERS + WORKERS + WRITERS;

proctype worker(byte step) {
    byte i;
    do
    :: queue[step]?i;
        if
        :: i != END && step == STORE -> stored_count++
        :: i != END && step != STORE -> queue[step + 1]!i
        :: else -> break
        fi
    od;
    queue[step]!END;
    if
    :: step != STORE -> queue[step + 1]!END
    :: else
    fi;
    thread_count--
}

init {
    byte i;
    atomic {
        i = 0;
        do
        :: i < READERS -> run worker(LOAD); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < WORKERS -> run worker(PROCESS); i++
        :: else -> break
        od;
        run worker(STORE);
        i = 0
    }
    do
    :: i < ITEMS -> queue[LOAD]!i; i++
    :: else -> break
    od;
    queue[LOAD]!END;
    thread_count == 0;
    assert(stored_count == ITEMS)
}

#endif
