/*
 * Erasing what somebody said: every line under that name, and the notes that
 * they left, by steps; in the end it is neither in the file nor in its log.
 */
#ifndef BANTERD_STORE_ERASE_H
#define BANTERD_STORE_ERASE_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/text.h"

#define ERASE_LINES 200 /* that go in a step */

struct file;

enum erase_phase {
	ERASE_THE_LINES,
	ERASE_THE_NOTES,
	ERASE_TIDIES,
	ERASE_SCRUBS,
	ERASE_DONE
};

struct erase {
	struct file *file;
	char name[NICK_MAX + 1];
	uint64_t next, last;   /* line to look at, and up to which */
	uint64_t lines, notes; /* that were erased */
	uint32_t page;         /* to scrub */
	enum erase_phase phase;
};

/* Begins with what is there now.  Returns false if that cannot be read. */
bool erase_begin(struct erase *e, struct file *f, const char *name);

/* Goes on; what it has begun to write is to be committed then.  Returns 1 if
 * there is more, 0 if that was all, -1 after a failure. */
int erase_step(struct erase *e);

#endif
