#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <bsd/string.h>

#include "banterd/base/deadline.h"
#include "banterd/base/record.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/outbox.h"
#include "banterd/daemon/questions.h"
#include "banterd/daemon/refill.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/store.h"
#include "banterd/session/account.h"
#include "banterd/session/login.h"
#include "banterd/session/words.h"
#include "banterd/session/answers.h"

#define READ_AT_ONCE 256   /* messages, in one turn */
#define NAMES_MAX    20000 /* twice what a store has */
#define SEND_AT_ONCE 64    /* items wait for no others, */
#define SEND_MS      50    /* nor for longer */
#define TELL_LOST_MS 10000 /* between two words of what is lost */

struct store {
	struct server *srv;
	char *path; /* NULL: there is none */
	int fd;     /* -1: not connected */
	struct event *readable, *writable;
	bool is_found;     /* it has welcomed us */
	bool has_names;    /* and told all names */
	bool told_missing; /* logged that it is not there */
	uint64_t retry_at; /* ms: to look for it again; 0: no need */
	struct questions questions;
	uint64_t told_lost;    /* items; as of outbox.lost, */
	uint64_t told_lost_at; /* and when, in ms; 0: never */
	unsigned rooms_told;   /* whose limits were sent, */
	bool owes_limits;      /* and more are to be */
	uint64_t erased;       /* an ERASE that is to be answered; 0 */
	uint64_t send_by;      /* ms: items, at the latest; 0: none wait */
	struct record record;  /* the one being written */
};

/* ---- questions ---- */

void
store_forget(struct store *s, const struct client *c)
{
	questions_forget(&s->questions, c);
}

static void
answer(struct store *s, struct question *q, const struct store_message *m)
{
	struct client *c = q->client;

	questions_end(&s->questions, q);
	if (c != NULL)
		answers_take(c, m);
}

/* What was asked of a store that is gone is asked again, or has failed. */
static void
fail_questions(struct store *s, bool all)
{
	struct question *q, *next;
	struct store_message m;

	TAILQ_FOREACH_SAFE(q, &s->questions.list, next, next) {
		if (!all && (!q->is_sent || question_may_be_repeated(q))) {
			q->is_sent = false;
			continue;
		}
		memset(&m, 0, sizeof(m));
		m.kind = STORE_ANSWER;
		m.number = q->number;
		m.result = STORE_FAILED;
		answer(s, q, &m);
	}
}

/* ---- the connection ---- */

static void
disconnect(struct store *s)
{
	if (s->readable != NULL)
		event_free(s->readable);
	if (s->writable != NULL)
		event_free(s->writable);
	s->readable = s->writable = NULL;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	s->is_found = s->has_names = false;
	s->erased = 0;
	s->owes_limits = false;
}

static void
try_again(struct store *s)
{
	s->retry_at = server_now(s->srv) + STORE_RETRY_MS;
	server_wake_at(s->srv, s->retry_at);
}

/* It is told once, until the store has been found again; that it was restarted
 * is nothing to be warned of. */
static void
lose(struct store *s, const char *why)
{
	bool was_found = s->is_found;

	disconnect(s);
	if (was_found)
		log_notice("the store at %s is gone: %s", s->path, why);
	else if (!s->told_missing)
		log_warning(
		    "no store at %s: %s; nobody can log in until it is there",
		    s->path, why);
	s->told_missing = !was_found;
	fail_questions(s, false);
	try_again(s);
}

/* Returns 1 if it was sent, 0 if it has to wait, -1 if the store is lost. */
static int
send_one(struct store *s, const void *p, size_t n)
{
	if (send(s->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n)
		return 1;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ||
	    errno == ENOMEM) {
		(void)event_add(s->writable, NULL);
		return 0;
	}
	lose(s, strerror(errno));
	return -1;
}

static bool
send_questions(struct store *s)
{
	struct question *q;

	TAILQ_FOREACH(q, &s->questions.list, next) {
		if (q->is_sent)
			continue;
		if (send_one(s, q->message.bytes, q->message.len) != 1)
			return false;
		q->is_sent = true;
	}
	return true;
}

/* Returns false if not all of it could be sent. */
static bool
send_items(struct store *s)
{
	unsigned n;

	while (s->srv->outbox.unsent != NULL) {
		n = outbox_batch(&s->srv->outbox, &s->record);
		if (n == 0 || send_one(s, s->record.bytes, s->record.len) != 1)
			return false;
		outbox_sent(&s->srv->outbox, n);
	}
	return true;
}

/* What a question says of now holds for all items before it. */
static void
send_all(struct store *s)
{
	if (s->is_found && send_items(s) && s->is_found)
		(void)send_questions(s);
}

/* The end of the turn does it. */
static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static bool
send_message(struct store *s, const struct store_message *m)
{
	if (store_message_write(m, &s->record))
		return send_one(s, s->record.bytes, s->record.len) == 1;
	lose(s, strerror(ENOMEM));
	return false;
}

/* The rest when it takes more. */
static void
send_room_limits(struct store *s)
{
	const struct config_room *room;
	struct store_message m = { .kind = STORE_ROOM_KEEP };
	unsigned n = 0;

	TAILQ_FOREACH(room, &s->srv->conf->rooms, next) {
		if (!room->has_keep || n++ < s->rooms_told)
			continue;
		m.keep = room->keep;
		strlcpy(m.room, room->name, sizeof(m.room));
		if (!send_message(s, &m))
			return;
		s->rooms_told++;
	}
	s->owes_limits = false;
}

static void
send_limits(struct store *s, enum store_kind kind)
{
	const struct config *conf = s->srv->conf;
	const struct store_message m = { .kind = kind,
		.protocol = STORE_PROTOCOL,
		.epoch = s->srv->outbox.epoch,
		.names_per_host = conf->names_per_host,
		.name_expiry = conf->name_expiry,
		.keep = conf->keep };

	s->rooms_told = 0;
	s->owes_limits = send_message(s, &m);
	if (s->owes_limits)
		send_room_limits(s);
}

/* ---- what it says ---- */

static void
on_welcome(struct store *s, const struct store_message *m)
{
	if (m->protocol != STORE_PROTOCOL) {
		lose(s, "it speaks another protocol");
		return;
	}
	s->is_found = true;
	s->told_missing = false;
	log_notice("found the store at %s", s->path);
	outbox_drop(&s->srv->outbox, m->number);
	outbox_rewind(&s->srv->outbox);
	names_begin_list(&s->srv->registry.names);
}

static void
drop_name(void *arg, const struct registered *r)
{
	struct store *s = arg;

	if (s->srv->keep != NULL)
		keep_take_out(s->srv->keep, KEEP_NAME, r->owner);
}

static void
on_name(struct store *s, const struct store_message *m)
{
	struct names *names = &s->srv->registry.names;
	uint64_t before = names_owner(names, m->name);
	bool by_admin = (m->flags & STORE_BY_ADMIN) != 0;

	if (names->n >= NAMES_MAX ||
	    !names_put(names, m->name, m->owner, by_admin)) {
		lose(s, "no space for its names");
		return;
	}
	if (before != m->owner) {
		if (before != 0 && s->srv->keep != NULL)
			keep_take_out(s->srv->keep, KEEP_NAME, before);
		if (s->srv->keep != NULL)
			keep_name(s->srv->keep, m->name, m->owner, by_admin);
	}
	login_registered(&s->srv->session, m->name, m->owner);
}

static void
on_names_end(struct store *s)
{
	names_end_list(&s->srv->registry.names, drop_name, s);
	s->has_names = true;
	refill_ask(s->srv, &s->questions);
	login_check_all(&s->srv->session);
	words_ask_owed(&s->srv->session);
}

static void
on_forgotten(struct store *s, const struct store_message *m)
{
	const struct registered r = { .owner = m->owner };

	if (!names_remove(&s->srv->registry.names, m->name, m->owner))
		return;
	drop_name(s, &r);
	login_forgotten(&s->srv->session, m->name);
}

static void
on_answer(struct store *s, const struct store_message *m)
{
	struct question *q = questions_find(&s->questions, m->number);

	if (q != NULL && q->is_sent)
		answer(s, q, m);
}

static void
on_row(const struct store *s, const struct store_message *m)
{
	const struct question *q = questions_find(&s->questions, m->number);

	if (q == NULL || !q->is_sent)
		return;
	if (q->client != NULL)
		answers_take_row(q->client, m);
	else if (q->room[0] != '\0')
		refill_row(s->srv, q->room, m);
}

/* What was kept of it outlives nothing: it is written anew. */
static void
on_erase(struct store *s, const struct store_message *m)
{
	struct registry *reg = &s->srv->registry;
	struct room *room;

	RB_FOREACH(room, room_tree, &reg->rooms)
		history_erase(&room->history, m->name);
	outbox_erase(&s->srv->outbox, m->name);
	if (s->srv->keep != NULL)
		keep_forget_words(s->srv->keep);
	s->erased = m->number;
}

/* Returns false if it can't be said by a store that has said this before. */
static bool
take(struct store *s, const struct store_message *m)
{
	if (!s->is_found && m->kind != STORE_WELCOME &&
	    m->kind != STORE_REFUSED)
		return false;
	switch (m->kind) {
	case STORE_WELCOME:
		if (s->is_found)
			return false;
		on_welcome(s, m);
		return true;
	case STORE_REFUSED:
		lose(s, "it speaks another protocol");
		return true;
	case STORE_NAME:
		on_name(s, m);
		return true;
	case STORE_NAMES_END:
		on_names_end(s);
		return true;
	case STORE_FORGOTTEN:
		on_forgotten(s, m);
		return true;
	case STORE_KEPT:
		outbox_drop(&s->srv->outbox, m->number);
		return true;
	case STORE_ROW:
		on_row(s, m);
		return true;
	case STORE_ANSWER:
		on_answer(s, m);
		return true;
	case STORE_ERASE:
		on_erase(s, m);
		return true;
	default:
		return false;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	unsigned char bytes[STORE_MESSAGE_MAX];
	struct store *s = arg;
	struct store_message m;
	int i;
	ssize_t n;

	(void)what;
	for (i = 0; i < READ_AT_ONCE && s->fd == fd; i++) {
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0 && store_message_read(&m, bytes, (size_t)n) &&
		    take(s, &m))
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		lose(s,
		    n == -1    ? strerror(errno) :
			n == 0 ? "it has ended" :
				 "it says what nobody understands");
		return;
	}
}

/* ---- finding it ---- */

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, save_errno;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	if (connect(fd, (const void *)&sun, sizeof(sun)) == 0)
		return fd;
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return -1;
}

static void
find(struct store *s)
{
	struct event_base *base = s->srv->base;

	s->retry_at = 0;
	if ((s->fd = connect_to(s->path)) == -1) {
		lose(s, strerror(errno));
		return;
	}
	s->readable = event_new(
	    base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	s->writable = event_new(base, s->fd, EV_WRITE, on_writable, s);
	if (s->readable == NULL || s->writable == NULL ||
	    event_add(s->readable, NULL) == -1)
		lose(s, strerror(ENOMEM));
	else
		send_limits(s, STORE_HELLO);
}

static void
forget_names(struct store *s)
{
	names_begin_list(&s->srv->registry.names);
	names_end_list(&s->srv->registry.names, drop_name, s);
	login_check_all(&s->srv->session);
}

/* Nothing is kept any more: all names are everybody's. */
static void
leave(struct store *s)
{
	disconnect(s);
	s->retry_at = 0;
	s->told_missing = false;
	fail_questions(s, true);
	free(s->path);
	s->path = NULL;
}

void
store_configure(struct store *s)
{
	const char *path = s->srv->conf->store;

	if (s->path != NULL && path != NULL && strcmp(s->path, path) == 0) {
		if (s->is_found)
			send_limits(s, STORE_LIMITS);
		return;
	}
	leave(s);
	if (path == NULL) {
		forget_names(s);
		outbox_drop(&s->srv->outbox, UINT64_MAX);
		return;
	}
	if ((s->path = strdup(path)) == NULL)
		log_error("no memory for the store");
	else
		find(s);
}

uint64_t
store_tick(struct store *s, uint64_t now)
{
	if (deadline_take(&s->retry_at, now))
		find(s);
	/* What is to be sent is at the turn's end. */
	return earlier_if_set(
	    s->retry_at != 0 ? s->retry_at : NEVER, s->send_by);
}

/* ---- what clients ask, and what is kept of them ---- */

bool
store_is_there(const struct store *s)
{
	return s->has_names;
}

enum session_asked
store_ask(struct store *s, struct client *c, struct store_message *m)
{
	if (s->path == NULL)
		return SESSION_NO_STORE;
	/* One that was only just found is asked when it has said so. */
	return s->fd != -1 && questions_add(&s->questions, c, m) ?
	    SESSION_ASKED :
	    SESSION_NOT_NOW;
}

static void
tell_lost(struct store *s)
{
	uint64_t now = server_now(s->srv);

	if (s->srv->outbox.lost == s->told_lost)
		return;
	if (now < s->told_lost_at + TELL_LOST_MS && s->told_lost_at != 0)
		return;
	log_error(
	    "%llu lines and changes will not be kept: too much waits for the store",
	    (unsigned long long)(s->srv->outbox.lost - s->told_lost));
	s->told_lost = s->srv->outbox.lost;
	s->told_lost_at = now;
}

/* It is known when it takes something again. */
static bool
is_stuck(const struct store *s)
{
	return event_pending(s->writable, EV_WRITE, NULL) != 0;
}

/* A line by itself is not worth a call. */
static bool
may_send_later(struct store *s)
{
	uint64_t now = server_now(s->srv);

	if (s->erased != 0 || s->questions.n > 0 ||
	    s->srv->outbox.nunsent == 0 ||
	    s->srv->outbox.nunsent >= SEND_AT_ONCE)
		return false;
	if (s->send_by == 0)
		s->send_by = now + SEND_MS;
	if (now >= s->send_by)
		return false;
	server_wake_at(s->srv, s->send_by);
	return true;
}

static void
answer_erased(struct store *s)
{
	const struct store_message m = { .kind = STORE_ERASED,
		.number = s->erased };

	if (s->is_found && s->erased != 0 && send_message(s, &m))
		s->erased = 0;
}

void
store_flush(struct store *s)
{
	if (s->fd != -1 && s->owes_limits && !is_stuck(s))
		send_room_limits(s);
	if (s->is_found && !is_stuck(s) && !may_send_later(s)) {
		s->send_by = 0;
		send_all(s);
		answer_erased(s);
	}
	if (s->retry_at != 0)
		server_wake_at(s->srv, s->retry_at);
	tell_lost(s);
}

bool
store_is_settled(const struct store *s)
{
	return !s->is_found || s->srv->outbox.n == 0;
}

void
store_log(const struct store *s)
{
	if (s->path == NULL)
		return;
	log_notice(
	    "store %s: %u names, %u questions, %u changes to be kept, %llu lost",
	    s->has_names    ? "is there" :
		s->is_found ? "is coming" :
			      "is not there",
	    s->srv->registry.names.n, s->questions.n, s->srv->outbox.n,
	    (unsigned long long)s->srv->outbox.lost);
}

/* ---- the beginning and the end ---- */

struct store *
store_new(struct server *srv)
{
	struct store *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->srv = srv;
	s->fd = -1;
	questions_init(&s->questions);
	outbox_init(&srv->outbox);
	return s;
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	disconnect(s);
	questions_free(&s->questions);
	outbox_free(&s->srv->outbox);
	record_free(&s->record);
	free(s->path);
	free(s);
}

/* ---- what outlives the process ---- */

static bool
import_epoch(struct store *s, const void *p, size_t n)
{
	struct record_reader r = record_reader(p, n);
	uint64_t epoch = record_get_u64(&r);

	if (!record_is_whole(&r) || epoch == 0)
		return false;
	s->srv->outbox.epoch = epoch;
	return true;
}

static bool
import_name(struct store *s, uint64_t owner, const void *p, size_t n)
{
	struct record_reader r = record_reader(p, n);
	char name[NICK_MAX + 1];
	bool by_admin;

	record_get_name(&r, name, sizeof(name));
	by_admin = record_get_u8(&r) != 0;
	return record_is_whole(&r) && owner != 0 && text_is_nick(name) &&
	    names_put(&s->srv->registry.names, name, owner, by_admin);
}

bool
store_import(
    struct store *s, unsigned kind, uint64_t number, const void *p, size_t n)
{
	switch (kind) {
	case KEEP_EPOCH:
		return import_epoch(s, p, n);
	case KEEP_ITEM:
		return outbox_import(&s->srv->outbox, number, p, n);
	default:
		return import_name(s, number, p, n);
	}
}
