/*
 * The counters, and who is here, for SIGUSR1.
 */
#ifndef BANTERD_DAEMON_STATS_H
#define BANTERD_DAEMON_STATS_H

struct server;

/* Logs the counters, each room, and the first of the people. */
void stats_log(struct server *srv);

/* Logs more of the people, if some are left, so few that nobody waits; it is to
 * be called each turn. */
void stats_go_on(struct server *srv);

#endif
