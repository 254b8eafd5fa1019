/* Output: what is gathered in a turn, and how it leaves. */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "banterd/output.h"
#include "unit.h"

#define N_QUEUES 16
#define CROWD    (2 * OUTPUT_PIECE + 10)

/* ---- a kernel that takes what the test says ---- */

static struct {
	size_t takes;  /* bytes from now on; then EAGAIN */
	int error;     /* errno of every call, if not 0 */
	int interrupt; /* so many calls first end in EINTR */
	unsigned calls;
} kernel;

ssize_t __real_send(int, const void *, size_t, int);
ssize_t __wrap_send(int, const void *, size_t, int);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	ck_assert_int_eq(flags, MSG_NOSIGNAL | MSG_DONTWAIT);
	kernel.calls++;
	errno = kernel.error;
	if (kernel.interrupt > 0) {
		kernel.interrupt--;
		errno = EINTR;
	} else if (errno == 0 && kernel.takes == 0)
		errno = EAGAIN;
	if (errno != 0)
		return -1;
	n = n < kernel.takes ? n : kernel.takes;
	kernel.takes -= n;
	return __real_send(fd, p, n, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static char flat[1 << 20];
	size_t i, n = 0;

	for (i = 0; i < msg->msg_iovlen; i++) {
		memcpy(flat + n, msg->msg_iov[i].iov_base,
		    msg->msg_iov[i].iov_len);
		n += msg->msg_iov[i].iov_len;
	}
	return __wrap_send(fd, flat, n, flags);
}

/* ---- queues and those who read them ---- */

static struct event_base *base;
static struct output *out;
static struct output_queue queues[N_QUEUES];
static struct output_queue *const q = &queues[0];
static int readers[N_QUEUES];
/* These share a socket, so that the order in which they are served is seen. */
static struct output_queue crowd[CROWD];
static char awaited[8 * CROWD];
static char got[4 << 20];
static size_t got_len;
static unsigned backlogs;     /* that began */
static uint32_t told_skipped; /* lines, since the test looked */

static void
count_backlog(struct output_queue *of)
{
	ck_assert_ptr_nonnull(of->bev);
	backlogs++;
}

static void
hear_drained(struct output_queue *of, uint32_t skipped)
{
	(void)of;
	told_skipped += skipped;
}

static const struct output_events events = {
	.backlog_begins = count_backlog,
	.drained = hear_drained,
};

static void
setup(void)
{
	int i, fds[2], size = 1 << 20;

	memset(&kernel, 0, sizeof(kernel));
	kernel.takes = SIZE_MAX;
	base = event_base_new();
	out = output_new(base, &events, 1 << 20);
	backlogs = told_skipped = 0;
	ck_assert(base != NULL && out != NULL);
	for (i = 0; i < N_QUEUES; i++) {
		ck_assert_int_eq(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
		    0);
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		readers[i] = fds[0];
		memset(&queues[i], 0, sizeof(queues[i]));
		output_open(out, &queues[i], fds[1]);
	}
}

static void
empty_crowd(void)
{
	int i;

	for (i = 0; i < CROWD; i++) {
		if (crowd[i].output != NULL)
			output_forget(&crowd[i]);
	}
	memset(crowd, 0, sizeof(crowd));
}

static void
teardown(void)
{
	int i;

	empty_crowd();
	for (i = 0; i < N_QUEUES; i++) {
		output_forget(&queues[i]);
		close(queues[i].fd);
		close(readers[i]);
	}
	output_free(out);
	event_base_free(base);
}

/* What has reached the reader of queue i since the last time. */
static void
collect(int i)
{
	ssize_t n;

	got_len = 0;
	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(readers[i], got + got_len, sizeof(got) - got_len, 0);
		got_len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

static void
read_by(int i, const char *want)
{
	collect(i);
	unit_bytes("read", got, got_len, want, strlen(want));
}

static bool
add_kind(
    struct output_queue *to, const char *text, size_t len, enum line_kind kind)
{
	struct line line = { .text = text, .len = (uint32_t)len, .kind = kind };

	return output_add(to, &line, 0);
}

static void
add(struct output_queue *to, const char *text)
{
	ck_assert(add_kind(to, text, strlen(text), LINE_REPLY));
}

/* ---- gathering ---- */

START_TEST(one_call_a_turn)
{
	add(q, "one\r\n");
	add(q, "two\r\n");
	add(q, "three\r\n");
	ck_assert_uint_eq(kernel.calls, 0);
	ck_assert_uint_eq(output_unsent(q), 17);
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 1);
	ck_assert_uint_eq(output_unsent(q), 0);
	read_by(0, "one\r\ntwo\r\nthree\r\n");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 1); /* nothing more */
	add(q, "four\r\n");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2);
	read_by(0, "four\r\n");
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
		read_by(i, "hello\r\n");
	/* in the next turn it is laid again */
	ck_assert(output_add(q, &line, 0));
	ck_assert_uint_eq(out->used, 7);
	output_flush(out);
	read_by(0, "hello\r\n");
	ck_assert_uint_eq(out->lines, N_QUEUES + 1);
	ck_assert_uint_eq(out->bytes, 7 * (N_QUEUES + 1));
}
END_TEST

/* Lines that lie apart go out in one call all the same. */
START_TEST(spans_apart)
{
	add(&queues[0], "a1\r\n");
	add(&queues[1], "b1\r\n");
	add(&queues[0], "a2\r\n");
	add(&queues[0], "a3\r\n");
	add(&queues[1], "b2\r\n");
	ck_assert_uint_eq(out->nspans, 3); /* a2 and a3 are one */
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2);
	read_by(0, "a1\r\na2\r\na3\r\n");
	read_by(1, "b1\r\nb2\r\n");
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
		add(&queues[0], text);
		add(&queues[1], "-"); /* so that they lie apart */
	}
	output_flush(out);
	want[n] = '\0';
	read_by(0, want);
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
	add(q, "one\r\n");
	ck_assert(add_kind(q, text, sizeof(text), LINE_REPLY));
	ck_assert(add_kind(q, text, sizeof(text), LINE_REPLY));
	output_flush(out);
	collect(0);
	ck_assert_uint_eq(got_len, 5 + 2 * sizeof(text));
}
END_TEST

/* ---- more than one flush takes ---- */

static void
add_to_crowd(int from, int n, const char *text)
{
	struct line line = { .text = text, .len = (uint32_t)strlen(text) };

	for (; n > 0; n--, from++) {
		output_open(out, &crowd[from], q->fd);
		ck_assert(output_add(&crowd[from], &line, 0));
	}
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
	read_by(0, awaited);
	awaited[0] = '\0';
}

START_TEST(in_pieces)
{
	add_to_crowd(0, CROWD, "x");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, OUTPUT_PIECE);
	/* what is said meanwhile shares the calls */
	add_to_crowd(OUTPUT_PIECE, CROWD - OUTPUT_PIECE, "y");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2 * OUTPUT_PIECE);
	ck_assert(!TAILQ_EMPTY(&out->dirty));
	ck_assert_uint_eq(out->used, 2); /* somebody needs it */
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, CROWD);
	ck_assert(TAILQ_EMPTY(&out->dirty));
	ck_assert_uint_eq(out->used, 0);
	await(OUTPUT_PIECE, "x");
	await(CROWD - OUTPUT_PIECE, "xy");
	check_order();
}
END_TEST

/* Who gets something of a few need not wait for the many. */
START_TEST(few_first)
{
	add_to_crowd(0, CROWD, "x");
	output_flush(out);
	add_to_crowd(0, OUTPUT_FEW, "y");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2 * OUTPUT_PIECE + OUTPUT_FEW);
	output_flush(out);
	await(OUTPUT_PIECE, "x");
	await(OUTPUT_FEW, "y");
	await(CROWD - OUTPUT_PIECE, "x");
	check_order();
}
END_TEST

/* Not even if they are of the many themselves. */
START_TEST(few_of_the_many)
{
	add_to_crowd(0, CROWD, "x");
	add_to_crowd(CROWD - 2, 2, "y");
	output_flush(out);
	add_to_crowd(CROWD - 4, 2, "z");
	output_flush(out);
	output_flush(out);
	await(2, "xy");
	await(OUTPUT_PIECE, "x");
	await(2, "xz");
	await(CROWD - OUTPUT_PIECE - 4, "x");
	check_order();
}
END_TEST

/* The next line for the many waits until all have the one before. */
START_TEST(many_queue_up)
{
	add_to_crowd(0, CROWD, "x");
	output_flush(out);
	add_to_crowd(0, OUTPUT_FEW + 1, "y");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 2 * OUTPUT_PIECE);
	output_flush(out);
	await(CROWD, "x");
	await(OUTPUT_FEW + 1, "y");
	check_order();
}
END_TEST

START_TEST(late_and_gone)
{
	add_to_crowd(0, CROWD, "x");
	output_flush(out);
	output_forget(&crowd[CROWD - 1]); /* the last of the list, too */
	output_forget(&crowd[OUTPUT_PIECE]);
	output_flush(out);
	kernel.error = EPIPE;
	output_flush(out);
	kernel.error = 0;
	ck_assert(TAILQ_EMPTY(&out->dirty));
	ck_assert_uint_eq(kernel.calls, CROWD - 2);
	ck_assert_ptr_eq(output_next_broken(out), &crowd[2 * OUTPUT_PIECE + 1]);
	await(2 * OUTPUT_PIECE, "x");
	check_order();
}
END_TEST

/* The arena grows for those who wait; when it can't, they wait no longer. */
START_TEST(late_and_full)
{
	static char text[OUTPUT_ARENA_SIZE / 2 + 1];
	int i;

	memset(text, 'y', sizeof(text) - 1);
	add_to_crowd(0, CROWD, "x");
	output_flush(out);
	for (i = 1; i < 2 * OUTPUT_SCALE_MAX; i++)
		add(&queues[1], text);
	ck_assert_uint_eq(out->scale, OUTPUT_SCALE_MAX);
	ck_assert_uint_eq(kernel.calls, OUTPUT_PIECE);
	add(&queues[1], text);
	ck_assert_uint_eq(out->scale, 1);
	ck_assert_uint_eq(kernel.calls, CROWD + 1);
	await(CROWD, "x");
	check_order();
}
END_TEST

START_TEST(lines_of_input)
{
	unsigned i, n;

	for (n = 1; n <= 2; n++) {
		add(q, "one\r\n");
		for (i = 1; i < OUTPUT_LINES; i++)
			output_count_line(out);
		ck_assert_uint_eq(kernel.calls, n - 1);
		output_count_line(out);
		ck_assert_uint_eq(kernel.calls, n);
	}
	output_count_line(out);
	output_flush(out); /* begins to count anew */
	add(q, "two\r\n");
	for (i = 1; i < OUTPUT_LINES; i++)
		output_count_line(out);
	read_by(0, "one\r\none\r\n");
}
END_TEST

/* ---- what the kernel does not take ---- */

/* Wherever it stops: the rest comes later, whole and in order. */
START_TEST(partial_sends)
{
	size_t takes;

	for (takes = 0; takes <= 13; takes++) {
		kernel.takes = takes;
		add(&queues[0], "one\r\n");
		add(&queues[1], "-");
		add(&queues[0], "two\r\n");
		add(&queues[1], "-");
		output_flush(out);
		ck_assert_uint_eq(
		    output_unsent(q), takes < 10 ? 10 - takes : 0);
		/* behind what waits, what comes waits, too */
		kernel.takes = SIZE_MAX;
		add(&queues[0], "three\r\n");
		output_flush(out);
		read_by(0, "one\r\ntwo\r\nthree\r\n");
		collect(1);
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
	add(q, "one\r\n");
	output_flush(out);
	ck_assert_uint_eq(kernel.calls, 3);
	read_by(0, "one\r\n");
}
END_TEST

/* Shortage of the kernel's memory is no broken connection. */
START_TEST(short_of_memory)
{
	static const int errors[] = { EAGAIN, ENOBUFS, ENOMEM };
	size_t i;

	for (i = 0; i < 3; i++) {
		kernel.error = errors[i];
		add(q, "one\r\n");
		output_flush(out);
		ck_assert_ptr_null(output_next_broken(out));
		kernel.error = 0;
		read_by(0, "one\r\n");
		ck_assert_uint_eq(backlogs, (unsigned)i + 1);
	}
}
END_TEST

START_TEST(broken)
{
	kernel.error = EPIPE;
	add(&queues[0], "one\r\n");
	add(&queues[1], "one\r\n");
	output_send(&queues[0]);
	ck_assert_int_eq(q->error, EPIPE);
	/* nothing more is taken for it, of whatever kind */
	ck_assert(!add_kind(q, "two\r\n", 5, LINE_REPLY));
	ck_assert(!add_kind(q, "two\r\n", 5, LINE_ROOM));
	ck_assert_uint_eq(q->skipped, 0);
	kernel.error = 0;
	output_flush(out);
	ck_assert_ptr_eq(output_next_broken(out), q); /* once */
	ck_assert_ptr_null(output_next_broken(out));
	read_by(1, "one\r\n");
}
END_TEST

/* One that is forgotten before anybody asked is not told of. */
START_TEST(forgotten)
{
	add(&queues[0], "one\r\n");
	output_forget(&queues[0]);
	kernel.error = ECONNRESET;
	add(&queues[1], "one\r\n");
	output_flush(out);
	output_forget(&queues[1]);
	ck_assert_ptr_null(output_next_broken(out));
	ck_assert_uint_eq(kernel.calls, 1);
	add(&queues[2], "one\r\n");
	output_forget(&queues[2]);
	queues[2].pending = 5; /* whoever looks at it now is wrong */
	output_flush(out);
	queues[2].pending = 0;
	ck_assert_uint_eq(kernel.calls, 1);
	read_by(0, "");
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
		ck_assert(add_kind(q, text, len, LINE_REPLY));
		output_flush(out);
	}
}

#define MARGIN (STAMP_LEN + 1) /* a line may get a stamp and a bell */

START_TEST(room_lines_at_the_limit)
{
	fill(out->limit - 20 - MARGIN);
	ck_assert(add_kind(q, "123456789012345678\r\n", 20, LINE_ROOM));
	ck_assert(!q->full);
	ck_assert(!add_kind(q, "1", 1, LINE_ROOM));
	ck_assert(q->full);
	ck_assert_uint_eq(q->skipped, 1);
	/* from here on all of them, so that none comes out of order */
	ck_assert(!add_kind(q, "", 0, LINE_ROOM));
	ck_assert_uint_eq(q->skipped, 2);
	ck_assert_uint_eq(out->skipped, 2);
}
END_TEST

START_TEST(room_lines_above_the_limit)
{
	fill(out->limit - 20 - MARGIN + 1);
	ck_assert(!add_kind(q, "123456789012345678\r\n", 20, LINE_ROOM));
	ck_assert(q->full);
}
END_TEST

/* Private lines are refused, and not counted; replies are always queued. */
START_TEST(other_kinds)
{
	fill(out->limit);
	ck_assert(!add_kind(q, "p\r\n", 3, LINE_PRIVATE));
	ck_assert(!q->full);
	ck_assert_uint_eq(q->skipped, 0);
	ck_assert(add_kind(q, "r\r\n", 3, LINE_REPLY));
	ck_assert(add_kind(q, "t\r\n", 3, LINE_RAW));
	ck_assert(!add_kind(q, "l\r\n", 3, LINE_ROOM));
	ck_assert(!add_kind(q, "p\r\n", 3, LINE_PRIVATE));
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
		ck_assert(add_kind(q, text, sizeof(text), LINE_ROOM));
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
	add_kind(q, "1", 1, LINE_ROOM);
	add_kind(q, "2", 1, LINE_ROOM);
	add_kind(q, "3", 1, LINE_ROOM);
	ck_assert_uint_eq(drain_to(out->limit / 2 + 1), 0);
	ck_assert(q->full);
	ck_assert_uint_eq(drain_to(out->limit / 2), 3);
	ck_assert(!q->full);
	ck_assert_uint_eq(drain_to(out->limit / 2), 0); /* once */
	ck_assert(add_kind(q, "4", 1, LINE_ROOM));
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
	ck_assert(!add_kind(q, "skipped\r\n", 9, LINE_ROOM));
	/* the reader takes all, and in the same turn is owed replies */
	for (i = 0; i <= out->limit / 2; i += sizeof(text))
		ck_assert(add_kind(q, text, sizeof(text), LINE_REPLY));
	kernel.takes = SIZE_MAX;
	(void)drain_to(0);
	output_flush(out);
	collect(0);
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
	read_by(0,
	    "10:32 x\r\n09:00 y\r\n\xff\xfc\x01"
	    "10:33 x\r\n");
	read_by(1, "x\r\n");
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
	read_by(0, "bob?\a\r\n");
	read_by(1, "bob?\r\n");
	read_by(2, "bob?\a\r\n");
	ck_assert_uint_eq(kernel.calls, 3);
}
END_TEST

UNIT_MAIN("output", setup, teardown, one_call_a_turn, laid_once, spans_apart,
    many_spans, full_arena, longest_line, in_pieces, few_first, few_of_the_many,
    many_queue_up, late_and_gone, late_and_full, lines_of_input, partial_sends,
    interrupted, short_of_memory, broken, forgotten, room_lines_at_the_limit,
    room_lines_above_the_limit, other_kinds, offered_first,
    told_when_half_empty, full_is_never_idle, stamps, bells)
