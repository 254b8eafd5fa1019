/*
 * A session for fuzz_session: a server without listeners, and peers that are
 * connected to it through socket pairs.
 */
#ifndef BANTERD_SESSION_H
#define BANTERD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/daemon/server.h"

#define PEERS        8
#define MAX_EXPECTED (1 << 20) /* bytes that a peer may be owed */

/* The other end of a connection. */
struct peer {
	int fd;           /* -1: not connected */
	struct client *c; /* NULL: the server has no more to do with it */
	bool asleep;      /* reads nothing */
	bool has_slept;   /* may lose what it was owed */
	bool unread;      /* it was turned away without a client */
	bool telnet;      /* has sent an IAC */
	bool bell;        /* had its bell on at some time */
	uint32_t skipped; /* room lines that the server skipped */
	uint32_t told;    /* of those, how many it said it skipped */
	size_t head, len; /* of expected */
	char *expected;   /* what the server has promised to send */
};

/* The highest limits in force since the session began: what was allowed once
 * may stay. */
struct limits {
	unsigned max_clients, max_per_host, max_rooms, max_joined, history;
	unsigned listed; /* rooms */
	uint32_t send_queue;
};

struct session {
	struct server srv;
	struct peer peers[PEERS];
	struct peer *arriving; /* while server_admit() runs */
	struct limits limits;
	int conf_fd;
	char conf_path[32];
};

extern struct session session;

/* ---- peers (session_peer.c) ---- */

/* Connects; kind chooses an address and how much the kernel holds. */
void peer_connect(struct peer *p, unsigned kind);

/* Sends as much as the kernel takes. */
void peer_send(struct peer *p, const void *data, size_t len);

void peer_close(struct peer *p);

/* Reads all there is, and compares it with what is expected. */
void peer_read(struct peer *p);

/* The server's deliver function with our own ears to it. */
bool peer_deliver(struct user *u, struct line *line);

/* Finds out whose connections have ended. */
void peers_sync(void);

/* ---- the server (session_check.c) ---- */

/* Checks all that must be true between two turns. */
void check_server(struct server *srv, const struct limits *limits);

/* Checks that nobody, and nothing of anybody, is left. */
void check_empty(struct server *srv);

#endif
