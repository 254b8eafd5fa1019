/* Bulk leaves in pieces, and what is urgent goes first. */
#include <errno.h>
#include <string.h>

#include <bsd/string.h>

#include "queues.h"
#include "unit.h"

#define CROWD (2 * FANOUT_PIECE + 10)
#define FEW   64

/* They share a socket, so that the order in which they are served is seen. */
static struct fanout_queue crowd[CROWD];
static char awaited[8 * CROWD];

static bool no_memory;

void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return no_memory ? NULL : __real_reallocarray(p, n, size);
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < CROWD; i++) {
		if (crowd[i].conn != NULL)
			fanout_forget(out, &crowd[i]);
	}
	memset(crowd, 0, sizeof(crowd));
	queues_teardown();
}

static void
append(int from, int n, const char *text, enum fanout_urgency urgency)
{
	struct fanout_line line = { .text = text,
		.len = (uint32_t)strlen(text) };

	for (; n > 0; n--, from++) {
		crowd[from].conn = q->conn;
		ck_assert(fanout_append(
		    out, &crowd[from], &line, FANOUT_ALWAYS, urgency));
	}
}

static void
add_to_crowd(int from, int n, const char *text)
{
	append(from, n, text, FANOUT_BULK);
}

/* It has been served in this order: n times that text after what was awaited
 * before. */
static void
await(int n, const char *text)
{
	for (; n > 0; n--)
		strlcat(awaited, text, sizeof(awaited));
}

static void
check_order(void)
{
	queues_read(0, awaited);
	awaited[0] = '\0';
}

START_TEST(in_pieces)
{
	add_to_crowd(0, CROWD, "x");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, FANOUT_PIECE);
	/* what is said meanwhile shares the calls */
	add_to_crowd(FANOUT_PIECE, CROWD - FANOUT_PIECE, "y");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, 2 * FANOUT_PIECE);
	ck_assert(fanout_is_owing(out));
	ck_assert_uint_eq(out->used, 2); /* somebody needs it */
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, CROWD);
	ck_assert(!fanout_is_owing(out));
	ck_assert_uint_eq(out->used, 0);
	await(FANOUT_PIECE, "x");
	await(CROWD - FANOUT_PIECE, "xy");
	check_order();
}
END_TEST

/* Who gets something of a few need not wait for the many. */
START_TEST(few_first)
{
	add_to_crowd(0, CROWD, "x");
	fanout_flush(out);
	append(0, FEW, "y", FANOUT_URGENT);
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, 2 * FANOUT_PIECE + FEW);
	fanout_flush(out);
	await(FANOUT_PIECE, "x");
	await(FEW, "y");
	await(CROWD - FANOUT_PIECE, "x");
	check_order();
}
END_TEST

/* Not even if they are of the many themselves. */
START_TEST(few_of_the_many)
{
	add_to_crowd(0, CROWD, "x");
	append(CROWD - 2, 2, "y", FANOUT_URGENT);
	fanout_flush(out);
	append(CROWD - 4, 2, "z", FANOUT_URGENT);
	fanout_flush(out);
	fanout_flush(out);
	await(2, "xy");
	await(FANOUT_PIECE, "x");
	await(2, "xz");
	await(CROWD - FANOUT_PIECE - 4, "x");
	check_order();
}
END_TEST

/* The next line for the many waits until all have the one before. */
START_TEST(many_queue_up)
{
	add_to_crowd(0, CROWD, "x");
	fanout_flush(out);
	add_to_crowd(0, FEW, "y");
	fanout_flush(out);
	ck_assert_uint_eq(kernel.calls, 2 * FANOUT_PIECE);
	fanout_flush(out);
	await(CROWD, "x");
	await(FEW, "y");
	check_order();
}
END_TEST

START_TEST(late_and_gone)
{
	add_to_crowd(0, CROWD, "x");
	fanout_flush(out);
	fanout_forget(out, &crowd[CROWD - 1]); /* the last of the list, too */
	fanout_forget(out, &crowd[FANOUT_PIECE]);
	fanout_flush(out);
	kernel.error = EPIPE;
	fanout_flush(out);
	kernel.error = 0;
	ck_assert(!fanout_is_owing(out));
	/* they share a connection: one call tells of all who are left */
	ck_assert_uint_eq(kernel.calls, 2 * FANOUT_PIECE + 1);
	ck_assert_ptr_eq(fanout_next_broken(out), &crowd[2 * FANOUT_PIECE + 1]);
	await(2 * FANOUT_PIECE, "x");
	check_order();
}
END_TEST

/* The arena grows for those who wait; when it can't, they wait no longer. */
START_TEST(late_and_full)
{
	static char text[FANOUT_ARENA_SIZE / 2 + 1];
	int i;

	memset(text, 'y', sizeof(text) - 1);
	add_to_crowd(0, CROWD, "x");
	fanout_flush(out);
	for (i = 1; i < 2 * FANOUT_SCALE_MAX; i++)
		queues_add(&queues[1], text);
	ck_assert_uint_eq(out->scale, FANOUT_SCALE_MAX);
	ck_assert_uint_eq(kernel.calls, FANOUT_PIECE);
	queues_add(&queues[1], text);
	ck_assert_uint_eq(out->scale, 1);
	ck_assert_uint_eq(kernel.calls, CROWD + 1);
	await(CROWD, "x");
	check_order();
}
END_TEST

/* Nor do they when memory is out. */
START_TEST(late_and_no_memory)
{
	static char text[FANOUT_ARENA_SIZE / 2 + 1];

	memset(text, 'y', sizeof(text) - 1);
	add_to_crowd(0, CROWD, "x");
	fanout_flush(out);
	queues_add(&queues[1], text);
	no_memory = true;
	queues_add(&queues[1], text);
	ck_assert_uint_eq(kernel.calls, CROWD + 1);
	no_memory = false;
	ck_assert_uint_eq(out->scale, 1);
	await(CROWD, "x");
	check_order();
	fanout_flush(out);
	queues_collect(1);
	ck_assert_uint_eq(got_len, 2 * (sizeof(text) - 1));
}
END_TEST

/* A piece is no more than a turn can bear, however long the lines are. */
START_TEST(pieces_of_bytes)
{
	static char text[FANOUT_CONGESTED + 1];

	memset(text, 'y', sizeof(text) - 1);
	add_to_crowd(0, 1, "x");
	ck_assert(!fanout_is_congested(out));
	add_to_crowd(0, CROWD, text);
	ck_assert(fanout_is_congested(out));
	fanout_flush(out);
	ck_assert_uint_ge(conns.bytes_out, FANOUT_PIECE_BYTES);
	ck_assert_uint_lt(
	    conns.bytes_out, FANOUT_PIECE_BYTES + 2 * sizeof(text));
	while (fanout_is_owing(out))
		fanout_flush(out);
	ck_assert(!fanout_is_congested(out));
}
END_TEST

static void
count_lines(int n)
{
	while (n-- > 0)
		fanout_count_input(out);
}

/* A line for a few does not wait for the turn's end when there was much input;
 * one for many does. */
START_TEST(lines_of_input)
{
	unsigned n;

	add_to_crowd(0, FEW, "x");
	for (n = 1; n <= 2; n++) {
		queues_add(&queues[1], "one\r\n");
		count_lines(FANOUT_LINES - 1);
		ck_assert_uint_eq(kernel.calls, n - 1);
		fanout_count_input(out);
		ck_assert_uint_eq(kernel.calls, n);
	}
	fanout_count_input(out);
	fanout_flush(out); /* begins to count anew */
	queues_add(&queues[1], "two\r\n");
	count_lines(FANOUT_LINES - 1);
	queues_read(1, "one\r\none\r\n");
}
END_TEST

UNIT_MAIN("pieces", queues_setup, teardown, in_pieces, few_first,
    few_of_the_many, many_queue_up, late_and_gone, late_and_full,
    late_and_no_memory, pieces_of_bytes, lines_of_input)
