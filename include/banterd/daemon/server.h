/*
 * The server: all that the daemon is made of, its clock and its one timer.
 */
#ifndef BANTERD_DAEMON_SERVER_H
#define BANTERD_DAEMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/chat/registry.h"
#include "banterd/config/config.h"
#include "banterd/net/conn.h"
#include "banterd/net/fanout.h"
#include "banterd/net/host.h"
#include "banterd/net/listener.h"
#include "banterd/daemon/outbox.h"
#include "banterd/session/client.h"
#include "banterd/session/context.h"
#include "banterd/system/log.h"
#include "banterd/system/notify.h"
#include "banterd/system/signals.h"

struct event;
struct event_base;
struct files;
struct keep;
struct opener;
struct store;

/* Connections without a place for which a descriptor is kept beyond
 * max-clients: of those who are turned away, or whose last output has left. */
#define SERVER_CLOSING 24

/* After it was stopped, the daemon hears for so many ms what came meanwhile,
 * before anything is over. */
#define SERVER_CATCH_UP_MS 100

/* Somebody who came before all who were there are back. */
struct newcomer {
	TAILQ_ENTRY(newcomer) next;
	struct address address;
	bool has_address;
	int fd;
};

struct server {
	struct event_base *base;
	struct config *conf;
	const char *conf_path;
	bool conf_optional;                  /* may be missing */
	struct config_listens fixed_listens; /* of -l; they replace conf's */
	struct registry registry;
	struct fanout *fanout;
	struct conns conns;
	struct hosts hosts;
	struct listeners listeners;
	struct session_context session;
	struct clients clients;
	struct clients gone; /* to be freed at the turn's end */
	TAILQ_HEAD(, newcomer) newcomers;
	struct clients waiting;  /* with something due some time */
	struct clients runnable; /* with input that may be carried out */
	struct clients unstored; /* what they have may have changed */
	unsigned nclients;       /* who have a place */
	unsigned nclosing;       /* who have none (any more) */
	unsigned max_clients;    /* what descriptors allow, too */
	unsigned freed;          /* clients, since memory was given back */
	uint64_t trim_at;        /* ms: when it will be; 0: not wanted */
	struct event *timer;
	uint64_t timer_due;     /* ms; NEVER: not armed */
	uint64_t caught_up_at;  /* ms: after we were stopped; 0: we were not */
	bool timer_fired;       /* in this turn; not dealt with yet */
	struct event *watchdog; /* NULL: none wanted */
	struct event *signals[SIGNALS_HANDLED];
	struct notify notify;
	const struct files *files;  /* its owner's; NULL: none */
	struct opener *opener;      /* the same */
	struct event *child;        /* it has ended; NULL: there is none */
	struct keep *keep;          /* its owner's; NULL: nothing is kept */
	struct store *store;        /* of names and words */
	struct outbox outbox;       /* what it has to keep */
	uint64_t accepted, refused; /* connections, since the start */
	uint64_t started;           /* ms */
	uint64_t status_at;         /* ms: when notify was told */
	unsigned status_clients, status_rooms; /* and what */
	bool owes_status, owes_ready;          /* notify could not be told */
	uint32_t people_to_log; /* stats.c's: so many slots are still to come */
	bool clock_is_fresh;    /* read in this turn */
	bool sockets_passed;    /* they replace listen lines */
	bool owes_listeners;    /* to notify's store */
	bool conf_is_old;       /* the file is wrong, and it is not of it */
	bool listens_are_old;   /* so are the addresses that it listens on */
	bool reload_wanted, stop_wanted;
	bool hand_over_wanted; /* rather than a stop */
	bool done;             /* leave the loop */
	bool failed;           /* the loop did; nobody asked */
	bool verbose;          /* -v: debug, whatever conf says */
	uint64_t stop_by;      /* ms: then it ends in any case, if stopping */

	/* server_clock(); a test can replace it. */
	uint64_t (*clock)(void);
};

/* What clients need of the daemon; theirs is the server. */
extern const struct session_ops server_session_ops;

/* The clock of a daemon: ms that only ever go forward. */
uint64_t server_clock(void);

/* Now, in ms; read once a turn. */
uint64_t server_now(struct server *srv);

/* Wakes the loop once ms has come, at the latest. */
void server_wake_at(struct server *srv, uint64_t ms);

/* Raises the soft limit of descriptors to what max-clients and the listeners
 * need, and lowers srv->max_clients to what the limit then allows. */
void server_fit_descriptors(struct server *srv);

/* Has libevent make what it keeps of each descriptor number before anybody
 * comes. */
void server_preallocate_fd_slots(struct server *srv);

#endif
