/*
 * The load generator: a crowd of clients that talk to one server, and check
 * every line that comes back.
 *
 *	loadgen.c	options, and the commands that come on standard input
 *	crowd.c		connections: entering, reading, leaving
 *	round.c		saying lines and checking what everybody got
 *	visit.c		those who come and go while the crowd is there
 *	pause.c		the end of the server, and who is answered by the next
 *	wire.c		what each dialect says
 *	proc.c		the server's CPU time, and whether it rests
 */
#ifndef BENCH_LOADGEN_H
#define BENCH_LOADGEN_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc.h"

enum dialect { DIALECT_BANTER, DIALECT_IRC, DIALECT_FLOOR };

/* What a client does when it has connected. */
enum entry {
	ENTRY_ROOM,   /* leave the lobby, take a name, join a room */
	ENTRY_JOIN,   /* take a name, join a room */
	ENTRY_NOTHING /* nothing; under IRC, register */
};

enum client_state {
	CLIENT_CONNECTING,
	CLIENT_ENTERING,
	CLIENT_IN,
	CLIENT_LEAVING,
	CLIENT_OUT,
	CLIENT_CLOSED
};

struct client {
	int fd;
	enum client_state state;
	uint32_t id; /* its name is made from this */
	uint32_t room;
	uint32_t seat; /* its number within the room */
	bool asleep;   /* reads nothing */
	char *part;    /* a line that came in pieces */
	size_t partlen;
	/* In this round: */
	uint32_t *got; /* the lines that it got */
	uint32_t ngot;
	uint32_t nsaid;
	/* Since the start: */
	int64_t last;     /* place of its last line, or -1 */
	uint64_t total;   /* lines of chat that it got */
	uint64_t skipped; /* and those the server left out */
};

#define LINE_TEXT 160

/* One line of chat that was said, and how it must arrive. */
struct line {
	uint64_t sent; /* when */
	uint32_t room;
	uint32_t speaker;
	uint32_t left; /* listeners who don't have it yet */
	int64_t place; /* in the order of its room, or -1 */
	uint32_t len;
	char text[LINE_TEXT];
};

struct load {
	enum dialect dialect;
	enum entry entry;
	bool private; /* seat 1 writes to seat 0; no rooms */
	bool narrow;  /* small buffers for all clients */
	struct sockaddr_in addr;
	struct proc proc;
	uint32_t window; /* clients that enter at a time */
	int settle;      /* ms without a line are silence */
	int patience;    /* ms until a line is lost */

	struct client *client;
	uint32_t nclient;
	uint32_t room_size;
	uint32_t nroom;
	uint32_t nsleeper; /* of each room, the last ones */

	struct line *line; /* all that was said, by number */
	uint32_t nline;
	size_t line_cap;
	uint32_t round; /* the first line of this round */
	uint32_t *said; /* lines of this round, by room */
	uint32_t *turn; /* whose turn it is, by room */
	int64_t *place; /* the next place, by room */
	uint32_t got_cap;
	uint32_t ndone; /* lines of this round that all have */

	uint32_t *lat; /* latencies, ns; NULL: not wanted */
	size_t nlat;
	uint64_t now; /* when the bytes at hand were read */

	uint64_t lines_in; /* everything that came, chat or not */
	uint64_t bytes_in;
	uint64_t late; /* lines that came after the server's rest */
};

/* loadgen.c */
void die(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *need(void *); /* dies if an allocation failed */

/* crowd.c */
void crowd_make(struct load *);
void crowd_enter(struct load *);
void crowd_leave(struct load *);
void crowd_close(struct client *);
int crowd_watch(struct load *);
void crowd_settle(struct load *, int);
bool crowd_read(struct load *, struct client *);
void crowd_wait(struct load *, struct client *);
void crowd_acknowledge(struct client *);
int crowd_dial(const struct load *, uint32_t);
void crowd_send(struct client *, const char *, size_t);

/* round.c */
void round_rest(struct load *, uint32_t, uint32_t);
void round_flow(struct load *, uint32_t, uint32_t);
void round_wake(struct load *);
void round_begin(struct load *, uint32_t);
void round_say_as(struct load *, struct client *);
void round_forget(struct load *);
void round_heard(
    struct load *, struct client *, uint32_t, const char *, size_t);

/* visit.c */
void visit_each(struct load *, uint32_t, bool);
void visit_churn(struct load *, uint32_t, uint32_t);

/* pause.c */
void pause_server(struct load *, int);
void pause_next(struct load *, int);

/* wire.c */
void wire_enter(struct load *, struct client *);
void wire_leave(struct load *, struct client *);
void wire_say(struct load *, struct client *, uint32_t, struct line *);
void wire_line(struct load *, struct client *, const char *, size_t);

#endif
