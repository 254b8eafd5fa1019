/*
 * A person at a connection: how they come, what they wait for, how they go.
 *
 *	CLIENT_LOGIN --> CLIENT_CHAT      at once, if no password is set
 *	     |                |
 *	     +-------+--------+
 *	             | client_close(): /quit, the end of their input, a refusal,
 *	             |                 the server stops
 *	             v
 *	      CLIENT_CLOSING              has left the rooms; its last output is
 *	             |                    on its way
 *	             | client_linger(): it has left, and we say FIN
 *	             v
 *	     CLIENT_LINGERING             waits for their FIN, not long
 *	             |
 *	             v
 *	       CLIENT_GONE                freed when the turn ends
 *
 * client_gone() leads there from anywhere: at once (client_drop()), or because
 * nobody is there to wait for.
 *
 * Beside this stand two facts about its connection.  It has ended: there is no
 * more input.  It is broken (conn_error()): nothing can be sent; what it sent
 * before is carried out, as far as its rate allows, and then it is closed.
 */
#ifndef BANTERD_SESSION_CLIENT_H
#define BANTERD_SESSION_CLIENT_H

#include <bsd/sys/queue.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/network.h"
#include "banterd/base/text.h"
#include "banterd/chat/user.h"
#include "banterd/config/config.h"
#include "banterd/net/fanout.h"
#include "banterd/net/input.h"
#include "banterd/session/context.h"
#include "banterd/session/rate.h"

/* Who lingers is looked at so often, in ms. */
#define CLIENT_LINGER_LOOK_MS 500

struct host;
struct kept;

/* The longest line that anybody is sent, in bytes: the longest text, a time, a
 * room, two names and the words around them. */
#define CLIENT_LINE_MAX (TEXT_CLEANED_SIZE(CONFIG_MAX_LINE_MAX) + 256)

/* What several have to say. */
#define CLIENT_NO_MEMORY "! The server is out of memory; try again later."

/* What somebody reads who has to give the password. */
#define CLIENT_ASK_PASSWORD "* A password is needed: /pass PASSWORD"

/* What everybody reads who is still there when the server stops. */
#define CLIENT_GOING_DOWN "* The server is going down."

/* Why one leaves whose connection is broken. */
#define CLIENT_LOST "connection lost"

enum client_state {
	CLIENT_LOGIN, /* has to give the password */
	CLIENT_CHAT,
	CLIENT_CLOSING,
	CLIENT_LINGERING,
	CLIENT_GONE
};

/* Who wrote to a client in private and waits to be told that it may be gone;
 * unheard.c's. */
struct unheard {
	uint64_t looks_at;  /* ms: whether it has answered; 0: see silent_at */
	uint64_t silent_at; /* ms: it had not, and they were told; 0 */
	uint64_t asked_at;  /* ms: last written to by one who is ignored; 0 */
	struct id_set writers;
};

/* What each line of input needs stands together behind the queue. */
struct client {
	struct user user;        /* not in the registry if id 0 */
	struct fanout_queue out; /* and the connection */
	struct session_context *ctx;
	struct input input;
	struct rate rate;
	uint8_t state; /* enum client_state */
	uint8_t wrong_passwords;
	uint8_t hinted;       /* command_hint(): which were given */
	bool set_time;        /* put a time before each line */
	bool has_address : 1; /* not of a UNIX socket */
	bool is_waiting : 1;  /* for the daemon: in its lists */
	bool is_runnable : 1;
	bool is_unstored : 1;
	bool counted : 1;     /* has a place, and a host */
	bool has_quit : 1;    /* it said so itself */
	bool had_pending : 1; /* input, when changes were told last */
	bool had_fault : 1;   /* it has to be told that there was one */
	uint64_t resumes_at;  /* ms: reads again; 0: not waiting */
	uint64_t stalls_at;   /* ms: it has stalled; 0: it has not */
	uint64_t looks_at;    /* ms: slow_look(), with a backlog or lingering */
	uint64_t ends_at;     /* ms: login, arriving, closing, lingering is
			       * over; 0: nothing such */
	TAILQ_ENTRY(client) next;     /* the daemon's: all, or those gone */
	TAILQ_ENTRY(client) waiting;  /* the daemon's, if is_waiting */
	TAILQ_ENTRY(client) runnable; /* the daemon's, if is_runnable */
	TAILQ_ENTRY(client) unstored; /* the daemon's, if is_unstored */
	struct host *host;            /* NULL: has no place */
	struct unheard *unheard;      /* NULL: nobody waits to be told */
	struct account *account;      /* NULL: a guest, who does not log in */
	struct kept *kept;            /* the daemon's; NULL: nothing is */
	struct address address;
	uint32_t full_unsent; /* bytes not arrived when stalls_at was set */
};
TAILQ_HEAD(clients, client);

/*
 * Takes over a connected socket.  address is NULL for a UNIX socket.  Returns
 * a client that has said and been told nothing yet, or NULL when memory is out
 * (fd is still the caller's).
 */
struct client *client_new(
    struct session_context *ctx, int fd, const struct address *address);

/* The same of a connection that had that number in an earlier process; the rest
 * is client_import()'s. */
struct client *client_return(
    struct session_context *ctx, int fd, uint64_t number);

/* Frees a client that is CLIENT_GONE, or that nobody has been told of, and
 * closes its socket. */
void client_free(struct client *c);

/* Greets a newcomer, and lets it in or asks for the password. */
void client_welcome(struct client *c);

/* Gives a client that may come in a name and the default room. */
void client_enter(struct client *c);

/* Says what is wrong about a password; the third time ends the client. */
void client_wrong_password(struct client *c);

/* Counts a wrong key of that room as a wrong password, and slows it down; what
 * is to be said to that is the caller's. */
void client_wrong_key(struct client *c, const char *room);

/* Keeps to a new configuration, which may no longer allow it in. */
#define CLIENT_NOT_ALLOWED "! Your address is not allowed here."
void client_reconfigure(struct client *c);

/* Answers with one line; fmt begins with "* " or "! ". */
void client_tell(struct client *c, const char *fmt, ...) LOG_PRINTF(2, 3);

/* Between these two, what c is told is an answer; it is paid for at the end. */
void client_begin_answer(struct client *c);
void client_end_answer(struct client *c);

/* Carries out nothing more of c before ms have passed. */
void client_pause(struct client *c, uint64_t ms);

/* Has the connection read, or not. */
void client_set_reading(struct client *c, bool on);

/* Ends a client: it leaves its rooms with that reason (may be NULL), still
 * gets what it is owed, and is closed. */
void client_close(struct client *c, const char *reason);

/* The same, with a reason that it said itself: that is not for the log. */
void client_quit(struct client *c, const char *reason);

/* The same, with an error line. */
void client_refuse(struct client *c, const char *line);

/* The same at once: what it is owed is dropped. */
void client_drop(struct client *c, const char *reason);

/* All of its output has left: says FIN, and waits for theirs. */
void client_linger(struct client *c);

/* It has left its rooms, and nothing more is to come. */
void client_gone(struct client *c);

/* Something of it that is to outlive the process has changed: CHANGED_USER and
 * the others, or this. */
#define CHANGED_UNHEARD 8U
#define CHANGED_SPENT   16U /* what it has said has cost it; skipped lines */
#define CHANGED_INPUT   32U /* and it is within a line, or is not any more */
void client_changed(struct client *c, unsigned what);

/* Forgets who wrote to it in private. */
void client_end_unheard(struct client *c);

/* Who is logged in is nobody's owner any more: what is theirs is kept, and when
 * that was. */
void client_end_login(struct client *c);

/* It goes on as somebody who was another client's until now. */
void client_moved(struct client *c);

/* What it is doing (login, closing, lingering) took too long; or its room has
 * to be told now that it has come. */
void client_time_is_over(struct client *c);

/* The client whose user or queue that is. */
struct client *client_of_user(struct user *u);
struct client *client_of_queue(struct fanout_queue *q);

/* Who it is, for the log: its name if it has one, and its address. */
#define CLIENT_TEXT_SIZE (NICK_MAX + ADDRESS_TEXT_SIZE + 8)
const char *client_text(const struct client *c, char *buf);

#endif
