/* One connection: coming, the password, going. */
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

#define FULL     "! The server is full; try again later.\n"
#define TOO_MANY "! Too many connections from your address.\n"
#define DENIED   "! Your address is not allowed here.\n"

static void
setup(void)
{
	daemon_start("rate off\n");
}

static void
turned_away(const char *address, const char *why)
{
	struct peer *p = daemon_connect(address);

	daemon_heard(p, why);
	ck_assert(p->closed);
	daemon_hang_up(p);
}

/* ---- coming ---- */

START_TEST(max_clients)
{
	struct peer *a;

	ck_assert(daemon_reload("max-clients 3\n"));
	a = daemon_guest(HOST);
	daemon_guest(HOST);
	daemon_guest(NULL);
	ck_assert_uint_eq(rig.srv.nclients, 3);
	turned_away(HOST, FULL);
	turned_away(NULL, FULL);
	ck_assert_uint_eq(rig.srv.nclients, 3);
	ck_assert_uint_eq(daemon_connections(), 3);
	ck_assert_uint_eq(rig.srv.refused, 2);
	daemon_hang_up(a);
	daemon_guest(HOST);
}
END_TEST

START_TEST(max_per_host)
{
	struct peer *a;

	ck_assert(daemon_reload("max-per-host 2\n"));
	a = daemon_guest(HOST);
	daemon_guest("::ffff:" HOST);
	turned_away(HOST, TOO_MANY);
	turned_away("::ffff:" HOST, TOO_MANY);
	daemon_guest("192.0.2.2");
	daemon_guest("2001:db8::1");
	daemon_guest("2001:db8::ffff:1");
	turned_away("2001:db8::2:1", TOO_MANY);
	daemon_guest("2001:db8:0:1::1");
	daemon_guest(NULL); /* a UNIX socket has no address */
	daemon_guest(NULL);
	daemon_guest(NULL);
	daemon_hang_up(a);
	daemon_guest(HOST);
	turned_away(HOST, TOO_MANY);
}
END_TEST

START_TEST(denied)
{
	ck_assert(daemon_reload("allow 192.0.2.7\ndeny 192.0.2.0/24\n"
				"deny 2001:db8::/32\nmax-clients 3\n"));
	turned_away("192.0.2.6", DENIED);
	turned_away("::ffff:192.0.2.6", DENIED);
	turned_away("2001:db8::1", DENIED);
	daemon_guest("192.0.2.7");
	daemon_guest("192.0.3.6");
	daemon_guest(NULL);
	turned_away("192.0.2.6", DENIED); /* said before being full */
}
END_TEST

/* More that are turned away at a time than the server has places for: each
 * is told all the same. */
START_TEST(many_refusals)
{
	struct peer *p[SERVER_CLOSING + 4];
	size_t i;

	ck_assert(daemon_reload("deny all\n"));
	for (i = 0; i < SERVER_CLOSING + 4; i++) {
		p[i] = daemon_connect(HOST);
		daemon_heard(p[i], DENIED);
		ck_assert(p[i]->closed);
	}
	ck_assert_uint_le(daemon_connections(), SERVER_CLOSING);
	daemon_advance(2000);
	ck_assert_uint_eq(daemon_connections(), 0);
}
END_TEST

/* A reload turns out those who may no longer come in, with the reason. */
START_TEST(denied_by_reload)
{
	struct peer *a = daemon_connect("192.0.2.1");
	struct peer *b = daemon_person("b"), *c = daemon_connect(NULL);

	daemon_hang_up(b);
	b = daemon_connect("192.0.3.1");
	daemon_do(a, "/nick a");
	ck_assert(daemon_reload("deny 192.0.2.0/24\n"));
	daemon_heard(a, DENIED);
	ck_assert(a->closed);
	daemon_heard(b, "[#lobby] -- a left (not allowed)\n");
	daemon_heard(c, "[#lobby] -- a left (not allowed)\n");
	daemon_advance(2000);
	ck_assert_uint_eq(rig.srv.nclients, 2);
}
END_TEST

/* ---- the password ---- */

static struct peer *
newcomer(void)
{
	struct peer *p = daemon_connect(HOST);

	daemon_heard(p,
	    "* Welcome to banter on box.\n"
	    "* A password is needed: /pass PASSWORD\n");
	return p;
}

START_TEST(login_timeout)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("password x\nlogin-timeout 30\n"));
	a = newcomer();
	b = newcomer();
	daemon_advance(29999);
	daemon_heard(a, "");
	daemon_do(b, "/pass x");
	daemon_advance(1);
	daemon_heard(a, "! No password came in time; goodbye.\n");
	ck_assert(a->closed);
	daemon_advance(100000);
	daemon_heard(b, "");
	ck_assert(!b->closed);
}
END_TEST

/* Each wrong try makes the host wait longer; the third one ends it. */
START_TEST(wrong_passwords)
{
	struct peer *a;

	ck_assert(daemon_reload("password open\nrate off\n"));
	a = newcomer();
	daemon_send(a, BYTES("/pass ope\n/pass opens\n/pass Open\n"));
	daemon_heard(a, "! Wrong password; /pass PASSWORD\n");
	daemon_advance(499);
	daemon_heard(a, "");
	daemon_advance(1);
	daemon_heard(a, "! Wrong password; /pass PASSWORD\n");
	daemon_advance(999);
	daemon_heard(a, "");
	daemon_advance(1);
	daemon_heard(a, "! Wrong password, the third time; goodbye.\n");
	ck_assert(a->closed);
	/* coming again does not make it faster */
	a = newcomer();
	daemon_send(a, BYTES("/pass x\n/pass open\n"));
	daemon_advance(1499);
	daemon_heard(a, "");
	daemon_advance(1);
	daemon_heard(a, "! Wrong password; /pass PASSWORD\n");
	daemon_advance(1999);
	daemon_heard(a, "");
	daemon_advance(1);
	ck_assert(daemon_has(a, "* You are guest"));
}
END_TEST

/* A pause that is over is forgotten: nothing is due before the login. */
START_TEST(pause_is_over)
{
	struct peer *a;

	ck_assert(daemon_reload("password x\nlogin-timeout 30\n"));
	a = newcomer();
	daemon_ask(a, "/pass y", "! Wrong password; /pass PASSWORD\n");
	daemon_advance(600);
	rig.wakes = 0;
	daemon_advance(5000);
	ck_assert_uint_le(rig.wakes, 1);
	daemon_type(a, "/pass x");
	ck_assert(daemon_has(a, "* You are guest"));
}
END_TEST

/* A daemon that was stopped hears first what came meanwhile, also what lies
 * behind something else. */
START_TEST(stopped_past_the_login)
{
	static const char lines[] = "/nick a\n/pass x\n";
	struct peer *a, *b;

	ck_assert(daemon_reload("password x\nlogin-timeout 30\n"));
	a = newcomer();
	b = newcomer();
	ck_assert_int_eq(
	    send(a->fd, lines, sizeof(lines) - 1, 0), sizeof(lines) - 1);
	rig_stand_still(40000);
	daemon_settle();
	ck_assert(daemon_has(a, "* You are guest"));
	daemon_heard(b, "");
	daemon_advance(100);
	daemon_heard(b, "! No password came in time; goodbye.\n");
	ck_assert(!a->closed);
}
END_TEST

/* ---- going ---- */

START_TEST(half_close)
{
	static const char text[] = "/nick ci\n/msg #lobby build 812 is green\n"
				   "last";
	struct peer *b = daemon_person("b"), *a = daemon_guest(HOST);

	ck_assert_int_eq(send(a->fd, text, strlen(text), 0), (int)strlen(text));
	daemon_half_close(a);
	daemon_heard(a, "* You are now ci.\n");
	ck_assert(a->closed);
	daemon_heard(b,
	    "[#lobby] -- guest2 is now ci\n"
	    "[#lobby] ci: build 812 is green\n"
	    "[#lobby] ci: last\n"
	    "[#lobby] -- ci left\n");
	ck_assert_uint_eq(rig.srv.nclients, 1);
}
END_TEST

START_TEST(connection_lost)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_hang_up(a);
	daemon_heard(b, "[#lobby] -- a left\n");
	/* with output that it had not read, the system says reset */
	a = daemon_person("a");
	a->asleep = true;
	daemon_type(b, "hello");
	daemon_hang_up(a);
	daemon_heard(b, "[#lobby] -- a left (connection lost)\n");
	ck_assert_uint_eq(rig.srv.nclients, 1);
}
END_TEST

/* A line that a reset cuts short is none. */
START_TEST(reset_within_a_line)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	a->asleep = true;
	daemon_type(b, "hello");
	daemon_send(a, BYTES("said\nrm -rf /"));
	daemon_hang_up(a);
	daemon_heard(b,
	    "[#lobby] a: said\n"
	    "[#lobby] -- a left (connection lost)\n");
}
END_TEST

/* What a client sent before its end is still carried out. */
START_TEST(said_before_the_end)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	ck_assert_int_eq(send(a->fd, "last words\n", 11, 0), 11);
	daemon_hang_up(a);
	daemon_heard(b, "[#lobby] a: last words\n[#lobby] -- a left\n");
}
END_TEST

/* So it is of one who reads no more, and is gone with that. */
START_TEST(deaf)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	ck_assert_int_eq(shutdown(a->fd, SHUT_RD), 0);
	a->asleep = true;
	ck_assert_int_eq(send(a->fd, "last words\n", 11, 0), 11);
	daemon_type(b, "hello?");
	daemon_heard(b,
	    "[#lobby] a: last words\n"
	    "[#lobby] -- a left (connection lost)\n");
	ck_assert_uint_eq(daemon_connections(), 1);
}
END_TEST

/* The place of one who is ending is free at once. */
START_TEST(place_is_free)
{
	struct peer *a;

	ck_assert(daemon_reload("max-clients 1\nmax-per-host 1\nrate off\n"));
	a = daemon_guest(HOST);
	daemon_type(a, "/quit");
	ck_assert_uint_eq(daemon_connections(), 1);
	daemon_guest(HOST);
}
END_TEST

/* After its last word the server waits for the other side's end, not long; less
 * for one that has all of it. */
START_TEST(lingering)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_type(a, "/quit");
	daemon_type(b, "/quit");
	ck_assert(a->closed && b->closed);
	ck_assert_uint_eq(daemon_connections(), 2);
	daemon_hang_up(b);
	ck_assert_uint_eq(daemon_connections(), 1);
	daemon_type(a, "too late");
	daemon_advance(CLIENT_LINGER_LOOK_MS - 1);
	ck_assert_uint_eq(daemon_connections(), 1);
	daemon_advance(1);
	ck_assert_uint_eq(daemon_connections(), 0);
}
END_TEST

START_TEST(lingering_asleep)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	a->asleep = b->asleep = true;
	daemon_type(a, "/quit");
	daemon_type(b, "/quit");
	daemon_advance(1200);
	ck_assert_uint_eq(daemon_connections(), 2);
	b->asleep = false;
	daemon_settle();
	daemon_advance(300);
	ck_assert_uint_eq(daemon_connections(), 1);
	daemon_advance(499);
	ck_assert_uint_eq(daemon_connections(), 1);
	daemon_advance(1);
	ck_assert_uint_eq(daemon_connections(), 0);
}
END_TEST

/* What had arrived before the stop reaches all, whatever the rate. */
START_TEST(stopping)
{
	struct peer *a, *b;

	ck_assert(daemon_reload("rate 1 1\n"));
	a = daemon_connect(HOST);
	b = daemon_connect(HOST);
	daemon_forget();
	daemon_send(a, BYTES("1\n2\n3\n"));
	daemon_heard(b, "[#lobby] guest1: 1\n");
	loop_stop(&rig.srv);
	daemon_settle();
	daemon_heard(b,
	    "[#lobby] guest1: 2\n[#lobby] guest1: 3\n"
	    "* The server is going down.\n");
	daemon_heard(a, "* The server is going down.\n");
	ck_assert(a->closed && b->closed);
}
END_TEST

/* What they still had to say is no reason not to see that they are gone. */
START_TEST(lingering_with_input_left)
{
	struct peer *a;

	ck_assert(daemon_reload("rate 1 1\n"));
	a = daemon_connect(HOST);
	daemon_send(a, BYTES("1\n2\n3\n"));
	ck_assert(conn_has_pending(a->c->out.conn));
	ck_assert(daemon_reload("deny all\n"));
	ck_assert_uint_eq(daemon_connections(), 1); /* waits for their FIN */
	daemon_hang_up(a);
	ck_assert_uint_eq(daemon_connections(), 0);
}
END_TEST

UNIT_MAIN("client", setup, daemon_stop, max_clients, max_per_host, denied,
    many_refusals, denied_by_reload, login_timeout, wrong_passwords,
    pause_is_over, stopped_past_the_login, half_close, connection_lost,
    reset_within_a_line, said_before_the_end, deaf, place_is_free, lingering,
    lingering_asleep, stopping, lingering_with_input_left)
