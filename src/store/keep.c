#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/base/store_message.h"
#include "banterd/store/file.h"
#include "banterd/store/keep.h"
#include "banterd/store/lines.h"

#define LOOKED_AT 32 /* rooms in a step */

void
keep_say(struct keep *k, uint32_t keep, uint64_t now)
{
	k->all = keep;
	k->n = 0;
	k->is_said = true;
	k->begins_at = now + KEEP_BEGINS_S * UINT64_C(1000);
	k->room[0] = '\0';
}

static struct keep_room *
find(const struct keep *k, const char *room)
{
	size_t i;

	for (i = 0; i < k->n; i++) {
		if (strcasecmp(k->rooms[i].room, room) == 0)
			return &k->rooms[i];
	}
	return NULL;
}

bool
keep_say_room(struct keep *k, const char *room, uint32_t keep)
{
	struct keep_room *larger, *r = find(k, room);

	if (r == NULL && k->n == k->size) {
		k->size = k->size > 0 ? 2 * k->size : 16;
		if (k->size > (size_t)2 * KEEP_ROOMS_MAX)
			return false;
		larger = reallocarray(k->rooms, k->size, sizeof(*larger));
		if (larger == NULL)
			return false;
		k->rooms = larger;
	}
	if (r == NULL)
		r = &k->rooms[k->n++];
	strlcpy(r->room, room, sizeof(r->room));
	r->keep = keep;
	return true;
}

uint32_t
keep_of(const struct keep *k, const char *room)
{
	const struct keep_room *r = find(k, room);

	return r != NULL ? r->keep : k->all;
}

/* The time (s) before which a room's lines have expired; 0: none have. */
static uint64_t
expires(const struct keep *k, const char *room, uint64_t time)
{
	uint32_t keep = keep_of(k, room);

	if (keep == STORE_KEEP_NONE)
		return UINT64_MAX;
	return keep == STORE_KEEP_ALL || keep > time ? 0 : time - keep;
}

/* Returns 1 if it was all of this room, 0 if not, -1 after a failure. */
static int
remove_some(struct keep *k, struct file *f, uint64_t time)
{
	uint64_t before = expires(k, k->room, time);
	unsigned removed;
	bool any;

	if (before == 0)
		return 1;
	if (!lines_any_before(f, k->room, before, &any))
		return -1;
	if (!any)
		return 1;
	if (!file_begin(f) ||
	    !lines_remove_before(f, k->room, before, KEEP_LINES, &removed))
		return -1;
	return removed < KEEP_LINES;
}

uint64_t
keep_step(struct keep *k, struct file *f, uint64_t time, uint64_t now)
{
	char room[ROOM_MAX + 1];
	unsigned i;
	int step;

	if (!k->is_said)
		return KEEP_PASS_MS;
	if (k->step_at < k->begins_at)
		k->step_at = k->begins_at;
	if (now < k->step_at)
		return k->step_at - now;
	for (i = 0; i < LOOKED_AT; i++) {
		step = k->room[0] == '\0' ? 1 : remove_some(k, f, time);
		if (step == 0)
			break;
		room[0] = '\0';
		if (step == 1)
			(void)lines_next_room(f, k->room, room);
		memcpy(k->room, room, sizeof(k->room));
		if (room[0] == '\0') /* it failed, or that was all */
			break;
	}
	k->step_at = now + (k->room[0] == '\0' ? KEEP_PASS_MS : KEEP_STEP_MS);
	return k->step_at - now;
}

void
keep_free(struct keep *k)
{
	free(k->rooms);
	memset(k, 0, sizeof(*k));
}
