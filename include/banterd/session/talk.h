/*
 * What a client says, and what it hears: its input to lines, each carried out
 * in its turn, and events to its send queue.
 */
#ifndef BANTERD_SESSION_TALK_H
#define BANTERD_SESSION_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/chat/registry.h"
#include "banterd/net/conn.h"

struct client;
struct session_context;

/* What connections tell clients, and how events reach them. */
extern const struct conn_ops talk_conn_ops;
extern const struct registry_ops talk_registry_ops;

/* Makes what rendered events need; the caller owes talk_free().  False: no
 * memory. */
bool talk_init(struct session_context *ctx);
void talk_free(struct session_context *ctx);

/* The time zone is another one: times before lines are made anew. */
void talk_forget_zone(struct session_context *ctx);

/* It is c's turn: carries out the next thing that it has said. */
void talk_run(struct client *c);

/* Its connection is broken, or its memory is out. */
void talk_broken(struct client *c);

/* Does what is due at now (ms).  Returns when the next thing is, NEVER for
 * never. */
uint64_t talk_tick(struct client *c, uint64_t now);

#endif
