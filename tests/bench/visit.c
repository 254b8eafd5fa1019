#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadgen.h"

#define MS         ((uint64_t)1000000)
#define MAX_EVENTS 512
#define STAY       (500 * MS) /* how long one of a churn is there */
#define GREETED    "* You are "
#define GOODBYE    "/quit\r\n"

/* Somebody who comes and goes. */
struct visitor {
	int fd;
	uint64_t since; /* it connected; or, if it is leaving, asked to */
	bool is_greeted;
	bool is_leaving;
	struct visitor *next; /* in the order of their greeting; or is free */
};

/* Reads; whether the server has closed it. */
static bool
visitor_read(struct visitor *v)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(v->fd, buf, sizeof(buf), 0)) > 0)
		if (memmem(buf, (size_t)n, GREETED, sizeof(GREETED) - 1) !=
		    NULL)
			v->is_greeted = true;
	if (n == -1 && errno != EAGAIN && errno != ENOTCONN)
		die("a visitor: recv: %s", strerror(errno));
	return n == 0;
}

/* ---- one after the other ---- */

static void
rest(struct load *l, const struct proc_cpu *since)
{
	if (!proc_rest(&l->proc, since))
		die("the server doesn't come to rest");
}

/* Each step may wait until the server has done all it does for the last one. */
static void
visit_one(struct load *l, uint32_t number, bool rests)
{
	struct visitor v = { .fd = -1 };
	struct pollfd pfd = { .events = POLLIN };
	struct proc_cpu before;

	proc_cpu(&l->proc, &before);
	v.fd = pfd.fd = crowd_dial(l, l->nclient + number % 1000);
	if (rests)
		rest(l, &before);
	while (!v.is_greeted) {
		if (poll(&pfd, 1, l->patience) != 1)
			die("a visitor isn't greeted");
		if (visitor_read(&v))
			die("a visitor was turned away");
	}
	proc_cpu(&l->proc, &before);
	close(v.fd);
	if (rests)
		rest(l, &before);
}

/* CPU for each who comes, is greeted and goes. */
void
visit_each(struct load *l, uint32_t total, bool rests)
{
	struct proc_cpu before, after;

	proc_cpu(&l->proc, &before);
	for (uint32_t i = 0; i < total; i++)
		visit_one(l, i, rests);
	if (!rests)
		rest(l, &before);
	proc_cpu(&l->proc, &after);
	printf("{\"visits\": %u, \"cpu_ns\": %llu}\n", total,
	    (unsigned long long)(after.ran - before.ran));
}

/* ---- many in a second ---- */

struct churn {
	struct load *load;
	int ep;
	struct visitor *visitor; /* all, here or not */
	struct visitor *free;
	struct visitor *first, **last; /* greeted ones */
	uint32_t come, gone, here;
	uint64_t greeted_max, greeted_sum, end_max, end_sum;
	uint32_t nend;
	bool asks; /* whoever goes next */
};

static void
note(uint64_t took, uint64_t *sum, uint64_t *max)
{
	*sum += took;
	if (took > *max)
		*max = took;
}

static void
churn_come(struct churn *ch)
{
	struct visitor *v = ch->free;
	struct epoll_event ev = { .events = EPOLLIN };

	if (v == NULL)
		die("%u visitors wait, %u came", ch->here, ch->come);
	ch->free = v->next;
	memset(v, 0, sizeof(*v));
	v->since = now_ns();
	v->fd = crowd_dial(ch->load, ch->load->nclient + ch->come % 5000);
	ev.data.ptr = v;
	if (epoll_ctl(ch->ep, EPOLL_CTL_ADD, v->fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
	ch->come++;
	ch->here++;
}

static void
churn_gone(struct churn *ch, struct visitor *v)
{
	close(v->fd);
	v->next = ch->free;
	ch->free = v;
	ch->gone++;
	ch->here--;
}

/* Every second one asks to go, and waits for its end; the others hang up. */
static void
churn_leave(struct churn *ch, struct visitor *v, uint64_t now)
{
	ch->asks = !ch->asks;
	if (!ch->asks) {
		churn_gone(ch, v);
		return;
	}
	v->is_leaving = true;
	v->since = now;
	if (send(v->fd, GOODBYE, sizeof(GOODBYE) - 1, MSG_NOSIGNAL) == -1)
		die("a visitor: send: %s", strerror(errno));
}

static void
churn_read(struct churn *ch, struct visitor *v, uint64_t now)
{
	bool was_greeted = v->is_greeted, is_over = visitor_read(v);

	if (is_over && !v->is_leaving)
		die("a visitor was turned away");
	if (is_over) {
		note(now - v->since, &ch->end_sum, &ch->end_max);
		ch->nend++;
		churn_gone(ch, v);
	} else if (v->is_greeted && !was_greeted) {
		note(now - v->since, &ch->greeted_sum, &ch->greeted_max);
		v->since = now;
		v->next = NULL;
		*ch->last = v;
		ch->last = &v->next;
	}
}

static void
churn_leave_all(struct churn *ch, uint64_t now)
{
	struct visitor *v;

	while ((v = ch->first) != NULL && now - v->since >= STAY) {
		ch->first = v->next;
		if (ch->first == NULL)
			ch->last = &ch->first;
		churn_leave(ch, v, now);
	}
}

static void
churn_turn(struct churn *ch)
{
	struct epoll_event evs[MAX_EVENTS];
	int n = epoll_wait(ch->ep, evs, MAX_EVENTS, 2);
	uint64_t now = now_ns();

	if (n == -1)
		die("epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		churn_read(ch, evs[i].data.ptr, now);
	churn_leave_all(ch, now);
}

/* How long it takes until each is greeted, and until it sees its end. */
void
visit_churn(struct load *l, uint32_t seconds, uint32_t per_second)
{
	struct churn ch = {
		.load = l, .ep = epoll_create1(EPOLL_CLOEXEC), .last = &ch.first
	};
	uint64_t start = now_ns(), passed, lasts = seconds * 1000 * MS;
	struct proc_cpu before, after;
	uint32_t size = 5 * per_second;

	if (ch.ep == -1)
		die("epoll_create1: %s", strerror(errno));
	ch.visitor = need(calloc(size + 1, sizeof(*ch.visitor)));
	for (uint32_t i = 0; i < size; i++) {
		ch.visitor[i].next = ch.free;
		ch.free = &ch.visitor[i];
	}
	proc_cpu(&l->proc, &before);
	while ((passed = now_ns() - start) < lasts || ch.here > 0) {
		while (
		    passed < lasts && ch.come < passed / MS * per_second / 1000)
			churn_come(&ch);
		if (passed > lasts + (uint64_t)l->patience * MS)
			die("%u visitors can't go", ch.here);
		churn_turn(&ch);
	}
	rest(l, &before);
	proc_cpu(&l->proc, &after);
	if (ch.come == 0 || ch.nend == 0)
		die("too few visitors");
	close(ch.ep);
	free(ch.visitor);
	printf("{\"visits\": %u, \"cpu_ns\": %llu, \"greeted_ns\": %llu, "
	       "\"greeted_max_ns\": %llu, \"ends\": %u, \"end_ns\": %llu, "
	       "\"end_max_ns\": %llu}\n",
	    ch.come, (unsigned long long)(after.ran - before.ran),
	    (unsigned long long)(ch.greeted_sum / ch.come),
	    (unsigned long long)ch.greeted_max, ch.nend,
	    (unsigned long long)(ch.end_sum / ch.nend),
	    (unsigned long long)ch.end_max);
}
