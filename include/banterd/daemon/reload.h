/*
 * The configuration at work: the listeners that it wants; the file read again,
 * whole or not at all.
 */
#ifndef BANTERD_DAEMON_RELOAD_H
#define BANTERD_DAEMON_RELOAD_H

#include <stdbool.h>

struct config;
struct files;
struct notify_passed;
struct server;

/* Reads a configuration, as config_load(); what is wrong is logged. */
struct config *reload_config(
    const struct files *files, const char *path, unsigned how);

/* Whether somebody may still be writing the file; that is logged. */
bool reload_is_unfinished(const char *path, const struct config *conf);

/* Sends the log to that target.  Returns false after logging why not, where it
 * went before. */
bool reload_log(const char *target);

/* Opens the listeners: the sockets that the manager passed if there are some,
 * else those of -l, else the configuration's, of which an earlier process may
 * have opened some.  Returns false after logging why. */
bool reload_listen(struct server *srv, const struct notify_passed *passed);

/* Sets up the rooms that the configuration lists; what is not possible is
 * logged. */
void reload_rooms(struct server *srv);

/* Reads the configuration again and applies it whole, or not at all; then false
 * is returned, after logging why. */
bool reload(struct server *srv);

#endif
