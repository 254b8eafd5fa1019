/*
 * How long lines are kept, in general and of a room, and that they go then: by
 * small steps, never many at once.
 */
#ifndef BANTERD_STORE_KEEP_H
#define BANTERD_STORE_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/text.h"

#define KEEP_ROOMS_MAX 10000 /* of which it is said how long */
#define KEEP_BEGINS_S  5     /* after it was said, as more of it may come */
#define KEEP_LINES     200   /* that go in a step */
#define KEEP_STEP_MS   20    /* from one step to the next */
#define KEEP_PASS_MS   5000  /* from one look at all rooms to the next */

struct file;

struct keep_room {
	char room[ROOM_MAX + 1];
	uint32_t keep;
};

struct keep {
	uint32_t all;
	struct keep_room *rooms;
	size_t n, size;
	bool is_said;
	uint64_t begins_at, step_at; /* ms */
	char room[ROOM_MAX + 1];     /* that was looked at last; "": none */
};

/* Of all rooms, from now (ms) on; of one. */
void keep_say(struct keep *k, uint32_t keep, uint64_t now);
bool keep_say_room(struct keep *k, const char *room, uint32_t keep);

/* How long a room's lines are kept. */
uint32_t keep_of(const struct keep *k, const char *room);

/* Removes some that have expired by that time (s), if it is time (ms) for a
 * step.  Returns the ms until the next one; begins a transaction if there is
 * something to write. */
uint64_t keep_step(struct keep *k, struct file *f, uint64_t time, uint64_t now);

void keep_free(struct keep *k);

#endif
