/*
 * The journal: records that are only ever added, in memory that outlives the
 * process (a memfd that the service manager holds as well).  What changes with
 * each line that somebody says is for this, not for the database: to add a
 * record is to copy it, once.  What is out of date is left out when the journal
 * is written anew, in its other half.  Knows nothing of what is in a record.
 */
#ifndef BANTERD_STATE_JOURNAL_H
#define BANTERD_STATE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/state/database.h"

struct journal;

/* The memory of both halves, in bytes; nobody has it before it is used. */
#define JOURNAL_SIZE ((size_t)(sizeof(void *) > 4 ? 512 : 64) << 20)

/* So many bytes more than twice what it had when it was written anew, and it
 * should be again. */
#define JOURNAL_SLACK ((size_t)1 << 16)

/* No more than that should be in one that was just written, in bytes: what is
 * out of date would be written anew all the time. */
#define JOURNAL_LIVE_MAX (JOURNAL_SIZE / 4)

/* Makes the memory.  Returns a descriptor that the caller owes close(), or -1
 * with errno set. */
int journal_make(void);

/* Maps it; fd stays the caller's, and open.  Returns NULL with errno set;
 * EINVAL: it is none.  The caller owes journal_close(). */
struct journal *journal_open(int fd);
void journal_close(struct journal *j);

/* Adds a record, which is there from now on, whole.  Returns false if there is
 * no space for it. */
bool journal_append(struct journal *j, const void *key, size_t key_len,
    const void *record, size_t len);

/* Whether so much of it may be out of date that it should be written anew. */
bool journal_is_grown(const struct journal *j);

/* So many of its bytes have become out of date at once: it should be written
 * anew earlier. */
void journal_forget(struct journal *j, size_t bytes);

/* Between these two, what is added makes a new journal, which takes the place
 * of the old one at the end; whole: it has all that it should, else the old one
 * stays.  The first returns false if memory is out, the second if the old one
 * stays. */
bool journal_begin_anew(struct journal *j);
bool journal_end_anew(struct journal *j, bool whole);

/* Calls found for each record, in the order in which they were added, until it
 * returns false.  Returns false if what is there is damaged. */
bool journal_each(struct journal *j, database_found *found, void *arg);

/* Bytes that are used. */
size_t journal_used(const struct journal *j);

#endif
