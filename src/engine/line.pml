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
 *   claim_all        line_claim_all_locked() with load_claim(), process_claim(), encode_claim(), store_claim() of src/flow
 *   settle           line_settle() with load_settle(), process_settle(), encode_settle(), store_settle()
 *   run_once         line_run_once(), line_take_run(); let_feed_go_on() of load.c; what store_run() makes visible
 *   leave, pass_turn, has_turn, item_unref              line_leave.c; item_unref has item_end() of item.c in it
 *   feed_run, feed_one, feed_sleeps_not, load_here, ... line_feed.c, with feed_next() of flow/feed.c
 *   seats_join, let_sit, leave_row, kick_seated         seats.c; sit_down(), leave_seat() of process.c; take_seat() of feed.c
 *   line_sleep, line_wait                               line_wait.c; item_settled(), item_woken(), start_again() of again.c
 *   gather, run_together                                line_together.c with pool_take_more(), for two items
 *
 * Options, so that each search stays small: -DENCODE=1..2 gives the long item its ENCODE step, in so many blocks at once;
 * -DRETRIES=1..2 tries once more what failed, after a sleep or at once; -DSEATS=N lets N items sit in PROCESS; -DLEFT_OUT=I
 * has the feed leave out an item; -DTOGETHER=1 lets PROCESS do two items in one run.
 *
 * What is taken together: what a thread does under one lock is one step (atomic), also with the line's lock, or that of
 * seats, inside an item's, as nothing else is shared there. Two values are read under no lock: is_cancelled may be seen at
 * once or late while it is being set; is_closing is read in a step of its own. A wake-up is part of the post, as the thread
 * that is woken may be slow. Threads of a pool are alike: who sleeps is a number. Who sleeps until a time is woken at any
 * time: times are short or long.
 *
 * What is left out: bytes and times; chunks that PROCESS cuts otherwise than they came, or ENCODE at its end; input that is
 * kept for another attempt; copies of what failed; more than two items together; admission from outside the feed; submitted
 * functions; watching pools, and other sizes of them; figures; wake-ups without reason; memory orders (ThreadSanitizer looks
 * at them in the real code). The numbers are small: see below.
 *
 * Checked in every state or at the end: nobody waits for ever (invalid end states); every item that was fed has exactly
 * one outcome, and the right one; each of its chunks was stored, once, or the item was not stored; its blocks leave in
 * order; budget, places, seats, windows and chunks are whole at the end of the item and of the run; the budget is kept, but
 * for an item that is alone; turns; no item is touched after its end, no pool after its own. With -DNP: no schedule goes on
 * for ever.
 *
 * -DDROP_WAKE=1..9 leaves out one wake-up each, -DBREAK=1..6 breaks another rule, -DSENTINEL is another scheme.
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
#define LONG 0 /* this item has LONG_CHUNKS chunks */
#endif
#define COST(i)   ((i) == LARGE -> BUDGET + 1 : 1)
#ifndef LONG_CHUNKS
#define LONG_CHUNKS 2
#endif
#define CHUNKS(i) ((i) == LONG -> LONG_CHUNKS : 1)
#ifndef FAILS
#define FAILS PROCESS /* the step that may fail, for the first item */
#endif
#define MAY_FAIL(i, step) ((i) == 0 && (step) == FAILS)
#ifndef IN_FLIGHT_MAX
#define IN_FLIGHT_MAX 2
#endif
#define WINDOW 1
/* encode_create(): of the boxes before and behind ENCODE */
#define HAS_ENCODE(i) (ENCODE > 0 && (i) == LONG)
#define OUT_WINDOW(i) (HAS_ENCODE(i) -> ENCODE + 1 : WINDOW)
/* needs_whole() of feed.c: nothing is stored before everything is there */
#define NEEDS_WHOLE (RETRIES > 0 && ORDER != FREE)
/* The number that the item gets when it is admitted. */
#define SEQ(i) ((i) > LEFT_OUT -> (i) - 1 : (i))
#define FEED_BATCH_COUNT 2
#ifndef SERIAL
#define SERIAL 0 /* 1: all items are of one serial source */
#endif
#ifndef ENCODE
#define ENCODE 0 /* blocks of the long item that ENCODE may work on at once; 0: no item has that step */
#endif
#ifndef RETRIES
#define RETRIES 0 /* what failed is tried once more: 1 after a while, in which it sleeps, 2 at once */
#endif
#ifndef SEATS
#define SEATS 0 /* 0: PROCESS needs none */
#endif
#ifndef LEFT_OUT
#define LEFT_OUT NONE /* this item never comes into the line: an earlier run has done it */
#endif
#ifndef TOGETHER
#define TOGETHER 0 /* 1: PROCESS may do two items together that have one chunk each */
#endif
#ifndef STOPS
#define STOPS 3 /* the job is stopped: 1 soft, 2 hard, 3 first soft, then hard, 0 not at all */
#endif

/* ---- the line, its items, the pools ---- */

#define LOAD    0
#define PROCESS 1
#define BLOCK   2 /* the first one of ENCODE's runs */
#define STORE   (2 + ENCODE)
#define STEPS   (3 + ENCODE)
#define BIT(step) (1 << (step))
#define BLOCK_BITS (BIT(STORE) - BIT(BLOCK))
#define POOL_OF(step) ((step) == STORE -> 2 : ((step) == LOAD -> 0 : 1))
#define FEED_POOL 0
#define POOLS 3

/* A task: the run of an item's step, or the feed. */
#define RUN(i, step) ((i) * STEPS + (step))
#define FEED_TASK (ITEMS * STEPS)

#define OPEN     0
#define DRAINING 1
#define ENDED    2

chan tasks[POOLS] = [ITEMS + ENCODE + 1] of { byte };
byte phase[POOLS], running_count[POOLS], sleepers[POOLS], woken[POOLS], thread_count[POOLS];
bool first_sleeps[POOLS]; /* of threads that are alike the first one is woken first */

#define FEED_IDLE   0
#define FEED_ACTIVE 1
#define FEED_ENDED  2
byte feed_state;
bool feed_again, feed_wants_room;
#if SERIAL
bool feed_loads;
#else
#define feed_loads false
#endif
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
#define LEFT      4 /* it never came into the line */

typedef item_state {
    bool is_alive; /* admitted, and not freed */
    byte refs;
    byte runs;     /* steps with a run: queued or running */
    byte cleans;   /* steps whose run cleans up */
    bool is_ended;
    byte stop;
    bool is_loaded, is_processed, is_stored;
    byte in_chunks, in_hands, out_chunks, out_hands;
    byte loaded, processed, taken, written;
    bool has_writer, is_committed;
#if ENCODE
    bool is_encoded, is_cleaning;
    byte mid_chunks, mid_hands, blocks, given, made, at_work; /* made: those that wait for one before them, as bits */
    byte part[ENCODE];                                       /* which block a run works on */
#endif
#if RETRIES
    bool is_waiting, spools;
    byte retry_count, spooled;
#endif
#if SEATS
    bool has_seat, is_seated, may_sit, is_asked;
#endif
    bool awaits_turn
};
item_state item[ITEMS];
#if RETRIES
byte sleepers_of_line; /* items that sleep, as bits */
#endif
#if SEATS
chan row = [ITEMS] of { byte }; /* of those that may not sit yet; the others are before them */
byte sitting_count;
#endif
#if ENCODE
#define IS_ENCODED(i) (HAS_ENCODE(i) -> item[i].is_encoded : item[i].is_processed)
#else
#define IS_ENCODED(i) item[i].is_processed
#endif
#define HAS_LET_GO(i) (item[i].is_loaded && item[i].is_processed && IS_ENCODED(i) && item[i].is_stored)

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

/* pool_post_first() is for the feed alone: unless it loads items itself, it is in front of all. */
inline take_task(p, task) {
    if
    :: !feed_loads && tasks[p]??[eval(FEED_TASK)] -> tasks[p]??eval(FEED_TASK); task = FEED_TASK
    :: else -> tasks[p]?task
    fi
}

inline pool_post(p, task) {
    atomic { post(p, task) }
}

#define BLOCK_OF(list) ((list) & BIT(BLOCK) -> BLOCK : BLOCK + 1)
#define LAST(list) ((list) & BIT(STORE) -> STORE : ((list) & BLOCK_BITS -> BLOCK_OF(list) : ((list) & BIT(PROCESS) -> PROCESS : LOAD)))

hidden byte last; /* for the time of one step */

/* The runs of i that became ready, in the order in which they were claimed. */
inline post_runs(i, list) {
    do
    :: list != 0 ->
        atomic {
            last = LAST(list);
            post(POOL_OF(last), RUN(i, last));
            list = list & ~BIT(last)
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
    has = (SEQ(i) == turn_seq);
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
        :: item[i].stop != GOES_ON && IS_ENCODED(i) ->
            item[i].cleans = item[i].cleans | BIT(STORE);
            has = true
#if RETRIES
        /* must_spool() */
        :: item[i].stop == GOES_ON && NEEDS_WHOLE && !IS_ENCODED(i) && item[i].out_chunks > 0 && item[i].out_hands >= OUT_WINDOW(i) ->
            item[i].spools = true;
            has = true
        :: item[i].stop == GOES_ON && NEEDS_WHOLE && IS_ENCODED(i) ->
            has_turn(i, has)
        :: item[i].stop == GOES_ON && !NEEDS_WHOLE && item[i].out_chunks > 0 ->
#else
        :: item[i].stop == GOES_ON && item[i].out_chunks > 0 ->
#endif
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

#if SEATS

/* let_sit_locked(): seated is who may sit by that, or NONE. */
inline let_sit(seated) {
    seated = NONE;
    if
    :: len(row) > 0 && sitting_count < SEATS ->
        row?seated;
        item[seated].may_sit = true;
        sitting_count++
    :: else
    fi
}

inline seats_join(i) {
    assert(!item[i].has_seat);
    item[i].has_seat = true;
    item[i].may_sit = false;
    item[i].is_asked = false;
    if
    :: len(row) == 0 && sitting_count < SEATS -> item[i].may_sit = true; sitting_count++
    :: else -> row!i
    fi
}

/* sit_down() with seats_may_sit() */
inline sit_down(i) {
    if
    :: item[i].is_seated -> skip
    :: else ->
        if
        :: !item[i].has_seat -> seats_join(i)
        :: else
        fi;
        item[i].is_seated = item[i].may_sit;
        item[i].is_asked = !item[i].may_sit
    fi
}

#define MAY_WORK(i) item[i].is_seated
#else
#define MAY_WORK(i) true
#endif

#if ENCODE
#define HAS_PROCESS_ROOM(i) (HAS_ENCODE(i) -> item[i].mid_hands < OUT_WINDOW(i) : item[i].out_hands < WINDOW)
#else
#define HAS_PROCESS_ROOM(i) (item[i].out_hands < WINDOW)
#endif

/* item_process_target() */
inline enter_process_target(i) {
#if ENCODE
    if
    :: HAS_ENCODE(i) -> item[i].mid_hands++
    :: else -> item[i].out_hands++
    fi
#else
    item[i].out_hands++
#endif
}

inline leave_process_target(i) {
#if ENCODE
    if
    :: HAS_ENCODE(i) -> item[i].mid_hands--
    :: else -> item[i].out_hands--
    fi;
#else
    item[i].out_hands--;
#endif
    chunk_count--
}

#if ENCODE

/* next_chunk(): it must be known whether it is the last one. */
#define HAS_BLOCK(i) (item[i].mid_chunks > 1 || item[i].mid_chunks == 1 && item[i].is_processed)

inline claim_block(i, list, slot) {
    if
    :: item[i].runs & BIT(slot) || item[i].at_work == ENCODE || !HAS_BLOCK(i) || item[i].out_hands >= OUT_WINDOW(i) -> skip
    :: else ->
        item[i].mid_chunks--;
        item[i].out_hands++;
        chunk_count++;
        item[i].part[slot - BLOCK] = item[i].blocks;
        item[i].blocks++;
        item[i].at_work++;
        list = list | BIT(slot)
    fi
}

inline encode_claim(i, list) {
    if
    :: !HAS_ENCODE(i) || item[i].is_encoded -> skip
    :: else ->
        item_is_stopped(i);
        if
        :: item[i].stop == GOES_ON ->
            claim_block(i, list, BLOCK);
#if ENCODE > 1
            claim_block(i, list, BLOCK + 1)
#endif
#if BREAK == 5 /* while its blocks are worked on */
        :: item[i].stop != GOES_ON && item[i].is_processed && !item[i].is_cleaning && !(item[i].runs & BIT(BLOCK)) ->
#else
        :: item[i].stop != GOES_ON && item[i].is_processed && !item[i].is_cleaning && item[i].at_work == 0 ->
#endif
            item[i].is_cleaning = true;
            item[i].cleans = item[i].cleans | BIT(BLOCK);
            list = list | BIT(BLOCK)
        :: else
        fi
    fi
}

#endif

inline process_claim(i, list) {
    if
    :: item[i].is_processed || item[i].runs & BIT(PROCESS) -> skip
    :: else ->
        item_is_stopped(i);
        if
        :: item[i].stop != GOES_ON ->
            item[i].cleans = item[i].cleans | BIT(PROCESS);
            list = list | BIT(PROCESS)
        :: item[i].stop == GOES_ON && item[i].in_chunks > 0 ->
#if SEATS
            sit_down(i);
#endif
            if
            :: MAY_WORK(i) && HAS_PROCESS_ROOM(i) ->
                enter_process_target(i);
                item[i].in_chunks--;
                chunk_count++;
                list = list | BIT(PROCESS)
            :: else
            fi
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

/* item_is_done() */
#if RETRIES
#define IS_DONE(i) (!item[i].is_waiting && HAS_LET_GO(i))
#else
#define IS_DONE(i) HAS_LET_GO(i)
#endif

/* has is for the time of this alone. */
inline claim_all(i, list, is_through, has) {
    assert(item[i].is_alive);
    is_through = false;
    if
    :: item[i].is_ended -> skip
    :: else ->
        store_claim(i, list, has);
#if ENCODE
        encode_claim(i, list);
#endif
        process_claim(i, list);
        load_claim(i, list);
        item[i].runs = item[i].runs | list;
        if
        :: item[i].runs == 0 && IS_DONE(i) ->
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
#if ENCODE
    assert(item[i].mid_hands == 0 && item[i].mid_chunks == 0 && item[i].at_work == 0 && item[i].given == item[i].blocks);
    item[i].is_encoded = false;
    item[i].is_cleaning = false;
    item[i].blocks = 0;
    item[i].given = 0;
    item[i].made = 0;
#endif
#if RETRIES
    assert(!item[i].is_waiting && !(sleepers_of_line & BIT(i)) && item[i].spooled == 0);
    item[i].retry_count = 0;
#endif
#if SEATS
    item[i].is_seated = false;
#endif
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

#if SEATS

/* seats_leave(): kicked is who may sit now and asked for it, with a reference, or NONE. Under the lock of seats. */
inline leave_row(i, kicked) {
    item[i].has_seat = false;
    if
    :: item[i].may_sit -> sitting_count--; item[i].may_sit = false
    :: else -> row??eval(i)
    fi;
    let_sit(kicked);
#if DROP_WAKE == 7
    kicked = NONE;
#endif
    if
    :: kicked != NONE && item[kicked].is_asked -> item[kicked].is_asked = false; item[kicked].refs++
    :: else -> kicked = NONE
    fi
}

/* Kicks whoever may sit; who is through by that was so before, and has left. The reference stays. */
inline kick_seated(kicked, list, is_through, has) {
    if
    :: kicked != NONE ->
        atomic { claim_all(kicked, list, is_through, has); assert(!is_through) }
        post_runs(kicked, list)
    :: else
    fi
}

#endif

/* Under the line's lock. */
inline give_back(i, posts) {
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
}

#if SEATS

/* As an item that ends may let another one sit, which is kicked before the first one's cost is given back, and released
 * then (in the code before): one after the other. */
inline item_unref(i, posts) {
    unref = i;
    do
    :: unref != NONE ->
        kicked = NONE;
        atomic {
            assert(item[unref].refs > 0);
            item[unref].refs--;
            is_last = (item[unref].refs == 0);
            if
            :: is_last && item[unref].has_seat -> leave_row(unref, kicked)
            :: else
            fi
        }
        kick_seated(kicked, seat_list, is_through, has);
        atomic {
            posts = false;
            if
            :: is_last -> item_end(unref); give_back(unref, posts)
            :: else
            fi;
            is_last = false
        }
        if
        :: posts -> pool_post(FEED_POOL, FEED_TASK); posts = false
        :: else
        fi;
        unref = kicked;
        kicked = NONE
    :: else -> break
    od
}

#else

inline item_unref(i, posts) {
    atomic {
        assert(item[i].refs > 0);
        posts = false;
        item[i].refs--;
        if
        :: item[i].refs == 0 -> item_end(i); give_back(i, posts)
        :: else
        fi
    }
    if
    :: posts -> pool_post(FEED_POOL, FEED_TASK); posts = false
    :: else
    fi
}

#endif

inline pass_turn(i, next) {
    atomic {
        next = NONE;
#if ORDER == IN_ORDER
        assert(ring[SEQ(i) % IN_FLIGHT_MAX] == i);
        ring[SEQ(i) % IN_FLIGHT_MAX] = NONE;
        if
        :: SEQ(i) == turn_seq ->
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

#if RETRIES

#define WANTS_RETRY(i) (item[i].stop == FAILED && item[i].retry_count == 0 && !is_closing)

inline start_again(i) {
    assert(item[i].in_hands == 0 && item[i].out_hands == 0 && item[i].spooled == 0 && !item[i].has_writer);
    item[i].retry_count++;
    item[i].stop = GOES_ON;
    item[i].is_loaded = false;
    item[i].is_processed = false;
    item[i].is_stored = false;
#if ENCODE
    assert(item[i].mid_hands == 0 && item[i].at_work == 0);
    item[i].is_encoded = false;
    item[i].is_cleaning = false;
    item[i].blocks = 0;
    item[i].given = 0;
    item[i].made = 0;
#endif
    item[i].loaded = 0;
    item[i].processed = 0;
    item[i].written = 0
}

/* line_sleep(). Who waits for the line until somebody's time need not be told of another one. */
inline line_sleep(i) {
    item[i].is_waiting = true;
#if DROP_WAKE != 9
    if
    :: sleepers_of_line == 0 -> waits_for_done = false
    :: else
    fi;
#endif
    sleepers_of_line = sleepers_of_line | BIT(i)
}

inline item_settled(i) {
    if
    :: item[i].stop != GOES_ON && !item[i].is_waiting && HAS_LET_GO(i) && WANTS_RETRY(i) ->
#if RETRIES == 1
        line_sleep(i)
#else
        start_again(i)
#endif
    :: else
    fi
}

#else
#define item_settled(i) skip
#endif

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

/* What a run of PROCESS comes to: known before the item's lock is taken. */
inline process_verdict(i, fails) {
    fails = false;
    if
    :: true -> skip
    :: !CLEANS(i, PROCESS) && MAY_FAIL(i, PROCESS) -> fails = true
    fi
}

inline process_settle(i, fails) {
    if
    :: CLEANS(i, PROCESS) -> drop_all(i)
    :: else ->
        item[i].in_hands--;
        chunk_count--;
        if
        :: !fails ->
            item[i].processed++;
            if
            :: item[i].stop != GOES_ON -> leave_process_target(i)
#if ENCODE
            :: item[i].stop == GOES_ON && HAS_ENCODE(i) -> item[i].mid_chunks++
#endif
            :: item[i].stop == GOES_ON && !HAS_ENCODE(i) -> item[i].out_chunks++
            fi;
            if
            :: item[i].processed == CHUNKS(i) -> item[i].is_processed = true
            :: else
            fi
        :: else ->
            if
            :: item[i].stop == GOES_ON -> item[i].stop = FAILED
            :: else
            fi;
            leave_process_target(i);
            drop_all(i)
        fi
    fi;
    fails = false
}

#if ENCODE

/* encode_settle() with drop_places() and give_out() */
inline encode_settle(i, slot) {
    if
    :: CLEANS(i, slot) ->
        assert(item[i].at_work == 0); /* on what is dropped */
        item[i].out_hands = item[i].out_hands - (item[i].blocks - item[i].given);
        chunk_count = chunk_count - (item[i].blocks - item[i].given);
        item[i].given = item[i].blocks;
        item[i].mid_hands = item[i].mid_hands - item[i].mid_chunks;
        chunk_count = chunk_count - item[i].mid_chunks;
        item[i].mid_chunks = 0;
        item[i].is_encoded = true
    :: else ->
        item[i].at_work--;
        item[i].made = item[i].made | BIT(item[i].part[slot - BLOCK]);
        item[i].part[slot - BLOCK] = 0;
        item[i].mid_hands--;
        chunk_count--;
        if
        :: true -> skip
        :: MAY_FAIL(i, BLOCK) && item[i].stop == GOES_ON -> item[i].stop = FAILED
        fi;
        do
#if BREAK == 6 /* whichever is made */
        :: item[i].stop == GOES_ON && item[i].given < item[i].blocks && item[i].made != 0 ->
#else
        :: item[i].stop == GOES_ON && item[i].made & BIT(item[i].given) ->
#endif
            assert(item[i].made & BIT(item[i].given)); /* they leave in order */
            item[i].made = item[i].made & ~BIT(item[i].given);
            item[i].given++;
            item[i].out_chunks++;
            if
            :: item[i].given == CHUNKS(i) -> item[i].is_encoded = true
            :: else
            fi
        :: else -> break
        od
    fi
}

#endif

/* What the sink sees. */
inline store_run(i, fails) {
    if
    :: CLEANS(i, STORE) ->
        writer_count = writer_count - item[i].has_writer;
#if RETRIES
        item[i].spooled = 0;
#endif
        item[i].has_writer = false
#if RETRIES
    :: !CLEANS(i, STORE) && item[i].spools -> item[i].spooled = item[i].spooled + item[i].taken
    :: !CLEANS(i, STORE) && !item[i].spools ->
#else
    :: else ->
#endif
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
#if RETRIES
        item[i].written = item[i].written + item[i].spooled;
        item[i].spooled = 0;
#endif
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
#if RETRIES
    item[i].spools = false;
#endif
    if
    :: CLEANS(i, STORE) || item[i].is_committed -> item[i].is_stored = true
    :: fails && item[i].stop == GOES_ON -> item[i].stop = FAILED
    :: else
    fi;
    fails = false
}

#if SEATS

#define KEEPS_SEATS (ORDER != FREE && RETRIES == 0)

/* let_go() with leave_seat(), at the end of a run in which PROCESS is through, fails or cleans */
inline let_go(i, fails) {
    kicked = NONE;
    atomic {
        if
        :: !CLEANS(i, PROCESS) && !fails && item[i].processed + 1 < CHUNKS(i) -> skip
        :: else ->
            item[i].is_asked = false; /* seats_forget() */
            if
            :: !item[i].has_seat || KEEPS_SEATS && !(item[i].is_seated && !fails && !CLEANS(i, PROCESS)) -> skip
            :: else ->
                item[i].is_seated = item[i].is_seated && KEEPS_SEATS;
                leave_row(i, kicked)
            fi
        fi
    }
    if
    :: kicked != NONE ->
        kick_seated(kicked, seat_list, is_through, has);
        item_unref(kicked, posts)
    :: else
    fi
}

#endif

/* What comes before the item's lock is taken. */
inline run_unlocked(i, step) {
#if SERIAL
    if
    :: step == LOAD && (CLEANS(i, LOAD) || item[i].loaded + 1 == CHUNKS(i)) -> is_loading_serial = false; feed_kick()
    :: else
    fi;
#endif
#if SEATS
    if
    :: step == PROCESS ->
        process_verdict(i, fails);
        let_go(i, fails)
    :: else
    fi
#else
    skip
#endif
}

/* line_settle(), in an atomic step */
inline settle(i, step, list) {
    assert(item[i].is_alive && item[i].runs & BIT(step));
    if
    :: step == LOAD -> load_settle(i)
    :: step == PROCESS ->
#if SEATS == 0
        process_verdict(i, fails);
#endif
        process_settle(i, fails)
#if ENCODE
    :: step >= BLOCK && step < STORE -> encode_settle(i, step)
#endif
    :: step == STORE -> store_run(i, fails); store_settle(i, fails)
    fi;
    item_settled(i);
    item[i].runs = item[i].runs & ~BIT(step);
    item[i].cleans = item[i].cleans & ~BIT(step);
    claim_all(i, list, is_through, has)
}

/* Runs step of i and settles it. goes_on: another one is to run here, which is step then. What else became ready is in
 * list. */
inline run_once(i, step, list) {
    run_unlocked(i, step);
    atomic {
        settle(i, step, list);
        /* line_take_run() */
#if ENCODE
        if
        :: POOL_OF(step) == 1 && list & BLOCK_BITS -> step = BLOCK_OF(list); goes_on = true
        :: POOL_OF(step) == 1 && !(list & BLOCK_BITS) && list & BIT(PROCESS) -> step = PROCESS; goes_on = true
        :: POOL_OF(step) != 1 -> goes_on = (list & BIT(step)) != 0
        :: else -> goes_on = false
        fi;
        if
        :: goes_on -> list = list & ~BIT(step)
        :: else
        fi
#else
        goes_on = (list & BIT(step)) != 0;
        list = list & ~BIT(step)
#endif
    }
}

#if TOGETHER

/* process_is_brief() and is_brief_now(): all of the item is one run of PROCESS. */
#define IS_BRIEF(i) (CHUNKS(i) == 1 && !HAS_ENCODE(i) && !CLEANS(i, PROCESS))

/* gather() with pool_take_more(): one other, or none, as who knows how long they take. */
inline gather(p, i, step, other) {
    atomic {
        other = NONE;
        if
        :: step == PROCESS && IS_BRIEF(i) && len(tasks[p]) >= WORKERS ->
            if
            :: true
            :: i != 0 && tasks[p]??[eval(RUN(0, PROCESS))] && IS_BRIEF(0) -> tasks[p]??eval(RUN(0, PROCESS)); other = 0
            :: i != 1 && tasks[p]??[eval(RUN(1, PROCESS))] && IS_BRIEF(1) -> tasks[p]??eval(RUN(1, PROCESS)); other = 1
#if ITEMS > 2
            :: i != 2 && tasks[p]??[eval(RUN(2, PROCESS))] && IS_BRIEF(2) -> tasks[p]??eval(RUN(2, PROCESS)); other = 2
#endif
            fi
        :: else
        fi
    }
}

/* line_run_together(): both are settled before anything is posted that became ready by that. */
inline run_together(i, other, list) {
    first = i;
    atomic { settle(i, PROCESS, list); assert(!(list & BIT(PROCESS))); first_list = list; list = 0 }
    if
    :: is_through -> is_through = false; leave(i, list)
    :: else
    fi;
    i = other;
    atomic { settle(i, PROCESS, list); assert(!(list & BIT(PROCESS))) }
    if
    :: is_through -> is_through = false; leave(i, list); i = other
    :: else
    fi;
#if DROP_WAKE == 8
    first_list = 0;
#endif
    post_runs(first, first_list);
    post_runs(other, list);
    i = NONE;
    first = NONE;
    other = NONE
}

#endif

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
        feed_loads = true;
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

#if SEATS
/* take_seat() of feed.c */
inline feed_takes_seat(i) {
#if BREAK != 3
    if
    :: ORDER == IN_ORDER && RETRIES == 0 -> seats_join(i)
    :: else
    fi
#else
    skip
#endif
}
#endif

/* is_closed comes after is_closing: reading both here makes no difference. */
inline feed_next() {
    if
    :: is_closing || next_fed == ITEMS -> fed = FEED_IS_OVER
    :: else ->
        pending = next_fed;
        next_fed++;
        /* tell_early(), and on to the next one */
        if
        :: pending == LEFT_OUT ->
#if SEATS && BREAK == 4 /* before it is known that it does not come */
            feed_takes_seat(pending);
#endif
            outcome[pending] = LEFT;
            pending = next_fed;
            next_fed++
        :: else
        fi;
#if SEATS
        feed_takes_seat(pending);
#endif
#if SERIAL
        is_loading_serial = true
#endif
    fi
}

inline feed_admits_pending() {
    i = pending;
    if
    :: HAS_ROOM(i) ->
        assert(next_seq == SEQ(i));
        next_seq++;
        in_flight_count++;
        budget_used = budget_used + COST(i);
        assert(budget_used <= BUDGET || in_flight_count == 1);
        assert(in_flight_count <= IN_FLIGHT_MAX);
#if ORDER == IN_ORDER
        assert(ring[SEQ(i) % IN_FLIGHT_MAX] == NONE);
        ring[SEQ(i) % IN_FLIGHT_MAX] = i;
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
    atomic {
#if SERIAL
        feed_loads = false;
#endif
        feed_wants_room = false; batch = 0; feeds_on = true
    }
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
#if SEATS
    byte kicked = NONE, unref = NONE, seat_list;
    bool is_last;
#endif
#if TOGETHER
    byte other = NONE, first = NONE, first_list;
#endif
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
            take_task(p, task);
            running_count[p]++;
            i = (task == FEED_TASK -> NONE : task / STEPS);
            step = task % STEPS;
            task = NONE
        }
        if
        :: i == NONE -> feed_run()
        :: else ->
#if TOGETHER
            gather(p, i, step, other);
            if
            :: other != NONE -> run_together(i, other, list)
            :: else
            fi;
#endif
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
#if SEATS
    assert(sitting_count == 0 && len(row) == 0);
#endif
    assert(in_flight_count == 0 && budget_used == 0 && pending == NONE && chunk_count == 0 && writer_count == 0);
    assert(next_seq == SEQ(next_fed));
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

#if RETRIES

/* line_wait(): takes what sleeps, sooner or later. */
inline line_wait() {
    do
    :: is_done -> break
    :: !is_done && sleepers_of_line != 0 ->
        atomic {
            if
            :: sleepers_of_line & BIT(0) -> i = 0
            :: sleepers_of_line & BIT(1) -> i = 1
            :: sleepers_of_line & BIT(2) -> i = 2
            fi;
            sleepers_of_line = sleepers_of_line & ~BIT(i)
        }
        /* line_wake_once() with item_woken() */
        atomic {
            item[i].is_waiting = false;
            if
            :: WANTS_RETRY(i) -> start_again(i)
            :: else
            fi;
            claim_all(i, list, is_through, has)
        }
        post_runs(i, list);
        if
        :: is_through -> is_through = false; leave(i, list)
        :: else
        fi
    :: else -> atomic { if :: !is_done && sleepers_of_line == 0 -> waits_for_done = true; !waits_for_done :: else fi }
    od
}

#else

inline line_wait() {
    atomic {
        do
        :: is_done -> break
        :: else -> waits_for_done = true; !waits_for_done
        od
    }
}

#endif

init {
    byte i;
    bool posts;
#if RETRIES
    byte list, next = NONE;
    bool is_through, has;
#if SEATS
    byte kicked = NONE, unref = NONE, seat_list;
    bool is_last;
#endif
#endif
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
    line_wait();
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
