#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/dialect/plain.h"
#include "people.h"
#include "unit.h"

struct people people;

/* The longest that anybody is told. */
#define LINE_MAX_SIZE (TEXT_CLEANED_SIZE(CONFIG_MAX_LINE_MAX) + 256)

static bool
record(struct user *u, const struct chat_event *ev)
{
	struct person *p = (struct person *)(void *)u;
	static char text[LINE_MAX_SIZE];
	char stamp[PLAIN_STAMP_MAX + 1] = "";
	size_t len;

	if (p->full &&
	    (ev->kind == EVENT_PRIVATE || ev->kind == EVENT_PRIVATE_ACTION))
		return false;
	if (ev->replayed)
		(void)plain_stamp(ev->time, people.reg.wall, stamp);
	len = plain_render(ev, text, sizeof(text) - 2);
	ck_assert_uint_gt(len, 0);
	ck_assert_ptr_null(memchr(text, '\n', len));
	ck_assert_uint_lt(p->len + len + sizeof(stamp), sizeof(p->heard));
	p->len += (size_t)snprintf(p->heard + p->len, sizeof(p->heard) - p->len,
	    "%s%.*s\n", stamp, (int)len, text);
	p->bells += ev->bell;
	p->kind = ev->kind;
	p->many = ev->many;
	return true;
}

static bool
takes(struct user *u, const struct chat_event *ev)
{
	const struct person *p = (void *)u;

	(void)ev;
	return !p->full;
}

static const struct registry_ops ops = { .deliver = record, .takes = takes };

void
people_setup(void)
{
	memset(&people, 0, sizeof(people));
	TAILQ_INIT(&people.conf.rooms);
	people.conf.max_rooms = 500;
	people.conf.max_joined = 20;
	people.conf.history = 50;
	people.conf.default_room = strdup("#lobby");
	registry_init(&people.reg, &ops);
	people.reg.now = 1000000;
	people_configure();
}

void
people_teardown(void)
{
	int i;

	people_check();
	for (i = 0; i < PEOPLE_MAX; i++) {
		if (people.list[i].user.id != 0)
			member_exit(&people.reg, &people.list[i].user, NULL);
	}
	people_check();
	ck_assert_uint_eq(people.reg.nusers, 0);
	rooms_free(&people.reg);
	registry_free(&people.reg);
	free(people.conf.default_room);
}

void
people_list_room(const char *name, const char *topic, const char *key)
{
	struct config_room *room = people.rooms;

	while (room->name[0] != '\0')
		room++;
	ck_assert(room < people.rooms + 4);
	strlcpy(room->name, name, sizeof(room->name));
	room->topic = (char *)(uintptr_t)topic;
	room->key = (char *)(uintptr_t)key;
	TAILQ_INSERT_TAIL(&people.conf.rooms, room, next);
}

void
people_configure(void)
{
	ck_assert(listed_configure(&people.reg, &people.conf));
}

struct person *
people_enter(const char *name)
{
	struct person *p = people.list;

	while (p->user.id != 0)
		p++;
	ck_assert(p < people.list + PEOPLE_MAX);
	memset(p, 0, sizeof(*p));
	ck_assert(user_enter(&people.reg, &p->user));
	if (name != NULL)
		ck_assert_int_eq(
		    member_rename(&people.reg, &p->user, name), CHAT_OK);
	return p;
}

struct room *
people_join(struct person *p, const char *room)
{
	ck_assert_int_eq(
	    member_join(&people.reg, &p->user, room, NULL), CHAT_OK);
	people_forget();
	return p->user.current;
}

struct room *
people_all(const char *room)
{
	int i;

	for (i = 0; i < PEOPLE_MAX; i++) {
		if (people.list[i].user.id != 0)
			people_join(&people.list[i], room);
	}
	return room_find(&people.reg, room);
}

void
people_say(struct person *p, struct room *room, const char *text)
{
	ck_assert(room_say(&people.reg, &p->user, room, text, false));
}

void
people_heard(struct person *p, const char *lines)
{
	unit_bytes(p->user.name, p->heard, p->len, lines, strlen(lines));
	p->len = 0;
	p->heard[0] = '\0';
}

void
people_forget(void)
{
	int i;

	for (i = 0; i < PEOPLE_MAX; i++) {
		people.list[i].len = people.list[i].bells = 0;
		people.list[i].heard[0] = '\0';
	}
}

void
people_names(const struct room *room, const char *names)
{
	char buf[ROOM_NAMES_SIZE];

	(void)room_names(room, NULL, 0, buf, sizeof(buf));
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
	ck_assert_uint_le(room->history.n, people.conf.history);
	for (i = 0; i < room->nmembers; i++) {
		u = room->members[i];
		ck_assert_ptr_eq(user_by_id(&people.reg, u->id), u);
		ck_assert(room_has(room, u));
		for (j = 0; j < i; j++)
			ck_assert_ptr_ne(room->members[j], u);
	}
	return room->nmembers;
}

/* All of n rooms stand in the ranking, no one before a busier one. */
static void
check_ranking(unsigned n)
{
	const struct room *before = NULL;
	struct room *room;

	RB_FOREACH(room, room_ranking, &people.reg.ranking) {
		if (before != NULL)
			ck_assert_uint_ge(before->nmembers, room->nmembers);
		before = room;
		n--;
	}
	ck_assert_uint_eq(n, 0);
}

void
people_check(void)
{
	struct room *rooms[512];
	const struct user *u;
	unsigned i, n, members = 0, joined = 0, users = 0;

	n = rooms_list(&people.reg, rooms);
	ck_assert_uint_eq(n, people.reg.nrooms);
	check_ranking(n);
	for (i = 0; i < n; i++) {
		ck_assert_ptr_eq(
		    room_find(&people.reg, rooms[i]->name), rooms[i]);
		members += check_room(rooms[i]);
	}
	for (i = 0; i < PEOPLE_MAX; i++) {
		u = &people.list[i].user;
		if (u->id == 0)
			continue;
		users++;
		joined += u->nrooms;
		ck_assert_ptr_eq(user_find(&people.reg, u->name), u);
		ck_assert((u->current == NULL) == (u->nrooms == 0));
		ck_assert(u->current == NULL || room_has(u->current, u));
	}
	ck_assert_uint_eq(users, people.reg.nusers);
	ck_assert_uint_eq(members, joined);
}
