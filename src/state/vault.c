#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/deadline.h"
#include "banterd/state/vault.h"

/* cppcheck-suppress unusedStructMember ; macros use them */
TAILQ_HEAD(items, vault_item);
/* cppcheck-suppress unusedStructMember ; macros use them */
TAILQ_HEAD(messages, vault_message);

/* A message in the pair.  Its data are the numbers, 8 bytes each, in the order
 * of the descriptors that come with it. */
struct vault_message {
	TAILQ_ENTRY(vault_message) next;
	struct items living; /* not those that have been sent again since */
	unsigned ndead;
};

struct vault {
	int in, out;
	struct messages ring; /* as they lie in the pair, the oldest first */
	struct items waiting;
	unsigned nmessages, nliving, ndead, nwaiting;
	uint64_t dead_since; /* no dead one is older; with ndead */
	uint64_t retry; /* nothing is sent before; 0: nothing was refused */
	int refused;
};

/* What is to be one message. */
struct batch {
	struct vault_item *items[VAULT_BATCH];
	uint64_t numbers[VAULT_BATCH];
	int fds[VAULT_BATCH];
	unsigned n;
};

/* What was found in one. */
struct contents {
	uint64_t numbers[VAULT_BATCH_MAX];
	int fds[VAULT_BATCH_MAX];
	size_t len; /* bytes of data, which may be more than fit in numbers */
	unsigned nfds;
	bool lacks; /* descriptors that this process could not be given */
};

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int) * VAULT_BATCH_MAX)];
};

bool
vault_pair(int ends[2])
{
	int size = INT_MAX; /* the kernel makes it what one may have */

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return false;
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return true;
}

struct vault *
vault_new(const int ends[2])
{
	struct vault *v;

	if ((v = calloc(1, sizeof(*v))) == NULL)
		return NULL;
	v->in = ends[0];
	v->out = ends[1];
	TAILQ_INIT(&v->ring);
	TAILQ_INIT(&v->waiting);
	return v;
}

/* ---- who is in which message ---- */

static void
append_message(struct vault *v, struct vault_message *m)
{
	TAILQ_INIT(&m->living);
	TAILQ_INSERT_TAIL(&v->ring, m, next);
	v->nmessages++;
}

static void
free_message(struct vault *v, struct vault_message *m)
{
	TAILQ_REMOVE(&v->ring, m, next);
	v->nmessages--;
	v->ndead -= m->ndead;
	free(m);
}

void
vault_free(struct vault *v)
{
	struct vault_message *m, *after;

	TAILQ_FOREACH_SAFE(m, &v->ring, next, after)
		free(m);
	free(v);
}

static void
attach(struct vault *v, struct vault_item *item, struct vault_message *m)
{
	item->message = m;
	item->is_in = true;
	if (m != NULL) {
		TAILQ_INSERT_TAIL(&m->living, item, next);
		v->nliving++;
	} else {
		TAILQ_INSERT_TAIL(&v->waiting, item, next);
		v->nwaiting++;
	}
}

static void
detach(struct vault *v, struct vault_item *item)
{
	if (item->message != NULL) {
		TAILQ_REMOVE(&item->message->living, item, next);
		v->nliving--;
	} else {
		TAILQ_REMOVE(&v->waiting, item, next);
		v->nwaiting--;
	}
	item->message = NULL;
	item->is_in = false;
}

static void
bury(struct vault *v, struct vault_message *m, uint64_t now)
{
	m->ndead++;
	if (v->ndead++ == 0)
		v->dead_since = now;
}

void
vault_add(struct vault *v, struct vault_item *item, int fd, uint64_t number)
{
	item->fd = fd;
	item->number = number;
	attach(v, item, NULL);
}

void
vault_remove(struct vault *v, struct vault_item *item, uint64_t now)
{
	struct vault_message *m = item->message;

	if (!item->is_in)
		return;
	detach(v, item);
	if (m != NULL)
		bury(v, m, now);
}

/* ---- into the pair ---- */

/* Adds as many as there is space for. */
static void
gather(struct batch *b, const struct items *items)
{
	struct vault_item *item;

	TAILQ_FOREACH(item, items, next) {
		if (b->n == VAULT_BATCH)
			return;
		b->items[b->n] = item;
		b->numbers[b->n] = item->number;
		b->fds[b->n++] = item->fd;
	}
}

static bool
send_descriptors(int to, struct batch *b)
{
	struct iovec iov = { b->numbers, b->n * sizeof(b->numbers[0]) };
	const size_t size = b->n * sizeof(b->fds[0]);
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(size) };
	struct cmsghdr *cmsg = &control.header;

	memset(&control, 0, sizeof(control));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(cmsg), b->fds, size);
	return sendmsg(to, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != -1;
}

/* They are in the new message from then on, wherever they were. */
static bool
send_batch(struct vault *v, struct batch *b)
{
	struct vault_message *m;
	unsigned i;

	m = calloc(1, sizeof(*m));
	if (m == NULL || !send_descriptors(v->in, b)) {
		v->refused = errno;
		free(m);
		return false;
	}
	v->refused = 0;
	append_message(v, m);
	for (i = 0; i < b->n; i++) {
		detach(v, b->items[i]);
		attach(v, b->items[i], m);
	}
	return true;
}

/* Without a buffer for them no descriptor is installed: the kernel closes
 * those in the message. */
static bool
drop_first(struct vault *v)
{
	if (recv(v->out, NULL, 0, MSG_DONTWAIT) == -1)
		return false;
	free_message(v, TAILQ_FIRST(&v->ring));
	return true;
}

/* Sends again who lives in the messages up to last, and drops these.  Wherever
 * it stops, whoever lives is in flight. */
static bool
turn(struct vault *v, const struct vault_message *last)
{
	struct vault_message *m;
	struct batch b;
	bool done = false;

	while (!done) {
		m = TAILQ_FIRST(&v->ring);
		if (TAILQ_EMPTY(&m->living)) {
			done = m == last;
			if (!drop_first(v))
				return false;
			continue;
		}
		b.n = 0;
		gather(&b, &m->living);
		while (m != last && b.n < VAULT_BATCH) {
			m = TAILQ_NEXT(m, next);
			gather(&b, &m->living);
		}
		if (!send_batch(v, &b))
			return false;
	}
	return true;
}

/* How many messages all who live would be in, were each full. */
static unsigned
full_messages(const struct vault *v)
{
	return howmany(v->nliving, VAULT_BATCH);
}

/* Where the pair is full. */
static bool
make_room(struct vault *v)
{
	return (v->ndead > 0 || v->nmessages > full_messages(v)) &&
	    turn(v, TAILQ_LAST(&v->ring, messages));
}

static bool
send_waiting(struct vault *v)
{
	struct batch b;

	while (v->nwaiting > 0) {
		b.n = 0;
		gather(&b, &v->waiting);
		if (!send_batch(v, &b) &&
		    (v->refused != EAGAIN || !make_room(v)))
			return false;
	}
	return true;
}

static void
put_off(struct vault *v, uint64_t now)
{
	v->retry = now + VAULT_RETRY_MS;
}

void
vault_flush(struct vault *v, uint64_t now)
{
	if (v->retry == 0 && !send_waiting(v))
		put_off(v, now);
}

/* ---- what is due ---- */

/* After a turn there are full_messages(): twice as many are a long way off. */
static bool
has_too_many(const struct vault *v)
{
	return v->nmessages > MAX(VAULT_MESSAGES, 2 * full_messages(v));
}

/* To turn the ring costs the more the more live in it. */
static uint64_t
dead_until(const struct vault *v)
{
	return v->dead_since +
	    VAULT_DEAD_MS *
	    (1 + (uint64_t)full_messages(v) * VAULT_BATCH / VAULT_MANY);
}

/* Returns the message up to which the ring is to be turned now, or NULL. */
static const struct vault_message *
last_to_turn(const struct vault *v, uint64_t now)
{
	const struct vault_message *m;

	m = TAILQ_LAST(&v->ring, messages);
	if (has_too_many(v))
		return m;
	if (v->ndead == 0 || now < dead_until(v))
		return NULL;
	while (m->ndead == 0)
		m = TAILQ_PREV(m, messages, next);
	return m;
}

uint64_t
vault_tick(struct vault *v, uint64_t now)
{
	const struct vault_message *last;
	bool again = deadline_take(&v->retry, now);

	if (v->retry != 0)
		return v->retry;
	last = last_to_turn(v, now);
	if ((last != NULL && !turn(v, last)) || (again && !send_waiting(v)))
		put_off(v, now);
	return vault_due(v);
}

uint64_t
vault_due(const struct vault *v)
{
	if (v->retry != 0)
		return v->retry;
	if (has_too_many(v))
		return 0;
	return v->ndead > 0 ? dead_until(v) : NEVER;
}

unsigned
vault_waiting(const struct vault *v)
{
	return v->nwaiting;
}

int
vault_refused(const struct vault *v)
{
	return v->refused;
}

unsigned
vault_messages(const struct vault *v)
{
	return v->nmessages;
}

unsigned
vault_dead(const struct vault *v)
{
	return v->ndead;
}

/* ---- what somebody else has left ---- */

static void
add_descriptors(struct contents *c, struct cmsghdr *cmsg)
{
	size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(c->fds[0]);

	if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
		return;
	n = MIN(n, VAULT_BATCH_MAX - c->nfds);
	memcpy(c->fds + c->nfds, CMSG_DATA(cmsg), n * sizeof(c->fds[0]));
	c->nfds += (unsigned)n;
}

/* The next look is so many bytes into what is in the pair, where a message has
 * to begin. */
static bool
look_from(const struct vault *v, int at)
{
	return setsockopt(v->out, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)) ==
	    0;
}

/* Peeked descriptors are new ones; those in the message stay. */
static bool
look(const struct vault *v, struct contents *c)
{
	struct iovec iov = { c->numbers, sizeof(c->numbers) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg;
	ssize_t n;

	n = recvmsg(v->out, &msg,
	    MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return false;
	c->len = (size_t)n;
	c->nfds = 0;
	c->lacks = (msg.msg_flags & MSG_CTRUNC) != 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(&msg, cmsg))
		add_descriptors(c, cmsg);
	return true;
}

/* The same without its descriptors, which are lost with that. */
static bool
look_at_numbers(const struct vault *v, struct contents *c)
{
	ssize_t n;

	n = recv(v->out, c->numbers, sizeof(c->numbers),
	    MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	if (n == -1)
		return false;
	c->len = (size_t)n;
	c->nfds = 0;
	c->lacks = true;
	return true;
}

/* How many descriptors a vault has sent in it; 0: no vault has sent it. */
static unsigned
sent_in(const struct contents *c)
{
	size_t n = c->len / sizeof(c->numbers[0]);

	if (c->len % sizeof(c->numbers[0]) != 0 || n > VAULT_BATCH_MAX)
		return 0;
	return c->nfds == n || (c->lacks && c->nfds < n) ? (unsigned)n : 0;
}

/* Adds the message, which is the next one in the pair.  Returns false if not
 * all descriptors have come out of it. */
static bool
take(struct vault *v, struct vault_message *m, const struct contents *c,
    vault_taken *taken, void *arg, uint64_t now)
{
	struct vault_item *item;
	unsigned i, n = sent_in(c);

	append_message(v, m);
	for (i = 0; i < c->nfds; i++) {
		item = n > 0 ? taken(arg, c->numbers[i], c->fds[i]) : NULL;
		if (item != NULL) {
			item->fd = c->fds[i];
			item->number = c->numbers[i];
			attach(v, item, m);
		} else {
			close(c->fds[i]);
			bury(v, m, now);
		}
	}
	for (; i < MAX(n, 1); i++)
		bury(v, m, now);
	return c->nfds >= n;
}

/* Where there is no memory for a moment, nobody need be lost. */
static struct vault_message *
make_message(int *error)
{
	struct vault_message *m = calloc(1, sizeof(*m));

	if (m == NULL && (m = calloc(1, sizeof(*m))) == NULL)
		*error = errno;
	return m;
}

/* Of a message that cannot be received it is known at least that it is there,
 * so that it is dropped: nobody waits for an answer that never comes. */
static bool
lose(const struct vault *v, struct contents *c, int *error)
{
	*error = errno;
	return look_at_numbers(v, c);
}

bool
vault_take_over(struct vault *v, vault_taken *taken, void *arg, uint64_t now)
{
	struct vault_message *m;
	struct contents c;
	int at, end, error = 0;

	if (ioctl(v->out, FIONREAD, &end) == -1)
		return false;
	for (at = 0; at < end; at += (int)c.len) {
		if ((m = make_message(&error)) == NULL)
			break; /* what lies behind is dropped some day */
		if (!look_from(v, at) ||
		    (!look(v, &c) && !look(v, &c) && !lose(v, &c, &error))) {
			error = errno;
			free(m);
			break;
		}
		if (!take(v, m, &c, taken, arg, now) && error == 0)
			error = EMFILE;
	}
	errno = error;
	return error == 0;
}
