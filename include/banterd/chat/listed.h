/*
 * The rooms that the configuration lists, and the limits it sets.
 */
#ifndef BANTERD_CHAT_LISTED_H
#define BANTERD_CHAT_LISTED_H

#include <stdbool.h>

struct config;
struct registry;

/*
 * Takes over limits and rooms of a configuration: rooms that it lists exist
 * and have no op; those that it no longer lists become ordinary.  Returns
 * false when memory is out (what could be done was done).
 */
bool listed_configure(struct registry *reg, const struct config *conf);

#endif
