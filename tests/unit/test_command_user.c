/* Commands that deal with people, and with one's own connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "unit.h"

#define X24 "abcdefghijklmnopqrstuvwx"

static void
setup(void)
{
	daemon_start("rate off\n");
}

START_TEST(nick)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/nick alice", "* You are now alice.\n");
	daemon_heard(b, "[#lobby] -- a is now alice\n");
	daemon_ask(b, "/nick Alice", "! The name Alice is taken.\n");
	daemon_ask(a, "/nick Alice", "* You are now Alice.\n");
	daemon_heard(b, "[#lobby] -- alice is now Alice\n");
	daemon_ask(a, "/nick Alice", "* You are now Alice.\n");
	daemon_heard(b, "");
	daemon_ask(b, "/nick You", "! The name You is taken.\n");
	daemon_ask(b, "/nick SERVER", "! The name SERVER is taken.\n");
	daemon_heard(a, "");
	daemon_ask(a, "/nick " X24, "* You are now " X24 ".\n");
}
END_TEST

START_TEST(nick_bad)
{
	static const char *const bad[] = { "1a", "a:", "#a", "a b",
		"caf\xc3\xa9", X24 "y" };
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	char line[64], want[160];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "/nick %s", bad[i]);
		snprintf(want, sizeof(want),
		    "! %s is not a name you can take: 1-24 letters, digits, "
		    "_ - . with a letter first.\n",
		    bad[i]);
		daemon_ask(a, line, want);
	}
	daemon_heard(b, "");
	ck_assert_str_eq(a->c->user.name, "a");
}
END_TEST

START_TEST(msg)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_ask(a, "/msg B hello there", "");
	daemon_heard(b, "[private] a: hello there\n");
	daemon_heard(c, "");
	daemon_ask(a, "/msg b /me waves", "");
	daemon_heard(b, "[private] * a waves\n");
	daemon_ask(a, "/msg #lobby /ME waves", "");
	daemon_heard(b, "[#lobby] * a waves\n");
	daemon_forget();
	daemon_ask(a, "/m nobody x", "! Nobody here is called nobody.\n");
	daemon_ask(a, "/m a x", "! That is you; nothing was sent.\n");
	/* to a room one is in, whichever is current */
	daemon_do(a, "/join dev");
	daemon_ask(a, "/msg #LOBBY hi", "");
	daemon_heard(b, "[#lobby] a: hi\n");
	/* and to one that one is not in */
	daemon_ask(b, "/tell #dev hi", "");
	daemon_heard(a, "[#dev] b: hi\n");
	daemon_ask(b, "/msg #none hi",
	    "! You are not in #none; /join it first. Nothing was sent.\n");
	daemon_ask(
	    b, "/w dev hi", "! Nobody here is called dev; the room is #dev.\n");
	daemon_heard(a, "");
}
END_TEST

START_TEST(reply)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_ask(
	    a, "/reply x", "! Nobody has written to you in private yet.\n");
	daemon_type(b, "/msg a one");
	daemon_do(c, "/msg a two");
	daemon_ask(a, "/reply to you", "");
	daemon_heard(c, "[private] a: to you\n");
	daemon_heard(b, "");
	daemon_do(c, "/nick carol");
	daemon_ask(a, "/r again", "");
	daemon_heard(c, "[private] a: again\n");
	daemon_type(c, "/quit");
	daemon_person("carol"); /* somebody else */
	daemon_ask(a, "/r secret",
	    "! Whoever wrote to you is gone; nothing was sent.\n");
}
END_TEST

START_TEST(me)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/me waves", "");
	daemon_heard(b, "[#lobby] * a waves\n");
}
END_TEST

START_TEST(whois)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} idle[] = {
		{ 0, "0s" },
		{ 999, "0s" },
		{ 1000, "1s" },
		{ 59999, "59s" },
		{ 60000, "1m" },
		{ 3599999, "59m" },
		{ 3600000, "1h 0m" },
		{ 86399999, "23h 59m" },
		{ 86400000, "1d 0h" },
		{ 10 * 86400000LL + 7200000, "10d 2h" },
	};
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	char want[128];
	uint64_t at = 0;
	size_t i;

	daemon_do(b, "/join dev");
	for (i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		daemon_advance(idle[i].ms - at);
		at = idle[i].ms;
		snprintf(want, sizeof(want),
		    "* b is in #lobby, @#dev; idle %s\n", idle[i].text);
		daemon_ask(a, "/whois B", want);
	}
	daemon_do(b, "/away lunch");
	daemon_ask(
	    a, "/whois b", "* b is in #lobby, @#dev; idle 0s; away: lunch\n");
	daemon_type(b, "/leave dev");
	daemon_do(b, "/leave");
	daemon_ask(a, "/whois b", "* b is in no room; idle 0s; away: lunch\n");
	daemon_ask(a, "/whois nobody", "! Nobody here is called nobody.\n");
}
END_TEST

START_TEST(away)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(b, "/back", "* You were not away.\n");
	daemon_ask(
	    b, "/away at lunch", "* You are away: at lunch. /back ends it.\n");
	daemon_ask(a, "/msg b 1", "* b is away: at lunch\n");
	daemon_ask(a, "/msg b 2", "");
	daemon_heard(b, "[private] a: 1\n[private] a: 2\n");
	daemon_ask(b, "/away", "* You are away: away. /back ends it.\n");
	daemon_ask(a, "/msg b 3", "* b is away: away\n");
	daemon_forget();
	daemon_ask(b, "/back", "* You are back.\n");
	daemon_ask(a, "/msg b 4", "");
}
END_TEST

START_TEST(ignore)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_ask(a, "/ignore", "* You ignore nobody.\n");
	daemon_ask(a, "/ignore nobody", "! Nobody here is called nobody.\n");
	daemon_ask(a, "/ignore a", "! You can't ignore yourself.\n");
	daemon_ask(a, "/ignore B", "* You ignore b now.\n");
	daemon_ask(a, "/ignore c", "* You ignore c now.\n");
	daemon_ask(a, "/ignore c", "* You ignore c now.\n");
	daemon_ask(a, "/ignore", "* You ignore: b, c\n");
	daemon_type(b, "hello");
	daemon_type(b, "/msg a psst");
	daemon_type(b, "/nick bob");
	daemon_type(b, "hello again");
	daemon_type(b, "/leave bye");
	daemon_heard(a, "");
	daemon_ask(a, "/ignore", "* You ignore: bob, c\n");
	daemon_type(c, "/quit");
	daemon_ask(a, "/ignore", "* You ignore: bob\n");
	daemon_ask(a, "/unignore nobody", "! Nobody here is called nobody.\n");
	daemon_ask(a, "/unignore bob", "* You hear bob again.\n");
	daemon_ask(a, "/unignore bob", "! You do not ignore bob.\n");
	daemon_ask(a, "/ignore", "* You ignore nobody.\n");
	daemon_type(b, "/msg a psst");
	daemon_heard(a, "[private] bob: psst\n");
}
END_TEST

START_TEST(set)
{
	struct peer *a = daemon_person("a");

	daemon_ask(a, "/set", "* time off, quiet off, bell off\n");
	daemon_ask(a, "/set quiet on", "* quiet is on now.\n");
	daemon_ask(a, "/SET Bell ON", "* bell is on now.\n");
	daemon_ask(a, "/set quiet", "* quiet is on.\n");
	daemon_ask(a, "/set time", "* time is off.\n");
	daemon_ask(a, "/set", "* time off, quiet on, bell on\n");
	daemon_ask(a, "/set bell off", "* bell is off now.\n");
	daemon_ask(
	    a, "/set bell maybe", "! bell can be on or off, not maybe.\n");
	daemon_ask(a, "/set colour on",
	    "! There is no setting colour: /set time|quiet|bell on|off\n");
}
END_TEST

START_TEST(set_quiet)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "/set quiet on");
	daemon_type(b, "/leave");
	daemon_type(b, "/join lobby");
	daemon_type(b, "hello");
	daemon_heard(a, "[#lobby] b: hello\n");
}
END_TEST

/* The bell comes at the end: a line's first characters tell its kind. */
START_TEST(set_bell)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "/set bell on");
	daemon_type(b, "/msg a hello");
	daemon_got(a, BYTES("[private] b: hello\a\r\n"));
	daemon_type(b, "A, look");
	daemon_got(a, BYTES("[#lobby] b: A, look\a\r\n"));
	daemon_type(b, "hello");
	daemon_got(a, BYTES("[#lobby] b: hello\r\n"));
	daemon_do(a, "/set time on");
	daemon_type(b, "/msg a hello");
	ck_assert_uint_eq(a->len, 6 + strlen("[private] b: hello\a\r\n"));
	ck_assert_int_eq(memcmp(a->got + 6, "[private] b: hello\a\r\n", 21), 0);
}
END_TEST

/* A time before all lines; before those that are replayed, not two. */
START_TEST(set_time)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	size_t i, lines = 0;

	daemon_type(a, "/set time on");
	daemon_type(b, "hello");
	daemon_type(a, "/who");
	daemon_type(a, "/nonsense");
	daemon_type(b, "/msg a x");
	daemon_type(a, "/history");
	for (i = 0; i < a->len; i++) {
		if (i > 0 && a->got[i - 1] != '\n')
			continue;
		lines++;
		ck_assert_uint_ge(a->len - i, 7);
		ck_assert_int_eq(a->got[i + 2], ':');
		ck_assert_int_eq(a->got[i + 5], ' ');
		ck_assert(strchr("[*!", a->got[i + 6]) != NULL);
	}
	ck_assert_uint_eq(lines, 7);
	daemon_forget();
	daemon_send(a, BYTES("\xff\xfd\x01"));
	daemon_got(a, BYTES("\xff\xfc\x01")); /* telnet's bytes have none */
	daemon_type(a, "/set time off");
	daemon_heard(a, "* time is off now.\n");
}
END_TEST

UNIT_MAIN("command_user", setup, daemon_stop, nick, nick_bad, msg, reply, me,
    whois, away, ignore, set, set_quiet, set_bell, set_time)
