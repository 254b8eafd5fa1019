/*
 * What somebody meant who mistyped one of some names.
 */
#ifndef BANTERD_BASE_NEAREST_H
#define BANTERD_BASE_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 32 /* bytes of a name, and of a word that is like one */

/* The name at a place of a table; NULL behind the last one. */
typedef const char *nearest_name(size_t place);

/*
 * Returns the name that a word of len bytes was meant to be, or NULL: the only
 * one that begins with it, else the first of those that the fewest mistakes
 * lead to.  A mistake is a letter too many, too few, or another one, or two
 * neighbours exchanged; a word of up to 3 bytes may have one, a longer one two,
 * and something of it has to be right.  Case is none.
 */
const char *nearest(const char *word, size_t len, nearest_name *name_at);

#endif
