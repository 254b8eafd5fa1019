/*
 * The service manager: readiness and watchdog (sd_notify(3)), and passed
 * sockets (sd_listen_fds(3)).  Both protocols are a few words each, and are
 * documented to be written by hand.  Without a service manager each function
 * does nothing.
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
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC from the environment, and takes them
 * out of it. */
void notify_init(struct notify *n);
void notify_close(struct notify *n);

/* Returns false if the manager's queue is full: it has to be told again. */
bool notify_ready(struct notify *n);
bool notify_status(struct notify *n, unsigned clients, unsigned rooms);

void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/* Answers contrib/systemd/reload, if it waits. */
void notify_reloaded(bool ok);
void notify_watchdog(struct notify *n);

/* What the service manager passed to this process. */
struct notify_sockets {
	int first, n; /* descriptors first to first + n - 1; n -1: wrong */
	char *names;  /* LISTEN_FDNAMES, "a:b"; NULL: none */
};

/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES and takes them out of the
 * environment, logging what is wrong; the caller owes free() of names. */
struct notify_sockets notify_sockets(void);

#endif
