#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include "banterd/base/record.h"
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
	memset(hosts, 0, sizeof(*hosts));
	RB_INIT(&hosts->tree);
	TAILQ_INIT(&hosts->spent);
	TAILQ_INIT(&hosts->failed);
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
tell_changed(const struct host *host, bool forgotten)
{
	const struct hosts *hosts = host->hosts;

	if (hosts->changed != NULL)
		hosts->changed(hosts->owner, host, forgotten);
}

static void
forget(struct host *host)
{
	tell_changed(host, true);
	RB_REMOVE(host_tree, &host->hosts->tree, host);
	free(host);
}

static void
end_idle(struct host *host)
{
	TAILQ_REMOVE(list_of(host), host, idle);
	host->is_idle = false;
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
	host->is_idle = true;
	if (++hosts->nidle <= HOSTS_IDLE_MAX)
		return;
	if ((host = TAILQ_FIRST(&hosts->spent)) == NULL)
		host = TAILQ_FIRST(&hosts->failed);
	forget_idle(host);
}

/* ---- connections ---- */

struct host *
host_find_or_make(struct hosts *hosts, const struct address *a)
{
	struct host key = { .clients = 0 }, *host;

	set_net(&key, a);
	host = RB_FIND(host_tree, &hosts->tree, &key);
	if (host != NULL || (host = calloc(1, sizeof(*host))) == NULL)
		return host;
	host->hosts = hosts;
	host->net = key.net;
	host->scope = key.scope;
	RB_INSERT(host_tree, &hosts->tree, host);
	return host;
}

struct host *
host_enter(struct hosts *hosts, const struct address *a, uint64_t now)
{
	struct host *host;

	hosts_expire(hosts, now);
	if ((host = host_find_or_make(hosts, a)) == NULL)
		return NULL;
	if (host->is_idle)
		end_idle(host);
	if (host->clients == 0 && has_expired(host, now))
		host->failures = host->deficit = 0;
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
	tell_changed(host, false);
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
	if (host->deficit > 0)
		tell_changed(host, false);
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

/* ---- what outlives the process ---- */

void
host_export_address(const struct host *host, struct record *r)
{
	const struct address a = { .in6 = host->net, .scope = host->scope };

	address_export(&a, r);
}

void
host_export(const struct host *host, struct record *r)
{
	host_export_address(host, r);
	record_put_u32(r, host->failures);
	record_put_u64(r, host->expiry);
	record_put_u32(r, host->deficit);
	record_put_u64(r, host->deficit_at);
}

bool
host_import(struct hosts *hosts, struct record_reader *r)
{
	struct address a;
	struct host *host;

	address_import(&a, r);
	if (r->failed || (host = host_find_or_make(hosts, &a)) == NULL)
		return false;
	host->failures = record_get_u32(r);
	host->expiry = record_get_u64(r);
	host->deficit = record_get_u32(r);
	host->deficit_at = record_get_u64(r);
	/* The tree has it (RB_INSERT).
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	return record_is_whole(r);
}

void
hosts_import_finish(struct hosts *hosts, uint64_t now)
{
	struct host *host = RB_MIN(host_tree, &hosts->tree), at;

	/* To release one may be to forget any: the next is looked for. */
	while (host != NULL) {
		at = *host;
		if (!host->is_idle)
			release(host, now);
		host = RB_NFIND(host_tree, &hosts->tree, &at);
		if (host != NULL && host_cmp(host, &at) == 0)
			host = RB_NEXT(host_tree, &hosts->tree, host);
	}
}

void
hosts_tell_all(struct hosts *hosts)
{
	struct host *host;

	RB_FOREACH(host, host_tree, &hosts->tree) {
		if (host->failures > 0 || host->deficit > 0)
			tell_changed(host, false);
	}
}
