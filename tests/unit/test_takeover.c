/* One server follows another: rooms, hosts, another configuration. */
#include <signal.h>
#include <stdio.h>

#include "banterd/chat/room.h"
#include "kept.h"
#include "unit.h"

#define CONF "rate off\n"
#define HOST "192.0.2.1"

static void
setup(void)
{
	kept_start(CONF);
}

/* ---- the end ---- */

/* As the manager asks for it. */
START_TEST(by_signal)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	raise(SIGTERM);
	loop_run(&rig.srv);
	ck_assert(rig.srv.done && !rig.srv.failed);
	ck_assert_ptr_null(rig.srv.keep);
	kept_fault(); /* it has handed over; what comes now changes nothing */
	kept_succeed(CONF);
	ck_assert_int_eq(kept.keep->start, KEEP_HANDED);
	/* Deadlines of before wait for what came meanwhile, and no longer. */
	ck_assert_uint_le(rig.srv.timer_due, rig.srv.caught_up_at);
	daemon_settle();
	kept_talk(a, b);
	kept_nothing_is_wrong();
}
END_TEST

/* A true stop leaves nothing that is a reason to complain. */
START_TEST(stopped)
{
	struct peer *a = daemon_person("a");

	loop_stop(&rig.srv);
	daemon_settle();
	daemon_heard(a, "* The server is going down.\n");
	daemon_hang_up(a);
	keep_stop(kept.keep);
	kept_fault();
	kept_succeed(CONF);
	ck_assert_int_eq(kept.keep->start, KEEP_HANDED);
	ck_assert_uint_eq(daemon_connections(), 0);
	kept_nothing_is_wrong();
	daemon_guest(HOST);
}
END_TEST

/* ---- rooms and hosts ---- */

START_TEST(makers_of_rooms)
{
	struct peer *a = daemon_person("a"), *b;
	char line[32];
	int i;

	ck_assert(daemon_reload("rate off\nmax-joined 100\n"));
	for (i = 0; i < 25; i++) {
		snprintf(line, sizeof(line), "/join #room%d", i);
		daemon_do(a, line);
	}
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	kept_next(_i, "rate off\nmax-joined 100\n");
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	ck_assert_uint_eq(a->c->host->rooms, 25);
	b = daemon_person("b");
	daemon_do(b, "/join #more");
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	daemon_do(a, "/leave #room3");
	daemon_do(b, "/join #more");
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	ck_assert_ptr_nonnull(room_find(&rig.srv.registry, "#more"));
	kept_next(_i, "rate off\n");
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#room3"));
	daemon_hang_up(a);
	daemon_hang_up(b);
	ck_assert_uint_eq(rig.srv.registry.nrooms, 1);
	kept_nothing_is_wrong();
}
END_TEST

/* A host's room is its, whoever of it is still there. */
START_TEST(maker_has_gone)
{
	struct peer *a = daemon_person("a"),
		    *b = daemon_connect("198.51.100.1");

	daemon_do(a, "/join #room");
	daemon_do(b, "/join #room");
	daemon_hang_up(a);
	kept_next(_i, CONF);
	kept_next(_i, CONF);
	daemon_forget();
	daemon_do(b, "/leave #room");
	a = daemon_person("a");
	ck_assert_uint_eq(a->c->host->rooms, 0);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#room"));
	kept_nothing_is_wrong();
}
END_TEST

/* Of a room that is over nothing is left. */
START_TEST(over)
{
	struct peer *a = daemon_person("a");

	daemon_do(a, "/join #room");
	daemon_do(a, "said in it");
	daemon_do(a, "/leave #room");
	kept_next(_i, CONF);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#room"));
	kept_nothing_is_wrong();
}
END_TEST

/* Who runs a room, its key, its topic; members in their order. */
START_TEST(a_private_room)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");
	struct room *room;

	daemon_do(c, "/join #x sesame");
	daemon_do(a, "/join #x sesame");
	daemon_do(b, "/join #x sesame");
	daemon_do(c, "/op b");
	daemon_do(b, "/topic what it is about");
	kept_next(_i, CONF);
	daemon_forget();
	room = room_find(&rig.srv.registry, "#x");
	ck_assert_ptr_nonnull(room);
	ck_assert_str_eq(room->key, "sesame");
	ck_assert_str_eq(room->topic, "what it is about");
	ck_assert_ptr_eq(room->op, &b->c->user);
	ck_assert_ptr_eq(room->members[0], &c->c->user);
	ck_assert_ptr_eq(room->members[1], &a->c->user);
	ck_assert_ptr_eq(room->members[2], &b->c->user);
	ck_assert_ptr_ne(room->maker, NULL);
	kept_nothing_is_wrong();
}
END_TEST

/* The sum of those who came in a second comes when it is over. */
START_TEST(sums)
{
	struct peer *a = daemon_person("a");
	int i;

	daemon_advance(2000);
	daemon_forget();
	for (i = 0; i < ROOM_TALLY_LINES + 3; i++)
		daemon_connect(HOST);
	a->len = 0;
	kept_next(_i, CONF);
	a->len = 0;
	daemon_advance(1200);
	daemon_heard(a, "[#lobby] -- 3 people joined\n");
	kept_nothing_is_wrong();
}
END_TEST

/* ---- another configuration ---- */

/* The numbers of rooms that the file lists now are nobody else's. */
START_TEST(another_default_room)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *c;
	const char *conf = "rate off\ndefault-room #new\nroom #third\n";

	daemon_do(a, "/join #own");
	kept_next(_i, conf);
	daemon_do(a, "/join #new");
	daemon_do(b, "/join #third");
	daemon_do(b, "said in third");
	c = daemon_connect(HOST);
	ck_assert_str_eq(c->c->user.current->name, "#new");
	ck_assert(!room_find(&rig.srv.registry, "#lobby")->permanent);
	kept_next(_i, conf);
	daemon_forget();
	ck_assert_uint_eq(rig.srv.registry.nusers, 3);
	ck_assert_uint_eq(rig.srv.registry.nrooms, 4);
	ck_assert_str_eq(c->c->user.current->name, "#new");
	ck_assert_str_eq(b->c->user.current->name, "#third");
	ck_assert_str_eq(a->c->user.current->name, "#new");
	ck_assert_uint_eq(a->c->user.nrooms, 3);
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said in third"));
	kept_nothing_is_wrong();
}
END_TEST

/* A room that is not listed any more is its members'. */
START_TEST(no_longer_listed)
{
	struct peer *a, *b;

	ck_assert(
	    daemon_reload("rate off\nroom #dev topic \"of the file\" key key\n"
			  "room #empty\n"));
	a = daemon_person("a");
	b = daemon_person("b");
	daemon_do(a, "/join #dev key");
	daemon_do(b, "/join #dev key");
	kept_next(_i, CONF);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#empty"));
	ck_assert_ptr_eq(a->c->user.current->op, &a->c->user);
	ck_assert(!a->c->user.current->permanent);
	daemon_hang_up(a);
	ck_assert_ptr_eq(b->c->user.current->op, &b->c->user);
	daemon_hang_up(b);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#dev"));
	kept_next(_i, CONF);
	ck_assert_uint_eq(rig.srv.registry.nrooms, 1);
	kept_nothing_is_wrong();
}
END_TEST

/* And the other way round. */
START_TEST(listed_now)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct room *room;

	daemon_do(a, "/join #dev");
	daemon_do(b, "/join #dev");
	kept_next(_i, "rate off\nroom #Dev\n");
	room = room_find(&rig.srv.registry, "#dev");
	ck_assert_ptr_nonnull(room);
	ck_assert_str_eq(room->name, "#dev");
	ck_assert(room->permanent);
	ck_assert_ptr_null(room->op);
	ck_assert_ptr_null(room->maker);
	ck_assert_uint_eq(a->c->host->rooms, 0);
	ck_assert_uint_eq(room->nmembers, 2);
	kept_next(_i, "rate off\nroom #dev\n");
	kept_talk(a, b);
	kept_nothing_is_wrong();
}
END_TEST

START_TEST(denied_now)
{
	struct peer *a = daemon_person("a"),
		    *b = daemon_connect("198.51.100.1");

	daemon_forget();
	kept_next(_i, "deny 198.51.100.0/24\nrate off\n");
	daemon_heard(b,
	    _i ? KEPT_AFTER_FAULT "! Your address is not allowed here.\n" :
		 "! Your address is not allowed here.\n");
	ck_assert(b->closed);
	ck_assert(daemon_has(a, "left (not allowed)"));
	kept_nothing_is_wrong();
}
END_TEST

/* Who was at the password need not give one any more. */
START_TEST(no_password_now)
{
	struct peer *a;

	ck_assert(daemon_reload("password x\nrate off\n"));
	a = daemon_connect(HOST);
	daemon_forget();
	kept_next(_i, CONF);
	ck_assert(daemon_has(a, "* You are guest1"));
	daemon_hang_up(a);
	kept_nothing_is_wrong();
}
END_TEST

/* What was said last, in its order, whatever the limits were. */
static void
check_history(struct peer *p, unsigned from, unsigned to)
{
	const struct room *room = p->c->user.current;
	const struct history_entry *entry;
	char text[16];

	ck_assert_uint_eq(room->history.n, to + 1 - from);
	TAILQ_FOREACH(entry, &room->history.list, next) {
		snprintf(text, sizeof(text), "%u", from++);
		ck_assert_str_eq(entry->text, text);
	}
}

static unsigned
say_numbers(struct peer *p, unsigned n, unsigned last)
{
	char text[16];

	for (; n <= last; n++) {
		snprintf(text, sizeof(text), "%u", n);
		daemon_do(p, text);
	}
	return n;
}

START_TEST(histories)
{
	static const unsigned limits[] = { 7, 3, 8, 5, 1, 12, 0, 4, 4 };
	struct peer *a = daemon_person("a");
	unsigned n = 1, first = 1, limit = 50;
	char conf[32];
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		n = say_numbers(a, n, n + 5);
		if (n - first > limit)
			first = n - limit;
		check_history(a, first, n - 1);
		limit = limits[i];
		snprintf(conf, sizeof(conf), "rate off\nhistory %u\n", limit);
		kept_next(_i, conf);
		if (n - first > limit)
			first = n - limit;
		check_history(a, first, n - 1);
		/* and once more, after one line or none */
		n = say_numbers(a, n, n - 1 + (unsigned)i % 2);
		kept_next(_i, conf);
		if (n - first > limit)
			first = n - limit;
		check_history(a, first, n - 1);
	}
	kept_nothing_is_wrong();
}
END_TEST

/* With a reload the places are others at once. */
START_TEST(shorter_by_reload)
{
	struct peer *a = daemon_person("a");

	(void)say_numbers(a, 1, 52);
	check_history(a, 3, 52);
	ck_assert(daemon_reload("rate off\nhistory 3\n"));
	(void)say_numbers(a, 53, 53);
	check_history(a, 51, 53);
	kept_next(_i, "rate off\nhistory 3\n");
	check_history(a, 51, 53);
	kept_nothing_is_wrong();
}
END_TEST

/* The configuration that was in force is there, and the newest. */
START_TEST(configuration)
{
	struct config *conf;

	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_null(conf); /* nobody was before it */
	kept_next(_i, "history 7\n");
	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->history, 7);
	config_free(conf);
	ck_assert(daemon_reload("history 8\npassword x\n"));
	daemon_settle();
	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->history, 8);
	config_free(conf);
	kept_fault();
	kept_succeed("history 9\n");
	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(conf->history, 9);
	config_free(conf);
}
END_TEST

/* ---- the server itself ---- */

/* Who goes sees the end at once, though the vault has it still. */
START_TEST(end_is_seen)
{
	struct peer *a = daemon_person("a");

	kept_next(_i, CONF);
	ck_assert(daemon_reload("deny all\n"));
	ck_assert(a->closed);
}
END_TEST

/* From its beginning on a server tells by its own notify, and waits for nobody.
 */
START_TEST(by_its_own_notify)
{
	ck_assert_ptr_eq(kept.keep->notify, &rig.srv.notify);
	ck_assert_int_eq(rig.srv.notify.patience_ms, 0);
	kept_next(_i, CONF);
	ck_assert_ptr_eq(kept.keep->notify, &rig.srv.notify);
	ck_assert_int_eq(rig.srv.notify.patience_ms, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("takeover");
	TCase *tc = unit_case(s, "takeover", setup, kept_stop);
	const TTest *const both[] = { makers_of_rooms, maker_has_gone,
		a_private_room, sums, another_default_room, no_longer_listed,
		listed_now, denied_now, no_password_now, over, histories,
		shorter_by_reload, configuration, end_is_seen,
		by_its_own_notify };
	size_t i;

	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		tcase_add_loop_test(tc, both[i], 0, 2);
	UNIT_TESTS(tc, by_signal, stopped);
	return kept_run(s);
}
