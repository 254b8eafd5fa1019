/*
 * The syslog daemon, at its socket.  syslog(3) waits when that daemon is stuck,
 * and with it everybody who chats; this does not.
 */
#ifndef BANTERD_SYSTEM_SYSLOG_H
#define BANTERD_SYSTEM_SYSLOG_H

#include <stdbool.h>

struct syslog_socket {
	const char *path; /* of its socket */
	int fd;           /* connected to it; -1: not */
	bool stream;      /* messages are not datagrams, but end with a NUL */
};

/* Connects, if it is not connected.  Returns false with errno set. */
bool syslog_socket_open(struct syslog_socket *s);
void syslog_socket_close(struct syslog_socket *s);

/* One message, as syslog(3) sends it: priority is facility | level, tag the
 * program's name.  Connects again if the daemon was restarted.  Returns false
 * if it could not be handed over at once. */
bool syslog_socket_send(struct syslog_socket *s, int priority, const char *tag,
    const char *message);

#endif
