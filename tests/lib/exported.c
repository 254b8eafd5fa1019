#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "exported.h"
#include "people.h"
#include "unit.h"

#define NOW 1000000

struct exported_record records[EXPORTED_MAX];
size_t nrecords;

static struct record *
add(enum kind kind, uint64_t of)
{
	ck_assert_uint_lt(nrecords, EXPORTED_MAX);
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

void
exported_write(void)
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

bool
exported_read_one(struct imported *im, const struct exported_record *rec)
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

unsigned
exported_read(void)
{
	struct imported im;
	unsigned wrong = 0;
	size_t i;

	import_begin(&im, &people.reg);
	for (i = 0; i < nrecords; i++)
		wrong += !exported_read_one(&im, &records[i]);
	import_finish(&im);
	people_configure();
	return wrong;
}

void
exported_begin_anew(void)
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

void
exported_free(void)
{
	while (nrecords > 0)
		record_free(&records[--nrecords].r);
}

void
exported_teardown(void)
{
	exported_free();
	people_teardown();
}

/* ---- people ---- */

static void
set_address(struct room *room)
{
	struct ban *ban = TAILQ_FIRST(&room->bans.list);

	ban->has_address = true;
	ban->address = address_of("2001:db8::7");
}

void
exported_a_little(void)
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
	people_say(a, one, "hello");
	ck_assert(room_say(reg, &c->user, one, "waves", true));
	people_say(d, two, "from outside");
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
