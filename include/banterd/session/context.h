/*
 * What all clients share: the floors below them, and what they need of the
 * daemon around them.
 */
#ifndef BANTERD_SESSION_CONTEXT_H
#define BANTERD_SESSION_CONTEXT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/system/log.h"

struct account;
struct chat_event;
struct client;
struct config;
struct conns;
struct fanout;
struct registry;
struct rendering;
struct room;
struct store_message;
struct user;

TAILQ_HEAD(accounts, account);

/* What comes of a question to the store. */
enum session_asked {
	SESSION_ASKED,    /* account_answered() will be called, or not */
	SESSION_NO_STORE, /* nothing is kept here */
	SESSION_NOT_NOW   /* it is not there */
};

/* What the daemon does for clients.  A test fills it with its own. */
struct session_ops {
	/* Now, in ms; the same for all of a turn. */
	uint64_t (*now)(void *daemon);
	/* Has talk_tick() called once ms has come, at the latest. */
	void (*arm_deadline)(void *daemon, struct client *c, uint64_t ms);
	/* Has talk_run() called, after others who wait for that. */
	void (*mark_runnable)(void *daemon, struct client *c);
	/* Whether too many are closing to wait for each one's FIN. */
	bool (*is_crowded)(void *daemon);
	/* All that c is owed has left, or is dropped: another may come. */
	void (*release_place)(void *daemon, struct client *c);
	/* c is CLIENT_GONE: it is to be freed when the turn ends. */
	void (*gone)(void *daemon, struct client *c);
	/* Something that is to outlive the process has changed, of a person or
	 * of a room: a sum of CHANGED_... */
	void (*changed)(void *daemon, struct client *c, unsigned what);
	void (*room_changed)(void *daemon, struct room *room, unsigned what);
	/* Whether there is a store that can be asked. */
	bool (*has_store)(void *daemon);
	/* Asks the store of names for c, and sets the question's number. */
	enum session_asked (*ask)(
	    void *daemon, struct client *c, struct store_message *m);
	/* What the store keeps: somebody has said something; c, who is logged
	 * in, is in a room, or not any more. */
	void (*said)(void *daemon, const struct room *room,
	    const struct user *by, const struct chat_event *ev);
	void (*moved)(
	    void *daemon, struct client *c, const struct room *room, bool in);
	/* c does not come back to a room in which it was. */
	void (*parted)(void *daemon, struct client *c, const char *room);
	/* The answers to c's questions are of no use any more. */
	void (*forget)(void *daemon, struct client *c);
	/* c has been shown what it missed in a room (empty: in all), or has
	 * read its notes, up to that line. */
	void (*shown)(
	    void *daemon, struct client *c, const char *room, uint64_t line);
	void (*read)(void *daemon, struct client *c, uint64_t line);
	/* c, who is logged in, will not be in a moment: keeps what is theirs.
	 */
	void (*logged_out)(void *daemon, struct client *c);
};

struct session_context {
	const struct session_ops *ops;
	void *daemon; /* for them */
	struct registry *registry;
	struct fanout *fanout;
	struct conns *conns;
	struct rendering *rendering; /* talk.c's */
	const struct config *conf;   /* limits, and what newcomers are told */
	struct accounts accounts;    /* of all who have one */
	struct log_burst log_burst;  /* who connected and left */
	struct log_burst password_burst;    /* wrong ones */
	uint64_t lines_in, slowed, stalled; /* since the start */
	const struct client *answered;      /* client_begin_answer(): who; */
	uint64_t answer;                    /* bytes of the answer so far */
	bool stopping; /* what has arrived is carried out whatever the rate */
	bool was_stopped; /* the daemon itself, until now: nobody is to blame
			   * for not having been heard */
};

static inline uint64_t
session_now(const struct session_context *ctx)
{
	return ctx->ops->now(ctx->daemon);
}

#endif
