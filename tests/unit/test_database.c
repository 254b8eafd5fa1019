/* The database: whole commits or none, whatever fails, and whenever the process
 * dies. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include "banterd/state/database.h"
#include "unit.h"

#define SIZE  ((size_t)16 << 20)
#define SMALL ((size_t)65536)

/* ---- calls that fail ---- */

/* So many calls work, then one fails; -1: none does. */
static int left = -1;
static bool failed;
static int injected = ENOSPC;

static bool
may_call(void)
{
	if (left == -1 || left-- > 0)
		return true;
	left = -1;
	failed = true;
	return false;
}

/* FAILING(name, parameters, arguments): one that returns an errno. */
#define FAILING(name, parameters, arguments)                        \
	int __real_##name parameters;                               \
	int __wrap_##name parameters;                               \
	int __wrap_##name parameters                                \
	{                                                           \
		return may_call() ? __real_##name arguments : EDOM; \
	}

FAILING(mdb_cursor_get,
    (MDB_cursor * cursor, MDB_val *k, MDB_val *v, MDB_cursor_op op),
    (cursor, k, v, op))
FAILING(mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **cursor),
    (txn, dbi, cursor))
FAILING(mdb_dbi_flags, (MDB_txn * txn, MDB_dbi dbi, unsigned *flags),
    (txn, dbi, flags))
FAILING(mdb_dbi_open,
    (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *dbi),
    (txn, name, flags, dbi))
FAILING(mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *k, MDB_val *v),
    (txn, dbi, k, v))
FAILING(mdb_env_create, (MDB_env * *env), (env))
FAILING(mdb_env_open,
    (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
    (env, path, flags, mode))
FAILING(mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))
FAILING(mdb_put,
    (MDB_txn * txn, MDB_dbi dbi, MDB_val *k, MDB_val *v, unsigned flags),
    (txn, dbi, k, v, flags))
FAILING(mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *st), (txn, dbi, st))
FAILING(mdb_txn_begin,
    (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **txn),
    (env, parent, flags, txn))

int __real_mdb_txn_commit(MDB_txn *);
int __wrap_mdb_txn_commit(MDB_txn *);
int __real_fallocate(int, int, off_t, off_t);
int __wrap_fallocate(int, int, off_t, off_t);
int __real_fchmod(int, mode_t);
int __wrap_fchmod(int, mode_t);
int __real_ftruncate(int, off_t);
int __wrap_ftruncate(int, off_t);
int __real_memfd_create(const char *, unsigned);
int __wrap_memfd_create(const char *, unsigned);

int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
	if (may_call())
		return __real_mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return EDOM;
}

static bool
may_call_system(void)
{
	if (may_call())
		return true;
	errno = injected;
	return false;
}

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	return may_call_system() ? __real_fallocate(fd, mode, offset, len) : -1;
}

int
__wrap_fchmod(int fd, mode_t mode)
{
	return may_call_system() ? __real_fchmod(fd, mode) : -1;
}

int
__wrap_ftruncate(int fd, off_t size)
{
	return may_call_system() ? __real_ftruncate(fd, size) : -1;
}

int
__wrap_memfd_create(const char *name, unsigned flags)
{
	return may_call_system() ? __real_memfd_create(name, flags) : -1;
}

/* ---- a database ---- */

static int fd;
static struct database *db;

static void
open_db(size_t size)
{
	db = database_open(fd, size);
	ck_assert_ptr_nonnull(db);
}

static void
reopen(size_t size)
{
	database_close(db);
	open_db(size);
}

static void
setup(void)
{
	fd = database_make();
	ck_assert_int_ne(fd, -1);
	open_db(SIZE);
}

static void
teardown(void)
{
	database_close(db);
	close(fd);
}

static bool
put(const char *key, const char *record)
{
	return database_put(db, key, strlen(key), record, strlen(record));
}

static bool
drop(const char *key)
{
	return database_delete(db, key, strlen(key));
}

struct shown {
	char text[4096];
	size_t len;
	unsigned most; /* how many are wanted */
};

static bool
show(void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct shown *s = arg;

	s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len,
	    "%.*s=%.*s ", (int)key_len, (const char *)key, (int)len,
	    (const char *)record);
	ck_assert_uint_lt(s->len, sizeof(s->text));
	return --s->most > 0;
}

/* What is committed, as "key=record key=record ". */
static const char *
content(void)
{
	static struct shown s;

	s.len = 0;
	s.text[0] = '\0';
	s.most = 1000;
	ck_assert(database_each(db, show, &s));
	return s.text;
}

static void
fails_with(bool done, int error)
{
	ck_assert(!done);
	ck_assert_int_eq(errno, error);
}

/* ---- what is in it ---- */

START_TEST(empty)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0666);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	/* LMDB's own, too */
	ck_assert_int_eq(fcntl(fd + 1, F_GETFD), FD_CLOEXEC);
	ck_assert_str_eq(content(), "");
	ck_assert(database_commit(db));
	database_abort(db);
	ck_assert(drop("none"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "");
}
END_TEST

START_TEST(in_the_order_of_keys)
{
	ck_assert(put("b", "2"));
	ck_assert(put("a", "1"));
	ck_assert(put("\xff", "last"));
	ck_assert(put("aa", ""));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "a=1 aa= b=2 \xff=last ");
	ck_assert(put("a", "another"));
	ck_assert(drop("b"));
	ck_assert(drop("bb"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "a=another aa= \xff=last ");
	reopen(SIZE);
	ck_assert_str_eq(content(), "a=another aa= \xff=last ");
}
END_TEST

START_TEST(any_bytes)
{
	char key[DATABASE_KEY_MAX], zeros[3] = { 0 };
	struct shown s = { .most = 10 };

	memset(key, 0, sizeof(key));
	ck_assert(database_put(db, key, sizeof(key), zeros, sizeof(zeros)));
	ck_assert(database_commit(db));
	ck_assert(database_each(db, show, &s));
	ck_assert_str_eq(s.text, "= ");
	ck_assert_uint_eq(s.len, 2);
}
END_TEST

START_TEST(only_some_are_wanted)
{
	struct shown s = { .most = 2 };

	ck_assert(put("a", "1") && put("b", "2") && put("c", "3"));
	ck_assert(database_commit(db));
	ck_assert(database_each(db, show, &s));
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
	fails_with(database_put(db, key, sizeof(key), "", 0), EINVAL);
	database_abort(db);
	fails_with(database_put(db, key, 0, "", 0), EINVAL);
	database_abort(db);
	fails_with(database_delete(db, key, 0), EINVAL);
	database_abort(db);
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "");
}
END_TEST

static void
put_many(unsigned n, char c)
{
	char key[16], record[200];
	unsigned i;

	memset(record, c, sizeof(record));
	for (i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%c%05u", c, i);
		if (!database_put(db, key, 6, record, sizeof(record)))
			ck_abort_msg("%s: %s", key, strerror(errno));
	}
}

/* The first n of them, which are all there are. */
static void
drop_many(unsigned n, char c)
{
	char key[16];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%c%05u", c, i);
		ck_assert(drop(key));
	}
}

START_TEST(many_are_taken_out)
{
	put_many(3000, 'a');
	put_many(3000, 'b');
	put_many(3000, 'c');
	ck_assert(database_commit(db));
	drop_many(3000, 'a');
	drop_many(3000, 'c');
	drop_many(3000, 'b');
	ck_assert(put("end", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "end=1 ");
}
END_TEST

/* ---- what is not ---- */

START_TEST(not_committed)
{
	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	ck_assert(put("a", "2") && put("b", "2"));
	ck_assert_str_eq(content(), "a=1 ");
	database_abort(db);
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "a=1 ");
	ck_assert(drop("a"));
	ck_assert_str_eq(content(), "a=1 ");
	reopen(SIZE);
	ck_assert_str_eq(content(), "a=1 ");
	ck_assert(drop("a"));
	reopen(SIZE);
	ck_assert_str_eq(content(), "a=1 ");
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

	reopen(SMALL);
	n = fill();
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_gt(n, 50);
	ck_assert_uint_le(database_used(db), SMALL);
	fails_with(put("more", ""), ENOSPC);
	fails_with(drop("00000"), ENOSPC);
	fails_with(database_commit(db), ENOSPC);
	fails_with(database_commit(db), ENOSPC);
	holds(n);
	database_abort(db);
	ck_assert(database_commit(db));
	holds(n);
	reopen(SMALL);
	holds(n);
	/* the same with more space: nothing is wrong with it */
	reopen(SIZE);
	ck_assert(put("more", "1"));
	ck_assert(database_commit(db));
}
END_TEST

/* All at once: more than there is, and then what does fit. */
START_TEST(more_than_fits)
{
	char record[SMALL] = { 0 };

	reopen(SMALL);
	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	ck_assert(put("a", "2"));
	fails_with(database_put(db, "b", 1, record, sizeof(record)), ENOSPC);
	fails_with(database_commit(db), ENOSPC);
	database_abort(db);
	ck_assert_str_eq(content(), "a=1 ");
	ck_assert(put("c", "3"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "a=1 c=3 ");
}
END_TEST

START_TEST(smaller_than_what_is_there)
{
	size_t taken;

	put_many(3000, 'a');
	ck_assert(database_commit(db));
	taken = database_used(db);
	ck_assert_uint_gt(taken, 600000);
	reopen(SMALL);
	ck_assert_uint_eq(database_used(db), taken);
	fails_with(put("b", "1"), ENOSPC);
	database_abort(db);
	fails_with(drop("a00000"), ENOSPC);
	reopen(SIZE);
	drop_many(3000, 'a');
	ck_assert(put("b", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "b=1 ");
}
END_TEST

/* ---- reset ---- */

/* Whether the memory has these bytes anywhere. */
static bool
is_in_memory(const char *text)
{
	static char memory[1 << 20];
	ssize_t n = pread(fd, memory, sizeof(memory), 0);

	ck_assert_int_gt(n, 0);
	return memmem(memory, (size_t)n, text, strlen(text)) != NULL;
}

START_TEST(reset)
{
	int i;

	for (i = 0; i < 3; i++) {
		put_many(1000, 'a');
		ck_assert(put("key", "a secret"));
		ck_assert(database_commit(db));
		ck_assert(put("more", "not committed"));
		ck_assert(is_in_memory("a secret"));
		ck_assert(database_reset(db));
		ck_assert(!is_in_memory("a secret"));
		ck_assert_str_eq(content(), "");
		ck_assert_uint_lt(database_used(db), SMALL);
	}
	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	reopen(SIZE);
	ck_assert_str_eq(content(), "a=1 ");
}
END_TEST

/* After something has failed. */
START_TEST(reset_when_full)
{
	reopen(SMALL);
	(void)fill();
	ck_assert(database_reset(db));
	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "a=1 ");
}
END_TEST

START_TEST(reset_fails)
{
	struct shown s = { .most = 1 };
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert(put("a", "1"));
		ck_assert(database_commit(db));
		failed = false;
		left = i;
		if (database_reset(db)) {
			ck_assert(!failed);
			ck_assert_int_gt(i, 6);
			return;
		}
		ck_assert(failed);
		ck_assert_int_eq(errno, i == 0 ? ENOSPC : EDOM);
		left = -1;
		database_abort(db);
		fails_with(put("a", "1"), i == 0 ? ENOSPC : EDOM);
		fails_with(drop("a"), i == 0 ? ENOSPC : EDOM);
		fails_with(database_commit(db), i == 0 ? ENOSPC : EDOM);
		fails_with(database_each(db, show, &s), i == 0 ? ENOSPC : EDOM);
		ck_assert_uint_eq(database_used(db), 0);
		reopen(SIZE);
		ck_assert_str_eq(content(), i == 0 ? "a=1 " : "");
	}
	ck_abort_msg("it never works");
}
END_TEST

/* ---- what fails ---- */

START_TEST(memory_fails)
{
	int i;

	database_close(db);
	close(fd);
	for (i = 0; i < 2; i++) {
		left = i;
		fd = database_make();
		fails_with(fd != -1, ENOSPC);
	}
	injected = EINVAL; /* an old kernel */
	left = 0;
	fd = database_make();
	ck_assert_int_ne(fd, -1);
	left = 0;
	fails_with(database_reserve(fd, SMALL), EINVAL);
	injected = EOPNOTSUPP; /* one that has no reservations */
	left = 0;
	ck_assert(database_reserve(fd, SMALL));
	open_db(SMALL);
}
END_TEST

START_TEST(is_reserved)
{
	struct stat st;

	teardown();
	fd = database_make();
	ck_assert(database_reserve(fd, 1 << 20));
	open_db(SIZE);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, 1 << 20);
	ck_assert_int_eq(st.st_size, SIZE);
	put_many(3000, 'a');
	ck_assert(database_commit(db));
	ck_assert_uint_lt(database_used(db), 1 << 20);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_le(st.st_blocks * 512, (1 << 20) + 4096);
}
END_TEST

START_TEST(open_fails)
{
	int i, open_fd;

	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	for (i = 0; i < 100; i++) {
		database_close(db);
		failed = false;
		left = i;
		db = database_open(fd, SIZE);
		left = -1;
		open_fd = dup(fd);
		close(open_fd);
		ck_assert_int_eq(open_fd, fd + 1 + (db != NULL));
		if (!failed)
			break;
		fails_with(db != NULL, EDOM);
		open_db(SIZE);
		ck_assert_str_eq(content(), "a=1 ");
	}
	ck_assert_int_eq(i, 6);
}
END_TEST

/* Does everything, until something fails. */
static bool
session(void)
{
	struct shown s = { .most = 1000 };

	return put("a", "2") && put("b", "2") && drop("c") && drop("none") &&
	    drop("d") && put("e", "2") && database_each(db, show, &s) &&
	    strcmp(s.text, "a=1 c=1 d=1 ") == 0 && database_commit(db);
}

START_TEST(each_call_fails)
{
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert(put("a", "1") && put("c", "1") && put("d", "1"));
		ck_assert(database_commit(db));
		failed = false;
		left = i;
		if (session())
			break;
		ck_assert(failed);
		ck_assert_int_eq(errno, EDOM);
		ck_assert_str_eq(content(), "a=1 c=1 d=1 ");
		database_abort(db);
		ck_assert_str_eq(content(), "a=1 c=1 d=1 ");
		ck_assert(database_commit(db));
		if (i % 2 == 0)
			reopen(SIZE);
		ck_assert_str_eq(content(), "a=1 c=1 d=1 ");
	}
	ck_assert(!failed);
	ck_assert_int_gt(i, 12);
	left = -1;
	ck_assert_str_eq(content(), "a=2 b=2 e=2 ");
}
END_TEST

/* What failed is what each call says, until it is over. */
START_TEST(stays_failed)
{
	left = 1;
	fails_with(put("a", "1"), EDOM);
	fails_with(put("b", "1"), EDOM);
	fails_with(drop("b"), EDOM);
	fails_with(database_commit(db), EDOM);
	fails_with(database_commit(db), EDOM);
	database_abort(db);
	ck_assert(put("c", "1"));
	left = 0;
	fails_with(database_commit(db), EDOM);
	fails_with(put("b", "1"), EDOM);
	database_abort(db);
	ck_assert_str_eq(content(), "");
	ck_assert(put("d", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(content(), "d=1 ");
}
END_TEST

/* ---- damage ---- */

static void
is_refused(void)
{
	struct stat before, after;

	ck_assert_int_eq(fstat(fd, &before), 0);
	db = database_open(fd, SIZE);
	fails_with(db != NULL, EINVAL);
	ck_assert_int_eq(fstat(fd, &after), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
}

/* Magic and version stand in each of the two first pages, behind a head. */
START_TEST(another_format)
{
	const size_t head = sizeof(size_t) + 8, page = (size_t)getpagesize();
	unsigned char byte;
	size_t i;

	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	database_close(db);
	for (i = 0; i < 16; i++) {
		off_t at = (off_t)(i / 8 * page + head + i % 8);

		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
		is_refused();
		byte ^= 0x40;
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	}
	open_db(SIZE);
	ck_assert_str_eq(content(), "a=1 ");
}
END_TEST

START_TEST(is_not_a_database)
{
	static char text[20000];

	database_close(db);
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(pwrite(fd, text, 1, 0), 1);
	is_refused();
	ck_assert_int_eq(pwrite(fd, text, 1000, 0), 1000);
	is_refused();
	ck_assert_int_eq(pwrite(fd, text, sizeof(text), 0), sizeof(text));
	is_refused();
	memset(text, 0, sizeof(text));
	ck_assert_int_eq(pwrite(fd, text, sizeof(text), 0), sizeof(text));
	is_refused();
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	open_db(SIZE);
}
END_TEST

/* However often it is tried; the longest first. */
START_TEST(is_cut_off)
{
	off_t len;

	put_many(500, 'a');
	ck_assert(database_commit(db));
	len = (off_t)database_used(db);
	database_close(db);
	while ((len -= 3000) > 0) {
		ck_assert_int_eq(ftruncate(fd, len), 0);
		is_refused();
		is_refused();
	}
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	open_db(SIZE);
	ck_assert_str_eq(content(), "");
}
END_TEST

START_TEST(is_no_memory)
{
	int ends[2];

	fails_with(database_open(-1, SIZE) != NULL, EBADF);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_ptr_null(database_open(ends[0], SIZE));
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* ---- another process ---- */

/* Begun in the child: the descriptor is all that it has of the parent's. */
static pid_t
begin_child(void)
{
	pid_t pid;

	database_close(db);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		db = database_open(fd, SIZE);
		if (db == NULL)
			_exit(1);
	}
	return pid;
}

static int
end_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* It neither ends its transaction nor closes it. */
START_TEST(another_process)
{
	pid_t pid;

	ck_assert(put("a", "1"));
	ck_assert(database_commit(db));
	if ((pid = begin_child()) == 0) {
		if (strcmp(content(), "a=1 ") != 0 || !put("b", "2") ||
		    !database_commit(db) || !put("c", "3"))
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(end_of(pid), 0);
	open_db(SIZE);
	ck_assert_str_eq(content(), "a=1 b=2 ");
}
END_TEST

/*
 * Commit n puts the record of slot n modulo SLOTS, and the head, each of which
 * says n: so one can see of all that is there whether it is what the commits up
 * to one left.
 */
#define SLOTS 97
#define KILLS 200

struct seen {
	uint64_t head;
	uint64_t slots[SLOTS];
};

/* Records of some length, which differs. */
static size_t
length_of(uint64_t n)
{
	return sizeof(n) + (size_t)(n * 7919 % (n % 50 == 0 ? 20000 : 700));
}

static void
commit_number(uint64_t n)
{
	static char record[21000];
	char key[3] = { 's', (char)(n % SLOTS) };

	memset(record, (char)n, length_of(n));
	memcpy(record, &n, sizeof(n));
	if (!database_put(db, key, 2, record, length_of(n)) ||
	    !database_put(db, "head", 4, &n, sizeof(n)) ||
	    (n % 13 == 0 && (!drop("x") || !put("x", "y"))) ||
	    !database_commit(db))
		_exit(3);
}

static bool
see(void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct seen *seen = arg;
	const char *k = key, *bytes = record;
	uint64_t n;
	size_t i;

	if (key_len == 1)
		return true;
	memcpy(&n, record, sizeof(n));
	if (key_len == 4) {
		seen->head = n;
		return true;
	}
	seen->slots[(unsigned char)k[1]] = n;
	if (len != length_of(n))
		ck_abort_msg("record %llu is torn", (unsigned long long)n);
	for (i = sizeof(n); i < len; i++)
		if (bytes[i] != (char)n)
			ck_abort_msg(
			    "record %llu is another's", (unsigned long long)n);
	return true;
}

/* Returns the last commit that is there, after a look at the others. */
static uint64_t
last_commit(void)
{
	struct seen seen = { 0 };
	uint64_t want;
	unsigned i;

	ck_assert(database_each(db, see, &seen));
	for (i = 0; i < SLOTS; i++) {
		want = seen.head - (seen.head + SLOTS - i) % SLOTS;
		if (seen.head < i || want == 0)
			want = 0;
		if (seen.slots[i] != want)
			ck_abort_msg("after %llu: slot %u is of %llu",
			    (unsigned long long)seen.head, i,
			    (unsigned long long)seen.slots[i]);
	}
	return seen.head;
}

/* Commits, and says once that it is at it, until it is killed. */
static void
live(uint64_t last, uint64_t until, int end, _Atomic unsigned *committed)
{
	for (;; *committed = (unsigned)last) {
		commit_number(++last);
		if (last == until && write(end, "", 1) != 1)
			_exit(4);
	}
}

/* One that goes on from the last commit, and is killed after some more. */
static void
live_and_die(uint64_t last, uint64_t until, _Atomic unsigned *committed)
{
	int status, ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	if ((pid = begin_child()) == 0)
		live(last, until, ends[1], committed);
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	status = end_of(pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ends[0]);
}

START_TEST(is_killed)
{
	_Atomic unsigned *committed = mmap(NULL, sizeof(*committed),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long long random = 88172645463325252U;
	uint64_t last = 0;
	int i;

	ck_assert_ptr_ne(committed, MAP_FAILED);
	for (i = 0; i < KILLS; i++) {
		*committed = (unsigned)last;
		live_and_die(
		    last, last + 1 + unit_random(&random) % 40, committed);
		open_db(SIZE);
		last = last_commit();
		ck_assert_uint_ge(last, *committed);
		ck_assert_uint_le(last, *committed + 1);
	}
	ck_assert_uint_lt(database_used(db), SIZE / 2);
	(void)munmap((void *)committed, sizeof(*committed));
}
END_TEST

UNIT_MAIN("database", setup, teardown, empty, in_the_order_of_keys, any_bytes,
    only_some_are_wanted, large, keys_that_are_none, many_are_taken_out,
    not_committed, full, more_than_fits, smaller_than_what_is_there, reset,
    reset_when_full, reset_fails, memory_fails, is_reserved, open_fails,
    each_call_fails, stays_failed, another_format, is_not_a_database,
    is_cut_off, is_no_memory, another_process, is_killed)
