#include <sys/param.h>

#include <string.h>

#include <bsd/string.h>
#include <sqlite3.h>

#include "banterd/store/file.h"
#include "banterd/store/names.h"
#include "banterd/store/value.h"

enum statement {
	FIND,
	COUNT,
	COUNT_HOST,
	ADD,
	SET_HASH,
	REMOVE,
	LOGIN,
	STATE,
	LEFT,
	LAST_KEPT,
	BEGIN_EPOCH,
	USE_EPOCH,
	LATEST,
	KEPT,
	DROP_OLD,
	LEAVE_OLD,
	EACH,
	EXPIRED,
	STATEMENTS
};

#define COLUMNS "owner, name, hash, host, registered, seen, here, by_admin"
#define OLDEST \
	"WHERE by_admin = 0 AND here = 0 AND seen < ?1 ORDER BY seen LIMIT 1"

static const char *const sql[STATEMENTS] = {
	/* One text with what COLUMNS has.
	 * NOLINTNEXTLINE(bugprone-suspicious-missing-comma) */
	[FIND] = "SELECT " COLUMNS ", state FROM names WHERE name = ?1",
	[COUNT] = "SELECT COUNT(*) FROM names",
	[COUNT_HOST] =
	    "SELECT COUNT(*) FROM names WHERE host = ?1 AND registered > ?2 AND by_admin = 0",
	[ADD] =
	    "INSERT INTO names (name, hash, host, registered, seen, here, by_admin, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, x'')",
	[SET_HASH] = "UPDATE names SET hash = ?2 WHERE owner = ?1",
	[REMOVE] = "DELETE FROM names WHERE owner = ?1",
	[LOGIN] = "UPDATE names SET here = ?2, seen = ?3 WHERE owner = ?1",
	[STATE] = "UPDATE names SET state = ?2 WHERE owner = ?1",
	[LEFT] =
	    "UPDATE names SET here = 0, seen = MAX(seen, ?2) WHERE owner = ?1",
	[LAST_KEPT] = "SELECT number FROM epochs WHERE epoch = ?1",
	[BEGIN_EPOCH] =
	    "INSERT OR IGNORE INTO epochs SELECT ?1, 0, IFNULL(MAX(used), 0) + 1 FROM epochs",
	[USE_EPOCH] =
	    "UPDATE epochs SET used = (SELECT MAX(used) + 1 FROM epochs) WHERE epoch = ?1",
	[LATEST] = "SELECT epoch FROM epochs ORDER BY used DESC LIMIT 1",
	[KEPT] =
	    "UPDATE epochs SET number = ?2, used = (SELECT MAX(used) + 1 FROM epochs) WHERE epoch = ?1",
	[DROP_OLD] =
	    "DELETE FROM epochs WHERE epoch IN (SELECT epoch FROM epochs ORDER BY used DESC LIMIT -1 OFFSET ?1)",
	[LEAVE_OLD] =
	    "UPDATE names SET here = 0 WHERE here <> 0 AND here NOT IN (SELECT epoch FROM epochs)",
	[EACH] = "SELECT " COLUMNS " FROM names ORDER BY name",
	[EXPIRED] = "SELECT " COLUMNS " FROM names " OLDEST,
};

_Static_assert((int)STATEMENTS <= FILE_OF_LINES, "all stay prepared");

static sqlite3_stmt *
statement(struct file *f, enum statement which)
{
	return file_statement(f, which, sql[which]);
}

/* Runs one with as many of two numbers as it has. */
static bool
run_numbers(struct file *f, enum statement which, uint64_t a, uint64_t b)
{
	sqlite3_stmt *stmt = statement(f, which);
	int n = stmt != NULL ? sqlite3_bind_parameter_count(stmt) : -1;

	return n >= 0 && (n < 1 || value_bind_id(stmt, 1, a)) &&
	    (n < 2 || value_bind_id(stmt, 2, b)) && file_run(f, stmt);
}

/* Who was here in an epoch that is forgotten has left without a word. */
static bool
begin_epoch(struct file *f, uint64_t epoch)
{
	if (!run_numbers(f, BEGIN_EPOCH, epoch, 0))
		return false;
	return sqlite3_changes(file_connection(f)) == 0 ||
	    (run_numbers(f, DROP_OLD, NAMES_EPOCHS, 0) &&
		run_numbers(f, LEAVE_OLD, 0, 0));
}

/* ---- a row ---- */

static void
get_state(sqlite3_stmt *stmt, int column, struct name *n)
{
	const void *state = sqlite3_column_blob(stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(stmt, column);

	n->state_len = 0;
	if (state == NULL || len > sizeof(n->state))
		return;
	memcpy(n->state, state, len);
	n->state_len = len;
}

static void
get_row(sqlite3_stmt *stmt, struct name *n)
{
	n->owner = value_number(stmt, 0);
	value_text(stmt, 1, n->name, sizeof(n->name));
	value_text(stmt, 2, n->hash, sizeof(n->hash));
	value_text(stmt, 3, n->host, sizeof(n->host));
	n->registered = value_number(stmt, 4);
	n->seen = value_number(stmt, 5);
	n->here = value_number(stmt, 6);
	n->by_admin = value_number(stmt, 7) != 0;
	n->state_len = 0;
}

enum store_result
names_find(struct file *f, const char *name, struct name *n)
{
	sqlite3_stmt *stmt = statement(f, FIND);
	int step;

	if (stmt == NULL || !value_bind_text(stmt, 1, name))
		return STORE_FAILED;
	if ((step = file_step(f, stmt)) == 1) {
		get_row(stmt, n);
		get_state(stmt, 8, n);
	}
	(void)sqlite3_reset(stmt);
	if (step == -1)
		return STORE_FAILED;
	return step == 1 ? STORE_OK : STORE_UNKNOWN;
}

/* ---- one more, one less ---- */

static bool
get_count(struct file *f, sqlite3_stmt *stmt, uint64_t *count)
{
	int step = file_step(f, stmt);

	if (step == 1)
		*count = value_number(stmt, 0);
	(void)sqlite3_reset(stmt);
	return step == 1;
}

bool
names_count(struct file *f, uint64_t *count)
{
	sqlite3_stmt *stmt = statement(f, COUNT);

	return stmt != NULL && get_count(f, stmt, count);
}

static bool
count_host(struct file *f, const char *host, uint64_t now, uint64_t *count)
{
	sqlite3_stmt *stmt = statement(f, COUNT_HOST);
	uint64_t since = now > NAMES_PER_HOST_S ? now - NAMES_PER_HOST_S : 0;

	return stmt != NULL && value_bind_text(stmt, 1, host) &&
	    value_bind_id(stmt, 2, since) && get_count(f, stmt, count);
}

static bool
is_taken(struct file *f, const char *name, enum store_result *result)
{
	struct name n;

	*result = names_find(f, name, &n);
	explicit_bzero(n.hash, sizeof(n.hash));
	if (*result == STORE_OK)
		*result = STORE_TAKEN;
	return *result != STORE_UNKNOWN;
}

enum store_result
names_may_add(struct file *f, const char *name, const char *host,
    uint32_t per_host, uint64_t now)
{
	enum store_result result;
	uint64_t count;

	if (is_taken(f, name, &result))
		return result;
	if (!names_count(f, &count))
		return STORE_FAILED;
	if (count >= NAMES_MAX)
		return STORE_FULL;
	if (!count_host(f, host, now, &count))
		return STORE_FAILED;
	return count >= per_host ? STORE_TOO_MANY : STORE_OK;
}

bool
names_add(struct file *f, struct name *n)
{
	sqlite3_stmt *stmt = statement(f, ADD);

	if (stmt == NULL || (n->here != 0 && !begin_epoch(f, n->here)) ||
	    !value_bind_text(stmt, 1, n->name) ||
	    !value_bind_text(stmt, 2, n->hash) ||
	    !value_bind_text(stmt, 3, n->host) ||
	    !value_bind_id(stmt, 4, n->registered) ||
	    !value_bind_id(stmt, 5, n->seen) ||
	    !value_bind_id(stmt, 6, n->here) ||
	    !value_bind_id(stmt, 7, n->by_admin) || !file_run(f, stmt))
		return false;
	n->owner = (uint64_t)sqlite3_last_insert_rowid(sqlite3_db_handle(stmt));
	return true;
}

bool
names_set_hash(struct file *f, uint64_t owner, const char *hash)
{
	sqlite3_stmt *stmt = statement(f, SET_HASH);

	file_erased(f);
	return stmt != NULL && value_bind_id(stmt, 1, owner) &&
	    value_bind_text(stmt, 2, hash) && file_run(f, stmt);
}

bool
names_remove(struct file *f, uint64_t owner)
{
	file_erased(f);
	return run_numbers(f, REMOVE, owner, 0);
}

/* ---- what becomes of one ---- */

bool
names_login(struct file *f, uint64_t owner, uint64_t epoch, uint64_t now)
{
	sqlite3_stmt *stmt = statement(f, LOGIN);

	return stmt != NULL && begin_epoch(f, epoch) &&
	    value_bind_id(stmt, 1, owner) && value_bind_id(stmt, 2, epoch) &&
	    value_bind_id(stmt, 3, now) && file_run(f, stmt);
}

bool
names_state(struct file *f, uint64_t owner, const void *state, size_t len)
{
	sqlite3_stmt *stmt = statement(f, STATE);

	return stmt != NULL && value_bind_id(stmt, 1, owner) &&
	    sqlite3_bind_blob(stmt, 2, len > 0 ? state : "", (int)len,
		SQLITE_TRANSIENT) == SQLITE_OK &&
	    file_run(f, stmt);
}

bool
names_left(struct file *f, uint64_t owner, uint64_t when)
{
	return run_numbers(f, LEFT, owner, MIN(when, INT64_MAX));
}

/* ---- epochs ---- */

bool
names_last_kept(struct file *f, uint64_t epoch, uint64_t *number)
{
	sqlite3_stmt *stmt = statement(f, LAST_KEPT);
	int step;

	*number = 0;
	if (stmt == NULL || !value_bind_id(stmt, 1, epoch))
		return false;
	if ((step = file_step(f, stmt)) == 1)
		*number = value_number(stmt, 0);
	(void)sqlite3_reset(stmt);
	return step != -1;
}

bool
names_begin_epoch(struct file *f, uint64_t epoch, bool *is_other)
{
	sqlite3_stmt *stmt = statement(f, LATEST);
	int step = stmt != NULL ? file_step(f, stmt) : -1;

	*is_other = step == 1 && value_number(stmt, 0) != epoch;
	if (stmt != NULL)
		(void)sqlite3_reset(stmt);
	if (step == -1)
		return false;
	return (step == 1 && !*is_other) ||
	    (file_begin(f) && begin_epoch(f, epoch) &&
		run_numbers(f, USE_EPOCH, epoch, 0));
}

bool
names_kept(struct file *f, uint64_t epoch, uint64_t number)
{
	return begin_epoch(f, epoch) && run_numbers(f, KEPT, epoch, number);
}

/* ---- all of them ---- */

bool
names_each(struct file *f, names_each_fn *each, void *arg)
{
	sqlite3_stmt *stmt = statement(f, EACH);
	struct name n;
	int step = -1;

	while (stmt != NULL && (step = file_step(f, stmt)) == 1) {
		get_row(stmt, &n);
		each(arg, &n);
	}
	explicit_bzero(n.hash, sizeof(n.hash));
	return step == 0;
}

/* The one that is the next to go. */
static int
next_expired(struct file *f, uint64_t before, struct name *n)
{
	sqlite3_stmt *stmt = statement(f, EXPIRED);
	int step;

	if (stmt == NULL || !value_bind_number(stmt, 1, before))
		return -1;
	if ((step = file_step(f, stmt)) == 1)
		get_row(stmt, n);
	(void)sqlite3_reset(stmt);
	return step;
}

bool
names_any_expired(struct file *f, uint64_t before, bool *any)
{
	struct name n;
	int step = next_expired(f, before, &n);

	*any = step == 1;
	return step != -1;
}

bool
names_expire(struct file *f, uint64_t before, unsigned max, unsigned *removed,
    names_each_fn *each, void *arg)
{
	struct name n;
	int step = 0;

	for (*removed = 0; *removed < max; (*removed)++) {
		if ((step = next_expired(f, before, &n)) != 1)
			break;
		if (!names_remove(f, n.owner))
			return false;
		each(arg, &n);
	}
	return step != -1;
}
