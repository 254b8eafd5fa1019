/*
 * Words that stay: what the store is asked of what was said, what becomes of
 * its answers, and notes to people who are not here.
 */
#ifndef BANTERD_SESSION_WORDS_H
#define BANTERD_SESSION_WORDS_H

#include <stdbool.h>

#include "banterd/base/store_message.h"

struct client;
struct room;
struct session_context;

/* The most lines of an answer. */
#define WORDS_HISTORY 1000
#define WORDS_CATCHUP 100
#define WORDS_FOUND   50
#define WORDS_LAST    50 /* where nothing else says how many */

/* Asks for the last n lines of a room that c is in; false: nobody can be asked,
 * and nobody is told. */
bool words_ask_history(struct client *c, const struct room *room, unsigned n);

/* Asks for what was said there on a day, YYYY-MM-DD; false: it is none. */
bool words_ask_day(struct client *c, const struct room *room, const char *day);

/* Keeps a text for somebody who is not here, whose name is registered. */
void words_leave_note(
    struct client *c, const char *name, const char *text, bool action);

/* Asks for the notes for c, who has just logged in. */
void words_ask_notes(struct client *c);

/* The same for all who could not be answered. */
void words_ask_owed(struct session_context *ctx);

/* A line of an answer; and its end: the result is STORE_OK. */
void words_row(struct client *c, const struct store_message *m);
void words_answered(struct client *c, const struct store_message *m);

/* The answer is that it is not possible: what memory has is shown instead;
 * false if that is not what was asked for. */
bool words_fall_back(struct client *c);

/* The end of /history: the last n lines of what memory has. */
void words_show_memory(struct client *c, const struct room *room, unsigned n);

#endif
