/*
 * Who wrote in private to somebody whose host may be gone: they are told if it
 * answers nothing for a while.
 */
#ifndef BANTERD_SESSION_UNHEARD_H
#define BANTERD_SESSION_UNHEARD_H

#include <stdint.h>

struct client;

/* For so long, in ms, the other side's kernel answers nothing. */
#define UNHEARD_MS 20000

/* from has written to c in private.  Tells it at once if c is known not to be
 * heard of; else it waits, unless memory is out. */
void unheard_wait(struct client *c, struct client *from);

/* Looks after those who wait, if that is due at now (ms).  Returns when the
 * next time is, NEVER for never. */
uint64_t unheard_tick(struct client *c, uint64_t now);

#endif
