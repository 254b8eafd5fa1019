#include <stdio.h>
#include <string.h>

#include <bsd/string.h>
#include <sqlite3.h>

#include "banterd/store/file.h"
#include "banterd/store/lines.h"
#include "banterd/store/value.h"

enum statement {
	ADD,
	LAST,
	SPAN,
	GET,
	DOWN,
	DOWN_ROOM,
	DOWN_SPAN,
	UP,
	UP_ROOM,
	REMOVE,
	ANY_BEFORE,
	REMOVE_BEFORE,
	NEXT_ROOM,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[ADD] =
	    "INSERT INTO lines (room, name, owner, at, flags, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[LAST] = "SELECT seq FROM sqlite_sequence WHERE name = 'lines'",
	[SPAN] =
	    "SELECT (SELECT MAX(id) FROM lines) - (SELECT MIN(id) FROM lines) + 1",
	[GET] =
	    "SELECT id, room, name, owner, at, flags, text FROM lines WHERE id = ?1",
	[DOWN] =
	    "SELECT id, room, name, owner, at, flags, text FROM lines WHERE id < ?1 ORDER BY id DESC",
	[DOWN_ROOM] =
	    "SELECT id, room, name, owner, at, flags, text FROM lines INDEXED BY lines_by_room WHERE room = ?2 AND id < ?1 ORDER BY id DESC",
	[DOWN_SPAN] =
	    "SELECT id, room, name, owner, at, flags, text FROM lines INDEXED BY lines_by_time WHERE room = ?2 AND at >= ?3 AND (at, id) < (?4, ?1) ORDER BY at DESC, id DESC",
	[UP] =
	    "SELECT id, room, name, owner, at, flags, text FROM lines WHERE id >= ?1 ORDER BY id",
	[UP_ROOM] =
	    "SELECT id, room, name, owner, at, flags, text FROM lines INDEXED BY lines_by_room WHERE room = ?2 AND id >= ?1 ORDER BY id",
	[REMOVE] = "DELETE FROM lines WHERE id = ?1",
	[ANY_BEFORE] =
	    "SELECT 1 FROM lines INDEXED BY lines_by_time WHERE room = ?1 AND at < ?2 LIMIT 1",
	[REMOVE_BEFORE] =
	    "DELETE FROM lines WHERE id IN (SELECT id FROM lines INDEXED BY lines_by_time WHERE room = ?1 AND at < ?2 ORDER BY at LIMIT ?3)",
	[NEXT_ROOM] =
	    "SELECT room FROM lines INDEXED BY lines_by_room WHERE room > ?1 ORDER BY room LIMIT 1",
};

_Static_assert(
    FILE_OF_LINES + (int)STATEMENTS <= FILE_OF_MEMBERS, "all stay prepared");

static sqlite3_stmt *
statement(struct file *f, enum statement which)
{
	return file_statement(f, FILE_OF_LINES + which, sql[which]);
}

/* Nothing of it but its fields is set: a message is large. */
static void
get_row(sqlite3_stmt *stmt, struct store_message *row)
{
	row->line = value_number(stmt, 0);
	value_text(stmt, 1, row->room, sizeof(row->room));
	value_text(stmt, 2, row->name, sizeof(row->name));
	row->owner = value_number(stmt, 3);
	row->when = value_number(stmt, 4);
	row->flags = (uint8_t)value_number(stmt, 5);
	row->text = value_words(stmt, 6, STORE_TEXT_MAX, &row->text_len);
}

/* ---- one ---- */

bool
lines_add(struct file *f, const struct store_message *m)
{
	sqlite3_stmt *stmt = statement(f, ADD);

	return stmt != NULL && value_bind_text(stmt, 1, m->room) &&
	    value_bind_text(stmt, 2, m->name) &&
	    value_bind_number(stmt, 3, m->owner) &&
	    value_bind_number(stmt, 4, m->when) &&
	    value_bind_number(stmt, 5, m->flags) &&
	    value_bind_words(stmt, 6, m->text, m->text_len) &&
	    file_run(f, stmt);
}

static bool
one_number(struct file *f, enum statement which, uint64_t *number)
{
	sqlite3_stmt *stmt = statement(f, which);
	int step = stmt != NULL ? file_step(f, stmt) : -1;

	*number = step == 1 ? value_number(stmt, 0) : 0;
	if (stmt != NULL)
		(void)sqlite3_reset(stmt);
	return step != -1;
}

bool
lines_last(struct file *f, uint64_t *last)
{
	return one_number(f, LAST, last);
}

bool
lines_count(struct file *f, uint64_t *count)
{
	return one_number(f, SPAN, count);
}

bool
lines_remove(struct file *f, uint64_t id)
{
	sqlite3_stmt *stmt = statement(f, REMOVE);

	file_erased(f);
	return stmt != NULL && value_bind_number(stmt, 1, id) &&
	    file_run(f, stmt);
}

/* ---- many ---- */

static int
step_all(struct file *f, sqlite3_stmt *stmt, const struct lines_scan *scan,
    lines_each_fn *each, void *arg)
{
	struct store_message row = { .kind = STORE_ROW };
	int step;

	while ((step = file_step(f, stmt)) == 1) {
		row.text = value_words(stmt, 6, STORE_TEXT_MAX, &row.text_len);
		row.line = value_number(stmt, 0);
		row.room[0] = '\0';
		if (scan == NULL || scan->wants == NULL ||
		    scan->wants(arg, row.text, row.text_len))
			get_row(stmt, &row);
		if (!each(arg, &row))
			break;
	}
	(void)sqlite3_reset(stmt);
	return step;
}

int
lines_get(struct file *f, uint64_t id, lines_each_fn *each, void *arg)
{
	sqlite3_stmt *stmt = statement(f, GET);

	if (stmt == NULL || !value_bind_number(stmt, 1, id))
		return -1;
	return step_all(f, stmt, NULL, each, arg);
}

int
lines_scan(struct file *f, const struct lines_scan *scan, lines_each_fn *each,
    void *arg)
{
	bool is_span = scan->since != 0 || scan->until != 0;
	sqlite3_stmt *stmt = statement(f,
	    scan->room == NULL ? DOWN :
		is_span        ? DOWN_SPAN :
				 DOWN_ROOM);

	if (stmt == NULL || !value_bind_number(stmt, 1, scan->below) ||
	    (scan->room != NULL && !value_bind_text(stmt, 2, scan->room)))
		return -1;
	if (scan->room != NULL && is_span &&
	    (!value_bind_number(stmt, 3, scan->since) ||
		!value_bind_number(stmt, 4, scan->at)))
		return -1;
	return step_all(f, stmt, scan, each, arg);
}

int
lines_scan_up(struct file *f, const char *room, uint64_t from,
    lines_each_fn *each, void *arg)
{
	sqlite3_stmt *stmt = statement(f, room == NULL ? UP : UP_ROOM);

	if (stmt == NULL || !value_bind_number(stmt, 1, from) ||
	    (room != NULL && !value_bind_text(stmt, 2, room)))
		return -1;
	return step_all(f, stmt, NULL, each, arg);
}

bool
lines_any_before(struct file *f, const char *room, uint64_t before, bool *any)
{
	sqlite3_stmt *stmt = statement(f, ANY_BEFORE);
	int step;

	*any = false;
	if (stmt == NULL || !value_bind_text(stmt, 1, room) ||
	    !value_bind_number(stmt, 2, before))
		return false;
	step = file_step(f, stmt);
	(void)sqlite3_reset(stmt);
	*any = step == 1;
	return step != -1;
}

bool
lines_remove_before(struct file *f, const char *room, uint64_t before,
    unsigned max, unsigned *removed)
{
	sqlite3_stmt *stmt = statement(f, REMOVE_BEFORE);

	*removed = 0;
	if (stmt == NULL || !value_bind_text(stmt, 1, room) ||
	    !value_bind_number(stmt, 2, before) ||
	    !value_bind_number(stmt, 3, max) || !file_run(f, stmt))
		return false;
	*removed = (unsigned)sqlite3_changes(sqlite3_db_handle(stmt));
	if (*removed > 0)
		file_erased(f);
	return true;
}

int
lines_next_room(struct file *f, const char *after, char room[ROOM_MAX + 1])
{
	sqlite3_stmt *stmt = statement(f, NEXT_ROOM);
	int step;

	if (stmt == NULL || !value_bind_text(stmt, 1, after))
		return -1;
	if ((step = file_step(f, stmt)) == 1)
		value_text(stmt, 0, room, ROOM_MAX + 1);
	(void)sqlite3_reset(stmt);
	return step;
}

struct check {
	void (*report)(void *arg, const char *what);
	void *arg;
	uint64_t last;
	bool good;
};

static bool
check_one(void *arg, const struct store_message *row)
{
	struct check *check = arg;
	const char *wrong = NULL;
	char text[96];

	if (row->line == 0 || row->line > check->last)
		wrong = "has a number that cannot be";
	else if (!text_is_room(row->room))
		wrong = "is of no room";
	else if (!text_is_nick(row->name))
		wrong = "is of nobody";
	else if (row->when > INT64_MAX || row->owner > INT64_MAX)
		wrong = "has a time or an owner that cannot be";
	else if (row->text_len > 0 &&
	    memchr(row->text, '\0', row->text_len) != NULL)
		wrong = "has a NUL";
	if (wrong == NULL)
		return true;
	(void)snprintf(text, sizeof(text), "the line %llu %s",
	    (unsigned long long)row->line, wrong);
	check->report(check->arg, text);
	check->good = false;
	return true;
}

bool
lines_check(
    struct file *f, void (*report)(void *arg, const char *what), void *arg)
{
	struct check check = { .report = report, .arg = arg, .good = true };

	if (!lines_last(f, &check.last) ||
	    lines_scan_up(f, NULL, 0, check_one, &check) != 0) {
		report(arg, "the lines cannot be read");
		return false;
	}
	return check.good;
}
