/*
 * A fixture: servers that keep (-k) one after the other in one process, each a
 * rig (rig.h, daemon.h), with a service manager that holds what they give it.
 * People stay at their ends of the socket pairs, whatever becomes of a server.
 */
#ifndef TESTS_KEPT_H
#define TESTS_KEPT_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "banterd/daemon/keep.h"
#include "daemon.h"

#define KEPT_AFTER_FAULT                                                   \
	"* The server came back after a fault; the last lines may be miss" \
	"ing (/history shows them).\n"
#define KEPT_LOST                                                          \
	"! The server has lost track of this connection; please connect a" \
	"gain.\n"

/* What the manager holds. */
struct kept_descriptor {
	int fd;
	char name[32];
};

struct kept_fixture {
	struct keep *keep; /* the server's; NULL: nothing is kept */
	struct kept_descriptor store[16];
	int nstore;
	int manager, daemon;            /* the two ends of what it is told by */
	int log;                        /* what all servers have logged */
	uint64_t numbers[DAEMON_PEERS]; /* of the peers' connections */
	int early[4]; /* connections that the next server accepts */
	int nearly;
};

extern struct kept_fixture kept;

/* Starts the first one, with these lines of configuration besides. */
void kept_start(const char *config);

/* Ends the last one, and all else. */
void kept_stop(void);

/* It hands over, or not: then it stops and nobody is left. */
bool kept_hand_over(void);

/* It ends by a fault: what is committed is there.  (What the test has it do
 * without a turn after that is not.) */
void kept_fault(void);

/* The next one takes over. */
void kept_succeed(const char *config);

/* Connects while there is none: the next one accepts it before it takes over.
 */
struct peer *kept_arrive_early(void);

/* p hangs up while there is none. */
void kept_hang_up(struct peer *p);

/* The same as one of the two and the next. */
void kept_upgrade(const char *config);
void kept_crash(const char *config);

/* One of the two (fault: the crash), which is never the last of a row. */
void kept_next(int fault, const char *config);

/* The descriptor that the manager holds by that name; -1. */
int kept_held(const char *name);

/* How often that is in the log; forgets what is in it. */
unsigned kept_logged(const char *text);
void kept_forget_log(void);

/* Fails if the log complains of something. */
void kept_nothing_is_wrong(void);

/* b hears what a says. */
void kept_talk(struct peer *a, struct peer *b);

/* As unit_run(); skips all (77) where SO_PEEK_OFF is not known: an emulator. */
int kept_run(Suite *suite);

#endif
