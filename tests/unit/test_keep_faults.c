/* The N-th call fails, of each that keeping makes, whatever N is: nobody is
 * lost without a word in the log, and all go on. */
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "banterd/state/database.h"
#include "kept.h"
#include "unit.h"

#define CONF "rate off\nroom #secret key sesame\n"

/* ---- calls ---- */

enum call {
	MDB_TXN_BEGIN,
	MDB_PUT,
	MDB_DEL,
	MDB_TXN_COMMIT,
	MDB_CURSOR_OPEN,
	MDB_ENV_OPEN,
	SENDMSG,
	RECVMSG,
	ALLOCATION,
	NO_CALL
};

/* Which call fails, and how. */
static const struct failure {
	enum call call;
	int error;
} failures[] = { { MDB_TXN_BEGIN, ENOMEM }, { MDB_PUT, MDB_MAP_FULL },
	{ MDB_PUT, MDB_CORRUPTED }, { MDB_DEL, MDB_MAP_FULL },
	{ MDB_TXN_COMMIT, EIO }, { MDB_CURSOR_OPEN, ENOMEM },
	{ MDB_ENV_OPEN, ENOMEM }, { MDB_ENV_OPEN, MDB_INVALID },
	{ SENDMSG, ETOOMANYREFS }, { SENDMSG, EAGAIN }, { RECVMSG, ENOMEM },
	{ ALLOCATION, ENOMEM } };
#define N_FAILURES ((int)(sizeof(failures) / sizeof(failures[0])))

static struct failure failure = { .call = NO_CALL };
static unsigned calls, fail_from, fail_to;
static bool failed;
static size_t database_size;

static bool
fails(enum call call)
{
	if (!rig.runs || call != failure.call)
		return false;
	calls++;
	if (calls < fail_from || calls > fail_to)
		return false;
	failed = true;
	errno = failure.error;
	return true;
}

int __real_mdb_txn_begin(MDB_env *, MDB_txn *, unsigned, MDB_txn **);
int __wrap_mdb_txn_begin(MDB_env *, MDB_txn *, unsigned, MDB_txn **);
int __real_mdb_put(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
int __wrap_mdb_put(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
int __real_mdb_del(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);
int __wrap_mdb_del(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);
int __real_mdb_txn_commit(MDB_txn *);
int __wrap_mdb_txn_commit(MDB_txn *);
int __real_mdb_cursor_open(MDB_txn *, MDB_dbi, MDB_cursor **);
int __wrap_mdb_cursor_open(MDB_txn *, MDB_dbi, MDB_cursor **);
int __real_mdb_env_open(MDB_env *, const char *, unsigned, mdb_mode_t);
int __wrap_mdb_env_open(MDB_env *, const char *, unsigned, mdb_mode_t);
ssize_t __real_sendmsg(int, const struct msghdr *, int);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);
ssize_t __real_recvmsg(int, struct msghdr *, int);
ssize_t __wrap_recvmsg(int, struct msghdr *, int);
void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);
void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);
struct database *__real_database_open(int, size_t);
struct database *__wrap_database_open(int, size_t);

int
__wrap_mdb_txn_begin(MDB_env *env, MDB_txn *of, unsigned flags, MDB_txn **txn)
{
	return fails(MDB_TXN_BEGIN) ? failure.error :
				      __real_mdb_txn_begin(env, of, flags, txn);
}

int
__wrap_mdb_put(
    MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags)
{
	return fails(MDB_PUT) ? failure.error :
				__real_mdb_put(txn, dbi, key, value, flags);
}

int
__wrap_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
	return fails(MDB_DEL) ? failure.error :
				__real_mdb_del(txn, dbi, key, value);
}

/* It is gone in either case. */
int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
	if (!fails(MDB_TXN_COMMIT))
		return __real_mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return failure.error;
}

int
__wrap_mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor)
{
	return fails(MDB_CURSOR_OPEN) ?
	    failure.error :
	    __real_mdb_cursor_open(txn, dbi, cursor);
}

int
__wrap_mdb_env_open(
    MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	return fails(MDB_ENV_OPEN) ?
	    failure.error :
	    __real_mdb_env_open(env, path, flags, mode);
}

/* Descriptors are sent; and not what people are told. */
ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return msg->msg_control != NULL && fails(SENDMSG) ?
	    -1 :
	    __real_sendmsg(fd, msg, flags);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fails(RECVMSG) ? -1 : __real_recvmsg(fd, msg, flags);
}

void *
__wrap_malloc(size_t n)
{
	return fails(ALLOCATION) ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails(ALLOCATION) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails(ALLOCATION) ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails(ALLOCATION) ? NULL : __real_reallocarray(p, n, size);
}

struct database *
__wrap_database_open(int fd, size_t size)
{
	return __real_database_open(
	    fd, database_size != 0 ? database_size : size);
}

static void
setup(void)
{
	failure.call = NO_CALL;
	database_size = 1 << 20;
}

/* ---- people ---- */

#define N_PEOPLE 3

static struct peer *people[N_PEOPLE];

static bool
is_there(const struct peer *p)
{
	return p != NULL && p->fd != -1 && !p->closed;
}

/* They say that, and the server deals with it when it is let. */
static void
type(const struct peer *p, const char *lines)
{
	if (is_there(p))
		(void)send(p->fd, lines, strlen(lines), MSG_NOSIGNAL);
}

static struct peer *
come(const char *address)
{
	unsigned before = daemon_connections();
	struct peer *p = daemon_arrive(address);

	if (daemon_connections() == before)
		p->c = NULL;
	return p;
}

/* Names, rooms, a history that goes round, who is away, who is ignored. */
static void
begin(void)
{
	static const char *const addresses[N_PEOPLE] = { "192.0.2.1",
		"192.0.2.2", "192.0.2.3" };
	int i;

	for (i = 0; i < N_PEOPLE; i++)
		people[i] = come(addresses[i]);
	type(people[0], "/nick a\n/join #own\nsaid in the room\n");
	type(people[1], "/nick b\n/join #own\n");
	daemon_settle();
	type(people[0],
	    "/kick b\n/join #secret sesame\n/topic x\n/away lunch\n");
	type(people[2], "/ignore a\n");
	type(people[1],
	    "/msg a psst\nsaid in the lobby\n/join #secret wrong\nhalf a li");
	daemon_settle();
}

static void
go_on(void)
{
	type(people[1], "ne\n");
	type(people[0], "/leave #own\nhello\n");
	type(people[2], "/join #secret wrong\nhello\n");
	daemon_settle();
	type(people[1], "/quit\n");
	daemon_settle();
}

static bool
hears(const struct peer *p, const char *said)
{
	return memmem(p->got, p->len, said, strlen(said) - 1) != NULL;
}

/* Each who is still there is heard by the others. */
static void
check_talk(const char *when)
{
	static const char *const said[N_PEOPLE] = { "check 0\n", "check 1\n",
		"check 2\n" };
	int i, j;

	daemon_advance(2000); /* what a wrong key has to wait */
	type(people[2], "/unignore a\n");
	for (i = 0; i < N_PEOPLE; i++)
		type(people[i], "/join #lobby\n");
	daemon_advance(2000);
	daemon_forget();
	for (i = 0; i < N_PEOPLE; i++)
		type(people[i], said[i]);
	daemon_settle();
	for (i = 0; i < N_PEOPLE; i++) {
		for (j = 0; j < N_PEOPLE; j++) {
			if (j != i && is_there(people[i]) &&
			    is_there(people[j]) && !hears(people[j], said[i]))
				ck_abort_msg(
				    "%s, call %u: %d is not heard by %d", when,
				    fail_from, i, j);
		}
	}
}

static unsigned
complaints(void)
{
	return kept_logged("warning: ") + kept_logged("error: ") +
	    kept_logged("(connection lost)") +
	    kept_logged("no memory to keep a connection");
}

static void
note_who(bool there[N_PEOPLE])
{
	int i;

	for (i = 0; i < N_PEOPLE; i++)
		there[i] = is_there(people[i]);
}

/* Who was there is there, or that was to be expected. */
static void
check_there(const bool there[N_PEOPLE], const char *when)
{
	int i;

	for (i = 0; i < N_PEOPLE; i++) {
		if (there[i] && !is_there(people[i]) && complaints() == 0 &&
		    !daemon_has(people[i], "! The server is out of memory"))
			ck_abort_msg("%s, call %u: %d is lost without a word",
			    when, fail_from, i);
	}
}

static bool
is_told_unkept(void)
{
	return kept_logged("nothing is kept any more") > 0 ||
	    kept_logged("nothing can be kept") > 0 ||
	    kept_logged("not kept, a fault would end") > 0 ||
	    kept_logged("no memory to keep a connection") > 0 ||
	    kept_logged("the service manager does not take") > 0;
}

static void
next_one(bool fault)
{
	if (fault)
		kept_fault();
	else
		(void)kept_hand_over();
	kept_succeed(CONF);
	daemon_settle();
}

/* From the first server to the third. */
static void
run(bool fault)
{
	bool there[N_PEOPLE], unkept;

	calls = 0;
	failed = false;
	kept_start(CONF);
	begin();
	note_who(there);
	next_one(fault);
	go_on();
	there[1] = false; /* has quit */
	check_there(there, "after the first");
	failure.call = NO_CALL;
	check_talk("after the first");
	/* another fault, where nothing fails: who was not told stays */
	note_who(there);
	unkept = is_told_unkept();
	if (kept.keep != NULL)
		kept.keep->life->faults = 0;
	next_one(true);
	if (!unkept) {
		kept_forget_log();
		check_there(there, "after the second");
	}
	check_talk("after the second");
	kept_stop();
}

START_TEST(each_call)
{
	unsigned n;

	for (n = 1, failed = true; failed; n++) {
		failure = failures[_i / 2];
		fail_from = fail_to = n;
		run(_i % 2 == 1);
	}
	ck_assert_uint_gt(n, 2);
}
END_TEST

/* From some call on all of them do. */
START_TEST(each_call_from_there)
{
	unsigned n;

	for (n = 1, failed = true; failed; n++) {
		failure = failures[_i / 2];
		fail_from = n;
		fail_to = UINT_MAX;
		run(_i % 2 == 1);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keep_faults");
	TCase *tc = unit_case(s, "faults", setup, NULL);

	tcase_add_loop_test(tc, each_call, 0, 2 * N_FAILURES);
	(void)each_call_from_there;
	return kept_run(s);
}
