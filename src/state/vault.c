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

/* A message in a pair.  Its data are the numbers, 8 bytes each, in the order of
 * the descriptors that come with it. */
struct vault_message {
	TAILQ_ENTRY(vault_message) next;
	struct ring *ring;
	struct items living; /* not those that have been sent again since */
	unsigned ndead;
};

/* A pair, and what is in it. */
struct ring {
	int in, out;
	struct messages messages; /* as they lie in it, the oldest first */
	unsigned nmessages, nliving, ndead;
	uint64_t dead_since; /* no dead one is older; with ndead */
	bool hides;          /* more may lie in it, before what is known */
};

struct vault {
	struct ring young, old;
	struct items waiting;
	unsigned nwaiting;
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

static bool
make_pair(int ends[2])
{
	int size = INT_MAX; /* the kernel makes it what one may have */

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return false;
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return true;
}

bool
vault_make(int ends[VAULT_ENDS])
{
	int error;

	if (!make_pair(ends))
		return false;
	if (make_pair(ends + 2))
		return true;
	error = errno;
	close(ends[0]);
	close(ends[1]);
	ends[0] = ends[1] = -1;
	errno = error;
	return false;
}

static void
init_ring(struct ring *r, const int ends[2])
{
	r->in = ends[0];
	r->out = ends[1];
	TAILQ_INIT(&r->messages);
}

struct vault *
vault_new(const int ends[VAULT_ENDS])
{
	struct vault *v;

	if ((v = calloc(1, sizeof(*v))) == NULL)
		return NULL;
	init_ring(&v->young, ends);
	init_ring(&v->old, ends + 2);
	TAILQ_INIT(&v->waiting);
	return v;
}

/* ---- who is in which message ---- */

static void
append_message(struct ring *r, struct vault_message *m)
{
	m->ring = r;
	TAILQ_INIT(&m->living);
	TAILQ_INSERT_TAIL(&r->messages, m, next);
	r->nmessages++;
}

static void
free_message(struct vault_message *m)
{
	struct ring *r = m->ring;

	TAILQ_REMOVE(&r->messages, m, next);
	r->nmessages--;
	r->ndead -= m->ndead;
	free(m);
}

static void
free_messages(struct ring *r)
{
	struct vault_message *m, *after;

	TAILQ_FOREACH_SAFE(m, &r->messages, next, after)
		free(m);
}

void
vault_free(struct vault *v)
{
	free_messages(&v->young);
	free_messages(&v->old);
	free(v);
}

static void
attach(struct vault_item *item, struct vault_message *m)
{
	item->message = m;
	item->is_in = true;
	TAILQ_INSERT_TAIL(&m->living, item, next);
	m->ring->nliving++;
}

static void
detach(struct vault *v, struct vault_item *item)
{
	struct vault_message *m = item->message;

	if (m != NULL) {
		TAILQ_REMOVE(&m->living, item, next);
		m->ring->nliving--;
	} else {
		TAILQ_REMOVE(&v->waiting, item, next);
		v->nwaiting--;
	}
	item->message = NULL;
	item->is_in = false;
}

static void
bury(struct vault_message *m, uint64_t now)
{
	m->ndead++;
	if (m->ring->ndead++ == 0)
		m->ring->dead_since = now;
}

static void
add_waiting(struct vault *v, struct vault_item *item)
{
	item->is_in = true;
	TAILQ_INSERT_TAIL(&v->waiting, item, next);
	v->nwaiting++;
}

void
vault_add(struct vault *v, struct vault_item *item, int fd, uint64_t number)
{
	item->fd = fd;
	item->number = number;
	add_waiting(v, item);
}

/* ---- into a pair ---- */

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
send_batch(struct vault *v, struct ring *to, struct batch *b)
{
	struct vault_message *m;
	unsigned i;

	m = calloc(1, sizeof(*m));
	if (m == NULL || !send_descriptors(to->in, b)) {
		v->refused = errno;
		free(m);
		return false;
	}
	v->refused = 0;
	append_message(to, m);
	for (i = 0; i < b->n; i++) {
		detach(v, b->items[i]);
		attach(b->items[i], m);
	}
	return true;
}

/* Without a buffer for them no descriptor is installed: the kernel closes
 * those in the message. */
static bool
drop_first(struct ring *r)
{
	if (recv(r->out, NULL, 0, MSG_DONTWAIT) == -1)
		return false;
	free_message(TAILQ_FIRST(&r->messages));
	return true;
}

/* Drops what is first in it and has nobody living any more; returns whether m
 * was among that. */
static bool
drop_dead(struct ring *r, const struct vault_message *m)
{
	const struct vault_message *first;
	bool is_m = false;

	while (!is_m && (first = TAILQ_FIRST(&r->messages)) != NULL &&
	    TAILQ_EMPTY(&first->living)) {
		is_m = first == m;
		if (!drop_first(r))
			return false;
	}
	return is_m;
}

/* Who comes and soon goes while nobody else comes is out of it at once.  (Who
 * is in the old pair, or waits, may be in another message, too, that could not
 * be dropped.) */
bool
vault_remove(struct vault *v, struct vault_item *item, uint64_t now)
{
	struct vault_message *m = item->message;

	if (!item->is_in)
		return false;
	detach(v, item);
	if (m == NULL)
		return true;
	bury(m, now);
	return v->young.hides || item->is_twice || !drop_dead(&v->young, m);
}

/* No more may be in flight, but some of what is in the first message need not:
 * who lives there goes out of it for a moment, and back with what there is room
 * for then.  Returns false if that does not help. */
static bool
step_out(struct vault *v, struct ring *r)
{
	struct vault_message *m = TAILQ_FIRST(&r->messages);
	struct vault_item *item;
	struct batch b = { .n = 0 };

	if (v->refused != ETOOMANYREFS || m->ndead == 0)
		return false;
	while ((item = TAILQ_FIRST(&m->living)) != NULL) {
		detach(v, item);
		add_waiting(v, item);
	}
	if (!drop_first(r))
		return false;
	gather(&b, &v->waiting);
	return send_batch(v, &v->old, &b);
}

/* Sends on who lives in the messages up to last, and drops these.  Wherever it
 * stops, whoever lives is in flight, or waits to be. */
static bool
turn(struct vault *v, struct ring *r, const struct vault_message *last)
{
	struct vault_message *m;
	struct batch b;
	bool done = false;

	while (!done) {
		m = TAILQ_FIRST(&r->messages);
		if (TAILQ_EMPTY(&m->living)) {
			done = m == last;
			if (!drop_first(r))
				return false;
			continue;
		}
		b.n = 0;
		gather(&b, &m->living);
		while (m != last && b.n < VAULT_BATCH) {
			m = TAILQ_NEXT(m, next);
			gather(&b, &m->living);
		}
		if (send_batch(v, &v->old, &b))
			continue;
		done = TAILQ_FIRST(&r->messages) == last;
		if (!step_out(v, r))
			return false;
	}
	return true;
}

/* How many messages all who live in it would be in, were each full. */
static unsigned
full_messages(const struct ring *r)
{
	return howmany(r->nliving, VAULT_BATCH);
}

/* Where it is full. */
static bool
empty_young(struct vault *v)
{
	struct ring *r = &v->young;

	return !TAILQ_EMPTY(&r->messages) &&
	    turn(v, r, TAILQ_LAST(&r->messages, messages));
}

static bool
send_waiting(struct vault *v)
{
	struct batch b;

	while (v->nwaiting > 0) {
		b.n = 0;
		gather(&b, &v->waiting);
		if (!send_batch(v, &v->young, &b) &&
		    (v->refused != EAGAIN || !empty_young(v)))
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

/* After the old ring was turned there are full_messages(): twice as many are a
 * long way off. */
static bool
has_too_many(const struct ring *r)
{
	return r->nmessages > MAX(VAULT_MESSAGES, 2 * full_messages(r));
}

/* To turn a ring costs the more the more live in it. */
static uint64_t
dead_until(const struct ring *r)
{
	return r->dead_since +
	    VAULT_DEAD_MS *
	    (1 + (uint64_t)full_messages(r) * VAULT_BATCH / VAULT_MANY);
}

static uint64_t
ring_due(const struct ring *r)
{
	if (has_too_many(r))
		return 0;
	return r->ndead > 0 ? dead_until(r) : NEVER;
}

/* Turns it if that is due, as far as there is a reason to. */
static bool
turn_if_due(struct vault *v, struct ring *r, uint64_t now)
{
	const struct vault_message *last;

	if (now < ring_due(r))
		return true;
	last = TAILQ_LAST(&r->messages, messages);
	while (!has_too_many(r) && last->ndead == 0)
		last = TAILQ_PREV(last, messages, next);
	return turn(v, r, last);
}

static bool
drop_all_dead(struct vault *v, struct ring *r)
{
	return r->ndead == 0 || turn(v, r, TAILQ_LAST(&r->messages, messages));
}

/* The dead may be in the way of who waits. */
void
vault_flush_last(struct vault *v)
{
	(void)drop_all_dead(v, &v->young);
	(void)drop_all_dead(v, &v->old);
	(void)send_waiting(v);
}

uint64_t
vault_tick(struct vault *v, uint64_t now)
{
	(void)deadline_take(&v->retry, now);
	if (v->retry != 0)
		return v->retry;
	if (!turn_if_due(v, &v->young, now) || !turn_if_due(v, &v->old, now) ||
	    !send_waiting(v))
		put_off(v, now);
	return vault_due(v);
}

uint64_t
vault_due(const struct vault *v)
{
	if (v->retry != 0)
		return v->retry;
	return MIN(ring_due(&v->young), ring_due(&v->old));
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
	return v->young.nmessages + v->old.nmessages;
}

unsigned
vault_dead(const struct vault *v)
{
	return v->young.ndead + v->old.ndead;
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
look_from(const struct ring *ring, int at)
{
	return setsockopt(
		   ring->out, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)) == 0;
}

/* Peeked descriptors are new ones; those in the message stay. */
static bool
look(const struct ring *ring, struct contents *c)
{
	struct iovec iov = { c->numbers, sizeof(c->numbers) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg;
	ssize_t n;

	n = recvmsg(ring->out, &msg,
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
look_at_numbers(const struct ring *ring, struct contents *c)
{
	ssize_t n;

	n = recv(ring->out, c->numbers, sizeof(c->numbers),
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
take(struct ring *ring, struct vault_message *m, const struct contents *c,
    vault_taken *taken, void *arg, uint64_t now)
{
	struct vault_item *item;
	unsigned i, n = sent_in(c);

	append_message(ring, m);
	for (i = 0; i < c->nfds; i++) {
		item = n > 0 ? taken(arg, c->numbers[i], c->fds[i]) : NULL;
		if (item != NULL) {
			item->fd = c->fds[i];
			item->number = c->numbers[i];
			attach(item, m);
		} else {
			close(c->fds[i]);
			bury(m, now);
		}
	}
	for (; i < MAX(n, 1); i++)
		bury(m, now);
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
lose(const struct ring *ring, struct contents *c, int *error)
{
	*error = errno;
	return look_at_numbers(ring, c);
}

/* Returns 0, or an errno if not all could be taken. */
static int
take_ring(struct ring *ring, vault_taken *taken, void *arg, uint64_t now)
{
	struct vault_message *m;
	struct contents c;
	int at, end, error = 0;

	if (ioctl(ring->out, FIONREAD, &end) == -1)
		return errno;
	for (at = 0; at < end; at += (int)c.len) {
		if ((m = make_message(&error)) == NULL)
			break;
		if (!look_from(ring, at) ||
		    (!look(ring, &c) && !look(ring, &c) &&
			!lose(ring, &c, &error))) {
			error = errno;
			free(m);
			break;
		}
		if (!take(ring, m, &c, taken, arg, now) && error == 0)
			error = EMFILE;
	}
	ring->hides = at < end; /* what lies behind is dropped some day */
	return error;
}

bool
vault_take_over(struct vault *v, vault_taken *taken, void *arg, uint64_t now)
{
	int error = take_ring(&v->old, taken, arg, now),
	    young = take_ring(&v->young, taken, arg, now);

	errno = error != 0 ? error : young;
	return errno == 0;
}
