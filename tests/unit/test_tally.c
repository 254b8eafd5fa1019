/* Joins and leaves that are summed up: at most 5 a second are told one by one
 * in each room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "people.h"
#include "unit.h"

/* So many newcomers p0, p1, ... join #dev. */
static void
crowd_joins(int from, int n)
{
	char name[16];
	int i;

	for (i = from; i < from + n; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		ck_assert_int_eq(member_join(&people.reg,
				     &people_enter(name)->user, "#dev", NULL),
		    CHAT_OK);
	}
}

static void
crowd_leaves(int from, int n)
{
	char name[16];
	int i;

	for (i = from; i < from + n; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		member_exit(&people.reg, user_find(&people.reg, name),
		    "connection lost");
	}
}

/* Somebody who is there and hears it all; nothing is tallied yet. */
static struct person *
witness(void)
{
	struct person *w = people_enter("witness");

	people_join(w, "#dev");
	people.reg.now += 10 * TALLY_MS;
	return w;
}

/* w has heard of each of so many that they did that. */
static void
told(struct person *w, int from, int n, const char *what)
{
	char want[512];
	int i, len = 0;

	for (i = from; i < from + n; i++)
		len += snprintf(want + len, sizeof(want) - (size_t)len,
		    "[#dev] -- p%d %s\n", i, what);
	people_heard(w, want);
}

static void
tick_at(uint64_t now)
{
	people.reg.now = now;
	rooms_tick(&people.reg);
}

START_TEST(one_below)
{
	struct person *w = witness();

	crowd_joins(0, 4);
	told(w, 0, 4, "joined");
	ck_assert_uint_eq(people.reg.due, UINT64_MAX);
	tick_at(people.reg.now + 2 * TALLY_MS);
	people_heard(w, "");
}
END_TEST

START_TEST(at_the_limit)
{
	struct person *w = witness();

	crowd_joins(0, 5);
	told(w, 0, 5, "joined");
	ck_assert_uint_eq(people.reg.due, UINT64_MAX);
	tick_at(people.reg.now + 2 * TALLY_MS);
	people_heard(w, "");
}
END_TEST

START_TEST(one_above)
{
	struct person *w = witness();
	uint64_t start = people.reg.now;

	crowd_joins(0, 5);
	people_forget();
	crowd_joins(5, 1);
	people_heard(w, "");
	ck_assert_uint_eq(people.reg.due, start + TALLY_MS);
	tick_at(start + TALLY_MS - 1);
	people_heard(w, "");
	ck_assert_uint_eq(people.reg.due, start + TALLY_MS);
	tick_at(start + TALLY_MS);
	people_heard(w, "[#dev] -- 1 person joined\n");
	ck_assert_uint_eq(people.reg.due, UINT64_MAX);
	tick_at(start + 3 * TALLY_MS);
	people_heard(w, "");
}
END_TEST

START_TEST(many)
{
	struct person *w = witness();

	crowd_joins(0, 53);
	people_forget();
	tick_at(people.reg.now + TALLY_MS);
	people_heard(w, "[#dev] -- 48 people joined\n");
	/* and out again, within a second */
	crowd_leaves(0, 53);
	told(w, 0, 5, "left (connection lost)");
	tick_at(people.reg.now + TALLY_MS);
	people_heard(w, "[#dev] -- 48 people left\n");
}
END_TEST

/* The second begins with the first join that is told in it. */
START_TEST(window_edges)
{
	struct person *w = witness();
	uint64_t start = people.reg.now;

	crowd_joins(0, 3);
	people.reg.now = start + TALLY_MS - 1;
	crowd_joins(3, 3);
	told(w, 0, 5, "joined");
	/* a join may come before the tick: the sum goes first */
	people.reg.now = start + TALLY_MS;
	crowd_joins(6, 1);
	people_heard(w, "[#dev] -- 1 person joined\n[#dev] -- p6 joined\n");
	/* a new second began with that */
	crowd_joins(7, 4);
	people_forget();
	crowd_joins(11, 1);
	people_heard(w, "");
	tick_at(start + 2 * TALLY_MS - 1);
	people_heard(w, "");
	tick_at(start + 2 * TALLY_MS);
	people_heard(w, "[#dev] -- 1 person joined\n");
}
END_TEST

/* After a sum the next second starts fresh. */
START_TEST(again_after_a_sum)
{
	struct person *w = witness();

	crowd_joins(0, 7);
	people_forget();
	tick_at(people.reg.now + TALLY_MS);
	people_heard(w, "[#dev] -- 2 people joined\n");
	crowd_joins(7, 5);
	told(w, 7, 5, "joined");
}
END_TEST

/* Joins and leaves are tallied apart, and so is each room. */
START_TEST(apart)
{
	struct person *w = witness(), *other = people_enter("other");

	people_join(w, "#ops");
	people.reg.now += 10 * TALLY_MS;
	crowd_joins(0, 5);
	people_forget();
	crowd_leaves(0, 1);
	people_heard(w, "[#dev] -- p0 left (connection lost)\n");
	ck_assert_int_eq(
	    member_join(&people.reg, &other->user, "#ops", NULL), CHAT_OK);
	people_heard(w, "[#ops] -- other joined\n");
	crowd_joins(10, 2);
	crowd_leaves(1, 4);
	people_forget();
	crowd_leaves(10, 2);
	tick_at(people.reg.now + TALLY_MS);
	people_heard(w,
	    "[#dev] -- 2 people left\n"
	    "[#dev] -- 2 people joined\n");
}
END_TEST

/* Two rooms whose sums are due at different times. */
START_TEST(due_times)
{
	struct person *w = witness();
	uint64_t start = people.reg.now;
	char name[16];
	int i;

	people_join(w, "#ops");
	crowd_joins(0, 6);
	people.reg.now = start + 300;
	/* w's own join of #ops was told in this second, too */
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		member_join(
		    &people.reg, &people_enter(name)->user, "#ops", NULL);
	}
	people_forget();
	ck_assert_uint_eq(people.reg.due, start + TALLY_MS);
	people.reg.now = start + 500;
	tick_at(start + TALLY_MS);
	people_heard(w,
	    "[#dev] -- 1 person joined\n"
	    "[#ops] -- 1 person joined\n");
	ck_assert_uint_eq(people.reg.due, UINT64_MAX);
}
END_TEST

/* /set quiet hides them, one by one and summed. */
START_TEST(quiet)
{
	struct person *w = witness(), *q = people_enter("q");

	people_join(q, "#dev");
	people.reg.now += 10 * TALLY_MS;
	q->user.set_quiet = true;
	crowd_joins(0, 7);
	tick_at(people.reg.now + TALLY_MS);
	people_heard(q, "");
	crowd_leaves(0, 7);
	tick_at(people.reg.now + TALLY_MS);
	people_heard(q, "");
	ck_assert_uint_gt(w->len, 0);
}
END_TEST

/* First names: more of them are told, and quiet ones see them, summed or not.
 */
START_TEST(first_names)
{
	struct person *w = witness(), *q = people_enter("q");
	char name[16], want[32 * 64];
	static struct person guests[ROOM_TALLY_NAMES + 2];
	size_t i, len = 0;

	people_join(q, "#dev");
	q->user.set_quiet = true;
	for (i = 0; i < ROOM_TALLY_NAMES + 2; i++) {
		ck_assert(user_enter(&people.reg, &guests[i].user));
		member_join(&people.reg, &guests[i].user, "#dev", NULL);
	}
	people.reg.now += 10 * TALLY_MS;
	tick_at(people.reg.now);
	people_forget();
	for (i = 0; i < ROOM_TALLY_NAMES + 2; i++) {
		if (i < ROOM_TALLY_NAMES)
			len += (size_t)snprintf(want + len, sizeof(want) - len,
			    "[#dev] -- %s is now n%zu\n", guests[i].user.name,
			    i);
		snprintf(name, sizeof(name), "n%zu", i);
		ck_assert_int_eq(
		    member_rename(&people.reg, &guests[i].user, name), CHAT_OK);
	}
	tick_at(people.reg.now + TALLY_MS);
	snprintf(
	    want + len, sizeof(want) - len, "[#dev] -- 2 people took a name\n");
	people_heard(w, want);
	people_heard(q, want);
	for (i = 0; i < ROOM_TALLY_NAMES + 2; i++)
		member_exit(&people.reg, &guests[i].user, NULL);
}
END_TEST

/* Nobody is told of themselves: the only one held back is told of to others. */
START_TEST(alone_in_the_sum)
{
	struct person *w = witness(), *last;

	crowd_joins(0, 5);
	last = people_enter("last");
	member_join(&people.reg, &last->user, "#dev", NULL);
	people_forget();
	tick_at(people.reg.now + TALLY_MS);
	people_heard(w, "[#dev] -- 1 person joined\n");
	people_heard(last, "");
}
END_TEST

/* A room that goes with a sum waiting leaves nothing behind. */
START_TEST(room_goes_first)
{
	crowd_joins(0, 7);
	crowd_leaves(0, 7);
	ck_assert_ptr_null(room_find(&people.reg, "#dev"));
	ck_assert(TAILQ_EMPTY(&people.reg.pending));
	tick_at(people.reg.now + TALLY_MS);
	ck_assert_uint_eq(people.reg.due, UINT64_MAX);
}
END_TEST

/* The clock of the registry may stand still or start at 0. */
START_TEST(clock_at_zero)
{
	struct person *w = people_enter("witness");

	people.reg.now = 0;
	people_join(w, "#dev");
	crowd_joins(0, 6);
	people_forget();
	tick_at(TALLY_MS - 1);
	people_heard(w, "");
	tick_at(TALLY_MS);
	people_heard(w, "[#dev] -- 2 people joined\n");
}
END_TEST

UNIT_MAIN("tally", people_setup, people_teardown, one_below, at_the_limit,
    one_above, many, window_edges, again_after_a_sum, apart, due_times, quiet,
    first_names, alone_in_the_sum, room_goes_first, clock_at_zero)
