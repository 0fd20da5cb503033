#include <stdatomic.h>
#include <stdlib.h>

#include "engine/seats.h"
#include "millrace/pool.h"
#include "support/support.h"

Suite *seats_suite(void);

/* ---- the row alone: nobody waits, so nobody is kicked ---- */

START_TEST(counts)
{
    struct seats *seats;
    struct line_item item = {0};
    struct seat row[6] = {{0}};
    ck_assert_int_eq(seats_create(2, &seats), MR_OK);
    for (int i = 0; i < 5; i++)
        seats_join(seats, &row[i], &item);
    for (int i = 0; i < 5; i++) {
        ck_assert(seats_may_sit(seats, &row[i]) == (i < 2));
        seats_forget(seats, &row[i]);
    }
    seats_leave(seats, &row[3]); /* has not sat: nobody gains by it */
    ck_assert(!seats_may_sit(seats, &row[2]));
    seats_forget(seats, &row[2]);
    seats_leave(seats, &row[1]);
    ck_assert(seats_may_sit(seats, &row[0]));
    ck_assert(seats_may_sit(seats, &row[2]));
    ck_assert(!seats_may_sit(seats, &row[4]));
    seats_forget(seats, &row[4]);
    seats_leave(seats, &row[0]);
    seats_leave(seats, &row[2]);
    ck_assert(seats_may_sit(seats, &row[4]));
    seats_join(seats, &row[5], &item);
    ck_assert(seats_may_sit(seats, &row[5]));
    seats_leave(seats, &row[5]);
    seats_leave(seats, &row[4]);
    seats_destroy(seats);
    seats_destroy(NULL);
}
END_TEST

/* ---- items on a line: one step with seats, one that waits for the turn ---- */

struct rider {
    struct line_item line;
    struct line_run runs[2];
    struct bus *bus;
    unsigned index;
    struct seat seat;
    bool is_in_row, is_seated, is_through, is_ended, gives_up;
};

struct bus {
    struct seats *seats;
    enum line_order order;
    unsigned rider_count, next;
    atomic_uint sitting_count, sitting_most, ended_count;
    uint64_t seed;
};

static struct rider *rider_of(struct line_item *item)
{
    return (struct rider *)(void *)item;
}

static enum line_claim claim(struct line_item *item, struct line_run *run)
{
    struct rider *rider = rider_of(item);
    (void)run;
    if (rider->is_through)
        return LINE_NOTHING;
    if (rider->is_seated || rider->gives_up)
        return LINE_READY;
    if (!rider->is_in_row)
        seats_join(rider->bus->seats, &rider->seat, item);
    rider->is_in_row = true;
    rider->is_seated = seats_may_sit(rider->bus->seats, &rider->seat);
    /* Some are asked once, and go without having sat. */
    rider->gives_up = !rider->is_seated && rider->index % 7 == 3;
    return rider->is_seated || rider->gives_up ? LINE_READY : LINE_HELD;
}

static void ride(struct line_item *item, struct line_run *run)
{
    struct rider *rider = rider_of(item);
    struct bus *bus = rider->bus;
    (void)run;
    if (!rider->is_seated) {
        seats_forget(bus->seats, &rider->seat);
        return;
    }
    unsigned sitting = atomic_fetch_add(&bus->sitting_count, 1) + 1, most = bus->sitting_most;
    while (sitting > most && !atomic_compare_exchange_weak(&bus->sitting_most, &most, sitting))
        continue;
    uint64_t seed = bus->seed + rider->index;
    for (volatile uint64_t i = support_random(&seed) % 2000; i > 0; i--)
        continue;
    atomic_fetch_sub(&bus->sitting_count, 1);
    if (rider->index % 5 != 0) {
        rider->is_in_row = false;
        seats_leave(bus->seats, &rider->seat);
    }
}

static void settle(struct line_item *item, struct line_run *run)
{
    (void)run;
    rider_of(item)->is_through = true;
}

static enum line_claim claim_end(struct line_item *item, struct line_run *run)
{
    struct rider *rider = rider_of(item);
    (void)run;
    if (!rider->is_through || rider->is_ended)
        return LINE_NOTHING;
    return line_has_turn(item) ? LINE_READY : LINE_HELD;
}

static void run_end(struct line_item *item, struct line_run *run)
{
    (void)item;
    (void)run;
}

static void settle_end(struct line_item *item, struct line_run *run)
{
    (void)run;
    rider_of(item)->is_ended = true;
}

static bool is_done(struct line_item *item)
{
    return rider_of(item)->is_ended;
}

static void end(struct line_item *item)
{
    struct rider *rider = rider_of(item);
    if (rider->is_in_row) /* as those do that failed: late, but in time for all */
        seats_leave(rider->bus->seats, &rider->seat);
    atomic_fetch_add(&rider->bus->ended_count, 1);
    line_item_fini(item);
    free(rider);
}

static struct line *current_line;

static enum line_feed feed(void *ctx, struct line_item **item)
{
    struct bus *bus = ctx;
    if (bus->next == bus->rider_count)
        return LINE_FEED_END;
    struct rider *rider = calloc(1, sizeof(*rider));
    ck_assert_ptr_nonnull(rider);
    ck_assert_int_eq(line_item_init(current_line, &rider->line, rider->runs), MR_OK);
    rider->bus = bus;
    rider->index = bus->next++;
    rider->is_in_row = bus->order == LINE_IN_ORDER;
    if (rider->is_in_row)
        seats_join(bus->seats, &rider->seat, &rider->line);
    *item = &rider->line;
    return LINE_FEED_ITEM;
}

START_TEST(carries_all)
{
    static const enum line_order orders[] = {LINE_FREE, LINE_IN_ORDER, LINE_EXCLUSIVE};
    unsigned threads = 1 + (unsigned)_i % 4, seat_count = 1 + (unsigned)_i / 4 % 3;
    struct bus bus = {.order = orders[_i % 3], .rider_count = 3000, .seed = (uint64_t)_i};
    struct mr_pool *pool;
    const struct mr_pool_config pool_config = {
        .struct_bytes = sizeof(pool_config), .name = "test", .thread_count = threads};
    ck_assert_int_eq(mr_pool_create(&pool_config, &pool, NULL), MR_OK);
    ck_assert_int_eq(seats_create(seat_count, &bus.seats), MR_OK);
    const struct line_step steps[] = {{"ride", pool, 1, claim, ride, settle},
                                      {"end", pool, 1, claim_end, run_end, settle_end}};
    const struct line_config config = {
        .steps = steps,
        .step_count = 2,
        .order = bus.order,
        .in_flight_max = 32,
        .feed_pool = pool,
        .client = {.feed = feed, .is_done = is_done, .end = end, .ctx = &bus}};
    ck_assert_int_eq(line_create(&config, &current_line), MR_OK);
    line_start(current_line);
    ck_assert(line_wait(current_line, deadline_from_ms(50000)));
    ck_assert_uint_eq(bus.ended_count, bus.rider_count);
    ck_assert_uint_le(bus.sitting_most, seat_count);
    mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN);
    line_destroy(current_line);
    seats_destroy(bus.seats);
    mr_pool_destroy(pool);
}
END_TEST

Suite *seats_suite(void)
{
    Suite *suite = suite_create("seats");
    TCase *tcase = tcase_create("seats");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, counts);
    tcase_add_loop_test(tcase, carries_all, 0, 24);
    suite_add_tcase(suite, tcase);
    return suite;
}
