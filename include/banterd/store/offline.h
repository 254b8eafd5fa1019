/*
 * A word asked of the file itself, while nobody serves it.
 */
#ifndef BANTERD_STORE_OFFLINE_H
#define BANTERD_STORE_OFFLINE_H

#include "banterd/store/words.h"

/* argument and password may be NULL.  Prints what comes of it, and returns the
 * exit status. */
int offline(const char *file, enum word word, const char *argument,
    const char *password);

/* An export of it; since may be 0. */
int offline_export(
    const char *file, const char *room, uint64_t since, bool json);

#endif
