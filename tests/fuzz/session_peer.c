#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "session.h"

#define PEER_SEND_BUFFER (16 << 10)

/* ---- coming ---- */

/* Few hosts, so that there are several connections from each; kind 0 is a UNIX
 * socket, which has no address. */
static struct address *
address_of_kind(struct address *a, unsigned kind)
{
	memset(a, 0, sizeof(*a));
	if (kind % 4 == 0)
		return NULL;
	if (kind % 4 == 1) {
		a->in6.s6_addr[0] = 0xfd;
		a->in6.s6_addr[7] = kind >> 4 & 1;
		a->in6.s6_addr[15] = (uint8_t)kind;
	} else {
		memset(a->in6.s6_addr + 10, 0xff, 2);
		a->in6.s6_addr[12] = 10;
		a->in6.s6_addr[14] = kind >> 4 & 1;
		a->in6.s6_addr[15] = kind >> 5 & 1;
	}
	return a;
}

void
peer_connect(struct peer *p, unsigned kind)
{
	char *expected = p->expected;
	int fds[2], size = 1, mine = PEER_SEND_BUFFER;
	struct address a;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fds) == -1)
		abort();
	if ((kind & 8) != 0)
		(void)setsockopt(
		    fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &mine, sizeof(mine));
	memset(p, 0, sizeof(*p));
	p->expected = expected;
	p->fd = fds[1];
	session.arriving = p;
	server_admit(&session.srv, fds[0], address_of_kind(&a, kind));
	session.arriving = NULL;
	p->unread = p->c == NULL;
}

/* ---- what the server promises ---- */

static struct peer *
peer_of(const struct client *c)
{
	size_t i;

	for (i = 0; i < PEERS; i++) {
		if (session.peers[i].c == c)
			return &session.peers[i];
	}
	FUZZ_CHECK(session.arriving != NULL && session.arriving->c == NULL,
	    "a line for a client whom nobody is connected to");
	session.arriving->c = (struct client *)(uintptr_t)c;
	return session.arriving;
}

static void
expect(struct peer *p, const char *text, size_t len)
{
	if (p->head > 0 && p->head + p->len + len > MAX_EXPECTED) {
		memmove(p->expected, p->expected + p->head, p->len);
		p->head = 0;
	}
	FUZZ_CHECK(p->head + p->len + len <= MAX_EXPECTED,
	    "a client is owed more than %d bytes", MAX_EXPECTED);
	memcpy(p->expected + p->head + p->len, text, len);
	p->len += len;
}

static void
expect_line(struct peer *p, const struct line *line)
{
	char stamp[16];
	struct tm tm;

	if (p->c->out.stamp && !line->stamped && line->kind != LINE_RAW) {
		localtime_r(&session.srv.registry.wall, &tm);
		strftime(stamp, sizeof(stamp), "%H:%M ", &tm);
		expect(p, stamp, STAMP_LEN);
	}
	expect(p, line->text, line->len - (line->bell ? 2 : 0));
	if (line->bell)
		expect(p, "\a\r\n", 3);
}

static void
check_raw(const struct peer *p, const struct line *line)
{
	const uint8_t *b = (const uint8_t *)line->text;

	FUZZ_CHECK(p->telnet, "an IAC to a plain connection");
	FUZZ_CHECK(line->len == 3 && b[0] == 255 && b[1] >= 251 && b[1] != 255,
	    "raw bytes that are no telnet reply");
}

/* The room that a line is from, and where its text goes on; NULL: none. */
static struct room *
room_of_line(const char **text, const char *end)
{
	const char *bracket;
	char name[ROOM_MAX + 1];
	struct room *room;
	size_t n;

	if ((*text)[0] != '[' || (*text)[1] != '#')
		return NULL;
	bracket = memchr(*text, ']', (size_t)(end - *text));
	n = bracket == NULL ? sizeof(name) : (size_t)(bracket - *text - 1);
	FUZZ_CHECK(n < sizeof(name) && bracket[1] == ' ', "half a room's name");
	memcpy(name, *text + 1, n);
	name[n] = '\0';
	room = room_find(&session.srv.registry, name);
	FUZZ_CHECK(room != NULL, "a line from %s, which is not there", name);
	*text = bracket + 2;
	return room;
}

/* Nobody hears their own words, or somebody whom they ignore. */
static void
check_speaker(const struct user *u, const char *text, const char *end)
{
	char name[NICK_MAX + 1];
	struct user *speaker;
	size_t n;

	if (strncmp(text, "-- ", 3) == 0)
		return;
	if (strncmp(text, "* ", 2) == 0)
		text += 2;
	for (n = 0; text + n < end && strchr(": \r", text[n]) == NULL; n++)
		;
	if (n >= sizeof(name))
		return;
	memcpy(name, text, n);
	name[n] = '\0';
	speaker = user_find(&session.srv.registry, name);
	FUZZ_CHECK(speaker != NULL, "%s is not here, and speaks", name);
	FUZZ_CHECK(speaker != u, "%s hears their own words", name);
	FUZZ_CHECK(!user_ignores(u, speaker), "%s is heard, and ignored", name);
}

static void
check_line(struct peer *p, struct user *u, const struct line *line)
{
	const char *text = line->text, *end = text + line->len;
	const struct room *room;

	if (line->kind == LINE_RAW) {
		check_raw(p, line);
		return;
	}
	FUZZ_CHECK(line->len >= 2 && line->len <= LINE_SIZE_MAX &&
		memcmp(end - 2, "\r\n", 2) == 0,
	    "a line of %u bytes", line->len);
	FUZZ_CHECK(fuzz_is_clean(text, line->len - 2), "not clean: %.*s",
	    (int)line->len, text);
	FUZZ_CHECK(!line->bell || u->set_bell, "a bell that was not asked for");
	if (line->stamped) {
		FUZZ_CHECK(text[2] == ':' && text[5] == ' ', "no time");
		text += STAMP_LEN;
	}
	room = room_of_line(&text, end);
	FUZZ_CHECK((room != NULL) == (line->kind == LINE_ROOM),
	    "a line of the wrong kind: %.*s", (int)line->len, line->text);
	if (room != NULL) {
		FUZZ_CHECK(
		    room_has(room, u), "not in %s, and hears it", room->name);
		if (!line->stamped)
			check_speaker(u, text, end);
	} else if (line->kind == LINE_PRIVATE) {
		FUZZ_CHECK(strncmp(text, "[private] ", 10) == 0, "not private");
		check_speaker(u, text + 10, end);
	} else
		FUZZ_CHECK((text[0] == '*' || text[0] == '!') && text[1] == ' ',
		    "an answer that is none: %.*s", (int)line->len, text);
}

/* "* 120 lines skipped; /history shows them." */
static void
count_skipped(struct peer *p, const struct line *line)
{
	char text[80];
	unsigned n;

	if (line->kind != LINE_REPLY || line->len >= sizeof(text))
		return;
	memcpy(text, line->text, line->len);
	text[line->len] = '\0';
	if (sscanf(text, "* %u line", &n) == 1 &&
	    strstr(text, " skipped; /history shows ") != NULL)
		p->told += n;
}

bool
peer_deliver(struct user *u, struct line *line)
{
	struct client *c = client_of_user(u);
	struct peer *p = peer_of(c);
	bool queued;

	/* One who is leaving may still be told how many lines were skipped. */
	FUZZ_CHECK(c->state <= CLIENT_CHAT ||
		(line->kind == LINE_REPLY &&
		    (c->state == CLIENT_CLOSING || session.srv.stopping)),
	    "a line for one who has left");
	check_line(p, u, line);
	if (line->kind == LINE_ROOM)
		FUZZ_CHECK(u->id != 0, "a room's line for nobody");
	queued = client_deliver(u, line);
	p->bell |= u->set_bell;
	if (queued && c->state < CLIENT_LINGERING) {
		expect_line(p, line);
		count_skipped(p, line);
	} else if (!queued && c->out.error == 0) {
		FUZZ_CHECK(
		    line->kind == LINE_ROOM || line->kind == LINE_PRIVATE,
		    "an answer was not sent");
		p->skipped += line->kind == LINE_ROOM;
	}
	return queued;
}

/* ---- what comes ---- */

static void
compare(struct peer *p, const char *got, size_t n)
{
	size_t i;

	if (p->unread) {
		FUZZ_CHECK(fuzz_is_clean(got, n - 2), "turned away: %.*s",
		    (int)n, got);
		return;
	}
	FUZZ_CHECK(n <= p->len, "%zu bytes that nobody sent", n - p->len);
	for (i = 0; i < n; i++)
		FUZZ_CHECK(got[i] == p->expected[p->head + i],
		    "other bytes than were sent: %.*s", (int)(n - i), got + i);
	p->head += n;
	p->len -= n;
}

void
peer_read(struct peer *p)
{
	static char buf[65536];
	ssize_t n;

	if (p->fd == -1 || p->asleep)
		return;
	while ((n = recv(p->fd, buf, sizeof(buf), 0)) > 0)
		compare(p, buf, (size_t)n);
	if (n == -1 && errno == EAGAIN)
		return;
	/* The end, or a reset. */
	FUZZ_CHECK(p->len == 0 || p->has_slept || n == -1,
	    "%zu bytes were never sent", p->len);
	close(p->fd);
	p->fd = -1;
}

void
peer_send(struct peer *p, const void *data, size_t len)
{
	if (p->fd == -1 || len == 0)
		return;
	if (memchr(data, 0xff, len) != NULL)
		p->telnet = true;
	(void)send(p->fd, data, len, MSG_NOSIGNAL);
}

void
peer_close(struct peer *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

void
peers_sync(void)
{
	struct client *c;
	struct peer *p;
	size_t i;

	for (i = 0; i < PEERS; i++) {
		p = &session.peers[i];
		if (p->c == NULL)
			continue;
		TAILQ_FOREACH(c, &session.srv.clients, next) {
			if (c == p->c)
				break;
		}
		if (c != NULL)
			FUZZ_CHECK(p->told + c->out.skipped == p->skipped ||
				c->out.error != 0,
			    "%u lines skipped, %u told, %u to be told",
			    p->skipped, p->told, c->out.skipped);
		else
			p->c = NULL;
	}
}
