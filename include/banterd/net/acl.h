/*
 * Who gets in by address: networks that are allowed or denied, and how many
 * connections each host has.  Knows no sockets but their addresses.
 */
#ifndef BANTERD_ACL_H
#define BANTERD_ACL_H

#include <bsd/sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stdint.h>

/* Bytes for an address as text, NUL included. */
#define ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN

/*
 * An address of either family: IPv4 is kept as IPv6 maps it, ::ffff:a.b.c.d,
 * so that a client is the same whichever listener it came through.
 */
struct address {
	struct in6_addr in6;
};

/* One allow or deny line. */
struct acl_rule {
	TAILQ_ENTRY(acl_rule) next;
	struct in6_addr net; /* bits past the prefix are 0 */
	unsigned bits;       /* of 128; IPv4's are 96 and up */
	bool allow;
};
TAILQ_HEAD(acl, acl_rule);

/* A host with connections, or with something that is not forgotten yet. */
struct acl_host {
	RB_ENTRY(acl_host) by_net;
	TAILQ_ENTRY(acl_host) idle; /* in hosts.idle if it has no clients */
	struct in6_addr net;        /* IPv4: all of it; IPv6: its /64 */
	unsigned clients;           /* connected now */
	unsigned wrong;             /* wrong passwords lately */
	uint64_t forgive;           /* ms: when these are forgotten */
	uint32_t debt;    /* thousandths of lines, of those who left */
	uint64_t debt_at; /* ms: when that was right */
};
RB_HEAD(acl_host_tree, acl_host);

struct acl_hosts {
	struct acl_host_tree tree;
	TAILQ_HEAD(, acl_host) idle;
};

/* How long a host's wrong passwords are remembered after the last, and how long
 * its debt at the most, in ms. */
#define ACL_FORGIVE_MS 60000

/* How often the hosts without clients are looked through, in ms. */
#define ACL_TICK_MS 1000

/*
 * Takes the address out of a socket's.  Returns false for a family without
 * addresses (a UNIX socket).
 */
bool address_from_socket(struct address *a, const struct sockaddr *sa);

/* Writes an address into buf (ADDRESS_TEXT_SIZE bytes), IPv4 as IPv4. */
const char *address_text(const struct address *a, char *buf);

/*
 * Appends the rule "allow text" or "deny text", where text is an address, a
 * network ADDR/BITS, or "all".  Returns NULL, or what is wrong with text (a
 * constant string).
 */
const char *acl_add(struct acl *acl, const char *text, bool allow);

/* Whether an address may come in: the first rule that matches, else yes. */
bool acl_allows(const struct acl *acl, const struct address *a);

void acl_free(struct acl *acl);

void acl_hosts_init(struct acl_hosts *hosts);
void acl_hosts_free(struct acl_hosts *hosts);

/*
 * Counts one more connection from a's host.  A NULL address stands for this
 * machine, through a UNIX socket.  Returns the host, of which the caller owes
 * acl_host_leave(); or NULL when memory is out.
 */
struct acl_host *acl_host_enter(
    struct acl_hosts *hosts, const struct address *a);

/* One connection less; now is in ms.  Returns when acl_hosts_tick() has to be
 * called, UINT64_MAX for never. */
uint64_t acl_host_leave(
    struct acl_hosts *hosts, struct acl_host *host, uint64_t now);

/* Counts a wrong password; now is in ms.  Returns how many it has lately. */
unsigned acl_host_wrong(struct acl_host *host, uint64_t now);

/* How many it has lately; now is in ms. */
unsigned acl_host_tries(const struct acl_host *host, uint64_t now);

/* What those who left have spent and not had back yet, in thousandths of
 * lines; it shrinks by per_second lines a second.  now is in ms. */
uint32_t acl_host_debt(
    struct acl_host *host, unsigned per_second, uint64_t now);

/* Raises it to what a client owes that leaves, up to most.  acl_host_debt() has
 * been called in this turn. */
void acl_host_owe(struct acl_host *host, uint32_t debt, uint32_t most);

/* Forgets what is due at now (ms).  Returns when to call again, UINT64_MAX for
 * never. */
uint64_t acl_hosts_tick(struct acl_hosts *hosts, uint64_t now);

#endif
