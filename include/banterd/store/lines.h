/*
 * The lines that were said: every statement about them but those of who missed
 * which.  What writes is to be called after file_begin().  A line is a message
 * as STORE_ROW, whose text lies in the file's hands while it is called back
 * with.
 */
#ifndef BANTERD_STORE_LINES_H
#define BANTERD_STORE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/store_message.h"

struct file;

/* Adds one, as of STORE_ITEM_LINE. */
bool lines_add(struct file *f, const struct store_message *m);

/* The number of the last one there ever was, 0 for none; how many there are at
 * most, by their first and last number: to count them takes long. */
bool lines_last(struct file *f, uint64_t *last);
bool lines_count(struct file *f, uint64_t *count);

/* Which lines, from the newest on. */
struct lines_scan {
	const char *room;      /* NULL: of all */
	uint64_t below;        /* their numbers */
	uint64_t since, until; /* if either is not 0, of one room, in the order
				* of their time */
	uint64_t at;           /* of the last one seen, with below, then */
	/* NULL, or whether a text is wanted: of a line with another one only
	 * the number is called back with, and no room. */
	bool (*wants)(void *arg, const char *text, size_t len);
};

/* Calls back with each until that returns false: with one, or a scan's. Returns
 * 1 if it did, 0 after the last one, -1 after a failure. */
typedef bool lines_each_fn(void *arg, const struct store_message *row);
int lines_get(struct file *f, uint64_t id, lines_each_fn *each, void *arg);
int lines_scan(struct file *f, const struct lines_scan *scan,
    lines_each_fn *each, void *arg);

/* Calls back with each from number from on, oldest first, of a room or NULL
 * for all. */
int lines_scan_up(struct file *f, const char *room, uint64_t from,
    lines_each_fn *each, void *arg);

/* Removes one. */
bool lines_remove(struct file *f, uint64_t id);

/* Whether a room has lines that were said before then. */
bool lines_any_before(
    struct file *f, const char *room, uint64_t before, bool *any);

/* Removes up to max lines of a room that were said before then; says how many
 * it were. */
bool lines_remove_before(struct file *f, const char *room, uint64_t before,
    unsigned max, unsigned *removed);

/* The first room after that one, in the order of names, that has lines.
 * Returns 1, 0 if there is none, -1 after a failure. */
int lines_next_room(struct file *f, const char *after, char room[ROOM_MAX + 1]);

/* Tells each thing that cannot be.  Returns false if there was one. */
bool lines_check(
    struct file *f, void (*report)(void *arg, const char *what), void *arg);

#endif
