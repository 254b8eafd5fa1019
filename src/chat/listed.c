#include <string.h>

#include "banterd/chat/listed.h"
#include "banterd/chat/room.h"
#include "banterd/config/config.h"

static void
tell_public(struct registry *reg, const struct room *room)
{
	struct chat_event ev = registry_event(reg, EVENT_PUBLIC_ROOM);

	ev.room = room->name;
	reg->ops->deliver(room->op, &ev);
}

static struct room *
make_permanent(struct registry *reg, const char *name)
{
	struct room *room = room_find(reg, name);

	if (room == NULL && (room = room_make(reg, name)) == NULL)
		return NULL;
	room->permanent = true;
	room_disown(reg, room);
	if (room->op != NULL)
		tell_public(reg, room);
	room->op = NULL;
	room_changed(reg, room, CHANGED_ROOM);
	return room;
}

/* A room that the configuration no longer has lives while people are in it. */
static void
make_ordinary(struct registry *reg, struct room *room)
{
	if (room_is_over(room))
		room_free(reg, room);
	else
		room_set_op(reg, room, room->members[0]);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The key is the file's.  So is the topic when it is another one there than at
 * the last reading; in between people may set theirs. */
static bool
take_over(struct room *room, const struct config_room *listed)
{
	room->listed = true;
	if (!room_replace(&room->key, listed->key))
		return false;
	return same_text(room->listed_topic, listed->topic) ||
	    (room_replace(&room->topic, listed->topic) &&
		room_replace(&room->listed_topic, listed->topic));
}

/* Its key stays, for what was said there was for those who have it. */
static void
no_longer_listed(struct room *room)
{
	(void)room_replace(&room->listed_topic, NULL);
}

bool
listed_configure(struct registry *reg, const struct config *conf)
{
	const struct config_room *listed;
	struct room *room, *next;
	bool ok = true;

	reg->limits.max_rooms = conf->max_rooms;
	reg->limits.max_joined = conf->max_joined;
	reg->limits.history = conf->history;
	/* Mark: what is still permanent afterwards was listed. */
	RB_FOREACH(room, room_tree, &reg->rooms) {
		room->was_permanent = room->permanent;
		room->permanent = room->listed = false;
	}
	if (conf->default_room != NULL)
		ok = make_permanent(reg, conf->default_room) != NULL;
	TAILQ_FOREACH(listed, &conf->rooms, next) {
		room = make_permanent(reg, listed->name);
		if (room == NULL || !take_over(room, listed))
			ok = false;
	}
	RB_FOREACH_SAFE(room, room_tree, &reg->rooms, next) {
		history_trim(&room->history, conf->history);
		if (room->was_permanent && !room->listed)
			no_longer_listed(room);
		if (room->was_permanent && !room->permanent) {
			room_changed(reg, room, CHANGED_ROOM);
			make_ordinary(reg, room);
		}
	}
	return ok;
}
