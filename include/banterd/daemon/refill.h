/*
 * What was said in the rooms of the configuration before this daemon began,
 * from the store: else nobody who comes would read it.
 */
#ifndef BANTERD_DAEMON_REFILL_H
#define BANTERD_DAEMON_REFILL_H

struct questions;
struct server;
struct store_message;

/* The store is there: asks for the history of each such room that has none. */
void refill_ask(struct server *srv, struct questions *qs);

/* A line of an answer for a room. */
void refill_row(
    struct server *srv, const char *room, const struct store_message *m);

#endif
