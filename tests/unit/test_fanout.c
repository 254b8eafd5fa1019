/* The fan-out: what is gathered in a turn, and how it leaves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queues.h"
#include "unit.h"

static bool
add_line(struct fanout_queue *to, struct fanout_line *line)
{
	return fanout_append(out, to, line, FANOUT_ALWAYS, FANOUT_URGENT);
}

/* ---- gathering ---- */

START_TEST(one_call_a_turn)
{
	queues_add(q, "one\r\n");
	queues_add(q, "two\r\n");
	queues_add(q, "three\r\n");
	ck_assert_uint_eq(kernel.calls, 0);
	ck_assert_uint_eq(fanout_unsent(q), 17);
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, 1);
	ck_assert_uint_eq(fanout_unsent(q), 0);
	queues_read(0, "one\r\ntwo\r\nthree\r\n");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, 1); /* nothing more */
	queues_add(q, "four\r\n");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, 2);
	queues_read(0, "four\r\n");
}
END_TEST

START_TEST(appended_once)
{
	struct fanout_line line = { .text = "hello\r\n", .len = 7 };
	int i;

	for (i = 0; i < N_QUEUES; i++)
		ck_assert(add_line(&queues[i], &line));
	ck_assert_uint_eq(out->used, 7);
	ck_assert_uint_eq(out->nspans, 1); /* each has its own first */
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, N_QUEUES);
	for (i = 0; i < N_QUEUES; i++)
		queues_read(i, "hello\r\n");
	/* in the next turn it is appended again */
	ck_assert(add_line(q, &line));
	ck_assert_uint_eq(out->used, 7);
	fanout_flush(out);
	queues_read(0, "hello\r\n");
	ck_assert_uint_eq(out->lines, N_QUEUES + 1);
	ck_assert_uint_eq(conns.bytes_out, 7 * (N_QUEUES + 1));
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
	fanout_flush(out);
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
	fanout_flush(out);
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
	check_many(FANOUT_SPANS * FANOUT_SCALE_MAX, 7);
}
END_TEST

START_TEST(full_arena)
{
	check_many(FANOUT_ARENA_SIZE * FANOUT_SCALE_MAX / 200 + 10, 200);
}
END_TEST

START_TEST(longest_line)
{
	static char text[FANOUT_ARENA_SIZE];

	memset(text, 'x', sizeof(text));
	queues_add(q, "one\r\n");
	ck_assert(queues_append(q, text, sizeof(text), FANOUT_ALWAYS));
	ck_assert(queues_append(q, text, sizeof(text), FANOUT_ALWAYS));
	fanout_flush(out);
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
		fanout_flush(out);
		ck_assert_uint_eq(
		    fanout_unsent(q), takes < 10 ? 10 - takes : 0);
		/* behind what waits, what comes waits, too */
		kernel.takes = SIZE_MAX;
		queues_add(&queues[0], "three\r\n");
		fanout_flush(out);
		queues_read(0, "one\r\ntwo\r\nthree\r\n");
		queues_collect(1);
		ck_assert_uint_eq(fanout_unsent(q), 0);
		/* nothing is left of the backlog, not even its buffers */
		ck_assert_uint_eq(conns.freed, backlogs);
	}
}
END_TEST

START_TEST(interrupted)
{
	kernel.interrupt = 2;
	queues_add(q, "one\r\n");
	fanout_flush(out);
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
		fanout_flush(out);
		ck_assert_ptr_null(fanout_next_broken(out));
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
	fanout_send(out, &queues[0]);
	ck_assert_int_eq(conn_error(q->conn), EPIPE);
	/* nothing more is taken for it, of whatever kind */
	ck_assert(!queues_append(q, "two\r\n", 5, FANOUT_ALWAYS));
	ck_assert(!queues_append(q, "two\r\n", 5, FANOUT_SKIP));
	ck_assert_uint_eq(q->skipped, 0);
	kernel.error = 0;
	fanout_flush(out);
	ck_assert_ptr_eq(fanout_next_broken(out), q); /* once */
	ck_assert_ptr_null(fanout_next_broken(out));
	queues_read(1, "one\r\n");
}
END_TEST

/* Bytes are counted that were sent, or wait to be: not what was dropped. */
START_TEST(bytes_that_left)
{
	uint64_t before = conns.bytes_out;

	kernel.takes = 3;
	queues_add(q, "12345\r\n");
	fanout_flush(out);
	ck_assert_uint_eq(conns.bytes_out - before, 7);
	conn_stop(q->conn);
	ck_assert_uint_eq(conns.bytes_out - before, 3);
	kernel.error = EPIPE;
	queues_add(&queues[1], "12345\r\n");
	fanout_flush(out);
	ck_assert_uint_eq(conns.bytes_out - before, 3);
}
END_TEST

/* One that is forgotten before anybody asked is not told of. */
START_TEST(forgotten)
{
	queues_add(&queues[0], "one\r\n");
	fanout_forget(out, &queues[0]);
	kernel.error = ECONNRESET;
	queues_add(&queues[1], "one\r\n");
	fanout_flush(out);
	fanout_forget(out, &queues[1]);
	ck_assert_ptr_null(fanout_next_broken(out));
	ck_assert_uint_eq(kernel.calls, 1);
	queues_add(&queues[2], "one\r\n");
	fanout_forget(out, &queues[2]);
	queues[2].owed = 5; /* whoever looks at it now is wrong */
	fanout_flush(out);
	queues[2].owed = 0;
	ck_assert_uint_eq(kernel.calls, 1);
	queues_read(0, "");
}
END_TEST

/* ---- full queues ---- */

/* Has the queue hold n bytes that the kernel refuses. */
static void
fill(uint32_t n)
{
	static char text[FANOUT_ARENA_SIZE];
	uint32_t len;

	memset(text, 'x', sizeof(text));
	kernel.takes = 0;
	for (; n > 0; n -= len) {
		len = n < 4096 ? n : 4096;
		ck_assert(queues_append(q, text, len, FANOUT_ALWAYS));
		fanout_flush(out);
	}
}

START_TEST(room_lines_at_the_limit)
{
	fill(out->limit - 20);
	ck_assert(queues_append(q, "123456789012345678\r\n", 20, FANOUT_SKIP));
	ck_assert(!q->full);
	ck_assert(!queues_append(q, "1", 1, FANOUT_SKIP));
	ck_assert(q->full);
	ck_assert_uint_eq(q->skipped, 1);
	/* from here on all of them, so that none comes out of order */
	ck_assert(!queues_append(q, "", 0, FANOUT_SKIP));
	ck_assert_uint_eq(q->skipped, 2);
	ck_assert_uint_eq(out->skipped, 2);
}
END_TEST

START_TEST(room_lines_above_the_limit)
{
	fill(out->limit - 20 + 1);
	ck_assert(!queues_append(q, "123456789012345678\r\n", 20, FANOUT_SKIP));
	ck_assert(q->full);
}
END_TEST

/* Private lines are refused, and not counted; replies are always queued. */
START_TEST(other_kinds)
{
	fill(out->limit);
	ck_assert(!queues_append(q, "p\r\n", 3, FANOUT_REFUSE));
	ck_assert(!q->full);
	ck_assert_uint_eq(q->skipped, 0);
	ck_assert(queues_append(q, "r\r\n", 3, FANOUT_ALWAYS));
	ck_assert(queues_append(q, "t\r\n", 3, FANOUT_ALWAYS));
	ck_assert(!queues_append(q, "l\r\n", 3, FANOUT_SKIP));
	ck_assert(!queues_append(q, "p\r\n", 3, FANOUT_REFUSE));
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
		ck_assert(queues_append(q, text, sizeof(text), FANOUT_SKIP));
	}
	ck_assert(!q->full);
	ck_assert_uint_ge(kernel.calls, 1);
}
END_TEST

/* The reader reads until left bytes wait.  Returns how many skipped lines were
 * told of then. */
static uint32_t
drain_to(uint32_t left)
{
	uint32_t told;

	queues_drained_to(0, left);
	told = told_skipped;
	told_skipped = 0;
	return told;
}

START_TEST(told_when_half_empty)
{
	fill(out->limit);
	queues_append(q, "1", 1, FANOUT_SKIP);
	queues_append(q, "2", 1, FANOUT_SKIP);
	queues_append(q, "3", 1, FANOUT_SKIP);
	ck_assert_uint_eq(drain_to(out->limit / 2 + 1), 0);
	ck_assert(q->full);
	ck_assert_uint_eq(drain_to(out->limit / 2), 3);
	ck_assert(!q->full);
	ck_assert_uint_eq(drain_to(out->limit / 2), 0); /* once */
	ck_assert(queues_append(q, "4", 1, FANOUT_SKIP));
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
	fanout_set_limit(out, 8192);
	fill(out->limit);
	ck_assert(!queues_append(q, "skipped\r\n", 9, FANOUT_SKIP));
	/* the reader takes all, and in the same turn is owed replies */
	for (i = 0; i <= out->limit / 2; i += sizeof(text))
		ck_assert(queues_append(q, text, sizeof(text), FANOUT_ALWAYS));
	kernel.takes = SIZE_MAX;
	fanout_flush(out);
	queues_collect(0);
	ck_assert_msg(!q->full || fanout_unsent(q) > 0,
	    "skipping goes on, with nothing to end it");
}
END_TEST

/* Who is being sent something is noted, until it has all. */
START_TEST(noted_while_sending)
{
	volatile uint64_t sending = 0;

	conns.sending = &sending;
	queues_add(q, "hello\r\n");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.sending, conn_number(q->conn));
	ck_assert_uint_eq(sending, 0);
	kernel.takes = 3;
	queues_add(&queues[1], "hello\r\n");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.sending, conn_number(queues[1].conn));
	conns.sending = NULL;
}
END_TEST

UNIT_MAIN("fanout", queues_setup, queues_teardown, one_call_a_turn,
    appended_once, spans_apart, many_spans, full_arena, longest_line,
    partial_sends, interrupted, short_of_memory, broken, bytes_that_left,
    forgotten, room_lines_at_the_limit, room_lines_above_the_limit, other_kinds,
    offered_first, told_when_half_empty, full_is_never_idle,
    noted_while_sending)
