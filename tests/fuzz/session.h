/*
 * A session for fuzz_session: a daemon without listeners (rig.h), and peers
 * that are connected to it through socket pairs.
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
	bool midline;     /* what came last was no line's end */
	uint32_t skipped; /* room lines that the server skipped */
	uint32_t told;    /* of those, how many it said it skipped */
	size_t head, len; /* of expected */
	char *expected;   /* what the server has promised to send */

	/* Telnet's replies come between two lines, and unannounced. */
	uint8_t sent[2];     /* the last two bytes that it sent */
	uint8_t reply[3];    /* which is coming, */
	uint8_t reply_len;   /* and as much of it as has come */
	unsigned wills[256]; /* how often it sent IAC WILL with that option */
	unsigned does[256];  /* and IAC DO, and had no reply yet */
};

/* The highest limits in force since the session began: what was allowed once
 * may stay. */
struct limits {
	unsigned max_clients, max_per_host, max_rooms, max_joined, history;
	unsigned listed; /* rooms */
	uint32_t send_queue;
};

struct session {
	struct peer peers[PEERS];
	struct peer *arriving; /* while it is let in */
	struct limits limits;
	bool crowded;     /* what is for a room counts as for many */
	uint64_t number;  /* of the event that was delivered last, */
	size_t words_len; /* and how it reads, */
	char words[CLIENT_LINE_MAX];
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

/* What the registry is to call: the daemon's own, with our ears to it. */
extern const struct registry_ops peer_registry_ops;

/* Finds out whose connections have ended. */
void peers_sync(void);

/* ---- what is said (session_event.c) ---- */

/* Checks an event that is about to be delivered to u. */
void check_event(
    struct registry *reg, struct user *u, const struct chat_event *ev);

/* ---- the server (session_check.c) ---- */

/* Counts what the loop watches by itself; nobody is connected. */
void check_begin(struct server *srv);

/* Checks what must be true at any time of the fan-out. */
void check_fanout(struct server *srv);

/* Checks all that must be true between two turns. */
void check_server(struct server *srv, const struct limits *limits);

/* Checks that nobody, and nothing of anybody, is left. */
void check_empty(struct server *srv);

#endif
