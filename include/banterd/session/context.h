/*
 * What all clients share: the floors below them, and what they need of the
 * daemon around them.
 */
#ifndef BANTERD_SESSION_CONTEXT_H
#define BANTERD_SESSION_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/system/log.h"

struct client;
struct config;
struct conns;
struct fanout;
struct registry;
struct rendering;
struct room;

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
};

struct session_context {
	const struct session_ops *ops;
	void *daemon; /* for them */
	struct registry *registry;
	struct fanout *fanout;
	struct conns *conns;
	struct rendering *rendering; /* talk.c's */
	const struct config *conf;   /* limits, and what newcomers are told */
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
