#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/chat/ban.h"
#include "banterd/chat/user.h"

void
bans_init(struct bans *bans)
{
	TAILQ_INIT(&bans->list);
	bans->n = 0;
}

static void
end(struct bans *bans, struct ban *ban)
{
	TAILQ_REMOVE(&bans->list, ban, next);
	bans->n--;
	free(ban);
}

/* They all hold equally long: the first is over before the others. */
static void
expire(struct bans *bans, uint64_t now)
{
	struct ban *ban, *next;

	TAILQ_FOREACH_SAFE(ban, &bans->list, next, next) {
		if (ban->until > now)
			break;
		end(bans, ban);
	}
}

void
bans_free(struct bans *bans)
{
	expire(bans, UINT64_MAX);
}

bool
bans_add(struct bans *bans, const struct user *u, const struct address *address,
    uint64_t now)
{
	struct ban *ban;

	expire(bans, now);
	if ((ban = calloc(1, sizeof(*ban))) == NULL)
		return false;
	if (bans->n == BANS_MAX)
		end(bans, TAILQ_FIRST(&bans->list));
	ban->until = now + BAN_MS;
	ban->id = u->id;
	strlcpy(ban->name, u->name, sizeof(ban->name));
	if (address != NULL) {
		ban->has_address = true;
		ban->address = *address;
	}
	TAILQ_INSERT_TAIL(&bans->list, ban, next);
	bans->n++;
	return true;
}

static bool
concerns(const struct ban *ban, const char *name, uint64_t id,
    const struct address *address)
{
	return ban->id == id || strcasecmp(ban->name, name) == 0 ||
	    (address != NULL && ban->has_address &&
		address_same(&ban->address, address));
}

uint64_t
bans_left(struct bans *bans, const struct user *u,
    const struct address *address, uint64_t now)
{
	const struct ban *ban;
	uint64_t left = 0;

	expire(bans, now);
	TAILQ_FOREACH(ban, &bans->list, next) {
		if (concerns(ban, u->name, u->id, address))
			left = ban->until - now;
	}
	return left;
}

uint64_t
bans_lift(struct bans *bans, const char *name, const struct user *u,
    const struct address *address, uint64_t now)
{
	uint64_t id = u != NULL ? u->id : 0, lifted = 0;
	struct ban *ban, *next;

	expire(bans, now);
	TAILQ_FOREACH_SAFE(ban, &bans->list, next, next) {
		if (!concerns(ban, name, id, address))
			continue;
		lifted = ban->id;
		end(bans, ban);
	}
	return lifted;
}
