#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/session/client.h"
#include "banterd/session/command.h"
#include "banterd/session/handler.h"

struct command {
	const char *name;
	const char *alias; /* NULL: none */
	const char *args;  /* as /help shows them */
	int required;      /* how many words it needs */
	bool before_login; /* works without the password */
	bool tells_rooms;  /* of what it does; /msg: if it is for a room */
	void (*run)(struct client *, char *);
	const char *help;
};

static const struct command commands[] = {
	{ "nick", NULL, "NAME", 1, false, true, cmd_nick, "takes a name" },
	{ "join", "j", "ROOM [KEY]", 1, false, false, cmd_join,
	    "enters a room, making it if need be" },
	{ "leave", "part", "[ROOM] [REASON]", 0, false, false, cmd_leave,
	    "leaves a room" },
	{ "msg", "m", "TARGET TEXT", 2, false, true, cmd_msg,
	    "speaks to one person, or to a room you are in" },
	{ "reply", "r", "TEXT", 1, false, false, cmd_reply,
	    "answers whoever last wrote to you in private" },
	{ "me", NULL, "TEXT", 1, false, true, cmd_me,
	    "tells the room what you do: * alice waves" },
	{ "who", "names", "[ROOM]", 0, false, false, cmd_who,
	    "shows who is in a room" },
	{ "rooms", "list", "", 0, false, false, cmd_rooms,
	    "shows the rooms, the busiest first" },
	{ "whois", NULL, "NICK", 1, false, false, cmd_whois,
	    "shows where somebody is, and for how long idle" },
	{ "topic", NULL, "[TEXT]", 0, false, true, cmd_topic,
	    "shows or sets what the room is about" },
	{ "history", NULL, "[N]", 0, false, false, cmd_history,
	    "shows the last lines of the room" },
	{ "away", NULL, "[TEXT]", 0, false, false, cmd_away,
	    "tells those who write to you why you are away" },
	{ "back", NULL, "", 0, false, false, cmd_back, "ends being away" },
	{ "ignore", NULL, "[NICK]", 0, false, false, cmd_ignore,
	    "hides a person from you, or shows whom you hide" },
	{ "unignore", NULL, "NICK", 1, false, false, cmd_unignore,
	    "ends ignoring a person" },
	{ "kick", NULL, "NICK [REASON]", 1, false, true, cmd_kick,
	    "puts somebody out of the room you run (@)" },
	{ "op", NULL, "NICK", 1, false, false, cmd_op,
	    "makes somebody else run the room (@)" },
	{ "set", NULL, "[time|quiet|bell on|off]", 0, false, false, cmd_set,
	    "a time on each line; no joined/left; a bell" },
	{ "pass", NULL, "PASSWORD", 1, true, false, cmd_pass,
	    "gives the password, where one is needed" },
	{ "help", "?", "[COMMAND]", 0, true, false, cmd_help,
	    "shows this, or one command" },
	{ "quit", "q", "[REASON]", 0, true, false, cmd_quit, "leaves" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* ---- the table at work ---- */

static bool
is_called(const char *called, const char *name, size_t len)
{
	return called != NULL && strlen(called) == len &&
	    strncasecmp(called, name, len) == 0;
}

/* The command that has this name of len bytes, or NULL. */
static const struct command *
find_command(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++) {
		if (is_called(commands[i].name, name, len) ||
		    is_called(commands[i].alias, name, len))
			return &commands[i];
	}
	return NULL;
}

static void
help_one(struct client *c, const struct command *cmd)
{
	client_tell(c, "* /%s%s%s: %s%s%s%s", cmd->name,
	    *cmd->args != '\0' ? " " : "", cmd->args, cmd->help,
	    cmd->alias != NULL ? " (also /" : "",
	    cmd->alias != NULL ? cmd->alias : "",
	    cmd->alias != NULL ? ")" : "");
}

void
cmd_help(struct client *c, char *args)
{
	const char *name = next_word(&args);
	const struct command *cmd;
	char usage[64];
	size_t i;

	if (*name != '\0') {
		name += *name == '/';
		cmd = find_command(name, strlen(name));
		if (cmd == NULL)
			client_tell(c,
			    "! There is no command %s; /help lists them.",
			    name);
		else
			help_one(c, cmd);
		return;
	}
	client_tell(c, "* What you type is said to the room. Commands:");
	for (i = 0; i < N_COMMANDS; i++) {
		snprintf(usage, sizeof(usage), "/%s %s", commands[i].name,
		    commands[i].args);
		client_tell(c, "* %-30s %s", usage, commands[i].help);
	}
	client_tell(c, "* /help COMMAND tells its short form, too.");
	client_tell(c, "* //TEXT says a text that begins with /.");
}

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
		client_tell(c,
		    "! There is no command /%s; /help lists them. Nothing was sent.",
		    name);
	else if (c->state == CLIENT_LOGIN && !cmd->before_login)
		ask_for_password(c);
	else if (count_words(text, cmd->required) < cmd->required)
		client_tell(c, "! /%s needs more: /%s %s", cmd->name, cmd->name,
		    cmd->args);
	else
		cmd->run(c, text);
}

bool
command_tells_rooms(const char *text)
{
	const struct command *cmd;
	size_t len;

	if (text[0] != '/' || text[1] == '/')
		return true;
	len = strcspn(++text, " \t");
	if ((cmd = find_command(text, len)) == NULL || !cmd->tells_rooms)
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
