#include <sys/param.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/export.h"
#include "banterd/config/saved.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/server.h"
#include "banterd/session/export.h"
#include "banterd/state/remnant.h"

#define ALL_OF_A_CLIENT \
	(CHANGED_USER | CHANGED_IGNORED | CHANGED_AWAY | CHANGED_UNHEARD)
#define ALL_OF_A_ROOM (CHANGED_ROOM | CHANGED_TALLIES | CHANGED_BANS)

/* Bytes of the database that are reserved: for rooms, and for each client, up
 * to so many. */
#define RESERVED          (1 << 20)
#define RESERVED_FOR_EACH 512
#define RESERVED_CLIENTS  16384U

/* ---- keys ---- */

/* Big-endian: their order is that of the numbers. */
static void
add_number(struct keep_key *key, uint64_t number, size_t width)
{
	while (width-- > 0)
		key->bytes[key->len++] = (unsigned char)(number >> (8 * width));
}

void
keep_make_key(struct keep_key *key, enum keep_kind kind, uint64_t number)
{
	key->len = 0;
	add_number(key, kind, 1);
	add_number(key, number, sizeof(number));
}

uint64_t
keep_key_number(const void *key, size_t len)
{
	const unsigned char *bytes = key;
	uint64_t number = 0;
	size_t i;

	for (i = 1; i <= sizeof(number) && i < len; i++)
		number = number << 8 | bytes[i];
	return number;
}

static void
make_host_key(struct keep_key *key, const struct host *host)
{
	key->len = 0;
	add_number(key, KEEP_HOST, 1);
	memcpy(key->bytes + key->len, &host->net, sizeof(host->net));
	key->len += sizeof(host->net);
	add_number(key, host->scope, sizeof(host->scope));
}

/* ---- to the database ---- */

/* What does not go in is found out by the commit. */
static void
put(struct keep *k, const struct keep_key *key)
{
	if (k->record.failed)
		errno = ENOMEM;
	else if (database_put(k->db, key->bytes, key->len, k->record.bytes,
		     k->record.len))
		return;
	k->failed = errno;
}

void
keep_drop(struct keep *k, const struct keep_key *key)
{
	if (!database_delete(k->db, key->bytes, key->len))
		k->failed = errno;
	k->is_dirty = true;
}

void
keep_take_out(struct keep *k, enum keep_kind kind, uint64_t number)
{
	struct keep_key key;

	keep_make_key(&key, kind, number);
	keep_drop(k, &key);
}

struct record *
keep_record(struct keep *k)
{
	record_begin(&k->record);
	return &k->record;
}

void
keep_put(struct keep *k, enum keep_kind kind, uint64_t number)
{
	struct keep_key key;

	keep_make_key(&key, kind, number);
	put(k, &key);
	k->is_dirty = true;
}

/* ---- clients ---- */

bool
keep_add(struct keep *k, struct client *c)
{
	struct kept *kept;

	if ((kept = calloc(1, sizeof(*kept))) == NULL)
		return false;
	kept->client = c;
	c->kept = kept;
	vault_add(k->vault, &kept->item, conn_descriptor(c->out.conn),
	    conn_number(c->out.conn));
	keep_client_changed(k, c, CHANGED_USER);
	return true;
}

void
keep_client_changed(struct keep *k, struct client *c, unsigned what)
{
	struct kept *kept = c->kept;

	if (kept == NULL)
		return;
	if ((what & CHANGED_INPUT) != 0 && k->has_begun)
		keep_add_spent(k, c);
	if (kept->changes == 0)
		TAILQ_INSERT_TAIL(&k->changed, kept, changed);
	kept->changes |= what;
	k->is_dirty = true;
}

bool
keep_remove(struct keep *k, struct client *c)
{
	uint64_t number = conn_number(c->out.conn);
	struct kept *kept = c->kept;
	enum keep_kind kind;
	bool is_held;

	for (kind = KEEP_CLIENT; kind <= KEEP_UNHEARD; kind++) {
		if (kept == NULL || (kept->stored & 1U << kind) != 0)
			keep_take_out(k, kind, number);
	}
	k->is_dirty = true;
	if (kept == NULL)
		return false;
	if (kept->changes != 0)
		TAILQ_REMOVE(&k->changed, kept, changed);
	is_held = vault_remove(k->vault, &kept->item, server_now(k->srv));
	c->kept = NULL;
	free(kept);
	return is_held;
}

/* Returns false if there is nothing of that kind. */
static bool
write_part(struct keep *k, const struct client *c, enum keep_kind kind)
{
	record_begin(&k->record);
	switch (kind) {
	case KEEP_CLIENT:
		client_export(c, &k->record);
		return true;
	case KEEP_IGNORED:
		export_ignored(&c->user, &k->record);
		return c->user.ignored.n > 0;
	case KEEP_AWAY:
		if (c->user.away != NULL)
			export_away(&c->user, &k->record);
		return c->user.away != NULL;
	default:
		if (c->unheard != NULL)
			client_export_unheard(c, &k->record);
		return c->unheard != NULL;
	}
}

/* Puts one record of a client, or takes it out where there is nothing. */
static void
put_part(struct keep *k, const struct client *c, enum keep_kind kind)
{
	uint64_t number = conn_number(c->out.conn);
	struct keep_key key;

	if (!write_part(k, c, kind)) {
		keep_take_out(k, kind, number);
		c->kept->stored &= ~(1U << kind);
		return;
	}
	keep_make_key(&key, kind, number);
	put(k, &key);
	c->kept->stored |= 1U << kind;
}

static void
put_client(struct keep *k, const struct client *c, unsigned what)
{
	static const struct {
		unsigned what;
		enum keep_kind kind;
	} parts[] = {
		{ CHANGED_USER, KEEP_CLIENT },
		{ CHANGED_IGNORED, KEEP_IGNORED },
		{ CHANGED_AWAY, KEEP_AWAY },
		{ CHANGED_UNHEARD, KEEP_UNHEARD },
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if ((what & parts[i].what) != 0)
			put_part(k, c, parts[i].kind);
	}
	if ((what & (CHANGED_USER | CHANGED_SPENT)) != 0)
		keep_add_spent(k, c);
}

static void
put_clients(struct keep *k)
{
	struct kept *kept;

	while ((kept = TAILQ_FIRST(&k->changed)) != NULL) {
		TAILQ_REMOVE(&k->changed, kept, changed);
		put_client(k, kept->client, kept->changes);
		kept->changes = 0;
	}
}

/* ---- rooms ---- */

static void
end_room(struct keep *k, struct room *room)
{
	if (room->changes != 0)
		TAILQ_REMOVE(&k->changed_rooms, room, changed);
	room->changes = 0;
	journal_forget(k->journal, room->history.bytes);
	keep_take_out(k, KEEP_ROOM, room->number);
	keep_take_out(k, KEEP_TALLIES, room->number);
	keep_take_out(k, KEEP_BANS, room->number);
}

void
keep_room_changed(struct keep *k, struct room *room, unsigned what)
{
	k->is_dirty = true;
	if ((what & CHANGED_OVER) != 0) {
		end_room(k, room);
		return;
	}
	if (room->changes == 0)
		TAILQ_INSERT_TAIL(&k->changed_rooms, room, changed);
	room->changes |= what;
}

/* With who has made it, for which there is no room in chat. */
static void
put_room(struct keep *k, const struct room *room)
{
	const struct host *maker = room->maker;
	struct keep_key key;

	record_begin(&k->record);
	export_room(room, &k->record);
	record_put_u8(&k->record, maker != NULL);
	if (maker != NULL)
		host_export_address(maker, &k->record);
	keep_make_key(&key, KEEP_ROOM, room->number);
	put(k, &key);
}

static void
put_part_of_room(struct keep *k, const struct room *room, enum keep_kind kind,
    void (*export)(const struct room *, struct record *))
{
	struct keep_key key;

	record_begin(&k->record);
	export(room, &k->record);
	keep_make_key(&key, kind, room->number);
	put(k, &key);
}

static void
put_rooms(struct keep *k)
{
	struct room *room;
	unsigned what;

	while ((room = TAILQ_FIRST(&k->changed_rooms)) != NULL) {
		TAILQ_REMOVE(&k->changed_rooms, room, changed);
		what = room->changes;
		room->changes = 0;
		if ((what & CHANGED_ROOM) != 0)
			put_room(k, room);
		if ((what & CHANGED_TALLIES) != 0)
			put_part_of_room(k, room, KEEP_TALLIES, export_tallies);
		if ((what & CHANGED_BANS) != 0)
			put_part_of_room(k, room, KEEP_BANS, export_bans);
		if ((what & CHANGED_SAID) != 0)
			keep_add_said(k, room);
	}
}

/* ---- hosts ---- */

static void
on_host_changed(void *owner, const struct host *host, bool forgotten)
{
	struct keep *k = owner;
	struct keep_key key;

	make_host_key(&key, host);
	k->is_dirty = true;
	if (forgotten) {
		keep_drop(k, &key);
		return;
	}
	record_begin(&k->record);
	host_export(host, &k->record);
	put(k, &key);
}

/* ---- listeners ---- */

/* By the time somebody else may have made another file of that name. */
void
keep_write_listener(struct keep *k, const struct listener *l)
{
	struct keep_key key;

	if (l->stored_as == 0 || l->addr.ss_family != AF_UNIX)
		return;
	record_begin(&k->record);
	record_put_u64(&k->record, l->dev);
	record_put_u64(&k->record, l->ino);
	keep_make_key(&key, KEEP_LISTENER, l->stored_as);
	put(k, &key);
	k->is_dirty = true;
}

/* ---- of the store ---- */

void
keep_name(struct keep *k, const char *name, uint64_t owner, bool by_admin)
{
	struct record *r = keep_record(k);

	record_put_text(r, name);
	record_put_u8(r, by_admin);
	keep_put(k, KEEP_NAME, owner);
}

/* What it has to keep is in the journal. */
static void
put_of_store(struct keep *k)
{
	struct registered *r;

	RB_FOREACH(r, registered_tree, &k->srv->registry.names.tree)
		keep_name(k, r->name, r->owner, r->by_admin);
	record_put_u64(keep_record(k), k->srv->outbox.epoch);
	keep_put(k, KEEP_EPOCH, 0);
}

/* ---- counters ---- */

/* Each counter, and where it is. */
static void
copy_counters(struct server *srv, uint64_t *counters, bool restore)
{
	uint64_t generation = srv->registry.generation;
	uint64_t *const of[LIFE_COUNTERS] = {
		[LIFE_USERS] = &generation,
		[LIFE_GUESTS] = &srv->registry.next_guest,
		[LIFE_ROOMS] = &srv->registry.rooms_made,
		[LIFE_JOINS] = &srv->registry.joins,
		[LIFE_CONNECTIONS] = &srv->conns.made,
		[LIFE_STARTED] = &srv->started,
		[LIFE_ACCEPTED] = &srv->accepted,
		[LIFE_REFUSED] = &srv->refused,
		[LIFE_LINES_IN] = &srv->session.lines_in,
		[LIFE_SLOWED] = &srv->session.slowed,
		[LIFE_STALLED] = &srv->session.stalled,
		[LIFE_BYTES_IN] = &srv->conns.bytes_in,
		[LIFE_BYTES_OUT] = &srv->conns.bytes_out,
		[LIFE_LINES_OUT] = &srv->fanout->lines,
		[LIFE_SKIPPED] = &srv->fanout->skipped,
		[LIFE_ITEMS] = &srv->outbox.next,
	};
	size_t i;

	for (i = 0; i < LIFE_COUNTERS; i++) {
		if (restore)
			*of[i] = counters[i];
		else
			counters[i] = *of[i];
	}
	srv->registry.generation = (uint32_t)generation;
}

/* A life that has carried out so much is no reason to begin anew. */
static void
note_lines(struct keep *k)
{
	if (k->life->faults > 0 &&
	    k->srv->session.lines_in - k->lines_at_start >= LIFE_LINES)
		k->life->faults = 0;
}

/* ---- committing ---- */

static void
mark_all(struct keep *k)
{
	struct room *room;
	struct client *c;

	TAILQ_FOREACH(c, &k->srv->clients, next)
		keep_client_changed(k, c, ALL_OF_A_CLIENT);
	RB_FOREACH(room, room_tree, &k->srv->registry.rooms)
		keep_room_changed(k, room, ALL_OF_A_ROOM);
}

static bool
commit(struct keep *k)
{
	put_rooms(k);
	put_clients(k);
	if (k->failed == 0 && database_commit(k->db))
		return true;
	if (k->failed == 0)
		k->failed = errno;
	database_abort(k->db);
	return false;
}

/* Writes all anew into an empty database. */
static bool
write_anew(struct keep *k)
{
	const struct listener *l;

	k->failed = 0;
	k->life->end = LIFE_NOT_KEPT;
	if (!database_reset(k->db)) {
		k->failed = errno;
		return false;
	}
	mark_all(k);
	hosts_tell_all(&k->srv->hosts);
	put_of_store(k);
	TAILQ_FOREACH(l, &k->srv->listeners.list, next)
		keep_write_listener(k, l);
	keep_set_config(k, k->srv->conf);
	if (!commit(k))
		return false;
	k->life->end = LIFE_RUNNING;
	return true;
}

static void
mend(struct keep *k)
{
	int why = k->failed;

	if (write_anew(k)) {
		log_warning("what is kept was written anew: %s", strerror(why));
		return;
	}
	k->is_broken = true;
	log_error(
	    "nothing is kept any more, a fault would disconnect people: %s",
	    strerror(k->failed));
}

static void
tell_refused(struct keep *k)
{
	if (vault_waiting(k->vault) == 0 || k->told_refused)
		return;
	k->told_refused = true;
	log_warning(
	    "%u connections are not kept, a fault would end them: %s (limit of open files?)",
	    vault_waiting(k->vault), strerror(vault_refused(k->vault)));
}

void
keep_commit(struct keep *k)
{
	uint64_t now;

	if (!k->is_dirty || !k->has_begun || k->is_broken)
		return;
	now = server_now(k->srv);
	copy_counters(k->srv, k->life->counters, false);
	note_lines(k);
	if (!commit(k))
		mend(k);
	keep_tidy_journal(k);
	k->is_dirty = false;
	vault_flush(k->vault, now);
	tell_refused(k);
	server_wake_at(k->srv, MAX(vault_due(k->vault), now));
}

uint64_t
keep_tick(struct keep *k, uint64_t now)
{
	uint64_t next = MAX(vault_tick(k->vault, now), now);

	if (vault_waiting(k->vault) == 0)
		k->told_refused = false;
	return next;
}

/* ---- the configuration ---- */

void
keep_set_config(struct keep *k, const struct config *conf)
{
	struct keep_key key;

	record_begin(&k->record);
	config_export(conf, &k->record);
	keep_make_key(&key, KEEP_CONFIG, 0);
	put(k, &key);
	k->is_full = true; /* histories may be shorter now */
	k->is_dirty = true;
}

/* ---- the beginning ---- */

static void
before_sending(void *owner)
{
	keep_commit(owner);
}

/* What people and rooms will take; more than that is taken as it is needed. */
static void
reserve_memory(const struct keep *k)
{
	const struct config *conf = k->srv->conf;
	size_t clients = MIN(conf->max_clients, RESERVED_CLIENTS);

	if (!database_reserve(
		k->fds[KEEP_DATABASE], RESERVED + clients * RESERVED_FOR_EACH))
		log_warning("no memory is reserved for what is kept: %s",
		    strerror(errno));
}

void
keep_attach(struct keep *k, struct server *srv)
{
	k->srv = srv;
	k->notify = &srv->notify;
	srv->keep = k;
	srv->conns.sending = &k->life->sending;
	srv->conns.reading = &k->life->reading;
	srv->fanout->before_sending = before_sending;
	srv->fanout->owner = k;
	srv->hosts.changed = on_host_changed;
	srv->hosts.owner = k;
	srv->listeners.may_be_early = true;
	if (k->start == KEEP_HANDED || k->start == KEEP_FAULT)
		copy_counters(srv, k->life->counters, true);
	k->lines_at_start = srv->session.lines_in;
	reserve_memory(k);
}

void
keep_begin(struct keep *k)
{
	k->has_begun = true;
	k->is_full = true; /* of what is out of date */
	k->notify->patience_ms = 0;
	if (!k->srv->conf_is_old)
		keep_set_config(k, k->srv->conf);
	if (k->start == KEEP_FRESH || k->start == KEEP_FORGOTTEN)
		mark_all(k);
	put_of_store(k);
	k->is_dirty = true;
	keep_commit(k);
	if (!k->is_broken)
		k->life->end = LIFE_RUNNING;
	/* What came of these is in the records now. */
	k->life->sending = 0;
	k->life->reading = 0;
	/* Somebody may have died before they did that. */
	if (!remnant_wipe(k->fds[KEEP_REMNANT]))
		log_warning("what was handed over could not be overwritten: %s",
		    strerror(errno));
}

/* ---- the end ---- */

bool
keep_write_all(struct keep *k)
{
	if (k->is_broken) {
		k->is_broken = !write_anew(k);
	} else {
		mark_all(k);
		hosts_tell_all(&k->srv->hosts);
		keep_commit(k);
	}
	errno = k->failed;
	return !k->is_broken;
}

/* Nothing that happens from now on is kept; what is stays as it is. */
static void
detach(struct keep *k)
{
	struct server *srv = k->srv;
	struct client *c;

	vault_free(k->vault);
	k->vault = NULL;
	TAILQ_FOREACH(c, &srv->clients, next) {
		free(c->kept);
		c->kept = NULL;
	}
	srv->keep = NULL;
	srv->conns.sending = NULL;
	srv->conns.reading = NULL;
	srv->fanout->before_sending = NULL;
	srv->hosts.changed = NULL;
}

void
keep_leave(struct keep *k)
{
	k->srv->conns.are_handed_over = true;
	k->srv->listeners.are_handed_over = true;
	detach(k);
}

void
keep_stop(struct keep *k)
{
	keep_commit(k);
	if (k->is_broken)
		return;
	k->life->faults = 0;
	k->life->end = LIFE_HANDED_OVER;
}
