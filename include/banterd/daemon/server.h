/*
 * The server: the event loop, and all that hangs off it.
 */
#ifndef BANTERD_SERVER_H
#define BANTERD_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/net/acl.h"
#include "banterd/session/client.h"
#include "banterd/config/config.h"
#include "banterd/net/listener.h"
#include "banterd/system/log.h"
#include "banterd/system/notify.h"
#include "banterd/daemon/opener.h"
#include "banterd/net/output.h"
#include "banterd/chat/room.h"

struct event;
struct event_base;

/* Connections beyond max-clients that are being turned away, or closed, at one
 * time. */
#define SERVER_LEAVING 24

#define SERVER_SIGNALS 5

/* Counters since the start, for SIGUSR1. */
struct server_stats {
	uint64_t lines_in;
	uint64_t bytes_in;
	uint64_t accepted;
	uint64_t refused; /* connections */
	uint64_t slowed;  /* times that a client's rate ran out */
	uint64_t stalled; /* clients */
};

struct server {
	struct event_base *base;
	struct config *conf;
	const char *conf_path;
	bool conf_optional;                  /* may be missing */
	struct config_listens fixed_listens; /* of -l; they replace conf's */
	struct registry registry;
	struct output *output;
	struct acl_hosts hosts;
	struct listeners listeners;
	struct clients clients;
	struct clients gone;    /* to be freed at the turn's end */
	struct clients waiting; /* with something due some time */
	struct clients ready;   /* with input that may be carried out */
	unsigned nclients;      /* let in, not closing */
	unsigned nleaving;      /* turned away, or closing */
	unsigned freed;   /* clients and queues, since memory was given back */
	uint64_t trim_at; /* ms: when it will be; 0: not wanted */
	unsigned max_clients; /* what descriptors allow, too */
	struct event *timer;
	uint64_t timer_due;     /* ms; UINT64_MAX: not armed */
	struct event *watchdog; /* NULL: none wanted */
	struct event *signals[SERVER_SIGNALS];
	struct notify notify;
	struct opener *opener;           /* its owner's; NULL: none */
	struct log_burst log_burst;      /* connections and refusals */
	struct log_burst password_burst; /* wrong ones */
	struct server_stats stats;
	uint64_t started;                      /* ms */
	uint64_t status_at;                    /* ms: when notify was told */
	unsigned status_clients, status_rooms; /* and what */
	bool clock_is_fresh;                   /* read in this turn */
	bool sockets_passed;                   /* they replace listen lines */
	bool reload_wanted, stop_wanted;
	bool stopping;
	bool done;        /* leave the loop */
	bool failed;      /* the loop did; nobody asked */
	bool verbose;     /* -v: debug, whatever conf says */
	uint64_t stop_by; /* ms: then it ends in any case */

	/* The clock, in ms that only ever go forward; a test can replace it. */
	uint64_t (*clock)(void);
};

/* Of two times at which something is due. */
static inline uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Makes a server of a configuration, which it takes over (whatever comes of
 * it).  Nothing listens yet; srv->fixed_listens is empty.  Returns false
 * after logging why; the caller owes server_free() all the same.
 */
bool server_init(struct server *srv, struct config *conf, const char *conf_path,
    bool conf_optional);

/* Opens the listeners: the passed sockets if there are some, else those of
 * -l, else the configuration's.  Returns false after logging why. */
bool server_listen(struct server *srv);

/* Runs until a signal ends it. */
void server_run(struct server *srv);

/* One turn of the loop; with wait, it waits for something to do. */
void server_turn(struct server *srv, bool wait);

/* Frees all of it; clients that are left are dropped. */
void server_free(struct server *srv);

/* Takes over a socket that a listener accepted: lets it in or turns it away.
 * address is NULL for a UNIX socket. */
void server_admit(struct server *srv, int fd, const struct address *address);

/* Reads the configuration again and applies it whole, or not at all. */
bool server_reload(struct server *srv);

/* Stops listening, carries out what has arrived (for at most half of
 * shutdown-grace), tells everybody, and has the loop end when the last output
 * has left, or shutdown-grace is over. */
void server_stop(struct server *srv);

/* Now, in ms; read once a turn. */
uint64_t server_now(struct server *srv);

/* Has client_input() called, after others who wait for that. */
void server_await_turn(struct server *srv, struct client *c);

/* Has client_tick() called once ms has come, at the latest. */
void server_await(struct server *srv, struct client *c, uint64_t ms);

/* Wakes the loop once ms has come, at the latest. */
void server_wake_at(struct server *srv, uint64_t ms);

/* Logs the counters (SIGUSR1). */
void server_log_stats(struct server *srv);

#endif
