#include <arpa/inet.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/base/network.h"

#define V4_BITS 96 /* the length of ::ffff:0:0 */

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

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&sin, sa, sizeof(sin));
		map_v4(&a->in6, &sin.sin_addr);
		return true;
	case AF_INET6:
		memcpy(&sin6, sa, sizeof(sin6));
		a->in6 = sin6.sin6_addr;
		return true;
	default:
		memset(a, 0, sizeof(*a));
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

bool
address_is_v4(const struct address *a)
{
	return is_v4(&a->in6);
}

struct in6_addr
address_network(const struct address *a, unsigned bits)
{
	struct in6_addr net = a->in6;

	mask(&net, bits);
	return net;
}

const char *
address_text(const struct address *a, char *buf)
{
	const void *v4 = a->in6.s6_addr + sizeof(v4_prefix);
	const char *text;

	if (is_v4(&a->in6))
		text = inet_ntop(AF_INET, v4, buf, ADDRESS_TEXT_SIZE);
	else
		text = inet_ntop(AF_INET6, &a->in6, buf, ADDRESS_TEXT_SIZE);
	return text == NULL ? "?" : text;
}

/* Reads "ADDR" or "ADDR/BITS" into a rule; NULL, or what is wrong. */
static const char *
parse_network(struct acl_rule *rule, const char *text)
{
	char addr[ADDRESS_TEXT_SIZE];
	const char *errstr = NULL, *slash = strchr(text, '/');
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	struct in_addr in4;
	unsigned base, width;

	if (n >= sizeof(addr))
		return "is not an IPv4 or IPv6 address";
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (inet_pton(AF_INET, addr, &in4) == 1) {
		map_v4(&rule->net, &in4);
		base = V4_BITS;
		width = 32;
	} else if (inet_pton(AF_INET6, addr, &rule->net) == 1) {
		base = 0;
		width = 128;
	} else
		return "is not an IPv4 or IPv6 address";
	rule->bits = 128;
	if (slash != NULL)
		rule->bits = base +
		    (unsigned)strtonum(slash + 1, 0, width, &errstr);
	if (errstr != NULL)
		return width == 32 ? "has a wrong prefix length (0 to 32)" :
				     "has a wrong prefix length (0 to 128)";
	mask(&rule->net, rule->bits);
	return NULL;
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

/* A short IPv6 prefix such as ::/0 says nothing of mapped IPv4 addresses. */
static bool
matches(const struct acl_rule *rule, const struct address *a)
{
	struct in6_addr net;

	if (rule->bits < V4_BITS && is_v4(&a->in6))
		return false;
	net = address_network(a, rule->bits);
	return memcmp(&net, &rule->net, sizeof(net)) == 0;
}

bool
acl_allows(const struct acl *acl, const struct address *a)
{
	const struct acl_rule *rule;

	TAILQ_FOREACH(rule, acl, next) {
		if (matches(rule, a))
			return rule->allow;
	}
	return true;
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
