#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/chat/ban.h"
#include "banterd/chat/user.h"

void
bans_init(struct bans *bans)
{
	memset(bans, 0, sizeof(*bans));
	TAILQ_INIT(&bans->list);
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
	id_set_clear(&bans->invited);
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
	id_set_remove(&bans->invited, u->id);
	return true;
}

bool
bans_return(struct bans *bans, const struct ban *returned)
{
	struct ban *ban;

	if ((ban = malloc(sizeof(*ban))) == NULL)
		return false;
	*ban = *returned;
	TAILQ_INSERT_TAIL(&bans->list, ban, next);
	bans->n++;
	return true;
}

bool
ban_is_by_address(const struct ban *ban, const struct user *u)
{
	return ban->id != u->id && strcasecmp(ban->name, u->name) != 0;
}

static bool
concerns(
    const struct ban *ban, const struct user *u, const struct address *address)
{
	return !ban_is_by_address(ban, u) ||
	    (address != NULL && ban->has_address &&
		address_same(&ban->address, address));
}

/* The last of them holds longest. */
const struct ban *
bans_find(struct bans *bans, const struct user *u,
    const struct address *address, uint64_t now)
{
	const struct ban *ban;

	expire(bans, now);
	if (id_set_has(&bans->invited, u->id))
		return NULL;
	TAILQ_FOREACH_REVERSE(ban, &bans->list, ban_list, next)
	{
		if (concerns(ban, u, address))
			return ban;
	}
	return NULL;
}

uint64_t
bans_lift(struct registry *reg, struct bans *bans, const char *name,
    const struct user *u, uint64_t now)
{
	uint64_t id = u != NULL ? u->id : 0;
	struct ban *ban, *next;

	expire(bans, now);
	TAILQ_FOREACH_SAFE(ban, &bans->list, next, next) {
		if (u != NULL && ban->id == u->id)
			end(bans, ban);
		else if (strcasecmp(ban->name, name) != 0)
			continue;
		else if (u != NULL)
			ban->name[0] = '\0';
		else {
			id = ban->id;
			end(bans, ban);
		}
	}
	if (u != NULL && !id_set_add(reg, &bans->invited, id))
		return 0;
	return id;
}
