/*
 * The remnant: what one process leaves unfinished when it hands over to the
 * next in good order (unsent output, unread input), written once into memory
 * that outlives it (a memfd), read once, and overwritten: there may be a
 * password in it.  Records under keys, as in a database, in the order in which
 * they were written.
 */
#ifndef BANTERD_STATE_REMNANT_H
#define BANTERD_STATE_REMNANT_H

#include <stdbool.h>
#include <stddef.h>

#include "banterd/state/database.h"

/* Makes the memory.  Returns a descriptor that the caller owes close(), or -1
 * with errno set. */
int remnant_make(void);

/* Begins to write: what was there is overwritten.  Until remnant_end() it is
 * not good, whatever happens.  Returns NULL with errno set. */
struct remnant;
struct remnant *remnant_begin(int fd);

/* Writes a record; or there is one that cannot be written.  What fails is told
 * by remnant_end(). */
void remnant_fail(struct remnant *r, int error);
void remnant_put(struct remnant *r, const void *key, size_t key_len,
    const void *record, size_t len);

/* All is written: frees r, and returns whether all of it is there, else false
 * with errno set; then the caller wipes what is. */
bool remnant_end(struct remnant *r);

/* Calls found for each record, until it returns false (that is no failure).
 * Returns false with errno set, and has told none, if what is there is not what
 * remnant_end() left (EINVAL), or there is no memory.  One that was only made,
 * or wiped, is good, and has no records. */
bool remnant_each(int fd, database_found *found, void *arg);

/* Overwrites all of it, and gives the memory back.  Returns false with errno
 * set. */
bool remnant_wipe(int fd);

#endif
