/*
 * Listening sockets: socket, bind and listen (or take one that the service
 * manager passed), and accept.  Who has connected is handed to a callback.
 */
#ifndef BANTERD_NET_LISTENER_H
#define BANTERD_NET_LISTENER_H

#include <bsd/sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/network.h"
#include "banterd/config/config.h"

struct event;
struct event_base;
struct listener;

/* What a newcomer is told for whom there is no descriptor, and others for whom
 * there is no place. */
#define LISTENER_FULL "! The server is full; try again later."

/* What the owner of the listeners is told. */
struct listener_ops {
	/* Somebody has connected: the socket is the owner's now.  address is
	 * NULL for a UNIX socket. */
	void (*accepted)(void *owner, int fd, const struct address *address);
	/* Somebody was turned away for want of a descriptor. */
	void (*turned_away)(void *owner);
	/* Whether descriptors will be closed when this turn of the loop ends:
	 * a newcomer may have one of these. */
	bool (*is_closing)(void *owner);
	/* The time in ms. */
	uint64_t (*now)(void *owner);
	/* One was opened that has to outlive the process; and it is closed for
	 * good.  NULL: nobody wants to know. */
	void (*opened)(void *owner, struct listener *l);
	void (*closed)(void *owner, const struct listener *l);
};

struct listeners;

struct listener {
	TAILQ_ENTRY(listener) next;
	struct listeners *listeners;
	struct event *accepts;        /* readable: somebody is waiting */
	struct event *resumes;        /* after it was suspended */
	struct sockaddr_storage addr; /* as configured */
	socklen_t addrlen;
	mode_t mode; /* of a UNIX socket's file */
	dev_t dev;   /* which file that is: there may be */
	ino_t ino;   /* another one of that name by now */
	int fd;
	uint64_t warned_at; /* ms: of failing to accept; 0: never */
	unsigned failures;  /* to accept, since then */
	bool passed;        /* by the service manager */
	bool keep, fresh;   /* listeners_apply()'s marks */
	bool made_way;      /* another of its marks: does not listen */
	bool lost;          /* its file is not there any more */
	bool unclaimed; /* of an earlier process: no listen line has it yet */
	unsigned stored_as; /* its owner's; 0: see opened */
	char *text;         /* for the log */
};

struct listeners {
	TAILQ_HEAD(listener_list, listener) list;
	struct event_base *base; /* its owner's */
	const struct listener_ops *ops;
	void *owner;
	int spare_fd;         /* given up to accept when there
			       * are no descriptors left */
	bool are_handed_over; /* to another process: their files stay */
	bool may_be_early;    /* an address need not be there yet */
};

void listeners_init(struct listeners *ls, struct event_base *base,
    const struct listener_ops *ops, void *owner);

/*
 * Takes over a socket that is passed in.  Returns false after logging why: it
 * is no stream socket of IP or UNIX, or it does not listen.
 */
bool listener_adopt(struct listeners *ls, int fd, const char *name);

/*
 * Goes on with one that an earlier process opened; stored_as is 0 for none.
 * Returns false (and closes nothing) after logging why not.
 */
bool listener_return(struct listeners *ls, int fd, unsigned stored_as);

/*
 * Opens what wanted has and is not open, closes what is open and not wanted,
 * and leaves the rest untouched.  Should one not open, all stays as it was,
 * and false is returned after logging why; with lenient, one is enough.
 */
bool listeners_apply(
    struct listeners *ls, const struct config_listens *wanted, bool lenient);

/* Whether who connects to that address reaches one of ours. */
bool listeners_serve(
    const struct listeners *ls, const struct config_listen *wanted);

/* How many there are. */
unsigned listeners_count(const struct listeners *ls);

/* Closes all. */
void listeners_close(struct listeners *ls);

#endif
