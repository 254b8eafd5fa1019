/*
 * A fixture: queues of a fan-out on connections that somebody reads, over a
 * kernel that takes what the test says.  Link with --wrap=send, --wrap=sendmsg
 * and --wrap=conn_backlog.
 */
#ifndef TESTS_QUEUES_H
#define TESTS_QUEUES_H

#include <event2/event.h>

#include "banterd/net/conn.h"
#include "banterd/net/fanout.h"

#define N_QUEUES 16

struct kernel {
	size_t takes;  /* bytes from now on; then EAGAIN */
	int error;     /* errno of every call, if not 0 */
	int interrupt; /* so many calls first end in EINTR */
	unsigned calls;
	uint64_t sending; /* what *conns.sending was at the last one */
};

extern struct kernel kernel;
extern struct event_base *base;
extern struct conns conns;
extern struct fanout *out;
extern struct fanout_queue queues[N_QUEUES];
extern struct fanout_queue *const q; /* the first of them */
extern char got[4 << 20];            /* what was collected last */
extern size_t got_len;
extern unsigned backlogs;     /* that began */
extern unsigned breaks;       /* connections that were told broken */
extern uint32_t told_skipped; /* lines, since the test looked */

/* A fixture: a fan-out, and queues on sockets that somebody can read. */
void queues_setup(void);
void queues_teardown(void);

/* Collects what has reached the reader of queue i since the last time; or also
 * compares it. */
void queues_collect(int i);
void queues_read(int i, const char *want);

/* The connection of queue i says that its backlog is at the low-water mark;
 * from then on all say that so many bytes are left. */
void queues_drained_to(int i, uint32_t left);

/* Appends a line, urgent; the second one is always queued. */
bool queues_append(struct fanout_queue *to, const char *text, size_t len,
    enum fanout_policy policy);
void queues_add(struct fanout_queue *to, const char *text);

#endif
