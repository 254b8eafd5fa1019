#include <string.h>

#include <bsd/string.h>
#include <sqlite3.h>

#include "banterd/store/file.h"
#include "banterd/store/notes.h"
#include "banterd/store/value.h"

enum statement {
	ADD,
	MORE,
	COUNT,
	COUNT_FROM,
	OF,
	GET,
	READ,
	ERASE,
	FORGET,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[ADD] =
	    "INSERT INTO notes (reader, writer, name, at, flags, text) SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM names WHERE owner = ?2)",
	[MORE] =
	    "UPDATE notes SET flags = flags | 4 WHERE id = (SELECT MAX(id) FROM notes WHERE reader = ?1 AND writer = ?2)",
	[COUNT] =
	    "SELECT COUNT(*) FROM notes WHERE reader = ?1 AND flags < 128",
	[COUNT_FROM] =
	    "SELECT COUNT(*) FROM notes WHERE reader = ?1 AND writer = ?2",
	[OF] =
	    "SELECT id FROM notes WHERE reader = ?1 AND flags < 128 ORDER BY id LIMIT ?2",
	[FORGET] = "DELETE FROM notes WHERE reader = ?1 AND flags >= 128",
	[GET] =
	    "SELECT id, name, writer, at, flags, text FROM notes WHERE id = ?1",
	[READ] = "DELETE FROM notes WHERE reader = ?1 AND id <= ?2",
	[ERASE] =
	    "DELETE FROM notes WHERE id IN (SELECT id FROM notes WHERE name = ?1 COLLATE NOCASE LIMIT ?2)",
};

_Static_assert(STORE_MORE == 4U, "as it is written in a statement");
_Static_assert(FILE_OF_NOTES + (int)STATEMENTS <= FILE_STATEMENTS_MAX,
    "all stay prepared");

static sqlite3_stmt *
statement(struct file *f, enum statement which)
{
	return file_statement(f, FILE_OF_NOTES + which, sql[which]);
}

static bool
bind_numbers(sqlite3_stmt *stmt, uint64_t a, uint64_t b)
{
	return stmt != NULL && value_bind_number(stmt, 1, a) &&
	    (sqlite3_bind_parameter_count(stmt) < 2 ||
		value_bind_number(stmt, 2, b));
}

static bool
get_count(struct file *f, enum statement which, uint64_t reader,
    uint64_t writer, int64_t *count)
{
	sqlite3_stmt *stmt = statement(f, which);
	int step;

	if (!bind_numbers(stmt, reader, writer))
		return false;
	if ((step = file_step(f, stmt)) == 1)
		*count = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return step == 1;
}

/* One of somebody who is ignored has no words, and is never read: it is there
 * to be counted. */
#define HIDDEN 128U

static bool
add(struct file *f, uint64_t reader, const struct store_message *m, bool hidden)
{
	sqlite3_stmt *stmt = statement(f, ADD);

	return bind_numbers(stmt, reader, m->owner) &&
	    value_bind_text(stmt, 3, m->from) &&
	    value_bind_number(stmt, 4, m->when) &&
	    value_bind_number(
		stmt, 5, (m->flags & STORE_ACTION) | (hidden ? HIDDEN : 0)) &&
	    value_bind_words(stmt, 6, m->text, hidden ? 0 : m->text_len) &&
	    file_run(f, stmt) && sqlite3_changes(file_connection(f)) == 1;
}

/* The reader is to know that there was more. */
static enum store_result
refuse(struct file *f, uint64_t reader, uint64_t writer)
{
	sqlite3_stmt *stmt = statement(f, MORE);

	return bind_numbers(stmt, reader, writer) && file_run(f, stmt) ?
	    STORE_MANY_NOTES :
	    STORE_FAILED;
}

enum store_result
notes_add(
    struct file *f, uint64_t reader, const struct store_message *m, bool hidden)
{
	int64_t all, from;

	if (!get_count(f, COUNT, reader, 0, &all) ||
	    !get_count(f, COUNT_FROM, reader, m->owner, &from))
		return STORE_FAILED;
	if (all >= NOTES_MAX || from >= NOTES_FROM_MAX)
		return refuse(f, reader, m->owner);
	return add(f, reader, m, hidden) ? STORE_OK : STORE_FAILED;
}

bool
notes_forget_hidden(struct file *f, uint64_t reader)
{
	sqlite3_stmt *stmt = statement(f, FORGET);

	return bind_numbers(stmt, reader, 0) && file_run(f, stmt);
}

bool
notes_of(struct file *f, uint64_t reader, uint64_t *ids, size_t max, size_t *n)
{
	sqlite3_stmt *stmt = statement(f, OF);
	int step = 0;

	*n = 0;
	if (!bind_numbers(stmt, reader, max))
		return false;
	while (*n < max && (step = file_step(f, stmt)) == 1)
		ids[(*n)++] = (uint64_t)sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return step != -1;
}

static void
get_row(sqlite3_stmt *stmt, struct store_message *row)
{
	row->line = value_number(stmt, 0);
	value_text(stmt, 1, row->name, sizeof(row->name));
	row->owner = value_number(stmt, 2);
	row->when = value_number(stmt, 3);
	row->flags = (uint8_t)value_number(stmt, 4);
	row->text = value_words(stmt, 5, STORE_TEXT_MAX, &row->text_len);
}

int
notes_get(struct file *f, uint64_t id, lines_each_fn *each, void *arg)
{
	sqlite3_stmt *stmt = statement(f, GET);
	struct store_message row = { .kind = STORE_ROW };
	int step;

	if (stmt == NULL || !value_bind_number(stmt, 1, id))
		return -1;
	if ((step = file_step(f, stmt)) == 1) {
		get_row(stmt, &row);
		if (each(arg, &row))
			step = 0;
	}
	(void)sqlite3_reset(stmt);
	return step;
}

bool
notes_read(struct file *f, uint64_t reader, uint64_t id)
{
	sqlite3_stmt *stmt = statement(f, READ);

	file_erased(f);
	return bind_numbers(stmt, reader, id) && file_run(f, stmt);
}

bool
notes_erase(struct file *f, const char *name, unsigned max, unsigned *removed)
{
	sqlite3_stmt *stmt = statement(f, ERASE);

	*removed = 0;
	if (stmt == NULL || !value_bind_text(stmt, 1, name) ||
	    !value_bind_number(stmt, 2, max) || !file_run(f, stmt))
		return false;
	*removed = (unsigned)sqlite3_changes(file_connection(f));
	if (*removed > 0)
		file_erased(f);
	return true;
}
