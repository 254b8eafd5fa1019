/* Who was put out of a room, and how they are known when they come again. */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "banterd/chat/ban.h"
#include "banterd/chat/user.h"
#include "daemon.h"
#include "unit.h"

static void
setup(void)
{
	daemon_start("rate off\nmax-per-host 100\n");
}

/* Somebody of that name and address, in #dev. */
static struct peer *
member(const char *name, const char *address)
{
	struct peer *p = daemon_connect(address);
	char line[64];

	snprintf(line, sizeof(line), "/nick %s", name);
	daemon_type(p, line);
	daemon_do(p, "/join dev");
	return p;
}

/* Whether somebody of that name, who comes anew from there, may come in. */
static bool
comes_in(const char *name, const char *address)
{
	struct peer *p = daemon_connect(address);
	char line[64];
	bool in;

	snprintf(line, sizeof(line), "/nick %s", name);
	daemon_type(p, line);
	daemon_type(p, "/join dev");
	in = daemon_has(p, "* You are in #dev");
	ck_assert(in || daemon_has(p, "! You were kicked from #dev") ||
	    daemon_has(p, "! Somebody at your address was kicked from #dev"));
	daemon_hang_up(p);
	daemon_forget();
	return in;
}

START_TEST(by_name_and_address)
{
	struct peer *a = member("a", "192.0.2.1"), *b;

	b = member("b", "192.0.2.2");
	daemon_do(a, "/kick b");
	/* nor with another name on the same connection */
	daemon_do(b, "/nick other");
	ck_assert(!comes_in("b", "192.0.2.3"));
	ck_assert(!comes_in("B", NULL));
	ck_assert(!comes_in("c", "192.0.2.2"));
	ck_assert(comes_in("c", "192.0.2.3"));
	daemon_type(b, "/join dev");
	ck_assert(daemon_has(b, "! You were kicked from #dev"));
	daemon_forget();
	/* nobody has the name: who was kicked under it is meant */
	daemon_ask(a, "/invite b", "* b may come into #dev.\n");
	daemon_heard(b, "* a lets you into #dev again: /join #dev\n");
	ck_assert(comes_in("b", "192.0.2.3"));
	ck_assert(comes_in("c", "192.0.2.2"));
	daemon_type(b, "/join dev");
	ck_assert(daemon_has(b, "* You are in #dev"));
}
END_TEST

/* To take somebody's name and be kicked under it harms them, but not for long:
 * what lets them in does not let in who did that. */
START_TEST(squatter)
{
	struct peer *a = member("a", "192.0.2.1"), *troll, *b;

	troll = member("b", "192.0.2.2");
	daemon_do(a, "/kick b");
	daemon_do(troll, "/nick troll");
	b = daemon_connect("192.0.2.3");
	daemon_do(b, "/nick b");
	daemon_type(b, "/join dev");
	ck_assert(daemon_has(b, "! You were kicked from #dev"));
	daemon_forget();
	daemon_ask(a, "/invite b", "* b may come into #dev.\n");
	daemon_heard(b, "* a lets you into #dev again: /join #dev\n");
	daemon_heard(troll, "");
	daemon_type(b, "/join dev");
	ck_assert(daemon_has(b, "* You are in #dev"));
	daemon_type(troll, "/join dev");
	ck_assert(daemon_has(troll, "! You were kicked from #dev"));
	ck_assert(!comes_in("c", "192.0.2.2"));
}
END_TEST

/* An address that somebody else in the room has is not theirs alone. */
START_TEST(shared_address)
{
	struct peer *a = member("a", "192.0.2.1"), *c;

	(void)member("b", "192.0.2.1");
	c = member("c", "192.0.2.2");
	(void)member("d", "192.0.2.2");
	daemon_do(a, "/kick b");
	daemon_do(a, "/kick c");
	daemon_hang_up(c);
	ck_assert(comes_in("x", "192.0.2.1"));
	ck_assert(comes_in("x", "192.0.2.2"));
	ck_assert(!comes_in("c", "192.0.2.2"));
}
END_TEST

/* Anybody on the machine comes from there. */
START_TEST(no_address)
{
	static const char *const where[] = { NULL, "127.0.0.1", "127.9.9.9",
		"::1" };
	struct peer *a = member("a", "192.0.2.1"), *b;
	size_t i;

	for (i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		b = member("b", where[i]);
		daemon_do(a, "/kick b");
		daemon_hang_up(b);
		ck_assert(!comes_in("b", "192.0.2.9"));
		ck_assert(comes_in("x", where[i]));
		daemon_do(a, "/invite b");
	}
}
END_TEST

/* Exactly: the neighbour in the same network is another one. */
START_TEST(exact)
{
	struct peer *a = member("a", "192.0.2.1");

	(void)member("b", "2001:db8::1");
	daemon_do(a, "/kick b");
	ck_assert(!comes_in("c", "2001:db8::1"));
	ck_assert(comes_in("c", "2001:db8::2"));
}
END_TEST

/* Whoever is at that address now is let in, and nobody else; who asks for it
 * does not learn who is there. */
START_TEST(neighbour)
{
	struct peer *a = member("a", "192.0.2.1"), *b, *c;

	b = member("b", "192.0.2.2");
	daemon_do(a, "/kick b");
	c = daemon_connect("192.0.2.2");
	daemon_do(c, "/nick carol");
	daemon_type(c, "/join dev");
	ck_assert(
	    daemon_has(c, "! Somebody at your address was kicked from #dev"));
	daemon_do(daemon_connect("192.0.2.9"), "/nick dave");
	daemon_ask(a, "/invite dave", "* dave may come into #dev.\n");
	daemon_ask(a, "/invite carol", "* carol may come into #dev.\n");
	daemon_heard(c, "* a lets you into #dev again: /join #dev\n");
	daemon_heard(b, "");
	daemon_type(c, "/join dev");
	ck_assert(daemon_has(c, "* You are in #dev"));
	ck_assert(!comes_in("x", "192.0.2.2"));
	/* what let her in ends when she is put out herself */
	daemon_do(a, "/kick carol");
	daemon_type(c, "/join dev");
	ck_assert(daemon_has(c, "! You were kicked from #dev"));
}
END_TEST

/* Nothing of who is ignored but that one is out. */
START_TEST(ignored)
{
	struct peer *a = member("a", "192.0.2.1"), *b;

	b = member("b", "192.0.2.2");
	daemon_do(b, "/ignore a");
	daemon_type(a, "/kick b BUY MY STUFF");
	daemon_heard(b, "! a kicked you from #dev\n* You are in #lobby now.\n");
	daemon_forget();
	daemon_ask(a, "/invite b", "* b may come into #dev.\n");
	daemon_heard(b, "");
	daemon_type(b, "/join dev");
	ck_assert(daemon_has(b, "* You are in #dev"));
}
END_TEST

/* Who is in the room is not kept out by a name that they have taken there, nor
 * invited. */
START_TEST(inside)
{
	struct peer *a = member("a", "192.0.2.1"), *b, *c;

	c = member("c", "192.0.2.3");
	b = member("b", "192.0.2.2");
	daemon_do(a, "/kick b");
	daemon_hang_up(b);
	daemon_do(c, "/nick b");
	daemon_ask(c, "/msg #dev hi", "");
	daemon_heard(a, "[#dev] b: hi\n");
	daemon_ask(a, "/invite b", "* b may come into #dev.\n");
	daemon_heard(c, "");
}
END_TEST

/* The oldest ends early where there are too many. */
START_TEST(bounded)
{
	struct user u = { .id = 1 };
	struct bans bans;
	unsigned i;

	bans_init(&bans);
	for (i = 0; i <= BANS_MAX; i++) {
		u.id = i + 1;
		snprintf(u.name, sizeof(u.name), "p%u", i);
		ck_assert(bans_add(&bans, &u, NULL, i));
	}
	ck_assert_uint_eq(bans.n, BANS_MAX);
	ck_assert_uint_eq(bans_find(&bans, &u, NULL, i)->until, BAN_MS + i - 1);
	u.id = 1;
	strcpy(u.name, "p0");
	ck_assert_ptr_null(bans_find(&bans, &u, NULL, i));
	u.id = 2;
	strcpy(u.name, "p1");
	ck_assert_ptr_nonnull(bans_find(&bans, &u, NULL, BAN_MS));
	ck_assert_ptr_null(bans_find(&bans, &u, NULL, BAN_MS + 1));
	ck_assert_uint_eq(bans.n, BANS_MAX - 1);
	bans_free(&bans);
}
END_TEST

/* Of an earlier process: the same ones, for as long as they were. */
START_TEST(returned)
{
	struct address at = address_of("192.0.2.7"),
		       other = address_of("192.0.2.8");
	struct user a = { .id = 7, .name = "a" }, b = { .id = 8, .name = "b" };
	struct bans old, bans;
	const struct ban *ban;

	bans_init(&old);
	bans_init(&bans);
	ck_assert(bans_add(&old, &a, &at, 1000));
	ck_assert(bans_add(&old, &b, NULL, 2000));
	TAILQ_FOREACH(ban, &old.list, next)
		ck_assert(bans_return(&bans, ban));
	bans_free(&old);
	ck_assert_uint_eq(bans.n, 2);
	ck_assert_ptr_nonnull(bans_find(&bans, &a, &other, 3000));
	ck_assert_ptr_nonnull(bans_find(&bans, &b, NULL, 3000));
	a.id = 9;
	strcpy(a.name, "c");
	ck_assert_ptr_null(bans_find(&bans, &a, &other, 3000));
	ban = bans_find(&bans, &a, &at, 3000);
	ck_assert_ptr_nonnull(ban);
	ck_assert(ban_is_by_address(ban, &a));
	ck_assert_uint_eq(ban->until, 1000 + BAN_MS);
	ck_assert_ptr_null(bans_find(&bans, &a, &at, 1000 + BAN_MS));
	ck_assert_uint_eq(bans.n, 1);
	ck_assert_ptr_null(bans_find(&bans, &b, NULL, 2000 + BAN_MS));
	ck_assert_uint_eq(bans.n, 0);
	bans_free(&bans);
}
END_TEST

UNIT_MAIN("ban", setup, daemon_stop, by_name_and_address, squatter,
    shared_address, no_address, exact, neighbour, ignored, inside, bounded,
    returned)
