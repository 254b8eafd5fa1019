/*
 * The service: its sockets, its loop, its signals.
 */
#ifndef BANTERD_STORE_SERVE_H
#define BANTERD_STORE_SERVE_H

#define SERVE_SOCKET "/run/banter-store/socket"

/* Serves the file at the socket, or at the one that the service manager
 * passes, until it is told to stop.  Returns the exit status. */
int serve(const char *file, const char *socket);

#endif
