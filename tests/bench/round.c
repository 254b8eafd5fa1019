#include <sys/epoll.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadgen.h"

#define MAX_EVENTS 512

static uint32_t
awake(const struct load *l)
{
	return l->room_size - l->nsleeper;
}

/* How many get each line and are checked for it: all who are awake but one. */
static uint32_t
listeners(const struct load *l)
{
	return l->private ? 1 : awake(l) - 1;
}

static bool
listens(const struct load *l, const struct client *c)
{
	return l->private ? c->seat == 0 : !c->asleep;
}

/* How many lines c must have when the round ends. */
static uint32_t
owed(const struct load *l, const struct client *c)
{
	return listens(l, c) ? l->said[c->room] - c->nsaid : 0;
}

/* Makes ready for at most n lines. */
void
round_begin(struct load *l, uint32_t n)
{
	uint32_t per_room = n / l->nroom + 1;

	l->round = l->nline;
	l->ndone = 0;
	if (l->line_cap < l->nline + n) {
		l->line_cap = 2 * ((size_t)l->nline + n);
		l->line = need(
		    realloc(l->line, l->line_cap * sizeof(*l->line)));
	}
	if (l->got_cap < per_room) {
		l->got_cap = per_room;
		for (uint32_t i = 0; i < l->nclient; i++)
			l->client[i].got = need(realloc(
			    l->client[i].got, per_room * sizeof(uint32_t)));
	}
}

/* One more line, by c. */
void
round_say_as(struct load *l, struct client *c)
{
	uint32_t id = l->nline++, room = c->room;
	struct line *ln = &l->line[id];

	ln->room = room;
	ln->speaker = c->id;
	ln->left = listeners(l);
	ln->place = -1;
	ln->sent = now_ns();
	l->said[room]++;
	c->nsaid++;
	wire_say(l, c, id, ln);
	if (l->lat == NULL)
		crowd_acknowledge(c);
}

/*
 * The same, in the next room, by the next one there whose turn it is: nobody
 * talks faster than the others.  Seat 0 never does, so that somebody in each
 * room knows the order of all lines.
 */
static void
round_say(struct load *l)
{
	uint32_t room = l->nline % l->nroom;
	uint32_t seat = l->private ? 1 : 1 + l->turn[room]++ % (awake(l) - 1);

	round_say_as(l, &l->client[room * l->room_size + seat]);
}

/* A line of chat has come: it must be one that was said, and be whole. */
void
round_heard(
    struct load *l, struct client *c, uint32_t id, const char *s, size_t len)
{
	struct line *ln;

	if (id >= l->nline)
		die("nobody said: %.*s", (int)len, s);
	ln = &l->line[id];
	if (len != ln->len || memcmp(s, ln->text, len) != 0)
		die("c%05u got a line that isn't whole:\n%.*s\nnot:\n%.*s",
		    c->id, (int)len, s, (int)ln->len, ln->text);
	if (ln->room != c->room || ln->speaker == c->id)
		die("c%05u must not get: %.*s", c->id, (int)len, s);
	c->total++;
	if (c->asleep) {
		/* It gets what was not skipped, in the order of the others. */
		if (ln->place <= c->last)
			die("c%05u got twice or out of order: %.*s", c->id,
			    (int)len, s);
		c->last = ln->place;
		return;
	}
	if (id < l->round || c->ngot == l->got_cap)
		die("c%05u got twice: %.*s", c->id, (int)len, s);
	c->got[c->ngot++] = id;
	if (c->seat == 0)
		ln->place = l->place[c->room]++;
	if (l->lat != NULL)
		l->lat[l->nlat++] = l->now - ln->sent > UINT32_MAX ?
		    UINT32_MAX :
		    (uint32_t)(l->now - ln->sent);
	if (ln->left > 0 && --ln->left == 0)
		l->ndone++;
}

/* What c got must be what seat 0 got, without what c said itself. */
static void
round_compare(
    const struct load *l, const struct client *ref, const struct client *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ref->ngot; i++) {
		uint32_t id = ref->got[i];

		if (l->line[id].speaker == c->id)
			continue;
		if (n == c->ngot || c->got[n++] != id)
			die("LOST or out of order: c%05u has no %08x at its "
			    "place",
			    c->id, id);
	}
	if (n != c->ngot)
		die("c%05u got %u lines too many", c->id, c->ngot - n);
}

/* The next round begins with nothing said. */
void
round_forget(struct load *l)
{
	memset(l->said, 0, l->nroom * sizeof(*l->said));
	for (uint32_t i = 0; i < l->nclient; i++)
		l->client[i].ngot = l->client[i].nsaid = 0;
	l->round = l->nline;
}

/* Each line once, whole, in one order for all, and in each speaker's own. */
static void
round_check(struct load *l)
{
	for (uint32_t r = 0; r < l->nroom; r++) {
		struct client *ref = &l->client[(size_t)r * l->room_size];

		if (ref->ngot != l->said[r])
			die("LOST: room %u has %u of %u lines", r, ref->ngot,
			    l->said[r]);
		for (uint32_t i = 0; i < ref->ngot; i++) {
			uint32_t id = ref->got[i];
			struct client *speaker =
			    &l->client[l->line[id].speaker];

			if (speaker->last >= (int64_t)id)
				die("c%05u's lines are out of order",
				    speaker->id);
			speaker->last = id;
		}
		for (uint32_t i = 1; i < awake(l) && !l->private; i++)
			round_compare(l, ref, ref + i);
	}
	round_forget(l);
}

/* The server works while nobody reads, and then everybody reads. */
static void
round_burst(struct load *l, uint32_t inflight)
{
	struct proc_cpu before;

	round_begin(l, inflight);
	proc_cpu(&l->proc, &before);
	for (uint32_t i = 0; i < inflight; i++)
		round_say(l);
	if (!proc_rest(&l->proc, &before))
		die("the server doesn't come to rest");
	for (uint32_t i = 0; i < l->nclient; i++) {
		struct client *c = &l->client[i];
		uint32_t due = owed(l, c);

		while (c->ngot < due) {
			if (crowd_read(l, c))
				continue;
			l->late += due - c->ngot;
			crowd_wait(l, c);
		}
	}
	round_check(l);
}

/* What comes now was not owed to anybody, and is a fault if it's chat. */
static void
round_drain(struct load *l)
{
	for (uint32_t i = 0; i < l->nclient; i++)
		while (!l->client[i].asleep && crowd_read(l, &l->client[i]))
			;
}

/* CPU of the server for each delivery, with readers at rest. */
void
round_rest(struct load *l, uint32_t total, uint32_t inflight)
{
	struct proc_cpu before, after;
	uint32_t done = 0;
	uint64_t start = now_ns();

	l->late = 0;
	proc_cpu(&l->proc, &before);
	while (done < total) {
		round_burst(l, inflight);
		done += inflight;
	}
	proc_cpu(&l->proc, &after);
	if (!proc_rest(&l->proc, &after))
		die("the server doesn't come to rest");
	proc_cpu(&l->proc, &after);
	round_drain(l);
	printf("{\"lines\": %u, \"deliveries\": %llu, \"cpu_ns\": %llu, "
	       "\"slices\": %llu, \"late\": %llu, \"wall_ns\": %llu}\n",
	    done, (unsigned long long)done * listeners(l),
	    (unsigned long long)(after.ran - before.ran),
	    (unsigned long long)(after.slices - before.slices),
	    (unsigned long long)l->late,
	    (unsigned long long)(now_ns() - start));
}

static int
lat_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Latency and lines a second: readers read, a line follows a line. */
void
round_flow(struct load *l, uint32_t total, uint32_t inflight)
{
	struct epoll_event evs[MAX_EVENTS];
	struct proc_cpu before, after;
	uint64_t start, wall;
	uint32_t sent = 0;
	int n, ep = crowd_watch(l);

	round_begin(l, total);
	l->lat = need(
	    calloc((size_t)total * listeners(l) + 1, sizeof(*l->lat)));
	l->nlat = 0;
	proc_cpu(&l->proc, &before);
	start = now_ns();
	while (l->ndone < total) {
		for (; sent < total && sent - l->ndone < inflight; sent++)
			round_say(l);
		n = epoll_wait(ep, evs, MAX_EVENTS, l->patience);
		if (n == -1)
			die("epoll_wait: %s", strerror(errno));
		if (n == 0)
			die("LOST: %u lines didn't reach everybody",
			    sent - l->ndone);
		for (int i = 0; i < n; i++)
			crowd_read(l, evs[i].data.ptr);
	}
	wall = now_ns() - start;
	close(ep);
	if (!proc_rest(&l->proc, &before))
		die("the server doesn't come to rest");
	proc_cpu(&l->proc, &after);
	round_check(l);
	qsort(l->lat, l->nlat, sizeof(*l->lat), lat_compare);
	printf("{\"lines\": %u, \"deliveries\": %llu, \"wall_ns\": %llu, "
	       "\"cpu_ns\": %llu, \"p50_ns\": %u, \"p99_ns\": %u, "
	       "\"max_ns\": %u}\n",
	    total, (unsigned long long)l->nlat, (unsigned long long)wall,
	    (unsigned long long)(after.ran - before.ran), l->lat[l->nlat / 2],
	    l->lat[l->nlat * 99 / 100], l->lat[l->nlat - 1]);
	free(l->lat);
	l->lat = NULL;
}

/* What a sleeper gets and what the server says it skipped must add up. */
static void
round_wake_one(struct load *l, struct client *c)
{
	uint64_t said = (uint64_t)l->place[c->room];

	while (c->total + c->skipped < said)
		if (!crowd_read(l, c))
			crowd_wait(l, c);
	if (c->total + c->skipped != said)
		die("c%05u got %llu lines, %llu were skipped, but %llu were "
		    "said",
		    c->id, (unsigned long long)c->total,
		    (unsigned long long)c->skipped, (unsigned long long)said);
}

/*
 * Every second sleeper wakes up and reads; then the others hang up without a
 * look at what they missed.
 */
void
round_wake(struct load *l)
{
	uint64_t skipped = 0, got = 0;

	for (uint32_t i = 0; i < l->nclient; i++) {
		struct client *c = &l->client[i];

		if (!c->asleep || c->id % 2 == 1)
			continue;
		round_wake_one(l, c);
		got += c->total;
		skipped += c->skipped;
	}
	for (uint32_t i = 0; i < l->nclient; i++)
		if (l->client[i].asleep && l->client[i].id % 2 == 1)
			crowd_close(&l->client[i]);
	printf("{\"got\": %llu, \"skipped\": %llu}\n", (unsigned long long)got,
	    (unsigned long long)skipped);
}
