#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include "banterd/state/database.h"
#include "banterd/base/memfd.h"

/*
 * One process has it, and the kernel keeps what is in the map: no locks, and
 * nothing to sync.  NOTLS: one may read what is committed while a transaction
 * is open.
 */
#define ENV_FLAGS \
	(MDB_NOSUBDIR | MDB_NOLOCK | MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS)
#define ENV_MODE 0600

struct database {
	MDB_env *env; /* NULL: could not be opened again */
	MDB_dbi dbi;
	MDB_txn *txn; /* what is not committed, or NULL */
	int fd;
	size_t size;
	int error; /* of the first call that failed since, or 0 */
};

static int
errno_of(int rc)
{
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return ENOSPC;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_VERSION_MISMATCH:
	case MDB_INVALID:
	case MDB_CURSOR_FULL:
	case MDB_PAGE_FULL:
	case MDB_MAP_RESIZED:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_TXN:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_DBI:
		return EINVAL;
	default:
		return rc > 0 ? rc : EIO;
	}
}

/* Says of a code of LMDB whether it is none of a failure. */
static bool
is_done(int rc)
{
	if (rc == 0)
		return true;
	errno = errno_of(rc);
	return false;
}

/* ---- open and closed ---- */

bool
database_reserve(int fd, size_t bytes)
{
	return bytes == 0 ||
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 ||
	    errno == EOPNOTSUPP;
}

/* LMDB opens it again, by then as somebody else maybe: who has given up being
 * root, or is the next process's user.  Nobody comes to it but by its
 * descriptor. */
int
database_make(void)
{
	int error, fd = memfd_make("banterd-database");

	if (fd == -1 || fchmod(fd, DEFFILEMODE) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static size_t
used(MDB_env *env)
{
	MDB_envinfo info;
	MDB_stat st;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &st) != 0)
		return 0;
	return (info.me_last_pgno + 1) * st.ms_psize;
}

/* One that has been cut off, or is of another kind, is not ours. */
static int
examine(struct database *db, off_t file_size)
{
	unsigned flags;
	MDB_txn *txn;
	int rc;

	if (file_size > 0 && used(db->env) > (size_t)file_size)
		return MDB_CORRUPTED;
	if ((rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn)) != 0)
		return rc;
	if ((rc = mdb_dbi_open(txn, NULL, 0, &db->dbi)) == 0 &&
	    (rc = mdb_dbi_flags(txn, db->dbi, &flags)) == 0 && flags != 0)
		rc = MDB_INCOMPATIBLE;
	mdb_txn_abort(txn);
	return rc;
}

/* LMDB's own descriptor is not for a program that is started later. */
static int
close_on_exec(MDB_env *env)
{
	int fd, rc;

	if ((rc = mdb_env_get_fd(env, &fd)) != 0)
		return rc;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : errno;
}

static int
open_file(struct database *db)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct stat st;
	int rc;

	if (fstat(db->fd, &st) == -1)
		return errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", db->fd);
	if ((rc = mdb_env_set_mapsize(db->env, db->size)) == 0 &&
	    (rc = mdb_env_open(db->env, path, ENV_FLAGS, ENV_MODE)) == 0 &&
	    (rc = close_on_exec(db->env)) == 0)
		rc = examine(db, st.st_size);
	/* It has been grown: what is missing is to be missed again. */
	if (rc != 0)
		(void)!ftruncate(db->fd, st.st_size);
	return rc;
}

static bool
open_env(struct database *db)
{
	int rc;

	if ((rc = mdb_env_create(&db->env)) == 0 && (rc = open_file(db)) != 0)
		mdb_env_close(db->env);
	if (rc != 0)
		db->env = NULL;
	return is_done(rc);
}

struct database *
database_open(int fd, size_t size)
{
	struct database *db;
	int error;

	if ((db = calloc(1, sizeof(*db))) == NULL)
		return NULL;
	db->fd = fd;
	db->size = size;
	if (open_env(db))
		return db;
	error = errno;
	free(db);
	errno = error;
	return NULL;
}

static void
close_env(struct database *db)
{
	database_abort(db);
	if (db->env != NULL)
		mdb_env_close(db->env);
	db->env = NULL;
}

void
database_close(struct database *db)
{
	close_env(db);
	free(db);
}

bool
database_reset(struct database *db)
{
	close_env(db);
	/* Memory that a memfd gives back is zeroed before anybody has it. */
	if (ftruncate(db->fd, 0) == 0 && open_env(db))
		return true;
	db->error = errno;
	return false;
}

size_t
database_used(const struct database *db)
{
	return db->env != NULL ? used(db->env) : 0;
}

/* ---- written ---- */

static bool
fail(struct database *db, int rc)
{
	db->error = errno = errno_of(rc);
	return false;
}

/* Has a transaction open, unless something has failed before. */
static bool
begin(struct database *db)
{
	int rc;

	if (db->error != 0) {
		errno = db->error;
		return false;
	}
	if (db->txn != NULL)
		return true;
	if ((rc = mdb_txn_begin(db->env, NULL, 0, &db->txn)) == 0)
		return true;
	db->txn = NULL;
	return fail(db, rc);
}

/* LMDB only reads what it is given. */
static MDB_val
value(const void *bytes, size_t len)
{
	MDB_val val = { .mv_size = len, .mv_data = (void *)(uintptr_t)bytes };

	return val;
}

bool
database_put(struct database *db, const void *key, size_t key_len,
    const void *record, size_t len)
{
	MDB_val k = value(key, key_len), v = value(record, len);
	int rc;

	if (!begin(db))
		return false;
	if (key_len > DATABASE_KEY_MAX)
		return fail(db, EINVAL);
	rc = mdb_put(db->txn, db->dbi, &k, &v, 0);
	return rc == 0 || fail(db, rc);
}

bool
database_delete(struct database *db, const void *key, size_t key_len)
{
	MDB_val k = value(key, key_len);
	int rc;

	if (!begin(db))
		return false;
	rc = mdb_del(db->txn, db->dbi, &k, NULL);
	return rc == 0 || rc == MDB_NOTFOUND || fail(db, rc);
}

bool
database_commit(struct database *db)
{
	MDB_txn *txn = db->txn;
	int rc;

	if (db->error != 0) {
		errno = db->error;
		return false;
	}
	if (txn == NULL)
		return true;
	db->txn = NULL;
	/* It is gone in either case. */
	rc = mdb_txn_commit(txn);
	return rc == 0 || fail(db, rc);
}

void
database_abort(struct database *db)
{
	if (db->txn != NULL)
		mdb_txn_abort(db->txn);
	db->txn = NULL;
	if (db->env != NULL)
		db->error = 0;
}

/* ---- read ---- */

/* Tells at most n records, and wants so many: pages that are damaged may lead
 * in a circle.  Returns a code of LMDB. */
static int
tell(MDB_cursor *cursor, size_t n, database_found *found, void *arg)
{
	MDB_cursor_op op = MDB_FIRST;
	MDB_val k, v;
	int rc;

	while ((rc = mdb_cursor_get(cursor, &k, &v, op)) == 0) {
		if (n-- == 0 || k.mv_size > DATABASE_KEY_MAX)
			return MDB_CORRUPTED;
		if (!found(arg, k.mv_data, k.mv_size, v.mv_data, v.mv_size))
			return 0;
		op = MDB_NEXT;
	}
	if (rc != MDB_NOTFOUND)
		return rc;
	return n == 0 ? 0 : MDB_CORRUPTED;
}

static int
read_all(struct database *db, MDB_txn *txn, database_found *found, void *arg)
{
	MDB_cursor *cursor;
	MDB_stat st;
	int rc;

	if ((rc = mdb_stat(txn, db->dbi, &st)) != 0 ||
	    (rc = mdb_cursor_open(txn, db->dbi, &cursor)) != 0)
		return rc;
	rc = tell(cursor, st.ms_entries, found, arg);
	mdb_cursor_close(cursor);
	return rc;
}

bool
database_each(struct database *db, database_found *found, void *arg)
{
	MDB_txn *txn;
	int rc;

	if (db->env == NULL) {
		errno = db->error;
		return false;
	}
	rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0) {
		rc = read_all(db, txn, found, arg);
		mdb_txn_abort(txn);
	}
	return is_done(rc);
}
