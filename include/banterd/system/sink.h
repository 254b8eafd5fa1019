/*
 * Where lines of a log go, a descriptor: each whole or not at all, and without
 * waiting for whoever reads them.
 */
#ifndef BANTERD_SYSTEM_SINK_H
#define BANTERD_SYSTEM_SINK_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* What a line may have at most, in bytes with its end: a pipe takes that whole
 * or not at all, with a newline before it. */
#define SINK_LINE_MAX (PIPE_BUF - 1)

struct sink {
	int fd;      /* -1: there is none */
	mode_t type; /* S_IFREG, ... */
	bool own;    /* to be closed */
	bool waits;  /* a write to it could: it is asked before */
	bool torn;   /* its last line is not whole, and has no end */
};

/* What is known of a descriptor that was never opened. */
#define SINK_CLOSED      \
	{                \
		.fd = -1 \
	}

/* Takes over a descriptor that was opened with O_NONBLOCK. */
void sink_own(struct sink *s, int fd);

/*
 * Standard error.  Others share it, so that it cannot be made non-blocking; of
 * a pipe or a terminal a description of its own is opened if that is possible.
 */
void sink_standard_error(struct sink *s);

void sink_close(struct sink *s);

/* Takes over the file's new descriptor, opened again under its name. */
void sink_reopen(struct sink *s, int fd);

/* Whether both lead to the same file, pipe or terminal. */
bool sink_is_same(const struct sink *a, const struct sink *b);

/* One line of at most SINK_LINE_MAX bytes, its end included.  Returns false if
 * it could not be written whole at once; then nothing of it is there, or the
 * next one begins a line of its own. */
bool sink_write(struct sink *s, const char *line, size_t len);

#endif
