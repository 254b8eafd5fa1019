/*
 * Queues of an output and those who read them, for its tests, over a kernel
 * that takes what the test says.  Link with --wrap=send and --wrap=sendmsg.
 */
#ifndef TESTS_QUEUES_H
#define TESTS_QUEUES_H

#include <event2/event.h>

#include "banterd/net/output.h"

#define N_QUEUES 16

struct kernel {
	size_t takes;  /* bytes from now on; then EAGAIN */
	int error;     /* errno of every call, if not 0 */
	int interrupt; /* so many calls first end in EINTR */
	unsigned calls;
};

extern struct kernel kernel;
extern struct event_base *base;
extern struct output *out;
extern struct output_queue queues[N_QUEUES];
extern struct output_queue *const q; /* the first of them */
extern char got[4 << 20];            /* what was collected last */
extern size_t got_len;
extern unsigned backlogs;     /* that began */
extern uint32_t told_skipped; /* lines, since the test looked */

/* A fixture: an output, and queues on sockets that somebody can read. */
void queues_setup(void);
void queues_teardown(void);

/* Collects what has reached the reader of queue i since the last time; or also
 * compares it. */
void queues_collect(int i);
void queues_read(int i, const char *want);

/* Adds a line; the second one is a reply, and must find room. */
bool queues_add_kind(
    struct output_queue *to, const char *text, size_t len, enum line_kind kind);
void queues_add(struct output_queue *to, const char *text);

#endif
