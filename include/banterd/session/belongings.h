/*
 * What belongs to somebody who is logged in: for the store, which has it when
 * they come again, and for the next process.
 */
#ifndef BANTERD_SESSION_BELONGINGS_H
#define BANTERD_SESSION_BELONGINGS_H

#include <stdbool.h>
#include <stdint.h>

struct client;
struct record;
struct record_reader;

/* c ignores that person, whatever they do, or not any more. */
void belongings_ignore(struct client *c, uint64_t owner);
void belongings_unignore(struct client *c, uint64_t owner);

/* c is logged in now: so does it with whom it ignored before. */
void belongings_note_ignored(struct client *c);

/* What is kept of somebody who is logged in: settings, rooms, whom they ignore
 * (who is a list of owners for the store, too).  And has c be as it was when
 * that was written; what is not possible is left out. */
void belongings_export_state(
    const struct client *c, struct record *r, struct record *ignored);
void belongings_import_state(struct client *c, struct record_reader *r);

/* Whether that is what was written last of c; it is from now on. */
bool belongings_are_same(const struct client *c, const struct record *r);

/* What outlives the process, as client_export() and client_export_rest(). */
void belongings_export(const struct client *c, struct record *r);
bool belongings_import(struct client *c, struct record_reader *r);
void belongings_export_rest(const struct client *c, struct record *r);
bool belongings_import_rest(struct client *c, struct record_reader *r);

#endif
