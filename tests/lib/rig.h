/*
 * A rig: a whole daemon as it runs, but without listeners, with a configuration
 * that lies in memory and a clock that stands still until its user moves it.
 * What cannot happen ends the program.  There is one at a time.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/daemon/loop.h"
#include "banterd/daemon/server.h"

struct rig {
	struct server srv;
	uint64_t now;   /* ms */
	unsigned wakes; /* by the timer, since somebody set it to 0 */
	int conf_fd;    /* the configuration file */
	char conf_path[32];
	bool runs; /* what is executed is the daemon's, not its user's */
};

extern struct rig rig;

/* Starts a daemon called "box" with these lines of configuration besides. */
void rig_start(const char *config);
void rig_stop(void);

/* Has other lines in the file from now on, and has it read again.  Returns
 * whether they are in force. */
bool rig_reload(const char *config);

/* Connects from an address (NULL: a UNIX socket).  The kernel holds about
 * send_buffer bytes of what the daemon sends; 0: as many as it does by itself.
 * Returns the descriptor of the other end, which the caller owes close(). */
int rig_connect(const struct address *address, int send_buffer);

/* One turn of the loop, which waits for nothing. */
void rig_turn(void);

/* Moves the clock, with a turn for all that is due on the way; what is due at
 * the end is done in the next turn. */
void rig_let_pass(uint64_t ms);

/* Moves the clock as for a daemon that was stopped for so long. */
void rig_stand_still(uint64_t ms);

#endif
