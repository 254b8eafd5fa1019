/*
 * Input: bytes to lines, with telnet's commands taken out, and how a connection
 * begins: a U+FEFF before its first line is dropped, an HTTP request is told.
 * Behind this stand telnet.c, linebuf.c and http.c.  Knows no sockets.
 */
#ifndef BANTERD_NET_INPUT_H
#define BANTERD_NET_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/net/http.h"
#include "banterd/net/linebuf.h"
#include "banterd/net/telnet.h"

/* What is kept between two inputs.  All zero is a new connection's. */
struct input {
	struct linebuf line; /* the unfinished one */
	struct telnet telnet;
	struct http http; /* the first line */
	uint8_t mark;     /* bytes of a U+FEFF at the start, or no more of it */
	bool begun;       /* the first line has ended */
	bool too_long;    /* it is, and that was not told yet */
	bool lost;        /* some was, and no line has come since */
};

enum input_kind {
	INPUT_NOTHING,       /* there is no more in these bytes */
	INPUT_LINE,          /* a whole line */
	INPUT_TOO_LONG,      /* it is thrown away up to its end; told once,
			      * the first line's perhaps only then */
	INPUT_NO_MEMORY,     /* likewise */
	INPUT_HTTP,          /* the first line is an HTTP request line */
	INPUT_REPLY,         /* the peer is owed the three bytes of reply */
	INPUT_ARE_YOU_THERE, /* telnet's AYT */
};

struct input_event {
	enum input_kind kind;
	const char *line;       /* INPUT_LINE: until input_release() */
	size_t len;             /* of it, in bytes, without its end */
	unsigned char reply[3]; /* INPUT_REPLY */
	size_t lineless;        /* bytes used that are of no line, neither one
				 * that is told nor the unfinished one */
};

/*
 * Takes the next thing that somebody has to hear of out of the n bytes (at
 * least 1, if none is held) at p.  max is the longest line in bytes, at most
 * UINT16_MAX. Returns how many bytes were used: all of them with INPUT_NOTHING.
 */
size_t input_next(struct input *in, unsigned max, const unsigned char *p,
    size_t n, struct input_event *ev);

/* The input has ended: what is left is a line, too. */
void input_end(struct input *in, struct input_event *ev);

/* Holds an INPUT_LINE that has just been told: input_next() will tell it again
 * before anything else, whatever n is.  max as there.  False: no memory. */
bool input_hold(struct input *in, unsigned max, const struct input_event *ev);
bool input_is_held(const struct input *in);

/* The line that is held has been dealt with: it is overwritten, as there may be
 * a password in it, and not told again. */
void input_drop_held(struct input *in);

/* Gives back the memory of a line that has been dealt with. */
void input_release(struct input *in);

/* Drops the unfinished line, and gives back its memory. */
void input_clear(struct input *in);

/* The beginning of a line, or of a telnet command, is lost: the rest of the
 * line is thrown away. */
void input_lose(struct input *in);

/* Whether it is within none of telnet's commands. */
bool input_is_plain(const struct input *in);

/* Whether it has been telnet at all; has its terminal show, or not, what is
 * typed, as telnet_hide(); and whether it does not. */
bool input_is_telnet(const struct input *in);
void input_hide(struct input *in, bool on, unsigned char request[3]);
bool input_is_hidden(const struct input *in);

/*
 * What outlives the process in any case, in a number that is never 0: where in
 * its input it is; of a line that it is in the rest is thrown away then.  Or so
 * when n more bytes at p are gone, with each line in them: they have come, and
 * are not taken yet, and where they are not there any more, a line that begins
 * in them has lost its beginning, too.
 */
uint64_t input_shape(const struct input *in);
uint64_t input_shape_after(
    const struct input *in, const unsigned char *p, size_t n);

/* Has a new input be where that one was.  False: no input is there. */
bool input_return(struct input *in, uint64_t shape);

/* What does besides in one that hands over, as linebuf_export_rest() and the
 * other. */
void input_export_rest(const struct input *in, struct record *r);
bool input_import_rest(struct input *in, unsigned max, struct record_reader *r);

#endif
