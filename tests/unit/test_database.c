/* The database: what is in it, what is not, and that nothing stays when it is
 * emptied. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db.h"
#include "shown.h"
#include "unit.h"

/* ---- what is in it ---- */

START_TEST(empty)
{
	struct stat st;

	ck_assert_int_eq(fstat(db_fd, &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0666);
	ck_assert_int_eq(fcntl(db_fd, F_GETFD), FD_CLOEXEC);
	/* LMDB's own, too */
	ck_assert_int_eq(fcntl(db_fd + 1, F_GETFD), FD_CLOEXEC);
	ck_assert_str_eq(db_content(), "");
	ck_assert(database_commit(db));
	database_abort(db);
	ck_assert(db_drop("none"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "");
}
END_TEST

START_TEST(in_the_order_of_keys)
{
	ck_assert(db_put("b", "2"));
	ck_assert(db_put("a", "1"));
	ck_assert(db_put("\xff", "last"));
	ck_assert(db_put("aa", ""));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "a=1 aa= b=2 \xff=last ");
	ck_assert(db_put("a", "another"));
	ck_assert(db_drop("b"));
	ck_assert(db_drop("bb"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "a=another aa= \xff=last ");
	db_reopen(SIZE);
	ck_assert_str_eq(db_content(), "a=another aa= \xff=last ");
}
END_TEST

START_TEST(any_bytes)
{
	char key[DATABASE_KEY_MAX], zeros[3] = { 0 };
	struct shown s = { .most = 10 };

	memset(key, 0, sizeof(key));
	ck_assert(database_put(db, key, sizeof(key), zeros, sizeof(zeros)));
	ck_assert(database_commit(db));
	ck_assert(database_each(db, shown_add, &s));
	ck_assert_str_eq(s.text, "= ");
	ck_assert_uint_eq(s.len, 2);
}
END_TEST

START_TEST(only_some_are_wanted)
{
	struct shown s = { .most = 2 };

	ck_assert(db_put("a", "1") && db_put("b", "2") && db_put("c", "3"));
	ck_assert(database_commit(db));
	ck_assert(database_each(db, shown_add, &s));
	ck_assert_str_eq(s.text, "a=1 b=2 ");
}
END_TEST

static bool
is_large(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	unit_bytes("key", key, key_len, "large", 5);
	unit_bytes("record", record, len, arg, 1000000);
	return true;
}

/* Longer than a page of the map. */
START_TEST(large)
{
	char *record = malloc(1000000);
	int i;

	for (i = 0; i < 1000000; i++)
		record[i] = (char)(i % 251);
	for (i = 0; i < 20; i++) {
		ck_assert(database_put(db, "large", 5, record, 1000000));
		ck_assert(database_commit(db));
	}
	ck_assert(database_each(db, is_large, record));
	ck_assert_uint_ge(database_used(db), 1000000);
	ck_assert_uint_lt(database_used(db), 5000000);
	free(record);
}
END_TEST

START_TEST(keys_that_are_none)
{
	char key[DATABASE_KEY_MAX + 1];

	memset(key, 'k', sizeof(key));
	unit_fails_with(database_put(db, key, sizeof(key), "", 0), EINVAL);
	database_abort(db);
	unit_fails_with(database_put(db, key, 0, "", 0), EINVAL);
	database_abort(db);
	unit_fails_with(database_delete(db, key, 0), EINVAL);
	database_abort(db);
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "");
}
END_TEST

/* The first n of them, which are all there are. */
static void
drop_many(unsigned n, char c)
{
	char key[16];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%c%05u", c, i);
		ck_assert(db_drop(key));
	}
}

START_TEST(many_are_taken_out)
{
	db_put_many(3000, 'a');
	db_put_many(3000, 'b');
	db_put_many(3000, 'c');
	ck_assert(database_commit(db));
	drop_many(3000, 'a');
	drop_many(3000, 'c');
	drop_many(3000, 'b');
	ck_assert(db_put("end", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "end=1 ");
}
END_TEST

/* ---- what is not ---- */

START_TEST(not_committed)
{
	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	ck_assert(db_put("a", "2") && db_put("b", "2"));
	ck_assert_str_eq(db_content(), "a=1 ");
	database_abort(db);
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "a=1 ");
	ck_assert(db_drop("a"));
	ck_assert_str_eq(db_content(), "a=1 ");
	db_reopen(SIZE);
	ck_assert_str_eq(db_content(), "a=1 ");
	ck_assert(db_drop("a"));
	db_reopen(SIZE);
	ck_assert_str_eq(db_content(), "a=1 ");
}
END_TEST

/* Puts more and more, one a commit, until it is full; returns how many are
 * there. */
static unsigned
fill(void)
{
	char key[8], record[200];
	unsigned i;

	memset(record, 'x', sizeof(record));
	for (i = 0; i < 10000; i++) {
		(void)snprintf(key, sizeof(key), "%05u", i);
		if (!database_put(db, key, 5, record, sizeof(record)) ||
		    !database_commit(db))
			return i;
	}
	ck_abort_msg("it is never full");
}

static bool
count(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	unsigned *n = arg;
	char want[8], x[200];

	memset(x, 'x', sizeof(x));
	(void)snprintf(want, sizeof(want), "%05u", (*n)++);
	unit_bytes("key", key, key_len, want, 5);
	unit_bytes("record", record, len, x, sizeof(x));
	return true;
}

static void
holds(unsigned n)
{
	unsigned counted = 0;

	ck_assert(database_each(db, count, &counted));
	ck_assert_uint_eq(counted, n);
}

START_TEST(full)
{
	unsigned n;

	db_reopen(SMALL);
	n = fill();
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_gt(n, 50);
	ck_assert_uint_le(database_used(db), SMALL);
	unit_fails_with(db_put("more", ""), ENOSPC);
	unit_fails_with(db_drop("00000"), ENOSPC);
	unit_fails_with(database_commit(db), ENOSPC);
	unit_fails_with(database_commit(db), ENOSPC);
	holds(n);
	database_abort(db);
	ck_assert(database_commit(db));
	holds(n);
	db_reopen(SMALL);
	holds(n);
	/* the same with more space: nothing is wrong with it */
	db_reopen(SIZE);
	ck_assert(db_put("more", "1"));
	ck_assert(database_commit(db));
}
END_TEST

/* All at once: more than there is, and then what does fit. */
START_TEST(more_than_fits)
{
	char record[SMALL] = { 0 };

	db_reopen(SMALL);
	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	ck_assert(db_put("a", "2"));
	unit_fails_with(
	    database_put(db, "b", 1, record, sizeof(record)), ENOSPC);
	unit_fails_with(database_commit(db), ENOSPC);
	database_abort(db);
	ck_assert_str_eq(db_content(), "a=1 ");
	ck_assert(db_put("c", "3"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "a=1 c=3 ");
}
END_TEST

START_TEST(smaller_than_what_is_there)
{
	size_t taken;

	db_put_many(3000, 'a');
	ck_assert(database_commit(db));
	taken = database_used(db);
	ck_assert_uint_gt(taken, 600000);
	db_reopen(SMALL);
	ck_assert_uint_eq(database_used(db), taken);
	unit_fails_with(db_put("b", "1"), ENOSPC);
	database_abort(db);
	unit_fails_with(db_drop("a00000"), ENOSPC);
	db_reopen(SIZE);
	drop_many(3000, 'a');
	ck_assert(db_put("b", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "b=1 ");
}
END_TEST

/* ---- reset ---- */

/* Whether the memory has these bytes anywhere. */
static bool
is_in_memory(const char *text)
{
	static char memory[1 << 20];
	ssize_t n = pread(db_fd, memory, sizeof(memory), 0);

	ck_assert_int_gt(n, 0);
	return memmem(memory, (size_t)n, text, strlen(text)) != NULL;
}

START_TEST(reset)
{
	int i;

	for (i = 0; i < 3; i++) {
		db_put_many(1000, 'a');
		ck_assert(db_put("key", "a secret"));
		ck_assert(database_commit(db));
		ck_assert(db_put("more", "not committed"));
		ck_assert(is_in_memory("a secret"));
		ck_assert(database_reset(db));
		ck_assert(!is_in_memory("a secret"));
		ck_assert_str_eq(db_content(), "");
		ck_assert_uint_lt(database_used(db), SMALL);
	}
	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	db_reopen(SIZE);
	ck_assert_str_eq(db_content(), "a=1 ");
}
END_TEST

/* After something has failed. */
START_TEST(reset_when_full)
{
	db_reopen(SMALL);
	(void)fill();
	ck_assert(database_reset(db));
	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "a=1 ");
}
END_TEST

/* ---- reserved ---- */

START_TEST(is_reserved)
{
	struct stat st;

	db_teardown();
	db_fd = database_make();
	ck_assert(database_reserve(db_fd, 1 << 20));
	db_open(SIZE);
	ck_assert_int_eq(fstat(db_fd, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, 1 << 20);
	ck_assert_int_eq(st.st_size, SIZE);
	db_put_many(3000, 'a');
	ck_assert(database_commit(db));
	ck_assert_uint_lt(database_used(db), 1 << 20);
	ck_assert_int_eq(fstat(db_fd, &st), 0);
	ck_assert_int_le(st.st_blocks * 512, (1 << 20) + 4096);
}
END_TEST

UNIT_MAIN("database", db_setup, db_teardown, empty, in_the_order_of_keys,
    any_bytes, only_some_are_wanted, large, keys_that_are_none,
    many_are_taken_out, not_committed, full, more_than_fits,
    smaller_than_what_is_there, reset, reset_when_full, is_reserved)
