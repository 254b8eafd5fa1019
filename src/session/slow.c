#include "banterd/net/conn.h"
#include "banterd/session/client.h"
#include "banterd/session/slow.h"

#define LOOK_MS 10000 /* between looks at who has a backlog */

/* ---- stalled ---- */

bool
slow_has_all(const struct client *c)
{
	return fanout_unsent(&c->out) == 0 &&
	    conn_unacknowledged(c->out.conn) == 0;
}

void
slow_watch(struct client *c)
{
	struct session_context *ctx = c->ctx;

	if (c->stalls_at != 0 || c->state >= CLIENT_CLOSING)
		return;
	c->full_unsent = fanout_unsent(&c->out) +
	    conn_unacknowledged(c->out.conn);
	c->stalls_at = session_now(ctx) + ctx->conf->stall_timeout * 1000ULL;
	ctx->ops->arm_deadline(ctx->daemon, c, c->stalls_at);
}

void
slow_check_stall(struct client *c)
{
	uint32_t unsent = fanout_unsent(&c->out);

	if (!c->out.full && unsent < c->ctx->fanout->limit)
		return;
	if (c->ctx->was_stopped ||
	    unsent + conn_unacknowledged(c->out.conn) < c->full_unsent) {
		slow_watch(c);
		return;
	}
	c->ctx->stalled++;
	client_drop(c, "stalled");
}

/* ---- gone ---- */

void
slow_backlogged(void *owner)
{
	struct client *c = owner;

	client_changed(c, CHANGED_USER);
	if (!c->has_address)
		return;
	c->looks_at = session_now(c->ctx) + LOOK_MS;
	c->ctx->ops->arm_deadline(c->ctx->daemon, c, c->looks_at);
}

static void
look_for_gone(struct client *c)
{
	if (conn_backlog(c->out.conn) == 0 || c->state >= CLIENT_CLOSING)
		return;
	if (!c->ctx->was_stopped &&
	    conn_peer_is_silent(c->out.conn, CONN_PEER_TIMEOUT))
		client_drop(c, CLIENT_LOST);
	else
		c->looks_at = session_now(c->ctx) + LOOK_MS;
}

/* ---- does not close ---- */

/*
 * OpenBSD's nc has read our FIN, and goes on waiting for somebody to type; a
 * reset ends it.  But where its terminal is paused (Ctrl-S), what it has not
 * read would be lost then, which is only for who has quit.
 */
static void
look_for_all(struct client *c)
{
	if (!slow_has_all(c)) {
		c->looks_at = session_now(c->ctx) + CLIENT_LINGER_LOOK_MS;
		return;
	}
	if (c->has_quit || conn_has_sent_little(c->out.conn))
		conn_end_by_reset(c->out.conn);
	client_gone(c);
}

void
slow_look(struct client *c)
{
	(c->state == CLIENT_LINGERING ? look_for_all : look_for_gone)(c);
}

/* ---- reading again ---- */

static void
tell_skipped(struct client *c, uint32_t n)
{
	if (n == 1)
		client_tell(c, "* 1 line skipped; /history shows it.");
	else
		client_tell(c, "* %u lines skipped; /history shows them.", n);
}

bool
slow_drained(struct client *c)
{
	struct fanout *f = c->ctx->fanout;
	uint32_t skipped;

	/* If the queue stays full, what it is owed has to wake it again. */
	fanout_send(f, &c->out);
	skipped = fanout_end_skipping(f, &c->out);
	if (conn_backlog(c->out.conn) == 0)
		c->looks_at = 0;
	if (skipped > 0) {
		tell_skipped(c, skipped);
		fanout_send(f, &c->out);
	}
	if (!c->out.full)
		c->stalls_at = 0;
	return fanout_unsent(&c->out) == 0;
}
