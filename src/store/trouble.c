#include <errno.h>
#include <stddef.h>

#include <sqlite3.h>

#include "banterd/store/trouble.h"

const char trouble_gone[] = "is no longer at its path";
const char trouble_read_only[] = "is read-only";

const char *
trouble_of(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "is locked by another program";
	case SQLITE_FULL:
		return "has no space: the disk is full";
	case SQLITE_READONLY:
		return rc == SQLITE_READONLY_DBMOVED ? trouble_gone :
						       trouble_read_only;
	case SQLITE_CANTOPEN:
		return "cannot be opened";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "is damaged";
	case SQLITE_IOERR:
		if (db != NULL &&
		    (sqlite3_system_errno(db) == ENOSPC ||
			sqlite3_system_errno(db) == EDQUOT))
			return trouble_of(NULL, SQLITE_FULL);
		return "cannot be read or written";
	default:
		return sqlite3_errstr(rc);
	}
}
