/*
 * The pace of talk: whoever speaks in a room waits before a line is skipped for
 * somebody who reads, and before the loop has more to send than a turn can
 * bear.
 */
#ifndef BANTERD_SESSION_PACE_H
#define BANTERD_SESSION_PACE_H

#include <stdbool.h>

struct client;

/* How long, in ms, one waits at a time; and a room for those who take what is
 * said there too slowly, before their lines are skipped. */
#define PACE_WAIT_MS     10
#define PACE_PATIENCE_MS 200

/* Whether c has to wait with a cleaned line. */
bool pace_must_wait(struct client *c, const char *text);

#endif
