/* Where a process can end: between reading and committing, in the middle of a
 * line that is sent, twice in a row, before those who were there are back. */
#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "banterd/daemon/admit.h"
#include "banterd/session/export.h"
#include "kept.h"
#include "unit.h"

#define CONF "rate off\n"

static void
setup(void)
{
	kept_start(CONF);
}

/* Sends something that the server does not see yet. */
static void
write_ahead(struct peer *p, const char *text)
{
	ck_assert_int_eq(
	    send(p->fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* ---- what was read ---- */

/* What a types next is the rest of a line to b; then a says something whole. */
static void
rest_is_thrown_away(struct peer *a, struct peer *b)
{
	daemon_forget();
	daemon_type(a, "ob my secret");
	daemon_heard(b, "");
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
	daemon_heard(a, "");
}

/* The process has read it, and ends before anything comes of that. */
static void
read_and_die(struct peer *p, const char *text)
{
	char buf[256];

	write_ahead(p, text);
	ck_assert_int_eq(recv(conn_descriptor(p->c->out.conn), buf, sizeof(buf),
			     MSG_DONTWAIT),
	    (ssize_t)strlen(text));
	kept.keep->life->reading = conn_number(p->c->out.conn);
	kept_crash(CONF);
	ck_assert_uint_eq(kept.keep->life->reading, 0);
}

/* The rest of a line whose beginning is lost is not said: it could have been
 * private. */
START_TEST(rest_of_a_line)
{
	static const char *const beginnings[] = { "/msg b", "\xff",
		"\xff\xfa\x18" };
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	read_and_die(a, beginnings[_i]);
	rest_is_thrown_away(a, b);
}
END_TEST

static uint64_t reading;

static void
on_readable(void *owner, const unsigned char *p, size_t n)
{
	(void)owner;
	(void)p;
	(void)n;
	reading = kept.keep->life->reading;
}

/* As if the process had ended before it knew what that means. */
static void
read_and_do_nothing(struct peer *p)
{
	const struct conn_ops ops = { .readable = on_readable },
			      *before = rig.srv.conns.ops;

	rig.srv.conns.ops = &ops;
	conn_read(p->c->out.conn);
	rig.srv.conns.ops = before;
	kept.keep->life->reading = reading;
}

/* An LF ends no line where it is telnet's, or where telnet's state is not known
 * any more: what the next process takes for a line is one. */
START_TEST(within_a_command)
{
	static const struct {
		const char *before, *read, *rest;
	} of[] = {
		{ "\xff", "\xf1lost\n", "/msg b my secret" },
		{ "\xff\xfa\x18", "x\xff\xf0lost\n", "/msg b \xff\xf1one" },
		{ "", "lost\n\xff\xfa\x27USER=se", "cret\nTOKEN=x\xff\xf0" },
		{ "", "\xff\xfa\x27USER=secret\n", "TOKEN=\nx\xff\xf0" },
	};
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_send(a, of[_i].before, strlen(of[_i].before));
	write_ahead(a, of[_i].read);
	read_and_do_nothing(a);
	kept_crash(CONF);
	daemon_forget();
	daemon_type(a, of[_i].rest);
	daemon_heard(b, "");
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
}
END_TEST

/* Twice in a row, too. */
START_TEST(rest_of_a_line_after_two)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	read_and_die(a, "/msg b");
	kept_crash(CONF);
	rest_is_thrown_away(a, b);
}
END_TEST

/* It has dealt with the input, and ends before it commits anything. */
START_TEST(within_a_line)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	write_ahead(a, "/msg b");
	conn_read(a->c->out.conn);
	ck_assert_uint_eq(kept.keep->life->reading, 0);
	kept_crash(CONF);
	rest_is_thrown_away(a, b);
}
END_TEST

/* The same where whole lines stand before it. */
START_TEST(lines_and_a_part)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	write_ahead(a, "one\ntwo\n/msg b");
	conn_read(a->c->out.conn);
	kept_crash(CONF);
	rest_is_thrown_away(a, b);
}
END_TEST

/* Of whole lines nothing is left, and the next is not thrown away. */
START_TEST(whole_line)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	write_ahead(a, "lost\n");
	conn_read(a->c->out.conn);
	kept_crash(CONF);
	daemon_forget();
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
}
END_TEST

/* Of what is pending it is found out once what is to be known of it, though
 * each line of it is worth a record. */
START_TEST(looked_through_once)
{
	struct peer *a = daemon_person("a");
	struct conn *conn = a->c->out.conn;
	struct record r = { .len = 0 };

	ck_assert(conn_keep(conn, (const unsigned char *)"one\nt", 5));
	ck_assert_uint_eq(*conn_pending_note(conn), 0);
	client_export_spent(a->c, &r);
	ck_assert_uint_ne(*conn_pending_note(conn), 0);
	*conn_pending_note(conn) = 0x0102030405060708;
	record_begin(&r);
	client_export_spent(a->c, &r);
	unit_bytes("of before", r.bytes + r.len - 8, 8,
	    BYTES("\x08\x07\x06\x05\x04\x03\x02\x01"));
	record_free(&r);
	conn_drop_pending(conn);
}
END_TEST

/* ---- what was sent ---- */

/* It is known until something was sent, and told once. */
START_TEST(half_a_line)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct record r = { .len = 0 };

	conn_note_fault(b->c->out.conn, true);
	conn_export(b->c->out.conn, &r);
	ck_assert_uint_eq(r.bytes[0], 1);
	daemon_ask(b, "/set bell on", "* bell is on now.\n");
	record_begin(&r);
	conn_export(b->c->out.conn, &r);
	ck_assert_uint_eq(r.bytes[0], 0);
	record_free(&r);
	kept.keep->life->sending = conn_number(b->c->out.conn);
	kept_crash(CONF);
	daemon_heard(b, "\n" KEPT_AFTER_FAULT);
	daemon_heard(a, KEPT_AFTER_FAULT);
	kept_crash(CONF);
	daemon_heard(b, KEPT_AFTER_FAULT);
	daemon_heard(a, KEPT_AFTER_FAULT);
}
END_TEST

/* Who is done sees its end before anything else is known of it: also where the
 * vault holds it still, for somebody came before. */
START_TEST(end_comes_first)
{
	struct peer *b = daemon_person("b"), *a = daemon_person("a");
	char byte;

	ck_assert(b->c->kept->item.is_in);
	client_drop(a->c, CLIENT_LOST);
	ck_assert_int_eq(recv(a->fd, &byte, 1, MSG_DONTWAIT), 0);
	daemon_settle();
}
END_TEST

/* ---- handed over ---- */

/* What is unsent and unread cannot be written: that is lost, and nobody is. */
START_TEST(rest_cannot_be_written)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	daemon_send(a, BYTES("half a "));
	ck_assert_int_ne(dup2(null, kept.keep->fds[KEEP_REMNANT]), -1);
	close(null);
	ck_assert(kept_hand_over());
	ck_assert_uint_eq(kept_logged("what is unsent and unread is lost"), 1);
	kept_succeed(CONF);
	ck_assert_int_eq(kept.keep->start, KEEP_FAULT);
	daemon_settle();
	daemon_heard(a, KEPT_AFTER_FAULT);
	daemon_heard(b, KEPT_AFTER_FAULT);
	daemon_type(a, "line");
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
}
END_TEST

/* Who comes while the listeners are opened waits until the others are back. */
START_TEST(newcomers_come_last)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *w[3];
	int i;

	daemon_do(a, "/join dev");
	if (_i)
		kept_fault();
	else
		ck_assert(kept_hand_over());
	for (i = 0; i < 3; i++)
		w[i] = kept_arrive_early();
	kept_succeed(CONF);
	daemon_settle();
	ck_assert(!a->closed && !b->closed);
	for (i = 0; i < 3; i++)
		ck_assert(daemon_has(w[i], "in #lobby ("));
	daemon_forget();
	daemon_type(b, "hello");
	daemon_heard(a, "[#lobby] b: hello\n");
	daemon_type(a, "/who dev");
	daemon_heard(a, "* #dev (1): @a\n");
	ck_assert_uint_eq(rig.srv.nclients, 5);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("after_fault");
	TCase *tc = unit_case(s, "after_fault", setup, kept_stop);

	tcase_add_loop_test(tc, rest_of_a_line, 0, 3);
	tcase_add_loop_test(tc, within_a_command, 0, 4);
	UNIT_TESTS(tc, rest_of_a_line_after_two, within_a_line,
	    lines_and_a_part, looked_through_once, whole_line, half_a_line,
	    end_comes_first, rest_cannot_be_written);
	tcase_add_loop_test(tc, newcomers_come_last, 0, 2);
	return kept_run(s);
}
