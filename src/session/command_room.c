/* Commands that deal with rooms. */
#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/chat/member.h"
#include "banterd/net/host.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"
#include "banterd/session/words.h"

#define TOPIC_SHOWN 80 /* bytes of each topic in /rooms */

void
tell_joined(struct client *c, const struct room *room)
{
	char names[ROOM_NAMES_SIZE], more[32] = "";
	uint32_t left = room_names(room, &c->user, 0, names, sizeof(names));

	if (left > 0)
		snprintf(more, sizeof(more), " and %u more", left);
	client_tell(c, "* You are in %s (%u here: %s%s).%s%s%s", room->name,
	    room->nmembers, names, more, room->topic != NULL ? " Topic: " : "",
	    room->topic != NULL ? room->topic : "",
	    room->topic != NULL ? "." : "");
}

static void
answer_not_joined(struct client *c, const char *name, enum chat_error error)
{
	const struct config *conf = c->ctx->conf;

	switch (error) {
	case CHAT_TOO_MANY_ROOMS:
		client_tell(c,
		    "! There are too many rooms (limit %u); %s was not made.",
		    conf->max_rooms, name);
		break;
	case CHAT_TOO_MANY_MADE:
		client_tell(c,
		    "! Your address has made too many rooms (limit %d); %s was not made.",
		    HOST_ROOMS_MAX, name);
		break;
	case CHAT_TOO_MANY_JOINED:
		client_tell(c,
		    "! You are in too many rooms (limit %u); /leave one first.",
		    conf->max_joined);
		break;
	case CHAT_KICKED:
		tell_kept_out(c, room_find(c->ctx->registry, name), "");
		break;
	case CHAT_WRONG_KEY:
		client_tell(
		    c, "! %s needs the right key: /join %s KEY", name, name);
		break;
	default:
		tell_no_memory(c);
		break;
	}
}

void
cmd_join(struct client *c, char *args)
{
	struct registry *reg = c->ctx->registry;
	const char *word = next_word(&args), *key = next_word(&args), *name;
	const struct room *room;
	char buf[ROOM_MAX + 1];
	enum chat_error error;
	bool was_there, made;

	if (*args != '\0') {
		client_tell(c,
		    "! /join takes a room and a key without blanks: /join ROOM [KEY]");
		return;
	}
	if ((name = room_name(c, word, buf)) == NULL)
		return;
	room = room_find(reg, name);
	made = room == NULL;
	was_there = !made && room_has(room, &c->user);
	error = member_join(reg, &c->user, name, *key == '\0' ? NULL : key);
	if (error != CHAT_OK) {
		answer_not_joined(c, name, error);
		if (error == CHAT_WRONG_KEY && *key != '\0')
			client_wrong_key(c, name);
		return;
	}
	room = c->user.current;
	tell_joined(c, room);
	if (made && room->key != NULL)
		client_tell(
		    c, "* Others need that key to join %s.", room->name);
	else if (*key != '\0' && room->key == NULL)
		client_tell(
		    c, "* %s has no key: anybody can join it.", room->name);
	if (!was_there)
		room_replay(reg, room, &c->user, c->ctx->conf->history);
}

/* The room that the first word of /leave names, if there is one for c. */
static struct room *
room_named_first(struct client *c, const char *args)
{
	size_t len = strcspn(args, " \t");
	char word[ROOM_MAX + 1], buf[ROOM_MAX + 1];
	struct room *room;

	if (len == 0 || len >= sizeof(word))
		return NULL;
	strlcpy(word, args, len + 1);
	if (!with_hash(word, buf))
		return NULL;
	room = room_find(c->ctx->registry, buf);
	return room != NULL && room_shows_to(room, &c->user) ? room : NULL;
}

/*
 * The room to leave: a first word that begins with '#' or names a room, and is
 * taken off *args; else the current room.  NULL after telling c that it is not
 * there.
 */
static struct room *
room_to_leave(struct client *c, char **args)
{
	struct room *room = room_named_first(c, *args);
	const char *word;

	if (room == NULL && **args != '#')
		return current_room(c);
	word = next_word(args);
	if (room != NULL && room_has(room, &c->user))
		return room;
	tell_not_in(c, room != NULL ? room->name : word);
	return NULL;
}

void
cmd_leave(struct client *c, char *args)
{
	char name[ROOM_MAX + 1];
	struct room *room;

	if ((room = room_to_leave(c, &args)) == NULL)
		return;
	strlcpy(name, room->name, sizeof(name));
	member_leave(
	    c->ctx->registry, &c->user, room, *args == '\0' ? NULL : args);
	if (c->user.current != NULL)
		client_tell(c, "* You left %s. You are in %s now.", name,
		    c->user.current->name);
	else
		client_tell(c,
		    "* You left %s. You are in no room now; /join ROOM to enter one.",
		    name);
}

static void
tell_page(struct client *c, const struct room *room, unsigned page)
{
	char names[ROOM_NAMES_SIZE], more[ROOM_MAX + 48] = "";
	uint32_t left = room_names(
	    room, NULL, (page - 1) * ROOM_NAMES_SHOWN, names, sizeof(names));

	if (left > 0)
		snprintf(more, sizeof(more), " and %u more: /who %s %u", left,
		    room->name, page + 1);
	client_tell(c, "* %s (%u)%s%s%s", room->name, room->nmembers,
	    room->nmembers > 0 ? ": " : "", names, more);
}

void
cmd_who(struct client *c, char *args)
{
	const char *name = next_word(&args), *word = next_word(&args);
	const char *errstr = NULL;
	struct room *room;
	unsigned page = 1, pages;

	room = *name == '\0' ? current_room(c) : room_called(c, name);
	if (room == NULL)
		return;
	pages = room->nmembers <= ROOM_NAMES_SHOWN ?
	    1 :
	    (room->nmembers - 1) / ROOM_NAMES_SHOWN + 1;
	if (*word != '\0')
		page = (unsigned)strtonum(word, 1, pages, &errstr);
	if (errstr == NULL)
		tell_page(c, room, page);
	else
		client_tell(c,
		    "! %s is no page of /who %s: a number from 1 to %u.", word,
		    room->name, pages);
}

static void
tell_room(struct client *c, const struct room *room)
{
	size_t len;

	if (room->topic == NULL) {
		client_tell(c, "* %s (%u)", room->name, room->nmembers);
		return;
	}
	len = text_cut(room->topic, strlen(room->topic), TOPIC_SHOWN);
	client_tell(c, "* %s (%u): %.*s%s", room->name, room->nmembers,
	    (int)len, room->topic, room->topic[len] != '\0' ? "..." : "");
}

static unsigned
count_rooms(struct client *c)
{
	struct registry *reg = c->ctx->registry;
	struct room *room;
	unsigned n = 0;

	RB_FOREACH(room, room_tree, &reg->rooms)
		n += room_shows_to(room, &c->user);
	return n;
}

/* A list that would not fit into the send queue is cut, too. */
void
cmd_rooms(struct client *c, char *args)
{
	struct registry *reg = c->ctx->registry;
	unsigned left = count_rooms(c);
	struct room *room;

	(void)args;
	client_tell(c,
	    left == 1 ? "* There is %u room:" : "* There are %u rooms:", left);
	RB_FOREACH(room, room_ranking, &reg->ranking) {
		if (fanout_space(c->ctx->fanout, &c->out) <= 256)
			break;
		if (!room_shows_to(room, &c->user))
			continue;
		tell_room(c, room);
		left--;
	}
	if (left > 0)
		client_tell(c, "* and %u more", left);
}

void
cmd_topic(struct client *c, char *args)
{
	bool clears = strcmp(args, "-") == 0, changes;
	struct room *room;

	if ((room = current_room(c)) == NULL)
		return;
	changes = *args != '\0' && (!clears || room->topic != NULL);
	if (changes &&
	    !room_set_topic(
		c->ctx->registry, &c->user, room, clears ? NULL : args))
		tell_no_memory(c);
	else if (room->topic != NULL)
		client_tell(
		    c, "* The topic of %s is: %s", room->name, room->topic);
	else
		client_tell(
		    c, "* %s has no topic; /topic TEXT sets one.", room->name);
}

void
cmd_history(struct client *c, char *args)
{
	unsigned n = c->ctx->conf->history;
	const char *word = next_word(&args), *errstr = NULL;
	struct room *room;

	if (n == 0 && c->ctx->conf->store == NULL) {
		client_tell(c, "! No history is kept on this server.");
		return;
	}
	if (n == 0) /* in memory */
		n = WORDS_LAST;
	if ((room = current_room(c)) == NULL || words_ask_day(c, room, word))
		return;
	if (*word != '\0')
		n = (unsigned)strtonum(word, 1, UINT32_MAX, &errstr);
	if (errstr != NULL && strcmp(errstr, "too large") == 0)
		n = UINT32_MAX;
	else if (errstr != NULL) {
		client_tell(
		    c, "! %s is not a number of lines (1 or more).", word);
		return;
	}
	if (room_count_history(room, &c->user, n) >= n ||
	    !words_ask_history(c, room, n))
		words_show_memory(c, room, n);
}

/* ---- running a room ---- */

/* The current room, if c runs it; NULL after telling c why not. */
static struct room *
room_run_by(struct client *c)
{
	struct room *room;

	if ((room = current_room(c)) == NULL)
		return NULL;
	if (room->op == &c->user || is_operator(c))
		return room;
	if (room->op == NULL)
		client_tell(c, "! Nobody runs %s.", room->name);
	else
		client_tell(c, "! Only %s, who runs %s, can do that.",
		    room->op->name, room->name);
	return NULL;
}

/* Somebody else in the room; NULL after telling c that they are not.  Whoever
 * wrote to it from outside counts, if outsiders do. */
static struct user *
person_in(
    struct client *c, const struct room *room, const char *name, bool outsiders)
{
	struct user *u;

	if ((u = user_known_as(c, name)) == NULL)
		return NULL;
	if (u == &c->user) {
		client_tell(c, "! That is you, who runs %s.", room->name);
		return NULL;
	}
	if (room_has(room, u) ||
	    (outsiders && id_set_has(&room->outsiders, u->id)))
		return u;
	client_tell(c, "! %s is not in %s.", u->name, room->name);
	return NULL;
}

void
cmd_kick(struct client *c, char *args)
{
	char text[CLIENT_TEXT_SIZE];
	struct room *room;
	struct user *u;

	if ((room = room_run_by(c)) == NULL ||
	    (u = person_in(c, room, next_word(&args), true)) == NULL)
		return;
	if (member_kick(c->ctx->registry, &c->user, room, u,
		*args == '\0' ? NULL : args) != CHAT_OK) {
		tell_no_memory(c);
		return;
	}
	client_tell(c, "* You kicked %s from %s.", u->name, room->name);
	log_burst(&c->ctx->log_burst, session_now(c->ctx),
	    "%s was kicked from %s by %s", client_text(client_of_user(u), text),
	    room->name, c->user.name);
}

void
cmd_op(struct client *c, char *args)
{
	struct room *room;
	struct user *u;

	if ((room = room_run_by(c)) == NULL ||
	    (u = person_in(c, room, next_word(&args), false)) == NULL)
		return;
	if (room->permanent) {
		client_tell(c, "! %s is of the configuration; it is nobody's.",
		    room->name);
		return;
	}
	room_set_op(c->ctx->registry, room, u);
	client_tell(c, "* %s runs %s now.", u->name, room->name);
}

void
cmd_invite(struct client *c, char *args)
{
	const char *name = next_word(&args);
	struct room *room;

	if ((room = room_run_by(c)) == NULL)
		return;
	if (member_invite(c->ctx->registry, &c->user, room, name))
		client_tell(c, "* %s may come into %s.", name, room->name);
	else
		client_tell(c, "! Nobody called %s is here, or kept out of %s.",
		    name, room->name);
}
