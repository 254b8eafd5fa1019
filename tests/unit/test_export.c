/* People and rooms out of one registry into another: all of it, and what is
 * left of it where a record is not what was written. */
#include <sys/param.h>

#include <arpa/inet.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/chat/export.h"
#include "address.h"
#include "people.h"
#include "unit.h"

#define MAX_RECORDS 256
#define NOW         1000000

/* ---- memory ---- */

static size_t most; /* bytes asked for at once, since somebody set it to 0 */

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);

void *
__wrap_malloc(size_t n)
{
	most = MAX(most, n);
	return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	most = MAX(most, n * size);
	return __real_calloc(n, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	most = MAX(most, n * size);
	return __real_reallocarray(p, n, size);
}

/* ---- records ---- */

enum kind { ROOM, TALLIES, BANS, SAID, USER, IGNORED, AWAY };

static struct kept_record {
	enum kind kind;
	uint64_t of; /* the number of a room; the place of a person */
	struct record r;
} records[MAX_RECORDS];
static size_t nrecords;

static struct record *
add(enum kind kind, uint64_t of)
{
	ck_assert_uint_lt(nrecords, MAX_RECORDS);
	records[nrecords].kind = kind;
	records[nrecords].of = of;
	return &records[nrecords++].r;
}

/* As of qsort(3). */
static int
compare_rooms(const void *a, const void *b)
{
	const struct room *one = *(struct room *const *)a,
			  *other = *(struct room *const *)b;

	return (one->number > other->number) - (one->number < other->number);
}

static void
export_rooms(void)
{
	const struct history_entry *entry;
	struct room *rooms[64];
	unsigned i, n = rooms_list(&people.reg, rooms);

	qsort(rooms, n, sizeof(rooms[0]), compare_rooms);
	for (i = 0; i < n; i++)
		export_room(rooms[i], add(ROOM, 0));
	for (i = 0; i < n; i++) {
		export_tallies(rooms[i], add(TALLIES, rooms[i]->number));
		export_bans(rooms[i], add(BANS, rooms[i]->number));
		/* the last first: they may come in any order */
		TAILQ_FOREACH_REVERSE(
		    entry, &rooms[i]->history.list, history_entries, next)
		export_said(entry, add(SAID, rooms[i]->number));
	}
}

static void
export_all(void)
{
	unsigned i;

	export_rooms();
	for (i = 0; i < PEOPLE_MAX; i++) {
		if (people.list[i].user.id == 0)
			continue;
		export_user(&people.list[i].user, add(USER, i));
		export_ignored(&people.list[i].user, add(IGNORED, i));
		if (people.list[i].user.away != NULL)
			export_away(&people.list[i].user, add(AWAY, i));
	}
	for (i = 0; i < nrecords; i++)
		ck_assert(!records[i].r.failed);
}

static bool
import_one(struct imported *im, const struct kept_record *rec)
{
	struct record_reader r = record_reader(rec->r.bytes, rec->r.len);
	struct user *u = &people.list[rec->of % PEOPLE_MAX].user;
	struct room *room;

	if (rec->kind == USER)
		return import_user(im, u, &r) && record_is_whole(&r);
	if (rec->kind == IGNORED)
		return u->id != 0 && import_ignored(u, &r);
	if (rec->kind == AWAY)
		return u->id != 0 && import_away(u, &r);
	if (rec->kind == ROOM)
		return import_room(im, &r) != NULL && record_is_whole(&r);
	if ((room = imported_room(im, rec->of)) == NULL)
		return false;
	if (rec->kind == TALLIES)
		return import_tallies(room, &r);
	return rec->kind == BANS ? import_bans(room, &r) :
				   import_said(room, &r);
}

/* Another process, which reads all of them.  Returns how many it cannot. */
static unsigned
import_all(void)
{
	struct imported im;
	unsigned wrong = 0;
	size_t i;

	import_begin(&im, &people.reg);
	for (i = 0; i < nrecords; i++)
		wrong += !import_one(&im, &records[i]);
	import_finish(&im);
	people_configure();
	return wrong;
}

/* An empty registry; only what is always kept. */
static void
begin_anew(void)
{
	const struct registry old = people.reg;
	int i;

	people.reg.closing = true;
	for (i = 0; i < PEOPLE_MAX; i++) {
		if (people.list[i].user.id != 0)
			member_exit(&people.reg, &people.list[i].user, NULL);
		memset(&people.list[i].user, 0, sizeof(struct user));
		people.list[i].len = 0;
	}
	rooms_free(&people.reg);
	registry_free(&people.reg);
	registry_init(&people.reg, old.ops);
	people.reg.now = NOW;
	people_configure();
	people.reg.rooms_made = old.rooms_made;
	people.reg.joins = old.joins;
	people.reg.generation = old.generation;
	people.reg.next_guest = old.next_guest;
}

static void
free_records(void)
{
	while (nrecords > 0)
		record_free(&records[--nrecords].r);
}

static void
teardown(void)
{
	free_records();
	people_teardown();
}

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
	free_records();
	export_all();
	begin_anew();
	ck_assert_uint_eq(import_all(), 0);
	dump_all(dumps[1]);
	ck_assert_str_eq(dumps[1], dumps[0]);
	people_check();
}

/* ---- people ---- */

static void
say(struct person *p, struct room *room, const char *text)
{
	ck_assert(room_say(&people.reg, &p->user, room, text, false));
}

static void
set_address(struct room *room)
{
	struct ban *ban = TAILQ_FIRST(&room->bans.list);

	ban->has_address = true;
	ban->address = address_of("2001:db8::7");
}

/* Something of everything, and not much of it. */
static void
a_little(void)
{
	struct registry *reg = &people.reg;
	struct person *a = people_enter("a"), *b = people_enter("bob");
	struct person *c = people_enter(NULL), *d = people_enter("d");
	struct room *one = people_join(b, "#one"), *two;

	people_join(a, "#one");
	people_join(c, "#one");
	people_join(d, "#one");
	people_join(a, "#lobby");
	ck_assert_int_eq(member_join(reg, &a->user, "#two", "sesame"), CHAT_OK);
	two = a->user.current;
	people_join(a, "#one");
	ck_assert(room_set_topic(reg, &b->user, one, "a topic"));
	reg->wall = 1234567890;
	say(a, one, "hello");
	ck_assert(room_say(reg, &c->user, one, "waves", true));
	say(d, two, "from outside");
	ck_assert_int_eq(
	    member_kick(reg, &b->user, one, &d->user, "why"), CHAT_OK);
	ck_assert(member_invite(reg, &b->user, one, "d"));
	ck_assert_int_eq(
	    member_kick(reg, &b->user, one, &c->user, NULL), CHAT_OK);
	set_address(one);
	ck_assert(user_set_away(reg, &a->user, "lunch"));
	ck_assert(user_message(reg, &b->user, &a->user, "psst", false));
	ck_assert(user_ignore(reg, &c->user, &a->user));
	ck_assert_int_eq(
	    member_enter(reg, &d->user, room_find(reg, "#lobby")), CHAT_OK);
	c->user.set_quiet = a->user.set_bell = true;
	people_forget();
}

START_TEST(something_of_everything)
{
	a_little();
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
	say(a, a->user.current, "hello");
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
		say(a, room, text);
	}
	all_comes();
	room = people.list[0].user.current;
	say(people.list, room, "one more");
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
		say(a, room, text);
	}
	export_all();
	people.conf.history = 3;
	begin_anew();
	ck_assert_uint_eq(import_all(), 0);
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

/* Who ran a room has not come: then it is who is there longest. */
START_TEST(op_is_missing)
{
	size_t i;

	a_little();
	export_all();
	begin_anew();
	for (i = 0; records[i].kind != USER || records[i].of != 1; i++)
		;
	records[i].r.len = 0;
	ck_assert_uint_ge(import_all(), 1);
	ck_assert_str_eq(room_find(&people.reg, "#one")->op->name, "a");
	people_check();
}
END_TEST

/* A room has not come: whoever was in it is in their others. */
START_TEST(room_is_missing)
{
	const struct user *a = &people.list[0].user;
	size_t i;

	a_little();
	export_all();
	begin_anew();
	for (i = 0;
	     memmem(records[i].r.bytes, records[i].r.len, "#one", 4) == NULL;
	     i++)
		;
	records[i].r.len--;
	ck_assert_uint_ge(import_all(), 1);
	ck_assert_ptr_null(room_find(&people.reg, "#one"));
	ck_assert_uint_eq(people.reg.nusers, 4);
	ck_assert_uint_eq(a->nrooms, 2);
	ck_assert_ptr_nonnull(a->current);
	people_check();
	begin_anew();
	records[i].r.len++;
	for (i = 0;
	     memmem(records[i].r.bytes, records[i].r.len, "#lobby", 6) == NULL;
	     i++)
		;
	records[i].r.len--;
	ck_assert_uint_ge(import_all(), 1);
	ck_assert_uint_eq(people.reg.nusers, 4);
	ck_assert_uint_eq(a->nrooms, 2);
	ck_assert_str_eq(a->current->name, "#one");
	people_check();
}
END_TEST

/* Rooms that nobody has come into are over, those that are listed now stay. */
START_TEST(empty_rooms)
{
	struct person *a = people_enter("a");
	size_t i;

	people_join(a, "#dev");
	people_join(a, "#ops");
	export_all();
	begin_anew();
	for (i = 0; records[i].kind != USER; i++)
		;
	nrecords = i;
	people_list_room("#ops", NULL, NULL);
	(void)import_all();
	ck_assert_ptr_null(room_find(&people.reg, "#dev"));
	ck_assert_ptr_nonnull(room_find(&people.reg, "#ops"));
	ck_assert_uint_eq(people.reg.nrooms, 2);
	people_check();
}
END_TEST

/* A room that was listed meanwhile has a number of its own. */
START_TEST(numbers)
{
	struct person *a = people_enter("a");
	struct room *rooms[8];
	unsigned i, j, n;

	people_join(a, "#dev");
	export_all();
	people_list_room("#new", NULL, NULL);
	begin_anew();
	ck_assert_uint_eq(import_all(), 0);
	n = rooms_list(&people.reg, rooms);
	ck_assert_uint_eq(n, 3);
	for (i = 0; i < n; i++) {
		ck_assert_uint_lt(rooms[i]->number, people.reg.rooms_made);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(rooms[i]->number, rooms[j]->number);
	}
}
END_TEST

/* ---- records that are not what was written ---- */

#define HUGE (64 << 20)

/* Whatever came of it, it is consistent, and people can go on. */
static void
still_good(const char *what, size_t record, size_t where)
{
	if (most >= HUGE)
		ck_abort_msg(
		    "%s %zu at %zu takes %zu bytes", what, record, where, most);
	people_check();
}

static void
prepare(void)
{
	a_little();
	export_all();
	most = 0;
}

START_TEST(flipped)
{
	struct kept_record *rec;
	size_t i, bit;

	prepare();
	for (i = (size_t)_i; i < nrecords; i += 8) {
		rec = &records[i];
		for (bit = 0; bit < rec->r.len * 8; bit++) {
			rec->r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
			begin_anew();
			(void)import_all();
			still_good("flipped", i, bit);
			rec->r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		}
	}
}
END_TEST

START_TEST(cut)
{
	struct kept_record *rec;
	size_t i, len;

	prepare();
	for (i = 0; i < nrecords; i++) {
		rec = &records[i];
		len = rec->r.len;
		for (rec->r.len = 0; rec->r.len < len; rec->r.len++) {
			begin_anew();
			if (import_all() == 0)
				ck_abort_msg(
				    "%zu cut to %zu is good", i, rec->r.len);
			still_good("cut", i, rec->r.len);
		}
	}
}
END_TEST

START_TEST(longer)
{
	size_t i;

	prepare();
	for (i = 0; i < nrecords; i++) {
		record_put_u8(&records[i].r, 0);
		begin_anew();
		if (import_all() == 0)
			ck_abort_msg("%zu is good", i);
		still_good("longer", i, 0);
		records[i].r.len--;
	}
}
END_TEST

/* A room without all that it was has no door that stands open. */
START_TEST(key_is_missing)
{
	const struct room *room;
	size_t i, len;

	prepare();
	for (i = 0;
	     memmem(records[i].r.bytes, records[i].r.len, "sesame", 6) == NULL;
	     i++)
		;
	for (len = records[i].r.len; records[i].r.len > 0;) {
		records[i].r.len--;
		begin_anew();
		(void)import_all();
		room = room_find(&people.reg, "#two");
		if (room != NULL)
			ck_assert_str_eq(room->key, "sesame");
	}
	records[i].r.len = len;
}
END_TEST

/* Each comes twice. */
START_TEST(twice)
{
	struct kept_record *again = &records[MAX_RECORDS - 1];
	size_t i, j;
	struct imported im;

	prepare();
	for (i = 0; i < nrecords; i++) {
		begin_anew();
		*again = records[i];
		import_begin(&im, &people.reg);
		for (j = 0; j < nrecords; j++) {
			(void)import_one(&im, &records[j]);
			if (j == i && records[i].kind != USER)
				(void)import_one(&im, again);
		}
		import_finish(&im);
		people_configure();
		still_good("twice", i, 0);
	}
	memset(again, 0, sizeof(*again));
}
END_TEST

/* Two rooms of one name, which nobody is in. */
START_TEST(two_of_a_name)
{
	struct person *a = people_enter("a");
	size_t i;

	people_join(a, "#one");
	people_join(a, "#two");
	export_all();
	for (i = 0; i < nrecords; i++) {
		char *name = memmem(
		    records[i].r.bytes, records[i].r.len, "#two", 4);

		if (records[i].kind == ROOM && name != NULL)
			memcpy(name, "#ONE", 4);
		if (records[i].kind == USER)
			records[i].r.len = 0;
	}
	begin_anew();
	ck_assert_uint_ge(import_all(), 1);
	still_good("two of a name", 0, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("export");
	TCase *tc = unit_case(s, "export", people_setup, teardown);

	UNIT_TESTS(tc, nobody, something_of_everything, listed, sums,
	    shorter_history, very_much, op_is_missing, room_is_missing,
	    empty_rooms, numbers, cut, longer, key_is_missing, twice,
	    two_of_a_name);
	tcase_add_loop_test(tc, histories, 0, 30);
	tcase_add_loop_test(tc, flipped, 0, 8);
	return unit_run(s);
}
