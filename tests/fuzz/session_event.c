/* What the registry may tell whom: its events, by what they say and not by how
 * they read. */
#include <string.h>

#include "banterd/chat/room.h"
#include "banterd/dialect/plain.h"
#include "fuzz.h"
#include "session.h"

/* Which fields an event of each kind has. */
#define HAS_ROOM      1U
#define HAS_WHO       2U
#define HAS_WHOM      4U
#define HAS_TEXT      8U
#define MAY_HAVE_TEXT 16U
#define HAS_COUNT     32U

static const unsigned fields[] = {
	[EVENT_SAY] = HAS_ROOM | HAS_WHO | HAS_TEXT,
	[EVENT_ACTION] = HAS_ROOM | HAS_WHO | HAS_TEXT,
	[EVENT_PRIVATE] = HAS_WHO | HAS_TEXT,
	[EVENT_PRIVATE_ACTION] = HAS_WHO | HAS_TEXT,
	[EVENT_JOIN] = HAS_ROOM | HAS_WHO,
	[EVENT_LEAVE] = HAS_ROOM | HAS_WHO | MAY_HAVE_TEXT,
	[EVENT_RENAME] = HAS_ROOM | HAS_WHO | HAS_WHOM,
	[EVENT_TOPIC] = HAS_ROOM | HAS_WHO | MAY_HAVE_TEXT,
	[EVENT_KICK] = HAS_ROOM | HAS_WHO | HAS_WHOM | MAY_HAVE_TEXT,
	[EVENT_JOINS] = HAS_ROOM | HAS_COUNT,
	[EVENT_LEAVES] = HAS_ROOM | HAS_COUNT,
	[EVENT_FIRST_NAMES] = HAS_ROOM | HAS_COUNT,
	[EVENT_KICKED] = HAS_ROOM | HAS_WHO | MAY_HAVE_TEXT,
	[EVENT_INVITED] = HAS_ROOM | HAS_WHO,
	[EVENT_IN_ROOM] = HAS_ROOM,
	[EVENT_IN_NO_ROOM] = 0,
	[EVENT_RUNS_ROOM] = HAS_ROOM,
	[EVENT_PUBLIC_ROOM] = HAS_ROOM,
	[EVENT_IS_AWAY] = HAS_WHO | HAS_TEXT,
	[EVENT_REPLY] = HAS_TEXT,
};

static void
check_fields(const struct chat_event *ev)
{
	unsigned has;

	FUZZ_CHECK((size_t)ev->kind < sizeof(fields) / sizeof(fields[0]),
	    "an event of kind %d", (int)ev->kind);
	has = fields[ev->kind];
	FUZZ_CHECK((ev->room != NULL) == ((has & HAS_ROOM) != 0) &&
		(ev->who != NULL) == ((has & HAS_WHO) != 0) &&
		(ev->whom != NULL) == ((has & HAS_WHOM) != 0) &&
		((has & MAY_HAVE_TEXT) != 0 ||
		    (ev->text != NULL) == ((has & HAS_TEXT) != 0)) &&
		(ev->count > 0) == ((has & HAS_COUNT) != 0),
	    "kind %d: too little is said, or too much", (int)ev->kind);
}

/* All who are told the same event read the same words. */
static void
check_words(const struct chat_event *ev)
{
	static char words[CLIENT_LINE_MAX];
	size_t len = plain_render(ev, words, sizeof(words));

	FUZZ_CHECK(
	    len > 0 && len <= CLIENT_LINE_MAX - 2, "a line of %zu bytes", len);
	if (ev->number == session.number) {
		FUZZ_CHECK(len == session.words_len &&
			memcmp(words, session.words, len) == 0,
		    "two events have the same number: %.*s", (int)len, words);
		return;
	}
	FUZZ_CHECK(
	    fuzz_is_clean(words, len), "not clean: %.*s", (int)len, words);
	session.number = ev->number;
	session.words_len = len;
	memcpy(session.words, words, len);
}

/* Nobody hears their own words, or somebody whom they ignore. */
static struct user *
check_doer(struct registry *reg, const struct user *u, const char *name)
{
	struct user *doer = user_find(reg, name);

	FUZZ_CHECK(doer != NULL, "%s is not here, and does something", name);
	FUZZ_CHECK(doer != u, "%s hears of themselves", name);
	FUZZ_CHECK(
	    !user_ignores(u, doer->id), "%s is heard, and ignored", name);
	return doer;
}

static void
check_of_room(struct registry *reg, const struct user *u,
    const struct chat_event *ev, const struct room *room)
{
	const struct user *doer;

	FUZZ_CHECK(u->id != 0, "a room's line for nobody");
	FUZZ_CHECK(room_has(room, u), "not in %s, and hears it", room->name);
	switch (ev->kind) {
	case EVENT_JOINS:
	case EVENT_LEAVES:
		FUZZ_CHECK(!u->set_quiet, "it was to be quiet");
		break;
	case EVENT_FIRST_NAMES:
		break;
	case EVENT_RENAME:
		doer = check_doer(reg, u, ev->whom);
		FUZZ_CHECK(room_has(room, doer), "%s is not in %s", ev->whom,
		    room->name);
		break;
	case EVENT_LEAVE:
		FUZZ_CHECK(!u->set_quiet, "it was to be quiet");
		doer = check_doer(reg, u, ev->who);
		FUZZ_CHECK(!room_has(room, doer), "%s is still there", ev->who);
		break;
	case EVENT_SAY:
	case EVENT_ACTION:
		doer = check_doer(reg, u, ev->who);
		FUZZ_CHECK(room_has(room, doer) ||
			(room->key == NULL &&
			    (room->op == NULL ||
				id_set_has(&room->outsiders, doer->id))),
		    "%s is not in %s", ev->who, room->name);
		FUZZ_CHECK(room_keeps_out(reg, (struct room *)(uintptr_t)room,
			       doer) == 0 ||
			room_has(room, doer),
		    "%s was put out of %s", ev->who, room->name);
		FUZZ_CHECK(!room_is_unaware(room, doer),
		    "%s was not announced in %s", ev->who, room->name);
		break;
	default: /* JOIN, TOPIC, KICK */
		FUZZ_CHECK(ev->kind != EVENT_JOIN || !u->set_quiet,
		    "it was to be quiet");
		doer = check_doer(reg, u, ev->who);
		FUZZ_CHECK(!room_is_unaware(room, doer),
		    "%s was not announced in %s", ev->who, room->name);
		FUZZ_CHECK(room_has(room, doer), "%s is not in %s", ev->who,
		    room->name);
	}
}

static void
check_of_reader(struct registry *reg, const struct user *u,
    const struct chat_event *ev, const struct room *room)
{
	const struct user *who;

	switch (ev->kind) {
	case EVENT_PRIVATE:
	case EVENT_PRIVATE_ACTION:
		(void)check_doer(reg, u, ev->who);
		break;
	case EVENT_KICKED:
		who = user_find(reg, ev->who);
		FUZZ_CHECK(who != NULL && room->op == who && room->bans.n > 0 &&
			(room_has(room, u) ||
			    id_set_has(&room->outsiders, u->id)),
		    "%s may not do that", ev->who);
		break;
	case EVENT_INVITED:
		who = user_find(reg, ev->who);
		FUZZ_CHECK(who != NULL && room->op == who, "%s may not do that",
		    ev->who);
		break;
	case EVENT_IN_ROOM:
		FUZZ_CHECK(u->current == room, "it is elsewhere");
		break;
	case EVENT_IN_NO_ROOM:
		FUZZ_CHECK(
		    u->current == NULL && u->nrooms == 0, "it is in one");
		break;
	case EVENT_RUNS_ROOM:
		FUZZ_CHECK(room->op == u, "somebody else runs it");
		break;
	case EVENT_PUBLIC_ROOM:
		FUZZ_CHECK(room->permanent && room_has(room, u),
		    "%s is not the server's", room->name);
		break;
	case EVENT_IS_AWAY:
		who = user_find(reg, ev->who);
		FUZZ_CHECK(who != NULL && who->away != NULL &&
			strcmp(who->away->text, ev->text) == 0,
		    "%s is not away", ev->who);
		break;
	default: /* EVENT_REPLY */
		FUZZ_CHECK(strncmp(ev->text, "* ", 2) == 0 ||
			strncmp(ev->text, "! ", 2) == 0,
		    "an answer that is none: %s", ev->text);
	}
}

void
check_event(struct registry *reg, struct user *u, const struct chat_event *ev)
{
	const struct room *room = NULL;

	check_fields(ev);
	check_words(ev);
	if (ev->room != NULL) {
		room = room_find(reg, ev->room);
		FUZZ_CHECK(room != NULL, "a line from %s, which is not there",
		    ev->room);
	}
	FUZZ_CHECK(
	    !ev->bell || (u->set_bell && ev->kind <= EVENT_PRIVATE_ACTION),
	    "a bell that was not asked for");
	FUZZ_CHECK(!ev->many ||
		(room != NULL && ev->kind < EVENT_KICKED &&
		    (session.crowded || room->nmembers > EVENT_FEW)),
	    "it is for a few");
	if (ev->replayed) {
		FUZZ_CHECK(ev->kind <= EVENT_ACTION && room_has(room, u) &&
			ev->time <= reg->wall && !ev->bell && !ev->many,
		    "that does not come again");
		return;
	}
	FUZZ_CHECK(ev->time == reg->wall, "another time");
	if (ev->kind < EVENT_KICKED && room != NULL)
		check_of_room(reg, u, ev, room);
	else
		check_of_reader(reg, u, ev, room);
}
