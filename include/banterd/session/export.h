/*
 * What of a person at a connection outlives the process, in plain fields; and
 * how they go on in the next one.
 */
#ifndef BANTERD_SESSION_EXPORT_H
#define BANTERD_SESSION_EXPORT_H

#include <stdbool.h>

#include "banterd/base/record.h"
#include "banterd/chat/export.h"

struct client;

/* All but what chat/export.h has records of its own for.  After a fault that is
 * all there is. */
void client_export(const struct client *c, struct record *r);

/* What is unread and unsent, too, where one process hands over to the next. */
void client_export_rest(const struct client *c, struct record *r);

/* What changes with each line: what it has left of the rate, when it spoke
 * last, where in its input it is, how many lines were skipped for it.  That is
 * in client_export() as well, and may be newer here. */
void client_export_spent(const struct client *c, struct record *r);

/* Who waits to be told that c may be gone. */
void client_export_unheard(const struct client *c, struct record *r);

/* Each reads what was written above into a client that client_return() has
 * made.  False: that is not possible. */
bool client_import(
    struct imported *im, struct client *c, struct record_reader *r);
bool client_import_rest(struct client *c, struct record_reader *r);
bool client_import_spent(struct client *c, struct record_reader *r);
bool client_import_unheard(struct client *c, struct record_reader *r);

/* All of it was read, and it has come after a fault: of what conns.sending and
 * conns.reading said, which the rest depends on.  It is told so by
 * client_tell_fault(), before anything else; one of whom this was not said is
 * told nothing. */
void client_note_fault(struct client *c, bool was_sending, bool was_reading);
void client_tell_fault(struct client *c);

/* All is there, and c goes on. */
void client_resume(struct client *c);

#endif
