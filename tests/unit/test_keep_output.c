/* What is on its way to people when one server follows another: backlogs,
 * skipped lines, the last words of those who go. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/session/pace.h"
#include "kept.h"
#include "unit.h"

#define CONF                                                           \
	"rate off\nsend-queue 64K\nhistory 5\nstall-timeout 60\nmax-l" \
	"ine 16384\n"
#define HOST "192.0.2.1"

/* All that was said to who sleeps, as it would read it. */
static char said[1 << 20];
static size_t said_len;

static void
setup(void)
{
	said_len = 0;
	kept_start(CONF);
}

static void
next_one(int fault)
{
	kept_next(fault, CONF);
	kept_nothing_is_wrong();
}

static void
say(struct peer *p, const char *text)
{
	daemon_type(p, text);
	said_len += (size_t)sprintf(
	    said + said_len, "[#lobby] %s: %s\r\n", p->c->user.name, text);
}

/* Numbered lines that are not alike, until p has so much of a backlog: longer
 * than what the kernel takes at once, so that half of one is sent. */
static void
fill(struct peer *from, const struct peer *p, uint32_t backlog)
{
	static unsigned n;
	char text[16000];

	while (conn_backlog(p->c->out.conn) < backlog) {
		snprintf(text, sizeof(text), "%015000u", ++n);
		say(from, text);
	}
}

/* It got the first n bytes of what was said. */
static void
got_beginning(const struct peer *p, size_t n)
{
	size_t i;

	ck_assert_uint_le(n, said_len);
	ck_assert_uint_le(n, p->len);
	for (i = 0; i < n; i++) {
		if (p->got[i] != said[i])
			ck_abort_msg("byte %zu is another one", i);
	}
}

/* And nothing else. */
static void
got_all(struct peer *p)
{
	got_beginning(p, said_len);
	ck_assert_uint_eq(p->len, said_len);
	p->len = 0;
}

/* Nothing is lost, and nothing comes twice, not a byte. */
START_TEST(backlog)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");

	fill(a, b, 1000);
	next_one(0);
	ck_assert_uint_ge(conn_backlog(b->c->out.conn), 1000);
	ck_assert_uint_eq(rig.srv.conns.nbacklogs, 1);
	say(a, "more");
	next_one(0);
	say(a, "and more");
	daemon_wake(b);
	got_all(b);
	ck_assert_uint_eq(rig.srv.conns.nbacklogs, 0);
	ck_assert_uint_eq(b->c->looks_at, 0);
	daemon_type(a, "now");
	daemon_heard(b, "[#lobby] a: now\n");
}
END_TEST

/* The counter has what was sent once. */
START_TEST(bytes_out)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");
	uint64_t before;

	fill(a, b, 1000);
	before = rig.srv.conns.bytes_out;
	next_one(0);
	ck_assert_uint_eq(rig.srv.conns.bytes_out, before);
	daemon_wake(b);
	ck_assert_uint_eq(rig.srv.conns.bytes_out, before);
}
END_TEST

/* What was sent in part ends there. */
START_TEST(backlog_and_fault)
{
	static const char fault[] =
	    "* The server came back after a fault; the last lines may be missing (/history shows them).\r\n";
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");
	const char *at;
	size_t n;

	fill(a, b, 1000);
	daemon_type(a, "/names"); /* somebody else is sent something since */
	next_one(1);
	daemon_forget();
	daemon_wake(b);
	at = memmem(b->got, b->len, fault, strlen(fault));
	ck_assert_ptr_nonnull(at);
	n = (size_t)(at - b->got);
	unit_bytes("after it", at, b->len - n, fault, strlen(fault));
	ck_assert_uint_gt(n, 1000);
	unit_bytes("before it", at - 2, 2, "\r\n", 2);
	got_beginning(b, n - 2);
	ck_assert_int_ne(said[n - 3], '\n'); /* half a line */
	b->len = 0;
	daemon_type(a, "now");
	daemon_heard(b, "[#lobby] a: now\n");
}
END_TEST

/* A second fault, before that line has left, changes nothing. */
START_TEST(backlog_and_two_faults)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");
	const char *at;

	fill(a, b, 1000);
	kept_fault();
	kept_succeed(CONF);
	kept_fault();
	kept_succeed(CONF);
	daemon_settle();
	daemon_wake(b);
	at = memmem(b->got, b->len, "* The server came back", 22);
	ck_assert_ptr_nonnull(at);
	unit_bytes("before it", at - 2, 2, "\r\n", 2);
	got_beginning(b, (size_t)(at - b->got) - 2);
}
END_TEST

/* What others do in the same moment comes after it. */
START_TEST(backlog_and_others)
{
	struct peer *c = daemon_person("c"), *a = daemon_person("a");
	struct peer *b = daemon_sleeper("b");
	const char *at;

	fill(a, b, 1000);
	kept_fault();
	kept_hang_up(c);
	kept_succeed(CONF);
	daemon_settle();
	daemon_wake(b);
	at = memmem(b->got, b->len, "* The server came back", 22);
	ck_assert_ptr_nonnull(at);
	got_beginning(b, (size_t)(at - b->got) - 2);
	ck_assert(daemon_has(b, "shows them).\r\n[#lobby] -- c left"));
}
END_TEST

/* Who was being sent something, and has not taken all, may have half a line;
 * nobody else. */
START_TEST(sending)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");

	say(a, "hello");
	if (_i)
		kept.keep->life->sending = conn_number(b->c->out.conn);
	kept_crash(CONF);
	ck_assert_uint_eq(kept.keep->life->sending, 0);
	daemon_wake(b);
	daemon_heard(b,
	    _i ? "[#lobby] a: hello\n\n" KEPT_AFTER_FAULT :
		 "[#lobby] a: hello\n" KEPT_AFTER_FAULT);
	daemon_heard(a, KEPT_AFTER_FAULT);
}
END_TEST

START_TEST(skipped)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");
	char text[512];
	unsigned skips;
	int i;

	for (i = 0; b->c->out.skipped < 30; i++) {
		snprintf(text, sizeof(text), "%0290d", i);
		daemon_type(a, text);
		while (input_is_held(&a->c->input))
			daemon_advance(PACE_WAIT_MS);
	}
	skips = b->c->out.skipped;
	next_one(_i);
	snprintf(text, sizeof(text),
	    "\r\n* %u lines skipped; /history shows them.\r\n", skips);
	daemon_type(a, "one more");
	daemon_wake(b);
	if (_i) /* there was space for it at once */
		ck_assert(daemon_has(b, "a: one more\r\n"));
	else
		snprintf(text, sizeof(text),
		    "\r\n* %u lines skipped; /history shows them.\r\n",
		    skips + 1);
	ck_assert_msg(daemon_has(b, text), "%s: %.*s", text, 400,
	    b->got + (b->len > 400 ? b->len - 400 : 0));
	daemon_forget();
	daemon_type(a, "now");
	daemon_heard(b, "[#lobby] a: now\n");
}
END_TEST

/* A full reader has as long as before. */
START_TEST(stalled)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");
	char text[512];
	int i;

	for (i = 0; b->c->out.skipped < 3; i++) {
		snprintf(text, sizeof(text), "%0290d", i);
		daemon_type(a, text);
		while (input_is_held(&a->c->input))
			daemon_advance(PACE_WAIT_MS);
	}
	daemon_advance(30000);
	ck_assert_uint_ne(b->c->stalls_at, 0);
	next_one(0);
	daemon_forget();
	daemon_advance(25000);
	ck_assert_uint_eq(rig.srv.registry.nusers, 2);
	daemon_advance(10000);
	daemon_advance(100);
	daemon_heard(a, "[#lobby] -- b left (stalled)\n");
	ck_assert_uint_eq(rig.srv.session.stalled, 1);
}
END_TEST

/* ---- what was held ---- */

START_TEST(held_line)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");
	struct peer *c = daemon_person("c");

	fill(a, b, rig.srv.fanout->limit / 2 + 1);
	daemon_forget();
	daemon_type(a, "held");
	ck_assert(input_is_held(&a->c->input));
	next_one(_i);
	ck_assert(input_is_held(&a->c->input) == (_i == 0));
	daemon_send(a, BYTES("next\n"));
	daemon_wake(b);
	daemon_advance(SERVER_CATCH_UP_MS + PACE_WAIT_MS);
	daemon_advance(PACE_WAIT_MS);
	daemon_advance(PACE_WAIT_MS);
	daemon_heard(c,
	    _i ? KEPT_AFTER_FAULT "[#lobby] a: next\n" :
		 "[#lobby] a: held\n[#lobby] a: next\n");
	daemon_type(a, "and on");
	daemon_heard(c, "[#lobby] a: and on\n");
}
END_TEST

/* ---- going ---- */

START_TEST(closing)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");

	fill(a, b, 1000);
	daemon_type(b, "/quit");
	said_len += (size_t)sprintf(said + said_len, "* Bye.\r\n");
	ck_assert_int_eq(b->c->state, CLIENT_CLOSING);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	next_one(_i);
	ck_assert_uint_eq(rig.srv.registry.nusers, 1);
	ck_assert_int_eq(b->c->state, _i ? CLIENT_LINGERING : CLIENT_CLOSING);
	ck_assert_uint_eq(rig.srv.nclients, _i ? 1 : 2);
	daemon_wake(b);
	if (_i)
		got_beginning(b, b->len);
	else
		got_all(b);
	ck_assert(b->closed);
	ck_assert_uint_eq(rig.srv.nclients, 1);
	daemon_hang_up(b);
	ck_assert_uint_eq(daemon_connections(), 1);
}
END_TEST

/* Who goes has no settings any more that the next one could lose. */
START_TEST(closing_with_all)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");

	fill(a, b, 1000);
	daemon_type(b, "/away soon");
	daemon_type(b, "/ignore a");
	daemon_type(b, "/quit");
	ck_assert_int_eq(b->c->state, CLIENT_CLOSING);
	next_one(_i);
	daemon_wake(b);
	ck_assert(b->closed);
	daemon_hang_up(b);
	ck_assert_uint_eq(daemon_connections(), 1);
}
END_TEST

/* Who takes nothing is not waited for any longer than before. */
START_TEST(closing_ends)
{
	struct peer *a = daemon_person("a"), *b = daemon_sleeper("b");

	fill(a, b, 1000);
	daemon_type(b, "/quit");
	daemon_advance(30000);
	next_one(0);
	daemon_advance(29000);
	ck_assert_uint_eq(daemon_connections(), 2);
	daemon_advance(2000);
	daemon_advance(100);
	ck_assert_uint_eq(daemon_connections(), 1);
}
END_TEST

START_TEST(lingering)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	a->asleep = true;
	daemon_type(a, "/quit");
	daemon_type(b, "/quit");
	next_one(_i);
	ck_assert_uint_eq(daemon_connections(), 3);
	ck_assert_uint_eq(rig.srv.nclients, 1);
	ck_assert_uint_eq(rig.srv.nclosing, 2);
	daemon_hang_up(b);
	ck_assert_uint_eq(daemon_connections(), 2);
	daemon_type(a, "too late");
	daemon_advance(1900);
	ck_assert_uint_eq(daemon_connections(), 2);
	daemon_advance(200);
	daemon_advance(100);
	ck_assert_uint_eq(daemon_connections(), 1);
	ck_assert_uint_eq(rig.srv.nclosing, 0);
	daemon_heard(c,
	    _i ? "[#lobby] -- a left\n[#lobby] -- b left\n" KEPT_AFTER_FAULT :
		 "[#lobby] -- a left\n[#lobby] -- b left\n");
}
END_TEST

/* Nor is one that was turned away forgotten. */
START_TEST(turned_away)
{
	struct peer *a, *b = NULL;
	int i;

	ck_assert(daemon_reload("max-per-host 2\n"));
	daemon_guest(HOST);
	daemon_guest(HOST);
	b = daemon_arrive(HOST);
	ck_assert(b->closed);
	next_one(_i);
	ck_assert_uint_eq(daemon_connections(), 3);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_hang_up(b);
	ck_assert_uint_eq(daemon_connections(), 2);
	/* and who is there counts */
	ck_assert(daemon_reload("max-per-host 2\n"));
	for (i = 0; i < 3; i++) {
		a = daemon_arrive(HOST);
		ck_assert(a->closed);
		daemon_hang_up(a);
	}
	ck_assert_uint_eq(rig.srv.refused, 4);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keep_output");
	TCase *tc = unit_case(s, "output", setup, kept_stop);

	UNIT_TESTS(tc, backlog, bytes_out, backlog_and_fault,
	    backlog_and_two_faults, backlog_and_others, stalled, closing_ends);
	tcase_add_loop_test(tc, sending, 0, 2);
	tcase_add_loop_test(tc, skipped, 0, 2);
	tcase_add_loop_test(tc, held_line, 0, 2);
	tcase_add_loop_test(tc, closing, 0, 2);
	tcase_add_loop_test(tc, closing_with_all, 0, 2);
	tcase_add_loop_test(tc, lingering, 0, 2);
	tcase_add_loop_test(tc, turned_away, 0, 2);
	return kept_run(s);
}
