#include "bench/limit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ROOM_BYTES (CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES)

static enum mr_status take_through(struct chain_state *state, const struct sample_item *item,
                                   unsigned char *room, struct mr_error *err)
{
    struct mr_entry entry = {.path = item->path, .size_bytes = (int64_t)item->bytes};
    struct mr_io io = {.in = item->data, .in_bytes = item->bytes, .is_last = true};
    enum mr_status status = chain_start(state, &entry, err);
    while (status == MR_OK) {
        io.out = room;
        io.out_bytes = ROOM_BYTES;
        status = chain_process(state, &io, err);
    }
    if (status == MR_DONE)
        return MR_OK;
    chain_stop(state);
    return status;
}

enum mr_status limit_measure(const struct sample *sample, const struct chain *chain, double seconds,
                             double *rate, struct mr_error *err)
{
    *rate = 0;
    unsigned char *room = malloc(ROOM_BYTES);
    struct chain_state *state = NULL;
    enum mr_status status = room ? chain_state_create(chain, &state, err)
                                 : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    uint64_t bytes = 0;
    int64_t start_ns = clock_now_ns();
    double passed_s = 0;
    for (size_t i = 0; status == MR_OK && i < sample->count && (i == 0 || passed_s < seconds);
         i++) {
        status = take_through(state, &sample->items[i], room, err);
        bytes += sample->items[i].bytes;
        passed_s = (double)(clock_now_ns() - start_ns) / 1e9;
    }
    if (status == MR_OK && passed_s > 0)
        *rate = (double)bytes / passed_s;
    chain_state_destroy(state);
    free(room);
    return status;
}
