/*
 * What lies beside the file: its lock, and what it was before.
 */
#ifndef BANTERD_STORE_ASIDE_H
#define BANTERD_STORE_ASIDE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Nobody else opens the file until the descriptor is closed: a lock on
 * PATH.lock, which is none of SQLite's.  Returns it, or -1 with errno set:
 * EWOULDBLOCK if somebody has it.
 */
int aside_lock(const char *path);

/* Finds PATH.WHAT-DATE, a path that nothing is at; aside has size bytes.
 * Returns false with errno set. */
bool aside_find(const char *path, const char *what, char *aside, size_t size);

/* Renames one part of a file: "", "-wal" or "-shm"; it need not be there.
 * Returns false with errno set. */
bool aside_rename_part(const char *from, const char *to, const char *part);

/* Renames all of a file to what aside_find() has found.  Returns false with
 * errno set. */
bool aside_put(const char *path, const char *what, char *aside, size_t size);

#endif
