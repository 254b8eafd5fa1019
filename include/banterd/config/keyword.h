/*
 * The keywords of the configuration file: what each is called, takes and
 * sets.  Between config.c, which reads lines, and keyword.c, which knows them.
 */
#ifndef BANTERD_KEYWORD_H
#define BANTERD_KEYWORD_H

#include <stddef.h>

#include "banterd/config/config.h"

#define KEYWORD_MAX_WORDS 16
#define KEYWORD_COUNT     22

/* One reading of one file. */
struct reader {
	struct config *conf;
	const char *path;
	struct opener *opener; /* opens the files, or NULL */
	config_report *report;
	void *report_arg;
	unsigned wrong;             /* lines */
	size_t line;                /* number of the one being read */
	size_t seen[KEYWORD_COUNT]; /* lines where keywords were first */
};

/* The words of one line, the keyword first. */
struct words {
	int n;
	char *word[KEYWORD_MAX_WORDS];
};

struct keyword {
	const char *name;
	bool many; /* may be given more than once */
	void (*set)(struct reader *, const struct keyword *,
	    const struct words *); /* complains by itself */
	size_t offset;             /* of its field, where one setter serves
				    * many keywords */
	long long min, max;        /* of its number, size or length */
};

extern const struct keyword keywords[KEYWORD_COUNT];

const struct keyword *keyword_find(const char *name);

/* The line where the file gives that keyword; 0: it does not. */
size_t keyword_line(const struct reader *r, const char *name);

/* Tells what is wrong with the line being read, or (line 0) with the file. */
void reader_complain(struct reader *r, const char *fmt, ...) LOG_PRINTF(2, 3);

/* Gives *field a copy of text instead of what it had. */
void reader_replace(struct reader *r, char **field, const char *text);

#endif
