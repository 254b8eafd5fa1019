/* What somebody has who is logged in: written for the store, and for the next
 * process. */
#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/chat/member.h"
#include "banterd/session/account.h"
#include "banterd/session/belongings.h"
#include "banterd/session/client.h"

/* ---- whom they ignore, whatever these do ---- */

void
belongings_ignore(struct client *c, uint64_t owner)
{
	struct account *a = c->account;
	unsigned i;

	if (a == NULL || c->user.owner == 0 || owner == 0)
		return;
	for (i = 0; i < a->nignored; i++) {
		if (a->ignored[i] == owner)
			return;
	}
	if (a->nignored == ACCOUNT_IGNORED_MAX)
		return;
	a->ignored[a->nignored++] = owner;
	client_changed(c, CHANGED_USER);
}

void
belongings_unignore(struct client *c, uint64_t owner)
{
	struct account *a = c->account;
	unsigned i;

	if (a == NULL)
		return;
	for (i = 0; i < a->nignored; i++) {
		if (a->ignored[i] == owner)
			a->ignored[i--] = a->ignored[--a->nignored];
	}
	client_changed(c, CHANGED_USER);
}

/* Those whom c ignored before it had a name. */
void
belongings_note_ignored(struct client *c)
{
	const struct user *u;
	uint32_t i;

	for (i = 0; i < c->user.ignored.n; i++) {
		u = user_by_id(c->ctx->registry, c->user.ignored.ids[i]);
		if (u != NULL)
			belongings_ignore(c, u->owner);
	}
}

static void
ignore_all(struct client *c)
{
	struct registry *reg = c->ctx->registry;
	const struct account *a;
	unsigned i;

	TAILQ_FOREACH(a, &c->ctx->accounts, next) {
		for (i = 0; i < c->account->nignored; i++) {
			if (a->client != c && a->client->user.owner != 0 &&
			    a->client->user.owner == c->account->ignored[i])
				(void)user_ignore(
				    reg, &c->user, &a->client->user);
		}
	}
}

static void
export_owners(const struct account *a, struct record *r)
{
	unsigned i;

	record_put_u16(r, (uint16_t)a->nignored);
	for (i = 0; i < a->nignored; i++)
		record_put_u64(r, a->ignored[i]);
}

static bool
import_owners(struct account *a, struct record_reader *r)
{
	unsigned i, n = record_get_u16(r);

	if (n > ACCOUNT_IGNORED_MAX)
		return false;
	for (i = 0; i < n; i++)
		a->ignored[i] = record_get_u64(r);
	a->nignored = r->failed ? 0 : n;
	return !r->failed;
}

/* ---- for the store ---- */

#define STATE_VERSION 1

#define SET_TIME  1U
#define SET_QUIET 2U
#define SET_BELL  4U

/* FNV-1a; never 0. */
static uint64_t
hash_of(const void *p, size_t n)
{
	const unsigned char *bytes = p;
	uint64_t hash = 14695981039346656037U;
	size_t i;

	for (i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 1099511628211U;
	return hash != 0 ? hash : 1;
}

/* A key itself is nothing to be kept: whether it is the same says this; 0:
 * there is none. */
static uint64_t
hash_of_key(const char *key)
{
	return key == NULL ? 0 : hash_of(key, strlen(key));
}

void
belongings_export_state(
    const struct client *c, struct record *r, struct record *ignored)
{
	const struct user *u = &c->user;
	uint16_t n = MIN(u->nrooms, ACCOUNT_ROOMS_MAX), current = 0;
	unsigned i;

	record_begin(r);
	record_put_u8(r, STATE_VERSION);
	record_put_u8(r,
	    (uint8_t)((c->set_time ? SET_TIME : 0) |
		(u->set_quiet ? SET_QUIET : 0) | (u->set_bell ? SET_BELL : 0)));
	record_put_u16(r, n);
	for (i = 0; i < n; i++) {
		if (u->rooms[i].room == u->current)
			current = (uint16_t)i;
		record_put_text(r, u->rooms[i].room->name);
		record_put_u64(r, hash_of_key(u->rooms[i].room->key));
	}
	record_put_u16(r, current);
	export_owners(c->account, r);
	record_begin(ignored);
	for (i = 0; i < c->account->nignored; i++)
		store_list_put_owner(ignored, c->account->ignored[i]);
}

bool
belongings_are_same(const struct client *c, const struct record *r)
{
	uint64_t before = c->account->written;

	c->account->written = hash_of(r->bytes, r->len);
	return before == c->account->written;
}

/* Not where the key is another one now, nor where nobody knows the key of a
 * room that is to be made. */
static void
join_again(struct client *c, const char *name, uint64_t key)
{
	struct registry *reg = c->ctx->registry;
	struct room *room = room_find(reg, name);

	if (!text_is_room(name))
		return;
	if (hash_of_key(room != NULL ? room->key : NULL) != key ||
	    member_join(reg, &c->user, name, room != NULL ? room->key : NULL) !=
		CHAT_OK)
		c->ctx->ops->parted(c->ctx->daemon, c, name);
}

static void
join_all(struct client *c, struct record_reader *r)
{
	struct record_reader list;
	char name[ROOM_MAX + 1];
	uint16_t i, current, n = record_get_u16(r);
	struct room *room;

	list = *r;
	for (i = 0; i < n && !r->failed; i++) {
		record_get_name(r, name, sizeof(name));
		join_again(c, name, record_get_u64(r));
	}
	current = record_get_u16(r);
	for (i = 0; i <= current && current < n && !list.failed; i++) {
		record_get_name(&list, name, sizeof(name));
		(void)record_get_u64(&list);
	}
	room = list.failed || n == 0 ? NULL : room_find(c->ctx->registry, name);
	if (room != NULL && room_has(room, &c->user))
		c->user.current = room;
}

void
belongings_import_state(struct client *c, struct record_reader *r)
{
	uint8_t flags;

	if (record_get_u8(r) != STATE_VERSION)
		return;
	flags = record_get_u8(r);
	c->set_time = (flags & SET_TIME) != 0;
	c->user.set_quiet = (flags & SET_QUIET) != 0;
	c->user.set_bell = (flags & SET_BELL) != 0;
	join_all(c, r);
	(void)import_owners(c->account, r);
	ignore_all(c);
	client_changed(c, CHANGED_USER | CHANGED_IGNORED);
}

/* ---- for the next process ---- */

void
belongings_export(const struct client *c, struct record *r)
{
	const struct account *a = c->account;

	record_put_u8(r, a != NULL);
	if (a == NULL)
		return;
	record_put_u8(r, (uint8_t)a->prompt);
	record_put_u8(r, a->owes_notes);
	record_put_text(r, a->name);
	export_owners(a, r);
}

bool
belongings_import(struct client *c, struct record_reader *r)
{
	struct account *a;

	if (record_get_u8(r) == 0)
		return !r->failed;
	if ((c->account = a = account_new(c->ctx, c)) == NULL)
		return false;
	a->prompt = record_get_u8(r);
	a->owes_notes = record_get_u8(r) != 0;
	record_get_name(r, a->name, sizeof(a->name));
	return import_owners(a, r) && a->prompt < PROMPT_KINDS &&
	    ((a->name[0] == '\0' && a->prompt == PROMPT_NONE) ||
		text_is_nick(a->name));
}

/* There is a password in it. */
void
belongings_export_rest(const struct client *c, struct record *r)
{
	record_put_text(r, c->account != NULL ? c->account->password : "");
}

bool
belongings_import_rest(struct client *c, struct record_reader *r)
{
	char password[STORE_PASSWORD_MAX + 1];

	record_get_name(r, password, sizeof(password));
	if (c->account != NULL)
		strlcpy(c->account->password, password,
		    sizeof(c->account->password));
	explicit_bzero(password, sizeof(password));
	return !r->failed;
}
