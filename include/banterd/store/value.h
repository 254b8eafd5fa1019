/*
 * Values of SQLite's statements: bound, and read.
 */
#ifndef BANTERD_STORE_VALUE_H
#define BANTERD_STORE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3_stmt;

/* Binds a number, of which SQLite has 63 bits: what is larger is the largest.
 * Or an id, of which each bit counts, and only whether it is the same.  False:
 * memory is out. */
bool value_bind_number(struct sqlite3_stmt *stmt, int at, uint64_t n);
bool value_bind_id(struct sqlite3_stmt *stmt, int at, uint64_t id);

/* Binds a copy of a text, or of len bytes of one. */
bool value_bind_text(struct sqlite3_stmt *stmt, int at, const char *text);
bool value_bind_words(
    struct sqlite3_stmt *stmt, int at, const void *text, size_t len);

/* A number or an id; a text into to, which is empty if it has not fewer than
 * size bytes, as in a file from elsewhere. */
uint64_t value_number(struct sqlite3_stmt *stmt, int column);
void value_text(struct sqlite3_stmt *stmt, int column, char *to, size_t size);

/* Words, of which no more than max bytes count; they are there until the next
 * step. */
const void *value_words(
    struct sqlite3_stmt *stmt, int column, size_t max, size_t *len);

#endif
