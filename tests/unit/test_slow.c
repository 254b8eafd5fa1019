/* Slow readers: skipped lines and their number, stalls, and what a client that
 * does not read costs. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/session/pace.h"
#include "daemon.h"
#include "unit.h"

static void
setup(void)
{
	daemon_start("rate off\nsend-queue 8K\nhistory 5\n");
}

static unsigned
unsent(const struct peer *p)
{
	return fanout_unsent(&p->c->out);
}

static unsigned
limit(void)
{
	return rig.srv.fanout->limit;
}

static unsigned
say_number(struct peer *p, unsigned n)
{
	char text[128];

	snprintf(text, sizeof(text), "%080u", n);
	daemon_type(p, text);
	/* who speaks waits a little for those who don't read */
	while (input_is_held(&p->c->input))
		daemon_advance(PACE_WAIT_MS);
	return n + 1;
}

/* p says numbers from n on until the sleeper has missed so many. */
static unsigned
say_until_skipped(
    struct peer *p, struct peer *slow, unsigned n, unsigned missed)
{
	while (slow->c->out.skipped < missed) {
		ck_assert_uint_lt(n, 100000);
		n = say_number(p, n);
		ck_assert_uint_le(unsent(slow), limit());
	}
	return n;
}

/* Counts the lines "[#lobby] NAME: NUMBER" in what p has got, which have to
 * come in order, once each; and the numbers of skipped ones it was told. */
static unsigned
count_numbers(struct peer *p, unsigned *skipped)
{
	unsigned long n, last = 0;
	unsigned lines = 0, told;
	char *line, *rest, *at;

	p->got[p->len] = '\0';
	*skipped = 0;
	for (rest = p->got; (line = strsep(&rest, "\n")) != NULL;) {
		if (sscanf(line, "* %u line", &told) == 1) {
			*skipped += told;
			continue;
		}
		if ((at = strstr(line, ": ")) == NULL)
			continue;
		n = strtoul(at + 2, NULL, 10);
		ck_assert_msg(lines == 0 || n > last, "%lu after %lu", n, last);
		last = n;
		lines++;
	}
	p->len = 0;
	return lines;
}

START_TEST(skipped_are_counted)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");
	unsigned n, skipped, lines;

	n = say_until_skipped(b, a, 0, 120);
	daemon_wake(a);
	ck_assert(
	    daemon_has(a, "\r\n* 120 lines skipped; /history shows them.\r\n"));
	lines = count_numbers(a, &skipped);
	ck_assert_uint_eq(skipped, 120);
	ck_assert_uint_eq(lines + skipped, n);
	/* from there on it gets all */
	n = say_number(b, n);
	ck_assert_uint_eq(count_numbers(a, &skipped), 1);
	ck_assert_uint_eq(skipped, 0);
	ck_assert_uint_eq(rig.srv.fanout->skipped, 120);
}
END_TEST

START_TEST(one_skipped)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");

	say_until_skipped(b, a, 0, 1);
	daemon_wake(a);
	ck_assert(
	    daemon_has(a, "\r\n* 1 line skipped; /history shows it.\r\n"));
}
END_TEST

/* Just before the queue is full nothing is missed, and nothing told. */
START_TEST(none_skipped)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");
	unsigned n = 0, skipped;

	while (unsent(a) < limit() - 200)
		n = say_number(b, n);
	daemon_wake(a);
	ck_assert_uint_eq(count_numbers(a, &skipped), n);
	ck_assert_uint_eq(skipped, 0);
}
END_TEST

/* Woken at half, not before, and not later; a second time as well as the
 * first. */
START_TEST(woken_at_half)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");
	unsigned n = 0, skipped, told, lines = 0, total = 0, round;

	for (round = 0; round < 2; round++) {
		n = say_until_skipped(b, a, n, 10);
		while (a->c->out.full) {
			ck_assert_uint_gt(unsent(a), limit() / 2);
			daemon_read(a, 256);
		}
	}
	daemon_wake(a);
	lines += count_numbers(a, &told);
	total += told;
	skipped = (unsigned)rig.srv.fanout->skipped;
	ck_assert_uint_eq(total, skipped);
	ck_assert_uint_eq(lines + total, n);
}
END_TEST

/* It delays nobody. */
START_TEST(others_hear_all)
{
	struct peer *b = daemon_person("b"), *c = daemon_person("c");
	struct peer *a = daemon_sleeper("a");
	unsigned n, skipped;

	daemon_forget();
	n = say_until_skipped(b, a, 0, 500);
	ck_assert_uint_eq(count_numbers(c, &skipped), n);
	ck_assert_uint_eq(skipped, 0);
	/* what was kept for it is given back when it goes */
	daemon_hang_up(a);
	ck_assert_uint_eq(rig.srv.nclients, 2);
}
END_TEST

START_TEST(private_lines_are_refused)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");
	unsigned skipped;

	say_until_skipped(b, a, 0, 3);
	daemon_forget();
	daemon_type(b, "/msg a hello");
	daemon_heard(b, "! a is not reading; your message was not sent.\n");
	daemon_wake(a);
	ck_assert(!daemon_has(a, "[private]"));
	count_numbers(a, &skipped);
	ck_assert_uint_eq(skipped, 3);
	daemon_type(b, "/msg a hello");
	daemon_heard(a, "[private] b: hello\n");
}
END_TEST

/* A line longer than the queue reaches whoever has taken all before it. */
START_TEST(line_longer_than_queue)
{
	struct peer *a, *b;
	char *text = malloc(10001);

	ck_assert(daemon_reload("rate off\nsend-queue 4K\nmax-line 16384\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	daemon_forget();
	memset(text, 'x', 10000);
	text[10000] = '\0';
	daemon_type(b, text);
	free(text);
	ck_assert_uint_eq(a->len, strlen("[#lobby] b: \r\n") + 10000);
	daemon_forget();
	daemon_type(b, "still there?");
	daemon_heard(a, "[#lobby] b: still there?\n");
}
END_TEST

/* ---- stalls ---- */

START_TEST(stalled)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");

	say_until_skipped(b, a, 0, 1);
	daemon_forget();
	daemon_advance(59999);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_heard(b, "");
	daemon_advance(1);
	ck_assert_uint_eq(rig.srv.nclients, 1);
	ck_assert_uint_eq(rig.srv.session.stalled, 1);
	daemon_heard(b, "[#lobby] -- a left (stalled)\n");
}
END_TEST

/* Who was not heard because the daemon stood still gets the time anew. */
START_TEST(stood_still)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");

	say_until_skipped(b, a, 0, 1);
	daemon_forget();
	daemon_advance(30000);
	rig_stand_still(40000);
	daemon_settle();
	daemon_advance(100);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_advance(59999);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_advance(1);
	daemon_heard(b, "[#lobby] -- a left (stalled)\n");
}
END_TEST

/* A little progress is progress. */
START_TEST(slow_but_not_stalled)
{
	struct peer *a, *b;
	unsigned before;

	ck_assert(daemon_reload("rate off\nsend-queue 64K\n"));
	b = daemon_person("b");
	a = daemon_sleeper("a");
	say_until_skipped(b, a, 0, 1);
	daemon_forget();
	before = unsent(a);
	daemon_advance(59000);
	while (unsent(a) == before)
		daemon_read(a, 64);
	ck_assert(a->c->out.full);
	daemon_advance(1000);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_advance(59999);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_advance(1);
	daemon_heard(b, "[#lobby] -- a left (stalled)\n");
}
END_TEST

/* Whoever wakes up in time stays. */
START_TEST(woken_in_time)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");

	say_until_skipped(b, a, 0, 1);
	daemon_advance(59999);
	daemon_wake(a);
	daemon_forget();
	daemon_advance(600000);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_type(b, "hello");
	daemon_heard(a, "[#lobby] b: hello\n");
}
END_TEST

/* Whoever has read all and is full again has as long as the first time. */
START_TEST(full_again)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");

	say_until_skipped(b, a, 0, 1);
	daemon_advance(50000);
	daemon_wake(a);
	a->asleep = true;
	say_until_skipped(b, a, 0, 1);
	daemon_advance(59999);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_advance(1);
	ck_assert_uint_eq(rig.srv.nclients, 1);
}
END_TEST

/* ---- one's own replies ---- */

/* A client that sends without end and never reads is not read any more: its
 * replies cannot grow beyond its queue by more than one of them. */
START_TEST(own_replies_stop_reading)
{
	struct peer *a = daemon_sleeper("a");
	char *p, *end;
	unsigned i, n = 0;

	for (i = 0; i < 100; i++)
		ck_assert_int_eq(send(a->fd, "/help\n", 6, 0), 6);
	daemon_settle();
	ck_assert_uint_ge(unsent(a), limit());
	ck_assert_uint_le(unsent(a), limit() + 4096);
	ck_assert(!conn_is_reading(a->c->out.conn));
	/* no reply is lost */
	daemon_wake(a);
	end = a->got + a->len;
	for (p = a->got;
	     (p = memmem(p, (size_t)(end - p), " //TEXT", 7)) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, 100);
	ck_assert(conn_is_reading(a->c->out.conn));
}
END_TEST

START_TEST(own_replies_stall)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");
	unsigned i;

	for (i = 0; i < 100; i++)
		ck_assert_int_eq(send(a->fd, "/help\n", 6, 0), 6);
	daemon_settle();
	daemon_forget();
	daemon_advance(59999);
	daemon_heard(b, "");
	daemon_advance(1);
	daemon_heard(b, "[#lobby] -- a left (stalled)\n");
}
END_TEST

/* ---- the end of a slow reader ---- */

START_TEST(quit_with_output_unsent)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");
	unsigned n, skipped;

	n = say_until_skipped(b, a, 0, 5);
	daemon_type(a, "/quit");
	ck_assert_int_eq(a->c->state, CLIENT_CLOSING);
	daemon_wake(a);
	ck_assert(a->closed);
	ck_assert(daemon_has(a, "\r\n* Bye.\r\n"));
	ck_assert_uint_eq(count_numbers(a, &skipped), n - 5);
}
END_TEST

START_TEST(quit_and_never_read)
{
	struct peer *b = daemon_person("b"), *a = daemon_sleeper("a");

	say_until_skipped(b, a, 0, 5);
	daemon_type(a, "/quit");
	daemon_advance(59999);
	ck_assert_uint_eq(daemon_connections(), 2);
	daemon_advance(1);
	ck_assert_uint_eq(daemon_connections(), 1);
}
END_TEST

UNIT_MAIN("slow", setup, daemon_stop, skipped_are_counted, one_skipped,
    none_skipped, woken_at_half, others_hear_all, private_lines_are_refused,
    line_longer_than_queue, stalled, stood_still, slow_but_not_stalled,
    woken_in_time, full_again, own_replies_stop_reading, own_replies_stall,
    quit_with_output_unsent, quit_and_never_read)
