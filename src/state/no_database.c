/* In the place of database.c in a build without LMDB: there is none. */
#include <errno.h>

#include "banterd/state/database.h"

int
database_make(void)
{
	errno = EOPNOTSUPP;
	return -1;
}

bool
database_reserve(int fd, size_t bytes)
{
	(void)fd;
	(void)bytes;
	return false;
}

struct database *
database_open(int fd, size_t size)
{
	(void)fd;
	(void)size;
	errno = EOPNOTSUPP;
	return NULL;
}

/* Without a database nobody comes to these. */

void
database_close(struct database *db)
{
	(void)db;
}

bool
database_put(struct database *db, const void *key, size_t key_len,
    const void *record, size_t len)
{
	(void)db;
	(void)key;
	(void)key_len;
	(void)record;
	(void)len;
	return false;
}

bool
database_delete(struct database *db, const void *key, size_t key_len)
{
	(void)db;
	(void)key;
	(void)key_len;
	return false;
}

bool
database_commit(struct database *db)
{
	(void)db;
	return false;
}

void
database_abort(struct database *db)
{
	(void)db;
}

bool
database_reset(struct database *db)
{
	(void)db;
	return false;
}

bool
database_each(struct database *db, database_found *found, void *arg)
{
	(void)db;
	(void)found;
	(void)arg;
	return false;
}

size_t
database_used(const struct database *db)
{
	(void)db;
	return 0;
}
