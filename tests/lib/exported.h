/*
 * People and rooms (people.h) as records, and out of these into another
 * registry: what is there is written, all goes, and it is read again.
 */
#ifndef TESTS_EXPORTED_H
#define TESTS_EXPORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/chat/export.h"

#define EXPORTED_MAX 256

enum kind { ROOM, TALLIES, BANS, SAID, USER, IGNORED, AWAY };

struct exported_record {
	enum kind kind;
	uint64_t of; /* the number of a room; the place of a person */
	struct record r;
};

extern struct exported_record records[EXPORTED_MAX];
extern size_t nrecords;

/* As people_teardown(), which goes with people_setup(); no records are left. */
void exported_teardown(void);

/* Something of everything, and not much of it. */
void exported_a_little(void);

/* Adds records of all that there is. */
void exported_write(void);
void exported_free(void);

/* An empty registry; only what is always kept. */
void exported_begin_anew(void);

/* Another process, which reads all of them.  Returns how many it cannot. */
unsigned exported_read(void);

/* The same with one.  Returns whether it can. */
bool exported_read_one(struct imported *im, const struct exported_record *rec);

#endif
