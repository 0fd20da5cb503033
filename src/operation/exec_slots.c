#include "operation/exec_slots.h"

#include <stdint.h>

/* The lowest free number of a word, from 0; 64 when there is none. */
static unsigned take_of_word(atomic_uint_fast64_t *word)
{
    uint_fast64_t taken = atomic_load_explicit(word, memory_order_relaxed);
    while (taken != UINT64_MAX) {
        unsigned bit = (unsigned)__builtin_ctzll(~(unsigned long long)taken);
        if (atomic_compare_exchange_weak_explicit(word, &taken, taken | UINT64_C(1) << bit,
                                                  memory_order_acquire, memory_order_relaxed))
            return bit;
    }
    return 64;
}

unsigned exec_slots_take(struct exec_slots *slots)
{
    for (unsigned i = 0; i < EXEC_SLOTS_MAX / 64; i++) {
        unsigned bit = take_of_word(&slots->words[i]);
        if (bit < 64)
            return i * 64 + bit + 1;
    }
    return 0;
}

void exec_slots_give(struct exec_slots *slots, unsigned slot)
{
    unsigned index = slot - 1;
    atomic_fetch_and_explicit(&slots->words[index / 64], ~(UINT64_C(1) << index % 64),
                              memory_order_release);
}
