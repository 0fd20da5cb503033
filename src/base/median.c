#include "base/median.h"

#define CLASS_BITS 6 /* of the number after its highest bit */

/* 0..63 are classes of their own; then each power of two has 64 of them. */
static unsigned class_of(uint64_t ns)
{
    if (ns >> CLASS_BITS == 0)
        return (unsigned)ns;
    unsigned highest = 63 - (unsigned)__builtin_clzll(ns);
    unsigned shift = highest - CLASS_BITS;
    return ((shift + 1) << CLASS_BITS) + (unsigned)(ns >> shift & ((1u << CLASS_BITS) - 1));
}

/* The middle of a class. */
static int64_t middle_of(unsigned class)
{
    if (class >> CLASS_BITS == 0)
        return class;
    unsigned shift = (class >> CLASS_BITS) - 1;
    uint64_t low = (uint64_t)((1u << CLASS_BITS) + (class & ((1u << CLASS_BITS) - 1))) << shift;
    return (int64_t)(low + (((uint64_t)1 << shift) >> 1));
}

void median_add(struct median *median, int64_t ns)
{
    unsigned class = class_of(ns > 0 ? (uint64_t)ns : 0);
    atomic_fetch_add_explicit(&median->classes[class], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&median->count, 1, memory_order_release);
}

uint64_t median_count(const struct median *median)
{
    return atomic_load_explicit(&median->count, memory_order_acquire);
}

static int64_t find(const struct median *median, uint64_t count)
{
    uint64_t passed = 0;
    for (unsigned class = 0; class < MEDIAN_CLASS_COUNT; class ++) {
        passed += atomic_load_explicit(&median->classes[class], memory_order_relaxed);
        if (passed >= (count + 1) / 2)
            return middle_of(class);
    }
    return 0;
}

int64_t median_ns(struct median *median, uint64_t least_count)
{
    uint64_t count = median_count(median);
    if (count == 0 || count < least_count)
        return -1;
    uint64_t kept_count = atomic_load_explicit(&median->kept_count, memory_order_acquire);
    if (kept_count > 0 && count <= kept_count + kept_count / 32)
        return atomic_load_explicit(&median->kept_ns, memory_order_relaxed);
    /* Several threads may find it at once: each result is good. */
    int64_t found_ns = find(median, count);
    atomic_store_explicit(&median->kept_ns, found_ns, memory_order_relaxed);
    atomic_store_explicit(&median->kept_count, count, memory_order_release);
    return found_ns;
}
