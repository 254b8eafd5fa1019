/* What the store has to keep: each as a message to it. */
#include <string.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"
#include "banterd/chat/room.h"
#include "banterd/daemon/items.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/outbox.h"
#include "banterd/daemon/server.h"
#include "banterd/session/account.h"
#include "banterd/session/belongings.h"

static void
add(struct server *srv, struct store_message *m)
{
	const struct outbox_item *item;

	if (srv->conf->store == NULL)
		return;
	item = outbox_add(&srv->outbox, m);
	if (item != NULL && srv->keep != NULL)
		keep_add_item(srv->keep, item);
}

static void
put_state(struct server *srv, const struct client *c)
{
	struct store_message m = { .kind = STORE_ITEM_STATE,
		.owner = c->user.owner };
	struct record state = { 0 }, ignored = { 0 };

	if (srv->conf->store == NULL || c->account == NULL)
		return;
	belongings_export_state(c, &state, &ignored);
	m.state = state.bytes;
	m.state_len = state.len;
	m.list = ignored.bytes;
	m.list_len = ignored.len;
	if (!state.failed && !ignored.failed && !belongings_are_same(c, &state))
		add(srv, &m);
	record_free(&state);
	record_free(&ignored);
}

static uint8_t
flags_of(const struct room *room, const struct chat_event *ev)
{
	return (uint8_t)((ev->kind == EVENT_ACTION ? STORE_ACTION : 0) |
	    (room->key != NULL ? STORE_KEYED : 0));
}

void
items_said(struct server *srv, const struct room *room, const struct user *by,
    const struct chat_event *ev)
{
	struct store_message m = { .kind = STORE_ITEM_LINE,
		.owner = by->owner,
		.when = (uint64_t)ev->time };

	if (srv->conf->store == NULL ||
	    config_keep_of(srv->conf, room->name) == CONFIG_KEEP_NONE)
		return;
	m.flags = flags_of(room, ev);
	strlcpy(m.room, room->name, sizeof(m.room));
	strlcpy(m.name, ev->who, sizeof(m.name));
	m.text = ev->text;
	m.text_len = strlen(ev->text);
	add(srv, &m);
}

void
items_moved(
    struct server *srv, struct client *c, const struct room *room, bool in)
{
	struct store_message m = { .kind = in ? STORE_ITEM_JOIN :
						STORE_ITEM_PART,
		.owner = c->user.owner,
		.when = (uint64_t)srv->registry.wall };

	/* Who makes a room may have been in others of that name. */
	if (in && room->nmembers == 1 && !room->permanent)
		m.flags = STORE_ANEW;
	strlcpy(m.room, room->name, sizeof(m.room));
	add(srv, &m);
}

void
items_parted(struct server *srv, struct client *c, const char *room)
{
	struct store_message m = { .kind = STORE_ITEM_PART,
		.owner = c->user.owner };

	strlcpy(m.room, room, sizeof(m.room));
	add(srv, &m);
}

void
items_shown(
    struct server *srv, struct client *c, const char *room, uint64_t line)
{
	struct store_message m = {
		.kind = STORE_ITEM_SHOWN, .owner = c->user.owner, .line = line
	};

	strlcpy(m.room, room, sizeof(m.room));
	add(srv, &m);
}

void
items_read(struct server *srv, struct client *c, uint64_t line)
{
	struct store_message m = {
		.kind = STORE_ITEM_READ, .owner = c->user.owner, .line = line
	};

	add(srv, &m);
}

void
items_logged_out(struct server *srv, struct client *c)
{
	struct store_message m = { .kind = STORE_ITEM_LEFT,
		.owner = c->user.owner,
		.when = (uint64_t)srv->registry.wall };

	put_state(srv, c);
	add(srv, &m);
}

void
items_client_changed(struct server *srv, struct client *c)
{
	if (c->is_unstored)
		return;
	TAILQ_INSERT_TAIL(&srv->unstored, c, unstored);
	c->is_unstored = true;
}

void
items_forget(struct server *srv, struct client *c)
{
	if (c->is_unstored)
		TAILQ_REMOVE(&srv->unstored, c, unstored);
	c->is_unstored = false;
}

void
items_put_changed(struct server *srv)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&srv->unstored)) != NULL) {
		items_forget(srv, c);
		if (c->user.owner != 0)
			put_state(srv, c);
	}
}
