/*
 * What the daemon gives up once it listens.
 */
#ifndef BANTERD_SYSTEM_PRIVILEGES_H
#define BANTERD_SYSTEM_PRIVILEGES_H

#include <stdbool.h>

struct passwd;

/* Whom a daemon that was started as root becomes if the configuration names
 * nobody: the first of these that exists. */
#define PRIVILEGES_USERS            \
	{                           \
		"banterd", "nobody" \
	}

/* Looks up an account, NULL if there is none; it is valid until the next call.
 * Returns false with errno set if that could not be found out. */
bool privileges_account(const char *name, const struct passwd **pw);

/*
 * Started as root, becomes user (NULL: see above) for good; else does
 * nothing.  In any case no new privileges can be had from here on.  Returns
 * false after logging why.
 */
bool privileges_drop(const char *user);

#endif
