/*
 * The database: records under keys, in memory that outlives the process (a
 * memfd that the service manager holds as well).  What is committed is there,
 * whole, whatever happens to the process; a commit makes no system call.  LMDB
 * does the work (lmdb.h).  Knows nothing of what is in a record.
 */
#ifndef BANTERD_STATE_DATABASE_H
#define BANTERD_STATE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct database;

/* The longest key, in bytes; the shortest is of one. */
#define DATABASE_KEY_MAX 32

/* The memory that all records together may take, in bytes; nobody has it before
 * it is used. */
#define DATABASE_SIZE ((size_t)(sizeof(void *) > 4 ? 1024 : 128) << 20)

/* Makes the memory.  Returns a descriptor that the caller owes close(), or -1
 * with errno set. */
int database_make(void);

/* Reserves so many bytes of it, so that no write to these can fail.  Returns
 * false with errno set. */
bool database_reserve(int fd, size_t bytes);

/* Opens it, for records of at most size bytes together (at least 64 KB; what is
 * there already stays); fd is the caller's still.  Needs /proc.  Returns NULL
 * with errno set: no memory, or it is damaged (EINVAL).  The caller owes
 * database_close(). */
struct database *database_open(int fd, size_t size);

/* What was not committed is lost. */
void database_close(struct database *db);

/* Puts a record in the place of one with the same key, or takes one out that
 * may be there.  Nothing of it stays before database_commit().  Returns false
 * with errno set (ENOSPC: it is full; to take something out needs some space,
 * too); from then on each of these calls and database_commit() fails with the
 * same errno, until database_abort().  What was replaced or taken out lies in
 * the memory until other records, or database_reset(), overwrite it. */
bool database_put(struct database *db, const void *key, size_t key_len,
    const void *record, size_t len);
bool database_delete(struct database *db, const void *key, size_t key_len);

/* What was put and deleted since the last commit stays, all of it or nothing.
 * Returns false with errno set: nothing of it does, and the next call has to be
 * database_abort(). */
bool database_commit(struct database *db);
void database_abort(struct database *db);

/* Has it empty; what was there is overwritten, and no memory is reserved any
 * more.  Returns false with errno set; then each call fails, and it can only be
 * closed. */
bool database_reset(struct database *db);

/* Calls found for each record that is committed, in the order of the bytes of
 * the keys, until it returns false.  found may not change the database. Returns
 * false with errno set if not all could be read (found's false is no failure).
 */
typedef bool database_found(
    void *arg, const void *key, size_t key_len, const void *record, size_t len);
bool database_each(struct database *db, database_found *found, void *arg);

/* Bytes that it has taken of its size so far; what is deleted is used again,
 * but not given back. */
size_t database_used(const struct database *db);

#endif
