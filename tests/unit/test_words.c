/* Words that stay: what the store is told and asked, and what people read of
 * its answers, by a store that says what the test wants. */
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/chat/room.h"
#include "banterd/daemon/store.h"
#include "banterd/session/login.h"
#include "banterd/session/words.h"
#include "daemon.h"
#include "keeper.h"
#include "unit.h"

#define WHEN 1790000000 /* 2026-09-21 */

static const char *const names[] = { "alice", "bob", NULL };

static struct peer *a, *bob;

/* Of items only those of that kind; false: none. */
static bool
hears(enum store_kind kind)
{
	while (keeper_hears_all()) {
		if (keeper.heard.kind == kind)
			return true;
	}
	return false;
}

/* The last of them. */
static bool
hears_last(enum store_kind kind)
{
	struct store_message last = { 0 };

	while (keeper_hears_all()) {
		if (keeper.heard.kind == kind)
			last = keeper.heard;
	}
	keeper.heard = last;
	return last.kind == kind;
}

static struct peer *
log_in(const char *name, uint64_t owner, uint32_t missed)
{
	struct store_message m = { .owner = owner, .count = missed };
	struct peer *p = daemon_guest("192.0.2.1");
	char line[64];

	snprintf(line, sizeof(line), "/login %s secret", name);
	daemon_type(p, line);
	ck_assert(hears(STORE_LOGIN));
	keeper_answer_with(m);
	return p;
}

static void
setup(void)
{
	keeper_start("rate off\nkeep 5d\nroom #brief keep 1h\n"
		     "room #never keep none\n");
	keeper_found(0, names);
	a = daemon_person("a");
	bob = log_in("bob", 2, 0);
	daemon_do(bob, "/join dev");
	daemon_do(a, "/join dev");
	(void)hears(STORE_KINDS);
	daemon_forget();
}

/* A line of an answer. */
static void
row(uint64_t line, const char *room, const char *name, const char *text,
    uint8_t flags)
{
	struct store_message m = { .line = line,
		.when = WHEN,
		.flags = flags,
		.text = text,
		.text_len = strlen(text) };

	strlcpy(m.room, room, sizeof(m.room));
	strlcpy(m.name, name, sizeof(m.name));
	keeper_row(m);
}

static void
answer_count(uint32_t count)
{
	struct store_message m = { .count = count };

	keeper_answer_with(m);
}

static void
heard_text(const char *text)
{
	ck_assert_uint_eq(keeper.heard.text_len, strlen(text));
	ck_assert_mem_eq(keeper.heard.text, text, strlen(text));
}

/* ---- what is kept ---- */

START_TEST(limits_are_told)
{
	struct store_message m = { .kind = STORE_NAMES_END };

	keeper_lose();
	daemon_advance(STORE_RETRY_MS);
	keeper_accept();
	ck_assert_uint_eq(keeper.heard.keep, 5 * 86400);
	keeper_heard(STORE_ROOM_KEEP);
	ck_assert_str_eq(keeper.heard.room, "#brief");
	ck_assert_uint_eq(keeper.heard.keep, 3600);
	keeper_heard(STORE_ROOM_KEEP);
	ck_assert_uint_eq(keeper.heard.keep, STORE_KEEP_NONE);
	keeper_found(0, names);
	keeper_say(m);
	while (keeper_hears_all())
		;
	ck_assert(rig_reload("store /nowhere\nrate off\nkeep forever\n"));
}
END_TEST

START_TEST(lines_are_kept)
{
	daemon_type(a, "hello");
	daemon_type(bob, "/me waves");
	ck_assert(hears(STORE_ITEM_LINE));
	ck_assert_str_eq(keeper.heard.room, "#dev");
	ck_assert_str_eq(keeper.heard.name, "a");
	ck_assert_uint_eq(keeper.heard.owner, 0);
	ck_assert_uint_eq(keeper.heard.flags, 0);
	ck_assert_uint_ne(keeper.heard.when, 0);
	heard_text("hello");
	ck_assert(hears(STORE_ITEM_LINE));
	ck_assert_uint_eq(keeper.heard.owner, 2);
	ck_assert_uint_eq(keeper.heard.flags, STORE_ACTION);
	heard_text("waves");
	/* private words are not */
	daemon_type(a, "/msg bob psst");
	ck_assert(!hears(STORE_ITEM_LINE));
}
END_TEST

START_TEST(not_where_nothing_is_kept)
{
	daemon_do(a, "/join never");
	daemon_type(a, "hello");
	ck_assert(!hears(STORE_ITEM_LINE));
}
END_TEST

START_TEST(said_behind_a_key)
{
	daemon_do(a, "/join secret hush");
	daemon_type(a, "hello");
	ck_assert(hears(STORE_ITEM_LINE));
	ck_assert_uint_eq(keeper.heard.flags, STORE_KEYED);
}
END_TEST

/* Many go at once, a few after a moment. */
START_TEST(sent_together)
{
	unsigned i;

	daemon_type(a, "hello");
	ck_assert(!keeper_hears());
	ck_assert(keeper_hears_all());
	for (i = 0; i < 64; i++)
		daemon_type(a, "hello");
	ck_assert(keeper_hears());
}
END_TEST

START_TEST(comings_and_goings)
{
	daemon_type(bob, "/join other");
	ck_assert(hears(STORE_ITEM_JOIN));
	ck_assert_uint_eq(keeper.heard.owner, 2);
	ck_assert_str_eq(keeper.heard.room, "#other");
	daemon_type(bob, "/leave");
	ck_assert(hears(STORE_ITEM_PART));
	ck_assert_str_eq(keeper.heard.room, "#other");
	daemon_type(a, "/join other");
	daemon_type(bob, "/quit");
	ck_assert(hears(STORE_ITEM_LEFT));
	ck_assert(!hears(STORE_ITEM_PART));
}
END_TEST

/* ---- /catchup ---- */

START_TEST(missed)
{
	struct peer *p = log_in("alice", 1, 14);

	ck_assert(daemon_has(
	    p, "* 14 lines since you left: /catchup shows them.\r\n"));
	daemon_hang_up(p);
	p = log_in("alice", 1, 1);
	ck_assert(
	    daemon_has(p, "* 1 line since you left: /catchup shows it.\r\n"));
}
END_TEST

START_TEST(catches_up)
{
	daemon_ask(bob, "/catchup", "");
	ck_assert(hears(STORE_CATCHUP));
	ck_assert_uint_eq(keeper.heard.owner, 2);
	ck_assert_str_eq(keeper.heard.room, "");
	ck_assert_uint_eq(keeper.heard.count, WORDS_CATCHUP);
	row(7, "#dev", "a", "one", 0);
	row(8, "#x", "a", "not for bob", 0);
	row(9, "#dev", "a", "two", STORE_ACTION);
	answer_count(240);
	ck_assert(daemon_has(bob, " [#dev] a: one\r\n"));
	ck_assert(daemon_has(bob, " [#dev] * a two\r\n"));
	ck_assert(!daemon_has(bob, "not for bob"));
	ck_assert(daemon_has(bob, "* 240 more: /catchup again.\r\n"));
	ck_assert(hears_last(STORE_ITEM_SHOWN));
	ck_assert_uint_eq(keeper.heard.line, 9);
	ck_assert_str_eq(keeper.heard.room, "");
	daemon_ask(a, "/catchup",
	    "! You are not logged in: /login NAME PASSWORD, or /register PASSWORD.\n");
}
END_TEST

START_TEST(nothing_was_missed)
{
	daemon_ask(bob, "/catchup dev", "");
	ck_assert(hears(STORE_CATCHUP));
	ck_assert_str_eq(keeper.heard.room, "#dev");
	answer_count(0);
	daemon_heard(bob, "* You have missed nothing.\n");
	ck_assert(!hears(STORE_ITEM_SHOWN));
	daemon_ask(bob, "/catchup nowhere",
	    "! There is no room #nowhere; /rooms lists them.\n");
	daemon_do(a, "/join other");
	daemon_ask(bob, "/catchup other", "! You are not in #other.\n");
}
END_TEST

/* What does not fit is not taken for shown. */
START_TEST(catches_up_slowly)
{
	static char text[1000];
	unsigned i;

	memset(text, 'x', sizeof(text) - 1);
	bob->asleep = true;
	daemon_type(bob, "/catchup");
	ck_assert(hears(STORE_CATCHUP));
	for (i = 1; i <= 2000; i++)
		row(i, "#dev", "a", text, 0);
	answer_count(0);
	ck_assert(hears_last(STORE_ITEM_SHOWN));
	ck_assert_uint_gt(keeper.heard.line, 100);
	ck_assert_uint_lt(keeper.heard.line, 2000);
	daemon_wake(bob);
	ck_assert(daemon_has(bob, "* There is more: /catchup again.\r\n"));
	ck_assert(!daemon_has(bob, "skipped"));
}
END_TEST

START_TEST(ignored_is_not_shown)
{
	daemon_do(bob, "/ignore a");
	daemon_ask(bob, "/catchup", "");
	ck_assert(hears(STORE_CATCHUP));
	row(7, "#dev", "a", "one", 0);
	answer_count(0);
	daemon_heard(bob, "* You have missed nothing.\n");
	ck_assert(hears(STORE_ITEM_SHOWN));
	ck_assert_uint_eq(keeper.heard.line, 7);
}
END_TEST

/* Nothing is said of who is nobody's owner any more: the store would not
 * understand it. */
START_TEST(forgotten_in_between)
{
	struct store_message m = { .kind = STORE_FORGOTTEN, .owner = 2 };

	daemon_type(bob, "/catchup");
	ck_assert(hears(STORE_CATCHUP));
	row(7, "#dev", "a", "one", 0);
	m.number = keeper.heard.number;
	strcpy(m.name, "bob");
	keeper_say(m);
	row(8, "#dev", "a", "two", 0);
	ck_assert(!daemon_has(bob, "two"));
	while (keeper_hears_all()) {
		if (keeper.heard.kind == STORE_ITEM_SHOWN)
			ck_assert_uint_eq(keeper.heard.owner, 2);
	}
}
END_TEST

/* Who makes a room is not to read what was said in another one of that name. */
START_TEST(joins_anew)
{
	daemon_do(a, "/join secret hush");
	daemon_type(bob, "/join secret hush");
	ck_assert(hears(STORE_ITEM_JOIN));
	ck_assert_uint_eq(keeper.heard.flags, 0);
	daemon_type(bob, "/join own");
	ck_assert(hears(STORE_ITEM_JOIN));
	ck_assert_uint_eq(keeper.heard.flags, STORE_ANEW);
}
END_TEST

/* The limits of all rooms arrive, though the store is slow. */
START_TEST(many_limits)
{
	static char text[40000];
	size_t len;
	unsigned i, n = 0;

	len = (size_t)snprintf(
	    text, sizeof(text), "store %s\nrate off\n", keeper.path);
	for (i = 0; i < 600; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "room #r%u keep 1y\n", i);
	ck_assert(daemon_reload(text));
	for (i = 0; i < 20; i++) {
		while (keeper_hears_all())
			n += keeper.heard.kind == STORE_ROOM_KEEP;
	}
	ck_assert_uint_eq(n, 600);
}
END_TEST

/* ---- notes ---- */

START_TEST(leaves_a_note)
{
	daemon_ask(bob, "/msg alice call me", "");
	ck_assert(hears(STORE_NOTE));
	ck_assert_str_eq(keeper.heard.name, "alice");
	ck_assert_str_eq(keeper.heard.from, "bob");
	ck_assert_uint_eq(keeper.heard.owner, 2);
	heard_text("call me");
	keeper_answer(STORE_OK);
	daemon_heard(
	    bob, "* alice is not here; they will read it when they come.\n");
	daemon_ask(bob, "/msg alice /me waits", "");
	ck_assert(hears(STORE_NOTE));
	ck_assert_uint_eq(keeper.heard.flags, STORE_ACTION);
	keeper_answer(STORE_MANY_NOTES);
	daemon_heard(bob,
	    "! Too many notes wait for alice already; nothing was sent.\n");
	daemon_ask(a, "/msg alice x",
	    "! alice is not here; who is logged in can leave a note. Nothing was sent.\n");
	daemon_ask(bob, "/msg nobody x", "! Nobody here is called nobody.\n");
}
END_TEST

START_TEST(reads_notes)
{
	struct peer *p;

	keeper.tells_notes = true;
	p = log_in("alice", 1, 0);
	daemon_type(p, "/away");
	ck_assert(hears(STORE_NOTES));
	ck_assert_uint_eq(keeper.heard.owner, 1);
	daemon_forget();
	row(3, "", "bob", "call me", 0);
	row(4, "", "bob", "waits", STORE_ACTION | STORE_MORE);
	answer_count(0);
	ck_assert(daemon_has(p, " [private] bob: call me\r\n"));
	ck_assert(daemon_has(p,
	    " [private] * bob waits\r\n"
	    "* bob had more to say; five notes are kept from each.\r\n"
	    "* You are away: away. /back ends it.\r\n"));
	ck_assert(hears_last(STORE_ITEM_READ));
	ck_assert_uint_eq(keeper.heard.line, 4);
}
END_TEST

/* ---- /history, /find ---- */

START_TEST(further_back)
{
	struct store_room room;
	size_t at = 0;

	daemon_do(a, "one");
	daemon_do(a, "two");
	daemon_ask(bob, "/history 3", "");
	ck_assert(hears(STORE_HISTORY));
	ck_assert_uint_eq(keeper.heard.count, 3);
	ck_assert(store_list_next_room(&keeper.heard, &at, &room));
	ck_assert_str_eq(room.name, "#dev");
	ck_assert(!room.is_keyed);
	ck_assert_uint_eq(room.since, 0);
	row(1, "#dev", "x", "zero", 0);
	answer_count(0);
	ck_assert(daemon_has(bob, "* What was said in #dev:\r\n"));
	ck_assert(daemon_has(bob, " [#dev] x: zero\r\n"));
	/* what memory has is not asked for */
	daemon_forget();
	daemon_type(bob, "/history 2");
	ck_assert(daemon_has(bob, "* The last 2 lines of #dev:\r\n"));
}
END_TEST

START_TEST(memory_instead)
{
	daemon_do(a, "one");
	daemon_ask(bob, "/history 3", "");
	ck_assert(hears(STORE_HISTORY));
	keeper_answer(STORE_FAILED);
	ck_assert(daemon_has(bob, "* The last 1 line of #dev:\r\n"));
	keeper_lose();
	daemon_forget();
	daemon_type(bob, "/history 3");
	ck_assert(daemon_has(bob, "* The last 1 line of #dev:\r\n"));
}
END_TEST

START_TEST(of_a_day)
{
	daemon_ask(bob, "/history 2026-09-21", "");
	ck_assert(hears(STORE_HISTORY));
	ck_assert_uint_eq(keeper.heard.until - keeper.heard.since, 86400);
	answer_count(0);
	daemon_heard(bob, "* Nothing of that is kept of #dev.\n");
	daemon_ask(bob, "/history 2026-13-21",
	    "! 2026-13-21 is not a number of lines (1 or more).\n");
	daemon_ask(bob, "/history 2026-09-21", "");
	ck_assert(hears(STORE_HISTORY));
	keeper_answer(STORE_FAILED);
	daemon_heard(bob,
	    "! Nothing can be kept just now; ask whoever runs this server.\n");
}
END_TEST

START_TEST(finds)
{
	struct store_room room;
	size_t at = 0;

	daemon_do(a, "/join secret hush");
	daemon_ask(a, "/find printer", "");
	ck_assert(hears(STORE_FIND));
	heard_text("printer");
	ck_assert(store_list_next_room(&keeper.heard, &at, &room));
	ck_assert_str_eq(room.name, "#lobby");
	ck_assert(store_list_next_room(&keeper.heard, &at, &room));
	ck_assert(store_list_next_room(&keeper.heard, &at, &room));
	ck_assert_str_eq(room.name, "#secret");
	ck_assert(room.is_keyed);
	ck_assert_uint_ne(room.since, 0);
	ck_assert(!store_list_next_room(&keeper.heard, &at, &room));
	row(9, "#dev", "bob", "the printer jams", 0);
	answer_count(3);
	daemon_heard(a,
	    "2026-09-21 14:13 [#dev] bob: the printer jams\n"
	    "* There are more; another word makes them fewer.\n");
	daemon_ask(a, "/find toner", "");
	ck_assert(hears(STORE_FIND));
	answer_count(0);
	daemon_heard(a, "* Nothing in your rooms has all of these words.\n");
}
END_TEST

/* What was said behind a key before one came is for nobody else. */
START_TEST(behind_a_key)
{
	daemon_do(a, "/join secret hush");
	daemon_do(a, "before");
	daemon_ask(bob, "/join secret hush",
	    "* You are in #secret (2 here: @a, you).\n");
	daemon_do(a, "after");
	daemon_type(bob, "/history 1");
	ck_assert(daemon_has(bob, "a: after"));
	ck_assert(!daemon_has(bob, "before"));
	daemon_forget();
	keeper_lose();
	daemon_type(bob, "/history 10");
	ck_assert(daemon_has(bob, "a: after"));
	ck_assert(!daemon_has(bob, "before"));
}
END_TEST

/* ---- what was said before ---- */

static void
start_again(void)
{
	keeper_stop();
	keeper_start("rate off\nhistory 3\nroom #never keep none\n");
	keeper.tells_before = true;
	keeper_found(0, names);
}

START_TEST(said_before)
{
	struct store_room room;
	size_t at = 0;
	struct peer *p;

	start_again();
	ck_assert(hears(STORE_HISTORY));
	ck_assert_uint_eq(keeper.heard.count, 3);
	ck_assert(store_list_next_room(&keeper.heard, &at, &room));
	ck_assert_str_eq(room.name, "#lobby");
	a = daemon_person("a");
	daemon_type(a, "meanwhile");
	row(1, "#lobby", "bob", "long ago", 0);
	row(2, "#lobby", "bob", "ago", STORE_ACTION);
	row(3, "#lobby", "bob", "no place", 0);
	answer_count(0);
	daemon_type(a, "after");
	p = daemon_connect("192.0.2.2");
	ck_assert(!daemon_has(p, "long ago"));
	ck_assert(daemon_has(p, " [#lobby] * bob ago\r\n"));
	ck_assert(daemon_has(p, " [#lobby] a: after\r\n"));
	ck_assert(!daemon_has(p, "no place"));
	/* and not again */
	keeper_lose();
	daemon_advance(2 * STORE_RETRY_MS);
	keeper_accept();
	keeper_found(0, names);
	ck_assert(!hears(STORE_HISTORY));
}
END_TEST

/* ---- forgetting ---- */

START_TEST(erased)
{
	struct store_message m = { .kind = STORE_ERASE, .number = 5 };

	daemon_do(a, "one");
	daemon_do(bob, "two");
	daemon_do(a, "three");
	strcpy(m.name, "A");
	keeper_say(m);
	while (keeper_hears_all() && keeper.heard.kind != STORE_ERASED) {
		if (keeper.heard.kind == STORE_ITEM_LINE)
			ck_assert_str_eq(keeper.heard.name, "bob");
	}
	ck_assert_int_eq(keeper.heard.kind, STORE_ERASED);
	ck_assert_uint_eq(keeper.heard.number, 5);
	ck_assert_uint_eq(room_find(&rig.srv.registry, "#dev")->history.n, 1);
}
END_TEST

UNIT_MAIN("words", setup, keeper_stop, limits_are_told, lines_are_kept,
    not_where_nothing_is_kept, said_behind_a_key, sent_together,
    comings_and_goings, missed, catches_up, nothing_was_missed,
    catches_up_slowly, ignored_is_not_shown, forgotten_in_between, joins_anew,
    many_limits, leaves_a_note, reads_notes, further_back, memory_instead,
    of_a_day, finds, behind_a_key, said_before, erased)
