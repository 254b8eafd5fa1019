/*
 * The outbox: what the store of names has still to keep, in order.  What is in
 * it outlives the process as connections do; what the store has kept is
 * dropped.
 */
#ifndef BANTERD_DAEMON_OUTBOX_H
#define BANTERD_DAEMON_OUTBOX_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/record.h"

struct store_message;

/* The most items that wait; and bytes of all of them. */
#define OUTBOX_ITEMS 20000
#define OUTBOX_BYTES (8 << 20)

struct outbox_item {
	TAILQ_ENTRY(outbox_item) next;
	uint64_t number;
	size_t len;
	unsigned char bytes[]; /* a message, as it is sent */
};

TAILQ_HEAD(outbox_items, outbox_item);

struct outbox {
	struct outbox_items list;
	struct outbox_item *unsent; /* the first one; NULL: none */
	unsigned n, nunsent;
	size_t bytes;
	uint64_t epoch;       /* the order that the numbers are of; never 0 */
	uint64_t next;        /* the number of the next item */
	uint64_t lost;        /* that had no place, since the start */
	struct record record; /* the one being written */
};

/* With an epoch of its own. */
void outbox_init(struct outbox *o);
void outbox_free(struct outbox *o);

/* Adds an item, which gets the number o->next.  Where there is no place for it,
 * or no memory, it is lost, and counted, and NULL is returned. */
const struct outbox_item *outbox_add(struct outbox *o, struct store_message *m);

/* The store has kept all up to that number. */
void outbox_drop(struct outbox *o, uint64_t number);

/* Drops what was said under that name. */
void outbox_erase(struct outbox *o, const char *name);

/* To a store that has just been found none was sent. */
void outbox_rewind(struct outbox *o);

/* Writes a batch of the first that were not sent; returns how many these are,
 * which outbox_sent() is told when they were. */
unsigned outbox_batch(const struct outbox *o, struct record *batch);
void outbox_sent(struct outbox *o, unsigned n);

/* Reads an item back.  False: it is damaged, or memory is out. */
bool outbox_import(struct outbox *o, uint64_t number, const void *p, size_t n);

#endif
