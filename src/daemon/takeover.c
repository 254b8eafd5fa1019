#include <sys/param.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/chat/member.h"
#include "banterd/daemon/admit.h"
#include "banterd/daemon/items.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/reload.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/store.h"
#include "banterd/daemon/takeover.h"
#include "banterd/session/export.h"
#include "banterd/state/remnant.h"

struct takeover {
	struct server *srv;
	struct keep *keep;
	struct imported im;
	struct kept **kept; /* by number, once all are there */
	size_t nkept, size;
	uint64_t *known; /* who has a record, by number */
	size_t nknown, known_size;
	struct keep_key *unread; /* records that nobody can read, or needs */
	size_t nunread, unread_size;
	uint64_t sending, reading; /* as of struct life */
	struct log_burst burst;    /* what cannot be read back */
};

static void
tell_unread(struct takeover *t, const char *what, uint64_t number)
{
	log_burst(&t->burst, server_now(t->srv),
	    "cannot read back what was kept of %s %llu", what,
	    (unsigned long long)number);
}

/* While records are read, none can be taken out.  Where there is no memory it
 * is told again by the next server. */
static void
note_unread(struct takeover *t, const struct keep_key *key)
{
	size_t size = t->unread_size == 0 ? 16 : t->unread_size * 2;
	struct keep_key *keys;

	if (t->nunread == t->unread_size) {
		keys = reallocarray(t->unread, size, sizeof(*keys));
		if (keys == NULL)
			return;
		t->unread = keys;
		t->unread_size = size;
	}
	t->unread[t->nunread++] = *key;
}

static void
drop_unread(struct takeover *t)
{
	size_t i;

	for (i = 0; i < t->nunread; i++)
		keep_drop(t->keep, &t->unread[i]);
	free(t->unread);
}

/* ---- the descriptors ---- */

/* As of database_found. */
static bool
note_known(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct takeover *t = arg;
	unsigned char kind = *(const unsigned char *)key;
	size_t size = t->known_size == 0 ? 256 : t->known_size * 2;
	uint64_t *known;

	(void)record;
	(void)len;
	if (kind != KEEP_CLIENT)
		return kind < KEEP_CLIENT;
	if (t->nknown == t->known_size) {
		known = reallocarray(t->known, size, sizeof(*known));
		if (known == NULL)
			return false;
		t->known = known;
		t->known_size = size;
	}
	t->known[t->nknown++] = keep_key_number(key, key_len);
	return true;
}

/* As of bsearch(3). */
static int
compare_numbers(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* Whether somebody has a record of that number, as far as is known: up to the
 * last one that there was memory for, or that could be read. */
static bool
may_have_record(const struct takeover *t, uint64_t number)
{
	return t->nknown == 0 || number > t->known[t->nknown - 1] ||
	    bsearch(&number, t->known, t->nknown, sizeof(number),
		compare_numbers) != NULL;
}

/* One that has ended by itself is no loss; and what was said of one that could
 * not be read back was said. */
static void
send_off(struct takeover *t, uint64_t number, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) != 0)
		return;
	tell_unread(t, "connection", number);
	keep_send_off(fd);
}

/* As of vault_taken. */
static struct vault_item *
on_taken(void *arg, uint64_t number, int fd)
{
	struct takeover *t = arg;
	struct kept **list;
	size_t size = t->size == 0 ? 256 : t->size * 2;

	if (!may_have_record(t, number)) {
		send_off(t, number, fd);
		return NULL;
	}
	if (t->nkept == t->size) {
		list = reallocarray(t->kept, size, sizeof(struct kept *));
		if (list == NULL) {
			tell_unread(t, "connection", number);
			return NULL;
		}
		t->kept = list;
		t->size = size;
	}
	if ((t->kept[t->nkept] = calloc(1, sizeof(struct kept))) == NULL) {
		tell_unread(t, "connection", number);
		return NULL;
	}
	return &t->kept[t->nkept++]->item;
}

/* As of qsort(3). */
static int
compare_kept(const void *a, const void *b)
{
	const struct kept *one = *(struct kept *const *)a,
			  *other = *(struct kept *const *)b;

	return (one->item.number > other->item.number) -
	    (one->item.number < other->item.number);
}

/* The vault has nothing of it any more; of another descriptor of the same
 * connection nothing is said. */
static void
give_up(struct takeover *t, struct kept *kept)
{
	vault_remove(t->keep->vault, &kept->item, server_now(t->srv));
	close(kept->item.fd);
	free(kept);
}

static void
give_up_double(struct takeover *t, struct kept *kept, struct kept *other)
{
	kept->item.is_twice = true;
	give_up(t, other);
}

/* Who died while turning the ring has left some twice. */
static void
drop_doubles(struct takeover *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->nkept; i++) {
		if (n > 0 &&
		    t->kept[n - 1]->item.number == t->kept[i]->item.number)
			give_up_double(t, t->kept[n - 1], t->kept[i]);
		else
			t->kept[n++] = t->kept[i];
	}
	t->nkept = n;
}

static void
take_descriptors(struct takeover *t)
{
	struct conns *conns = &t->srv->conns;

	/* The dead, of whom nothing is known any more, take no descriptors from
	 * the living. */
	(void)database_each(t->keep->db, note_known, t);
	if (!vault_take_over(t->keep->vault, on_taken, t, server_now(t->srv)))
		log_error("not all connections could be taken over: %s",
		    strerror(errno));
	free(t->known);
	if (t->nkept == 0)
		return;
	qsort(t->kept, t->nkept, sizeof(struct kept *), compare_kept);
	drop_doubles(t);
	conns->made = MAX(conns->made, t->kept[t->nkept - 1]->item.number);
}

static struct kept *
find_kept(const struct takeover *t, uint64_t number)
{
	struct kept key = { .item = { .number = number } }, *pkey = &key,
		    **found;

	if (t->nkept == 0)
		return NULL;
	found = bsearch(
	    &pkey, t->kept, t->nkept, sizeof(struct kept *), compare_kept);
	return found != NULL ? *found : NULL;
}

static struct client *
find_client(const struct takeover *t, uint64_t number)
{
	const struct kept *kept = find_kept(t, number);

	return kept != NULL ? kept->client : NULL;
}

/* ---- the records ---- */

static bool
read_maker(struct takeover *t, struct room *room, struct record_reader *r)
{
	struct address a;
	struct host *host;

	if (record_get_u8(r) == 0)
		return record_is_whole(r);
	address_import(&a, r);
	if (!record_is_whole(r))
		return false;
	host = host_find_or_make(&t->srv->hosts, &a);
	if (host != NULL && host_take_room(host))
		room->maker = host;
	return true;
}

static bool
read_room(struct takeover *t, struct record_reader *r)
{
	struct room *room = import_room(&t->im, r);

	if (room == NULL || read_maker(t, room, r))
		return room != NULL;
	/* It is there, but is written again. */
	keep_room_changed(t->keep, room, CHANGED_ROOM);
	return false;
}

static bool
read_of_room(struct takeover *t, enum keep_kind kind, uint64_t number,
    struct record_reader *r)
{
	struct room *room = imported_room(&t->im, number);

	if (room == NULL)
		return false;
	return kind == KEEP_TALLIES ? import_tallies(room, r) :
				      import_bans(room, r);
}

/* One whose descriptor could not be kept is brought back, too, so that the
 * others see it leave. */
static bool
read_client(struct takeover *t, uint64_t number, struct record_reader *r)
{
	struct kept *kept = find_kept(t, number);
	struct client *c = NULL;
	int fd;

	fd = kept != NULL ? kept->item.fd :
			    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1)
		c = client_return(&t->srv->session, fd, number);
	if (c == NULL) {
		if (fd != -1 && kept == NULL)
			close(fd);
		return false;
	}
	if (client_import(&t->im, c, r)) {
		admit_return(t->srv, c);
		c->kept = kept;
		if (kept != NULL) {
			kept->client = c;
			kept->stored = ~0U;
		}
		keep_client_changed(t->keep, c, CHANGED_USER);
		return true;
	}
	if (kept != NULL) {
		keep_send_off(kept->item.fd);
		vault_remove(t->keep->vault, &kept->item, server_now(t->srv));
		kept->item.fd = -1;
	}
	client_free(c);
	return false;
}

static bool
read_of_client(struct takeover *t, enum keep_kind kind, uint64_t number,
    struct record_reader *r)
{
	struct client *c = find_client(t, number);

	/* Who is leaving has nothing of this any more. */
	if (c->user.id == 0 && (kind == KEEP_IGNORED || kind == KEEP_AWAY))
		return true;
	switch (kind) {
	case KEEP_IGNORED:
		return import_ignored(&c->user, r);
	case KEEP_AWAY:
		return import_away(&c->user, r);
	case KEEP_UNHEARD:
		return client_import_unheard(c, r);
	default:
		if (client_import_rest(c, r))
			return true;
		client_note_fault(c, false, false);
		return false;
	}
}

static bool
read_said(struct room *room, struct record_reader *r)
{
	uint64_t oldest = record_get_u64(r);

	if (!import_said(room, r))
		return false;
	history_forget(&room->history, oldest);
	return true;
}

/* As of database_found: what the journal has; of rooms and clients that are not
 * there any more, too. */
static bool
on_added(
    void *arg, const void *pkey, size_t key_len, const void *record, size_t len)
{
	struct record_reader r = record_reader(record, len);
	const unsigned char *key = pkey;
	struct takeover *t = arg;
	uint64_t number = keep_key_number(key, key_len);
	struct client *c;
	struct room *room;

	if (key[0] == KEEP_SAID) {
		room = imported_room(&t->im, number);
		if (room != NULL && !read_said(room, &r))
			tell_unread(t, "room", number);
	} else if (key[0] == KEEP_SPENT) {
		c = find_client(t, number);
		if (c != NULL && !client_import_spent(c, &r))
			tell_unread(t, "client", number);
	} else if (key[0] != KEEP_ITEM ||
	    !store_import(t->srv->store, KEEP_ITEM, number, record, len))
		tell_unread(t, "client", number);
	return true;
}

/* As of database_found. */
static bool
on_record(
    void *arg, const void *pkey, size_t key_len, const void *record, size_t len)
{
	struct record_reader r = record_reader(record, len);
	struct keep_key key = { .len = key_len };
	struct takeover *t = arg;
	uint64_t number = keep_key_number(pkey, key_len);
	const char *what = "client";
	bool ok = true, is_known = true; /* else that was told already */

	memcpy(key.bytes, pkey, key_len);
	switch (key.bytes[0]) {
	case KEEP_CONFIG:
	case KEEP_LISTENER: /* are back already */
		break;
	case KEEP_HOST:
		what = "a host";
		ok = host_import(&t->srv->hosts, &r);
		break;
	case KEEP_ROOM:
		what = "room";
		ok = read_room(t, &r);
		break;
	case KEEP_SAID: /* in a remnant */
		return on_added(arg, pkey, key_len, record, len);
	case KEEP_TALLIES:
	case KEEP_BANS:
		what = "room";
		ok = read_of_room(t, key.bytes[0], number, &r);
		break;
	case KEEP_CLIENT:
		ok = read_client(t, number, &r);
		break;
	case KEEP_EPOCH:
	case KEEP_NAME:
		what = "the store's";
		ok = store_import(
		    t->srv->store, key.bytes[0], number, record, len);
		break;
	case KEEP_IGNORED:
	case KEEP_AWAY:
	case KEEP_UNHEARD:
	case KEEP_REST:
		is_known = find_client(t, number) != NULL;
		ok = is_known && read_of_client(t, key.bytes[0], number, &r);
		break;
	default:
		ok = false;
		break;
	}
	if (ok)
		return true;
	note_unread(t, &key);
	if (is_known)
		tell_unread(t, what, number);
	return true;
}

static void
note_fault(struct takeover *t)
{
	struct client *c;
	uint64_t number;

	TAILQ_FOREACH(c, &t->srv->clients, next) {
		number = conn_number(c->out.conn);
		client_note_fault(
		    c, number == t->sending, number == t->reading);
	}
}

/* To people it is as after a fault. */
static void
read_remnant(struct takeover *t)
{
	if (remnant_each(t->keep->fds[KEEP_REMNANT], on_record, t))
		return;
	log_error("what was unsent and unread is lost: %s", strerror(errno));
	note_fault(t);
}

static void
read_records(struct takeover *t)
{
	struct keep *k = t->keep;

	if (!database_each(k->db, on_record, t))
		log_error("not all that was kept can be read back: %s",
		    strerror(errno));
	if (!journal_each(k->journal, on_added, t))
		log_error("not all that was said can be read back");
	if (k->start == KEEP_HANDED)
		read_remnant(t);
	else
		note_fault(t);
	drop_unread(t);
	import_finish(&t->im);
	hosts_import_finish(&t->srv->hosts, server_now(t->srv));
	reload_rooms(t->srv);
}

/* ---- going on ---- */

static void
drop_unclaimed(struct takeover *t)
{
	struct kept *kept;
	size_t i;

	for (i = 0; i < t->nkept; i++) {
		kept = t->kept[i];
		if (kept->client != NULL)
			continue;
		if (kept->item.fd == -1) {
			free(kept);
			continue;
		}
		send_off(t, kept->item.number, kept->item.fd);
		give_up(t, kept);
	}
	free(t->kept);
}

/* Those without a descriptor leave when all others hear it. */
static void
drop_lost(struct takeover *t)
{
	char text[CLIENT_TEXT_SIZE];
	struct client *c, *next;

	TAILQ_FOREACH_SAFE(c, &t->srv->clients, next, next) {
		if (c->kept != NULL)
			continue;
		log_burst(&t->burst, server_now(t->srv),
		    "the connection of %s is lost", client_text(c, text));
		client_drop(c, CLIENT_LOST);
	}
}

static void
resume(struct takeover *t)
{
	struct client *c, *next;

	TAILQ_FOREACH_SAFE(c, &t->srv->clients, next, next)
		client_tell_fault(c);
	drop_lost(t);
	TAILQ_FOREACH_SAFE(c, &t->srv->clients, next, next) {
		client_resume(c);
		if (c->user.owner != 0)
			items_client_changed(t->srv, c);
	}
	TAILQ_FOREACH_SAFE(c, &t->srv->clients, next, next)
		client_reconfigure(c);
}

static void
take_over(struct server *srv)
{
	struct takeover t = { .srv = srv,
		.keep = srv->keep,
		.sending = srv->keep->life->sending,
		.reading = srv->keep->life->reading,
		.burst = { .level = LOG_LEVEL_WARNING } };

	import_begin(&t.im, &srv->registry);
	take_descriptors(&t);
	read_records(&t);
	drop_unclaimed(&t);
	keep_begin(srv->keep);
	resume(&t);
	(void)log_burst_tick(&t.burst, UINT64_MAX);
	/* What people did meanwhile was in time. */
	srv->caught_up_at = server_now(srv) + SERVER_CATCH_UP_MS;
	server_wake_at(srv, srv->caught_up_at);
	log_notice("took over %u client%s in %u room%s%s", srv->registry.nusers,
	    srv->registry.nusers == 1 ? "" : "s", srv->registry.nrooms,
	    srv->registry.nrooms == 1 ? "" : "s",
	    srv->keep->start == KEEP_FAULT ? " after a fault" : "");
}

void
takeover(struct server *srv)
{
	if (srv->keep == NULL)
		return;
	if (srv->keep->start == KEEP_HANDED || srv->keep->start == KEEP_FAULT)
		take_over(srv);
	else
		keep_begin(srv->keep);
	admit_newcomers(srv);
}
