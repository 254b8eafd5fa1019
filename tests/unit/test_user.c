/* People: names, ids, and what they say to each other alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "people.h"
#include "unit.h"

static enum chat_error
rename_to(struct person *p, const char *name)
{
	return member_rename(&people.reg, &p->user, name);
}

static bool
message(struct person *from, struct person *to, const char *text)
{
	return user_message(&people.reg, &from->user, &to->user, text, false);
}

START_TEST(guests)
{
	struct person *a = people_enter(NULL), *b = people_enter(NULL);

	ck_assert_str_eq(a->user.name, "guest1");
	ck_assert_str_eq(b->user.name, "guest2");
	/* somebody else took the next one's name */
	ck_assert_int_eq(rename_to(a, "Guest3"), CHAT_OK);
	ck_assert_str_eq(people_enter(NULL)->user.name, "guest4");
	member_exit(&people.reg, &b->user, NULL);
	ck_assert_str_eq(people_enter(NULL)->user.name, "guest5");
}
END_TEST

START_TEST(finding)
{
	struct person *a = people_enter("Alice");

	ck_assert_ptr_eq(user_find(&people.reg, "alice"), &a->user);
	ck_assert_ptr_eq(user_find(&people.reg, "ALICE"), &a->user);
	ck_assert_ptr_null(user_find(&people.reg, "alic"));
	ck_assert_ptr_null(user_find(&people.reg, "alice2"));
	ck_assert_ptr_null(user_find(&people.reg, ""));
	ck_assert_ptr_null(user_find(&people.reg, "alicealicealicealicealice"));
}
END_TEST

START_TEST(names_are_one_persons)
{
	struct person *a = people_enter("alice"), *b = people_enter("bob");

	ck_assert_int_eq(rename_to(b, "alice"), CHAT_TAKEN);
	ck_assert_int_eq(rename_to(b, "ALICE"), CHAT_TAKEN);
	ck_assert_str_eq(b->user.name, "bob");
	ck_assert_int_eq(rename_to(a, "Alice"), CHAT_OK); /* one's own */
	ck_assert_str_eq(a->user.name, "Alice");
	ck_assert_int_eq(rename_to(a, "carol"), CHAT_OK);
	ck_assert_int_eq(rename_to(b, "alice"), CHAT_OK); /* free again */
	member_exit(&people.reg, &a->user, NULL);
	ck_assert_int_eq(rename_to(b, "carol"), CHAT_OK);
}
END_TEST

/* Whoever shares rooms with somebody sees a rename once. */
START_TEST(rename_seen_once)
{
	struct person *a = people_enter("a"), *both = people_enter("both");
	struct person *second = people_enter("second");
	struct person *other = people_enter("other");

	people_join(a, "#one");
	people_join(a, "#two");
	people_join(both, "#two");
	people_join(both, "#one");
	people_join(second, "#two");
	people_join(other, "#three");
	ck_assert_int_eq(rename_to(a, "alice"), CHAT_OK);
	people_heard(a, "");
	people_heard(both, "[#one] -- a is now alice\n");
	people_heard(second, "[#two] -- a is now alice\n");
	people_heard(other, "");
	/* another time, another line */
	ck_assert_int_eq(rename_to(a, "al"), CHAT_OK);
	people_heard(both, "[#one] -- alice is now al\n");
	/* the same name again is no change */
	ck_assert_int_eq(rename_to(a, "al"), CHAT_OK);
	people_heard(both, "");
	ck_assert_int_eq(rename_to(a, "Al"), CHAT_OK);
	people_heard(both, "[#one] -- al is now Al\n");
}
END_TEST

/* An end is one line in each room. */
START_TEST(exit_seen_in_each_room)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	people_join(a, "#one");
	people_join(a, "#two");
	people_join(b, "#one");
	people_join(b, "#two");
	member_exit(&people.reg, &a->user, "connection lost");
	people_heard(b,
	    "[#two] -- a left (connection lost)\n"
	    "* You run #two now: /kick and /op are yours.\n"
	    "[#one] -- a left (connection lost)\n"
	    "* You run #one now: /kick and /op are yours.\n");
	ck_assert_uint_eq(a->user.id, 0);
}
END_TEST

/* When the server goes down nobody is told of others. */
START_TEST(exit_while_closing)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	people_join(a, "#one");
	people_join(b, "#one");
	people.reg.closing = true;
	member_exit(&people.reg, &a->user, NULL);
	people_heard(b, "");
	member_exit(&people.reg, &b->user, NULL);
}
END_TEST

/* ---- ids ---- */

START_TEST(ids_never_again)
{
	uint64_t seen[200];
	struct person *p;
	int i, j;

	for (i = 0; i < 200; i++) {
		p = people_enter(NULL);
		seen[i] = p->user.id;
		ck_assert_uint_ne(seen[i], 0);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(seen[i], seen[j]);
		ck_assert_ptr_eq(user_by_id(&people.reg, seen[i]), &p->user);
		if (i % 5 != 0 || i >= 100) {
			member_exit(&people.reg, &p->user, NULL);
			ck_assert_ptr_null(user_by_id(&people.reg, seen[i]));
		}
	}
	ck_assert_uint_eq(people.reg.nusers, 20);
	ck_assert_ptr_null(user_by_id(&people.reg, 0));
	ck_assert_ptr_null(user_by_id(&people.reg, UINT64_MAX));
}
END_TEST

/* ---- private lines ---- */

START_TEST(messages)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	ck_assert(message(a, b, "hello"));
	people_heard(b, "[private] a: hello\n");
	ck_assert_int_eq(b->kind, EVENT_PRIVATE);
	people_heard(a, "");
	ck_assert(user_message(&people.reg, &a->user, &b->user, "waves", true));
	people_heard(b, "[private] * a waves\n");
	ck_assert_uint_eq(b->user.reply_to, a->user.id);
	ck_assert_uint_eq(a->user.reply_to, 0);
	ck_assert_uint_eq(b->bells, 0);
	b->user.set_bell = true;
	ck_assert(message(a, b, "ring"));
	ck_assert_uint_eq(b->bells, 1);
}
END_TEST

/* To somebody who does not read it is not sent, and nothing else happens. */
START_TEST(message_to_the_full)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	user_set_away(&people.reg, &b->user, "lunch");
	b->full = true;
	ck_assert(!message(a, b, "hello"));
	people_heard(a, "");
	people_heard(b, "");
	ck_assert_uint_eq(b->user.reply_to, 0);
	b->full = false;
	ck_assert(message(a, b, "hello"));
	people_heard(a, "* b is away: lunch\n");
}
END_TEST

START_TEST(away_told_once)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct person *c = people_enter("c");

	ck_assert(user_set_away(&people.reg, &b->user, "lunch"));
	ck_assert(message(a, b, "1"));
	people_heard(a, "* b is away: lunch\n");
	ck_assert(message(a, b, "2"));
	people_heard(a, "");
	ck_assert(message(c, b, "3"));
	people_heard(c, "* b is away: lunch\n");
	ck_assert_int_eq(rename_to(a, "alice"), CHAT_OK);
	ck_assert(message(a, b, "4")); /* the same person */
	people_heard(a, "");
	/* a new reason is news */
	ck_assert(user_set_away(&people.reg, &b->user, "meeting"));
	ck_assert(message(a, b, "5"));
	people_heard(a, "* b is away: meeting\n");
	ck_assert(user_set_away(&people.reg, &b->user, NULL));
	ck_assert(message(a, b, "6"));
	people_heard(a, "");
	ck_assert_ptr_null(b->user.away);
}
END_TEST

/* A newcomer with the name of one who was told is told, too. */
START_TEST(away_told_by_id)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	user_set_away(&people.reg, &b->user, "lunch");
	ck_assert(message(a, b, "1"));
	people_heard(a, "* b is away: lunch\n");
	member_exit(&people.reg, &a->user, NULL);
	a = people_enter("a");
	ck_assert(message(a, b, "2"));
	people_heard(a, "* b is away: lunch\n");
}
END_TEST

/* ---- ignoring ---- */

START_TEST(ignoring)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_join(b, "#dev");

	people_join(a, "#dev");
	ck_assert(user_ignore(&people.reg, &a->user, &b->user));
	ck_assert(user_ignore(&people.reg, &a->user, &b->user)); /* twice */
	ck_assert_uint_eq(a->user.ignored.n, 1);
	room_say(&people.reg, &b->user, room, "hello", false);
	room_say(&people.reg, &b->user, room, "waves", true);
	ck_assert(message(b, a, "psst"));
	ck_assert_uint_eq(a->user.reply_to, 0);
	/* whatever they rename to, and wherever they go */
	ck_assert_int_eq(rename_to(b, "nobody"), CHAT_OK);
	room_say(&people.reg, &b->user, room, "hello", false);
	member_leave(&people.reg, &b->user, room, "bye");
	member_join(&people.reg, &b->user, "#dev", NULL);
	/* (that a runs the room now comes from the server) */
	people_heard(a, "* You run #dev now: /kick and /op are yours.\n");
	/* b hears a */
	room_say(&people.reg, &a->user, room, "peace", false);
	people_heard(b, "[#dev] a: peace\n");
	user_unignore(&people.reg, &a->user, &b->user);
	ck_assert(!user_ignores(&a->user, b->user.id));
	room_say(&people.reg, &b->user, room, "hello", false);
	people_heard(a, "[#dev] nobody: hello\n");
}
END_TEST

/* One who took the name of somebody ignored is heard. */
START_TEST(ignoring_is_by_id)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	ck_assert(user_ignore(&people.reg, &a->user, &b->user));
	member_exit(&people.reg, &b->user, NULL);
	b = people_enter("b");
	ck_assert(!user_ignores(&a->user, b->user.id));
	ck_assert(message(b, a, "hello"));
	people_heard(a, "[private] b: hello\n");
}
END_TEST

/* An away text is no way to reach somebody either. */
START_TEST(ignoring_and_away)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	user_set_away(&people.reg, &a->user, "lunch");
	user_ignore(&people.reg, &a->user, &b->user);
	/* who is ignored is not to know: they are told what others are */
	ck_assert(message(b, a, "hello"));
	people_heard(a, "");
	people_heard(b, "* a is away: lunch\n");
	ck_assert(message(b, a, "hello?"));
	people_heard(b, "");
	ck_assert_uint_eq(a->user.reply_to, 0);
	a->full = true;
	ck_assert(!message(b, a, "hello!"));
	people_heard(b, "");
}
END_TEST

/* A set does not grow with people who have left. */
START_TEST(sets_stay_small)
{
	struct person *a = people_enter("a"), *b;
	int i;

	for (i = 0; i < 1000; i++) {
		b = people_enter(NULL);
		ck_assert(user_ignore(&people.reg, &a->user, &b->user));
		ck_assert(user_ignores(&a->user, b->user.id));
		member_exit(&people.reg, &b->user, NULL);
	}
	ck_assert_uint_le(a->user.ignored.size, 8);
	/* but keeps those who are there */
	for (i = 0; i < 40; i++)
		user_ignore(&people.reg, &a->user, &people_enter(NULL)->user);
	for (i = 1; i <= 40; i++)
		ck_assert(user_ignores(&a->user, people.list[i].user.id));
}
END_TEST

/* Whoever they are, those who are ignored are found, and no others. */
START_TEST(sets_of_many)
{
	struct person *a = people_enter("a"), *p;
	unsigned i;

	for (i = 1; i < 60; i++)
		people_enter(NULL);
	for (i = 1; i < 60; i++) { /* in an order of their own */
		p = &people.list[1 + i * 37 % 59];
		ck_assert(user_ignore(&people.reg, &a->user, &p->user));
		ck_assert_uint_eq(a->user.ignored.n, i);
	}
	for (i = 1; i < 60; i += 2)
		user_unignore(&people.reg, &a->user, &people.list[i].user);
	for (i = 1; i < 60; i++)
		ck_assert_int_eq(
		    user_ignores(&a->user, people.list[i].user.id), i % 2 == 0);
	for (i = 2; i < 60; i += 2)
		user_unignore(&people.reg, &a->user, &people.list[i].user);
	/* who ignores nobody costs nothing */
	ck_assert_ptr_null(a->user.ignored.ids);
}
END_TEST

/* To look one up does not take a look at all of them. */
START_TEST(sets_are_quick)
{
	const uint32_t n = 1 << 20;
	struct person *a = people_enter("a");
	uint64_t *ids = calloc(n, sizeof(*ids));
	clock_t began;
	uint32_t i;

	ck_assert_ptr_nonnull(ids);
	for (i = 0; i < n; i++)
		ids[i] = 2 * i + 1;
	a->user.ignored.ids = ids;
	a->user.ignored.n = a->user.ignored.size = n;
	began = clock();
	for (i = 0; i < 20000; i++)
		ck_assert_int_eq(user_ignores(&a->user, n + i), i % 2 == 1);
	ck_assert_int_lt(clock() - began, 2 * CLOCKS_PER_SEC);
}
END_TEST

/* ---- of an earlier process ---- */

static bool
come_back(struct user *u, uint64_t id, const char *name)
{
	memset(u, 0, sizeof(*u));
	return user_return(&people.reg, u, id, name);
}

static void
leave(struct user *u)
{
	user_exit(&people.reg, u);
}

#define ID(generation, slot) ((uint64_t)(generation) << 32 | (slot))

START_TEST(returning)
{
	struct person *p;
	struct user a, b;

	ck_assert(come_back(&a, ID(9, 3), "Alice"));
	ck_assert(come_back(&b, ID(4, 100), "bob"));
	ck_assert_ptr_eq(user_by_id(&people.reg, ID(9, 3)), &a);
	ck_assert_ptr_eq(user_by_id(&people.reg, ID(4, 100)), &b);
	ck_assert_ptr_null(user_by_id(&people.reg, ID(8, 3)));
	ck_assert_ptr_eq(user_find(&people.reg, "alice"), &a);
	ck_assert_uint_eq(people.reg.nusers, 2);
	/* others come beside them, with ids that nobody had */
	p = people_enter(NULL);
	ck_assert_uint_eq(p->user.id, ID(10, 0));
	ck_assert_uint_eq(people_enter(NULL)->user.id, ID(11, 1));
	ck_assert_uint_eq(people_enter(NULL)->user.id, ID(12, 2));
	ck_assert_uint_eq(people_enter(NULL)->user.id, ID(13, 4));
	ck_assert_int_eq(rename_to(p, "ALICE"), CHAT_TAKEN);
	leave(&a);
	ck_assert_int_eq(rename_to(p, "ALICE"), CHAT_OK);
	leave(&b);
}
END_TEST

/* Not twice, nor as what they cannot have been. */
START_TEST(not_returning)
{
	struct user a, b;

	ck_assert(come_back(&a, ID(1, 3), "alice"));
	ck_assert(!come_back(&b, ID(1, 3), "bob"));
	ck_assert(!come_back(&b, ID(2, 3), "bob"));
	ck_assert(!come_back(&b, ID(2, 4), "ALICE"));
	ck_assert(!come_back(&b, ID(0, 4), "bob"));
	ck_assert(!come_back(&b, 0, "bob"));
	ck_assert(!come_back(&b, ID(2, 1U << 21), "bob"));
	ck_assert(!come_back(&b, UINT64_MAX, "bob"));
	ck_assert(!come_back(&b, ID(2, 4), ""));
	ck_assert(!come_back(&b, ID(2, 4), "two words"));
	ck_assert(!come_back(&b, ID(2, 4), "\n"));
	ck_assert_uint_eq(b.id, 0);
	ck_assert_uint_eq(people.reg.nusers, 1);
	ck_assert(come_back(&b, ID(2, 4), "bob"));
	leave(&a);
	leave(&b);
}
END_TEST

/* Being away is no change then, and can come twice. */
START_TEST(returning_away)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	ck_assert(user_return_away(&a->user, "one"));
	ck_assert(user_return_away(&a->user, "two"));
	ck_assert(message(b, a, "psst"));
	people_heard(b, "* a is away: two\n");
	ck_assert(user_set_away(&people.reg, &a->user, NULL));
	ck_assert_ptr_null(a->user.away);
}
END_TEST

UNIT_MAIN("user", people_setup, people_teardown, guests, finding,
    names_are_one_persons, rename_seen_once, exit_seen_in_each_room,
    exit_while_closing, ids_never_again, messages, message_to_the_full,
    away_told_once, away_told_by_id, ignoring, ignoring_is_by_id,
    ignoring_and_away, sets_stay_small, sets_of_many, sets_are_quick, returning,
    not_returning, returning_away)
