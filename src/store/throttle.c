#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/base/network.h"
#include "banterd/base/text.h"
#include "banterd/store/throttle.h"

/* What was tried for a name from a host, or from a host for any name. */
struct tries {
	uint32_t key; /* of both names; finds it faster */
	unsigned n;
	uint64_t last; /* ms; 0: nothing is remembered */
	char name[NICK_MAX + 1];
	char host[ADDRESS_TEXT_SIZE];
	uint64_t at[THROTTLE_HOST_WRONG]; /* ms, the oldest first */
};

struct throttle {
	struct tries pairs[THROTTLE_PAIRS_MAX];
	struct tries hosts[THROTTLE_HOSTS_MAX];
};

struct throttle *
throttle_new(void)
{
	return calloc(1, sizeof(struct throttle));
}

void
throttle_free(struct throttle *t)
{
	free(t);
}

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* FNV-1a. */
static uint32_t
add_to_key(uint32_t key, const char *text)
{
	for (; *text != '\0'; text++)
		key = (key ^ lower(*text)) * 16777619U;
	return key * 16777619U;
}

static bool
is_of(const struct tries *e, uint32_t key, const char *name, const char *host)
{
	return e->last != 0 && e->key == key && strcmp(e->host, host) == 0 &&
	    strcasecmp(e->name, name) == 0;
}

/* What is remembered of them, or NULL with *oldest what to put in the place
 * of. */
static struct tries *
find(struct tries *table, size_t size, const char *name, const char *host,
    struct tries **oldest)
{
	uint32_t key = add_to_key(add_to_key(2166136261U, name), host);
	size_t i;

	*oldest = &table[0];
	for (i = 0; i < size; i++) {
		if (is_of(&table[i], key, name, host))
			return &table[i];
		if (table[i].last < (*oldest)->last)
			*oldest = &table[i];
	}
	return NULL;
}

static struct tries *
find_or_begin(
    struct tries *table, size_t size, const char *name, const char *host)
{
	struct tries *oldest, *e = find(table, size, name, host, &oldest);

	if (e != NULL)
		return e;
	memset(oldest, 0, sizeof(*oldest));
	oldest->key = add_to_key(add_to_key(2166136261U, name), host);
	strlcpy(oldest->name, name, sizeof(oldest->name));
	strlcpy(oldest->host, host, sizeof(oldest->host));
	return oldest;
}

/* Forgets those of more than a minute ago. */
static void
expire(struct tries *e, uint64_t now)
{
	unsigned over = 0;

	while (over < e->n && now - e->at[over] >= THROTTLE_WINDOW_MS)
		over++;
	e->n -= over;
	memmove(e->at, e->at + over, e->n * sizeof(e->at[0]));
}

/* A host may have more than is counted, for names that had none. */
static void
add(struct tries *e, uint64_t now)
{
	if (e->n == THROTTLE_HOST_WRONG) {
		e->n--;
		memmove(e->at, e->at + 1, e->n * sizeof(e->at[0]));
	}
	e->at[e->n++] = now;
	e->last = now == 0 ? 1 : now;
}

bool
throttle_try(
    struct throttle *t, const char *name, const char *host, uint64_t now)
{
	struct tries *pair, *all, *oldest;

	pair = find(t->pairs, THROTTLE_PAIRS_MAX, name, host, &oldest);
	all = find(t->hosts, THROTTLE_HOSTS_MAX, "", host, &oldest);
	if (pair != NULL)
		expire(pair, now);
	if (all != NULL)
		expire(all, now);
	if (pair != NULL && pair->n >= THROTTLE_NAME_WRONG)
		return false;
	if (pair != NULL && pair->n > 0 && all != NULL &&
	    all->n >= THROTTLE_HOST_WRONG)
		return false;
	add(find_or_begin(t->pairs, THROTTLE_PAIRS_MAX, name, host), now);
	add(find_or_begin(t->hosts, THROTTLE_HOSTS_MAX, "", host), now);
	return true;
}

void
throttle_right(struct throttle *t, const char *name, const char *host)
{
	struct tries *e, *oldest;

	e = find(t->pairs, THROTTLE_PAIRS_MAX, name, host, &oldest);
	if (e != NULL && e->n > 0)
		e->n--;
	e = find(t->hosts, THROTTLE_HOSTS_MAX, "", host, &oldest);
	if (e != NULL && e->n > 0)
		e->n--;
}
