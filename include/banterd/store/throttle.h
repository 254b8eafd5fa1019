/*
 * How many passwords may be tried before it is not even looked any more: what
 * a refusal costs is a look into a table of a fixed size.  A try counts as a
 * wrong one until it turns out right, so that a thousand at once are no way
 * round.  It has no clock of its own.
 */
#ifndef BANTERD_STORE_THROTTLE_H
#define BANTERD_STORE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_WINDOW_MS  60000
#define THROTTLE_NAME_WRONG 5    /* for a name, from one host */
#define THROTTLE_HOST_WRONG 30   /* from one host, for all names */
#define THROTTLE_PAIRS_MAX  4096 /* names and hosts that are remembered */
#define THROTTLE_HOSTS_MAX  1024

struct throttle;

/* Returns NULL when memory is out; the caller owes throttle_free(). */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/*
 * Whether a password for the name (in any case) may be tried from that host
 * now (ms); if so it has been counted.  After five wrong ones for the name from
 * there within a minute it may not; nor, after thirty wrong ones from there for
 * whatever names, if one for this name was among them.  Where more is to be
 * remembered than there is space for, the oldest is forgotten.
 */
bool throttle_try(
    struct throttle *t, const char *name, const char *host, uint64_t now);

/* The last one that was tried so was right, or was not tried: it does not
 * count. */
void throttle_right(struct throttle *t, const char *name, const char *host);

#endif
