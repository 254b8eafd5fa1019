/* People and rooms out of one registry into another: all of it. */
#include <sys/param.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "exported.h"
#include "people.h"
#include "unit.h"

/* ---- all there is to know ---- */

static char dumps[2][1 << 17];
static char *at; /* in one of these */

static void dump(const char *fmt, ...) LOG_PRINTF(1, 2);

static void
dump(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	at += vsprintf(at, fmt, ap);
	va_end(ap);
}

static void
dump_ids(const char *what, const struct id_set *set)
{
	uint32_t i;

	dump("  %s", what);
	for (i = 0; i < set->n; i++)
		dump(" %llx", (unsigned long long)set->ids[i]);
	dump("\n");
}

static const char *
or_none(const char *s)
{
	return s != NULL ? s : "none";
}

static void
dump_history(const struct history *h)
{
	const struct history_entry *entry;

	dump("  history %u next %llu\n", h->n,
	    (unsigned long long)h->next_number);
	TAILQ_FOREACH(entry, &h->list, next)
		dump("    %llu %lld %llx %d <%s> <%s>\n",
		    (unsigned long long)entry->number, (long long)entry->when,
		    (unsigned long long)entry->speaker, entry->kind, entry->who,
		    entry->text);
}

static void
dump_bans(const struct bans *bans)
{
	char text[ADDRESS_TEXT_SIZE];
	const struct ban *ban;

	dump("  bans %u\n", bans->n);
	TAILQ_FOREACH(ban, &bans->list, next)
		dump("    %llu %llx <%s> %s\n", (unsigned long long)ban->until,
		    (unsigned long long)ban->id, ban->name,
		    ban->has_address ? address_text(&ban->address, text) :
				       "nowhere");
	dump_ids("invited", &bans->invited);
}

static void
dump_room(const struct room *room)
{
	const struct tally *t;
	uint32_t i;

	dump("%s %llu %s%s topic %s listed %s key %s op %s\n  members",
	    room->name, (unsigned long long)room->number,
	    room->permanent ? "permanent" : "ordinary",
	    room->is_pending ? " pending" : "", or_none(room->topic),
	    or_none(room->listed_topic), or_none(room->key),
	    room->op != NULL ? room->op->name : "nobody");
	for (i = 0; i < room->nmembers; i++)
		dump(" %s", room->members[i]->name);
	dump("\n");
	for (t = room->tallies; t < room->tallies + TALLY_KINDS; t++)
		dump("  tally %llu %llx %u %u\n", (unsigned long long)t->since,
		    (unsigned long long)t->last, t->told, t->held);
	dump_history(&room->history);
	dump_bans(&room->bans);
	dump_ids("outsiders", &room->outsiders);
}

static void
dump_user(const struct user *u)
{
	uint16_t i;

	dump("%s %llx%s%s%s%s reply %llx last %llu current %s\n ", u->name,
	    (unsigned long long)u->id, u->is_guest ? " guest" : "",
	    u->is_unannounced ? " unannounced" : "",
	    u->set_quiet ? " quiet" : "", u->set_bell ? " bell" : "",
	    (unsigned long long)u->reply_to, (unsigned long long)u->last_line,
	    u->current != NULL ? u->current->name : "none");
	for (i = 0; i < u->nrooms; i++)
		dump(" %s %llu", u->rooms[i].room->name,
		    (unsigned long long)u->rooms[i].number);
	dump("\n");
	dump_ids("ignored", &u->ignored);
	if (u->away == NULL)
		return;
	dump("  away <%s>\n", u->away->text);
	dump_ids("told", &u->away->told);
}

static void
dump_all(char *to)
{
	struct room *rooms[64];
	unsigned i, n = rooms_list(&people.reg, rooms);

	at = to;
	dump("due %llu\n", (unsigned long long)people.reg.due);
	for (i = 0; i < n; i++)
		dump_room(rooms[i]);
	for (i = 0; i < PEOPLE_MAX; i++) {
		if (people.list[i].user.id != 0)
			dump_user(&people.list[i].user);
	}
	ck_assert(at < to + sizeof(dumps[0]));
}

/* Another process has all that there is, and only that. */
static void
all_comes(void)
{
	dump_all(dumps[0]);
	exported_free();
	exported_write();
	exported_begin_anew();
	ck_assert_uint_eq(exported_read(), 0);
	dump_all(dumps[1]);
	ck_assert_str_eq(dumps[1], dumps[0]);
	people_check();
}

/* ---- people ---- */

START_TEST(something_of_everything)
{
	exported_a_little();
	all_comes();
	ck_assert_ptr_nonnull(strstr(dumps[0], "unannounced"));
	ck_assert_ptr_nonnull(strstr(dumps[0], "2001:db8::7"));
	ck_assert_ptr_nonnull(strstr(dumps[0], "away <lunch>\n  told "));
	/* and again */
	all_comes();
}
END_TEST

START_TEST(nobody)
{
	all_comes();
}
END_TEST

/* Rooms that the configuration has, with their own topics and others. */
START_TEST(listed)
{
	struct person *a;

	people_list_room("#dev", "of the file", "key");
	people_list_room("#ops", NULL, NULL);
	people_configure();
	a = people_enter("a");
	ck_assert_int_eq(
	    member_join(&people.reg, &a->user, "#dev", "key"), CHAT_OK);
	ck_assert(room_set_topic(
	    &people.reg, &a->user, a->user.current, "another one"));
	people_say(a, a->user.current, "hello");
	all_comes();
}
END_TEST

/* Many come, rename and go within a second: the sums are still due. */
START_TEST(sums)
{
	struct person *first = people_enter("first"), *p;
	struct room *room = people_join(first, "#dev");
	int i;

	for (i = 0; i < 30; i++) {
		p = people_enter(NULL);
		(void)member_join(&people.reg, &p->user, "#dev", NULL);
		if (i % 2 == 0)
			member_leave(&people.reg, &p->user, room, NULL);
	}
	ck_assert(room->is_pending);
	all_comes();
	first = people.list;
	people_forget();
	people.reg.now += TALLY_MS;
	rooms_tick(&people.reg);
	people_heard(
	    first, "[#dev] -- 10 people left\n[#dev] -- 26 people joined\n");
}
END_TEST

/* A history that has gone round, with each limit, and none. */
START_TEST(histories)
{
	struct person *a = people_enter("a");
	struct room *room = people_join(a, "#dev");
	char text[16];
	int i;

	people.conf.history = (unsigned)_i;
	people_configure();
	for (i = 0; i < 23; i++) {
		people.reg.wall = i;
		snprintf(text, sizeof(text), "line %d", i);
		people_say(a, room, text);
	}
	all_comes();
	room = people.list[0].user.current;
	people_say(people.list, room, "one more");
	ck_assert_uint_eq(room->history.n, MIN((unsigned)_i, 24));
}
END_TEST

/* The other one has another limit. */
START_TEST(shorter_history)
{
	struct person *a = people_enter("a");
	struct room *room = people_join(a, "#dev");
	const struct history_entry *entry;
	char text[16];
	int i;

	for (i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "%d", i);
		people_say(a, room, text);
	}
	exported_write();
	people.conf.history = 3;
	exported_begin_anew();
	ck_assert_uint_eq(exported_read(), 0);
	i = 57;
	TAILQ_FOREACH(entry, &people.list[0].user.current->history.list, next) {
		snprintf(text, sizeof(text), "%d", i++);
		ck_assert_str_eq(entry->text, text);
	}
	ck_assert_int_eq(i, 60);
}
END_TEST

/* As much as there may be. */
START_TEST(very_much)
{
	struct person *a = people_enter("a"), *p;
	struct room *room = people_join(a, "#dev");
	char name[16];
	int i;

	for (i = 0; i < PEOPLE_MAX - 2; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		p = people_enter(name);
		people_join(p, "#dev");
		people_join(p, i % 2 == 0 ? "#even" : "#odd");
		ck_assert(user_ignore(&people.reg, &a->user, &p->user));
		people_forget();
		if (i % 3 == 0)
			(void)member_kick(
			    &people.reg, &a->user, room, &p->user, NULL);
		people_forget();
	}
	all_comes();
	all_comes();
}
END_TEST

/* A room that was listed meanwhile has a number of its own. */
START_TEST(numbers)
{
	struct person *a = people_enter("a");
	struct room *rooms[8];
	unsigned i, j, n;

	people_join(a, "#dev");
	exported_write();
	people_list_room("#new", NULL, NULL);
	exported_begin_anew();
	ck_assert_uint_eq(exported_read(), 0);
	n = rooms_list(&people.reg, rooms);
	ck_assert_uint_eq(n, 3);
	for (i = 0; i < n; i++) {
		ck_assert_uint_lt(rooms[i]->number, people.reg.rooms_made);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(rooms[i]->number, rooms[j]->number);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("export");
	TCase *tc = unit_case(s, "export", people_setup, exported_teardown);

	UNIT_TESTS(tc, nobody, something_of_everything, listed, sums,
	    shorter_history, very_much, numbers);
	tcase_add_loop_test(tc, histories, 0, 30);
	return unit_run(s);
}
