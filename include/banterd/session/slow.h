/*
 * Readers who are slow, who have stalled, who are gone.
 */
#ifndef BANTERD_SESSION_SLOW_H
#define BANTERD_SESSION_SLOW_H

#include <stdbool.h>

struct client;

/* From now on its send queue is full; if nothing moves, it has stalled. */
void slow_watch(struct client *c);

/* stalls_at has come: ends a client that has stalled. */
void slow_check_stall(struct client *c);

/* A backlog begins: from now on we look whether the peer is still there. */
void slow_backlogged(void *owner);

/* looks_at has come: whether the peer of one that has a backlog is gone, or of
 * one that lingers has all. */
void slow_look(struct client *c);

/* The peer has read: tells what was skipped.  Returns whether all has left. */
bool slow_drained(struct client *c);

/* Whether the other side's kernel has all that we sent. */
bool slow_has_all(const struct client *c);

#endif
