/*
 * Rooms: what each is about, who runs it, and what is said and happens in it.
 * Who comes and goes is member.c's.
 */
#ifndef BANTERD_CHAT_ROOM_H
#define BANTERD_CHAT_ROOM_H

#include <bsd/sys/queue.h>

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/text.h"
#include "banterd/chat/ban.h"
#include "banterd/chat/history.h"
#include "banterd/chat/registry.h"
#include "banterd/chat/tally.h"
#include "banterd/chat/user.h"

/* Of what many do in one room at once, so much a second is told one by one. */
#define ROOM_TALLY_LINES 5  /* joins, and as many leaves */
#define ROOM_TALLY_NAMES 20 /* first names of guests */

/* The most that have written to a room from outside and can be put out of it.
 */
#define ROOM_OUTSIDERS 256

enum room_tally { TALLY_LEAVES, TALLY_JOINS, TALLY_NAMES, TALLY_KINDS };

struct room {
	RB_ENTRY(room) by_name;
	RB_ENTRY(room) by_size;    /* in registry.ranking */
	TAILQ_ENTRY(room) pending; /* in registry.pending if is_pending */
	struct user **members;     /* in the order they joined */
	uint32_t nmembers;         /* room_set_size() changes it */
	uint32_t members_size;
	struct user *op;    /* who runs it; NULL: nobody */
	void *maker;        /* registry_ops' to count it; NULL: nobody's */
	char *topic;        /* NULL: none */
	char *listed_topic; /* of the config; NULL: none */
	char *key;          /* NULL: none */
	struct history history;
	struct tally tallies[TALLY_KINDS];
	struct bans bans;
	struct id_set outsiders; /* who wrote to it, and was not in it */
	uint64_t waits_since; /* ms: who speaks here waits for its readers; 0 */
	bool permanent;       /* of the config; has no op */
	bool was_permanent;   /* before the last reading of it */
	bool listed;          /* in a room line of it */
	bool is_pending;
	char name[ROOM_MAX + 1];
	uint64_t number;           /* no other room ever has it */
	TAILQ_ENTRY(room) changed; /* its keeper's, if changes is not 0: what */
	unsigned changes;          /* of it is not kept yet */
};

RB_PROTOTYPE(room_tree, room, by_name, room_cmp)

/* The busiest first; those alike by name. */
RB_PROTOTYPE(room_ranking, room, by_size, room_rank)

/* Sets how many members a room has, and so its rank. */
void room_set_size(struct registry *reg, struct room *room, uint32_t nmembers);

struct room *room_find(struct registry *reg, const char *name);

/* Makes a room that is not there.  NULL: no memory. */
struct room *room_make(struct registry *reg, const char *name);

/* Whether an ordinary room that is empty; such a one has to be freed. */
bool room_is_over(const struct room *room);

/* It counts for nobody from now on who made it. */
void room_disown(struct registry *reg, struct room *room);
void room_free(struct registry *reg, struct room *room);

/* Frees all rooms; nobody is in them. */
void rooms_free(struct registry *reg);

/* Writes all rooms to rooms, which has space for nrooms of them, in the order
 * of their names; returns how many. */
unsigned rooms_list(struct registry *reg, struct room **rooms);

/* Sends the sums that are due at registry.now, and sets registry.due. */
void rooms_tick(struct registry *reg);

bool room_has(const struct room *room, const struct user *u);

/* How u is in the room; NULL: it is not. */
const struct membership *room_membership(
    const struct room *room, const struct user *u);

/* Whether u may know of the room: one with a key does not exist for those
 * outside. */
bool room_shows_to(const struct room *room, const struct user *u);

/* For how long u is kept out, having been put out; in ms, 0 if not.  Who is in
 * the room is not, whatever name they have taken since. */
uint64_t room_keeps_out(
    struct registry *reg, struct room *room, const struct user *u);

/* What keeps u out; NULL: nothing. */
const struct ban *room_ban_on(
    struct registry *reg, struct room *room, const struct user *u);

/* The same u's address, as registry_ops says; NULL if that says nothing. */
const struct address *room_address_of(
    struct registry *reg, const struct user *u, struct address *a);

/* Tells the room that u has come: at once, or if it was not told before (see
 * member_enter()). */
void room_tell_joined(
    struct registry *reg, struct room *room, const struct user *u);
void room_announce(struct registry *reg, struct room *room, struct user *u);

/* Whether that has not been told. */
bool room_is_unaware(const struct room *room, const struct user *u);

/* Says text to all others of the room.  u need not be in it: whoever runs the
 * room can deal with them then (member_kick()).  False: no memory for that, and
 * nothing was said. */
bool room_say(struct registry *reg, struct user *u, struct room *room,
    const char *text, bool action);

/* Gives *field (a topic, a key) a copy of text, or NULL.  False: no memory. */
bool room_replace(char **field, const char *text);

/* Sets the topic (NULL: none) and tells the others.  False: no memory. */
bool room_set_topic(
    struct registry *reg, struct user *u, struct room *room, const char *topic);

/* Makes a member the one who runs the room. */
void room_set_op(struct registry *reg, struct room *room, struct user *u);

/* An event of the room. */
struct chat_event room_event(
    struct registry *reg, const struct room *room, enum event_kind kind);

/* Tells an event to every member but doer, and those who ignore doer. */
void room_tell(struct registry *reg, struct room *room,
    const struct chat_event *ev, const struct user *doer);

/* Whether one more join, leave or first name is told by itself; else it waits
 * for the sum of this second.  room_tell_tallied() tells it. */
bool room_tally(struct registry *reg, struct room *room, enum room_tally what,
    const struct user *u);
/* Sums are due: those of its tallies that hold something. */
void room_wait_for_sum(struct registry *reg, struct room *room);
void room_tell_tallied(struct registry *reg, struct room *room,
    enum room_tally what, const struct chat_event *ev, const struct user *doer);

/* Who spoke there last under that name, if they are still here; by now they may
 * have another one.  NULL: nobody. */
struct user *room_speaker(
    struct registry *reg, const struct room *room, const char *name);

/* Adds what was said before the first that this process has of it, each behind
 * the last one so added; so many of the first numbers are free for that. */
void room_refill(
    struct registry *reg, struct room *room, const struct chat_event *ev);

/* How much of the history u may hear, up to so much: all but what people said
 * whom u ignores, and in a room with a key what was said before u came.  Then,
 * sends u the last n of that, oldest first, with their time.  Both cost as much
 * as they find, and what is ignored in between. */
unsigned room_count_history(
    const struct room *room, const struct user *u, unsigned most);
void room_replay(
    struct registry *reg, const struct room *room, struct user *u, unsigned n);

/* Writes the rooms that somebody is in, as far as viewer (NULL: the admin) may
 * know of them, in the order they were joined: "#lobby, @#dev"; "" if there are
 * none.  What does not fit is left out. */
void room_list_of(
    const struct user *u, const struct user *viewer, char *buf, size_t size);

/* Writes the members in the order they joined, "@alice, bob, carol (away)",
 * ROOM_NAMES_SHOWN of them at the most, without the first so many; viewer (or
 * NULL) appears as "you".  Returns how many more there are after these. */
#define ROOM_NAMES_SHOWN 50
#define ROOM_NAMES_SIZE  (ROOM_NAMES_SHOWN * (NICK_MAX + 12) + 1) /* of buf */
uint32_t room_names(const struct room *room, const struct user *viewer,
    uint32_t first, char *buf, size_t size);

#endif
