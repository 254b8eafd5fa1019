/* Output: what is gathered in a turn, and how it leaves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "queues.h"
#include "unit.h"

/* ---- gathering ---- */

START_TEST(one_call_a_turn)
{
	queues_add(q, "one\r\n");
	queues_add(q, "two\r\n");
	queues_add(q, "three\r\n");
	ck_assert_uint_eq(kernel.calls, 0);
	ck_assert_uint_eq(output_unsent(q), 17);
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 1);
	ck_assert_uint_eq(output_unsent(q), 0);
	queues_read(0, "one\r\ntwo\r\nthree\r\n");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 1); /* nothing more */
	queues_add(q, "four\r\n");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2);
	queues_read(0, "four\r\n");
}
END_TEST

START_TEST(laid_once)
{
	struct line line = { .text = "hello\r\n", .len = 7 };
	int i;

	for (i = 0; i < N_QUEUES; i++)
		ck_assert(output_add(&queues[i], &line, 0));
	ck_assert_uint_eq(out->used, 7);
	ck_assert_uint_eq(out->nspans, 1); /* each has its own first */
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, N_QUEUES);
	for (i = 0; i < N_QUEUES; i++)
		queues_read(i, "hello\r\n");
	/* in the next turn it is laid again */
	ck_assert(output_add(q, &line, 0));
	ck_assert_uint_eq(out->used, 7);
	output_flush(out);
	queues_read(0, "hello\r\n");
	ck_assert_uint_eq(out->lines, N_QUEUES + 1);
	ck_assert_uint_eq(out->bytes, 7 * (N_QUEUES + 1));
}
END_TEST

/* Lines that lie apart go out in one call all the same. */
START_TEST(spans_apart)
{
	queues_add(&queues[0], "a1\r\n");
	queues_add(&queues[1], "b1\r\n");
	queues_add(&queues[0], "a2\r\n");
	queues_add(&queues[0], "a3\r\n");
	queues_add(&queues[1], "b2\r\n");
	ck_assert_uint_eq(out->nspans, 3); /* a2 and a3 are one */
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2);
	queues_read(0, "a1\r\na2\r\na3\r\n");
	queues_read(1, "b1\r\nb2\r\n");
}
END_TEST

/* More spans than one call takes, or than there are; more text than fits:
 * all of it arrives, in order. */
static void
check_many(unsigned lines, unsigned len)
{
	static char want[4 << 20];
	char text[256];
	size_t n = 0;
	unsigned i;

	for (i = 0; i < lines; i++) {
		snprintf(text, sizeof(text), "%0*u\r\n", (int)len - 2, i);
		memcpy(want + n, text, len);
		n += len;
		queues_add(&queues[0], text);
		queues_add(&queues[1], "-"); /* so that they lie apart */
	}
	output_flush(out);
	want[n] = '\0';
	queues_read(0, want);
}

START_TEST(many_spans)
{
	check_many(64, 10);
	ck_assert_uint_eq(kernel.calls, 2);
	kernel.calls = 0;
	check_many(65, 10);
	ck_assert_uint_eq(kernel.calls, 2 + 2);
	check_many(OUTPUT_SPANS * OUTPUT_SCALE_MAX, 7);
}
END_TEST

START_TEST(full_arena)
{
	check_many(OUTPUT_ARENA_SIZE * OUTPUT_SCALE_MAX / 200 + 10, 200);
}
END_TEST

START_TEST(longest_line)
{
	static char text[LINE_SIZE_MAX];

	memset(text, 'x', sizeof(text));
	queues_add(q, "one\r\n");
	ck_assert(queues_add_kind(q, text, sizeof(text), LINE_REPLY));
	ck_assert(queues_add_kind(q, text, sizeof(text), LINE_REPLY));
	output_flush(out);
	queues_collect(0);
	ck_assert_uint_eq(got_len, 5 + 2 * sizeof(text));
}
END_TEST

/* ---- what the kernel does not take ---- */

/* Wherever it stops: the rest comes later, whole and in order. */
START_TEST(partial_sends)
{
	size_t takes;

	for (takes = 0; takes <= 13; takes++) {
		kernel.takes = takes;
		queues_add(&queues[0], "one\r\n");
		queues_add(&queues[1], "-");
		queues_add(&queues[0], "two\r\n");
		queues_add(&queues[1], "-");
		output_flush(out);
		ck_assert_uint_eq(
		    output_unsent(q), takes < 10 ? 10 - takes : 0);
		/* behind what waits, what comes waits, too */
		kernel.takes = SIZE_MAX;
		queues_add(&queues[0], "three\r\n");
		output_flush(out);
		queues_read(0, "one\r\ntwo\r\nthree\r\n");
		queues_collect(1);
		ck_assert_uint_eq(output_unsent(q), 0);
		/* nothing is left of the backlog, not even its buffers */
		ck_assert_ptr_null(queues[0].bev);
		ck_assert_ptr_null(queues[1].bev);
	}
}
END_TEST

START_TEST(interrupted)
{
	kernel.interrupt = 2;
	queues_add(q, "one\r\n");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 3);
	queues_read(0, "one\r\n");
}
END_TEST

/* Shortage of the kernel's memory is no broken connection. */
START_TEST(short_of_memory)
{
	static const int errors[] = { EAGAIN, ENOBUFS, ENOMEM };
	size_t i;

	for (i = 0; i < 3; i++) {
		kernel.error = errors[i];
		queues_add(q, "one\r\n");
		output_flush(out);
		ck_assert_ptr_null(output_next_broken(out));
		kernel.error = 0;
		queues_read(0, "one\r\n");
		ck_assert_uint_eq(backlogs, (unsigned)i + 1);
	}
}
END_TEST

START_TEST(broken)
{
	kernel.error = EPIPE;
	queues_add(&queues[0], "one\r\n");
	queues_add(&queues[1], "one\r\n");
	output_send(&queues[0]);
	ck_assert_int_eq(q->error, EPIPE);
	/* nothing more is taken for it, of whatever kind */
	ck_assert(!queues_add_kind(q, "two\r\n", 5, LINE_REPLY));
	ck_assert(!queues_add_kind(q, "two\r\n", 5, LINE_ROOM));
	ck_assert_uint_eq(q->skipped, 0);
	kernel.error = 0;
	output_flush(out);
	ck_assert_ptr_eq(output_next_broken(out), q); /* once */
	ck_assert_ptr_null(output_next_broken(out));
	queues_read(1, "one\r\n");
}
END_TEST

/* One that is forgotten before anybody asked is not told of. */
START_TEST(forgotten)
{
	queues_add(&queues[0], "one\r\n");
	output_forget(&queues[0]);
	kernel.error = ECONNRESET;
	queues_add(&queues[1], "one\r\n");
	output_flush(out);
	output_forget(&queues[1]);
	ck_assert_ptr_null(output_next_broken(out));
	ck_assert_uint_eq(kernel.calls, 1);
	queues_add(&queues[2], "one\r\n");
	output_forget(&queues[2]);
	queues[2].pending = 5; /* whoever looks at it now is wrong */
	output_flush(out);
	queues[2].pending = 0;
	ck_assert_uint_eq(kernel.calls, 1);
	queues_read(0, "");
}
END_TEST

/* ---- full queues ---- */

/* Has the queue hold n bytes that the kernel refuses. */
static void
fill(uint32_t n)
{
	static char text[OUTPUT_ARENA_SIZE];
	uint32_t len;

	memset(text, 'x', sizeof(text));
	kernel.takes = 0;
	for (; n > 0; n -= len) {
		len = n < 4096 ? n : 4096;
		ck_assert(queues_add_kind(q, text, len, LINE_REPLY));
		output_flush(out);
	}
}

#define MARGIN (STAMP_LEN + 1) /* a line may get a stamp and a bell */

START_TEST(room_lines_at_the_limit)
{
	fill(out->limit - 20 - MARGIN);
	ck_assert(queues_add_kind(q, "123456789012345678\r\n", 20, LINE_ROOM));
	ck_assert(!q->full);
	ck_assert(!queues_add_kind(q, "1", 1, LINE_ROOM));
	ck_assert(q->full);
	ck_assert_uint_eq(q->skipped, 1);
	/* from here on all of them, so that none comes out of order */
	ck_assert(!queues_add_kind(q, "", 0, LINE_ROOM));
	ck_assert_uint_eq(q->skipped, 2);
	ck_assert_uint_eq(out->skipped, 2);
}
END_TEST

START_TEST(room_lines_above_the_limit)
{
	fill(out->limit - 20 - MARGIN + 1);
	ck_assert(!queues_add_kind(q, "123456789012345678\r\n", 20, LINE_ROOM));
	ck_assert(q->full);
}
END_TEST

/* Private lines are refused, and not counted; replies are always queued. */
START_TEST(other_kinds)
{
	fill(out->limit);
	ck_assert(!queues_add_kind(q, "p\r\n", 3, LINE_PRIVATE));
	ck_assert(!q->full);
	ck_assert_uint_eq(q->skipped, 0);
	ck_assert(queues_add_kind(q, "r\r\n", 3, LINE_REPLY));
	ck_assert(queues_add_kind(q, "t\r\n", 3, LINE_RAW));
	ck_assert(!queues_add_kind(q, "l\r\n", 3, LINE_ROOM));
	ck_assert(!queues_add_kind(q, "p\r\n", 3, LINE_PRIVATE));
	ck_assert_uint_eq(q->skipped, 1);
}
END_TEST

/* Nobody is full who only waits for the turn's end. */
START_TEST(offered_first)
{
	uint32_t i;

	for (i = 0; i < out->limit / 1000 + 10; i++) {
		static char text[1000];

		memset(text, 'x', sizeof(text));
		ck_assert(queues_add_kind(q, text, sizeof(text), LINE_ROOM));
	}
	ck_assert(!q->full);
	ck_assert_uint_ge(kernel.calls, 1);
}
END_TEST

/* Reads until at most left bytes wait.  Returns how many skipped lines were
 * told of then. */
static uint32_t
drain_to(uint32_t left)
{
	struct evbuffer *buf = bufferevent_get_output(q->bev);
	uint32_t told;

	/* the bufferevent's output may only be drained by itself */
	ck_assert_int_eq(evbuffer_unfreeze(buf, 1), 0);
	evbuffer_drain(buf, evbuffer_get_length(buf) - left);
	ck_assert_int_eq(evbuffer_freeze(buf, 1), 0);
	bufferevent_trigger(q->bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
	told = told_skipped;
	told_skipped = 0;
	return told;
}

START_TEST(told_when_half_empty)
{
	fill(out->limit);
	queues_add_kind(q, "1", 1, LINE_ROOM);
	queues_add_kind(q, "2", 1, LINE_ROOM);
	queues_add_kind(q, "3", 1, LINE_ROOM);
	ck_assert_uint_eq(drain_to(out->limit / 2 + 1), 0);
	ck_assert(q->full);
	ck_assert_uint_eq(drain_to(out->limit / 2), 3);
	ck_assert(!q->full);
	ck_assert_uint_eq(drain_to(out->limit / 2), 0); /* once */
	ck_assert(queues_add_kind(q, "4", 1, LINE_ROOM));
	ck_assert_uint_eq(out->skipped, 3);
}
END_TEST

/* Whoever is full has something on its way that will wake it: else it would
 * be skipped for ever. */
START_TEST(full_is_never_idle)
{
	static char text[4096];
	uint32_t i;

	memset(text, 'x', sizeof(text));
	output_set_limit(out, 8192);
	fill(out->limit);
	ck_assert(!queues_add_kind(q, "skipped\r\n", 9, LINE_ROOM));
	/* the reader takes all, and in the same turn is owed replies */
	for (i = 0; i <= out->limit / 2; i += sizeof(text))
		ck_assert(queues_add_kind(q, text, sizeof(text), LINE_REPLY));
	kernel.takes = SIZE_MAX;
	(void)drain_to(0);
	output_flush(out);
	queues_collect(0);
	ck_assert_msg(!q->full || output_unsent(q) > 0,
	    "skipping goes on, with nothing to end it");
}
END_TEST

/* ---- stamps and bells ---- */

START_TEST(stamps)
{
	struct line line = { .text = "x\r\n", .len = 3 };
	struct line past = { .text = "09:00 y\r\n", .len = 9, .stamped = true };
	struct line raw = { .text = "\xff\xfc\x01", .len = 3 };

	raw.kind = LINE_RAW;
	setenv("TZ", "UTC0", 1);
	q->stamp = true;
	ck_assert(output_add(q, &line, 10 * 3600 + 32 * 60 + 59));
	ck_assert(output_add(q, &past, 10 * 3600 + 32 * 60 + 59));
	ck_assert(output_add(q, &raw, 10 * 3600 + 32 * 60 + 59));
	ck_assert(output_add(q, &line, 10 * 3600 + 33 * 60));
	ck_assert(output_add(&queues[1], &line, 10 * 3600 + 33 * 60));
	output_flush(out);
	queues_read(0,
	    "10:32 x\r\n09:00 y\r\n\xff\xfc\x01"
	    "10:33 x\r\n");
	queues_read(1, "x\r\n");
}
END_TEST

START_TEST(bells)
{
	struct line line = { .text = "bob?\r\n", .len = 6 };

	line.bell = true;
	ck_assert(output_add(&queues[0], &line, 0));
	line.bell = false;
	ck_assert(output_add(&queues[1], &line, 0));
	line.bell = true;
	ck_assert(output_add(&queues[2], &line, 0));
	output_flush(out);
	queues_read(0, "bob?\a\r\n");
	queues_read(1, "bob?\r\n");
	queues_read(2, "bob?\a\r\n");
	ck_assert_uint_eq(kernel.calls, 3);
}
END_TEST

UNIT_MAIN("output", queues_setup, queues_teardown, one_call_a_turn, laid_once,
    spans_apart, many_spans, full_arena, longest_line, partial_sends,
    interrupted, short_of_memory, broken, forgotten, room_lines_at_the_limit,
    room_lines_above_the_limit, other_kinds, offered_first,
    told_when_half_empty, full_is_never_idle, stamps, bells)
