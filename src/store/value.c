#include <bsd/string.h>

#include <sqlite3.h>

#include "banterd/store/value.h"

bool
value_bind_number(sqlite3_stmt *stmt, int at, uint64_t n)
{
	return value_bind_id(stmt, at, n > INT64_MAX ? INT64_MAX : n);
}

bool
value_bind_id(sqlite3_stmt *stmt, int at, uint64_t id)
{
	return sqlite3_bind_int64(stmt, at, (int64_t)id) == SQLITE_OK;
}

bool
value_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	return sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT) ==
	    SQLITE_OK;
}

bool
value_bind_words(sqlite3_stmt *stmt, int at, const void *text, size_t len)
{
	return sqlite3_bind_text(stmt, at, len > 0 ? text : "", (int)len,
		   SQLITE_TRANSIENT) == SQLITE_OK;
}

uint64_t
value_number(sqlite3_stmt *stmt, int column)
{
	return (uint64_t)sqlite3_column_int64(stmt, column);
}

void
value_text(sqlite3_stmt *stmt, int column, char *to, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	if (text == NULL || strlcpy(to, (const char *)text, size) >= size)
		to[0] = '\0';
}

const void *
value_words(sqlite3_stmt *stmt, int column, size_t max, size_t *len)
{
	const void *words = sqlite3_column_text(stmt, column);

	*len = (size_t)sqlite3_column_bytes(stmt, column);
	if (*len > max)
		*len = max;
	return words != NULL ? words : "";
}
