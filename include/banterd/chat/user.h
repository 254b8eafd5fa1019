/*
 * People: their names, their ids, and what they say to each other alone.
 */
#ifndef BANTERD_CHAT_USER_H
#define BANTERD_CHAT_USER_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/text.h"
#include "banterd/chat/registry.h"

/* A set of people's ids, who may be gone by now; in ascending order.  All zero
 * is an empty one. */
struct id_set {
	uint64_t *ids;
	uint32_t n, size;
};

/* Adds one, if it is not in it.  Those who are not there any more go first, so
 * that a set never holds more than about twice the people there are.  False: no
 * memory. */
bool id_set_add(struct registry *reg, struct id_set *set, uint64_t id);
bool id_set_has(const struct id_set *set, uint64_t id);
void id_set_remove(struct id_set *set, uint64_t id);
void id_set_clear(struct id_set *set);

/* Being in a room. */
struct membership {
	struct room *room;
	uint64_t number; /* of all joins so far: members stand in its order */
	uint64_t first;  /* that was said there since */
	uint64_t since;  /* seconds since 1970 */
};

/* Being away. */
struct away {
	struct id_set told; /* who has been told */
	char text[];        /* why */
};

/* A person.  Plain data; the client unit embeds it.  What it takes to find one
 * and to deliver an event comes first and stands together. */
struct user {
	LIST_ENTRY(user) by_name; /* in registry.users */
	struct id_set ignored;    /* whom they don't hear */
	uint32_t name_hash;       /* of the name in lower case */
	char name[NICK_MAX + 1];
	bool is_guest : 1;       /* by the name that it was given */
	bool is_unannounced : 1; /* where it has been for the longest time */
	bool set_quiet, set_bell;
	uint16_t nrooms, rooms_size;
	uint32_t visit;           /* registry.visit when last visited */
	uint64_t id;              /* never used again; 0 is nobody */
	uint64_t owner;           /* of their name, being logged in; 0 */
	uint64_t reply_to;        /* who last wrote to them in private */
	uint64_t last_line;       /* ms: when they last sent a line */
	struct membership *rooms; /* in the order of joining */
	struct room *current;     /* NULL: in no room */
	struct away *away;        /* NULL: they are not */
};

/* Gives a zeroed user an id and a guest's name.  False: no memory. */
bool user_enter(struct registry *reg, struct user *u);

/* Gives a zeroed user an id and a name that it had in an earlier process.
 * False: they are somebody's, or no memory. */
bool user_return(
    struct registry *reg, struct user *u, uint64_t id, const char *name);

/* Takes a user who is in no room out of the registry, and frees what it
 * holds (see member_exit()). */
void user_exit(struct registry *reg, struct user *u);

struct user *user_find(struct registry *reg, const char *name);
struct user *user_by_id(struct registry *reg, uint64_t id);

/* Takes a name that text_is_nick() has passed, and tells nobody (see
 * member_rename()).  CHAT_OK; CHAT_TAKEN by another or by the server;
 * CHAT_REGISTERED by another. */
enum chat_error user_take_name(
    struct registry *reg, struct user *u, const char *name);

/* Has u be a guest, under a guest's name, and tells nobody. */
void user_be_guest(struct registry *reg, struct user *u);

/* Has to, who is zeroed, be who from is, who is zeroed then (see
 * member_move()).
 */
void user_move(struct registry *reg, struct user *to, struct user *from);

/* Says text to one person.  False: to's send queue is full.  The writer is told
 * the same by somebody who ignores them, and hears nothing of it. */
bool user_message(struct registry *reg, struct user *from, struct user *to,
    const char *text, bool action);

/* Marks everybody whose name text says (without case, and not as a part of
 * another name): their visit is registry.visit until it is the next one's. */
void user_mark_mentioned(struct registry *reg, const char *text);

/* Sets (text) or ends (NULL) being away.  False: no memory. */
bool user_set_away(struct registry *reg, struct user *u, const char *text);

/* The same for one who was away in an earlier process, which is no change. */
bool user_return_away(struct user *u, const char *text);
void user_end_away(struct user *u);

/* Whether u hears nothing of the person with that id; and changing that.
 * False: no memory. */
bool user_ignores(const struct user *u, uint64_t id);
bool user_ignore(struct registry *reg, struct user *u, const struct user *who);
void user_unignore(
    struct registry *reg, struct user *u, const struct user *who);

#endif
