/*
 * The loop: its turns, signals, the end.
 */
#ifndef BANTERD_DAEMON_LOOP_H
#define BANTERD_DAEMON_LOOP_H

#include <stdbool.h>

struct config;
struct server;

/*
 * Makes a server of a configuration, which it takes over (whatever comes of
 * it).  Nothing listens yet; srv->fixed_listens is empty.  Returns false after
 * logging why; the caller owes loop_free() all the same.
 */
bool loop_init(struct server *srv, struct config *conf, const char *conf_path,
    bool conf_optional);

/* Frees all of it; clients that are left are dropped. */
void loop_free(struct server *srv);

/* Runs until a signal ends it. */
void loop_run(struct server *srv);

/* One turn; with wait, it waits for something to do. */
void loop_turn(struct server *srv, bool wait);

/* Stops listening, carries out what has arrived (for at most half of
 * shutdown-grace), tells everybody, and has the loop end when the last output
 * has left, or shutdown-grace is over. */
void loop_stop(struct server *srv);

#endif
