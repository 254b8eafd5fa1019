/*
 * Logging in: what is asked of the store, passwords that are typed unseen, and
 * names that become somebody's.  While a question waits for its answer (see
 * answers.h) the client's next line waits, and everybody else goes on.
 */
#ifndef BANTERD_SESSION_LOGIN_H
#define BANTERD_SESSION_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/session/account.h"

/* Whether a question of c's waits for its answer; and whether the next line is
 * a password. */
bool login_is_asking(const struct client *c);
bool login_is_prompting(const struct client *c);

/* Whether that can be a password. */
bool login_is_password(const char *text);

/* Takes a line of c as the password that it was asked for; an empty one gives
 * up. */
void login_take_password(struct client *c, const char *text);

/* Has c type a password for that, of the name that it is about, if its terminal
 * can hide it; else says that the command needs one. */
void login_prompt(struct client *c, enum account_prompt prompt,
    const char *name, const char *usage);

/* Asks; from now on c waits.  If nobody can be asked, c is told. The passwords
 * in m are overwritten. */
void login_ask(struct client *c, struct store_message *m);

/* The same, of what was said in a room (empty: in all). */
void login_ask_about(
    struct client *c, struct store_message *m, const char *room);

/* Whether c is logged in; if not, it is told so. */
bool login_require(struct client *c);

/* There is no memory to have c wait. */
void login_give_up(struct client *c);

/* The question is over, whatever came of it: c goes on. */
void login_go_on(struct client *c);

/* Another process goes on: what is asked is asked again there, but for what was
 * answered in part, or would be done twice. */
void login_hand_over(struct client *c);

/* Gives up a question that waits for too long.  Returns when (ms) to look
 * again; NEVER. */
uint64_t login_tick(struct client *c, uint64_t now);

/* Tells c that the name is somebody's; and the log what c has done. */
void login_tell_registered(struct client *c, const char *name);
void login_note(struct client *c, const char *what);

/* A name is registered now, or is not any more: who has it, and is somebody
 * else, gets a guest's name. */
void login_registered(
    struct session_context *ctx, const char *name, uint64_t owner);
void login_forgotten(struct session_context *ctx, const char *name);

/* All registered names are known: who is logged in as none of them is not. */
void login_check_all(struct session_context *ctx);

/* c, who is logged in, is a guest again. */
void login_end(struct client *c);

/* After a fault: a password that was asked for is asked for again. */
void login_tell_fault(struct client *c);

#endif
