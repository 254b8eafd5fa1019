/*
 * Hosts: how many connections each has, how often it has failed to give a
 * password or a key lately, what those who left have spent of the rate, and how
 * many rooms there are that it has made.  A host is an IPv4 address, the /64 of
 * an IPv6 address, a link-local address with its interface, or an account of
 * this machine (through UNIX sockets).  Knows no sockets.
 */
#ifndef BANTERD_NET_HOST_H
#define BANTERD_NET_HOST_H

#include <bsd/sys/queue.h>
#include <netinet/in.h>

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/network.h"

struct hosts;
struct record;
struct record_reader;

/* A host with connections or rooms, or with something that is not forgotten. */
struct host {
	RB_ENTRY(host) by_net;
	TAILQ_ENTRY(host) idle; /* in a list of hosts if is_idle */
	struct hosts *hosts;
	struct in6_addr net; /* IPv6: its /64; link-local, IPv4: all of it */
	uint32_t scope;      /* as in struct address */
	bool is_idle;        /* in one of these lists */
	unsigned clients;    /* connected now */
	unsigned rooms;      /* that it has made, and that are there */
	unsigned failures;   /* wrong passwords and keys lately */
	uint64_t expiry;     /* ms: when these are forgotten */
	uint32_t deficit;    /* thousandths of lines, of those who left */
	uint64_t deficit_at; /* ms: when that was right */
};
RB_HEAD(host_tree, host);
TAILQ_HEAD(host_list, host);

struct hosts {
	struct host_tree tree;
	struct host_list spent;  /* without clients and rooms, the first to */
	struct host_list failed; /* have left first: those without failures, */
	unsigned nidle;          /* and those with some; of both */
	/* Told of each change to failures and deficit that is to outlive the
	 * process, and of hosts that are forgotten; NULL: nothing is kept. */
	void (*changed)(void *owner, const struct host *host, bool forgotten);
	void *owner;
};

/* How long a host's failures are remembered after the last, and how long its
 * deficit at the most, in ms. */
#define HOST_EXPIRY_MS 60000

/* Of how many hosts without clients and rooms something is remembered.  With
 * more, who left first is forgotten, those without failures before others. */
#define HOSTS_IDLE_MAX 4096

#define HOST_ROOMS_MAX 25 /* that one host may make */

void hosts_init(struct hosts *hosts);
void hosts_free(struct hosts *hosts);

/* Counts one more connection from a's host; now is in ms.  Returns the host, of
 * which the caller owes host_leave(); or NULL when memory is out. */
struct host *host_enter(
    struct hosts *hosts, const struct address *a, uint64_t now);

/* One connection less; now is in ms. */
void host_leave(struct host *host, uint64_t now);

/* Forgets some of what has expired at now (ms), the oldest first.  Whoever
 * comes or goes has that done; nobody need call it. */
void hosts_expire(struct hosts *hosts, uint64_t now);

/* Counts a wrong password or key; now is in ms.  Returns how many it has
 * lately. */
unsigned host_fail(struct host *host, uint64_t now);

/* How many it has lately; now is in ms. */
unsigned host_failures(const struct host *host, uint64_t now);

/* What those who left have spent and not had back yet, in thousandths of
 * lines; it shrinks by per_second lines a second.  now is in ms. */
uint32_t host_deficit(struct host *host, unsigned per_second, uint64_t now);

/* Raises it to what a client has spent that leaves, up to most.  host_deficit()
 * has been called in this turn. */
void host_raise_deficit(struct host *host, uint32_t deficit, uint32_t most);

/* Counts one more room that it makes; false if it has made HOST_ROOMS_MAX that
 * are there.  The caller owes host_give_room_back() when the room is gone (ms),
 * which may be long after the last connection. */
bool host_take_room(struct host *host);

/* The host of that address, which is made if it is not there; it is nobody's
 * until somebody enters or takes a room.  NULL: no memory. */
struct host *host_find_or_make(struct hosts *hosts, const struct address *a);

/* What outlives the process of its failures and deficit.  False: it can't be
 * read, or memory is out. */
void host_export(const struct host *host, struct record *r);
void host_export_address(const struct host *host, struct record *r);
bool host_import(struct hosts *hosts, struct record_reader *r);

/* Tells the owner of each host that has something to keep. */
void hosts_tell_all(struct hosts *hosts);

/* All that is to come has come: hosts that nobody is from are idle. */
void hosts_import_finish(struct hosts *hosts, uint64_t now);
void host_give_room_back(struct host *host, uint64_t now);

#endif
