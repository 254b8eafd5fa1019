#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include "loadgen.h"

#define MAX_EVENTS 512

static char input[1 << 18];

void
crowd_make(struct load *l)
{
	l->client = need(calloc(l->nclient, sizeof(*l->client)));
	l->nroom = l->nclient / l->room_size;
	l->said = need(calloc(l->nroom, sizeof(*l->said)));
	l->turn = need(calloc(l->nroom, sizeof(*l->turn)));
	l->place = need(calloc(l->nroom, sizeof(*l->place)));
	for (uint32_t i = 0; i < l->nclient; i++) {
		struct client *c = &l->client[i];

		c->fd = -1;
		c->id = i;
		c->room = i / l->room_size;
		c->seat = i % l->room_size;
		c->asleep = c->seat >= l->room_size - l->nsleeper;
		c->last = -1;
	}
}

/*
 * The buffers of a path over Ethernet, far smaller than loopback's: what isn't
 * read piles up in the server and not in the kernel.
 */
static void
crowd_narrow(int fd)
{
	int mss = 1448, rcvbuf = 4096;

	if (setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) ==
		-1)
		die("setsockopt: %s", strerror(errno));
}

/* Each client comes from an address of its own, as people on a LAN do. */
int
crowd_dial(const struct load *l, uint32_t id)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd, on = 1;

	from.sin_addr.s_addr = htonl(0x7f010001 + (id / 250) * 256 + id % 250);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		die("socket: %s", strerror(errno));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		die("bind: %s", strerror(errno));
	if (id < l->nclient && (l->client[id].asleep || l->narrow))
		crowd_narrow(fd);
	if (connect(fd, (const struct sockaddr *)&l->addr, sizeof(l->addr)) ==
		-1 &&
	    errno != EINPROGRESS)
		die("connect: %s", strerror(errno));
	return fd;
}

static void
crowd_connect(struct load *l, struct client *c, int ep)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };

	c->fd = crowd_dial(l, c->id);
	c->state = CLIENT_CONNECTING;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
}

static void
crowd_connected(struct load *l, struct client *c, int ep)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ||
	    error != 0)
		die("connect: %s", strerror(error));
	if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
	wire_enter(l, c);
}

void
crowd_close(struct client *c)
{
	if (c->state == CLIENT_CLOSED)
		return;
	close(c->fd);
	c->fd = -1;
	c->state = CLIENT_CLOSED;
}

/* Lines are short: a buffer that has no room for one is a fault. */
void
crowd_send(struct client *c, const char *s, size_t len)
{
	ssize_t n = send(c->fd, s, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n == -1)
		die("c%05u: send: %s", c->id, strerror(errno));
	if ((size_t)n != len)
		die("c%05u: send: only %zd of %zu bytes", c->id, n, len);
}

/*
 * A client that has just spoken would hold its acknowledgements back for up to
 * 40 ms, and a server with Nagle's algorithm waits for them.  Where latency
 * isn't measured there's no use in waiting too.
 */
void
crowd_acknowledge(struct client *c)
{
	int on = 1;

	if (setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on)) == -1)
		die("setsockopt: %s", strerror(errno));
}

static void
crowd_keep(struct client *c, const char *s, size_t len)
{
	if (len > 0) {
		c->part = need(realloc(c->part, len));
		memcpy(c->part, s, len);
	}
	c->partlen = len;
}

/* Reads what has come for c; false if there was nothing. */
bool
crowd_read(struct load *l, struct client *c)
{
	char *p = input, *end, *lf;
	ssize_t n;

	memcpy(input, c->part != NULL ? c->part : "", c->partlen);
	n = recv(c->fd, input + c->partlen, sizeof(input) - c->partlen,
	    MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n == -1)
		die("c%05u: recv: %s", c->id, strerror(errno));
	if (n == 0)
		die("c%05u: the server hung up", c->id);
	l->bytes_in += (uint64_t)n;
	if (l->lat != NULL)
		l->now = now_ns();
	for (end = input + c->partlen + n;
	     (lf = memchr(p, '\n', (size_t)(end - p))) != NULL; p = lf + 1) {
		size_t len = (size_t)(lf - p);

		if (len > 0 && p[len - 1] == '\r')
			len--;
		wire_line(l, c, p, len);
	}
	crowd_keep(c, p, (size_t)(end - p));
	return true;
}

/* Waits for one client's next bytes. */
void
crowd_wait(struct load *l, struct client *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

	if (poll(&pfd, 1, l->patience) != 1)
		die("LOST: c%05u got %u lines of this round, %u were said in "
		    "its room, %u by itself",
		    c->id, c->ngot, l->said[c->room], c->nsaid);
}

/* Everybody who is awake, in a new epoll. */
int
crowd_watch(struct load *l)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep == -1)
		die("epoll_create1: %s", strerror(errno));
	for (uint32_t i = 0; i < l->nclient; i++) {
		struct epoll_event ev = { .events = EPOLLIN,
			.data.ptr = &l->client[i] };

		if (l->client[i].state == CLIENT_CLOSED || l->client[i].asleep)
			continue;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, l->client[i].fd, &ev) == -1)
			die("epoll_ctl: %s", strerror(errno));
	}
	return ep;
}

/* Reads until nothing has come for a while, and the server rests. */
void
crowd_settle(struct load *l, int ep)
{
	struct epoll_event evs[MAX_EVENTS];
	struct proc_cpu cpu;
	int n;

	do {
		while ((n = epoll_wait(ep, evs, MAX_EVENTS, l->settle)) > 0)
			for (int i = 0; i < n; i++)
				crowd_read(l, evs[i].data.ptr);
		if (n == -1)
			die("epoll_wait: %s", strerror(errno));
		proc_cpu(&l->proc, &cpu);
		if (!proc_rest(&l->proc, &cpu))
			die("the server doesn't come to rest");
	} while (epoll_wait(ep, evs, MAX_EVENTS, 0) > 0);
}

/*
 * Everybody connects and enters, `window` at a time.  The epoll closes when
 * all are in and it's quiet: readers who are watched make a server's sends
 * dearer.
 */
void
crowd_enter(struct load *l)
{
	struct epoll_event evs[MAX_EVENTS];
	uint32_t started = 0, in = 0;
	int n, ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep == -1)
		die("epoll_create1: %s", strerror(errno));
	while (in < l->nclient) {
		while (started < l->nclient && started - in < l->window)
			crowd_connect(l, &l->client[started++], ep);
		n = epoll_wait(ep, evs, MAX_EVENTS, l->patience);
		if (n <= 0)
			die("only %u of %u clients came in", in, l->nclient);
		for (int i = 0; i < n; i++) {
			struct client *c = evs[i].data.ptr;
			enum client_state was = c->state;

			if (was == CLIENT_CONNECTING)
				crowd_connected(l, c, ep);
			else
				crowd_read(l, c);
			in += was != CLIENT_IN && c->state == CLIENT_IN;
		}
	}
	close(ep);
}

/* Everybody leaves the room, but stays connected. */
void
crowd_leave(struct load *l)
{
	struct epoll_event evs[MAX_EVENTS];
	uint32_t out = 0;
	int n, ep = crowd_watch(l);

	for (uint32_t i = 0; i < l->nclient; i++)
		wire_leave(l, &l->client[i]);
	while (out < l->nclient) {
		n = epoll_wait(ep, evs, MAX_EVENTS, l->patience);
		if (n <= 0)
			die("only %u of %u clients left", out, l->nclient);
		for (int i = 0; i < n; i++) {
			struct client *c = evs[i].data.ptr;
			enum client_state was = c->state;

			crowd_read(l, c);
			out += was != CLIENT_OUT && c->state == CLIENT_OUT;
		}
	}
	close(ep);
}
