/*
 * A listening socket: its options, and the file that one of UNIX has.
 */
#ifndef BANTERD_NET_SOCKET_H
#define BANTERD_NET_SOCKET_H

#include <sys/types.h>

#include <stdbool.h>

#include "banterd/config/config.h"

#define SOCKET_BACKLOG 1024 /* the kernel lowers it to its somaxconn */

/* socket, bind, listen.  An address that may be early need not be there yet.
 * Returns the descriptor, which the caller owes close(), or -1 with errno set.
 */
int socket_open(const struct config_listen *l, bool may_be_early);

/* Sets the options that accepted sockets inherit.  Chat goes on without any of
 * them, and a socket of another kind (MPTCP) has not all: that is worth a debug
 * line. */
void socket_set_inherited(int fd, int family);

/* Removes a socket's file if that is still the one of that device and inode. */
void socket_remove_file(const char *path, dev_t dev, ino_t ino);

/* Removes the file of a UNIX socket at which nobody answers (a daemon that was
 * killed leaves one behind). */
void socket_remove_dead(const struct config_listen *l);

#endif
