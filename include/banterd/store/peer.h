/*
 * A banterd at the other end of a SOCK_SEQPACKET socket: its messages in, and
 * out as far as the kernel takes them; the rest waits, up to a bound.
 */
#ifndef BANTERD_STORE_PEER_H
#define BANTERD_STORE_PEER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct peer_link;
struct store_message;

#define PEER_QUEUE_MAX (4 << 20) /* bytes that wait for one */
#define PEER_TURN      64        /* messages of one in a turn of the loop */

struct peer {
	TAILQ_ENTRY(peer) next;
	uint64_t id;  /* no other one had it; not 0 */
	bool greeted; /* said HELLO, and was welcome */
	bool ended;   /* is to be freed at the end of the turn */
	uint64_t epoch;
	uint64_t items; /* number of the last item in this turn, or 0 */
	bool behind;    /* an item could not be kept: so none after it is,
			 * until it comes again */
	uint64_t erase, erased; /* the last one that it was told, and that it
				 * has answered; 0: none */
	struct peer_link *link; /* peer.c's */
};

TAILQ_HEAD(peers, peer);

struct peer_ops {
	/* m is the caller's, who wipes it.  Items come one by one. */
	void (*message)(
	    void *arg, struct peer *p, const struct store_message *m);
	/* It has ended, or sends what is no message, or reads too slowly: it
	 * is ended already. */
	void (*broken)(void *arg, struct peer *p, const char *why);
};

/* Takes over a socket; returns NULL with errno set, and closes it. */
struct peer *peer_new(struct event_base *base, int fd, uint64_t id,
    const struct peer_ops *ops, void *arg);
void peer_free(struct peer *p);

/* Sends one, now or later; one that takes no more is ended. */
void peer_send(struct peer *p, const struct store_message *m);

/* Whether what can wait may be sent now, as little waits for it already. */
bool peer_has_room(const struct peer *p);

#endif
