#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db.h"
#include "shown.h"
#include "unit.h"

int db_fd;
struct database *db;

void
db_open(size_t size)
{
	db = database_open(db_fd, size);
	ck_assert_ptr_nonnull(db);
}

void
db_reopen(size_t size)
{
	database_close(db);
	db_open(size);
}

void
db_setup(void)
{
	db_fd = database_make();
	ck_assert_int_ne(db_fd, -1);
	db_open(SIZE);
}

void
db_teardown(void)
{
	database_close(db);
	close(db_fd);
}

bool
db_put(const char *key, const char *record)
{
	return database_put(db, key, strlen(key), record, strlen(record));
}

bool
db_drop(const char *key)
{
	return database_delete(db, key, strlen(key));
}

void
db_put_many(unsigned n, char c)
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

const char *
db_content(void)
{
	static struct shown s;

	s.len = 0;
	s.text[0] = '\0';
	s.most = 1000;
	ck_assert(database_each(db, shown_add, &s));
	return s.text;
}
