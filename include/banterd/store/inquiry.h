/*
 * What is asked of words: what somebody missed, what was said in a room, where
 * something was said, and notes.  All of it is looked for in short steps, by
 * turns, so that nothing else has to wait; in between nothing is held but the
 * numbers of lines.
 */
#ifndef BANTERD_STORE_INQUIRY_H
#define BANTERD_STORE_INQUIRY_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/store/lines.h"
#include "banterd/store/members.h"

struct file;
struct search;

#define INQUIRIES_MAX     500   /* that wait; more are refused */
#define INQUIRY_ROWS_MAX  10000 /* of one answer */
#define INQUIRY_MORE_MAX  10000 /* that are counted beyond, */
#define INQUIRY_FOUND_MAX 1000  /* and of those that are searched for */
#define INQUIRY_STEP_US   4000  /* that one has in a turn */
#define INQUIRY_TURN_US   8000  /* that all have */

struct inquiry_ops {
	/* 1: a row can be sent; 0: not now; -1: never more. */
	int (*room)(void *arg, uint64_t asker);
	void (*send)(void *arg, uint64_t asker, const struct store_message *m);
};

/* A room that is asked about; a gap of one, and what is next in it. */
struct inquiry_room {
	struct store_room room;
	uint64_t first; /* line that the owner may read while it has a key */
};

struct inquiry_gap {
	size_t at, end; /* of the gaps of its room */
	uint64_t next;  /* line; 0: not looked for yet */
	bool is_through;
};

struct inquiry {
	TAILQ_ENTRY(inquiry) next;
	uint64_t asker, number, owner;
	enum store_kind kind;
	uint32_t count; /* of rows */
	bool is_selected, has_failed;
	uint64_t *ids; /* of the rows */
	size_t nids, size, sent;
	uint32_t more, more_max;
	struct inquiry_room *rooms;
	size_t nrooms;
	struct lines_scan scan;
	struct search *search;
	struct gap *gaps;
	size_t ngaps;
	struct inquiry_gap *streams; /* one for each room */
	size_t nstreams;
	void *ignored; /* owners, as a list */
	size_t ignored_len;
};

TAILQ_HEAD(inquiry_list, inquiry);

struct inquiries {
	struct file *file;
	struct inquiry_list list; /* the next one's turn first */
	unsigned n;
	const struct inquiry_ops *ops;
	void *arg;
};

void inquiries_init(struct inquiries *all, struct file *file,
    const struct inquiry_ops *ops, void *arg);
void inquiries_free(struct inquiries *all);

/* Whether a message of that kind is one. */
bool inquiry_is(enum store_kind kind);

/* Asks one; what it says of now is that of this moment. */
void inquiry_ask(
    struct inquiries *all, uint64_t asker, const struct store_message *m);

/* Gives each its step, until the turn is over.  Returns whether there is
 * something that can be done at once. */
bool inquiries_run(struct inquiries *all);

#endif
