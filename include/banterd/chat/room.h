/*
 * The registry of people and rooms: who is called what, who is where, what
 * was said.  No sockets, no libevent: all that leaves goes through one
 * function, registry.deliver, which a test can replace.
 */
#ifndef BANTERD_ROOM_H
#define BANTERD_ROOM_H

#include <bsd/sys/queue.h>

#include <bsd/sys/tree.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "banterd/config/config.h"
#include "banterd/system/log.h"
#include "banterd/base/text.h"

/* The longest line that anybody is sent, in bytes: the longest text, a stamp,
 * a room, two names and the words around them. */
#define LINE_SIZE_MAX (TEXT_CLEANED_SIZE(CONFIG_MAX_LINE_MAX) + 256)

/* "10:32 " before replayed lines, in bytes. */
#define STAMP_LEN 6

/* What happens to a line when its reader's send queue is full. */
enum line_kind {
	LINE_REPLY,   /* an answer or notice: always queued */
	LINE_ROOM,    /* skipped and counted */
	LINE_PRIVATE, /* not delivered; its writer is told */
	LINE_RAW      /* telnet's own bytes: as LINE_REPLY, no stamp */
};

/* One line on its way out.  The same one goes to every member of a room. */
struct line {
	const char *text; /* with its CR LF */
	uint32_t len;     /* in bytes */
	enum line_kind kind;
	bool stamped;       /* begins with a time already */
	bool bell;          /* ring this reader's bell */
	uint32_t laid_at;   /* output.c: where in the arena */
	uint64_t laid_fill; /* output.c: at which fill of it; 0 for none */
};

/* A set of people's ids, who may be gone by now. */
struct id_set {
	uint64_t *ids;
	uint32_t n, size;
};

/* A person.  Plain data; the client unit embeds it.  What it takes to find one
 * and to deliver a line comes first and stands together. */
struct user {
	LIST_ENTRY(user) by_name; /* in registry.users */
	struct id_set ignored;    /* whom they don't hear */
	uint32_t name_hash;       /* of the name in lower case */
	char name[NICK_MAX + 1];
	bool is_guest; /* by the name that it was given */
	bool set_quiet, set_bell;
	uint64_t id;             /* never used again; 0 is nobody */
	uint64_t reply_to;       /* who last wrote to them in private */
	uint64_t last_line;      /* ms: when they last sent a line */
	struct room **rooms;     /* in the order of joining */
	struct room *current;    /* NULL: in no room */
	char *away;              /* why they are away; NULL: they are not */
	struct id_set told_away; /* who has been told so */
	uint32_t visit;          /* registry.visit when last visited */
	uint16_t nrooms, rooms_size;
};
LIST_HEAD(users, user);

/* Joins (or leaves, or first names) of one room, of which only so many a second
 * are told one by one. */
#define ROOM_TALLY_LINES 5
#define ROOM_TALLY_NAMES 20
#define ROOM_TALLY_MS    1000

struct room_tally {
	const char *verb; /* "joined": what they did */
	unsigned most;    /* that are told one by one in a second */
	bool by_quiet;    /* hidden by /set quiet */
	uint64_t since;   /* ms: when this second began */
	uint64_t last;    /* id of the last one held */
	unsigned told;    /* one by one, in it */
	unsigned held;    /* for the summing line at its end */
};

/* A line said in a room, kept for those who come later. */
struct room_past {
	STAILQ_ENTRY(room_past) next;
	time_t when;
	uint64_t speaker; /* a user's id */
	uint32_t len;
	char text[]; /* as sent, with CR LF */
};

struct room {
	RB_ENTRY(room) by_name;
	TAILQ_ENTRY(room)
	pending;               /* in registry.pending if a tally
				* holds something */
	struct user **members; /* in the order they joined */
	uint32_t nmembers, members_size;
	struct user *op;               /* who runs it; NULL: nobody */
	char *topic;                   /* NULL: none */
	char *listed_topic;            /* of the config; NULL: none */
	char *key;                     /* NULL: none */
	STAILQ_HEAD(, room_past) past; /* oldest first */
	unsigned npast;
	struct room_tally joins, leaves, names;
	bool permanent;     /* of the config; has no op */
	bool was_permanent; /* before the last reading of it */
	bool listed;        /* in a room line of it */
	bool is_pending;
	char name[ROOM_MAX + 1];
};
RB_HEAD(room_tree, room);

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
	TAILQ_HEAD(, room) pending;
	struct user **slots; /* users by the low half of their id */
	uint32_t nslots;
	uint32_t free_hint; /* no free slot below this one */
	uint32_t generation;
	uint32_t visit;
	unsigned nusers, nrooms;
	uint64_t due; /* ms: when registry_tick() has to
		       * be called; UINT64_MAX: never */
	bool closing; /* nobody is told of leaves */
	uint64_t next_guest;
	struct registry_limits limits;
	uint64_t now; /* ms, monotonic: its owner's to set */
	time_t wall;  /* of the clock on the wall, likewise */

	/* Takes a line to a person.  Returns false if it was not queued (see
	 * enum line_kind).  Must not change the registry. */
	bool (*deliver)(struct user *to, struct line *line);
};

/* Why something was not done. */
enum room_error {
	ROOM_OK,
	ROOM_TAKEN,           /* somebody else has that name */
	ROOM_TOO_MANY_ROOMS,  /* max-rooms */
	ROOM_TOO_MANY_JOINED, /* max-joined */
	ROOM_WRONG_KEY,
	ROOM_NO_MEMORY
};

void registry_init(
    struct registry *reg, bool (*deliver)(struct user *, struct line *));
void registry_free(struct registry *reg);

/*
 * Takes over limits and rooms of a configuration: rooms that it lists exist
 * and have no op; those that it no longer lists become ordinary.  Returns
 * false when memory is out (what could be done was done).
 */
bool registry_configure(struct registry *reg, const struct config *conf);

/* Writes all rooms to rooms, which has space for nrooms of them, in the order
 * of their names; returns how many. */
unsigned registry_rooms(struct registry *reg, struct room **rooms);

/* Sends the sums that are due at registry.now, and sets registry.due. */
void registry_tick(struct registry *reg);

/* ---- people (user.c) ---- */

/* Gives a zeroed user an id and a guest's name.  False: no memory. */
bool user_enter(struct registry *reg, struct user *u);

/* Takes a user out of every room, telling the members "left (reason)" or, if
 * reason is NULL, "left"; then out of the registry, and frees what it holds. */
void user_exit(struct registry *reg, struct user *u, const char *reason);

struct user *user_find(struct registry *reg, const char *name);
struct user *user_by_id(struct registry *reg, uint64_t id);

/* Takes a name that text_is_nick() has passed; whoever shares a room sees it
 * once.  ROOM_OK, or ROOM_TAKEN by another or by the server itself. */
enum room_error user_rename(
    struct registry *reg, struct user *u, const char *name);

/* Answers u with one line; fmt has no CR LF and begins with "* " or "! ". */
void user_tell(struct registry *reg, struct user *u, const char *fmt, ...)
    LOG_PRINTF(3, 4);
void user_vtell(struct registry *reg, struct user *u, const char *fmt,
    va_list ap) LOG_PRINTF(3, 0);

/* Delivers "[private] from: text" (or "* from text").  False: to's send queue
 * is full.  Somebody who ignores the writer counts as reached. */
bool user_message(struct registry *reg, struct user *from, struct user *to,
    const char *text, bool action);

/* Sets (text) or ends (NULL) being away.  False: no memory. */
bool user_set_away(struct user *u, const char *text);

/* Whether u hears nothing of who; and changing that.  False: no memory. */
bool user_ignores(const struct user *u, const struct user *who);
bool user_ignore(struct registry *reg, struct user *u, struct user *who);
void user_unignore(struct user *u, const struct user *who);

/* ---- rooms (room.c) ---- */

struct room *room_find(struct registry *reg, const char *name);

bool room_has(const struct room *room, const struct user *u);

/* Enters a room, making it (with that key) if need be, and makes it current.
 * key may be NULL. */
enum room_error room_join(
    struct registry *reg, struct user *u, const char *name, const char *key);

/* Leaves a room that u is in; the one joined before it becomes current.  An
 * ordinary room that is empty is gone afterwards. */
void room_leave(struct registry *reg, struct user *u, struct room *room,
    const char *reason);

/* Says text to all others of the room. */
void room_say(struct registry *reg, struct user *u, struct room *room,
    const char *text, bool action);

/* Sets the topic and tells the others.  False: no memory. */
bool room_set_topic(
    struct registry *reg, struct user *u, struct room *room, const char *topic);

/* Puts who out of the room; reason may be NULL. */
void room_kick(struct registry *reg, struct user *by, struct room *room,
    struct user *who, const char *reason);

/* Makes a member the one who runs the room. */
void room_set_op(struct registry *reg, struct room *room, struct user *u);

/* Tells every member but doer, and those who ignore doer, "[room] -- ...". */
void room_event(struct registry *reg, struct room *room,
    const struct user *doer, const char *fmt, ...) LOG_PRINTF(4, 5);

/* How many lines of the past u may hear: all but those of people whom u
 * ignores. */
unsigned room_count_past(const struct room *room, const struct user *u);

/* Sends u the last n of these, oldest first, with their time. */
void room_replay(
    struct registry *reg, const struct room *room, struct user *u, unsigned n);

/* Writes the members in the order they joined, "@alice, bob, carol (away)",
 * cut with "and N more" after ROOM_NAMES; viewer (or NULL) appears as "you". */
#define ROOM_NAMES      50
#define ROOM_NAMES_SIZE (ROOM_NAMES * (NICK_MAX + 12) + 32) /* of buf */
void room_names(
    const struct room *room, const struct user *viewer, char *buf, size_t size);

/* ---- for user.c and room.c ---- */

/* Whether the first name of one more guest is told in this room by itself; else
 * it waits for the sum of this second. */
bool room_tells_name(
    struct registry *reg, struct room *room, const struct user *u);

/* Sends one line to a person. */
bool registry_send(struct registry *reg, struct user *to, const char *text,
    size_t len, enum line_kind kind);

/* Formats the rest of a line into its LINE_SIZE_MAX bytes from at on, cut
 * between two characters if it does not fit, and ends it with CR LF.  Returns
 * the length of the whole. */
size_t registry_format(char *line, size_t at, const char *fmt, va_list ap)
    LOG_PRINTF(3, 0);

#endif
