/* What is kept of somebody at a connection, from one server to the next. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/room.h"
#include "banterd/session/slow.h"
#include "banterd/session/unheard.h"
#include "kept.h"
#include "unit.h"

#define HOST "192.0.2.1"

static const char *conf = "rate off\n";

static void
setup(void)
{
	kept_start(conf);
}

/* Other lines in the file, for this server and those after it. */
static void
configure(const char *config)
{
	conf = config;
	ck_assert(daemon_reload(config));
}

/* What happens in between: one hands over to the next (0), or ends by a fault
 * (1). */
static void
next_one(int fault)
{
	kept_next(fault, conf);
	kept_nothing_is_wrong();
}

/* The same, and p heard of it just what it should. */
static void
next_one_for(int fault, struct peer *p)
{
	next_one(fault);
	daemon_heard(p, fault ? KEPT_AFTER_FAULT : "");
}

static void
send_to(struct peer *p, const char *text)
{
	daemon_send(p, text, strlen(text));
}

/* Long enough for all that waits for the rate. */
static void
let_seconds_pass(int n)
{
	while (n-- > 0)
		daemon_advance(1000);
}

START_TEST(chatting)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	next_one_for(_i, a);
	daemon_heard(b, _i ? KEPT_AFTER_FAULT : "");
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
	daemon_type(b, "hello, you");
	daemon_heard(a, "[#lobby] b: hello, you\n");
}
END_TEST

/* What somebody has seen is there, whenever it ends after that. */
START_TEST(seen_is_kept)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	room_say(
	    &rig.srv.registry, &a->c->user, a->c->user.current, "seen", false);
	fanout_flush(rig.srv.fanout);
	next_one(1);
	ck_assert(daemon_has(b, "[#lobby] a: seen\r\n"));
	daemon_forget();
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "a: seen\r\n"));
}
END_TEST

/* ---- who they are ---- */

/* All that p is told about itself and the others. */
static void
ask_all(struct peer *p, char *answers, size_t size)
{
	static const char *const questions[] = { "/names", "/rooms", "/set",
		"/topic", "/history", "/whois a", "/whois b", "/whois c",
		"/ignore", "/names #two", "/history #two" };
	size_t i;

	daemon_forget();
	for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		daemon_type(p, questions[i]);
	ck_assert_uint_lt(p->len, size);
	memcpy(answers, p->got, p->len);
	answers[p->len] = '\0';
	daemon_forget();
}

START_TEST(all_is_the_same)
{
	static char before[3][65536], after[65536];
	struct peer *p[3] = { daemon_person("a"), daemon_person("b"),
		daemon_guest(NULL) };
	int i;

	daemon_do(p[0], "/join #one");
	daemon_do(p[0], "/join #two");
	daemon_do(p[0], "/join #lobby");
	daemon_do(p[0], "/topic of the lobby");
	daemon_do(p[0], "/away out \xc3\xa9 lunch");
	daemon_do(p[0], "/set bell on");
	daemon_do(p[1], "/join #two");
	daemon_do(p[1], "/set quiet on");
	daemon_do(p[1], "said in two");
	daemon_do(p[1], "/ignore guest1");
	daemon_do(p[2], "/set time on");
	daemon_do(p[2], "said in the lobby");
	daemon_do(p[2], "/me waves");
	for (i = 0; i < 3; i++)
		ask_all(p[i], before[i], sizeof(before[i]));
	next_one(_i);
	for (i = 0; i < 3; i++) {
		ask_all(p[i], after, sizeof(after));
		unit_bytes("answers", after, strlen(after), before[i],
		    strlen(before[i]));
	}
}
END_TEST

START_TEST(private_messages)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "/away lunch");
	daemon_type(b, "/msg a one");
	ck_assert(daemon_has(b, "lunch"));
	daemon_forget();
	next_one(_i);
	daemon_forget();
	daemon_type(b, "/msg a two"); /* who was told is not told again */
	ck_assert(!daemon_has(b, "lunch"));
	daemon_forget();
	daemon_type(a, "/reply three");
	ck_assert(daemon_has(b, "three"));
}
END_TEST

START_TEST(replies)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_type(b, "/msg a one");
	next_one(_i);
	daemon_forget();
	daemon_type(a, "/reply two");
	ck_assert(daemon_has(b, "two"));
}
END_TEST

/* What is over is over after a fault, too. */
START_TEST(taken_back)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "/away lunch");
	daemon_do(a, "/ignore b");
	next_one(_i);
	daemon_do(a, "/back");
	daemon_do(a, "/unignore b");
	next_one(_i);
	daemon_type(b, "/msg a hello");
	ck_assert(!daemon_has(b, "lunch"));
	ck_assert(daemon_has(a, "hello"));
}
END_TEST

START_TEST(kicks_and_invitations)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "/join #one");
	daemon_do(b, "/join #one");
	daemon_do(a, "/kick b");
	next_one(_i);
	daemon_forget();
	daemon_type(b, "/join #one");
	ck_assert(!daemon_has(a, "b joined"));
	daemon_do(a, "/invite b");
	next_one(_i);
	daemon_forget();
	daemon_type(b, "/join #one");
	ck_assert(daemon_has(a, "b joined"));
}
END_TEST

/* Who has written to somebody who takes nothing is told if they may be gone. */
START_TEST(writers)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");
	const struct unheard *u;

	b->asleep = true;
	daemon_type(a, "/msg b hello");
	daemon_type(c, "/msg b hello");
	next_one(_i);
	u = b->c->unheard;
	ck_assert_ptr_nonnull(u);
	ck_assert_uint_eq(u->writers.n, 2);
	ck_assert_uint_eq(u->writers.ids[0], a->c->user.id);
	ck_assert_uint_eq(u->writers.ids[1], c->c->user.id);
	ck_assert_uint_ne(u->looks_at, 0);
	b->asleep = false;
	daemon_settle();
	daemon_advance(2 * UNHEARD_MS);
	next_one(_i);
	ck_assert_ptr_null(b->c->unheard);
}
END_TEST

/* Guests' numbers go on, and nobody gets the id of another. */
START_TEST(counting)
{
	struct peer *a = daemon_guest(HOST), *b = daemon_guest(HOST), *c;
	uint64_t id = b->c->user.id;

	daemon_hang_up(b);
	daemon_forget();
	next_one_for(_i, a);
	ck_assert_uint_eq(rig.srv.accepted, 2);
	c = daemon_connect(HOST);
	ck_assert_str_eq(c->c->user.name, "guest3");
	ck_assert_uint_ne(c->c->user.id, id);
	ck_assert_uint_eq(conn_number(c->c->out.conn), 3);
	ck_assert_uint_eq(rig.srv.accepted, 3);
}
END_TEST

/* ---- coming ---- */

START_TEST(at_the_password)
{
	struct peer *a;

	configure("password x\nlogin-timeout 30\nrate off\n");
	a = daemon_connect(HOST);
	daemon_forget();
	daemon_ask(a, "/pass y", "! Wrong password; /pass PASSWORD\n");
	daemon_advance(1000);
	next_one(_i);
	daemon_heard(a,
	    _i ? KEPT_AFTER_FAULT "* A password is needed: /pass PASSWORD\n" :
		 "");
	ck_assert_uint_eq(a->c->user.id, 0);
	ck_assert_uint_eq(rig.srv.registry.nusers, 0);
	daemon_ask(a, "/pass y", "! Wrong password; /pass PASSWORD\n");
	daemon_advance(1000);
	next_one(_i);
	daemon_forget();
	/* the third one since it came */
	daemon_ask(
	    a, "/pass y", "! Wrong password, the third time; goodbye.\n");
	ck_assert(a->closed);
}
END_TEST

START_TEST(the_right_password)
{
	struct peer *a;

	configure("password x\nlogin-timeout 30\nrate off\n");
	a = daemon_connect(HOST);
	next_one(_i);
	daemon_forget();
	daemon_type(a, "/pass x");
	ck_assert(daemon_has(a, "* You are guest1"));
	next_one(_i);
	daemon_forget();
	daemon_type(a, "/pass x");
	ck_assert(!daemon_has(a, "You are guest"));
}
END_TEST

START_TEST(login_timeout)
{
	struct peer *a;

	configure("password x\nlogin-timeout 30\nrate off\n");
	a = daemon_connect(HOST);
	daemon_advance(20000);
	next_one(_i);
	daemon_forget();
	daemon_advance(9999);
	daemon_heard(a, "");
	daemon_advance(200);
	daemon_heard(a, "! No password came in time; goodbye.\n");
	ck_assert(a->closed);
}
END_TEST

/* Wrong passwords are the host's. */
START_TEST(pause_of_the_host)
{
	struct peer *a;

	configure("password x\nrate off\n");
	a = daemon_connect(HOST);
	daemon_do(a, "/pass y");
	daemon_hang_up(a);
	next_one(_i);
	a = daemon_connect(HOST);
	daemon_forget();
	daemon_type(a, "/pass y");
	daemon_advance(400);
	daemon_heard(a, "");
	daemon_advance(200);
	daemon_heard(a, "! Wrong password; /pass PASSWORD\n");
}
END_TEST

/* Who came and said nothing yet is announced in time, and once. */
START_TEST(unannounced)
{
	struct peer *a = daemon_person("a"), *b;

	daemon_advance(10000);
	daemon_forget();
	b = daemon_arrive(HOST);
	daemon_forget();
	daemon_advance(3000);
	next_one_for(_i, a);
	ck_assert(b->c->user.is_unannounced);
	daemon_advance(1900);
	daemon_heard(a, "");
	daemon_advance(300);
	daemon_heard(a, "[#lobby] -- guest2 joined\n");
	next_one_for(_i, a);
	daemon_advance(20000);
	daemon_heard(a, "");
}
END_TEST

/* ---- what they say ---- */

START_TEST(half_a_line)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	send_to(a, "hel");
	next_one_for(_i, a);
	daemon_forget();
	send_to(a, "lo\r");
	daemon_heard(b, _i ? "" : "[#lobby] a: hello\n");
	next_one_for(_i, a);
	daemon_forget();
	send_to(a, "\nyou\n");
	daemon_heard(b, "[#lobby] a: you\n");
}
END_TEST

/* Half a command does not become a line that all read. */
START_TEST(half_a_command)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	send_to(a, "/msg c it is a ");
	next_one(_i);
	daemon_forget();
	send_to(a, "secret\nhello\n");
	daemon_heard(b, "[#lobby] a: hello\n");
	ck_assert(daemon_has(c, "it is a secret") == (_i == 0));
}
END_TEST

START_TEST(half_of_telnets)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_send(a, BYTES("\xff\xfb")); /* IAC WILL */
	next_one_for(_i, a);
	daemon_send(a, BYTES("\x01hi\n")); /* ECHO */
	daemon_got(a, BYTES("\xff\xfe\x01"));
	daemon_forget();
	daemon_send(a, BYTES("\xff\xfa\x18")); /* IAC SB TTYPE */
	next_one_for(_i, a);
	daemon_send(a, BYTES("xterm\xff\xf0hi\n"));
	daemon_heard(
	    b, _i ? KEPT_AFTER_FAULT "[#lobby] a: hi\n" : "[#lobby] a: hi\n");
}
END_TEST

/* Erased, a line is as long as before; the rest is counted on. */
START_TEST(half_a_line_too_long)
{
	struct peer *a, *b;
	char text[100];

	configure("max-line 64\nrate off\n");
	a = daemon_person("a");
	b = daemon_person("b");
	memset(text, 'x', sizeof(text));
	daemon_send(a, text, 60);
	next_one(_i);
	daemon_forget();
	daemon_send(a, text, 10);
	if (!_i)
		daemon_heard(
		    a, "! Line too long (limit 64 bytes); it was not sent.\n");
	next_one(_i);
	daemon_forget();
	send_to(a, "y\nz\n");
	daemon_heard(a, "");
	daemon_heard(b, "[#lobby] a: z\n");
}
END_TEST

/* Two at different hosts, each of whom may say a line a second. */
static void
two_who_wait(struct peer **a, struct peer **b)
{
	configure("rate 1 1\n");
	*a = daemon_connect(HOST);
	*b = daemon_connect("192.0.2.2");
	daemon_forget();
}

START_TEST(waiting_for_the_rate)
{
	struct peer *a, *b;

	two_who_wait(&a, &b);
	send_to(a, "1\n2\n3\n");
	daemon_heard(b, "[#lobby] guest1: 1\n");
	ck_assert(conn_has_pending(a->c->out.conn));
	next_one_for(_i, b);
	ck_assert(conn_has_pending(a->c->out.conn) == (_i == 0));
	daemon_advance(900);
	daemon_heard(b, "");
	daemon_advance(200);
	daemon_heard(b, _i ? "" : "[#lobby] guest1: 2\n");
	daemon_advance(1200);
	daemon_heard(b, _i ? "" : "[#lobby] guest1: 3\n");
	daemon_type(a, "4");
	next_one(_i);
	daemon_forget();
	daemon_type(a, "5"); /* a fault is no way around it, either */
	daemon_heard(b, "");
}
END_TEST

/* So with a line that was read in part, behind others. */
START_TEST(half_a_command_behind_lines)
{
	struct peer *a, *b;

	two_who_wait(&a, &b);
	send_to(a, "1\n2\n/msg guest2 it is a ");
	daemon_heard(b, "[#lobby] guest1: 1\n");
	next_one_for(_i, b);
	send_to(a, "secret\nhello\n");
	let_seconds_pass(20);
	ck_assert(!daemon_has(b, "a: secret"));
	ck_assert(!daemon_has(b, "guest1: secret"));
	ck_assert(daemon_has(b, "it is a secret") == (_i == 0));
	ck_assert(daemon_has(b, "guest1: hello"));
}
END_TEST

/* And with half of telnet's there. */
START_TEST(half_of_telnets_behind_lines)
{
	struct peer *a, *b;

	two_who_wait(&a, &b);
	daemon_send(a, BYTES("1\n2\n\xff\xfa\x18"));
	next_one(_i);
	daemon_forget();
	daemon_send(a, BYTES("xterm\xff\xf0hello\n"));
	let_seconds_pass(20);
	ck_assert(!daemon_has(b, "xterm"));
	ck_assert(daemon_has(b, "guest1: hello"));
}
END_TEST

START_TEST(ended_input)
{
	struct peer *a, *b;

	two_who_wait(&a, &b);
	send_to(a, "1\n2\nlast");
	daemon_half_close(a);
	daemon_forget();
	next_one(_i);
	let_seconds_pass(20);
	daemon_heard(b,
	    _i ? KEPT_AFTER_FAULT "[#lobby] -- guest1 left\n" :
		 "[#lobby] guest1: 2\n[#lobby] guest1: last\n"
		 "[#lobby] -- guest1 left\n");
	ck_assert(a->closed);
}
END_TEST

/* Who goes while nobody is there has gone. */
START_TEST(gone_in_between)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	if (_i)
		kept_fault();
	else
		ck_assert(kept_hand_over());
	ck_assert_int_eq(send(a->fd, "last\n", 5, 0), 5);
	kept_hang_up(a);
	kept_succeed(conf);
	daemon_settle();
	daemon_heard(b,
	    _i ? KEPT_AFTER_FAULT "[#lobby] a: last\n[#lobby] -- a left (connec"
				  "tion lost)\n" :
		 "[#lobby] a: last\n[#lobby] -- a left\n");
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { chatting, all_is_the_same,
		private_messages, replies, taken_back, kicks_and_invitations,
		writers, counting, at_the_password, the_right_password,
		login_timeout, pause_of_the_host, unannounced, half_a_line,
		half_a_command, half_of_telnets, half_a_line_too_long,
		waiting_for_the_rate, half_a_command_behind_lines,
		half_of_telnets_behind_lines, ended_input, gone_in_between };
	Suite *s = suite_create("keep");
	TCase *tc = unit_case(s, "keep", setup, kept_stop);
	size_t i;

	UNIT_TESTS(tc, seen_is_kept);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(tc, tests[i], 0, 2);
	return kept_run(s);
}
