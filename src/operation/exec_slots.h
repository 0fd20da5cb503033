/*
 * exec_slots.h - numbers for running commands, from 1: the lowest that no other has. Any thread,
 * without locks.
 */
#ifndef MR_OPERATION_EXEC_SLOTS_H
#define MR_OPERATION_EXEC_SLOTS_H

#include <stdatomic.h>

#define EXEC_SLOTS_MAX 4096 /* more threads no pool may have */

/* Zeroed: all are free. */
struct exec_slots {
    atomic_uint_fast64_t words[EXEC_SLOTS_MAX / 64]; /* a set bit is a number that is taken */
};

/* The number, for exec_slots_give() when the command has ended; 0: all are taken. */
unsigned exec_slots_take(struct exec_slots *slots);
void exec_slots_give(struct exec_slots *slots, unsigned slot);

#endif
