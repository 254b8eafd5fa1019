/*
 * What cleaning has to know of a character.  Here alone is it said which may
 * not be sent; banter(7) and docs/security.md name the same, and a test
 * compares.
 */
#ifndef BANTERD_BASE_UNICODE_H
#define BANTERD_BASE_UNICODE_H

#include <stdint.h>

enum unicode_kind {
	UNICODE_OTHER,
	UNICODE_FORBIDDEN, /* moves a cursor, turns text round, isn't seen */
	UNICODE_SPACE,
	UNICODE_JOINER, /* isn't seen, but writing needs it */
	UNICODE_MARK    /* combines with the character before it */
};

/* What a code point is. */
enum unicode_kind unicode_kind(uint32_t point);

#endif
