/* What is kept does not fit, or is damaged: people go on, and the log says what
 * is lost. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "kept.h"
#include "unit.h"

#define CONF "rate off\nhistory 1000\nmax-line 4096\n"
#define HOST "192.0.2.1"

static bool is_full;      /* nothing goes into the database, */
static bool is_too_short; /* and nothing that is said into the journal */

bool __real_journal_append(
    struct journal *, const void *, size_t, const void *, size_t);
bool __wrap_journal_append(
    struct journal *, const void *, size_t, const void *, size_t);
int __real_mdb_put(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
int __wrap_mdb_put(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);

bool
__wrap_journal_append(struct journal *j, const void *key, size_t key_len,
    const void *record, size_t len)
{
	if (is_too_short && *(const unsigned char *)key == KEEP_SAID)
		return false;
	return __real_journal_append(j, key, key_len, record, len);
}

int
__wrap_mdb_put(
    MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags)
{
	return is_full ? MDB_MAP_FULL :
			 __real_mdb_put(txn, dbi, key, value, flags);
}

static void
setup(void)
{
	is_full = is_too_short = false;
	kept_start(CONF);
}

/* ---- full ---- */

/* So much is said that it does not fit. */
static void
say_much(struct peer *p)
{
	char text[3000];
	int i;

	for (i = 0; i < 500; i++) {
		is_too_short = i > 300;
		snprintf(text, sizeof(text), "%02999d", i);
		daemon_do(p, text);
	}
}

static unsigned
said(const struct peer *p)
{
	return p->c->user.current->history.n;
}

#define TOO_MUCH "what was said in the rooms is too much to be kept"

/* A fault loses what was said in the rooms, and nothing else. */
START_TEST(too_much_and_fault)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_do(b, "/join #other");
	say_much(a);
	ck_assert_uint_eq(kept_logged(TOO_MUCH), 1);
	ck_assert(kept.keep->no_history && !kept.keep->is_broken);
	daemon_do(b, "said later");
	kept_crash(CONF);
	daemon_heard(a, KEPT_AFTER_FAULT);
	ck_assert_uint_eq(said(a), 0);
	ck_assert_uint_eq(said(b), 0);
	is_too_short = false;
	daemon_do(b, "said now");
	kept_crash(CONF);
	ck_assert_uint_eq(said(b), 1);
	ck_assert_uint_eq(kept_logged("cannot"), 0);
}
END_TEST

/* Handed over it is all there; and by the next one, too. */
START_TEST(too_much_handed_over)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	int i;

	say_much(a);
	for (i = 1; i < 4; i++) {
		kept_upgrade(CONF);
		ck_assert_uint_eq(said(a), 500);
		/* it is tried, and told, by each */
		ck_assert(kept.keep->no_history);
		ck_assert_uint_eq(kept_logged(TOO_MUCH), (unsigned)i + 1);
	}
	daemon_forget();
	daemon_type(a, "talk");
	daemon_heard(b, "[#lobby] a: talk\n");
	ck_assert_uint_eq(said(a), 501);
}
END_TEST

/* With more space it is kept again. */
START_TEST(enough_space_later)
{
	struct peer *a = daemon_person("a");

	say_much(a);
	is_too_short = false;
	kept_upgrade(CONF);
	ck_assert_uint_eq(said(a), 500);
	ck_assert(!kept.keep->no_history);
	kept_crash(CONF);
	ck_assert_uint_eq(said(a), 500);
}
END_TEST

/* Nothing goes in at all: that is told, and the next one says that it knows
 * nobody. */
START_TEST(nothing_fits)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	is_full = true;
	daemon_do(a, "/topic x\nhello");
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
	ck_assert(kept.keep->is_broken);
	ck_assert_uint_eq(
	    kept_logged(
		"nothing is kept any more, a fault would disconnect people"),
	    1);
	daemon_type(b, "all goes on");
	daemon_heard(a, "[#lobby] b: all goes on\n");
	daemon_guest(HOST);
	kept_crash(CONF);
	daemon_heard(a, KEPT_LOST);
	ck_assert_int_eq(kept.keep->start, KEEP_FORGOTTEN);
}
END_TEST

/* Where there is space again when it hands over, nobody is lost. */
START_TEST(nothing_fits_for_a_while)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b"), *c;

	is_full = true;
	daemon_do(a, "/topic x\nhello");
	c = daemon_person("c");
	is_full = false;
	kept_upgrade(CONF);
	daemon_type(c, "talk");
	daemon_heard(a, "[#lobby] c: talk\n");
	daemon_heard(b, "[#lobby] c: talk\n");
	ck_assert_uint_eq(said(c), 2);
	kept_crash(CONF);
	daemon_forget();
	daemon_type(c, "talk");
	daemon_heard(a, "[#lobby] c: talk\n");
}
END_TEST

/* Else it is a stop. */
START_TEST(nothing_fits_at_the_end)
{
	struct peer *a = daemon_person("a");

	is_full = true;
	daemon_do(a, "/topic x\nhello");
	ck_assert(!kept_hand_over());
	daemon_heard(a, "* The server is going down.\n");
	ck_assert_uint_eq(kept_logged("cannot hand over: No space left"), 1);
	is_full = false;
	kept_succeed(CONF);
	daemon_settle();
	ck_assert(a->closed);
	daemon_guest(HOST);
}
END_TEST

/* ---- damaged ---- */

#define MAX_RECORDS 64

/* What is in the database. */
static struct copy {
	struct keep_key key;
	unsigned char bytes[1024];
	size_t len;
} copies[MAX_RECORDS];
static size_t ncopies;

/* As of database_found. */
static bool
note_record(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct copy *copy = &copies[ncopies++];

	(void)arg;
	ck_assert_uint_le(ncopies, MAX_RECORDS);
	ck_assert_uint_le(len, sizeof(copy->bytes));
	memcpy(copy->key.bytes, key, key_len);
	copy->key.len = key_len;
	memcpy(copy->bytes, record, len);
	copy->len = len;
	return true;
}

static void
put(const struct copy *copy, size_t len)
{
	struct database *db = kept.keep->db;

	if (!database_put(
		db, copy->key.bytes, copy->key.len, copy->bytes, len) ||
	    !database_commit(db))
		ck_abort_msg("cannot put a record");
}

static struct peer *people[3];

/* Something of each kind. */
static void
begin(void)
{
	int i;

	for (i = 0; i < 3; i++)
		people[i] = daemon_connect(i < 2 ? HOST : "192.0.2.2");
	daemon_do(people[0], "/nick a\n/join #own key\nsaid");
	daemon_do(people[1], "/nick b\n/join #own key\n/ignore a");
	daemon_do(people[0], "/kick b\n/invite b\n/away x");
	daemon_do(people[2], "/msg a psst\n/join #own wrong");
	ncopies = 0;
	ck_assert(database_each(kept.keep->db, note_record, NULL));
}

/* The next one takes over what there is: it talks to those who are there, and
 * who is not is told of in the log. */
static void
check_next(size_t record, size_t where)
{
	struct client *c;
	unsigned there = 0;

	kept_fault();
	kept_forget_log();
	kept_succeed(CONF);
	daemon_settle();
	TAILQ_FOREACH(c, &rig.srv.clients, next)
		there += c->state == CLIENT_CHAT;
	if (there < 3 && kept_logged("cannot read back what was kept of") == 0)
		ck_abort_msg("record %zu, %zu: one is lost without a word",
		    record, where);
	if (there < 2)
		ck_abort_msg("record %zu (%d), %zu: %u are there", record,
		    copies[record].key.bytes[0], where, there);
}

/* As it was before: the same records, and those at the other ends who were
 * disconnected come again. */
static void
start_again(void)
{
	kept_stop();
	kept_start(CONF);
	begin();
}

/* Each byte of each record is another one, in its turn. */
START_TEST(damaged)
{
	static const unsigned char flips[] = { 0xff, 1, 0x80, 0x10, 0x7f };
	size_t i, len, where;

	begin();
	for (i = (size_t)_i; i < ncopies; i += 8) {
		len = copies[i].len;
		for (where = 0; where < len; where++) {
			copies[i].bytes[where] ^= flips[(i + where) % 5];
			put(&copies[i], len);
			check_next(i, where);
			start_again();
		}
	}
}
END_TEST

/* Each is shorter, or empty. */
START_TEST(shorter)
{
	size_t i, n;

	begin();
	n = ncopies;
	for (i = 0; i < n; i++) {
		put(&copies[i], 0);
		check_next(i, 0);
		start_again();
		put(&copies[i], copies[i].len / 2);
		check_next(i, copies[i].len / 2);
		start_again();
	}
	ck_assert_uint_gt(n, 10);
}
END_TEST

/* All of them are. */
START_TEST(all_are_shorter)
{
	size_t i;

	begin();
	for (i = 0; i < ncopies; i++)
		put(&copies[i], copies[i].len - 1);
	kept_crash(CONF);
	daemon_heard(people[0], KEPT_LOST);
	daemon_heard(people[1], KEPT_LOST);
	daemon_heard(people[2], KEPT_LOST);
	ck_assert_uint_gt(kept_logged("cannot read back what was kept of"), 5);
	/* and it is over with that */
	kept_forget_log();
	daemon_guest(HOST);
	kept_crash(CONF);
	ck_assert_uint_eq(kept_logged("cannot"), 0);
}
END_TEST

/* A key that no record has. */
START_TEST(other_records)
{
	static const char *const keys[] = { "\1", "\2", "\3", "\4x", "\x08",
		"\x0c", "\x0d", "\xff", "\10aaaaaaaabbbbbbbbccccccccddddddd" };
	struct peer *a = daemon_person("a");
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ck_assert(database_put(
		    kept.keep->db, keys[i], strlen(keys[i]), "record", 6));
	ck_assert(database_commit(kept.keep->db));
	kept_crash(CONF);
	daemon_heard(a, KEPT_AFTER_FAULT);
	kept_forget_log();
	kept_crash(CONF);
	daemon_heard(a, KEPT_AFTER_FAULT);
	ck_assert_uint_eq(kept_logged("cannot"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keep_full");
	TCase *tc = unit_case(s, "full", setup, kept_stop);

	UNIT_TESTS(tc, too_much_and_fault, too_much_handed_over,
	    enough_space_later, nothing_fits, nothing_fits_for_a_while,
	    nothing_fits_at_the_end);
	tc = unit_case(s, "damaged", setup, kept_stop);
	UNIT_TESTS(tc, shorter, all_are_shorter, other_records);
	tcase_add_loop_test(tc, damaged, 0, 8);
	return kept_run(s);
}
