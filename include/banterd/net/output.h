/*
 * Output: what each client is owed, and how it leaves.
 *
 * A line is laid down once in the arena.  A client owed that line gets no copy
 * but a span of the arena; lines laid one after another make one span that
 * grows.  When the turn of the loop ends, a client's spans go out in one system
 * call, straight to the socket.  Only what the kernel refuses is copied: that
 * is the client's backlog, held by a bufferevent that lives as long as it.
 *
 * A line for many leaves in pieces.  Between two of them others are heard, and
 * what they say to a few goes first.  What those who wait are owed meanwhile
 * leaves with the rest: the busier the room, the fewer the calls.  When all has
 * left, the arena is filled anew.
 */
#ifndef BANTERD_OUTPUT_H
#define BANTERD_OUTPUT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "banterd/chat/room.h"

struct bufferevent;
struct event_base;

/* Bytes of lines laid down, and spans, until all have left.  Should they run
 * out, there are twice as many, up to so many times; then all is sent. */
#define OUTPUT_ARENA_SIZE (64 << 10)
#define OUTPUT_SPANS      4096
#define OUTPUT_SCALE_MAX  16

#define OUTPUT_PIECE  256 /* clients served by one flush, */
#define OUTPUT_FEW    64  /* after those who are owed a line for so few */
#define OUTPUT_RECENT 512 /* clients, while there is room to remember them */
#define OUTPUT_LINES  32  /* lines of input; then they need not wait either */

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
	struct output_span first; /* len 0: nothing */
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
	struct output_queues dirty;  /* who waits for the longest first */
	struct output_queues broken; /* sending failed, not told yet */
	/* Who has been owed a line for a few since the last flush, or NULL. */
	struct output_queue *recent[OUTPUT_RECENT];
	unsigned nrecent;
	unsigned recent_before; /* nrecent when the last line came, */
	uint32_t recent_at;     /* which lies there in the arena */
	bool recent_many;       /* and is not for a few */
	unsigned ninput;        /* lines carried out since the last flush */
	uint64_t fill;          /* of the arena: how often it began anew */
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

/* Sends what is owed to those who had a line for a few, and a piece of the
 * rest.  Has to be called again until out->dirty is empty. */
void output_flush(struct output *out);

/* Notes that one more line of input is carried out: what the last OUTPUT_LINES
 * said to a few does not wait for the turn's end. */
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
