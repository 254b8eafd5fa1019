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

/* A client needs its place no longer: the next one may have it. */
void admit_release_place(struct server *srv, struct client *c);

#endif
