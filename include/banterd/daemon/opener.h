/*
 * The opener: a process that stays root when the daemon becomes somebody else,
 * and opens for it the few files that only root may read or write: the
 * configuration, its motd and its log.  It reads in the configuration itself
 * which files these are, and opens no others.  It never hears
 * of a client.  Only a daemon that was started as root has one.
 */
#ifndef BANTERD_OPENER_H
#define BANTERD_OPENER_H

#include <stdbool.h>
#include <stdint.h>

struct config_listens;

enum opener_file {
	OPENER_CONFIG = 'c', /* to read */
	OPENER_MOTD = 'm',   /* to read */
	OPENER_LOG = 'l'     /* to append to */
};

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

/*
 * Opens path: by the opener if there is one (o may be NULL), else by itself.
 * Returns a descriptor, or -1 with errno set.
 */
int opener_open(struct opener *o, enum opener_file what, const char *path);

#endif
