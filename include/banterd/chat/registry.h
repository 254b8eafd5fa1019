/*
 * The registry of people and rooms: the tables that all of chat/ stands on.  No
 * sockets, no libevent: all that leaves goes through registry_ops.
 */
#ifndef BANTERD_CHAT_REGISTRY_H
#define BANTERD_CHAT_REGISTRY_H

#include <bsd/sys/queue.h>

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "banterd/chat/event.h"
#include "banterd/chat/names.h"

struct address;
struct registry;
struct room;
struct user;

LIST_HEAD(users, user);
RB_HEAD(room_tree, room);
RB_HEAD(room_ranking, room);

/* What chat asks of whoever knows how people are reached. */
struct registry_ops {
	/* Takes an event to a person.  Returns false if they will not read it:
	 * their send queue is full.  Must not change the registry. */
	bool (*deliver)(struct user *to, const struct chat_event *ev);
	/* Whether deliver() would do that.  NULL: it would. */
	bool (*takes)(struct user *to, const struct chat_event *ev);
	/* The address that a person comes from; false if they share it with
	 * everybody on their machine.  NULL: nobody has one. */
	bool (*address)(const struct user *u, struct address *a);
	/*
	 * A person makes a room: counts it for *maker, which is told (ms) when
	 * the room is gone; NULL is nobody.  Returns false if the room may not
	 * be.  Where room_made is NULL, nothing is counted.
	 */
	bool (*room_made)(struct user *by, void **maker);
	void (*room_gone)(void *maker, uint64_t now);
	/*
	 * Told of each change that is to outlive the process: what is a sum of
	 * CHANGED_...; a room that is over is about to be freed.  NULL: nothing
	 * is kept.
	 */
	void (*user_changed)(struct user *u, unsigned what);
	void (*room_changed)(
	    struct registry *reg, struct room *room, unsigned what);
	/* Somebody has said something in a room; and is in it, or not any more.
	 * NULL: nobody wants to know. */
	void (*said)(struct registry *reg, struct room *room,
	    const struct user *by, const struct chat_event *ev);
	void (*moved)(struct user *u, struct room *room, bool in);
};

/* What has changed of a person; of a room. */
#define CHANGED_USER    1U
#define CHANGED_IGNORED 2U
#define CHANGED_AWAY    4U

#define CHANGED_ROOM    1U
#define CHANGED_TALLIES 2U
#define CHANGED_BANS    4U /* and who is invited, and wrote from outside */
#define CHANGED_SAID    8U /* something was added to the history */
#define CHANGED_OVER    16U

/* The limits of the configuration that the registry keeps to. */
struct registry_limits {
	unsigned max_rooms;
	unsigned max_joined;
	unsigned history;
};

/* A power of two.  Ten thousand people are found in two or three steps. */
#define REGISTRY_BUCKETS 4096

struct registry {
	struct users users[REGISTRY_BUCKETS]; /* by name_hash */
	struct room_tree rooms;
	struct room_ranking ranking; /* the same, the busiest first */
	TAILQ_HEAD(, room) pending;  /* a tally of theirs holds something */
	struct user **slots;         /* users by the low half of their id */
	uint32_t nslots;
	uint32_t free_hint; /* no free slot below this one */
	uint32_t generation;
	uint32_t visit;
	unsigned nusers, nrooms;
	uint64_t due; /* ms: when rooms_tick() has to be called; NEVER */
	bool closing; /* nobody is told of leaves */
	uint64_t next_guest;
	uint64_t rooms_made, joins; /* ever: their numbers */
	uint64_t nevents;           /* since the start */
	struct names names;         /* that are registered */
	struct registry_limits limits;
	const struct registry_ops *ops;
	void *owner;  /* for them */
	uint64_t now; /* ms, monotonic: its owner's to set */
	time_t wall;  /* of the clock on the wall, likewise */
};

/* Why something was not done. */
enum chat_error {
	CHAT_OK,
	CHAT_TAKEN,           /* somebody else has that name */
	CHAT_REGISTERED,      /* it is somebody else's */
	CHAT_TOO_MANY_ROOMS,  /* max-rooms */
	CHAT_TOO_MANY_MADE,   /* registry_ops.room_made said so */
	CHAT_TOO_MANY_JOINED, /* max-joined */
	CHAT_WRONG_KEY,
	CHAT_KICKED, /* and not long ago */
	CHAT_NO_MEMORY
};

void registry_init(struct registry *reg, const struct registry_ops *ops);

/* Frees the tables.  Everybody has left, and rooms_free() was called. */
void registry_free(struct registry *reg);

/* Tells of a change, if somebody keeps it. */
static inline void
user_changed(const struct registry *reg, struct user *u, unsigned what)
{
	if (reg->ops->user_changed != NULL)
		reg->ops->user_changed(u, what);
}

static inline void
room_changed(struct registry *reg, struct room *room, unsigned what)
{
	if (reg->ops->room_changed != NULL)
		reg->ops->room_changed(reg, room, what);
}

/* A new event of that kind, of now. */
static inline struct chat_event
registry_event(struct registry *reg, enum event_kind kind)
{
	struct chat_event ev = {
		.kind = kind, .number = ++reg->nevents, .time = reg->wall
	};

	return ev;
}

#endif
