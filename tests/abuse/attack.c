/*
 * An attacker: many connections that say or do not say, read or do not read,
 * stay or come again.  What it does is put together from its options, so that
 * one small program serves for every abuse.
 *
 * It prints "ready" once all connections are up and have sent their prelude
 * (or, with -C, at once), goes on until its standard input ends, its time is
 * up or its bytes are sent, and then prints what it did.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define MS          1000000ULL
#define SECOND      (1000 * MS)
#define PENDING_MAX 512         /* connections under way at one time */
#define EVENTS      256         /* taken in one turn */
#define TEXT_MIN    4096        /* bytes of repeated pattern, at least */
#define TEXT_BIG    (256 << 10) /* the same for a few connections */

struct conn {
	int fd;        /* -1: none */
	bool up;       /* connected */
	bool greeted;  /* has read what the greeting is answered with */
	bool prelude;  /* all of it was sent */
	size_t nmatch; /* bytes of that answer seen so far */
	char *text;    /* greeting, prelude, the pattern many times over */
	size_t ngreet; /* bytes of the greeting */
	size_t npre;   /* and of the prelude */
	size_t len;    /* bytes in all */
	size_t at;     /* what is sent next */
	uint32_t want; /* EPOLL events it is registered for */
};

struct attack {
	struct target target;
	const char *greeting, *prelude, *pattern; /* with escapes */
	const char *answer; /* to the greeting; "": none is waited for */
	unsigned n, sources;
	unsigned long long max_bytes; /* 0: no end */
	uint64_t ends_at;
	unsigned drip_ms;
	int rcvbuf;
	bool reads, half_close, cycle, again, reset;
	int epoll;
	struct conn *conns;
	unsigned pending, started, ready;
	unsigned begun; /* connections so far */
	bool told_ready;
	unsigned long long connects, ended, sent, received;
};

static void __attribute__((__noreturn__)) usage(void)
{
	fprintf(stderr,
	    "usage: attack -a ADDR [-n CONNECTIONS] [-S SOURCES]\n"
	    "              [-g GREETING -w ANSWER] [-p PRELUDE] [-e PATTERN]\n"
	    "              [-b BYTES] [-d MS] [-t SECONDS] [-B RCVBUF] [-CHRXr]\n"
	    "  -g  sent first; what follows is sent once ANSWER was read\n"
	    "  -p  sent once; \\n \\r \\xHH as in C, %%d: the connection's "
	    "number;\n"
	    "      %%u: one that no connection had before; @FILE: what is in "
	    "that file\n"
	    "  -e  sent again and again; -d: one byte each MS milliseconds\n"
	    "  -r  reads what comes (else nothing is ever read)\n"
	    "  -H  half-closes after the prelude\n"
	    "  -C  closes after the prelude and connects again, without end\n"
	    "  -R  connects again when it was cut off\n"
	    "  -X  closes by reset\n");
	exit(2);
}

/* ---- texts ---- */

/* A text that begins with '@' is in that file: it may be longer than an
 * argument can be. */
static const char *
load(const char *text)
{
	char *copy = NULL;
	size_t size = 0;
	FILE *f;

	if (text[0] != '@')
		return text;
	if ((f = fopen(text + 1, "re")) == NULL ||
	    getdelim(&copy, &size, '\0', f) == -1)
		net_die(text);
	fclose(f);
	return copy;
}

static size_t
hex(const char *s)
{
	char two[3] = { s[0], s[1], '\0' };

	return strtoul(two, NULL, 16);
}

/* Writes text, with its escapes carried out, to out; returns the length. */
static size_t
unescape(const char *s, unsigned number, unsigned unique, char *out)
{
	size_t n = 0;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] == 'x' && s[2] != '\0' &&
		    s[3] != '\0') {
			out[n++] = (char)hex(s + 2);
			s += 3;
		} else if (s[0] == '\\' && s[1] == 'n') {
			out[n++] = '\n';
			s++;
		} else if (s[0] == '\\' && s[1] == 'r') {
			out[n++] = '\r';
			s++;
		} else if (s[0] == '%' && s[1] == 'd') {
			n += (size_t)sprintf(out + n, "%u", number);
			s++;
		} else if (s[0] == '%' && s[1] == 'u') {
			n += (size_t)sprintf(out + n, "%u", unique);
			s++;
		} else
			out[n++] = *s;
	}
	return n;
}

static void
make_text(const struct attack *a, struct conn *c, unsigned number)
{
	size_t npre = strlen(a->greeting) + strlen(a->prelude);
	size_t npat = strlen(a->pattern), n;
	size_t min = a->n <= 16 ? TEXT_BIG : TEXT_MIN;

	free(c->text);
	/* A "%d" may grow to 10 digits. */
	c->text = malloc(5 * npre + 10 * npat + min + 1);
	if (c->text == NULL)
		net_die("malloc");
	c->ngreet = unescape(a->greeting, number, a->begun, c->text);
	c->npre = c->ngreet +
	    unescape(a->prelude, number, a->begun, c->text + c->ngreet);
	c->len = c->npre;
	if ((n = unescape(a->pattern, number, a->begun, c->text + c->npre)) ==
	    0)
		return;
	c->len += n;
	for (; c->len - c->npre + n <= min; c->len += n)
		memcpy(c->text + c->len, c->text + c->npre, n);
}

/* ---- connections ---- */

static void
want(struct attack *a, struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->want == events)
		return;
	if (epoll_ctl(a->epoll, EPOLL_CTL_MOD, c->fd, &ev) == -1)
		net_die("epoll_ctl");
	c->want = events;
}

static bool
begin(struct attack *a, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };
	unsigned number = (unsigned)(c - a->conns);
	unsigned source = a->sources == 0 ?
	    0 :
	    0x4d00 + 1 + (unsigned)(a->connects + number) % a->sources;

	if ((c->fd = net_connect(&a->target, source, a->rcvbuf)) == -1) {
		if (errno != EAGAIN && errno != EADDRNOTAVAIL &&
		    errno != ECONNREFUSED && errno != ENOENT)
			net_die("connect");
		return false;
	}
	c->up = c->prelude = false;
	c->greeted = a->answer[0] == '\0';
	c->at = c->nmatch = 0;
	c->want = EPOLLOUT;
	if (c->text == NULL || strstr(a->greeting, "%u") != NULL)
		make_text(a, c, number);
	a->begun++;
	if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		net_die("epoll_ctl");
	a->pending++;
	return true;
}

static void
finish(struct attack *a, struct conn *c)
{
	struct linger linger = { 1, 0 };

	if (!c->up)
		a->pending--;
	if (!c->prelude)
		a->ready++; /* it will not be waited for */
	if (a->reset)
		(void)setsockopt(
		    c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(c->fd);
	c->fd = -1;
	a->ended++;
}

/* It ended, and not because we wanted it to. */
static void
lose(struct attack *a, struct conn *c)
{
	finish(a, c);
	if (a->cycle || a->again)
		(void)begin(a, c);
}

/* The prelude is out: what comes next? */
static void
after_prelude(struct attack *a, struct conn *c)
{
	c->prelude = true;
	a->ready++;
	if (a->half_close)
		(void)shutdown(c->fd, SHUT_WR);
	if (a->cycle) {
		finish(a, c);
		(void)begin(a, c);
	}
}

/* How far the text may be sent by now. */
static size_t
sendable(const struct conn *c)
{
	if (!c->greeted)
		return c->ngreet;
	return c->prelude ? c->len : c->npre;
}

/* Sends up to most bytes; false if the connection ended. */
static bool
push(struct attack *a, struct conn *c, size_t most)
{
	size_t end = sendable(c);
	size_t n = end - c->at < most ? end - c->at : most;
	ssize_t sent;

	if (n > 0) {
		sent = send(c->fd, c->text + c->at, n, MSG_NOSIGNAL);
		if (sent == -1)
			return errno == EAGAIN || errno == ENOBUFS;
		c->at += (size_t)sent;
		a->sent += (unsigned long long)sent;
	}
	if (!c->greeted)
		return true;
	if (!c->prelude && c->at == c->npre)
		after_prelude(a, c);
	else if (c->at == c->len)
		c->at = c->npre;
	return true;
}

/* Looks for the answer to the greeting, which may come in pieces. */
static void
seek_answer(const struct attack *a, struct conn *c, const char *buf, size_t n)
{
	for (size_t i = 0; i < n && !c->greeted; i++) {
		if (buf[i] != a->answer[c->nmatch])
			c->nmatch = 0;
		if (buf[i] == a->answer[c->nmatch])
			c->greeted = a->answer[++c->nmatch] == '\0';
	}
}

static bool
pull(struct attack *a, struct conn *c)
{
	static char buf[256 << 10];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (n > 0) {
		a->received += (unsigned long long)n;
		seek_answer(a, c, buf, (size_t)n);
	}
	return n > 0 || (n == -1 && errno == EAGAIN);
}

static bool
connected(struct attack *a, struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	a->pending--;
	c->up = true;
	a->connects++;
	return getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == 0;
}

static void
on_event(struct attack *a, struct conn *c, uint32_t events)
{
	bool pushes, reads;

	if (c->fd == -1)
		return;
	if ((!c->up && !connected(a, c)) ||
	    ((events & EPOLLOUT) != 0 && !push(a, c, (size_t)-1)) ||
	    (c->fd != -1 && (events & EPOLLIN) != 0 && !pull(a, c))) {
		lose(a, c);
		return;
	}
	if (c->fd == -1 || !c->up)
		return;
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0 &&
	    c->prelude) {
		lose(a, c);
		return;
	}
	pushes = !c->greeted ? c->at < c->ngreet :
			       !c->prelude ||
		(c->len > c->npre && a->drip_ms == 0 && !a->half_close);
	reads = a->reads || !c->greeted;
	want(a, c, (pushes ? EPOLLOUT : 0) | (reads ? EPOLLIN : 0u));
}

/* ---- the whole ---- */

static void
begin_some(struct attack *a)
{
	while (a->started < a->n && a->pending < PENDING_MAX &&
	    begin(a, &a->conns[a->started]))
		a->started++;
	for (unsigned i = 0; (a->cycle || a->again) && i < a->started; i++) {
		if (a->conns[i].fd == -1)
			(void)begin(a, &a->conns[i]);
	}
}

static void
drip(struct attack *a)
{
	for (unsigned i = 0; i < a->started; i++) {
		struct conn *c = &a->conns[i];

		if (c->fd != -1 && c->prelude && !push(a, c, 1))
			lose(a, c);
	}
}

static void
tell_ready(struct attack *a)
{
	if (a->told_ready || (!a->cycle && a->ready < a->n))
		return;
	puts("ready");
	fflush(stdout);
	a->told_ready = true;
}

/* Whether whoever started it wants it to end. */
static bool
is_over(const struct attack *a)
{
	return net_now() >= a->ends_at ||
	    (a->max_bytes > 0 && a->sent >= a->max_bytes);
}

static void
run(struct attack *a)
{
	struct epoll_event evs[EVENTS];
	struct epoll_event input = { .events = EPOLLIN, .data.ptr = NULL };
	uint64_t drip_at = net_now();
	int i, n, wait = a->drip_ms > 0 ? (int)a->drip_ms : 100;

	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll == -1 ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) == -1)
		net_die("epoll");
	while (!is_over(a)) {
		begin_some(a);
		tell_ready(a);
		n = epoll_wait(a->epoll, evs, EVENTS,
		    a->started < a->n || a->cycle || a->again ? 5 : wait);
		for (i = 0; i < n; i++) {
			if (evs[i].data.ptr == NULL)
				return;
			on_event(a, evs[i].data.ptr, evs[i].events);
		}
		if (a->drip_ms > 0 && net_now() >= drip_at) {
			drip(a);
			drip_at = net_now() + a->drip_ms * MS;
		}
	}
}

static void
options(struct attack *a, int argc, char *argv[])
{
	const char *address = NULL;
	int ch;

	a->n = 1;
	a->greeting = a->answer = a->prelude = a->pattern = "";
	a->ends_at = UINT64_MAX;
	while ((ch = getopt(argc, argv, "a:n:S:g:w:p:e:b:d:t:B:CHRXr")) != -1) {
		switch (ch) {
		case 'a':
			address = optarg;
			break;
		case 'n':
			a->n = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'S':
			a->sources = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'g':
			a->greeting = optarg;
			break;
		case 'w':
			a->answer = optarg;
			break;
		case 'p':
			a->prelude = load(optarg);
			break;
		case 'e':
			a->pattern = load(optarg);
			break;
		case 'b':
			a->max_bytes = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			a->drip_ms = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			a->ends_at = net_now() +
			    strtoull(optarg, NULL, 10) * SECOND;
			break;
		case 'B':
			a->rcvbuf = (int)strtol(optarg, NULL, 10);
			break;
		case 'C':
			a->cycle = true;
			break;
		case 'H':
			a->half_close = true;
			break;
		case 'R':
			a->again = true;
			break;
		case 'X':
			a->reset = true;
			break;
		case 'r':
			a->reads = true;
			break;
		default:
			usage();
		}
	}
	if (address == NULL || a->n == 0 || optind != argc)
		usage();
	net_parse(&a->target, address);
}

int
main(int argc, char *argv[])
{
	struct attack a = { 0 };
	unsigned i, left = 0;

	options(&a, argc, argv);
	net_raise_nofile();
	if ((a.conns = calloc(a.n, sizeof(*a.conns))) == NULL)
		net_die("calloc");
	for (i = 0; i < a.n; i++)
		a.conns[i].fd = -1;
	run(&a);
	for (i = 0; i < a.n; i++)
		left += a.conns[i].fd != -1;
	printf("connects %llu ended %llu left %u sent %llu received %llu\n",
	    a.connects, a.ended, left, a.sent, a.received);
	fflush(stdout);
	for (i = 0; i < a.n; i++) {
		if (a.conns[i].fd != -1)
			finish(&a, &a.conns[i]);
		free(a.conns[i].text);
	}
	free(a.conns);
	return 0;
}
