/*
 * Each step waits for the one before it, so one walk leaves a processor idle most of the time.
 * Therefore several lanes walk a block at once: the stream ahead is cut into segments, and each
 * lane walks one, from a little before it, where it may begin in the middle of a codeword. Prefix
 * codes let it fall into step soon. What a lane found counts only when it entered its segment at
 * the very bit at which the walk through all earlier segments left them: from there on both are
 * the same walk.
 */
#include "codec/deflate_lanes.h"

#define SEGMENT_BITS  4096u
#define WARM_UP_BITS  512u
#define LANE_COUNT    4
#define SEGMENT_COUNT 16 /* of which results are kept */

struct segment {
    uint64_t enter_bit, leave_bit; /* the first ones that are not before its begin and its end */
    bool is_walked;
    bool is_stopped; /* at leave_bit, where no symbol is that can be stepped over */
};

struct lane {
    uint64_t at_bit, target_bit;
    uint64_t segment; /* which one */
    bool is_idle;     /* nobody wants to know */
    bool is_inside;
    unsigned seen; /* at its last step: WALK_IS_SLOW, and with it how far to step back */
};

struct lanes {
    const struct deflate_walk *walk;
    struct walk_reader reader;
    struct segment segments[SEGMENT_COUNT]; /* a ring */
    uint64_t begin_bit;                     /* of the first segment */
    uint64_t count, next;                   /* segments that there are, and that were handed out */
    uint64_t known;                         /* segments that were walked through, without a gap */
    uint64_t known_bit;                     /* where they were left */
    struct lane lanes[LANE_COUNT];
};

static struct segment *segment_of(struct lanes *lanes, const struct lane *lane)
{
    return &lanes->segments[lane->segment % SEGMENT_COUNT];
}

static void enter_segment(struct lanes *lanes, struct lane *lane)
{
    lane->is_inside = true;
    lane->target_bit += SEGMENT_BITS;
    if (!lane->is_idle)
        segment_of(lanes, lane)->enter_bit = lane->at_bit;
}

/* The next one; when there is none, the lane walks the first one again, for nothing. */
static void take_segment(struct lanes *lanes, struct lane *lane)
{
    lane->is_idle = lanes->next == lanes->count || lanes->next == lanes->known + SEGMENT_COUNT;
    lane->segment = lane->is_idle ? 0 : lanes->next++;
    lane->is_inside = false;
    lane->at_bit = lane->target_bit = lanes->begin_bit + lane->segment * SEGMENT_BITS;
    if (!lane->is_idle)
        segment_of(lanes, lane)->is_walked = false;
    if (lane->segment == 0)
        enter_segment(lanes, lane);
    else
        lane->at_bit -= WARM_UP_BITS;
}

/* The lane is through with its segment. */
static void leave_segment(struct lanes *lanes, struct lane *lane, bool is_stopped)
{
    if (!lane->is_idle) {
        struct segment *segment = segment_of(lanes, lane);
        segment->leave_bit = lane->at_bit;
        segment->is_stopped = is_stopped;
        segment->is_walked = true;
    }
    take_segment(lanes, lane);
}

/* What is to be done where the lane came to. */
static void turn(struct lanes *lanes, struct lane *lane)
{
    if (lane->seen & WALK_IS_SLOW) {
        struct walk_reader reader = lanes->reader;
        reader.at_bit = lane->at_bit -= lane->seen & WALK_STEP_MASK;
        bool is_passed = deflate_walk_pass(&reader, lanes->walk);
        if (!is_passed && lane->is_inside) {
            leave_segment(lanes, lane, true);
            return;
        }
        lane->at_bit = is_passed ? reader.at_bit : lane->at_bit + 1;
    }
    if (lane->at_bit < lane->target_bit)
        return;
    if (lane->is_inside)
        leave_segment(lanes, lane, false);
    else
        enter_segment(lanes, lane);
}

/* Joins what was walked to what is known. False: nothing more can be joined. */
static bool join_segments(struct lanes *lanes)
{
    while (lanes->known < lanes->next) {
        const struct segment *segment = &lanes->segments[lanes->known % SEGMENT_COUNT];
        if (!segment->is_walked)
            return true;
        if (segment->enter_bit != lanes->known_bit)
            return false;
        lanes->known++;
        lanes->known_bit = segment->leave_bit;
        if (segment->is_stopped)
            return false;
    }
    return lanes->known < lanes->count;
}

/* *seen: what turn() is to know. In a slow entry is no step, so that it holds what to step back. */
static inline uint64_t step_of(const unsigned char *stream, const struct deflate_walk *walk,
                               uint64_t at, unsigned *seen)
{
    uint64_t word = walk_load64(stream + at / 8) >> (at % 8);
    unsigned first = walk->literals.fast[word % WALK_FAST_SIZE];
    unsigned second = walk->distances.fast[(word >> (first & WALK_STEP_MASK)) % WALK_FAST_SIZE];
    /* Without a branch, which nobody could foresee: the sign is WALK_IS_MATCH. */
    second &= (unsigned)((int16_t)first >> 15);
    *seen = first | second;
    return at + ((first + second) & WALK_STEP_MASK);
}

/* All lanes go on until one of them is at its target, or at what the fast tables do not know. */
static void walk_lanes(struct lanes *lanes)
{
    const unsigned char *stream = lanes->reader.stream;
    const struct deflate_walk *walk = lanes->walk;
    struct lane *lane = lanes->lanes;
    uint64_t at0 = lane[0].at_bit, at1 = lane[1].at_bit, at2 = lane[2].at_bit, at3 = lane[3].at_bit;
    const uint64_t to0 = lane[0].target_bit, to1 = lane[1].target_bit, to2 = lane[2].target_bit,
                   to3 = lane[3].target_bit;
    unsigned seen0, seen1, seen2, seen3;
    do {
        at0 = step_of(stream, walk, at0, &seen0);
        at1 = step_of(stream, walk, at1, &seen1);
        at2 = step_of(stream, walk, at2, &seen2);
        at3 = step_of(stream, walk, at3, &seen3);
    } while (!((seen0 | seen1 | seen2 | seen3) & WALK_IS_SLOW) &&
             (((at0 - to0) & (at1 - to1) & (at2 - to2) & (at3 - to3)) >> 63));
    lane[0].at_bit = at0, lane[0].seen = seen0;
    lane[1].at_bit = at1, lane[1].seen = seen1;
    lane[2].at_bit = at2, lane[2].seen = seen2;
    lane[3].at_bit = at3, lane[3].seen = seen3;
}

bool deflate_lanes_run(struct walk_reader *reader, const struct deflate_walk *walk)
{
    uint64_t bits = (uint64_t)reader->bytes * 8, margin = 2 * WALK_MARGIN_BITS;
    if (bits < reader->at_bit + margin + 2 * LANE_COUNT * SEGMENT_BITS)
        return true;
    struct lanes lanes = {.walk = walk,
                          .reader = *reader,
                          .begin_bit = reader->at_bit,
                          .count = (bits - reader->at_bit - margin) / SEGMENT_BITS,
                          .known_bit = reader->at_bit};
    for (unsigned i = 0; i < LANE_COUNT; i++)
        take_segment(&lanes, &lanes.lanes[i]);
    do {
        walk_lanes(&lanes);
        for (unsigned i = 0; i < LANE_COUNT; i++)
            turn(&lanes, &lanes.lanes[i]);
    } while (join_segments(&lanes));
    reader->at_bit = lanes.known_bit;
    const struct segment *last = &lanes.segments[(lanes.known - 1) % SEGMENT_COUNT];
    return lanes.known == lanes.count || last->is_stopped;
}
