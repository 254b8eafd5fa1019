/*
 * Honest pairs: two people each, who chat at a person's pace in a room of
 * their own.  One says a numbered line, the other notes how long it took.
 * Every line has to arrive once, whole and in order.
 *
 * usage: pair [-i] [-m MS] [-r ROOM] [-l BYTES] ADDR PAIRS SECONDS
 *   -i  they speak IRC
 *   -m  how long one waits from line to line
 *   -r  all pairs are in this room, not each in its own
 *   -l  so many more bytes in each line
 * Prints "ready" when they sit in their rooms; then, after so many seconds or
 * when standard input ends, "samples N p50 US p99 US max US".  Exits with 1 if
 * a line was lost or a connection ended (and still prints what it has).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define MS        1000000ULL
#define INTERVAL  230 /* ms between lines: below rate's 5 a second */
#define LINE      1024
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

/* What is said and heard: $n stands for a nick, $r for a room, $t for text. */
struct words {
	const char *greet, *greeted;
	const char *join, *joined;
	const char *say, *heard;
};

static const struct words banter = {
	.greet = "/nick $n\n",
	.greeted = "* You are now $n.",
	.join = "/join $r\n/leave #lobby\n",
	.joined = "* You are in $r ",
	.say = "$t\n",
	.heard = "[$r] $n: $t",
};

static const struct words irc = {
	.greet = "NICK $n\r\nUSER $n 0 * :$n\r\n",
	.greeted = " 001 $n ",
	.join = "JOIN $r\r\n",
	.joined = " 366 $n $r ",
	.say = "PRIVMSG $r :$t\r\n",
	.heard = ":$n PRIVMSG $r :$t", /* without the speaker's address */
};

static const struct words *words = &banter;
static const char *common_room; /* or NULL */
static unsigned interval = INTERVAL, padding;
static struct pair pairs[PAIRS_MAX];
static uint32_t samples[SAMPLES]; /* us */
static unsigned nsamples;

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
report(void)
{
	if (nsamples == 0)
		return;
	qsort(samples, nsamples, sizeof(samples[0]), by_size);
	printf("samples %u p50 %u p99 %u max %u\n", nsamples,
	    samples[nsamples / 2], samples[nsamples * 99 / 100],
	    samples[nsamples - 1]);
}

static void __attribute__((__noreturn__)) fail(const char *what, unsigned pair)
{
	report();
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

/* Writes one of the words above to out, with this pair's names in it. */
static void
phrase(char *out, const char *template, const char *role, unsigned pair,
    const char *text)
{
	size_t n = 0;

	for (const char *s = template; *s != '\0'; s++) {
		if (strncmp(s, "$n", 2) == 0)
			n += (size_t)snprintf(
			    out + n, LINE - n, "%s%u", role, pair);
		else if (strncmp(s, "$r", 2) == 0 && common_room != NULL)
			n += (size_t)snprintf(
			    out + n, LINE - n, "#%s", common_room);
		else if (strncmp(s, "$r", 2) == 0)
			n += (size_t)snprintf(
			    out + n, LINE - n, "#pair%u", pair);
		else if (strncmp(s, "$t", 2) == 0)
			n += (size_t)snprintf(out + n, LINE - n, "%s", text);
		else {
			out[n++] = *s;
			continue;
		}
		s++;
	}
	out[n] = '\0';
}

/* Answers IRC's PING, and takes the address out of ":nick!address PRIVMSG". */
static void
tidy_irc(struct person *p, char *line, unsigned pair)
{
	char pong[LINE + 8], *bang = strchr(line, '!'), *space;

	if (strncmp(line, "PING ", 5) == 0) {
		snprintf(pong, sizeof(pong), "PONG %s\r\n", line + 5);
		say(p, pong, pair);
	} else if (line[0] == ':' && bang != NULL &&
	    (space = strchr(line, ' ')) != NULL && bang < space)
		memmove(bang, space, strlen(space) + 1);
}

/* Takes one whole line out of p's buffer; false if there is none. */
static bool
take_line(struct person *p, char *line, unsigned pair)
{
	char *end = memchr(p->buf, '\n', p->len);
	size_t n;

	if (end == NULL) {
		if (p->len == sizeof(p->buf))
			p->len = 0; /* somebody else's very long line */
		return false;
	}
	n = (size_t)(end - p->buf);
	snprintf(line, LINE, "%.*s", (int)(n > 0 ? n - 1 : 0), p->buf);
	p->len -= n + 1;
	memmove(p->buf, end + 1, p->len);
	if (words == &irc)
		tidy_irc(p, line, pair);
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

/* Reads until a line with this in it. */
static void
wait_for(struct person *p, const char *text, unsigned pair)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	uint64_t until = net_now() + GIVE_UP;
	char line[LINE];

	for (;;) {
		while (take_line(p, line, pair)) {
			if (strstr(line, text) != NULL)
				return;
		}
		if (net_now() > until || poll(&pfd, 1, 1000) == -1)
			fail("waits in vain", pair);
		if (pfd.revents != 0 && !fill(p))
			fail("the connection ended", pair);
	}
}

/* Connects, and says who it is. */
static void
knock(
    struct person *p, const struct target *t, const char *role, unsigned number)
{
	struct pollfd pfd = { .events = POLLOUT };
	char text[LINE];

	if ((p->fd = net_connect(t, SOURCE + 1 + number, 0)) == -1)
		net_die("connect");
	pfd.fd = p->fd;
	if (poll(&pfd, 1, 60000) != 1)
		fail("cannot connect", number);
	phrase(text, words->greet, role, number, "");
	say(p, text, number);
}

/* Waits until it is known, and goes to its room. */
static void
enter(struct person *p, const char *role, unsigned number)
{
	char text[LINE];

	phrase(text, words->greeted, role, number, "");
	wait_for(p, text, number);
	phrase(text, words->join, role, number, "");
	say(p, text, number);
	phrase(text, words->joined, role, number, "");
	wait_for(p, text, number);
}

/* All at once: some servers look at newcomers once a second. */
static void
arrive(const struct target *t, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		knock(&pairs[i].says, t, "says", i);
		knock(&pairs[i].hears, t, "hears", i);
	}
	for (i = 0; i < n; i++) {
		enter(&pairs[i].says, "says", i);
		enter(&pairs[i].hears, "hears", i);
	}
	for (i = 0; i < n; i++)
		pairs[i].next_at = net_now() + interval * MS * i / n;
}

/* What says number i says now. */
static void
make_text(const struct pair *pr, char *text)
{
	snprintf(text, LINE / 2, "number %u%*s", pr->number, (int)padding,
	    padding > 0 ? "." : "");
}

static void
next_line(struct pair *pr, unsigned i)
{
	char text[LINE / 2], line[LINE];

	++pr->number;
	make_text(pr, text);
	phrase(line, words->say, "says", i, text);
	pr->sent_at = net_now();
	pr->next_at = pr->sent_at + interval * MS;
	pr->waiting = true;
	say(&pr->says, line, i);
}

static void
heard(struct pair *pr, unsigned i, const char *line)
{
	char start[LINE], text[LINE / 2], wanted[LINE];

	phrase(start, words->heard, "says", i, "");
	if (strncmp(line, start, strlen(start)) != 0)
		return;
	make_text(pr, text);
	phrase(wanted, words->heard, "says", i, text);
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
	char line[LINE];

	if (!fill(p))
		fail("the connection ended", i);
	while (take_line(p, line, i)) {
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

static void __attribute__((__noreturn__)) usage(void)
{
	fprintf(stderr,
	    "usage: pair [-i] [-m MS] [-r ROOM] [-l BYTES] ADDR PAIRS "
	    "SECONDS\n");
	exit(2);
}

static void
options(int argc, char *argv[])
{
	int ch;

	while ((ch = getopt(argc, argv, "im:r:l:")) != -1) {
		switch (ch) {
		case 'i':
			words = &irc;
			break;
		case 'm':
			interval = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			common_room = optarg;
			break;
		case 'l':
			padding = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
}

int
main(int argc, char *argv[])
{
	struct target t;
	uint64_t until;
	unsigned n;

	options(argc, argv);
	if (argc - optind != 3 ||
	    (n = (unsigned)strtoul(argv[optind + 1], NULL, 10)) == 0 ||
	    n > PAIRS_MAX)
		usage();
	net_parse(&t, argv[optind]);
	arrive(&t, n);
	puts("ready");
	fflush(stdout);
	until = net_now() + strtoull(argv[optind + 2], NULL, 10) * 1000 * MS;
	while (net_now() < until && turn(n, true))
		;
	while (anybody_waits(n))
		(void)turn(n, false);
	if (nsamples == 0)
		fail("no line was said", 0);
	report();
	return 0;
}
