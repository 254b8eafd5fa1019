/*
 * What the store has to keep, for its outbox.  Where there is no store nothing
 * is done.
 */
#ifndef BANTERD_DAEMON_ITEMS_H
#define BANTERD_DAEMON_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

struct chat_event;
struct client;
struct room;
struct server;
struct user;

/* Somebody has said something in a room. */
void items_said(struct server *srv, const struct room *room,
    const struct user *by, const struct chat_event *ev);

/* Of who is logged in: they are in a room, or not any more; have been shown
 * what they missed in a room (empty: in all), or their notes, up to that line;
 * will not be logged in any more. */
void items_moved(
    struct server *srv, struct client *c, const struct room *room, bool in);
void items_parted(struct server *srv, struct client *c, const char *room);
void items_shown(
    struct server *srv, struct client *c, const char *room, uint64_t line);
void items_read(struct server *srv, struct client *c, uint64_t line);
void items_logged_out(struct server *srv, struct client *c);

/* What they have may be something else now; it is looked at when the turn ends.
 * c is gone. */
void items_client_changed(struct server *srv, struct client *c);
void items_forget(struct server *srv, struct client *c);
void items_put_changed(struct server *srv);

#endif
