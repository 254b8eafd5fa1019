#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <string.h>

#include "fuzz.h"
#include "session.h"

#define MAX_ROOMS 600

/* ---- clients ---- */

static uint64_t
sooner(uint64_t a, uint64_t ms)
{
	return ms != 0 && ms < a ? ms : a;
}

/* What a client waits for must be known to the timer. */
static void
check_waiting(const struct server *srv, const struct client *c)
{
	uint64_t due = UINT64_MAX;
	const struct client *w;

	due = sooner(due, c->resumes_at);
	due = sooner(due, c->stalls_at);
	due = sooner(due, c->looks_at);
	due = sooner(due, c->ends_at);
	FUZZ_CHECK(due == UINT64_MAX || c->is_waiting, "nobody will wake it");
	TAILQ_FOREACH(w, &srv->waiting, waiting) {
		if (w == c)
			break;
	}
	FUZZ_CHECK((w == c) == c->is_waiting, "waiting in no list");
	FUZZ_CHECK(due >= srv->timer_due, "the timer comes too late");
}

static void
check_output(struct client *c, uint32_t send_queue)
{
	size_t held = c->out.bev == NULL ?
	    0 :
	    evbuffer_get_length(bufferevent_get_output(c->out.bev));

	FUZZ_CHECK(c->out.pending == 0 && c->out.first.len == 0,
	    "output is left over from the turn");
	FUZZ_CHECK(!c->out.is_broken, "found broken, and not told");
	FUZZ_CHECK(held <= send_queue + LINE_SIZE_MAX + 4096,
	    "%zu bytes are held for a queue of %u", held, send_queue);
	FUZZ_CHECK(output_unsent(&c->out) == held, "the queue's length");
	if (c->out.error != 0)
		return;
	FUZZ_CHECK(
	    (c->out.bev == NULL) == (held == 0), "a backlog that is none");
	FUZZ_CHECK(!c->out.full || held > 0, "full of nothing");
	FUZZ_CHECK(c->out.skipped == 0 || c->out.full, "skipped, and not full");
	FUZZ_CHECK(held == 0 || c->state == CLIENT_GONE ||
		(bufferevent_get_enabled(c->out.bev) & EV_WRITE) != 0,
	    "nobody sends what is held");
}

/* One who may chat is read from, or it is known what for that waits. */
static void
check_reading(const struct client *c)
{
	FUZZ_CHECK(
	    c->reading == (event_pending(c->readable, EV_READ, NULL) != 0),
	    "reading or not");
	if (c->state > CLIENT_CHAT || c->is_ready)
		return;
	FUZZ_CHECK(!c->reading || c->unread == NULL, "what was read waits");
	if (c->reading)
		return;
	FUZZ_CHECK(c->resumes_at != 0 ||
		(c->out.error == 0 && output_unsent(&c->out) > 0),
	    "%s is never read again", c->user.name);
}

static void
check_user(struct server *srv, struct client *c, const struct limits *limits)
{
	struct registry *reg = &srv->registry;
	struct user *u = &c->user;
	unsigned i, j, there;

	FUZZ_CHECK((u->id != 0) == (c->state == CLIENT_CHAT),
	    "a state that is not the registry's");
	if (u->id == 0) {
		FUZZ_CHECK(u->nrooms == 0, "nobody, and in a room");
		return;
	}
	FUZZ_CHECK(user_by_id(reg, u->id) == u, "another one by its number");
	FUZZ_CHECK(user_find(reg, u->name) == u, "another one by its name");
	FUZZ_CHECK(strncmp(u->name, "guest", 5) == 0 || text_is_nick(u->name),
	    "a wrong nick");
	FUZZ_CHECK(u->nrooms <= limits->max_joined, "in too many rooms");
	for (i = there = 0; i < u->nrooms; i++) {
		FUZZ_CHECK(room_find(reg, u->rooms[i]->name) == u->rooms[i],
		    "in a room that is not there");
		for (j = 0; j < i; j++)
			FUZZ_CHECK(u->rooms[i] != u->rooms[j], "twice in one");
		there += u->rooms[i] == u->current;
	}
	FUZZ_CHECK(there == (u->nrooms > 0), "a wrong current room");
	FUZZ_CHECK(u->current != NULL || u->nrooms == 0, "no current room");
}

/* ---- rooms ---- */

static struct client *
live_client(struct server *srv, const struct user *u)
{
	struct client *c;

	TAILQ_FOREACH(c, &srv->clients, next) {
		if (&c->user == u)
			return c;
	}
	return NULL;
}

static void
check_members(struct server *srv, const struct room *room)
{
	bool op = false;
	uint32_t i, j;

	for (i = 0; i < room->nmembers; i++) {
		FUZZ_CHECK(live_client(srv, room->members[i]) != NULL,
		    "a member of %s who is gone", room->name);
		FUZZ_CHECK(room_has(room, room->members[i]),
		    "a member of %s who does not know", room->name);
		op |= room->members[i] == room->op;
		for (j = 0; j < i; j++)
			FUZZ_CHECK(room->members[i] != room->members[j],
			    "twice in %s", room->name);
	}
	FUZZ_CHECK(room->nmembers > 0 || room->permanent, "an empty room");
	if (room->permanent)
		FUZZ_CHECK(room->op == NULL, "%s has an op", room->name);
	else
		FUZZ_CHECK(op, "nobody of %s runs it", room->name);
}

static void
check_tally(const struct server *srv, const struct room *room,
    const struct room_tally *tally)
{
	FUZZ_CHECK(tally->held == 0 ||
		(room->is_pending &&
		    srv->timer_due <= tally->since + ROOM_TALLY_MS),
	    "a sum of %s that nobody sends", room->name);
}

static void
check_room(struct server *srv, const struct room *room, unsigned history)
{
	const struct registry *reg = &srv->registry;
	const struct room_past *past;
	const struct room *p;
	unsigned n = 0;

	FUZZ_CHECK(text_is_room(room->name), "a wrong name");
	check_members(srv, room);
	STAILQ_FOREACH(past, &room->past, next)
		n++;
	FUZZ_CHECK(
	    n == room->npast && n <= history, "the past of %s", room->name);
	TAILQ_FOREACH(p, &reg->pending, pending) {
		if (p == room)
			break;
	}
	FUZZ_CHECK((p == room) == room->is_pending, "pending in no list");
	check_tally(srv, room, &room->joins);
	check_tally(srv, room, &room->leaves);
}

static unsigned
check_rooms(struct server *srv, const struct limits *limits)
{
	static struct room *rooms[MAX_ROOMS];
	unsigned i, n, members = 0;

	FUZZ_CHECK(srv->registry.nrooms <= limits->max_rooms + limits->listed &&
		srv->registry.nrooms <= MAX_ROOMS,
	    "%u rooms", srv->registry.nrooms);
	n = registry_rooms(&srv->registry, rooms);
	FUZZ_CHECK(n == srv->registry.nrooms, "%u rooms, not %u", n,
	    srv->registry.nrooms);
	for (i = 0; i < n; i++) {
		check_room(srv, rooms[i], limits->history);
		members += rooms[i]->nmembers;
	}
	return members;
}

/* ---- hosts ---- */

/* Whoever may chat has a place, and keeps it until all its output has left. */
static void
check_hosts(struct server *srv, const struct limits *limits)
{
	const struct client *c, *other;
	const struct acl_host *host;
	unsigned n;

	TAILQ_FOREACH(host, &srv->hosts.idle, idle)
		FUZZ_CHECK(host->clients == 0, "idle, and connected from");
	TAILQ_FOREACH(c, &srv->clients, next) {
		FUZZ_CHECK((c->counted || c->state > CLIENT_CHAT) &&
			!(c->counted && c->state > CLIENT_CLOSING) &&
			c->counted == (c->host != NULL),
		    "a place that is nobody's");
		if (c->host == NULL)
			continue;
		n = 0;
		TAILQ_FOREACH(other, &srv->clients, next)
			n += other->host == c->host;
		FUZZ_CHECK(n == c->host->clients, "%u connections, not %u",
		    c->host->clients, n);
		FUZZ_CHECK(n <= limits->max_per_host || !c->has_address,
		    "too many of one host");
	}
}

void
check_server(struct server *srv, const struct limits *limits)
{
	unsigned clients = 0, leaving = 0, users = 0, joined = 0;
	struct client *c;

	FUZZ_CHECK(TAILQ_EMPTY(&srv->gone), "gone, and not freed");
	FUZZ_CHECK(TAILQ_EMPTY(&srv->output->dirty) &&
		TAILQ_EMPTY(&srv->output->broken),
	    "output is left over");
	TAILQ_FOREACH(c, &srv->clients, next) {
		FUZZ_CHECK(c->state < CLIENT_GONE, "gone, and still here");
		check_waiting(srv, c);
		check_output(c, limits->send_queue);
		check_reading(c);
		check_user(srv, c, limits);
		clients += c->counted;
		leaving += !c->counted;
		users += c->user.id != 0;
		joined += c->user.nrooms;
	}
	FUZZ_CHECK(clients == srv->nclients && leaving == srv->nleaving,
	    "%u clients and %u leaving, not %u and %u", srv->nclients,
	    srv->nleaving, clients, leaving);
	FUZZ_CHECK(clients <= limits->max_clients, "%u clients", clients);
	FUZZ_CHECK(users == srv->registry.nusers, "%u people, not %u",
	    srv->registry.nusers, users);
	FUZZ_CHECK(check_rooms(srv, limits) == joined, "members and rooms");
	check_hosts(srv, limits);
}

void
check_empty(struct server *srv)
{
	FUZZ_CHECK(TAILQ_EMPTY(&srv->clients) && srv->nclients == 0 &&
		srv->nleaving == 0,
	    "clients are left");
	FUZZ_CHECK(TAILQ_EMPTY(&srv->waiting), "somebody waits");
	FUZZ_CHECK(srv->registry.nusers == 0, "people are left");
	FUZZ_CHECK(
	    srv->registry.nrooms == 0 && TAILQ_EMPTY(&srv->registry.pending),
	    "%u rooms are left", srv->registry.nrooms);
	FUZZ_CHECK(RB_EMPTY(&srv->hosts.tree) && TAILQ_EMPTY(&srv->hosts.idle),
	    "hosts are left");
	FUZZ_CHECK(srv->timer_due == UINT64_MAX, "the timer is for nobody");
}
