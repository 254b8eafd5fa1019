/*
 * What can be wrong with a file, for people.
 */
#ifndef BANTERD_STORE_TROUBLE_H
#define BANTERD_STORE_TROUBLE_H

struct sqlite3;

extern const char trouble_gone[], trouble_read_only[];

/* What an extended result code of SQLite's means; db may be NULL. */
const char *trouble_of(struct sqlite3 *db, int rc);

#endif
