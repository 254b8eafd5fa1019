#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "banterd/net/conn.h"

#define INPUT_SIZE 4096 /* bytes read at once, and of pending input */

struct conn {
	struct conns *conns;
	void *owner;
	struct bufferevent *bev; /* NULL: bare */
	int fd;
	int error;        /* errno of what broke it; 0: nothing */
	uint32_t offered; /* bytes of the bufferevent's input, in readable */
	bool reading;     /* the read event is armed */
	bool ended;       /* there will be none any more */
	/* The read event lies behind this: one piece of memory instead of two
	 * for each who is idle. */
};

static struct event *
read_event(struct conn *c)
{
	return (struct event *)(void *)(c + 1);
}

static void on_readable(evutil_socket_t, short, void *);
static void on_written(struct bufferevent *, void *);
static void on_event(struct bufferevent *, short, void *);

struct conn *
conn_new(struct conns *conns, int fd, void *owner)
{
	struct conn *c;

	c = calloc(1, sizeof(*c) + event_get_struct_event_size());
	if (c == NULL)
		return NULL;
	c->conns = conns;
	c->owner = owner;
	c->fd = fd;
	if (event_assign(read_event(c), conns->base, fd, EV_READ | EV_PERSIST,
		on_readable, c) == -1) {
		free(c);
		return NULL;
	}
	return c;
}

void
conn_free(struct conn *c)
{
	conn_stop(c);
	close(c->fd);
	free(c);
}

void
conn_stop(struct conn *c)
{
	(void)event_del(read_event(c));
	if (c->bev != NULL) {
		bufferevent_free(c->bev);
		c->conns->freed++;
	}
	c->bev = NULL;
	c->reading = false;
	c->offered = 0;
}

/* ---- the two modes ---- */

/* Bytes of pending input, and of those that are being offered. */
static uint32_t
input_length(const struct conn *c)
{
	if (c->bev == NULL)
		return 0;
	return (uint32_t)evbuffer_get_length(bufferevent_get_input(c->bev));
}

/*
 * Reading stays with the read event: a bufferevent that is told by a watermark
 * to read no more keeps the loop turning as long as its input is not taken
 * (libevent 2.1.12, bufferevent_inbuf_wm_check()).
 */
static bool
start_buffering(struct conn *c)
{
	if (c->bev != NULL)
		return true;
	c->bev = bufferevent_socket_new(c->conns->base, c->fd, 0);
	if (c->bev == NULL)
		return false;
	bufferevent_setcb(c->bev, NULL, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, c->conns->low_water, 0);
	return true;
}

static void
stop_buffering(struct conn *c)
{
	if (c->bev == NULL || input_length(c) > 0 || conn_backlog(c) > 0)
		return;
	bufferevent_free(c->bev);
	c->bev = NULL;
	c->conns->freed++;
}

/* ---- input ---- */

bool
conn_set_reading(struct conn *c, bool on)
{
	if (c->reading == on || (on && c->ended))
		return true;
	if ((on ? event_add(read_event(c), NULL) : event_del(read_event(c))) ==
	    -1)
		return false;
	c->reading = on;
	return true;
}

bool
conn_is_reading(const struct conn *c)
{
	return c->reading;
}

static void
end_input(struct conn *c, int error)
{
	c->ended = true;
	if (error != 0 && c->error == 0)
		c->error = error;
	(void)conn_set_reading(c, false);
	c->conns->ops->readable(c->owner, NULL, 0);
}

void
conn_read(struct conn *c)
{
	unsigned char buf[INPUT_SIZE];
	ssize_t n;

	do
		n = recv(c->fd, buf, sizeof(buf), 0);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		c->conns->bytes_in += (size_t)n;
		c->conns->ops->readable(c->owner, buf, (size_t)n);
	} else if (n == 0 || errno != EAGAIN)
		end_input(c, n == 0 ? 0 : errno);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	/* What comes behind pending input waits in the kernel. */
	if (!conn_has_pending(c))
		conn_read(c);
}

void
conn_offer(struct conn *c)
{
	struct evbuffer *input;
	const unsigned char *p;

	if (!conn_has_pending(c))
		return;
	input = bufferevent_get_input(c->bev);
	c->offered = input_length(c);
	/* It was added as one piece. */
	p = evbuffer_pullup(input, (ev_ssize_t)c->offered);
	c->conns->ops->readable(c->owner, p, c->offered);
	/* What was not kept goes. */
	if (c->bev != NULL && c->offered > 0)
		(void)evbuffer_drain(input, c->offered);
	c->offered = 0;
	stop_buffering(c);
}

/* libevent lets nobody but itself add to the input of a socket's bufferevent
 * as long as it is frozen. */
static bool
add_input(struct conn *c, const unsigned char *p, size_t n)
{
	struct evbuffer *input;
	int result;

	if (!start_buffering(c))
		return false;
	input = bufferevent_get_input(c->bev);
	(void)evbuffer_unfreeze(input, 0);
	result = evbuffer_add(input, p, n);
	(void)evbuffer_freeze(input, 0);
	return result == 0;
}

bool
conn_keep(struct conn *c, const unsigned char *p, size_t n)
{
	if (c->offered == 0)
		return add_input(c, p, n);
	c->offered -= (uint32_t)n;
	return true;
}

bool
conn_has_pending(const struct conn *c)
{
	return input_length(c) > c->offered;
}

void
conn_drop_pending(struct conn *c)
{
	struct evbuffer *input;

	if (c->bev == NULL)
		return;
	input = bufferevent_get_input(c->bev);
	(void)evbuffer_drain(input, evbuffer_get_length(input));
	c->offered = 0;
	stop_buffering(c);
}

bool
conn_has_ended(const struct conn *c)
{
	return c->ended;
}

/* ---- output ---- */

/*
 * TCP_USER_TIMEOUT takes a reader that pauses for one that is gone: as long as
 * its window is shut nothing is acknowledged.  So it is off while there is a
 * backlog, and the owner asks conn_peer_is_gone().  On a UNIX socket this
 * fails, and changes nothing.
 */
static void
set_user_timeout(struct conn *c, unsigned ms)
{
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (conn_backlog(c) == 0)
		set_user_timeout(c, CONN_PEER_TIMEOUT);
	stop_buffering(c);
	c->conns->ops->drained(c->owner);
}

/* Its reading is off: this is what became of a write. */
static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	(void)what;
	if (c->error == 0)
		c->error = EPIPE;
	c->conns->ops->broken(c->owner);
}

/* Returns how much the kernel took; sets c->error if the connection broke. */
static size_t
send_now(struct conn *c, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n };
	ssize_t sent;

	do {
		if (n == 1)
			sent = send(c->fd, iov[0].iov_base, iov[0].iov_len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		else
			sent = sendmsg(
			    c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	if (sent == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK &&
		    errno != ENOBUFS && errno != ENOMEM)
			c->error = errno;
		return 0;
	}
	return (size_t)sent;
}

/* Adds what is left after the first sent bytes to the backlog. */
static bool
add_backlog(struct conn *c, const struct iovec *iov, size_t n, size_t sent)
{
	bool begins = conn_backlog(c) == 0;
	size_t i;

	if (!start_buffering(c))
		return false;
	if (begins) {
		set_user_timeout(c, 0);
		c->conns->ops->backlogged(c->owner);
	}
	for (i = 0; i < n; i++) {
		if (sent >= iov[i].iov_len) {
			sent -= iov[i].iov_len;
			continue;
		}
		/* The write arms its event, too, but would not say if not. */
		if (bufferevent_write(c->bev, (char *)iov[i].iov_base + sent,
			iov[i].iov_len - sent) == -1 ||
		    bufferevent_enable(c->bev, EV_WRITE) == -1)
			return false;
		sent = 0;
	}
	return true;
}

bool
conn_write(struct conn *c, const struct iovec *iov, size_t n, size_t total)
{
	size_t sent = 0;

	if (c->error == 0 && conn_backlog(c) == 0)
		sent = send_now(c, iov, n);
	if (c->error == 0 && sent < total && !add_backlog(c, iov, n, sent))
		c->error = ENOMEM;
	return c->error == 0;
}

uint32_t
conn_backlog(const struct conn *c)
{
	if (c->bev == NULL)
		return 0;
	return (uint32_t)evbuffer_get_length(bufferevent_get_output(c->bev));
}

uint32_t
conn_unacknowledged(const struct conn *c)
{
	int n = 0;

	if (ioctl(c->fd, SIOCOUTQ, &n) == -1 || n < 0)
		return 0;
	return (uint32_t)n;
}

/* ---- its end ---- */

int
conn_error(const struct conn *c)
{
	return c->error;
}

int
conn_probe(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error != 0)
		c->error = error;
	return c->error;
}

/* One that pauses answers the probes of its window (RFC 9293, 3.8.6.1). */
bool
conn_peer_is_gone(const struct conn *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    info.tcpi_last_ack_recv >= CONN_PEER_TIMEOUT &&
	    (info.tcpi_unacked > 0 || info.tcpi_probes > 1);
}

bool
conn_shutdown(struct conn *c)
{
	return shutdown(c->fd, SHUT_WR) == 0;
}
