/* The database: whole commits or none, whatever fails, and whenever the process
 * dies. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include "db.h"
#include "shown.h"
#include "unit.h"

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

/* ---- what fails ---- */

START_TEST(memory_fails)
{
	int i;

	database_close(db);
	close(db_fd);
	for (i = 0; i < 2; i++) {
		left = i;
		db_fd = database_make();
		unit_fails_with(db_fd != -1, ENOSPC);
	}
	injected = EINVAL; /* an old kernel */
	left = 0;
	db_fd = database_make();
	ck_assert_int_ne(db_fd, -1);
	left = 0;
	unit_fails_with(database_reserve(db_fd, SMALL), EINVAL);
	injected = EOPNOTSUPP; /* one that has no reservations */
	left = 0;
	ck_assert(database_reserve(db_fd, SMALL));
	db_open(SMALL);
}
END_TEST

START_TEST(open_fails)
{
	int i, open_fd;

	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	for (i = 0; i < 100; i++) {
		database_close(db);
		failed = false;
		left = i;
		db = database_open(db_fd, SIZE);
		left = -1;
		open_fd = dup(db_fd);
		close(open_fd);
		ck_assert_int_eq(open_fd, db_fd + 1 + (db != NULL));
		if (!failed)
			break;
		unit_fails_with(db != NULL, EDOM);
		db_open(SIZE);
		ck_assert_str_eq(db_content(), "a=1 ");
	}
	ck_assert_int_eq(i, 6);
}
END_TEST

/* Does everything, until something fails. */
static bool
session(void)
{
	struct shown s = { .most = 1000 };

	return db_put("a", "2") && db_put("b", "2") && db_drop("c") &&
	    db_drop("none") && db_drop("d") && db_put("e", "2") &&
	    database_each(db, shown_add, &s) &&
	    strcmp(s.text, "a=1 c=1 d=1 ") == 0 && database_commit(db);
}

START_TEST(each_call_fails)
{
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert(
		    db_put("a", "1") && db_put("c", "1") && db_put("d", "1"));
		ck_assert(database_commit(db));
		failed = false;
		left = i;
		if (session())
			break;
		ck_assert(failed);
		ck_assert_int_eq(errno, EDOM);
		ck_assert_str_eq(db_content(), "a=1 c=1 d=1 ");
		database_abort(db);
		ck_assert_str_eq(db_content(), "a=1 c=1 d=1 ");
		ck_assert(database_commit(db));
		if (i % 2 == 0)
			db_reopen(SIZE);
		ck_assert_str_eq(db_content(), "a=1 c=1 d=1 ");
	}
	ck_assert(!failed);
	ck_assert_int_gt(i, 12);
	left = -1;
	ck_assert_str_eq(db_content(), "a=2 b=2 e=2 ");
}
END_TEST

/* What failed is what each call says, until it is over. */
START_TEST(stays_failed)
{
	left = 1;
	unit_fails_with(db_put("a", "1"), EDOM);
	unit_fails_with(db_put("b", "1"), EDOM);
	unit_fails_with(db_drop("b"), EDOM);
	unit_fails_with(database_commit(db), EDOM);
	unit_fails_with(database_commit(db), EDOM);
	database_abort(db);
	ck_assert(db_put("c", "1"));
	left = 0;
	unit_fails_with(database_commit(db), EDOM);
	unit_fails_with(db_put("b", "1"), EDOM);
	database_abort(db);
	ck_assert_str_eq(db_content(), "");
	ck_assert(db_put("d", "1"));
	ck_assert(database_commit(db));
	ck_assert_str_eq(db_content(), "d=1 ");
}
END_TEST

START_TEST(reset_fails)
{
	struct shown s = { .most = 1 };
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert(db_put("a", "1"));
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
		unit_fails_with(db_put("a", "1"), i == 0 ? ENOSPC : EDOM);
		unit_fails_with(db_drop("a"), i == 0 ? ENOSPC : EDOM);
		unit_fails_with(database_commit(db), i == 0 ? ENOSPC : EDOM);
		unit_fails_with(
		    database_each(db, shown_add, &s), i == 0 ? ENOSPC : EDOM);
		ck_assert_uint_eq(database_used(db), 0);
		db_reopen(SIZE);
		ck_assert_str_eq(db_content(), i == 0 ? "a=1 " : "");
	}
	ck_abort_msg("it never works");
}
END_TEST

/* ---- damage ---- */

static void
is_refused(void)
{
	struct stat before, after;

	ck_assert_int_eq(fstat(db_fd, &before), 0);
	db = database_open(db_fd, SIZE);
	unit_fails_with(db != NULL, EINVAL);
	ck_assert_int_eq(fstat(db_fd, &after), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
}

/* Magic and version stand in each of the two first pages, behind a head. */
START_TEST(another_format)
{
	const size_t head = sizeof(size_t) + 8, page = (size_t)getpagesize();
	unsigned char byte;
	size_t i;

	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	database_close(db);
	for (i = 0; i < 16; i++) {
		off_t at = (off_t)(i / 8 * page + head + i % 8);

		ck_assert_int_eq(pread(db_fd, &byte, 1, at), 1);
		byte ^= 0x40;
		ck_assert_int_eq(pwrite(db_fd, &byte, 1, at), 1);
		is_refused();
		byte ^= 0x40;
		ck_assert_int_eq(pwrite(db_fd, &byte, 1, at), 1);
	}
	db_open(SIZE);
	ck_assert_str_eq(db_content(), "a=1 ");
}
END_TEST

START_TEST(is_not_a_database)
{
	static char text[20000];

	database_close(db);
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(ftruncate(db_fd, 0), 0);
	ck_assert_int_eq(pwrite(db_fd, text, 1, 0), 1);
	is_refused();
	ck_assert_int_eq(pwrite(db_fd, text, 1000, 0), 1000);
	is_refused();
	ck_assert_int_eq(pwrite(db_fd, text, sizeof(text), 0), sizeof(text));
	is_refused();
	memset(text, 0, sizeof(text));
	ck_assert_int_eq(pwrite(db_fd, text, sizeof(text), 0), sizeof(text));
	is_refused();
	ck_assert_int_eq(ftruncate(db_fd, 0), 0);
	db_open(SIZE);
}
END_TEST

/* However often it is tried; the longest first. */
START_TEST(is_cut_off)
{
	off_t len;

	db_put_many(500, 'a');
	ck_assert(database_commit(db));
	len = (off_t)database_used(db);
	database_close(db);
	while ((len -= 3000) > 0) {
		ck_assert_int_eq(ftruncate(db_fd, len), 0);
		is_refused();
		is_refused();
	}
	ck_assert_int_eq(ftruncate(db_fd, 0), 0);
	db_open(SIZE);
	ck_assert_str_eq(db_content(), "");
}
END_TEST

START_TEST(is_no_memory)
{
	int ends[2];

	unit_fails_with(database_open(-1, SIZE) != NULL, EBADF);
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
		db = database_open(db_fd, SIZE);
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

	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	if ((pid = begin_child()) == 0) {
		if (strcmp(db_content(), "a=1 ") != 0 || !db_put("b", "2") ||
		    !database_commit(db) || !db_put("c", "3"))
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(end_of(pid), 0);
	db_open(SIZE);
	ck_assert_str_eq(db_content(), "a=1 b=2 ");
}
END_TEST

/* As somebody else: who has given up being root, or the next one's user. */
START_TEST(another_user)
{
	pid_t pid;

	ck_assert(db_put("a", "1"));
	ck_assert(database_commit(db));
	if ((pid = begin_child()) == 0) {
		if (geteuid() == 0 && setuid(65534) == -1)
			_exit(2);
		if (!database_reset(db) || !db_put("b", "2") ||
		    !database_commit(db))
			_exit(3);
		database_close(db);
		db = database_open(db_fd, SIZE);
		_exit(db == NULL || strcmp(db_content(), "b=2 ") != 0);
	}
	ck_assert_int_eq(end_of(pid), 0);
	db_open(SIZE);
	ck_assert_str_eq(db_content(), "b=2 ");
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
	    (n % 13 == 0 && (!db_drop("x") || !db_put("x", "y"))) ||
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
		db_open(SIZE);
		last = last_commit();
		ck_assert_uint_ge(last, *committed);
		ck_assert_uint_le(last, *committed + 1);
	}
	ck_assert_uint_lt(database_used(db), SIZE / 2);
	(void)munmap((void *)committed, sizeof(*committed));
}
END_TEST

UNIT_MAIN("database_faults", db_setup, db_teardown, memory_fails, open_fails,
    each_call_fails, stays_failed, reset_fails, another_format,
    is_not_a_database, is_cut_off, is_no_memory, another_process, another_user,
    is_killed)
