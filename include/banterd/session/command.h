/*
 * The commands: a table of what each is called, takes and does.  Help and the
 * checks of arguments come from the table too.
 */
#ifndef BANTERD_SESSION_COMMAND_H
#define BANTERD_SESSION_COMMAND_H

#include <stdbool.h>

struct client;

/*
 * Carries out one cleaned line that is not empty, changing it on the way:
 * chat for the current room, or a command.
 */
void command_line(struct client *c, char *text);

/* Somebody has said this to a room: if it is what one types to get out or to
 * find the way, the speaker is told how that is done, once. */
void command_hint(struct client *c, const char *said);

/* The room of a line "/msg #room TEXT"; it is written to buf, of ROOM_MAX + 1
 * bytes.  False: it is no such line. */
bool command_names_room(const char *text, char *buf);

/* Whether such a line is chat, or a command that tells rooms of what it does.
 */
bool command_tells_rooms(const char *text);

#endif
