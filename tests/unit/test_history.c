/* The history of a room: what is kept, and what is shown of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "people.h"
#include "unit.h"

START_TEST(history_ring)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room;
	char text[16];
	int i;

	people.conf.history = 3;
	people_configure();
	setenv("TZ", "UTC0", 1);
	tzset();
	room = people_join(a, "#dev");
	for (i = 1; i <= 2; i++) {
		people.reg.wall = i * 60;
		snprintf(text, sizeof(text), "line %d", i);
		people_say(a, room, text);
	}
	ck_assert_uint_eq(room->history.n, 2);
	room_replay(&people.reg, room, &b->user, 3);
	people_heard(b, "00:01 [#dev] a: line 1\n00:02 [#dev] a: line 2\n");
	people.reg.wall = 3 * 3600;
	people_say(a, room, "line 3");
	ck_assert_uint_eq(room->history.n, 3);
	people_say(a, room, "line 4");
	ck_assert_uint_eq(room->history.n, 3);
	room_replay(&people.reg, room, &b->user, 3);
	people_heard(b,
	    "00:02 [#dev] a: line 2\n03:00 [#dev] a: line 3\n"
	    "03:00 [#dev] a: line 4\n");
	room_replay(&people.reg, room, &b->user, 1);
	people_heard(b, "03:00 [#dev] a: line 4\n");
	room_replay(&people.reg, room, &b->user, 0);
	people_heard(b, "");
}
END_TEST

START_TEST(history_changes)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_join(a, "#dev");

	room_say(&people.reg, &a->user, room, "waves", true);
	people_say(a, room, "two");
	people.conf.history = 1;
	people_configure();
	ck_assert_uint_eq(room->history.n, 1);
	room_replay(&people.reg, room, &b->user, 9);
	ck_assert_ptr_nonnull(strstr(b->heard, "[#dev] a: two\n"));
	people.conf.history = 0;
	people_configure();
	ck_assert_uint_eq(room->history.n, 0);
	people_say(a, room, "three");
	ck_assert_uint_eq(room->history.n, 0);
	people.conf.history = 2;
	people_configure();
	people_say(a, room, "four");
	ck_assert_uint_eq(room->history.n, 1);
}
END_TEST

/* What is told is not said: joins and topics are not in it. */
START_TEST(history_is_speech)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_all("#dev");

	room_set_topic(&people.reg, &a->user, room, "x");
	member_leave(&people.reg, &b->user, room, "bye");
	ck_assert_uint_eq(room->history.n, 0);
	room_say(&people.reg, &a->user, room, "waves", true);
	ck_assert_uint_eq(room->history.n, 1);
}
END_TEST

/* Lines of people whom one ignores are not replayed, nor counted. */
START_TEST(history_of_the_ignored)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct person *c = people_enter("c");
	struct room *room = people_join(a, "#dev");

	people_join(b, "#dev");
	setenv("TZ", "UTC0", 1);
	tzset();
	people_say(a, room, "one");
	people_say(b, room, "two");
	people_say(a, room, "three");
	user_ignore(&people.reg, &c->user, &b->user);
	ck_assert_uint_eq(room_count_history(room, &c->user, 9), 2);
	ck_assert_uint_eq(room_count_history(room, &a->user, 9), 3);
	ck_assert_uint_eq(room_count_history(room, &c->user, 1), 1);
	room_replay(&people.reg, room, &c->user, 2);
	people_heard(c, "00:00 [#dev] a: one\n00:00 [#dev] a: three\n");
	people_say(b, room, "four");
	room_replay(&people.reg, room, &c->user, 1);
	people_heard(c, "00:00 [#dev] a: three\n");
	user_ignore(&people.reg, &c->user, &a->user);
	ck_assert_uint_eq(room_count_history(room, &c->user, 9), 0);
	room_replay(&people.reg, room, &c->user, 9);
	people_heard(c, "");
}
END_TEST

/* The last line is found without a look at all of them. */
START_TEST(history_from_its_end)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_join(a, "#dev");
	clock_t began;
	int i;

	people.conf.history = 100000;
	people_configure();
	for (i = 0; i < 100000; i++)
		people_say(a, room, "x");
	ck_assert_uint_eq(room->history.n, 100000);
	began = clock();
	for (i = 0; i < 20000; i++) {
		ck_assert_uint_eq(room_count_history(room, &b->user, 1), 1);
		b->len = 0;
		room_replay(&people.reg, room, &b->user, 1);
	}
	ck_assert_int_lt(clock() - began, 2 * CLOCKS_PER_SEC);
}
END_TEST

/* ---- of an earlier process ---- */

static void
bring_back(struct history *h, uint64_t number)
{
	struct chat_event ev = { .kind = EVENT_ACTION,
		.time = (time_t)number,
		.who = "a",
		.text = "x" };

	ck_assert(history_return(h, number, &ev, 7));
}

static void
check_numbers(const struct history *h, const uint64_t *numbers, unsigned n)
{
	const struct history_entry *entry;
	unsigned i = 0;

	ck_assert_uint_eq(h->n, n);
	TAILQ_FOREACH(entry, &h->list, next)
		ck_assert_uint_eq(entry->number, numbers[i++]);
	ck_assert_uint_eq(i, n);
}

/* In any order they come into theirs; as a ring that was gone round, say. */
START_TEST(history_returned)
{
	static const uint64_t orders[][5] = { { 10, 11, 12, 13, 14 },
		{ 12, 13, 14, 10, 11 }, { 14, 13, 12, 11, 10 },
		{ 11, 14, 10, 13, 12 }, { 14, 10, 11, 12, 13 } };
	struct chat_event ev = { .kind = EVENT_SAY, .who = "a", .text = "y" };
	struct history h;
	size_t i, j;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		history_init(&h);
		for (j = 0; j < 5; j++)
			bring_back(&h, orders[i][j]);
		check_numbers(&h, orders[0], 5);
		ck_assert_uint_eq(h.next_number, 15);
		ck_assert_uint_eq(h.kept, 15);
		ck_assert_uint_eq(TAILQ_FIRST(&h.list)->speaker, 7);
		ck_assert_int_eq(TAILQ_FIRST(&h.list)->kind, EVENT_ACTION);
		/* what follows is new to the keeper */
		history_add(&h, &ev, 8, 5);
		ck_assert_uint_eq(
		    TAILQ_LAST(&h.list, history_entries)->number, 15);
		ck_assert_uint_eq(h.kept, 15);
		ck_assert_uint_eq(h.n, 5);
		history_trim(&h, 0);
		ck_assert(TAILQ_EMPTY(&h.list));
	}
}
END_TEST

/* The one behind which others were put may be forgotten meanwhile. */
START_TEST(history_returned_and_trimmed)
{
	static const uint64_t left[] = { 3, 4 };
	struct history h;

	history_init(&h);
	bring_back(&h, 2);
	history_trim(&h, 0);
	bring_back(&h, 4);
	bring_back(&h, 1);
	history_trim(&h, 1);
	bring_back(&h, 3);
	check_numbers(&h, left, 2);
	history_trim(&h, 0);
}
END_TEST

/* However many they are, that is done at once. */
START_TEST(history_returned_quickly)
{
	struct chat_event ev = { .kind = EVENT_SAY, .who = "a", .text = "x" };
	clock_t began = clock();
	struct history h;
	uint64_t i;

	history_init(&h);
	for (i = 50000; i < 100000; i++)
		(void)history_return(&h, i, &ev, 7);
	for (i = 0; i < 50000; i++)
		(void)history_return(&h, i, &ev, 7);
	ck_assert_uint_eq(h.n, 100000);
	ck_assert_int_lt(clock() - began, 2 * CLOCKS_PER_SEC);
	history_trim(&h, 0);
}
END_TEST

UNIT_MAIN("history", people_setup, people_teardown, history_ring,
    history_changes, history_is_speech, history_of_the_ignored,
    history_from_its_end, history_returned, history_returned_and_trimmed,
    history_returned_quickly)
