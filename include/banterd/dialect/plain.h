/*
 * The plain dialect: how an event reads for eyes, and for simple scripts.
 */
#ifndef BANTERD_DIALECT_PLAIN_H
#define BANTERD_DIALECT_PLAIN_H

#include <stddef.h>
#include <time.h>

#include "banterd/chat/event.h"

/* Bytes of "10:32 ", the time before a line. */
#define PLAIN_STAMP_LEN 6

/* Writes it, and a NUL; text has PLAIN_STAMP_LEN + 1 bytes. */
void plain_stamp(time_t when, char *text);

/*
 * Writes how an event reads, without a time before it and without the end of a
 * line; text has size bytes.  What does not fit is cut off between two
 * characters.  Returns its length in bytes.
 */
size_t plain_render(const struct chat_event *ev, char *text, size_t size);

#endif
