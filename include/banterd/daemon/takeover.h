/*
 * Taking over: people and rooms of an earlier process go on in this one.
 */
#ifndef BANTERD_DAEMON_TAKEOVER_H
#define BANTERD_DAEMON_TAKEOVER_H

struct server;

/*
 * Brings back all that srv->keep has, if there is something, and has everybody
 * go on; from here on changes are kept.  What cannot be read back is left out,
 * after logging that.
 */
void takeover(struct server *srv);

#endif
