/* Rooms: who is in them, who runs them, what was said in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "people.h"
#include "unit.h"

static enum chat_error
join(struct person *p, const char *room, const char *key)
{
	return member_join(&people.reg, &p->user, room, key);
}

static void
leave(struct person *p, struct room *room, const char *reason)
{
	member_leave(&people.reg, &p->user, room, reason);
}

static struct room *
find(const char *name)
{
	return room_find(&people.reg, name);
}

START_TEST(joining)
{
	struct person *alice = people_enter("alice"),
		      *bob = people_enter("bob");
	struct room *room;

	ck_assert_int_eq(join(alice, "#Dev", NULL), CHAT_OK);
	room = find("#dev");
	ck_assert_ptr_nonnull(room);
	ck_assert_str_eq(room->name, "#Dev"); /* as first written */
	ck_assert_ptr_eq(alice->user.current, room);
	people_heard(alice, "");
	ck_assert_int_eq(join(bob, "#DEV", NULL), CHAT_OK);
	ck_assert_ptr_eq(bob->user.current, room);
	people_heard(alice, "[#Dev] -- bob joined\n");
	people_heard(bob, "");
	/* a second time it only becomes current */
	join(bob, "#ops", NULL);
	ck_assert_int_eq(join(bob, "#dev", NULL), CHAT_OK);
	ck_assert_ptr_eq(bob->user.current, room);
	ck_assert_uint_eq(room->nmembers, 2);
	people_heard(alice, "");
	people_names(room, "@alice, bob");
	ck_assert_ptr_null(find("#de"));
	ck_assert_ptr_null(find("#abcdefghijklmnopqrstuvwxyz0123456789"));
}
END_TEST

START_TEST(leaving)
{
	struct person *alice = people_enter("alice"),
		      *bob = people_enter("bob");
	struct room *room = people_all("#dev");

	leave(bob, room, NULL);
	people_heard(alice, "[#dev] -- bob left\n");
	people_heard(bob, "");
	people_join(bob, "#dev");
	leave(bob, room, "lunch");
	people_heard(alice, "[#dev] -- bob left (lunch)\n");
	ck_assert_ptr_null(bob->user.current);
	leave(alice, room, NULL);
	ck_assert_ptr_null(find("#dev")); /* nobody, no room */
}
END_TEST

/* The room joined before the one that is left becomes current. */
START_TEST(falling_back)
{
	struct person *alice = people_enter("alice");
	struct room *a, *b, *c, *d;

	a = people_join(alice, "#a");
	b = people_join(alice, "#b");
	c = people_join(alice, "#c");
	d = people_join(alice, "#d");
	leave(alice, b, NULL); /* not the current one */
	ck_assert_ptr_eq(alice->user.current, d);
	leave(alice, d, NULL); /* the one joined before, not the first */
	ck_assert_ptr_eq(alice->user.current, c);
	leave(alice, c, NULL);
	ck_assert_ptr_eq(alice->user.current, a);
	b = people_join(alice, "#b");
	c = people_join(alice, "#c");
	ck_assert_int_eq(join(alice, "#b", NULL), CHAT_OK);
	leave(alice, b, NULL);
	ck_assert_ptr_eq(alice->user.current, a);
	ck_assert_int_eq(join(alice, "#a", NULL), CHAT_OK);
	leave(alice, a, NULL); /* the first: whichever is next */
	ck_assert_ptr_eq(alice->user.current, c);
	leave(alice, c, NULL);
	ck_assert_ptr_null(alice->user.current);
}
END_TEST

/* ---- limits ---- */

START_TEST(max_rooms)
{
	struct person *alice = people_enter("alice"),
		      *bob = people_enter("bob");

	people.conf.max_rooms = 3; /* with #lobby */
	people_configure();
	ck_assert_int_eq(join(alice, "#a", NULL), CHAT_OK);
	ck_assert_int_eq(join(alice, "#b", NULL), CHAT_OK);
	ck_assert_int_eq(join(alice, "#c", NULL), CHAT_TOO_MANY_ROOMS);
	ck_assert_ptr_null(find("#c"));
	ck_assert_str_eq(alice->user.current->name, "#b");
	/* those that exist can be joined */
	ck_assert_int_eq(join(bob, "#a", NULL), CHAT_OK);
	ck_assert_int_eq(join(bob, "#lobby", NULL), CHAT_OK);
	leave(alice, find("#b"), NULL);
	ck_assert_int_eq(join(alice, "#c", NULL), CHAT_OK);
	ck_assert_uint_eq(people.reg.nrooms, 3);
}
END_TEST

START_TEST(max_joined)
{
	struct person *alice = people_enter("alice");

	people.conf.max_joined = 3;
	people_configure();
	people_join(alice, "#a");
	people_join(alice, "#b");
	people_join(alice, "#c");
	ck_assert_int_eq(join(alice, "#d", NULL), CHAT_TOO_MANY_JOINED);
	ck_assert_ptr_null(find("#d"));
	ck_assert_int_eq(join(alice, "#a", NULL), CHAT_OK); /* in it */
	leave(alice, find("#b"), NULL);
	ck_assert_int_eq(join(alice, "#d", NULL), CHAT_OK);
	ck_assert_uint_eq(alice->user.nrooms, 3);
	/* a limit that was lowered puts nobody out */
	people.conf.max_joined = 1;
	people_configure();
	ck_assert_uint_eq(alice->user.nrooms, 3);
	ck_assert_int_eq(join(alice, "#a", NULL), CHAT_OK);
	ck_assert_int_eq(join(alice, "#e", NULL), CHAT_TOO_MANY_JOINED);
}
END_TEST

START_TEST(keys)
{
	struct person *alice = people_enter("alice"),
		      *bob = people_enter("bob");

	ck_assert_int_eq(join(alice, "#a", "hush"), CHAT_OK);
	ck_assert_int_eq(join(bob, "#a", NULL), CHAT_WRONG_KEY);
	ck_assert_int_eq(join(bob, "#a", "Hush"), CHAT_WRONG_KEY);
	ck_assert_int_eq(join(bob, "#a", ""), CHAT_WRONG_KEY);
	ck_assert_int_eq(join(bob, "#a", "hush"), CHAT_OK);
	ck_assert_int_eq(join(bob, "#a", NULL), CHAT_OK); /* is in it */
	/* a room without a key lets in who brings one */
	ck_assert_int_eq(join(alice, "#b", NULL), CHAT_OK);
	ck_assert_int_eq(join(bob, "#b", "hush"), CHAT_OK);
	ck_assert_ptr_null(find("#b")->key);
}
END_TEST

/* ---- who runs a room ---- */

START_TEST(op_moves_on)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct person *c = people_enter("c");
	struct room *room = people_all("#dev");

	people_names(room, "@a, b, c");
	leave(b, room, NULL);
	people_join(b, "#dev");
	people_names(room, "@a, c, b");
	leave(a, room, NULL);
	people_heard(c,
	    "[#dev] -- a left\n"
	    "* You run #dev now: /kick and /op are yours.\n");
	people_heard(b, "[#dev] -- a left\n");
	people_names(room, "@c, b");
	people_join(a, "#dev");
	people_names(room, "@c, b, a");
	member_exit(&people.reg, &c->user, "connection lost");
	people_heard(b,
	    "[#dev] -- c left (connection lost)\n"
	    "* You run #dev now: /kick and /op are yours.\n");
	people_names(room, "@b, a");
}
END_TEST

START_TEST(op_given)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_all("#dev");

	room_set_op(&people.reg, room, &b->user);
	people_heard(a, "");
	people_heard(b, "* You run #dev now: /kick and /op are yours.\n");
	people_names(room, "a, @b");
	leave(a, room, NULL); /* no longer matters */
	people_names(room, "@b");
}
END_TEST

START_TEST(kicking)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct person *c = people_enter("c");
	struct room *room = people_join(a, "#dev");

	people_join(b, "#lobby");
	people_join(b, "#dev");
	people_join(c, "#dev");
	member_kick(&people.reg, &a->user, room, &b->user, "noise");
	people_heard(a, "");
	people_heard(b,
	    "! a kicked you from #dev (noise)\n"
	    "* You are in #lobby now.\n");
	people_heard(c, "[#dev] -- a kicked b (noise)\n");
	ck_assert_str_eq(b->user.current->name, "#lobby");
	member_kick(&people.reg, &a->user, room, &c->user, NULL);
	people_heard(c,
	    "! a kicked you from #dev\n"
	    "* You are in no room now; /join ROOM to enter one.\n");
	people_names(room, "@a");
	/* out of a room that is not the current one */
	ck_assert_int_eq(join(b, "#dev", NULL), CHAT_KICKED);
	people.reg.now += BAN_MS;
	people_join(b, "#dev");
	people_join(b, "#lobby");
	member_kick(&people.reg, &a->user, room, &b->user, NULL);
	people_heard(b, "! a kicked you from #dev\n");
}
END_TEST

/* Rooms of the configuration, and the default room, have nobody. */
START_TEST(permanent_rooms)
{
	struct person *a = people_enter("a");
	struct room *room;

	people_list_room("#ops", "pagers", "hush");
	people_configure();
	room = find("#ops");
	ck_assert_ptr_nonnull(room);
	ck_assert_str_eq(room->topic, "pagers");
	ck_assert_int_eq(join(a, "#ops", NULL), CHAT_WRONG_KEY);
	ck_assert_int_eq(join(a, "#ops", "hush"), CHAT_OK);
	people_names(room, "a");
	leave(a, room, NULL);
	ck_assert_ptr_eq(find("#ops"), room);
	room = people_join(a, "#lobby");
	people_names(room, "a");
	leave(a, room, NULL);
	ck_assert_ptr_eq(find("#lobby"), room);
}
END_TEST

/* ---- reloads ---- */

START_TEST(reload_adds)
{
	struct person *a = people_enter("a");
	struct room *room = people_join(a, "#dev");

	ck_assert(room_set_topic(&people.reg, &a->user, room, "mine"));
	people_list_room("#dev", NULL, NULL);
	people_list_room("#new", "hello", "key");
	people_configure();
	people_names(room, "a"); /* has no op any more */
	ck_assert_str_eq(room->topic, "mine");
	ck_assert_str_eq(find("#new")->topic, "hello");
	ck_assert_str_eq(find("#new")->key, "key");
	leave(a, room, NULL);
	ck_assert_ptr_eq(find("#dev"), room);
	people_configure(); /* the same again changes nothing */
	ck_assert_uint_eq(people.reg.nrooms, 3);
}
END_TEST

START_TEST(reload_removes)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room;

	people_list_room("#dev", NULL, NULL);
	people_list_room("#empty", "x", "y");
	people_configure();
	room = people_join(a, "#dev");
	people_join(b, "#dev");
	TAILQ_INIT(&people.conf.rooms);
	people_configure();
	ck_assert_ptr_null(find("#empty"));
	/* who is in the other one stays, and it becomes ordinary */
	people_heard(a, "* You run #dev now: /kick and /op are yours.\n");
	people_heard(b, "");
	people_names(room, "@a, b");
	leave(a, room, NULL);
	leave(b, room, NULL);
	ck_assert_ptr_null(find("#dev"));
}
END_TEST

/* A room that the file no longer has keeps its key: what was said there is not
 * for everybody.  One that the file has without, has none. */
START_TEST(reload_keeps_key)
{
	struct person *a = people_enter("a"), *b = people_enter("b");

	people_list_room("#dev", NULL, "sesame");
	people_configure();
	ck_assert_int_eq(join(a, "#dev", "sesame"), CHAT_OK);
	ck_assert_int_eq(join(b, "#dev", NULL), CHAT_WRONG_KEY);
	TAILQ_INIT(&people.conf.rooms);
	people_configure();
	ck_assert_int_eq(join(b, "#dev", NULL), CHAT_WRONG_KEY);
	people_list_room("#dev", NULL, NULL);
	people_configure();
	ck_assert_int_eq(join(b, "#dev", NULL), CHAT_OK);
}
END_TEST

START_TEST(reload_default_room)
{
	struct person *a = people_enter("a");
	struct room *room = people_join(a, "#lobby");

	strcpy(people.conf.default_room, "#hall");
	people_configure();
	people_names(room, "@a");
	ck_assert_ptr_nonnull(find("#hall"));
	leave(a, room, NULL);
	ck_assert_ptr_null(find("#lobby"));
	free(people.conf.default_room);
	people.conf.default_room = NULL;
	people_configure();
	ck_assert_ptr_null(find("#hall"));
	ck_assert_uint_eq(people.reg.nrooms, 0);
}
END_TEST

/* A key or a topic that a reload changes. */
START_TEST(reload_changes)
{
	struct room *room;

	people_list_room("#dev", "one", "k1");
	people_configure();
	room = find("#dev");
	people.rooms[0].topic = (char *)(uintptr_t) "two";
	people.rooms[0].key = (char *)(uintptr_t) "k2";
	people_configure();
	ck_assert_str_eq(room->topic, "two");
	ck_assert_str_eq(room->key, "k2");
	people.rooms[0].key = NULL;
	people_configure();
	ck_assert_ptr_null(room->key);
}
END_TEST

/* A reload for another reason leaves people's topic; a new one in the file
 * counts. */
START_TEST(reload_and_topics)
{
	struct person *a = people_enter("a");
	struct room *room;

	people_list_room("#dev", "one", NULL);
	people_configure();
	room = people_join(a, "#dev");
	ck_assert(room_set_topic(&people.reg, &a->user, room, "theirs"));
	people_configure();
	ck_assert_str_eq(room->topic, "theirs");
	people.rooms[0].topic = (char *)(uintptr_t) "two";
	people_configure();
	ck_assert_str_eq(room->topic, "two");
}
END_TEST

/* ---- what is said ---- */

START_TEST(saying)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct person *c = people_enter("c");
	struct room *room = people_join(a, "#dev");

	people_join(b, "#dev");
	people_join(c, "#lobby");
	people_say(a, room, "hello");
	room_say(&people.reg, &a->user, room, "waves", true);
	people_heard(a, "");
	people_heard(b, "[#dev] a: hello\n[#dev] * a waves\n");
	ck_assert_int_eq(b->kind, EVENT_ACTION);
	people_heard(c, "");
}
END_TEST

/* What is said to a large room does not go before what is for a few. */
START_TEST(for_many)
{
	struct person *first = NULL, *p;
	struct room *room;
	char name[8];
	int i;

	for (i = 0; i < EVENT_FEW; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		p = people_enter(name);
		first = first == NULL ? p : first;
		room = people_join(p, "#dev");
	}
	people_say(first, room, "hello");
	ck_assert(!p->many);
	p = people_enter("late");
	people_join(p, "#dev");
	people_say(first, room, "hello");
	ck_assert(p->many);
	/* that somebody is kicked is for that one */
	member_kick(&people.reg, &first->user, room, &p->user, NULL);
	ck_assert(!p->many);
}
END_TEST

START_TEST(topics)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_all("#dev");

	ck_assert(room_set_topic(&people.reg, &a->user, room, "friday"));
	people_heard(a, "");
	people_heard(b, "[#dev] -- a set the topic: friday\n");
	ck_assert_str_eq(room->topic, "friday");
	leave(a, room, NULL);
	ck_assert_str_eq(room->topic, "friday"); /* kept with the room */
}
END_TEST

START_TEST(bells)
{
	struct person *a = people_enter("a"), *bob = people_enter("bob");
	struct person *c = people_enter("c");
	struct room *room = people_all("#dev");

	people_say(a, room, "bob?");
	ck_assert_uint_eq(bob->bells, 0);
	bob->user.set_bell = c->user.set_bell = true;
	people_say(a, room, "Bob, look");
	ck_assert_uint_eq(bob->bells, 1);
	ck_assert_uint_eq(c->bells, 0);
	people_say(a, room, "bobby");
	ck_assert_uint_eq(bob->bells, 1);
	people_say(a, room, "c and bob");
	ck_assert_uint_eq(bob->bells, 2);
	ck_assert_uint_eq(c->bells, 1);
}
END_TEST

/* It rings for the whole name, without case; a full stop may be a part of it,
 * or not. */
START_TEST(mentions)
{
	static const struct {
		const char *text, *nick;
		bool want;
	} rows[] = {
		{ "bob", "bob", true },
		{ "hi bob", "bob", true },
		{ "BOB: look", "bob", true },
		{ "look, Bob!", "bOB", true },
		{ "(bob)", "bob", true },
		{ "ask bob.", "bob", true },
		{ "bob. Then", "bob", true },
		{ "thanks bob...", "bob", true },
		{ "...bob", "bob", true },
		{ "bob..", "bob.", true },
		{ "bob", "bob.", false },
		{ "bobby and bob", "bob", true },
		{ "\xc3\xa9"
		  "bob",
		    "bob", true },
		{ "!", "bob", false },
		{ "bob.bob", "bob", false },
		{ "bob.........................", "bob", true },
		{ "abcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwx",
		    true },
		{ "abcdefghijklmnopqrstuvwxy", "abcdefghijklmnopqrstuvwx",
		    false },
		{ "bo", "bob", false },
		{ "bobby", "bob", false },
		{ "kebob", "bob", false },
		{ "bob2", "bob", false },
		{ "bob_", "bob", false },
		{ "-bob", "bob", false },
		{ "bob.com", "bob", false },
		{ "my.bob", "bob", false },
		{ "alice", "bob", false },
	};
	struct person *a = people_enter("a"), *p = people_enter(NULL);
	struct room *room = people_all("#dev");
	size_t i;

	p->user.set_bell = true;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p->bells = 0;
		(void)member_rename(&people.reg, &p->user, rows[i].nick);
		people_say(a, room, rows[i].text);
		ck_assert_msg(p->bells == rows[i].want, "\"%s\" and %s",
		    rows[i].text, rows[i].nick);
	}
}
END_TEST

/* As many as are shown, all with the longest name; then one more. */
START_TEST(names_by_the_page)
{
	char buf[ROOM_NAMES_SIZE], name[NICK_MAX + 1];
	struct person *p;
	struct room *room = NULL;
	int i;

	for (i = 0; i < ROOM_NAMES_SHOWN; i++) {
		snprintf(name, sizeof(name), "member%018d", i);
		p = people_enter(name);
		ck_assert(user_set_away(&people.reg, &p->user, "x"));
		room = people_join(p, "#dev");
	}
	ck_assert_uint_eq(room_names(room, NULL, 0, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(strlen(buf),
	    strlen("@") + ROOM_NAMES_SHOWN * (NICK_MAX + strlen(" (away)")) +
		(ROOM_NAMES_SHOWN - 1) * strlen(", "));
	people_join(people_enter("last"), "#dev");
	ck_assert_uint_eq(room_names(room, NULL, 0, buf, sizeof(buf)), 1);
	ck_assert_ptr_nonnull(strstr(buf, ", member000000000000000049 (away)"));
	ck_assert_ptr_null(strstr(buf, "last"));
	ck_assert_uint_eq(
	    room_names(room, NULL, ROOM_NAMES_SHOWN, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "last");
}
END_TEST

START_TEST(names_for_a_viewer)
{
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct room *room = people_join(a, "#dev");
	char buf[ROOM_NAMES_SIZE];

	people_join(b, "#dev");
	user_set_away(&people.reg, &b->user, "lunch");
	(void)room_names(room, &a->user, 0, buf, sizeof(buf));
	ck_assert_str_eq(buf, "@you, b (away)");
	(void)room_names(room, &b->user, 0, buf, sizeof(buf));
	ck_assert_str_eq(buf, "@a, you (away)");
}
END_TEST

/* The busiest first, those alike by name. */
START_TEST(ranking)
{
	static const char *const order[] = { "#three", "#One", "#two", "#lobby",
		NULL };
	struct person *a = people_enter("a"), *b = people_enter("b");
	const char *const *name = order;
	struct room *two = people_join(a, "#two"), *room;

	people_join(b, "#two");
	people_join(a, "#One");
	people_join(a, "#three");
	people_join(b, "#three");
	leave(b, two, NULL);
	RB_FOREACH(room, room_ranking, &people.reg.ranking)
		ck_assert_str_eq(room->name, *name++);
	ck_assert_ptr_null(*name);
	leave(a, two, NULL);
	people_check();
}
END_TEST

/* ---- long lines ---- */

static void
assert_whole(const struct person *p)
{
	static char cleaned[TEXT_CLEANED_SIZE(sizeof(p->heard))];
	size_t n = strcspn(p->heard, "\n");

	text_clean(p->heard, n, cleaned);
	ck_assert_msg(n == strlen(cleaned) && memcmp(p->heard, cleaned, n) == 0,
	    "a line of %zu bytes has a cut character", n);
}

/* The longest texts that max-line allows: a line is never cut in the middle
 * of a character. */
START_TEST(longest_reason)
{
	static char text[TEXT_CLEANED_SIZE(CONFIG_MAX_LINE_MAX)];
	struct person *a = people_enter("a"), *b = people_enter("b");
	struct person *c = people_enter("c");
	struct room *room = people_join(a, "#dev");
	int i;

	for (i = 0; i < CONFIG_MAX_LINE_MAX; i++)
		memcpy(text + 3 * i, "\xef\xbf\xbd", 3);
	people_join(b, "#dev");
	people_join(c, "#dev");
	room_say(&people.reg, &a->user, room, text, false);
	assert_whole(b);
	people_forget();
	for (i = 0; i < 3; i++) {
		/* wherever the cut falls */
		member_kick(
		    &people.reg, &a->user, room, &b->user, text + 3 * i);
		assert_whole(b);
		assert_whole(c);
		people.reg.now += BAN_MS;
		people_join(b, "#dev");
		text[i] = 'x';
	}
}
END_TEST

UNIT_MAIN("room", people_setup, people_teardown, joining, leaving, falling_back,
    max_rooms, max_joined, keys, op_moves_on, op_given, kicking,
    permanent_rooms, reload_adds, reload_removes, reload_keeps_key,
    reload_default_room, reload_changes, reload_and_topics, saying, for_many,
    topics, bells, mentions, names_by_the_page, names_for_a_viewer, ranking,
    longest_reason)
