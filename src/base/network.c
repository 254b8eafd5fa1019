#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/base/network.h"
#include "banterd/base/record.h"

#define V4_BITS         96 /* the length of ::ffff:0:0 */
#define LINK_LOCAL_BITS 10

static const unsigned char v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool
is_v4(const struct in6_addr *a)
{
	return memcmp(a->s6_addr, v4_prefix, sizeof(v4_prefix)) == 0;
}

static void
map_v4(struct in6_addr *to, const struct in_addr *from)
{
	memcpy(to->s6_addr, v4_prefix, sizeof(v4_prefix));
	memcpy(to->s6_addr + sizeof(v4_prefix), from, sizeof(*from));
}

static void
mask(struct in6_addr *a, unsigned bits)
{
	unsigned i, keep;

	for (i = 0; i < sizeof(a->s6_addr); i++) {
		keep = bits > 8 * i ? bits - 8 * i : 0;
		if (keep < 8)
			a->s6_addr[i] &= (unsigned char)(0xff00 >> keep);
	}
}

bool
address_from_socket(struct address *a, const struct sockaddr *sa)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	memset(a, 0, sizeof(*a));
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&sin, sa, sizeof(sin));
		map_v4(&a->in6, &sin.sin_addr);
		return true;
	case AF_INET6:
		memcpy(&sin6, sa, sizeof(sin6));
		a->in6 = sin6.sin6_addr;
		if (address_is_link_local(a))
			a->scope = sin6.sin6_scope_id;
		return true;
	default:
		return false;
	}
}

in_port_t
sockaddr_port(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *sin = (const void *)ss;
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	switch (ss->ss_family) {
	case AF_INET:
		return sin->sin_port;
	case AF_INET6:
		return sin6->sin6_port;
	default:
		return 0;
	}
}

void
sockaddr_set_port(struct sockaddr_storage *ss, in_port_t port)
{
	if (ss->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)ss)->sin_port = port;
	else if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)ss)->sin6_port = port;
}

bool
sockaddr_is_wildcard(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *sin = (const void *)ss;
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	switch (ss->ss_family) {
	case AF_INET:
		return sin->sin_addr.s_addr == htonl(INADDR_ANY);
	case AF_INET6:
		return IN6_IS_ADDR_UNSPECIFIED(&sin6->sin6_addr) != 0;
	default:
		return false;
	}
}

/* 0.0.0.0 has no interface. */
void
address_of_account(struct address *a, uid_t uid)
{
	static const struct in_addr none = { 0 };

	map_v4(&a->in6, &none);
	a->scope = uid;
}

bool
address_is_v4(const struct address *a)
{
	return is_v4(&a->in6);
}

bool
address_is_link_local(const struct address *a)
{
	return IN6_IS_ADDR_LINKLOCAL(&a->in6);
}

bool
address_is_loopback(const struct address *a)
{
	return is_v4(&a->in6) ? a->in6.s6_addr[12] == IN_LOOPBACKNET :
				IN6_IS_ADDR_LOOPBACK(&a->in6);
}

bool
address_same(const struct address *a, const struct address *b)
{
	return IN6_ARE_ADDR_EQUAL(&a->in6, &b->in6) && a->scope == b->scope;
}

struct in6_addr
address_network(const struct address *a, unsigned bits)
{
	struct in6_addr net = a->in6;

	mask(&net, bits);
	return net;
}

/* Its name in buf (IF_NAMESIZE bytes), or its number if it is gone by now. */
static const char *
interface_name(uint32_t scope, char *buf)
{
	if (if_indextoname(scope, buf) == NULL)
		snprintf(buf, IF_NAMESIZE, "%u", scope);
	return buf;
}

const char *
address_text(const struct address *a, char *buf)
{
	const void *v4 = a->in6.s6_addr + sizeof(v4_prefix);
	const char *text;
	char name[IF_NAMESIZE];
	size_t len;

	if (is_v4(&a->in6))
		text = inet_ntop(AF_INET, v4, buf, ADDRESS_TEXT_SIZE);
	else
		text = inet_ntop(AF_INET6, &a->in6, buf, ADDRESS_TEXT_SIZE);
	if (text == NULL)
		return "?";
	if (a->scope != 0) {
		len = strlen(text);
		snprintf(buf + len, ADDRESS_TEXT_SIZE - len, "%%%s",
		    interface_name(a->scope, name));
	}
	return text;
}

static void
halve(uint64_t halves[2], const struct in6_addr *a)
{
	memcpy(halves, a, sizeof(*a));
}

/* Cuts "%INTERFACE" off an address; NULL, or what is wrong with it. */
static const char *
parse_interface(struct acl_rule *rule, char *addr)
{
	char *name = strchr(addr, '%');

	if (name == NULL)
		return NULL;
	*name++ = '\0';
	if (*name == '\0' ||
	    strlcpy(rule->interface, name, sizeof(rule->interface)) >=
		sizeof(rule->interface))
		return "has no interface's name after the %";
	return NULL;
}

/* The address itself; *width is that of its family. */
static bool
parse_address(struct in6_addr *a, const char *addr, unsigned *width)
{
	struct in_addr in4;

	if (inet_pton(AF_INET, addr, &in4) == 1) {
		map_v4(a, &in4);
		*width = 32;
		return true;
	}
	*width = 128;
	return inet_pton(AF_INET6, addr, a) == 1;
}

/* The rule's bits, and the address that they are of; NULL, or what is wrong. */
static const char *
set_network(struct acl_rule *rule, struct in6_addr *a)
{
	struct in6_addr all;

	if (rule->interface[0] != '\0' &&
	    (rule->bits < LINK_LOCAL_BITS || !IN6_IS_ADDR_LINKLOCAL(a)))
		return "names an interface, which is for link-local addresses (fe80::/10) alone";
	memset(&all, 0xff, sizeof(all));
	mask(&all, rule->bits);
	mask(a, rule->bits);
	halve(rule->mask, &all);
	halve(rule->net, a);
	return NULL;
}

/* Reads "ADDR" or "ADDR/BITS" into a rule; NULL, or what is wrong. */
static const char *
parse_network(struct acl_rule *rule, const char *text)
{
	char addr[ADDRESS_TEXT_SIZE];
	const char *errstr = NULL, *wrong, *slash = strchr(text, '/');
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	struct in6_addr a;
	unsigned width;

	if (n >= sizeof(addr))
		return "is not an IPv4 or IPv6 address";
	memcpy(addr, text, n);
	addr[n] = '\0';
	if ((wrong = parse_interface(rule, addr)) != NULL)
		return wrong;
	if (!parse_address(&a, addr, &width))
		return "is not an IPv4 or IPv6 address";
	rule->bits = 128;
	if (slash != NULL)
		rule->bits = 128 - width +
		    (unsigned)strtonum(slash + 1, 0, width, &errstr);
	if (errstr != NULL)
		return width == 32 ? "has a wrong prefix length (0 to 32)" :
				     "has a wrong prefix length (0 to 128)";
	return set_network(rule, &a);
}

static const char *
append(struct acl *acl, const struct acl_rule *rule)
{
	struct acl_rule *copy;

	if ((copy = malloc(sizeof(*copy))) == NULL)
		return "does not fit into memory";
	*copy = *rule;
	TAILQ_INSERT_TAIL(acl, copy, next);
	return NULL;
}

const char *
acl_add(struct acl *acl, const char *text, bool allow)
{
	struct acl_rule rule = { .allow = allow };
	const char *wrong;

	if (strcmp(text, "all") == 0) {
		wrong = acl_add(acl, "0.0.0.0/0", allow);
		return wrong != NULL ? wrong : acl_add(acl, "::/0", allow);
	}
	if ((wrong = parse_network(&rule, text)) != NULL)
		return wrong;
	return append(acl, &rule);
}

static bool
is_on(const struct acl_rule *rule, const struct address *a)
{
	char name[IF_NAMESIZE];

	if (rule->interface[0] == '\0')
		return true;
	return a->scope != 0 &&
	    strcmp(rule->interface, interface_name(a->scope, name)) == 0;
}

/* There may be ten thousand rules, looked through for a thousand people at a
 * reload.  A short IPv6 prefix such as ::/0 says nothing of mapped IPv4
 * addresses. */
bool
acl_allows(const struct acl *acl, const struct address *a)
{
	unsigned least = is_v4(&a->in6) ? V4_BITS : 0;
	const struct acl_rule *rule;
	uint64_t halves[2];

	halve(halves, &a->in6);
	TAILQ_FOREACH(rule, acl, next) {
		if ((halves[0] & rule->mask[0]) == rule->net[0] &&
		    (halves[1] & rule->mask[1]) == rule->net[1] &&
		    rule->bits >= least && is_on(rule, a))
			return rule->allow;
	}
	return true;
}

bool
acl_has_unreached(const struct acl *acl)
{
	bool all[2] = { false, false }, v4;
	const struct acl_rule *rule;
	struct in6_addr net;

	TAILQ_FOREACH(rule, acl, next) {
		memcpy(&net, rule->net, sizeof(net));
		v4 = rule->bits >= V4_BITS && is_v4(&net);
		if (all[v4])
			return true;
		if (rule->bits == (v4 ? V4_BITS : 0))
			all[v4] = true;
	}
	return false;
}

bool
acl_keeps_nobody_out(const struct acl *acl)
{
	const struct acl_rule *rule;

	TAILQ_FOREACH(rule, acl, next) {
		if (!rule->allow)
			return false;
	}
	return !TAILQ_EMPTY(acl);
}

void
address_export(const struct address *a, struct record *r)
{
	record_put_bytes(r, &a->in6, sizeof(a->in6));
	record_put_u32(r, a->scope);
}

void
address_import(struct address *a, struct record_reader *r)
{
	const void *in6;
	size_t n;

	memset(a, 0, sizeof(*a));
	in6 = record_get_bytes(r, &n);
	if (n == sizeof(a->in6))
		memcpy(&a->in6, in6, n);
	else
		r->failed = true;
	a->scope = record_get_u32(r);
}

void
acl_free(struct acl *acl)
{
	struct acl_rule *rule;

	while ((rule = TAILQ_FIRST(acl)) != NULL) {
		TAILQ_REMOVE(acl, rule, next);
		free(rule);
	}
}
