/* Handing libevent a time to wait, in the form that it was built with. */
#ifndef BANTERD_NET_TIMER_H
#define BANTERD_NET_TIMER_H

#include <stdint.h>

struct event;

/*
 * event_add() of an event that is due in ms milliseconds, for timers that are
 * made anew and persistent ones alike.  Returns 0, or -1 where there is no
 * memory.
 */
int timer_add(struct event *ev, uint64_t ms);

#endif
