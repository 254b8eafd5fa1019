/*
 * The plain dialect: how an event reads for eyes, and for simple scripts.
 */
#ifndef BANTERD_DIALECT_PLAIN_H
#define BANTERD_DIALECT_PLAIN_H

#include <stddef.h>
#include <time.h>

#include "banterd/chat/event.h"

/* The most bytes of the time before a line: "10:32 ", or "2026-11-26 10:32 ".
 */
#define PLAIN_STAMP_MAX 17

/* Writes it, and a NUL, to PLAIN_STAMP_MAX + 1 bytes: with the date, unless
 * that is the same now.  Returns its length. */
size_t plain_stamp(time_t when, time_t now, char *text);

/*
 * Writes how an event reads, without a time before it and without the end of a
 * line; text has size bytes.  What does not fit is cut off between two
 * characters.  Returns its length in bytes.
 */
size_t plain_render(const struct chat_event *ev, char *text, size_t size);

#endif
