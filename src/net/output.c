#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "banterd/net/output.h"

#define IOV_SIZE 64 /* spans for one system call */

static const char bell_text[] = "\a\r\n";

_Static_assert(
    OUTPUT_ARENA_SIZE >= LINE_SIZE_MAX + STAMP_LEN + sizeof(bell_text),
    "the longest line fits into an empty arena");

/*
 * The bufferevent keeps what is unsent in blocks of 4 KB with a head of their
 * own; with these, too, a client costs no more than its send-queue.
 */
void
output_set_limit(struct output *out, uint32_t send_queue)
{
	out->limit = send_queue - send_queue / 32;
}

/* If only one of both can be had, scale stays what both have at least. */
static bool
resize(struct output *out, unsigned scale)
{
	struct output_span *spans;
	char *arena;

	arena = reallocarray(out->arena, scale, OUTPUT_ARENA_SIZE);
	if (arena == NULL)
		return false;
	out->arena = arena;
	spans = reallocarray(
	    out->spans, scale, OUTPUT_SPANS * sizeof(struct output_span));
	if (spans == NULL)
		return false;
	out->spans = spans;
	out->scale = scale;
	return true;
}

/* Nothing in the arena is owed to anybody any more. */
static void
begin_fill(struct output *out)
{
	if (out->scale > 1) {
		out->scale = 1; /* whether they could be made smaller or not */
		(void)resize(out, 1);
	}
	out->fill++;
	out->used = 0;
	out->nspans = 1;
	out->nrecent = 0;
	out->recent_at = UINT32_MAX;
}

struct output *
output_new(struct event_base *base, const struct output_events *events,
    uint32_t send_queue)
{
	struct output *out;

	if ((out = calloc(1, sizeof(*out))) == NULL)
		return NULL;
	out->base = base;
	out->events = events;
	TAILQ_INIT(&out->dirty);
	TAILQ_INIT(&out->broken);
	if (!resize(out, 1)) {
		output_free(out);
		return NULL;
	}
	begin_fill(out);
	output_set_limit(out, send_queue);
	out->stamp.text = out->stamp_text;
	out->stamp.len = STAMP_LEN;
	out->stamp_minute = -1;
	out->bell.text = bell_text;
	out->bell.len = sizeof(bell_text) - 1;
	return out;
}

void
output_free(struct output *out)
{
	if (out == NULL)
		return;
	free(out->arena);
	free(out->spans);
	free(out);
}

void
output_open(struct output *out, struct output_queue *q, int fd)
{
	q->output = out;
	q->fd = fd;
}

/* ---- laying lines down ---- */

static void flush_some(struct output *, unsigned);

static bool
is_laid(const struct output *out, const struct line *line)
{
	return line->laid_fill == out->fill;
}

static void
lay(struct output *out, struct line *line)
{
	if (is_laid(out, line))
		return;
	memcpy(out->arena + out->used, line->text, line->len);
	line->laid_at = out->used;
	line->laid_fill = out->fill;
	out->used += line->len;
}

/*
 * Makes sure that line, and a stamp and a bell with it, fit into the arena,
 * and that there are spans enough.
 */
static void
make_room(struct output *out, const struct line *line)
{
	uint32_t need = STAMP_LEN + sizeof(bell_text);

	if (!is_laid(out, line))
		need += line->len;
	if (out->used + need <= out->scale * OUTPUT_ARENA_SIZE &&
	    out->nspans + 3 <= out->scale * OUTPUT_SPANS)
		return;
	if (out->scale >= OUTPUT_SCALE_MAX || !resize(out, out->scale * 2))
		flush_some(out, UINT_MAX);
}

static void
set_stamp(struct output *out, time_t wall)
{
	struct tm tm;

	if (wall / 60 == out->stamp_minute)
		return;
	out->stamp_minute = wall / 60;
	if (localtime_r(&wall, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	(void)strftime(out->stamp_text, sizeof(out->stamp_text), "%H:%M ", &tm);
	out->stamp.laid_fill = 0;
}

/*
 * What is for a few is to leave soon: remembers that q is owed such a line, as
 * long as it is one.
 */
static void
note_recent(struct output *out, struct output_queue *q, const struct line *line)
{
	if (line->laid_at != out->recent_at) {
		out->recent_at = line->laid_at;
		out->recent_before = out->nrecent;
		out->recent_many = false;
	}
	if (out->recent_many ||
	    (out->nrecent > 0 && out->recent[out->nrecent - 1] == q))
		return;
	if (out->nrecent - out->recent_before == OUTPUT_FEW ||
	    out->nrecent == OUTPUT_RECENT) {
		out->recent_many = true;
		out->nrecent = out->recent_before;
		return;
	}
	out->recent[out->nrecent++] = q;
}

/* Owes q len bytes of the arena; next to what it is owed last, they are one
 * span with that. */
static void
owe(struct output *out, struct output_queue *q, uint32_t at, uint32_t len)
{
	struct output_span *last, *span;

	q->pending += len;
	if (q->first.len == 0) {
		q->first.at = at;
		q->first.len = len;
		q->first.next = 0;
		q->last = 0;
		TAILQ_INSERT_TAIL(&out->dirty, q, next);
		return;
	}
	last = q->last == 0 ? &q->first : &out->spans[q->last];
	if (last->at + last->len == at) {
		last->len += len;
		return;
	}
	q->last = last->next = out->nspans++;
	span = &out->spans[q->last];
	span->at = at;
	span->len = len;
	span->next = 0;
}

/* ---- the backlog ---- */

static void
set_broken(struct output *out, struct output_queue *q, int error)
{
	q->error = error;
	/* In dirty, it is found broken when it is flushed. */
	if (q->is_broken || q->first.len > 0)
		return;
	TAILQ_INSERT_TAIL(&out->broken, q, next);
	q->is_broken = true;
}

static void
end_backlog(struct output_queue *q)
{
	if (q->bev != NULL)
		bufferevent_free(q->bev);
	q->bev = NULL;
}

/* Skipping ends once the queue is at most half full.  Returns how many lines
 * were skipped then. */
static uint32_t
end_skipping(struct output *out, struct output_queue *q)
{
	uint32_t skipped = q->skipped;

	if (!q->full || output_unsent(q) > out->limit / 2)
		return 0;
	q->full = false;
	q->skipped = 0;
	return skipped;
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct output_queue *q = arg;
	struct output *out = q->output;

	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		end_backlog(q);
	/* If it stays full, what it is owed has to wake it again. */
	output_send(q);
	out->events->drained(q, end_skipping(out, q));
}

static void
on_failed(struct bufferevent *bev, short what, void *arg)
{
	struct output_queue *q = arg;

	(void)bev;
	(void)what;
	set_broken(q->output, q, EPIPE);
}

static bool
begin_backlog(struct output *out, struct output_queue *q)
{
	q->bev = bufferevent_socket_new(out->base, q->fd, 0);
	if (q->bev == NULL)
		return false;
	bufferevent_setcb(q->bev, NULL, on_written, on_failed, q);
	bufferevent_setwatermark(q->bev, EV_WRITE, out->limit / 2, 0);
	out->events->backlog_begins(q);
	return true;
}

/* Adds what is left after the first sent bytes to the backlog. */
static void
keep(struct output *out, struct output_queue *q, const struct iovec *iov,
    size_t n, size_t sent)
{
	size_t i;

	if (q->bev == NULL && !begin_backlog(out, q)) {
		q->error = ENOMEM;
		return;
	}
	for (i = 0; i < n; i++) {
		if (sent >= iov[i].iov_len) {
			sent -= iov[i].iov_len;
			continue;
		}
		/* The write arms its event, too, but would not say if not. */
		if (bufferevent_write(q->bev, (char *)iov[i].iov_base + sent,
			iov[i].iov_len - sent) == -1 ||
		    bufferevent_enable(q->bev, EV_WRITE) == -1) {
			q->error = ENOMEM;
			return;
		}
		sent = 0;
	}
}

/* ---- sending ---- */

static size_t
gather(struct output *out, const struct output_span **span,
    struct iovec iov[IOV_SIZE], size_t *total)
{
	size_t n;

	*total = 0;
	for (n = 0; n < IOV_SIZE && *span != NULL; n++) {
		iov[n].iov_base = out->arena + (*span)->at;
		iov[n].iov_len = (*span)->len;
		*total += (*span)->len;
		*span = (*span)->next == 0 ? NULL : &out->spans[(*span)->next];
	}
	return n;
}

/* Returns how much the kernel took; sets q->error if the connection broke. */
static size_t
send_now(struct output_queue *q, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	do {
		if (n == 1)
			sent = send(q->fd, iov[0].iov_base, iov[0].iov_len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		else
			sent = sendmsg(
			    q->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	if (sent == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK &&
		    errno != ENOBUFS && errno != ENOMEM)
			q->error = errno;
		return 0;
	}
	return (size_t)sent;
}

static void
flush_queue(struct output *out, struct output_queue *q)
{
	const struct output_span *span = &q->first;
	struct iovec iov[IOV_SIZE];
	size_t n, sent, total;

	TAILQ_REMOVE(&out->dirty, q, next);
	while (span != NULL && q->error == 0) {
		n = gather(out, &span, iov, &total);
		sent = q->bev != NULL ? 0 : send_now(q, iov, n);
		out->bytes += total;
		if (sent < total && q->error == 0)
			keep(out, q, iov, n, sent);
	}
	q->first.len = 0;
	q->pending = 0;
	if (q->error != 0)
		set_broken(out, q, q->error);
}

static void
flush_recent(struct output *out)
{
	unsigned i;

	for (i = 0; i < out->nrecent; i++) {
		if (out->recent[i] != NULL)
			output_send(out->recent[i]);
	}
	out->nrecent = out->recent_before = 0;
	out->ninput = 0;
}

/* Serves so many, those first who wait for the longest. */
static void
flush_some(struct output *out, unsigned most)
{
	struct output_queue *q;

	for (; most > 0 && (q = TAILQ_FIRST(&out->dirty)) != NULL; most--)
		flush_queue(out, q);
	if (TAILQ_EMPTY(&out->dirty))
		begin_fill(out);
}

void
output_flush(struct output *out)
{
	flush_recent(out);
	flush_some(out, OUTPUT_PIECE);
}

void
output_count_line(struct output *out)
{
	if (++out->ninput >= OUTPUT_LINES)
		flush_recent(out);
}

void
output_send(struct output_queue *q)
{
	if (q->pending > 0)
		flush_queue(q->output, q);
}

uint32_t
output_unsent(const struct output_queue *q)
{
	uint32_t n = q->pending;

	if (q->bev != NULL)
		n += (uint32_t)evbuffer_get_length(
		    bufferevent_get_output(q->bev));
	return n;
}

/* ---- slow readers ---- */

/*
 * Whether len more bytes are too many.  What is owed may only be waiting for
 * the turn's end, so it is offered to the kernel first.  A line longer than the
 * queue still goes to a client that has taken all before it.
 */
static bool
is_too_full(struct output *out, struct output_queue *q, uint32_t len)
{
	uint32_t unsent = output_unsent(q);

	if (unsent + len <= out->limit)
		return false;
	output_send(q);
	unsent = output_unsent(q);
	return unsent > 0 && unsent + len > out->limit;
}

/* Whether a line finds no room in q; counts the room lines that are skipped. */
static bool
is_refused(struct output *out, struct output_queue *q, const struct line *line)
{
	if (q->error != 0)
		return true;
	if (line->kind != LINE_ROOM && line->kind != LINE_PRIVATE)
		return false;
	if (!q->full && !is_too_full(out, q, line->len + STAMP_LEN + 1))
		return false;
	if (line->kind == LINE_ROOM) {
		q->full = true;
		q->skipped++;
		out->skipped++;
	}
	return true;
}

bool
output_add(struct output_queue *q, struct line *line, time_t wall)
{
	struct output *out = q->output;

	make_room(out, line);
	/* Both may have sent something, and found the connection broken. */
	if (is_refused(out, q, line) || q->error != 0)
		return false;
	if (q->stamp && !line->stamped && line->kind != LINE_RAW) {
		set_stamp(out, wall);
		lay(out, &out->stamp);
		owe(out, q, out->stamp.laid_at, STAMP_LEN);
	}
	lay(out, line);
	note_recent(out, q, line);
	if (line->bell) {
		/* The bell comes last: a line's first characters tell its
		 * kind. */
		lay(out, &out->bell);
		owe(out, q, line->laid_at, line->len - 2);
		owe(out, q, out->bell.laid_at, out->bell.len);
	} else
		owe(out, q, line->laid_at, line->len);
	out->lines++;
	return true;
}

struct output_queue *
output_next_broken(struct output *out)
{
	struct output_queue *q;

	if ((q = TAILQ_FIRST(&out->broken)) != NULL) {
		TAILQ_REMOVE(&out->broken, q, next);
		q->is_broken = false;
	}
	return q;
}

void
output_forget(struct output_queue *q)
{
	struct output *out = q->output;
	unsigned i;

	for (i = 0; i < out->nrecent; i++) {
		if (out->recent[i] == q)
			out->recent[i] = NULL;
	}
	if (q->first.len > 0)
		TAILQ_REMOVE(&out->dirty, q, next);
	if (q->is_broken)
		TAILQ_REMOVE(&out->broken, q, next);
	q->first.len = 0;
	q->pending = 0;
	q->is_broken = false;
	end_backlog(q);
}
