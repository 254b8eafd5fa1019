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

/* Whether such a line is chat, or a command that tells rooms of what it does.
 */
bool command_tells_rooms(const char *text);

#endif
