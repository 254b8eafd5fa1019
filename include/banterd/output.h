/*
 * Output: what each client is owed in this turn of the loop, and how it
 * leaves.
 *
 * A line is laid down once in the turn's arena.  A client owed that line gets
 * no copy but a span of the arena; lines laid one after another make one span
 * that grows.  When the turn ends, each client's spans go out in one system
 * call, straight to the socket.  Only what the kernel refuses is copied: that
 * is the client's backlog, held by a bufferevent that lives as long as it.
 *
 * A line for many leaves in pieces.  Between two of them others are heard, and
 * what they say to a few goes first.  What those who wait are owed meanwhile
 * leaves with the rest: the busier the room, the fewer the calls.
 */
#ifndef BANTERD_OUTPUT_H
#define BANTERD_OUTPUT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "banterd/room.h"

struct bufferevent;
struct event_base;

/* Bytes of lines laid down, and spans, until all have left.  Should they run
 * out, there are twice as many, up to so many times; then all is sent. */
#define OUTPUT_ARENA_SIZE (64 << 10)
#define OUTPUT_SPANS      4096
#define OUTPUT_SCALE_MAX  16

#define OUTPUT_PIECE 256 /* clients served by one flush; before them, */
#define OUTPUT_FEW   64  /* so many who are owed a line for a few */
#define OUTPUT_LINES 32  /* lines of input, then there is a flush */

/* A piece of the arena that a client is owed. */
struct output_span {
	uint32_t at, len; /* bytes */
	uint32_t next;    /* in output.spans; 0: the last */
};

/* The send queue of one client. */
struct output_queue {
	TAILQ_ENTRY(output_queue)
	next; /* in output.dirty while it has
	       * spans, then in output.broken
	       * if sending failed */
	struct output *output;
	struct bufferevent *bev;  /* the backlog; NULL: none */
	struct output_span first; /* len 0: nothing this turn */
	uint32_t last;            /* in output.spans; 0: first */
	uint32_t pending;         /* bytes in all spans */
	uint32_t skipped;         /* lines, since it was full */
	int fd;                   /* the socket; its owner's */
	int error;                /* errno of a failed send, or 0 */
	bool is_broken;           /* in output.broken */
	bool full;                /* lines are being skipped */
	bool stamp;               /* put a time before each line */
};
TAILQ_HEAD(output_queues, output_queue);

/* What the owner of the queues is told. */
struct output_events {
	/* The kernel refused something, and a backlog begins.  Nothing may be
	 * added to any queue here. */
	void (*backlog_begins)(struct output_queue *q);
	/* It took some of it, or all: then q->bev is NULL.  skipped lines are
	 * to be told to the client, or 0. */
	void (*drained)(struct output_queue *q, uint32_t skipped);
};

struct output {
	struct event_base *base; /* its owner's */
	const struct output_events *events;
	struct output_queues dirty;  /* the longest first */
	struct output_queues broken; /* sending failed, not told yet */
	struct output_queue *recent[OUTPUT_FEW]; /* owed a line for a few
						  * since the last flush; may
						  * be NULL */
	unsigned nrecent;
	uint32_t recent_at;     /* of the arena: whose line that is */
	unsigned recent_before; /* nrecent when that line came */
	bool recent_many;       /* it is not for a few */
	unsigned ninput;        /* lines carried out since then */
	uint64_t turn;          /* of the arena, from 1 on */
	uint32_t used;          /* bytes of it */
	uint32_t nspans;        /* used; number 0 never is */
	uint32_t limit;         /* of unsent bytes, for each client */
	struct line stamp;      /* "10:32 " of this minute */
	time_t stamp_minute;
	char stamp_text[STAMP_LEN + 1];
	struct line bell;      /* BEL CR LF */
	uint64_t lines, bytes; /* delivered; sent */
	uint64_t skipped;      /* lines */
	struct output_span *spans;
	char *arena;
	unsigned scale; /* both are so many times their least size */
};

/* Returns an output that the caller owes output_free(), or NULL.  send_queue is
 * in bytes, for each client. */
struct output *output_new(struct event_base *base,
    const struct output_events *events, uint32_t send_queue);
void output_set_limit(struct output *out, uint32_t send_queue);
void output_free(struct output *out);

/* Begins a zeroed queue for the socket fd. */
void output_open(struct output *out, struct output_queue *q, int fd);

/*
 * Adds a line to what q is owed; wall is the time for a stamp.  Returns false
 * if it was not queued: the queue is full and the line may be skipped (it was
 * counted, or, LINE_PRIVATE, it was not), or the connection is broken.
 */
bool output_add(struct output_queue *q, struct line *line, time_t wall);

/* Sends what is owed to those for whom there was a line for a few, and a piece
 * of the rest.  Has to be called again until out->dirty is empty. */
void output_flush(struct output *out);

/* Notes that one more line of input is carried out: what the last OUTPUT_LINES
 * said does not wait for the turn's end. */
void output_count_line(struct output *out);

/* Sends what one client is owed. */
void output_send(struct output_queue *q);

/* Returns a queue whose connection turned out broken (its error says how), each
 * one once; or NULL. */
struct output_queue *output_next_broken(struct output *out);

/* Bytes owed to a client that have not reached the kernel. */
uint32_t output_unsent(const struct output_queue *q);

/* Drops what q is still owed.  After this nothing in its output points to
 * q. */
void output_forget(struct output_queue *q);

#endif
