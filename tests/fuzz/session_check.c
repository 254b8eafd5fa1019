#include <sys/param.h>

#include <string.h>

#include <event2/event.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/room.h"
#include "fuzz.h"
#include "session.h"

#define MAX_ROOMS 600

/* ---- clients ---- */

/* What a client waits for must be known to the timer. */
static void
check_waiting(const struct server *srv, const struct client *c)
{
	uint64_t due = NEVER;
	const struct client *w;

	due = earlier_if_set(due, c->resumes_at);
	due = earlier_if_set(due, c->stalls_at);
	due = earlier_if_set(due, c->looks_at);
	due = earlier_if_set(due, c->ends_at);
	FUZZ_CHECK(due == NEVER || c->is_waiting, "nobody will wake it");
	TAILQ_FOREACH(w, &srv->waiting, waiting) {
		if (w == c)
			break;
	}
	FUZZ_CHECK((w == c) == c->is_waiting, "waiting in no list");
	/* After a leap it is put off. */
	FUZZ_CHECK(MAX(due, srv->caught_up_at) >= srv->timer_due,
	    "the timer comes too late");
}

static void
check_output(struct client *c, uint32_t send_queue)
{
	const struct fanout_queue *q = &c->out;
	size_t held = conn_backlog(q->conn);

	FUZZ_CHECK(q->owed == 0 && q->first.len == 0,
	    "output is left over from the turn");
	FUZZ_CHECK(!q->is_broken, "found broken, and not told");
	FUZZ_CHECK(held <= send_queue + CLIENT_LINE_MAX + 4096,
	    "%zu bytes are held for a queue of %u", held, send_queue);
	FUZZ_CHECK(fanout_unsent(q) == held, "the queue's length");
	if (conn_error(q->conn) != 0)
		return;
	FUZZ_CHECK(!q->full || held > 0, "full of nothing");
	FUZZ_CHECK(q->skipped == 0 || q->full, "skipped, and not full");
}

/* One who may chat is read from, or it is known what for that waits. */
static void
check_reading(const struct client *c)
{
	const struct conn *conn = c->out.conn;
	bool reading = conn_is_reading(conn), pending = conn_has_pending(conn);

	FUZZ_CHECK(!reading || !conn_has_ended(conn), "reading past the end");
	if (c->state > CLIENT_CHAT) {
		FUZZ_CHECK(!pending, "what was read is kept in vain");
		return;
	}
	if (c->is_runnable)
		return;
	FUZZ_CHECK(!reading || !pending, "what was read waits");
	if (reading)
		return;
	FUZZ_CHECK(c->resumes_at != 0 ||
		(conn_error(conn) == 0 && fanout_unsent(&c->out) > 0),
	    "%s is never read again", c->user.name);
}

static bool
is_in(const struct clients *list, const struct client *c)
{
	const struct client *other;

	TAILQ_FOREACH(other, list, next) {
		if (other == c)
			return true;
	}
	return false;
}

/* A client is here, or it has gone: one of the two. */
static void
check_lists(const struct server *srv)
{
	const struct client *c;
	unsigned runnable = 0, listed = 0;

	TAILQ_FOREACH(c, &srv->clients, next) {
		FUZZ_CHECK(c->state < CLIENT_GONE, "gone, and still here");
		runnable += c->is_runnable;
	}
	TAILQ_FOREACH(c, &srv->gone, next)
		FUZZ_CHECK(c->state == CLIENT_GONE &&
			!is_in(&srv->clients, c) && !c->is_runnable &&
			!c->is_waiting,
		    "not gone, or not all of it");
	TAILQ_FOREACH(c, &srv->runnable, runnable) {
		FUZZ_CHECK(c->is_runnable, "runnable, and does not know");
		listed++;
	}
	FUZZ_CHECK(runnable == listed, "%u runnable, not %u", listed, runnable);
}

/* ---- the fan-out ---- */

static void
check_queue(const struct fanout *f, const struct fanout_queue *q)
{
	const struct fanout_span *span = &q->first;
	uint32_t owed = 0;

	if (q->first.len == 0) {
		FUZZ_CHECK(
		    q->owed == 0, "%u bytes are owed of nothing", q->owed);
		return;
	}
	FUZZ_CHECK(!q->is_broken, "broken, and owed something");
	for (;;) {
		FUZZ_CHECK(span->len > 0 && span->offset + span->len <= f->used,
		    "a span of what is not there");
		owed += span->len;
		if (span->next == 0)
			break;
		FUZZ_CHECK(span->next < f->nspans, "a wrong span");
		span = &f->spans[span->next];
	}
	FUZZ_CHECK(owed == q->owed, "%u bytes, not %u", q->owed, owed);
	FUZZ_CHECK(span == (q->last == 0 ? &q->first : &f->spans[q->last]),
	    "another span is the last");
}

static unsigned
count_queues(const struct fanout_queues *list)
{
	const struct fanout_queue *q;
	unsigned n = 0;

	TAILQ_FOREACH(q, list, next)
		n++;
	return n;
}

/* In urgent or bulk is exactly who has spans, and in broken who is_broken: all
 * who are in a list say so, and there are as many of them. */
static void
check_membership(const struct clients *clients, struct fanout *f,
    unsigned *urgent, unsigned *bulk, unsigned *broken)
{
	const struct client *c;

	TAILQ_FOREACH(c, clients, next) {
		check_queue(f, &c->out);
		*urgent += c->out.first.len > 0 && c->out.is_urgent;
		*bulk += c->out.first.len > 0 && !c->out.is_urgent;
		*broken += c->out.is_broken;
	}
}

void
check_fanout(struct server *srv)
{
	unsigned urgent = 0, bulk = 0, broken = 0;
	struct fanout *f = srv->fanout;
	const struct fanout_queue *q;

	check_membership(&srv->clients, f, &urgent, &bulk, &broken);
	check_membership(&srv->gone, f, &urgent, &bulk, &broken);
	FUZZ_CHECK(count_queues(&f->urgent) == urgent &&
		count_queues(&f->bulk) == bulk &&
		count_queues(&f->broken) == broken,
	    "a queue is where it does not belong");
	TAILQ_FOREACH(q, &f->urgent, next)
		FUZZ_CHECK(q->first.len > 0 && q->is_urgent, "not urgent");
	TAILQ_FOREACH(q, &f->bulk, next)
		FUZZ_CHECK(q->first.len > 0 && !q->is_urgent, "not bulk");
	TAILQ_FOREACH(q, &f->broken, next)
		FUZZ_CHECK(q->is_broken, "not broken");
	FUZZ_CHECK(fanout_is_owing(f) == (urgent + bulk > 0), "owing or not");
	FUZZ_CHECK(f->used <= f->scale * FANOUT_ARENA_SIZE &&
		f->nspans <= f->scale * FANOUT_SPANS,
	    "the arena is too small");
}

/* ---- what the loop watches ---- */

struct watched {
	unsigned reads, writes;
};

static struct watched of_itself; /* with nobody connected */

static int
count_event(const struct event_base *base, const struct event *ev, void *arg)
{
	struct watched *w = arg;
	/* Not of a bufferevent that was freed, and is there until the loop
	 * turns: that is watched no more. */
	int what = event_pending(ev, EV_READ | EV_WRITE, NULL);

	(void)base;
	w->reads += (what & EV_READ) != 0;
	w->writes += (what & EV_WRITE) != 0;
	return 0;
}

static struct watched
watched(struct server *srv)
{
	struct watched w = { 0 };

	event_base_foreach_event(srv->base, count_event, &w);
	return w;
}

void
check_begin(struct server *srv)
{
	of_itself = watched(srv);
}

/* Who is reading is watched for input; who has a backlog, for the kernel to
 * take it; and nobody else. */
static void
check_watched(struct server *srv)
{
	struct watched w = watched(srv);
	unsigned reading = 0, held = 0, lost = 0;
	const struct client *c;

	TAILQ_FOREACH(c, &srv->clients, next) {
		reading += conn_is_reading(c->out.conn);
		if (conn_backlog(c->out.conn) == 0)
			continue;
		held += conn_error(c->out.conn) == 0;
		lost += conn_error(c->out.conn) != 0;
	}
	w.reads -= of_itself.reads;
	w.writes -= of_itself.writes;
	FUZZ_CHECK(w.reads == reading, "%u are read, not %u", w.reads, reading);
	FUZZ_CHECK(w.writes >= held && w.writes <= held + lost,
	    "%u are written to, not %u", w.writes, held);
}

/* ---- people ---- */

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
		FUZZ_CHECK(
		    room_find(reg, u->rooms[i].room->name) == u->rooms[i].room,
		    "in a room that is not there");
		for (j = 0; j < i; j++)
			FUZZ_CHECK(u->rooms[i].room != u->rooms[j].room,
			    "twice in one");
		there += u->rooms[i].room == u->current;
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
    const struct tally *tally)
{
	FUZZ_CHECK(tally->held == 0 ||
		(room->is_pending && tally->told > 0 &&
		    srv->registry.due <= tally->since + TALLY_MS &&
		    srv->timer_due <= tally->since + TALLY_MS),
	    "a sum of %s that nobody sends", room->name);
}

static void
check_room(struct server *srv, const struct room *room, unsigned history)
{
	const struct registry *reg = &srv->registry;
	const struct history_entry *past;
	const struct room *p;
	unsigned i, n = 0;

	FUZZ_CHECK(text_is_room(room->name), "a wrong name");
	check_members(srv, room);
	TAILQ_FOREACH(past, &room->history.list, next) {
		FUZZ_CHECK(past->kind <= EVENT_ACTION && past->speaker != 0,
		    "nobody said that");
		n++;
	}
	FUZZ_CHECK(n == room->history.n && n <= history, "the history of %s",
	    room->name);
	TAILQ_FOREACH(p, &reg->pending, pending) {
		if (p == room)
			break;
	}
	FUZZ_CHECK((p == room) == room->is_pending, "pending in no list");
	for (i = 0; i < TALLY_KINDS; i++)
		check_tally(srv, room, &room->tallies[i]);
}

static unsigned
check_rooms(struct server *srv, const struct limits *limits)
{
	static struct room *rooms[MAX_ROOMS];
	unsigned i, n, members = 0;

	FUZZ_CHECK(srv->registry.nrooms <= limits->max_rooms + limits->listed &&
		srv->registry.nrooms <= MAX_ROOMS,
	    "%u rooms", srv->registry.nrooms);
	n = rooms_list(&srv->registry, rooms);
	FUZZ_CHECK(n == srv->registry.nrooms, "%u rooms, not %u", n,
	    srv->registry.nrooms);
	for (i = 0; i < n; i++) {
		check_room(srv, rooms[i], limits->history);
		members += rooms[i]->nmembers;
		FUZZ_CHECK(RB_FIND(room_ranking, &srv->registry.ranking,
			       rooms[i]) == rooms[i],
		    "no rank");
	}
	return members;
}

/* ---- hosts ---- */

/* Whoever may chat has a place, and keeps it until all its output has left. */
static void
check_hosts(struct server *srv, const struct limits *limits)
{
	const struct client *c, *other;
	const struct host *host;
	unsigned n;

	TAILQ_FOREACH(host, &srv->hosts.spent, idle)
		FUZZ_CHECK(host->clients == 0 && host->failures == 0 &&
			host->deficit > 0,
		    "idle, and connected from, or for no reason");
	TAILQ_FOREACH(host, &srv->hosts.failed, idle)
		FUZZ_CHECK(host->clients == 0 && host->failures > 0,
		    "idle, and connected from, or for no reason");
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
	unsigned clients = 0, closing = 0, users = 0, joined = 0;
	struct client *c;

	FUZZ_CHECK(TAILQ_EMPTY(&srv->gone), "gone, and not freed");
	FUZZ_CHECK(
	    !fanout_is_owing(srv->fanout) && TAILQ_EMPTY(&srv->fanout->broken),
	    "output is left over");
	check_lists(srv);
	check_fanout(srv);
	check_watched(srv);
	TAILQ_FOREACH(c, &srv->clients, next) {
		check_waiting(srv, c);
		check_output(c, limits->send_queue);
		check_reading(c);
		check_user(srv, c, limits);
		clients += c->counted;
		closing += !c->counted;
		users += c->user.id != 0;
		joined += c->user.nrooms;
	}
	FUZZ_CHECK(clients == srv->nclients && closing == srv->nclosing,
	    "%u clients and %u closing, not %u and %u", srv->nclients,
	    srv->nclosing, clients, closing);
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
		srv->nclosing == 0,
	    "clients are left");
	FUZZ_CHECK(TAILQ_EMPTY(&srv->waiting) && TAILQ_EMPTY(&srv->runnable),
	    "somebody waits");
	FUZZ_CHECK(srv->registry.nusers == 0, "people are left");
	FUZZ_CHECK(
	    srv->registry.nrooms == 0 && TAILQ_EMPTY(&srv->registry.pending),
	    "%u rooms are left", srv->registry.nrooms);
	FUZZ_CHECK(RB_EMPTY(&srv->hosts.tree) && srv->hosts.nidle == 0,
	    "hosts are left");
	FUZZ_CHECK(srv->timer_due == NEVER, "the timer is for nobody");
}
