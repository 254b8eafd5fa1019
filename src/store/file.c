#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "banterd/store/aside.h"
#include "banterd/store/file.h"
#include "banterd/store/schema.h"
#include "banterd/store/scrub.h"
#include "banterd/store/trouble.h"
#include "banterd/system/log.h"

#define BUSY_MS      50 /* that one waits for somebody else's lock */
#define FILE_MODE    0600
#define VACUUM_PAGES 128  /* given back in one step */
#define LOG_PAGES    1000 /* of the log, until they are moved to the file */
#define LOG_S        2    /* that what is erased may stay in the log */
#define TRIED_BYTES  (256 << 10) /* that can be written, or it does not work */

/* Where a connection's file was when it was opened. */
struct place {
	dev_t dev;
	ino_t ino; /* 0: was not there */
};

struct file {
	const char *path;
	sqlite3 *db; /* NULL: could not be opened again */
	sqlite3_stmt *statements[FILE_STATEMENTS_MAX];
	struct place main, wal;
	bool writing; /* within a transaction */
	bool broken;  /* and something in it failed */
	bool damaged; /* has to be put aside */
	bool erased;
	const char *trouble; /* what is wrong, NULL for nothing */
	uint64_t synced;
	int log_pages, log_max; /* that it has; may have */
	time_t truncated;       /* the log, after something was erased */
};

/* ---- what goes wrong ---- */

static const char *const logs[] = { "-wal", "-shm" };

static void
has_trouble(struct file *f, const char *trouble, const char *detail)
{
	if (f->trouble == NULL || strcmp(f->trouble, trouble) != 0)
		log_error("%s %s (%s); nothing is kept until it works again",
		    f->path, trouble, detail);
	f->trouble = trouble;
}

static void
failed(struct file *f, int rc)
{
	int primary = rc & 0xff;

	f->broken = true;
	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
		f->damaged = true;
	has_trouble(f, trouble_of(f->db, rc),
	    f->db != NULL ? sqlite3_errmsg(f->db) : sqlite3_errstr(rc));
}

static void
works(struct file *f)
{
	if (f->trouble != NULL)
		log_notice("%s works again", f->path);
	f->trouble = NULL;
}

/* ---- statements ---- */

static bool
execute(struct file *f, const char *sql)
{
	int rc = sqlite3_exec(f->db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		failed(f, rc);
	return rc == SQLITE_OK;
}

bool
file_execute(struct file *f, const char *sql)
{
	return f->db != NULL && execute(f, sql);
}

struct sqlite3_stmt *
file_statement(struct file *f, unsigned index, const char *sql)
{
	sqlite3_stmt **stmt = &f->statements[index];
	int rc;

	if (f->db == NULL || f->damaged)
		return NULL;
	if (*stmt != NULL) {
		(void)sqlite3_reset(*stmt);
		(void)sqlite3_clear_bindings(*stmt);
		return *stmt;
	}
	rc = sqlite3_prepare_v3(
	    f->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	if (rc != SQLITE_OK)
		failed(f, rc);
	return *stmt;
}

int
file_step(struct file *f, struct sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	/* Nothing is held by one that is through. */
	(void)sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return 0;
	failed(f, rc);
	return -1;
}

bool
file_run(struct file *f, struct sqlite3_stmt *stmt)
{
	int step = file_step(f, stmt);

	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return step == 0;
}

/* A statement that gives one number.  Returns false after a failure. */
static bool
number_of(struct file *f, const char *sql, int64_t *number)
{
	sqlite3_stmt *stmt;
	int rc, step = -1;

	*number = 0;
	rc = sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL);
	if (rc != SQLITE_OK) {
		failed(f, rc);
		return false;
	}
	if ((step = file_step(f, stmt)) == 1)
		*number = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return step != -1;
}

static int
on_log(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct file *f = arg;

	(void)db;
	(void)name;
	f->log_pages = pages;
	return SQLITE_OK;
}

/* Returns false if it is not empty then: another one reads, or it failed. */
static bool
checkpoint(struct file *f)
{
	int rc = scrub_checkpoint(f->db, f->path);

	f->log_max = rc == SQLITE_OK ? LOG_PAGES : f->log_pages + LOG_PAGES;
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		failed(f, rc);
	return rc == SQLITE_OK;
}

/* ---- closed and opened ---- */

static void
finalize_all(struct file *f)
{
	unsigned i;

	for (i = 0; i < FILE_STATEMENTS_MAX; i++) {
		(void)sqlite3_finalize(f->statements[i]);
		f->statements[i] = NULL;
	}
}

static void
disconnect(struct file *f)
{
	finalize_all(f);
	if (f->db != NULL)
		(void)sqlite3_close_v2(f->db);
	f->db = NULL;
	f->writing = false;
}

void
file_close(struct file *f)
{
	if (f == NULL)
		return;
	if (f->writing)
		file_rollback(f);
	if (f->db != NULL && !f->broken && file_is_well(f))
		(void)checkpoint(f);
	disconnect(f);
	free(f);
}

static struct place
place_of(const char *path)
{
	struct place place = { .ino = 0 };
	struct stat st;

	if (stat(path, &st) == 0) {
		place.dev = st.st_dev;
		place.ino = st.st_ino;
	}
	return place;
}

static struct place
place_of_wal(const char *path)
{
	char wal[PATH_MAX];
	int n = snprintf(wal, sizeof(wal), "%s-wal", path);
	struct place none = { .ino = 0 };

	return n < 0 || (size_t)n >= sizeof(wal) ? none : place_of(wal);
}

static bool
is_same(const struct place *a, const struct place *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

/* Settings of the connection, which leave the file as it is. */
static int
configure(sqlite3 *db)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	size_t i;
	int rc;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		rc = sqlite3_db_config(
		    db, options[i].option, options[i].value, NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	return sqlite3_busy_timeout(db, BUSY_MS);
}

/* What SQLite makes beside a file that is read-only is so, too, and stays so
 * when the file can be written again. */
static void
make_log_writable(const char *path)
{
	char log[PATH_MAX];
	size_t i;
	int n;

	if (access(path, W_OK) == -1)
		return;
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		n = snprintf(log, sizeof(log), "%s%s", path, logs[i]);
		if (n > 0 && (size_t)n < sizeof(log) && access(log, W_OK) == -1)
			(void)chmod(log, FILE_MODE);
	}
}

static bool
connect_to(struct file *f, bool make)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE | (make ? SQLITE_OPEN_CREATE : 0);
	int rc;

	make_log_writable(f->path);
	rc = sqlite3_open_v2(f->path, &f->db, flags, NULL);
	if (rc == SQLITE_OK)
		rc = configure(f->db);
	if (rc == SQLITE_OK)
		return true;
	failed(f, rc);
	return false;
}

/* Whether it is one of ours, or empty where one may be made. */
static bool
examine(struct file *f, bool make, int64_t *version)
{
	int64_t application, tables;

	if (!number_of(f, "PRAGMA user_version", version) ||
	    !number_of(f, "PRAGMA application_id", &application) ||
	    !number_of(f, "SELECT COUNT(*) FROM sqlite_schema", &tables))
		return false;
	if (make && *version == 0 && application == 0 && tables == 0)
		return true;
	f->broken = true;
	if (application != FILE_APPLICATION) {
		f->trouble = "is no file of banter-store";
		log_error("%s is no file of banter-store; it is left as it is",
		    f->path);
		return false;
	}
	if (*version <= FILE_SCHEMA && *version > 0) {
		f->broken = false;
		return true;
	}
	f->trouble = "is newer";
	log_error(
	    "%s has schema %lld, and this banter-store knows up to %d: a newer one is needed; the file is left as it is",
	    f->path, (long long)*version, FILE_SCHEMA);
	return false;
}

/* PRAGMA journal_mode answers with the mode that it is then. */
static bool
use_wal(struct file *f)
{
	sqlite3_stmt *stmt;
	const unsigned char *mode;
	bool is_wal = false;
	int rc;

	rc = sqlite3_prepare_v2(
	    f->db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		mode = rc == SQLITE_ROW ? sqlite3_column_text(stmt, 0) : NULL;
		is_wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
		(void)sqlite3_finalize(stmt);
	}
	if (!is_wal)
		failed(f, rc == SQLITE_ROW ? SQLITE_READONLY : rc);
	return is_wal;
}

/* auto_vacuum has to be said before there is a table, and before WAL; later it
 * would only write. */
static bool
set_up(struct file *f, int64_t version)
{
	char text[64];

	(void)snprintf(
	    text, sizeof(text), "PRAGMA journal_size_limit=%d", FILE_WAL_MAX);
	if (version == 0 && !execute(f, "PRAGMA auto_vacuum=INCREMENTAL"))
		return false;
	return use_wal(f) && execute(f, "PRAGMA synchronous=FULL") &&
	    execute(f, "PRAGMA secure_delete=ON") &&
	    execute(f, "PRAGMA cell_size_check=ON") && execute(f, text);
}

/* To the schema of today, from 0 or an earlier one, in one transaction. */
static bool
upgrade(struct file *f, int64_t version)
{
	char text[96];
	size_t i;

	if (version == FILE_SCHEMA)
		return true;
	(void)snprintf(text, sizeof(text),
	    "PRAGMA application_id=%d; PRAGMA user_version=%d",
	    FILE_APPLICATION, FILE_SCHEMA);
	if (!file_begin(f))
		return false;
	for (i = 0; schema_steps[i] != NULL && execute(f, schema_steps[i]); i++)
		;
	if (schema_steps[i] == NULL && execute(f, text) && file_renumber(f) &&
	    file_commit(f))
		return true;
	file_rollback(f);
	return false;
}

/* Opens and examines it.  Where it is not ours, it stays as it is. */
static bool
begin_with(struct file *f, bool make)
{
	int64_t version;

	f->broken = false;
	f->damaged = false;
	f->wal.ino = 0;
	if (!connect_to(f, make))
		return false;
	if (!examine(f, make, &version)) {
		(void)sqlite3_db_config(
		    f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return false;
	}
	f->main = place_of(f->path);
	if (!set_up(f, version) || !upgrade(f, version))
		return false;
	f->wal = place_of_wal(f->path);
	f->log_pages = 0;
	f->log_max = LOG_PAGES;
	(void)sqlite3_wal_hook(f->db, on_log, f);
	return true;
}

/* Who serves goes on with a new one. */
static bool
mend(struct file *f)
{
	char aside[PATH_MAX];

	/* It is put aside as it is. */
	if (f->db != NULL)
		(void)sqlite3_db_config(
		    f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	disconnect(f);
	if (!aside_put(f->path, "damaged", aside, sizeof(aside))) {
		log_error(
		    "%s cannot be put aside: %s", f->path, strerror(errno));
		return false;
	}
	log_error(
	    "%s was damaged: it is %s now, and a new one is begun; to have names back from a backup, stop the service and run: banter-store -F %s restore BACKUP",
	    f->path, aside, f->path);
	return begin_with(f, true);
}

struct file *
file_open(const char *path, enum file_mode mode)
{
	struct file *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	f->path = path;
	if (begin_with(f, mode != FILE_LOOK) ||
	    (f->damaged && mode == FILE_SERVE && mend(f))) {
		f->trouble = NULL;
		return f;
	}
	file_close(f);
	return NULL;
}

/* ---- transactions ---- */

bool
file_begin(struct file *f)
{
	if (f->db == NULL || f->damaged)
		return false;
	if (f->writing)
		return !f->broken;
	f->broken = false;
	return f->writing = execute(f, "BEGIN IMMEDIATE");
}

void
file_rollback(struct file *f)
{
	if (f->db != NULL && sqlite3_get_autocommit(f->db) == 0)
		(void)sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL);
	f->writing = false;
}

/* Whether what is written is written to what is at the path. */
static bool
is_there(struct file *f)
{
	struct place main = place_of(f->path), wal = place_of_wal(f->path);

	if (is_same(&main, &f->main) &&
	    (f->wal.ino == 0 || is_same(&wal, &f->wal)))
		return true;
	has_trouble(f, trouble_gone, "removed, or replaced");
	return false;
}

static void
note_sync(struct file *f)
{
	time_t now = time(NULL);

	f->synced = now > 0 ? (uint64_t)now : 0;
	works(f);
}

bool
file_commit(struct file *f)
{
	if (f->writing && !f->broken && is_there(f) && execute(f, "COMMIT") &&
	    is_there(f)) {
		f->writing = false;
		note_sync(f);
		if (f->log_pages >= f->log_max)
			(void)checkpoint(f);
		return true;
	}
	file_rollback(f);
	return false;
}

bool
file_is_writing(const struct file *f)
{
	return f->writing;
}

bool
file_is_well(const struct file *f)
{
	return f->trouble == NULL;
}

const char *
file_trouble(const struct file *f)
{
	return f->trouble;
}

/* ---- tried again ---- */

/* A log that was another file's: SQLite would take it for this one's. */
static bool
remove_old_log(struct file *f)
{
	struct place main = place_of(f->path), wal = place_of_wal(f->path);
	char aside[PATH_MAX];

	if (is_same(&main, &f->main) || f->wal.ino == 0 ||
	    !is_same(&wal, &f->wal))
		return true;
	return aside_find(f->path, "replaced", aside, sizeof(aside)) &&
	    aside_rename_part(f->path, aside, "-wal") &&
	    aside_rename_part(f->path, aside, "-shm");
}

/* Opens what is at the path now.  A file that is not there is not made: whose
 * names are these?  That is for the admin to say, by starting anew. */
static enum file_change
reopen(struct file *f)
{
	const struct place before = f->main;
	const char *trouble = f->trouble;

	if (place_of(f->path).ino == 0)
		return FILE_SAME;
	disconnect(f);
	if (!remove_old_log(f) || !begin_with(f, false)) {
		disconnect(f);
		if (f->trouble == NULL)
			f->trouble = trouble;
		return FILE_SAME;
	}
	/* Whether it can be written shows the next time. */
	if (is_same(&before, &f->main))
		return FILE_SAME;
	log_notice(
	    "%s is another file than before, and is used from now on", f->path);
	works(f);
	return FILE_OTHER;
}

/* Something that really has to be written, and so much of it (what is deleted
 * is written, too: secure_delete) that there is space for what comes next: a
 * disk with a few pages left would else work again, and not, each second. */
static bool
try_to_write(struct file *f)
{
	char text[80];

	(void)snprintf(text, sizeof(text),
	    "INSERT INTO epochs VALUES (0, zeroblob(%d), 0)", TRIED_BYTES);
	if (!file_begin(f) || !execute(f, text) ||
	    !execute(f, "DELETE FROM epochs WHERE epoch = 0") ||
	    !file_commit(f))
		return false;
	file_erased(f); /* the pages are given back */
	return true;
}

enum file_change
file_retry(struct file *f)
{
	if (f->damaged && mend(f)) {
		f->trouble = NULL;
		return FILE_OTHER;
	}
	if (f->damaged)
		return FILE_SAME;
	if (f->db == NULL || !is_there(f))
		return reopen(f);
	if (file_is_well(f))
		return FILE_WORKS;
	if (try_to_write(f))
		return FILE_WORKS;
	file_rollback(f);
	/* Opened when it could not be written, it never can. */
	return f->trouble == trouble_read_only ? reopen(f) : FILE_SAME;
}

/* ---- tidied, counted, numbered ---- */

void
file_erased(struct file *f)
{
	f->erased = true;
}

bool
file_tidy(struct file *f)
{
	time_t now = time(NULL);
	char text[64];
	int64_t left;

	if (!f->erased || f->db == NULL || f->writing || !file_is_well(f))
		return false;
	(void)snprintf(
	    text, sizeof(text), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	if (!execute(f, text) || !number_of(f, "PRAGMA freelist_count", &left))
		return false;
	if (left > 0 && now >= f->truncated && now - f->truncated < LOG_S)
		return true;
	if (checkpoint(f)) {
		f->erased = left > 0;
		f->truncated = now;
	}
	return f->erased && file_is_well(f);
}

int
file_scrub(struct file *f, uint32_t *page)
{
	int rc;

	if (f->db == NULL || f->writing || !file_is_well(f) ||
	    (!checkpoint(f) && !file_is_well(f)))
		return -1;
	(void)sqlite3_db_release_memory(f->db);
	if ((rc = scrub_step(f->db, page)) != SQLITE_OK) {
		failed(f, rc);
		return -1;
	}
	return *page != 0;
}

uint64_t
file_size(const struct file *f)
{
	struct stat st;

	return stat(f->path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t
file_synced(const struct file *f)
{
	return f->synced;
}

const char *
file_path(const struct file *f)
{
	return f->path;
}

struct sqlite3 *
file_connection(struct file *f)
{
	return f->db;
}
