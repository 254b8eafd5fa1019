/* One server follows another: rooms, hosts, another configuration; and what it
 * does when it cannot go on with what there is. */
#include <sys/socket.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/chat/room.h"
#include "banterd/state/remnant.h"
#include "kept.h"
#include "unit.h"

#define CONF "rate off\n"
#define HOST "192.0.2.1"

static void
setup(void)
{
	kept_start(CONF);
}

static void
next_one(int fault, const char *conf)
{
	kept.keep->life->faults = 0;
	if (fault)
		kept_crash(conf);
	else
		kept_upgrade(conf);
}

static void
nothing_is_wrong(void)
{
	ck_assert_uint_eq(kept_logged("cannot"), 0);
	ck_assert_uint_eq(kept_logged("lost"), 0);
	ck_assert_uint_eq(kept_logged("error"), 0);
	ck_assert_uint_eq(kept_logged("warning"), 0);
}

/* Everybody who is there hears a's line. */
static void
talk(struct peer *a, struct peer *b)
{
	daemon_forget();
	daemon_type(a, "talk");
	ck_assert(daemon_has(b, "talk\r\n"));
	daemon_forget();
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
	daemon_settle();
	talk(a, b);
	nothing_is_wrong();
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
	nothing_is_wrong();
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
	next_one(_i, "rate off\nmax-joined 100\n");
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	ck_assert_uint_eq(a->c->host->rooms, 25);
	b = daemon_person("b");
	daemon_do(b, "/join #more");
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	daemon_do(a, "/leave #room3");
	daemon_do(b, "/join #more");
	ck_assert_uint_eq(rig.srv.registry.nrooms, 26);
	ck_assert_ptr_nonnull(room_find(&rig.srv.registry, "#more"));
	next_one(_i, "rate off\n");
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#room3"));
	daemon_hang_up(a);
	daemon_hang_up(b);
	ck_assert_uint_eq(rig.srv.registry.nrooms, 1);
	nothing_is_wrong();
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
	next_one(_i, CONF);
	next_one(_i, CONF);
	daemon_forget();
	daemon_do(b, "/leave #room");
	a = daemon_person("a");
	ck_assert_uint_eq(a->c->host->rooms, 0);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#room"));
	nothing_is_wrong();
}
END_TEST

/* Of a room that is over nothing is left. */
START_TEST(over)
{
	struct peer *a = daemon_person("a");

	daemon_do(a, "/join #room");
	daemon_do(a, "said in it");
	daemon_do(a, "/leave #room");
	next_one(_i, CONF);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#room"));
	nothing_is_wrong();
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
	next_one(_i, CONF);
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
	nothing_is_wrong();
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
	next_one(_i, CONF);
	a->len = 0;
	daemon_advance(1200);
	daemon_heard(a, "[#lobby] -- 3 people joined\n");
	nothing_is_wrong();
}
END_TEST

/* ---- another configuration ---- */

/* The numbers of rooms that the file lists now are nobody else's. */
START_TEST(another_default_room)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *c;
	const char *conf = "rate off\ndefault-room #new\nroom #third\n";

	daemon_do(a, "/join #own");
	next_one(_i, conf);
	daemon_do(a, "/join #new");
	daemon_do(b, "/join #third");
	daemon_do(b, "said in third");
	c = daemon_connect(HOST);
	ck_assert_str_eq(c->c->user.current->name, "#new");
	ck_assert(!room_find(&rig.srv.registry, "#lobby")->permanent);
	next_one(_i, conf);
	daemon_forget();
	ck_assert_uint_eq(rig.srv.registry.nusers, 3);
	ck_assert_uint_eq(rig.srv.registry.nrooms, 4);
	ck_assert_str_eq(c->c->user.current->name, "#new");
	ck_assert_str_eq(b->c->user.current->name, "#third");
	ck_assert_str_eq(a->c->user.current->name, "#new");
	ck_assert_uint_eq(a->c->user.nrooms, 3);
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said in third"));
	nothing_is_wrong();
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
	next_one(_i, CONF);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#empty"));
	ck_assert_ptr_eq(a->c->user.current->op, &a->c->user);
	ck_assert(!a->c->user.current->permanent);
	daemon_hang_up(a);
	ck_assert_ptr_eq(b->c->user.current->op, &b->c->user);
	daemon_hang_up(b);
	ck_assert_ptr_null(room_find(&rig.srv.registry, "#dev"));
	next_one(_i, CONF);
	ck_assert_uint_eq(rig.srv.registry.nrooms, 1);
	nothing_is_wrong();
}
END_TEST

/* And the other way round. */
START_TEST(listed_now)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct room *room;

	daemon_do(a, "/join #dev");
	daemon_do(b, "/join #dev");
	next_one(_i, "rate off\nroom #dev\n");
	room = room_find(&rig.srv.registry, "#dev");
	ck_assert_ptr_nonnull(room);
	ck_assert(room->permanent);
	ck_assert_ptr_null(room->op);
	ck_assert_ptr_null(room->maker);
	ck_assert_uint_eq(a->c->host->rooms, 0);
	ck_assert_uint_eq(room->nmembers, 2);
	next_one(_i, "rate off\nroom #dev\n");
	talk(a, b);
	nothing_is_wrong();
}
END_TEST

START_TEST(denied_now)
{
	struct peer *a = daemon_person("a"),
		    *b = daemon_connect("198.51.100.1");

	daemon_forget();
	next_one(_i, "deny 198.51.100.0/24\nrate off\n");
	daemon_heard(b,
	    _i ? KEPT_AFTER_FAULT "! Your address is not allowed here.\n" :
		 "! Your address is not allowed here.\n");
	ck_assert(b->closed);
	ck_assert(daemon_has(a, "left (not allowed)"));
	nothing_is_wrong();
}
END_TEST

/* Who was at the password need not give one any more. */
START_TEST(no_password_now)
{
	struct peer *a;

	ck_assert(daemon_reload("password x\nrate off\n"));
	a = daemon_connect(HOST);
	daemon_forget();
	next_one(_i, CONF);
	ck_assert(daemon_has(a, "* You are guest1"));
	daemon_hang_up(a);
	nothing_is_wrong();
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
		next_one(_i, conf);
		if (n - first > limit)
			first = n - limit;
		check_history(a, first, n - 1);
		/* and once more, after one line or none */
		n = say_numbers(a, n, n - 1 + (unsigned)i % 2);
		next_one(_i, conf);
		if (n - first > limit)
			first = n - limit;
		check_history(a, first, n - 1);
	}
	nothing_is_wrong();
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
	next_one(_i, "rate off\nhistory 3\n");
	check_history(a, 51, 53);
	nothing_is_wrong();
}
END_TEST

/* The configuration that was in force is there, and the newest. */
START_TEST(configuration)
{
	struct config *conf;

	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_null(conf); /* nobody was before it */
	next_one(_i, "history 7\n");
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

/* ---- lost ---- */

/* As if the vault had not taken that one. */
static void
lose_descriptor(struct peer *p)
{
	vault_remove(kept.keep->vault, &p->c->kept->item, rig.now);
	rig.now += VAULT_DEAD_MS;
	(void)vault_tick(kept.keep->vault, rig.now);
}

/* The others see it leave, once. */
START_TEST(record_without_descriptor)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *c;

	daemon_do(a, "/join #room");
	daemon_do(b, "/join #room");
	daemon_do(a, "/away gone");
	daemon_do(a, "/ignore b");
	lose_descriptor(a);
	kept_crash(CONF);
	daemon_heard(b,
	    KEPT_AFTER_FAULT "[#room] -- a left (connection lost)\n"
			     "* You run #room now: /kick and /op are yours.\n"
			     "[#lobby] -- a left (connection lost)\n");
	ck_assert_uint_eq(
	    kept_logged("the connection of a at 192.0.2.1 is lost"), 1);
	ck_assert_uint_eq(rig.srv.registry.nusers, 1);
	daemon_settle();
	ck_assert(a->closed);
	daemon_hang_up(a);
	/* nothing of it is left: who has the name now keeps it */
	c = daemon_person("a");
	kept_forget_log();
	kept_crash(CONF);
	daemon_heard(b, KEPT_AFTER_FAULT);
	talk(c, b);
	ck_assert_str_eq(c->c->user.name, "a");
	nothing_is_wrong();
}
END_TEST

/* Where it ends in good order it is told itself, as at a stop. */
START_TEST(without_descriptor_at_the_end)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	lose_descriptor(a);
	kept_upgrade(CONF);
	daemon_heard(a, "* The server is going down.\n");
	ck_assert(a->closed);
	daemon_heard(b, "[#lobby] -- a left (connection lost)\n");
	ck_assert_uint_eq(rig.srv.registry.nusers, 1);
	daemon_hang_up(a);
	ck_assert_uint_eq(kept_logged("cannot"), 0);
}
END_TEST

/* And where there is no record, who is there is told. */
START_TEST(descriptor_without_record)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct keep_key key;

	keep_make_key(&key, KEEP_CLIENT, conn_number(a->c->out.conn));
	ck_assert(database_delete(kept.keep->db, key.bytes, key.len));
	ck_assert(database_commit(kept.keep->db));
	kept_crash(CONF);
	daemon_heard(a, KEPT_LOST);
	ck_assert(a->closed);
	daemon_heard(b, KEPT_AFTER_FAULT);
	ck_assert_uint_eq(
	    kept_logged("cannot read back what was kept of connection 1"), 1);
	daemon_hang_up(a);
	kept_forget_log();
	kept_crash(CONF);
	nothing_is_wrong();
}
END_TEST

/* A record that is none: that one alone is gone, for good. */
START_TEST(damaged_record)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct keep_key key;

	daemon_do(a, "/away gone");
	keep_make_key(&key, KEEP_CLIENT, conn_number(a->c->out.conn));
	ck_assert(database_put(kept.keep->db, key.bytes, key.len, "", 0));
	ck_assert(database_commit(kept.keep->db));
	kept_crash(CONF);
	daemon_heard(a, KEPT_LOST);
	ck_assert(a->closed);
	ck_assert(daemon_has(b, "* The server came back after a fault"));
	ck_assert_uint_eq(kept_logged("cannot read back"), 1);
	daemon_hang_up(a);
	kept_forget_log();
	kept_crash(CONF);
	nothing_is_wrong();
}
END_TEST

/* Somebody died while turning the ring: a number is in it twice. */
START_TEST(twice_in_the_vault)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct vault_item again = { .number = 0 };

	vault_add(kept.keep->vault, &again, conn_descriptor(a->c->out.conn),
	    conn_number(a->c->out.conn));
	vault_flush(kept.keep->vault, rig.now);
	kept_crash(CONF);
	daemon_heard(a, KEPT_AFTER_FAULT);
	talk(a, b);
	ck_assert_uint_eq(daemon_connections(), 2);
	ck_assert_uint_eq(vault_dead(kept.keep->vault), 1);
	daemon_advance(2 * VAULT_DEAD_MS);
	ck_assert_uint_eq(vault_dead(kept.keep->vault), 0);
	daemon_type(a, "/quit");
	ck_assert(a->closed);
	nothing_is_wrong();
}
END_TEST

/* ---- a database that fails ---- */

START_TEST(written_anew)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");
	static const char key[DATABASE_KEY_MAX + 1];
	struct config *conf;

	daemon_do(c, "/join #room");
	daemon_do(c, "said before");
	ck_assert(!database_put(kept.keep->db, key, sizeof(key), "", 0));
	daemon_do(a, "hello");
	ck_assert_uint_eq(kept_logged("what is kept was written anew"), 1);
	kept_forget_log();
	next_one(_i, CONF);
	daemon_forget();
	talk(a, b);
	ck_assert_str_eq(c->c->user.current->name, "#room");
	daemon_type(c, "/history");
	ck_assert(daemon_has(c, "said before"));
	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_nonnull(conf);
	config_free(conf);
	nothing_is_wrong();
}
END_TEST

/* It is too full: of what was said nothing is in it, but it is handed over. */
START_TEST(without_history)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "said before");
	kept.keep->no_history = kept.keep->is_full = true;
	daemon_do(a, "hello");
	next_one(_i, CONF);
	daemon_forget();
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said before") == (_i == 0));
	ck_assert(daemon_has(b, "hello") == (_i == 0));
	talk(a, b);
	next_one(1, CONF);
	daemon_forget();
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said before") == (_i == 0));
	ck_assert(daemon_has(b, "talk"));
	nothing_is_wrong();
}
END_TEST

/* Who goes sees the end at once, though the vault has it still. */
START_TEST(end_is_seen)
{
	struct peer *a = daemon_person("a");

	next_one(_i, CONF);
	ck_assert(daemon_reload("deny all\n"));
	ck_assert(a->closed);
}
END_TEST

/* ---- forgotten ---- */

static void
is_forgotten(struct peer *p, const char *why)
{
	ck_assert_int_eq(kept.keep->start, KEEP_FORGOTTEN);
	daemon_settle();
	daemon_heard(p, KEPT_LOST);
	ck_assert(p->closed);
	ck_assert_uint_eq(daemon_connections(), 0);
	ck_assert_uint_eq(kept_logged(why), 1);
	ck_assert_uint_eq(
	    kept_logged("connections closed that an earlier process kept"), 1);
	ck_assert_int_eq(kept.nstore, KEEP_DESCRIPTORS);
}

START_TEST(three_faults)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int i;

	for (i = 0; i < LIFE_FAULTS; i++) {
		kept_crash(CONF);
		daemon_heard(a, KEPT_AFTER_FAULT);
		talk(a, b);
	}
	kept_crash(CONF);
	daemon_heard(b, KEPT_LOST);
	is_forgotten(a,
	    "cannot go on with what an earlier process kept: each process that went on with it ended by a fault");
	/* and from there on all is as at the beginning */
	a = daemon_person("a");
	kept_crash(CONF);
	daemon_heard(a, KEPT_AFTER_FAULT);
}
END_TEST

START_TEST(a_hundred_lines)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int i;

	for (i = 0; i < 4 * LIFE_FAULTS; i++) {
		kept_crash(CONF);
		if (i % LIFE_FAULTS == 2)
			(void)say_numbers(a, 1, LIFE_LINES);
	}
	daemon_forget();
	talk(a, b);
	/* one less is not enough */
	for (i = 0; i < LIFE_FAULTS; i++) {
		kept_crash(CONF);
		(void)say_numbers(a, 1, LIFE_LINES - 1);
	}
	kept_crash(CONF);
	ck_assert_int_eq(kept.keep->start, KEEP_FORGOTTEN);
}
END_TEST

/* Handing over is no fault. */
START_TEST(handed_over_in_between)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int i;

	for (i = 0; i < 10; i++) {
		next_one(i % 3 != 2, CONF);
		daemon_forget();
	}
	talk(a, b);
	for (i = 0; i < 10; i++)
		kept_upgrade(CONF);
	talk(a, b);
	nothing_is_wrong();
}
END_TEST

/* One that dies while it takes over what was handed over counts, too. */
START_TEST(faults_while_taking_over)
{
	struct peer *a = daemon_person("a");
	uint32_t faults;
	int i;

	daemon_person("b");
	ck_assert(kept_hand_over());
	for (i = 0; i < LIFE_FAULTS; i++) {
		kept_succeed(CONF);
		ck_assert_int_eq(kept.keep->start, KEEP_HANDED);
		kept.keep->life->end = LIFE_HANDED_OVER; /* it has not begun */
		faults = kept.keep->life->faults;
		ck_assert_uint_eq(faults, (unsigned)i + 1);
		kept_fault();
	}
	kept_succeed(CONF);
	daemon_settle();
	is_forgotten(a, "ended by a fault");
}
END_TEST

START_TEST(not_kept)
{
	struct peer *a = daemon_person("a");

	daemon_person("b");
	kept.keep->life->end = LIFE_NOT_KEPT;
	kept_fault();
	kept_succeed(CONF);
	is_forgotten(a, "it is not whole");
}
END_TEST

START_TEST(another_version)
{
	struct peer *a = daemon_person("a");

	daemon_person("b");
	kept.keep->life->format++;
	kept_fault();
	kept_succeed(CONF);
	is_forgotten(a, "it is of another version");
}
END_TEST

/* One of the descriptors is missing; where it is the one that newcomers come
 * out of, they cannot be told. */
START_TEST(missing)
{
	struct peer *a = daemon_person("a");
	struct kept_descriptor *d;

	daemon_person("b");
	kept_fault();
	for (d = kept.store; strcmp(d->name, keep_names[_i]) != 0; d++)
		;
	close(d->fd);
	*d = kept.store[--kept.nstore];
	kept_succeed(CONF);
	if (_i != KEEP_YOUNG_OUT) {
		is_forgotten(a, "a part of it is missing");
		return;
	}
	ck_assert_int_eq(kept.keep->start, KEEP_FORGOTTEN);
	daemon_settle();
	ck_assert(a->closed);
	ck_assert_int_eq(kept.nstore, KEEP_DESCRIPTORS);
	ck_assert_uint_eq(kept_logged("a part of it is missing"), 1);
}
END_TEST

/* What the manager has twice is used once. */
START_TEST(held_twice)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int i;

	kept_fault();
	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		kept.store[kept.nstore] = kept.store[i];
		kept.store[kept.nstore++].fd = dup(kept.store[i].fd);
	}
	kept_succeed(CONF);
	daemon_settle();
	talk(a, b);
}
END_TEST

/* The database is another file. */
START_TEST(damaged_database)
{
	struct peer *a = daemon_person("a");

	daemon_person("b");
	kept_fault();
	ck_assert_int_eq(ftruncate(kept_held("state"), 8192), 0);
	kept_succeed(CONF);
	is_forgotten(a, "it is damaged");
}
END_TEST

/* The rest is lost, people are not. */
START_TEST(damaged_remnant)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_send(a, BYTES("half a "));
	ck_assert(kept_hand_over());
	ck_assert_int_eq(pwrite(kept_held("remnant"), "x", 1, 9), 1);
	kept_succeed(CONF);
	daemon_settle();
	ck_assert_uint_eq(kept_logged("what was unsent and unread is lost"), 1);
	daemon_send(a, BYTES("line\nnext\n"));
	daemon_heard(a, KEPT_AFTER_FAULT);
	daemon_heard(b, KEPT_AFTER_FAULT "[#lobby] a: next\n");
}
END_TEST

/* There may be a password in it. */
START_TEST(remnant_is_wiped)
{
	struct peer *a = daemon_person("a");
	char buf[64];

	daemon_send(a, BYTES("/join #x secret"));
	ck_assert(kept_hand_over());
	ck_assert_int_gt(lseek(kept_held("remnant"), 0, SEEK_END), 32);
	kept_succeed(CONF);
	ck_assert_int_eq(lseek(kept_held("remnant"), 0, SEEK_END), 0);
	/* so it is where somebody died before */
	ck_assert_int_eq(pwrite(kept_held("remnant"), "secret", 6, 0), 6);
	kept_crash(CONF);
	ck_assert_int_eq(pread(kept_held("remnant"), buf, sizeof(buf), 0), 0);
}
END_TEST

/* Without -k all goes. */
START_TEST(refused)
{
	struct peer *a = daemon_person("a");
	struct notify notify = { .fd = -1 };
	struct notify_passed passed = { .n = 0 };

	ck_assert_ptr_null(keep_new(&notify, &passed));
	ck_assert_uint_eq(
	    kept_logged("-k needs a service manager that keeps descriptors"),
	    1);
	daemon_type(a, "/quit");
}
END_TEST

/* From its beginning on a server tells by its own notify, and waits for nobody.
 */
START_TEST(by_its_own_notify)
{
	ck_assert_ptr_eq(kept.keep->notify, &rig.srv.notify);
	ck_assert_int_eq(rig.srv.notify.patience_ms, 0);
	next_one(_i, CONF);
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
		shorter_by_reload, configuration, written_anew, without_history,
		end_is_seen, by_its_own_notify };
	size_t i;

	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		tcase_add_loop_test(tc, both[i], 0, 2);
	UNIT_TESTS(tc, by_signal, stopped, record_without_descriptor,
	    without_descriptor_at_the_end, descriptor_without_record,
	    damaged_record, twice_in_the_vault, three_faults, a_hundred_lines,
	    handed_over_in_between, faults_while_taking_over, not_kept,
	    another_version, held_twice, damaged_database, damaged_remnant,
	    remnant_is_wiped, refused);
	tcase_add_loop_test(tc, missing, 0, KEEP_DESCRIPTORS);
	return kept_run(s);
}
