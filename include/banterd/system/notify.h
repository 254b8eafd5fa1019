/*
 * The service manager: readiness, watchdog and its store of descriptors
 * (sd_notify(3)), and those that it passes (sd_listen_fds(3)).  Both protocols
 * are a few words each, and are documented to be written by hand.  Without a
 * service manager each function does nothing.
 */
#ifndef BANTERD_SYSTEM_NOTIFY_H
#define BANTERD_SYSTEM_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stdint.h>

struct notify {
	int fd;                /* -1: nobody to tell */
	struct sockaddr_un to; /* where it listens */
	socklen_t tolen;
	uint64_t watchdog_ms; /* 0: no watchdog */
	int patience_ms;      /* with a manager who is busy; 0: none */
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC from the environment, and takes them
 * out of it. */
void notify_init(struct notify *n);
void notify_close(struct notify *n);

/* Returns false if the manager's queue is full: it has to be told again. */
bool notify_ready(struct notify *n);
/* How many are here; before that, what is not as it should be, or NULL. */
bool notify_status(
    struct notify *n, const char *but, unsigned clients, unsigned rooms);
/* The same in words of one's own. */
bool notify_status_text(struct notify *n, const char *text);

void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/* Answers contrib/systemd/reload, if it waits. */
void notify_reloaded(bool ok);
void notify_watchdog(struct notify *n);

/* Has the manager hold a descriptor, and pass it to the next process under that
 * name; and let go of it.  At the start that waits a little for a manager who
 * is busy.  Returns false if it is not told. */
bool notify_store(struct notify *n, int fd, const char *name);
bool notify_unstore(struct notify *n, const char *name);

/* A descriptor that the service manager passed to this process; fd -1: somebody
 * has taken it. */
struct notify_descriptor {
	int fd;
	const char *name;
};

/* All of them. */
struct notify_passed {
	int n; /* -1: that is wrong */
	struct notify_descriptor *list;
	char *names; /* what these point into */
};

/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES and takes them out of the
 * environment, logging what is wrong; the caller owes notify_passed_free(). */
struct notify_passed notify_passed(void);
void notify_passed_free(struct notify_passed *passed);

#endif
