#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "banterd/chat/names.h"

static int
registered_cmp(struct registered *a, struct registered *b)
{
	return strcasecmp(a->name, b->name);
}

RB_GENERATE(registered_tree, registered, entry, registered_cmp)

void
names_init(struct names *names)
{
	RB_INIT(&names->tree);
	names->n = 0;
}

static void
remove_one(struct names *names, struct registered *r)
{
	RB_REMOVE(registered_tree, &names->tree, r);
	names->n--;
	free(r);
}

void
names_free(struct names *names)
{
	struct registered *r, *next;

	RB_FOREACH_SAFE(r, registered_tree, &names->tree, next)
		remove_one(names, r);
}

static struct registered *
find(const struct names *names, const char *name)
{
	struct registered *r = RB_ROOT(&names->tree);
	int order;

	while (r != NULL && (order = strcasecmp(name, r->name)) != 0)
		r = order < 0 ? RB_LEFT(r, entry) : RB_RIGHT(r, entry);
	return r;
}

uint64_t
names_owner(const struct names *names, const char *name)
{
	const struct registered *r = find(names, name);

	return r != NULL ? r->owner : 0;
}

bool
names_is_by_admin(const struct names *names, const char *name)
{
	const struct registered *r = find(names, name);

	return r != NULL && r->by_admin;
}

bool
names_put(struct names *names, const char *name, uint64_t owner, bool by_admin)
{
	struct registered *r = find(names, name);
	size_t size = strlen(name) + 1;

	if (r == NULL) {
		if ((r = malloc(sizeof(*r) + size)) == NULL)
			return false;
		memcpy(r->name, name, size);
		RB_INSERT(registered_tree, &names->tree, r);
		names->n++;
	}
	memcpy(r->name, name, size); /* in its new spelling */
	r->owner = owner;
	r->is_listed = true;
	r->by_admin = by_admin;
	/* The tree has it (RB_INSERT).
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	return true;
}

bool
names_remove(struct names *names, const char *name, uint64_t owner)
{
	struct registered *r = find(names, name);

	if (r == NULL || r->owner != owner)
		return false;
	remove_one(names, r);
	return true;
}

void
names_begin_list(struct names *names)
{
	struct registered *r;

	RB_FOREACH(r, registered_tree, &names->tree)
		r->is_listed = false;
}

void
names_end_list(struct names *names, names_gone *gone, void *arg)
{
	struct registered *r, *next;

	RB_FOREACH_SAFE(r, registered_tree, &names->tree, next) {
		if (r->is_listed)
			continue;
		if (gone != NULL)
			gone(arg, r);
		remove_one(names, r);
	}
}
