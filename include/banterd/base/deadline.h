/*
 * Times at which something is due, in ms of a clock that only goes forward.
 * Where one is stored, 0 means that none is set.
 */
#ifndef BANTERD_BASE_DEADLINE_H
#define BANTERD_BASE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* What a function that says when it has to be called again says if not. */
#define NEVER UINT64_MAX

static inline uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The same of a stored deadline, which may not be set. */
static inline uint64_t
earlier_if_set(uint64_t next, uint64_t at)
{
	return at == 0 ? next : earlier(next, at);
}

/* Whether a stored deadline is set and over.  If so it is not set any more:
 * one that stayed would be due for ever. */
static inline bool
deadline_take(uint64_t *at, uint64_t now)
{
	if (*at == 0 || now < *at)
		return false;
	*at = 0;
	return true;
}

#endif
