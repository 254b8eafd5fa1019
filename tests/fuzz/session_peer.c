#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banterd/dialect/plain.h"
#include "banterd/session/talk.h"
#include "fuzz.h"
#include "rig.h"
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
	int mine = PEER_SEND_BUFFER;
	struct address a;

	memset(p, 0, sizeof(*p));
	p->expected = expected;
	session.arriving = p;
	p->fd = rig_connect(address_of_kind(&a, kind), (kind & 8) != 0 ? 1 : 0);
	session.arriving = NULL;
	p->unread = p->c == NULL;
	(void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &mine, sizeof(mine));
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
expect_event(struct peer *p, const struct chat_event *ev)
{
	char stamp[PLAIN_STAMP_MAX + 1];
	time_t now = ev->replayed ? rig.srv.registry.wall : ev->time;

	if (p->c->set_time || ev->replayed)
		expect(p, stamp, plain_stamp(ev->time, now, stamp));
	expect(p, session.words, session.words_len);
	expect(p, ev->bell ? "\a\r\n" : "\r\n", ev->bell ? 3 : 2);
}

/* "* 120 lines skipped; /history shows them." */
static void
count_skipped(struct peer *p, const struct chat_event *ev)
{
	unsigned n;

	if (ev->kind == EVENT_REPLY && sscanf(ev->text, "* %u line", &n) == 1 &&
	    strstr(ev->text, " skipped; /history shows ") != NULL)
		p->told += n;
}

/* What of an event was not queued: an answer never, a room's is counted. */
static void
note_refused(struct peer *p, const struct chat_event *ev)
{
	FUZZ_CHECK(ev->kind < EVENT_KICKED, "an answer was not sent");
	p->skipped += ev->kind != EVENT_PRIVATE &&
	    ev->kind != EVENT_PRIVATE_ACTION;
}

static bool
deliver(struct user *u, const struct chat_event *ev)
{
	struct chat_event passed = *ev;
	struct client *c = client_of_user(u);
	struct peer *p = peer_of(c);
	bool queued;

	/* One who is leaving may still be told how many lines were skipped. */
	FUZZ_CHECK(c->state <= CLIENT_CHAT ||
		(ev->kind == EVENT_REPLY &&
		    (c->state == CLIENT_CLOSING || rig.srv.session.stopping)),
	    "a line for one who has left");
	if (session.crowded && ev->kind < EVENT_KICKED && ev->room != NULL &&
	    !ev->replayed)
		passed.many = true;
	check_event(&rig.srv.registry, u, &passed);
	queued = talk_registry_ops.deliver(u, &passed);
	check_fanout(&rig.srv);
	if (queued && c->state < CLIENT_LINGERING) {
		expect_event(p, ev);
		count_skipped(p, ev);
	} else if (!queued && conn_error(c->out.conn) == 0)
		note_refused(p, ev);
	return queued;
}

const struct registry_ops peer_registry_ops = { .deliver = deliver };

/* ---- what comes ---- */

#define IAC         255
#define DONT        254
#define DO          253
#define WONT        252
#define WILL        251
#define TIMING_MARK 6

/* Offers and requests among the bytes sent: it gets no other reply, and no
 * more.  (What is within a subnegotiation counts here, too.) */
static void
note_asked(struct peer *p, const uint8_t *sent, size_t len)
{
	size_t i;

	if (p->sent[0] != IAC && p->sent[1] != IAC &&
	    memchr(sent, IAC, len) == NULL)
		return;
	for (i = 0; i < len; i++) {
		if (p->sent[0] == IAC && p->sent[1] == WILL)
			p->wills[sent[i]]++;
		else if (p->sent[0] == IAC && p->sent[1] == DO)
			p->does[sent[i]]++;
		p->sent[0] = p->sent[1];
		p->sent[1] = sent[i];
	}
}

static void
check_reply(struct peer *p)
{
	uint8_t verb = p->reply[1], option = p->reply[2];

	FUZZ_CHECK(
	    verb == DONT || verb == (option == TIMING_MARK ? WILL : WONT),
	    "a reply that is none: %u %u", verb, option);
	FUZZ_CHECK((verb == DONT ? p->wills : p->does)[option]-- > 0,
	    "a reply that was not asked for: %u %u", verb, option);
}

/* Takes a byte of a reply; returns whether it is one. */
static bool
take_reply(struct peer *p, uint8_t byte)
{
	if (p->reply_len == 0 && byte != IAC)
		return false;
	FUZZ_CHECK(!p->midline, "a reply within a line");
	p->reply[p->reply_len++] = byte;
	if (p->reply_len == sizeof(p->reply)) {
		check_reply(p);
		p->reply_len = 0;
	}
	return true;
}

/* Text up to the first reply; returns its length. */
static size_t
compare_text(struct peer *p, const char *got, size_t n)
{
	const char *iac = memchr(got, IAC, n);

	if (iac != NULL)
		n = (size_t)(iac - got);
	FUZZ_CHECK(n <= p->len, "%zu bytes that nobody sent", n - p->len);
	FUZZ_CHECK(memcmp(got, p->expected + p->head, n) == 0,
	    "other bytes than were sent: %.*s", (int)n, got);
	p->midline = got[n - 1] != '\n';
	p->head += n;
	p->len -= n;
	return n;
}

static void
compare(struct peer *p, const char *got, size_t n)
{
	size_t used;

	if (p->unread) {
		FUZZ_CHECK(fuzz_is_clean(got, n - 2), "turned away: %.*s",
		    (int)n, got);
		return;
	}
	for (; n > 0; got += used, n -= used)
		used = take_reply(p, (uint8_t)*got) ? 1 :
						      compare_text(p, got, n);
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
	FUZZ_CHECK(
	    (p->len == 0 && p->reply_len == 0) || p->has_slept || n == -1,
	    "%zu bytes were never sent", p->len);
	close(p->fd);
	p->fd = -1;
}

void
peer_send(struct peer *p, const void *data, size_t len)
{
	ssize_t n;

	if (p->fd == -1 || len == 0)
		return;
	n = send(p->fd, data, len, MSG_NOSIGNAL);
	if (n > 0)
		note_asked(p, data, (size_t)n);
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
		TAILQ_FOREACH(c, &rig.srv.clients, next) {
			if (c == p->c)
				break;
		}
		if (c != NULL)
			FUZZ_CHECK(p->told + c->out.skipped == p->skipped ||
				conn_error(c->out.conn) != 0,
			    "%u lines skipped, %u told, %u to be told",
			    p->skipped, p->told, c->out.skipped);
		else
			p->c = NULL;
	}
}
