/*
 * What happened, for one reader or for all of a room.  Chat says what it was
 * and to whom; a dialect says how it reads.
 */
#ifndef BANTERD_CHAT_EVENT_H
#define BANTERD_CHAT_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum event_kind {
	/* Said in a room, and kept as its history: room, who, text. */
	EVENT_SAY,
	EVENT_ACTION,
	/* Said to one person: who, text. */
	EVENT_PRIVATE,
	EVENT_PRIVATE_ACTION,
	/* Happened in a room: room, who. */
	EVENT_JOIN,
	EVENT_LEAVE,  /* text: the reason, or NULL */
	EVENT_RENAME, /* whom: the new name */
	EVENT_TOPIC,  /* text, or NULL: there is none now */
	EVENT_KICK,   /* whom; text: the reason, or NULL */
	/* So many did that within a second: room, count. */
	EVENT_JOINS,
	EVENT_LEAVES,
	EVENT_FIRST_NAMES,
	/* Told to the one whom it is about. */
	EVENT_KICKED,  /* room, who did it, text: the reason, or NULL */
	EVENT_INVITED, /* room, who did it: may come back */
	EVENT_IN_ROOM, /* room: the current one from now on */
	EVENT_IN_NO_ROOM,
	EVENT_RUNS_ROOM,   /* room */
	EVENT_PUBLIC_ROOM, /* room: nobody runs it any more */
	EVENT_IS_AWAY,     /* who, text: why */
	/* An answer or notice as it is: text, which begins with "* " or "! ".
	 */
	EVENT_REPLY
};

/* The most readers of one event that is for a few. */
#define EVENT_FEW 64

/* (libevent has a struct event.)  Texts and names are valid while it is
 * delivered. */
struct chat_event {
	enum event_kind kind;
	bool many;       /* it is for more than EVENT_FEW */
	bool replayed;   /* it happened before, at time */
	bool dated;      /* with its date, though it be of today */
	bool bell;       /* ring this reader's bell */
	unsigned count;  /* of people */
	uint64_t number; /* no other event has it */
	time_t time;
	const char *room;
	const char *who;
	const char *whom;
	const char *text;
};

#endif
