/* What was said, in the file: who missed what, who may read what, what is
 * searched for, notes, and what has to go. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/store/check.h"
#include "banterd/store/erase.h"
#include "banterd/store/export.h"
#include "banterd/store/file.h"
#include "banterd/store/inquiry.h"
#include "banterd/store/keep.h"
#include "banterd/store/lines.h"
#include "banterd/store/members.h"
#include "banterd/store/names.h"
#include "banterd/store/notes.h"
#include "banterd/store/search.h"
#include "unit.h"

#define NOW      1795844102U
#define ASKER    7
#define ROWS_MAX 4096

static char directory[] = "/tmp/banter-said-XXXXXX";
static struct file *f;
static struct inquiries inquiries;

/* What was answered. */
static struct {
	uint64_t lines[ROWS_MAX];
	unsigned n;
	struct store_message last; /* row, without its text */
	char text[512];
	struct store_message answer;
	bool is_full;
} got;

static int
has_room(void *arg, uint64_t asker)
{
	(void)arg;
	ck_assert_uint_eq(asker, ASKER);
	return !got.is_full;
}

static void
take(void *arg, uint64_t asker, const struct store_message *m)
{
	(void)arg;
	ck_assert_uint_eq(asker, ASKER);
	if (m->kind == STORE_ANSWER) {
		got.answer = *m;
		return;
	}
	ck_assert_uint_eq(m->kind, STORE_ROW);
	ck_assert_uint_lt(got.n, ROWS_MAX);
	got.lines[got.n++] = m->line;
	got.last = *m;
	ck_assert_uint_lt(m->text_len, sizeof(got.text));
	memcpy(got.text, m->text, m->text_len);
	got.text[m->text_len] = '\0';
}

static void
setup(void)
{
	static const struct inquiry_ops ops = { has_room, take };

	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_ptr_nonnull((f = file_open("db", FILE_SERVE)));
	inquiries_init(&inquiries, f, &ops, NULL);
}

static void
teardown(void)
{
	char command[64];

	inquiries_free(&inquiries);
	file_close(f);
	ck_assert_int_eq(chdir("/"), 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static uint64_t
register_name(const char *name)
{
	struct name n = { .registered = NOW, .hash = "$y$j9T$x$y" };

	strlcpy(n.name, name, sizeof(n.name));
	ck_assert(file_begin(f));
	ck_assert(names_add(f, &n));
	ck_assert(file_commit(f));
	return n.owner;
}

/* Within a transaction. */
static uint64_t
say_at(const char *room, const char *name, uint64_t owner, const char *text,
    uint64_t when, uint8_t flags)
{
	struct store_message m = { .owner = owner,
		.when = when,
		.flags = flags,
		.text = text,
		.text_len = strlen(text) };
	uint64_t last;

	strlcpy(m.room, room, sizeof(m.room));
	strlcpy(m.name, name, sizeof(m.name));
	ck_assert(file_begin(f));
	ck_assert(lines_add(f, &m));
	ck_assert(lines_last(f, &last));
	return last;
}

static uint64_t
say(const char *room, const char *name, const char *text)
{
	return say_at(room, name, 0, text, NOW, 0);
}

static void
commit(void)
{
	ck_assert(!file_is_writing(f) || file_commit(f));
}

static void
ask(const struct store_message *m)
{
	commit();
	memset(&got, 0, sizeof(got));
	inquiry_ask(&inquiries, ASKER, m);
	while (inquiries.n > 0)
		(void)inquiries_run(&inquiries);
	ck_assert_uint_eq(got.answer.kind, STORE_ANSWER);
	ck_assert_uint_eq(got.answer.result, STORE_OK);
	ck_assert_uint_eq(got.answer.number, m->number);
}

static void
catch_up(uint64_t owner, const char *room, uint32_t count)
{
	struct store_message m = { .kind = STORE_CATCHUP,
		.number = 3,
		.owner = owner,
		.count = count };

	strlcpy(m.room, room, sizeof(m.room));
	ask(&m);
}

/* Of a room, or several that one blank is between; a '+' before one: it has a
 * key. */
static void
ask_rooms(struct store_message *m, const char *names, uint64_t since)
{
	struct record list = { .len = 0 };
	struct store_room room;
	char copy[128], *at = copy, *name;

	strlcpy(copy, names, sizeof(copy));
	record_begin(&list);
	while ((name = strsep(&at, " ")) != NULL) {
		memset(&room, 0, sizeof(room));
		room.is_keyed = *name == '+';
		room.since = since;
		strlcpy(room.name, name + room.is_keyed, sizeof(room.name));
		store_list_put_room(&list, &room);
	}
	m->number = 9;
	m->list = list.bytes;
	m->list_len = list.len;
	ask(m);
	record_free(&list);
}

static void
look_back(uint64_t owner, const char *room, uint64_t room_since, uint32_t count)
{
	struct store_message m = {
		.kind = STORE_HISTORY, .owner = owner, .count = count
	};

	ask_rooms(&m, room, room_since);
}

static void
find(const char *rooms, const char *text)
{
	struct store_message m = { .kind = STORE_FIND,
		.count = 10,
		.text = text,
		.text_len = strlen(text) };

	ask_rooms(&m, rooms, 0);
}

static void
report(void *arg, const char *what)
{
	(void)arg;
	ck_abort_msg("%s", what);
}

/* ---- who missed what, as it is, and as it has to be ---- */

#define OWNERS    3
#define ROOMS     3
#define STEPS     400
#define LINES_MAX (STEPS * 4)

static const char *const room_names[ROOMS] = { "#a", "#Bb", "#c" };

static struct {
	uint64_t owners[OWNERS];
	unsigned ignored; /* by the first: the owner of that index, or none */
	uint64_t ids[LINES_MAX];
	unsigned rooms[LINES_MAX], by[LINES_MAX], n;
	bool missed[OWNERS][LINES_MAX];
	bool is_member[OWNERS][ROOMS], is_away[OWNERS][ROOMS];
	uint64_t first[OWNERS][ROOMS]; /* 0: never */
} model;

static unsigned
pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static void
model_line(unsigned room, unsigned by)
{
	unsigned o, n = model.n++;

	model.ids[n] = say_at(room_names[room], "x",
	    by < OWNERS ? model.owners[by] : 0, "text", NOW, 0);
	model.rooms[n] = room;
	model.by[n] = by;
	for (o = 0; o < OWNERS; o++)
		model.missed[o][n] = model.is_member[o][room] &&
		    model.is_away[o][room];
}

static void
model_clear(unsigned owner, unsigned room, uint64_t upto)
{
	unsigned i;

	for (i = 0; i < model.n; i++) {
		if ((room == ROOMS || model.rooms[i] == room) &&
		    model.ids[i] <= upto)
			model.missed[owner][i] = false;
	}
}

static void
model_join(unsigned o, unsigned room)
{
	uint64_t last;

	ck_assert(file_begin(f));
	ck_assert(lines_last(f, &last));
	ck_assert(members_join(f, model.owners[o], room_names[room]));
	model.is_member[o][room] = true;
	model.is_away[o][room] = false;
	if (model.first[o][room] == 0)
		model.first[o][room] = last + 1;
}

static void
model_part(unsigned o, unsigned room)
{
	ck_assert(file_begin(f));
	ck_assert(members_part(f, model.owners[o], room_names[room]));
	model.is_member[o][room] = false;
	model_clear(o, room, UINT64_MAX);
}

static void
model_left(unsigned o)
{
	unsigned room;

	for (room = 0; room < ROOMS; room++)
		model.is_away[o][room] = true;
}

static void
model_catch_up(unsigned o, unsigned room, uint32_t max, bool show)
{
	unsigned i, n = 0;
	uint32_t count, more = 0;
	const char *name = room == ROOMS ? "" : room_names[room];

	catch_up(model.owners[o], name, max);
	for (i = 0; i < model.n; i++) {
		if (!model.missed[o][i] || model.by[i] == o ||
		    (o == 0 && model.by[i] == model.ignored) ||
		    (room != ROOMS && model.rooms[i] != room))
			continue;
		if (n == max)
			more++;
		else {
			ck_assert_uint_lt(n, got.n);
			ck_assert_uint_eq(got.lines[n], model.ids[i]);
			n++;
		}
	}
	ck_assert_uint_eq(got.n, n);
	ck_assert_uint_eq(got.answer.count, more);
	if (room == ROOMS) {
		ck_assert(
		    members_count_missed(f, model.owners[o], 100000, &count));
		ck_assert_uint_eq(count, n + more);
	}
	if (!show || n == 0)
		return;
	ck_assert(file_begin(f));
	ck_assert(members_shown(f, model.owners[o], name, got.lines[n - 1]));
	model_clear(o, room, got.lines[n - 1]);
}

static void
model_ignore(unsigned who)
{
	struct record list = { .len = 0 };

	model.ignored = who < OWNERS ? who : OWNERS + 1;
	record_begin(&list);
	store_list_put_owner(&list, 12345);
	if (who < OWNERS)
		store_list_put_owner(&list, model.owners[who]);
	ck_assert(file_begin(f));
	ck_assert(members_ignore(f, model.owners[0], list.bytes, list.len));
	record_free(&list);
}

static void
model_step(void)
{
	unsigned i, o = pick(OWNERS), room = pick(ROOMS);

	switch (pick(12)) {
	case 0:
		model_part(o, room);
		break;
	case 1:
		ck_assert(file_begin(f));
		ck_assert(members_left(f, model.owners[o]));
		model_left(o);
		break;
	case 2:
	case 3:
		model_join(o, room);
		break;
	case 4:
		model_catch_up(o, pick(ROOMS + 1), 1 + pick(8), true);
		break;
	case 5:
		model_catch_up(o, pick(ROOMS + 1), pick(100), false);
		break;
	case 6:
		if (pick(8) != 0)
			break;
		ck_assert(file_begin(f));
		ck_assert(members_all_left(f));
		for (i = 0; i < OWNERS; i++)
			model_left(i);
		break;
	case 7:
		if (pick(4) == 0)
			model_ignore(pick(OWNERS + 1));
		break;
	case 8:
		commit();
		break;
	default:
		for (i = pick(4); i > 0; i--)
			model_line(pick(ROOMS), pick(OWNERS + 1));
	}
}

START_TEST(missed)
{
	unsigned i, o, room;
	uint64_t first;

	srand((unsigned)_i);
	memset(&model, 0, sizeof(model));
	for (i = 0; i < OWNERS; i++)
		model.owners[i] = register_name(
		    (const char *[]){ "alice", "bob", "carol" }[i]);
	model.ignored = OWNERS + 1;
	for (i = 0; i < STEPS; i++)
		model_step();
	for (o = 0; o < OWNERS; o++) {
		model_catch_up(o, ROOMS, ROWS_MAX, true);
		model_catch_up(o, ROOMS, ROWS_MAX, true);
		ck_assert_uint_eq(got.n, 0);
		for (room = 0; room < ROOMS; room++) {
			ck_assert(members_first(
			    f, model.owners[o], room_names[room], &first));
			ck_assert_uint_eq(first,
			    model.first[o][room] == 0 ? UINT64_MAX :
							model.first[o][room]);
		}
	}
	commit();
	ck_assert(check_all(f, report, NULL));
}
END_TEST

/* Of one whom nobody knows, nothing is kept, and nothing fails. */
START_TEST(nobody)
{
	uint64_t first, alice = register_name("alice");
	uint32_t count;

	ck_assert(file_begin(f));
	ck_assert(members_join(f, 5, "#a"));
	ck_assert(members_left(f, 5));
	ck_assert(members_ignore(f, 5, "", 0));
	ck_assert(members_shown(f, 5, "", UINT64_MAX));
	ck_assert(members_part(f, 5, "#a"));
	commit();
	ck_assert(members_first(f, 5, "#a", &first));
	ck_assert_uint_eq(first, UINT64_MAX);
	/* a name that is given back takes all with it */
	ck_assert(file_begin(f));
	ck_assert(members_join(f, alice, "#a"));
	ck_assert(members_left(f, alice));
	(void)say("#a", "bob", "x");
	commit();
	ck_assert(members_count_missed(f, alice, 9, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert(file_begin(f));
	ck_assert(names_remove(f, alice));
	commit();
	ck_assert(members_count_missed(f, alice, 9, &count));
	ck_assert_uint_eq(count, 0);
	ck_assert(members_first(f, alice, "#a", &first));
	ck_assert_uint_eq(first, UINT64_MAX);
	ck_assert(check_all(f, report, NULL));
}
END_TEST

/* ---- who may read what ---- */

START_TEST(history)
{
	uint64_t ids[9], alice = register_name("alice");
	struct store_message m = {
		.kind = STORE_HISTORY, .count = 9, .since = NOW + 2
	};
	int i;

	for (i = 0; i < 9; i++)
		ids[i] = say_at(i % 3 == 2 ? "#b" : "#A", "bob", 0, "x",
		    NOW + (unsigned)i, 0);
	look_back(0, "#a", 0, 2);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(got.lines[0], ids[6]);
	ck_assert_uint_eq(got.lines[1], ids[7]);
	ck_assert_str_eq(got.last.room, "#A");
	look_back(alice, "#b", 0, 100);
	ck_assert_uint_eq(got.n, 3);
	look_back(alice, "#none", 0, 100);
	ck_assert_uint_eq(got.n, 0);
	look_back(alice, "#b", 0, 0);
	ck_assert_uint_eq(got.n, 0);
	ask_rooms(&m, "#a", 0); /* from 3 on: 3, 4, 6, 7 */
	ck_assert_uint_eq(got.n, 4);
	ck_assert_uint_eq(got.lines[0], ids[3]);
	m.until = NOW + 6;
	ask_rooms(&m, "#a", 0);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(got.lines[1], ids[4]);
	m.since = 0;
	m.count = 3;
	ask_rooms(&m, "#a", 0);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_uint_eq(got.lines[0], ids[1]);
}
END_TEST

START_TEST(keyed)
{
	uint64_t alice = register_name("alice"), bob = register_name("bob");
	int i;

	for (i = 0; i < 6; i++) {
		if (i == 3) {
			ck_assert(file_begin(f));
			ck_assert(members_join(f, alice, "#a"));
		}
		(void)say_at("#a", "x", 0, "word", NOW + (unsigned)i,
		    i < 5 ? STORE_KEYED : 0);
	}
	look_back(alice, "+#a", 0, 100);
	ck_assert_uint_eq(got.n, 3);
	look_back(alice, "#a", 0, 100); /* it has no key any more */
	ck_assert_uint_eq(got.n, 3);
	look_back(alice, "+#a", NOW + 1, 100);
	ck_assert_uint_eq(got.n, 5);
	look_back(bob, "+#a", 0, 100);
	ck_assert_uint_eq(got.n, 0);
	look_back(bob, "#a", 0, 100);
	ck_assert_uint_eq(got.n, 1);
	look_back(0, "+#a", 0, 100);
	ck_assert_uint_eq(got.n, 0);
	look_back(0, "+#a", NOW + 4, 100);
	ck_assert_uint_eq(got.n, 2);
	/* who left and came back may read what they could */
	ck_assert(file_begin(f));
	ck_assert(members_part(f, alice, "#A"));
	(void)say_at("#a", "x", 0, "word", NOW, STORE_KEYED);
	ck_assert(members_join(f, alice, "#A"));
	look_back(alice, "+#a", 0, 100);
	ck_assert_uint_eq(got.n, 4);
	find("+#a #b", "word");
	ck_assert_uint_eq(got.n, 0);
	find("#a", "word");
	ck_assert_uint_eq(got.n, 1);
}
END_TEST

/* ---- search ---- */

static const struct {
	const char *words, *text;
	bool found;
} searches[] = {
	{ "STRASSE", "in der Straße", true },
	{ "straße", "IN DER STRASSE", true },
	{ "ÄRGER", "ärger", true },
	{ "a\xcc\x88rger", "\xc3\x84RGER", true }, /* a and a mark, or one */
	{ "arger", "ärger", false },
	{ "ΟΔΥΣΣΕΥΣ", "ὁ οδυσσευς", true }, /* a sigma at the end */
	{ "οδυσσευσ", "ΟΔΥΣΣΕΥΣ", true },
	{ "привет", "ПРИВЕТ, МИР", true },
	{ "мир", "ПРИВЕТ, МИР", true },
	{ "本", "日本語", true },
	{ "本日", "日本語", false },
	{ "%", "50 percent", false },
	{ "%", "50% of it", true },
	{ "5_", "50% of it", false },
	{ "of_", "of_it", true },
	{ "e", "some", true },
	{ "so me", "some", true },
	{ "\"so me\"", "some", false },
	{ "\"so me\"", "SO ME", true },
	{ "\"so me", "also me", true },
	{ "5\"", "a 5\" disk", true },
	{ "from:BOB jam", "Jam", true },
	{ "from:alice jam", "Jam", false },
	{ "from:bob", "anything", true },
	{ "\"from:bob\"", "anything", false },
	{ "from:", "letter from: me", true },
	{ "k", "\xe2\x84\xaa", true }, /* the Kelvin sign */
	{ "\xff", "\xff", true },      /* not UTF-8 */
	{ "x\xff", "X\xff y", true },
	{ "y x", "x y", true },
	{ "z", "x y", false },
	{ "ß", "x", false },
	{ "ß", "PASS", true },
};

START_TEST(search)
{
	struct search *s = search_new(
	    searches[_i].words, strlen(searches[_i].words));

	ck_assert_ptr_nonnull(s);
	ck_assert(!search_is_empty(s));
	ck_assert_msg((search_is_by(s, "Bob") &&
			  search_finds_text(s, searches[_i].text,
			      strlen(searches[_i].text))) == searches[_i].found,
	    "%s in %s", searches[_i].words, searches[_i].text);
	search_free(s);
}
END_TEST

START_TEST(found)
{
	struct store_message m = { .kind = STORE_FIND };
	char text[32];
	int i;

	for (i = 0; i < 3000; i++) {
		(void)snprintf(text, sizeof(text), "word %d", i);
		(void)say(
		    i % 2 == 0 ? "#a" : "#b", i % 3 == 0 ? "bob" : "al", text);
	}
	find("#a #b", "WORD");
	ck_assert_uint_eq(got.n, 10);
	ck_assert_uint_eq(got.answer.count, INQUIRY_FOUND_MAX);
	ck_assert_uint_gt(got.lines[0], got.lines[9]);
	find("#A", "word 299");
	ck_assert_uint_eq(got.n, 5); /* 299 is of #b; 2990, 2992 ... */
	ck_assert_str_eq(got.text, "word 2990"); /* the last of them */
	find("#b", "299 from:BOB");
	ck_assert_uint_eq(got.n, 3); /* 2997, 2991, 1299 */
	ck_assert_uint_eq(got.answer.count, 0);
	find("#b", "\"word 2\" from:al");
	ck_assert_uint_eq(got.answer.count, 369 - 10);
	find("#c", "word");
	ck_assert_uint_eq(got.n, 0);
	find("#a #b", "  \"\" ");
	ck_assert_uint_eq(got.n, 0);
	ask(&m); /* no room at all */
	ck_assert_uint_eq(got.n, 0);
}
END_TEST

/* Who does not read is waited for, and nothing of the answer is missing. */
START_TEST(slow)
{
	struct store_message m = {
		.kind = STORE_CATCHUP, .number = 3, .count = 100
	};
	int i;

	m.owner = register_name("alice");
	ck_assert(file_begin(f));
	ck_assert(members_join(f, m.owner, "#a"));
	ck_assert(members_left(f, m.owner));
	for (i = 0; i < 50; i++)
		(void)say("#a", "bob", "x");
	commit();
	memset(&got, 0, sizeof(got));
	inquiry_ask(&inquiries, ASKER, &m);
	got.is_full = true;
	for (i = 0; i < 10; i++)
		(void)inquiries_run(&inquiries);
	ck_assert_uint_eq(got.n, 0);
	ck_assert(!inquiries_run(&inquiries));
	got.is_full = false;
	while (inquiries.n > 0)
		(void)inquiries_run(&inquiries);
	ck_assert_uint_eq(got.n, 50);
}
END_TEST

/* ---- notes ---- */

static enum store_result
leave(uint64_t reader, uint64_t writer, const char *from, const char *text)
{
	struct store_message m = { .owner = writer,
		.when = NOW,
		.text = text,
		.text_len = strlen(text) };
	enum store_result result;

	strlcpy(m.from, from, sizeof(m.from));
	ck_assert(file_begin(f));
	result = notes_add(f, reader, &m, false);
	commit();
	return result;
}

static void
ask_notes(uint64_t owner)
{
	const struct store_message m = { .kind = STORE_NOTES, .owner = owner };

	ask(&m);
}

/* Who is ignored reads the same answers, and nothing of theirs is read. */
START_TEST(hidden_notes)
{
	uint64_t alice = register_name("alice"), bob = register_name("bob");
	struct store_message m = { .owner = alice,
		.when = NOW,
		.from = "alice",
		.text = "psst",
		.text_len = 4 };
	int i;

	ck_assert(file_begin(f));
	for (i = 0; i < NOTES_FROM_MAX; i++)
		ck_assert_uint_eq(notes_add(f, bob, &m, true), STORE_OK);
	ck_assert_uint_eq(notes_add(f, bob, &m, true), STORE_MANY_NOTES);
	commit();
	ask_notes(bob);
	ck_assert_uint_eq(got.n, 0);
	ck_assert(file_begin(f));
	ck_assert(notes_forget_hidden(f, bob));
	ck_assert_uint_eq(notes_add(f, bob, &m, true), STORE_OK);
	ck_assert_uint_eq(notes_add(f, bob, &m, false), STORE_OK);
	commit();
	ask_notes(bob);
	ck_assert_uint_eq(got.n, 1);
}
END_TEST

/* Who joins a room with a key that was another one before. */
START_TEST(begins_anew)
{
	uint64_t alice = register_name("alice"), first, again;
	unsigned count;

	ck_assert(file_begin(f));
	ck_assert(members_join(f, alice, "#a"));
	ck_assert(members_left(f, alice));
	(void)say("#a", "bob", "x");
	(void)say_at("#a", "bob", 0, "y", NOW, STORE_KEYED);
	ck_assert(members_first(f, alice, "#a", &first));
	ck_assert(members_count_missed(f, alice, 9, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert(members_join(f, alice, "#a"));
	ck_assert(members_begin_anew(f, alice, "#a"));
	commit();
	ck_assert(members_first(f, alice, "#a", &again));
	ck_assert_uint_gt(again, first);
	ck_assert(members_count_missed(f, alice, 9, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert(check_all(f, report, NULL));
}
END_TEST

START_TEST(notes)
{
	uint64_t alice = register_name("alice"), bob = register_name("bob");
	uint64_t writer;
	char name[16];
	int i, j;

	for (i = 0; i < NOTES_FROM_MAX; i++)
		ck_assert_uint_eq(leave(bob, alice, "Alice", "x"), STORE_OK);
	ask_notes(bob);
	ck_assert_uint_eq(got.n, NOTES_FROM_MAX);
	ck_assert_uint_eq(got.last.flags, 0);
	ck_assert_uint_eq(leave(bob, alice, "Alice", "y"), STORE_MANY_NOTES);
	ask_notes(bob);
	ck_assert_uint_eq(got.n, NOTES_FROM_MAX);
	ck_assert_uint_eq(got.last.flags, STORE_MORE);
	ck_assert_str_eq(got.last.name, "Alice");
	ck_assert_str_eq(got.text, "x");
	ck_assert_uint_eq(got.last.owner, alice);
	ck_assert_uint_eq(got.last.when, NOW);
	for (i = 0; i < 9; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		writer = register_name(name);
		for (j = 0; j < NOTES_FROM_MAX; j++)
			ck_assert_uint_eq(
			    leave(bob, writer, name, "z"), STORE_OK);
	}
	ck_assert_uint_eq(
	    leave(bob, register_name("late"), "late", "z"), STORE_MANY_NOTES);
	ask_notes(bob);
	ck_assert_uint_eq(got.n, NOTES_MAX);
	ck_assert(file_begin(f));
	ck_assert(notes_read(f, bob, got.lines[47]));
	ask_notes(bob);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(leave(bob, 4711, "nobody", "z"), STORE_FAILED);
	ck_assert(file_is_well(f));
	ck_assert_uint_eq(leave(bob, alice, "alice", "z"), STORE_OK);
	ck_assert(file_begin(f));
	ck_assert(names_remove(f, alice));
	ask_notes(bob);
	ck_assert_uint_eq(got.n, 2);
	ask_notes(alice);
	ck_assert_uint_eq(got.n, 0);
}
END_TEST

/* ---- what has to go ---- */

/* How often a word is in the file and its log. */
static unsigned
grep(const char *word)
{
	static const char *const parts[] = { "db", "db-wal" };
	unsigned n = 0;
	char *bytes, *at;
	size_t i, size;
	ssize_t len;
	int fd;

	for (i = 0; i < 2; i++) {
		if ((fd = open(parts[i], O_RDONLY)) == -1)
			continue;
		size = (size_t)lseek(fd, 0, SEEK_END);
		ck_assert_ptr_nonnull((bytes = malloc(size + 1)));
		len = pread(fd, bytes, size, 0);
		ck_assert_int_eq(len, (ssize_t)size);
		close(fd);
		for (at = bytes; (at = memmem(at, size - (size_t)(at - bytes),
				      word, strlen(word))) != NULL;
		     at++)
			n++;
		free(bytes);
	}
	return n;
}

static void
fill(unsigned n, unsigned each)
{
	static const char *const names[] = { "bob", "Alice", "eve", "dan" };
	char text[512];
	unsigned i, len;

	for (i = 0; i < n; i++) {
		len = (unsigned)snprintf(
		    text, sizeof(text), "%ssecret %u ", names[i % 4], i);
		memset(text + len, 'x', sizeof(text) - len);
		text[len + pick(400)] = '\0';
		(void)say_at(i % 2 == 0 ? "#a" : "#b", names[i % 4], 0, text,
		    NOW + i * each, 0);
		if (i % 100 == 0)
			commit();
	}
	commit();
}

/* Short lines, three of four by that one. */
static void
fill_mostly(unsigned n, const char *name)
{
	char text[512];
	unsigned i, len;

	for (i = 0; i < n; i++) {
		len = (unsigned)snprintf(
		    text, sizeof(text), "%ssecret %u ", name, i);
		memset(text + len, 'x', sizeof(text) - len);
		text[len + pick(40)] = '\0';
		if (i % 4 == 0)
			(void)say("#b", "eve", "something else");
		else
			(void)say("#a", name, text);
	}
	commit();
}

START_TEST(erased)
{
	uint64_t bob = register_name("bob"), alice = register_name("alice");
	struct erase e;
	int step;

	srand((unsigned)_i);
	fill(3000, 0);
	ck_assert_uint_eq(leave(bob, alice, "Alice", "Alicesecret"), STORE_OK);
	ck_assert_uint_gt(grep("Alicesecret"), 0);
	ck_assert(erase_begin(&e, f, "ALICE"));
	while ((step = erase_step(&e)) == 1) {
		commit();
		/* life goes on */
		(void)say("#b", "eve", "evesecret, too");
		commit();
	}
	ck_assert_int_eq(step, 0);
	ck_assert_uint_eq(e.lines, 750);
	ck_assert_uint_eq(e.notes, 1);
	ck_assert_uint_eq(grep("Alicesecret"), 0);
	ck_assert_uint_ge(grep("evesecret"), 750);
	ck_assert(check_all(f, report, NULL));
	find("#a #b", "from:alice");
	ck_assert_uint_eq(got.n, 0);
	/* nor where pages become one, and rows were moved before they went */
	fill_mostly(3000, "Alice");
	ck_assert(erase_begin(&e, f, "alice"));
	while (erase_step(&e) == 1)
		commit();
	ck_assert_uint_eq(grep("Alicesecret"), 0);
	ck_assert(check_all(f, report, NULL));
}
END_TEST

static void
expire_all(struct keep *k, uint64_t time)
{
	uint64_t now = k->begins_at;
	unsigned passes = 0;

	while (passes < 2) {
		passes += keep_step(k, f, time, now) == KEEP_PASS_MS;
		commit();
		now = k->step_at;
	}
	while (file_tidy(f))
		;
}

START_TEST(kept)
{
	struct keep k = { .n = 0 };

	srand(1);
	fill(3000, 1); /* a second each */
	expire_all(&k, NOW + 3000);
	find("#a #b", "secret"); /* nobody has said how long yet */
	ck_assert_uint_eq(got.answer.count, INQUIRY_FOUND_MAX);
	keep_say(&k, STORE_KEEP_ALL, 1000);
	expire_all(&k, NOW + 3000);
	keep_say(&k, 1000, 1000);
	ck_assert(keep_say_room(&k, "#A", STORE_KEEP_ALL));
	ck_assert_uint_eq(keep_of(&k, "#a"), STORE_KEEP_ALL);
	ck_assert_uint_eq(keep_of(&k, "#b"), 1000);
	ck_assert_uint_gt(keep_step(&k, f, NOW + 3000, 1000), 0);
	ck_assert(!file_is_writing(f)); /* it may not be all that is said */
	expire_all(&k, NOW + 3000);
	look_back(0, "#b", 0, ROWS_MAX);
	ck_assert_uint_eq(got.n, 500);
	look_back(0, "#a", 0, ROWS_MAX);
	ck_assert_uint_eq(got.n, 1500);
	ck_assert_uint_eq(grep("Alicesecret 1 "), 0);
	ck_assert_uint_eq(grep("Alicesecret 1997 "), 0);
	ck_assert_uint_eq(grep("Alicesecret 2001 "), 1);
	ck_assert_uint_eq(grep("bobsecret 0 "), 1);
	keep_say(&k, STORE_KEEP_NONE, 9000);
	expire_all(&k, NOW + 3000);
	look_back(0, "#a", 0, ROWS_MAX);
	ck_assert_uint_eq(got.n, 0);
	ck_assert_uint_eq(grep("secret"), 0);
	ck_assert_uint_lt(file_size(f), 100000);
	ck_assert(check_all(f, report, NULL));
	keep_free(&k);
}
END_TEST

START_TEST(exported)
{
	struct export e;
	uint64_t since;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)say_at("#a", "al", 0, "one", 1764153125, 0);
	(void)say_at("#A", "bob", 0, "q\"\\\x01\n", 1764153126, STORE_ACTION);
	(void)say_at("#b", "bob", 0, "no", 1764153126, 0);
	commit();
	ck_assert_int_eq(export_begin(&e, f, "#none", 0, false), 0);
	ck_assert_int_eq(export_begin(&e, f, "#a", 0, false), 1);
	ck_assert_int_eq(export_step(&e, out), 0);
	ck_assert_int_eq(export_begin(&e, f, "#a", 1764153126, true), 1);
	ck_assert_int_eq(export_step(&e, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text,
	    "2025-11-26 10:32:05 [#a] al: one\n"
	    "2025-11-26 10:32:06 [#A] * bob q\"\\??\n"
	    "{\"time\":\"2025-11-26T10:32:06Z\",\"room\":\"#A\",\"from\":\"bob\",\"action\":true,\"text\":\"q\\\"\\\\\\u0001\\u000a\"}\n");
	free(text);
	ck_assert(export_date("2025-11-26", &since));
	ck_assert_uint_eq(since, 1764115200);
	ck_assert(!export_date("2025-02-30", &since));
	ck_assert(!export_date("2025-2-3", &since));
	ck_assert(!export_date("2025-02-03x", &since));
	ck_assert(!export_date("", &since));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("said");
	TCase *c = tcase_create("said");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, missed, 1, 5);
	tcase_add_test(c, nobody);
	tcase_add_test(c, history);
	tcase_add_test(c, keyed);
	tcase_add_loop_test(
	    c, search, 0, (int)(sizeof(searches) / sizeof(searches[0])));
	tcase_add_test(c, found);
	tcase_add_test(c, slow);
	tcase_add_test(c, notes);
	tcase_add_test(c, hidden_notes);
	tcase_add_test(c, begins_anew);
	tcase_add_loop_test(c, erased, 1, 3);
	tcase_add_test(c, kept);
	tcase_add_test(c, exported);
	suite_add_tcase(s, c);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
