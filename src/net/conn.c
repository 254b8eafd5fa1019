#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "banterd/base/record.h"
#include "banterd/net/conn.h"

#define INPUT_SIZE  4096 /* bytes read at once, and of pending input */
#define ASKING_IDLE 3    /* s; twice within 20 s, with CONN_ASK_AGAIN */
#define IDLE_SPREAD 30   /* s */
#define FEW         8192 /* bytes; OpenBSD's nc reads twice as much ahead */

/*
 * What its owner could not take yet.  In a bufferevent's input it was tried,
 * too: that takes a third more instructions for three lines that come at once,
 * half as much memory again where a thousand people talk, and, where a
 * watermark keeps it from reading more, a loop that never rests (libevent
 * 2.1.12, bufferevent_inbuf_wm_check()).
 */
struct pending {
	uint64_t note;    /* the owner's */
	uint32_t at, end; /* bytes of it that are pending */
	unsigned char bytes[];
};

struct conn {
	struct conns *conns;
	void *owner;
	struct pending *pending; /* NULL: none */
	struct bufferevent *bev; /* the backlog; NULL: none */
	uint64_t number;
	int fd;
	int error;     /* errno of what broke it; 0: nothing */
	uint32_t sent; /* bytes, up to more than FEW */
	bool reading;  /* the read event is armed */
	bool ended;    /* there will be no more input */
	bool offering; /* what is pending is offered to the owner, */
	bool kept;     /* which has kept some of it */
	bool resets;   /* at its end */
	bool stopped;
	bool plain; /* its input is within no command of telnet's */
	bool half;  /* of a line may have been sent, by a process before */
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

/*
 * How long it may be idle, in s: not all that came in one second are to be
 * asked in one.  On loopback the kernel drops what is more at once than
 * net.core.netdev_max_backlog, and would drop the same ones each time until
 * they count as gone.
 */
static int
idle_of(const struct conn *c)
{
	return CONN_IDLE - (int)(c->number % IDLE_SPREAD);
}

/* On a UNIX socket this changes nothing. */
static void
set_idle(struct conn *c, int s)
{
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &s, sizeof(s));
}

struct conn *
conn_new(struct conns *conns, int fd, void *owner, uint64_t number)
{
	struct conn *c;

	c = calloc(1, sizeof(*c) + event_get_struct_event_size());
	if (c == NULL)
		return NULL;
	c->conns = conns;
	c->owner = owner;
	c->number = number;
	c->fd = fd;
	c->plain = true;
	if (event_assign(read_event(c), conns->base, fd, EV_READ | EV_PERSIST,
		on_readable, c) == -1) {
		free(c);
		return NULL;
	}
	set_idle(c, idle_of(c));
	return c;
}

uint64_t
conn_number(const struct conn *c)
{
	return c->number;
}

int
conn_descriptor(const struct conn *c)
{
	return c->fd;
}

/* TCP sends a reset when it is disconnected (connect(2), AF_UNSPEC). */
void
conn_end(struct conn *c)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (!c->resets || connect(c->fd, &none, sizeof(none)) == -1)
		(void)shutdown(c->fd, SHUT_RDWR);
}

void
conn_free(struct conn *c)
{
	conn_stop(c);
	close(c->fd);
	free(c);
}

static void
free_backlog(struct conn *c)
{
	bufferevent_free(c->bev);
	c->bev = NULL;
	c->conns->nbacklogs--;
	c->conns->freed++;
}

void
conn_stop(struct conn *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	(void)event_del(read_event(c));
	if (c->bev != NULL) {
		c->conns->bytes_out -= conn_backlog(c); /* is dropped */
		free_backlog(c);
	}
	c->reading = false;
	if (c->error == 0)
		c->error = ESHUTDOWN; /* nothing can be sent any more */
	conn_drop_pending(c);
}

/* ---- input ---- */

/* libevent has taken an event out even where the kernel would not. */
bool
conn_set_reading(struct conn *c, bool on)
{
	if (c->reading == on || (on && c->ended))
		return true;
	if (on && event_add(read_event(c), NULL) == -1)
		return false;
	if (!on)
		(void)event_del(read_event(c));
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

static void
note_reading(const struct conn *c, uint64_t number)
{
	if (c->conns->reading != NULL)
		*c->conns->reading = number;
}

/* Whether these bytes end with the end of a line, and have no command of
 * telnet's (RFC 854) in them, which could be one of several lines. */
static bool
are_lines(const unsigned char *p, size_t n)
{
	return p[n - 1] == '\n' && memchr(p, 255, n) == NULL;
}

void
conn_set_plain(struct conn *c, bool plain)
{
	c->plain = plain;
}

void
conn_read(struct conn *c)
{
	unsigned char buf[INPUT_SIZE];
	ssize_t n;

	note_reading(c, c->number);
	do
		n = recv(c->fd, buf, sizeof(buf), 0);
	while (n == -1 && errno == EINTR);
	/* Of whole lines the next process need not know. */
	if (n <= 0 || (c->plain && are_lines(buf, (size_t)n)))
		note_reading(c, 0);
	if (n > 0) {
		c->conns->bytes_in += (size_t)n;
		c->conns->ops->readable(c->owner, buf, (size_t)n);
	} else if (n == 0 || errno != EAGAIN)
		end_input(c, n == 0 ? 0 : errno);
	else if (c->error != 0) /* nobody waits for what may still come */
		end_input(c, c->error);
	note_reading(c, 0);
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
	const struct pending *p = c->pending;

	if (p == NULL)
		return;
	c->offering = true;
	c->kept = false;
	c->conns->ops->readable(c->owner, p->bytes + p->at, p->end - p->at);
	c->offering = false;
	if (!c->kept)
		conn_drop_pending(c);
}

bool
conn_keep(struct conn *c, const unsigned char *p, size_t n)
{
	if (c->offering) {
		c->pending->at = c->pending->end - (uint32_t)n;
		c->kept = true;
		return true;
	}
	if ((c->pending = malloc(sizeof(*c->pending) + n)) == NULL)
		return false;
	c->pending->note = 0;
	c->pending->at = 0;
	c->pending->end = (uint32_t)n;
	memcpy(c->pending->bytes, p, n);
	return true;
}

bool
conn_has_pending(const struct conn *c)
{
	return c->pending != NULL && (!c->offering || c->kept);
}

const unsigned char *
conn_pending(const struct conn *c, size_t *n)
{
	const struct pending *p = c->pending;

	*n = p != NULL ? p->end - p->at : 0;
	return p != NULL ? p->bytes + p->at : NULL;
}

uint64_t *
conn_pending_note(const struct conn *c)
{
	return &c->pending->note;
}

void
conn_drop_pending(struct conn *c)
{
	c->kept = false;
	if (c->offering) /* the owner still has a pointer to it */
		return;
	free(c->pending);
	c->pending = NULL;
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
 * backlog, and the owner asks conn_peer_is_silent().  On a UNIX socket this
 * fails, and changes nothing.
 */
static void
set_user_timeout(struct conn *c, unsigned ms)
{
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static bool
begin_backlog(struct conn *c)
{
	c->bev = bufferevent_socket_new(c->conns->base, c->fd, 0);
	if (c->bev == NULL)
		return false;
	bufferevent_setcb(c->bev, NULL, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, c->conns->low_water, 0);
	c->conns->nbacklogs++;
	set_user_timeout(c, 0);
	c->conns->ops->backlogged(c->owner);
	return true;
}

static void
end_backlog(struct conn *c)
{
	free_backlog(c);
	set_user_timeout(c, CONN_PEER_TIMEOUT);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (conn_backlog(c) == 0)
		end_backlog(c);
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
	c->conns->bytes_out += (size_t)sent;
	return (size_t)sent;
}

/* Adds what is left after the first sent bytes to the backlog. */
static bool
add_backlog(struct conn *c, const struct iovec *iov, size_t n, size_t sent)
{
	size_t i;

	if (c->bev == NULL && !begin_backlog(c))
		return false;
	for (i = 0; i < n; i++) {
		if (sent >= iov[i].iov_len) {
			sent -= iov[i].iov_len;
			continue;
		}
		if (bufferevent_write(c->bev, (char *)iov[i].iov_base + sent,
			iov[i].iov_len - sent) == -1)
			return false;
		c->conns->bytes_out += iov[i].iov_len - sent;
		/* The write arms its event, too, but would not say if not. */
		if (bufferevent_enable(c->bev, EV_WRITE) == -1)
			return false;
		sent = 0;
	}
	return true;
}

static void
note_sending(const struct conn *c, uint64_t number)
{
	if (c->conns->sending != NULL)
		*c->conns->sending = number;
}

bool
conn_write(struct conn *c, const struct iovec *iov, size_t n, size_t total)
{
	size_t sent = 0;

	note_sending(c, c->number);
	if (c->error == 0 && c->bev == NULL)
		sent = send_now(c, iov, n);
	if (c->error == 0 && sent < total && !add_backlog(c, iov, n, sent))
		c->error = ENOMEM;
	if (c->bev == NULL)
		note_sending(c, 0);
	c->half = false;
	c->sent += (uint32_t)MIN(total, FEW + 1 - c->sent);
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
conn_peer_is_silent(const struct conn *c, uint64_t ms)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    info.tcpi_last_ack_recv >= ms &&
	    (info.tcpi_unacked > 0 || info.tcpi_probes > 1);
}

/* Where the second of two such questions is out, the first had no answer. */
void
conn_set_asking(struct conn *c, bool on)
{
	set_idle(c, on ? ASKING_IDLE : idle_of(c));
}

bool
conn_shutdown(struct conn *c)
{
	return shutdown(c->fd, SHUT_WR) == 0;
}

bool
conn_has_sent_little(const struct conn *c)
{
	return c->sent <= FEW;
}

/* On a UNIX socket this changes nothing. */
void
conn_end_by_reset(struct conn *c)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	c->resets = true;
	(void)setsockopt(
	    c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* ---- what outlives the process ---- */

void
conn_export(const struct conn *c, struct record *r)
{
	record_put_u8(r, c->half || conn_backlog(c) > 0);
	record_put_u32(r, c->sent);
}

bool
conn_import(struct conn *c, struct record_reader *r)
{
	c->half = record_get_u8(r) != 0;
	c->sent = record_get_u32(r);
	return !r->failed;
}

void
conn_note_fault(struct conn *c, bool was_sending)
{
	c->half = c->half || was_sending;
	c->sent = FEW + 1;
	set_user_timeout(c, CONN_PEER_TIMEOUT);
}

bool
conn_may_have_half_line(const struct conn *c)
{
	return c->half;
}

void
conn_export_rest(const struct conn *c, struct record *r)
{
	size_t len = conn_backlog(c), n;
	const unsigned char *p = conn_pending(c, &n);
	struct evbuffer *output;

	record_put_bytes(r, p, n);
	output = c->bev != NULL ? bufferevent_get_output(c->bev) : NULL;
	record_put_bytes(
	    r, len > 0 ? evbuffer_pullup(output, (ev_ssize_t)len) : NULL, len);
}

bool
conn_import_rest(struct conn *c, struct record_reader *r)
{
	struct iovec backlog;
	const void *p;
	size_t n;

	p = record_get_bytes(r, &n);
	if (n > 0 && !conn_keep(c, p, n))
		return false;
	backlog.iov_base = (void *)(uintptr_t)record_get_bytes(
	    r, &backlog.iov_len);
	if (r->failed)
		return false;
	if (backlog.iov_len == 0)
		return true;
	c->conns->bytes_out -= backlog.iov_len; /* is counted already */
	return add_backlog(c, &backlog, 1, 0);
}
