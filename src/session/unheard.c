#include <stdlib.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/user.h"
#include "banterd/net/conn.h"
#include "banterd/session/client.h"
#include "banterd/session/slow.h"
#include "banterd/session/unheard.h"

#define ROUND_MS 1000 /* the loop wakes for all of them at once */

/* ---- who waits ---- */

static void
look_later(struct client *c)
{
	uint64_t at = session_now(c->ctx) + UNHEARD_MS + ROUND_MS - 1;

	c->unheard->looks_at = at - at % ROUND_MS;
	client_changed(c, CHANGED_UNHEARD);
	c->ctx->ops->arm_deadline(c->ctx->daemon, c, c->unheard->looks_at);
}

static bool
begin(struct client *c)
{
	if ((c->unheard = calloc(1, sizeof(*c->unheard))) == NULL)
		return false;
	look_later(c);
	return true;
}

static void
stop_asking(struct client *c)
{
	if (c->unheard->asked_at != 0)
		conn_set_asking(c->out.conn, false);
	c->unheard->asked_at = 0;
}

static void
forget(struct client *c)
{
	stop_asking(c);
	client_end_unheard(c);
	client_changed(c, CHANGED_UNHEARD);
}

/* Who is not told for want of memory is not told. */
static void
add_writer(struct client *c, uint64_t id)
{
	(void)id_set_add(c->ctx->registry, &c->unheard->writers, id);
	client_changed(c, CHANGED_UNHEARD);
}

/* Nothing leaves that could remain without an answer; the writer would find
 * out by not being told.  So the kernel asks. */
static void
ask_instead(struct client *c)
{
	if (c->unheard->asked_at == 0)
		conn_set_asking(c->out.conn, true);
	c->unheard->asked_at = session_now(c->ctx);
	client_changed(c, CHANGED_UNHEARD);
}

/* ---- who is told ---- */

static void
tell(const struct client *c, struct client *writer)
{
	client_tell(writer, "* %s has not answered for %u s; they may be gone.",
	    c->user.name, UNHEARD_MS / 1000U);
}

static void
tell_all(struct client *c)
{
	struct unheard *u = c->unheard;
	struct user *writer;
	uint32_t i;

	for (i = 0; i < u->writers.n; i++) {
		writer = user_by_id(c->ctx->registry, u->writers.ids[i]);
		if (writer != NULL)
			tell(c, client_of_user(writer));
	}
	id_set_clear(&u->writers);
}

/* Whether it has not answered since they were told; what was on its way then
 * still is. */
static bool
is_still_silent(struct client *c)
{
	uint64_t since;

	if (c->unheard == NULL || c->unheard->silent_at == 0)
		return false;
	since = session_now(c->ctx) - c->unheard->silent_at;
	if (conn_peer_is_silent(c->out.conn, since))
		return true;
	forget(c);
	return false;
}

void
unheard_wait(struct client *c, struct client *from)
{
	if (!c->has_address)
		return;
	if (is_still_silent(c)) {
		tell(c, from);
		return;
	}
	if (c->unheard == NULL && !begin(c))
		return;
	if (user_ignores(&c->user, from->user.id))
		ask_instead(c);
	add_writer(c, from->user.id);
}

/*
 * What was on its way at the last look, or was written then, has been so for
 * UNHEARD_MS now.  What came after an answer gets the same time: so nobody is
 * blamed for what has just left.
 */
static void
look(struct client *c, uint64_t now)
{
	struct unheard *u = c->unheard;
	bool asking = u->asked_at != 0 && now - u->asked_at < UNHEARD_MS;

	if (c->state >= CLIENT_CLOSING) {
		forget(c);
		return;
	}
	if (!c->ctx->was_stopped &&
	    conn_peer_is_silent(c->out.conn, UNHEARD_MS)) {
		tell_all(c);
		stop_asking(c);
		u->silent_at = now;
		client_changed(c, CHANGED_UNHEARD);
	} else if (slow_has_all(c) && !asking)
		forget(c);
	else
		look_later(c);
}

uint64_t
unheard_tick(struct client *c, uint64_t now)
{
	if (c->unheard != NULL && deadline_take(&c->unheard->looks_at, now))
		look(c, now);
	return c->unheard != NULL ?
	    earlier_if_set(NEVER, c->unheard->looks_at) :
	    NEVER;
}
