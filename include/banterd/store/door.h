/*
 * A UNIX socket that listens.
 */
#ifndef BANTERD_STORE_DOOR_H
#define BANTERD_STORE_DOOR_H

#include <sys/types.h>

#include <stddef.h>

struct door;
struct event_base;

/* Takes over a connection. */
typedef void door_accepted_fn(void *arg, int fd);

/* Makes the socket at path, in the place of one that nobody listens at any
 * more.  Returns NULL after logging why. */
struct door *door_open(struct event_base *base, const char *path, int type,
    mode_t mode, door_accepted_fn *accepted, void *arg);

/* Takes over one that listens already; returns NULL after logging why, with
 * the socket closed.  It has to be of that type. */
struct door *door_adopt(struct event_base *base, int fd, int type,
    door_accepted_fn *accepted, void *arg);

/* Where it listens. */
const char *door_path(const struct door *d);

/* Removes the socket's file, if door_open() made it. */
void door_close(struct door *d);

#endif
