#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "party.h"
#include "unit.h"

struct party party;

static bool
record(struct user *u, struct line *line)
{
	struct person *p = (struct person *)(void *)u;

	ck_assert_uint_le(line->len, LINE_SIZE_MAX);
	ck_assert_uint_ge(line->len, 2);
	ck_assert_int_eq(memcmp(line->text + line->len - 2, "\r\n", 2), 0);
	ck_assert_ptr_null(memchr(line->text, '\n', line->len - 1));
	if (p->full && line->kind == LINE_PRIVATE)
		return false;
	ck_assert_uint_lt(p->len + line->len, sizeof(p->heard));
	memcpy(p->heard + p->len, line->text, line->len - 2);
	p->len += line->len - 1;
	p->heard[p->len - 1] = '\n';
	p->heard[p->len] = '\0';
	p->bells += line->bell;
	p->kind = line->kind;
	return true;
}

void
party_setup(void)
{
	memset(&party, 0, sizeof(party));
	TAILQ_INIT(&party.conf.rooms);
	party.conf.max_rooms = 500;
	party.conf.max_joined = 20;
	party.conf.history = 50;
	party.conf.default_room = strdup("#lobby");
	registry_init(&party.reg, record);
	party.reg.now = 1000000;
	party_configure();
}

void
party_teardown(void)
{
	int i;

	party_check();
	for (i = 0; i < PARTY_SIZE; i++) {
		if (party.people[i].user.id != 0)
			user_exit(&party.reg, &party.people[i].user, NULL);
	}
	party_check();
	ck_assert_uint_eq(party.reg.nusers, 0);
	registry_free(&party.reg);
	free(party.conf.default_room);
}

void
party_list_room(const char *name, const char *topic, const char *key)
{
	struct config_room *room = party.rooms;

	while (room->name[0] != '\0')
		room++;
	ck_assert(room < party.rooms + 4);
	strlcpy(room->name, name, sizeof(room->name));
	room->topic = (char *)(uintptr_t)topic;
	room->key = (char *)(uintptr_t)key;
	TAILQ_INSERT_TAIL(&party.conf.rooms, room, next);
}

void
party_configure(void)
{
	ck_assert(registry_configure(&party.reg, &party.conf));
}

struct person *
party_enter(const char *name)
{
	struct person *p = party.people;

	while (p->user.id != 0)
		p++;
	ck_assert(p < party.people + PARTY_SIZE);
	memset(p, 0, sizeof(*p));
	ck_assert(user_enter(&party.reg, &p->user));
	if (name != NULL)
		ck_assert_int_eq(
		    user_rename(&party.reg, &p->user, name), ROOM_OK);
	return p;
}

struct room *
party_join(struct person *p, const char *room)
{
	ck_assert_int_eq(room_join(&party.reg, &p->user, room, NULL), ROOM_OK);
	party_forget();
	return p->user.current;
}

struct room *
party_all(const char *room)
{
	int i;

	for (i = 0; i < PARTY_SIZE; i++) {
		if (party.people[i].user.id != 0)
			party_join(&party.people[i], room);
	}
	return room_find(&party.reg, room);
}

void
party_heard(struct person *p, const char *lines)
{
	unit_bytes(p->user.name, p->heard, p->len, lines, strlen(lines));
	p->len = 0;
	p->heard[0] = '\0';
}

void
party_forget(void)
{
	int i;

	for (i = 0; i < PARTY_SIZE; i++) {
		party.people[i].len = party.people[i].bells = 0;
		party.people[i].heard[0] = '\0';
	}
}

void
party_names(const struct room *room, const char *names)
{
	char buf[ROOM_NAMES_SIZE];

	room_names(room, NULL, buf, sizeof(buf));
	ck_assert_str_eq(buf, names);
}

static unsigned
check_room(const struct room *room)
{
	const struct user *u;
	unsigned i, j;

	ck_assert(room->permanent || room->nmembers > 0);
	ck_assert(room->op == NULL || room_has(room, room->op));
	ck_assert(!room->permanent || room->op == NULL);
	ck_assert_uint_le(room->npast, party.conf.history);
	for (i = 0; i < room->nmembers; i++) {
		u = room->members[i];
		ck_assert_ptr_eq(user_by_id(&party.reg, u->id), u);
		ck_assert(room_has(room, u));
		for (j = 0; j < i; j++)
			ck_assert_ptr_ne(room->members[j], u);
	}
	return room->nmembers;
}

void
party_check(void)
{
	struct room *rooms[512];
	const struct user *u;
	unsigned i, n, members = 0, joined = 0, users = 0;

	n = registry_rooms(&party.reg, rooms);
	ck_assert_uint_eq(n, party.reg.nrooms);
	for (i = 0; i < n; i++) {
		ck_assert_ptr_eq(
		    room_find(&party.reg, rooms[i]->name), rooms[i]);
		members += check_room(rooms[i]);
	}
	for (i = 0; i < PARTY_SIZE; i++) {
		u = &party.people[i].user;
		if (u->id == 0)
			continue;
		users++;
		joined += u->nrooms;
		ck_assert_ptr_eq(user_find(&party.reg, u->name), u);
		ck_assert((u->current == NULL) == (u->nrooms == 0));
		ck_assert(u->current == NULL || room_has(u->current, u));
	}
	ck_assert_uint_eq(users, party.reg.nusers);
	ck_assert_uint_eq(members, joined);
}
