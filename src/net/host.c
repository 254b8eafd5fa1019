#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include "banterd/net/host.h"

#define HOST_BITS_V6 64
#define EXPIRED      2 /* forgotten for each that comes or goes */

static int
host_cmp(struct host *a, struct host *b)
{
	int cmp = memcmp(&a->net, &b->net, sizeof(a->net));

	return cmp != 0 ? cmp : (a->scope > b->scope) - (a->scope < b->scope);
}

RB_PROTOTYPE(host_tree, host, by_net, host_cmp)
RB_GENERATE(host_tree, host, by_net, host_cmp)

void
hosts_init(struct hosts *hosts)
{
	RB_INIT(&hosts->tree);
	TAILQ_INIT(&hosts->spent);
	TAILQ_INIT(&hosts->failed);
	hosts->nidle = 0;
}

void
hosts_free(struct hosts *hosts)
{
	struct host *host;

	while ((host = RB_ROOT(&hosts->tree)) != NULL) {
		RB_REMOVE(host_tree, &hosts->tree, host);
		free(host);
	}
	hosts_init(hosts);
}

/* All hosts of a link have link-local addresses of one network, so each is a
 * host by itself. */
static void
set_net(struct host *host, const struct address *a)
{
	bool whole = address_is_v4(a) || address_is_link_local(a);

	host->net = address_network(a, whole ? 128 : HOST_BITS_V6);
	host->scope = a->scope;
}

/* ---- those who are gone ---- */

/* Which list one is in does not change while it is in it. */
static struct host_list *
list_of(struct host *host)
{
	return host->failures > 0 ? &host->hosts->failed : &host->hosts->spent;
}

static bool
has_expired(const struct host *host, uint64_t now)
{
	return (host->failures == 0 || now >= host->expiry) &&
	    (host->deficit == 0 || now - host->deficit_at >= HOST_EXPIRY_MS);
}

static void
forget(struct host *host)
{
	RB_REMOVE(host_tree, &host->hosts->tree, host);
	free(host);
}

static void
end_idle(struct host *host)
{
	TAILQ_REMOVE(list_of(host), host, idle);
	host->hosts->nidle--;
}

static void
forget_idle(struct host *host)
{
	end_idle(host);
	forget(host);
}

static void
expire(struct host_list *list, uint64_t now)
{
	struct host *host, *next;
	int i = 0;

	TAILQ_FOREACH_SAFE(host, list, idle, next) {
		if (i++ == EXPIRED || !has_expired(host, now))
			break;
		forget_idle(host);
	}
}

void
hosts_expire(struct hosts *hosts, uint64_t now)
{
	expire(&hosts->spent, now);
	expire(&hosts->failed, now);
}

/* If nothing holds it any more, it is forgotten, at once or later. */
static void
release(struct host *host, uint64_t now)
{
	struct hosts *hosts = host->hosts;

	if (host->clients > 0 || host->rooms > 0)
		return;
	if (has_expired(host, now)) {
		forget(host);
		return;
	}
	TAILQ_INSERT_TAIL(list_of(host), host, idle);
	if (++hosts->nidle <= HOSTS_IDLE_MAX)
		return;
	if ((host = TAILQ_FIRST(&hosts->spent)) == NULL)
		host = TAILQ_FIRST(&hosts->failed);
	forget_idle(host);
}

/* ---- connections ---- */

struct host *
host_enter(struct hosts *hosts, const struct address *a, uint64_t now)
{
	struct host key = { .clients = 0 }, *host;

	hosts_expire(hosts, now);
	set_net(&key, a);
	host = RB_FIND(host_tree, &hosts->tree, &key);
	if (host == NULL) {
		if ((host = calloc(1, sizeof(*host))) == NULL)
			return NULL;
		host->hosts = hosts;
		host->net = key.net;
		host->scope = key.scope;
		RB_INSERT(host_tree, &hosts->tree, host);
	} else if (host->clients == 0) {
		if (host->rooms == 0)
			end_idle(host);
		if (has_expired(host, now))
			host->failures = host->deficit = 0;
	}
	host->clients++;
	return host;
}

void
host_leave(struct host *host, uint64_t now)
{
	struct hosts *hosts = host->hosts;

	host->clients--;
	release(host, now);
	hosts_expire(hosts, now);
}

/* ---- failures, deficits, rooms ---- */

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

bool
host_take_room(struct host *host)
{
	if (host->rooms >= HOST_ROOMS_MAX)
		return false;
	host->rooms++;
	return true;
}

void
host_give_room_back(struct host *host, uint64_t now)
{
	host->rooms--;
	release(host, now);
}
