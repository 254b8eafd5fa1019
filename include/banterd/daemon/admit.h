/*
 * Who is let in, turned away, counted.
 */
#ifndef BANTERD_DAEMON_ADMIT_H
#define BANTERD_DAEMON_ADMIT_H

#include "banterd/net/listener.h"

struct client;
struct server;

/* What listeners tell a struct server. */
extern const struct listener_ops admit_listener_ops;

/* Takes over a socket that a listener accepted: lets it in or turns it away.
 * address is NULL for a UNIX socket. */
void admit(struct server *srv, int fd, const struct address *address);

/* One who had a place in an earlier process has it again. */
void admit_return(struct server *srv, struct client *c);

/* All of these are back: lets in, or turns away, who came before they were. */
void admit_newcomers(struct server *srv);

/* They are never back: says so to who came. */
void admit_forget_newcomers(struct server *srv);

/* Has the service manager hold the listeners that it could not be told of. */
void admit_store_listeners(struct server *srv);

/* A client needs its place no longer: the next one may have it. */
void admit_release_place(struct server *srv, struct client *c);

#endif
