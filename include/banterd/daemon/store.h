/*
 * The store of names, another program (banter-store(8)), as the daemon knows
 * it: the connection to it, which comes again whenever it was lost; questions
 * that wait for their answers; what it has to keep.  Nothing here waits.
 */
#ifndef BANTERD_DAEMON_STORE_H
#define BANTERD_DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/session/context.h"

struct client;
struct server;
struct store;
struct store_message;

/* Between two tries to find it, in ms. */
#define STORE_RETRY_MS 1000

/* Returns what the caller owes store_free(), or NULL when memory is out. */
struct store *store_new(struct server *srv);
void store_free(struct store *s);

/* What the configuration says of it may be something else now: looks for it, or
 * leaves it. */
void store_configure(struct store *s);

/* As of session_ops. */
bool store_is_there(const struct store *s);
enum session_asked store_ask(
    struct store *s, struct client *c, struct store_message *m);

/* Nobody waits for the answers to c's questions any more. */
void store_forget(struct store *s, const struct client *c);

/* The turn has ended, and what is to be kept is where it outlives the process:
 * sends it.  Else a number could be used twice. */
void store_flush(struct store *s);

/* Does what is due at now (ms); returns when the next thing is, NEVER for
 * never.
 */
uint64_t store_tick(struct store *s, uint64_t now);

/* Whether nothing waits for a store that is there: who ends before that loses
 * what does. */
bool store_is_settled(const struct store *s);

/* Logs its numbers. */
void store_log(const struct store *s);

/* Reads back a record of KEEP_EPOCH, KEEP_ITEM or KEEP_NAME.  False: it is
 * damaged, or memory is out. */
bool store_import(
    struct store *s, unsigned kind, uint64_t number, const void *p, size_t n);

#endif
