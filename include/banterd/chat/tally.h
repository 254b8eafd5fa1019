/*
 * Tallies: of what many do in a room within a second, only so much is told one
 * by one; the rest waits for the sum at the second's end.
 */
#ifndef BANTERD_CHAT_TALLY_H
#define BANTERD_CHAT_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#define TALLY_MS 1000

struct tally {
	uint64_t since; /* ms: when this second began */
	uint64_t last;  /* id of the last one held */
	unsigned told;  /* one by one, in it */
	unsigned held;  /* for the sum at its end */
};

/* Whether its second is over, or has not begun; now is in ms. */
bool tally_is_over(const struct tally *t, uint64_t now);

/* Counts one more of most that are told one by one, by the person of that id.
 * Returns whether it is to be told; else it is held. */
bool tally_take(struct tally *t, unsigned most, uint64_t id);

/* Begins a second.  Returns how many were held in the last one. */
unsigned tally_begin(struct tally *t, uint64_t now);

/* When its sum is due, in ms; NEVER: nothing is held. */
uint64_t tally_due(const struct tally *t);

#endif
