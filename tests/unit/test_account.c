/* Names that are somebody's: what people are told, and what the store is asked,
 * by a store that says what the test wants. */
#include <stdio.h>
#include <string.h>

#include "banterd/base/record.h"
#include "banterd/daemon/store.h"
#include "banterd/session/login.h"
#include "banterd/session/client.h"
#include "daemon.h"
#include "keeper.h"
#include "unit.h"

#define NOT_NOW \
	"! Nothing can be kept just now; ask whoever runs this server.\n"

static const char *const names[] = { "alice", "bob", NULL };

static void
setup(void)
{
	keeper_start("rate off\n");
	keeper_found(0, names);
}

/* Items are of no interest. */
static void
skip_items(void)
{
	while (keeper_hears() && keeper.heard.kind >= STORE_ITEM_STATE &&
	    keeper.heard.kind <= STORE_ITEM_READ)
		;
}

static void
asked(enum store_kind kind, const char *name, const char *password)
{
	skip_items();
	ck_assert_int_eq(keeper.heard.kind, kind);
	ck_assert_str_eq(keeper.heard.name, name);
	ck_assert_str_eq(keeper.heard.password, password);
}

/* Somebody who is logged in as one of the names. */
static struct peer *
owner_from(const char *name, uint64_t owner, const char *address)
{
	struct store_message m = { .owner = owner };
	struct peer *p = daemon_guest(address);
	char line[64];

	snprintf(line, sizeof(line), "/login %s secret", name);
	daemon_type(p, line);
	asked(STORE_LOGIN, name, "secret");
	keeper_answer_with(m);
	ck_assert_str_eq(p->c->user.name, name);
	daemon_forget();
	return p;
}

static struct peer *
owner(const char *name, uint64_t number)
{
	return owner_from(name, number, "192.0.2.1");
}

/* ---- no store ---- */

START_TEST(nothing_is_kept)
{
	static const char *const lines[] = { "/register x", "/login bob x",
		"/seen carol" };
	struct peer *a = daemon_person("a");
	size_t i;

	ck_assert(daemon_reload("rate off\n"));
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		daemon_ask(a, lines[i], "! Nothing is kept on this server.\n");
}
END_TEST

START_TEST(not_there_yet)
{
	struct peer *a;

	keeper_lose();
	a = daemon_person("a");
	daemon_ask(a, "/register x", NOT_NOW);
	ck_assert_ptr_null(a->c->account);
	/* it was found, and has not told its names */
	daemon_advance(STORE_RETRY_MS);
	keeper_accept();
	daemon_ask(a, "/register x", "");
	keeper_found(0, names);
	asked(STORE_REGISTER, "a", "x");
}
END_TEST

START_TEST(comes_and_goes)
{
	struct peer *a = daemon_person("a");

	keeper_lose();
	daemon_ask(a, "/register x", NOT_NOW);
	daemon_ask(a, "/nick bob",
	    "! bob belongs to someone. Is it you? /login bob PASSWORD\n");
	daemon_advance(STORE_RETRY_MS);
	keeper_accept();
	keeper_found(0, names);
	daemon_ask(a, "/register x", "");
	asked(STORE_REGISTER, "a", "x");
}
END_TEST

/* ---- /register ---- */

START_TEST(registers)
{
	struct store_message m = { .owner = 7 };
	struct peer *a = daemon_person("a");

	daemon_ask(a, "/register sesame", "");
	keeper_heard(STORE_REGISTER);
	ck_assert_str_eq(keeper.heard.name, "a");
	ck_assert_str_eq(keeper.heard.password, "sesame");
	ck_assert_str_eq(keeper.heard.host, "192.0.2.1");
	keeper_answer_with(m);
	daemon_heard(a, "* a is yours now. Next time: /login a PASSWORD\n");
	ck_assert_uint_eq(a->c->user.owner, 7);
	keeper_heard(STORE_ITEM_JOIN);
	ck_assert_str_eq(keeper.heard.room, "#lobby");
	keeper_heard(STORE_ITEM_STATE);
	ck_assert_uint_eq(keeper.heard.owner, 7);
	keeper_heard_all();
}
END_TEST

START_TEST(registers_told_before)
{
	struct store_message name = { .kind = STORE_NAME, .owner = 7 },
			     m = { .owner = 7 };
	struct peer *a = daemon_person("a");

	daemon_ask(a, "/register sesame", "");
	keeper_heard(STORE_REGISTER);
	strcpy(name.name, "a");
	keeper_say(name);
	daemon_heard(a, "");
	keeper_answer_with(m);
	daemon_heard(a, "* a is yours now. Next time: /login a PASSWORD\n");
	ck_assert_str_eq(a->c->user.name, "a");
}
END_TEST

START_TEST(register_is_refused)
{
	static const struct {
		enum store_result result;
		const char *answer;
	} refusals[] = {
		{ STORE_TAKEN,
		    "! a belongs to someone. Is it you? /login a PASSWORD\n" },
		{ STORE_TOO_MANY,
		    "! Too many names were registered from your address today.\n" },
		{ STORE_FULL, "! No more names can be registered here.\n" },
		{ STORE_BUSY, "! Too many are waiting for that; try again.\n" },
		{ STORE_FAILED, NOT_NOW },
	};
	struct peer *a = daemon_person("a");
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		daemon_ask(a, "/register sesame", "");
		keeper_heard(STORE_REGISTER);
		keeper_answer(refusals[i].result);
		daemon_heard(a, refusals[i].answer);
		ck_assert_ptr_null(a->c->account);
	}
}
END_TEST

START_TEST(wrong_ways_to_register)
{
	struct peer *g = daemon_guest("192.0.2.1"), *a = daemon_person("a"),
		    *bob = owner("bob", 2);
	char line[200], want[200];

	daemon_ask(g, "/register x",
	    "! A guest's name is nobody's: take one first, /nick NAME.\n");
	daemon_ask(
	    a, "/register", "! /register needs more: /register PASSWORD\n");
	daemon_ask(a, "/register a b",
	    "! A password is one word of 1 to 128 bytes; nothing was done.\n");
	snprintf(line, sizeof(line), "/register %0129d", 0);
	daemon_ask(a, line,
	    "! A password is one word of 1 to 128 bytes; nothing was done.\n");
	snprintf(line, sizeof(line), "/register %0128d  ", 0);
	daemon_ask(a, line, "");
	snprintf(want, sizeof(want), "%0128d", 0);
	asked(STORE_REGISTER, "a", want);
	daemon_ask(bob, "/register x", "! bob is yours already.\n");
}
END_TEST

/* ---- a name that is somebody's ---- */

START_TEST(not_for_others)
{
	struct peer *a = daemon_person("a");

	daemon_ask(a, "/nick Alice",
	    "! Alice belongs to someone. Is it you? /login Alice PASSWORD\n");
}
END_TEST

START_TEST(who_sits_on_it)
{
	struct store_message m = { .kind = STORE_NAME, .owner = 9 };
	struct peer *a = daemon_person("carol"), *b = daemon_person("b");

	strcpy(m.name, "Carol");
	keeper_say(m);
	daemon_heard(a,
	    "! Carol belongs to someone. Is it you? /login Carol PASSWORD\n"
	    "* You are now guest3.\n");
	daemon_heard(b, "[#lobby] -- carol is now guest3\n");
	ck_assert(a->c->user.is_guest);
}
END_TEST

START_TEST(forgotten)
{
	struct store_message m = { .kind = STORE_FORGOTTEN, .owner = 2 };
	struct peer *a = daemon_person("a"), *bob = owner("bob", 2);

	strcpy(m.name, "bob");
	keeper_say(m);
	daemon_heard(bob, "* bob is nobody's any more; you still have it.\n");
	ck_assert_uint_eq(bob->c->user.owner, 0);
	daemon_ask(bob, "/nick b", "* You are now b.\n");
	daemon_forget();
	daemon_ask(a, "/nick bob", "* You are now bob.\n");
}
END_TEST

/* The list says it, not a message by itself. */
START_TEST(forgotten_meanwhile)
{
	static const char *const left[] = { "alice", NULL };
	struct peer *bob = owner("bob", 2);

	keeper_lose();
	daemon_advance(STORE_RETRY_MS);
	keeper_accept();
	keeper_found(0, left);
	daemon_heard(bob, "* bob is nobody's any more; you still have it.\n");
}
END_TEST

/* ---- /login ---- */

START_TEST(logs_in)
{
	struct store_message m = { .owner = 2 };
	struct peer *a = daemon_person("a"), *g = daemon_guest("192.0.2.2");

	daemon_ask(g, "/login BOB sesame", "");
	asked(STORE_LOGIN, "BOB", "sesame");
	strcpy(keeper.heard.name, "bob");
	keeper_answer_with(m);
	daemon_heard(g, "* You are now bob.\n");
	daemon_heard(a, "[#lobby] -- guest2 left\n");
	ck_assert_uint_eq(g->c->user.owner, 2);
	daemon_ask(g, "/nick b", "! You are bob; /logout first.\n");
	daemon_ask(g, "/nick BOB", "* You are now BOB.\n");
	daemon_ask(g, "/login alice x", "! You are BOB; /logout first.\n");
}
END_TEST

START_TEST(login_is_refused)
{
	static const struct {
		enum store_result result;
		const char *answer;
	} refusals[] = {
		{ STORE_WRONG, "! Wrong password.\n" },
		{ STORE_THROTTLED,
		    "! Too many wrong passwords; try again in a minute.\n" },
		{ STORE_UNKNOWN, "! Nobody called bob is registered here.\n" },
		{ STORE_FAILED, NOT_NOW },
	};
	struct peer *a = daemon_person("a");
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		daemon_ask(a, "/login bob sesame", "");
		keeper_heard(STORE_LOGIN);
		keeper_answer(refusals[i].result);
		daemon_heard(a, refusals[i].answer);
		ck_assert_str_eq(a->c->user.name, "a");
	}
	daemon_ask(a, "/login 1", "! Nobody called 1 is registered here.\n");
	daemon_ask(
	    a, "/login bob", "! /login needs more: /login NAME PASSWORD\n");
}
END_TEST

/* Who has a network of IPv6 has no more tries than who has an address. */
START_TEST(counted_by_network)
{
	struct peer *g = daemon_guest("2001:db8:1:2:3:4:5:6");

	daemon_ask(g, "/login bob x", "");
	keeper_heard(STORE_LOGIN);
	ck_assert_str_eq(keeper.heard.host, "2001:db8:1:2::");
}
END_TEST

/* The next line waits, in its order; everybody else goes on. */
START_TEST(waits_for_the_answer)
{
	struct store_message m = { .owner = 2 };
	struct peer *a = daemon_person("a"), *g = daemon_guest("192.0.2.2");

	daemon_send(g, BYTES("/login bob x\n/join dev\nhello\n"));
	daemon_heard(g, "");
	daemon_ask(a, "/join dev", "* You are in #dev (1 here: @you).\n");
	daemon_do(a, "anybody?");
	daemon_heard(g, "");
	asked(STORE_LOGIN, "bob", "x");
	keeper_answer_with(m);
	daemon_heard(a,
	    "[#lobby] -- guest2 left\n[#dev] -- bob joined\n"
	    "[#dev] bob: hello\n");
}
END_TEST

/* nc -N: what was sent is carried out, and answered, before the end. */
START_TEST(half_closed_meanwhile)
{
	struct store_message m = { .owner = 2 };
	struct peer *g = daemon_guest("192.0.2.2");

	daemon_send(g, BYTES("/login bob x\n/who"));
	daemon_half_close(g);
	daemon_heard(g, "");
	asked(STORE_LOGIN, "bob", "x");
	keeper_answer_with(m);
	daemon_heard(g,
	    "* You are now bob.\n"
	    "! You are in no room; /join ROOM to enter one.\n");
	ck_assert(g->closed);
}
END_TEST

START_TEST(half_closed_in_its_line)
{
	struct store_message m = { .owner = 2 };
	struct peer *g = daemon_guest("192.0.2.2");

	daemon_send(g, BYTES("/login bob x"));
	daemon_half_close(g);
	asked(STORE_LOGIN, "bob", "x");
	keeper_answer_with(m);
	daemon_heard(g, "* You are now bob.\n");
	ck_assert(g->closed);
}
END_TEST

START_TEST(gone_meanwhile)
{
	struct peer *g = daemon_guest("192.0.2.2");

	daemon_type(g, "/login bob x");
	asked(STORE_LOGIN, "bob", "x");
	daemon_hang_up(g);
	ck_assert_uint_eq(daemon_connections(), 1);
	keeper_answer(STORE_OK);
	keeper_answer(STORE_OK);
}
END_TEST

START_TEST(takes_too_long)
{
	struct store_message m = { .owner = 2 };
	struct peer *g = daemon_guest("192.0.2.2");

	daemon_send(g, BYTES("/login bob x\n/away\n"));
	asked(STORE_LOGIN, "bob", "x");
	daemon_advance(ACCOUNT_PATIENCE_MS - 1);
	daemon_heard(g, "");
	daemon_advance(1);
	daemon_heard(g,
	    "! That took too long; try again.\n"
	    "* You are away: away. /back ends it.\n");
	/* what comes late is nothing */
	keeper_answer_with(m);
	daemon_heard(g, "");
	ck_assert_uint_eq(g->c->user.owner, 0);
}
END_TEST

/* A login is asked again; what would not be the same twice has failed. */
START_TEST(store_is_gone_meanwhile)
{
	struct store_message m = { .owner = 2 };
	struct peer *a = daemon_person("a"), *g = daemon_guest("192.0.2.2");

	daemon_type(g, "/login bob x");
	daemon_type(a, "/register x");
	while (keeper_hears_all())
		;
	keeper_lose();
	daemon_heard(a, NOT_NOW);
	daemon_heard(g, "");
	daemon_advance(STORE_RETRY_MS);
	keeper_accept();
	keeper_found(0, names);
	asked(STORE_LOGIN, "bob", "x");
	keeper_answer_with(m);
	ck_assert(daemon_has(g, "* You are now bob."));
}
END_TEST

/* ---- over a ghost ---- */

START_TEST(over_a_ghost)
{
	struct store_message m = { .owner = 2 };
	struct peer *a = daemon_person("a"), *bob = owner("bob", 2), *again;

	daemon_do(a, "/join dev");
	daemon_do(bob, "/join dev");
	daemon_do(bob, "/join own");
	daemon_do(bob, "/set time on");
	daemon_do(bob, "/away lunch");
	daemon_do(a, "/ignore bob");
	again = daemon_connect("192.0.2.3");
	daemon_forget();
	daemon_ask(again, "/login bob x", "");
	asked(STORE_LOGIN, "bob", "x");
	keeper_answer_with(m);
	ck_assert(daemon_has(bob, "! You logged in elsewhere.\r\n"));
	ck_assert(bob->closed);
	daemon_heard(a, "[#lobby] -- guest3 left\n");
	ck_assert(daemon_has(again, "* You are now bob."));
	ck_assert(
	    daemon_has(again, "* You are in #own (1 here: @you (away))."));
	ck_assert(again->c->set_time);
	daemon_forget();
	daemon_type(again, "/msg #dev hello");
	daemon_heard(a, "");
	daemon_do(a, "/unignore bob");
	daemon_forget();
	daemon_type(again, "/msg #dev hello");
	daemon_heard(a, "[#dev] bob: hello\n");
	daemon_type(a, "/msg bob there");
	ck_assert(daemon_has(again, "[private] a: there"));
	daemon_forget();
	daemon_ask(
	    a, "/whois bob", "* bob is in #dev, @#own; idle 0s; away: lunch\n");
}
END_TEST

/* ---- what comes back ---- */

START_TEST(comes_back)
{
	struct store_message m = { .owner = 2 };
	struct peer *a = daemon_person("a"), *bob = owner("bob", 2);
	unsigned char state[STORE_STATE_MAX];
	size_t len = 0;

	daemon_do(a, "/join dev");
	daemon_do(a, "/join priv hush");
	daemon_do(bob, "/join dev");
	daemon_do(bob, "/join priv hush");
	daemon_do(bob, "/join mine");
	daemon_do(bob, "/join dev");
	daemon_do(bob, "/set bell on");
	daemon_do(bob, "/ignore a");
	daemon_do(bob, "/quit");
	while (keeper_hears_all()) {
		if (keeper.heard.kind == STORE_ITEM_STATE) {
			len = keeper.heard.state_len;
			memcpy(state, keeper.heard.state, len);
		}
	}
	ck_assert_int_eq(keeper.heard.kind, STORE_ITEM_LEFT);
	ck_assert_uint_eq(keeper.heard.owner, 2);
	ck_assert_uint_ne(keeper.heard.when, 0);
	daemon_forget();
	bob = daemon_connect("192.0.2.3");
	daemon_forget();
	daemon_type(bob, "/login bob x");
	asked(STORE_LOGIN, "bob", "x");
	m.state = state;
	m.state_len = len;
	keeper_answer_with(m);
	daemon_heard(bob,
	    "* You are now bob.\n"
	    "* You are in #dev (2 here: @a, you).\n");
	daemon_heard(a,
	    "[#lobby] -- guest3 left\n[#dev] -- bob joined\n"
	    "[#priv] -- bob joined\n");
	ck_assert(bob->c->user.set_bell);
	ck_assert_uint_eq(bob->c->user.nrooms, 3);
}
END_TEST

/* Not where the key has changed, nor where they were put out. */
START_TEST(does_not_come_back)
{
	struct store_message m = { .owner = 2 };
	struct peer *a = daemon_person("a"), *bob = owner("bob", 2);
	unsigned char state[STORE_STATE_MAX];
	size_t len = 0;

	daemon_do(a, "/join out");
	daemon_do(a, "/join priv hush");
	daemon_do(bob, "/join out");
	daemon_do(bob, "/join priv hush");
	daemon_do(bob, "/quit");
	while (keeper_hears_all()) {
		if (keeper.heard.kind == STORE_ITEM_STATE) {
			len = keeper.heard.state_len;
			memcpy(state, keeper.heard.state, len);
		}
	}
	daemon_do(a, "/leave priv");
	daemon_do(a, "/join priv other");
	daemon_do(a, "/join out");
	bob = daemon_person("bobby");
	daemon_do(bob, "/join out");
	daemon_do(a, "/kick bobby");
	daemon_forget();
	daemon_type(bob, "/login bob x");
	asked(STORE_LOGIN, "bob", "x");
	m.state = state;
	m.state_len = len;
	keeper_answer_with(m);
	daemon_heard(bob, "* You are now bob.\n");
	ck_assert_uint_eq(bob->c->user.nrooms, 0);
}
END_TEST

/* Whoever wrote it, and whatever became of it. */
START_TEST(any_state)
{
	struct store_message m = { .owner = 2 };
	unsigned char state[64] = { 1, 7, 2, 0, 4, 0, 0, 0, '#', 'a', 'b',
		'c' };
	struct peer *g;
	unsigned i;

	for (i = 0; i < 64; i++) {
		g = daemon_guest("192.0.2.2");
		daemon_type(g, "/login bob x");
		asked(STORE_LOGIN, "bob", "x");
		m.state = state;
		m.state_len = i;
		keeper_answer_with(m);
		ck_assert(daemon_has(g, "* You are now bob."));
		daemon_hang_up(g);
	}
}
END_TEST

/* Who is ignored by name is ignored when they come again. */
START_TEST(ignored_again)
{
	struct store_message m = { .owner = 1 };
	struct peer *alice = owner("alice", 1), *bob = owner("bob", 2);

	daemon_do(bob, "/ignore alice");
	daemon_do(alice, "/quit");
	alice = daemon_guest("192.0.2.2");
	daemon_type(alice, "/login alice x");
	asked(STORE_LOGIN, "alice", "x");
	keeper_answer_with(m);
	daemon_forget();
	daemon_type(alice, "/msg bob hello");
	daemon_heard(bob, "");
	daemon_type(bob, "/unignore alice");
	daemon_forget();
	daemon_type(alice, "/msg bob hello");
	daemon_heard(bob, "[private] alice: hello\n");
}
END_TEST

/* ---- /logout, /passwd, /unregister, /seen ---- */

START_TEST(logs_out)
{
	struct peer *a = daemon_person("a"), *bob = owner("bob", 2);

	daemon_do(a, "/join dev");
	daemon_do(bob, "/join dev");
	daemon_ask(bob, "/logout", "* You are now guest3.\n");
	daemon_heard(a, "[#dev] -- bob is now guest3\n");
	while (keeper_hears_all())
		;
	ck_assert_int_eq(keeper.heard.kind, STORE_ITEM_LEFT);
	daemon_ask(bob, "/logout",
	    "! You are not logged in: /login NAME PASSWORD, or /register PASSWORD.\n");
	daemon_ask(bob, "/nick bob",
	    "! bob belongs to someone. Is it you? /login bob PASSWORD\n");
	ck_assert_ptr_null(bob->c->account);
}
END_TEST

START_TEST(another_password)
{
	struct peer *bob = owner("bob", 2);

	daemon_ask(
	    bob, "/passwd old", "! /passwd needs more: /passwd OLD NEW\n");
	daemon_ask(bob, "/passwd old new other",
	    "! A password is one word of 1 to 128 bytes; nothing was done.\n");
	daemon_ask(bob, "/passwd old new", "");
	asked(STORE_PASSWD, "bob", "old");
	ck_assert_str_eq(keeper.heard.new_password, "new");
	keeper_answer(STORE_OK);
	daemon_heard(bob, "* Your password is another one now.\n");
	daemon_ask(bob, "/passwd old new", "");
	asked(STORE_PASSWD, "bob", "old");
	keeper_answer(STORE_WRONG);
	daemon_heard(bob, "! Wrong password.\n");
}
END_TEST

START_TEST(unregisters)
{
	struct store_message m = { .kind = STORE_FORGOTTEN, .owner = 2 };
	struct peer *bob = owner("bob", 2);

	daemon_ask(bob, "/unregister x", "");
	asked(STORE_UNREGISTER, "bob", "x");
	keeper_answer(STORE_WRONG);
	daemon_heard(bob, "! Wrong password.\n");
	daemon_ask(bob, "/unregister y", "");
	keeper_heard(STORE_UNREGISTER);
	strcpy(m.name, "bob");
	keeper_say(m);
	daemon_heard(bob, "");
	keeper_answer(STORE_OK);
	daemon_heard(bob,
	    "* bob is not yours any more, and what was kept of it is gone.\n");
	ck_assert_uint_eq(bob->c->user.owner, 0);
	ck_assert_str_eq(bob->c->user.name, "bob");
}
END_TEST

START_TEST(seen)
{
	struct store_message m = { .when = 1790000000 };
	struct peer *a = daemon_person("a");

	daemon_ask(a, "/seen A", "* a is here.\n");
	daemon_ask(a, "/seen bob", "");
	keeper_heard(STORE_SEEN);
	ck_assert_str_eq(keeper.heard.name, "bob");
	keeper_answer_with(m);
	ck_assert(daemon_has(a, "* bob was last here on 2026-09-2"));
	daemon_forget();
	daemon_ask(a, "/seen carol", "");
	keeper_heard(STORE_SEEN);
	keeper_answer(STORE_UNKNOWN);
	daemon_heard(a, "! Nobody called carol is registered here.\n");
	daemon_ask(a, "/seen carol", "");
	keeper_heard(STORE_SEEN);
	keeper_answer(STORE_OK);
	daemon_heard(a, "* carol has not been here yet.\n");
}
END_TEST

/* ---- unseen passwords ---- */

#define WILL_ECHO "\xff\xfb\x01"
#define WONT_ECHO "\xff\xfc\x01"
#define DO_ECHO   "\xff\xfd\x01"
#define DONT_ECHO "\xff\xfe\x01"
#define NOP       "\xff\xf1"

static struct peer *
telnet_person(const char *name)
{
	struct peer *p = daemon_person(name);

	daemon_send(p, BYTES(NOP));
	daemon_forget();
	return p;
}

START_TEST(password_is_hidden)
{
	struct store_message m = { .owner = 2 };
	struct peer *t = telnet_person("t");

	daemon_type(t, "/login bob");
	daemon_got(t, "* Password:\r\n" WILL_ECHO, 16);
	daemon_send(t, BYTES(DO_ECHO));
	daemon_got(t, "", 0);
	keeper_heard_all();
	daemon_type(t, "/sesame");
	daemon_got(t, WONT_ECHO, 3);
	daemon_send(t, BYTES(DONT_ECHO));
	daemon_got(t, "", 0);
	asked(STORE_LOGIN, "bob", "/sesame");
	keeper_answer_with(m);
	daemon_heard(t, "* You are now bob.\n");
	/* and it is over */
	daemon_send(t, BYTES(DO_ECHO));
	daemon_got(t, WONT_ECHO, 3);
}
END_TEST

START_TEST(each_command_asks)
{
	struct peer *t = telnet_person("t"), *bob;

	daemon_type(t, "/register");
	daemon_type(t, "  sesame");
	asked(STORE_REGISTER, "t", "sesame");
	keeper_answer(STORE_FULL);
	bob = owner("bob", 2);
	daemon_send(bob, BYTES(NOP));
	daemon_forget();
	daemon_type(bob, "/passwd");
	daemon_got(bob, "* Password:\r\n" WILL_ECHO, 16);
	daemon_type(bob, "old");
	daemon_got(bob, "* New password:\r\n", 17);
	daemon_type(bob, "new");
	daemon_got(bob, WONT_ECHO, 3);
	asked(STORE_PASSWD, "bob", "old");
	ck_assert_str_eq(keeper.heard.new_password, "new");
	keeper_answer(STORE_OK);
	daemon_forget();
	daemon_type(bob, "/unregister");
	daemon_type(bob, "new");
	asked(STORE_UNREGISTER, "bob", "new");
}
END_TEST

START_TEST(no_password_is_given)
{
	struct peer *t = telnet_person("t");

	daemon_type(t, "/login bob");
	daemon_forget();
	daemon_type(t, "");
	daemon_got(
	    t, WONT_ECHO "! No password was given; nothing was done.\r\n", 47);
	ck_assert_ptr_null(t->c->account);
	daemon_type(t, "/login bob");
	daemon_forget();
	daemon_type(t, "two words");
	daemon_got(t,
	    WONT_ECHO
	    "! A password is one word of 1 to 128 bytes; nothing was done.\r\n",
	    66);
	keeper_heard_all();
}
END_TEST

/* ---- operators ---- */

START_TEST(operators)
{
	struct store_message m = {
		.kind = STORE_NAME, .owner = 1, .flags = STORE_BY_ADMIN
	};
	struct peer *a, *carol, *alice;
	char text[200];

	snprintf(text, sizeof(text),
	    "store %s\nrate off\noperators Alice carol\nroom #ours\n",
	    keeper.path);
	ck_assert(daemon_reload(text));
	keeper_heard(STORE_LIMITS);
	strcpy(m.name, "alice");
	keeper_say(m);
	a = daemon_person("a");
	carol = daemon_person("carol");
	alice = owner("alice", 1);
	daemon_do(a, "/join ours");
	daemon_do(a, "/join mine");
	daemon_do(alice, "/join ours");
	daemon_ask(alice, "/op a",
	    "! #ours is of the configuration; it is nobody's.\n");
	daemon_ask(alice, "/kick a", "* You kicked a from #ours.\n");
	daemon_forget();
	daemon_do(alice, "/join mine");
	daemon_type(alice, "/kick a out");
	ck_assert(daemon_has(alice, "* You kicked a from #mine.\r\n"));
	daemon_forget();
	/* a name alone is not enough */
	daemon_do(carol, "/join mine");
	daemon_ask(carol, "/kick alice",
	    "! Only alice, who runs #mine, can do that.\n");
	daemon_ask(carol, "/register x",
	    "! carol is registered by whoever runs this server only.\n");
	daemon_do(alice, "/logout");
	daemon_do(alice, "/join ours");
	daemon_do(carol, "/join ours");
	daemon_ask(alice, "/kick carol", "! Nobody runs #ours.\n");
}
END_TEST

/* A name that is the operators' is not enough: the admin has to have registered
 * it. */
START_TEST(no_operator)
{
	struct peer *alice, *a;
	char text[200];

	snprintf(text, sizeof(text),
	    "store %s\nrate off\noperators alice\nroom #ours\n", keeper.path);
	ck_assert(daemon_reload(text));
	keeper_heard(STORE_LIMITS);
	a = daemon_person("a");
	alice = owner("alice", 1);
	daemon_do(a, "/join ours");
	daemon_do(alice, "/join ours");
	daemon_ask(alice, "/kick a", "! Nobody runs #ours.\n");
}
END_TEST

/* ---- while an answer is waited for ---- */

/* A password that was typed is in no line that another process could say. */
START_TEST(password_is_not_held)
{
	struct peer *t = telnet_person("t");

	daemon_type(t, "/login bob");
	daemon_type(t, "sesame");
	asked(STORE_LOGIN, "bob", "sesame");
	ck_assert(input_is_held(&t->c->input));
	ck_assert_uint_eq(t->c->input.line.len, 0);
	login_hand_over(t->c);
	ck_assert(!login_is_asking(t->c));
	ck_assert(!input_is_held(&t->c->input));
}
END_TEST

START_TEST(not_twice_after_a_hand_over)
{
	struct peer *a = daemon_person("a"), *g = daemon_guest("192.0.2.2");

	daemon_type(a, "/register x");
	daemon_type(g, "/login bob x");
	login_hand_over(a->c);
	login_hand_over(g->c);
	ck_assert(!login_is_asking(a->c));
	ck_assert(login_is_asking(g->c));
	daemon_settle();
	ck_assert(daemon_has(a,
	    "! The server was restarted meanwhile; look whether that was done, and try again.\r\n"));
}
END_TEST

/* The name is nobody's by the time that the answer comes. */
START_TEST(forgotten_while_asking)
{
	struct store_message m = { .kind = STORE_FORGOTTEN, .owner = 2 };
	struct peer *bob = owner("bob", 2);

	daemon_type(bob, "/unregister x");
	skip_items();
	ck_assert_int_eq(keeper.heard.kind, STORE_UNREGISTER);
	strcpy(m.name, "bob");
	keeper_say(m);
	keeper_answer(STORE_UNKNOWN);
	ck_assert(daemon_has(
	    bob, "* bob is nobody's any more; you still have it.\r\n"));
	ck_assert_uint_eq(bob->c->user.owner, 0);
}
END_TEST

/* ---- the outbox ---- */

START_TEST(kept_in_order)
{
	struct store_message kept = { .kind = STORE_KEPT };
	struct peer *bob = owner("bob", 2);
	uint64_t last = 0;

	daemon_do(bob, "/set time on");
	daemon_do(bob, "/join dev");
	while (keeper_hears_all()) {
		ck_assert_uint_eq(keeper.heard.number, last + 1);
		last = keeper.heard.number;
	}
	ck_assert_uint_ge(last, 2);
	/* what was not kept is said again, in its order */
	kept.number = 1;
	keeper_say(kept);
	keeper_lose();
	daemon_do(bob, "/set bell on");
	daemon_advance(STORE_RETRY_MS);
	keeper_accept();
	keeper_found(1, names);
	for (last = 2; keeper_hears_all(); last++)
		ck_assert_uint_eq(keeper.heard.number, last);
	ck_assert_uint_ge(last, 4);
}
END_TEST

/* What is the same as before is not said. */
START_TEST(says_no_more_than_needed)
{
	struct peer *a = daemon_person("a"), *bob = owner("bob", 2);

	daemon_do(bob, "/join dev");
	while (keeper_hears_all())
		;
	daemon_type(bob, "hello");
	daemon_type(a, "/msg bob hello");
	daemon_type(bob, "/set time off");
	keeper_heard_all();
}
END_TEST

/* ---- a store that says nonsense ---- */

START_TEST(nonsense)
{
	static const struct store_message said[] = {
		{ .kind = STORE_WELCOME, .protocol = STORE_PROTOCOL },
		{ .kind = STORE_HELLO, .epoch = 1 },
		{ .kind = STORE_SEEN, .name = "a" },
	};
	struct peer *a = daemon_person("a");
	size_t i;

	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		keeper_say(said[i]);
		ck_assert(!keeper_hears_all());
		daemon_ask(a, "/register x", NOT_NOW);
		daemon_advance(STORE_RETRY_MS);
		keeper_accept();
		keeper_found(0, names);
	}
}
END_TEST

UNIT_MAIN("account", setup, keeper_stop, nothing_is_kept, not_there_yet,
    comes_and_goes, registers, registers_told_before, register_is_refused,
    wrong_ways_to_register, not_for_others, who_sits_on_it, forgotten,
    forgotten_meanwhile, logs_in, login_is_refused, counted_by_network,
    waits_for_the_answer, half_closed_meanwhile, half_closed_in_its_line,
    gone_meanwhile, takes_too_long, store_is_gone_meanwhile, over_a_ghost,
    comes_back, does_not_come_back, any_state, ignored_again, logs_out,
    another_password, unregisters, seen, password_is_hidden, each_command_asks,
    no_password_is_given, password_is_not_held, not_twice_after_a_hand_over,
    forgotten_while_asking, operators, no_operator, kept_in_order,
    says_no_more_than_needed, nonsense)
