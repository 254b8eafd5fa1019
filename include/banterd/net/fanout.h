/*
 * The fan-out: what each connection is owed, and how it leaves.  Bytes, not
 * people.
 *
 * A line is appended to the arena once.  A connection that is owed it gets no
 * copy but a span of the arena; lines appended one after another make one span
 * that grows.  When the turn of the loop ends, the spans of a connection go out
 * in one system call.
 *
 * Whoever appends a line says how urgent it is.  Urgent ones, for one or a few,
 * leave first and all; bulk, for many, in pieces, between which others are
 * heard.  What those who wait are owed meanwhile leaves with the rest: the
 * busier a room, the fewer the calls.  When all has left, the arena begins
 * anew.
 */
#ifndef BANTERD_NET_FANOUT_H
#define BANTERD_NET_FANOUT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

struct conn;

/* Bytes of lines, and spans, until all have left.  Should they run out, there
 * are twice as many, up to so many times; then all is sent. */
#define FANOUT_ARENA_SIZE (64 << 10)
#define FANOUT_SPANS      4096
#define FANOUT_SCALE_MAX  16

/* What one flush sends of the bulk: to so many connections, or so many bytes.
 */
#define FANOUT_PIECE       256
#define FANOUT_PIECE_BYTES (4 << 20)

/* So much of the arena is enough to go on with: whoever has more to say to many
 * waits until it has left. */
#define FANOUT_CONGESTED (32 << 10)

#define FANOUT_LINES 32 /* lines of input; then the urgent need not wait */

/* What a line is when the send queue of its reader is full. */
enum fanout_policy {
	FANOUT_ALWAYS, /* queued all the same */
	FANOUT_SKIP,   /* skipped, and counted */
	FANOUT_REFUSE  /* not queued; who appends it is told */
};

enum fanout_urgency { FANOUT_URGENT, FANOUT_BULK };

/* A line on its way out; the same one is appended for each of its readers. */
struct fanout_line {
	const char *text;
	uint32_t len;        /* in bytes, at most FANOUT_ARENA_SIZE */
	uint32_t offset;     /* fanout.c's: where in the arena, */
	uint64_t generation; /* and in which of it; 0: in none yet */
};

/* A piece of the arena that a connection is owed. */
struct fanout_span {
	uint32_t offset, len; /* bytes */
	uint32_t next;        /* in fanout.spans; 0: the last */
};

/* The send queue of one connection, zeroed but for conn. */
struct fanout_queue {
	TAILQ_ENTRY(fanout_queue)
	next; /* in fanout.urgent or .bulk while it
	       * has spans, in .broken if is_broken */
	struct conn *conn;
	struct fanout_span first; /* len 0: nothing */
	uint32_t last;            /* in fanout.spans; 0: first */
	uint32_t owed;            /* bytes in all spans */
	uint32_t skipped;         /* lines, since it was full */
	bool is_urgent;           /* in fanout.urgent, not .bulk */
	bool is_broken;           /* in fanout.broken */
	bool full;                /* lines are being skipped */
};
TAILQ_HEAD(fanout_queues, fanout_queue);

struct fanout {
	struct fanout_queues urgent; /* in both, who waits for the longest */
	struct fanout_queues bulk;   /* is first */
	struct fanout_queues broken; /* sending failed, not reported yet */
	unsigned ninput;             /* lines of input since the urgent left */
	uint64_t generation;         /* how often the arena began anew */
	uint32_t used;               /* bytes of it */
	uint32_t nspans;             /* used; number 0 never is */
	uint32_t limit;              /* of unsent bytes, for each queue */
	uint64_t lines;              /* appended */
	uint64_t skipped;            /* lines */
	struct fanout_span *spans;
	char *arena;
	unsigned scale; /* both are so many times their least size */
	/* Called before anything is sent; NULL: nobody wants to know. */
	void (*before_sending)(void *owner);
	void *owner;
};

/* Returns a fan-out that the caller owes fanout_free(), or NULL.  send_queue is
 * in bytes, for each connection. */
struct fanout *fanout_new(uint32_t send_queue);
void fanout_set_limit(struct fanout *f, uint32_t send_queue);
void fanout_free(struct fanout *f);

/* The low-water mark of a backlog, in bytes, for struct conns. */
uint32_t fanout_low_water(const struct fanout *f);

/*
 * Appends a line to what q is owed.  Returns false if it was not queued: the
 * queue is full and the policy says so, or the connection is broken.
 */
bool fanout_append(struct fanout *f, struct fanout_queue *q,
    struct fanout_line *line, enum fanout_policy policy,
    enum fanout_urgency urgency);

/* Whether fanout_append() would queue it.  One that is skipped is counted. */
bool fanout_takes(struct fanout *f, struct fanout_queue *q,
    const struct fanout_line *line, enum fanout_policy policy);

/* Sends all that is urgent, and a piece of the bulk.  Has to be called again as
 * long as fanout_is_owing(). */
void fanout_flush(struct fanout *f);
bool fanout_is_owing(const struct fanout *f);

/* Whether so much bulk is on its way that more of it should wait. */
bool fanout_is_congested(const struct fanout *f);

/* Whether the queue is more than half full, and nothing is skipped yet. */
bool fanout_is_pressed(const struct fanout *f, const struct fanout_queue *q);

/* Notes that one more line of input is carried out: what the last FANOUT_LINES
 * made urgent does not wait for the turn's end. */
void fanout_count_input(struct fanout *f);

/* Sends what one connection is owed. */
void fanout_send(struct fanout *f, struct fanout_queue *q);

/* Returns a queue whose connection turned out broken, each one once; or NULL.
 */
struct fanout_queue *fanout_next_broken(struct fanout *f);

/* Bytes for a connection that have not reached the kernel; and how many more it
 * may be owed before its queue is full (its spans are sent first if that could
 * help). */
uint32_t fanout_unsent(const struct fanout_queue *q);
uint32_t fanout_space(struct fanout *f, struct fanout_queue *q);

/* Skipping ends once the queue is at most half full.  Returns how many lines
 * were skipped then, else 0. */
uint32_t fanout_end_skipping(struct fanout *f, struct fanout_queue *q);

/* Drops what q is still owed.  After this nothing in f points to q. */
void fanout_forget(struct fanout *f, struct fanout_queue *q);

#endif
