/*
 * One reading of the configuration file: its lines to words, and what is wrong
 * with them.
 */
#ifndef BANTERD_CONFIG_READER_H
#define BANTERD_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "banterd/config/config.h"
#include "banterd/system/log.h"

#define READER_MAX_WORDS 16
#define READER_KEYWORDS  27

struct files;

/* One reading of one file. */
struct reader {
	struct config *conf;
	const char *path;
	const struct files *files; /* opens the files, or NULL */
	unsigned how;              /* CONFIG_SERVING, ... */
	config_report *report;
	void *report_arg;
	unsigned wrong;               /* lines */
	size_t line;                  /* number of the one being read */
	size_t seen[READER_KEYWORDS]; /* lines where keywords were first */
};

/* The words of one line, the keyword first. */
struct words {
	int n;
	char *word[READER_MAX_WORDS];
};

/* Splits a line in place.  False after a complaint. */
bool reader_split(struct reader *r, char *line, struct words *w);

/* Tells what is wrong with the line being read, or (line 0) with the file. */
void reader_complain(struct reader *r, const char *fmt, ...) LOG_PRINTF(2, 3);

/* Gives *field a copy of text instead of what it had. */
void reader_replace(struct reader *r, char **field, const char *text);

#endif
