/*
 * What becomes of the store's answers to the questions of a client.
 */
#ifndef BANTERD_SESSION_ANSWERS_H
#define BANTERD_SESSION_ANSWERS_H

struct client;
struct store_message;

/* The answer to a question of c's has come; or one line of it, of several. */
void answers_take(struct client *c, const struct store_message *m);
void answers_take_row(struct client *c, const struct store_message *m);

#endif
