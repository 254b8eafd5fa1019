#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include "banterd/base/deadline.h"
#include "banterd/net/host.h"

#define HOST_BITS_V6 64

static int
host_cmp(struct host *a, struct host *b)
{
	return memcmp(&a->net, &b->net, sizeof(a->net));
}

RB_PROTOTYPE(host_tree, host, by_net, host_cmp)
RB_GENERATE(host_tree, host, by_net, host_cmp)

void
hosts_init(struct hosts *hosts)
{
	RB_INIT(&hosts->tree);
	TAILQ_INIT(&hosts->idle);
}

void
hosts_free(struct hosts *hosts)
{
	struct host *host;

	while ((host = RB_ROOT(&hosts->tree)) != NULL) {
		RB_REMOVE(host_tree, &hosts->tree, host);
		free(host);
	}
	TAILQ_INIT(&hosts->idle);
}

/* 0.0.0.0 is nobody's address: it stands for this machine. */
static struct in6_addr
net_of_host(const struct address *a)
{
	static const struct in6_addr here = {
		{ { [10] = 0xff, [11] = 0xff } }
	};

	if (a == NULL)
		return here;
	return address_network(a, address_is_v4(a) ? 128 : HOST_BITS_V6);
}

struct host *
host_enter(struct hosts *hosts, const struct address *a)
{
	struct host key = { .net = net_of_host(a) }, *host;

	host = RB_FIND(host_tree, &hosts->tree, &key);
	if (host == NULL) {
		if ((host = calloc(1, sizeof(*host))) == NULL)
			return NULL;
		host->net = key.net;
		RB_INSERT(host_tree, &hosts->tree, host);
	} else if (host->clients == 0)
		TAILQ_REMOVE(&hosts->idle, host, idle);
	host->clients++;
	return host;
}

uint64_t
host_leave(struct hosts *hosts, struct host *host, uint64_t now)
{
	if (--host->clients > 0)
		return NEVER;
	if (host->failures > 0 || host->deficit > 0) {
		TAILQ_INSERT_TAIL(&hosts->idle, host, idle);
		return now + HOST_TICK_MS;
	}
	RB_REMOVE(host_tree, &hosts->tree, host);
	free(host);
	return NEVER;
}

unsigned
host_failures(const struct host *host, uint64_t now)
{
	return now < host->expiry ? host->failures : 0;
}

unsigned
host_fail(struct host *host, uint64_t now)
{
	host->failures = host_failures(host, now) + 1;
	host->expiry = now + HOST_EXPIRY_MS;
	return host->failures;
}

uint32_t
host_deficit(struct host *host, unsigned per_second, uint64_t now)
{
	uint64_t paid = (now - host->deficit_at) * per_second;

	host->deficit = paid < host->deficit ? host->deficit - (uint32_t)paid :
					       0;
	host->deficit_at = now;
	return host->deficit;
}

void
host_raise_deficit(struct host *host, uint32_t deficit, uint32_t most)
{
	host->deficit = MIN(MAX(deficit, host->deficit), most);
}

/* A deficit is a burst at most; a minute pays for it, or is punishment enough.
 */
uint64_t
hosts_tick(struct hosts *hosts, uint64_t now)
{
	struct host *host, *next;

	TAILQ_FOREACH_SAFE(host, &hosts->idle, idle, next) {
		if ((host->failures > 0 && now < host->expiry) ||
		    (host->deficit > 0 &&
			now - host->deficit_at < HOST_EXPIRY_MS))
			continue;
		TAILQ_REMOVE(&hosts->idle, host, idle);
		RB_REMOVE(host_tree, &hosts->tree, host);
		free(host);
	}
	return TAILQ_EMPTY(&hosts->idle) ? NEVER : now + HOST_TICK_MS;
}
