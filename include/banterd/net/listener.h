/*
 * Listening sockets: socket, bind and listen (or take one that the service
 * manager passed), and accept.
 */
#ifndef BANTERD_LISTENER_H
#define BANTERD_LISTENER_H

#include <bsd/sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>

#include "banterd/net/acl.h"
#include "banterd/config/config.h"

struct event;
struct event_base;
struct server;

/* So long, in ms, what is sent to a peer may be without acknowledgement. */
#define LISTENER_PEER_TIMEOUT 110000

struct listener {
	TAILQ_ENTRY(listener) next;
	struct server *server;
	struct event *accepts;        /* readable: somebody is waiting */
	struct event *resumes;        /* after a pause */
	struct sockaddr_storage addr; /* as configured */
	socklen_t addrlen;
	mode_t mode; /* of a UNIX socket's file */
	int fd;
	bool passed;      /* by the service manager */
	bool keep, fresh; /* listeners_apply()'s marks */
	bool asleep;      /* another of its marks: made way */
	char *text;       /* for the log */
};

struct listeners {
	TAILQ_HEAD(, listener) list;
	int spare_fd; /* given up to accept when there
		       * are no descriptors left */
};

void listeners_init(struct listeners *ls);

/*
 * Takes over a socket that is passed in.  Returns false after logging why: it
 * is no stream socket of IP or UNIX, or it does not listen.
 */
bool listener_adopt(struct server *srv, int fd, const char *name);

/*
 * Opens what wanted has and is not open, closes what is open and not wanted,
 * and leaves the rest untouched.  Should one not open, all stays as it was,
 * and false is returned after logging why; with lenient, one is enough.
 */
bool listeners_apply(
    struct server *srv, const struct config_listens *wanted, bool lenient);

/* Removes the file of a UNIX socket at which nobody answers (a daemon that was
 * killed leaves one behind). */
void listener_remove_dead(const struct config_listen *l);

/* Closes all. */
void listeners_close(struct listeners *ls);

#endif
