#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"
#include "banterd/store/peer.h"

struct packet {
	STAILQ_ENTRY(packet) next;
	size_t len;
	unsigned char bytes[];
};

struct peer_link {
	int fd;
	struct event *readable, *writable;
	const struct peer_ops *ops;
	void *arg;
	struct record record; /* of what is sent */
	/* cppcheck-suppress unusedStructMember ; macros use them */
	STAILQ_HEAD(, packet) queue;
	size_t queued; /* bytes */
};

static void
end(struct peer *p, const char *why)
{
	if (p->ended)
		return;
	p->ended = true;
	(void)event_del(p->link->readable);
	(void)event_del(p->link->writable);
	p->link->ops->broken(p->link->arg, p, why);
}

/* ---- in ---- */

/* Items come in batches alone, and go on one by one. */
static void
take_batch(struct peer *p, const void *bytes, size_t n)
{
	struct store_message m;
	size_t at = 0;

	while (!p->ended && store_batch_next(bytes, n, &at, &m))
		p->link->ops->message(p->link->arg, p, &m);
	if (!p->ended && m.kind == 0 && at < n)
		end(p, "what it sent is no batch");
}

static void
take(struct peer *p, const struct store_message *m, const void *bytes, size_t n)
{
	if (m->kind == STORE_BATCH)
		take_batch(p, bytes, n);
	else if (m->kind >= STORE_ITEM_STATE && m->kind <= STORE_ITEM_READ)
		end(p, "it sent an item without a batch");
	else
		p->link->ops->message(p->link->arg, p, m);
}

/* Returns false if that was all for now. */
static bool
receive(struct peer *p)
{
	unsigned char bytes[STORE_MESSAGE_MAX];
	struct store_message m;
	ssize_t n;

	n = recv(p->link->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == -1)
		end(p, strerror(errno));
	else if (n == 0)
		end(p, NULL);
	else if ((size_t)n > sizeof(bytes) ||
	    !store_message_read(&m, bytes, (size_t)n))
		end(p, "what it sent is no message");
	else {
		take(p, &m, bytes, (size_t)n);
		store_message_wipe(&m);
	}
	explicit_bzero(bytes,
	    n > 0 && (size_t)n < sizeof(bytes) ? (size_t)n : sizeof(bytes));
	return !p->ended;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	unsigned i;

	(void)fd;
	(void)what;
	for (i = 0; i < PEER_TURN && receive(p); i++)
		;
}

/* ---- out ---- */

/* Returns 1 if it is sent, 0 if it has to wait, -1 with errno set. */
static int
send_now(struct peer *p, const void *bytes, size_t len)
{
	if (send(p->link->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
		return 1;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct packet *first;
	int sent = 1;

	(void)fd;
	(void)what;
	while ((first = STAILQ_FIRST(&p->link->queue)) != NULL) {
		if ((sent = send_now(p, first->bytes, first->len)) != 1)
			break;
		STAILQ_REMOVE_HEAD(&p->link->queue, next);
		p->link->queued -= first->len;
		free(first);
	}
	if (sent == -1)
		end(p, strerror(errno));
	else if (first != NULL && event_add(p->link->writable, NULL) == -1)
		end(p, "no event for it");
}

static bool
enqueue(struct peer *p, const struct record *r)
{
	struct packet *packet;

	if (p->link->queued + r->len > PEER_QUEUE_MAX ||
	    (packet = malloc(sizeof(*packet) + r->len)) == NULL)
		return false;
	packet->len = r->len;
	memcpy(packet->bytes, r->bytes, r->len);
	STAILQ_INSERT_TAIL(&p->link->queue, packet, next);
	p->link->queued += r->len;
	return event_add(p->link->writable, NULL) != -1;
}

bool
peer_has_room(const struct peer *p)
{
	return p->link->queued < PEER_QUEUE_MAX / 4;
}

void
peer_send(struct peer *p, const struct store_message *m)
{
	struct record *r = &p->link->record;
	int sent = 0;

	if (p->ended)
		return;
	if (!store_message_write(m, r)) {
		end(p, "no memory for it");
		return;
	}
	if (STAILQ_EMPTY(&p->link->queue))
		sent = send_now(p, r->bytes, r->len);
	if (sent == -1)
		end(p, strerror(errno));
	else if (sent == 0 && !enqueue(p, r))
		end(p, "it reads too slowly");
}

/* ---- begin and end ---- */

static struct peer *
allocate(void)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	if ((p->link = calloc(1, sizeof(*p->link))) == NULL) {
		free(p);
		return NULL;
	}
	STAILQ_INIT(&p->link->queue);
	return p;
}

struct peer *
peer_new(struct event_base *base, int fd, uint64_t id,
    const struct peer_ops *ops, void *arg)
{
	struct peer *p = allocate();

	if (p == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	p->id = id;
	p->link->fd = fd;
	p->link->ops = ops;
	p->link->arg = arg;
	p->link->readable = event_new(
	    base, fd, EV_READ | EV_PERSIST, on_readable, p);
	p->link->writable = event_new(base, fd, EV_WRITE, on_writable, p);
	if (p->link->readable != NULL && p->link->writable != NULL &&
	    event_add(p->link->readable, NULL) != -1)
		return p;
	peer_free(p);
	errno = ENOMEM;
	return NULL;
}

void
peer_free(struct peer *p)
{
	struct packet *first;

	if (p->link->readable != NULL)
		event_free(p->link->readable);
	if (p->link->writable != NULL)
		event_free(p->link->writable);
	while ((first = STAILQ_FIRST(&p->link->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->link->queue, next);
		free(first);
	}
	record_free(&p->link->record);
	close(p->link->fd);
	free(p->link);
	free(p);
}
