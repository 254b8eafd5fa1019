/*
 * A fixture: a whole daemon (rig.h), and people at the other ends of socket
 * pairs.
 */
#ifndef TESTS_DAEMON_H
#define TESTS_DAEMON_H

#include <stddef.h>
#include <stdint.h>

#include "rig.h"

#define DAEMON_PEERS 64

/* Somebody at the other end of a connection. */
struct peer {
	int fd;           /* -1: not there */
	struct client *c; /* only as long as the server has it */
	bool asleep;      /* reads nothing */
	bool closed;      /* the server has said its last */
	char *got;        /* what was read and not looked at yet */
	size_t len, size;
};

struct daemon_fixture {
	int send_buffer; /* of new connections; 0: as it is */
	struct peer peers[DAEMON_PEERS];
};

extern struct daemon_fixture fixture;

/* Starts a server called "box" with these lines of configuration besides. */
void daemon_start(const char *config);
void daemon_stop(void);

/* Has other lines in the file from now on, and has it read again. */
bool daemon_reload(const char *config);

/* One that is not there, whose fd somebody sets. */
struct peer *daemon_free_peer(void);

/* Connects from an address (NULL: a UNIX socket).  Nothing is forgotten of
 * what the server says to that. */
struct peer *daemon_arrive(const char *address);

/* The same, announced at once, not when something is said or after a while. */
struct peer *daemon_connect(const char *address);

/* Somebody who is let in there; what was said meanwhile is forgotten. */
struct peer *daemon_guest(const char *address);

/* The same, known by that name; what was said meanwhile is forgotten. */
struct peer *daemon_person(const char *name);

/* The same, asleep, behind the smallest buffer there is; and awake. */
struct peer *daemon_sleeper(const char *name);
void daemon_wake(struct peer *p);

/* Sends bytes, or a line (an LF is added), and lets the server deal with it. */
void daemon_send(struct peer *p, const char *bytes, size_t len);
void daemon_type(struct peer *p, const char *line);

/* Types a line, and hears just that. */
void daemon_ask(struct peer *p, const char *line, const char *answer);

/* Types a line whose answer, and what others hear of it, is not looked at. */
void daemon_do(struct peer *p, const char *line);

/* The same line from everybody, in the order in which they came. */
void daemon_all(const char *line);

/* No more comes from p (as from nc -N); or p is gone altogether. */
void daemon_half_close(struct peer *p);
void daemon_hang_up(struct peer *p);

/* Lets the server run, and those who are awake read, until nothing moves. */
void daemon_settle(void);

/* Reads at most max bytes for p, who is asleep, and lets the server run. */
void daemon_read(struct peer *p, size_t max);

/* How many connections the server has, those that are ending included. */
unsigned daemon_connections(void);

/* Whether text is in what p has got. */
bool daemon_has(const struct peer *p, const char *text);

/* Moves the clock, and lets the server do what is due then. */
void daemon_advance(uint64_t ms);

/* Fails unless p has got just these lines (each with an LF, which stands for
 * CR LF) since the last time. */
void daemon_heard(struct peer *p, const char *lines);

/* The same of bytes as they are. */
void daemon_got(struct peer *p, const char *bytes, size_t len);

/* Forgets what everybody has got. */
void daemon_forget(void);

#endif
