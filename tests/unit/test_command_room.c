/* Commands that deal with rooms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/chat/room.h"
#include "banterd/dialect/plain.h"
#include "daemon.h"
#include "unit.h"

#define X32 "abcdefghijklmnopqrstuvwxyz012345"

static void
setup(void)
{
	setenv("TZ", "UTC0", 1);
	daemon_start("rate off\nmax-rooms 4\nmax-joined 3\n"
		     "room #ops topic pagers key hush\n");
}

/* The same with a time before some lines, which becomes 00:00. */
static void
ask_past(struct peer *p, const char *line, const char *answer)
{
	size_t i;

	daemon_type(p, line);
	for (i = 0; i + 6 < p->len; i++) {
		if ((i == 0 || p->got[i - 1] == '\n') && p->got[i + 2] == ':' &&
		    p->got[i + 5] == ' ')
			memcpy(p->got + i, "00:00", 5);
	}
	daemon_heard(p, answer);
}

START_TEST(join)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/join #dev", "* You are in #dev (1 here: @you).\n");
	daemon_ask(b, "/J DEV", "* You are in #dev (2 here: @a, you).\n");
	daemon_heard(a, "[#dev] -- b joined\n");
	daemon_ask(a, "/topic friday", "* The topic of #dev is: friday\n");
	daemon_heard(b, "[#dev] -- a set the topic: friday\n");
	/* a second time it only makes it current */
	daemon_ask(
	    b, "/join #lobby", "* You are in #lobby (2 here: a, you).\n");
	daemon_ask(b, "/join #dev",
	    "* You are in #dev (2 here: @a, you). Topic: friday.\n");
	daemon_heard(a, "");
	daemon_ask(b, "hello", "");
	daemon_heard(a, "[#dev] b: hello\n");
	daemon_ask(a, "/join #dev",
	    "* You are in #dev (2 here: @you, b). Topic: "
	    "friday.\n");
}
END_TEST

START_TEST(join_bad_names)
{
	struct peer *a = daemon_person("a");

	daemon_ask(a, "/join ##dev",
	    "! ##dev is not a room's name: # and 1-32 letters, digits, _ - "
	    ".\n");
	daemon_ask(a, "/join #",
	    "! # is not a room's name: # and 1-32 letters, digits, _ - .\n");
	daemon_ask(a, "/join " X32, "* You are in #" X32 " (1 here: @you).\n");
	daemon_ask(a, "/join " X32 "6",
	    "! " X32 "6 is not a room's name: # and 1-32 letters, digits, _ "
	    "- .\n");
	daemon_ask(a, "/join #" X32 "6",
	    "! #" X32 "6 is not a room's name: # and 1-32 letters, digits, "
	    "_ - .\n");
	daemon_ask(a, "/join caf\xc3\xa9",
	    "! caf\xc3\xa9 is not a room's name: # and 1-32 letters, "
	    "digits, _ - .\n");
}
END_TEST

START_TEST(join_keys)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(
	    a, "/join ops", "! #ops needs the right key: /join #ops KEY\n");
	daemon_ask(a, "/join ops bush",
	    "! #ops needs the right key: /join #ops KEY\n");
	daemon_ask(a, "/join ops hush", "");
	daemon_advance(499);
	daemon_heard(a, "");
	daemon_advance(1);
	daemon_heard(a, "* You are in #ops (1 here: you). Topic: pagers.\n");
	daemon_ask(a, "/join #own k",
	    "* You are in #own (1 here: @you).\n"
	    "* Others need that key to join #own.\n");
	daemon_ask(
	    b, "/join #own", "! #own needs the right key: /join #own KEY\n");
	daemon_ask(b, "/join #own k", "* You are in #own (2 here: @a, you).\n");
	/* a key that is none, and more than a key */
	daemon_ask(b, "/join #lobby k",
	    "* You are in #lobby (2 here: a, you).\n"
	    "* #lobby has no key: anybody can join it.\n");
	daemon_ask(b, "/join bad room name",
	    "! /join takes a room and a key without blanks: /join ROOM [KEY]\n");
}
END_TEST

/* A wrong key is a failure of the host, as a wrong password is; no key at all
 * is none. */
START_TEST(wrong_keys)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *c;
	struct peer *local;
	int i;

	for (i = 0; i < 9; i++)
		daemon_ask(a, "/join ops",
		    "! #ops needs the right key: /join #ops KEY\n");
	daemon_ask(
	    a, "/join ops x", "! #ops needs the right key: /join #ops KEY\n");
	daemon_ask(
	    b, "/join ops x", "! #ops needs the right key: /join #ops KEY\n");
	daemon_send(b, BYTES("/join ops y\n/join ops hush\n"));
	daemon_advance(999);
	daemon_heard(b, "");
	daemon_advance(1);
	daemon_heard(b, "! #ops needs the right key: /join #ops KEY\n");
	/* coming again is no way around it */
	c = daemon_connect("192.0.2.1");
	local = daemon_connect(NULL);
	daemon_forget();
	daemon_type(c, "/join ops hush");
	daemon_type(local, "/join ops hush");
	ck_assert(daemon_has(local, "* You are in #ops"));
	daemon_forget();
	daemon_advance(1499);
	daemon_heard(c, "");
	daemon_advance(1);
	ck_assert(daemon_has(c, "* You are in #ops"));
}
END_TEST

/* Of the rooms there can be, one host makes so many; a UNIX socket has no
 * address to count by. */
START_TEST(rooms_of_a_host)
{
	struct peer *a, *b, *local;
	char line[32];
	int i;

	ck_assert(daemon_reload("rate off\nmax-joined 100\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	for (i = 1; i <= HOST_ROOMS_MAX; i++) {
		snprintf(line, sizeof(line), "/join r%d", i);
		daemon_do(i % 2 == 0 ? a : b, line);
	}
	daemon_ask(a, "/join more",
	    "! Your address has made too many rooms (limit 25); #more was not made.\n");
	daemon_ask(a, "/join r1", "* You are in #r1 (2 here: @b, you).\n");
	local = daemon_connect(NULL);
	daemon_forget();
	for (i = 1; i <= HOST_ROOMS_MAX + 1; i++) {
		snprintf(line, sizeof(line), "/join l%d", i);
		daemon_type(local, line);
		ck_assert(daemon_has(local, "* You are in #l"));
		daemon_forget();
	}
	/* a room counts as long as it is there */
	daemon_do(a, "/leave r1");
	daemon_ask(b, "/join more",
	    "! Your address has made too many rooms (limit 25); #more was not made.\n");
	daemon_do(b, "/leave r1");
	daemon_ask(b, "/join more", "* You are in #more (1 here: @you).\n");
	/* and not when it is the server's */
	ck_assert(daemon_reload("rate off\nmax-joined 100\nroom #r2\n"));
	daemon_forget();
	daemon_ask(b, "/join again", "* You are in #again (1 here: @you).\n");
	daemon_hang_up(a);
	daemon_hang_up(b);
	daemon_advance(2 * HOST_EXPIRY_MS);
	b = daemon_person("b");
	daemon_ask(b, "/join anew", "* You are in #anew (1 here: @you).\n");
}
END_TEST

START_TEST(join_limits)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_type(a, "/join 1"); /* with #lobby, #ops: 3 rooms */
	daemon_forget();
	daemon_ask(a, "/join 2", "* You are in #2 (1 here: @you).\n");
	daemon_ask(b, "/join 3",
	    "! There are too many rooms (limit 4); #3 was not made.\n");
	daemon_ask(b, "/join 1", "* You are in #1 (2 here: @a, you).\n");
	daemon_forget();
	daemon_ask(a, "/join ops hush",
	    "! You are in too many rooms (limit 3); /leave one first.\n");
}
END_TEST

START_TEST(join_replays)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_type(a, "/join dev");
	daemon_type(a, "one");
	daemon_type(a, "/me waves");
	ask_past(b, "/join dev",
	    "* You are in #dev (2 here: @a, you).\n"
	    "00:00 [#dev] a: one\n00:00 [#dev] * a waves\n");
	/* joined already: nothing again */
	daemon_ask(b, "/join dev", "* You are in #dev (2 here: @a, you).\n");
}
END_TEST

/* ---- leaving ---- */

START_TEST(leave)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_all("/join dev");
	daemon_ask(b, "/leave", "* You left #dev. You are in #lobby now.\n");
	daemon_heard(a, "[#dev] -- b left\n");
	daemon_ask(b, "/part",
	    "* You left #lobby. You are in no room now; /join "
	    "ROOM to enter one.\n");
	daemon_heard(a, "[#lobby] -- b left\n");
}
END_TEST

/* A first word that is a room (or begins with #) is the room; one that does not
 * exist for who leaves is the reason. */
START_TEST(leave_words)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_all("/join dev");
	daemon_ask(
	    b, "/leave lobby", "* You left #lobby. You are in #dev now.\n");
	daemon_heard(a, "[#lobby] -- b left\n");
	daemon_type(b, "/join lobby");
	daemon_do(b, "/join dev");
	daemon_ask(b, "/leave #LOBBY so long",
	    "* You left #lobby. You are in #dev now.\n");
	daemon_heard(a, "[#lobby] -- b left (so long)\n");
	daemon_ask(b, "/leave #none", "! You are not in #none.\n");
	daemon_ask(b, "/leave #lobby x", "! You are not in #lobby.\n");
	daemon_ask(b, "/leave ##", "! You are not in ##.\n");
	daemon_ask(b, "/leave lobby time", "! You are not in #lobby.\n");
	daemon_ask(b, "/leave ops time",
	    "* You left #dev. You are in no room now; /join ROOM to enter "
	    "one.\n");
	daemon_heard(a, "[#dev] -- b left (ops time)\n");
}
END_TEST

/* The longest name is a name here, too. */
START_TEST(leave_longest)
{
	struct peer *a = daemon_person("a");

	daemon_type(a, "/join " X32);
	daemon_do(a, "/join dev");
	daemon_ask(
	    a, "/leave " X32, "* You left #" X32 ". You are in #dev now.\n");
	daemon_do(a, "/join " X32);
	daemon_ask(
	    a, "/leave #" X32, "* You left #" X32 ". You are in #dev now.\n");
}
END_TEST

/* ---- looking ---- */

START_TEST(who)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_type(a, "/join dev");
	daemon_type(b, "/join dev");
	daemon_do(b, "/away lunch");
	daemon_ask(a, "/who", "* #dev (2): @a, b (away)\n");
	daemon_ask(a, "/names lobby", "* #lobby (2): a, b (away)\n");
	daemon_ask(a, "/who #dev 1", "* #dev (2): @a, b (away)\n");
	daemon_ask(a, "/who #dev 2",
	    "! 2 is no page of /who #dev: a number from 1 to 1.\n");
	daemon_ask(a, "/who #dev x",
	    "! x is no page of /who #dev: a number from 1 to 1.\n");
	daemon_ask(
	    a, "/who #none", "! There is no room #none; /rooms lists them.\n");
	daemon_ask(a, "/who !",
	    "! ! is not a room's name: # and 1-32 letters, digits, _ - .\n");
}
END_TEST

START_TEST(rooms)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_type(a, "/join zoo");
	daemon_type(b, "/join zoo");
	daemon_do(b, "/leave lobby");
	daemon_ask(
	    a, "/rooms", "* There are 2 rooms:\n* #zoo (2)\n* #lobby (1)\n");
	daemon_do(a, "/join ops hush");
	daemon_ask(a, "/list x",
	    "* There are 3 rooms:\n* #zoo (2)\n* #lobby (1)\n"
	    "* #ops (1): pagers\n");
}
END_TEST

/* A room with a key does not exist for those outside; one that is not there
 * reads the same. */
START_TEST(rooms_with_a_key)
{
	static const char *const asks[][2] = {
		{ "/who ops", "! There is no room #ops; /rooms lists them.\n" },
		{ "/who non", "! There is no room #non; /rooms lists them.\n" },
		{ "/msg #ops x",
		    "! You are not in #ops; /join it first. Nothing was sent.\n" },
		{ "/msg #non x",
		    "! You are not in #non; /join it first. Nothing was sent.\n" },
		{ "/leave #ops", "! You are not in #ops.\n" },
		{ "/leave #non", "! You are not in #non.\n" },
		{ "/msg ops x", "! Nobody here is called ops.\n" },
		{ "/msg non x", "! Nobody here is called non.\n" },
	};
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	size_t i;

	daemon_do(a, "/join ops hush");
	for (i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		daemon_ask(b, asks[i][0], asks[i][1]);
	daemon_ask(b, "/whois a", "* a is in #lobby; idle 0s\n");
	daemon_ask(b, "/rooms", "* There is 1 room:\n* #lobby (2)\n");
	daemon_heard(a, "");
	daemon_do(b, "/join ops hush");
	daemon_ask(b, "/whois a", "* a is in #lobby, #ops; idle 0s\n");
	daemon_ask(b, "/who ops", "* #ops (2): a, b\n");
}
END_TEST

/* /who tells fifty at a time, and the way to the others. */
START_TEST(who_by_the_page)
{
	struct peer *p = NULL;
	char name[16];
	int i;

	ck_assert(daemon_reload("rate off\nmax-per-host 100\n"));
	for (i = 1; i <= ROOM_NAMES_SHOWN; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		p = daemon_person(name);
	}
	daemon_type(p, "/who");
	ck_assert(daemon_has(p, "* #lobby (50): p1, p2, "));
	ck_assert(daemon_has(p, ", p49, p50\r\n"));
	p = daemon_person("last");
	daemon_type(p, "/who");
	ck_assert(daemon_has(p, ", p50 and 1 more: /who #lobby 2\r\n"));
	daemon_forget();
	daemon_ask(p, "/who #lobby 2", "* #lobby (51): last\n");
	daemon_ask(p, "/who lobby 3",
	    "! 3 is no page of /who #lobby: a number from 1 to 2.\n");
	daemon_type(p, "/join lobby");
	ck_assert(daemon_has(p, ", p50 and 1 more).\r\n"));
}
END_TEST

/* Topics are cut there, and never within a character. */
START_TEST(rooms_cut_topics)
{
	struct peer *a = daemon_person("a");
	char line[200], want[200];
	int i;

	for (i = 78; i <= 81; i++) {
		memset(line, 0, sizeof(line));
		strcpy(line, "/topic ");
		memset(line + 7, 'x', (size_t)i - 1);
		strcat(line, "\xc3\xa9");
		daemon_type(a, line);
		daemon_forget();
		snprintf(want, sizeof(want),
		    "* There is 1 room:\n* #lobby (1): %.*s%s\n",
		    i == 80     ? 79 :
			i == 81 ? 80 :
				  i + 1,
		    line + 7, i >= 80 ? "..." : "");
		daemon_ask(a, "/rooms", want);
	}
}
END_TEST

START_TEST(topic)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(
	    a, "/topic", "* #lobby has no topic; /topic TEXT sets one.\n");
	daemon_ask(a, "/topic release on friday",
	    "* The topic of #lobby is: release on friday\n");
	daemon_heard(b, "[#lobby] -- a set the topic: release on friday\n");
	daemon_ask(
	    b, "/TOPIC", "* The topic of #lobby is: release on friday\n");
	daemon_heard(a, "");
	daemon_ask(a, "/topic - x", "* The topic of #lobby is: - x\n");
	daemon_forget();
	daemon_ask(
	    a, "/topic -", "* #lobby has no topic; /topic TEXT sets one.\n");
	daemon_heard(b, "[#lobby] -- a cleared the topic\n");
	daemon_ask(
	    a, "/topic -", "* #lobby has no topic; /topic TEXT sets one.\n");
	daemon_heard(b, "");
}
END_TEST

START_TEST(history)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/history", "* Nothing has been said in #lobby yet.\n");
	daemon_type(a, "one");
	ask_past(a, "/history",
	    "* The last 1 line of #lobby:\n00:00 [#lobby] a: one\n");
	daemon_do(b, "two");
	ask_past(a, "/history 1",
	    "* The last 1 line of #lobby:\n00:00 [#lobby] b: two\n");
	ask_past(a, "/history 2",
	    "* The last 2 lines of #lobby:\n00:00 [#lobby] a: one\n"
	    "00:00 [#lobby] b: two\n");
	ask_past(a, "/history 4294967295",
	    "* The last 2 lines of #lobby:\n00:00 [#lobby] a: one\n"
	    "00:00 [#lobby] b: two\n");
	daemon_ask(
	    a, "/history 0", "! 0 is not a number of lines (1 or more).\n");
	daemon_ask(
	    a, "/history -1", "! -1 is not a number of lines (1 or more).\n");
	daemon_type(a, "/history 4294967296");
	ck_assert(daemon_has(a, "* The last 2 lines of #lobby:"));
	daemon_forget();
	daemon_ask(
	    a, "/history x", "! x is not a number of lines (1 or more).\n");
	ck_assert(daemon_reload("rate off\nhistory 0\n"));
	daemon_ask(a, "/history", "! No history is kept on this server.\n");
}
END_TEST

/* What is of another day carries its date; with a time before each line, what
 * is said now has none. */
START_TEST(history_of_yesterday)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct room *room = room_find(&rig.srv.registry, "#lobby");
	struct history_entry *entry;
	char want[64];

	daemon_type(a, "old");
	daemon_do(a, "new");
	daemon_do(b, "/set time on");
	entry = TAILQ_FIRST(&room->history.list);
	entry->when = 37959; /* 1970-01-01 10:32 */
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "\r\n1970-01-01 10:32 [#lobby] a: old\r\n"));
	entry = TAILQ_NEXT(entry, next);
	plain_stamp(entry->when, entry->when, want);
	strcat(want, "[#lobby] a: new\r\n");
	ck_assert(daemon_has(b, want));
	daemon_forget();
	daemon_type(a, "now");
	ck_assert_uint_eq(b->len, strlen("10:32 [#lobby] a: now\r\n"));
}
END_TEST

/* ---- running a room ---- */

START_TEST(kick)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_all("/join dev");
	daemon_ask(b, "/kick c", "! Only a, who runs #dev, can do that.\n");
	daemon_ask(a, "/kick nobody", "! Nobody here is called nobody.\n");
	daemon_ask(a, "/kick a", "! That is you, who runs #dev.\n");
	daemon_ask(a, "/kick b too loud", "* You kicked b from #dev.\n");
	daemon_heard(b,
	    "! a kicked you from #dev (too loud)\n"
	    "* You are in #lobby now.\n");
	daemon_heard(c, "[#dev] -- a kicked b (too loud)\n");
	daemon_ask(a, "/kick b", "! b is not in #dev.\n");
	daemon_ask(a, "/kick C", "* You kicked c from #dev.\n");
	daemon_heard(c,
	    "! a kicked you from #dev\n"
	    "* You are in #lobby now.\n");
	daemon_do(a, "/join lobby");
	daemon_ask(a, "/kick c", "! Nobody runs #lobby.\n");
	daemon_ask(a, "/invite c", "! Nobody runs #lobby.\n");
}
END_TEST

#define CLOSED " which is closed to you for "
#define UNTIL  " min, or until you are invited."

/* For ten minutes; what is said from outside is kept out, too. */
START_TEST(kick_holds)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_all("/join dev");
	daemon_do(a, "/kick b");
	daemon_ask(b, "/join dev",
	    "! You were kicked from #dev," CLOSED "10" UNTIL "\n");
	daemon_advance(540000);
	daemon_ask(b, "/msg #dev hi",
	    "! You were kicked from #dev," CLOSED "1" UNTIL
	    " Nothing was sent.\n");
	daemon_advance(59999);
	daemon_ask(b, "/join dev",
	    "! You were kicked from #dev," CLOSED "1" UNTIL "\n");
	daemon_heard(a, "");
	daemon_advance(1);
	daemon_ask(b, "/join dev", "* You are in #dev (2 here: @a, you).\n");
}
END_TEST

START_TEST(invite)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_all("/join dev");
	daemon_do(a, "/kick b");
	daemon_ask(a, "/invite c",
	    "! Nobody called c is here, or kept out of #dev.\n");
	daemon_ask(a, "/invite B", "* B may come into #dev.\n");
	daemon_heard(b, "* a lets you into #dev again: /join #dev\n");
	daemon_ask(a, "/invite b", "* b may come into #dev.\n");
	daemon_heard(b, "");
	daemon_ask(b, "/join dev", "* You are in #dev (2 here: @a, you).\n");
	daemon_ask(b, "/invite a", "! Only a, who runs #dev, can do that.\n");
}
END_TEST

/* Who writes to a room from outside can be put out of it as well. */
START_TEST(outsiders)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_do(a, "/join dev");
	daemon_ask(b, "/msg #dev hi", "");
	daemon_heard(a, "[#dev] b: hi\n");
	daemon_ask(b, "/msg #dev /me waves", "");
	daemon_heard(a, "[#dev] * b waves\n");
	daemon_heard(c, "");
	daemon_ask(a, "/op b", "! b is not in #dev.\n");
	daemon_ask(a, "/kick c", "! c is not in #dev.\n");
	daemon_ask(a, "/kick b noise", "* You kicked b from #dev.\n");
	daemon_heard(b, "! a kicked you from #dev (noise)\n");
	daemon_ask(a, "/kick b", "! b is not in #dev.\n");
	daemon_ask(b, "/msg #dev hi",
	    "! You were kicked from #dev," CLOSED "10" UNTIL
	    " Nothing was sent.\n");
	daemon_ask(c, "/msg #dev hi", "");
	daemon_heard(a, "[#dev] c: hi\n");
	/* to take another name is no way out */
	daemon_do(c, "/nick other");
	daemon_ask(a, "/ignore c", "* You ignore other now.\n");
	daemon_ask(a, "/kick C", "* You kicked other from #dev.\n");
	daemon_ask(a, "/kick d", "! Nobody here is called d.\n");
	daemon_do(b, "/msg a psst");
	daemon_do(b, "/nick bertha");
	daemon_ask(a, "/ignore bert",
	    "! Nobody here is called bert; who last wrote to you is bertha now.\n");
}
END_TEST

START_TEST(op)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_all("/join dev");
	daemon_ask(b, "/op b", "! Only a, who runs #dev, can do that.\n");
	daemon_ask(a, "/op A", "! That is you, who runs #dev.\n");
	daemon_ask(a, "/op b", "* b runs #dev now.\n");
	daemon_heard(b, "* You run #dev now: /kick and /op are yours.\n");
	daemon_ask(a, "/kick b", "! Only b, who runs #dev, can do that.\n");
	daemon_ask(b, "/kick a", "* You kicked a from #dev.\n");
}
END_TEST

/* When the one who runs it leaves, it is whoever has been there longest. */
START_TEST(op_moves_on)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_all("/join dev");
	daemon_type(a, "/quit");
	daemon_heard(b,
	    "[#dev] -- a left\n"
	    "* You run #dev now: /kick and /op are yours.\n"
	    "[#lobby] -- a left\n");
	daemon_ask(c, "/who dev",
	    "[#dev] -- a left\n[#lobby] -- a left\n* #dev (2): @b, c\n");
}
END_TEST

UNIT_MAIN("command_room", setup, daemon_stop, join, join_bad_names, join_keys,
    wrong_keys, rooms_of_a_host, join_limits, join_replays, leave, leave_words,
    leave_longest, who, rooms, rooms_with_a_key, who_by_the_page,
    rooms_cut_topics, topic, history, history_of_yesterday, kick, kick_holds,
    invite, outsiders, op, op_moves_on)
