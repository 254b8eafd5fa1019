/*
 * Text to lines.  A line ends with LF or CR; a LF or NUL right after a CR, be
 * it in a later piece, belongs to it.  Knows no sockets.
 */
#ifndef BANTERD_NET_LINEBUF_H
#define BANTERD_NET_LINEBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record;
struct record_reader;

/* An unfinished line.  All zero is the state of a new connection, and takes no
 * memory beside itself. */
struct linebuf {
	char *buf;        /* NULL: nothing is kept */
	uint16_t size;    /* of buf, in bytes */
	uint16_t len;     /* bytes of the line so far */
	uint16_t counted; /* the same with those erased since */
	uint16_t edited;  /* bytes of it whose keys were applied */
	bool cr;          /* a CR ended the last one; LF or NUL may follow */
	bool discarding;  /* too long: thrown away up to its end */
	bool held;        /* buf has a finished line, to come again */
};

enum linebuf_what {
	LINEBUF_NOTHING,
	LINEBUF_LINE,     /* a whole line */
	LINEBUF_TOO_LONG, /* found out now, told once a line */
	LINEBUF_NO_MEMORY /* likewise */
};

struct linebuf_event {
	enum linebuf_what what;
	bool ended;       /* a line ended, whatever became of it */
	const char *line; /* LINEBUF_LINE: valid until the next call */
	size_t len;       /* of it, in bytes, without its end */
};

/*
 * Takes text up to the end of the first line in the n bytes (at least 1) at
 * p, and says in *ev what came of it.  max is the longest line in bytes, at
 * most UINT16_MAX.  Returns how many bytes were used, at least 1.  A line that
 * comes whole in one piece is not copied.
 */
size_t linebuf_take(struct linebuf *lb, unsigned max, const char *p, size_t n,
    struct linebuf_event *ev);

/* The input has ended: what is left is a line, too.  Ctrl-D at its end, as some
 * telnets send it for their own end of input, is none of it. */
void linebuf_end(struct linebuf *lb, struct linebuf_event *ev);

/* Holds a line that linebuf_take() has just told, for linebuf_held() to tell it
 * again; nothing may be taken before that.  max as there.  False: no memory. */
bool linebuf_hold(
    struct linebuf *lb, unsigned max, const struct linebuf_event *ev);
void linebuf_held(struct linebuf *lb, struct linebuf_event *ev);

/* The line that is held has been dealt with: it is overwritten, as there may be
 * a password in it, and its memory given back. */
void linebuf_drop_held(struct linebuf *lb);

/* Erases the last character of the unfinished line (telnet's EC). */
void linebuf_erase_character(struct linebuf *lb);

/* Drops the unfinished line (EL, IP), and gives back its memory. */
void linebuf_clear(struct linebuf *lb);

/* Gives back the memory of a line that has been dealt with. */
void linebuf_release(struct linebuf *lb);

/* The beginning of a line is lost: the rest of it is thrown away. */
void linebuf_lose(struct linebuf *lb);

/* Whether it is within a line. */
bool linebuf_is_unfinished(const struct linebuf *lb);

/* What outlives a process that hands over: the unfinished line, of at most max
 * bytes.  False: it can't be read, or memory is out. */
void linebuf_export_rest(const struct linebuf *lb, struct record *r);
bool linebuf_import_rest(
    struct linebuf *lb, unsigned max, struct record_reader *r);

#endif
