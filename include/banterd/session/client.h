/*
 * One connection: bytes to lines on the way in, slow and fast clients, and
 * the end of it all.
 */
#ifndef BANTERD_CLIENT_H
#define BANTERD_CLIENT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/net/acl.h"
#include "banterd/net/linebuf.h"
#include "banterd/net/output.h"
#include "banterd/chat/room.h"
#include "banterd/net/telnet.h"

struct event;
struct server;
struct unread;

enum client_state {
	CLIENT_LOGIN, /* has to give the password */
	CLIENT_CHAT,
	CLIENT_CLOSING,   /* its last output is on its way */
	CLIENT_LINGERING, /* we said FIN and wait for theirs */
	CLIENT_GONE       /* freed at the end of this turn */
};

/* What each line of input needs stands together behind the socket. */
struct client {
	struct user user;        /* not in the registry if id 0 */
	struct output_queue out; /* and the socket */
	struct server *server;
	struct unread *unread; /* read, and not carried out; NULL: nothing */
	struct linebuf line;   /* the unfinished one */
	struct telnet telnet;
	uint8_t state; /* enum client_state */
	uint8_t wrong_passwords;
	bool has_address;
	bool is_waiting, is_ready;
	bool reading;        /* the read event is armed */
	bool eof;            /* nothing more will come */
	bool lost;           /* it ended in an error */
	bool counted;        /* in server.nclients */
	uint32_t tokens;     /* in thousandths of a line */
	uint64_t refilled;   /* ms: when tokens was right */
	uint64_t resumes_at; /* ms: reads again; 0: not waiting */
	uint64_t stalls_at;  /* ms: it has stalled; 0: it has not */
	uint64_t looks_at;   /* ms: whether it is gone; 0: no backlog */
	uint64_t ends_at;    /* ms: login or closing is over; 0 */
	struct event *readable;
	TAILQ_ENTRY(client) next;    /* in server.clients or .gone */
	TAILQ_ENTRY(client) waiting; /* in server.waiting if is_waiting */
	TAILQ_ENTRY(client) ready;   /* in server.ready if is_ready */
	struct acl_host *host;       /* NULL: refused, or closing */
	struct address address;
	uint32_t full_unsent; /* bytes not arrived when stalls_at was set */
};
TAILQ_HEAD(clients, client);

/*
 * Takes over a connected socket.  address is NULL for a UNIX socket.  Returns
 * a client that has said and been told nothing yet, in server.clients; or
 * NULL when memory is out (fd is still the caller's).
 */
struct client *client_new(
    struct server *srv, int fd, const struct address *address);

/* Gives a newcomer, which is counted with host, its place among the clients. */
void client_take_place(struct client *c, struct acl_host *host);

/* Greets a newcomer, and lets it in or asks for the password. */
void client_welcome(struct client *c);

/* Ends a client with an error line. */
void client_refuse(struct client *c, const char *line);

/* Keeps to a new configuration, which may no longer allow it in. */
#define CLIENT_NOT_ALLOWED "! Your address is not allowed here."
void client_reconfigure(struct client *c);

/* Gives a client that may come in a name and the default room. */
void client_enter(struct client *c);

/* Ends a client: it leaves its rooms with that reason (may be NULL), still
 * gets what it is owed, and is closed. */
void client_close(struct client *c, const char *reason);

/* The same, with a reason that it said itself: that is not for the log. */
void client_quit(struct client *c, const char *reason);

/* The same at once: what it is owed is dropped. */
void client_drop(struct client *c, const char *reason);

/* Sending to it failed.  What it sent before is still carried out, as far as
 * its rate allows. */
void client_broken(struct client *c);

/* Answers with one line; see user_tell(). */
void client_tell(struct client *c, const char *fmt, ...) LOG_PRINTF(2, 3);

/* Reads nothing more from c before ms have passed. */
void client_pause(struct client *c, uint64_t ms);

/* How much of its send queue is left for replies, in bytes. */
uint32_t client_room_left(struct client *c);

/* Sends c the line; the registry's deliver function. */
bool client_deliver(struct user *u, struct line *line);

/* Carries out the next thing that has been read, if its rate allows. */
void client_input(struct client *c);

/* Says what is wrong about a password; the third time ends the client. */
void client_wrong_password(struct client *c);

/* Does what is due at now (ms).  Returns when the next thing is, UINT64_MAX
 * for never. */
uint64_t client_tick(struct client *c, uint64_t now);

/* Frees a client that is CLIENT_GONE. */
void client_free(struct client *c);

/* The client whose user or queue that is. */
struct client *client_of_user(struct user *u);
struct client *client_of_queue(struct output_queue *q);

/* Who it is, for the log: its name if it has one, and its address. */
#define CLIENT_TEXT_SIZE (NICK_MAX + ADDRESS_TEXT_SIZE + 8)
const char *client_text(const struct client *c, char *buf);

/* ---- for client.c, client_input.c and client_output.c ---- */

#define CLIENT_LINE_COST 1000 /* tokens */

extern const struct output_events client_output_events;

/* Arms or disarms the read event. */
void client_set_reading(struct client *c, bool on);

/* The read event's callback. */
void client_readable(int fd, short what, void *arg);

/* Gives c the tokens that time has brought until now (ms). */
void client_refill(struct client *c, uint64_t now);

/* Its send queue is full from now on; should nothing move, it has stalled. */
void client_watch_stall(struct client *c);
void client_check_stall(struct client *c);

/* Looks whether one that has a backlog is still there. */
void client_look(struct client *c);

/* Whether the connection broke while nobody read from it. */
bool client_is_reset(const struct client *c);

/* Whether the other side's kernel has all that we sent. */
bool client_has_all(const struct client *c);

/* All of its output has left: says FIN, and waits for theirs. */
void client_linger(struct client *c);

/* Ends it at once; it has left its rooms.  It is freed at the turn's end. */
void client_gone(struct client *c);

#endif
