/*
 * The counters, for SIGUSR1.
 */
#ifndef BANTERD_DAEMON_STATS_H
#define BANTERD_DAEMON_STATS_H

struct server;

void stats_log(struct server *srv);

#endif
