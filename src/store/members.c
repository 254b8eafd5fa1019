#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>
#include <sqlite3.h>

#include "banterd/base/store_message.h"
#include "banterd/store/file.h"
#include "banterd/store/lines.h"
#include "banterd/store/members.h"
#include "banterd/store/value.h"

#define LOOKED_AT_MAX 20000 /* lines, to count those that were missed */

enum statement {
	ADD,
	REJOIN,
	ANEW,
	CLOSE,
	DROP_EMPTY,
	DROP_GONE,
	PART,
	DROP_GAPS,
	DROP_PARTED,
	LEFT,
	ALL_LEFT,
	SHOWN,
	SHOWN_ROOM,
	SHOWN_PART,
	SHOWN_PART_ROOM,
	IGNORE,
	IGNORED,
	FIRST,
	GAPS,
	GAPS_ROOM,
	MISSED,
	CHECK,
	STATEMENTS
};

/* 9223372036854775807 is GAP_OPEN; one more than the last of the sequence is
 * the number that the next line gets. */
static const char *const sql[STATEMENTS] = {
	[ADD] =
	    "INSERT INTO members (owner, room, first, parted) SELECT ?1, ?2, (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines'), 0 WHERE EXISTS (SELECT 1 FROM names WHERE owner = ?1) AND NOT EXISTS (SELECT 1 FROM members WHERE owner = ?1 AND room = ?2)",
	[REJOIN] =
	    "UPDATE members SET parted = 0 WHERE owner = ?1 AND room = ?2 AND parted <> 0",
	[ANEW] =
	    "UPDATE members SET first = (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines') WHERE owner = ?1 AND room = ?2",
	[CLOSE] =
	    "UPDATE gaps SET until = (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines') - 1 WHERE member = (SELECT member FROM members WHERE owner = ?1 AND room = ?2) AND until = 9223372036854775807",
	[DROP_EMPTY] =
	    "DELETE FROM gaps WHERE member = (SELECT member FROM members WHERE owner = ?1 AND room = ?2) AND until = (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines') - 1 AND NOT EXISTS (SELECT 1 FROM lines INDEXED BY lines_by_room WHERE room = ?2 AND id >= gaps.since AND id <= gaps.until)",
	[DROP_GONE] =
	    "DELETE FROM gaps WHERE member = (SELECT member FROM members WHERE owner = ?1 AND room = ?2) AND until < (SELECT MIN(id) FROM lines)",
	[PART] =
	    "UPDATE members SET parted = (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines') WHERE owner = ?1 AND room = ?2 AND parted = 0",
	[DROP_GAPS] =
	    "DELETE FROM gaps WHERE member = (SELECT member FROM members WHERE owner = ?1 AND room = ?2)",
	[DROP_PARTED] =
	    "DELETE FROM members WHERE member IN (SELECT member FROM members WHERE owner = ?1 AND parted <> 0 ORDER BY parted DESC, member DESC LIMIT -1 OFFSET ?2)",
	[LEFT] =
	    "INSERT INTO gaps SELECT member, (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines'), 9223372036854775807 FROM members WHERE owner = ?1 AND parted = 0 AND NOT EXISTS (SELECT 1 FROM gaps WHERE gaps.member = members.member AND until = 9223372036854775807)",
	[ALL_LEFT] =
	    "INSERT INTO gaps SELECT member, (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines'), 9223372036854775807 FROM members WHERE parted = 0 AND NOT EXISTS (SELECT 1 FROM gaps WHERE gaps.member = members.member AND until = 9223372036854775807)",
	[SHOWN] =
	    "DELETE FROM gaps WHERE until <= ?2 AND member IN (SELECT member FROM members WHERE owner = ?1)",
	[SHOWN_ROOM] =
	    "DELETE FROM gaps WHERE until <= ?3 AND member = (SELECT member FROM members WHERE owner = ?1 AND room = ?2)",
	[SHOWN_PART] =
	    "UPDATE gaps SET since = ?2 + 1 WHERE since <= ?2 AND member IN (SELECT member FROM members WHERE owner = ?1)",
	[SHOWN_PART_ROOM] =
	    "UPDATE gaps SET since = ?3 + 1 WHERE since <= ?3 AND member = (SELECT member FROM members WHERE owner = ?1 AND room = ?2)",
	[IGNORE] =
	    "INSERT OR REPLACE INTO ignored SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM names WHERE owner = ?1)",
	[IGNORED] = "SELECT list FROM ignored WHERE owner = ?1",
	[FIRST] = "SELECT first FROM members WHERE owner = ?1 AND room = ?2",
	[GAPS] =
	    "SELECT room, since, until, first FROM members JOIN gaps USING (member) WHERE owner = ?1 AND parted = 0 ORDER BY member, since",
	[GAPS_ROOM] =
	    "SELECT room, since, until, first FROM members JOIN gaps USING (member) WHERE owner = ?1 AND room = ?2 AND parted = 0 ORDER BY since",
	[MISSED] =
	    "SELECT id, owner FROM lines INDEXED BY lines_by_room WHERE room = ?1 AND id >= ?2 AND id <= ?3 AND (flags & 2 = 0 OR id >= ?4) ORDER BY id",
	[CHECK] =
	    "SELECT room, owner, first, parted, since, until, (SELECT IFNULL(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lines'), LAG(until) OVER (PARTITION BY member ORDER BY since) FROM members LEFT JOIN gaps USING (member)",
};

_Static_assert(STORE_KEYED == 2U, "as it is written in a statement");
_Static_assert(
    FILE_OF_MEMBERS + (int)STATEMENTS <= FILE_OF_NOTES, "all stay prepared");

static sqlite3_stmt *
statement(struct file *f, enum statement which)
{
	return file_statement(f, FILE_OF_MEMBERS + which, sql[which]);
}

/* Runs one about an owner in a room, and a number if it has one more. */
static bool
run_room(struct file *f, enum statement which, uint64_t owner, const char *room,
    uint64_t number)
{
	sqlite3_stmt *stmt = statement(f, which);

	return stmt != NULL && value_bind_number(stmt, 1, owner) &&
	    value_bind_text(stmt, 2, room) &&
	    (sqlite3_bind_parameter_count(stmt) < 3 ||
		value_bind_number(stmt, 3, number)) &&
	    file_run(f, stmt);
}

/* Runs one with as many of two numbers as it has. */
static bool
run_numbers(struct file *f, enum statement which, uint64_t a, uint64_t b)
{
	sqlite3_stmt *stmt = statement(f, which);
	int n = stmt != NULL ? sqlite3_bind_parameter_count(stmt) : -1;

	return n >= 0 && (n < 1 || value_bind_number(stmt, 1, a)) &&
	    (n < 2 || value_bind_number(stmt, 2, b)) && file_run(f, stmt);
}

static bool
has_changed(struct file *f)
{
	return sqlite3_changes(file_connection(f)) > 0;
}

/* ---- what becomes of them ---- */

bool
members_join(struct file *f, uint64_t owner, const char *room)
{
	if (!run_room(f, ADD, owner, room, 0))
		return false;
	if (has_changed(f))
		return true;
	if (!run_room(f, CLOSE, owner, room, 0))
		return false;
	if (has_changed(f) &&
	    (!run_room(f, DROP_EMPTY, owner, room, 0) ||
		!run_room(f, DROP_GONE, owner, room, 0)))
		return false;
	return run_room(f, REJOIN, owner, room, 0);
}

bool
members_begin_anew(struct file *f, uint64_t owner, const char *room)
{
	return run_room(f, ANEW, owner, room, 0);
}

bool
members_part(struct file *f, uint64_t owner, const char *room)
{
	return run_room(f, DROP_GAPS, owner, room, 0) &&
	    run_room(f, PART, owner, room, 0) &&
	    run_numbers(f, DROP_PARTED, owner, MEMBERS_PARTED_MAX);
}

bool
members_left(struct file *f, uint64_t owner)
{
	return run_numbers(f, LEFT, owner, 0);
}

bool
members_all_left(struct file *f)
{
	return run_numbers(f, ALL_LEFT, 0, 0);
}

/* What is not said yet cannot have been shown. */
bool
members_shown(struct file *f, uint64_t owner, const char *room, uint64_t line)
{
	uint64_t last;

	if (!lines_last(f, &last))
		return false;
	if (last > line)
		last = line;
	if (room[0] == '\0')
		return run_numbers(f, SHOWN, owner, last) &&
		    run_numbers(f, SHOWN_PART, owner, last);
	return run_room(f, SHOWN_ROOM, owner, room, last) &&
	    run_room(f, SHOWN_PART_ROOM, owner, room, last);
}

/* ---- who is ignored ---- */

bool
members_ignore(struct file *f, uint64_t owner, const void *list, size_t len)
{
	sqlite3_stmt *stmt = statement(f, IGNORE);

	return stmt != NULL && value_bind_number(stmt, 1, owner) &&
	    sqlite3_bind_blob(stmt, 2, len > 0 ? list : "", (int)len,
		SQLITE_TRANSIENT) == SQLITE_OK &&
	    file_run(f, stmt);
}

bool
members_ignored(
    struct file *f, uint64_t owner, void *list, size_t size, size_t *len)
{
	sqlite3_stmt *stmt = statement(f, IGNORED);
	const void *blob;
	int step;

	*len = 0;
	if (stmt == NULL || !value_bind_number(stmt, 1, owner))
		return false;
	if ((step = file_step(f, stmt)) == 1) {
		blob = sqlite3_column_blob(stmt, 0);
		*len = (size_t)sqlite3_column_bytes(stmt, 0);
		if (*len > size)
			*len = 0;
		if (*len > 0)
			memcpy(list, blob, *len);
	}
	(void)sqlite3_reset(stmt);
	return step != -1;
}

bool
members_is_in(const void *list, size_t len, uint64_t owner)
{
	const struct store_message m = { .list = list, .list_len = len };
	uint64_t each;
	size_t at = 0;

	while (store_list_next_owner(&m, &at, &each)) {
		if (each == owner)
			return true;
	}
	return false;
}

/* ---- what they may read, and what they missed ---- */

bool
members_first(struct file *f, uint64_t owner, const char *room, uint64_t *first)
{
	sqlite3_stmt *stmt = statement(f, FIRST);
	int step;

	*first = UINT64_MAX;
	if (stmt == NULL || !value_bind_number(stmt, 1, owner) ||
	    !value_bind_text(stmt, 2, room))
		return false;
	if ((step = file_step(f, stmt)) == 1)
		*first = value_number(stmt, 0);
	(void)sqlite3_reset(stmt);
	return step != -1;
}

static bool
add_gap(struct gap **gaps, size_t *n, size_t *size, sqlite3_stmt *stmt)
{
	struct gap *larger, *gap;

	if (*n == *size) {
		*size = *size > 0 ? 2 * *size : 16;
		larger = reallocarray(*gaps, *size, sizeof(**gaps));
		if (larger == NULL)
			return false;
		*gaps = larger;
	}
	gap = &(*gaps)[(*n)++];
	value_text(stmt, 0, gap->room, sizeof(gap->room));
	gap->since = value_number(stmt, 1);
	gap->until = value_number(stmt, 2);
	gap->first = value_number(stmt, 3);
	return true;
}

bool
members_gaps(struct file *f, uint64_t owner, const char *room,
    struct gap **gaps, size_t *n)
{
	bool in_one = room[0] != '\0';
	sqlite3_stmt *stmt = statement(f, in_one ? GAPS_ROOM : GAPS);
	size_t size = 0;
	int step;

	*gaps = NULL;
	*n = 0;
	if (stmt == NULL || !value_bind_number(stmt, 1, owner) ||
	    (in_one && !value_bind_text(stmt, 2, room)))
		return false;
	while (
	    (step = file_step(f, stmt)) == 1 && add_gap(gaps, n, &size, stmt))
		;
	(void)sqlite3_reset(stmt);
	if (step == 0)
		return true;
	free(*gaps);
	*gaps = NULL;
	*n = 0;
	return false;
}

int
members_missed(
    struct file *f, const struct gap *gap, members_line_fn *each, void *arg)
{
	sqlite3_stmt *stmt = statement(f, MISSED);
	int step;

	if (stmt == NULL || !value_bind_text(stmt, 1, gap->room) ||
	    !value_bind_number(stmt, 2, gap->since) ||
	    !value_bind_number(stmt, 3, gap->until) ||
	    !value_bind_number(stmt, 4, gap->first))
		return -1;
	while ((step = file_step(f, stmt)) == 1) {
		if (!each(arg, value_number(stmt, 0), value_number(stmt, 1)))
			break;
	}
	(void)sqlite3_reset(stmt);
	return step;
}

struct counting {
	uint64_t owner;
	unsigned char ignored[STORE_LIST_MAX];
	size_t ignored_len;
	uint32_t max, count;
	unsigned looked_at;
};

static bool
count_one(void *arg, uint64_t line, uint64_t owner)
{
	struct counting *c = arg;

	(void)line;
	if (owner != c->owner &&
	    !members_is_in(c->ignored, c->ignored_len, owner))
		c->count++;
	return c->count < c->max && ++c->looked_at < LOOKED_AT_MAX;
}

bool
members_count_missed(
    struct file *f, uint64_t owner, uint32_t max, uint32_t *count)
{
	struct counting c = { .owner = owner, .max = max };
	struct gap *gaps;
	size_t i, n;
	int step = 0;

	*count = 0;
	if (!members_ignored(
		f, owner, c.ignored, sizeof(c.ignored), &c.ignored_len) ||
	    !members_gaps(f, owner, "", &gaps, &n))
		return false;
	for (i = 0; i < n && step == 0; i++)
		step = members_missed(f, &gaps[i], count_one, &c);
	free(gaps);
	*count = c.count;
	return step != -1;
}

/* ---- whether all of it can be ---- */

static const char *
wrong_with(sqlite3_stmt *stmt)
{
	uint64_t first = value_number(stmt, 2), next = value_number(stmt, 6);
	uint64_t since = value_number(stmt, 4), until = value_number(stmt, 5);
	const unsigned char *room = sqlite3_column_text(stmt, 0);

	if (room == NULL || !text_is_room((const char *)room))
		return "is no room";
	if (first > next)
		return "begins with a line that is not said yet";
	if (sqlite3_column_type(stmt, 4) == SQLITE_NULL)
		return NULL;
	if (value_number(stmt, 3) != 0)
		return "is missed by who is not in it";
	if (since > next || until < since ||
	    (until >= next && until != GAP_OPEN))
		return "has a gap that cannot be";
	if (sqlite3_column_type(stmt, 7) != SQLITE_NULL &&
	    value_number(stmt, 7) >= since)
		return "has gaps one over the other";
	return NULL;
}

bool
members_check(
    struct file *f, void (*report)(void *arg, const char *what), void *arg)
{
	sqlite3_stmt *stmt = statement(f, CHECK);
	char text[256], room[ROOM_MAX + 1];
	const char *wrong;
	bool good = true;
	int step = -1;

	while (stmt != NULL && (step = file_step(f, stmt)) == 1) {
		if ((wrong = wrong_with(stmt)) == NULL)
			continue;
		value_text(stmt, 0, room, sizeof(room));
		(void)snprintf(text, sizeof(text),
		    "the room \"%s\" of owner %llu %s", room,
		    (unsigned long long)value_number(stmt, 1), wrong);
		report(arg, text);
		good = false;
	}
	if (step == 0)
		return good;
	report(arg, "who is in which room cannot be read");
	return false;
}
