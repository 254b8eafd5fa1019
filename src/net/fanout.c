#include <sys/param.h>
#include <sys/uio.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/net/conn.h"
#include "banterd/net/fanout.h"

#define IOV_SIZE 64 /* spans for one system call */

/*
 * A bufferevent keeps a backlog in blocks of 4 KB with a head of their own;
 * with these, too, a client costs no more than its send-queue.
 */
void
fanout_set_limit(struct fanout *f, uint32_t send_queue)
{
	f->limit = send_queue - send_queue / 32;
}

uint32_t
fanout_low_water(const struct fanout *f)
{
	return f->limit / 2;
}

/* If only one of both can be had, scale stays what both have at least. */
static bool
resize(struct fanout *f, unsigned scale)
{
	struct fanout_span *spans;
	char *arena;

	arena = reallocarray(f->arena, scale, FANOUT_ARENA_SIZE);
	if (arena == NULL)
		return false;
	f->arena = arena;
	spans = reallocarray(
	    f->spans, scale, FANOUT_SPANS * sizeof(struct fanout_span));
	if (spans == NULL)
		return false;
	f->spans = spans;
	f->scale = scale;
	return true;
}

/* Nothing in the arena is owed to anybody any more. */
static void
begin_generation(struct fanout *f)
{
	if (f->scale > 1) {
		f->scale = 1; /* whether they could be made smaller or not */
		(void)resize(f, 1);
	}
	f->generation++;
	f->used = 0;
	f->nspans = 1;
}

struct fanout *
fanout_new(uint32_t send_queue)
{
	struct fanout *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	TAILQ_INIT(&f->urgent);
	TAILQ_INIT(&f->bulk);
	TAILQ_INIT(&f->broken);
	if (!resize(f, 1)) {
		fanout_free(f);
		return NULL;
	}
	begin_generation(f);
	fanout_set_limit(f, send_queue);
	return f;
}

void
fanout_free(struct fanout *f)
{
	if (f == NULL)
		return;
	free(f->arena);
	free(f->spans);
	free(f);
}

/* ---- the two lists ---- */

static struct fanout_queues *
list_of(struct fanout *f, const struct fanout_queue *q)
{
	return q->is_urgent ? &f->urgent : &f->bulk;
}

/* Who is owed bulk, and now something urgent, gets all of it: its lines keep
 * their order. */
static void
make_urgent(struct fanout *f, struct fanout_queue *q)
{
	if (q->is_urgent)
		return;
	if (q->first.len > 0) {
		TAILQ_REMOVE(&f->bulk, q, next);
		TAILQ_INSERT_TAIL(&f->urgent, q, next);
	}
	q->is_urgent = true;
}

static void
set_broken(struct fanout *f, struct fanout_queue *q)
{
	if (q->is_broken)
		return;
	TAILQ_INSERT_TAIL(&f->broken, q, next);
	q->is_broken = true;
}

/* ---- sending ---- */

static size_t
gather(struct fanout *f, const struct fanout_span **span,
    struct iovec iov[IOV_SIZE], size_t *total)
{
	size_t n;

	*total = 0;
	for (n = 0; n < IOV_SIZE && *span != NULL; n++) {
		iov[n].iov_base = f->arena + (*span)->offset;
		iov[n].iov_len = (*span)->len;
		*total += (*span)->len;
		*span = (*span)->next == 0 ? NULL : &f->spans[(*span)->next];
	}
	return n;
}

static void
flush_queue(struct fanout *f, struct fanout_queue *q)
{
	const struct fanout_span *span = &q->first;
	struct iovec iov[IOV_SIZE];
	bool good = true;
	size_t n, total;

	if (f->before_sending != NULL)
		f->before_sending(f->owner);
	TAILQ_REMOVE(list_of(f, q), q, next);
	while (span != NULL && good) {
		n = gather(f, &span, iov, &total);
		good = conn_write(q->conn, iov, n, total);
	}
	q->first.len = 0;
	q->owed = 0;
	q->is_urgent = false;
	if (!good)
		set_broken(f, q);
}

/* Serves so many of a list, or about so many bytes, those first who wait for
 * the longest. */
static void
flush_list(struct fanout *f, struct fanout_queues *list, unsigned most,
    uint64_t most_bytes)
{
	struct fanout_queue *q;
	uint64_t bytes;

	for (bytes = 0; most > 0 && bytes < most_bytes; most--) {
		if ((q = TAILQ_FIRST(list)) == NULL)
			break;
		bytes += q->owed;
		flush_queue(f, q);
	}
	if (!fanout_is_owing(f))
		begin_generation(f);
}

void
fanout_flush(struct fanout *f)
{
	flush_list(f, &f->urgent, UINT_MAX, UINT64_MAX);
	f->ninput = 0;
	flush_list(f, &f->bulk, FANOUT_PIECE, FANOUT_PIECE_BYTES);
}

bool
fanout_is_congested(const struct fanout *f)
{
	return f->used >= FANOUT_CONGESTED && !TAILQ_EMPTY(&f->bulk);
}

bool
fanout_is_pressed(const struct fanout *f, const struct fanout_queue *q)
{
	return !q->full && conn_error(q->conn) == 0 &&
	    fanout_unsent(q) > f->limit / 2;
}

bool
fanout_is_owing(const struct fanout *f)
{
	return !TAILQ_EMPTY(&f->urgent) || !TAILQ_EMPTY(&f->bulk);
}

void
fanout_count_input(struct fanout *f)
{
	if (++f->ninput < FANOUT_LINES)
		return;
	flush_list(f, &f->urgent, UINT_MAX, UINT64_MAX);
	f->ninput = 0;
}

void
fanout_send(struct fanout *f, struct fanout_queue *q)
{
	if (q->owed > 0)
		flush_queue(f, q);
}

/* ---- appending ---- */

static bool
is_appended(const struct fanout *f, const struct fanout_line *line)
{
	return line->generation == f->generation;
}

/* Makes sure that the arena has space for line, and that there is a span. */
static void
reserve(struct fanout *f, const struct fanout_line *line)
{
	uint32_t need = is_appended(f, line) ? 0 : line->len;

	if (f->used + need <= f->scale * FANOUT_ARENA_SIZE &&
	    f->nspans < f->scale * FANOUT_SPANS)
		return;
	if (f->scale < FANOUT_SCALE_MAX && resize(f, f->scale * 2))
		return;
	flush_list(f, &f->urgent, UINT_MAX, UINT64_MAX);
	flush_list(f, &f->bulk, UINT_MAX, UINT64_MAX);
}

static void
append_to_arena(struct fanout *f, struct fanout_line *line)
{
	if (is_appended(f, line))
		return;
	memcpy(f->arena + f->used, line->text, line->len);
	line->offset = f->used;
	line->generation = f->generation;
	f->used += line->len;
}

/* Next to what q is owed last, the line is one span with that. */
static void
append_span(
    struct fanout *f, struct fanout_queue *q, const struct fanout_line *line)
{
	struct fanout_span *last, *span;

	q->owed += line->len;
	if (q->first.len == 0) {
		q->first.offset = line->offset;
		q->first.len = line->len;
		q->first.next = 0;
		q->last = 0;
		TAILQ_INSERT_TAIL(list_of(f, q), q, next);
		return;
	}
	last = q->last == 0 ? &q->first : &f->spans[q->last];
	if (last->offset + last->len == line->offset) {
		last->len += line->len;
		return;
	}
	q->last = last->next = f->nspans++;
	span = &f->spans[q->last];
	span->offset = line->offset;
	span->len = line->len;
	span->next = 0;
}

/* ---- slow readers ---- */

uint32_t
fanout_unsent(const struct fanout_queue *q)
{
	return q->owed + conn_backlog(q->conn);
}

uint32_t
fanout_space(struct fanout *f, struct fanout_queue *q)
{
	/* What it is owed may only be waiting for the turn's end. */
	if (fanout_unsent(q) > f->limit / 2)
		fanout_send(f, q);
	return f->limit - MIN(f->limit, fanout_unsent(q));
}

/*
 * Whether len more bytes are too many.  What is owed may only be waiting for
 * the turn's end, so it is offered to the kernel first.  A line longer than the
 * queue still goes to a connection that has taken all before it.
 */
static bool
is_too_full(struct fanout *f, struct fanout_queue *q, uint32_t len)
{
	if (fanout_unsent(q) + len <= f->limit)
		return false;
	fanout_send(f, q);
	return fanout_unsent(q) > 0 && fanout_unsent(q) + len > f->limit;
}

/* Whether the queue is too full for a line; counts those that are skipped. */
static bool
is_refused(struct fanout *f, struct fanout_queue *q,
    const struct fanout_line *line, enum fanout_policy policy)
{
	if (policy == FANOUT_ALWAYS ||
	    (!q->full && !is_too_full(f, q, line->len)))
		return false;
	if (policy == FANOUT_SKIP) {
		q->full = true;
		q->skipped++;
		f->skipped++;
	}
	return true;
}

bool
fanout_takes(struct fanout *f, struct fanout_queue *q,
    const struct fanout_line *line, enum fanout_policy policy)
{
	/* To look may send something, and find the connection broken. */
	return conn_error(q->conn) == 0 && !is_refused(f, q, line, policy) &&
	    conn_error(q->conn) == 0;
}

uint32_t
fanout_end_skipping(struct fanout *f, struct fanout_queue *q)
{
	uint32_t skipped = q->skipped;

	if (!q->full || fanout_unsent(q) > f->limit / 2)
		return 0;
	q->full = false;
	q->skipped = 0;
	return skipped;
}

bool
fanout_append(struct fanout *f, struct fanout_queue *q,
    struct fanout_line *line, enum fanout_policy policy,
    enum fanout_urgency urgency)
{
	reserve(f, line);
	if (!fanout_takes(f, q, line, policy))
		return false;
	if (urgency == FANOUT_URGENT)
		make_urgent(f, q);
	append_to_arena(f, line);
	append_span(f, q, line);
	f->lines++;
	return true;
}

/* ---- who is gone ---- */

struct fanout_queue *
fanout_next_broken(struct fanout *f)
{
	struct fanout_queue *q;

	if ((q = TAILQ_FIRST(&f->broken)) != NULL) {
		TAILQ_REMOVE(&f->broken, q, next);
		q->is_broken = false;
	}
	return q;
}

void
fanout_forget(struct fanout *f, struct fanout_queue *q)
{
	if (q->first.len > 0)
		TAILQ_REMOVE(list_of(f, q), q, next);
	else if (q->is_broken)
		TAILQ_REMOVE(&f->broken, q, next);
	q->first.len = 0;
	q->owed = 0;
	q->is_urgent = q->is_broken = false;
}
