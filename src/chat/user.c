#include <sys/param.h>

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/chat/user.h"

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

/* Where id is, or would be. */
static uint32_t
id_set_place(const struct id_set *set, uint64_t id)
{
	uint32_t low = 0, high = set->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (set->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
id_set_has(const struct id_set *set, uint64_t id)
{
	uint32_t i = id_set_place(set, id);

	return i < set->n && set->ids[i] == id;
}

void
id_set_clear(struct id_set *set)
{
	free(set->ids);
	memset(set, 0, sizeof(*set));
}

void
id_set_remove(struct id_set *set, uint64_t id)
{
	uint32_t i = id_set_place(set, id);

	if (i == set->n || set->ids[i] != id)
		return;
	set->n--;
	memmove(
	    set->ids + i, set->ids + i + 1, (set->n - i) * sizeof(*set->ids));
	if (set->n == 0)
		id_set_clear(set);
}

static void
id_set_forget_gone(struct registry *reg, struct id_set *set)
{
	uint32_t i, n = 0;

	for (i = 0; i < set->n; i++) {
		if (user_by_id(reg, set->ids[i]) != NULL)
			set->ids[n++] = set->ids[i];
	}
	set->n = n;
}

bool
id_set_add(struct registry *reg, struct id_set *set, uint64_t id)
{
	uint32_t i, size;
	uint64_t *ids;

	if (id_set_has(set, id))
		return true;
	if (set->n == set->size)
		id_set_forget_gone(reg, set);
	if (set->n == set->size) {
		size = set->size == 0 ? 4 : set->size * 2;
		ids = reallocarray(set->ids, size, sizeof(*ids));
		if (ids == NULL)
			return false;
		set->ids = ids;
		set->size = size;
	}
	i = id_set_place(set, id);
	memmove(
	    set->ids + i + 1, set->ids + i, (set->n - i) * sizeof(*set->ids));
	set->ids[i] = id;
	set->n++;
	return true;
}

/* ---- coming and going ---- */

#define SLOTS_MIN 16U
#define SLOTS_MAX (1U << 21) /* twice what max-clients may be */

/*
 * An id is a slot's number and, above it, a count of all users so far, so
 * that it is found in one step and never means somebody else later.
 */
static bool
make_slots(struct registry *reg, uint32_t n)
{
	struct user **slots;

	slots = reallocarray(reg->slots, n, sizeof(struct user *));
	if (slots == NULL)
		return false;
	memset(
	    slots + reg->nslots, 0, (n - reg->nslots) * sizeof(struct user *));
	reg->slots = slots;
	reg->nslots = n;
	return true;
}

static bool
take_slot(struct registry *reg, struct user *u)
{
	uint32_t i;

	for (i = reg->free_hint; i < reg->nslots && reg->slots[i] != NULL; i++)
		;
	if (i == reg->nslots &&
	    !make_slots(reg, MAX(SLOTS_MIN, reg->nslots + reg->nslots / 2)))
		return false;
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

static void
set_guest_name(struct registry *reg, struct user *u)
{
	char name[NICK_MAX + 2];

	do {
		snprintf(name, sizeof(name), "guest%llu",
		    (unsigned long long)++reg->next_guest);
	} while (user_find(reg, name) != NULL ||
	    names_owner(&reg->names, name) != 0);
	set_name(reg, u, name);
	u->is_guest = true;
}

bool
user_enter(struct registry *reg, struct user *u)
{
	if (!take_slot(reg, u))
		return false;
	set_guest_name(reg, u);
	u->last_line = reg->now;
	reg->nusers++;
	return true;
}

/* Its slot is that of its id, which no process has given anybody else. */
bool
user_return(struct registry *reg, struct user *u, uint64_t id, const char *name)
{
	uint32_t i = (uint32_t)id, generation = (uint32_t)(id >> 32);

	if (generation == 0 || i >= SLOTS_MAX || !text_is_nick(name) ||
	    user_find(reg, name) != NULL)
		return false;
	if (i >= reg->nslots && !make_slots(reg, MAX(SLOTS_MIN, i + i / 2 + 1)))
		return false;
	if (reg->slots[i] != NULL)
		return false;
	reg->slots[i] = u;
	u->id = id;
	set_name(reg, u, name);
	reg->generation = MAX(reg->generation, generation);
	reg->nusers++;
	return true;
}

void
user_end_away(struct user *u)
{
	if (u->away == NULL)
		return;
	id_set_clear(&u->away->told);
	free(u->away);
	u->away = NULL;
}

void
user_exit(struct registry *reg, struct user *u)
{
	LIST_REMOVE(u, by_name);
	give_back_slot(reg, u);
	reg->nusers--;
	free(u->rooms);
	u->rooms = NULL;
	user_end_away(u);
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

enum chat_error
user_take_name(struct registry *reg, struct user *u, const char *name)
{
	const struct user *other = user_find(reg, name);
	uint64_t owner = names_owner(&reg->names, name);

	assert(strlen(name) <= NICK_MAX);
	if (owner != 0 && owner != u->owner)
		return CHAT_REGISTERED;
	if ((other != NULL && other != u) || text_is_reserved(name))
		return CHAT_TAKEN;
	LIST_REMOVE(u, by_name);
	set_name(reg, u, name);
	user_changed(reg, u, CHANGED_USER);
	return CHAT_OK;
}

void
user_be_guest(struct registry *reg, struct user *u)
{
	LIST_REMOVE(u, by_name);
	set_guest_name(reg, u);
	u->owner = 0;
	user_changed(reg, u, CHANGED_USER);
}

void
user_move(struct registry *reg, struct user *to, struct user *from)
{
	LIST_REMOVE(from, by_name);
	*to = *from;
	LIST_INSERT_HEAD(bucket(reg, to->name_hash), to, by_name);
	reg->slots[(uint32_t)to->id] = to;
	memset(from, 0, sizeof(*from));
	user_changed(reg, to, CHANGED_USER | CHANGED_IGNORED | CHANGED_AWAY);
}

/* ---- what one says to another ---- */

/* Once, unless memory is out. */
static void
tell_away(struct registry *reg, struct user *from, struct user *to)
{
	struct chat_event ev;

	if (to->away == NULL || id_set_has(&to->away->told, from->id))
		return;
	(void)id_set_add(reg, &to->away->told, from->id);
	user_changed(reg, to, CHANGED_AWAY);
	ev = registry_event(reg, EVENT_IS_AWAY);
	ev.who = to->name;
	ev.text = to->away->text;
	reg->ops->deliver(from, &ev);
}

/* Nothing comes to somebody who ignores the writer; but the writer is not to
 * know. */
static bool
reach(struct registry *reg, struct user *from, struct user *to,
    const struct chat_event *ev)
{
	if (user_ignores(to, from->id))
		return reg->ops->takes == NULL || reg->ops->takes(to, ev);
	if (!reg->ops->deliver(to, ev))
		return false;
	if (to->reply_to != from->id) {
		to->reply_to = from->id;
		user_changed(reg, to, CHANGED_USER);
	}
	return true;
}

bool
user_message(struct registry *reg, struct user *from, struct user *to,
    const char *text, bool action)
{
	struct chat_event ev = registry_event(
	    reg, action ? EVENT_PRIVATE_ACTION : EVENT_PRIVATE);

	ev.who = from->name;
	ev.text = text;
	ev.bell = to->set_bell;
	if (!reach(reg, from, to, &ev))
		return false;
	tell_away(reg, from, to);
	return true;
}

/* A full stop may be a part of a name, or stand beside it. */
static void
mark_word(struct registry *reg, const char *word, size_t len)
{
	char name[NICK_MAX + 1];
	struct user *u;
	size_t n;

	for (; len > 0 && *word == '.'; len--)
		word++;
	for (n = len; n > 0 && word[n - 1] == '.'; n--)
		;
	for (; n > 0 && n <= MIN(len, NICK_MAX); n++) {
		memcpy(name, word, n);
		name[n] = '\0';
		if ((u = user_find(reg, name)) != NULL)
			u->visit = reg->visit;
	}
}

void
user_mark_mentioned(struct registry *reg, const char *text)
{
	size_t len;

	reg->visit++;
	while ((text = text_next_word(text, &len)) != NULL) {
		mark_word(reg, text, len);
		text += len;
	}
}

bool
user_return_away(struct user *u, const char *text)
{
	size_t size = strlen(text) + 1;
	struct away *away;

	if ((away = calloc(1, sizeof(*away) + size)) == NULL)
		return false;
	memcpy(away->text, text, size);
	user_end_away(u);
	u->away = away;
	return true;
}

bool
user_set_away(struct registry *reg, struct user *u, const char *text)
{
	if (text == NULL)
		user_end_away(u);
	else if (!user_return_away(u, text))
		return false;
	user_changed(reg, u, CHANGED_AWAY);
	return true;
}

bool
user_ignores(const struct user *u, uint64_t id)
{
	return u->ignored.n > 0 && id_set_has(&u->ignored, id);
}

bool
user_ignore(struct registry *reg, struct user *u, const struct user *who)
{
	user_changed(reg, u, CHANGED_IGNORED);
	return id_set_add(reg, &u->ignored, who->id);
}

void
user_unignore(struct registry *reg, struct user *u, const struct user *who)
{
	id_set_remove(&u->ignored, who->id);
	user_changed(reg, u, CHANGED_IGNORED);
}
