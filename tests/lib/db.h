/*
 * A fixture: a database, what is put into it and what is committed.
 */
#ifndef TESTS_DB_H
#define TESTS_DB_H

#include <stdbool.h>
#include <stddef.h>

#include "banterd/state/database.h"

#define SIZE  ((size_t)16 << 20)
#define SMALL ((size_t)65536)

extern int db_fd; /* its memory */
extern struct database *db;

/* A fixture: an empty one of SIZE. */
void db_setup(void);
void db_teardown(void);

/* Opens what is in db_fd, which has to work; closes db first. */
void db_open(size_t size);
void db_reopen(size_t size);

/* As database_put() and database_delete(). */
bool db_put(const char *key, const char *record);
bool db_drop(const char *key);

/* Puts records of 200 times c, which has to work, under c00000 and so on. */
void db_put_many(unsigned n, char c);

/* What is committed, as "key=record key=record ". */
const char *db_content(void);

#endif
