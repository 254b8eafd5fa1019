#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/base/nearest.h"
#include "banterd/session/client.h"
#include "banterd/session/command.h"
#include "banterd/session/handler.h"

#define NAMES_MAX   4  /* of one command */
#define USAGE_WIDTH 30 /* columns, in /help */

/* How a command is shown, and when it works. */
#define SHARES_ROW   1U /* in /help, with the last one */
#define BEFORE_LOGIN 2U /* works without the password */
#define TELLS_ROOMS  4U /* of what it does; /msg: if it is for a room */

struct command {
	const char *names[NAMES_MAX + 1]; /* the first is its own */
	const char *group;                /* for /help; NULL: the last one's */
	const char *args;                 /* as /help shows them */
	int required;                     /* how many words it needs */
	unsigned how;                     /* the bits above */
	void (*run)(struct client *, char *);
	const char *help;
	const char *brief; /* the same, where it shares a row; NULL: help */
};

static const struct command commands[] = {
	{ { "msg", "m", "tell", "w" }, "talk", "TARGET TEXT", 2, TELLS_ROOMS,
	    cmd_msg, "speaks to one person, or to a #room", NULL },
	{ { "reply", "r" }, NULL, "TEXT", 1, 0, cmd_reply,
	    "answers who last wrote in private", "answers in private" },
	{ { "me" }, NULL, "TEXT", 1, TELLS_ROOMS | SHARES_ROW, cmd_me,
	    "tells what you do: * alice waves", "tells what you do" },
	{ { "join", "j" }, "rooms", "ROOM [KEY]", 1, 0, cmd_join,
	    "enters a room, making it if need be", NULL },
	{ { "leave", "part" }, NULL, "[ROOM] [REASON]", 0, 0, cmd_leave,
	    "leaves a room", NULL },
	{ { "rooms", "list" }, NULL, "", 0, 0, cmd_rooms,
	    "shows the rooms, the busiest first", "the rooms, busiest first" },
	{ { "who", "names" }, NULL, "[ROOM [PAGE]]", 0, SHARES_ROW, cmd_who,
	    "shows who is in a room", "who is in one" },
	{ { "topic" }, NULL, "[TEXT]", 0, TELLS_ROOMS, cmd_topic,
	    "shows or sets the topic; - clears it", NULL },
	{ { "history" }, NULL, "[N|DAY]", 0, 0, cmd_history,
	    "shows the last lines of the room, or a day's", "what was said" },
	{ { "find" }, NULL, "WORDS", 1, SHARES_ROW, cmd_find,
	    "shows what was said in your rooms with all of these words",
	    "what has WORDS" },
	{ { "catchup" }, NULL, "[ROOM]", 0, 0, cmd_catchup,
	    "shows what you have missed", NULL },
	{ { "whois" }, "people", "NICK", 1, 0, cmd_whois,
	    "shows where somebody is, how long idle",
	    "where they are, how idle" },
	{ { "seen" }, NULL, "NAME", 1, SHARES_ROW, cmd_seen,
	    "tells when somebody was last here", "last here" },
	{ { "ignore" }, NULL, "[NICK]", 0, 0, cmd_ignore, "hides a person",
	    NULL },
	{ { "unignore" }, NULL, "NICK", 1, SHARES_ROW, cmd_unignore,
	    "ends ignoring one", NULL },
	{ { "kick" }, "run @", "NICK [REASON]", 1, TELLS_ROOMS, cmd_kick,
	    "puts somebody out for ten minutes", NULL },
	{ { "op" }, NULL, "NICK", 1, 0, cmd_op, "hands your room on", NULL },
	{ { "invite" }, NULL, "NICK", 1, SHARES_ROW, cmd_invite,
	    "ends a kick early", NULL },
	{ { "nick" }, "you", "NAME", 1, TELLS_ROOMS, cmd_nick, "takes a name",
	    NULL },
	{ { "register" }, NULL, "PASSWORD", 0, 0, cmd_register,
	    "makes your name yours alone", NULL },
	{ { "login" }, NULL, "NAME PASSWORD", 0, 0, cmd_login,
	    "you are NAME again, which you have registered",
	    "you are NAME again" },
	{ { "logout" }, NULL, "", 0, SHARES_ROW, cmd_logout,
	    "you are a guest again", "a guest" },
	{ { "passwd" }, NULL, "OLD NEW", 0, 0, cmd_passwd,
	    "sets another password for your name", "another password" },
	{ { "unregister" }, NULL, "PASSWORD", 0, SHARES_ROW, cmd_unregister,
	    "gives your name back, with all that is kept of it",
	    "gives it back" },
	{ { "away" }, NULL, "[TEXT]", 0, 0, cmd_away, "says why you are away",
	    NULL },
	{ { "back" }, NULL, "", 0, SHARES_ROW, cmd_back, "ends being away",
	    NULL },
	{ { "set" }, NULL, "[time|quiet|bell on|off]", 0, 0, cmd_set,
	    "time on lines; no joined/left; bell", NULL },
	{ { "pass" }, "server", "PASSWORD", 1, BEFORE_LOGIN, cmd_pass,
	    "gives the password, if one is needed", NULL },
	{ { "help", "?" }, NULL, "[COMMAND]", 0, BEFORE_LOGIN, cmd_help,
	    "shows this, or one command", NULL },
	{ { "quit", "q", "exit", "bye" }, NULL, "[REASON]", 0,
	    BEFORE_LOGIN | SHARES_ROW, cmd_quit, "leaves", NULL },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* ---- the table at work ---- */

static bool
is_called(const char *called, const char *name, size_t len)
{
	return strlen(called) == len && strncasecmp(called, name, len) == 0;
}

/* The command that has this name of len bytes, or NULL. */
static const struct command *
find_command(const char *name, size_t len)
{
	const char *const *called;
	size_t i;

	for (i = 0; i < N_COMMANDS; i++) {
		for (called = commands[i].names; *called != NULL; called++) {
			if (is_called(*called, name, len))
				return &commands[i];
		}
	}
	return NULL;
}

/* A nearest_name: all of them, one after the other. */
static const char *
name_at(size_t place)
{
	const char *const *called;
	size_t i;

	for (i = 0; i < N_COMMANDS; i++) {
		for (called = commands[i].names; *called != NULL; called++) {
			if (place-- == 0)
				return *called;
		}
	}
	return NULL;
}

/* ---- help ---- */

static void
help_one(struct client *c, const struct command *cmd)
{
	const char *const *called;
	char also[64] = "";

	for (called = cmd->names + 1; *called != NULL; called++) {
		strlcat(
		    also, also[0] == '\0' ? " (also /" : ", /", sizeof(also));
		strlcat(also, *called, sizeof(also));
	}
	client_tell(c, "* /%s%s%s: %s%s%s", cmd->names[0],
	    *cmd->args != '\0' ? " " : "", cmd->args, cmd->help, also,
	    also[0] != '\0' ? ")" : "");
}

/* Tells a command and those that share its row, with what they take if there is
 * space for that; returns how many that are. */
static size_t
help_row(struct client *c, const struct command *cmd)
{
	const struct command *one, *end = commands + N_COMMANDS;
	char usage[64] = "", help[64] = "";

	for (one = cmd;
	     one == cmd || (one < end && (one->how & SHARES_ROW) != 0); one++) {
		strlcat(usage, one == cmd ? "/" : ", /", sizeof(usage));
		strlcat(usage, one->names[0], sizeof(usage));
		if (strlen(usage) + 1 + strlen(one->args) <= USAGE_WIDTH) {
			strlcat(usage, *one->args != '\0' ? " " : "",
			    sizeof(usage));
			strlcat(usage, one->args, sizeof(usage));
		}
		strlcat(help, one == cmd ? "" : "; ", sizeof(help));
		strlcat(help, one->brief != NULL ? one->brief : one->help,
		    sizeof(help));
	}
	client_tell(c, "* %-6s %-*s %s", cmd->group != NULL ? cmd->group : "",
	    USAGE_WIDTH, usage, help);
	return (size_t)(one - cmd);
}

/* It fits on a screen of 24 rows and 80 columns. */
static void
help_all(struct client *c)
{
	size_t i;

	client_tell(c, "* What you type is said to the room. Commands:");
	for (i = 0; i < N_COMMANDS; i += help_row(c, &commands[i]))
		;
	client_tell(c,
	    "* /help COMMAND tells its other names. //TEXT says a text that begins with /.");
}

void
cmd_help(struct client *c, char *args)
{
	const char *name = next_word(&args);
	const struct command *cmd;

	name += *name == '/';
	if (*name == '\0')
		help_all(c);
	else if ((cmd = find_command(name, strlen(name))) != NULL)
		help_one(c, cmd);
	else
		client_tell(
		    c, "! There is no command %s; /help lists them.", name);
}

/* ---- what was not meant as it was typed ---- */

/* What is said to a room by who looks for the way; the order is that of the
 * bits of a client's hinted. */
static const struct {
	const char *word, *hint;
} hints[] = {
	{ "quit", "/quit leaves" },
	{ "exit", "/quit leaves" },
	{ "bye", "/quit leaves" },
	{ "help", "/help lists the commands" },
	{ "who", "/who shows who is here" },
};

void
command_hint(struct client *c, const char *said)
{
	size_t i, len;

	said += strspn(said, " \t");
	len = strcspn(said, " \t");
	if (len > 4 || said[len + strspn(said + len, " \t")] != '\0')
		return;
	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (!is_called(hints[i].word, said, len) ||
		    (c->hinted & 1U << i) != 0)
			continue;
		c->hinted |= (uint8_t)(1U << i);
		client_changed(c, CHANGED_USER);
		client_tell(c, "* You said \"%.*s\" to the room; %s.", (int)len,
		    said, hints[i].hint);
	}
}

/* A path that was pasted is no mistyped command. */
static void
tell_unknown(struct client *c, const char *name)
{
	size_t len = strlen(name);
	const char *meant = nearest(name, len, name_at);

	if (meant != NULL)
		client_tell(c,
		    "! There is no command /%s; did you mean /%s? Nothing was sent.",
		    name, meant);
	else if (strchr(name, '/') != NULL)
		client_tell(c,
		    "! There is no command /%s; a text that begins with / is said with //. Nothing was sent.",
		    name);
	else
		client_tell(c,
		    "! There is no command /%s; /help lists them. Nothing was sent.",
		    name);
}

/* ---- commands ---- */

static int
count_words(const char *s, int enough)
{
	int n;

	for (n = 0; n < enough; n++) {
		s += strspn(s, " \t");
		if (*s == '\0')
			break;
		s += strcspn(s, " \t");
	}
	return n;
}

static void
ask_for_password(struct client *c)
{
	client_tell(c, "! A password is needed: /pass PASSWORD");
}

static void
run_command(struct client *c, char *text)
{
	const struct command *cmd;
	const char *name;

	name = *text == ' ' || *text == '\t' ? "" : next_word(&text);
	cmd = find_command(name, strlen(name));
	if (cmd == NULL)
		tell_unknown(c, name);
	else if (c->state == CLIENT_LOGIN && (cmd->how & BEFORE_LOGIN) == 0)
		ask_for_password(c);
	else if (count_words(text, cmd->required) < cmd->required)
		client_tell(c, "! /%s needs more: /%s %s", cmd->names[0],
		    cmd->names[0], cmd->args);
	else
		cmd->run(c, text);
}

bool
command_names_room(const char *text, char *buf)
{
	size_t len = strcspn(text, " \t");
	const struct command *cmd;

	if (text[0] != '/' || (cmd = find_command(text + 1, len - 1)) == NULL ||
	    cmd->run != cmd_msg)
		return false;
	text += len + strspn(text + len, " \t");
	len = strcspn(text, " \t");
	if (*text != '#' || len > ROOM_MAX)
		return false;
	strlcpy(buf, text, len + 1);
	return true;
}

bool
command_tells_rooms(const char *text)
{
	const struct command *cmd;
	size_t len;

	if (text[0] != '/' || text[1] == '/')
		return true;
	len = strcspn(++text, " \t");
	if ((cmd = find_command(text, len)) == NULL ||
	    (cmd->how & TELLS_ROOMS) == 0)
		return false;
	return cmd->run != cmd_msg || strchr(text + len, '#') != NULL;
}

void
command_line(struct client *c, char *text)
{
	if (text[0] == '/' && text[1] != '/')
		run_command(c, text + 1);
	else if (c->state == CLIENT_LOGIN)
		ask_for_password(c);
	else
		say(c, text + (text[0] == '/'), false);
}
