#include <sys/param.h>

#include "banterd/chat/room.h"
#include "banterd/net/conn.h"
#include "banterd/session/client.h"
#include "banterd/session/command.h"
#include "banterd/session/pace.h"

/* Whether some member's send queue is so full that what is said next may have
 * to be skipped. */
static bool
has_pressed_member(const struct session_context *ctx, const struct room *room)
{
	const struct client *c;
	uint32_t i;

	for (i = 0; i < room->nmembers; i++) {
		c = client_of_user(room->members[i]);
		if (fanout_is_pressed(ctx->fanout, &c->out))
			return true;
	}
	return false;
}

/* Readers who take nothing, or nearly nothing, are not waited for any longer
 * than the room's patience: then they are full, and no reason to wait. */
static bool
is_waiting_room(struct session_context *ctx, struct room *room)
{
	uint64_t now = session_now(ctx);

	if (room->nmembers > EVENT_FEW && fanout_is_congested(ctx->fanout))
		return true;
	if (!has_pressed_member(ctx, room)) {
		room->waits_since = 0;
		return false;
	}
	if (room->waits_since == 0)
		room->waits_since = now;
	return now - room->waits_since < PACE_PATIENCE_MS;
}

/* One may speak to a room that one is not in; but not to each. */
static bool
is_waiting_target(const struct client *c, const char *text)
{
	struct registry *reg = c->ctx->registry;
	char name[ROOM_MAX + 1];
	struct room *room;

	return command_names_room(text, name) &&
	    (room = room_find(reg, name)) != NULL &&
	    room_shows_to(room, &c->user) &&
	    room_keeps_out(reg, room, &c->user) == 0 &&
	    is_waiting_room(c->ctx, room);
}

bool
pace_must_wait(struct client *c, const char *text)
{
	struct session_context *ctx = c->ctx;
	const struct fanout *f = ctx->fanout;
	uint16_t i;

	/* Nearly always nobody can be pressed, and nothing is congested. */
	if (ctx->conns->nbacklogs == 0 &&
	    f->used < MIN(FANOUT_CONGESTED, f->limit / 2))
		return false;
	if (ctx->stopping || c->state != CLIENT_CHAT ||
	    !command_tells_rooms(text))
		return false;
	for (i = 0; i < c->user.nrooms; i++) {
		if (is_waiting_room(ctx, c->user.rooms[i].room))
			return true;
	}
	return is_waiting_target(c, text);
}
