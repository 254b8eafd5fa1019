/*
 * What of people and rooms outlives the process, in plain fields: the list of
 * what survives a restart.  Each is written and read in one place.
 */
#ifndef BANTERD_CHAT_EXPORT_H
#define BANTERD_CHAT_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/record.h"
#include "banterd/chat/room.h"
#include "banterd/chat/user.h"

/* The name and id of a person, their settings, the rooms they are in, in their
 * order; whom they ignore; why they are away. */
void export_user(const struct user *u, struct record *r);
void export_ignored(const struct user *u, struct record *r);
void export_away(const struct user *u, struct record *r);

/* A room without its members, who say by themselves that they are in it; the
 * sums that it waits for; who is kept out, and who wrote from outside; one
 * thing said. */
void export_room(const struct room *room, struct record *r);
void export_tallies(const struct room *room, struct record *r);
void export_bans(const struct room *room, struct record *r);
void export_said(const struct history_entry *entry, struct record *r);

/* A set of ids. */
void export_ids(const struct id_set *set, struct record *r);
bool import_ids(struct id_set *set, struct record_reader *r);

/* Rooms that have come, until all is there. */
struct imported_room {
	struct room *room;
	uint64_t number; /* in the order of which they come */
	uint64_t op;     /* a user's id */
};
struct imported {
	struct registry *reg;
	struct imported_room *rooms;
	size_t nrooms, size;
};

void import_begin(struct imported *im, struct registry *reg);

/*
 * Each reads what was written above, and returns false if that is not possible:
 * then nothing of it is there.  Rooms come before what belongs to them, and
 * before people; people before what belongs to them.
 */
struct room *import_room(struct imported *im, struct record_reader *r);
bool import_tallies(struct room *room, struct record_reader *r);
bool import_bans(struct room *room, struct record_reader *r);
bool import_said(struct room *room, struct record_reader *r);
bool import_user(struct imported *im, struct user *u, struct record_reader *r);
bool import_ignored(struct user *u, struct record_reader *r);
bool import_away(struct user *u, struct record_reader *r);

/* A room that has come; NULL: none has that number. */
struct room *imported_room(const struct imported *im, uint64_t number);

/* All has come: members stand in their order, who runs a room runs it, and
 * rooms that nobody is in are over. */
void import_finish(struct imported *im);

#endif
