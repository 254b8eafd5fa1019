/* People: names, ids, and what they say to each other alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "party.h"
#include "unit.h"

static enum room_error
rename_to(struct person *p, const char *name)
{
	return user_rename(&party.reg, &p->user, name);
}

static bool
message(struct person *from, struct person *to, const char *text)
{
	return user_message(&party.reg, &from->user, &to->user, text, false);
}

START_TEST(guests)
{
	struct person *a = party_enter(NULL), *b = party_enter(NULL);

	ck_assert_str_eq(a->user.name, "guest1");
	ck_assert_str_eq(b->user.name, "guest2");
	/* somebody else took the next one's name */
	ck_assert_int_eq(rename_to(a, "Guest3"), ROOM_OK);
	ck_assert_str_eq(party_enter(NULL)->user.name, "guest4");
	user_exit(&party.reg, &b->user, NULL);
	ck_assert_str_eq(party_enter(NULL)->user.name, "guest5");
}
END_TEST

START_TEST(finding)
{
	struct person *a = party_enter("Alice");

	ck_assert_ptr_eq(user_find(&party.reg, "alice"), &a->user);
	ck_assert_ptr_eq(user_find(&party.reg, "ALICE"), &a->user);
	ck_assert_ptr_null(user_find(&party.reg, "alic"));
	ck_assert_ptr_null(user_find(&party.reg, "alice2"));
	ck_assert_ptr_null(user_find(&party.reg, ""));
	ck_assert_ptr_null(user_find(&party.reg, "alicealicealicealicealice"));
}
END_TEST

START_TEST(names_are_one_persons)
{
	struct person *a = party_enter("alice"), *b = party_enter("bob");

	ck_assert_int_eq(rename_to(b, "alice"), ROOM_TAKEN);
	ck_assert_int_eq(rename_to(b, "ALICE"), ROOM_TAKEN);
	ck_assert_str_eq(b->user.name, "bob");
	ck_assert_int_eq(rename_to(a, "Alice"), ROOM_OK); /* one's own */
	ck_assert_str_eq(a->user.name, "Alice");
	ck_assert_int_eq(rename_to(a, "carol"), ROOM_OK);
	ck_assert_int_eq(rename_to(b, "alice"), ROOM_OK); /* free again */
	user_exit(&party.reg, &a->user, NULL);
	ck_assert_int_eq(rename_to(b, "carol"), ROOM_OK);
}
END_TEST

/* Whoever shares rooms with somebody sees a rename once. */
START_TEST(rename_seen_once)
{
	struct person *a = party_enter("a"), *both = party_enter("both");
	struct person *second = party_enter("second");
	struct person *other = party_enter("other");

	party_join(a, "#one");
	party_join(a, "#two");
	party_join(both, "#two");
	party_join(both, "#one");
	party_join(second, "#two");
	party_join(other, "#three");
	ck_assert_int_eq(rename_to(a, "alice"), ROOM_OK);
	party_heard(a, "");
	party_heard(both, "[#one] -- a is now alice\n");
	party_heard(second, "[#two] -- a is now alice\n");
	party_heard(other, "");
	/* another time, another line */
	ck_assert_int_eq(rename_to(a, "al"), ROOM_OK);
	party_heard(both, "[#one] -- alice is now al\n");
	/* the same name again is no change */
	ck_assert_int_eq(rename_to(a, "al"), ROOM_OK);
	party_heard(both, "");
	ck_assert_int_eq(rename_to(a, "Al"), ROOM_OK);
	party_heard(both, "[#one] -- al is now Al\n");
}
END_TEST

/* An end is one line in each room. */
START_TEST(exit_seen_in_each_room)
{
	struct person *a = party_enter("a"), *b = party_enter("b");

	party_join(a, "#one");
	party_join(a, "#two");
	party_join(b, "#one");
	party_join(b, "#two");
	user_exit(&party.reg, &a->user, "connection lost");
	party_heard(b,
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
	struct person *a = party_enter("a"), *b = party_enter("b");

	party_join(a, "#one");
	party_join(b, "#one");
	party.reg.closing = true;
	user_exit(&party.reg, &a->user, NULL);
	party_heard(b, "");
	user_exit(&party.reg, &b->user, NULL);
}
END_TEST

/* ---- ids ---- */

START_TEST(ids_never_again)
{
	uint64_t seen[200];
	struct person *p;
	int i, j;

	for (i = 0; i < 200; i++) {
		p = party_enter(NULL);
		seen[i] = p->user.id;
		ck_assert_uint_ne(seen[i], 0);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(seen[i], seen[j]);
		ck_assert_ptr_eq(user_by_id(&party.reg, seen[i]), &p->user);
		if (i % 5 != 0 || i >= 100) {
			user_exit(&party.reg, &p->user, NULL);
			ck_assert_ptr_null(user_by_id(&party.reg, seen[i]));
		}
	}
	ck_assert_uint_eq(party.reg.nusers, 20);
	ck_assert_ptr_null(user_by_id(&party.reg, 0));
	ck_assert_ptr_null(user_by_id(&party.reg, UINT64_MAX));
}
END_TEST

/* ---- private lines ---- */

START_TEST(messages)
{
	struct person *a = party_enter("a"), *b = party_enter("b");

	ck_assert(message(a, b, "hello"));
	party_heard(b, "[private] a: hello\n");
	ck_assert_int_eq(b->kind, LINE_PRIVATE);
	party_heard(a, "");
	ck_assert(user_message(&party.reg, &a->user, &b->user, "waves", true));
	party_heard(b, "[private] * a waves\n");
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
	struct person *a = party_enter("a"), *b = party_enter("b");

	user_set_away(&b->user, "lunch");
	b->full = true;
	ck_assert(!message(a, b, "hello"));
	party_heard(a, "");
	party_heard(b, "");
	ck_assert_uint_eq(b->user.reply_to, 0);
	b->full = false;
	ck_assert(message(a, b, "hello"));
	party_heard(a, "* b is away: lunch\n");
}
END_TEST

START_TEST(away_told_once)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct person *c = party_enter("c");

	ck_assert(user_set_away(&b->user, "lunch"));
	ck_assert(message(a, b, "1"));
	party_heard(a, "* b is away: lunch\n");
	ck_assert(message(a, b, "2"));
	party_heard(a, "");
	ck_assert(message(c, b, "3"));
	party_heard(c, "* b is away: lunch\n");
	ck_assert_int_eq(rename_to(a, "alice"), ROOM_OK);
	ck_assert(message(a, b, "4")); /* the same person */
	party_heard(a, "");
	/* a new reason is news */
	ck_assert(user_set_away(&b->user, "meeting"));
	ck_assert(message(a, b, "5"));
	party_heard(a, "* b is away: meeting\n");
	ck_assert(user_set_away(&b->user, NULL));
	ck_assert(message(a, b, "6"));
	party_heard(a, "");
	ck_assert_ptr_null(b->user.away);
}
END_TEST

/* A newcomer with the name of one who was told is told, too. */
START_TEST(away_told_by_id)
{
	struct person *a = party_enter("a"), *b = party_enter("b");

	user_set_away(&b->user, "lunch");
	ck_assert(message(a, b, "1"));
	party_heard(a, "* b is away: lunch\n");
	user_exit(&party.reg, &a->user, NULL);
	a = party_enter("a");
	ck_assert(message(a, b, "2"));
	party_heard(a, "* b is away: lunch\n");
}
END_TEST

/* ---- ignoring ---- */

START_TEST(ignoring)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room = party_join(b, "#dev");

	party_join(a, "#dev");
	ck_assert(user_ignore(&party.reg, &a->user, &b->user));
	ck_assert(user_ignore(&party.reg, &a->user, &b->user)); /* twice */
	ck_assert_uint_eq(a->user.ignored.n, 1);
	room_say(&party.reg, &b->user, room, "hello", false);
	room_say(&party.reg, &b->user, room, "waves", true);
	ck_assert(message(b, a, "psst"));
	ck_assert_uint_eq(a->user.reply_to, 0);
	/* whatever they rename to, and wherever they go */
	ck_assert_int_eq(rename_to(b, "nobody"), ROOM_OK);
	room_say(&party.reg, &b->user, room, "hello", false);
	room_leave(&party.reg, &b->user, room, "bye");
	room_join(&party.reg, &b->user, "#dev", NULL);
	/* (that a runs the room now comes from the server) */
	party_heard(a, "* You run #dev now: /kick and /op are yours.\n");
	/* b hears a */
	room_say(&party.reg, &a->user, room, "peace", false);
	party_heard(b, "[#dev] a: peace\n");
	user_unignore(&a->user, &b->user);
	ck_assert(!user_ignores(&a->user, &b->user));
	room_say(&party.reg, &b->user, room, "hello", false);
	party_heard(a, "[#dev] nobody: hello\n");
}
END_TEST

/* One who took the name of somebody ignored is heard. */
START_TEST(ignoring_is_by_id)
{
	struct person *a = party_enter("a"), *b = party_enter("b");

	ck_assert(user_ignore(&party.reg, &a->user, &b->user));
	user_exit(&party.reg, &b->user, NULL);
	b = party_enter("b");
	ck_assert(!user_ignores(&a->user, &b->user));
	ck_assert(message(b, a, "hello"));
	party_heard(a, "[private] b: hello\n");
}
END_TEST

/* An away text is no way to reach somebody either. */
START_TEST(ignoring_and_away)
{
	struct person *a = party_enter("a"), *b = party_enter("b");

	user_set_away(&a->user, "lunch");
	user_ignore(&party.reg, &a->user, &b->user);
	ck_assert(message(b, a, "hello"));
	party_heard(a, "");
	party_heard(b, "");
}
END_TEST

/* A set does not grow with people who have left. */
START_TEST(sets_stay_small)
{
	struct person *a = party_enter("a"), *b;
	int i;

	for (i = 0; i < 1000; i++) {
		b = party_enter(NULL);
		ck_assert(user_ignore(&party.reg, &a->user, &b->user));
		ck_assert(user_ignores(&a->user, &b->user));
		user_exit(&party.reg, &b->user, NULL);
	}
	ck_assert_uint_le(a->user.ignored.size, 8);
	/* but keeps those who are there */
	for (i = 0; i < 40; i++)
		user_ignore(&party.reg, &a->user, &party_enter(NULL)->user);
	for (i = 1; i <= 40; i++)
		ck_assert(user_ignores(&a->user, &party.people[i].user));
}
END_TEST

START_TEST(telling)
{
	struct person *a = party_enter("a");

	user_tell(&party.reg, &a->user, "* %s is %d", "x", 5);
	party_heard(a, "* x is 5\n");
	ck_assert_int_eq(a->kind, LINE_REPLY);
}
END_TEST

UNIT_MAIN("user", party_setup, party_teardown, guests, finding,
    names_are_one_persons, rename_seen_once, exit_seen_in_each_room,
    exit_while_closing, ids_never_again, messages, message_to_the_full,
    away_told_once, away_told_by_id, ignoring, ignoring_is_by_id,
    ignoring_and_away, sets_stay_small, telling)
