/* Rooms: who is where, what it is about, and what was said. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/chat/room.h"

static int
room_cmp(struct room *a, struct room *b)
{
	return strcasecmp(a->name, b->name);
}

RB_PROTOTYPE(room_tree, room, by_name, room_cmp)
RB_GENERATE(room_tree, room, by_name, room_cmp)

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- the registry ---- */

void
registry_init(
    struct registry *reg, bool (*deliver)(struct user *, struct line *))
{
	memset(reg, 0, sizeof(*reg));
	RB_INIT(&reg->rooms);
	TAILQ_INIT(&reg->pending);
	reg->due = UINT64_MAX;
	reg->deliver = deliver;
}

static void
forget_oldest(struct room *room)
{
	struct room_past *past = STAILQ_FIRST(&room->past);

	STAILQ_REMOVE_HEAD(&room->past, next);
	room->npast--;
	free(past);
}

static void
room_free(struct registry *reg, struct room *room)
{
	if (room->is_pending)
		TAILQ_REMOVE(&reg->pending, room, pending);
	while (!STAILQ_EMPTY(&room->past))
		forget_oldest(room);
	RB_REMOVE(room_tree, &reg->rooms, room);
	reg->nrooms--;
	free(room->members);
	free(room->topic);
	free(room->listed_topic);
	free(room->key);
	free(room);
}

void
registry_free(struct registry *reg)
{
	struct room *room;

	while ((room = RB_ROOT(&reg->rooms)) != NULL)
		room_free(reg, room);
	free(reg->slots);
	memset(reg, 0, sizeof(*reg));
}

static struct room *
room_make(struct registry *reg, const char *name)
{
	struct room *room;

	if ((room = calloc(1, sizeof(*room))) == NULL)
		return NULL;
	strlcpy(room->name, name, sizeof(room->name));
	STAILQ_INIT(&room->past);
	room->joins = (struct room_tally){
		.verb = "joined", .most = ROOM_TALLY_LINES, .by_quiet = true
	};
	room->leaves = (struct room_tally){
		.verb = "left", .most = ROOM_TALLY_LINES, .by_quiet = true
	};
	room->names = (struct room_tally){ .verb = "took a name",
		.most = ROOM_TALLY_NAMES };
	RB_INSERT(room_tree, &reg->rooms, room);
	reg->nrooms++;
	return room;
}

struct room *
room_find(struct registry *reg, const char *name)
{
	struct room key;

	if (strlcpy(key.name, name, sizeof(key.name)) >= sizeof(key.name))
		return NULL;
	return RB_FIND(room_tree, &reg->rooms, &key);
}

static bool
replace_text(char **field, const char *text)
{
	char *copy = NULL;

	if (text != NULL && (copy = strdup(text)) == NULL)
		return false;
	free(*field);
	*field = copy;
	return true;
}

static struct room *
make_permanent(struct registry *reg, const char *name)
{
	struct room *room = room_find(reg, name);

	if (room == NULL && (room = room_make(reg, name)) == NULL)
		return NULL;
	room->permanent = true;
	if (room->op != NULL)
		user_tell(reg, room->op,
		    "* %s is the server's room now: nobody runs it.",
		    room->name);
	room->op = NULL;
	return room;
}

/* A room that the configuration no longer has lives while people are in it. */
static void
make_ordinary(struct registry *reg, struct room *room)
{
	if (room->nmembers == 0)
		room_free(reg, room);
	else
		room_set_op(reg, room, room->members[0]);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The key is the file's.  So is the topic when it is another one there than at
 * the last reading; in between people may set theirs. */
static bool
take_over(struct room *room, const struct config_room *listed)
{
	room->listed = true;
	if (!replace_text(&room->key, listed->key))
		return false;
	return same_text(room->listed_topic, listed->topic) ||
	    (replace_text(&room->topic, listed->topic) &&
		replace_text(&room->listed_topic, listed->topic));
}

static void
no_longer_listed(struct room *room)
{
	(void)replace_text(&room->key, NULL);
	(void)replace_text(&room->listed_topic, NULL);
}

bool
registry_configure(struct registry *reg, const struct config *conf)
{
	const struct config_room *listed;
	struct room *room, *next;
	bool ok = true;

	reg->limits.max_rooms = conf->max_rooms;
	reg->limits.max_joined = conf->max_joined;
	reg->limits.history = conf->history;
	/* Mark: what is still permanent afterwards was listed. */
	RB_FOREACH(room, room_tree, &reg->rooms) {
		room->was_permanent = room->permanent;
		room->permanent = room->listed = false;
	}
	if (conf->default_room != NULL)
		ok = make_permanent(reg, conf->default_room) != NULL;
	TAILQ_FOREACH(listed, &conf->rooms, next) {
		room = make_permanent(reg, listed->name);
		if (room == NULL || !take_over(room, listed))
			ok = false;
	}
	RB_FOREACH_SAFE(room, room_tree, &reg->rooms, next) {
		while (room->npast > conf->history)
			forget_oldest(room);
		if (room->was_permanent && !room->listed)
			no_longer_listed(room);
		if (room->was_permanent && !room->permanent)
			make_ordinary(reg, room);
	}
	return ok;
}

unsigned
registry_rooms(struct registry *reg, struct room **rooms)
{
	struct room *room;
	unsigned n = 0;

	RB_FOREACH(room, room_tree, &reg->rooms)
		rooms[n++] = room;
	return n;
}

/* ---- sending to a room ---- */

static void
send_to_members(struct registry *reg, struct room *room, struct line *line,
    const struct user *doer)
{
	struct user *member;
	uint32_t i;

	for (i = 0; i < room->nmembers; i++) {
		member = room->members[i];
		if (member != doer && !user_ignores(member, doer))
			reg->deliver(member, line);
	}
}

void
room_event(struct registry *reg, struct room *room, const struct user *doer,
    const char *fmt, ...)
{
	char text[LINE_SIZE_MAX];
	struct line line = { .text = text, .kind = LINE_ROOM };
	size_t len;
	va_list ap;

	len = (size_t)snprintf(text, sizeof(text), "[%s] -- ", room->name);
	va_start(ap, fmt);
	line.len = (uint32_t)registry_format(text, len, fmt, ap);
	va_end(ap);
	send_to_members(reg, room, &line, doer);
}

/* "-- alice joined", and the sums, to all but who (or NULL). */
static void
tell_tally(struct registry *reg, struct room *room,
    const struct room_tally *tally, const struct user *who, const char *text)
{
	char buf[LINE_SIZE_MAX];
	struct line line = { .text = buf, .kind = LINE_ROOM };
	struct user *member;
	uint32_t i;

	line.len = (uint32_t)snprintf(
	    buf, sizeof(buf), "[%s] -- %s\r\n", room->name, text);
	for (i = 0; i < room->nmembers; i++) {
		member = room->members[i];
		if (member == who || (tally->by_quiet && member->set_quiet) ||
		    (who != NULL && user_ignores(member, who)))
			continue;
		reg->deliver(member, &line);
	}
}

/* ---- joins, leaves and first names, and their sums ---- */

static void
tally_flush(struct registry *reg, struct room *room, struct room_tally *tally)
{
	const struct user *alone = NULL;
	char text[64];

	if (tally->held > 0) {
		snprintf(text, sizeof(text), "%u %s %s", tally->held,
		    tally->held == 1 ? "person" : "people", tally->verb);
		if (tally->held == 1) /* nobody is told of themselves */
			alone = user_by_id(reg, tally->last);
		tally->held = 0;
		tell_tally(reg, room, tally, alone, text);
	}
	tally->told = 0;
}

/*
 * Whether one more join (leave) is told by itself; else it waits for the sum
 * of this second.
 */
static bool
tally_take(struct registry *reg, struct room *room, struct room_tally *tally,
    const struct user *u)
{
	if (tally->told == 0 || reg->now - tally->since >= ROOM_TALLY_MS) {
		tally_flush(reg, room, tally);
		tally->since = reg->now;
	}
	if (tally->told < tally->most) {
		tally->told++;
		return true;
	}
	tally->held++;
	tally->last = u->id;
	reg->due = min_u64(reg->due, tally->since + ROOM_TALLY_MS);
	if (!room->is_pending) {
		TAILQ_INSERT_TAIL(&reg->pending, room, pending);
		room->is_pending = true;
	}
	return false;
}

/* Sends what is due of one room; returns when the rest is. */
static uint64_t
tally_tick(struct registry *reg, struct room *room, struct room_tally *tally)
{
	if (tally->held == 0)
		return UINT64_MAX;
	if (reg->now - tally->since < ROOM_TALLY_MS)
		return tally->since + ROOM_TALLY_MS;
	tally_flush(reg, room, tally);
	return UINT64_MAX;
}

void
registry_tick(struct registry *reg)
{
	struct room *room, *tmp;
	uint64_t due;

	reg->due = UINT64_MAX;
	TAILQ_FOREACH_SAFE(room, &reg->pending, pending, tmp) {
		due = tally_tick(reg, room, &room->leaves);
		due = min_u64(due, tally_tick(reg, room, &room->joins));
		due = min_u64(due, tally_tick(reg, room, &room->names));
		if (due == UINT64_MAX) {
			TAILQ_REMOVE(&reg->pending, room, pending);
			room->is_pending = false;
		}
		reg->due = min_u64(reg->due, due);
	}
}

bool
room_tells_name(struct registry *reg, struct room *room, const struct user *u)
{
	return tally_take(reg, room, &room->names, u);
}

static void
tell_joined(struct registry *reg, struct room *room, const struct user *u)
{
	char text[NICK_MAX + 16];

	if (!tally_take(reg, room, &room->joins, u))
		return;
	snprintf(text, sizeof(text), "%s joined", u->name);
	tell_tally(reg, room, &room->joins, u, text);
}

static void
tell_left(struct registry *reg, struct room *room, const struct user *u,
    const char *reason)
{
	char text[LINE_SIZE_MAX - ROOM_MAX - 16];

	if (reg->closing || !tally_take(reg, room, &room->leaves, u))
		return;
	if (reason == NULL)
		snprintf(text, sizeof(text), "%s left", u->name);
	else
		snprintf(text, sizeof(text), "%s left (%s)", u->name, reason);
	tell_tally(reg, room, &room->leaves, u, text);
}

/* ---- membership ---- */

bool
room_has(const struct room *room, const struct user *u)
{
	uint32_t i;

	for (i = 0; i < u->nrooms; i++) {
		if (u->rooms[i] == room)
			return true;
	}
	return false;
}

/* Room for one more on both sides, so that what follows cannot fail. */
static bool
make_place(struct room *room, struct user *u)
{
	struct user **members;
	struct room **rooms;
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
		n = u->nrooms == 0 ? 2 : u->nrooms * 2u;
		rooms = reallocarray(u->rooms, n, sizeof(struct room *));
		if (rooms == NULL)
			return false;
		u->rooms = rooms;
		u->rooms_size = (uint16_t)n;
	}
	return true;
}

/* Finds the room to join, or makes it; *error says why there is none. */
static struct room *
room_to_join(struct registry *reg, const char *name, const char *key,
    enum room_error *error)
{
	struct room *room = room_find(reg, name);

	*error = ROOM_OK;
	if (room != NULL) {
		if (room->key != NULL &&
		    (key == NULL || strcmp(room->key, key) != 0))
			*error = ROOM_WRONG_KEY;
	} else if (reg->nrooms >= reg->limits.max_rooms)
		*error = ROOM_TOO_MANY_ROOMS;
	else if ((room = room_make(reg, name)) == NULL)
		*error = ROOM_NO_MEMORY;
	else if (!replace_text(&room->key, key)) {
		room_free(reg, room);
		*error = ROOM_NO_MEMORY;
	}
	return *error == ROOM_OK ? room : NULL;
}

enum room_error
room_join(
    struct registry *reg, struct user *u, const char *name, const char *key)
{
	struct room *room = room_find(reg, name);
	enum room_error error;

	if (room != NULL && room_has(room, u)) {
		u->current = room;
		return ROOM_OK;
	}
	if (u->nrooms >= reg->limits.max_joined)
		return ROOM_TOO_MANY_JOINED;
	if ((room = room_to_join(reg, name, key, &error)) == NULL)
		return error;
	if (!make_place(room, u)) {
		if (room->nmembers == 0 && !room->permanent)
			room_free(reg, room);
		return ROOM_NO_MEMORY;
	}
	if (room->nmembers == 0 && !room->permanent)
		room->op = u;
	room->members[room->nmembers++] = u;
	u->rooms[u->nrooms++] = room;
	u->current = room;
	tell_joined(reg, room, u);
	return ROOM_OK;
}

static void
remove_member(struct room *room, const struct user *u)
{
	uint32_t i;

	for (i = 0; room->members[i] != u; i++)
		;
	room->nmembers--;
	memmove(room->members + i, room->members + i + 1,
	    (room->nmembers - i) * sizeof(struct user *));
}

static void
remove_room(struct user *u, const struct room *room)
{
	uint16_t i;

	for (i = 0; u->rooms[i] != room; i++)
		;
	u->nrooms--;
	memmove(u->rooms + i, u->rooms + i + 1,
	    (size_t)(u->nrooms - i) * sizeof(struct room *));
	if (u->current != room)
		return;
	if (u->nrooms == 0)
		u->current = NULL;
	else
		u->current = u->rooms[i > 0 ? i - 1 : 0];
}

/* Takes u out without a word; false if the room is gone with that. */
static bool
part(struct registry *reg, struct user *u, struct room *room)
{
	remove_member(room, u);
	remove_room(u, room);
	if (room->nmembers == 0 && !room->permanent) {
		room_free(reg, room);
		return false;
	}
	return true;
}

/* When the one who ran the room is gone, it is whoever is there longest. */
static void
pass_on(struct registry *reg, struct room *room, const struct user *gone)
{
	if (room->op == gone && gone != NULL && !reg->closing)
		room_set_op(
		    reg, room, room->nmembers == 0 ? NULL : room->members[0]);
}

void
room_leave(
    struct registry *reg, struct user *u, struct room *room, const char *reason)
{
	if (!part(reg, u, room))
		return;
	tell_left(reg, room, u, reason);
	pass_on(reg, room, u);
}

void
room_kick(struct registry *reg, struct user *by, struct room *room,
    struct user *who, const char *reason)
{
	bool was_current = who->current == room, remains;

	user_tell(reg, who,
	    reason == NULL ? "! %s kicked you from %s" :
			     "! %s kicked you from %s (%s)",
	    by->name, room->name, reason);
	remains = part(reg, who, room);
	if (was_current)
		user_tell(reg, who,
		    who->current == NULL ?
			"* You are in no room now; /join ROOM to enter one." :
			"* You are in %s now.",
		    who->current == NULL ? NULL : who->current->name);
	if (!remains)
		return;
	room_event(reg, room, by,
	    reason == NULL ? "%s kicked %s" : "%s kicked %s (%s)", by->name,
	    who->name, reason);
	pass_on(reg, room, who);
}

void
room_set_op(struct registry *reg, struct room *room, struct user *u)
{
	room->op = u;
	if (u != NULL)
		user_tell(reg, u,
		    "* You run %s now: /kick and /op are "
		    "yours.",
		    room->name);
}

/* ---- what is said ---- */

/* Should memory be out, the line is said all the same but not kept. */
static void
remember(struct registry *reg, struct room *room, const struct user *u,
    const struct line *line)
{
	struct room_past *past;

	if (reg->limits.history == 0)
		return;
	if (room->npast >= reg->limits.history)
		forget_oldest(room);
	if ((past = malloc(sizeof(*past) + line->len)) == NULL)
		return;
	past->when = reg->wall;
	past->speaker = u->id;
	past->len = line->len;
	memcpy(past->text, line->text, line->len);
	STAILQ_INSERT_TAIL(&room->past, past, next);
	room->npast++;
}

void
room_say(struct registry *reg, struct user *u, struct room *room,
    const char *text, bool action)
{
	char buf[LINE_SIZE_MAX];
	struct line line = { .text = buf, .kind = LINE_ROOM };
	struct user *member;
	uint32_t i;

	line.len = (uint32_t)snprintf(buf, sizeof(buf),
	    action ? "[%s] * %s %s\r\n" : "[%s] %s: %s\r\n", room->name,
	    u->name, text);
	remember(reg, room, u, &line);
	for (i = 0; i < room->nmembers; i++) {
		member = room->members[i];
		if (member == u || user_ignores(member, u))
			continue;
		line.bell = member->set_bell &&
		    text_mentions(text, member->name);
		reg->deliver(member, &line);
	}
}

bool
room_set_topic(
    struct registry *reg, struct user *u, struct room *room, const char *topic)
{
	if (!replace_text(&room->topic, topic))
		return false;
	room_event(reg, room, u, "%s set the topic: %s", u->name, topic);
	return true;
}

static bool
hears(const struct user *u, const struct room_past *past)
{
	struct user speaker = { .id = past->speaker };

	return !user_ignores(u, &speaker);
}

static void
replay_line(struct registry *reg, struct user *u, const struct room_past *past)
{
	char buf[LINE_SIZE_MAX];
	struct line line = { .text = buf, .kind = LINE_ROOM, .stamped = true };
	struct tm tm;

	if (localtime_r(&past->when, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	snprintf(buf, sizeof(buf), "%02d:%02d ", tm.tm_hour, tm.tm_min);
	memcpy(buf + STAMP_LEN, past->text, past->len);
	line.len = STAMP_LEN + past->len;
	reg->deliver(u, &line);
}

unsigned
room_count_past(const struct room *room, const struct user *u)
{
	const struct room_past *past;
	unsigned n = 0;

	STAILQ_FOREACH(past, &room->past, next)
		n += hears(u, past);
	return n;
}

void
room_replay(
    struct registry *reg, const struct room *room, struct user *u, unsigned n)
{
	const struct room_past *past;
	unsigned left = room_count_past(room, u);

	STAILQ_FOREACH(past, &room->past, next) {
		if (hears(u, past) && left-- <= n)
			replay_line(reg, u, past);
	}
}

void
room_names(
    const struct room *room, const struct user *viewer, char *buf, size_t size)
{
	const struct user *u;
	size_t len = 0;
	uint32_t i;

	buf[0] = '\0';
	for (i = 0; i < room->nmembers && i < ROOM_NAMES; i++) {
		u = room->members[i];
		len += (size_t)snprintf(buf + len, size - len, "%s%s%s%s",
		    i > 0 ? ", " : "", u == room->op ? "@" : "",
		    u == viewer ? "you" : u->name,
		    u->away != NULL ? " (away)" : "");
	}
	if (i < room->nmembers)
		snprintf(
		    buf + len, size - len, " and %u more", room->nmembers - i);
}
