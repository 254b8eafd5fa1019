/*
 * Memory that outlives the process, if somebody else has a descriptor of it as
 * well (memfd_create(2)).
 */
#ifndef BANTERD_BASE_MEMFD_H
#define BANTERD_BASE_MEMFD_H

/* Makes it: empty, nobody else's, and never to be executed.  The name is what
 * /proc shows.  Returns a descriptor that the caller owes close(), or -1 with
 * errno set. */
int memfd_make(const char *name);

#endif
