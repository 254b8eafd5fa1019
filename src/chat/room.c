#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/room.h"

static int
room_cmp(struct room *a, struct room *b)
{
	return strcasecmp(a->name, b->name);
}

RB_GENERATE(room_tree, room, by_name, room_cmp)

static int
room_rank(struct room *a, struct room *b)
{
	if (a->nmembers != b->nmembers)
		return a->nmembers > b->nmembers ? -1 : 1;
	return room_cmp(a, b);
}

RB_GENERATE(room_ranking, room, by_size, room_rank)

void
room_set_size(struct registry *reg, struct room *room, uint32_t nmembers)
{
	RB_REMOVE(room_ranking, &reg->ranking, room);
	room->nmembers = nmembers;
	RB_INSERT(room_ranking, &reg->ranking, room);
}

/* ---- which there are ---- */

struct room *
room_find(struct registry *reg, const char *name)
{
	struct room key;

	if (strlcpy(key.name, name, sizeof(key.name)) >= sizeof(key.name))
		return NULL;
	return RB_FIND(room_tree, &reg->rooms, &key);
}

struct room *
room_make(struct registry *reg, const char *name)
{
	struct room *room;

	if ((room = calloc(1, sizeof(*room))) == NULL)
		return NULL;
	strlcpy(room->name, name, sizeof(room->name));
	room->number = reg->rooms_made++;
	history_init(&room->history);
	bans_init(&room->bans);
	RB_INSERT(room_tree, &reg->rooms, room);
	RB_INSERT(room_ranking, &reg->ranking, room);
	reg->nrooms++;
	room_changed(reg, room, CHANGED_ROOM);
	return room;
}

bool
room_is_over(const struct room *room)
{
	return room->nmembers == 0 && !room->permanent;
}

void
room_disown(struct registry *reg, struct room *room)
{
	if (room->maker != NULL)
		reg->ops->room_gone(room->maker, reg->now);
	room->maker = NULL;
	room_changed(reg, room, CHANGED_ROOM);
}

void
room_free(struct registry *reg, struct room *room)
{
	room_disown(reg, room);
	room_changed(reg, room, CHANGED_OVER);
	if (room->is_pending)
		TAILQ_REMOVE(&reg->pending, room, pending);
	history_trim(&room->history, 0);
	bans_free(&room->bans);
	id_set_clear(&room->outsiders);
	RB_REMOVE(room_tree, &reg->rooms, room);
	RB_REMOVE(room_ranking, &reg->ranking, room);
	reg->nrooms--;
	free(room->members);
	free(room->topic);
	free(room->listed_topic);
	free(room->key);
	free(room);
}

void
rooms_free(struct registry *reg)
{
	struct room *room, *next;

	RB_FOREACH_SAFE(room, room_tree, &reg->rooms, next)
		room_free(reg, room);
}

unsigned
rooms_list(struct registry *reg, struct room **rooms)
{
	struct room *room;
	unsigned n = 0;

	RB_FOREACH(room, room_tree, &reg->rooms)
		rooms[n++] = room;
	return n;
}

const struct membership *
room_membership(const struct room *room, const struct user *u)
{
	uint32_t i;

	for (i = 0; i < u->nrooms; i++) {
		if (u->rooms[i].room == room)
			return &u->rooms[i];
	}
	return NULL;
}

bool
room_has(const struct room *room, const struct user *u)
{
	return room_membership(room, u) != NULL;
}

bool
room_shows_to(const struct room *room, const struct user *u)
{
	return room->key == NULL || room_has(room, u);
}

const struct address *
room_address_of(struct registry *reg, const struct user *u, struct address *a)
{
	return reg->ops->address != NULL && reg->ops->address(u, a) ? a : NULL;
}

const struct ban *
room_ban_on(struct registry *reg, struct room *room, const struct user *u)
{
	struct address a;

	if (room->bans.n == 0 || room_has(room, u))
		return NULL;
	return bans_find(&room->bans, u, room_address_of(reg, u, &a), reg->now);
}

uint64_t
room_keeps_out(struct registry *reg, struct room *room, const struct user *u)
{
	const struct ban *ban = room_ban_on(reg, room, u);

	return ban == NULL ? 0 : ban->until - reg->now;
}

/* ---- telling its members ---- */

struct chat_event
room_event(struct registry *reg, const struct room *room, enum event_kind kind)
{
	struct chat_event ev = registry_event(reg, kind);

	ev.many = room->nmembers > EVENT_FEW;
	ev.room = room->name;
	return ev;
}

void
room_tell(struct registry *reg, struct room *room, const struct chat_event *ev,
    const struct user *doer)
{
	struct user *member;
	uint32_t i;

	for (i = 0; i < room->nmembers; i++) {
		member = room->members[i];
		if (member != doer && !user_ignores(member, doer->id))
			reg->ops->deliver(member, ev);
	}
}

/* ---- joins, leaves and first names, and their sums ---- */

static const struct {
	unsigned most;       /* that are told one by one in a second */
	enum event_kind sum; /* of the rest */
	bool by_quiet;       /* hidden by /set quiet */
} tallies[TALLY_KINDS] = {
	[TALLY_LEAVES] = { ROOM_TALLY_LINES, EVENT_LEAVES, true },
	[TALLY_JOINS] = { ROOM_TALLY_LINES, EVENT_JOINS, true },
	[TALLY_NAMES] = { ROOM_TALLY_NAMES, EVENT_FIRST_NAMES, false },
};

void
room_tell_tallied(struct registry *reg, struct room *room, enum room_tally what,
    const struct chat_event *ev, const struct user *doer)
{
	struct user *member;
	uint32_t i;

	for (i = 0; i < room->nmembers; i++) {
		member = room->members[i];
		if (member == doer ||
		    (tallies[what].by_quiet && member->set_quiet) ||
		    (doer != NULL && user_ignores(member, doer->id)))
			continue;
		reg->ops->deliver(member, ev);
	}
}

/* The second of a tally is over: sends the sum of those who were held, if there
 * were some. */
static void
finish_tally(struct registry *reg, struct room *room, enum room_tally what)
{
	struct tally *t = &room->tallies[what];
	unsigned held = tally_begin(t, reg->now);
	struct chat_event ev;

	if (held == 0)
		return;
	room_changed(reg, room, CHANGED_TALLIES);
	ev = room_event(reg, room, tallies[what].sum);
	ev.count = held;
	/* nobody is told of themselves */
	room_tell_tallied(
	    reg, room, what, &ev, held == 1 ? user_by_id(reg, t->last) : NULL);
}

void
room_wait_for_sum(struct registry *reg, struct room *room)
{
	unsigned i;

	for (i = 0; i < TALLY_KINDS; i++)
		reg->due = earlier(reg->due, tally_due(&room->tallies[i]));
	if (!room->is_pending) {
		TAILQ_INSERT_TAIL(&reg->pending, room, pending);
		room->is_pending = true;
	}
}

bool
room_tally(struct registry *reg, struct room *room, enum room_tally what,
    const struct user *u)
{
	struct tally *t = &room->tallies[what];

	if (tally_is_over(t, reg->now))
		finish_tally(reg, room, what);
	if (tally_take(t, tallies[what].most, u->id))
		return true;
	room_wait_for_sum(reg, room);
	room_changed(reg, room, CHANGED_TALLIES);
	return false;
}

/* Sends what is due of one room; returns when the rest is. */
static uint64_t
tick_room(struct registry *reg, struct room *room)
{
	uint64_t due, next = NEVER;
	unsigned i;

	for (i = 0; i < TALLY_KINDS; i++) {
		due = tally_due(&room->tallies[i]);
		if (due <= reg->now)
			finish_tally(reg, room, i);
		else
			next = earlier(next, due);
	}
	return next;
}

void
rooms_tick(struct registry *reg)
{
	struct room *room, *tmp;
	uint64_t due;

	reg->due = NEVER;
	TAILQ_FOREACH_SAFE(room, &reg->pending, pending, tmp) {
		due = tick_room(reg, room);
		if (due == NEVER) {
			TAILQ_REMOVE(&reg->pending, room, pending);
			room->is_pending = false;
		}
		reg->due = earlier(reg->due, due);
	}
}

/* ---- who has come ---- */

bool
room_is_unaware(const struct room *room, const struct user *u)
{
	return u->is_unannounced && u->rooms[0].room == room;
}

void
room_tell_joined(struct registry *reg, struct room *room, const struct user *u)
{
	struct chat_event ev;

	if (!room_tally(reg, room, TALLY_JOINS, u))
		return;
	ev = room_event(reg, room, EVENT_JOIN);
	ev.who = u->name;
	room_tell_tallied(reg, room, TALLY_JOINS, &ev, u);
}

void
room_announce(struct registry *reg, struct room *room, struct user *u)
{
	if (!room_is_unaware(room, u))
		return;
	u->is_unannounced = false;
	user_changed(reg, u, CHANGED_USER);
	room_tell_joined(reg, room, u);
}

/* ---- what is said ---- */

/* Only who runs a room need know who of outside has written to it.  Of too
 * many, whoever has been connected longest is forgotten. */
static bool
note_outsider(struct registry *reg, struct room *room, const struct user *u)
{
	struct id_set *set = &room->outsiders;

	if (room->op == NULL || room_has(room, u) || id_set_has(set, u->id))
		return true;
	room_changed(reg, room, CHANGED_BANS);
	if (set->n >= ROOM_OUTSIDERS)
		id_set_remove(set, set->ids[0]);
	return id_set_add(reg, set, u->id);
}

static void
say(struct registry *reg, const struct user *u, struct room *room,
    const char *text, bool action)
{
	struct chat_event ev = room_event(
	    reg, room, action ? EVENT_ACTION : EVENT_SAY);
	struct user *member;
	bool marked = false;
	uint32_t i;

	ev.who = u->name;
	ev.text = text;
	history_add(&room->history, &ev, u->id, reg->limits.history);
	if (reg->ops->said != NULL)
		reg->ops->said(reg, room, u, &ev);
	room_changed(reg, room, CHANGED_SAID);
	for (i = 0; i < room->nmembers; i++) {
		member = room->members[i];
		if (member == u || user_ignores(member, u->id))
			continue;
		if (member->set_bell && !marked) {
			user_mark_mentioned(reg, text);
			marked = true;
		}
		ev.bell = member->set_bell && member->visit == reg->visit;
		reg->ops->deliver(member, &ev);
	}
}

bool
room_say(struct registry *reg, struct user *u, struct room *room,
    const char *text, bool action)
{
	if (!note_outsider(reg, room, u))
		return false;
	room_announce(reg, room, u);
	say(reg, u, room, text, action);
	return true;
}

void
room_refill(
    struct registry *reg, struct room *room, const struct chat_event *ev)
{
	struct history *h = &room->history;

	if (h->n < reg->limits.history && h->nrefilled < reg->limits.history &&
	    history_return(h, h->nrefilled, ev, 0))
		h->nrefilled++;
}

/* What was said in a room with a key is for those who were in it. */
static uint64_t
first_for(const struct room *room, const struct user *u)
{
	const struct membership *m = room_membership(room, u);

	return room->key == NULL ? 0 : m == NULL ? UINT64_MAX : m->first;
}

/* The oldest of the last n that u may hear; NULL: there is none.  *found is
 * how many that are.  Looks no further back than that. */
static const struct history_entry *
find_last(
    const struct room *room, const struct user *u, unsigned n, unsigned *found)
{
	const struct history_entry *entry, *oldest = NULL;
	uint64_t first = first_for(room, u);

	*found = 0;
	TAILQ_FOREACH_REVERSE(entry, &room->history.list, history_entries, next)
	{
		if (*found == n || entry->number < first)
			break;
		if (user_ignores(u, entry->speaker))
			continue;
		oldest = entry;
		++*found;
	}
	return oldest;
}

unsigned
room_count_history(const struct room *room, const struct user *u, unsigned most)
{
	unsigned n;

	(void)find_last(room, u, most, &n);
	return n;
}

struct user *
room_speaker(struct registry *reg, const struct room *room, const char *name)
{
	const struct history_entry *entry;
	struct user *u;

	TAILQ_FOREACH_REVERSE(entry, &room->history.list, history_entries, next)
	{
		if (strcasecmp(entry->who, name) == 0 &&
		    (u = user_by_id(reg, entry->speaker)) != NULL)
			return u;
	}
	return NULL;
}

static void
replay(struct registry *reg, const struct room *room, struct user *u,
    const struct history_entry *entry)
{
	struct chat_event ev = registry_event(reg, entry->kind);

	ev.replayed = true;
	ev.time = entry->when;
	ev.room = room->name;
	ev.who = entry->who;
	ev.text = entry->text;
	reg->ops->deliver(u, &ev);
}

void
room_replay(
    struct registry *reg, const struct room *room, struct user *u, unsigned n)
{
	const struct history_entry *entry;
	unsigned found;

	for (entry = find_last(room, u, n, &found); entry != NULL;
	     entry = TAILQ_NEXT(entry, next)) {
		if (!user_ignores(u, entry->speaker))
			replay(reg, room, u, entry);
	}
}

/* ---- what it is about, and who runs it ---- */

bool
room_replace(char **field, const char *text)
{
	char *copy = NULL;

	if (text != NULL && (copy = strdup(text)) == NULL)
		return false;
	free(*field);
	*field = copy;
	return true;
}

bool
room_set_topic(
    struct registry *reg, struct user *u, struct room *room, const char *topic)
{
	struct chat_event ev;

	if (!room_replace(&room->topic, topic))
		return false;
	room_changed(reg, room, CHANGED_ROOM);
	room_announce(reg, room, u);
	ev = room_event(reg, room, EVENT_TOPIC);
	ev.who = u->name;
	ev.text = topic;
	room_tell(reg, room, &ev, u);
	return true;
}

void
room_set_op(struct registry *reg, struct room *room, struct user *u)
{
	struct chat_event ev;

	room->op = u;
	room_changed(reg, room, CHANGED_ROOM);
	if (u == NULL)
		return;
	room_announce(reg, room, u);
	ev = registry_event(reg, EVENT_RUNS_ROOM);
	ev.room = room->name;
	reg->ops->deliver(u, &ev);
}

void
room_list_of(
    const struct user *u, const struct user *viewer, char *buf, size_t size)
{
	const struct room *room;
	size_t len = 0;
	uint16_t i;

	buf[0] = '\0';
	for (i = 0; i < u->nrooms && len + ROOM_MAX + 4 < size; i++) {
		room = u->rooms[i].room;
		if (viewer != NULL && !room_shows_to(room, viewer))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s%s",
		    len > 0 ? ", " : "", room->op == u ? "@" : "", room->name);
	}
}

uint32_t
room_names(const struct room *room, const struct user *viewer, uint32_t first,
    char *buf, size_t size)
{
	const struct user *u;
	size_t len = 0;
	uint32_t i;

	buf[0] = '\0';
	for (i = first; i < room->nmembers && i - first < ROOM_NAMES_SHOWN;
	     i++) {
		u = room->members[i];
		len += (size_t)snprintf(buf + len, size - len, "%s%s%s%s",
		    i > first ? ", " : "", u == room->op ? "@" : "",
		    u == viewer ? "you" : u->name,
		    u->away != NULL ? " (away)" : "");
	}
	return room->nmembers - i;
}
