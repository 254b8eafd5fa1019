#include <stdbool.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/chat/room.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"

static char *
skip_blanks(char *s)
{
	return s + strspn(s, " \t");
}

char *
next_word(char **rest)
{
	char *word = skip_blanks(*rest), *end;

	end = word + strcspn(word, " \t");
	if (*end != '\0')
		*end++ = '\0';
	*rest = skip_blanks(end);
	return word;
}

bool
with_hash(const char *word, char *buf)
{
	size_t n;

	n = strlcpy(buf, word[0] == '#' ? "" : "#", ROOM_MAX + 1);
	n += strlcpy(buf + n, word, ROOM_MAX + 1 - n);
	return n <= ROOM_MAX;
}

const char *
room_name(struct client *c, const char *word, char *buf)
{
	if (with_hash(word, buf) && text_is_room(buf))
		return buf;
	client_tell(c,
	    "! %s is not a room's name: # and 1-32 letters, digits, _ - .",
	    word);
	return NULL;
}

struct room *
room_called(struct client *c, const char *word)
{
	char buf[ROOM_MAX + 1];
	const char *name;
	struct room *room;

	if ((name = room_name(c, word, buf)) == NULL)
		return NULL;
	room = room_find(c->ctx->registry, name);
	if (room != NULL && room_shows_to(room, &c->user))
		return room;
	client_tell(c, "! There is no room %s; /rooms lists them.", name);
	return NULL;
}

struct user *
user_called(struct client *c, const char *name)
{
	struct user *u = user_find(c->ctx->registry, name);

	if (u == NULL)
		client_tell(c, "! Nobody here is called %s.", name);
	return u;
}

struct user *
user_known_as(struct client *c, const char *name)
{
	struct registry *reg = c->ctx->registry;
	struct user *u = user_find(reg, name), *writer;

	if (u == NULL && c->user.current != NULL)
		u = room_speaker(reg, c->user.current, name);
	if (u != NULL)
		return u;
	if ((writer = user_by_id(reg, c->user.reply_to)) != NULL)
		client_tell(c,
		    "! Nobody here is called %s; who last wrote to you is %s now.",
		    name, writer->name);
	else
		(void)user_called(c, name);
	return NULL;
}

struct room *
current_room(struct client *c)
{
	if (c->user.current == NULL)
		client_tell(
		    c, "! You are in no room; /join ROOM to enter one.");
	return c->user.current;
}

bool
is_operator(const struct client *c)
{
	return c->user.owner != 0 &&
	    config_is_operator(c->ctx->conf, c->user.name) &&
	    names_is_by_admin(&c->ctx->registry->names, c->user.name);
}

void
tell_not_in(struct client *c, const char *room)
{
	client_tell(c, "! You are not in %s.", room);
}

void
tell_no_memory(struct client *c)
{
	client_tell(c, CLIENT_NO_MEMORY);
}

void
tell_kept_out(struct client *c, struct room *room, const char *what)
{
	struct registry *reg = c->ctx->registry;
	const struct ban *ban = room_ban_on(reg, room, &c->user);

	client_tell(c,
	    "! %s kicked from %s, which is closed to you for %u min, or until you are invited.%s",
	    ban_is_by_address(ban, &c->user) ? "Somebody at your address was" :
					       "You were",
	    room->name, (unsigned)((ban->until - reg->now + 59999) / 60000),
	    what);
}

void
say(struct client *c, const char *text, bool action)
{
	struct room *room;

	if ((room = current_room(c)) != NULL)
		(void)room_say(c->ctx->registry, &c->user, room, text, action);
}
