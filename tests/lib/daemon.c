#include <sys/socket.h>
#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/chat/room.h"
#include "address.h"
#include "daemon.h"
#include "unit.h"

#define SMALL_BUFFER 4608  /* bytes, the least that Linux gives */
#define MAX_TURNS    10000 /* until nothing moves; more is a loop */

struct daemon_fixture fixture;

void
daemon_start(const char *config)
{
	int i;

	memset(&fixture, 0, sizeof(fixture));
	for (i = 0; i < DAEMON_PEERS; i++)
		fixture.peers[i].fd = -1;
	rig_start(config);
}

void
daemon_stop(void)
{
	int i;

	rig_stop();
	for (i = 0; i < DAEMON_PEERS; i++) {
		if (fixture.peers[i].fd != -1)
			close(fixture.peers[i].fd);
		free(fixture.peers[i].got);
	}
}

bool
daemon_reload(const char *config)
{
	bool ok = rig_reload(config);

	daemon_settle();
	return ok;
}

/* ---- comings and goings ---- */

struct peer *
daemon_free_peer(void)
{
	struct peer *p = fixture.peers;

	while (p->fd != -1)
		p++;
	ck_assert(p < fixture.peers + DAEMON_PEERS);
	p->asleep = p->closed = false;
	p->len = 0;
	p->c = NULL;
	return p;
}

struct peer *
daemon_arrive(const char *address)
{
	struct peer *p = daemon_free_peer();
	struct address a;

	if (address != NULL)
		a = address_of(address);
	p->fd = rig_connect(address != NULL ? &a : NULL, fixture.send_buffer);
	p->c = TAILQ_LAST(&rig.srv.clients, clients);
	daemon_settle();
	return p;
}

struct peer *
daemon_connect(const char *address)
{
	struct peer *p = daemon_arrive(address);
	struct client *c;

	TAILQ_FOREACH(c, &rig.srv.clients, next) {
		if (c != p->c || c->user.nrooms == 0)
			continue;
		room_announce(
		    &rig.srv.registry, c->user.rooms[0].room, &c->user);
		c->ends_at = 0;
	}
	daemon_settle();
	return p;
}

struct peer *
daemon_guest(const char *address)
{
	struct peer *p = daemon_connect(address);

	ck_assert(!p->closed);
	ck_assert(daemon_has(p, "* Welcome to banter on box.\r\n"));
	daemon_forget();
	return p;
}

struct peer *
daemon_person(const char *name)
{
	struct peer *p = daemon_connect("192.0.2.1");
	char line[64];

	snprintf(line, sizeof(line), "/nick %s", name);
	daemon_type(p, line);
	ck_assert_str_eq(p->c->user.name, name);
	daemon_forget();
	return p;
}

struct peer *
daemon_sleeper(const char *name)
{
	struct peer *p;

	fixture.send_buffer = SMALL_BUFFER;
	p = daemon_person(name);
	fixture.send_buffer = 0;
	p->asleep = true;
	return p;
}

void
daemon_wake(struct peer *p)
{
	p->asleep = false;
	daemon_settle();
}

void
daemon_send(struct peer *p, const char *bytes, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(p->fd, bytes, len, MSG_NOSIGNAL);
		if (n == -1) {
			/* Where the server rests, the pipe fills. */
			ck_assert_int_eq(errno, EAGAIN);
			n = 0;
		}
		bytes += n;
		len -= (size_t)n;
		daemon_settle();
	}
}

void
daemon_type(struct peer *p, const char *line)
{
	char *text;

	ck_assert_int_ne(asprintf(&text, "%s\n", line), -1);
	daemon_send(p, text, strlen(text));
	free(text);
}

void
daemon_ask(struct peer *p, const char *line, const char *answer)
{
	daemon_type(p, line);
	daemon_heard(p, answer);
}

void
daemon_do(struct peer *p, const char *line)
{
	daemon_type(p, line);
	daemon_forget();
}

void
daemon_all(const char *line)
{
	int i;

	for (i = 0; i < DAEMON_PEERS; i++) {
		if (fixture.peers[i].fd != -1)
			daemon_type(&fixture.peers[i], line);
	}
	daemon_forget();
}

void
daemon_half_close(struct peer *p)
{
	ck_assert_int_eq(shutdown(p->fd, SHUT_WR), 0);
	daemon_settle();
}

void
daemon_hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	p->len = 0;
	daemon_settle();
}

/* ---- turns of the loop ---- */

/* Reads up to max bytes for p; true if there was something. */
static bool
take(struct peer *p, size_t max)
{
	ssize_t n;

	if (p->size - p->len < max + 1) {
		p->size = p->size + max + 65536;
		p->got = realloc(p->got, p->size);
		ck_assert_ptr_nonnull(p->got);
	}
	n = recv(p->fd, p->got + p->len, max, 0);
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n <= 0)
		p->closed = true;
	else
		p->len += (size_t)n;
	p->got[p->len] = '\0';
	return true;
}

static bool
take_all(struct peer *p)
{
	return p->fd != -1 && !p->asleep && !p->closed && take(p, 65536);
}

void
daemon_settle(void)
{
	struct server *srv = &rig.srv;
	uint64_t in, out;
	int i, turns, still = 0;

	for (turns = 0; still < 2; turns++) {
		if (turns == MAX_TURNS)
			ck_abort_msg("the server never comes to rest");
		in = srv->conns.bytes_in;
		out = srv->conns.bytes_out;
		rig_turn();
		still++;
		if (srv->conns.bytes_in != in || srv->conns.bytes_out != out)
			still = 0;
		for (i = 0; i < DAEMON_PEERS; i++) {
			if (take_all(&fixture.peers[i]))
				still = 0;
		}
	}
}

void
daemon_read(struct peer *p, size_t max)
{
	ck_assert(take(p, max));
	daemon_settle();
}

void
daemon_advance(uint64_t ms)
{
	rig_let_pass(ms);
	daemon_settle();
}

/* ---- what is heard ---- */

void
daemon_got(struct peer *p, const char *bytes, size_t len)
{
	unit_bytes("got", p->got, p->len, bytes, len);
	p->len = 0;
}

void
daemon_heard(struct peer *p, const char *lines)
{
	char *want = malloc(2 * strlen(lines) + 1), *to = want;

	for (; *lines != '\0'; lines++) {
		if (*lines == '\n')
			*to++ = '\r';
		*to++ = *lines;
	}
	daemon_got(p, want, (size_t)(to - want));
	free(want);
}

unsigned
daemon_connections(void)
{
	const struct client *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &rig.srv.clients, next)
		n++;
	return n;
}

bool
daemon_has(const struct peer *p, const char *text)
{
	return memmem(p->got, p->len, text, strlen(text)) != NULL;
}

void
daemon_forget(void)
{
	int i;

	for (i = 0; i < DAEMON_PEERS; i++)
		fixture.peers[i].len = 0;
}
