/*
 * A room's lines, as text or JSON, a piece at a time.
 */
#ifndef BANTERD_STORE_EXPORT_H
#define BANTERD_STORE_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "banterd/base/text.h"

#define EXPORT_JSON "json" /* says who asks a running one for that */
#define EXPORT_TEXT "text"

struct file;

struct export
{
	struct file *file;
	char room[ROOM_MAX + 1];
	uint64_t since; /* s */
	bool json;
	uint64_t next; /* line */
};

/* Returns 1 if there are lines of that room, 0 if not, -1 after a failure. */
int export_begin(struct export *e, struct file *f, const char *room,
    uint64_t since, bool json);

/* Writes a piece.  Returns 1 if there is more, 0 if that was all, -1 after a
 * failure. */
int export_step(struct export *e, FILE *out);

/* Reads YYYY-MM-DD, as UTC. */
bool export_date(const char *text, uint64_t *s);

#endif
