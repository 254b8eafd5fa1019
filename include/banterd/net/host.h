/*
 * Hosts: how many connections each has, how often it has failed to give the
 * password lately, and what those who left have spent of the rate.  A host is
 * an IPv4 address, the /64 of an IPv6 address, or this machine (through UNIX
 * sockets).  Knows no sockets.
 */
#ifndef BANTERD_NET_HOST_H
#define BANTERD_NET_HOST_H

#include <bsd/sys/queue.h>
#include <netinet/in.h>

#include <bsd/sys/tree.h>

#include <stdint.h>

#include "banterd/base/network.h"

/* A host with connections, or with something that has not expired yet. */
struct host {
	RB_ENTRY(host) by_net;
	TAILQ_ENTRY(host) idle; /* in hosts.idle if it has no clients */
	struct in6_addr net;    /* IPv4: all of it; IPv6: its /64 */
	unsigned clients;       /* connected now */
	unsigned failures;      /* wrong passwords lately */
	uint64_t expiry;        /* ms: when these are forgotten */
	uint32_t deficit;       /* thousandths of lines, of those who left */
	uint64_t deficit_at;    /* ms: when that was right */
};
RB_HEAD(host_tree, host);

struct hosts {
	struct host_tree tree;
	TAILQ_HEAD(, host) idle;
};

/* How long a host's failures are remembered after the last, and how long its
 * deficit at the most, in ms. */
#define HOST_EXPIRY_MS 60000

/* How often the hosts without clients are looked through, in ms. */
#define HOST_TICK_MS 1000

void hosts_init(struct hosts *hosts);
void hosts_free(struct hosts *hosts);

/*
 * Counts one more connection from a's host.  A NULL address stands for this
 * machine, through a UNIX socket.  Returns the host, of which the caller owes
 * host_leave(); or NULL when memory is out.
 */
struct host *host_enter(struct hosts *hosts, const struct address *a);

/* One connection less; now is in ms.  Returns when hosts_tick() has to be
 * called, NEVER for never. */
uint64_t host_leave(struct hosts *hosts, struct host *host, uint64_t now);

/* Counts a wrong password; now is in ms.  Returns how many it has lately. */
unsigned host_fail(struct host *host, uint64_t now);

/* How many it has lately; now is in ms. */
unsigned host_failures(const struct host *host, uint64_t now);

/* What those who left have spent and not had back yet, in thousandths of
 * lines; it shrinks by per_second lines a second.  now is in ms. */
uint32_t host_deficit(struct host *host, unsigned per_second, uint64_t now);

/* Raises it to what a client has spent that leaves, up to most.  host_deficit()
 * has been called in this turn. */
void host_raise_deficit(struct host *host, uint32_t deficit, uint32_t most);

/* Forgets what has expired at now (ms).  Returns when to call again, NEVER for
 * never. */
uint64_t hosts_tick(struct hosts *hosts, uint64_t now);

#endif
