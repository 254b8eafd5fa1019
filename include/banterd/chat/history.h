/*
 * The history of a room: the last that was said in it, for those who come
 * later.
 */
#ifndef BANTERD_CHAT_HISTORY_H
#define BANTERD_CHAT_HISTORY_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "banterd/chat/event.h"

/* One thing said. */
struct history_entry {
	TAILQ_ENTRY(history_entry) next;
	time_t when;
	uint64_t speaker; /* a user's id */
	uint64_t number;  /* in this room, from 0 on */
	enum event_kind kind;
	const char *text; /* behind who */
	char who[];       /* the name at that time */
};

TAILQ_HEAD(history_entries, history_entry);

struct history {
	struct history_entries list; /* oldest first */
	unsigned n;
	size_t bytes; /* of all names and texts in it */
	uint64_t next_number;
	unsigned nrefilled; /* of the first numbers, by room_refill() */
	uint64_t kept;      /* its keeper has all of a lower number */
	struct history_entry *returned; /* last, by history_return() */
};

void history_init(struct history *h);

/* Keeps an event that the person with that id said, as one of at most limit.
 * Should memory be out, it is not kept. */
void history_add(struct history *h, const struct chat_event *ev,
    uint64_t speaker, unsigned limit);

/* Adds one that was kept, behind all that have a lower number: kind, when,
 * speaker, who, text.  False: no memory. */
bool history_return(struct history *h, uint64_t number,
    const struct chat_event *ev, uint64_t speaker);

/* Forgets those with a number below that. */
void history_forget(struct history *h, uint64_t oldest);

/* Forgets all that was said under that name. */
void history_erase(struct history *h, const char *name);

/* Forgets the oldest, until there are at most limit. */
void history_trim(struct history *h, unsigned limit);

#endif
