/*
 * The keywords of the configuration file: what each is called, takes and
 * sets.
 */
#ifndef BANTERD_CONFIG_KEYWORD_H
#define BANTERD_CONFIG_KEYWORD_H

#include <stddef.h>

#include "banterd/config/reader.h"

struct keyword {
	const char *name;
	bool many; /* may be given more than once */
	void (*set)(struct reader *, const struct keyword *,
	    const struct words *); /* complains by itself */
	size_t offset;             /* of its field, where one setter serves
				    * many keywords */
	long long min, max;        /* of its number, size or length */
};

extern const struct keyword keywords[READER_KEYWORDS];

/* The keyword of exactly that name; NULL: none. */
const struct keyword *keyword_find(const char *name);

/* The name of the keyword at a place of the table; NULL behind the last. */
const char *keyword_name(size_t place);

/* The line where the file gives that keyword; 0: it does not. */
size_t keyword_line(const struct reader *r, const char *name);

#endif
