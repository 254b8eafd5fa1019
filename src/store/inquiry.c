#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "banterd/store/file.h"
#include "banterd/store/inquiry.h"
#include "banterd/store/notes.h"
#include "banterd/store/search.h"

#define LOOK_AT_CLOCK 32 /* lines between two looks */

/* A step of one, up to a time. */
struct step {
	struct file *file;
	struct inquiry *q;
	uint64_t until; /* us */
	unsigned lines;
	bool is_over; /* the time */
	struct inquiry_gap *stream;
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* After each line. */
static bool
is_over(struct step *s)
{
	if (++s->lines % LOOK_AT_CLOCK == 0 && now_us() >= s->until)
		s->is_over = true;
	return s->is_over;
}

static void
free_inquiry(struct inquiry *q)
{
	search_free(q->search);
	free(q->ids);
	free(q->rooms);
	free(q->gaps);
	free(q->streams);
	free(q->ignored);
	free(q);
}

static bool
add_id(struct inquiry *q, uint64_t id)
{
	uint64_t *larger;

	if (q->nids == q->size) {
		q->size = q->size > 0 ? 2 * q->size : 64;
		larger = reallocarray(q->ids, q->size, sizeof(*q->ids));
		if (larger == NULL) {
			q->has_failed = true;
			return false;
		}
		q->ids = larger;
	}
	q->ids[q->nids++] = id;
	return true;
}

/* Adds one, or counts it.  Returns false if that was enough. */
static bool
take(struct inquiry *q, uint64_t id)
{
	if (q->nids < q->count)
		return add_id(q, id) && (q->nids < q->count || q->more_max > 0);
	return ++q->more < q->more_max;
}

/* ---- rooms: what was said, and found ---- */

static const struct inquiry_room *
find_room(const struct inquiry *q, const char *name)
{
	size_t i;

	for (i = 0; i < q->nrooms; i++) {
		if (strcasecmp(q->rooms[i].room.name, name) == 0)
			return &q->rooms[i];
	}
	return NULL;
}

static bool
may_read(const struct inquiry_room *r, const struct store_message *row)
{
	if (!r->room.is_keyed && (row->flags & STORE_KEYED) == 0)
		return true;
	if (r->room.since != 0)
		return row->when >= r->room.since;
	return row->line >= r->first;
}

static bool
has_words(void *arg, const char *text, size_t len)
{
	struct step *s = arg;

	return search_finds_text(s->q->search, text, len);
}

static bool
look_at_line(void *arg, const struct store_message *row)
{
	struct step *s = arg;
	struct inquiry *q = s->q;
	const struct inquiry_room *r = NULL;

	q->scan.below = row->line;
	q->scan.at = row->when;
	if (row->room[0] != '\0')
		r = find_room(q, row->room);
	if (r != NULL && may_read(r, row) &&
	    (q->search == NULL || search_is_by(q->search, row->name)) &&
	    !take(q, row->line)) {
		q->is_selected = true;
		return false;
	}
	return !is_over(s);
}

static void
select_of_rooms(struct step *s)
{
	struct inquiry *q = s->q;
	int end = lines_scan(s->file, &q->scan, look_at_line, s);

	if (end == -1)
		q->has_failed = true;
	if (end == 0)
		q->is_selected = true;
}

static void
reverse(struct inquiry *q)
{
	uint64_t id;
	size_t i;

	for (i = 0; i < q->nids / 2; i++) {
		id = q->ids[i];
		q->ids[i] = q->ids[q->nids - 1 - i];
		q->ids[q->nids - 1 - i] = id;
	}
}

/* ---- gaps: what was missed ---- */

/* Sets the next line of a stream, or, once there are as many as were asked
 * for, counts all of it. */
static bool
look_at_missed(void *arg, uint64_t line, uint64_t owner)
{
	struct step *s = arg;
	struct inquiry *q = s->q;
	bool counts = owner != q->owner &&
	    !members_is_in(q->ignored, q->ignored_len, owner);

	q->gaps[s->stream->at].since = line + 1;
	if (counts && q->nids < q->count) {
		s->stream->next = line;
		return false;
	}
	if (counts && !take(q, line)) {
		q->is_selected = true;
		return false;
	}
	return !is_over(s);
}

static void
go_on(struct step *s)
{
	struct inquiry_gap *stream = s->stream;
	int end;

	while (!stream->is_through && stream->next == 0 && !s->is_over &&
	    !s->q->is_selected) {
		end = members_missed(
		    s->file, &s->q->gaps[stream->at], look_at_missed, s);
		if (end == -1) {
			s->q->has_failed = true;
			return;
		}
		if (end == 0 && ++stream->at == stream->end)
			stream->is_through = true;
	}
}

/* The stream with the oldest line, NULL if all are through, or it is not known
 * yet. */
static struct inquiry_gap *
oldest(struct step *s)
{
	struct inquiry *q = s->q;
	struct inquiry_gap *best = NULL;
	size_t i;

	for (i = 0; i < q->nstreams; i++) {
		s->stream = &q->streams[i];
		go_on(s);
		if (q->has_failed || s->is_over)
			return NULL;
		if (!s->stream->is_through &&
		    (best == NULL || s->stream->next < best->next))
			best = s->stream;
	}
	return best;
}

/* What was found beyond is counted, too. */
static void
count_found(struct inquiry *q)
{
	size_t i;

	for (i = 0; i < q->nstreams; i++) {
		if (q->streams[i].next != 0)
			q->more++;
		q->streams[i].next = 0;
	}
}

static void
select_missed(struct step *s)
{
	struct inquiry *q = s->q;
	struct inquiry_gap *best;
	size_t i;

	while (q->nids < q->count && (best = oldest(s)) != NULL) {
		if (!add_id(q, best->next))
			return;
		best->next = 0;
		(void)is_over(s);
	}
	if (q->has_failed || s->is_over)
		return;
	if (q->nids == q->count) {
		count_found(q);
		for (i = 0; i < q->nstreams && !q->is_selected; i++) {
			s->stream = &q->streams[i];
			go_on(s);
			if (q->has_failed || s->is_over)
				return;
		}
	}
	q->is_selected = true;
}

/* ---- rows ---- */

/* What no banterd would understand, in a file from elsewhere, is left out. */
static bool
is_sound(const struct inquiry *q, const struct store_message *row)
{
	return text_is_nick(row->name) &&
	    (q->kind == STORE_NOTES || text_is_room(row->room)) &&
	    (row->text_len == 0 ||
		memchr(row->text, '\0', row->text_len) == NULL);
}

struct sending {
	const struct inquiries *all;
	const struct inquiry *q;
};

static bool
send_found(void *arg, const struct store_message *row)
{
	struct sending *s = arg;
	struct store_message m = *row;

	m.number = s->q->number;
	if (is_sound(s->q, row))
		s->all->ops->send(s->all->arg, s->q->asker, &m);
	return true;
}

/* One that is gone by now is none. */
static void
send_row(const struct inquiries *all, struct inquiry *q)
{
	struct sending s = { all, q };
	uint64_t id = q->ids[q->sent++];
	int end = q->kind == STORE_NOTES ?
	    notes_get(all->file, id, send_found, &s) :
	    lines_get(all->file, id, send_found, &s);

	if (end == -1)
		q->has_failed = true;
}

/* ---- turns ---- */

enum state { WAITS, GOES_ON, DONE };

static void
select_step(struct inquiries *all, struct inquiry *q)
{
	struct step s = {
		.file = all->file, .q = q, .until = now_us() + INQUIRY_STEP_US
	};

	if (q->kind == STORE_CATCHUP)
		select_missed(&s);
	else
		select_of_rooms(&s);
	if (q->is_selected && q->kind == STORE_HISTORY)
		reverse(q);
}

static void
answer(const struct inquiries *all, uint64_t asker, uint64_t number,
    enum store_result result, uint32_t count)
{
	const struct store_message m = { .kind = STORE_ANSWER,
		.number = number,
		.result = result,
		.count = count };

	all->ops->send(all->arg, asker, &m);
}

static enum state
step_one(struct inquiries *all, struct inquiry *q)
{
	uint64_t until = now_us() + INQUIRY_STEP_US;
	int room = all->ops->room(all->arg, q->asker);

	if (room == -1)
		return DONE;
	if (!q->is_selected && !q->has_failed) {
		select_step(all, q);
		if (!q->has_failed)
			return GOES_ON;
	}
	while (!q->has_failed && q->sent < q->nids) {
		if (all->ops->room(all->arg, q->asker) != 1)
			return WAITS;
		send_row(all, q);
		if (now_us() >= until)
			return GOES_ON;
	}
	if (all->ops->room(all->arg, q->asker) == 0)
		return WAITS;
	answer(all, q->asker, q->number,
	    q->has_failed ? STORE_FAILED : STORE_OK, q->more);
	return DONE;
}

bool
inquiries_run(struct inquiries *all)
{
	uint64_t until = now_us() + INQUIRY_TURN_US;
	struct inquiry *q;
	unsigned waiting = 0;
	enum state state;

	while (waiting < all->n && now_us() < until) {
		q = TAILQ_FIRST(&all->list);
		TAILQ_REMOVE(&all->list, q, next);
		state = step_one(all, q);
		if (state == DONE) {
			free_inquiry(q);
			all->n--;
			continue;
		}
		TAILQ_INSERT_TAIL(&all->list, q, next);
		waiting = state == WAITS ? waiting + 1 : 0;
	}
	return waiting < all->n;
}

/* ---- asked ---- */

bool
inquiry_is(enum store_kind kind)
{
	return kind == STORE_CATCHUP || kind == STORE_HISTORY ||
	    kind == STORE_FIND || kind == STORE_NOTES;
}

static bool
begin_rooms(struct file *f, struct inquiry *q, const struct store_message *m)
{
	struct inquiry_room r, *larger;
	size_t at = 0;

	memset(&r, 0, sizeof(r));
	while (store_list_next_room(m, &at, &r.room)) {
		r.first = UINT64_MAX;
		if (q->owner != 0 &&
		    !members_first(f, q->owner, r.room.name, &r.first))
			return false;
		larger = reallocarray(q->rooms, q->nrooms + 1, sizeof(r));
		if (larger == NULL)
			return false;
		q->rooms = larger;
		q->rooms[q->nrooms++] = r;
	}
	if (!lines_last(f, &q->scan.below))
		return false;
	q->scan.below++;
	/* A scan of all is the faster one, where there is more than one. */
	if (q->nrooms == 1)
		q->scan.room = q->rooms[0].room.name;
	q->is_selected = q->nrooms == 0 || q->count == 0;
	return true;
}

static bool
begin_history(struct file *f, struct inquiry *q, const struct store_message *m)
{
	if (!begin_rooms(f, q, m))
		return false;
	if (q->nrooms != 1) {
		q->is_selected = true;
		return true;
	}
	q->scan.since = m->since;
	q->scan.until = m->until;
	if (m->since == 0 && m->until == 0)
		return true;
	/* Before the first line of that second. */
	q->scan.at = m->until != 0 ? m->until : INT64_MAX;
	q->scan.below = m->until != 0 ? 0 : INT64_MAX;
	return true;
}

static bool
begin_find(struct file *f, struct inquiry *q, const struct store_message *m)
{
	if (!begin_rooms(f, q, m))
		return false;
	q->more_max = INQUIRY_FOUND_MAX;
	if ((q->search = search_new(m->text, m->text_len)) == NULL)
		return false;
	q->scan.wants = has_words;
	if (search_is_empty(q->search))
		q->is_selected = true;
	return true;
}

/* A stream for each room, of gaps that are in the order of rooms. */
static bool
begin_streams(struct inquiry *q)
{
	size_t i;

	if (q->ngaps == 0)
		return true;
	if ((q->streams = calloc(q->ngaps, sizeof(*q->streams))) == NULL)
		return false;
	for (i = 0; i < q->ngaps; i++) {
		if (i == 0 || strcmp(q->gaps[i].room, q->gaps[i - 1].room) != 0)
			q->streams[q->nstreams++].at = i;
		q->streams[q->nstreams - 1].end = i + 1;
	}
	return true;
}

static bool
begin_catchup(struct file *f, struct inquiry *q, const struct store_message *m)
{
	uint64_t last;
	size_t i;

	q->more_max = INQUIRY_MORE_MAX;
	if ((q->ignored = malloc(STORE_LIST_MAX)) == NULL ||
	    !members_ignored(
		f, q->owner, q->ignored, STORE_LIST_MAX, &q->ignored_len) ||
	    !lines_last(f, &last) ||
	    !members_gaps(f, q->owner, m->room, &q->gaps, &q->ngaps))
		return false;
	for (i = 0; i < q->ngaps; i++) {
		if (q->gaps[i].until > last)
			q->gaps[i].until = last;
	}
	return begin_streams(q);
}

static bool
begin_notes(struct file *f, struct inquiry *q)
{
	q->is_selected = true;
	q->ids = calloc(NOTES_MAX, sizeof(*q->ids));
	return q->ids != NULL &&
	    notes_of(f, q->owner, q->ids, NOTES_MAX, &q->nids);
}

static bool
begin(struct file *f, struct inquiry *q, const struct store_message *m)
{
	q->number = m->number;
	q->owner = m->owner;
	q->kind = m->kind;
	q->count = m->count < INQUIRY_ROWS_MAX ? m->count : INQUIRY_ROWS_MAX;
	switch (m->kind) {
	case STORE_CATCHUP:
		return begin_catchup(f, q, m);
	case STORE_HISTORY:
		return begin_history(f, q, m);
	case STORE_FIND:
		return begin_find(f, q, m);
	default:
		return begin_notes(f, q);
	}
}

void
inquiry_ask(
    struct inquiries *all, uint64_t asker, const struct store_message *m)
{
	struct inquiry *q;

	if (all->n >= INQUIRIES_MAX) {
		answer(all, asker, m->number, STORE_BUSY, 0);
		return;
	}
	if ((q = calloc(1, sizeof(*q))) == NULL) {
		answer(all, asker, m->number, STORE_FAILED, 0);
		return;
	}
	q->asker = asker;
	if (!begin(all->file, q, m))
		q->has_failed = true;
	TAILQ_INSERT_TAIL(&all->list, q, next);
	all->n++;
}

void
inquiries_init(struct inquiries *all, struct file *file,
    const struct inquiry_ops *ops, void *arg)
{
	memset(all, 0, sizeof(*all));
	TAILQ_INIT(&all->list);
	all->file = file;
	all->ops = ops;
	all->arg = arg;
}

void
inquiries_free(struct inquiries *all)
{
	struct inquiry *q;

	while ((q = TAILQ_FIRST(&all->list)) != NULL) {
		TAILQ_REMOVE(&all->list, q, next);
		free_inquiry(q);
	}
	all->n = 0;
}
