/*
 * What the daemon gives up once it listens.
 */
#ifndef BANTERD_PRIVILEGES_H
#define BANTERD_PRIVILEGES_H

#include <stdbool.h>

/* Whom a daemon that was started as root becomes if the configuration names
 * nobody: the first of these that exists. */
#define PRIVILEGES_USERS            \
	{                           \
		"banterd", "nobody" \
	}

/*
 * Started as root, becomes user (NULL: see above) for good; else does
 * nothing.  In any case no new privileges can be had from here on.  Returns
 * false after logging why.
 */
bool privileges_drop(const char *user);

#endif
