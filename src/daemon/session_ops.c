/* What clients need of the daemon around them. */
#include "banterd/daemon/admit.h"
#include "banterd/daemon/items.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/store.h"
#include "banterd/net/conn.h"

static uint64_t
now(void *daemon)
{
	return server_now(daemon);
}

static void
arm_deadline(void *daemon, struct client *c, uint64_t ms)
{
	struct server *srv = daemon;

	if (!c->is_waiting) {
		TAILQ_INSERT_TAIL(&srv->waiting, c, waiting);
		c->is_waiting = true;
	}
	server_wake_at(srv, ms);
}

static void
mark_runnable(void *daemon, struct client *c)
{
	struct server *srv = daemon;

	if (c->is_runnable)
		return;
	TAILQ_INSERT_TAIL(&srv->runnable, c, runnable);
	c->is_runnable = true;
}

static bool
is_crowded(void *daemon)
{
	const struct server *srv = daemon;

	return srv->nclosing > SERVER_CLOSING && !srv->session.stopping;
}

static void
release_place(void *daemon, struct client *c)
{
	admit_release_place(daemon, c);
}

static void
gone(void *daemon, struct client *c)
{
	struct server *srv = daemon;

	store_forget(srv->store, c);
	items_forget(srv, c);
	if (srv->keep != NULL && keep_remove(srv->keep, c))
		conn_end(c->out.conn);
	TAILQ_REMOVE(&srv->clients, c, next);
	if (c->is_waiting)
		TAILQ_REMOVE(&srv->waiting, c, waiting);
	if (c->is_runnable)
		TAILQ_REMOVE(&srv->runnable, c, runnable);
	c->is_waiting = c->is_runnable = false;
	TAILQ_INSERT_TAIL(&srv->gone, c, next);
}

static void
client_has_changed(void *daemon, struct client *c, unsigned what)
{
	struct server *srv = daemon;

	if (c->user.owner != 0 &&
	    (what & (CHANGED_USER | CHANGED_IGNORED)) != 0)
		items_client_changed(srv, c);
	if (srv->keep != NULL)
		keep_client_changed(srv->keep, c, what);
}

static void
room_has_changed(void *daemon, struct room *room, unsigned what)
{
	struct server *srv = daemon;

	if (srv->keep != NULL)
		keep_room_changed(srv->keep, room, what);
}

static enum session_asked
ask(void *daemon, struct client *c, struct store_message *m)
{
	struct server *srv = daemon;

	return store_ask(srv->store, c, m);
}

static bool
has_store(void *daemon)
{
	const struct server *srv = daemon;

	return store_is_there(srv->store);
}

static void
said(void *daemon, const struct room *room, const struct user *by,
    const struct chat_event *ev)
{
	struct server *srv = daemon;

	items_said(srv, room, by, ev);
}

static void
moved(void *daemon, struct client *c, const struct room *room, bool in)
{
	struct server *srv = daemon;

	items_moved(srv, c, room, in);
}

static void
parted(void *daemon, struct client *c, const char *room)
{
	struct server *srv = daemon;

	items_parted(srv, c, room);
}

static void
forget(void *daemon, struct client *c)
{
	struct server *srv = daemon;

	store_forget(srv->store, c);
}

static void
shown(void *daemon, struct client *c, const char *room, uint64_t line)
{
	struct server *srv = daemon;

	items_shown(srv, c, room, line);
}

static void
has_read(void *daemon, struct client *c, uint64_t line)
{
	struct server *srv = daemon;

	items_read(srv, c, line);
}

static void
logged_out(void *daemon, struct client *c)
{
	struct server *srv = daemon;

	items_logged_out(srv, c);
}

const struct session_ops server_session_ops = {
	.now = now,
	.arm_deadline = arm_deadline,
	.mark_runnable = mark_runnable,
	.is_crowded = is_crowded,
	.release_place = release_place,
	.gone = gone,
	.changed = client_has_changed,
	.room_changed = room_has_changed,
	.has_store = has_store,
	.ask = ask,
	.said = said,
	.moved = moved,
	.parted = parted,
	.forget = forget,
	.shown = shown,
	.read = has_read,
	.logged_out = logged_out,
};
