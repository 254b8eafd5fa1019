/* The end of a process that hands over in good order. */
#include <errno.h>
#include <string.h>

#include "banterd/chat/export.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/server.h"
#include "banterd/session/export.h"
#include "banterd/state/remnant.h"

static bool
is_in_vault(const struct client *c)
{
	return c->kept != NULL && c->kept->item.message != NULL;
}

/* They read the same as at a true stop. */
static void
close_unkept(struct server *srv)
{
	struct client *c, *next;

	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next) {
		if (is_in_vault(c) || c->state >= CLIENT_CLOSING)
			continue;
		client_tell(c, CLIENT_GOING_DOWN);
		client_close(c, CLIENT_LOST);
	}
	while (fanout_is_owing(srv->fanout))
		fanout_flush(srv->fanout);
}

/* k->record; one that is not whole counts as one that does not fit. */
static void
put(struct keep *k, struct remnant *rest, enum keep_kind kind, uint64_t number)
{
	struct keep_key key;

	keep_make_key(&key, kind, number);
	if (k->record.failed)
		remnant_fail(rest, ENOMEM);
	else
		remnant_put(
		    rest, key.bytes, key.len, k->record.bytes, k->record.len);
}

static void
put_rests(struct keep *k, struct remnant *rest)
{
	struct client *c;

	TAILQ_FOREACH(c, &k->srv->clients, next) {
		if (!is_in_vault(c))
			continue;
		record_begin(&k->record);
		client_export_rest(c, &k->record);
		put(k, rest, KEEP_REST, conn_number(c->out.conn));
	}
}

/* What the journal had no space for. */
static void
put_history(struct keep *k, struct remnant *rest)
{
	const struct history_entry *entry;
	struct room *room;

	if (!k->no_history)
		return;
	RB_FOREACH(room, room_tree, &k->srv->registry.rooms) {
		TAILQ_FOREACH(entry, &room->history.list, next) {
			keep_write_said(k, room, entry);
			put(k, rest, KEEP_SAID, room->number);
		}
	}
}

static bool
write_rest(struct keep *k)
{
	struct remnant *rest;
	int error;

	if ((rest = remnant_begin(k->fds[KEEP_REMNANT])) == NULL)
		return false;
	put_history(k, rest);
	put_rests(k, rest);
	if (remnant_end(rest))
		return true;
	error = errno;
	(void)remnant_wipe(k->fds[KEEP_REMNANT]);
	errno = error;
	return false;
}

bool
keep_hand_over(struct keep *k)
{
	struct server *srv = k->srv;

	log_notice("handing over %u client%s", srv->registry.nusers,
	    srv->registry.nusers == 1 ? "" : "s");
	vault_flush_last(k->vault);
	close_unkept(srv);
	if (!keep_write_all(k)) {
		log_error("cannot hand over: %s", strerror(errno));
		return false;
	}
	k->life->faults = 0;
	if (write_rest(k))
		k->life->end = LIFE_HANDED_OVER;
	else /* to the next one it is as if there had been a fault */
		log_error(
		    "what is unsent and unread is lost: %s", strerror(errno));
	keep_leave(k);
	return true;
}
