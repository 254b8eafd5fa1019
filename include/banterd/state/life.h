/*
 * The life of a daemon, over all its processes: a page of memory that outlives
 * each of them (a memfd), beside the database and not in it.  How the last one
 * ended, how often in a row it was by a fault, and counters that only ever
 * grow. A store to it is there at once.
 */
#ifndef BANTERD_STATE_LIFE_H
#define BANTERD_STATE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

/* The number of the format of all that outlives a process: this page and each
 * record.  It changes when any of them does. */
#define LIFE_FORMAT 1

/* After so many processes in a row that took over, and ended by a fault before
 * they had carried out so many lines, the next begins without what they took
 * over: it may be what ends them. */
#define LIFE_FAULTS 3
#define LIFE_LINES  100

enum life_end {
	LIFE_RUNNING,     /* it runs, or has ended by a fault */
	LIFE_HANDED_OVER, /* in good order: the remnant is whole */
	LIFE_NOT_KEPT     /* the database is not what it should be */
};

/* In this order they are one format. */
enum life_counter {
	LIFE_USERS, /* registry.generation */
	LIFE_GUESTS,
	LIFE_ROOMS,
	LIFE_JOINS,
	LIFE_CONNECTIONS,
	LIFE_STARTED, /* ms */
	LIFE_ACCEPTED,
	LIFE_REFUSED,
	LIFE_LINES_IN,
	LIFE_SLOWED,
	LIFE_STALLED,
	LIFE_BYTES_IN,
	LIFE_BYTES_OUT,
	LIFE_LINES_OUT,
	LIFE_SKIPPED,
	LIFE_ITEMS, /* outbox.next */
	LIFE_COUNTERS
};

struct life {
	uint64_t magic;
	uint32_t format;
	uint32_t end;              /* enum life_end */
	uint32_t faults;           /* in a row, as above */
	uint32_t unused;           /* 0 */
	volatile uint64_t sending; /* see struct conns */
	volatile uint64_t reading;
	uint64_t counters[LIFE_COUNTERS];
};

/* Makes the memory, with a life that has not begun yet.  Returns a descriptor
 * that the caller owes close(), or -1 with errno set. */
int life_make(void);

/* Maps it; fd stays the caller's.  Returns NULL with errno set; EINVAL: it is
 * none, or of another format.  The caller owes life_close(). */
struct life *life_open(int fd);
void life_close(struct life *life);

#endif
