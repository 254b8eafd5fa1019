/*
 * Addresses, and networks that are allowed or denied.  Knows no sockets but
 * their addresses.
 */
#ifndef BANTERD_BASE_NETWORK_H
#define BANTERD_BASE_NETWORK_H

#include <bsd/sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

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

/*
 * Takes the address out of a socket's.  Returns false for a family without
 * addresses (a UNIX socket).
 */
bool address_from_socket(struct address *a, const struct sockaddr *sa);

/* A socket address's port, in its byte order; 0 for a family without ports. */
in_port_t sockaddr_port(const struct sockaddr_storage *ss);

/* Whether it stands for all addresses of its family. */
bool sockaddr_is_wildcard(const struct sockaddr_storage *ss);

/* Writes an address into buf (ADDRESS_TEXT_SIZE bytes), IPv4 as IPv4. */
const char *address_text(const struct address *a, char *buf);

/*
 * Appends the rule "allow text" or "deny text", where text is an address, a
 * network ADDR/BITS, or "all".  Returns NULL, or what is wrong with text (a
 * constant string).
 */
const char *acl_add(struct acl *acl, const char *text, bool allow);

/* Whether an address is IPv4. */
bool address_is_v4(const struct address *a);

/* The network of the first so many bits (of 128; IPv4's are 96 and up). */
struct in6_addr address_network(const struct address *a, unsigned bits);

/* Whether an address may come in: the first rule that matches, else yes. */
bool acl_allows(const struct acl *acl, const struct address *a);

void acl_free(struct acl *acl);

#endif
