#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/daemon/store.h"
#include "daemon.h"
#include "keeper.h"
#include "unit.h"

struct keeper keeper;

void
keeper_start(const char *config)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char text[4096];

	memset(&keeper, 0, sizeof(keeper));
	TAILQ_INIT(&keeper.list);
	keeper.fd = -1;
	snprintf(
	    keeper.path, sizeof(keeper.path), "/tmp/keeper-%d", (int)getpid());
	strlcpy(sun.sun_path, keeper.path, sizeof(sun.sun_path));
	keeper.listener = socket(
	    AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(keeper.listener, -1);
	(void)unlink(keeper.path); /* of one that has failed */
	ck_assert_int_eq(
	    bind(keeper.listener, (const void *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(keeper.listener, 8), 0);
	snprintf(text, sizeof(text), "store %s\n%s", keeper.path, config);
	daemon_start(text);
}

void
keeper_stop(void)
{
	struct heard *h;

	daemon_stop();
	while ((h = TAILQ_FIRST(&keeper.list)) != NULL) {
		TAILQ_REMOVE(&keeper.list, h, next);
		free(h);
	}
	free(keeper.last);
	(void)unlink(keeper.path);
	close(keeper.listener);
	if (keeper.fd != -1)
		close(keeper.fd);
}

void
keeper_accept(void)
{
	if (keeper.fd != -1)
		close(keeper.fd);
	keeper.fd = accept4(
	    keeper.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ne(keeper.fd, -1);
	keeper_heard(STORE_HELLO);
	ck_assert_uint_eq(keeper.heard.protocol, STORE_PROTOCOL);
}

void
keeper_found(uint64_t number, const char *const *names)
{
	struct store_message m = { .kind = STORE_WELCOME,
		.protocol = STORE_PROTOCOL,
		.number = number };
	uint64_t owner;

	if (keeper.fd == -1) {
		store_configure(rig.srv.store);
		keeper_accept();
	}
	keeper_say(m);
	for (owner = 1; names != NULL && *names != NULL; names++, owner++) {
		memset(&m, 0, sizeof(m));
		m.kind = STORE_NAME;
		m.owner = owner;
		strlcpy(m.name, *names, sizeof(m.name));
		keeper_say(m);
	}
	memset(&m, 0, sizeof(m));
	m.kind = STORE_NAMES_END;
	keeper_say(m);
}

void
keeper_lose(void)
{
	while (keeper_hears())
		;
	close(keeper.fd);
	keeper.fd = -1;
	daemon_settle();
}

static void
put(const void *p, size_t n)
{
	struct heard *h = malloc(sizeof(*h) + n);

	ck_assert_ptr_nonnull(h);
	h->len = n;
	memcpy(h->bytes, p, n);
	TAILQ_INSERT_TAIL(&keeper.list, h, next);
}

static void
send_message(const struct store_message *m)
{
	struct record r = { 0 };

	ck_assert(store_message_write(m, &r));
	ck_assert_int_eq(
	    send(keeper.fd, r.bytes, r.len, MSG_NOSIGNAL), (ssize_t)r.len);
	record_free(&r);
}

/* Each item of a batch by itself. */
static void
put_batch(const void *p, size_t n)
{
	struct record r = { 0 };
	struct store_message m;
	size_t at = 0;

	while (store_batch_next(p, n, &at, &m)) {
		ck_assert(store_message_write(&m, &r));
		put(r.bytes, r.len);
	}
	ck_assert_int_ne(m.kind, 0);
	record_free(&r);
}

/* Notes of who has just logged in; and what was said in a room before there was
 * a daemon. */
static bool
is_of_itself(const struct store_message *m)
{
	struct store_room room;
	size_t at = 0;

	if (m->kind == STORE_NOTES)
		return !keeper.tells_notes;
	return m->kind == STORE_HISTORY && !keeper.tells_before &&
	    store_list_next_room(m, &at, &room) && room.since == 1;
}

static void
answer_nothing(uint64_t number)
{
	const struct store_message m = { .kind = STORE_ANSWER,
		.number = number };

	send_message(&m);
	daemon_settle();
}

static void
read_all(void)
{
	static unsigned char bytes[STORE_MESSAGE_MAX];
	struct store_message m;
	ssize_t n;

	while (keeper.fd != -1 &&
	    (n = recv(keeper.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		ck_assert(store_message_read(&m, bytes, (size_t)n));
		if (m.kind == STORE_BATCH)
			put_batch(bytes, (size_t)n);
		else if (is_of_itself(&m))
			answer_nothing(m.number);
		else
			put(bytes, (size_t)n);
	}
}

bool
keeper_hears(void)
{
	read_all();
	free(keeper.last);
	if ((keeper.last = TAILQ_FIRST(&keeper.list)) == NULL)
		return false;
	TAILQ_REMOVE(&keeper.list, keeper.last, next);
	ck_assert(store_message_read(
	    &keeper.heard, keeper.last->bytes, keeper.last->len));
	return true;
}

bool
keeper_hears_all(void)
{
	if (keeper_hears())
		return true;
	daemon_advance(50);
	return keeper_hears();
}

void
keeper_heard(enum store_kind kind)
{
	ck_assert_msg(keeper_hears_all(), "nothing, expected %d", (int)kind);
	ck_assert_int_eq(keeper.heard.kind, kind);
}

void
keeper_heard_all(void)
{
	ck_assert_msg(
	    !keeper_hears(), "a message of kind %d", (int)keeper.heard.kind);
}

void
keeper_say(struct store_message m)
{
	send_message(&m);
	daemon_settle();
	read_all();
}

void
keeper_row(struct store_message m)
{
	m.kind = STORE_ROW;
	m.number = keeper.heard.number;
	keeper_say(m);
}

void
keeper_answer_with(struct store_message m)
{
	m.kind = STORE_ANSWER;
	m.number = keeper.heard.number;
	strlcpy(m.name, keeper.heard.name, sizeof(m.name));
	keeper_say(m);
}

void
keeper_answer(enum store_result result)
{
	struct store_message m = { .result = result };

	keeper_answer_with(m);
}
