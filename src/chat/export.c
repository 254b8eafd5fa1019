#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/export.h"
#include "banterd/chat/member.h"

/* ---- sets of ids ---- */

void
export_ids(const struct id_set *set, struct record *r)
{
	uint32_t i;

	record_put_u32(r, set->n);
	for (i = 0; i < set->n; i++)
		record_put_u64(r, set->ids[i]);
}

bool
import_ids(struct id_set *set, struct record_reader *r)
{
	uint32_t i, n = record_get_u32(r);

	id_set_clear(set);
	if (r->failed || n > r->left / sizeof(*set->ids))
		return false;
	if (n == 0)
		return true;
	if ((set->ids = calloc(n, sizeof(*set->ids))) == NULL)
		return false;
	set->n = set->size = n;
	for (i = 0; i < n; i++) {
		set->ids[i] = record_get_u64(r);
		if (i > 0 && set->ids[i] <= set->ids[i - 1])
			r->failed = true;
	}
	if (r->failed)
		id_set_clear(set);
	return !r->failed;
}

/* ---- people ---- */

#define IS_GUEST       1U
#define IS_UNANNOUNCED 2U
#define SET_QUIET      4U
#define SET_BELL       8U

void
export_user(const struct user *u, struct record *r)
{
	uint16_t i, current = 0;

	record_put_u64(r, u->id);
	record_put_text(r, u->name);
	record_put_u8(r,
	    (uint8_t)((u->is_guest ? IS_GUEST : 0) |
		(u->is_unannounced ? IS_UNANNOUNCED : 0) |
		(u->set_quiet ? SET_QUIET : 0) | (u->set_bell ? SET_BELL : 0)));
	record_put_u64(r, u->reply_to);
	record_put_u64(r, u->last_line);
	record_put_u64(r, u->owner);
	record_put_u16(r, u->nrooms);
	for (i = 0; i < u->nrooms; i++) {
		if (u->rooms[i].room == u->current)
			current = i;
		record_put_u64(r, u->rooms[i].room->number);
		record_put_u64(r, u->rooms[i].number);
		record_put_u64(r, u->rooms[i].first);
		record_put_u64(r, u->rooms[i].since);
	}
	record_put_u16(r, current);
}

static struct membership
get_membership(const struct imported *im, struct record_reader *r)
{
	struct membership m;

	m.room = imported_room(im, record_get_u64(r));
	m.number = record_get_u64(r);
	m.first = record_get_u64(r);
	m.since = record_get_u64(r);
	return m;
}

/* Their order in the room is made later.  A room that could not be read back is
 * left out: nobody has to go for that. */
static bool
import_membership(struct imported *im, struct user *u, struct record_reader *r)
{
	struct membership m = get_membership(im, r);

	if (r->failed || m.room == NULL)
		return !r->failed;
	return !room_has(m.room, u) && member_return(im->reg, u, &m);
}

/* The room of the membership that is the i-th in list. */
static struct room *
room_at(const struct imported *im, struct record_reader list, uint16_t i)
{
	for (; i > 0; i--)
		(void)get_membership(im, &list);
	return get_membership(im, &list).room;
}

static bool
import_memberships(struct imported *im, struct user *u, struct record_reader *r)
{
	uint16_t i, n = record_get_u16(r);
	struct record_reader list = *r;
	struct room *current;

	for (i = 0; i < n; i++) {
		if (!import_membership(im, u, r))
			return false;
	}
	i = record_get_u16(r);
	if (r->failed || n == 0)
		return !r->failed;
	if (i < n && (current = room_at(im, list, i)) != NULL)
		u->current = current;
	return i < n;
}

bool
import_user(struct imported *im, struct user *u, struct record_reader *r)
{
	char name[NICK_MAX + 1];
	uint64_t id = record_get_u64(r);
	uint8_t flags;

	record_get_name(r, name, sizeof(name));
	flags = record_get_u8(r);
	u->is_guest = (flags & IS_GUEST) != 0;
	u->is_unannounced = (flags & IS_UNANNOUNCED) != 0;
	u->set_quiet = (flags & SET_QUIET) != 0;
	u->set_bell = (flags & SET_BELL) != 0;
	u->reply_to = record_get_u64(r);
	u->last_line = record_get_u64(r);
	u->owner = record_get_u64(r);
	if (r->failed || !user_return(im->reg, u, id, name))
		return false;
	if (import_memberships(im, u, r)) {
		u->is_unannounced = u->is_unannounced && u->nrooms > 0;
		return true;
	}
	member_withdraw(im->reg, u);
	return false;
}

void
export_ignored(const struct user *u, struct record *r)
{
	export_ids(&u->ignored, r);
}

bool
import_ignored(struct user *u, struct record_reader *r)
{
	if (import_ids(&u->ignored, r) && record_is_whole(r))
		return true;
	id_set_clear(&u->ignored);
	return false;
}

void
export_away(const struct user *u, struct record *r)
{
	record_put_text(r, u->away->text);
	export_ids(&u->away->told, r);
}

bool
import_away(struct user *u, struct record_reader *r)
{
	char *text = record_get_text(r);
	bool ok = text != NULL && user_return_away(u, text);

	free(text);
	if (!ok)
		return false;
	if (import_ids(&u->away->told, r) && record_is_whole(r))
		return true;
	user_end_away(u);
	return false;
}

/* ---- rooms ---- */

void
export_room(const struct room *room, struct record *r)
{
	record_put_u64(r, room->number);
	record_put_text(r, room->name);
	record_put_u8(r, room->permanent);
	record_put_text(r, room->topic);
	record_put_text(r, room->listed_topic);
	record_put_text(r, room->key);
	record_put_u64(r, room->op != NULL ? room->op->id : 0);
}

static bool
reserve(struct imported *im)
{
	struct imported_room *rooms;
	size_t size = im->size == 0 ? 64 : im->size * 2;

	if (im->nrooms < im->size)
		return true;
	rooms = reallocarray(im->rooms, size, sizeof(*rooms));
	if (rooms == NULL)
		return false;
	im->rooms = rooms;
	im->size = size;
	return true;
}

/* One that the configuration has is there already. */
static struct room *
find_or_make(struct registry *reg, const char *name)
{
	struct room *room = room_find(reg, name);

	return room != NULL ? room : room_make(reg, name);
}

/* What stands in the record of a room. */
struct room_record {
	uint64_t number, op;
	char name[ROOM_MAX + 1];
	bool permanent;
	char *topic, *listed_topic, *key;
};

/* A room that lacks something, its key say, is none. */
static bool
read_room(struct room_record *rec, struct record_reader *r)
{
	rec->number = record_get_u64(r);
	record_get_name(r, rec->name, sizeof(rec->name));
	rec->permanent = record_get_u8(r) != 0;
	rec->topic = record_get_text(r);
	rec->listed_topic = record_get_text(r);
	rec->key = record_get_text(r);
	rec->op = record_get_u64(r);
	return !r->failed && text_is_room(rec->name);
}

static void
swap_texts(struct room *room, struct room_record *rec)
{
	const struct room_record old = { .topic = room->topic,
		.listed_topic = room->listed_topic,
		.key = room->key };

	room->topic = rec->topic;
	room->listed_topic = rec->listed_topic;
	room->key = rec->key;
	rec->topic = old.topic;
	rec->listed_topic = old.listed_topic;
	rec->key = old.key;
}

/* They come in the order of their numbers, each once. */
static bool
is_next(const struct imported *im, uint64_t number)
{
	return im->nrooms == 0 || number > im->rooms[im->nrooms - 1].number;
}

static bool
has_come(const struct imported *im, const struct room *room)
{
	return imported_room(im, room->number) == room;
}

static struct room *
return_room(struct imported *im, struct room_record *rec)
{
	struct imported_room *last;
	struct room *room;

	if (!is_next(im, rec->number) || !reserve(im) ||
	    (room = find_or_make(im->reg, rec->name)) == NULL ||
	    has_come(im, room))
		return NULL;
	/* As it was first written, whatever the file says by now. */
	strlcpy(room->name, rec->name, sizeof(room->name));
	room->number = rec->number;
	room->permanent = rec->permanent;
	swap_texts(room, rec);
	last = &im->rooms[im->nrooms++];
	last->room = room;
	last->number = rec->number;
	last->op = rec->op;
	return room;
}

struct room *
import_room(struct imported *im, struct record_reader *r)
{
	struct room_record rec;
	struct room *room;

	room = read_room(&rec, r) ? return_room(im, &rec) : NULL;
	free(rec.topic);
	free(rec.listed_topic);
	free(rec.key);
	return room;
}

void
export_tallies(const struct room *room, struct record *r)
{
	const struct tally *t;

	for (t = room->tallies; t < room->tallies + TALLY_KINDS; t++) {
		record_put_u64(r, t->since);
		record_put_u64(r, t->last);
		record_put_u32(r, t->told);
		record_put_u32(r, t->held);
	}
}

bool
import_tallies(struct room *room, struct record_reader *r)
{
	struct tally tallies[TALLY_KINDS], *t;

	for (t = tallies; t < tallies + TALLY_KINDS; t++) {
		t->since = record_get_u64(r);
		t->last = record_get_u64(r);
		t->told = record_get_u32(r);
		t->held = record_get_u32(r);
	}
	if (!record_is_whole(r))
		return false;
	memcpy(room->tallies, tallies, sizeof(tallies));
	return true;
}

static void
export_ban(const struct ban *ban, struct record *r)
{
	record_put_u64(r, ban->until);
	record_put_u64(r, ban->id);
	record_put_text(r, ban->name);
	record_put_u8(r, ban->has_address);
	address_export(&ban->address, r);
}

void
export_bans(const struct room *room, struct record *r)
{
	const struct ban *ban;

	record_put_u32(r, room->bans.n);
	TAILQ_FOREACH(ban, &room->bans.list, next)
		export_ban(ban, r);
	export_ids(&room->bans.invited, r);
	export_ids(&room->outsiders, r);
}

static bool
import_ban(struct bans *bans, struct record_reader *r)
{
	struct ban ban = { .until = record_get_u64(r) };

	ban.id = record_get_u64(r);
	record_get_name(r, ban.name, sizeof(ban.name));
	ban.has_address = record_get_u8(r) != 0;
	address_import(&ban.address, r);
	return !r->failed && bans_return(bans, &ban);
}

static bool
import_all_bans(struct bans *bans, struct record_reader *r)
{
	uint32_t i, n = record_get_u32(r);

	for (i = 0; i < n && i < BANS_MAX; i++) {
		if (!import_ban(bans, r))
			return false;
	}
	return i == n;
}

bool
import_bans(struct room *room, struct record_reader *r)
{
	bans_free(&room->bans);
	if (import_all_bans(&room->bans, r) &&
	    import_ids(&room->bans.invited, r) &&
	    import_ids(&room->outsiders, r) && record_is_whole(r))
		return true;
	bans_free(&room->bans);
	id_set_clear(&room->outsiders);
	return false;
}

void
export_said(const struct history_entry *entry, struct record *r)
{
	record_put_u64(r, entry->number);
	record_put_u64(r, (uint64_t)entry->when);
	record_put_u64(r, entry->speaker);
	record_put_u8(r, entry->kind == EVENT_ACTION);
	record_put_text(r, entry->who);
	record_put_text(r, entry->text);
}

bool
import_said(struct room *room, struct record_reader *r)
{
	struct chat_event ev = { .kind = EVENT_SAY };
	uint64_t number = record_get_u64(r), speaker;
	char *who, *text;
	bool ok;

	ev.time = (time_t)record_get_u64(r);
	speaker = record_get_u64(r);
	if (record_get_u8(r) != 0)
		ev.kind = EVENT_ACTION;
	ev.who = who = record_get_text(r);
	ev.text = text = record_get_text(r);
	ok = who != NULL && text != NULL && record_is_whole(r) &&
	    history_return(&room->history, number, &ev, speaker);
	free(who);
	free(text);
	return ok;
}

/* ---- all of it ---- */

void
import_begin(struct imported *im, struct registry *reg)
{
	memset(im, 0, sizeof(*im));
	im->reg = reg;
}

struct room *
imported_room(const struct imported *im, uint64_t number)
{
	size_t low = 0, high = im->nrooms, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (im->rooms[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < im->nrooms && im->rooms[low].number == number ?
	    im->rooms[low].room :
	    NULL;
}

static uint64_t
number_in(const struct user *u, const struct room *room)
{
	uint16_t i;

	for (i = 0; i < u->nrooms && u->rooms[i].room != room; i++)
		;
	return i < u->nrooms ? u->rooms[i].number : 0;
}

/* As of qsort_r(3). */
static int
compare_members(const void *a, const void *b, void *room)
{
	uint64_t one = number_in(*(struct user *const *)a, room),
		 other = number_in(*(struct user *const *)b, room);

	return (one > other) - (one < other);
}

/* Whoever ran it may not have come: then it is who is there longest. */
static void
find_op(struct registry *reg, struct room *room, uint64_t id)
{
	struct user *u = user_by_id(reg, id);

	if (id == 0)
		return;
	if (u != NULL && room_has(room, u))
		room->op = u;
	else
		room_set_op(reg, room, room->members[0]);
}

static void
finish_room(struct registry *reg, const struct imported_room *imported)
{
	struct room *room = imported->room;
	unsigned i;

	if (room->nmembers > 0) {
		qsort_r(room->members, room->nmembers, sizeof(struct user *),
		    compare_members, room);
		find_op(reg, room, imported->op);
	}
	for (i = 0; i < TALLY_KINDS; i++) {
		if (tally_due(&room->tallies[i]) != NEVER)
			room_wait_for_sum(reg, room);
	}
	if (room_is_over(room))
		room_free(reg, room);
}

/* One that has just been made, since the configuration lists it now, may have
 * the number of one that has come. */
static void
renumber(struct imported *im)
{
	uint64_t next = im->nrooms > 0 ? im->rooms[im->nrooms - 1].number + 1 :
					 0;
	struct room *room;

	im->reg->rooms_made = MAX(im->reg->rooms_made, next);
	RB_FOREACH(room, room_tree, &im->reg->rooms) {
		if (has_come(im, room))
			continue;
		room->number = im->reg->rooms_made++;
		room_changed(im->reg, room, CHANGED_ROOM);
	}
}

void
import_finish(struct imported *im)
{
	size_t i;

	renumber(im);
	for (i = 0; i < im->nrooms; i++)
		finish_room(im->reg, &im->rooms[i]);
	free(im->rooms);
	import_begin(im, im->reg);
}
