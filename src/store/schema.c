#include <stddef.h>

#include "banterd/store/schema.h"

const char *const schema_steps[] = {
	"CREATE TABLE names (owner INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE, hash TEXT NOT NULL, host TEXT NOT NULL, registered INTEGER NOT NULL, seen INTEGER NOT NULL, here INTEGER NOT NULL, by_admin INTEGER NOT NULL, state BLOB NOT NULL)",
	"CREATE INDEX names_by_host ON names (host, registered)",
	"CREATE INDEX names_by_seen ON names (by_admin, here, seen)",
	"CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, number INTEGER NOT NULL, used INTEGER NOT NULL)",
	"CREATE TABLE lines (id INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL, owner INTEGER NOT NULL, at INTEGER NOT NULL, flags INTEGER NOT NULL, text TEXT NOT NULL)",
	"CREATE INDEX lines_by_room ON lines (room)",
	"CREATE INDEX lines_by_time ON lines (room, at)",
	"CREATE TABLE members (member INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES names ON DELETE CASCADE, room TEXT NOT NULL COLLATE NOCASE, first INTEGER NOT NULL, parted INTEGER NOT NULL, UNIQUE (owner, room))",
	"CREATE TABLE gaps (member INTEGER NOT NULL REFERENCES members ON DELETE CASCADE, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (member, since)) WITHOUT ROWID",
	"CREATE TABLE ignored (owner INTEGER PRIMARY KEY REFERENCES names ON DELETE CASCADE, list BLOB NOT NULL)",
	"CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, reader INTEGER NOT NULL REFERENCES names ON DELETE CASCADE, writer INTEGER NOT NULL REFERENCES names ON DELETE CASCADE, name TEXT NOT NULL, at INTEGER NOT NULL, flags INTEGER NOT NULL, text TEXT NOT NULL)",
	"CREATE INDEX notes_by_reader ON notes (reader, writer)",
	"CREATE INDEX notes_by_writer ON notes (writer)",
	NULL,
};
