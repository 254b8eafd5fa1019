#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/chat/member.h"

/* ---- coming ---- */

/* Space for one more on both sides, so that what follows cannot fail. */
static bool
reserve(struct room *room, struct user *u)
{
	struct user **members;
	struct membership *rooms;
	uint32_t n;

	if (room->nmembers == room->members_size) {
		n = room->nmembers < 4 ? 4 : room->nmembers * 3 / 2;
		members = reallocarray(room->members, n, sizeof(struct user *));
		if (members == NULL)
			return false;
		room->members = members;
		room->members_size = n;
	}
	if (u->nrooms == u->rooms_size) {
		n = u->nrooms == 0 ? 1 : u->nrooms * 2u;
		rooms = reallocarray(u->rooms, n, sizeof(*rooms));
		if (rooms == NULL)
			return false;
		u->rooms = rooms;
		u->rooms_size = (uint16_t)n;
	}
	return true;
}

/* Makes the room to join; *error says why there is none. */
static struct room *
open_room(struct registry *reg, struct user *u, const char *name,
    const char *key, enum chat_error *error)
{
	struct room *room;

	if (reg->nrooms >= reg->limits.max_rooms) {
		*error = CHAT_TOO_MANY_ROOMS;
		return NULL;
	}
	*error = CHAT_NO_MEMORY;
	if ((room = room_make(reg, name)) == NULL)
		return NULL;
	if (reg->ops->room_made != NULL &&
	    !reg->ops->room_made(u, &room->maker)) {
		room_free(reg, room);
		*error = CHAT_TOO_MANY_MADE;
		return NULL;
	}
	if (!room_replace(&room->key, key)) {
		room_free(reg, room);
		return NULL;
	}
	return room;
}

static bool
is_right_key(const struct room *room, const char *key)
{
	return room->key == NULL ||
	    (key != NULL && text_same_secret(room->key, key));
}

static void
add(struct registry *reg, struct room *room, struct user *u,
    const struct membership *m)
{
	room->members[room->nmembers] = u;
	room_set_size(reg, room, room->nmembers + 1);
	u->rooms[u->nrooms++] = *m;
	u->current = room;
}

/* u comes in, without a word. */
static enum chat_error
enter(struct registry *reg, struct room *room, struct user *u)
{
	struct membership m = { .room = room,
		.first = room->history.next_number,
		.since = (uint64_t)reg->wall };

	if (!reserve(room, u)) {
		if (room_is_over(room))
			room_free(reg, room);
		return CHAT_NO_MEMORY;
	}
	if (room_is_over(room)) {
		room->op = u;
		room_changed(reg, room, CHANGED_ROOM);
	}
	m.number = reg->joins++;
	add(reg, room, u, &m);
	if (reg->ops->moved != NULL)
		reg->ops->moved(u, room, true);
	user_changed(reg, u, CHANGED_USER);
	return CHAT_OK;
}

bool
member_return(struct registry *reg, struct user *u, const struct membership *m)
{
	if (!reserve(m->room, u))
		return false;
	add(reg, m->room, u, m);
	return true;
}

enum chat_error
member_enter(struct registry *reg, struct user *u, struct room *room)
{
	enum chat_error error = CHAT_KICKED;

	if (room_keeps_out(reg, room, u) == 0)
		error = enter(reg, room, u);
	u->is_unannounced = error == CHAT_OK;
	return error;
}

enum chat_error
member_join(
    struct registry *reg, struct user *u, const char *name, const char *key)
{
	struct room *room = room_find(reg, name);
	enum chat_error error;

	if (room != NULL && room_has(room, u)) {
		u->current = room;
		user_changed(reg, u, CHANGED_USER);
		return CHAT_OK;
	}
	if (u->nrooms >= reg->limits.max_joined)
		return CHAT_TOO_MANY_JOINED;
	if (room != NULL && room_keeps_out(reg, room, u) > 0)
		return CHAT_KICKED;
	if (room != NULL && !is_right_key(room, key))
		return CHAT_WRONG_KEY;
	if (room == NULL &&
	    (room = open_room(reg, u, name, key, &error)) == NULL)
		return error;
	if ((error = enter(reg, room, u)) == CHAT_OK)
		room_tell_joined(reg, room, u);
	return error;
}

/* ---- going ---- */

static void
tell_left(struct registry *reg, struct room *room, const struct user *u,
    const char *reason)
{
	struct chat_event ev;

	if (!room_tally(reg, room, TALLY_LEAVES, u))
		return;
	ev = room_event(reg, room, EVENT_LEAVE);
	ev.who = u->name;
	ev.text = reason;
	room_tell_tallied(reg, room, TALLY_LEAVES, &ev, u);
}

static void
remove_member(struct registry *reg, struct room *room, const struct user *u)
{
	uint32_t i;

	for (i = 0; room->members[i] != u; i++)
		;
	room_set_size(reg, room, room->nmembers - 1);
	memmove(room->members + i, room->members + i + 1,
	    (room->nmembers - i) * sizeof(struct user *));
}

static void
remove_room(struct user *u, const struct room *room)
{
	uint16_t i;

	for (i = 0; u->rooms[i].room != room; i++)
		;
	u->nrooms--;
	memmove(u->rooms + i, u->rooms + i + 1,
	    (size_t)(u->nrooms - i) * sizeof(*u->rooms));
	if (u->current != room)
		return;
	if (u->nrooms == 0)
		u->current = NULL;
	else
		u->current = u->rooms[i > 0 ? i - 1 : 0].room;
}

/* Takes u out without a word; false if the room is gone with that. */
static bool
part(struct registry *reg, struct user *u, struct room *room)
{
	if (room_is_unaware(room, u))
		u->is_unannounced = false;
	remove_member(reg, room, u);
	remove_room(u, room);
	if (reg->ops->moved != NULL)
		reg->ops->moved(u, room, false);
	user_changed(reg, u, CHANGED_USER);
	if (!room_is_over(room))
		return true;
	room_free(reg, room);
	return false;
}

/* When the one who ran the room is gone, it is whoever is there longest. */
static void
pass_on(struct registry *reg, struct room *room, const struct user *former)
{
	bool nobody = reg->closing || room->nmembers == 0;

	if (room->op == former)
		room_set_op(reg, room, nobody ? NULL : room->members[0]);
}

void
member_leave(
    struct registry *reg, struct user *u, struct room *room, const char *reason)
{
	bool silent = reg->closing || room_is_unaware(room, u);

	if (!part(reg, u, room))
		return;
	if (!silent)
		tell_left(reg, room, u, reason);
	pass_on(reg, room, u);
}

void
member_exit(struct registry *reg, struct user *u, const char *reason)
{
	while (u->nrooms > 0)
		member_leave(reg, u, u->rooms[u->nrooms - 1].room, reason);
	user_exit(reg, u);
}

void
member_withdraw(struct registry *reg, struct user *u)
{
	struct room *room;

	while (u->nrooms > 0) {
		room = u->rooms[u->nrooms - 1].room;
		remove_member(reg, room, u);
		remove_room(u, room);
	}
	user_exit(reg, u);
}

/* Where one is now who was put out of the current room. */
static void
tell_current(struct registry *reg, struct user *u)
{
	struct chat_event ev = registry_event(
	    reg, u->current == NULL ? EVENT_IN_NO_ROOM : EVENT_IN_ROOM);

	if (u->current != NULL)
		ev.room = u->current->name;
	reg->ops->deliver(u, &ev);
}

/* Whether somebody else in the room comes from that address. */
static bool
is_shared(struct registry *reg, const struct room *room, const struct user *who,
    const struct address *address)
{
	struct address a;
	uint32_t i;

	for (i = 0; i < room->nmembers; i++) {
		if (room->members[i] != who &&
		    reg->ops->address(room->members[i], &a) &&
		    address_same(&a, address))
			return true;
	}
	return false;
}

static bool
ban(struct registry *reg, struct room *room, const struct user *who)
{
	struct address a;
	const struct address *address = room_address_of(reg, who, &a);

	if (address != NULL && is_shared(reg, room, who, address))
		address = NULL;
	room_changed(reg, room, CHANGED_BANS);
	return bans_add(&room->bans, who, address, reg->now);
}

/* Takes who out, or away from those outside who wrote; false if the room is
 * gone with that. */
static bool
put_out(struct registry *reg, struct room *room, struct user *who)
{
	bool was_current = who->current == room, remains;

	id_set_remove(&room->outsiders, who->id);
	room_changed(reg, room, CHANGED_BANS);
	if (!room_has(room, who))
		return true;
	remains = part(reg, who, room);
	if (was_current)
		tell_current(reg, who);
	return remains;
}

enum chat_error
member_kick(struct registry *reg, struct user *by, struct room *room,
    struct user *who, const char *reason)
{
	struct chat_event ev;

	if (!ban(reg, room, who))
		return CHAT_NO_MEMORY;
	room_announce(reg, room, by);
	room_announce(reg, room, who);
	ev = room_event(reg, room, EVENT_KICKED);
	ev.many = false;
	ev.who = by->name;
	ev.text = user_ignores(who, by->id) ? NULL : reason;
	reg->ops->deliver(who, &ev);
	if (!put_out(reg, room, who))
		return CHAT_OK;
	ev = room_event(reg, room, EVENT_KICK);
	ev.who = by->name;
	ev.whom = who->name;
	ev.text = reason;
	room_tell(reg, room, &ev, by);
	pass_on(reg, room, who);
	return CHAT_OK;
}

bool
member_invite(struct registry *reg, const struct user *by, struct room *room,
    const char *name)
{
	struct user *who = user_find(reg, name);
	bool was_out = who == NULL || room_keeps_out(reg, room, who) > 0;
	struct chat_event ev;
	uint64_t id = bans_lift(reg, &room->bans, name, who, reg->now);

	room_changed(reg, room, CHANGED_BANS);
	if (id == 0)
		return false;
	who = user_by_id(reg, id);
	if (who == NULL || !was_out || room_has(room, who) ||
	    user_ignores(who, by->id))
		return true;
	ev = registry_event(reg, EVENT_INVITED);
	ev.room = room->name;
	ev.who = by->name;
	reg->ops->deliver(who, &ev);
	return true;
}

/* ---- names ---- */

/* Tells everybody who shares a room with u, each in one room only; in a room
 * where many guests take a name at once, they are summed up as joins are. */
static void
tell_renamed(struct registry *reg, struct user *u, const char *old)
{
	struct user *member;
	struct room *room;
	struct chat_event ev;
	uint32_t i, j;

	u->visit = ++reg->visit;
	for (i = 0; i < u->nrooms; i++) {
		room = u->rooms[i].room;
		if (room_is_unaware(room, u))
			continue;
		if (u->is_guest && !room_tally(reg, room, TALLY_NAMES, u))
			continue;
		ev = room_event(reg, room, EVENT_RENAME);
		ev.who = old;
		ev.whom = u->name;
		for (j = 0; j < room->nmembers; j++) {
			member = room->members[j];
			if (member->visit == reg->visit)
				continue;
			member->visit = reg->visit;
			if (!user_ignores(member, u->id))
				reg->ops->deliver(member, &ev);
		}
	}
}

enum chat_error
member_rename(struct registry *reg, struct user *u, const char *name)
{
	char old[NICK_MAX + 1];
	enum chat_error error;

	strlcpy(old, u->name, sizeof(old));
	if ((error = user_take_name(reg, u, name)) != CHAT_OK)
		return error;
	if (strcmp(old, u->name) == 0)
		return CHAT_OK;
	tell_renamed(reg, u, old);
	u->is_guest = false;
	user_changed(reg, u, CHANGED_USER);
	return CHAT_OK;
}

void
member_be_guest(struct registry *reg, struct user *u)
{
	char old[NICK_MAX + 1];

	strlcpy(old, u->name, sizeof(old));
	user_be_guest(reg, u);
	tell_renamed(reg, u, old);
}

static void
replace(struct room *room, const struct user *from, struct user *to)
{
	uint32_t i;

	for (i = 0; room->members[i] != from; i++)
		;
	room->members[i] = to;
	if (room->op == from)
		room->op = to;
}

void
member_move(struct registry *reg, struct user *to, struct user *from)
{
	uint16_t i;

	for (i = 0; i < from->nrooms; i++)
		replace(from->rooms[i].room, from, to);
	user_move(reg, to, from);
}
