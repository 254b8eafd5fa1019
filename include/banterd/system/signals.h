/*
 * Signals from outside: what becomes of each is decided in one table, anew at
 * the start.  What the process inherited from whoever started it (a mask,
 * signals that are ignored) decides nothing.
 */
#ifndef BANTERD_SYSTEM_SIGNALS_H
#define BANTERD_SYSTEM_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>

#define SIGNALS_HANDLED 5

/* Those that speak to a daemon, of which its loop handles each: the one with
 * the index i, below SIGNALS_HANDLED. */
int signals_handled(size_t i);

/*
 * Sets each signal to what the table says.  Those that are for a daemon that
 * runs (HUP, USR1, USR2) wait until signals_unblock(); those that stop one are
 * deadly until then.  Returns false with errno set.
 */
bool signals_reset(void);

/* No signal is blocked any more: there are handlers. */
void signals_unblock(void);

/* The signals that are handled are blocked, as nobody handles them any more. */
void signals_block(void);

/* For a process beside the daemon: what speaks to that is not meant for this
 * one, and is ignored.  To be called after signals_reset(). */
void signals_ignore_handled(void);

#endif
