/* A server that cannot go on with what there is: somebody is lost, or what was
 * said, or everybody. */
#include <string.h>
#include <unistd.h>

#include "kept.h"
#include "unit.h"

#define CONF "rate off\n"

static void
setup(void)
{
	kept_start(CONF);
}

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
	kept_talk(c, b);
	ck_assert_str_eq(c->c->user.name, "a");
	kept_nothing_is_wrong();
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
	kept_nothing_is_wrong();
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
	kept_nothing_is_wrong();
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
	kept_talk(a, b);
	ck_assert_uint_eq(daemon_connections(), 2);
	ck_assert_uint_eq(vault_dead(kept.keep->vault), 1);
	daemon_advance(2 * VAULT_DEAD_MS);
	ck_assert_uint_eq(vault_dead(kept.keep->vault), 0);
	daemon_type(a, "/quit");
	ck_assert(a->closed);
	kept_nothing_is_wrong();
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
	kept_next(_i, CONF);
	daemon_forget();
	kept_talk(a, b);
	ck_assert_str_eq(c->c->user.current->name, "#room");
	daemon_type(c, "/history");
	ck_assert(daemon_has(c, "said before"));
	conf = keep_config(kept.keep, "path");
	ck_assert_ptr_nonnull(conf);
	config_free(conf);
	kept_nothing_is_wrong();
}
END_TEST

/* It is too full: of what was said nothing is in it, but it is handed over. */
START_TEST(without_history)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(a, "said before");
	a->c->user.current->history.bytes += JOURNAL_LIVE_MAX;
	kept.keep->is_full = true;
	daemon_do(a, "hello");
	ck_assert_uint_eq(kept_logged("too much to be kept"), 1);
	ck_assert(kept.keep->no_history);
	kept_forget_log();
	kept_next(_i, CONF);
	daemon_forget();
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said before") == (_i == 0));
	ck_assert(daemon_has(b, "hello") == (_i == 0));
	kept_talk(a, b);
	kept_next(1, CONF);
	daemon_forget();
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said before") == (_i == 0));
	ck_assert(daemon_has(b, "talk"));
	kept_nothing_is_wrong();
}
END_TEST

/* And when it is less again, it is there again. */
START_TEST(with_history_again)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct history *h = &a->c->user.current->history;

	daemon_do(a, "said before");
	h->bytes += JOURNAL_LIVE_MAX;
	kept.keep->is_full = true;
	daemon_do(a, "hello");
	ck_assert(kept.keep->no_history);
	h->bytes -= JOURNAL_LIVE_MAX;
	kept.keep->is_full = true;
	daemon_do(a, "again");
	ck_assert(!kept.keep->no_history);
	kept_crash(CONF);
	daemon_forget();
	daemon_type(b, "/history");
	ck_assert(daemon_has(b, "said before") && daemon_has(b, "hello") &&
	    daemon_has(b, "again"));
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
		kept_talk(a, b);
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

static void
say_lines(struct peer *p, int n)
{
	while (n-- > 0)
		daemon_do(p, "hello");
}

START_TEST(a_hundred_lines)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int i;

	for (i = 0; i < 4 * LIFE_FAULTS; i++) {
		kept_crash(CONF);
		if (i % LIFE_FAULTS == 2)
			say_lines(a, LIFE_LINES);
	}
	daemon_forget();
	kept_talk(a, b);
	/* one less is not enough */
	for (i = 0; i < LIFE_FAULTS; i++) {
		kept_crash(CONF);
		say_lines(a, LIFE_LINES - 1);
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
		kept_next(i % 3 != 2, CONF);
		daemon_forget();
	}
	kept_talk(a, b);
	for (i = 0; i < 10; i++)
		kept_upgrade(CONF);
	kept_talk(a, b);
	kept_nothing_is_wrong();
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
	kept_talk(a, b);
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

int
main(void)
{
	Suite *s = suite_create("takeover_lost");
	TCase *tc = unit_case(s, "takeover_lost", setup, kept_stop);

	UNIT_TESTS(tc, record_without_descriptor, with_history_again,
	    without_descriptor_at_the_end, descriptor_without_record,
	    damaged_record, twice_in_the_vault, three_faults, a_hundred_lines,
	    handed_over_in_between, faults_while_taking_over, not_kept,
	    another_version, held_twice, damaged_database, damaged_remnant,
	    remnant_is_wiped, refused);
	tcase_add_loop_test(tc, written_anew, 0, 2);
	tcase_add_loop_test(tc, without_history, 0, 2);
	tcase_add_loop_test(tc, missing, 0, KEEP_DESCRIPTORS);
	return kept_run(s);
}
