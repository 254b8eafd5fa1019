/* Commands that deal with people, and with one's own connection. */
#include <bsd/sys/queue.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/chat/member.h"
#include "banterd/session/account.h"
#include "banterd/session/belongings.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"
#include "banterd/session/unheard.h"
#include "banterd/session/words.h"

/* ---- talk ---- */

void
cmd_me(struct client *c, char *args)
{
	say(c, args, true);
}

/* "/me waves" after a target is done, not said. */
static bool
is_action(const char **text)
{
	size_t blanks;

	if (strncasecmp(*text, "/me", 3) != 0)
		return false;
	blanks = strspn(*text + 3, " \t");
	if (blanks == 0 || (*text)[3 + blanks] == '\0')
		return false;
	*text += 3 + blanks;
	return true;
}

static void
say_private(struct client *c, struct user *to, const char *text)
{
	bool action = is_action(&text);

	if (to == &c->user)
		client_tell(c, "! That is you; nothing was sent.");
	else if (!user_message(c->ctx->registry, &c->user, to, text, action))
		client_tell(c,
		    "! %s is not reading; your message was not sent.",
		    to->name);
	else
		unheard_wait(client_of_user(to), c);
}

static void
message_person(struct client *c, const char *name, const char *text)
{
	struct registry *reg = c->ctx->registry;
	const struct room *room;
	char buf[ROOM_MAX + 1];
	struct user *to;
	bool action;

	if ((to = user_find(reg, name)) != NULL)
		say_private(c, to, text);
	else if (with_hash(name, buf) && (room = room_find(reg, buf)) != NULL &&
	    room_shows_to(room, &c->user))
		client_tell(c, "! Nobody here is called %s; the room is %s.",
		    name, buf);
	else if (names_owner(&reg->names, name) != 0) {
		action = is_action(&text);
		words_leave_note(c, name, text, action);
	} else
		(void)user_called(c, name);
}

/* It may be one that c is not in. */
static void
message_room(struct client *c, const char *target, const char *text)
{
	struct registry *reg = c->ctx->registry;
	struct room *room = room_find(reg, target);
	bool action;

	if (room == NULL || !room_shows_to(room, &c->user))
		client_tell(c,
		    "! You are not in %s; /join it first. Nothing was sent.",
		    target);
	else if (room_keeps_out(reg, room, &c->user) > 0)
		tell_kept_out(c, room, " Nothing was sent.");
	else {
		action = is_action(&text);
		if (!room_say(reg, &c->user, room, text, action))
			tell_no_memory(c);
	}
}

void
cmd_msg(struct client *c, char *args)
{
	const char *target = next_word(&args);

	(target[0] == '#' ? message_room : message_person)(c, target, args);
}

void
cmd_reply(struct client *c, char *args)
{
	struct user *to;

	if (c->user.reply_to == 0)
		client_tell(c, "! Nobody has written to you in private yet.");
	else if ((to = user_by_id(c->ctx->registry, c->user.reply_to)) == NULL)
		client_tell(
		    c, "! Whoever wrote to you is gone; nothing was sent.");
	else
		say_private(c, to, args);
}

static bool
rename_to(struct client *c, const char *name)
{
	switch (member_rename(c->ctx->registry, &c->user, name)) {
	case CHAT_OK:
		return true;
	case CHAT_REGISTERED:
		client_tell(c, ACCOUNT_REGISTERED, name, name);
		return false;
	default:
		client_tell(c, "! The name %s is taken.", name);
		return false;
	}
}

void
cmd_nick(struct client *c, char *args)
{
	const char *name = next_word(&args);
	char before[CLIENT_TEXT_SIZE];

	if (*args != '\0' || !text_is_nick(name)) {
		client_tell(c,
		    "! %s%s%s is not a name you can take: 1-24 letters, digits, _ - . with a letter first.",
		    name, *args != '\0' ? " " : "", args);
		return;
	}
	if (c->user.owner != 0 && strcasecmp(name, c->user.name) != 0) {
		client_tell(c, ACCOUNT_LOGOUT_FIRST, c->user.name);
		return;
	}
	(void)client_text(c, before);
	if (!rename_to(c, name))
		return;
	log_burst(&c->ctx->log_burst, session_now(c->ctx), "%s is now %s",
	    before, c->user.name);
	client_tell(c, ACCOUNT_NOW, c->user.name);
}

/* ---- people ---- */

void
cmd_whois(struct client *c, char *args)
{
	char rooms[CLIENT_LINE_MAX / 2], idle[TEXT_DURATION_SIZE];
	struct user *u;

	if ((u = user_called(c, next_word(&args))) == NULL)
		return;
	room_list_of(u, &c->user, rooms, sizeof(rooms));
	text_duration(session_now(c->ctx) - u->last_line, idle);
	client_tell(c, "* %s is in %s; idle %s%s%s", u->name,
	    rooms[0] != '\0' ? rooms : "no room", idle,
	    u->away != NULL ? "; away: " : "",
	    u->away != NULL ? u->away->text : "");
}

void
cmd_away(struct client *c, char *args)
{
	if (!user_set_away(
		c->ctx->registry, &c->user, *args == '\0' ? "away" : args))
		tell_no_memory(c);
	else
		client_tell(c, "* You are away: %s. /back ends it.",
		    c->user.away->text);
}

void
cmd_back(struct client *c, char *args)
{
	(void)args;
	if (c->user.away == NULL) {
		client_tell(c, "* You were not away.");
		return;
	}
	(void)user_set_away(c->ctx->registry, &c->user, NULL);
	client_tell(c, "* You are back.");
}

static void
list_ignored(struct client *c)
{
	char names[CLIENT_LINE_MAX / 2];
	const struct user *u;
	size_t len = 0;
	uint32_t i;

	names[0] = '\0';
	for (i = 0; i < c->user.ignored.n && len + NICK_MAX + 4 < sizeof(names);
	     i++) {
		u = user_by_id(c->ctx->registry, c->user.ignored.ids[i]);
		if (u != NULL)
			len += (size_t)snprintf(names + len,
			    sizeof(names) - len, "%s%s", len > 0 ? ", " : "",
			    u->name);
	}
	if (len == 0)
		client_tell(c, "* You ignore nobody.");
	else
		client_tell(c, "* You ignore: %s", names);
}

void
cmd_ignore(struct client *c, char *args)
{
	struct user *u;

	if (*args == '\0') {
		list_ignored(c);
		return;
	}
	if ((u = user_known_as(c, next_word(&args))) == NULL)
		return;
	if (u == &c->user)
		client_tell(c, "! You can't ignore yourself.");
	else if (!user_ignore(c->ctx->registry, &c->user, u))
		tell_no_memory(c);
	else {
		belongings_ignore(c, u->owner);
		client_tell(c, "* You ignore %s now.", u->name);
	}
}

void
cmd_unignore(struct client *c, char *args)
{
	struct user *u;

	if ((u = user_called(c, next_word(&args))) == NULL)
		return;
	if (!user_ignores(&c->user, u->id)) {
		client_tell(c, "! You do not ignore %s.", u->name);
		return;
	}
	belongings_unignore(c, u->owner);
	user_unignore(c->ctx->registry, &c->user, u);
	client_tell(c, "* You hear %s again.", u->name);
}

/* ---- the connection ---- */

static bool *
setting(struct client *c, const char *name)
{
	if (strcmp(name, "time") == 0)
		return &c->set_time;
	if (strcmp(name, "quiet") == 0)
		return &c->user.set_quiet;
	if (strcmp(name, "bell") == 0)
		return &c->user.set_bell;
	return NULL;
}

static char *
lower(char *word)
{
	char *p;

	for (p = word; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return word;
}

void
cmd_set(struct client *c, char *args)
{
	const char *name = lower(next_word(&args)), *value = next_word(&args);
	bool *field = setting(c, name);
	bool on = strcasecmp(value, "on") == 0;

	if (*name == '\0')
		client_tell(c, "* time %s, quiet %s, bell %s",
		    c->set_time ? "on" : "off",
		    c->user.set_quiet ? "on" : "off",
		    c->user.set_bell ? "on" : "off");
	else if (field == NULL)
		client_tell(c,
		    "! There is no setting %s: /set time|quiet|bell on|off",
		    name);
	else if (*value == '\0')
		client_tell(c, "* %s is %s.", name, *field ? "on" : "off");
	else if (!on && strcasecmp(value, "off") != 0)
		client_tell(c, "! %s can be on or off, not %s.", name, value);
	else {
		*field = on;
		client_changed(c, CHANGED_USER);
		client_tell(c, "* %s is %s now.", name, on ? "on" : "off");
	}
}

void
cmd_pass(struct client *c, char *args)
{
	const char *password = c->ctx->conf->password;

	if (c->state != CLIENT_LOGIN)
		client_tell(c,
		    password == NULL ? "! No password is needed." :
				       "! You have given the password.");
	else if (password == NULL || text_same_secret(password, args))
		client_enter(c);
	else
		client_wrong_password(c);
	explicit_bzero(args, strlen(args));
}

void
cmd_quit(struct client *c, char *args)
{
	client_tell(c, "* Bye.");
	client_quit(c, *args == '\0' ? NULL : args);
}
