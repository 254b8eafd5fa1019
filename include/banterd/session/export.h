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

/* What changes with each line: what it has left of the rate, and when it spoke
 * last.  That is in client_export() as well, and may be newer here. */
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

/* It has come after a fault, and is told so before anything else; was_sending:
 * half a line may have been sent. */
void client_tell_fault(struct client *c, bool was_sending);

/* All is there, and c goes on. */
void client_resume(struct client *c);

#endif
