/* People: their names, their ids, and what they say to each other alone. */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/chat/room.h"

/* ---- names ---- */

/* Names are alike whatever their case. */
static uint32_t
hash_name(const char *name)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint32_t)tolower((unsigned char)*name)) *
		    16777619U;
	return hash;
}

static struct users *
bucket(struct registry *reg, uint32_t hash)
{
	return &reg->users[hash % REGISTRY_BUCKETS];
}

struct user *
user_find(struct registry *reg, const char *name)
{
	uint32_t hash = hash_name(name);
	struct user *u;

	LIST_FOREACH(u, bucket(reg, hash), by_name) {
		if (u->name_hash == hash && strcasecmp(u->name, name) == 0)
			return u;
	}
	return NULL;
}

/* The name must be short enough and nobody's. */
static void
set_name(struct registry *reg, struct user *u, const char *name)
{
	strlcpy(u->name, name, sizeof(u->name));
	u->name_hash = hash_name(name);
	LIST_INSERT_HEAD(bucket(reg, u->name_hash), u, by_name);
}

/* ---- sets of ids ---- */

static bool
id_set_has(const struct id_set *set, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < set->n; i++) {
		if (set->ids[i] == id)
			return true;
	}
	return false;
}

static void
id_set_remove(struct id_set *set, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < set->n; i++) {
		if (set->ids[i] == id) {
			set->ids[i] = set->ids[--set->n];
			return;
		}
	}
}

/* Those who have gone make room first, so that a set never holds more than
 * about twice the people there are. */
static bool
id_set_add(struct registry *reg, struct id_set *set, uint64_t id)
{
	uint32_t i, n, size;
	uint64_t *ids;

	if (set->n == set->size) {
		for (i = n = 0; i < set->n; i++) {
			if (user_by_id(reg, set->ids[i]) != NULL)
				set->ids[n++] = set->ids[i];
		}
		set->n = n;
	}
	if (set->n == set->size) {
		size = set->size == 0 ? 4 : set->size * 2;
		ids = reallocarray(set->ids, size, sizeof(*ids));
		if (ids == NULL)
			return false;
		set->ids = ids;
		set->size = size;
	}
	set->ids[set->n++] = id;
	return true;
}

static void
id_set_clear(struct id_set *set)
{
	free(set->ids);
	memset(set, 0, sizeof(*set));
}

/* ---- coming and going ---- */

/*
 * An id is a slot's number and, above it, a count of all users so far, so
 * that it is found in one step and never means somebody else later.
 */
static bool
take_slot(struct registry *reg, struct user *u)
{
	struct user **slots;
	uint32_t i, n;

	for (i = reg->free_hint; i < reg->nslots && reg->slots[i] != NULL; i++)
		;
	if (i == reg->nslots) {
		n = reg->nslots == 0 ? 16 : reg->nslots + reg->nslots / 2;
		slots = reallocarray(reg->slots, n, sizeof(struct user *));
		if (slots == NULL)
			return false;
		memset(slots + reg->nslots, 0,
		    (n - reg->nslots) * sizeof(struct user *));
		reg->slots = slots;
		reg->nslots = n;
	}
	reg->slots[i] = u;
	reg->free_hint = i + 1;
	if (++reg->generation == 0)
		reg->generation = 1;
	u->id = (uint64_t)reg->generation << 32 | i;
	return true;
}

static void
give_back_slot(struct registry *reg, struct user *u)
{
	uint32_t i = (uint32_t)u->id;

	reg->slots[i] = NULL;
	if (i < reg->free_hint)
		reg->free_hint = i;
}

bool
user_enter(struct registry *reg, struct user *u)
{
	char name[NICK_MAX + 2];

	if (!take_slot(reg, u))
		return false;
	do {
		snprintf(name, sizeof(name), "guest%llu",
		    (unsigned long long)++reg->next_guest);
	} while (user_find(reg, name) != NULL);
	set_name(reg, u, name);
	u->last_line = reg->now;
	u->is_guest = true;
	reg->nusers++;
	return true;
}

void
user_exit(struct registry *reg, struct user *u, const char *reason)
{
	while (u->nrooms > 0)
		room_leave(reg, u, u->rooms[u->nrooms - 1], reason);
	LIST_REMOVE(u, by_name);
	give_back_slot(reg, u);
	reg->nusers--;
	free(u->rooms);
	u->rooms = NULL;
	free(u->away);
	u->away = NULL;
	id_set_clear(&u->told_away);
	id_set_clear(&u->ignored);
	u->id = 0;
}

struct user *
user_by_id(struct registry *reg, uint64_t id)
{
	uint32_t i = (uint32_t)id;

	if (i >= reg->nslots || reg->slots[i] == NULL ||
	    reg->slots[i]->id != id)
		return NULL;
	return reg->slots[i];
}

/* Tells everybody who shares a room with u, each in one room only; in a room
 * where many guests take a name at once, they are summed up as joins are. */
static void
tell_renamed(struct registry *reg, struct user *u, const char *old)
{
	char text[ROOM_MAX + 2 * NICK_MAX + 32];
	struct user *member;
	struct room *room;
	struct line line = { .text = text, .kind = LINE_ROOM };
	uint32_t i, j;

	u->visit = ++reg->visit;
	for (i = 0; i < u->nrooms; i++) {
		room = u->rooms[i];
		if (u->is_guest && !room_tells_name(reg, room, u))
			continue;
		line.len = (uint32_t)snprintf(text, sizeof(text),
		    "[%s] -- %s is now %s\r\n", room->name, old, u->name);
		line.laid_fill = 0;
		for (j = 0; j < room->nmembers; j++) {
			member = room->members[j];
			if (member->visit == reg->visit)
				continue;
			member->visit = reg->visit;
			if (!user_ignores(member, u))
				reg->deliver(member, &line);
		}
	}
}

enum room_error
user_rename(struct registry *reg, struct user *u, const char *name)
{
	struct user *other = user_find(reg, name);
	char old[NICK_MAX + 1];

	assert(strlen(name) <= NICK_MAX);
	if ((other != NULL && other != u) || text_is_reserved(name))
		return ROOM_TAKEN;
	strlcpy(old, u->name, sizeof(old));
	if (strcmp(old, name) == 0)
		return ROOM_OK;
	LIST_REMOVE(u, by_name);
	set_name(reg, u, name);
	tell_renamed(reg, u, old);
	u->is_guest = false;
	return ROOM_OK;
}

/* ---- what one person is told ---- */

bool
registry_send(struct registry *reg, struct user *to, const char *text,
    size_t len, enum line_kind kind)
{
	struct line line = { .text = text, .len = (uint32_t)len, .kind = kind };

	return reg->deliver(to, &line);
}

size_t
registry_format(char *line, size_t at, const char *fmt, va_list ap)
{
	size_t size = LINE_SIZE_MAX - 2 - at;
	int n = vsnprintf(line + at, size, fmt, ap);

	if (n > 0 && (size_t)n < size)
		at += (size_t)n;
	else if (n > 0)
		at += text_cut(line + at, size - 1, size - 4);
	line[at++] = '\r';
	line[at++] = '\n';
	return at;
}

void
user_vtell(struct registry *reg, struct user *u, const char *fmt, va_list ap)
{
	char text[LINE_SIZE_MAX];
	size_t len = registry_format(text, 0, fmt, ap);

	registry_send(reg, u, text, len, LINE_REPLY);
}

void
user_tell(struct registry *reg, struct user *u, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	user_vtell(reg, u, fmt, ap);
	va_end(ap);
}

bool
user_message(struct registry *reg, struct user *from, struct user *to,
    const char *text, bool action)
{
	char buf[LINE_SIZE_MAX];
	struct line line = {
		.text = buf, .kind = LINE_PRIVATE, .bell = to->set_bell
	};

	if (user_ignores(to, from))
		return true;
	line.len = (uint32_t)snprintf(buf, sizeof(buf),
	    action ? "[private] * %s %s\r\n" : "[private] %s: %s\r\n",
	    from->name, text);
	if (!reg->deliver(to, &line))
		return false;
	to->reply_to = from->id;
	if (to->away != NULL && !id_set_has(&to->told_away, from->id)) {
		/* Should memory be out, they are told again next time. */
		(void)id_set_add(reg, &to->told_away, from->id);
		user_tell(reg, from, "* %s is away: %s", to->name, to->away);
	}
	return true;
}

bool
user_set_away(struct user *u, const char *text)
{
	char *copy = NULL;

	if (text != NULL && (copy = strdup(text)) == NULL)
		return false;
	free(u->away);
	u->away = copy;
	id_set_clear(&u->told_away);
	return true;
}

bool
user_ignores(const struct user *u, const struct user *who)
{
	return u->ignored.n > 0 && id_set_has(&u->ignored, who->id);
}

bool
user_ignore(struct registry *reg, struct user *u, struct user *who)
{
	return user_ignores(u, who) || id_set_add(reg, &u->ignored, who->id);
}

void
user_unignore(struct user *u, const struct user *who)
{
	id_set_remove(&u->ignored, who->id);
}
