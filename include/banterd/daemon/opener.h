/*
 * The opener: a process that stays root when the daemon becomes somebody else,
 * and opens for it the few files that only root may read or write: the
 * configuration, its motd and its log.  It reads in the configuration itself
 * which files these are, and opens no others.  It never hears
 * of a client.  Only a daemon that was started as root has one.
 */
#ifndef BANTERD_DAEMON_OPENER_H
#define BANTERD_DAEMON_OPENER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/files.h"

struct config_listens;

/* How long a daemon waits that serves people meanwhile, or that is to end: the
 * opener is stuck then, or the disk is. */
#define OPENER_PATIENCE_MS 2000

struct opener {
	int fd;          /* to the process; -1: there is none */
	pid_t pid;       /* it; 0: none, or it was waited for */
	uint32_t asked;  /* how often it was */
	int patience_ms; /* for an answer; 0: as long as it takes */
};

/*
 * Starts it for the configuration at conf_path.  When the daemon ends, it ends
 * too, and removes the UNIX sockets of listens and of the configuration that
 * the daemon may no longer remove.  Returns false with errno set.
 */
bool opener_start(struct opener *o, const char *conf_path,
    const struct config_listens *listens);

/* Has it end, and waits until it has, but no longer than
 * OPENER_PATIENCE_MS: that is logged, and what it was to remove stays until it
 * is no longer stuck. */
void opener_stop(struct opener *o);

/* Waits for it if it has ended by itself, and logs that; returns at once. */
void opener_reap(struct opener *o);

/* Has files opened by the opener if there is one, else by the process itself.
 * o has to stay where it is. */
struct files opener_files(struct opener *o);

#endif
