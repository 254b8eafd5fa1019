/*
 * What the handlers of commands share.  The table in command.c says what each
 * command is called and takes; command_room.c has the handlers that deal with
 * rooms, command_user.c those that deal with people, command_account.c those
 * that deal with one's own name.
 */
#ifndef BANTERD_SESSION_HANDLER_H
#define BANTERD_SESSION_HANDLER_H

#include <stdbool.h>

struct client;
struct room;
struct user;

/* A handler gets the rest of the line, without the blanks before it, and may
 * change it. */
void cmd_nick(struct client *, char *);
void cmd_join(struct client *, char *);
void cmd_leave(struct client *, char *);
void cmd_msg(struct client *, char *);
void cmd_reply(struct client *, char *);
void cmd_me(struct client *, char *);
void cmd_who(struct client *, char *);
void cmd_rooms(struct client *, char *);
void cmd_whois(struct client *, char *);
void cmd_topic(struct client *, char *);
void cmd_history(struct client *, char *);
void cmd_away(struct client *, char *);
void cmd_back(struct client *, char *);
void cmd_ignore(struct client *, char *);
void cmd_unignore(struct client *, char *);
void cmd_kick(struct client *, char *);
void cmd_op(struct client *, char *);
void cmd_invite(struct client *, char *);
void cmd_set(struct client *, char *);
void cmd_pass(struct client *, char *);
void cmd_help(struct client *, char *);
void cmd_quit(struct client *, char *);
void cmd_register(struct client *, char *);
void cmd_login(struct client *, char *);
void cmd_logout(struct client *, char *);
void cmd_passwd(struct client *, char *);
void cmd_unregister(struct client *, char *);
void cmd_seen(struct client *, char *);
void cmd_catchup(struct client *, char *);
void cmd_find(struct client *, char *);

/* Cuts the first word off *rest, which then begins with the next one. */
char *next_word(char **rest);

/* Writes word to buf, of ROOM_MAX + 1 bytes, with the '#' that may be left out.
 * False if it does not fit. */
bool with_hash(const char *word, char *buf);

/* A room's name out of a word whose '#' may be left out; buf has ROOM_MAX + 1
 * bytes.  NULL, after telling c, if it is not one. */
const char *room_name(struct client *c, const char *word, char *buf);

/* The room that has this name and shows to c, or the person; NULL after telling
 * c. */
struct room *room_called(struct client *c, const char *word);
struct user *user_called(struct client *c, const char *name);

/* The person who has that name, or else spoke under it in the current room: to
 * take another one is no way out.  NULL after telling c. */
struct user *user_known_as(struct client *c, const char *name);

/* The current room; NULL after telling c that it is in none. */
struct room *current_room(struct client *c);

/* Says text (does it, with action) to the current room. */
void say(struct client *c, const char *text, bool action);

/* Tells c who is in a room that it is in, and what that is about. */
void tell_joined(struct client *c, const struct room *room);

/* Whether c runs every room, by the configuration. */
bool is_operator(const struct client *c);

void tell_not_in(struct client *c, const char *room);
void tell_no_memory(struct client *c);

/* Tells c that the room keeps it out, and for how long; what is the rest of the
 * line. */
void tell_kept_out(struct client *c, struct room *room, const char *what);

#endif
