/*
 * Honest pairs: two people each, who chat at a person's pace in a room of
 * their own.  One says a numbered line, the other notes how long it took.
 * Every line has to arrive once, whole and in order.
 *
 * usage: pair ADDR PAIRS SECONDS
 * Prints "ready" when they sit in their rooms; then, after so many seconds or
 * when standard input ends, "samples N p50 US p99 US max US".  Exits with 1 if
 * a line was lost or a connection ended.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define MS 1000000ULL
#define INTERVAL                                                    \
	(230 * MS) /* between lines of one: below rate's 5 a second \
		    */
#define GIVE_UP   (60000 * MS)
#define SAMPLES   200000
#define PAIRS_MAX 32
#define SOURCE    0x4e00 /* 127.0.78.0: others may be limited by address */

struct person {
	int fd;
	size_t len; /* bytes in buf */
	char buf[8192];
};

struct pair {
	struct person says, hears;
	unsigned number; /* of the line on its way, or of the last */
	bool waiting;    /* for it */
	uint64_t sent_at, next_at;
};

static struct pair pairs[PAIRS_MAX];
static uint32_t samples[SAMPLES]; /* us */
static unsigned nsamples;

static void __attribute__((__noreturn__)) fail(const char *what, unsigned pair)
{
	fprintf(stderr, "pair %u: %s\n", pair, what);
	exit(1);
}

static void
say(struct person *p, const char *text, unsigned pair)
{
	size_t len = strlen(text);

	if (send(p->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("cannot send", pair);
}

/* Takes one whole line out of p's buffer; false if there is none. */
static bool
take_line(struct person *p, char *line, size_t size)
{
	char *end = memchr(p->buf, '\n', p->len);
	size_t n;

	if (end == NULL) {
		if (p->len == sizeof(p->buf))
			p->len = 0; /* somebody else's very long line */
		return false;
	}
	n = (size_t)(end - p->buf);
	snprintf(line, size, "%.*s", (int)(n > 0 ? n - 1 : 0), p->buf);
	p->len -= n + 1;
	memmove(p->buf, end + 1, p->len);
	return true;
}

/* Reads what is there; false if the connection ended. */
static bool
fill(struct person *p)
{
	ssize_t n = recv(
	    p->fd, p->buf + p->len, sizeof(p->buf) - p->len, MSG_DONTWAIT);

	if (n > 0)
		p->len += (size_t)n;
	return n > 0 || (n == -1 && errno == EAGAIN);
}

/* Reads until a line that begins with start. */
static void
wait_for(struct person *p, const char *start, unsigned pair)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	uint64_t until = net_now() + GIVE_UP;
	char line[512];

	for (;;) {
		while (take_line(p, line, sizeof(line))) {
			if (strncmp(line, start, strlen(start)) == 0)
				return;
		}
		if (net_now() > until || poll(&pfd, 1, 1000) == -1)
			fail("waits in vain", pair);
		if (pfd.revents != 0 && !fill(p))
			fail("the connection ended", pair);
	}
}

static void
arrive(
    struct person *p, const struct target *t, const char *role, unsigned number)
{
	struct pollfd pfd = { .events = POLLOUT };
	char text[128];

	if ((p->fd = net_connect(t, SOURCE + 1 + number, 0)) == -1)
		net_die("connect");
	pfd.fd = p->fd;
	if (poll(&pfd, 1, 60000) != 1)
		fail("cannot connect", number);
	snprintf(text, sizeof(text),
	    "/nick %s%u\n/join #pair%u\n/leave #lobby\n", role, number, number);
	say(p, text, number);
	snprintf(text, sizeof(text), "* You are in #pair%u ", number);
	wait_for(p, text, number);
}

static void
next_line(struct pair *pr, unsigned i)
{
	char text[64];

	snprintf(text, sizeof(text), "number %u\n", ++pr->number);
	pr->sent_at = net_now();
	pr->next_at = pr->sent_at + INTERVAL;
	pr->waiting = true;
	say(&pr->says, text, i);
}

static void
heard(struct pair *pr, unsigned i, const char *line)
{
	char start[64], wanted[80];

	snprintf(start, sizeof(start), "[#pair%u] says%u: ", i, i);
	if (strncmp(line, start, strlen(start)) != 0)
		return;
	snprintf(wanted, sizeof(wanted), "%snumber %u", start, pr->number);
	if (!pr->waiting || strcmp(line, wanted) != 0)
		fail(line, i);
	pr->waiting = false;
	if (nsamples < SAMPLES)
		samples[nsamples++] = (uint32_t)((net_now() - pr->sent_at) /
		    1000);
}

static void
listen_to(struct person *p, unsigned i, struct pair *pr)
{
	char line[512];

	if (!fill(p))
		fail("the connection ended", i);
	while (take_line(p, line, sizeof(line))) {
		if (pr != NULL)
			heard(pr, i, line);
	}
}

/* One turn: says what is due, hears what comes.  False if input ended. */
static bool
turn(unsigned n, bool talk)
{
	struct pollfd pfds[2 * PAIRS_MAX + 1];
	uint64_t now = net_now();
	unsigned i;

	for (i = 0; i < n; i++) {
		pfds[2 * i] = (struct pollfd){ pairs[i].says.fd, POLLIN, 0 };
		pfds[2 * i + 1] = (struct pollfd){ pairs[i].hears.fd, POLLIN,
			0 };
		if (pairs[i].waiting && now - pairs[i].sent_at > GIVE_UP)
			fail("a line was lost", i);
		if (talk && !pairs[i].waiting && now >= pairs[i].next_at)
			next_line(&pairs[i], i);
	}
	pfds[2 * n] = (struct pollfd){ talk ? STDIN_FILENO : -1, POLLIN, 0 };
	if (poll(pfds, 2 * n + 1, 2) == -1)
		net_die("poll");
	for (i = 0; i < n; i++) {
		if (pfds[2 * i].revents != 0)
			listen_to(&pairs[i].says, i, NULL);
		if (pfds[2 * i + 1].revents != 0)
			listen_to(&pairs[i].hears, i, &pairs[i]);
	}
	return pfds[2 * n].revents == 0;
}

static bool
anybody_waits(unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (pairs[i].waiting)
			return true;
	}
	return false;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char *argv[])
{
	struct target t;
	uint64_t until;
	unsigned i, n;

	if (argc != 4 || (n = (unsigned)strtoul(argv[2], NULL, 10)) == 0 ||
	    n > PAIRS_MAX) {
		fprintf(stderr, "usage: pair ADDR PAIRS SECONDS\n");
		return 2;
	}
	net_parse(&t, argv[1]);
	for (i = 0; i < n; i++) {
		arrive(&pairs[i].says, &t, "says", i);
		arrive(&pairs[i].hears, &t, "hears", i);
		pairs[i].next_at = net_now() + INTERVAL * i / n;
	}
	puts("ready");
	fflush(stdout);
	until = net_now() + strtoull(argv[3], NULL, 10) * 1000 * MS;
	while (net_now() < until && turn(n, true))
		;
	while (anybody_waits(n))
		(void)turn(n, false);
	qsort(samples, nsamples, sizeof(samples[0]), by_size);
	if (nsamples == 0)
		fail("no line was said", 0);
	printf("samples %u p50 %u p99 %u max %u\n", nsamples,
	    samples[nsamples / 2], samples[nsamples * 99 / 100],
	    samples[nsamples - 1]);
	return 0;
}
