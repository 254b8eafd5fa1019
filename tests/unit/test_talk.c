/* What one connection says: lines, telnet, the rate; whose turn it is. */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/deadline.h"
#include "banterd/session/talk.h"
#include "daemon.h"
#include "unit.h"

#define HOST "192.0.2.1"

static void
setup(void)
{
	daemon_start("rate off\n");
}

/* ---- lines ---- */

static void
check_line_length(struct peer *a, struct peer *b, size_t len, bool good)
{
	char *line = malloc(len + 2);

	memset(line, 'x', len);
	memcpy(line + len, "\n", 2);
	daemon_send(a, line, len + 1);
	daemon_heard(a,
	    good ? "" :
		   "! Line too long (limit 100 bytes); it was not sent.\n");
	ck_assert_uint_eq(b->len, good ? strlen("[#lobby] a: ") + len + 2 : 0);
	daemon_forget();
	free(line);
}

START_TEST(max_line)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("max-line 100\nrate off\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	daemon_forget();
	check_line_length(a, b, 99, true);
	check_line_length(a, b, 100, true);
	check_line_length(a, b, 101, false);
	check_line_length(a, b, 100000, false);
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
}
END_TEST

/* Negotiation within a line does not count. */
START_TEST(max_line_and_telnet)
{
	struct peer *a, *b;
	char line[512] = "";
	int i;

	ck_assert(daemon_reload("max-line 64\nrate off\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	daemon_forget();
	for (i = 0; i < 64; i++)
		strcat(line, "x\xff\xfc\x01");
	daemon_type(a, line);
	ck_assert_uint_eq(b->len, strlen("[#lobby] a: ") + 64 + 2);
	daemon_heard(a, "");
}
END_TEST

/* What follows a line that was thrown away is whole, whatever ended it. */
START_TEST(after_a_long_line)
{
	static const char *const ends[] = { "\n", "\r\n", "x\r\n",
		"\r\xff\xff\n", "\xff\xff\r\n", "\r\xff\xf1\n",
		"\r\r\xff\xff\r\n" };
	struct peer *a, *b;
	char line[256];
	size_t i;

	ck_assert(daemon_reload("max-line 64\nrate off\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	daemon_forget();
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		memset(line, 'x', 64);
		strcpy(line + 64, ends[i]);
		strcat(line, "hello\n");
		daemon_send(a, line, strlen(line));
		if (!daemon_has(b, "[#lobby] a: hello\r\n"))
			ck_abort_msg("end %zu: the next line is lost", i);
		daemon_forget();
	}
}
END_TEST

START_TEST(cleaned_once)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_send(a, BYTES("helo\blo \x1b]2J \xe2\x80\xae \xc3\xa9\r\0"));
	daemon_heard(b,
	    "[#lobby] a: hello \xef\xbf\xbd]2J \xef\xbf\xbd "
	    "\xc3\xa9\n");
	daemon_send(a, BYTES("oh\x1b[D\bk wll\x17well\n"));
	daemon_heard(b, "[#lobby] a: ok well\n");
	/* nothing is left of it */
	daemon_send(a, BYTES("\b\x7f\n\x04\nno\x15\n\x1bOA\n"));
	daemon_heard(b, "");
}
END_TEST

/* ---- telnet ---- */

/* Blanks before a command don't make it chat; alone they are nothing. */
START_TEST(blanks)
{
	struct peer *a = daemon_person("ann"), *b = daemon_person("bob");

	daemon_forget();
	daemon_type(a, " \t/msg bob psst");
	daemon_heard(b, "[private] ann: psst\n");
	daemon_type(a, " //x");
	daemon_heard(b, "[#lobby] ann: /x\n");
	daemon_type(a, "  x ");
	daemon_heard(b, "[#lobby] ann:   x \n");
	daemon_type(a, "");
	daemon_type(a, " \t");
	daemon_heard(a, "");
	daemon_heard(b, "");
}
END_TEST

/* A browser is told so, before the password too, and nothing of it is carried
 * out. */
START_TEST(http)
{
	struct peer *a = daemon_person("ann"), *b = daemon_connect(HOST);

	daemon_forget();
	daemon_send(b, BYTES("POST / HTTP/1.1\r\n/me obeys\r\n\r\nhello\r\n"));
	daemon_heard(b,
	    "! This is a chat server, not a web server; use telnet or nc.\n");
	ck_assert(b->closed);
	ck_assert(!daemon_has(a, "obeys"));
	ck_assert(!daemon_has(a, "hello"));
	daemon_type(a, "GET / HTTP/1.1");
	ck_assert(!a->closed);
}
END_TEST

START_TEST(telnet)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_send(a, BYTES("\xff\xf6"));
	daemon_heard(a, "* Yes.\n");
	daemon_send(a, BYTES("\xff\xfb\x18\xff\xfd\x03\xff\xfd\x06"));
	daemon_got(a, BYTES("\xff\xfe\x18\xff\xfc\x03\xff\xfb\x06"));
	daemon_send(a,
	    BYTES("abX\xff\xf7"
		  "c\n"));
	daemon_heard(b, "[#lobby] a: abc\n");
	daemon_send(a,
	    BYTES("abc\xff\xf8"
		  "def\r\0"));
	daemon_heard(b, "[#lobby] a: def\n");
	daemon_send(a,
	    BYTES("abc\xff\xf4\xff\xfd\x06"
		  "def\r\n"));
	daemon_heard(b, "[#lobby] a: def\n");
	daemon_got(a, BYTES("\xff\xfb\x06"));
	daemon_send(a,
	    BYTES("a\xff\xfa\x18\0xterm\xff\xf0"
		  "b\n"));
	daemon_heard(b, "[#lobby] a: ab\n");
	daemon_send(a,
	    BYTES("a\xff\xff"
		  "b\n"));
	daemon_heard(b,
	    "[#lobby] a: a\xef\xbf\xbd"
	    "b\n");
}
END_TEST

/* One byte at a time. */
START_TEST(telnet_in_bytes)
{
	static const char raw[] = "ab\xff\xfb\x18X\xff\xf7"
				  "c\xff\xfa\x18\0x\xff\xff\xff\xf0"
				  "d\xff\xf6\r\0next\r\n";
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	size_t i;

	for (i = 0; i < sizeof(raw) - 1; i++)
		daemon_send(a, raw + i, 1);
	daemon_got(a, BYTES("\xff\xfe\x18* Yes.\r\n"));
	daemon_heard(b, "[#lobby] a: abcd\n[#lobby] a: next\n");
}
END_TEST

/* A plain connection is never sent an IAC. */
START_TEST(plain)
{
	struct peer *a = daemon_guest(HOST);
	unsigned char c;

	for (c = 1; c < 0xff; c++)
		daemon_send(a, (char *)&c, 1);
	daemon_type(a, "");
	daemon_type(a, "/help");
	ck_assert_uint_gt(a->len, 0);
	ck_assert_ptr_null(memchr(a->got, '\xff', a->len));
}
END_TEST

/* ---- the rate ---- */

START_TEST(rate)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("rate 3 2\n"));
	a = daemon_connect(HOST);
	b = daemon_connect(HOST);
	daemon_forget();
	daemon_send(a, BYTES("1\n2\n3\n4\n5\n6\n"));
	daemon_heard(b,
	    "[#lobby] guest1: 1\n[#lobby] guest1: 2\n"
	    "[#lobby] guest1: 3\n");
	ck_assert(!conn_is_reading(a->c->out.conn)); /* TCP pushes back */
	daemon_advance(499);
	daemon_heard(b, "");
	daemon_advance(2);
	daemon_heard(b, "[#lobby] guest1: 4\n");
	daemon_advance(498);
	daemon_heard(b, "");
	/* what has gathered meanwhile, but no line is lost */
	daemon_advance(1500);
	daemon_heard(b, "[#lobby] guest1: 5\n[#lobby] guest1: 6\n");
	ck_assert_uint_gt(rig.srv.session.slowed, 0);
	/* a long rest gives no more than the burst */
	daemon_advance(3600000);
	ck_assert(conn_is_reading(a->c->out.conn));
	daemon_send(a, BYTES("7\n8\n9\n10\n"));
	daemon_heard(b,
	    "[#lobby] guest1: 7\n[#lobby] guest1: 8\n"
	    "[#lobby] guest1: 9\n");
	/* others are not slowed */
	daemon_type(b, "x");
	daemon_heard(a, "[#lobby] guest2: x\n");
}
END_TEST

/* A pause that is over wakes nobody again. */
START_TEST(rest_after_a_pause)
{
	struct peer *a;

	ck_assert(daemon_reload("rate 2 1\n"));
	a = daemon_connect(HOST);
	daemon_send(a, BYTES("1\n2\n3\n"));
	ck_assert_uint_ne(rig.srv.timer_due, NEVER);
	daemon_advance(1001);
	ck_assert(conn_is_reading(a->c->out.conn));
	daemon_advance(1);
	ck_assert_uint_eq(rig.srv.timer_due, NEVER);
	/* nor does one for a wrong password */
	ck_assert(daemon_reload("password x\nlogin-timeout 30\n"));
	a = daemon_connect(HOST);
	daemon_type(a, "/pass y");
	daemon_advance(5000);
	daemon_advance(1);
	ck_assert_uint_eq(rig.srv.timer_due, a->c->ends_at);
}
END_TEST

START_TEST(rate_defaults)
{
	struct peer *a, *b;
	char lines[64 * 4] = "", want[64 * 32] = "";
	int i;

	ck_assert(daemon_reload(""));
	a = daemon_connect(HOST);
	b = daemon_connect(HOST);
	daemon_forget();
	for (i = 1; i <= 26; i++)
		sprintf(lines + strlen(lines), "%d\n", i);
	for (i = 1; i <= 20; i++)
		sprintf(want + strlen(want), "[#lobby] guest1: %d\n", i);
	daemon_send(a, lines, strlen(lines));
	daemon_heard(b, want);
	for (i = 21; i <= 25; i++) {
		daemon_advance(201);
		sprintf(want, "[#lobby] guest1: %d\n", i);
		daemon_heard(b, want);
	}
}
END_TEST

/* Each line costs, whatever comes of it. */
START_TEST(rate_counts_all_lines)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("rate 5 1\nmax-line 64\n"));
	a = daemon_connect(HOST);
	b = daemon_connect(HOST);
	daemon_forget();
	daemon_send(a,
	    BYTES("\n/who\n/nonsense\n"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "\n5\n6\n"));
	daemon_heard(b, "[#lobby] guest1: 5\n");
	daemon_advance(1001);
	daemon_heard(b, "[#lobby] guest1: 6\n");
}
END_TEST

/* To come again is no way around the rate. */
START_TEST(rate_of_a_host)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("rate 3 1\n"));
	b = daemon_connect("192.0.2.2");
	a = daemon_connect(HOST);
	daemon_forget();
	daemon_send(a, BYTES("1\n2\n"));
	daemon_half_close(a);
	daemon_hang_up(a);
	a = daemon_connect(HOST);
	daemon_forget();
	daemon_send(a, BYTES("3\n4\n"));
	daemon_heard(b, "[#lobby] guest3: 3\n");
	daemon_advance(1001);
	daemon_heard(b, "[#lobby] guest3: 4\n");
	/* another host's newcomers pay nothing for that */
	a = daemon_connect("192.0.2.3");
	daemon_forget();
	daemon_send(a, BYTES("1\n2\n3\n"));
	daemon_heard(b,
	    "[#lobby] guest4: 1\n[#lobby] guest4: 2\n"
	    "[#lobby] guest4: 3\n");
}
END_TEST

START_TEST(rate_off)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	char lines[3000] = "";
	unsigned i, n = 0;

	for (i = 0; i < 1000; i++)
		strcat(lines, "x\n");
	daemon_send(a, lines, strlen(lines));
	for (i = 0; i < b->len; i++)
		n += b->got[i] == '\n';
	ck_assert_uint_eq(n, 1000);
}
END_TEST

/* A half-closed client that is slowed is carried out to its end. */
START_TEST(rate_and_half_close)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("rate 2 1\n"));
	a = daemon_connect(HOST);
	b = daemon_connect(HOST);
	daemon_forget();
	daemon_send(a, BYTES("1\n2\n3\n/who"));
	daemon_half_close(a);
	daemon_heard(b, "[#lobby] guest1: 1\n[#lobby] guest1: 2\n");
	daemon_advance(1001);
	daemon_heard(b, "[#lobby] guest1: 3\n");
	ck_assert(!a->closed);
	daemon_advance(1001);
	daemon_heard(a, "* #lobby (2): guest1, guest2\n");
	ck_assert(a->closed);
	daemon_heard(b, "[#lobby] -- guest1 left\n");
}
END_TEST

static uint64_t
hurrying_clock(void)
{
	return rig.now += 3;
}

/* After the first look much time has passed. */
static uint64_t
late_clock(void)
{
	static unsigned looks;

	return rig.now + (looks++ > 0 ? 20 : 0);
}

/* One turn by another clock; returns how many lines of input were carried out
 * in it. */
static unsigned
one_turn(uint64_t (*clock)(void))
{
	uint64_t (*usual)(void) = rig.srv.clock;
	uint64_t before = rig.srv.session.lines_in;

	rig.srv.clock = clock;
	loop_turn(&rig.srv, false);
	rig.srv.clock = usual;
	return (unsigned)(rig.srv.session.lines_in - before);
}

static const char ten_lines[] = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/* Nobody waits for the whole of what others have sent at once. */
START_TEST(turns)
{
	struct peer *a, *b, *c;

	ck_assert(daemon_reload("rate off\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	c = daemon_person("c");
	ck_assert_int_eq(send(a->fd, BYTES(ten_lines), 0), 20);
	ck_assert_int_eq(send(b->fd, BYTES(ten_lines), 0), 20);
	ck_assert_uint_lt(one_turn(hurrying_clock), 8);
	daemon_settle();
	/* each in turn, and none is lost */
	ck_assert(daemon_has(c,
	    "[#lobby] a: 0\r\n[#lobby] b: 0\r\n"
	    "[#lobby] a: 1\r\n[#lobby] b: 1\r\n"));
	ck_assert(daemon_has(c, "[#lobby] a: 9\r\n[#lobby] b: 9\r\n"));
}
END_TEST

/* Who has said more waits for others, but not as long as they have much to
 * say. */
START_TEST(turns_of_the_busy)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("rate off\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	ck_assert_int_eq(send(a->fd, BYTES(ten_lines), 0), 20);
	ck_assert_uint_lt(one_turn(hurrying_clock), 8);
	ck_assert_int_eq(send(b->fd, "x\n", 2, 0), 2);
	ck_assert_uint_gt(one_turn(late_clock), 1);
	daemon_settle();
	ck_assert(daemon_has(b, "[#lobby] a: 9\r\n"));
}
END_TEST

/* Nor for what somebody has left behind who is gone. */
START_TEST(turns_of_the_lost)
{
	struct peer *a, *c;

	ck_assert(daemon_reload("rate off\n"));
	a = daemon_person("a");
	c = daemon_person("c");
	a->asleep = true;
	daemon_type(c, "unread");
	ck_assert_int_eq(send(a->fd, BYTES(ten_lines), 0), 20);
	close(a->fd);
	a->fd = -1;
	ck_assert_int_ne(conn_probe(a->c->out.conn), 0);
	talk_broken(a->c);
	ck_assert_uint_lt(one_turn(hurrying_clock), 8);
	ck_assert_uint_eq(rig.srv.nclients, 2);
	daemon_settle();
	ck_assert(daemon_has(c,
	    "[#lobby] a: 9\r\n"
	    "[#lobby] -- a left (connection lost)\r\n"));
}
END_TEST

/* Nor is anything lost of it that the kernel still has. */
START_TEST(left_in_the_kernel)
{
	char line[801];
	struct peer *a, *c;
	int i;

	ck_assert(daemon_reload("rate off\n"));
	a = daemon_person("a");
	c = daemon_person("c");
	a->asleep = true;
	daemon_type(c, "unread");
	memset(line, 'x', sizeof(line));
	line[800] = '\n';
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(send(a->fd, line, 801, 0), 801);
	ck_assert_int_eq(send(a->fd, "last\n", 5, 0), 5);
	close(a->fd);
	a->fd = -1;
	ck_assert_int_ne(conn_probe(a->c->out.conn), 0);
	talk_broken(a->c);
	daemon_settle();
	ck_assert(daemon_has(c,
	    "[#lobby] a: last\r\n"
	    "[#lobby] -- a left (connection lost)\r\n"));
}
END_TEST

/* What is for many does not leave before what is for one. */
START_TEST(for_many)
{
	const struct fanout *f = rig.srv.fanout;
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct chat_event ev = registry_event(&rig.srv.registry, EVENT_REPLY);

	ev.text = "* Hello.";
	ev.many = true;
	talk_registry_ops.deliver(&a->c->user, &ev);
	ev.many = false;
	talk_registry_ops.deliver(&b->c->user, &ev);
	ck_assert_ptr_eq(TAILQ_FIRST(&f->bulk), &a->c->out);
	ck_assert_ptr_eq(TAILQ_FIRST(&f->urgent), &b->c->out);
	daemon_settle();
	daemon_heard(a, "* Hello.\n");
	daemon_heard(b, "* Hello.\n");
}
END_TEST

UNIT_MAIN("talk", setup, daemon_stop, max_line, max_line_and_telnet,
    after_a_long_line, cleaned_once, blanks, http, telnet, telnet_in_bytes,
    plain, rate, rest_after_a_pause, rate_defaults, rate_counts_all_lines,
    rate_of_a_host, rate_off, rate_and_half_close, turns, turns_of_the_busy,
    turns_of_the_lost, left_in_the_kernel, for_many)
