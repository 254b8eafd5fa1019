/*
 * Networks and hosts: rules and addresses out of the input, decided bit by bit
 * and compared; and hosts that come, go, spend the rate and guess passwords,
 * beside a plain table of them.
 *
 * The input is a line of rules ("+ADDR" allows, "-ADDR" denies), a zero byte,
 * and then five bytes for each step.
 */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "banterd/base/network.h"
#include "banterd/net/host.h"
#include "fuzz.h"

#define MAX_RULES    64
#define MAX_HELD     64
#define MOST_DEFICIT 20000 /* thousandths of lines */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* ---- rules ---- */

/* A rule as the one who wrote it means it. */
struct meant {
	int family; /* AF_UNSPEC: all */
	uint8_t net[16];
	unsigned long bits;
	bool allow;
	bool elsewhere; /* on an interface that none of ours is on */
};

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++) {
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static bool
is_v4(const uint8_t *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, prefix, 12) == 0;
}

static bool
means(const struct meant *m, const struct address *a)
{
	const uint8_t *bytes = a->in6.s6_addr;

	if (m->elsewhere)
		return false;
	if (m->family == AF_UNSPEC)
		return true;
	if (m->family == AF_INET)
		return is_v4(bytes) && same_bits(m->net, bytes + 12, m->bits);
	/* What is IPv4 is meant only by a network within ::ffff:0:0/96. */
	if (is_v4(bytes) && m->bits < 96)
		return false;
	return same_bits(m->net, bytes, m->bits);
}

/* What a rule means that acl_add() has taken. */
static void
understand(struct meant *m, char *text, bool allow)
{
	char *slash = strchr(text, '/'), *percent;

	memset(m, 0, sizeof(*m));
	m->allow = allow;
	if (strcmp(text, "all") == 0)
		return;
	if (slash != NULL)
		*slash = '\0';
	if ((percent = strchr(text, '%')) != NULL)
		*percent = '\0';
	m->elsewhere = percent != NULL;
	m->family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	FUZZ_CHECK(inet_pton(m->family, text, m->net) == 1,
	    "took %s for an address", text);
	m->bits = m->family == AF_INET ? 32 : 128;
	if (slash != NULL) {
		FUZZ_CHECK(slash[1] != '\0', "took an empty prefix length");
		FUZZ_CHECK(strtoul(slash + 1, NULL, 10) <= m->bits,
		    "took the prefix length %s", slash + 1);
		m->bits = strtoul(slash + 1, NULL, 10);
	}
}

static unsigned
read_rules(struct acl *acl, struct meant *meant, char *text)
{
	char *word, *rest = text;
	unsigned n = 0;

	while (n < MAX_RULES && (word = strsep(&rest, " \n")) != NULL) {
		if (word[0] != '+' && word[0] != '-')
			continue;
		if (acl_add(acl, word + 1, word[0] == '+') == NULL)
			understand(&meant[n++], word + 1, word[0] == '+');
	}
	return n;
}

static void
check_rules(const struct acl *acl, const struct meant *meant, unsigned n,
    const struct address *a)
{
	bool allowed = true;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (means(&meant[i], a)) {
			allowed = meant[i].allow;
			break;
		}
	}
	FUZZ_CHECK(acl_allows(acl, a) == allowed, "%s, by rule %u",
	    allowed ? "kept out" : "let in", i);
}

/* ---- hosts ---- */

/* The connections that are open, and the hosts that host.c says they are of. */
struct held {
	struct address address;
	struct host *host;
};

static bool
same_host(const struct address *a, const struct address *b)
{
	const uint8_t *x = a->in6.s6_addr, *y = b->in6.s6_addr;

	if (is_v4(x) || is_v4(y))
		return memcmp(x, y, 16) == 0;
	return memcmp(x, y, 8) == 0;
}

static void
check_held(const struct held *held, unsigned n)
{
	unsigned i, j, same;

	for (i = 0; i < n; i++) {
		for (j = same = 0; j < n; j++) {
			FUZZ_CHECK((held[i].host == held[j].host) ==
				same_host(&held[i].address, &held[j].address),
			    "hosts taken for one another");
			same += held[i].host == held[j].host;
		}
		FUZZ_CHECK(held[i].host->clients == same,
		    "%u connections, not %u", held[i].host->clients, same);
	}
}

/* Few hosts, so that they meet again. */
static void
make_address(struct fuzz_input *in, struct address *a)
{
	uint8_t kind = fuzz_byte(in), low = fuzz_byte(in);

	memset(a, 0, sizeof(*a));
	if ((kind & 1) != 0) {
		memset(a->in6.s6_addr + 10, 0xff, 2);
		a->in6.s6_addr[12] = 10;
		a->in6.s6_addr[14] = kind >> 4;
	} else {
		a->in6.s6_addr[0] = 0xfd;
		a->in6.s6_addr[7] = kind >> 4;
		a->in6.s6_addr[8] = kind & 2;
	}
	a->in6.s6_addr[15] = low;
}

static void
check_text(const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];
	uint8_t back[16];

	(void)address_text(a, text);
	if (is_v4(a->in6.s6_addr))
		FUZZ_CHECK(inet_pton(AF_INET, text, back) == 1 &&
			memcmp(back, a->in6.s6_addr + 12, 4) == 0,
		    "an address is written %s", text);
	else
		FUZZ_CHECK(inet_pton(AF_INET6, text, back) == 1 &&
			memcmp(back, a->in6.s6_addr, 16) == 0,
		    "an address is written %s", text);
}

static void
deal_with_host(struct held *held, unsigned *n, unsigned which, uint64_t now)
{
	struct held *h = &held[which / 8 % *n];
	uint32_t deficit;
	unsigned failures;

	if ((which & 2) != 0) {
		failures = host_fail(h->host, now);
		FUZZ_CHECK(failures > 0 &&
			host_failures(h->host, now) == failures &&
			host_failures(h->host, now + HOST_EXPIRY_MS) == 0,
		    "forgotten, or not");
		return;
	}
	if ((which & 4) != 0) {
		deficit = host_deficit(h->host, 5, now);
		host_raise_deficit(h->host, 1000 * (which >> 3), MOST_DEFICIT);
		FUZZ_CHECK(host_deficit(h->host, 5, now) >= deficit &&
			host_deficit(h->host, 5, now) <= MOST_DEFICIT,
		    "a deficit of %u, then %u", deficit, h->host->deficit);
	}
	host_leave(h->host, now);
	*h = held[--*n];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	static struct meant meant[MAX_RULES];
	struct acl acl = TAILQ_HEAD_INITIALIZER(acl);
	struct hosts hosts;
	struct held held[MAX_HELD];
	unsigned n = 0, nrules, which;
	uint64_t now = 0;
	struct address a;
	char *rules;

	rules = fuzz_string(&in);
	nrules = read_rules(&acl, meant, rules);
	hosts_init(&hosts);
	while (in.left > 0) {
		now += 100ULL * fuzz_byte(&in);
		which = fuzz_byte(&in);
		make_address(&in, &a);
		check_text(&a);
		check_rules(&acl, meant, nrules, &a);
		if ((which & 1) != 0 && n < MAX_HELD) {
			held[n].address = a;
			held[n].host = host_enter(&hosts, &a, now);
			n++;
		} else if (n > 0)
			deal_with_host(held, &n, which, now);
		FUZZ_CHECK(hosts.nidle <= HOSTS_IDLE_MAX, "too many");
		check_held(held, n);
	}
	while (n > 0)
		host_leave(held[--n].host, now);
	while (hosts.nidle > 0) {
		which = hosts.nidle;
		hosts_expire(&hosts, now + 2 * HOST_EXPIRY_MS);
		FUZZ_CHECK(hosts.nidle < which, "they never expire");
	}
	FUZZ_CHECK(RB_EMPTY(&hosts.tree),
	    "hosts are left that nobody is connected from");
	hosts_free(&hosts);
	acl_free(&acl);
	free(rules);
	return 0;
}
