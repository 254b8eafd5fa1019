/* Coming and going without noise: the default room is told of those who do
 * something there, or stay. */
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "unit.h"

static void
setup(void)
{
	daemon_start("rate off\n");
}

/* Somebody who has come, and is not announced. */
static struct peer *
arrive(const char *name)
{
	struct peer *p = daemon_arrive("192.0.2.1");
	char line[64];

	snprintf(line, sizeof(line), "/nick %s", name);
	daemon_type(p, line);
	p->len = 0;
	return p;
}

START_TEST(whoever_says_something)
{
	struct peer *a = daemon_person("a"), *b = arrive("b");

	daemon_heard(a, "");
	daemon_ask(b, "/who", "* #lobby (2): a, b\n");
	daemon_ask(a, "/msg b psst", "");
	daemon_heard(b, "[private] a: psst\n");
	daemon_heard(a, "");
	daemon_type(b, "hello");
	daemon_heard(a, "[#lobby] -- b joined\n[#lobby] b: hello\n");
	daemon_type(b, "/nick bob");
	daemon_heard(a, "[#lobby] -- b is now bob\n");
	daemon_advance(10000); /* it was told */
	daemon_heard(a, "");
	daemon_type(b, "/quit");
	daemon_heard(a, "[#lobby] -- bob left\n");
}
END_TEST

/* Whatever else it is that the room sees. */
START_TEST(whoever_does_something)
{
	struct peer *a = daemon_person("a"), *b = arrive("b"), *c, *d;

	daemon_type(b, "/me waves");
	daemon_heard(a, "[#lobby] -- b joined\n[#lobby] * b waves\n");
	c = arrive("c");
	daemon_type(c, "/topic friday");
	daemon_heard(
	    a, "[#lobby] -- c joined\n[#lobby] -- c set the topic: friday\n");
	d = arrive("d");
	daemon_type(d, "/join dev");
	daemon_type(d, "in #dev");
	daemon_heard(a, "");
	daemon_type(d, "/msg #lobby hi");
	daemon_heard(a, "[#lobby] -- d joined\n[#lobby] d: hi\n");
}
END_TEST

/* By the name they have by then; not a moment earlier. */
START_TEST(whoever_stays)
{
	struct peer *a = daemon_person("a"), *b = arrive("b");

	daemon_advance(4999);
	daemon_ask(b, "/nick bea", "* You are now bea.\n");
	daemon_heard(a, "");
	daemon_advance(1);
	daemon_heard(a, "[#lobby] -- bea joined\n");
	daemon_heard(b, "");
	daemon_type(b, "hello");
	daemon_heard(a, "[#lobby] bea: hello\n");
}
END_TEST

START_TEST(whoever_is_gone_before)
{
	struct peer *a = daemon_person("a"), *b;
	static const char *const lines[] = { "/quit so long", "/leave",
		"/leave lobby bye", "GET / HTTP/1.0" };
	size_t i;

	daemon_hang_up(daemon_arrive("192.0.2.1"));
	daemon_half_close(daemon_arrive("192.0.2.1"));
	daemon_heard(a, "");
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		b = daemon_arrive("192.0.2.1");
		daemon_type(b, lines[i]);
		daemon_advance(10000);
		daemon_heard(a, "");
		daemon_hang_up(b);
		daemon_heard(a, "");
	}
}
END_TEST

/* Who comes again into the room by /join is seen as anybody. */
START_TEST(back_by_join)
{
	struct peer *a = daemon_person("a"), *b = arrive("b");

	daemon_do(b, "/leave");
	daemon_type(b, "/join lobby");
	daemon_heard(a, "[#lobby] -- b joined\n");
	daemon_advance(10000);
	daemon_heard(a, "");
	daemon_type(b, "/leave");
	daemon_heard(a, "[#lobby] -- b left\n");
}
END_TEST

/* A script's line for a room from outside is one line there, and nothing for
 * anybody else. */
START_TEST(script)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *ci;

	daemon_do(b, "/join ops");
	ci = daemon_arrive("192.0.2.1");
	daemon_send(ci, BYTES("/nick ci\n/msg #ops build 812 is green\n"));
	daemon_half_close(ci);
	daemon_heard(b, "[#ops] ci: build 812 is green\n");
	daemon_advance(10000);
	daemon_heard(b, "");
	daemon_heard(a, "");
}
END_TEST

/* In another room one is known, as usual; the name is told there. */
START_TEST(known_elsewhere)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *c;

	daemon_do(b, "/join dev");
	c = arrive("c");
	daemon_type(c, "/join dev");
	daemon_heard(b, "[#dev] -- c joined\n");
	daemon_type(c, "/nick carol");
	daemon_heard(b, "[#dev] -- c is now carol\n");
	daemon_heard(a, "");
	daemon_type(c, "/quit bye");
	daemon_heard(b, "[#dev] -- carol left (bye)\n");
	daemon_heard(a, "");
}
END_TEST

/* Many who come back at once are summed up when they are announced. */
START_TEST(a_crowd)
{
	struct peer *a;
	int i;

	ck_assert(daemon_reload("rate off\nmax-per-host 100\n"));
	a = daemon_person("a");
	daemon_advance(2000);
	for (i = 0; i < 20; i++)
		(void)daemon_arrive("192.0.2.1");
	daemon_heard(a, "");
	daemon_advance(5000);
	daemon_advance(1000);
	ck_assert(daemon_has(a, "[#lobby] -- guest2 joined\r\n"));
	ck_assert(daemon_has(a, "[#lobby] -- 15 people joined\r\n"));
}
END_TEST

/* The greeting names ten, with the topic. */
START_TEST(greeting)
{
	struct peer *a = daemon_person("a"), *p;
	int i;

	daemon_do(a, "/topic friday");
	for (i = 0; i < 8; i++)
		(void)daemon_connect(NULL);
	daemon_do(a, "/away");
	p = daemon_arrive("192.0.2.1");
	daemon_heard(p,
	    "* Welcome to banter on box.\n"
	    "* You are guest10 in #lobby (10 here: a (away), guest2, guest3, "
	    "guest4, guest5, guest6, guest7, guest8, guest9, you). "
	    "Topic: friday. Say something, or /nick NAME to be known; /help "
	    "lists the rest, /quit leaves.\n");
	p = daemon_arrive("192.0.2.1");
	daemon_heard(p,
	    "* Welcome to banter on box.\n"
	    "* You are guest11 in #lobby (11 here). Topic: friday. Say "
	    "something, or /nick NAME to be known; /help lists the rest, "
	    "/quit leaves.\n");
}
END_TEST

UNIT_MAIN("arrival", setup, daemon_stop, whoever_says_something,
    whoever_does_something, whoever_stays, whoever_is_gone_before, back_by_join,
    script, known_elsewhere, a_crowd, greeting)
