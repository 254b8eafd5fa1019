/* Commands: the table, its checks, help, the password. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "unit.h"

static void
setup(void)
{
	daemon_start("rate off\n");
}

START_TEST(chat)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "hello", "");
	daemon_heard(b, "[#lobby] a: hello\n");
	daemon_ask(a, "//nick is a command", "");
	daemon_heard(b, "[#lobby] a: /nick is a command\n");
	daemon_ask(a, "///x", "");
	daemon_heard(b, "[#lobby] a: //x\n");
	daemon_ask(a, " \t/set time", "* time is off.\n");
	daemon_ask(a, " //nick x", "");
	daemon_heard(b, "[#lobby] a: /nick x\n");
	daemon_ask(a, "  nick x", ""); /* before other text they stay */
	daemon_heard(b, "[#lobby] a:   nick x\n");
	daemon_ask(a, "", ""); /* an empty line does nothing */
	daemon_ask(a, "\r", "");
	daemon_ask(a, " \t", "");
	daemon_heard(b, "");
	daemon_ask(a, "a\tb \x1b]2J\xfe", "");
	daemon_heard(b, "[#lobby] a: a\tb \xef\xbf\xbd]2J\xef\xbf\xbd\n");
}
END_TEST

START_TEST(in_no_room)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "/leave");
	daemon_ask(
	    a, "hello", "! You are in no room; /join ROOM to enter one.\n");
	daemon_ask(
	    a, "/me waves", "! You are in no room; /join ROOM to enter one.\n");
	daemon_ask(
	    a, "/topic", "! You are in no room; /join ROOM to enter one.\n");
	daemon_ask(
	    a, "/who", "! You are in no room; /join ROOM to enter one.\n");
	daemon_ask(
	    a, "/history", "! You are in no room; /join ROOM to enter one.\n");
	daemon_ask(
	    a, "/leave", "! You are in no room; /join ROOM to enter one.\n");
	daemon_ask(
	    a, "/kick b", "! You are in no room; /join ROOM to enter one.\n");
	daemon_heard(b, "");
}
END_TEST

/* An unknown command is an error and never chat. */
START_TEST(unknown)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/mgs b secret",
	    "! There is no command /mgs; did you mean /msg? Nothing was "
	    "sent.\n");
	daemon_ask(a, "/",
	    "! There is no command /; /help lists them. Nothing was sent.\n");
	daemon_ask(a, "/NICKX y",
	    "! There is no command /NICKX; did you mean /nick? Nothing was "
	    "sent.\n");
	daemon_ask(a, "/joi #x",
	    "! There is no command /joi; did you mean /join? Nothing was "
	    "sent.\n");
	daemon_ask(a, "/exi",
	    "! There is no command /exi; did you mean /exit? Nothing was "
	    "sent.\n");
	daemon_ask(a, "/frobnicate",
	    "! There is no command /frobnicate; /help lists them. Nothing was "
	    "sent.\n");
	daemon_ask(a, "/usr/bin/env x",
	    "! There is no command /usr/bin/env; a text that begins with / is "
	    "said with //. Nothing was sent.\n");
	daemon_heard(b, "");
}
END_TEST

/* What each is called; the first is its own name. */
static const char *const names[][5] = { { "nick" }, { "join", "j" },
	{ "leave", "part" }, { "msg", "m", "tell", "w" }, { "reply", "r" },
	{ "me" }, { "who", "names" }, { "rooms", "list" }, { "whois" },
	{ "topic" }, { "history" }, { "away" }, { "back" }, { "ignore" },
	{ "unignore" }, { "kick" }, { "op" }, { "invite" }, { "set" },
	{ "pass" }, { "help", "?" }, { "quit", "q", "exit", "bye" } };

/* Each name and alias, in any case, is one and the same command. */
START_TEST(names_and_aliases)
{
	struct peer *a = daemon_person("a");
	char line[64], start[64];
	size_t i, j, k;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (j = 0; names[i][j] != NULL; j++) {
			snprintf(line, sizeof(line), "/HELP %s", names[i][j]);
			for (k = 6; j > 0 && line[k] != '\0'; k++)
				line[k] = (char)toupper(line[k]);
			daemon_type(a, line);
			snprintf(start, sizeof(start), "* /%s", names[i][0]);
			ck_assert_msg(memcmp(a->got, start, strlen(start)) == 0,
			    "%s", line);
			daemon_forget();
		}
	}
}
END_TEST

START_TEST(help)
{
	struct peer *a = daemon_person("a");
	char needle[32], more[32];
	size_t i;

	daemon_ask(a, "/help join",
	    "* /join ROOM [KEY]: enters a room, making it if need be (also "
	    "/j)\n");
	daemon_ask(
	    a, "/? /quit", "* /quit [REASON]: leaves (also /q, /exit, /bye)\n");
	daemon_ask(a, "/help back", "* /back: ends being away\n");
	daemon_ask(a, "/help nothing",
	    "! There is no command nothing; /help lists them.\n");
	daemon_type(a, "/help");
	a->got[a->len] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		/* in a row of its own, or with others */
		snprintf(needle, sizeof(needle), " /%s ", names[i][0]);
		snprintf(more, sizeof(more), " /%s, ", names[i][0]);
		ck_assert_msg(strstr(a->got, needle) != NULL ||
			strstr(a->got, more) != NULL,
		    "%s", needle);
	}
}
END_TEST

/* On a terminal of 80 columns no line of the list breaks; with the line that
 * asked for it, it fits on one of 24 rows. */
START_TEST(help_fits_on_a_screen)
{
	struct peer *a = daemon_person("a");
	const char *line, *end;
	int rows = 1;

	daemon_type(a, "/help");
	for (line = a->got; (end = strstr(line, "\r\n")) != NULL;
	     line = end + 2) {
		rows++;
		ck_assert_msg(end - line < 80, "%.*s", (int)(end - line), line);
	}
	ck_assert_int_gt(rows, 10);
	ck_assert_int_le(rows, 23);
}
END_TEST

/* Who says these looks for the way; the hint comes once. */
START_TEST(hints)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(
	    a, "quit", "* You said \"quit\" to the room; /quit leaves.\n");
	daemon_heard(b, "[#lobby] a: quit\n");
	daemon_ask(a, "quit", "");
	daemon_ask(
	    a, " Exit ", "* You said \"Exit\" to the room; /quit leaves.\n");
	daemon_ask(a, "bye", "* You said \"bye\" to the room; /quit leaves.\n");
	daemon_ask(a, "help",
	    "* You said \"help\" to the room; /help lists the commands.\n");
	daemon_ask(a, "who",
	    "* You said \"who\" to the room; /who shows who is here.\n");
	daemon_ask(a, "who", "");
	daemon_forget();
	daemon_ask(b, "help me", "");
	daemon_ask(b, "byes", "");
	daemon_ask(b, "by", "");
	daemon_ask(b, "  who cares", "");
	daemon_ask(b, "/me quit", "");
	daemon_forget();
	daemon_ask(
	    b, "QUIT", "* You said \"QUIT\" to the room; /quit leaves.\n");
	daemon_heard(a, "[#lobby] b: QUIT\n");
}
END_TEST

START_TEST(missing_words)
{
	static const char *const rows[][2] = {
		{ "/nick", "! /nick needs more: /nick NAME\n" },
		{ "/nick   \t", "! /nick needs more: /nick NAME\n" },
		{ "/join", "! /join needs more: /join ROOM [KEY]\n" },
		{ "/J", "! /join needs more: /join ROOM [KEY]\n" },
		{ "/msg", "! /msg needs more: /msg TARGET TEXT\n" },
		{ "/msg b", "! /msg needs more: /msg TARGET TEXT\n" },
		{ "/msg b  ", "! /msg needs more: /msg TARGET TEXT\n" },
		{ "/r", "! /reply needs more: /reply TEXT\n" },
		{ "/me", "! /me needs more: /me TEXT\n" },
		{ "/whois", "! /whois needs more: /whois NICK\n" },
		{ "/unignore", "! /unignore needs more: /unignore NICK\n" },
		{ "/kick", "! /kick needs more: /kick NICK [REASON]\n" },
		{ "/op", "! /op needs more: /op NICK\n" },
		{ "/pass", "! /pass needs more: /pass PASSWORD\n" },
	};
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		daemon_ask(a, rows[i][0], rows[i][1]);
	daemon_heard(b, "");
}
END_TEST

/* Blanks around words do not matter; those in a text stay. */
START_TEST(blanks)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/msg   b \t hi  there ", "");
	daemon_heard(b, "[private] a: hi  there \n");
	daemon_ask(a, "/me  \twaves", "");
	daemon_heard(b, "[#lobby] * a waves\n");
	daemon_ask(a, "/set\ttime\toff", "* time is off now.\n");
}
END_TEST

/* ---- the password ---- */

static void
setup_password(void)
{
	daemon_start("rate off\npassword \"open sesame\"\n");
}

#define NEEDED  "* A password is needed: /pass PASSWORD\n"
#define NEEDED2 "! A password is needed: /pass PASSWORD\n"

START_TEST(password_needed)
{
	struct peer *a = daemon_connect("192.0.2.1");
	size_t i;
	char line[64];

	daemon_heard(a, "* Welcome to banter on box.\n" NEEDED);
	daemon_ask(a, "hello", NEEDED2);
	daemon_ask(a, "//hello", NEEDED2);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i][0], "pass") == 0 ||
		    strcmp(names[i][0], "help") == 0 ||
		    strcmp(names[i][0], "quit") == 0)
			continue;
		snprintf(line, sizeof(line), "/%s x y", names[i][0]);
		daemon_ask(a, line, NEEDED2);
	}
	daemon_ask(a, "/help back", "* /back: ends being away\n");
	daemon_ask(a, "/mgs",
	    "! There is no command /mgs; did you mean /msg? Nothing was "
	    "sent.\n");
	ck_assert_uint_eq(a->c->user.id, 0);
	daemon_ask(a, "/pass open sesame",
	    "* You are guest1 in #lobby (1 here: you). Say something, or /nick "
	    "NAME to be known; /help lists the rest, /quit leaves.\n");
	daemon_ask(a, "/pass open sesame", "! You have given the password.\n");
}
END_TEST

START_TEST(password_quit)
{
	struct peer *a = daemon_connect("192.0.2.1");

	daemon_forget();
	daemon_ask(a, "/quit", "* Bye.\n");
	ck_assert(a->closed);
}
END_TEST

START_TEST(no_password_needed)
{
	daemon_ask(daemon_person("a"), "/pass x", "! No password is needed.\n");
}
END_TEST

/* ---- the first contact ---- */

START_TEST(first_contact)
{
	struct peer *a, *b;

	a = daemon_connect("192.0.2.1");
	daemon_heard(a,
	    "* Welcome to banter on box.\n"
	    "* You are guest1 in #lobby (1 here: you). Say something, or /nick "
	    "NAME to be known; /help lists the rest, /quit leaves.\n");
	b = daemon_connect(NULL);
	daemon_heard(b,
	    "* Welcome to banter on box.\n"
	    "* You are guest2 in #lobby (2 here: guest1, you). Say something, "
	    "or /nick NAME to be known; /help lists the rest, /quit leaves.\n");
	daemon_heard(a, "[#lobby] -- guest2 joined\n");
}
END_TEST

START_TEST(first_contact_history)
{
	struct peer *a = daemon_person("a"), *b;

	daemon_type(a, "hello");
	b = daemon_connect("192.0.2.2");
	ck_assert_ptr_nonnull(memmem(b->got, b->len, " [#lobby] a: hello", 18));
}
END_TEST

static void
setup_nowhere(void)
{
	daemon_start("default-room none\n");
}

START_TEST(first_contact_nowhere)
{
	struct peer *a = daemon_connect("192.0.2.1");

	daemon_heard(a,
	    "* Welcome to banter on box.\n"
	    "* You are guest1. /join ROOM to begin, /nick NAME to be known; "
	    "/help lists the rest, /quit leaves.\n");
}
END_TEST

static void
setup_key(void)
{
	daemon_start("default-room #hall\nroom #hall key sesame\n");
}

/* The default room lets everybody in, whatever its key; once. */
START_TEST(first_contact_key)
{
	struct peer *a = daemon_connect("192.0.2.1");

	ck_assert(daemon_has(a, "* You are guest1 in #hall (1 here: you)."));
	daemon_do(a, "/leave");
	daemon_ask(
	    a, "/join #hall", "! #hall needs the right key: /join #hall KEY\n");
}
END_TEST

/* ---- the end ---- */

START_TEST(quitting)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_ask(a, "/quit", "* Bye.\n");
	ck_assert(a->closed);
	daemon_heard(b, "[#lobby] -- a left\n");
	a = daemon_person("c");
	daemon_ask(a, "/q see you\tall ", "* Bye.\n");
	daemon_heard(b, "[#lobby] -- c left (see you\tall )\n");
}
END_TEST

/* What follows /quit in the same piece is not carried out. */
START_TEST(after_quit)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_send(a, BYTES("one\n/quit\ntwo\n"));
	daemon_heard(a, "* Bye.\n");
	daemon_heard(b, "[#lobby] a: one\n[#lobby] -- a left\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("command");
	TCase *tc = unit_case(s, "table", setup, daemon_stop);

	UNIT_TESTS(tc, chat, in_no_room, unknown, names_and_aliases, help,
	    help_fits_on_a_screen, hints, missing_words, blanks,
	    no_password_needed, first_contact, first_contact_history, quitting,
	    after_quit);
	tc = unit_case(s, "password", setup_password, daemon_stop);
	UNIT_TESTS(tc, password_needed, password_quit);
	tc = unit_case(s, "no default room", setup_nowhere, daemon_stop);
	tcase_add_test(tc, first_contact_nowhere);
	tc = unit_case(s, "default room with a key", setup_key, daemon_stop);
	tcase_add_test(tc, first_contact_key);
	return unit_run(s);
}
