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
	if ((room = room_find(c->ctx->registry, name)) == NULL)
		client_tell(
		    c, "! There is no room %s; /rooms lists them.", name);
	return room;
}

struct user *
user_called(struct client *c, const char *name)
{
	struct user *u = user_find(c->ctx->registry, name);

	if (u == NULL)
		client_tell(c, "! Nobody here is called %s.", name);
	return u;
}

struct room *
current_room(struct client *c)
{
	if (c->user.current == NULL)
		client_tell(
		    c, "! You are in no room; /join ROOM to enter one.");
	return c->user.current;
}

void
tell_no_memory(struct client *c)
{
	client_tell(c, CLIENT_NO_MEMORY);
}

void
say(struct client *c, const char *text, bool action)
{
	struct room *room;

	if ((room = current_room(c)) != NULL)
		room_say(c->ctx->registry, &c->user, room, text, action);
}
