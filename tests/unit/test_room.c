/* Rooms: who is in them, who runs them, what was said in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "party.h"
#include "unit.h"

static enum room_error
join(struct person *p, const char *room, const char *key)
{
	return room_join(&party.reg, &p->user, room, key);
}

static void
leave(struct person *p, struct room *room, const char *reason)
{
	room_leave(&party.reg, &p->user, room, reason);
}

static void
say(struct person *p, struct room *room, const char *text)
{
	room_say(&party.reg, &p->user, room, text, false);
}

static struct room *
find(const char *name)
{
	return room_find(&party.reg, name);
}

START_TEST(joining)
{
	struct person *alice = party_enter("alice"), *bob = party_enter("bob");
	struct room *room;

	ck_assert_int_eq(join(alice, "#Dev", NULL), ROOM_OK);
	room = find("#dev");
	ck_assert_ptr_nonnull(room);
	ck_assert_str_eq(room->name, "#Dev"); /* as first written */
	ck_assert_ptr_eq(alice->user.current, room);
	party_heard(alice, "");
	ck_assert_int_eq(join(bob, "#DEV", NULL), ROOM_OK);
	ck_assert_ptr_eq(bob->user.current, room);
	party_heard(alice, "[#Dev] -- bob joined\n");
	party_heard(bob, "");
	/* a second time it only becomes current */
	join(bob, "#ops", NULL);
	ck_assert_int_eq(join(bob, "#dev", NULL), ROOM_OK);
	ck_assert_ptr_eq(bob->user.current, room);
	ck_assert_uint_eq(room->nmembers, 2);
	party_heard(alice, "");
	party_names(room, "@alice, bob");
	ck_assert_ptr_null(find("#de"));
	ck_assert_ptr_null(find("#abcdefghijklmnopqrstuvwxyz0123456789"));
}
END_TEST

START_TEST(leaving)
{
	struct person *alice = party_enter("alice"), *bob = party_enter("bob");
	struct room *room = party_all("#dev");

	leave(bob, room, NULL);
	party_heard(alice, "[#dev] -- bob left\n");
	party_heard(bob, "");
	party_join(bob, "#dev");
	leave(bob, room, "lunch");
	party_heard(alice, "[#dev] -- bob left (lunch)\n");
	ck_assert_ptr_null(bob->user.current);
	leave(alice, room, NULL);
	ck_assert_ptr_null(find("#dev")); /* nobody, no room */
}
END_TEST

/* The room joined before the one that is left becomes current. */
START_TEST(falling_back)
{
	struct person *alice = party_enter("alice");
	struct room *a, *b, *c;

	a = party_join(alice, "#a");
	b = party_join(alice, "#b");
	c = party_join(alice, "#c");
	leave(alice, b, NULL); /* not the current one */
	ck_assert_ptr_eq(alice->user.current, c);
	leave(alice, c, NULL);
	ck_assert_ptr_eq(alice->user.current, a);
	b = party_join(alice, "#b");
	c = party_join(alice, "#c");
	ck_assert_int_eq(join(alice, "#b", NULL), ROOM_OK);
	leave(alice, b, NULL);
	ck_assert_ptr_eq(alice->user.current, a);
	ck_assert_int_eq(join(alice, "#a", NULL), ROOM_OK);
	leave(alice, a, NULL); /* the first: whichever is next */
	ck_assert_ptr_eq(alice->user.current, c);
	leave(alice, c, NULL);
	ck_assert_ptr_null(alice->user.current);
}
END_TEST

/* ---- limits ---- */

START_TEST(max_rooms)
{
	struct person *alice = party_enter("alice"), *bob = party_enter("bob");

	party.conf.max_rooms = 3; /* with #lobby */
	party_configure();
	ck_assert_int_eq(join(alice, "#a", NULL), ROOM_OK);
	ck_assert_int_eq(join(alice, "#b", NULL), ROOM_OK);
	ck_assert_int_eq(join(alice, "#c", NULL), ROOM_TOO_MANY_ROOMS);
	ck_assert_ptr_null(find("#c"));
	ck_assert_str_eq(alice->user.current->name, "#b");
	/* those that exist can be joined */
	ck_assert_int_eq(join(bob, "#a", NULL), ROOM_OK);
	ck_assert_int_eq(join(bob, "#lobby", NULL), ROOM_OK);
	leave(alice, find("#b"), NULL);
	ck_assert_int_eq(join(alice, "#c", NULL), ROOM_OK);
	ck_assert_uint_eq(party.reg.nrooms, 3);
}
END_TEST

START_TEST(max_joined)
{
	struct person *alice = party_enter("alice");

	party.conf.max_joined = 3;
	party_configure();
	party_join(alice, "#a");
	party_join(alice, "#b");
	party_join(alice, "#c");
	ck_assert_int_eq(join(alice, "#d", NULL), ROOM_TOO_MANY_JOINED);
	ck_assert_ptr_null(find("#d"));
	ck_assert_int_eq(join(alice, "#a", NULL), ROOM_OK); /* in it */
	leave(alice, find("#b"), NULL);
	ck_assert_int_eq(join(alice, "#d", NULL), ROOM_OK);
	ck_assert_uint_eq(alice->user.nrooms, 3);
	/* a limit that was lowered puts nobody out */
	party.conf.max_joined = 1;
	party_configure();
	ck_assert_uint_eq(alice->user.nrooms, 3);
	ck_assert_int_eq(join(alice, "#a", NULL), ROOM_OK);
	ck_assert_int_eq(join(alice, "#e", NULL), ROOM_TOO_MANY_JOINED);
}
END_TEST

START_TEST(keys)
{
	struct person *alice = party_enter("alice"), *bob = party_enter("bob");

	ck_assert_int_eq(join(alice, "#a", "hush"), ROOM_OK);
	ck_assert_int_eq(join(bob, "#a", NULL), ROOM_WRONG_KEY);
	ck_assert_int_eq(join(bob, "#a", "Hush"), ROOM_WRONG_KEY);
	ck_assert_int_eq(join(bob, "#a", ""), ROOM_WRONG_KEY);
	ck_assert_int_eq(join(bob, "#a", "hush"), ROOM_OK);
	ck_assert_int_eq(join(bob, "#a", NULL), ROOM_OK); /* is in it */
	/* a room without a key lets in who brings one */
	ck_assert_int_eq(join(alice, "#b", NULL), ROOM_OK);
	ck_assert_int_eq(join(bob, "#b", "hush"), ROOM_OK);
	ck_assert_ptr_null(find("#b")->key);
}
END_TEST

/* ---- who runs a room ---- */

START_TEST(op_moves_on)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct person *c = party_enter("c");
	struct room *room = party_all("#dev");

	party_names(room, "@a, b, c");
	leave(b, room, NULL);
	party_join(b, "#dev");
	party_names(room, "@a, c, b");
	leave(a, room, NULL);
	party_heard(c,
	    "[#dev] -- a left\n"
	    "* You run #dev now: /kick and /op are yours.\n");
	party_heard(b, "[#dev] -- a left\n");
	party_names(room, "@c, b");
	party_join(a, "#dev");
	party_names(room, "@c, b, a");
	user_exit(&party.reg, &c->user, "connection lost");
	party_heard(b,
	    "[#dev] -- c left (connection lost)\n"
	    "* You run #dev now: /kick and /op are yours.\n");
	party_names(room, "@b, a");
}
END_TEST

START_TEST(op_given)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room = party_all("#dev");

	room_set_op(&party.reg, room, &b->user);
	party_heard(a, "");
	party_heard(b, "* You run #dev now: /kick and /op are yours.\n");
	party_names(room, "a, @b");
	leave(a, room, NULL); /* no longer matters */
	party_names(room, "@b");
}
END_TEST

START_TEST(kicking)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct person *c = party_enter("c");
	struct room *room = party_join(a, "#dev");

	party_join(b, "#lobby");
	party_join(b, "#dev");
	party_join(c, "#dev");
	room_kick(&party.reg, &a->user, room, &b->user, "noise");
	party_heard(a, "");
	party_heard(b,
	    "! a kicked you from #dev (noise)\n"
	    "* You are in #lobby now.\n");
	party_heard(c, "[#dev] -- a kicked b (noise)\n");
	ck_assert_str_eq(b->user.current->name, "#lobby");
	room_kick(&party.reg, &a->user, room, &c->user, NULL);
	party_heard(c,
	    "! a kicked you from #dev\n"
	    "* You are in no room now; /join ROOM to enter one.\n");
	party_names(room, "@a");
	/* out of a room that is not the current one */
	party_join(b, "#dev");
	party_join(b, "#lobby");
	room_kick(&party.reg, &a->user, room, &b->user, NULL);
	party_heard(b, "! a kicked you from #dev\n");
}
END_TEST

/* Rooms of the configuration, and the default room, have nobody. */
START_TEST(permanent_rooms)
{
	struct person *a = party_enter("a");
	struct room *room;

	party_list_room("#ops", "pagers", "hush");
	party_configure();
	room = find("#ops");
	ck_assert_ptr_nonnull(room);
	ck_assert_str_eq(room->topic, "pagers");
	ck_assert_int_eq(join(a, "#ops", NULL), ROOM_WRONG_KEY);
	ck_assert_int_eq(join(a, "#ops", "hush"), ROOM_OK);
	party_names(room, "a");
	leave(a, room, NULL);
	ck_assert_ptr_eq(find("#ops"), room);
	room = party_join(a, "#lobby");
	party_names(room, "a");
	leave(a, room, NULL);
	ck_assert_ptr_eq(find("#lobby"), room);
}
END_TEST

/* ---- reloads ---- */

START_TEST(reload_adds)
{
	struct person *a = party_enter("a");
	struct room *room = party_join(a, "#dev");

	ck_assert(room_set_topic(&party.reg, &a->user, room, "mine"));
	party_list_room("#dev", NULL, NULL);
	party_list_room("#new", "hello", "key");
	party_configure();
	party_names(room, "a"); /* has no op any more */
	ck_assert_str_eq(room->topic, "mine");
	ck_assert_str_eq(find("#new")->topic, "hello");
	ck_assert_str_eq(find("#new")->key, "key");
	leave(a, room, NULL);
	ck_assert_ptr_eq(find("#dev"), room);
	party_configure(); /* the same again changes nothing */
	ck_assert_uint_eq(party.reg.nrooms, 3);
}
END_TEST

START_TEST(reload_removes)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room;

	party_list_room("#dev", NULL, NULL);
	party_list_room("#empty", "x", "y");
	party_configure();
	room = party_join(a, "#dev");
	party_join(b, "#dev");
	TAILQ_INIT(&party.conf.rooms);
	party_configure();
	ck_assert_ptr_null(find("#empty"));
	/* who is in the other one stays, and it becomes ordinary */
	party_heard(a, "* You run #dev now: /kick and /op are yours.\n");
	party_heard(b, "");
	party_names(room, "@a, b");
	leave(a, room, NULL);
	leave(b, room, NULL);
	ck_assert_ptr_null(find("#dev"));
}
END_TEST

START_TEST(reload_default_room)
{
	struct person *a = party_enter("a");
	struct room *room = party_join(a, "#lobby");

	strcpy(party.conf.default_room, "#hall");
	party_configure();
	party_names(room, "@a");
	ck_assert_ptr_nonnull(find("#hall"));
	leave(a, room, NULL);
	ck_assert_ptr_null(find("#lobby"));
	free(party.conf.default_room);
	party.conf.default_room = NULL;
	party_configure();
	ck_assert_ptr_null(find("#hall"));
	ck_assert_uint_eq(party.reg.nrooms, 0);
}
END_TEST

/* A key or a topic that a reload changes. */
START_TEST(reload_changes)
{
	struct room *room;

	party_list_room("#dev", "one", "k1");
	party_configure();
	room = find("#dev");
	party.rooms[0].topic = (char *)(uintptr_t) "two";
	party.rooms[0].key = (char *)(uintptr_t) "k2";
	party_configure();
	ck_assert_str_eq(room->topic, "two");
	ck_assert_str_eq(room->key, "k2");
	party.rooms[0].key = NULL;
	party_configure();
	ck_assert_ptr_null(room->key);
}
END_TEST

/* A reload for another reason leaves people's topic; a new one in the file
 * counts. */
START_TEST(reload_and_topics)
{
	struct person *a = party_enter("a");
	struct room *room;

	party_list_room("#dev", "one", NULL);
	party_configure();
	room = party_join(a, "#dev");
	ck_assert(room_set_topic(&party.reg, &a->user, room, "theirs"));
	party_configure();
	ck_assert_str_eq(room->topic, "theirs");
	party.rooms[0].topic = (char *)(uintptr_t) "two";
	party_configure();
	ck_assert_str_eq(room->topic, "two");
}
END_TEST

/* ---- what is said ---- */

START_TEST(saying)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct person *c = party_enter("c");
	struct room *room = party_join(a, "#dev");

	party_join(b, "#dev");
	party_join(c, "#lobby");
	say(a, room, "hello");
	room_say(&party.reg, &a->user, room, "waves", true);
	party_heard(a, "");
	party_heard(b, "[#dev] a: hello\n[#dev] * a waves\n");
	ck_assert_int_eq(b->kind, LINE_ROOM);
	party_heard(c, "");
}
END_TEST

START_TEST(topics)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room = party_all("#dev");

	ck_assert(room_set_topic(&party.reg, &a->user, room, "friday"));
	party_heard(a, "");
	party_heard(b, "[#dev] -- a set the topic: friday\n");
	ck_assert_str_eq(room->topic, "friday");
	leave(a, room, NULL);
	ck_assert_str_eq(room->topic, "friday"); /* kept with the room */
}
END_TEST

START_TEST(bells)
{
	struct person *a = party_enter("a"), *bob = party_enter("bob");
	struct person *c = party_enter("c");
	struct room *room = party_all("#dev");

	say(a, room, "bob?");
	ck_assert_uint_eq(bob->bells, 0);
	bob->user.set_bell = c->user.set_bell = true;
	say(a, room, "Bob, look");
	ck_assert_uint_eq(bob->bells, 1);
	ck_assert_uint_eq(c->bells, 0);
	say(a, room, "bobby");
	ck_assert_uint_eq(bob->bells, 1);
}
END_TEST

/* As many as are shown, all with the longest name; then one more. */
START_TEST(names_are_cut)
{
	char buf[ROOM_NAMES_SIZE], name[NICK_MAX + 1];
	struct person *p;
	struct room *room = NULL;
	int i;

	for (i = 0; i < ROOM_NAMES; i++) {
		snprintf(name, sizeof(name), "member%018d", i);
		p = party_enter(name);
		ck_assert(user_set_away(&p->user, "x"));
		room = party_join(p, "#dev");
	}
	room_names(room, NULL, buf, sizeof(buf));
	ck_assert_uint_eq(strlen(buf),
	    strlen("@") + ROOM_NAMES * (NICK_MAX + strlen(" (away)")) +
		(ROOM_NAMES - 1) * strlen(", "));
	ck_assert_ptr_null(strstr(buf, " more"));
	party_join(party_enter("last"), "#dev");
	room_names(room, NULL, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf,
	    ", member000000000000000049 (away) "
	    "and 1 more"));
}
END_TEST

START_TEST(names_for_a_viewer)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room = party_join(a, "#dev");
	char buf[ROOM_NAMES_SIZE];

	party_join(b, "#dev");
	user_set_away(&b->user, "lunch");
	room_names(room, &a->user, buf, sizeof(buf));
	ck_assert_str_eq(buf, "@you, b (away)");
	room_names(room, &b->user, buf, sizeof(buf));
	ck_assert_str_eq(buf, "@a, you (away)");
}
END_TEST

/* ---- history ---- */

START_TEST(history_ring)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room;
	char text[16];
	int i;

	party.conf.history = 3;
	party_configure();
	setenv("TZ", "UTC0", 1);
	tzset();
	room = party_join(a, "#dev");
	for (i = 1; i <= 2; i++) {
		party.reg.wall = i * 60;
		snprintf(text, sizeof(text), "line %d", i);
		say(a, room, text);
	}
	ck_assert_uint_eq(room->npast, 2);
	room_replay(&party.reg, room, &b->user, 3);
	party_heard(b, "00:01 [#dev] a: line 1\n00:02 [#dev] a: line 2\n");
	party.reg.wall = 3 * 3600;
	say(a, room, "line 3");
	ck_assert_uint_eq(room->npast, 3);
	say(a, room, "line 4");
	ck_assert_uint_eq(room->npast, 3);
	room_replay(&party.reg, room, &b->user, 3);
	party_heard(b,
	    "00:02 [#dev] a: line 2\n03:00 [#dev] a: line 3\n"
	    "03:00 [#dev] a: line 4\n");
	room_replay(&party.reg, room, &b->user, 1);
	party_heard(b, "03:00 [#dev] a: line 4\n");
	room_replay(&party.reg, room, &b->user, 0);
	party_heard(b, "");
}
END_TEST

START_TEST(history_changes)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room = party_join(a, "#dev");

	room_say(&party.reg, &a->user, room, "waves", true);
	say(a, room, "two");
	party.conf.history = 1;
	party_configure();
	ck_assert_uint_eq(room->npast, 1);
	room_replay(&party.reg, room, &b->user, 9);
	ck_assert_ptr_nonnull(strstr(b->heard, "[#dev] a: two\n"));
	party.conf.history = 0;
	party_configure();
	ck_assert_uint_eq(room->npast, 0);
	say(a, room, "three");
	ck_assert_uint_eq(room->npast, 0);
	party.conf.history = 2;
	party_configure();
	say(a, room, "four");
	ck_assert_uint_eq(room->npast, 1);
}
END_TEST

/* What is told is not said: joins and topics are not in it. */
START_TEST(history_is_speech)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct room *room = party_all("#dev");

	room_set_topic(&party.reg, &a->user, room, "x");
	leave(b, room, "bye");
	ck_assert_uint_eq(room->npast, 0);
	room_say(&party.reg, &a->user, room, "waves", true);
	ck_assert_uint_eq(room->npast, 1);
}
END_TEST

/* Lines of people whom one ignores are not replayed, nor counted. */
START_TEST(history_of_the_ignored)
{
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct person *c = party_enter("c");
	struct room *room = party_join(a, "#dev");

	party_join(b, "#dev");
	setenv("TZ", "UTC0", 1);
	tzset();
	say(a, room, "one");
	say(b, room, "two");
	say(a, room, "three");
	user_ignore(&party.reg, &c->user, &b->user);
	ck_assert_uint_eq(room_count_past(room, &c->user), 2);
	ck_assert_uint_eq(room_count_past(room, &a->user), 3);
	room_replay(&party.reg, room, &c->user, 2);
	party_heard(c, "00:00 [#dev] a: one\n00:00 [#dev] a: three\n");
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
	struct person *a = party_enter("a"), *b = party_enter("b");
	struct person *c = party_enter("c");
	struct room *room = party_join(a, "#dev");
	int i;

	for (i = 0; i < CONFIG_MAX_LINE_MAX; i++)
		memcpy(text + 3 * i, "\xef\xbf\xbd", 3);
	party_join(b, "#dev");
	party_join(c, "#dev");
	room_say(&party.reg, &a->user, room, text, false);
	assert_whole(b);
	party_forget();
	for (i = 0; i < 3; i++) {
		/* wherever the cut falls */
		room_kick(&party.reg, &a->user, room, &b->user, text + 3 * i);
		assert_whole(b);
		assert_whole(c);
		party_join(b, "#dev");
		text[i] = 'x';
	}
}
END_TEST

UNIT_MAIN("room", party_setup, party_teardown, joining, leaving, falling_back,
    max_rooms, max_joined, keys, op_moves_on, op_given, kicking,
    permanent_rooms, reload_adds, reload_removes, reload_default_room,
    reload_changes, reload_and_topics, saying, topics, bells, names_are_cut,
    names_for_a_viewer, history_ring, history_changes, history_is_speech,
    history_of_the_ignored, longest_reason)
