/*
 * A word asked of a running banter-store.
 */
#ifndef BANTERD_STORE_ASK_H
#define BANTERD_STORE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/store/words.h"

/* Asks at SOCKET.admin; argument and password may be NULL.  Prints what comes
 * of it, and returns the exit status. */
int ask(const char *socket, enum word word, const char *name,
    const char *argument, const char *password);

/* Asks for an export, and prints it as it comes; since may be 0. */
int ask_export(const char *socket, const char *room, uint64_t since, bool json);

#endif
