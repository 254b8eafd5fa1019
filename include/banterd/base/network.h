/*
 * Addresses, and networks that are allowed or denied.  Knows no sockets but
 * their addresses.
 */
#ifndef BANTERD_BASE_NETWORK_H
#define BANTERD_BASE_NETWORK_H

#include <bsd/sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <net/if.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

/* Bytes for an address as text, with its interface, NUL included. */
#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + IF_NAMESIZE)

/*
 * An address of either family: IPv4 is kept as IPv6 maps it, ::ffff:a.b.c.d,
 * so that a client is the same whichever listener it came through.  A
 * link-local address means somebody else on each interface.
 */
struct address {
	struct in6_addr in6;
	uint32_t scope; /* the interface of a link-local one; else 0 (but see
			 * address_of_account()) */
};

/* One allow or deny line. */
struct acl_rule {
	TAILQ_ENTRY(acl_rule) next;
	uint64_t net[2], mask[2]; /* as they lie in an address */
	unsigned bits;            /* of 128; IPv4's are 96 and up */
	bool allow;
	char interface[IF_NAMESIZE]; /* "": any */
};
TAILQ_HEAD(acl, acl_rule);

/*
 * Takes the address out of a socket's.  Returns false for a family without
 * addresses (a UNIX socket).
 */
bool address_from_socket(struct address *a, const struct sockaddr *sa);

/* A socket address's port, in its byte order; 0 for a family without ports. */
in_port_t sockaddr_port(const struct sockaddr_storage *ss);
void sockaddr_set_port(struct sockaddr_storage *ss, in_port_t port);

/* Whether it stands for all addresses of its family. */
bool sockaddr_is_wildcard(const struct sockaddr_storage *ss);

/* What stands for an account of this machine, whose people come through UNIX
 * sockets; it is nobody's address. */
void address_of_account(struct address *a, uid_t uid);

/* Writes an address into buf (ADDRESS_TEXT_SIZE bytes), IPv4 as IPv4, a
 * link-local one with its interface: fe80::1%eth0. */
const char *address_text(const struct address *a, char *buf);

/*
 * Appends the rule "allow text" or "deny text", where text is an address, a
 * network ADDR/BITS, or "all".  One that is link-local may name an interface
 * (fe80::1%eth0, fe80::%eth0/64), which need not be there.  Returns NULL, or
 * what is wrong with text (a constant string).
 */
const char *acl_add(struct acl *acl, const char *text, bool allow);

struct record;
struct record_reader;

/* Writes and reads one.  What cannot be read fails the reader. */
void address_export(const struct address *a, struct record *r);
void address_import(struct address *a, struct record_reader *r);

/* Whether an address is IPv4; whether it is one of fe80::/10. */
bool address_is_v4(const struct address *a);
bool address_is_link_local(const struct address *a);

/* Whether it is this machine's to itself: 127.0.0.0/8, ::1. */
bool address_is_loopback(const struct address *a);

/* Whether both are the same one. */
bool address_same(const struct address *a, const struct address *b);

/* The network of the first so many bits (of 128; IPv4's are 96 and up). */
struct in6_addr address_network(const struct address *a, unsigned bits);

/* Whether an address may come in: the first rule that matches, else yes. */
bool acl_allows(const struct acl *acl, const struct address *a);

/* Whether a rule says nothing, one before it being for all of its family;
 * whether there are rules, and none denies. */
bool acl_has_unreached(const struct acl *acl);
bool acl_keeps_nobody_out(const struct acl *acl);

void acl_free(struct acl *acl);

#endif
