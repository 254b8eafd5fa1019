/*
 * The opener: a process that stays root when the daemon becomes somebody else,
 * and opens for it the few files that only root may read or write: the
 * configuration, its motd and its log.  It reads in the configuration itself
 * which files these are, and opens no others.  It never hears
 * of a client.  Only a daemon that was started as root has one.
 */
#ifndef BANTERD_DAEMON_OPENER_H
#define BANTERD_DAEMON_OPENER_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/files.h"

struct config_listens;

struct opener {
	int fd;         /* to the process; -1: there is none */
	uint32_t asked; /* how often it was */
};

/*
 * Starts it for the configuration at conf_path.  When the daemon ends, it ends
 * too, and removes the UNIX sockets of listens and of the configuration that
 * the daemon may no longer remove.  Returns false with errno set.
 */
bool opener_start(struct opener *o, const char *conf_path,
    const struct config_listens *listens);

void opener_stop(struct opener *o);

/* Has files opened by the opener if there is one, else by the process itself.
 * o has to stay where it is. */
struct files opener_files(struct opener *o);

#endif
