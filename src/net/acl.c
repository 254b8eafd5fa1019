#include <arpa/inet.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/net/acl.h"

#define V4_BITS      96 /* the length of ::ffff:0:0 */
#define HOST_BITS_V6 64

static const unsigned char v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static int
host_cmp(struct acl_host *a, struct acl_host *b)
{
	return memcmp(&a->net, &b->net, sizeof(a->net));
}

RB_PROTOTYPE(acl_host_tree, acl_host, by_net, host_cmp)
RB_GENERATE(acl_host_tree, acl_host, by_net, host_cmp)

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
	struct in6_addr net = a->in6;

	if (rule->bits < V4_BITS && is_v4(&a->in6))
		return false;
	mask(&net, rule->bits);
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

void
acl_hosts_init(struct acl_hosts *hosts)
{
	RB_INIT(&hosts->tree);
	TAILQ_INIT(&hosts->idle);
}

void
acl_hosts_free(struct acl_hosts *hosts)
{
	struct acl_host *host;

	while ((host = RB_ROOT(&hosts->tree)) != NULL) {
		RB_REMOVE(acl_host_tree, &hosts->tree, host);
		free(host);
	}
	TAILQ_INIT(&hosts->idle);
}

struct acl_host *
acl_host_enter(struct acl_hosts *hosts, const struct address *a)
{
	/* 0.0.0.0 is nobody's address. */
	const struct in_addr nobody = { 0 };
	struct acl_host key, *host;

	if (a != NULL)
		key.net = a->in6;
	else
		map_v4(&key.net, &nobody);
	if (!is_v4(&key.net))
		mask(&key.net, HOST_BITS_V6);
	host = RB_FIND(acl_host_tree, &hosts->tree, &key);
	if (host == NULL) {
		if ((host = calloc(1, sizeof(*host))) == NULL)
			return NULL;
		host->net = key.net;
		RB_INSERT(acl_host_tree, &hosts->tree, host);
	} else if (host->clients == 0)
		TAILQ_REMOVE(&hosts->idle, host, idle);
	host->clients++;
	return host;
}

uint64_t
acl_host_leave(struct acl_hosts *hosts, struct acl_host *host, uint64_t now)
{
	if (--host->clients > 0)
		return UINT64_MAX;
	if (host->wrong > 0 || host->debt > 0) {
		TAILQ_INSERT_TAIL(&hosts->idle, host, idle);
		return now + ACL_TICK_MS;
	}
	RB_REMOVE(acl_host_tree, &hosts->tree, host);
	free(host);
	return UINT64_MAX;
}

unsigned
acl_host_tries(const struct acl_host *host, uint64_t now)
{
	return now < host->forgive ? host->wrong : 0;
}

unsigned
acl_host_wrong(struct acl_host *host, uint64_t now)
{
	host->wrong = acl_host_tries(host, now) + 1;
	host->forgive = now + ACL_FORGIVE_MS;
	return host->wrong;
}

uint32_t
acl_host_debt(struct acl_host *host, unsigned per_second, uint64_t now)
{
	uint64_t paid = (now - host->debt_at) * per_second;

	host->debt = paid < host->debt ? host->debt - (uint32_t)paid : 0;
	host->debt_at = now;
	return host->debt;
}

void
acl_host_owe(struct acl_host *host, uint32_t debt, uint32_t most)
{
	if (debt < host->debt)
		debt = host->debt;
	host->debt = debt < most ? debt : most;
}

/* A debt is a burst at most; a minute pays for it, or is punishment enough. */
uint64_t
acl_hosts_tick(struct acl_hosts *hosts, uint64_t now)
{
	struct acl_host *host, *next;

	TAILQ_FOREACH_SAFE(host, &hosts->idle, idle, next) {
		if ((host->wrong > 0 && now < host->forgive) ||
		    (host->debt > 0 && now - host->debt_at < ACL_FORGIVE_MS))
			continue;
		TAILQ_REMOVE(&hosts->idle, host, idle);
		RB_REMOVE(acl_host_tree, &hosts->tree, host);
		free(host);
	}
	return TAILQ_EMPTY(&hosts->idle) ? UINT64_MAX : now + ACL_TICK_MS;
}
