#include <sys/param.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/chat/room.h"
#include "banterd/session/account.h"
#include "banterd/session/login.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"
#include "banterd/session/words.h"

#define ROW_MORE 256 /* bytes of a line beside its text */

/* ---- asking ---- */

/* Who has a name may read what was said since they first came in. */
static void
put_room(struct record *list, const struct client *c, const struct room *room)
{
	const struct membership *m = room_membership(room, &c->user);
	struct store_room r = { .is_keyed = room->key != NULL };

	strlcpy(r.name, room->name, sizeof(r.name));
	if (c->user.owner == 0 && m != NULL)
		r.since = m->since + 1; /* that second may have begun before */
	store_list_put_room(list, &r);
}

/* Asks about the rooms in list, which is freed. */
static void
ask(struct client *c, struct store_message *m, struct record *list,
    const char *about)
{
	m->owner = c->user.owner;
	m->list = list->bytes;
	m->list_len = list->len;
	login_ask_about(c, m, about);
	record_free(list);
}

static void
ask_history(struct client *c, const struct room *room, struct store_message *m)
{
	struct record list = { 0 };

	m->kind = STORE_HISTORY;
	put_room(&list, c, room);
	ask(c, m, &list, room->name);
}

bool
words_ask_history(struct client *c, const struct room *room, unsigned n)
{
	struct store_message m = { .count = MIN(n, WORDS_HISTORY) };

	if (!c->ctx->ops->has_store(c->ctx->daemon))
		return false;
	ask_history(c, room, &m);
	return true;
}

/* Midnight of that day, here, and of so many days later. */
static time_t
midnight(const struct tm *day, int later)
{
	struct tm tm = { .tm_year = day->tm_year,
		.tm_mon = day->tm_mon,
		.tm_mday = day->tm_mday + later,
		.tm_isdst = -1 };

	return mktime(&tm);
}

static bool
is_day(const char *text, struct tm *day)
{
	struct tm tm = { .tm_hour = 12, .tm_isdst = -1 };
	const char *end;

	memset(day, 0, sizeof(*day));
	if (strlen(text) != sizeof("2026-11-26") - 1)
		return false;
	end = strptime(text, "%Y-%m-%d", day);
	if (end == NULL || *end != '\0')
		return false;
	/* 31 February would be in March. */
	tm.tm_year = day->tm_year;
	tm.tm_mon = day->tm_mon;
	tm.tm_mday = day->tm_mday;
	return mktime(&tm) != -1 && tm.tm_mday == day->tm_mday;
}

bool
words_ask_day(struct client *c, const struct room *room, const char *text)
{
	struct store_message m = { .count = WORDS_HISTORY };
	struct tm day;

	if (!is_day(text, &day))
		return false;
	m.since = (uint64_t)midnight(&day, 0);
	m.until = (uint64_t)midnight(&day, 1);
	ask_history(c, room, &m);
	return true;
}

void
cmd_find(struct client *c, char *args)
{
	struct store_message m = { .kind = STORE_FIND, .count = WORDS_FOUND };
	struct record list = { 0 };
	unsigned i;

	if (current_room(c) == NULL)
		return;
	for (i = 0; i < MIN(c->user.nrooms, ACCOUNT_ROOMS_MAX); i++)
		put_room(&list, c, c->user.rooms[i].room);
	m.text = args;
	m.text_len = strlen(args);
	ask(c, &m, &list, "");
}

void
cmd_catchup(struct client *c, char *args)
{
	struct store_message m = { .kind = STORE_CATCHUP,
		.owner = c->user.owner,
		.count = WORDS_CATCHUP };
	struct room *room = NULL;

	if (!login_require(c) ||
	    (*args != '\0' &&
		(room = room_called(c, next_word(&args))) == NULL))
		return;
	if (room != NULL && !room_has(room, &c->user)) {
		tell_not_in(c, room->name);
		return;
	}
	if (room != NULL)
		strlcpy(m.room, room->name, sizeof(m.room));
	login_ask_about(c, &m, m.room);
}

void
words_leave_note(
    struct client *c, const char *name, const char *text, bool action)
{
	struct store_message m = { .kind = STORE_NOTE,
		.owner = c->user.owner,
		.when = (uint64_t)c->ctx->registry->wall,
		.flags = action ? STORE_ACTION : 0,
		.text = text,
		.text_len = strlen(text) };

	if (c->user.owner == 0) {
		client_tell(c,
		    "! %s is not here; who is logged in can leave a note. Nothing was sent.",
		    name);
		return;
	}
	strlcpy(m.from, c->user.name, sizeof(m.from));
	strlcpy(m.name, name, sizeof(m.name));
	login_ask(c, &m);
}

void
words_ask_notes(struct client *c)
{
	struct store_message m = { .kind = STORE_NOTES,
		.owner = c->user.owner };

	c->account->owes_notes = true;
	login_ask(c, &m);
}

void
words_ask_owed(struct session_context *ctx)
{
	struct account *a, *next;

	TAILQ_FOREACH_SAFE(a, &ctx->accounts, next, next) {
		if (a->owes_notes && a->client->user.owner != 0 &&
		    !login_is_asking(a->client))
			words_ask_notes(a->client);
	}
}

/* ---- answers ---- */

static bool
is_ignored(const struct client *c, const struct store_message *m)
{
	const struct user *u = user_find(c->ctx->registry, m->name);
	unsigned i;

	for (i = 0; m->owner != 0 && i < c->account->nignored; i++) {
		if (c->account->ignored[i] == m->owner)
			return true;
	}
	return u != NULL && user_ignores(&c->user, u->id);
}

static enum event_kind
kind_of(enum store_kind question, const struct store_message *m)
{
	bool action = (m->flags & STORE_ACTION) != 0;

	if (question == STORE_NOTES)
		return action ? EVENT_PRIVATE_ACTION : EVENT_PRIVATE;
	return action ? EVENT_ACTION : EVENT_SAY;
}

/* Returns false if there is no space for it in what c has not read yet. */
static bool
show(struct client *c, const struct store_message *m, const char *text)
{
	struct registry *reg = c->ctx->registry;
	enum store_kind question = c->account->kind;
	struct chat_event ev = registry_event(reg, kind_of(question, m));

	ev.replayed = true;
	ev.dated = question == STORE_FIND;
	ev.time = (time_t)m->when;
	ev.room = m->room;
	ev.who = m->name;
	ev.text = text;
	return fanout_space(c->ctx->fanout, &c->out) > m->text_len + ROW_MORE &&
	    reg->ops->deliver(&c->user, &ev);
}

static bool
is_of_owner(enum store_kind question)
{
	return question == STORE_CATCHUP || question == STORE_NOTES;
}

/* Whether c is in the room that it is of, if it is of one. */
static bool
is_for(const struct client *c, const struct store_message *m)
{
	const struct room *room = room_find(c->ctx->registry, m->room);

	return c->account->kind == STORE_NOTES ||
	    (room != NULL && room_has(room, &c->user));
}

/* Whatever ends this process now, that line does not come again. */
static void
note_shown(struct client *c, uint64_t line)
{
	const struct session_context *ctx = c->ctx;
	const struct account *a = c->account;

	if (a->kind == STORE_CATCHUP)
		ctx->ops->shown(ctx->daemon, c, a->about, line);
	else if (a->kind == STORE_NOTES)
		ctx->ops->read(ctx->daemon, c, line);
}

/* What comes after a line that did not fit would leave a gap. */
void
words_row(struct client *c, const struct store_message *m)
{
	struct account *a = c->account;
	char text[STORE_TEXT_MAX + 1];

	if (a->is_cut || (c->user.owner == 0 && is_of_owner(a->kind)))
		return;
	if (is_ignored(c, m) || !is_for(c, m)) {
		note_shown(c, m->line);
		return;
	}
	memcpy(text, m->text, m->text_len);
	text[m->text_len] = '\0';
	if (a->rows == 0 && a->kind == STORE_HISTORY)
		client_tell(c, "* What was said in %s:", a->about);
	if (!show(c, m, text)) {
		a->is_cut = true;
		return;
	}
	a->rows++;
	note_shown(c, m->line);
	if ((m->flags & STORE_MORE) != 0)
		client_tell(c,
		    "* %s had more to say; five notes are kept from each.",
		    m->name);
}

static void
end_catchup(struct client *c, unsigned left)
{
	struct account *a = c->account;

	if (a->is_cut)
		client_tell(c, "* There is more: /catchup again.");
	else if (left > 0)
		client_tell(c, "* %u more: /catchup again.", left);
	else if (a->rows == 0)
		client_tell(c, "* You have missed nothing.");
}

static void
end_find(struct client *c, unsigned left)
{
	if (c->account->rows == 0)
		client_tell(
		    c, "* Nothing in your rooms has all of these words.");
	else if (left > 0 || c->account->is_cut)
		client_tell(
		    c, "* There are more; another word makes them fewer.");
}

void
words_answered(struct client *c, const struct store_message *m)
{
	struct account *a = c->account;

	switch (a->kind) {
	case STORE_CATCHUP:
		end_catchup(c, m->count);
		break;
	case STORE_FIND:
		end_find(c, m->count);
		break;
	case STORE_HISTORY:
		if (a->rows == 0)
			client_tell(
			    c, "* Nothing of that is kept of %s.", a->about);
		else if (a->is_cut)
			client_tell(c,
			    "* There is more than fits; ask for fewer lines, or for a day.");
		break;
	case STORE_NOTE:
		client_tell(c,
		    "* %s is not here; they will read it when they come.",
		    m->name);
		break;
	case STORE_NOTES:
		a->owes_notes = a->is_cut;
		break;
	default:
		break;
	}
}

void
words_show_memory(struct client *c, const struct room *room, unsigned n)
{
	n = room_count_history(room, &c->user, n);
	if (n == 0)
		client_tell(c,
		    room->history.n == 0 ?
			"* Nothing has been said in %s yet." :
			room->key != NULL ?
			"* Nothing has been said in %s since you came in." :
			"* All that was said in %s is by people you ignore.",
		    room->name);
	else
		client_tell(c, "* The last %u line%s of %s:", n,
		    n == 1 ? "" : "s", room->name);
	room_replay(c->ctx->registry, room, &c->user, n);
}

bool
words_fall_back(struct client *c)
{
	const struct room *room;

	if (c->account->kind != STORE_HISTORY || c->account->has_span)
		return false;
	room = room_find(c->ctx->registry, c->account->about);
	if (room == NULL || !room_has(room, &c->user))
		return false;
	words_show_memory(c, room, WORDS_HISTORY);
	return true;
}
