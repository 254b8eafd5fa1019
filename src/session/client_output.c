/* A client's output: readers who are slow, who have stalled, who are gone. */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/sockios.h>

#include <errno.h>

#include "banterd/session/client.h"
#include "banterd/net/listener.h"
#include "banterd/daemon/server.h"

#define LOOK_MS 10000 /* between looks at who has a backlog */

struct client *
client_of_queue(struct output_queue *q)
{
	return (
	    struct client *)(void *)((char *)q - offsetof(struct client, out));
}

/* ---- stalled ---- */

/* What has left here and not arrived there, in bytes. */
static uint32_t
unacknowledged(const struct client *c)
{
	int n = 0;

	if (ioctl(c->out.fd, SIOCOUTQ, &n) == -1 || n < 0)
		return 0;
	return (uint32_t)n;
}

bool
client_has_all(const struct client *c)
{
	return output_unsent(&c->out) == 0 && unacknowledged(c) == 0;
}

/* From now on the send queue is full; if nothing moves, c has stalled. */
void
client_watch_stall(struct client *c)
{
	if (c->stalls_at != 0 || c->state >= CLIENT_CLOSING)
		return;
	c->full_unsent = output_unsent(&c->out) + unacknowledged(c);
	c->stalls_at = server_now(c->server) +
	    c->server->conf->stall_timeout * 1000ULL;
	server_await(c->server, c, c->stalls_at);
}

void
client_check_stall(struct client *c)
{
	uint32_t unsent = output_unsent(&c->out);

	c->stalls_at = 0;
	if (!c->out.full && unsent < c->server->output->limit)
		return;
	if (unsent + unacknowledged(c) < c->full_unsent) {
		client_watch_stall(c);
		return;
	}
	c->server->stats.stalled++;
	client_drop(c, "stalled");
}

/* ---- gone ---- */

static void
set_timeout(const struct client *c, int ms)
{
	/* It helps to find who is gone; without it, TCP takes its time. */
	if (c->has_address)
		(void)setsockopt(
		    c->out.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/*
 * TCP_USER_TIMEOUT takes a reader that pauses for one that is gone: as long as
 * its window is shut nothing is acknowledged.  So it is off while there is a
 * backlog, and we look instead.
 */
static void
on_backlog(struct output_queue *q)
{
	struct client *c = client_of_queue(q);

	if (!c->has_address)
		return;
	set_timeout(c, 0);
	c->looks_at = server_now(c->server) + LOOK_MS;
	server_await(c->server, c, c->looks_at);
}

/* One that pauses answers the probes of its window (RFC 9293, 3.8.6.1). */
static bool
is_gone(const struct client *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(c->out.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    info.tcpi_last_ack_recv >= LISTENER_PEER_TIMEOUT &&
	    (info.tcpi_unacked > 0 || info.tcpi_probes > 1);
}

void
client_look(struct client *c)
{
	if (c->out.bev == NULL || c->state >= CLIENT_CLOSING)
		c->looks_at = 0;
	else if (is_gone(c))
		client_drop(c, "connection lost");
	else
		c->looks_at = server_now(c->server) + LOOK_MS;
}

bool
client_is_reset(const struct client *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(c->out.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error != 0;
}

void
client_broken(struct client *c)
{
	c->lost = true;
	if (c->state >= CLIENT_CLOSING)
		client_gone(c);
	else if (c->out.error == ENOMEM)
		client_drop(c, "connection lost");
	else
		client_input(c);
}

/* ---- the queue ---- */

static void
tell_skipped(struct client *c, uint32_t n)
{
	if (n == 1)
		client_tell(c, "* 1 line skipped; /history shows it.");
	else
		client_tell(c, "* %u lines skipped; /history shows them.", n);
}

static void
on_drained(struct output_queue *q, uint32_t skipped)
{
	struct client *c = client_of_queue(q);

	if (q->bev == NULL) {
		c->server->freed++;
		c->looks_at = 0;
		set_timeout(c, LISTENER_PEER_TIMEOUT);
	}
	if (skipped > 0) {
		tell_skipped(c, skipped);
		output_send(q);
	}
	if (!q->full)
		c->stalls_at = 0;
	if (c->state == CLIENT_CLOSING && output_unsent(q) == 0)
		client_linger(c);
	else if (c->state <= CLIENT_CHAT && !c->reading)
		client_input(c);
}

const struct output_events client_output_events = {
	.backlog_begins = on_backlog,
	.drained = on_drained,
};

bool
client_deliver(struct user *u, struct line *line)
{
	struct client *c = client_of_user(u);
	struct server *srv = c->server;
	bool queued;

	queued = output_add(&c->out, line, srv->registry.wall);
	if (c->out.full)
		client_watch_stall(c);
	return queued;
}

uint32_t
client_room_left(struct client *c)
{
	uint32_t unsent, limit = c->server->output->limit;

	/* What it is owed may only be waiting for the turn's end. */
	if (output_unsent(&c->out) > limit / 2)
		output_send(&c->out);
	unsent = output_unsent(&c->out);
	return unsent < limit ? limit - unsent : 0;
}
